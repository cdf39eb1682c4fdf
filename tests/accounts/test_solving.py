"""The deal of units to territories, as numbers: even, in one piece, with few changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.balancing.solving import NOBODY, Deal, Problem, deal, least_moved, pieces


def grid(wide, high, territories, *, now=None, locked=(), amounts=None, **fields):
    """A problem on squares, each beside four others."""
    n = wide * high
    places = np.array([[unit % wide, unit // wide] for unit in range(n)], dtype=float)
    beside = [
        np.array(
            [
                row * wide + column
                for column, row in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1))
                if 0 <= column < wide and 0 <= row < high
            ],
            dtype=int,
        )
        for x, y in places.astype(int)
    ]
    is_locked = np.zeros(n, dtype=bool)
    is_locked[list(locked)] = True
    return Problem(
        amounts=np.ones(n) if amounts is None else np.array(amounts, dtype=float),
        places=places,
        neighbours=beside,
        now=np.full(n, NOBODY) if now is None else np.array(now),
        locked=is_locked,
        territories=territories,
        **fields,
    )


def random_amounts(n, seed=1):
    return np.random.default_rng(seed).integers(20, 80, n)


def test_a_plan_drawn_from_nothing_is_even_and_each_territory_hangs_together():
    problem = grid(24, 24, 12, amounts=random_amounts(24 * 24))

    found = deal(problem, tries=150)

    assert set(found.of.tolist()) == set(range(12))
    assert found.parts == 12
    assert found.farthest <= 0.05
    assert found.moved == 0  # nobody had anything


def test_an_uneven_plan_is_evened_by_moving_little_more_than_must_move():
    stripes = [(unit % 24) // 2 for unit in range(24 * 24)]
    uneven = [min(stripe, 9) for stripe in stripes]  # the last has three stripes of twelve
    problem = grid(24, 24, 10, now=uneven, still=4)
    before = Deal(problem, problem.now)
    assert before.farthest > 0.4

    found = deal(problem, tries=150)

    assert (found.parts, found.farthest <= 0.05) == (10, True)
    least = least_moved(problem)
    assert least == pytest.approx(144 - 57.6 * 1.05, abs=0.5)
    assert least <= found.moved < before.problem.amounts.sum() * 0.6


def test_what_is_even_already_stays():
    stripes = [unit % 24 // 2 for unit in range(24 * 24)]
    problem = grid(24, 24, 12, now=stripes, still=5)

    assert deal(problem, tries=60).moved == 0
    assert least_moved(problem) == 0


def test_locked_units_stay_whatever_it_costs():
    now = [0 if unit % 12 < 10 else 1 for unit in range(144)]
    locked = [unit for unit in range(144) if unit % 12 < 8]
    problem = grid(12, 12, 2, now=now, locked=locked)

    found = deal(problem, tries=100)

    assert {int(found.of[unit]) for unit in locked} == {0}
    assert found.loads.tolist() == [96, 48]  # as even as it can be


def test_an_island_belongs_to_somebody_and_a_territory_is_in_no_more_pieces_than_it_must():
    problem = grid(10, 10, 4)
    beside = [each.tolist() for each in problem.neighbours]
    for other in beside[99]:
        beside[other].remove(99)
    beside[99] = []
    cut_off = Problem(
        amounts=problem.amounts,
        places=problem.places,
        neighbours=[np.array(each, dtype=int) for each in beside],
        now=problem.now,
        locked=problem.locked,
        territories=4,
    )

    found = deal(cut_off, tries=100)

    assert NOBODY not in found.of
    assert found.parts == 5
    assert found.farthest <= 0.05


def test_homes_say_where_a_territory_lies():
    homes = np.array([[0.0, 0.0], [11.0, 11.0], [0.0, 11.0], [11.0, 0.0]])

    found = deal(grid(12, 12, 4, homes=homes), tries=60)

    corners = [found.of[0], found.of[143], found.of[132], found.of[11]]
    assert corners == [0, 1, 2, 3]


def test_the_same_problem_has_the_same_deal():
    problem = grid(12, 12, 5, amounts=random_amounts(144))

    assert (
        deal(problem, seed=7, tries=40).of.tolist() == deal(problem, seed=7, tries=40).of.tolist()
    )


def test_a_deal_that_is_stopped_is_whole():
    told = []

    def tell(done):
        told.append(done)
        return len(told) < 4

    found = deal(grid(12, 12, 5), tries=200, tell=tell)

    assert len(told) == 4
    assert NOBODY not in found.of
    assert found.parts == 5
    assert told == sorted(told)


def test_units_that_count_nothing_are_dealt_too():
    amounts = [0 if unit % 3 else 1 for unit in range(144)]

    found = deal(grid(12, 12, 4, amounts=amounts), tries=60)

    assert NOBODY not in found.of
    assert found.parts == 4


def test_pieces_hang_together():
    problem = grid(4, 1, 2)

    assert sorted(map(sorted, pieces({0, 1, 3}, problem.neighbours))) == [[0, 1], [3]]


@settings(max_examples=15, deadline=None)
@given(
    wide=st.integers(3, 9),
    high=st.integers(3, 9),
    territories=st.integers(2, 5),
    data=st.data(),
)
def test_every_unit_is_dealt_no_lock_is_broken_and_the_bound_holds(wide, high, territories, data):
    n = wide * high
    now = data.draw(st.lists(st.integers(NOBODY, territories - 1), min_size=n, max_size=n))
    amounts = data.draw(st.lists(st.integers(1, 50), min_size=n, max_size=n))
    locked = [unit for unit in range(0, n, 7) if now[unit] != NOBODY]
    problem = grid(wide, high, territories, now=now, amounts=amounts, locked=locked, within=0.2)

    found = deal(problem, tries=1)

    assert set(found.of.tolist()) <= set(range(territories))
    assert all(found.of[unit] == now[unit] for unit in locked)
    assert found.loads.sum() == pytest.approx(sum(amounts))
    if found.farthest <= 0.2:
        assert found.moved >= least_moved(problem) - 1e-6
