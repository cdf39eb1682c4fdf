"""The wording of letters: what changed, what it does to your patch, what to do next."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils.timezone import localtime

from footprints import blast_radius
from footprints.dated import ONE_DAY
from footprints.models import Release, Reorganisation, Step
from footprints.written import day_in_full
from stakeholders.models import Post

from .alerts import wanting
from .alerts.buttons import Button, buttons_of
from .answering import teams_of
from .certifying import holding
from .effects import Effects, effects
from .models import (
    AccountLead,
    Alert,
    Digest,
    Flag,
    LetterKind,
    Reminder,
    RosterEntry,
    Territory,
    TerritoryPlan,
    User,
    WatchList,
)
from .overview import my_flags
from .reminders.kinds import BY_NAME
from .watches.saying import Line, lines_of

DUES_LISTED = 20  # of a letter; the page of what is due has the rest
# What a text template's tags leave behind.
POSTS = Post._meta.get_field("organisation")
BLANK_LINES = re.compile(r"\n\s*\n\s*\n")


@dataclass(frozen=True)
class Patch:
    """What one event does to one plan, or to the reader's territories of it."""

    plan: TerritoryPlan
    territories: list
    effects: Effects
    nobodys: list[str]  # codes of those among them that nobody has, told to their manager
    is_raised: bool = False  # nobody looked at it in time: the manager hears of the whole plan

    @property
    def name(self) -> str:
        """The reader's territories by code, or the plan where it is the whole of it."""
        if not self.territories:
            return self.plan.name
        return ", ".join(territory.code for territory in self.territories)


@dataclass(frozen=True)
class Chapter:
    """One event in the letter, with its evidence, the patches it touches, and the account leads
    to name again, and what it does to what the reader watches. ``moved_from`` is the day that was
    told before, where another was; ``is_on_again`` that the reader was told that it is off, on
    ``off_on`` where that is known; ``why_changed`` why it moved or is on again. Of one that was
    called off, ``is_back`` says that watches went along with it and are back."""

    event: Reorganisation
    step: Step | None
    patches: list[Patch] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    contacts: int = 0
    moved_from: date | None = None
    flags: tuple[Flag, ...] = ()
    watches: list[Line] = field(default_factory=list)
    handed: list[str] = field(default_factory=list)  # who handed it to the reader, and their notes
    is_back: bool = False
    is_on_again: bool = False
    off_on: date | None = None
    why_changed: str = ""

    @property
    def why(self) -> str:
        """What its evidence gives as the reason, to stand before a full stop."""
        return _unstopped(self.step.reason) if self.step else ""

    @property
    def weight(self) -> int:
        return max((patch.effects.weight for patch in self.patches), default=0)

    @property
    def is_ours(self) -> bool:
        """Whether it touches plans or account leads; else the reader hears of it by a watch."""
        return bool(self.patches or self.leads)

    @property
    def asks(self) -> bool:
        """Whether it asks which successors the reader follows."""
        return any(line.asks for line in self.watches)


@dataclass(frozen=True)
class Due:
    """One thing that is due, and the full address of its page."""

    on: date
    is_late: bool
    says: str
    address: str


@dataclass(frozen=True)
class Day:
    """What a letter says of one effective day; ``off`` are events that will not be then."""

    on: date
    chapters: list[Chapter]
    off: list[Chapter]
    buttons: list[Button] = field(default_factory=list)

    @property
    def before(self) -> date:
        return self.on - ONE_DAY

    @property
    def undecided(self) -> list[Chapter]:
        return [chapter for chapter in self.chapters if not chapter.event.is_decided]

    @property
    def conflicts(self) -> int:
        return sum(len(p.effects.conflicts) for c in self.chapters for p in c.patches)

    @property
    def splits(self) -> int:
        return sum(len(p.effects.splits) for c in self.chapters for p in c.patches)

    @property
    def bring_ins(self) -> int:
        return sum(len(p.effects.bring_ins) for c in self.chapters for p in c.patches)

    @property
    def contacts(self) -> int:
        return sum(chapter.contacts for chapter in self.chapters)

    @property
    def leads(self) -> int:
        return sum(len(chapter.leads) for chapter in self.chapters)

    @property
    def asks(self) -> bool:
        return any(chapter.asks for chapter in self.chapters)

    @property
    def patches(self) -> list[Patch]:
        return [patch for chapter in self.chapters for patch in chapter.patches]

    @property
    def watches(self) -> list[Line]:
        return [line for chapter in self.chapters for line in chapter.watches]

    def is_over(self, today: date) -> bool:
        return self.on <= today


