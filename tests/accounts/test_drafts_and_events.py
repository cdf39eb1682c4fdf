"""The register changes under a plan, whatever state the plan is in (product.md N14)."""

from datetime import date

import pytest
from django.urls import reverse

from accounts.effects import effects
from accounts.models import AccountLead, Flag, TerritoryPlan
from accounts.services.flags import raise_flags
from accounts.sheets import applying, deciding, paging, undoing
from accounts.sheets.planning import planned
from accounts.territories import lifecycle
from accounts.territories.copying import copy_plan
from footprints.models import Reorganisation
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, Case, held_on, rows
from tests.accounts.ticks import look
from tests.footprints.pages import text

MARCH = date(2020, 3, 2)
State = TerritoryPlan.State


@pytest.fixture
def case(db):
    return Case()


def flag_of(plan):
    return Flag.objects.open().on_plans().get(object_id=plan.pk)


def apply(flag, by, other):
    deciding.prepare(flag, by=by, seen=planned(deciding.sheet_of(flag)).fingerprint)
    deciding.approve(flag, by=other)
    applying.apply_sheet(flag, by=other)


@pytest.mark.parametrize("state", [State.DRAFT, State.SUBMITTED, State.APPROVED, State.ACTIVE])
def test_an_event_that_is_news_reaches_a_plan_in_every_state_but_put_away(client, case, state):
    TerritoryPlan.objects.filter(pk=case.plan.pk).update(state=state)
    Flag.objects.all().delete()
    Reorganisation.objects.filter(pk=case.event.pk).revise()

    look()

    flag = flag_of(case.plan)
    client.force_login(case.planner)
    for address in (case.plan.get_absolute_url(), reverse("accounts:flags")):
        assert case.event.title in text(client.get(address)), address
    sheet = text(client.get(reverse("accounts:sheet", args=[flag.pk])))
    assert "Prepare for approval" in sheet
    client.force_login(case.plan.owner)
    assert case.event.title in text(client.get("/"))


@pytest.mark.parametrize("state", State.put_away())
def test_and_leaves_what_is_put_away_alone(case, state):
    TerritoryPlan.objects.filter(pk=case.plan.pk).update(state=state)
    Flag.objects.all().delete()
    Reorganisation.objects.filter(pk=case.event.pk).revise()

    raise_flags()

    assert not Flag.objects.on_plans().filter(object_id=case.plan.pk).exists()


def test_a_copy_from_the_very_day_is_flagged_and_its_sheet_repairs_it(case):
    """The plan for next year is drawn up before anybody announces what its first day brings."""
    made = copy_plan(case.plan, opened_on=APRIL_2020, by=case.planner)

    raise_flags()

    flag = flag_of(made)
    before = rows(made)
    apply(flag, case.planner, case.manager)
    codes = {territory.pk: territory.code for territory in case.homes}
    expected = {
        practice.code: codes[home.pk]
        for home, below in zip(case.homes, case.practices, strict=True)
        for practice in below
    }
    assert held_on(made, APRIL_2020) == expected
    assert held_on(case.plan, APRIL_2020) == {
        old.code: home.code for old, home in zip(case.olds, case.homes, strict=True)
    }
    undoing.undo_sheet(flag, by=case.manager)
    assert rows(made) == before


def test_a_plan_of_the_day_that_was_drawn_up_knowing_is_left_alone(case):
    plan = factories.plan(opened_on=APRIL_2020)
    factories.assignment(
        territory=factories.territory(plan=plan), organisation=case.new, opened_on=APRIL_2020
    )

    raise_flags()

    assert not Flag.objects.on_plans().filter(object_id=plan.pk).exists()
    assert effects([plan], [case.event]) == {}


def test_of_a_plan_that_knew_in_part_what_it_missed_is_asked(case):
    """It holds one body that ends, and the successor of another event of which it knew."""
    plan = factories.plan(opened_on=APRIL_2020)
    home, other = factories.territory(plan=plan), factories.territory(plan=plan)
    known = factories.body(opened_on=APRIL_2020)
    gone = factories.body(closed_on=APRIL_2020)
    factories.succession(reorganisation=case.event, predecessor=gone, successor=known, share=1)
    factories.assignment(territory=home, organisation=case.olds[0], opened_on=APRIL_2020)
    factories.assignment(territory=other, organisation=known, opened_on=APRIL_2020)

    raise_flags()

    flag, found = flag_of(plan), effects([plan], [case.event])[plan.pk, case.event.pk]
    assert [meeting.successor.key for meeting in found.meetings] == [case.new.pk]
    assert flag.weight == found.weight
    sheet = deciding.sheet_of(flag)
    assert [body for body, _ in paging.keys_of(sheet).places] == [case.new.pk]


def test_a_lead_in_a_copy_from_the_very_day_is_asked_again(case):
    case.choose(lead=case.homes[1])
    case.apply()
    later = factories.reorganisation(effective_on=date(2021, 4, 1))
    factories.succession(
        reorganisation=later, predecessor=case.new, successor=factories.body(), share=1
    )
    made = copy_plan(case.plan, opened_on=later.effective_on, by=case.planner)

    raise_flags()

    lead = AccountLead.objects.get(plan=made)
    assert lead in {flag.root for flag in Flag.objects.filter(reorganisation=later)}


def test_an_event_that_is_dropped_takes_its_flag_off_a_draft_again(case):
    made = copy_plan(case.plan, opened_on=APRIL_2020, by=case.planner)
    raise_flags()
    Reorganisation.objects.filter(pk=case.event.pk).update(state="rejected")
    Reorganisation.objects.filter(pk=case.event.pk).revise()

    raise_flags()

    assert not Flag.objects.open().on_plans().filter(object_id=made.pk).exists()


def test_a_draft_shows_what_has_ended_on_its_page_and_in_the_workspace(client, case):
    made = copy_plan(case.plan, opened_on=APRIL_2020, by=case.planner)
    client.force_login(case.planner)

    page = client.get(made.get_absolute_url() + "?on=2020-04-01")
    state = client.get(reverse("accounts:draw_state", args=[made.pk]), {"on": "2020-04-01"})

    assert "2 closed by this day" in text(page)
    units = state.json()["units"]
    closed = {code for code, kind in zip(units["code"], units["kind"], strict=True) if kind == -1}
    assert closed == {old.code for old in case.olds}


def test_a_draft_that_waits_is_asked_before_it_is_submitted_not_after(case):
    """Flags are news, no obstacle: what an event asks is answered on the sheet at any time."""
    raise_flags()

    lifecycle.submit(case.plan, on=MARCH, by=case.planner)
    apply(flag_of(case.plan), case.planner, case.manager)

    assert not {old.code for old in case.olds} & held_on(case.plan, APRIL_2020).keys()
