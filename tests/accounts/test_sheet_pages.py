"""The pages of a decision sheet: who sees them, what they say, and the whole way through."""

from datetime import date

import pytest
from django.urls import reverse

from accounts.models import Assignment, Decision, User
from accounts.services.flags import raise_flags
from accounts.sheets import deciding, paging
from accounts.sheets.planning import planned
from footprints.models import Outcome
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, JULY_2020, Case, held_on, rows


@pytest.fixture
def case(db):
    made = Case()
    raise_flags()
    return made


@pytest.fixture
def planner(client, case):
    client.force_login(case.planner)
    return client


def address(case, name="sheet", *args):
    return reverse(f"accounts:{name}", args=[case.flag.pk, *args])


def post(client, case, name, **data):
    """Do it, and return the page it leads to."""
    return client.post(address(case, name), data, follow=True).content.decode()


def test_the_sheet_says_the_default_and_why(planner, case):
    page = planner.get(address(case)).content.decode()

    assert "Keep the line" in page
    assert f"{case.homes[0].code} and {case.homes[1].code} meet" in page
    assert "Prepare for approval" in page


@pytest.mark.parametrize("role", [User.Role.FIELD, User.Role.STEWARD])
def test_whoever_does_not_plan_does_not_find_it(client, case, role):
    client.force_login(factories.user(role=role))

    for name in ("sheet", "undo_sheet"):
        assert client.get(address(case, name)).status_code == 404
    for name in ("prepare_sheet", "approve_sheet", "apply_sheet", "decide_many"):
        assert client.post(address(case, name)).status_code == 404
    row = address(case, "decide", case.new.code, "owner")
    assert client.post(row, {"outcome": "close"}).status_code == 404
    assert not Decision.objects.exists()


def test_a_walled_teams_sheet_is_not_found_by_others(client, case):
    team = case.plan.team
    team.is_walled = True
    team.save()
    client.force_login(case.manager)

    assert client.get(address(case)).status_code == 404


def test_the_whole_way_from_default_to_undone(client, case):
    before = rows(case.plan)
    client.force_login(case.planner)
    row = address(case, "decide", case.new.code, "owner")
    given = {"outcome": "carry", "territory": case.homes[1].pk, "reason": "She knows them."}
    assert "She knows them." in client.post(row, given, follow=True).content.decode()
    seen = client.get(address(case)).context["whole"].fingerprint
    assert "You prepared this sheet" in post(client, case, "prepare_sheet", seen=seen)
    assert "a colleague approves it" in post(client, case, "approve_sheet")

    client.force_login(case.manager)
    assert "1 April 2020, has come" in post(client, case, "approve_sheet", seen=seen)
    assert "What was changed" in post(client, case, "apply_sheet")
    assert held_on(case.plan, APRIL_2020) == {case.new.code: case.homes[1].code}
    assert "The sheet is applied" in client.get(case.flag.get_absolute_url()).content.decode()
    assert "1 row would go, 2 would be as before" in " ".join(
        client.get(address(case, "undo_sheet")).content.decode().split()
    )
    assert "as it was before" in post(client, case, "undo_sheet")

    assert rows(case.plan) == before


def test_an_alert_of_which_nothing_is_left_leads_to_its_sheet(client, case):
    case.apply()  # everybody keeps their practices: nothing sits on a code of the event now
    client.force_login(case.planner)

    assert client.get(case.flag.get_absolute_url()).url == address(case)


def test_what_moved_since_is_shown_row_by_row(client, case):
    case.prepare()
    Assignment.objects.filter(organisation=case.olds[0]).update(territory=case.homes[1])
    client.force_login(case.manager)

    response = client.get(address(case))
    assert "has moved since" in response.content.decode()
    assert [change.deed for change in response.context["new"]].count("opens") == 1
    assert f'name="seen" value="{case.sheet.fingerprint}"' in response.content.decode()
    assert "no longer" in post(client, case, "approve_sheet", seen=case.sheet.fingerprint)
    assert case.sheet.state == "prepared"


def test_many_rows_are_decided_at_once(planner, case):
    ticked = {"row": f"{case.new.code}/owner"}
    post(planner, case, "decide_many", deed="hold", until_on="2020-07-01", **ticked)
    assert Decision.objects.get().until_on == JULY_2020

    post(planner, case, "decide_many", deed="ask", assigned_to=case.manager.pk, **ticked)
    decision = Decision.objects.get()
    assert (decision.outcome, decision.assigned_to) == (Outcome.HOLD, case.manager)

    post(planner, case, "decide_many", deed="default", **ticked)
    assert not Decision.objects.exists()

    for old, people in zip(case.olds, [100, 900], strict=True):
        factories.population(organisation=old, people=people, boundary_on=date(2019, 4, 1))
    post(planner, case, "decide_many", deed="people", **ticked)
    assert Decision.objects.get().territory == case.homes[1]
    assert "Say whom to ask" in post(planner, case, "decide_many", deed="ask", **ticked)


