"""From a plan on a day to a problem of numbers, and from a deal back to what it means."""

from dataclasses import dataclass, replace
from datetime import date
from random import Random

import numpy as np

from footprints.adjacency import neighbours
from footprints.boundaries.grid import from_degrees
from footprints.models import Kind, Version
from footprints.tiles import places_on

from ..measures.rolling_up import roll_up, sum_of_units
from ..models import Suggestion, Territory, TerritoryPlan, User
from ..territories.reading import PlanOnDay
from .problem import NOBODY, Deal, Problem
from .proving import evenest, least_moved


class CannotDeal(Exception):
    """A plan that cannot be balanced so, in the reader's words."""


@dataclass
class Table:
    """A problem, and whose units and territories its indices are.

    ``kind`` is of the units, as they are called; ``units`` and ``homes`` are keys by index.
    ``uncounted`` units have no amount and count
    nothing; ``unplaced`` lie nowhere known, and stay as they are with ``beside``, units of other
    kinds.
    """

    problem: Problem
    kind: str
    units: list[int]
    homes: list[int]
    uncounted: int
    unplaced: int
    beside: int


def table_of(suggestion: Suggestion, user: User) -> Table:
    """The problem that a suggestion asks about. Raises CannotDeal."""
    on_day = PlanOnDay(suggestion.plan, user, suggestion.from_on)
    homes = leaves(suggestion.plan)
    if len(homes) < 2:
        raise CannotDeal("Add at least two territories first: there is nothing to deal between.")
    kinds = kinds_of(on_day)
    if not kinds:
        raise CannotDeal("The plan has no units, and does not say of which kind they should be.")
    kind = suggestion.kind or kinds[0]
    held = {unit: territory.pk for unit, territory in on_day.held.items()}
    shown = on_day.shown
    of_kind = list(_of_kind(shown, kind, on_day))
    places = places_on(of_kind, on_day.day)
    units = sorted(places)
    if len(units) < len(homes):
        raise CannotDeal(
            f"There are {len(units)} {kind.plural} to deal between {len(homes)} territories."
        )
    found = _amounts(suggestion, on_day, units)
    amounts = np.array([found.get(unit, 0.0) for unit in units])
    if not amounts.any():
        raise CannotDeal("No unit has a figure on the day: there is nothing to even out.")
    index = {home: at for at, home in enumerate(homes)}
    now = np.array([index.get(held.get(unit), NOBODY) for unit in units])
    stays = set(suggestion.locked)
    stay = set(suggestion.locked_units)
    locked = np.array(
        [held.get(unit) in index and (held[unit] in stays or unit in stay) for unit in units]
    )
    base = np.zeros(len(homes))
    for unit in held.keys() & found.keys() - places.keys():
        if held[unit] in index:
            base[index[held[unit]]] += found[unit]
    at = {unit: number for number, unit in enumerate(units)}
    beside = [[] for _ in units]
    for a, b in neighbours([kind.pk], on_day.day).pairs:
        if a in at and b in at:
            beside[at[a]].append(at[b])
            beside[at[b]].append(at[a])
    return Table(
        Problem(
            amounts=amounts,
            places=np.array([from_degrees(*places[unit])[0] for unit in units]),
            neighbours=[np.array(sorted(each), dtype=int) for each in beside],
            now=now,
            locked=locked,
            territories=len(homes),
            still=suggestion.still,
            compact=suggestion.compact,
            homes=_bases(suggestion, index, on_day.day),
            base=base if base.any() else None,
        ),
        kind.plural,
        units,
        homes,
        uncounted=int((amounts == 0).sum()),
        unplaced=len(of_kind) - len(units),
        beside=len(shown) - len(of_kind),
    )


def kinds_of(on_day: PlanOnDay) -> list[Kind]:
    """The kinds of which one may be dealt: those that should have a territory, the most used
    first."""
    return [kind for kind in on_day.kinds if kind in on_day.gap_kinds]


def leaves(plan: TerritoryPlan) -> list[int]:
    """The territories that hold units: those without parts, by key, in the plan's order."""
    parts = Territory.objects.filter(plan=plan, parent__isnull=False).values("parent")
    found = Territory.objects.filter(plan=plan).exclude(pk__in=parts)
    return list(found.order_by("position", "code").values_list("pk", flat=True))


