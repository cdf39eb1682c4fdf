"""What is to be dealt, and a deal, as numbers.

Nothing here knows what a unit is: arrays of n units and k territories.
"""

from dataclasses import dataclass, field

import numpy as np

NOBODY = -1


@dataclass(frozen=True)
class Problem:
    """What is to be dealt.

    ``amounts`` (n,) are of the measure to even out, none negative; ``places`` (n, 2) in any unit
    of length, the same both ways; ``neighbours`` n arrays of indices, symmetric; ``now`` (n,) the
    territory each unit has, NOBODY for none; ``locked`` (n,) those that stay where they are;
    ``homes`` (k, 2) where the territories are to lie, NaN where that is not said: they lie where
    they do now, and those without a unit where they find room. ``base`` (k,) is what each has
    besides, which is not dealt. ``within`` is how far from even a load may be, 0.05 for
    5 %. ``still`` and ``compact`` say how much few changes and short ways count, 1 as a rule.
    """

    amounts: np.ndarray
    places: np.ndarray
    neighbours: list[np.ndarray]
    now: np.ndarray
    locked: np.ndarray
    territories: int
    homes: np.ndarray | None = None
    base: np.ndarray | None = None
    within: float = 0.05
    still: float = 1.0
    compact: float = 1.0

    @property
    def even(self) -> float:
        """The load of each territory, were all the same."""
        return float(self.amounts.sum() + self.besides.sum()) / self.territories

    @property
    def besides(self) -> np.ndarray:
        """``base``, nothing where there is none."""
        return np.zeros(self.territories) if self.base is None else self.base

    @property
    def area(self) -> float:
        """The area of a territory, were all as large: what a distance is measured by."""
        spread = np.ptp(self.places, axis=0)
        return float(max(spread[0] * spread[1], 1e-9)) / self.territories

    @property
    def hangs_together(self) -> bool:
        """Whether every unit can be reached from every other."""
        return len(pieces(set(range(len(self.amounts))), self.neighbours)) == 1

    def loads(self, of: np.ndarray) -> np.ndarray:
        """(k,) what each territory has where the units are dealt so; NOBODY's counts nowhere."""
        given = of != NOBODY
        return self.besides + np.bincount(of[given], self.amounts[given], self.territories)


@dataclass
class Deal:
    """Who gets what: ``of`` (n,) territory by unit, and how good that is."""

    problem: Problem
    of: np.ndarray
    loads: np.ndarray = field(init=False)

    def __post_init__(self):
        self.loads = self.problem.loads(self.of)

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
