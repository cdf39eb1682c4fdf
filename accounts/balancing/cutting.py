"""Deals cut from trees: the country in two, each part in two again, as loads allow.

How many territories lie in a corner of the country is settled by where a deal begins, since moving
borders seldom changes it. Cut along random trees (the recombination of DeFord, Duchin and
Solomon, 2021, from the whole down), each part gets as many as its load has room for.
"""

from random import Random

import numpy as np

from .problem import NOBODY, Problem

CUTS = 40_000  # units in all deals that are cut, of which the evenest are gone on with
TREES = 2  # random ones through each part, of which the best cut is taken


def evenest_cuts(problem: Problem, centres: np.ndarray, random: Random, most: int) -> list:
    """The evenest of many deals (n,), cut from random trees, ``most`` at most; none where units
    are locked or the country does not hang together."""
    if problem.locked.any() or not problem.hangs_together:
        return []
    found = {}
    for _ in range(CUTS // len(problem.amounts)):
        parts = _cut(problem, random)
        if parts is not None:
            loads = np.bincount(parts, problem.amounts, problem.territories)
            # Two that are as even may well lie alike: one of them will do.
            found.setdefault(round(float(np.abs(loads / problem.even - 1).max()), 4), parts)
    return [_named(problem, centres, found[off]) for off in sorted(found)[:most]]


def _named(problem, centres, parts):
    """Parts as territories: those near their middle, and of them that have most of it now."""
    # Here and not above, as in `solving`: it is slow to load.
    from scipy.optimize import linear_sum_assignment

    apart = ((problem.places[:, None] - centres[None]) ** 2).sum(-1) / problem.area
    changed = (np.arange(problem.territories) != problem.now[:, None]) & (problem.now != NOBODY)[
        :, None
    ]
    price = problem.amounts[:, None] * (problem.compact * apart + problem.still * changed)
    of_part = np.zeros((problem.territories, problem.territories))
    np.add.at(of_part, parts, price)
    return linear_sum_assignment(of_part)[1][parts]


def _cut(problem, random):
    """The part of each unit (n,), 0 to k - 1, each in one piece; None where units are in the way
    of a cut."""
    neighbours = [[int(v) for v in each] for each in problem.neighbours]
    amounts = problem.amounts.tolist()
    even = problem.even
    of = np.full(len(amounts), NOBODY)
    waiting, number = [(set(range(len(amounts))), problem.territories)], 0
    while waiting:
        part, territories = waiting.pop()
        if territories == 1:
            of[list(part)] = number
            number += 1
            continue
        best = None
        for _ in range(TREES):
            order, above = _tree(part, neighbours, random)
            found = _best_cut(order, above, amounts, territories, even)
            if found and (best is None or found[0] < best[0]):
                best = *found, above, order
        if best is None:
            return None
        _, top, share, above, order = best
        under = _under(top, above, order)
        waiting += [(under, share), (part - under, territories - share)]
    return of


def _tree(part, neighbours, random):
    """A random tree through the part: its units from the root on, and what each hangs on."""
    first = random.choice(sorted(part))
    order, above, edge = [], {first: None}, [first]
    while edge:
        # Any of the edge comes next, so that the tree is neither a star nor a thread.
        at = random.randrange(len(edge))
        edge[at], edge[-1] = edge[-1], edge[at]
        unit = edge.pop()
        order.append(unit)
        for other in neighbours[unit]:
            if other in part and other not in above:
                above[other] = unit
                edge.append(other)
    return order, above


def _best_cut(order, above, amounts, territories, even):
    """(how uneven both parts are at least, the unit above which to cut, how many territories lie
    below), None where no cut leaves a unit for each."""
    load, size = {unit: amounts[unit] for unit in order}, dict.fromkeys(order, 1)
    for unit in reversed(order[1:]):
        load[above[unit]] += load[unit]
        size[above[unit]] += size[unit]
    whole, all_units = load[order[0]], len(order)
    best = None
    for unit in order[1:]:
        share = min(territories - 1, max(1, round(load[unit] / even)))
        if share > size[unit] or territories - share > all_units - size[unit]:
            continue
        off = max(
            abs(load[unit] / share - even),
            abs((whole - load[unit]) / (territories - share) - even),
        )
        if best is None or off < best[0]:
            best = off, unit, share
    return best


def _under(top, above, order):
    under = {top}
    for unit in order:
        if above[unit] in under:
            under.add(unit)
    return under