def days_of(person: User, alerts: Collection[Alert]) -> list[Day]:
    """What these alerts of one person mean, by day, the next first; the gravest event first."""
    flags = {alert.flag_id: alert.flag for alert in alerts}
    handed = {alert.flag_id for alert in alerts if alert.given_by}
    # What was handed to somebody who may not open it any more is not told.
    seen = set(my_flags(person).filter(pk__in=handed)) if handed else ()
    stand = {
        alert.flag_id: flags[alert.flag_id]
        for alert in alerts
        if alert.news != Alert.OFF and (alert.person_id == person.pk or alert.flag in seen)
    }
    standing = list(stand.values())
    raised = {
        alert.flag_id
        for alert in alerts
        if alert.because == Alert.Because.RAISED and alert.person_id == person.pk
    }
    patches = _patches(person, _of(TerritoryPlan, standing), raised, handed)
    leads = _leads(_of(AccountLead, standing))
    watched = {flag.reorganisation_id: flag.reorganisation for flag in _of(WatchList, standing)}
    watches = lines_of(person, watched.values()) if watched else {}
    touching = {flag.reorganisation_id: flag.reorganisation for flag in standing}
    ours = {key: event for key, event in touching.items() if key in patches or key in leads}
    contacts = blast_radius.counted_of(POSTS, ours.values())
    steps: dict[int, list[Step]] = defaultdict(list)
    for each in Step.objects.filter(reorganisation__in=_events(flags.values())):
        steps[each.reorganisation_id].append(each)
    given = _given(alerts)
    days: dict[date, tuple[dict, dict]] = {}
    for alert in alerts:
        event = flags[alert.flag_id].reorganisation
        step, told = next(reversed(steps[event.pk]), None), _told_day(alert)
        chapters, off = days.setdefault(alert.effective_on, ({}, {}))
        if alert.news == Alert.OFF:
            off[event.pk] = Chapter(event, step, is_back=len(alert.told.split()) > 2)
        elif event.pk in ours or event.pk in watches:
            again = {}
            if alert.told == Alert.OFF:
                again = _revival(steps[event.pk])
            elif told not in (None, alert.effective_on):
                again = {"moved_from": told, "why_changed": _why_moved(steps[event.pk])}
            chapters[event.pk] = Chapter(
                event,
                step,
                patches.get(event.pk, []),
                leads.get(event.pk, []),
                contacts.get(event.pk, 0),
                flags=tuple(f for f in standing if f.reorganisation_id == event.pk),
                watches=watches.get(event.pk, []),
                handed=given[event.pk],
                **again,
            )
    return [
        Day(
            on,
            sorted(chapters.values(), key=lambda c: (-c.weight, c.event.title)),
            sorted(off.values(), key=lambda c: c.event.title),
        )
        for on, (chapters, off) in sorted(days.items())
        if chapters or off
    ]


def _unstopped(reason: str) -> str:
    """A reason to stand before a full stop."""
    return reason.rstrip(" .")


def _why_moved(steps: Collection[Step]) -> str:
    """Why the event takes effect on another day: the last that was written of that."""
    return next((_unstopped(s.why_moved) for s in reversed(steps) if s.why_moved), "")


