"""Whose each practice is on both sides, whatever the levels of the units that the plans hold."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from footprints.ancestry import ancestors

from ..taking_along.below import practices_below
from .sides import Side


@dataclass
class Practices:
    """Practice → its territory on each side, "" for none; ``by_unit``: practice → the unit of
    either side that has it. Empty where no practice is known."""

    before: dict[int, str]
    after: dict[int, str]
    by_unit: dict[int, int]

    def __bool__(self):
        return bool(self.before or self.after)

    def moved(self, matched) -> Iterable[tuple[str, str, int]]:
        """(before, after, how many) of those that live on both days and change hands."""
        both = self.before.keys() & self.after.keys()
        ways = Counter((self.before[one], self.after[one]) for one in both)
        for (before, after), number in ways.items():
            if before != "" and after != "" and matched.get(before) == after:
                continue
            if before or after:
                yield before, after, number


def practices(a: Side, b: Side) -> Practices:
    """Whose each practice is on both sides; six queries at most."""
    if a.on == b.on:
        both = practices_below(a.held.keys() | b.held.keys(), a.on)
        below_a, below_b = (
            {unit: both[unit] for unit in side.held if unit in both} for side in (a, b)
        )
    else:
        below_a, below_b = (practices_below(side.held.keys(), side.on) for side in (a, b))
    met = {practice for each in (*below_a.values(), *below_b.values()) for practice in each}
    if not met:
        return Practices({}, {}, {})
    before, units_a = _whose(met, below_a, a)
    after, units_b = _whose(met, below_b, b)
    return Practices(before, after, units_b | units_a)


def _whose(met: set[int], below: Mapping[int, list[int]], side: Side):
    """Practice → territory, for those that live on the side's day, and practice → its unit."""
    roots: dict[int, list[int]] = defaultdict(list)
    for root, practices in below.items():
        for practice in practices:
            roots[practice].append(root)
    several = {practice for practice, over in roots.items() if len(over) > 1} - side.held.keys()
    above = ancestors(several, side.on)
    units = {}
    for practice, over in roots.items():
        if practice in side.held:
            units[practice] = practice
        elif practice in several:
            chain = above.get(practice, ())
            units[practice] = next((body for body in chain if body in side.held), over[0])
        else:
            units[practice] = over[0]
    living = _living(met - roots.keys(), side.on) | roots.keys()
    owned = {practice: side.held[unit] for practice, unit in units.items()}
    return {practice: owned.get(practice, "") for practice in living}, units


def _living(practices: set[int], day: date) -> set[int]:
    return set(practices_below(practices, day))


__all__ = ["Practices", "practices"]
