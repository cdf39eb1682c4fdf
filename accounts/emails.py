"""The wording of letters: what changed, what it does to your patch, what to do next."""

import re
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from footprints import blast_radius
from footprints.dated import ONE_DAY
from footprints.models import Release, Reorganisation, Step
from footprints.written import day_in_full
from stakeholders.models import Post

from .effects import Effects, effects, territories_of
from .models import Digest, Flag, TerritoryPlan, User

# What a text template's tags leave behind.
BLANK_LINES = re.compile(r"\n\s*\n\s*\n")


@dataclass(frozen=True)
class Patch:
    """What one event does to one plan, or to the reader's territories of it."""

    plan: TerritoryPlan
    territories: list
    effects: Effects

    @property
    def name(self) -> str:
        """The reader's territories by code, or the plan where it is the whole of it."""
        if not self.territories:
            return self.plan.name
        return ", ".join(territory.code for territory in self.territories)


@dataclass(frozen=True)
class Chapter:
    """One event in the letter, with its evidence and the patches it touches."""

    event: Reorganisation
    step: Step | None
    patches: list[Patch]
    contacts: int


def chapters(person: User, effective_on: date) -> list[Chapter]:
    """The events of that day that touch the person's plans or territories; the gravest first."""
    flags = (
        Flag.objects.open()
        .on_plans()
        .visible_to(person)
        .filter(reorganisation__effective_on=effective_on)
        .select_related("reorganisation")
    )
    plans = TerritoryPlan.objects.in_bulk([flag.object_id for flag in flags])
    events = {flag.reorganisation_id: flag.reorganisation for flag in flags}
    own = territories_of(person, plans)
    found = effects(plans.values(), events.values())
    patches: dict[int, list[Patch]] = {}
    for (plan, event), whole in found.items():
        if plans[plan].owner_id == person.pk:
            patches.setdefault(event, []).append(Patch(plans[plan], [], whole))
            continue
        part = whole.within(own[plan])
        if part.lines or part.meetings:
            territories = {line.territory.pk: line.territory for line in part.lines}
            for meeting in part.meetings:
                for side in meeting.held:
                    if side.territory.pk:
                        territories.setdefault(side.territory.pk, side.territory)
            patches.setdefault(event, []).append(
                Patch(plans[plan], sorted(territories.values(), key=lambda t: t.code), part)
            )
    steps = {}
    for step in Step.objects.filter(reorganisation__in=patches):
        steps[step.reorganisation_id] = step
    post_key = Post._meta.get_field("organisation")
    written = [
        Chapter(
            events[event],
            steps.get(event),
            parts,
            blast_radius.touched(post_key, events[event]).count(),
        )
        for event, parts in patches.items()
    ]
    written.sort(key=lambda c: (-max(p.effects.weight for p in c.patches), c.event.title))
    return written


def digest(digest: Digest, *, today: date) -> EmailMultiAlternatives | None:
    """The letter to one person about one effective day; None where nothing touches them any more.

    The message id is the digest's own, so that a mail server that gets it twice can tell.
    """
    written = chapters(digest.person, digest.effective_on)
    if not written:
        return None
    released = Release.objects.values_list("applied_at", flat=True).first()
    context = {
        "person": digest.person,
        "effective_on": digest.effective_on,
        "day_before": digest.effective_on - ONE_DAY,
        "chapters": written,
        "contacts": sum(chapter.contacts for chapter in written),
        "conflicts": sum(len(p.effects.conflicts) for c in written for p in c.patches),
        "splits": sum(len(p.effects.splits) for c in written for p in c.patches),
        "bring_ins": sum(len(p.effects.bring_ins) for c in written for p in c.patches),
        "undecided": [chapter for chapter in written if not chapter.event.is_decided],
        "is_over": digest.effective_on <= today,
        "base_url": settings.BASE_URL,
        "today": today,
        "released": released,
    }
    message = EmailMultiAlternatives(
        subject=_subject(digest.effective_on, written),
        body=BLANK_LINES.sub("\n\n", render_to_string("accounts/emails/digest.txt", context)),
        to=[digest.person.email],
        headers={"Message-ID": f"<digest-{digest.pk}@{settings.EMAIL_DOMAIN}>"},
    )
    message.attach_alternative(
        render_to_string("accounts/emails/digest.html", context), "text/html"
    )
    return message


def _subject(effective_on: date, written: list[Chapter]) -> str:
    patches = list(dict.fromkeys(patch.name for chapter in written for patch in chapter.patches))
    whose = f"your patch {patches[0]}" if len(patches) == 1 else "your patches"
    subject = f"{day_in_full(effective_on)}: {written[0].event.title}; {whose}"
    if len(written) > 1:
        subject = f"{day_in_full(effective_on)}: {len(written)} NHS changes touch {whose}"
    return subject[:200]
