"""What no deal can be better than, as far as it can be proved in a moment."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np

from .problem import NOBODY, Problem

CORNERS = 6  # of a piece, those that may be taken off
PATCHES = 500  # looked at for each
STEPS = 150_000  # patches looked at in all, a second or two
WIDER = (1.5, 1.2, 1.05, 1.0)  # than what is proved: what is asked about next
TRIFLE = 0.005  # of even: what is so near is as good as even
SECONDS = 0.5  # for the whole units of one territory


def least_moved(problem: Problem) -> float:
    """The amount that must change hands, however it is dealt, for loads to be within bounds.

    What is above the bounds must leave, in whole units: a knapsack for each territory, whose bound
    HiGHS proves. What is missing below them must come, but for what nobody has.
    """
    had = problem.now != NOBODY
    loads = problem.loads(problem.now)
    low, high = problem.even * (1 - problem.within), problem.even * (1 + problem.within)
    free = float(problem.amounts[~had].sum())
    leaves = sum(
        _in_whole(problem.amounts[(problem.now == territory) & ~problem.locked], load - high)
        for territory, load in enumerate(loads.tolist())
        if load > high
    )
    comes = float(np.clip(low - loads, 0, None).sum())
    return max(leaves, comes - free, 0.0)


def _in_whole(amounts: np.ndarray, least: float) -> float:
    """The least that some of the amounts sum to that is as much, or as much as is proved of it."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # half a second: not for every page

    if amounts.sum() <= least:
        return least
    # In shares of what is asked for: HiGHS judges by absolute tolerances.
    shares = amounts[amounts > 0] / least
    found = milp(
        shares,
        integrality=np.ones(len(shares)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(shares[None], lb=1),
        options={"time_limit": SECONDS},
    )
    bound = getattr(found, "mip_dual_bound", None)
    return least * max(1.0, bound or 0.0) * (1 - 1e-6)


def evenest(problem: Problem) -> float:
    """How far from even the least even load must be, as a share of it, however it is dealt in one
    piece each; 0 where nothing is proved.

    No load is less than the largest unit, nor than what is locked. And a coarse country has few
    ways to be dealt at all: see `Peeling`.
    """
    even, besides = problem.even, problem.besides
    held = problem.loads(np.where(problem.locked, problem.now, NOBODY))
    largest = float(problem.amounts.max(initial=0) + besides.min())
    proved = max(0.0, largest / even - 1, float(held.max()) / even - 1)
    if problem.locked.any() or besides.any() or not problem.hangs_together:
        return proved  # a patch may lie in pieces then
    peeling = Peeling(problem)
    for wider in WIDER:
        while (off := peeling.least_turned_away(max(proved, TRIFLE) * wider)) is not None:
            proved = max(proved, off)
    return proved


class Peeling:
    """Whether a country can be dealt within some share of even, told from its corners inwards.

    A corner lies in a patch with few ways to be: each is taken off, and what is left over, in
    pieces maybe, is asked the same. Where every way ends at a patch or a piece that cannot be
    dealt so evenly, none can. It gives up after so many steps: then nothing is proved.
    """

    def __init__(self, problem: Problem):
        self.loads = (problem.amounts / problem.even).tolist()
        self.beside = [sum(1 << int(v) for v in each) for each in problem.neighbours]
        self.territories = problem.territories
        self.steps = STEPS

    def least_turned_away(self, within: float) -> float | None:
        """How far from even the least of the patches and pieces lie that were turned away, where
        no deal is ``within`` that share of even; None where one may be."""
        self.within, self.turned_away, self.known = within + 1e-9, math.inf, {}
        everything = (1 << len(self.loads)) - 1
        is_proved = not self.may_be_dealt(everything, self.territories, self.territories)
        return self.turned_away if is_proved and self.turned_away < math.inf else None

    def may_be_dealt(self, piece: int, fewest: int, most: int) -> bool:
        """Whether a piece, its units as bits, may be dealt to so many territories; True where the
        steps do not last to say so. Those it can be dealt to by its load alone are narrowed."""
        load = self.load_of(piece)
        fits = [many for many in range(fewest, most + 1) if self.is_even(load, many)]
        if not fits:
            return False
        if most == 1:
            return True
        key = piece, fits[0], fits[-1]
        if key not in self.known:
            self.known[key] = self._may_be_dealt(*key)
        return self.known[key]

    def _may_be_dealt(self, piece, fewest, most):
        rests = self.rests_of_a_corner(piece)
        if rests is None:
            return True
        return any(
            self.are_dealt(parts, fewest - 1, most - 1) if parts else fewest <= 1
            for parts in rests
        )

    def are_dealt(self, parts: list[int], fewest: int, most: int) -> bool:
        """Whether the parts may be dealt to so many territories together."""
        if len(parts) == 1:
            return self.may_be_dealt(parts[0], fewest, most)
        loads = [self.load_of(part) for part in parts]
        ways = [
            [many for many in self.range_of(load) if self.is_even(load, many)] for load in loads
        ]
        return any(
            fewest <= sum(each) <= most
            and all(
                self.may_be_dealt(part, many, many) for part, many in zip(parts, each, strict=True)
            )
            for each in product(*ways)
        )

    def is_even(self, load: float, many: int) -> bool:
        """Whether a load is near enough to that many even ones; what is not is taken note of."""
        if many < 1:
            return False
        off = abs(load / many - 1)
        if off > self.within:
            self.turned_away = min(self.turned_away, off)
        return off <= self.within

    def range_of(self, load: float) -> range:
        """To how many territories a load might be dealt at all, and one beyond on either side."""
        fewest = max(1, int(load / (1 + self.within)))
        return range(fewest, max(fewest, int(load / max(1 - self.within, 0.01)) + 1) + 1)

    def load_of(self, piece: int) -> float:
        return sum(self.loads[unit] for unit in bits(piece))

    def rests_of_a_corner(self, piece: int) -> list[list[int]] | None:
        """What each patch of the corner with the fewest leaves over, in pieces; None where no
        corner's are few enough to be looked at."""
        by_edges = sorted(bits(piece), key=lambda unit: (self.beside[unit] & piece).bit_count())
        best = None
        for corner in by_edges[:CORNERS]:
            patches = self.patches_of(piece, corner)
            if patches is not None and (best is None or len(patches) < len(best)):
                best = patches
            if best is not None and len(best) < 2:
                break
        if best is None:
            return None
        return [list(self.parts_of(piece & ~patch)) for patch in best]

    def patches_of(self, piece: int, corner: int) -> list[int] | None:
        """Every patch with the corner that is even enough; each comes up once."""
        found, first = [], 1 << corner
        left = [(first, self.loads[corner], self.beside[corner] & piece, first)]
        for _ in range(PATCHES):
            if not left:
                return found
            self.steps -= 1
            if self.steps < 0:
                return None
            patch, load, edge, barred = left.pop()
            if self.is_even(load, 1):
                found.append(patch)
            if load > 1 + self.within:
                continue
            for other in bits(edge):
                barred |= 1 << other
                grown = (edge | self.beside[other] & piece) & ~barred
                left.append((patch | 1 << other, load + self.loads[other], grown, barred))
        return None

    def parts_of(self, piece: int) -> Iterator[int]:
        """The parts in which it hangs together."""
        while piece:
            part = edge = piece & -piece
            while edge:
                reached = 0
                for unit in bits(edge):
                    reached |= self.beside[unit]
                edge = reached & piece & ~part
                part |= edge
            yield part
            piece &= ~part


def bits(piece: int) -> Iterator[int]:
    """The units of a piece, the lowest first."""
    while piece:
        lowest = piece & -piece
        yield lowest.bit_length() - 1
        piece ^= lowest
