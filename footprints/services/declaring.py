"""Events declared by hand: what is said of one, and each step through its states.

Which move is allowed stands in ``MOVES``, as data. Every move is a step that names who said so;
nothing that was said is ever changed.
"""

from datetime import date, datetime

from django.db import transaction
from django.utils.timezone import localtime

from .. import clashes
from ..models import Organisation, Reorganisation, Step, Succession
from ..written import day_in_full
from .releases import lock_register
from .steps import take_step

State = Reorganisation.State

# From each state, where an event may go. Effective is the end: it is undone as a release, and
# what is superseded stays so: the event that stands instead may be given up itself.
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
) -> Step:
    """Move the event to another state, as a step that is logged; return the step.

    ``on`` is the day of the source; ``seen`` the revision that the mover's page showed. Flags of a
    dropped event lapse and those of a revived one return, when flags are raised next. Raises
    Stale, CannotMove: the move is none that is allowed, has no reason, comes before its day, or
    meanwhile another event closes the same body.
    """
    event = hold(event, seen)
    to = State(to)
    if to not in MOVES[event.state]:
        raise CannotMove(
            f"An event that is {event.get_state_display().lower()} does not become "
            f"{to.label.lower()}."
        )
    if needs_reason(event.state, to) and not reason.strip():
        raise CannotMove("Say why: whoever looks for the event next will ask.")
    if to == State.EFFECTIVE and localtime(at).date() < event.effective_on:
        raise CannotMove(
            f"It takes effect on {day_in_full(event.effective_on)}: it is effective from that "
            "day on."
        )
    if event.state in State.dropped() and to not in State.dropped():
        refuse_clashes(event, event.effective_on)
    step = Step(
        reorganisation=event,
        state=to,
        on=on,
        reason=reason.strip(),
        source=source.strip(),
        said_by=said_by.strip(),
        at=at,
    )
    return take_step(step, by=by)


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
    problems = clashes_of(event, day)
    if problems:
        raise CannotMove(problems[0].text, problems[0].event)


def clashes_of(event: Reorganisation, day: date) -> list[clashes.Problem]:
    """What stands in the way of the recorded event on that day."""
    rows = list(
        event.successions.now()
        .filter(passes=Succession.Passes.AREA)
        .select_related("predecessor", "successor")
    )
    closes = {row.predecessor for row in rows if row.predecessor_id != row.successor_id}
    goes_on = {row.predecessor for row in rows if row.predecessor_id == row.successor_id}
    receives = {row.successor for row in rows if row.successor and row.successor not in goes_on}
    if event.kind == Reorganisation.Kind.TRANSFER_OF_MEMBERS:
        moves = list(event.moves.now().select_related("from_parent", "to_parent"))
        goes_on |= {row.from_parent for row in moves}
        receives |= {row.to_parent for row in moves}
    return clashes.found(
        day=day,
        goes_on=_in_order(goes_on),
        closes=_in_order(closes),
        # A provisional body lives from the event's day on, whichever that is.
        receives=_in_order(body for body in receives if not body.is_provisional),
        ways=[(row.predecessor_id, row.successor_id) for row in rows if row.successor_id],
        apart_from=event,
    )


def _in_order(bodies) -> list[Organisation]:
    return sorted(bodies, key=lambda body: body.code)
