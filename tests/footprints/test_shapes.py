"""Which boundary serves a day, and what the maps of the pages are given of it."""

import gzip
import json
from datetime import date

import numpy as np
import pytest
import shapely
from django.urls import reverse

from footprints.boundaries.covering import cover
from footprints.boundaries.meeting import arcs_of
from footprints.boundaries.reading import read
from footprints.models import Identifier, Kind
from footprints.services.boundaries import load_boundaries
from footprints.services.releases import undo_release
from footprints.shapes import NORTH, UNIT, shapes
from tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2020, 4, 1)
LATER = date(2023, 7, 1)


@pytest.fixture
def published(shared, register):
    """``published(name, kind, day)``: load one of the real files."""

    def load(name, kind, day):
        file = read(shared / "boundaries" / name)
        return load_boundaries(file, kind=Kind.objects.get(pk=kind), day=day)

    return load


@pytest.fixture
def locations(published):
    """The 106 sub-ICB locations of April 2023."""
    return published("sicbl_2023-04_BSC.geojson", "sub_icb", date(2023, 4, 1))


def codes(found):
    return [unit.code for unit in found.units]


def area(found):
    return shapely.area(found.geometries).sum()


def bodies(*ends, kind="place"):
    """Bodies of a kind that the register has none of, with the first and last days given."""
    return [make.body(kind_code=kind, **end) for end in ends]


def merge(*before, into, on=LATER, **fields):
    event = make.reorganisation(effective_on=on, state="effective", **fields)
    for body in before:
        make.succession(reorganisation=event, predecessor=body, successor=into)


# --- Which boundary serves a day -----------------------------------------------------------------


def test_a_boundary_serves_from_its_day_on_while_nothing_changes():
    (body,) = bodies({})
    make.boundary(organisation=body, boundary_on=DAY)

    assert codes(shapes("place", date(2020, 3, 31))) == []
    assert codes(shapes("place", DAY)) == [body.code]
    assert codes(shapes("place", LATER)) == [body.code]


def test_the_newest_boundary_by_the_day_is_the_one():
    (body,) = bodies({})
    make.boundary(organisation=body, boundary_on=DAY, side=10_000)
    make.boundary(organisation=body, boundary_on=LATER, side=20_000)

    assert area(shapes("place", date(2023, 6, 30))) == 1e8
    assert area(shapes("place", LATER)) == 4e8


def test_a_boundary_serves_no_day_after_its_body_lost_or_gained_a_part():
    giver, taker, witness = bodies({}, {}, {})
    for at, body in enumerate((giver, taker, witness)):
        make.boundary(organisation=body, around=(500_000 + at * 10_000, 200_000))
    event = make.reorganisation(effective_on=LATER, state="effective")
    make.succession(reorganisation=event, predecessor=giver, successor=taker, share="0.25")
    make.succession(
        reorganisation=event, predecessor=giver, successor=make.body(kind_code="ccg"), share="0.75"
    )

    assert len(shapes("place", date(2023, 6, 30)).units) == 3
    after = shapes("place", LATER)
    assert codes(after) == [witness.code]
    assert {code for _, code, _ in after.missing} == {giver.code, taker.code}


@pytest.mark.parametrize("state", ["rumoured", "proposed", "approved", "rejected", "paused"])
def test_an_event_that_is_not_decided_changes_no_boundary(state):
    one, other = bodies({}, {})
    make.boundary(organisation=one)
    event = make.reorganisation(effective_on=LATER, state=state)
    make.succession(reorganisation=event, predecessor=one, successor=other)

    assert codes(shapes("place", LATER)) == [one.code]


def test_functions_that_pass_and_a_change_of_nature_move_no_boundary():
    one, other = bodies({}, {})
    make.boundary(organisation=one)
    event = make.reorganisation(effective_on=LATER, state="effective")
    make.succession(reorganisation=event, predecessor=one, successor=other, passes="functions")
    make.succession(
        reorganisation=event, predecessor=one, successor=one, becomes=make.kind("place")
    )

    assert codes(shapes("place", LATER)) == [one.code]


def test_a_body_made_of_whole_bodies_has_their_shapes_together():
    west, east = bodies({"closed_on": LATER}, {"closed_on": LATER})
    (whole,) = bodies({"opened_on": LATER})
    make.boundary(organisation=west, around=(500_000, 200_000))
    make.boundary(organisation=east, around=(510_000, 200_000))
    merge(west, east, into=whole)

    found = shapes("place", LATER)

    assert codes(found) == [whole.code]
    assert len(found.units[0].boundaries) == 2
    assert found.geometries[0].bounds == (495_000, 195_000, 515_000, 205_000)


