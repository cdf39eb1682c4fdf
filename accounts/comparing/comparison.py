"""Compares two sides: what changes hands, by territory, and whom that unsettles.

Units are paired by ``units.pairs``. **Territories** go by their codes where one plan is a copy of
the other, or both of a third; a code that only one side has, and any code of plans that are no
kin, goes by the largest overlap: in people where every unit has a figure, else in units. A unit
*moves* where the territory that has it is not the one that its former territory is paired with.

**People** are the newest figure of a unit on the boundary of its side's day; where a body ended,
its share of them goes to each successor. **Practices** are compared one by one, whatever the
levels of the units: those that live on both days, by the nearest body above each that is held.
**Accounts** are the account leads of the first side; a plan that names no lead for a body keeps it
with the territory that had it. **Relationships** are the tenures of stakeholders in posts at the
units themselves.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..models import RosterEntry
from .carried import figures_of, leads_of, owners_of, people_of, relationships_of
from .disruption import Disruption, disruption, person
from .practices import practices
from .sides import Cell, Side
from .territories import matched
from .units import Pair, pairs


@dataclass(frozen=True)
class Moved:
    """A unit with what it carries: ``people`` None where no figure is known.

    ``before`` and ``after`` are codes of territories, as in ``Pair``; ``is_moved`` says whether
    another territory has it than the one its former one is paired with.
    """

    pair: Pair
    people: int | None
    practices: int | None
    relationships: int
    is_moved: bool

    @property
    def before(self) -> str | None:
        return self.pair.before

    @property
    def after(self) -> str | None:
        return self.pair.after

    @property
    def unit(self) -> int:
        """The unit it is counted as: the old one where there was one."""
        return self.pair.old or self.pair.new


@dataclass
class Tally:
    """What went one way; ``people`` are of the units whose figure is known."""

    units: set[int] = field(default_factory=set)
    people: int = 0
    uncounted: int = 0
    practices: int = 0
    accounts: int = 0
    _met: dict[int, int] = field(default_factory=dict)

    def take(self, moved: Moved):
        self.units.add(moved.unit)
        self._met[moved.unit] = moved.relationships  # once, into however many parts it goes
        if moved.people is None:
            self.uncounted += 1
        else:
            self.people += moved.people

    @property
    def relationships(self) -> int:
        return sum(self._met.values())


@dataclass
class Row:
    """A territory of the first side and the one of the second that it is paired with."""

    before: str | None
    after: str | None
    name: str
    was: Cell
    now: Cell
    owner_was: RosterEntry | None
    owner_now: RosterEntry | None
    won: Tally = field(default_factory=Tally)
    lost: Tally = field(default_factory=Tally)

    @property
    def code(self) -> str:
        return self.after or self.before

    @property
    def has_other_code(self) -> bool:
        return None not in (self.before, self.after) and self.before != self.after

    @property
    def has_other_owner(self) -> bool:
        return person(self.owner_was) != person(self.owner_now)


@dataclass
class Comparison:
    """``a`` beside ``b``: the units that move, the territories, the totals.

    ``matched`` maps codes of ``a`` to codes of ``b``; ``by_overlap`` holds the codes of ``a``
    that were paired by what they hold and not by their code.
    """

    a: Side
    b: Side
    units: list[Moved]
    matched: dict[str, str]
    by_overlap: set[str]
    rows: list[Row]
    whole: Tally
    disruption: Disruption

    @cached_property
    def moves(self) -> list[Moved]:
        """The units that change hands, by where they leave and where they come."""
        order = {code: place for place, code in enumerate([*self.a.territories, None])}
        then = {code: place for place, code in enumerate([*self.b.territories, None])}
        moved = [each for each in self.units if each.is_moved]
        return sorted(moved, key=lambda m: (order[m.before], then[m.after], m.unit))

    @property
    def unclear(self) -> int:
        """Units of which it cannot be told who had them, or has them."""
        return sum(each.pair.is_unclear for each in self.units)

    @property
    def has_people(self) -> bool:
        return self.a.whole.people is not None or self.b.whole.people is not None

    @property
    def has_practices(self) -> bool:
        return self.a.whole.practices is not None

    @property
    def has_accounts(self) -> bool:
        return bool(self.disruption.of_accounts)


def compare(a: Side, b: Side) -> Comparison:
    """``a`` is what is, ``b`` what would be, or was: either may be the earlier day.

    Each in its plan's role, as known now; the queries do not grow with the plans.
    """
    paired = pairs(a, b)
    figures = figures_of(a, b, paired)
    people = people_of(paired, *figures, is_turned=a.on > b.on)
    known = practices(a, b)
    below = Counter(known.by_unit.values())
    relations = relationships_of(a, b)
    leads, leads_then = leads_of(a), leads_of(b)
    codes, by_overlap = matched(a, b, paired, people)
    units = [
        Moved(
            pair,
            people.get(pair),
            below[pair.old or pair.new] if known else None,
            relations.get(pair.old or pair.new, 0),
            not pair.is_unclear and _moves(pair, codes),
        )
        for pair in paired
    ]
    a.count(a.held, figures[0], known.before)
    b.count(b.held, figures[1], known.after)
    owners = owners_of(a), owners_of(b)
    rows = _rows(a, b, codes, owners)
    whole = Tally()
    by_before = {row.before: row for row in rows if row.before}
    by_after = {row.after: row for row in rows if row.after}
    for each in units:
        if each.is_moved:
            whole.take(each)
            if each.before:
                by_before[each.before].lost.take(each)
            if each.after:
                by_after[each.after].won.take(each)
    for before, after, number in known.moved(codes):
        whole.practices += number
        if before:
            by_before[before].lost.practices += number
        if after:
            by_after[after].won.practices += number
    accounts = [(code, leads_then.get(body) or codes.get(code)) for body, code in leads.items()]
    for before, after in accounts:
        if codes.get(before) != after:
            whole.accounts += 1
            by_before[before].lost.accounts += 1
            if after:
                by_after[after].won.accounts += 1
    found = disruption(units, accounts, *owners)
    return Comparison(a, b, units, codes, by_overlap, rows, whole, found)


def _moves(pair: Pair, matched: Mapping[str, str]) -> bool:
    if pair.before is None or pair.after is None:
        return True
    return matched.get(pair.before) != pair.after


# --- The table ----------------------------------------------------------------------------------


def _rows(a: Side, b: Side, matched, owners) -> list[Row]:
    """The territories of ``a`` in its order, each with its pair, then what only ``b`` has."""
    was, now = owners

    def row(before, after):
        return Row(
            before,
            after,
            b.territories[after] if after else a.territories[before],
            a.cells.get(before, Cell()),
            b.cells.get(after, Cell()),
            was.get(before),
            now.get(after),
        )

    rows = [row(code, matched.get(code)) for code in a.territories]
    new = [code for code in b.territories if code not in set(matched.values())]
    return rows + [row(None, code) for code in new]


__all__ = ["Comparison", "Moved", "Row", "Tally", "compare"]
