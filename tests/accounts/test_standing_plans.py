"""A reorganisation and a plan that is submitted or approved: it is reached, and it is said."""

from datetime import date

import pytest
from django.urls import reverse

from accounts.models import AccountLead, TerritoryPlan
from accounts.sheets import applying, deciding, reached, undoing
from accounts.tasks import activate_due
from accounts.territories import lifecycle, plans
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, Case, held_on, rows
from tests.footprints.pages import text

MARCH = date(2020, 3, 2)
State = TerritoryPlan.State


@pytest.fixture
def case(db):
    return Case()


@pytest.fixture
def stands(case):
    """Takes the plan of the case to a state."""

    def take(state):
        lifecycle.submit(case.plan, on=MARCH, by=case.planner)
        if state == State.APPROVED:
            lifecycle.approve(case.plan, on=MARCH, by=case.manager)

    return take


def state(case):
    return TerritoryPlan.objects.get(pk=case.plan.pk).state


def page_of(client, case, user):
    client.force_login(user)
    return client.get(case.plan.get_absolute_url())


@pytest.mark.parametrize("to", [State.SUBMITTED, State.APPROVED])
def test_a_sheet_reaches_a_plan_that_stands_as_it_is_and_its_state_stays(case, stands, to):
    stands(to)
    with pytest.raises(plans.Standing):
        plans.unassign_units(case.plan, case.olds, closed_on=APRIL_2020, by=case.planner)

    case.apply()

    closed = {old.code for old in case.olds}
    assert not closed & held_on(case.plan, APRIL_2020).keys()
    assert state(case) == to


def test_undoing_takes_it_back_and_both_are_told_in_the_plans_history(case, stands, client):
    stands(State.APPROVED)
    before = rows(case.plan)
    case.apply()
    undoing.undo_sheet(case.flag, by=case.manager)
    client.force_login(case.planner)

    page = text(client.get(reverse("accounts:plan_history", args=[case.plan.pk])))

    assert rows(case.plan) == before
    told = f"Undone: {case.event.title}", f"Applied: {case.event.title}", "Submitted by"
    places = [page.index(said) for said in told]
    assert places == sorted(places)


def test_a_long_history_turns_its_pages_over_reorganisations_too(case, client, monkeypatch):
    monkeypatch.setattr("accounts.views.lifecycle.SHOWN", 1)
    case.apply()
    undoing.undo_sheet(case.flag, by=case.manager)
    client.force_login(case.planner)
    address = reverse("accounts:plan_history", args=[case.plan.pk])

    first = client.get(address)
    second = client.get(address, {"until": first.context["earlier"]})

    assert [one.deed for one in first.context["told"]] == ["undone"]
    assert [one.deed for one in second.context["told"]] == ["applied"]


def test_whoever_approved_it_is_told_at_home_and_on_the_plan_until_they_say_so(
    case, stands, client
):
    stands(State.APPROVED)
    other = factories.user(role="manager")
    case.apply()

    client.force_login(case.manager)
    home = text(client.get("/beside/"))
    assert "Changed since you approved it" in home
    assert case.event.title in home[home.index("Changed since you approved it") :]
    page = page_of(client, case, case.manager)
    assert "the NHS has changed it" in text(page)
    for somebody in (case.planner, other):
        client.force_login(somebody)
        assert "Changed since you approved it" not in text(client.get("/beside/"))

    client.force_login(case.manager)
    address = reverse("accounts:plan_deed", args=[case.plan.pk, "confirm"])
    seen = page.context["plan"].revision
    answer = text(client.post(address, {"seen": seen}, follow=True))

    assert "is approved as it is now" in answer
    assert "the NHS has changed it" not in answer
    assert "Changed since you approved it" not in text(client.get("/beside/"))
    assert state(case) == State.APPROVED


def test_nobody_approves_what_their_page_did_not_show(case, stands, client):
    stands(State.SUBMITTED)
    page = page_of(client, case, case.manager)
    case.apply()
    address = reverse("accounts:plan_deed", args=[case.plan.pk, "approve"])

    late = client.post(address, {"seen": page.context["plan"].revision}, follow=True)

    assert "has changed since your page was made" in text(late)
    assert state(case) == State.SUBMITTED
    assert "Since it was submitted, the NHS has changed it" in text(late)
    client.post(address, {"seen": late.context["plan"].revision})
    assert state(case) == State.APPROVED
    assert reached.since_it_stands(TerritoryPlan.objects.get(pk=case.plan.pk)) == []


def test_the_clock_does_not_wait_for_anybody_to_read_it(case, stands, monkeypatch):
    lifecycle.submit(case.plan, on=MARCH, by=case.planner)
    lifecycle.approve(case.plan, on=MARCH, by=case.manager, activates_on=APRIL_2020)
    case.apply()

    activate_due()

    assert state(case) == State.ACTIVE
    assert reached.since_approved_by(case.manager) == []


def test_a_planner_is_refused_and_has_no_button(case, stands, client):
    stands(State.APPROVED)
    case.apply()

    page = page_of(client, case, case.planner)

    address = reverse("accounts:plan_deed", args=[case.plan.pk, "confirm"])
    assert "the NHS has changed it" in text(page)
    assert address not in page.content.decode()
    assert client.post(address).status_code == 403


def test_the_sheet_says_that_the_plan_stands(case, stands, client):
    stands(State.APPROVED)
    client.force_login(case.planner)

    page = text(client.get(reverse("accounts:sheet", args=[case.flag.pk])))

    assert "The plan is approved and is not drawn any more" in page


@pytest.mark.parametrize("away", State.put_away())
def test_a_plan_that_is_put_away_is_reached_by_nothing(case, away):
    case.choose(lead=case.homes[1])
    case.approve()
    before = rows(case.plan)
    TerritoryPlan.objects.filter(pk=case.plan.pk).update(state=away)

    with pytest.raises(deciding.Stale, match=away.label.lower()):
        applying.apply_sheet(case.flag, by=case.manager)

    assert rows(case.plan) == before
    assert not AccountLead.objects.exists()


@pytest.mark.parametrize("number", [1, 12])
def test_what_an_approver_is_told_costs_the_same_for_one_plan_as_for_twelve(
    case, django_assert_num_queries, number
):
    cases = [case, *(Case(of=case) for _ in range(number - 1))]
    for each in cases:
        each.manager = case.manager
        lifecycle.submit(each.plan, on=MARCH, by=each.planner)
        lifecycle.approve(each.plan, on=MARCH, by=case.manager)
        each.apply()

    with django_assert_num_queries(2):
        found = reached.since_approved_by(case.manager)
        told = {(deed.plan.name, deed.sheet.flag.reorganisation.title) for deed in found}

    assert told == {(each.plan.name, case.event.title) for each in cases}