def _revival(steps: Collection[Step]) -> dict:
    """What a chapter says of an event that was called off and is on again, by its steps: since
    when it was off, why it is on; and why it moved, where it did so too."""
    dropped = Reorganisation.State.dropped()
    before = max((n for n, step in enumerate(steps) if step.state in dropped), default=None)
    if before is None:
        return {"is_on_again": True}
    off, since = steps[before], steps[before + 1 :]
    why = [_unstopped(s.reason) for n, s in enumerate(since) if n == 0 or s.why_moved]
    return {
        "is_on_again": True,
        "off_on": off.on or localtime(off.at).date(),
        "why_changed": "; ".join(filter(None, why)),
    }


def _given(alerts: Collection[Alert]) -> dict[int, list[str]]:
    """Event → who handed it to the reader, with what note; said once, and while they have not
    written a note of their own."""
    found: dict[int, list[str]] = defaultdict(list)
    for alert in alerts:
        if alert.given_by and not alert.told and alert.resolved_at is None:
            said = f"{alert.given_by} handed it to you"
            said = f"{said}: “{alert.note}”" if alert.note else f"{said}."
            if said not in found[alert.flag.reorganisation_id]:
                found[alert.flag.reorganisation_id].append(said)
    return found


def _of(root, flags: Collection[Flag]) -> list[Flag]:
    """Those of the flags that are of things of that model."""
    kind = ContentType.objects.get_for_model(root).pk
    return [flag for flag in flags if flag.content_type_id == kind]


def _events(flags) -> set[int]:
    return {flag.reorganisation_id for flag in flags}


def _patches(
    person: User, flags: Collection[Flag], raised: Collection[int], handed: Collection[int]
) -> dict[int, list[Patch]]:
    """Event → what it does to the plans of these flags, or to the person's part of them; to the
    whole of the plan where the flag is ``raised`` to its team's manager, or was ``handed`` to
    somebody who has no part of it."""
    plans = TerritoryPlan.objects.in_bulk({flag.object_id for flag in flags})
    events = {flag.reorganisation_id: flag.reorganisation for flag in flags}
    territories_on = _territories(person, plans)
    found = effects(plans.values(), events.values())
    patches: dict[int, list[Patch]] = defaultdict(list)
    for flag in flags:
        plan = plans.get(flag.object_id)  # None where it was deleted since
        whole = plan and found.get((plan.pk, flag.reorganisation_id))
        if whole is None:
            continue
        is_raised = flag.pk in raised
        if plan.owner_id == person.pk or is_raised:
            patches[flag.reorganisation_id].append(Patch(plan, [], whole, [], is_raised))
            continue
        own, vacant = territories_on(plan.pk, flag.reorganisation.effective_on)
        part = whole.within(own | vacant)
        if part.lines or part.meetings:
            territories = {line.territory.pk: line.territory for line in part.lines}
            for meeting in part.meetings:
                for side in meeting.held:
                    if side.territory.pk:
                        territories.setdefault(side.territory.pk, side.territory)
            shown = sorted(territories.values(), key=lambda t: t.code)
            nobodys = [t.code for t in shown if t.pk in vacant - own]
            patches[flag.reorganisation_id].append(Patch(plan, shown, part, nobodys))
        elif flag.pk in handed:
            patches[flag.reorganisation_id].append(Patch(plan, [], whole, []))
    for parts in patches.values():
        parts.sort(key=lambda patch: (-patch.effects.weight, patch.plan.name))
    return dict(patches)


