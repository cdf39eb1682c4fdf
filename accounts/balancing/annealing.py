"""The deal made better on its borders: annealing that takes no territory apart.

Three moves. A unit on a border goes over; two on a border change places; two territories that
touch are put together and cut anew along a random tree through both, where that is cheapest
(the recombination of DeFord, Duchin and Solomon, 2021): more shifts at once than on the border.
"""

import math
from random import Random

import numpy as np

from .problem import NOBODY, Deal

TRIES = 250  # moves looked at for each unit in a round
FEWEST = 600  # units, as which fewer are looked at: a small country wants care too
MOVES = 600_000  # or so, looked at in all rounds together, of which there are
ROUNDS = (2, 6)
EXTRA = 2  # rounds more, for as long as a load is beyond the bounds
SOFT, HARD = 4.0, 150.0  # what unevenness costs, within the bounds and beyond them
RAMP = 0.2  # of that price beyond them holds at first; at the end five times all of it
WARM, COLD = 0.6, 0.003
SWAPS, CUTS = 0.3, 0.05  # how many moves are such
LATE = 0.75  # of a round; what comes after it is about the bounds
NEVER = 1e9  # a price that nobody pays


class Search:
    """A deal that is changed unit by unit. Plain lists: they are quicker than arrays by ones."""

    def __init__(self, problem, of, centres):
        self.problem = problem
        self.now = problem.now.tolist()
        self.locked = problem.locked.tolist()
        self.amounts = problem.amounts.tolist()
        self.neighbours = [[int(v) for v in each] for each in problem.neighbours]
        self.reset(of.tolist())
        mean = (problem.amounts.mean() or 1) * 1.0
        self.heavy = (problem.amounts / mean).tolist()
        apart = ((problem.places[:, None] - centres[None]) ** 2).sum(-1) / problem.area
        self.apart = (0.5 * problem.compact * apart).tolist()
        self.bound = 0.8 * problem.within
        # However much a change counts, being within the bounds counts for more.
        self.hard = HARD * math.sqrt(1 + 2 * problem.still)

    def reset(self, of):
        self.of = of
        self.members = [set() for _ in range(self.problem.territories)]
        self.loads = self.problem.besides.tolist()
        for unit, territory in enumerate(of):
            self.members[territory].add(unit)
            self.loads[territory] += self.amounts[unit]

    def uneven(self, load):
        off = abs(load / self.problem.even - 1)
        beyond = off - self.bound
        if beyond <= 0:
            return SOFT * (10 * off) ** 2
        # The more so the farther: where not all can be within, it is the farthest that is told.
        return SOFT * (10 * off) ** 2 + (self.hard * beyond) ** 2 * (1 + (10 * beyond) ** 2)

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
        self.members[home].remove(unit)
        self.members[to].add(unit)
        self.loads[home] -= self.amounts[unit]
        self.loads[to] += self.amounts[unit]

    def cuts(self, unit):
        """Whether its territory would be empty or in more pieces without it."""
        home, of = self.of[unit], self.of
        mine = [v for v in self.neighbours[unit] if of[v] == home]
        if len(mine) < 2:
            # An outlier may come home; the last unit of a territory stays.
            return len(self.members[home]) == 1
        wanted, seen, edge = set(mine[1:]), {unit, mine[0]}, [mine[0]]
        while edge and wanted:
            for other in self.neighbours[edge.pop()]:
                if of[other] == home and other not in seen:
                    seen.add(other)
                    wanted.discard(other)
                    edge.append(other)
        return bool(wanted)

    def divided(self, a, b, random):
        """The best cut of a random tree through two territories: (what it costs, the moves), or
        None where they do not hang together."""
        both = self.members[a] | self.members[b]
        edges, of = [], self.of
        for unit in both:
            for other in self.neighbours[unit]:
                if other > unit and other in both:
                    weight = random.random()
                    edges.append((weight, unit, other))
        edges.sort()
        root = {unit: unit for unit in both}
        tree = {unit: [] for unit in both}
        left = len(both) - 1
        for _, unit, other in edges:
            x, y = unit, other
            while root[x] != x:
                root[x] = x = root[root[x]]
            while root[y] != y:
                root[y] = y = root[root[y]]
            if x != y:
                root[x] = y
                tree[unit].append(other)
                tree[other].append(unit)
                left -= 1
        if left:
            return None
        first = next(iter(both))
        order, above = [first], {first: None}
        for unit in order:
            for other in tree[unit]:
                if other not in above:
                    above[other] = unit
                    order.append(other)
        load = {unit: self.amounts[unit] for unit in both}
        # What it costs more in a than in b; a locked unit has a price that nobody pays.
        dear = {unit: self.price(unit, a) - self.price(unit, b) for unit in both}
        for unit in both:
            if self.locked[unit]:
                dear[unit] = -NEVER if of[unit] == a else NEVER
        whole = self.loads[a] + self.loads[b]
        before = self.uneven(self.loads[a]) + self.uneven(self.loads[b])
        before += sum(dear[unit] for unit in self.members[a])
        all_dear = sum(dear.values())
        best = None
        for unit in reversed(order[1:]):
            mine, cost = load[unit], dear[unit]
            load[above[unit]] += mine
            dear[above[unit]] += cost
            uneven = self.uneven(mine) + self.uneven(whole - mine)
            is_a = cost <= all_dear - cost
            cost = uneven + (cost if is_a else all_dear - cost)
            if best is None or cost < best[0]:
                best = cost, unit, is_a
        cost, top, is_a = best
        under, edge = {top}, [top]
        while edge:
            unit = edge.pop()
            for other in tree[unit]:
                if other != above[unit]:
                    under.add(other)
                    edge.append(other)
        mine = under if is_a else both - under
        moves = [(unit, a if unit in mine else b) for unit in both]
        return cost - before, [(unit, to) for unit, to in moves if of[unit] != to]

    def total(self):
        """What the deal costs."""
        priced = sum(self.price(unit, to) for unit, to in enumerate(self.of))
        return priced + sum(map(self.uneven, self.loads))


