"""The tile map: each unit a square of its own, neighbours near, the same map every time."""

from datetime import date
from math import hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprints.ancestry import ancestors
from footprints.models import Organisation
from footprints.tiles import MOST, lay_out, map_of, places_on
from tests import factories

DAY = date(2026, 4, 1)

# The centroids of eight places that nobody would put in another order.
NEWCASTLE, LEEDS, HULL = (-1.61, 54.97), (-1.55, 53.80), (-0.34, 53.74)
BIRMINGHAM, NORWICH, LONDON = (-1.90, 52.48), (1.30, 52.63), (-0.12, 51.51)
TRURO, DOVER = (-5.05, 50.26), (1.31, 51.13)
PLACES = (NEWCASTLE, LEEDS, HULL, BIRMINGHAM, NORWICH, LONDON, TRURO, DOVER)


def test_north_is_up_and_east_is_right():
    squares = dict(zip(PLACES, lay_out(PLACES), strict=True))

    assert squares[NEWCASTLE][1] < squares[LEEDS][1] < squares[LONDON][1]
    assert squares[TRURO][0] < squares[BIRMINGHAM][0] < squares[NORWICH][0]
    assert squares[LEEDS][0] < squares[HULL][0]


coordinates = st.tuples(st.floats(-6, 2), st.floats(50, 56))


@given(st.lists(coordinates, max_size=60))
def test_no_two_units_share_a_square_and_none_lies_outside_the_grid(points):
    squares = lay_out(tuple(points))

    assert len(set(squares)) == len(points)
    assert all(column >= 0 and row >= 0 for column, row in squares)
    if points:
        assert min(column for column, _ in squares) == min(row for _, row in squares) == 0


def test_units_on_one_spot_stand_side_by_side():
    squares = lay_out((LONDON,) * 9)

    assert len(set(squares)) == 9
    assert max(column for column, _ in squares) <= 4
    assert max(row for _, row in squares) <= 4


def test_the_same_points_give_the_same_map():
    once = lay_out(PLACES)
    lay_out.cache_clear()

    assert lay_out(PLACES) == once


def test_a_crowded_city_pushes_its_neighbours_out_but_keeps_them_near():
    city = tuple((LONDON[0] + dx / 50, LONDON[1] + dy / 50) for dx in range(6) for dy in range(6))
    country = tuple((x / 2 - 5, y / 2 + 50.5) for x in range(8) for y in range(8))

    squares = lay_out(city + country)

    middle = [sum(square[axis] for square in squares[:36]) / 36 for axis in (0, 1)]
    away = [hypot(square[0] - middle[0], square[1] - middle[1]) for square in squares[:36]]
    assert len(set(squares)) == 100
    # A square of 6 × 6 keeps 2.3 from its middle on average; the country lies between it here.
    assert sum(away) / len(away) < 5


# --- Of a day -----------------------------------------------------------------------------------


def test_the_map_of_a_day_has_exactly_what_lives_then(register):
    before = {tile.code for tile in map_of(date(2026, 3, 31), ["icb"]).tiles}
    after = {tile.code for tile in map_of(DAY, ["icb"]).tiles}

    assert (len(before), len(after)) == (42, 36)
    assert before - after >= {"QNQ"}  # Frimley
    assert after - before >= {"S0E4D", "S9B9J"}  # Thames Valley; Surrey and Sussex


def test_a_map_of_any_year_needs_no_boundaries_of_that_year(register):
    tile_map = map_of(date(2019, 6, 1), ["ccg"])

    cells = {(tile.column, tile.row) for tile in tile_map.tiles}
    rows = {tile.code: tile.row for tile in tile_map.tiles}
    assert len(cells) == len(tile_map.tiles) == 191
    assert rows["00L"] < rows["08C"] < rows["11N"]  # Northumberland, Hammersmith, Kernow
    assert not tile_map.unplaced


def place(code, kind_code, where=(None, None), parent=None, **fields):
    made = factories.organisation(code, longitude=where[0], latitude=where[1], **fields)
    factories.version(made, kind_code=kind_code)
    if parent:
        factories.relationship(child=made, parent=parent)
    return made


def test_a_body_that_is_only_proposed_has_no_square(empty_register):
    place("QAA", "icb", NEWCASTLE)
    place("NEW1", "icb", LONDON, is_provisional=True)

    assert [tile.code for tile in map_of(DAY, ["icb"]).tiles] == ["QAA"]


