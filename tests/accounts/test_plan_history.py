"""Whatever changes a plan leaves a line of its history; what moved units is undone where drawn."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.challenges import deeds
from accounts.drawing import gestures
from accounts.models import Assignment, PlanChange, SharedUnit, TerritoryPlan
from accounts.territories import coverage, history, plans, roster
from footprints.models import Organisation
from tests import factories
from tests.footprints.pages import text

pytestmark = pytest.mark.usefixtures("register")

FIRST, DAY, LATER = date(2026, 4, 1), date(2026, 7, 1), date(2026, 10, 1)
KENT = "Kent and Medway ICB - 91Q (91Q)"


@pytest.fixture
def by(client):
    user = factories.user(role="manager", first_name="Pia")
    client.force_login(user)
    return user


@pytest.fixture
def plan(by):
    return factories.plan(opened_on=FIRST, name="Told", team=factories.team())


@pytest.fixture
def north(plan):
    return factories.territory(plan=plan, code="N", name="North", position=0)


@pytest.fixture
def south(plan):
    return factories.territory(plan=plan, code="S", name="South", position=1)


def units(*codes):
    return Organisation.objects.filter(code__in=codes or ["91Q"])


def key(code="91Q"):
    return Organisation.objects.get(code=code).pk


def give(plan, territory, *codes, by, on=FIRST):
    return plans.assign_units(plan, territory, units(*codes), opened_on=on, by=by)


def held(plan, day=DAY):
    found = Assignment.objects.filter(plan=plan).on(day)
    return dict(found.values_list("organisation__code", "territory__code"))


def told(plan):
    return list(plan.changes.values_list("says", flat=True))


def page(client, plan):
    return text(client.get(reverse("accounts:plan_history", args=[plan.pk])))


# --- Units


def test_what_is_assigned_on_the_plans_page_is_told_with_who_and_which_units(plan, north, by):
    give(plan, north, "91Q", "92A", by=by)

    change = plan.changes.get()
    plan.refresh_from_db()
    assert (change.says, change.by, change.from_on) == ("2 units to N North", by, FIRST)
    assert sorted(change.rows) == sorted(
        [key(code), "owner", None, north.pk] for code in ("91Q", "92A")
    )
    assert change.revision == plan.revision


def test_what_changes_nothing_leaves_no_line(plan, north, by):
    give(plan, north, by=by)

    give(plan, north, by=by)
    plans.unassign_units(plan, units("92A"), closed_on=DAY, by=by)
    plans.edit_plan(plan, name="Told", kinds=[], by=by)

    assert told(plan) == [f"{KENT} to N North"]


def test_what_is_freed_on_the_plans_page_is_undone_in_the_workspace_with_the_day_it_ended(
    plan, north, by
):
    factories.assignment(
        territory=north, organisation=units()[0], opened_on=FIRST, closed_on=LATER
    )
    plans.unassign_units(plan, units(), closed_on=DAY, by=by)
    assert told(plan) == [f"{KENT} freed"]

    gestures.undo(plan, by=by)

    assert plan.assignments.values_list("opened_on", "closed_on").get() == (FIRST, LATER)


def test_an_accepted_challenge_is_told_as_what_it_is_and_undone_in_the_workspace(
    plan, north, south, by
):
    give(plan, north, by=by)
    rep = factories.user(role="field", first_name="Sam")
    raised = deeds.challenge(south, units()[0], reason="Mine", by=rep, on=DAY, wanted=south)

    deeds.accept(raised, by=by, on=DAY)

    assert told(plan)[-1] == f"{KENT} to S South, as {rep} asked"
    assert gestures.can_undo(plan, by)["undo"] == told(plan)[-1]
    gestures.undo(plan, by=by)
    assert held(plan) == {"91Q": "N"}
    gestures.redo(plan, by=by)
    assert held(plan) == {"91Q": "S"}


def test_a_challenge_that_is_accepted_otherwise_says_so(plan, north, south, by):
    give(plan, north, by=by)
    east = factories.territory(plan=plan, code="E", name="East", position=2)
    rep = factories.user(role="field", first_name="Sam")
    raised = deeds.challenge(south, units()[0], reason="Mine", by=rep, on=DAY, wanted=south)

    deeds.accept(raised, by=by, on=DAY, to=east)

    assert told(plan)[-1] == f"{KENT} to E East, after {rep} challenged it"


def test_a_move_in_another_role_is_told_and_is_none_of_the_workspace_s(plan, north, by):
    plans.assign_units(plan, north, units(), "mirror", opened_on=DAY, by=by)

    assert told(plan) == [f"{KENT} to N North as mirror"]
    assert gestures.can_undo(plan, by)["undo"] is None


def test_what_moved_no_unit_is_skipped_by_undo_and_leaves_redo_as_it_was(plan, north, by):
    give(plan, north, by=by)
    plans.add_territory(plan, code="X", by=by)

    gestures.undo(plan, by=by)
    plans.add_territory(plan, code="Y", by=by)
    gestures.redo(plan, by=by)

    assert held(plan) == {"91Q": "N"}


# --- What is no unit


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        (lambda plan, t, by: plans.add_territory(plan, code="X", by=by), "Territory X added"),
        (
            lambda plan, t, by: plans.edit_territory(
                t, code="N", name="Up", parent=None, capacity=Decimal(90), by=by
            ),
            "Territory N North: capacity in days: none → 90; name: North → Up",
        ),
        (
            lambda plan, t, by: plans.remove_territory(t, by=by),
            "Territory N North removed",
        ),
        (
            lambda plan, t, by: plans.edit_plan(
                plan, name="New", kinds=["sub_icb"], closed_on=LATER, nations=["E", "W"], by=by
            ),
            "Settings: name: Told → New; last day: none → 30 September 2026; "
            "nations: England → England, Wales; kinds of unit: none → Sub-ICB location",
        ),
        (
            lambda plan, t, by: roster.put_on_roster(
                t, name="Sam", opened_on=DAY, fte=Decimal("0.6"), is_agency=True, by=by
            ),
            "Sam is owner of N North, since 1 Jul 2026, 0.6 FTE, from an agency",
        ),
    ],
)
def test_what_moves_no_unit_is_told_in_words(plan, north, by, deed, says):
    deed(plan, north, by)

    change = PlanChange.objects.get()
    plan.refresh_from_db()
    assert (change.says, change.rows, change.by) == (says, [], by)
    assert change.revision == plan.revision


def test_who_comes_and_goes_on_the_roster_is_told(plan, north, by):
    roster.put_on_roster(north, name="Sam", opened_on=FIRST, by=by)
    kim = roster.put_on_roster(
        north, name="Kim", opened_on=DAY, hands_over_until=date(2026, 7, 15), by=by
    )
    roster.take_off_roster(kim, closed_on=LATER, by=by)
    kim.refresh_from_db()
    roster.take_off_roster(kim, closed_on=DAY, by=by)

    assert told(plan)[1:] == [
        "Kim is owner of N North, since 1 Jul 2026, in place of Sam, who hands over until "
        "14 July 2026",
        "Kim, owner of N North, has another last day: 30 September 2026",
        "Kim, owner of N North, taken off: it was to be 1 Jul 2026 – 30 Sep 2026",
    ]


def test_declared_shares_are_told_in_each_plan_of_theirs(plan, north, by):
    other = factories.territory(plan=factories.plan(opened_on=FIRST), code="O", name="Other")
    for territory in (north, other):
        factories.assignment(territory=territory, organisation=units()[0], opened_on=FIRST)

    half = Decimal("0.5")
    coverage.declare_shares(units()[0], {north: half, other: half}, reason="Two", by=by)
    coverage.withdraw_shares(units()[0], [north, other], by=by)

    for each in (plan, other.plan):
        assert told(each) == [
            "91Q is shared: 50.00% to N North and 50.00% to O Other (Two)",
            "91Q is no longer declared shared",
        ]


def test_what_goes_with_a_territory_is_said_before_and_told_after(client, plan, north, by):
    roster.put_on_roster(north, name="Sam", opened_on=FIRST, by=by)
    SharedUnit.objects.create(territory=north, organisation=units()[0], share=1)

    before = text(client.get(north.get_absolute_url()))
    plans.remove_territory(north, by=by)

    gone = "Sam, owner (since 1 Apr 2026); the declared part in 91Q"
    assert f"it never held a unit. With it go: {gone}" in before
    assert told(plan)[-1] == f"Territory N North removed, and with it: {gone}"


@pytest.mark.parametrize("field", ["territory", "wanted", "granted"])
def test_a_territory_that_a_challenge_names_stays_with_what_was_said(
    plan, north, south, by, field
):
    factories.challenge(**{"territory": south, field: north})

    with pytest.raises(plans.StillInUse, match="spoken of in a challenge"):
        plans.remove_territory(north, by=by)

    assert told(plan) == []


# --- The page


def test_the_page_names_the_few_units_of_a_line_with_where_from_and_where_to(
    client, plan, north, south, by
):
    give(plan, north, by=by)
    give(plan, south, "91Q", "92A", by=by, on=DAY)
    gone = factories.territory(plan=plan, code="G", name="Gone", position=2)
    factories.plan_change(
        plan=plan, says="Once", rows=[[key(), "owner", gone.pk, north.pk]], undone_at=None
    )
    plans.remove_territory(gone, by=by)

    shown = page(client, plan)

    assert "From 1 July 2026: 91Q N → S, 92A none → S" in shown
    assert "91Q gone → N" in shown
    assert "Territory G Gone removed" in shown


def test_many_units_are_a_number_alone_and_lines_cost_no_queries_of_their_own(
    client, plan, north, by, django_assert_max_num_queries
):
    many = Organisation.objects.of_kind(DAY, kind="sub_icb")[: history.FEW + 1]
    plans.assign_units(plan, north, many, opened_on=FIRST, by=by)
    address = reverse("accounts:plan_history", args=[plan.pk])
    with django_assert_max_num_queries(40) as one:
        assert "13 units to N North" in text(client.get(address))
    for unit in many:
        plans.unassign_units(plan, [unit], closed_on=DAY, by=by)

    with django_assert_max_num_queries(len(one.captured_queries) + 2) as all_of_them:
        shown = text(client.get(address))

    assert shown.count("freed") == len(many)
    assert len(all_of_them.captured_queries) <= len(one.captured_queries) + 2


def test_a_plan_that_stands_takes_no_line(plan, north, by):
    TerritoryPlan.objects.filter(pk=plan.pk).update(state="submitted")

    with pytest.raises(plans.Standing):
        give(plan, north, by=by)

    assert told(plan) == []
