"""Which unit of one plan is which of another, across reorganisations and levels.

Three steps, each a fixed number of queries:

1. What both sides hold is the same unit, whatever its name.
2. A unit that ended between the two days is followed to its successors: the register knows them,
   and the share that each one takes.
3. Where the levels differ, the finer beats the coarser: a body that one side holds whole and the
   other in parts is compared by the parts, each with the nearest body above it that is held. What
   is left of the whole then is compared by bodies of the same kinds as the parts.

What is still left on one side belongs to nobody on the other.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from footprints.ancestry import ancestors
from footprints.keyed import AnyOf
from footprints.models import Organisation, Version
from footprints.tracing import trace_all

from ..taking_along.below import bodies_below
from .sides import Side

ALL = Decimal(1)


class Pair(NamedTuple):
    """One unit as the first side has it and as the second has it.

    ``old`` and ``new`` are keys of organisations: the same, where it lives on both days; None
    where there is none on that side (closed, or not yet open). ``before`` and ``after`` are the
    codes of the territories that have it, None where none has. ``share`` is the part of the body
    that ended which came to its successor, None where it is not known. ``is_unclear``: several
    territories share what it came from, and the register does not say how.
    """

    old: int | None
    new: int | None
    before: str | None
    after: str | None
    share: Decimal | None = ALL
    is_unclear: bool = False

    @property
    def turned(self) -> "Pair":
        return self._replace(old=self.new, new=self.old, before=self.after, after=self.before)


def pairs(a: Side, b: Side) -> list[Pair]:
    """Every unit of both sides, as ``a`` and as ``b`` has it; either may be the earlier one."""
    if a.on > b.on:
        return [pair.turned for pair in _pairs(b, a)]
    return _pairs(a, b)


def _pairs(early: Side, late: Side) -> list[Pair]:
    """``pairs`` where the second side is not before the first."""
    had, has = early.held, late.held
    found = [Pair(unit, unit, had[unit], has[unit]) for unit in had.keys() & has.keys()]
    gone, come = had.keys() - has.keys(), has.keys() - had.keys()
    if not gone and not come:
        return found
    ways = _ways(gone, early, late)
    arrivals = defaultdict(list)  # body of the later day → the units whose area it has by then
    for unit, ends in ways.items():
        for body, _ in ends:
            arrivals[body].append(unit)
    loose = (arrivals.keys() | come) - had.keys() - has.keys()
    above = ancestors(loose | gone | come, late.on)
    whole: dict[int, set[int]] = defaultdict(set)  # held in parts → its parts, by the later day
    wanting = []
    for unit, ends in ways.items():
        if not ends:
            found.append(Pair(unit, None, had[unit], None))
        for body, share in ends:
            over = next((n for n in (body, *above.get(body, ())) if n in has), None)
            if over is None:
                wanting.append((unit, body, share))
                continue
            found.append(Pair(unit, body, had[unit], has[over], share))
            whole[over].add(body)
    lived = _living(come, early)
    above_then = above if early.on == late.on else ancestors(come, early.on)
    in_parts: dict[int, set[int]] = defaultdict(set)
    for unit in come - whole.keys():
        before, units, is_unclear = _before(unit, had, above, above_then, arrivals)
        for each in units - has.keys():  # what both hold is compared as itself
            in_parts[each].add(unit)
        found.append(
            Pair(
                unit if unit in lived else None,
                unit,
                before,
                has[unit],
                is_unclear=is_unclear,
            )
        )
    for unit, body, share in wanting:
        if unit not in in_parts:
            found.append(Pair(unit, body, had[unit], None, share))
    partly = {
        over: parts for over, parts in whole.items() if over not in parts and over not in had
    }
    found += _rest(in_parts, late, has, lambda unit: (had[unit], None), ways)
    found += _rest(partly, late, has, lambda unit: (None, has[unit]))
    return found


def _living(units: Iterable[int], side: Side) -> set[int]:
    """Those that live on the side's day."""
    versions = Version.objects.now().on(side.on).filter(AnyOf("organisation", units))
    return set(versions.values_list("organisation", flat=True))


def _ways(gone: set[int], early: Side, late: Side) -> dict[int, list[tuple]]:
    """Unit → (body, share) of the later day: itself while it lives, else its successors."""
    living = _living(gone, late)
    ways = {unit: [(unit, ALL)] for unit in living}
    ended = gone - living
    if not ended:
        return ways
    codes = dict(Organisation.objects.filter(AnyOf("pk", ended)).values_list("pk", "code"))
    traced = trace_all(codes.values(), late.on)
    places = {place.code for ends in traced.values() for place in ends}
    keys = dict(Organisation.objects.filter(code__in=places).values_list("code", "pk"))
    for unit, code in codes.items():
        ways[unit] = [(keys[end.code], end.share) for end in traced.get(code, ())]
    return ways


def _before(unit, had, above, above_then, arrivals) -> tuple[str | None, set[int], bool]:
    """Who had a finer unit of the later side: the territory, the units it is a part of, and
    whether it is unclear which."""
    for node in above_then.get(unit, ()):
        if node in had:
            return had[node], {node}, False
    for node in (unit, *above.get(unit, ())):
        if node in had:
            return had[node], {node}, False
        if node in arrivals:
            units = set(arrivals[node])
            codes = {had[each] for each in units}
            return (codes.pop(), units, False) if len(codes) == 1 else (None, units, True)
    return None, set(), False


def _rest(in_parts, side: Side, has, territories, ways=None) -> list[Pair]:
    """What is left of bodies that are compared by their parts: bodies of the kinds of the parts
    that lie in them on the later day and are no part that was met."""
    if not in_parts:
        return []
    parts = {part for each in in_parts.values() for part in each}
    kinds = set(
        Version.objects.now()
        .on(side.on)
        .filter(AnyOf("organisation", parts))
        .values_list("kind", flat=True)
    )
    roots = {  # a body that ended stands where its successors are
        unit: [body for body, _ in ways[unit]] if ways else [unit] for unit in in_parts
    }
    below = bodies_below({body for each in roots.values() for body in each}, side.on, kinds)
    left = {
        unit: {body for root in roots[unit] for body in below.get(root, ())} - parts - has.keys()
        for unit in in_parts
    }
    left = {unit: bodies - {unit, *roots[unit]} for unit, bodies in left.items()}
    above = ancestors({body for bodies in left.values() for body in bodies}, side.on)
    known = parts | (has.keys() - in_parts.keys())
    found, told = [], set()
    for unit, bodies in left.items():
        before, after = territories(unit)
        for body in sorted(bodies - told):
            if known.isdisjoint(above.get(body, ())):
                told.add(body)
                found.append(Pair(body, body, before, after))
    return found


__all__ = ["ALL", "Pair", "pairs"]
