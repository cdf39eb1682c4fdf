"""What stands in the way of an event: bodies that do not live, and other events.

Of an event that is drafted, revived or moved to another day. Nothing is written.
"""

from collections.abc import Iterable
from datetime import date

from django.db.models import Q

from .dated import ONE_DAY
from .drafts import Problem
from .lives import Lives, brief
from .models import Change, Organisation, Reorganisation, Succession, Touch
from .written import day_in_full


def found(
    *,
    day: date,
    goes_on: Iterable[Organisation] = (),
    closes: Iterable[Organisation] = (),
    receives: Iterable[Organisation] = (),
    ways: Iterable[tuple[int, int]] = (),
    apart_from: Reorganisation | None = None,
    instead_of: Iterable[str] = (),
) -> list[Problem]:
    """Everything in the way of an event on that day, each named with the other event.

    ``goes_on`` and ``closes`` are bodies before, ``receives`` bodies after that exist; ``ways``
    pairs of keys, old and new. ``apart_from``: the event itself; ``instead_of``: slugs of events
    that it supersedes.
    """
    closes, receives = list(closes), list(receives)
    before = [*goes_on, *closes]
    lives = Lives({body.pk for body in (*before, *receives)})
    others = Reorganisation.objects.standing().exclude(slug__in=list(instead_of))
    if apart_from:
        others = others.exclude(pk=apart_from.pk)
    problems = []
    for body in before:
        problems += _absent(body, lives, day - ONE_DAY, "before", f"before {day_in_full(day)}")
    for body in receives:
        problems += _absent(body, lives, day, "after", f"on {day_in_full(day)}")
    applied = _applied(before, others, lives, day)
    built_on = {problem.event for problem in applied}
    twice = _closed_twice(closes, others, lives)
    problems += [problem for problem in twice if problem.event not in built_on]
    problems += _closed_by_then(receives, others, lives, day)
    problems += applied
    problems += _half_undone(ways, others, lives, day)
    return problems


def of_event(event: Reorganisation, day: date) -> list[Problem]:
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
    return found(
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


def _named(body: Organisation, lives: Lives, day: date) -> str:
    version = lives.near(body.pk, day)
    return f"{brief(version)} ({body.code})" if version else body.code


def _absent(body, lives: Lives, day: date, side: str, when: str) -> list[Problem]:
    if lives.on(body.pk, day):
        return []
    name = _named(body, lives, day)
    versions = lives.of(body.pk)
    ended = [v for v in versions if v.closed_on and v.closed_on <= day]
    if not versions:
        text = f"{name} has no life in the register."
    elif ended:
        closed = day_in_full(ended[-1].last_day)
        text = f"{name} closed on {closed}: it does not exist {when}."
    else:
        opens = day_in_full(versions[0].opened_on)
        text = f"{name} does not open until {opens}: it does not exist {when}."
    return [Problem(text, side)]


def _closings(bodies, others):
    return (
        Touch.objects.of_area()
        .filter(organisation__in=bodies, change__in=Change.closing(), reorganisation__in=others)
        .select_related("reorganisation", "organisation")
        .order_by("organisation__code", "reorganisation_id")
        .distinct("organisation__code", "reorganisation_id")
    )


def _closed_twice(closes, others, lives) -> list[Problem]:
    """A body closes once: another standing event that closes it must give way first."""
    problems = []
    for touch in _closings(closes, others) if closes else ():
        event = touch.reorganisation
        is_open = not event.is_decided
        name = _named(touch.organisation, lives, event.effective_on)
        way_out = (
            "Supersede that one by this, or reject it first."
            if is_open
            else "A body closes once: undo that one first."
        )
        problems.append(
            Problem(
                f"{name} already closes on {day_in_full(event.effective_on)} by another event "
                f"({event.get_state_display().lower()}). {way_out}",
                "before",
                event,
                yields=is_open,
            )
        )
    return problems


def _closed_by_then(receives, others, lives, day) -> list[Problem]:
    """What an event to come closes cannot take over on its day or later."""
    if not receives:
        return []
    return [
        Problem(
            f"{_named(touch.organisation, lives, day)} closes on "
            f"{day_in_full(touch.reorganisation.effective_on)} by another event: it cannot take "
            f"over on {day_in_full(day)}.",
            "after",
            touch.reorganisation,
        )
        for touch in _closings(receives, others)
        if touch.reorganisation.effective_on <= day
    ]


def _applied(before, others, lives, day) -> list[Problem]:
    """A past on which the register has built: what the bodies did since is applied."""
    if not before:
        return []
    later = (
        Succession.objects.now()
        .filter(
            predecessor__in=before,
            reorganisation__in=others,
            reorganisation__state=Reorganisation.State.EFFECTIVE,
            reorganisation__effective_on__gte=day,
        )
        .select_related("reorganisation", "predecessor")
        .order_by("predecessor__code", "reorganisation_id")
        .distinct("predecessor__code", "reorganisation_id")
    )
    return [
        Problem(
            f"What happened to {_named(row.predecessor, lives, day)} on "
            f"{day_in_full(row.reorganisation.effective_on)} is applied already: nothing is "
            "recorded before it. Undo that release first, or choose a later day.",
            "effective_on",
            row.reorganisation,
        )
        for row in later
    ]


def _half_undone(ways, others, lives, day) -> list[Problem]:
    """An event that gives back to a body what another one takes from it."""
    back = Q()
    for old, new in ways:
        if old != new:
            back |= Q(predecessor=new, successor=old)
    if not back:
        return []
    rows = (
        Succession.objects.now()
        .filter(back, reorganisation__in=others, reorganisation__effective_on__lte=day)
        .filter(passes=Succession.Passes.AREA)
        .select_related("reorganisation", "predecessor", "successor")
        .order_by("predecessor__code", "reorganisation_id")
        .distinct("predecessor__code", "reorganisation_id")
    )
    return [
        Problem(
            f"It gives back to {_named(row.predecessor, lives, day)} what "
            f"{_named(row.successor, lives, day)} takes from it by another event: that undoes a "
            "part of it. Undo or reject the other event whole.",
            "after",
            row.reorganisation,
        )
        for row in rows
    ]
