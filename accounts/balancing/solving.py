"""The deal itself: numbers in, numbers out, the same each time.

Three steps. A transport problem (HiGHS, by scipy) gives each unit to a territory near it so that
loads are even, weighing distance against change; its fractions are rounded. Where a territory
falls into parts, all but the heaviest go to neighbours. Then units on borders are moved and
swapped, as annealing does, never so that a territory falls apart, until loads are within bounds.

Nothing here knows what a unit is: arrays of n units and k territories.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

NOBODY = -1
NEAR = 14  # territories a unit may go to in the transport problem: the nearest ones
ROUNDS = 6  # of the transport problem, each round its own centres
TRIES = 250  # moves looked at for each unit
FEWEST = 600  # units, as which fewer are looked at: a small country wants care too
SOFT, HARD = 4.0, 150.0  # what unevenness costs, within the bounds and beyond them
WARM, COLD = 0.6, 0.003
LATE = 0.75  # of all tries; what comes after it is about the bounds


@dataclass(frozen=True)
class Problem:
    """What is to be dealt.

    ``amounts`` (n,) are of the measure to even out, none negative; ``places`` (n, 2) in any unit
    of length, the same both ways; ``neighbours`` n arrays of indices, symmetric; ``now`` (n,) the
    territory each unit has, NOBODY for none; ``locked`` (n,) those that stay where they are;
    ``homes`` (k, 2) where the territories are to lie, or None: where they lie now, and for those
    without a unit where they find room. ``within`` is how far from even a load may be, 0.05 for
    5 %. ``still`` and ``compact`` say how much few changes and short ways count, 1 as a rule.
    """

    amounts: np.ndarray
    places: np.ndarray
    neighbours: list[np.ndarray]
    now: np.ndarray
    locked: np.ndarray
    territories: int
    homes: np.ndarray | None = None
    within: float = 0.05
    still: float = 1.0
    compact: float = 1.0

    @property
    def even(self) -> float:
        """The load of each territory, were all the same."""
        return float(self.amounts.sum()) / self.territories


@dataclass
class Deal:
    """Who gets what: ``of`` (n,) territory by unit, and how good that is."""

    problem: Problem
    of: np.ndarray
    loads: np.ndarray = field(init=False)

    def __post_init__(self):
        given = self.of != NOBODY
        self.loads = np.bincount(
            self.of[given], self.problem.amounts[given], self.problem.territories
        )

    @property
    def farthest(self) -> float:
        """How far the least even load is from even, as a share of it."""
        return float(np.abs(self.loads / self.problem.even - 1).max())

    @property
    def moved(self) -> float:
        """The amount that changes hands; what nobody had is no change."""
        had = self.problem.now != NOBODY
        return float(self.problem.amounts[had & (self.of != self.problem.now)].sum())

    @property
    def parts(self) -> int:
        """In how many pieces the territories lie: one each, where all hang together."""
        return sum(
            len(pieces(set(np.flatnonzero(self.of == t).tolist()), self.problem.neighbours))
            for t in range(self.problem.territories)
        )


def least_moved(problem: Problem) -> float:
    """The amount that must change hands, however it is dealt, for loads to be within bounds.

    Proved by the relaxation that lets units be cut and lie anywhere: what is above the bounds
    must leave, and what is missing below them must come, but for what nobody has.
    """
    had = problem.now != NOBODY
    loads = np.bincount(problem.now[had], problem.amounts[had], problem.territories)
    low, high = problem.even * (1 - problem.within), problem.even * (1 + problem.within)
    free = float(problem.amounts[~had].sum())
    leaves = float(np.clip(loads - high, 0, None).sum())
    comes = float(np.clip(low - loads, 0, None).sum())
    return max(leaves, comes - free, 0.0)


def pieces(of: set[int], neighbours: list[np.ndarray]) -> list[list[int]]:
    """The parts in which these units hang together."""
    left, found = set(of), []
    while left:
        first = left.pop()
        piece, edge = [first], [first]
        while edge:
            for other in neighbours[edge.pop()]:
                if other in left:
                    left.discard(other)
                    piece.append(int(other))
                    edge.append(other)
        found.append(piece)
    return found


def deal(
    problem: Problem,
    *,
    seed: int = 0,
    tries: int = TRIES,
    tell: Callable[[float], bool] = lambda done: True,
) -> Deal:
    """Deal the units. ``tell`` hears how much is done, 0 to 1, and answers whether to go on; a
    deal that is stopped is whole, and as good as it was by then."""
    of, centres = _transport(problem)
    of = _mended(problem, of, centres)
    tell(0.1)
    return Deal(problem, _annealed(problem, of, centres, seed, tries, tell))


# --- The transport problem --------------------------------------------------------------------


def _transport(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Each unit's territory by distance and change with even loads, and the centres."""
    centres = _centres(problem)
    of = problem.now.copy()
    scale = _area(problem)
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
        if problem.homes is not None or np.abs(moved - centres).max() < 1e-3 * math.sqrt(scale):
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
            high = np.full(problem.territories, problem.even * (1 + slack))
            low = np.full(problem.territories, problem.even * (1 - slack))
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


def _area(problem) -> float:
    """The area of a territory, were all as large: what a distance is measured by."""
    spread = np.ptp(problem.places, axis=0)
    return float(max(spread[0] * spread[1], 1e-9)) / problem.territories


