"""Deeds on a sheet that come too late, from the wrong person or against another: what the pages
answer, and that the state stays whole."""

import re
import threading
import time
from html import unescape

import pytest
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Assignment, Decision, SheetChange, SheetDeed, TerritoryPlan
from accounts.services.flags import raise_flags
from accounts.sheets import deciding, undoing
from accounts.sheets.planning import planned
from footprints.models import Outcome, Reorganisation
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, Case, held_on, rows
from tests.footprints.pages import text


@pytest.fixture
def case(db):
    made = Case()
    raise_flags()
    return made


def login(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def planner(case):
    return login(case.planner)


@pytest.fixture
def manager(case):
    return login(case.manager)


def says(client, case, name, *args, **data) -> str:
    """Do it, and return what the messages of the page it leads to say."""
    address = reverse(f"accounts:{name}", args=[case.flag.pk, *args])
    answer = client.post(address, data, follow=True)
    # From the page itself: what the test client notes of templates, it notes of every thread's.
    page = answer.content.decode()
    start = page.index('id="messages"')
    told = page[start : page.index('<div class="columns', start)]
    return " ".join(unescape(re.sub(r"<[^>]*>?|^[^>]*>", " ", told)).split())


def state(case):
    """All that a refused deed leaves as it was."""
    sheet = case.sheet
    kept = sheet.state, sheet.fingerprint, sheet.prepared_by, sheet.approved_by, sheet.applied_by
    tables = (Decision.objects, SheetChange.objects, SheetDeed.objects)
    return rows(case.plan), kept, [set(table.values_list()) for table in tables]


# --- The wrong person --------------------------------------------------------------------------


def test_whoever_prepared_a_sheet_does_not_approve_it(planner, case):
    case.prepare()
    before = state(case)

    said = says(planner, case, "approve_sheet", seen=case.sheet.fingerprint)

    assert said == "You prepared this sheet: a colleague approves it."
    assert state(case) == before


# --- A tab that shows what was ------------------------------------------------------------------


def test_a_tab_from_before_a_colleagues_decision_does_not_decide_over_it(planner, case):
    deciding.decide(
        case.flag, [deciding.Choice(case.new.pk, "owner", Outcome.CLOSE)], by=case.manager
    )
    before = state(case)
    row = reverse("accounts:decide", args=[case.flag.pk, case.new.code, "owner"])

    answer = planner.post(row, {"outcome": "carry", "territory": case.homes[0].pk})

    assert answer.status_code == 422
    there = f"{case.manager} decided on {case.new.code} meanwhile: look again, then decide."
    assert there in text(answer)
    assert state(case) == before


def test_a_tab_from_before_the_sheet_was_prepared_decides_nothing(planner, case):
    case.prepare()
    before = state(case)
    row = reverse("accounts:decide", args=[case.flag.pk, case.new.code, "owner"])
    answers = f"The sheet is prepared by {case.planner}: take it back to change it."

    one = planner.post(row, {"outcome": "carry", "territory": case.homes[0].pk})

    assert (one.status_code, answers in text(one)) == (422, True)
    ticked = {"row": f"{case.new.code}/owner", "deed": "hold", "until_on": "2020-07-01"}
    assert says(planner, case, "decide_many", **ticked) == answers
    assert says(planner, case, "set_sheet_days", align_on="2020-07-01") == answers
    assert state(case) == before


def test_a_tab_that_shows_other_changes_prepares_nothing(planner, case):
    seen = planned(case.sheet).fingerprint
    case.choose(Outcome.CLOSE)
    before = state(case)

    for given in ({"seen": seen}, {}):
        assert says(planner, case, "prepare_sheet", **given) == (
            "The changes are not those that your page showed: look again, then prepare."
        )
    assert state(case) == before


def test_a_tab_that_shows_what_was_prepared_before_approves_nothing(manager, case):
    case.prepare()
    seen = case.sheet.fingerprint
    deciding.take_back(case.flag, by=case.planner)
    assert says(manager, case, "approve_sheet", seen=seen) == (
        "The sheet is not prepared, or was taken back: it is being decided on."
    )
    case.choose(Outcome.CLOSE)
    case.prepare()
    before = state(case)

    for given in ({"seen": seen}, {}):
        assert says(manager, case, "approve_sheet", **given) == (
            "It was prepared anew since your page was made: look again, then approve."
        )
    assert state(case) == before
    page = manager.get(reverse("accounts:sheet", args=[case.flag.pk])).content.decode()
    assert f'name="seen" value="{case.sheet.fingerprint}"' in page


def test_a_tab_from_before_the_sheet_was_taken_back_applies_nothing(manager, case):
    case.approve()
    deciding.take_back(case.flag, by=case.planner)
    before = state(case)

    said = says(manager, case, "apply_sheet")

    assert said == "The sheet is not approved: nothing is applied."
    assert state(case) == before


def test_what_is_applied_is_not_applied_again_nor_decided_nor_taken_back(manager, case):
    case.apply()
    before = state(case)

    assert says(manager, case, "apply_sheet") == "Somebody has applied it already."
    applied = "The sheet is applied already: undo it to decide again."
    assert says(manager, case, "approve_sheet", seen=case.sheet.fingerprint) == applied
    assert says(manager, case, "prepare_sheet", seen=case.sheet.fingerprint) == applied
    undo = "The sheet is applied: undo it to decide again."
    assert says(manager, case, "take_back_sheet") == undo
    assert state(case) == before


def test_what_is_undone_is_not_undone_again(manager, case):
    case.apply()
    undoing.undo_sheet(case.flag, by=case.manager)
    before = state(case)

    said = says(manager, case, "undo_sheet")

    assert said == "The sheet is not applied: there is nothing to undo."
    assert state(case) == before


def test_an_event_that_is_no_longer_in_law_is_not_applied(manager, case):
    case.approve()
    Reorganisation.objects.filter(pk=case.event.pk).update(state="proposed")
    before = state(case)

    said = says(manager, case, "apply_sheet")

    assert said == "The event is not in law: the sheet is applied once it is."
    assert state(case) == before


def test_what_moved_since_the_approval_is_not_applied(manager, case):
    case.approve()
    Assignment.objects.filter(organisation=case.olds[0]).delete()
    before = state(case)

    said = says(manager, case, "apply_sheet")

    assert said == (
        "The plan or the event has moved since: five changes no longer apply, 1 is new."
    )
    assert state(case) == before


def test_a_row_that_the_event_lets_go_of_is_not_found(planner, case):
    factories.succession(reorganisation=case.event)  # another body keeps the event touching
    Assignment.objects.filter(organisation__in=case.olds).delete()
    row = reverse("accounts:decide", args=[case.flag.pk, case.new.code, "owner"])

    assert planner.post(row, {"outcome": "close"}).status_code == 404
    assert not Decision.objects.exists()


# --- One deed against another, in transactions of their own --------------------------------------


def at_once(*deeds):
    """What each deed returns, each in a thread and a connection of its own."""
    start, answers = threading.Barrier(len(deeds)), [None] * len(deeds)

    def go(number, deed):
        try:
            start.wait(10)
            answers[number] = deed()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


@pytest.mark.django_db(transaction=True)
def test_of_two_who_press_apply_at_once_one_applies_and_the_other_is_told(register):
    case = Case()
    case.approve()
    manager, planner = login(case.manager), login(case.planner)

    answers = at_once(
        lambda: says(manager, case, "apply_sheet"), lambda: says(planner, case, "apply_sheet")
    )

    assert sorted(answers) == [
        "Applied: two assignments end, four begin.",
        "Somebody has applied it already.",
    ]
    assert len(held_on(case.plan, APRIL_2020)) == 4
    assert SheetChange.objects.count() == 6
    assert SheetDeed.objects.filter(deed="applied").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_apply_that_meets_an_edit_waits_and_then_says_what_moved(register):
    case = Case()
    case.approve()
    manager = login(case.manager)
    held = threading.Event()

    def edit():
        with transaction.atomic():
            TerritoryPlan.objects.filter(pk=case.plan.pk).revise()
            held.set()
            time.sleep(1)
            Assignment.objects.filter(organisation=case.olds[0]).update(territory=case.homes[1])

    def press():
        assert held.wait(10)
        return says(manager, case, "apply_sheet")

    _, said = at_once(edit, press)

    assert said.startswith("The plan or the event has moved since: ")
    assert case.sheet.state == "approved"
    assert not SheetChange.objects.exists()
    assert set(held_on(case.plan, APRIL_2020).values()) == {case.homes[1].code}


@pytest.mark.django_db(transaction=True)
def test_an_edit_that_meets_an_apply_is_made_on_what_was_applied_or_refused(register):
    """Both in whichever order: never an assignment on a code that the apply ended."""
    case = Case()
    case.approve()
    manager, planner = login(case.manager), login(case.planner)
    assign = reverse("accounts:assign", args=[case.plan.pk])
    given = {
        "territory": case.homes[1].pk,
        "row": case.olds[0].code,
        "opened_on": "2020-04-01",
    }

    said, page = at_once(
        lambda: says(manager, case, "apply_sheet"), lambda: planner.post(assign, given)
    )

    assert page.status_code in (200, 302, 422)
    if case.sheet.state == "applied":
        assert said == "Applied: two assignments end, four begin."
        assert SheetChange.objects.count() == 6
    else:
        assert said.startswith("The plan or the event has moved since: ")
        assert not SheetChange.objects.exists()
    ended = Assignment.objects.filter(organisation__in=case.olds)
    if case.sheet.state == "applied":
        assert not ended.filter(closed_on=None).exists()
