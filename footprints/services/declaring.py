"""Events declared by hand: what is said of one, and each step through its states.

Which move is allowed stands in ``MOVES``, as data. Every move is a step that names who said so;
nothing that was said is ever changed.
"""

from datetime import date, datetime

from django.db import transaction
from django.utils.timezone import localtime

from .. import clashes
from ..drafts import RECORDABLE
from ..models import Release, Reorganisation, Step
from ..written import day_in_full
from .releases import lock_register
from .steps import take_step

State = Reorganisation.State

# From each state, where an event may go. Effective is the end: it is undone as a release, and
# what is superseded stays so while what stands instead is recorded: undoing that brings it back.
MOVES = {
    State.RUMOURED: (State.PROPOSED, State.APPROVED, State.IN_LAW, *State.dropped()),
    State.PROPOSED: (State.APPROVED, State.IN_LAW, State.RUMOURED, *State.dropped()),
    State.APPROVED: (State.IN_LAW, State.PROPOSED, *State.dropped()),
    State.IN_LAW: (State.EFFECTIVE, State.APPROVED, *State.dropped()),
    State.EFFECTIVE: (),
    State.REJECTED: (State.RUMOURED, State.PROPOSED, State.APPROVED, State.SUPERSEDED),
    State.PAUSED: (
        State.RUMOURED,
        State.PROPOSED,
        State.APPROVED,
        State.IN_LAW,
        State.REJECTED,
        State.SUPERSEDED,
    ),
    State.SUPERSEDED: (),
}
FORWARD = (State.RUMOURED, State.PROPOSED, State.APPROVED, State.IN_LAW, State.EFFECTIVE)


class CannotMove(Exception):
    """The event does not go there; ``event`` is the other one that stands in the way, if any."""

    def __init__(self, text: str, event: Reorganisation | None = None):
        super().__init__(text)
        self.event = event


class Stale(CannotMove):
    """The event changed since the page was drawn."""


def needs_reason(before: str, to: str) -> bool:
    """To drop an event, to revive it and to take it a step back wants a reason; forward does not.

    Evidence may be all that there is to say of a step forward.
    """
    if before in State.dropped() or to in State.dropped():
        return True
    return FORWARD.index(to) < FORWARD.index(before)


@transaction.atomic
def move_event(
    event: Reorganisation,
    to: str,
    *,
    on: date | None,
    reason: str,
    source: str = "",
    said_by: str = "",
    by,
    at: datetime,
    seen: int | None = None,
    release: Release | None = None,
) -> Step:
    """Move the event to another state, as a step that is logged; return the step.

    ``on`` is the day of the source; ``seen`` the revision that the mover's page showed;
    ``release`` what the move is part of: undone, it takes the move back. Flags of a
    dropped event lapse and those of a revived one return, when flags are raised next. Raises
    Stale, CannotMove: the move is none that is allowed, has no reason, comes before its day, or
    meanwhile another event closes the same body.
    """
    event = hold(event, seen)
    _refuse_move(event, State(to), reason, at)
    step = Step(
        reorganisation=event,
        state=to,
        on=on,
        reason=reason.strip(),
        source=source.strip(),
        said_by=said_by.strip(),
        at=at,
        release=release,
    )
    return take_step(step, by=by)


@transaction.atomic
def add_step(step: Step, *, by, is_first: bool = False) -> Step:
    """Add an unsaved step that somebody filled in whole; return it saved.

    One in the state that the event has is evidence for it; any other is a move. The first step of
    an event says where it begins. Raises CannotMove as ``move_event`` does.
    """
    event = hold(step.reorganisation, None)
    to = State(step.state)
    if is_first:
        if to not in RECORDABLE and to != State.EFFECTIVE:
            raise CannotMove(f"An event does not begin as {to.label.lower()}.")
        _refuse_early(event, to, step.at)
    elif to != event.state:
        _refuse_move(event, to, step.reason, step.at)
    return take_step(step, by=by)


def _refuse_move(event: Reorganisation, to: str, reason: str, at: datetime):
    if to not in MOVES[event.state]:
        raise CannotMove(
            f"An event that is {event.get_state_display().lower()} does not become "
            f"{to.label.lower()}."
        )
    if needs_reason(event.state, to) and not reason.strip():
        raise CannotMove("Say why: whoever looks for the event next will ask.")
    _refuse_early(event, to, at)
    if event.state in State.dropped() and to not in State.dropped():
        refuse_clashes(event, event.effective_on)


def _refuse_early(event: Reorganisation, to: str, at: datetime):
    if to == State.EFFECTIVE and localtime(at).date() < event.effective_on:
        raise CannotMove(
            f"It takes effect on {day_in_full(event.effective_on)}: it is effective from that "
            "day on."
        )


def hold(event: Reorganisation, seen: int | None) -> Reorganisation:
    """The event, locked until the end of the transaction. Raises Stale where it is another one."""
    lock_register()
    event = Reorganisation.objects.select_for_update().get(pk=event.pk)
    if seen is not None and event.revision != seen:
        raise Stale(
            f"“{event}” changed meanwhile: it is {event.get_state_display().lower()}, for "
            f"{day_in_full(event.effective_on)}. Look at it again."
        )
    return event


def refuse_clashes(event: Reorganisation, day: date):
    problems = clashes.of_event(event, day)
    if problems:
        raise CannotMove(problems[0].text, problems[0].event)