def test_a_survivor_has_its_own_shape_and_what_it_took_over():
    (gone,) = bodies({"closed_on": LATER})
    (survivor,) = bodies({})
    make.boundary(organisation=gone, around=(500_000, 200_000))
    make.boundary(organisation=survivor, around=(510_000, 200_000))
    merge(gone, into=survivor)

    assert area(shapes("place", date(2023, 6, 30))) == 2e8
    found = shapes("place", LATER)
    assert codes(found) == [survivor.code]
    assert area(found) == 2e8


def test_a_merger_of_which_one_shape_is_not_known_has_none():
    west, east = bodies({"closed_on": LATER}, {"closed_on": LATER})
    (whole,) = bodies({"opened_on": LATER})
    make.boundary(organisation=west)
    merge(west, east, into=whole)

    assert codes(shapes("place", LATER)) == []


def test_another_ons_code_is_another_boundary_but_not_the_one_it_was_published_under():
    moved, ahead = bodies({}, {})
    for body, at in ((moved, 500_000), (ahead, 520_000)):
        make.identifier(organisation=body, value="E38000001", opened_on=DAY, closed_on=LATER)
        code = "E38000002" if body == ahead else "E38000001"
        make.boundary(organisation=body, around=(at, 200_000), ons_code=code)
        make.identifier(organisation=body, value="E38000002", opened_on=LATER)

    assert len(shapes("place", date(2023, 6, 30)).units) == 2
    assert codes(shapes("place", LATER)) == [ahead.code]


def test_what_was_undone_is_drawn_only_for_the_moment_that_knew_it(locations):
    known = locations.release.pk
    undo_release(locations.release)

    assert shapes("sub_icb", LATER).units == ()
    assert len(shapes("sub_icb", LATER, known).units) == 106


def test_the_real_boundaries_serve_until_the_area_changes(locations, published):
    published("icb_2023-04_BSC.geojson", "icb", date(2023, 4, 1))

    eve, today = shapes("sub_icb", date(2026, 3, 31)), shapes("sub_icb", date(2026, 11, 22))
    assert (len(eve.units), eve.missing) == (106, ())
    # Frimley's locations were divided among these on 1 April 2026.
    assert {code for _, code, _ in today.missing} == {"92A", "D9Y0V", "U2G6B"}
    merged = [u for u in shapes("icb", date(2026, 11, 22)).units if len(u.boundaries) > 1]
    assert [unit.code for unit in merged] == ["Z9B2Z"]  # of two whole ICBs, on 1 April 2026


@pytest.mark.parametrize("rows", [1, 30])
def test_it_asks_the_database_the_same_however_many_there_are(rows, django_assert_num_queries):
    for at, body in enumerate(bodies(*[{}] * rows)):
        make.boundary(organisation=body, around=(300_000 + at * 10_000, 200_000))

    with django_assert_num_queries(7):
        assert len(shapes("place", LATER).arcs.polygons) == rows


def test_what_is_kept_by_the_newest_release_asks_nothing(django_assert_num_queries):
    (body,) = bodies({})
    newest = (make.boundary(organisation=body).asserted_by_id, 0)
    found = shapes("place", LATER, newest=newest)

    with django_assert_num_queries(0):
        assert shapes("place", LATER, newest=newest) is found

    make.boundary(organisation=body, boundary_on=LATER, side=20_000)
    assert area(shapes("place", LATER, newest=(newest[0] + 1, 0))) == 4e8


# --- Arcs ----------------------------------------------------------------------------------------


def whole(arcs, polygons):
    rings = [[arcs.ring(ring) for ring in part] for part in polygons]
    return shapely.union_all([shapely.Polygon(outer, holes) for outer, *holes in rings])


def test_arcs_put_together_again_are_the_shapes(shared):
    file = read(shared / "boundaries" / "sicbl_2023-04_BSC.geojson")
    given = cover([feature.shape for feature in file.features]).shapes

    arcs = arcs_of(given)

    for shape, polygons in zip(given, arcs.polygons, strict=True):
        assert shapely.equals(whole(arcs, polygons), shape)
    points = sum(map(len, arcs.lines))
    assert points < 0.75 * shapely.get_num_coordinates(given).sum()  # shared lines are held once
    assert {len(users) for users in arcs.users} == {1, 2}


