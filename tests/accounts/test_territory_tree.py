"""Territories under territories: sums, places, colours, and what no tree can be."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import Territory
from accounts.territories import plans
from accounts.territories.colours import PALETTE
from accounts.territories.reading import PlanOnDay
from footprints.models import Organisation
from tests import factories

pytestmark = pytest.mark.usefixtures("register")

TODAY, FIRST = date(2026, 11, 22), date(2026, 4, 1)


@pytest.fixture
def by(client):
    user = factories.user(role="planner")
    client.force_login(user)
    return user


@pytest.fixture
def plan(by):
    return factories.plan(opened_on=FIRST)


@pytest.fixture
def tree(plan):
    """England over the South and the North; the South over T1 and T2; by code."""
    made = {}
    for position, (code, parent) in enumerate(
        [("T2", "S"), ("E", None), ("N", "E"), ("S", "E"), ("T1", "S")]
    ):
        made[code] = factories.territory(plan=plan, code=code, position=10 - position)
        made[code].under = parent
    for each in made.values():
        each.parent = made.get(each.under)
        each.save()
    for code, units in {"T1": ["91Q"], "T2": ["92A", "70F"], "N": ["13T"]}.items():
        for unit in Organisation.objects.with_codes(units):
            factories.assignment(territory=made[code], organisation=unit, opened_on=FIRST)
    return made


def settings_of(territory):
    return reverse("accounts:territory_settings", args=[territory.plan_id, territory.pk])


def typed(territory, **fields):
    return {"code": territory.code, "name": territory.name, "position": "1", **fields}


def test_the_tree_is_told_from_above_with_sums(plan, tree, by):
    on_day = PlanOnDay(plan, by, TODAY)

    told = [(row.territory.code, row.depth, row.units, row.all_units) for row in on_day.tree]

    assert told == [
        ("E", 0, 0, 4),
        ("S", 1, 0, 3),
        ("T1", 2, 1, 1),
        ("T2", 2, 2, 2),
        ("N", 1, 1, 1),
    ]
    people = {row.territory.code: row.all_people for row in on_day.tree}
    assert people["S"] == people["T1"] + people["T2"]
    assert (
        people["E"]
        == people["S"] + people["N"]
        == sum(on_day.people[unit] for unit in on_day.held)
    )


def test_what_only_holds_others_together_is_not_vacant(plan, tree, by):
    on_day = PlanOnDay(plan, by, TODAY)

    vacant = {row.territory.code for row in on_day.rows if row.is_vacant}

    assert vacant == {"T1", "T2", "N"}
    assert on_day.vacant == 3


def test_a_field_user_sees_their_own_branch_and_sums_of_it_alone(plan, tree, client):
    rep = factories.user(role="field")
    for code in ("S", "T1"):
        factories.roster_entry(territory=tree[code], user=rep, opened_on=FIRST)

    rows = PlanOnDay(plan, rep, TODAY).tree

    assert [(row.territory.code, row.depth, row.all_units) for row in rows] == [
        ("S", 0, 1),
        ("T1", 1, 1),
    ]


def test_the_page_shows_the_tree_with_its_sums(client, plan, tree):
    page = client.get(plan.get_absolute_url(), {"on": "2026-11-22"}).content.decode()

    places = [page.index(f">{code}</span>") for code in ("E", "S", "T1", "T2", "N")]
    assert places == sorted(places)
    assert 'class="card-title under-2"' in page


@pytest.mark.parametrize("under", ["E", "T1"])
def test_a_territory_under_itself_is_refused_in_words(client, tree, under):
    answer = client.post(settings_of(tree["E"]), typed(tree["E"], parent=tree[under].pk))

    assert answer.status_code == 422
    assert "parent" in answer.context["form"].errors
    assert Territory.objects.get(pk=tree["E"].pk).parent is None


def test_a_circle_that_two_people_would_close_is_refused_by_the_second(plan, by):
    one, two = (factories.territory(plan=plan, code=code) for code in "AB")
    plans.edit_territory(one, code="A", name="", parent=two, by=by)

    with pytest.raises(plans.UnderItself, match="lies under B"):
        plans.edit_territory(two, code="B", name="B", parent=one, by=by)

    assert Territory.objects.get(pk=two.pk).parent is None


def test_a_territory_of_another_plan_is_no_parent(client, tree):
    elsewhere = factories.territory()

    answer = client.post(settings_of(tree["N"]), typed(tree["N"], parent=elsewhere.pk))

    assert answer.status_code == 422


def test_a_territory_is_given_its_place_colour_notes_and_capacity(client, tree):
    answer = client.post(
        settings_of(tree["N"]),
        typed(
            tree["N"],
            parent=tree["S"].pk,
            colour="#d55e00",
            capacity="180.5",
            notes="By train",
            position="0",
        ),
    )

    assert answer.status_code == 302
    found = Territory.objects.get(pk=tree["N"].pk)
    assert (found.parent, found.colour, found.position) == (tree["S"], "#d55e00", 0)
    assert (found.capacity, found.notes) == (Decimal("180.5"), "By train")
    page = client.get(found.get_absolute_url(), {"on": "2026-11-22"}).content.decode()
    assert "180.5 days a year" in page
    assert "By train" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"capacity": "-1"},
        {"capacity": "many"},
        {"colour": "#123456"},
        {"position": "-1"},
        {"code": ""},
        {"code": "T1"},
    ],
)
def test_what_is_wrong_with_a_territory_is_refused_and_nothing_is_kept(client, tree, wrong):
    answer = client.post(settings_of(tree["N"]), typed(tree["N"], **{"notes": "New", **wrong}))

    assert answer.status_code == 422
    assert Territory.objects.get(pk=tree["N"].pk).notes == ""


def test_a_territory_is_added_where_it_is_said_and_else_at_the_end(client, plan, tree):
    address = reverse("accounts:add_territory", args=[plan.pk])

    client.post(address, {"code": "NEW"})
    client.post(address, {"code": "FIRST", "position": "0", "parent": tree["S"].pk})

    assert plan.territories.get(code="NEW").position == 11
    first = plan.territories.get(code="FIRST")
    assert (first.position, first.parent) == (0, tree["S"])


def test_a_colour_of_the_palette_is_the_map_s_fill_and_the_rest_go_by_place(client, plan, tree):
    Territory.objects.filter(pk=tree["T1"].pk).update(colour="#d55e00")

    page = client.get(plan.get_absolute_url(), {"on": "2026-11-22"})

    fills = page.context["picture"].fills
    assert fills[tree["T1"].pk] == PALETTE["#d55e00"][1] == "tile-8"
    assert set(fills.values()) <= {f"tile-{n}" for n in range(1, 9)}
    assert fills[tree["T2"].pk] != fills[tree["N"].pk]
