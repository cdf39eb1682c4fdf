"""A plan's map in boundaries: what it draws, for whom, and when squares are drawn instead."""

import re
from datetime import date

import pytest

from accounts.territories.outlines import draw_outlines
from footprints.boundaries.reading import read
from footprints.models import Kind, Organisation
from footprints.services.boundaries import load_boundaries
from footprints.shapes import shapes
from tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2023, 7, 1)


@pytest.fixture
def four():
    """Four squares of forty kilometres in a row from west to east, of a kind of their own."""
    bodies = [make.body(kind_code="place", name=f"Place {n}") for n in range(4)]
    for n, body in enumerate(bodies):
        make.boundary(organisation=body, around=(400_000 + n * 40_000, 220_000), side=40_000)
    return bodies


@pytest.fixture
def two(four):
    """Two territories: the first three of the four squares, and the last."""
    plan = make.plan()
    west, east = (make.territory(plan=plan, code=code) for code in ("WEST", "EAST"))
    return {body.pk: west if n < 3 else east for n, body in enumerate(four)}


def drawing(held, places=(), **how):
    return draw_outlines(shapes("place", DAY), dict(places), held, **how)


def segments(path):
    return path.count("M")


# --- What is drawn -------------------------------------------------------------------------------


def test_each_unit_is_a_closed_path_with_the_fill_of_its_territory(four, two):
    found = drawing(two)

    assert [area.code for area in found.squares] == [body.code for body in four]
    assert all(area.path.endswith("z") for area in found.squares)
    fills = [area.fill for area in found.squares]
    assert fills[0] == fills[1] == fills[2] != fills[3]
    assert found.fills == {two[four[0].pk].pk: fills[0], two[four[3].pk].pk: fills[3]}
    assert (found.width, found.height, found.free) == (160, 40, 0)


def test_the_outline_runs_round_territories_and_not_between_units_of_one(two):
    # The coast in six lines, and the one between the two territories; not the two within.
    assert segments(drawing(two).outline) == 7


def test_a_label_stands_where_its_territory_is_widest(four, two):
    labels = {label.text: label for label in drawing(two).labels}

    assert set(labels) == {"WEST", "EAST"}
    left = drawing(two).left
    assert 0 < labels["WEST"].x - left < 120 < labels["EAST"].x - left < 160


def test_what_nobody_has_is_free_or_not_ours_to_say(four, two):
    del two[four[0].pk]

    gap, land = drawing(two), drawing(two, unknown="land")

    assert (gap.squares[0].fill, gap.free) == ("free", 1)
    assert land.squares[0].fill == "land"


def test_a_territory_of_one_s_own_stands_out(four, two):
    found = drawing(two, highlighted=two[four[0].pk])

    assert [area.fill for area in found.squares] == ["ours"] * 3 + ["others"]
    assert [label.text for label in found.labels] == ["WEST"]


def test_a_unit_without_a_boundary_is_a_small_square_where_it_lies(four, two):
    spotted, lost = make.body(kind_code="place"), make.body(kind_code="place")

    found = drawing(two, {spotted.pk: (-0.5, 51.8)})

    assert found.spotted == [spotted.code]
    assert found.squares[-1].code == spotted.code
    assert [code for _, code, _ in found.unplaced] == [lost.code]


def test_labels_that_would_run_into_one_another_give_way_to_the_larger():
    plan, held = make.plan(), {}
    for n, side in enumerate((40_000, 4_000, 4_000)):
        body = make.body(kind_code="place")
        make.boundary(organisation=body, around=(500_000 + n * 22_000, 205_000), side=side)
        held[body.pk] = make.territory(plan=plan, code=f"TERR{n}")

    texts = [label.text for label in drawing(held).labels]

    assert texts[0] == "TERR0"
    assert len(texts) == 2


# --- On pages ------------------------------------------------------------------------------------