def test_an_older_tab_is_told_so(planner, case):
    row = address(case, "decide", case.new.code, "owner")
    case.choose(Outcome.CLOSE)

    response = planner.post(row, {"outcome": "carry", "territory": case.homes[0].pk})

    assert response.status_code == 422
    assert "decided on" in response.content.decode()
    assert "meanwhile" in response.content.decode()


def test_a_wrong_answer_keeps_the_form_and_says_what_would_be_right(planner, case):
    row = address(case, "decide", case.new.code, "owner")

    response = planner.post(row, {"outcome": "hold", "until_on": "2020-01-01"})

    assert response.status_code == 422
    assert "until a day after 1 April 2020" in response.content.decode()


def test_the_form_answers_what_it_shows(planner, case):
    case.choose(Outcome.HOLD, until_on=JULY_2020)
    row = address(case, "decide", case.new.code, "owner")
    form = planner.get(row).context["form"]
    data = {name: value for name, value in form.initial.items() if value}

    response = planner.post(row, {**data, "reason": "The lists come in June."})

    assert response.status_code == 302
    assert Decision.objects.get().reason == "The lists come in June."


def test_the_days_are_set_and_a_day_before_the_law_is_refused(planner, case):
    assert "cannot lie before" in post(planner, case, "set_sheet_days", align_on="2020-03-01")

    page = post(planner, case, "set_sheet_days", align_on="2020-07-01", data_on="2020-05-01")

    assert "our day 1 July 2020" in page
    assert deciding.sheet_of(case.flag).day == JULY_2020


def test_the_rows_can_be_narrowed(planner, case):
    assert len(planner.get(address(case) + "?show=departed").context["page"]) == 0
    case.choose(assigned_to=case.planner)

    assert len(planner.get(address(case) + "?show=mine").context["page"]) == 1
    assert len(planner.get(address(case) + "?show=undecided").context["page"]) == 0


def many(case, rows):
    """So many more mergers of the case's event, in the plan's first territory."""
    for _ in range(rows):
        pair = [factories.body(closed_on=APRIL_2020) for _ in range(2)]
        new = factories.body(opened_on=APRIL_2020)
        for old in pair:
            factories.succession(
                reorganisation=case.event, predecessor=old, successor=new, share=1
            )
            factories.assignment(
                territory=case.homes[0], organisation=old, opened_on=case.plan.opened_on
            )


def test_a_long_sheet_works_out_its_page_and_the_whole_when_asked(planner, case, monkeypatch):
    many(case, 60)
    asked = []
    monkeypatch.setattr(
        paging, "planned", lambda sheet, **only: asked.append(only) or planned(sheet, **only)
    )
    whole = planner.get(address(case))
    monkeypatch.setattr(paging, "LARGE", 10)
    asked.clear()

    first, second = (planner.get(address(case) + f"?page={n}") for n in (1, 2))

    assert [len(only["bodies"]) for only in asked if len(only["bodies"]) > 1] == [50, 11]
    keys = [row.key for page in (first, second) for row in page.context["page"]]
    assert keys[0] == (case.new.pk, "owner")  # the conflict comes first
    assert len(set(keys)) == 61
    assert [row.key for row in whole.context["page"]] == keys[:50]
    assert (first.context["whole"], first.context["filters"]) == (None, whole.context["filters"])
    assert "Prepare for approval" not in first.content.decode()
    assert "whole=1" in first.content.decode()

    page = planner.get(address(case) + "?whole=1")

    assert page.context["whole"].fingerprint == whole.context["whole"].fingerprint
    assert "Prepare for approval" in page.content.decode()


def test_the_alert_says_how_many_rows_wait(client, db):
    case = Case(practices=0)
    client.force_login(case.planner)

    page = client.get(case.flag.get_absolute_url()).content.decode()

    assert "1 row to be decided" in page
    assert "Work the decision sheet" in page


@pytest.mark.parametrize("practices", [1, 30])
def test_the_sheet_asks_the_database_the_same_however_long_it_is(
    client, db, practices, django_assert_max_num_queries
):
    case = Case(practices=practices)
    client.force_login(case.planner)

    with django_assert_max_num_queries(29):
        client.get(address(case))
