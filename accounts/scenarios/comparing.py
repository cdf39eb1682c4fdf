"""A plan and its scenarios beside each other: units, people and practices, by territory."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from footprints.ancestry import ancestors
from footprints.dated import ONE_DAY
from footprints.models import Population, Reorganisation, Succession

from ..models import Assignment, CoverageRole, Scenario, Territory, TerritoryPlan
from ..taking_along.below import practices_below
from ..taking_along.crosswalk import crosswalk, replaced


@dataclass(frozen=True)
class Cell:
    """What one territory holds in one column; ``people`` None where no figure is known.

    ``uncounted`` units have no figure of their own.
    """

    units: int = 0
    people: int | None = None
    practices: int | None = None
    uncounted: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.units


@dataclass
class Side:
    """One column: the plan on the day before, or a scenario's draft on its first day."""

    plan: TerritoryPlan
    on: date
    scenario: Scenario | None = None
    cells: dict[str, Cell] = field(default_factory=dict)
    whole: Cell = field(default_factory=Cell)
    # Practices that another territory holds than the day before; None where none are known.
    change_hands: int | None = None


@dataclass
class Comparison:
    """``territories`` are (code, name), in the plan's order, each with a cell a side."""

    sides: list[Side]
    territories: list[tuple[str, str]]

    @property
    def rows(self) -> list[tuple[str, str, list[Cell]]]:
        empty = Cell()
        return [
            (code, name, [side.cells.get(code, empty) for side in self.sides])
            for code, name in self.territories
        ]

    @property
    def has_practices(self) -> bool:
        return any(side.whole.practices for side in self.sides)

    @property
    def has_people(self) -> bool:
        return any(side.whole.people for side in self.sides)


def compare(
    event: Reorganisation, plan: TerritoryPlan, scenarios: Iterable[Scenario]
) -> Comparison:
    """The plan on the day before the event, and each scenario of it on its own first day.

    For the owner's role, as the plan's page counts. Queries grow with the scenarios, not with what
    they hold.
    """
    eve = event.effective_on - ONE_DAY
    sides = [Side(plan, plan.day_for(eve))]
    sides += [Side(each.draft, each.draft.opened_on, each) for each in scenarios]
    held = [_held(side) for side in sides]
    units = {unit for each in held for unit in each}
    people = _people(units, eve, event)
    below = practices_below(units, eve)
    chains = _chains(event, below, eve)
    territories: dict[str, str] = {}
    before: dict[int, str] = {}
    for side, owned in zip(sides, held, strict=True):
        is_now = {
            practice: next((owned[body] for body in chain if body in owned), "")
            for practice, chain in chains[side.scenario is not None].items()
        }
        if side.scenario is None:
            before = is_now
        elif chains[0]:
            moved = (is_now.get(practice) != code for practice, code in before.items())
            side.change_hands = sum(moved)
        _count(side, _counted(owned, held[0], eve), people, is_now, owned)
        for code, name in (
            Territory.objects.filter(plan=side.plan)
            .order_by("position", "code")
            .values_list("code", "name")
        ):
            territories.setdefault(code, name)
    return Comparison(sides, list(territories.items()))


def _held(side: Side) -> dict[int, str]:
    rows = Assignment.objects.filter(plan=side.plan, role=CoverageRole.OWNER).on(side.on)
    return dict(rows.values_list("organisation", "territory__code"))


def _people(units: set[int], day: date, event: Reorganisation) -> dict[int, int]:
    """Unit → its people; a body that the event would open has those of what comes into it."""
    rows = list(
        Succession.objects.now()
        .filter(reorganisation=event, passes=Succession.Passes.AREA, becomes=None)
        .exclude(successor=None)
        .values_list("predecessor", "successor", "share")
    )
    asked = units | {old for old, *_ in rows}
    figures = Population.objects.now().filter(organisation__in=asked).on(day)
    people = {row.organisation_id: row.people for row in figures}
    counted: dict[int, Decimal] = {}
    unknown = set()
    for old, new, share in rows:
        if old in people and share is not None:
            counted[new] = counted.get(new, Decimal(0)) + people[old] * share
        else:
            unknown.add(new)
    for new, count in counted.items():
        if new not in people and new not in unknown:
            people[new] = round(count)
    return {unit: people[unit] for unit in units if unit in people}


def _chains(event, below, eve) -> tuple[dict, dict]:
    """Practice → the bodies it lies within, itself first: on the day before, and from the day.

    Where it is not known to which successor a practice comes, the second leaves it with what it
    was within.
    """
    practices = {practice for each in below.values() for practice in each}
    found = crosswalk(event)
    practices |= {row.unit for row in found.rows if not row.is_whole_body}
    above = ancestors(practices, eve)
    before = {practice: (practice, *above.get(practice, ())) for practice in practices}
    after = dict(before)
    for row in found.rows:
        if row.unit in after and row.is_known:
            after[row.unit] = replaced(after[row.unit], row.old, row.new)
    return before, after


def _counted(owned: dict[int, str], before: dict[int, str], eve: date) -> dict[int, str]:
    """What is held, for counting people: a body that was, where one territory has its parts now.

    A practice or a PCN has no figure; where all that is held of a body stays together, the body's
    is theirs. One query.
    """
    parts: dict[int, list[int]] = {}
    gone = before.keys() - owned.keys()
    for unit, chain in ancestors(owned.keys() - before.keys(), eve).items():
        if body := next((body for body in chain if body in gone), None):
            parts.setdefault(body, []).append(unit)
    found = dict(owned)
    for body, units in parts.items():
        codes = {owned[unit] for unit in units}
        if len(codes) == 1:
            found |= {body: codes.pop()}
            for unit in units:
                del found[unit]
    return found


def _count(side: Side, counted, people: dict[int, int], practices: dict[int, str], owned):
    units, sums, uncounted = Counter(owned.values()), Counter(), Counter()
    for unit, code in counted.items():
        if unit in people:
            sums[code] += people[unit]
        else:
            uncounted[code] += 1
    by_territory = Counter(code for code in practices.values() if code)
    for code in units:
        known = by_territory[code] if practices else None
        side.cells[code] = Cell(units[code], sums[code] or None, known, uncounted[code])
    side.whole = Cell(
        sum(units.values()),
        sum(sums.values()) or None,
        sum(by_territory.values()) if practices else None,
        sum(uncounted.values()),
    )
