"""Which units lie beside one another: by their lines, else by their places."""

from datetime import date
from itertools import pairwise

import pytest

from footprints.adjacency import neighbours
from footprints.boundaries.reading import read
from footprints.models import Kind, Version
from footprints.services.boundaries import load_boundaries
from tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2023, 7, 1)


def bodies(*arounds, side=10_000, **fields):
    """Bodies of a kind that the register has none of, each a square round a place."""
    made = [make.body(kind_code="place") for _ in arounds]
    for body, around in zip(made, arounds, strict=True):
        if around:
            make.boundary(organisation=body, around=around, side=side, **fields)
    return made


def at(longitude, latitude, **fields):
    organisation = make.organisation(longitude=longitude, latitude=latitude)
    make.version(organisation, kind_code="place", **fields)
    return organisation


def pair(one, other):
    return tuple(sorted((one.pk, other.pk)))


def hang_together(keys, pairs):
    """Whether every key can be reached from the first."""
    reached, waiting = set(), [next(iter(keys))]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting += [b if a == here else a for a, b in pairs if here in (a, b)]
    return reached == set(keys)


def test_those_that_share_a_line_are_neighbours_and_those_that_share_a_corner_are_not():
    west, east, corner = bodies((500_000, 200_000), (510_000, 200_000), (520_000, 210_000))

    found = neighbours(["place"], DAY)

    assert pair(west, east) in found.pairs - found.over_water
    assert pair(east, corner) in found.over_water  # a corner is no line, but nobody is nearer
    assert pair(west, corner) not in found.pairs
    assert found.of(east.pk) == {west.pk, corner.pk}
    assert found.by_lines == {west.pk, east.pk, corner.pk}


def test_an_island_is_beside_what_is_nearest_over_the_water():
    west, east, island = bodies((500_000, 200_000), (510_000, 200_000), (512_000, 180_000))

    found = neighbours(["place"], DAY)

    assert found.over_water == {pair(east, island)}
    assert pair(west, island) not in found.pairs


def test_islands_far_out_are_joined_one_to_the_next():
    chain = bodies(*[(400_000, 200_000 + 40_000 * n) for n in range(4)])

    found = neighbours(["place"], DAY)

    assert found.pairs == {pair(a, b) for a, b in pairwise(chain)}


def test_lines_of_two_files_that_are_one_line_make_neighbours():
    (one,) = bodies((500_000, 200_000))
    (other,) = bodies((510_200, 200_100), boundary_on=date(2023, 4, 1))
    (corner,) = bodies((520_300, 210_200), boundary_on=date(2022, 4, 1))

    found = neighbours(["place"], DAY)

    assert pair(one, other) not in found.over_water
    assert pair(one, other) in found.pairs
    assert pair(other, corner) in found.over_water


def test_without_boundaries_no_third_lies_between_two_neighbours():
    west, middle, east = at(-2.0, 52.0), at(-1.5, 52.0), at(-1.0, 52.0)

    found = neighbours(["place"], DAY)

    assert found.pairs == {pair(west, middle), pair(middle, east)}
    assert found.by_place == {west.pk, middle.pk, east.pk}


def test_a_unit_without_a_boundary_is_judged_by_its_place_among_those_with_one():
    west, east = bodies((500_000, 200_000), (510_000, 200_000))
    new = at(-0.55, 51.78)  # some 500 000, 212 000: north of west

    found = neighbours(["place"], DAY)

    assert pair(west, east) in found.pairs
    assert pair(west, new) in found.pairs
    assert found.by_place == {new.pk}


def test_units_on_one_spot_hang_together_and_one_without_any_place_has_no_neighbour():
    here = [at(-1.5, 52.0) for _ in range(30)]
    nowhere = make.body(kind_code="place")

    found = neighbours(["place"], DAY)

    assert hang_together([body.pk for body in here], found.pairs)
    assert found.unplaced == {nowhere.pk}
    assert found.of(nowhere.pk) == set()


@pytest.mark.parametrize("lone", [0, 1, 2])
def test_few_units_are_no_trouble(lone):
    made = [at(-1.5 + n, 52.0) for n in range(lone)]

    assert len(neighbours(["place"], DAY).pairs) == max(0, len(made) - 1)


@pytest.mark.parametrize(
    ("kind", "day", "pairs"),
    [("ccg", date(2019, 4, 1), 411), ("icb", date(2022, 7, 1), 79)],
)
def test_the_nhs_of_any_day_hangs_together_by_its_places(register, kind, day, pairs):
    living = Version.objects.now().on(day).decided().filter(kind=kind)

    found = neighbours([kind], day)

    assert len(found.pairs) == pairs
    assert hang_together(set(living.values_list("organisation", flat=True)), found.pairs)


def test_real_boundaries_say_who_lies_beside_whom(shared, register):
    file = read(shared / "boundaries" / "sicbl_2023-04_BSC.geojson")
    kind = Kind.objects.get(pk="sub_icb")
    load_boundaries(file, kind=kind, day=date(2023, 4, 1))
    key = dict(
        Version.objects.now()
        .on(DAY)
        .filter(kind=kind)
        .values_list("organisation__code", "organisation")
    )
    code = {value: name for name, value in key.items()}

    found = neighbours(["sub_icb"], DAY)

    assert hang_together(set(key.values()), found.pairs)
    assert found.over_water == frozenset()  # the Isle of Wight is part of Hampshire's
    assert len(found.pairs) == 261
    # Kent and Medway: East Sussex, Surrey, South East London, and nobody over the Thames.
    assert {code[each] for each in found.of(key["91Q"])} == {"97R", "92A", "72Q"}