@pytest.fixture
def plan(register, client):
    """A plan of all sub-ICB locations: the first fifty codes in one territory, the rest in two."""
    planner = make.user(role="planner")
    client.force_login(planner)
    made = make.plan(owner=planner, opened_on=date(2023, 4, 1), state="active")
    patches = [make.territory(plan=made, code=f"T0{n}", position=n) for n in range(3)]
    units = Organisation.objects.of_kind(DAY, kind="sub_icb").order_by("code")
    for n, unit in enumerate(units):
        patch = patches[0] if n < 50 else patches[1 + n % 2]
        make.assignment(territory=patch, organisation=unit, opened_on=made.opened_on)
    return made


@pytest.fixture
def loaded(shared, register):
    file = read(shared / "boundaries" / "sicbl_2023-04_BSC.geojson")
    return load_boundaries(file, kind=Kind.objects.get(pk="sub_icb"), day=date(2023, 4, 1))


def get(client, thing, **params):
    page = client.get(thing.get_absolute_url(), {"on": DAY.isoformat(), **params})
    assert page.status_code == 200
    return page.content.decode()


def figure(page):
    return re.search(r'<figure class="plan-map">.*?</figure>', page, re.DOTALL)[0]


def test_without_boundaries_the_map_is_of_squares_and_offers_nothing_else(client, plan):
    for asked in ({}, {"shapes": "boundaries"}):
        page = figure(get(client, plan, **asked))

        assert page.count("<rect") >= 106
        assert "How the map is drawn" not in page


def test_with_boundaries_the_map_is_of_them_and_squares_are_a_link_away(client, plan, loaded):
    page = figure(get(client, plan))

    assert page.count('class="area tile-') == 106
    assert '<a href="?' in page or "shapes=squares" in page
    assert 'aria-current="true">Boundaries' in page
    assert "Open Government Licence" in page
    squares = figure(get(client, plan, shapes="squares"))
    assert 'aria-current="true">Squares' in squares
    assert squares.count('class="area') == 0


def test_the_map_of_all_locations_is_small_and_says_whose_each_is(client, plan, loaded):
    page = figure(get(client, plan))

    assert len(page) < 110 * 1024
    assert re.search(r"<title>91Q NHS Kent[^<]*\nT0\d", page)
    assert page.count('tabindex="-1"') == 106


def test_london_is_drawn_again_larger_over_the_north_sea(client, plan, loaded):
    page = figure(get(client, plan))

    assert 'class="inset"' in page
    assert '<use href="#outlines"/>' in page


def test_where_too_few_have_a_boundary_squares_come_first(client, plan, tmp_path):
    body = Organisation.objects.get(code="91Q")
    make.boundary(organisation=body, boundary_on=date(2023, 4, 1), around=(575_000, 150_000))

    assert 'aria-current="true">Squares' in figure(get(client, plan))
    asked = figure(get(client, plan, shapes="boundaries"))
    assert 'aria-current="true">Boundaries' in asked
    assert "a small square stands where each lies" in asked


def test_a_territory_s_page_fills_that_territory_alone(client, plan, loaded):
    territory = plan.territories.get(code="T01")

    page = figure(get(client, territory))

    assert page.count('class="area ours"') == 28
    assert page.count('class="area others"') == 78
    assert "T02" not in re.findall(r'<text class="tile-label[^>]*>([^<]*)', page)


def test_a_field_user_sees_the_land_and_of_the_rest_nothing(client, plan, loaded):
    rep = make.user(role="field")
    make.roster_entry(territory=plan.territories.get(code="T01"), user=rep)
    client.force_login(rep)

    page = figure(get(client, plan))

    assert page.count('class="area land"') == 78
    assert "T02" not in page


@pytest.mark.parametrize("units", [1, 30])
def test_the_map_asks_the_database_the_same_however_many_units(units, django_assert_num_queries):
    for n in range(units):
        body = make.body(kind_code="place")
        make.boundary(organisation=body, around=(300_000 + 10_000 * n, 200_000))

    with django_assert_num_queries(7):
        drawing({})
