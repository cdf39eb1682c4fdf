"""Where a body's area went: successions followed day by day, shares multiplied along a path."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .models import Reorganisation, Succession, Version


class UnknownCode(Exception):
    def __init__(self, code: str):
        super().__init__(f"{code} is not in the register.")


@dataclass(frozen=True)
class Place:
    """One body that holds part of the area on the day asked for.

    ``share`` is the part of the body asked about, 0 to 1, or None where a split's shares are not
    known; ``from_day`` the first day there, on this code; ``event`` the reorganisation that
    brought it there, None where the body is still itself.
    """

    code: str
    name: str
    kind: str
    from_day: date | None
    event: str | None
    share: Decimal | None


@dataclass
class _Arrival:
    share: Decimal | None
    from_day: date | None
    event: str | None


def trace(code: str, day: date, *, known: int | None = None) -> list[Place]:
    """The bodies that hold the area of ``code`` on that day, most of it first.

    Follows decided reorganisations that took effect by then. A code that only changes its nature
    stays where it is. An area that passed to nobody (a closure) ends in no place.
    Raises UnknownCode.
    """
    found = trace_all([code], day, known=known)
    if code not in found:
        raise UnknownCode(code)
    return found[code]


def trace_all(codes, day: date, *, known: int | None = None) -> dict[str, list[Place]]:
    """``trace`` of many codes in a fixed number of queries; unknown codes are left out."""
    starts = _first_days(codes, known)
    outward = defaultdict(list)
    rows = (
        Succession.objects.known(known)
        .filter(
            passes=Succession.Passes.AREA,
            becomes=None,
            reorganisation__effective_on__lte=day,
            reorganisation__state__in=Reorganisation.State.settled(),
        )
        .order_by("reorganisation__effective_on", "pk")
        .values_list(
            "predecessor",
            "successor",
            "share",
            "reorganisation__effective_on",
            "reorganisation__title",
        )
    )
    for predecessor, successor, share, effective_on, title in rows:
        outward[predecessor].append((effective_on, successor, share, title))

    arrived = {code: _follow(key, first, outward) for code, (key, first) in starts.items()}
    ends = {key for arrivals in arrived.values() for key in arrivals}
    names = {
        version.organisation_id: version
        for version in Version.objects.known(known)
        .on(day)
        .filter(organisation__in=ends)
        .select_related("organisation")
    }
    return {
        code: sorted(
            (
                Place(
                    names[key].organisation.code,
                    names[key].name,
                    names[key].kind_id,
                    arrival.from_day,
                    arrival.event,
                    arrival.share,
                )
                for key, arrival in arrivals.items()
                if key in names
            ),
            key=lambda place: (-(place.share or 0), place.code),
        )
        for code, arrivals in arrived.items()
    }


def _first_days(codes, known) -> dict[str, tuple[int, date | None]]:
    """Code → the body's key and its first day, None where that is not known."""
    found: dict[str, tuple[int, date | None]] = {}
    versions = Version.objects.known(known).filter(organisation__code__in=list(codes))
    for code, key, opened_on in versions.values_list(
        "organisation__code", "organisation", "opened_on"
    ):
        _, first = found.get(code, (key, opened_on))
        found[code] = key, None if None in (first, opened_on) else min(first, opened_on)
    return found


def _follow(start: int, opened_on: date | None, outward) -> dict[int, _Arrival]:
    """Bodies reached from the start. Events are walked in order of day, so paths add up."""
    held = {start: _Arrival(Decimal(1), opened_on, None)}
    done: set[tuple] = set()
    while True:
        due = min(
            (
                (steps[0][0], key)
                for key in held
                if (steps := _next(key, held[key], outward, done))
            ),
            default=None,
            key=lambda item: item[0],
        )
        if due is None:
            return held
        effective_on, key = due
        arrival = held.pop(key)
        done.add((key, effective_on))
        for on, successor, share, title in outward[key]:
            if on != effective_on or successor is None:
                continue
            part = None if None in (share, arrival.share) else arrival.share * share
            if there := held.get(successor):
                there.share = None if None in (there.share, part) else there.share + part
            else:
                held[successor] = _Arrival(part, on, title)


def _next(key, arrival: _Arrival, outward, done):
    return [
        step
        for step in outward[key]
        if (key, step[0]) not in done and (arrival.from_day is None or step[0] >= arrival.from_day)
    ]