def letter(
    person: User,
    alerts: Collection[Alert],
    reminders: Collection[Reminder] = (),
    *,
    name: str,
    today: date,
) -> EmailMultiAlternatives | None:
    """The letter to one person about these alerts and reminders; None where nothing of them is
    theirs any more.

    ``name`` makes the message id, the same each time that this letter is tried, so that a mail
    server that gets it twice can tell.
    """
    days = days_of(person, alerts)
    if not days and not reminders:
        return None
    days = [replace(day, buttons=buttons_of(person, day)) for day in days]
    kinds = wanting.kinds_in(alerts, person, today)
    if reminders:
        kinds = [*kinds, LetterKind.REMINDERS]
    parts = [Digest.About.CHANGES] if days else []
    parts += [Digest.About.REMINDERS] if reminders else []
    released = Release.objects.values_list("applied_at", flat=True).first()
    context = {
        "person": person,
        "days": days,
        "day": days[0] if len(days) == 1 else None,
        "base_url": settings.BASE_URL,
        "today": today,
        "touched": _touched(days),
        "watches": any(day.watches for day in days),
        "over": [day.on for day in days if day.is_over(today)],
        "released": released,
        "dues": (dues := dues_of(reminders, today)),
        "due_count": len(reminders),
        "dues_more": len(reminders) - len(dues),
        "subject": (subject := _subject(days, reminders, today)),
        "certificates": holding.carried_by(person, parts, today),
        "offs": [(kind.label, wanting.off_address(person, [kind])) for kind in kinds],
    }
    message = EmailMultiAlternatives(
        subject=subject,
        body=BLANK_LINES.sub("\n\n", render_to_string("accounts/emails/digest.txt", context)),
        to=[person.email],
        headers={
            "Message-ID": f"<{name}@{settings.EMAIL_DOMAIN}>",
            # One click in a mail program, as RFC 8058 has it.
            "List-Unsubscribe": f"<{wanting.off_address(person, kinds)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    message.attach_alternative(
        render_to_string("accounts/emails/digest.html", context), "text/html"
    )
    return message


def _told_day(alert: Alert) -> date | None:
    """The effective day that the person was told last."""
    told = alert.told.split()[0] if alert.told else ""
    return date.fromisoformat(told) if told and told != Alert.OFF else None


def _territories(person: User, plans: Mapping[int, TerritoryPlan]):
    """A function of a plan's key and a day: territories of it that the person works on that day or
    later; and, for whoever answers for its team, those that nobody with an account does."""
    rows = RosterEntry.objects.filter(user__is_active=True, territory__plan__in=list(plans))
    teams = teams_of(person)
    managed = {pk for pk, plan in plans.items() if plan.team_id in teams}
    rows = rows.filter(Q(user=person) | Q(territory__plan__in=managed))
    works: dict[int, list] = defaultdict(list)
    for plan, *row in rows.values_list("territory__plan", "territory", "user", "closed_on"):
        works[plan].append(row)
    drawn: dict[int, set[int]] = defaultdict(set)
    for plan, pk in Territory.objects.filter(plan__in=managed).values_list("plan", "pk"):
        drawn[plan].add(pk)

    def on(plan: int, day: date) -> tuple[set[int], set[int]]:
        still = [
            (pk, user) for pk, user, closed_on in works[plan] if not closed_on or closed_on > day
        ]
        own = {pk for pk, user in still if user == person.pk}
        return own, drawn[plan] - {pk for pk, _ in still}

    return on


def _leads(flags) -> dict[int, list[str]]:
    """Event → what to say of the account leads that its flags are of: "T07 leads on QKS"."""
    rows = AccountLead.objects.filter(pk__in=[flag.object_id for flag in flags])
    rows = rows.select_related("territory", "organisation", "plan").in_bulk()
    found: dict[int, list[str]] = {}
    for flag in flags:
        if lead := rows.get(flag.object_id):
            found.setdefault(flag.reorganisation_id, []).append(
                f"{lead.territory.code} leads on {lead.organisation.code} ({lead.plan.name})"
            )
    return {event: sorted(said) for event, said in found.items()}


def dues_of(reminders: Collection[Reminder], today: date) -> list[Due]:
    """What a letter lists of what is due: the first to be done."""
    first = sorted(reminders, key=lambda each: (each.due_on, each.says))[:DUES_LISTED]
    return [
        Due(
            reminder.due_on,
            reminder.due_on < today,
            reminder.says,
            f"{settings.BASE_URL}{BY_NAME[reminder.kind].address(reminder.thing)}",
        )
        for reminder in first
    ]


def _subject(days: list[Day], reminders: Collection[Reminder], today: date) -> str:
    """What the letter is about, in at most 200 letters: what changes before what is due."""
    if not reminders:
        return _subject_of_days(days)[:200]
    due = f"{len(reminders)} things are due"
    if len(reminders) == 1:
        due = f"due by {day_in_full(reminders[0].due_on)}: {reminders[0].says}"
    if days:
        also = f"; and {due}" if len(reminders) > 1 else "; and one thing is due"
        return f"{_subject_of_days(days)[: 200 - len(also)]}{also}"
    late = sum(reminder.due_on < today for reminder in reminders)
    if len(reminders) > 1 and late == len(reminders):
        due = f"{late} things are late"
    elif len(reminders) > 1 and late:
        due = f"{due}, {late} of them late"
    return f"{due[0].upper()}{due[1:]}"[:200]


def _subject_of_days(days: list[Day]) -> str:
    chapters = [chapter for day in days for chapter in day.chapters]
    if not chapters:
        off = [chapter for day in days for chapter in day.off]
        many = f"{len(off)} NHS changes" if len(off) > 1 else off[0].event.title
        return f"Called off: {many}"
    patches = list(dict.fromkeys(patch.name for day in days for patch in day.patches))
    whose = f"your patch {patches[0]}" if len(patches) == 1 else "your patches"
    if len(days) > 1:
        said = _many(chapters, whose, f" on {len(days)} days")
        return f"{_again(days)}: {said}" if _again(days) else said
    if len(chapters) > 1:
        return f"{_when(days)}: {_many(chapters, whose)}"
    (only,) = chapters
    said = f"; {whose}" if only.is_ours else _watched(only.watches)
    return f"{_when(days)}: {only.event.title}{said}"


def _many(chapters: list[Chapter], whose: str, on: str = "") -> str:
    """How many changes touch what is the reader's, and how many just what they watch."""
    ours = sum(chapter.is_ours for chapter in chapters)
    watched = len(chapters) - ours
    if not ours or not watched:
        return f"{len(chapters)} NHS changes{on} touch {whose if ours else 'what you watch'}"
    touch = "NHS change touches" if ours == 1 else "NHS changes touch"
    return f"{ours} {touch} {whose}, and {watched} what you watch{on and ','}{on}"


def _again(days: list[Day]) -> str:
    """What all of a letter's events have in common that were told before: "" where any is new."""
    chapters = [chapter for day in days for chapter in day.chapters]
    if any(day.off for day in days):
        return ""
    if all(chapter.is_on_again for chapter in chapters):
        return "On again"
    return "Moved" if all(chapter.moved_from for chapter in chapters) else ""


def _when(days: list[Day]) -> str:
    """The day of a letter about one, for its subject; told before, it does not read as news."""
    on = day_in_full(days[0].on)
    return {"Moved": f"Moved to {on}", "On again": f"On again: {on}"}.get(_again(days), on)


def _touched(days: list[Day]) -> str:
    """What of the reader's the letter is about."""
    chapters = [chapter for day in days for chapter in day.chapters]
    if not any(chapter.watches and not chapter.is_ours for chapter in chapters):
        return "your plans"
    ours = any(chapter.is_ours for chapter in chapters)
    return "your plans or what you watch" if ours else "what you watch"


def _watched(lines: list[Line]) -> str:
    """What the subject says of one event that touches watches alone."""
    if any(line.asks for line in lines):
        return "; say which successor you follow"
    moved = {(line.new[0].code) for line in lines if line.state == "moved"}
    if len(moved) == 1:
        return f"; your watch moved to {moved.pop()}"
    return "; your watches moved" if moved else "; you watch it"