def _centres(problem) -> np.ndarray:
    if problem.homes is not None:
        return problem.homes.astype(float)
    centres = np.full((problem.territories, 2), np.nan)
    centres = _centres_of(problem, problem.now, centres)
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
    loads = np.bincount(kept[kept >= 0], problem.amounts[kept >= 0], problem.territories)
    free, scale = set(np.flatnonzero(kept == NOBODY).tolist()), _area(problem)
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


# --- Annealing ---------------------------------------------------------------------------------


class _Search:
    """A deal that is changed unit by unit. Plain lists: they are quicker than arrays by ones."""

    def __init__(self, problem, of, centres):
        self.problem = problem
        self.of = of.tolist()
        self.now = problem.now.tolist()
        self.locked = problem.locked.tolist()
        self.amounts = problem.amounts.tolist()
        self.neighbours = [[int(v) for v in each] for each in problem.neighbours]
        self.size = [0] * problem.territories
        self.loads = [0.0] * problem.territories
        for unit, territory in enumerate(self.of):
            self.size[territory] += 1
            self.loads[territory] += self.amounts[unit]
        mean = (problem.amounts.mean() or 1) * 1.0
        self.heavy = (problem.amounts / mean).tolist()
        apart = ((problem.places[:, None] - centres[None]) ** 2).sum(-1) / _area(problem)
        self.apart = (0.5 * problem.compact * apart).tolist()
        self.bound = 0.8 * problem.within
        # However much a change counts, being within the bounds counts for more.
        self.hard = HARD * math.sqrt(1 + 2 * problem.still)

    def uneven(self, load):
        off = abs(load / self.problem.even - 1)
        beyond = off - self.bound
        return SOFT * (10 * off) ** 2 + ((self.hard * beyond) ** 2 if beyond > 0 else 0.0)

    def price(self, unit, to):
        """What it costs that this unit is there, but for the loads."""
        had = self.now[unit]
        change = self.problem.still if had not in (NOBODY, to) else 0.0
        return self.heavy[unit] * (self.apart[unit][to] + change)

    def gain(self, moves):
        """What the moves (unit, to) cost together; less than nothing is better."""
        loads, delta = {}, 0.0
        for unit, to in moves:
            home = self.of[unit]
            delta += self.price(unit, to) - self.price(unit, home)
            loads[home] = loads.get(home, self.loads[home]) - self.amounts[unit]
            loads[to] = loads.get(to, self.loads[to]) + self.amounts[unit]
        for territory, load in loads.items():
            delta += self.uneven(load) - self.uneven(self.loads[territory])
        return delta

    def put(self, unit, to):
        home = self.of[unit]
        self.of[unit] = to
        self.size[home] -= 1
        self.size[to] += 1
        self.loads[home] -= self.amounts[unit]
        self.loads[to] += self.amounts[unit]

    def cuts(self, unit):
        """Whether its territory would be empty or in more pieces without it."""
        home, of = self.of[unit], self.of
        mine = [v for v in self.neighbours[unit] if of[v] == home]
        if len(mine) < 2:
            # An outlier may come home; the last unit of a territory stays.
            return self.size[home] == 1
        wanted, seen, edge = set(mine[1:]), {unit, mine[0]}, [mine[0]]
        while edge and wanted:
            for other in self.neighbours[edge.pop()]:
                if of[other] == home and other not in seen:
                    seen.add(other)
                    wanted.discard(other)
                    edge.append(other)
        return bool(wanted)


def _annealed(problem, of, centres, seed, tries, tell):
    search, random = _Search(problem, of, centres), Random(seed)
    n = len(search.of)
    whole = tries * max(n, FEWEST)
    is_late, best, best_of, score = False, 0.0, search.of, 0.0
    for step in range(whole):
        if step % 2_000 == 0:
            done = step / whole
            heat = max(COLD, WARM * (1 - done / LATE))
            if done >= LATE and not is_late:
                # What is still beyond the bounds counts for all by now.
                is_late, best, best_of, score = True, 0.0, list(search.of), 0.0
                search.hard *= 5
            if not tell(0.1 + 0.9 * done):
                break
        unit = random.randrange(n)
        home = search.of[unit]
        others = [v for v in search.neighbours[unit] if search.of[v] != home]
        if not others or search.locked[unit]:
            continue
        other = random.choice(others)
        to = search.of[other]
        moves = [(unit, to)]
        if random.random() < 0.3 and not search.locked[other]:
            # A swap: what comes back is on the border too.
            back = [
                v for v in search.neighbours[unit] if search.of[v] == to and not search.locked[v]
            ]
            moves.append((random.choice(back), home))
        delta = search.gain(moves)
        if delta >= 0 and random.random() >= math.exp(-delta / (2 * heat)):
            continue
        if _moved(search, moves):
            score += delta
            if is_late and score < best - 1e-9:
                best, best_of = score, list(search.of)
    return np.array(best_of)


def _moved(search, moves) -> bool:
    """Make the moves, if no territory falls apart by any of them; else none."""
    made = []
    for unit, to in moves:
        touches = any(search.of[v] == to for v in search.neighbours[unit])
        if search.cuts(unit) or not touches:
            for one, home in reversed(made):
                search.put(one, home)
            return False
        made.append((unit, search.of[unit]))
        search.put(unit, to)
    return True
