"""The three buttons of a letter: see what changes, agree, or say "not like this".

Each leads to a page of the reader's own role, through signing in where they are not; none does
anything by itself, since mail scanners follow links.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from ..challenges.deeds import is_open_to_it
from ..models import TerritoryPlan, User


@dataclass(frozen=True)
class Button:
    """What it says, and the full address that it leads to."""

    label: str
    address: str


def buttons_of(person: User, day) -> list[Button]:
    """The buttons of one effective day (`emails.Day`) for its reader; two where all that was told
    of it is called off: there is nothing to challenge."""
    chapters, inbox = day.chapters, _inbox(day)
    if not chapters:
        inbox = _inbox(day, show="all")  # what is off is open no more
        only = day.off[0].event.get_absolute_url() if len(day.off) == 1 else inbox
        return _made(("See why it is off", only), ("I have seen it", inbox))
    is_watched = not any(chapter.is_ours for chapter in chapters)
    if len(chapters) > 1:
        if is_watched:
            return _watched(day, inbox)
        if person.role in User.Role.planning():
            return _made(
                ("See before and after", inbox),
                ("Agree, or decide", reverse("accounts:flags") + "?dealt_with=no"),
                ("Ask about the first", _sheet(chapters[0])[1] or inbox),
            )
        return _made(
            ("See before and after", inbox),
            ("I have seen it", inbox),
            ("Not like this", _challenge(chapters) or inbox),
        )
    (chapter,) = chapters
    flag = chapter.flags[0].get_absolute_url() if len(chapter.flags) == 1 else None
    see = flag or chapter.event.get_absolute_url()
    if is_watched:
        return _watched(day, see)
    if person.role not in User.Role.planning():
        seen = f"{flag}#mine" if flag else inbox
        return _made(
            ("See before and after", see),
            ("I have seen it", seen),
            ("Not like this", _challenge(chapters) or see),
        )
    sheet, ask = _sheet(chapter)
    return _made(
        ("See before and after", see),
        ("Agree, or decide", sheet) if sheet else ("I have seen it", f"{see}#mine"),
        ("Ask about it", ask or see),
    )


def _watched(day, see) -> list[Button]:
    """Of a day that touches nothing but what the reader watches."""
    questions = reverse("accounts:watch_questions")
    return _made(
        ("See what becomes of it", see),
        ("Say which you follow", questions) if day.asks else ("I have seen it", see),
        ("What I watch", reverse("accounts:watches")),
    )


def _inbox(day, **also) -> str:
    """The inbox, of what the letter says of that day alone: there it is seen, or dealt with."""
    query = urlencode({**also, "effective_on": day.on.isoformat()})
    return f"{reverse('accounts:home')}?{query}"


def _made(*buttons) -> list[Button]:
    return [Button(label, f"{settings.BASE_URL}{path}") for label, path in buttons]


def _challenge(chapters) -> str | None:
    """Where a field user says "not like this" of their territory, if its plan takes it."""
    for chapter in chapters:
        for patch in chapter.patches:
            if patch.territories and is_open_to_it(patch.plan):
                first = patch.territories[0]
                address = reverse("accounts:raise_challenge", args=[patch.plan.pk, first.pk])
                bodies = [side.body.code for m in patch.effects.meetings for side in m.held]
                bodies += [line.unit.code for line in patch.effects.lines]
                units = set(bodies)
                return f"{address}?unit={units.pop()}" if len(units) == 1 else address
    return None


def _sheet(chapter) -> tuple[str | None, str | None]:
    """Where those who plan decide, and where they ask about the first row; none where nothing
    asks to be decided."""
    patches = [
        patch for patch in chapter.patches if patch.effects.meetings or patch.effects.splits
    ]
    if not patches:
        return None, None
    flags = [flag for flag in chapter.flags if flag.content_type.model_class() is TerritoryPlan]
    if len(flags) != 1:
        every = reverse("accounts:event_sheets", args=[chapter.event.slug])
        return every, every
    sheet = reverse("accounts:sheet", args=[flags[0].pk])
    meetings = sorted(patches[0].effects.meetings, key=lambda m: not m.is_conflict)
    if not meetings:
        return sheet, sheet
    row = meetings[0]
    return sheet, reverse("accounts:talk", args=[flags[0].pk, row.successor.code, row.role])


__all__ = ["Button", "buttons_of"]
