"""A plan's map by an amount: its classes, its legend, who may see which."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Figure, Measure
from accounts.territories.shading import brief, shades_of
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

DAY = date(2026, 7, 1)


# --- The classes


def test_five_classes_of_as_many_units_each_that_begin_and_end_at_amounts_there_are():
    shades = shades_of({f"U{n}": n * 10 for n in range(1, 11)})

    assert [(shade.low, shade.high, shade.units) for shade in shades] == [
        (10, 20, 2),
        (30, 40, 2),
        (50, 60, 2),
        (70, 80, 2),
        (90, 100, 2),
    ]
    assert [shade.fill for shade in shades] == [f"measure-{n}" for n in range(1, 6)]


def test_one_giant_does_not_leave_all_others_in_one_shade():
    shades = shades_of({"BIG": 1_000_000} | {f"U{n}": n for n in range(1, 10)})

    assert len(shades) == 5
    assert shades[-1].high == 1_000_000


def test_equal_amounts_are_never_parted():
    shades = shades_of({f"U{n}": amount for n, amount in enumerate([0] * 7 + [5, 6, 7])})

    assert [(shade.low, shade.high, shade.units) for shade in shades] == [
        (0, 0, 7),
        (5, 5, 1),
        (6, 7, 2),
    ]
    assert [shade.fill for shade in shades] == ["measure-1", "measure-3", "measure-5"]


@pytest.mark.parametrize("amounts", [{}, {"A": 3}, {"A": -2, "B": 4}])
def test_few_amounts_make_few_classes(amounts):
    shades = shades_of(amounts)

    assert len(shades) == len(amounts)
    assert sum(shade.units for shade in shades) == len(amounts)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (2_103_719, "2,103,719"),
        (Decimal("1234.56"), "1,235"),
        (Decimal("0.1234"), "0.12"),
        (0, "0"),
    ],
)
def test_an_amount_is_as_long_as_it_need_be(amount, said):
    assert brief(amount) == said


# --- The page


@pytest.fixture
def planner(db):
    return factories.user(role="planner")


@pytest.fixture
def plan(planner):
    """Two territories with two places each; of three of the four the people are known."""
    made = factories.plan(owner=planner, team=planner.team, opened_on=DAY, name="Ours")
    made.units = []
    for n in range(4):
        body = factories.body(kind_code="place", name=f"Place {n}")
        type(body).objects.filter(pk=body.pk).update(longitude=-2 + n, latitude=52)
        if n % 2 == 0:
            home = factories.territory(plan=made, code=f"T{n}", position=n)
        factories.assignment(territory=home, organisation=body, opened_on=DAY)
        if n:
            factories.population(organisation=body, people=n * 1000, boundary_on=DAY)
        made.units.append(body)
    return made


def measure(by, figures, **fields):
    values = {"name": "Packs", "unit": "packs", "source": "Wholesalers, May", "counted_on": DAY}
    made = Measure.objects.create(by=by, at="2026-07-02T12:00Z", **values | fields)
    Figure.objects.bulk_create(
        Figure(measure=made, organisation=body, amount=amount) for body, amount in figures.items()
    )
    return made


def shown(client, plan, **query):
    return client.get(plan.get_absolute_url(), {"on": DAY.isoformat(), **query})


def fills(page):
    return {square.code: square.fill for square in page.context["picture"].squares}


def test_the_map_by_people_says_what_each_colour_means(client, planner, plan):
    client.force_login(planner)

    page = shown(client, plan, fill="people")

    first, *others = plan.units
    assert fills(page) == {first.code: "land"} | {
        body.code: f"measure-{n}" for body, n in zip(others, (1, 3, 5), strict=True)
    }
    said = text(page)
    assert "1,000 (1)" in said and "3,000 (1)" in said and "no figure (1)" in said
    assert "People: 1,000" in said and "People: no figure" in said
    assert breaks_the_policy(page) == []
    # The table's swatches are of territories: they would say something else than the map.
    assert all(fill is None for _, fill in page.context["territory_rows"])


def test_the_map_by_a_measure_rolls_up_what_was_uploaded(client, planner, plan):
    practice = factories.body(kind_code="practice")
    factories.relationship(child=practice, parent=plan.units[0])
    packs = measure(planner, {practice: Decimal("12.5"), plan.units[1]: 40})
    client.force_login(planner)

    page = shown(client, plan, fill=f"m{packs.pk}")

    assert fills(page)[plan.units[0].code] == "measure-1"
    assert fills(page)[plan.units[1].code] == "measure-5"
    assert "Packs, packs Wholesalers, May" in text(page)
    assert "Packs: 12.5 packs" in text(page)


def test_without_being_asked_it_is_by_territory_and_leads_to_the_others(client, planner, plan):
    packs = measure(planner, {plan.units[0]: 1})
    client.force_login(planner)

    page = shown(client, plan)

    assert page.context["shading"] is None
    assert set(fills(page).values()) == {"tile-1", "tile-2"}
    names = {name: address for name, address, _ in page.context["map_fills"]}
    assert set(names) == {"Territory", "People", "Packs"}
    assert f"fill=m{packs.pk}" in names["Packs"]
    assert client.get(names["Packs"]).context["shading"].label == "Packs"


@pytest.mark.parametrize("asked", ["m999999", "sales", "m", "'"])
def test_what_is_no_measure_is_by_territory(client, planner, plan, asked):
    client.force_login(planner)

    assert shown(client, plan, fill=asked).context["shading"] is None


def test_a_measure_of_a_walled_team_is_nobody_elses(client, planner, plan):
    theirs = measure(planner, {plan.units[0]: 7}, team=factories.team(is_walled=True))
    client.force_login(planner)

    page = shown(client, plan, fill=f"m{theirs.pk}")

    assert page.context["shading"] is None
    assert "Packs" not in text(page)


def test_a_field_user_has_people_and_no_measure(client, planner, plan):
    packs = measure(planner, {plan.units[0]: 7})
    rep = factories.user(role="field")
    factories.roster_entry(territory=plan.territories.first(), user=rep, opened_on=DAY)
    client.force_login(rep)

    page = shown(client, plan, fill=f"m{packs.pk}")

    assert page.context["shading"] is None
    assert [name for name, *_ in page.context["map_fills"]] == ["Territory", "People"]
    people = shown(client, plan, fill="people")
    assert "T2" not in text(people)


def test_the_map_of_a_territory_is_of_that_alone(client, planner, plan):
    client.force_login(planner)
    territory = plan.territories.first()

    page = client.get(
        reverse("accounts:territory", args=[plan.pk, territory.pk]),
        {"on": DAY.isoformat(), "fill": "people"},
    )

    assert page.context["shading"] is None
    assert page.context["map_fills"] == []


@pytest.mark.parametrize("number", [4, 40])
def test_a_shaded_map_costs_one_query_more_however_many_units(
    client, planner, plan, django_assert_num_queries, number
):
    home = plan.territories.first()
    for n in range(number - 4):
        body = factories.body(kind_code="place")
        type(body).objects.filter(pk=body.pk).update(longitude=-3 + n / 20, latitude=53)
        factories.assignment(territory=home, organisation=body, opened_on=DAY)
        factories.population(organisation=body, people=n, boundary_on=DAY)
    client.force_login(planner)
    shown(client, plan)

    with CaptureQueriesContext(connection) as plain:
        shown(client, plan)
    with django_assert_num_queries(len(plain) + 1):
        shown(client, plan, fill="people")
    assert len(plain) < 23  # of a draft, which asks what hinders it