def test_a_unit_without_coordinates_stands_near_its_parent(empty_register):
    north, south = place("QAA", "icb", NEWCASTLE), place("QBB", "icb", TRURO)
    for number in range(3):
        place(f"N{number}", "pcn", parent=north)
        place(f"S{number}", "pcn", parent=south)
    place("ALONE", "pcn")

    tile_map = map_of(DAY, ["pcn"])

    rows = {tile.code: tile.row for tile in tile_map.tiles}
    assert max(rows[f"N{n}"] for n in range(3)) < min(rows[f"S{n}"] for n in range(3))
    assert [code for _, code, _ in tile_map.unplaced] == ["ALONE"]
    assert tile_map.columns == 1 + max(tile.column for tile in tile_map.tiles)


def test_a_unit_without_a_place_or_a_parent_stands_amid_its_members(empty_register):
    one, other = place("QAA", "icb", NEWCASTLE), place("QBB", "icb", TRURO)
    units = {code: place(code, "pcn") for code in ("MIDST", "NORTH", "ALONE")}
    for number, (parent, code) in enumerate(
        [(one, "MIDST"), (other, "MIDST"), (one, "NORTH"), (None, "ALONE")]
    ):
        member = place(f"M{number}", "practice", parent=parent)
        factories.relationship(child=member, parent=units[code], type="member_of")

    found = places_on([unit.pk for unit in units.values()], DAY)

    assert found[units["NORTH"].pk] == NEWCASTLE
    middle = tuple((a + b) / 2 for a, b in zip(NEWCASTLE, TRURO, strict=True))
    assert found[units["MIDST"].pk] == pytest.approx(middle)
    assert units["ALONE"].pk not in found  # its member has no place either
    assert [unit[1] for unit in map_of(DAY, ["pcn"]).unplaced] == ["ALONE"]


def test_more_units_than_can_be_told_apart_stand_where_they_lie(register):
    tile_map = map_of(DAY, ["pcn"])

    assert not tile_map.tiles
    assert tile_map.units == tile_map.spots
    assert len(tile_map.spots) + len(tile_map.unplaced) > MOST
    assert len({(spot.east, spot.south) for spot in tile_map.spots}) == len(tile_map.spots)
    assert min(spot.east for spot in tile_map.spots) == 0
    assert min(spot.south for spot in tile_map.spots) == 0


def test_spots_lie_as_the_country_does(empty_register):
    north, south = place("QAA", "icb", NEWCASTLE), place("QBB", "icb", TRURO)
    for number in range(MOST // 2 + 1):
        place(f"N{number}", "pcn", parent=north)
        place(f"S{number}", "pcn", parent=south)

    spots = {spot.code: spot for spot in map_of(DAY, ["pcn"]).spots}

    assert len(spots) == MOST + 2
    far = spots["S0"].south - spots["N0"].south
    assert far == pytest.approx(522_000, abs=5_000)  # metres from Newcastle down to Truro
    assert spots["N0"].east > spots["S0"].east
    near = max(abs(spots[f"N{n}"].south - spots["N0"].south) for n in range(MOST // 2 + 1))
    assert near < far / 3


@pytest.mark.parametrize("units", [1, 30])
def test_the_map_asks_the_database_the_same_however_many_units_there_are(
    empty_register, django_assert_num_queries, units
):
    parent = place("QAA", "icb", NEWCASTLE)
    for number in range(units):
        place(f"U{number}", "pcn", parent=parent)

    with django_assert_num_queries(3):  # the units, their ancestors, the places of those
        assert len(map_of(DAY, ["pcn"]).tiles) == units


# --- Ancestors ----------------------------------------------------------------------------------


def test_ancestors_are_those_of_the_day_the_nearest_first(register):
    keys = dict(Organisation.objects.values_list("code", "pk"))
    codes = {key: code for code, key in keys.items()}

    def above(code, day):
        return [codes[key] for key in ancestors([keys[code]], day).get(keys[code], [])]

    # Bassetlaw moved between systems, and between regions, on 1 July 2022.
    assert above("02Q", date(2022, 6, 30))[0] == "QF7"
    assert above("02Q", date(2022, 7, 1))[0] == "QT1"
    assert above("D4U1Y", date(2026, 4, 1)) == []  # Frimley's one location has closed


def test_a_circle_of_parents_ends_the_climb(empty_register):
    one, two = place("QAA", "icb"), place("QBB", "icb")
    factories.relationship(child=one, parent=two)
    factories.relationship(child=two, parent=one)

    assert ancestors([one.pk], DAY) == {one.pk: [two.pk]}