def annealed(problem, starts, centres, seed, tries, tell):
    """The best deal that comes of these, which are taken in turn: in rounds, the last of which
    begins with the best so far.

    A corner of the country can be dealt in a few ways alone, and a deal that cooled in a wrong one
    stays there: beginning again, and elsewhere, helps; longer cooling does not.
    """
    random = Random(seed)
    fewest, most = ROUNDS
    rounds = min(most, max(fewest, MOVES // (tries * max(len(starts[0]), FEWEST))))
    best, best_of = math.inf, starts[0]
    for turn in range(rounds + EXTRA):
        is_last = turn >= rounds - 1
        if turn >= rounds and Deal(problem, best_of).farthest <= problem.within:
            break
        start = best_of if is_last and turn < rounds else starts[turn % len(starts)]
        search = Search(problem, start, centres)

        def told(done, turn=turn):
            return tell(min(0.99, 0.1 + 0.9 * (turn + done) / rounds))

        goes_on = _cooled(search, random, tries, told)
        if (total := search.total()) < best:
            best, best_of = total, np.array(search.of)
        if not goes_on:
            break
    return best_of


def _cooled(search, random, tries, tell) -> bool:
    """Move units of the search at less and less heat; it ends as the best of the late ones.
    False where it was stopped."""
    n = len(search.of)
    full = search.hard
    whole = tries * max(n, FEWEST)
    is_late, goes_on, best, best_of, score = False, True, 0.0, search.of, 0.0
    for step in range(whole):
        if step % 2_000 == 0:
            done = step / whole
            heat = max(COLD, WARM * (1 - done / LATE))
            if done < LATE:
                search.hard = full * (RAMP + (1 - RAMP) * done / LATE)
            elif not is_late:
                # What is still beyond the bounds counts for all by now.
                is_late, best, best_of, score = True, 0.0, list(search.of), 0.0
                search.hard = full * 5
            if not tell(done):
                goes_on = False
                break
        unit = random.randrange(n)
        home = search.of[unit]
        others = [v for v in search.neighbours[unit] if search.of[v] != home]
        if not others or search.locked[unit]:
            continue
        other = random.choice(others)
        to = search.of[other]
        lot = random.random()
        if lot < CUTS:
            found = search.divided(home, to, random)
            if found is None:
                continue
            delta, moves = found
        else:
            moves = [(unit, to)]
            if lot < CUTS + SWAPS and not search.locked[other]:
                # What comes back is on the border too.
                back = [
                    v
                    for v in search.neighbours[unit]
                    if search.of[v] == to and not search.locked[v]
                ]
                moves.append((random.choice(back), home))
            delta = search.gain(moves)
        if delta >= 0 and random.random() >= math.exp(-delta / (2 * heat)):
            continue
        if lot < CUTS:
            for one, goes in moves:
                search.put(one, goes)
        elif not _moved(search, moves):
            continue
        score += delta
        if is_late and score < best - 1e-9:
            best, best_of = score, list(search.of)
    search.hard = full * 5
    if is_late:
        search.reset(best_of)
    return goes_on


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
