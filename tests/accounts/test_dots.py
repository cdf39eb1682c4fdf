"""A plan's map of more units than can be told apart as squares: dots, where they lie."""

import re
from datetime import date

import pytest

from accounts.territories.pictures import draw, squares_as_svg
from footprints.models import Version
from footprints.tiles import MOST, Spot, TileMap
from tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 22)


@pytest.fixture
def many():
    """Units in a row from west to east, a kilometre apart: two more than squares are drawn of."""
    spots = tuple(Spot(n, f"U{n}", f"Unit {n}", n * 1000.0, 0.0) for n in range(MOST + 2))
    return TileMap((), (), 0, 0, spots=spots)


@pytest.fixture
def two(many):
    """Two territories, the west half and the east; the last unit is nobody's."""
    plan = make.plan()
    west, east = (make.territory(plan=plan, code=code) for code in ("WEST", "EAST"))
    half = len(many.spots) // 2
    held = {spot.organisation_id: west if n < half else east for n, spot in enumerate(many.spots)}
    del held[many.spots[-1].organisation_id]
    return held


def shapes(picture):
    """(title, class, how many dots) of each shape, in the order drawn."""
    svg = squares_as_svg(picture, lambda dot: None)
    found = re.findall(r'<title>(.*?)</title><path class="dot (.*?)" d="(.*?)"/>', svg)
    return [(title, fill, path.count("M")) for title, fill, path in found]


def test_the_dots_of_a_territory_are_one_shape(many, two):
    picture = draw(many, two)

    assert picture.is_of_dots
    west, east = (picture.fills[territory.pk] for territory in dict.fromkeys(two.values()))
    assert west != east  # they lie beside each other
    whose = {title.split(":")[0]: (fill, dots) for title, fill, dots in shapes(picture)}
    assert whose.pop("no territory") == ("free", 1)
    assert sorted(whose.values()) == sorted([(west, MOST // 2 + 1), (east, MOST // 2)])
    assert {label.text for label in picture.labels} == {"WEST", "EAST"}
    assert all(0 <= dot.x <= picture.width - picture.dot for dot in picture.squares)


def test_a_territory_alone_lies_uppermost_and_is_labelled(many, two):
    west = two[0]
    picture = draw(many, two, highlighted=west, unknown="land")

    assert [fill for _, fill, _ in shapes(picture)] == ["land", "others", "ours"]
    assert [label.text for label in picture.labels] == ["WEST"]


def test_of_labels_that_would_lie_on_each_other_the_one_with_more_is_drawn(many):
    plan = make.plan()
    few, more = (make.territory(plan=plan, code=code) for code in ("FEW", "MORE"))
    held = {spot.organisation_id: more for spot in many.spots} | {MOST // 2: few}

    assert [label.text for label in draw(many, held).labels] == ["MORE"]


def test_a_shape_leads_to_its_territory(many, two):
    svg = squares_as_svg(draw(many, two), lambda dot: dot.territory and f"/{dot.territory.code}/")

    assert set(re.findall(r'href="(.*?)"', svg)) == {"/WEST/", "/EAST/"}
    assert svg.count("<g>") == 1


def test_units_on_one_spot_are_drawn(many):
    here = tuple(Spot(n, f"U{n}", "", 0.0, 0.0) for n in range(MOST + 1))
    picture = draw(TileMap((), (), 0, 0, spots=here), {})

    assert (picture.free, picture.labels) == (MOST + 1, [])
    assert picture.width == picture.height == picture.dot


def test_the_plan_its_comparison_and_its_brief_have_the_map(client, register):
    """A plan over the networks of the day, as people open it."""
    planner = make.user(role="planner", team=make.team())
    plan = make.plan(team=planner.team, owner=planner, opened_on=DAY)
    networks = Version.objects.now().on(DAY).filter(kind="pcn").order_by("organisation__code")
    bodies = [each.organisation for each in networks.select_related("organisation")]
    assert len(bodies) > MOST
    one, other = (make.territory(plan=plan, code=code) for code in ("A1", "B1"))
    for n, body in enumerate(bodies):
        make.assignment(plan=plan, territory=(one, other)[n % 2], organisation=body)
    copy = make.plan(team=planner.team, owner=planner, opened_on=DAY, copied_from=plan)
    third = make.territory(plan=copy, code="A1")
    make.assignment(plan=copy, territory=third, organisation=bodies[1])
    client.force_login(planner)

    page = client.get(f"{plan.get_absolute_url()}?on={DAY}").content.decode()
    assert page.count('class="dot ') == 2
    assert "a dot each" in page
    beside = client.get(f"/plans/compare/?a={plan.pk}&on_a={DAY}&b={copy.pk}&on_b={DAY}")
    drawn = beside.content.decode()
    assert 'class="dot tile-' in drawn
    assert 'class="dot free"' in drawn
    assert client.get(f"{one.get_absolute_url()}?on={DAY}").content.decode().count("dot ours") == 1
