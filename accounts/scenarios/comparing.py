"""A plan and its scenarios beside each other: units, people and practices, by territory."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from footprints.ancestry import ancestors
from footprints.dated import ONE_DAY
from footprints.models import Population, Reorganisation, Succession

from ..comparing.sides import Cell, Side, change_hands, nearest
from ..models import Scenario, TerritoryPlan
from ..taking_along.below import practices_below
from ..taking_along.crosswalk import crosswalk, replaced


@dataclass
class Column(Side):
    """The plan on the day before, or a scenario's draft on its first day."""

    scenario: Scenario | None = None
    # Practices that another territory holds than the day before; None where none are known.
    change_hands: int | None = None


@dataclass
class Comparison:
    """``territories`` are (code, name), in the plan's order, each with a cell a side."""

    sides: list[Column]
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

    In the plan's role, as its page counts. Queries grow with the scenarios, not with what
    they hold.
    """
    eve = event.effective_on - ONE_DAY
    sides = [Column(plan, plan.day_for(eve))]
    sides += [Column(each.draft, each.draft.opened_on, scenario=each) for each in scenarios]
    units = {unit for side in sides for unit in side.held}
    people = _people(units, eve, event)
    below = practices_below(units, eve)
    chains = _chains(event, below, eve)
    before: dict[int, str] = {}
    for side in sides:
        is_now = nearest(chains[side.scenario is not None], side.held)
        if side.scenario is None:
            before = is_now
        elif chains[0]:
            side.change_hands = change_hands(before, is_now)
        side.count(_counted(side.held, sides[0].held, eve), people, is_now)
    return Comparison(sides, _in_order(sides))


def _in_order(sides: list[Column]) -> list[tuple[str, str]]:
    """The territories of the first side, then those that only others have."""
    found: dict[str, str] = {}
    for side in sides:
        for code, name in side.territories.items():
            found.setdefault(code, name)
    return list(found.items())


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