def _of_kind(units, kind, on_day: PlanOnDay):
    live = Version.objects.now().on(on_day.day).filter(organisation__in=units, kind=kind)
    return live.values_list("organisation", flat=True)


def _amounts(suggestion: Suggestion, on_day: PlanOnDay, units: list[int]) -> dict[int, float]:
    """Unit → its amount, none less than nothing; of what stays beside these units too, which its
    territory has anyhow. Where units are counted, those dealt."""
    if suggestion.evens == Suggestion.Evens.UNITS:
        return dict.fromkeys(units, 1.0)
    if suggestion.evens == Suggestion.Evens.PEOPLE:
        found = sum_of_units(on_day.people, on_day.shown, on_day.day)
    else:
        found = roll_up(suggestion.measure, on_day.shown, on_day.day).amounts
    return {unit: max(0.0, float(amount)) for unit, amount in found.items()}


def _bases(suggestion: Suggestion, index: dict[int, int], day: date) -> np.ndarray | None:
    """Where the territories are to lie, as far as that is said and known."""
    if not suggestion.homes:
        return None
    places = places_on(suggestion.homes.values(), day)
    homes = np.full((len(index), 2), np.nan)
    for territory, body in suggestion.homes.items():
        if int(territory) in index and body in places:
            homes[index[int(territory)]] = from_degrees(*places[body])[0]
    return homes


# --- What it is set beside ----------------------------------------------------------------------


def greedy(problem: Problem) -> Deal:
    """A deal as by hand: the largest first, each to the nearest territory with room."""
    places, amounts = problem.places, problem.amounts
    middles = np.full((problem.territories, 2), np.nan)
    for territory in range(problem.territories):
        mine = problem.now == territory
        if mine.any():
            middles[territory] = places[mine].mean(0)
    if problem.homes is not None:
        middles = np.where(np.isnan(problem.homes), middles, problem.homes)
    empty = np.isnan(middles[:, 0])
    middles[empty] = places[np.linspace(0, len(places) - 1, int(empty.sum())).astype(int)]
    of = np.full(len(places), NOBODY)
    of[problem.locked] = problem.now[problem.locked]
    loads = problem.loads(of)
    for unit in np.argsort(-amounts, kind="stable"):
        if of[unit] != NOBODY:
            continue
        apart = ((places[unit] - middles) ** 2).sum(1)
        room = loads + amounts[unit] <= problem.even * (1 + problem.within)
        of[unit] = np.where(room, apart, apart + apart.max() * 10).argmin()
        loads[of[unit]] += amounts[unit]
    return Deal(problem, of)


def random(problem: Problem, seed: int = 0) -> Deal:
    """A deal by lot."""
    lot = Random(seed)
    of = np.array([lot.randrange(problem.territories) for _ in problem.amounts])
    of[problem.locked] = problem.now[problem.locked]
    return Deal(problem, of)


def told(table: Table, deal: Deal) -> dict:
    """How good a deal is, for JSON: beside what there is, a random and a greedy one, and the
    least that must change hands for a deal as even as is asked for, or can be (``within``).
    Amounts are floats; ``farthest`` is a share of even."""
    problem = table.problem
    bound = evenest(problem)
    within = max(problem.within, bound)
    sides = {
        "suggested": deal,
        "greedy": greedy(problem),
        "random": random(problem),
    }
    if (problem.now != NOBODY).any():
        sides["now"] = Deal(problem, problem.now)
    return {
        "sides": {
            name: {
                "farthest": side.farthest,
                "moved": side.moved,
                "parts": side.parts,
                "loads": [round(load, 4) for load in side.loads.tolist()],
            }
            for name, side in sides.items()
        },
        "homes": table.homes,
        "even": problem.even,
        "amount": float(problem.amounts.sum() + problem.besides.sum()),
        "least": least_moved(replace(problem, within=within)),
        "evenest": bound,
        "within": within,
        "kind": table.kind,
        "units": len(table.units),
        "uncounted": table.uncounted,
        "unplaced": table.unplaced,
        "beside": table.beside,
    }


def moves(table: Table, deal: Deal) -> list[list[int | None]]:
    """[unit, territory before or None, territory after] of each unit that would move, as keys."""
    before, after = table.problem.now.tolist(), deal.of.tolist()
    return [
        [unit, None if was == NOBODY else table.homes[was], table.homes[to]]
        for unit, was, to in zip(table.units, before, after, strict=True)
        if was != to
    ]
