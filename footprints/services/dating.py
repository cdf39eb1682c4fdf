"""Moving the day of an event, and of everything in the register that waits for it."""

from copy import copy
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q

from .. import created
from ..models import Relationship, Release, Reorganisation, Step, Version
from ..written import day_in_full
from .declaring import CannotMove, hold, refuse_clashes, take_step
from .releases import open_release


@transaction.atomic
def move_date(
    event: Reorganisation,
    to: date,
    *,
    reason: str,
    on: date | None = None,
    source: str = "",
    said_by: str = "",
    by,
    at: datetime,
    seen: int | None = None,
) -> Step:
    """Let the event take effect on another day, as a step that is logged; return the step.

    The lives and relationships of bodies that would open with it move too, in a release that can
    be undone; whatever of ours it touches is flagged anew. Raises Stale, CannotMove: it is in
    effect already, there is no reason, or bodies or other events stand in the way on that day.
    """
    event = hold(event, seen)
    if event.state == Reorganisation.State.EFFECTIVE:
        raise CannotMove(
            f"It took effect on {day_in_full(event.effective_on)} and is applied: undo it first."
        )
    if to == event.effective_on:
        raise CannotMove(f"It takes effect on {day_in_full(to)} as it is.")
    if not reason.strip():
        raise CannotMove("Say why the day moves: plans rest on it.")
    if event.state not in Reorganisation.State.dropped():
        refuse_clashes(event, to)
    _refuse_ahead_of(event, to)
    former = event.effective_on
    release = _redate(event, former, to, by, at)
    Reorganisation.objects.filter(pk=event.pk).update(effective_on=to)
    if not event.steps.filter(effective_on__isnull=False).exists():
        # Recorded before steps kept the day: the first one set it.
        event.steps.filter(pk=event.steps.values("pk")[:1]).update(effective_on=former)
    step = Step(
        reorganisation=event,
        state=event.state,
        effective_on=to,
        on=on,
        reason=Step.reason_of_move(former, to, reason.strip()),
        source=source.strip(),
        said_by=said_by.strip(),
        at=at,
        release=release,
    )
    return take_step(step, by=by)


def _opened(event: Reorganisation) -> set[int]:
    """The keys of the bodies that the event would open."""
    successors = event.successions.now().filter(successor__is_provisional=True)
    parents = event.moves.now().filter(to_parent__is_provisional=True)
    keys = {
        *successors.values_list("successor", flat=True),
        *parents.values_list("to_parent", flat=True),
    }
    for version in created.by_events([event])[event.pk]:
        if version.organisation.is_provisional:
            keys.add(version.organisation_id)
    return keys


def _redate(event, former: date, to: date, by, at) -> Release | None:
    """Write the bodies' facts that began on the former day anew; None where there are none."""
    keys = _opened(event)
    facts = [
        *Version.objects.now().filter(organisation__in=keys, opened_on=former),
        *Relationship.objects.now().filter(
            Q(child__in=keys) | Q(parent__in=keys), opened_on=former
        ),
    ]
    if not facts:
        return None
    release = open_release(
        kind=Release.Kind.EVENT,
        source=source_of(event),
        by=by,
        at=at,
        title=f"Another day, {day_in_full(to)}: {event.title}"[:200],
    )
    for fact in facts:
        type(fact).objects.filter(pk=fact.pk).update(retracted_by=release)
    for fact in facts:
        renewed = copy(fact)
        renewed.pk, renewed._state.adding = None, True
        renewed.opened_on, renewed.asserted_by, renewed.origin = to, release, None
        renewed.save(force_insert=True)
    return release


def _refuse_ahead_of(event: Reorganisation, to: date):
    """What the event opens is not opened after another event needs it."""
    keys = _opened(event)
    earlier = (
        Reorganisation.objects.standing()
        .filter(
            Q(successions__predecessor__in=keys) | Q(successions__successor__in=keys),
            successions__retracted_by=None,
            effective_on__lt=to,
        )
        .exclude(pk=event.pk)
        .order_by("effective_on")
    )
    if keys and (other := earlier.first()):
        raise CannotMove(
            f"What it opens is part of another event on {day_in_full(other.effective_on)}: move "
            "that one first.",
            other,
        )


def source_of(event: Reorganisation) -> str:
    """The source of the event's own releases: last in, first out among themselves alone."""
    return f"{created.SOURCE}{event.slug}"
