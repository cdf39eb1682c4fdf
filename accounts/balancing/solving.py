"""The deal itself: numbers in, numbers out, the same each time.

Three steps. A transport problem (HiGHS, by scipy) gives each unit to a territory near it so that
loads are even, weighing distance against change; its fractions are rounded. Where a territory
falls into parts, all but the heaviest go to neighbours. Then borders are moved (`annealing`),
never so that a territory falls apart, until loads are within bounds.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np

from .annealing import TRIES, annealed
from .cutting import evenest_cuts
from .problem import NOBODY, Deal, Problem, pieces

LEAST = 0.05  # that few changes and short ways count
STARTS = 3  # beside what the transport problem finds, and what there is
NEAR = 14  # territories a unit may go to in the transport problem: the nearest ones
ROUNDS = 6  # of the transport problem, each round its own centres


def deal(
    problem: Problem,
    *,
    seed: int = 0,
    tries: int = TRIES,
    tell: Callable[[float], bool] = lambda done: True,
) -> Deal:
    """Deal the units. ``tell`` hears how much is done, 0 to 1, and answers whether to go on; a
    deal that is stopped is whole, and as good as it was by then."""
    asked = problem
    # Of two deals as even, the one with fewer changes and shorter ways, however little they count.
    problem = replace(
        problem, still=max(problem.still, LEAST), compact=max(problem.compact, LEAST)
    )
    of, centres = _transport(problem)
    starts = [_mended(problem, of, centres)]
    if (problem.now != NOBODY).all():
        starts.append(_mended(problem, problem.now, centres))
    starts += evenest_cuts(problem, centres, Random(seed), STARTS)
    tell(0.1)
    return Deal(asked, annealed(problem, starts, centres, seed, tries, tell))


# --- The transport problem --------------------------------------------------------------------


def _transport(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Each unit's territory by distance and change with even loads, and the centres."""
    centres = _centres(problem)
    of = problem.now.copy()
    scale = problem.area
    heavy = problem.amounts / (problem.amounts.mean() or 1)
    for _ in range(ROUNDS):
        near = _near(problem, centres)
        apart = ((problem.places[:, None] - centres[near]) ** 2).sum(-1) / scale
        changed = (near != problem.now[:, None]) & (problem.now != NOBODY)[:, None]
        cost = (problem.compact * apart + problem.still * changed) * heavy[:, None]
        # A locked unit has no other place worth its price.
        cost = np.where(problem.locked[:, None] & changed, cost + 1e6, cost)
        of = _dealt(problem, near, cost)
        moved = _centres_of(problem, of, centres)
        moved = _at_home(problem, moved)
        if np.abs(moved - centres).max() < 1e-3 * math.sqrt(scale):
            break
        centres = moved
    return of, centres


def _dealt(problem, near, cost):
    """Territory by unit where the transport costs least, each unit wholly where most of it is."""
    # Here and not above: it takes half a second, which every command and page would wait for.
    from scipy.optimize import linprog
    from scipy.sparse import coo_matrix, vstack

    n, m = near.shape
    unit, place, column = np.repeat(np.arange(n), m), near.ravel(), np.arange(n * m)
    whole = coo_matrix((np.ones(n * m), (unit, column)), shape=(n, n * m))
    load = coo_matrix((problem.amounts[unit], (place, column)), shape=(problem.territories, n * m))
    for slack in (problem.within / 4, problem.within, 4 * problem.within, math.inf):
        if slack < math.inf:
            high = problem.even * (1 + slack) - problem.besides
            low = problem.even * (1 - slack) - problem.besides
            bounds = {"A_ub": vstack([load, -load]), "b_ub": np.concatenate([high, -low])}
        else:  # locked units or far ones may make even loads impossible
            bounds = {}
        found = linprog(
            cost.ravel(), A_eq=whole, b_eq=np.ones(n), bounds=(0, 1), method="highs", **bounds
        )
        if found.status == 0:
            return near[np.arange(n), found.x.reshape(n, m).argmax(1)]
    raise AssertionError("Each unit has a place: there is always a deal.")


def _near(problem, centres):
    """(n, m) the nearest territories of each unit; the one it has among them."""
    m = min(problem.territories, NEAR)
    apart = ((problem.places[:, None] - centres[None]) ** 2).sum(-1)
    near = np.argpartition(apart, m - 1, axis=1)[:, :m]
    absent = (problem.now != NOBODY) & ~(near == problem.now[:, None]).any(1)
    near[absent, -1] = problem.now[absent]
    return near


def _at_home(problem, centres) -> np.ndarray:
    """The centres, those with a home there."""
    if problem.homes is None:
        return centres
    return np.where(np.isnan(problem.homes), centres, problem.homes)


def _centres(problem) -> np.ndarray:
    centres = np.full((problem.territories, 2), np.nan)
    centres = _at_home(problem, _centres_of(problem, problem.now, centres))
    # A territory without units begins where most is far from every other.
    while (empty := np.isnan(centres[:, 0])).any():
        known = centres[~empty]
        if len(known):
            apart = ((problem.places[:, None] - known[None]) ** 2).sum(-1).min(1)
        else:
            apart = ((problem.places - problem.places.mean(0)) ** 2).sum(-1)
        weight = apart * problem.amounts if (apart * problem.amounts).any() else apart
        centres[np.flatnonzero(empty)[0]] = problem.places[int(weight.argmax())]
    return centres


def _centres_of(problem, of, otherwise):
    """(k, 2) the middle of what each territory has, by amount; as it was where it has nothing."""
    centres = otherwise.copy()
    for territory in range(problem.territories):
        mine = of == territory
        if mine.any():
            amounts = problem.amounts[mine]
            weights = amounts if amounts.any() else None
            centres[territory] = np.average(problem.places[mine], axis=0, weights=weights)
    return centres


# --- Hanging together ---------------------------------------------------------------------------


def _mended(problem, of, centres):
    """Leave each territory its heaviest part; the rest grows to neighbours, the least laden first.

    Locked units stay, whatever lies between them; so does what no neighbour can take.
    """
    kept = np.full(len(of), NOBODY)
    for territory in range(problem.territories):
        mine = set(np.flatnonzero(of == territory).tolist())
        parts = pieces(mine, problem.neighbours)
        if parts:
            kept[max(parts, key=lambda part: problem.amounts[part].sum())] = territory
    kept[problem.locked] = problem.now[problem.locked]
    loads = problem.loads(kept)
    free, scale = set(np.flatnonzero(kept == NOBODY).tolist()), problem.area
    while free:
        best = None
        for unit in free:
            for territory in {int(kept[v]) for v in problem.neighbours[unit]} - {NOBODY}:
                apart = ((problem.places[unit] - centres[territory]) ** 2).sum() / scale
                price = loads[territory] / problem.even + 0.2 * problem.compact * apart
                price -= 0.3 * problem.still * (territory == problem.now[unit])
                if best is None or (price, unit, territory) < best:
                    best = price, unit, territory
        if best is None:
            break
        _, unit, territory = best
        kept[unit] = territory
        loads[territory] += problem.amounts[unit]
        free.discard(unit)
    lost = kept == NOBODY  # on an island without a home
    kept[lost] = of[lost]
    return kept
