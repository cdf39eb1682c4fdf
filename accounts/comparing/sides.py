"""One side of a comparison: what the territories of a plan hold on a day, counted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from ..models import Assignment, Territory, TerritoryPlan, User


@dataclass(frozen=True)
class Cell:
    """What one territory holds on one side; ``people`` None where no figure is known.

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
    """A plan on a day, in the role that it covers its units in, as the plan's page counts.

    Territories go by their codes, which are unique in a plan. ``cells`` and ``whole`` are there
    once it was counted.
    """

    plan: TerritoryPlan
    on: date
    cells: dict[str, Cell] = field(default_factory=dict)
    whole: Cell = field(default_factory=Cell)

    @cached_property
    def held(self) -> dict[int, str]:
        """Unit → the code of the territory that has it on the day; one query."""
        rows = Assignment.objects.filter(plan=self.plan, role=self.plan.role).on(self.on)
        return dict(rows.values_list("organisation", "territory__code"))

    @cached_property
    def territories(self) -> dict[str, str]:
        """Code → name of every territory of the plan, in its order; one query."""
        found = Territory.objects.filter(plan=self.plan).order_by("position", "code")
        return dict(found.values_list("code", "name"))

    def count(
        self,
        units: Mapping[int, str],
        people: Mapping[int, int],
        practices: Mapping[int, str],
    ) -> None:
        """Fill the cells. ``units`` are those that people are counted by (unit → territory), and
        ``people`` their figures; ``practices`` is practice → territory, "" for none, and empty
        where the register knows no practice."""
        held, sums, uncounted = Counter(self.held.values()), Counter(), Counter()
        for unit, code in units.items():
            if unit in people:
                sums[code] += people[unit]
            else:
                uncounted[code] += 1
        by_territory = Counter(code for code in practices.values() if code)
        for code in held:
            known = by_territory[code] if practices else None
            self.cells[code] = Cell(held[code], sums[code] or None, known, uncounted[code])
        self.whole = Cell(
            sum(held.values()),
            sum(sums.values()) or None,
            sum(by_territory.values()) if practices else None,
            sum(uncounted.values()),
        )


def what_is(plan: TerritoryPlan, user: User) -> TerritoryPlan | None:
    """The plan that this one is held against, of those the user may open: what it replaces, else
    the active plan of its team and role that began last, else what it is a copy of; itself, while
    it is the active one. None: there is nothing before it."""
    seen = TerritoryPlan.objects.visible_to(user).select_related("team")
    active = seen.filter(team=plan.team_id, role=plan.role, state=TerritoryPlan.State.ACTIVE)
    if plan.replaces_id:
        return seen.filter(pk=plan.replaces_id).first()
    if plan.state == TerritoryPlan.State.ACTIVE:
        return plan
    return (
        active.exclude(pk=plan.pk).order_by("-opened_on", "-pk").first()
        or seen.filter(pk=plan.copied_from_id).first()
    )


def nearest(chains: Mapping[int, tuple[int, ...]], held: Mapping[int, str]) -> dict[int, str]:
    """Practice → the territory of the nearest body that it lies within and that is held; "" where
    none is. The finer beats the coarser."""
    return {
        practice: next((held[body] for body in chain if body in held), "")
        for practice, chain in chains.items()
    }


def change_hands(before: Mapping[int, str], after: Mapping[int, str]) -> int:
    """How many practices another territory has than before, by code."""
    return sum(after.get(practice) != code for practice, code in before.items())


__all__ = ["Cell", "Side", "change_hands", "nearest", "what_is"]