def test_shapes_dissolve_without_geometry_into_what_geometry_says(shared):
    file = read(shared / "boundaries" / "sicbl_2023-04_BSC.geojson")
    given = np.array(cover([feature.shape for feature in file.features]).shapes, dtype=object)
    owners = {row: row % 7 for row in range(len(given))}

    arcs = arcs_of(list(given))
    dissolved = arcs.dissolved(owners)

    for owner, rings in dissolved.items():
        signed = sum(
            (1 if shapely.is_ccw(ring := shapely.LinearRing(arcs.ring(each))) else -1)
            * shapely.Polygon(ring).area
            for each in rings
        )
        union = shapely.union_all(given[[row for row in owners if owners[row] == owner]])
        assert abs(signed) == pytest.approx(union.area)


def test_a_hole_and_what_fills_it_share_one_arc():
    outer, inner = shapely.box(0, 0, 30, 30), shapely.box(10, 10, 20, 20)

    arcs = arcs_of([outer.difference(inner), inner])

    assert sorted(len(users) for users in arcs.users) == [1, 2]
    (rings,) = arcs.dissolved({0: "all", 1: "all"}).values()
    assert len(rings) == 1


def test_islands_that_touch_at_a_corner_stay_apart():
    arcs = arcs_of([shapely.box(0, 0, 10, 10), shapely.box(10, 10, 20, 20)])

    assert {len(users) for users in arcs.users} == {1}


# --- The file that maps fetch --------------------------------------------------------------------


@pytest.fixture
def signed_in(client):
    client.force_login(make.user(role="field"))
    return client


ADDRESS = "/register/shapes/sub_icb.json"


def test_the_file_is_topojson_of_the_drawing(signed_in, locations):
    page = signed_in.get(ADDRESS, {"on": "2023-07-01"})

    topology = json.loads(page.content)
    assert topology["type"] == "Topology"
    units = topology["objects"]["units"]["geometries"]
    assert [unit["id"] for unit in units] == codes(shapes("sub_icb", LATER))
    assert units[0]["properties"]["name"]
    west, north, east, south = topology["bbox"]
    kent = shapes("sub_icb", LATER)
    bounds = shapely.total_bounds(kent.geometries)
    assert west == round(bounds[0] / UNIT)
    assert north == round((NORTH - bounds[3]) / UNIT)  # y goes down
    assert east > west
    assert south > north
    assert 80 < len(page.content) / 1024 < 200
    assert all(len(arc) >= 2 for arc in topology["arcs"])


def test_it_is_sent_compressed_once_and_not_again_while_nothing_changes(signed_in, locations):
    page = signed_in.get(ADDRESS, {"on": "2023-07-01"}, headers={"Accept-Encoding": "gzip, br"})

    assert page["Content-Encoding"] == "gzip"
    assert page["Cache-Control"].startswith("private")
    assert len(page.content) < 60 * 1024
    assert json.loads(gzip.decompress(page.content))["type"] == "Topology"
    asked = {"If-None-Match": page["ETag"], "Accept-Encoding": "gzip"}
    same = signed_in.get(ADDRESS, {"on": "2023-08-01"}, headers=asked)
    assert (same.status_code, same.content) == (304, b"")
    undo_release(locations.release)
    assert signed_in.get(ADDRESS, {"on": "2023-07-01"}, headers=asked).status_code == 200


def test_without_boundaries_it_is_empty_and_for_strangers_and_unknown_kinds_it_is_not(
    client, register
):
    assert client.get(ADDRESS).status_code == 302

    client.force_login(make.user(role="field"))

    empty = json.loads(client.get(ADDRESS).content)
    assert empty["objects"]["units"]["geometries"] == []
    assert client.get("/register/shapes/nothing.json").status_code == 404
    assert client.post(ADDRESS).status_code == 405
    assert reverse("footprints:shapes", args=["sub_icb"]) == ADDRESS


def test_identifiers_of_a_real_body_decide_as_the_register_has_them(locations):
    row = Identifier.objects.now().filter(organisation__code="92A", scheme="gss")
    assert row.count() == 2  # its code changed: the boundary came under the later one

    assert "92A" in codes(shapes("sub_icb", date(2024, 4, 1)))
