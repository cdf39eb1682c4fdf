"""How evenly six territories share what they hold, recounted by hand; and the page of it."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import AccountLead, Sheet
from accounts.territories.balance import balance, compactness, weigh
from accounts.territories.reading import PlanOnDay
from tests import factories as make

pytestmark = pytest.mark.usefixtures("register")

FIRST = date(2026, 1, 1)
DAY = date(2026, 11, 22)
PEOPLE = [100, 200, 300, 400, 500, 600, 700, 800]
SALES = [10, 20, 30, 40, 50, 60, 70, 80]
# Unit → territory, by place: T5 holds nothing, the last unit is nobody's.
DEAL = [0, 0, 1, 1, 2, 3, 4, None]


class Six:
    """Eight units of a kind of their own in a row from west to east, each with two practices, its
    people and its sales; in six territories of a plan."""

    def __init__(self, **fields):
        self.planner = make.user(role="planner")
        self.plan = make.plan(owner=self.planner, opened_on=FIRST, state="active", **fields)
        make.kind("brick", name="Brick", plural="Bricks", tier=4)
        self.territories = [
            make.territory(plan=self.plan, code=f"T{n}", position=n, capacity=capacity)
            for n, capacity in enumerate([10, 20, None, 100, 35, 5])
        ]
        self.measure = make.measure(name="Sales", unit="£", days_each=Decimal("0.5"))
        self.units, self.practices = [], []
        for place, (people, sales, whose) in enumerate(zip(PEOPLE, SALES, DEAL, strict=True)):
            unit = make.organisation(longitude=-2 + place / 10, latitude=53)
            make.version(unit, kind_code="brick", name=f"Brick {place}")
            make.population(organisation=unit, people=people)
            for amount in (sales - 1, 1):
                practice = make.body(kind_code="practice")
                make.relationship(child=practice, parent=unit)
                make.figure(measure=self.measure, organisation=practice, amount=amount)
                self.practices.append(practice)
            if whose is not None:
                make.assignment(
                    territory=self.territories[whose], organisation=unit, opened_on=FIRST
                )
            self.units.append(unit)

    @property
    def on_day(self):
        return PlanOnDay(self.plan, self.planner, DAY)


@pytest.fixture
def six():
    return Six()


def amounts(found, key):
    return [row.cells[key].amount for row in found.rows]


def test_every_number_is_what_a_person_counts(six):
    found = balance(six.on_day, [six.measure])

    sales = f"m{six.measure.pk}"
    assert amounts(found, "units") == [2, 2, 1, 1, 1, 0]
    assert amounts(found, "practices") == [4, 4, 2, 2, 2, 0]
    assert amounts(found, "people") == [300, 700, 500, 600, 700, 0]
    assert amounts(found, sales) == [30, 70, 50, 60, 70, 0]
    assert found.totals == {"units": 7, "practices": 14, "people": 2800, sales: 280}
    assert found.unassigned == {"units": 1, "practices": 2, "people": 800, sales: 80}
    assert found.means["people"] == Decimal(2800) / 6
    indexes = [round(row.cells["people"].index) for row in found.rows]
    assert indexes == [64, 150, 107, 129, 150, 0]
    assert round(found.furthest("people")) == 100
    assert [row.days for row in found.rows] == [15, 35, 25, 30, 35, 0]
    assert [row.load for row in found.rows] == [1.5, 1.75, None, 0.3, 1, 0]


def test_a_changed_deal_is_added_up_without_a_query(six, django_assert_num_queries):
    on_day = six.on_day
    weights = weigh(on_day, [six.measure])
    assert amounts(balance(on_day, weights=weights), "people")[5] == 0
    last = six.territories[5].pk
    would_be = {unit: t.pk for unit, t in on_day.held.items()} | {six.units[7].pk: last}

    with django_assert_num_queries(0):
        found = balance(on_day, weights=weights, assigned=would_be)

    assert amounts(found, "people") == [300, 700, 500, 600, 700, 800]
    assert found.unassigned["people"] == 0


def test_of_a_shared_unit_each_territory_has_its_part_of_people_and_measures(six):
    make.shared_unit(
        territory=six.territories[0], organisation=six.units[1], share=Decimal("0.25")
    )

    found = balance(six.on_day, [six.measure])

    first = found.rows[0]
    assert first.cells["people"].amount == 100 + 200 * Decimal("0.25")
    assert first.cells[f"m{six.measure.pk}"].amount == 10 + 20 * Decimal("0.25")
    assert first.cells["units"].amount == 2
    assert first.days == Decimal("7.5")


def test_the_finer_unit_has_what_is_its_own_in_a_plan_of_mixed_levels(six):
    """A practice of the first unit is a named account of another territory."""
    named = six.practices[0]
    make.assignment(territory=six.territories[5], organisation=named, opened_on=FIRST)

    found = balance(six.on_day, [six.measure])

    assert amounts(found, "practices") == [3, 4, 2, 2, 2, 1]
    assert amounts(found, f"m{six.measure.pk}") == [21, 70, 50, 60, 70, 9]


def test_the_queries_are_as_many_for_thirty_units_as_for_eight(six, django_assert_max_num_queries):
    for _ in range(22):
        make.assignment(
            territory=six.territories[5],
            organisation=make.body(kind_code="brick"),
            opened_on=FIRST,
        )

    with django_assert_max_num_queries(16):
        balance(six.on_day, [six.measure])


def test_account_leads_are_counted_by_territory(six):
    flag = make.flag(six.plan)
    AccountLead.objects.create(
        plan=six.plan,
        territory=six.territories[2],
        organisation=six.units[0],
        opened_on=FIRST,
        made_by=Sheet.objects.create(flag=flag),
    )

    assert [row.leads for row in balance(six.on_day).rows] == [0, 0, 1, 0, 0, 0]


def test_a_plan_of_nothing_has_a_balance(db):
    planner = make.user(role="planner")
    plan = make.plan(owner=planner, opened_on=FIRST)
    assert balance(PlanOnDay(plan, planner, DAY)).rows == []

    make.territory(plan=plan)
    [row] = balance(PlanOnDay(plan, planner, DAY)).rows
    assert row.cells["units"].index is None
    assert row.compactness is None


# --- Compactness


def grid(side):
    return {x * side + y + 1: (float(x), float(y)) for x in range(side) for y in range(side)}


def test_halves_of_a_square_are_as_compact_as_can_be():
    points = grid(6)
    halves = {key: 1 if x < 3 else 2 for key, (x, _) in points.items()}

    assert compactness(points, halves) == {1: 1, 2: 1}


def test_stripes_through_one_another_are_not():
    points = grid(6)
    stripes = {key: 1 + int(x) % 2 for key, (x, _) in points.items()}

    assert compactness(points, stripes) == {1: 18 / 30, 2: 18 / 30}


def test_a_ring_around_another_territory_holds_it_between_its_own():
    points = grid(3)
    ring = {key: 2 if (x, y) == (1, 1) else 1 for key, (x, y) in points.items()}

    assert compactness(points, ring) == {1: 8 / 9, 2: 1}


def test_what_has_no_place_has_no_shape():
    assert compactness({}, {1: 1}) == {}
    assert compactness({1: (0.0, 0.0)}, {1: 7, 2: 8}) == {7: 1}


# --- The page


@pytest.fixture
def page(client, six):
    client.force_login(six.planner)
    address = reverse("accounts:balance", args=[six.plan.pk])
    return lambda **params: client.get(address, {"on": DAY.isoformat(), **params})


def test_the_page_shows_the_table_and_what_came_to_no_unit(page, six):
    make.figure(measure=six.measure, organisation=make.body(kind_code="practice"), amount=7)

    text = page().content.decode()

    assert "T4" in text
    assert "2,800" in text
    assert "in no unit of the plan" in text
    assert six.measure.get_absolute_url() in text


def test_measures_are_chosen_in_the_address(page, six):
    other = make.measure(name="Patients")

    assert "Patients</a>" in page().content.decode()
    alone = page(measure=six.measure.pk).content.decode()
    assert "Sales</a>" in alone
    assert "Patients</a>" not in alone
    none = page(measure="-").content.decode()
    assert f'<a href="{other.get_absolute_url()}' not in none


def test_a_measure_that_is_not_ours_is_no_column(page, six):
    hidden = make.measure(team=make.team(is_walled=True), name="Medical secret")

    assert "Medical secret" not in page(measure=hidden.pk).content.decode()


def test_it_can_be_taken_as_csv_and_by_a_program(page, six):
    heads, *rows = csv.reader(io.StringIO(page(format="csv").content.decode("utf-8-sig")))
    assert heads[:6] == [
        "Territory",
        "Name",
        "Units",
        "Units: index",
        "Practices",
        "Practices: index",
    ]
    assert len(rows) == 6
    assert rows[1][heads.index("People")] == "700"
    assert rows[1][heads.index("Sales (£)")] == "70"

    found = page(format="json").json()
    assert [row["amounts"]["people"] for row in found["rows"]] == [300, 700, 500, 600, 700, 0]


@pytest.mark.parametrize(("role", "status"), [("field", 403), ("steward", 403), ("manager", 200)])
def test_it_is_for_those_who_plan(client, six, role, status):
    client.force_login(make.user(role=role))

    for name in ("balance", "coverage"):
        assert client.get(reverse(f"accounts:{name}", args=[six.plan.pk])).status_code == status


def test_a_walled_team_s_plan_is_not_found(client, six):
    hidden = make.plan(team=make.team(is_walled=True))
    client.force_login(six.planner)

    for name in ("balance", "coverage"):
        assert client.get(reverse(f"accounts:{name}", args=[hidden.pk])).status_code == 404
    declare = reverse("accounts:declare_shares", args=[hidden.pk])
    assert client.post(declare, {"unit": "91Q"}).status_code == 404
