"""The great day: sheets of one event applied together by a real worker, with a bar, and undone."""

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from accounts import tasks
from accounts.models import Flag, Job, Team, TerritoryPlan, User
from accounts.sheets import deciding
from accounts.sheets.planning import planned
from footprints.models import Reorganisation
from tests import factories

from .conftest import PHONE

SLUG = "36j-2020-04-01"  # Bradford District and Craven: three CCGs become one
LONG = 60_000  # milliseconds that a worker may take on a busy machine


@pytest.fixture
def plans(demo):
    """Two plans whose sheets are approved; afterwards they are in the archive."""
    event = Reorganisation.objects.get(slug=SLUG)
    planner, manager = (User.objects.get(username=who) for who in ("planner", "manager"))
    made = []
    for name in ("Great day, north", "Great day, south"):
        plan = factories.plan(
            name=name,
            owner=manager,
            team=Team.objects.get(name="Primary care"),
            opened_on=event.effective_on.replace(year=2019),
            closed_on=event.effective_on.replace(year=2021),
            state=TerritoryPlan.State.ACTIVE,
        )
        home = factories.territory(plan=plan)
        for old in event.successions.now():
            factories.assignment(
                territory=home, organisation=old.predecessor, opened_on=plan.opened_on
            )
        made.append(plan)
    tasks.raise_flags.delay()
    for plan in made:
        flag = Flag.objects.on_plans().get(object_id=plan.pk, reorganisation=event)
        seen = planned(deciding.sheet_of(flag)).fingerprint
        deciding.prepare(flag, by=planner, seen=seen)
        deciding.approve(flag, by=manager)
    yield made
    TerritoryPlan.objects.filter(pk__in=[plan.pk for plan in made]).update(state="archived")
    TerritoryPlan.objects.filter(pk__in=[plan.pk for plan in made]).revise()
    tasks.raise_flags.delay()


def rows(plans):
    return [set(plan.assignments.values_list()) for plan in plans]


def tick_both(page: Page, deed: str):
    page.goto(f"/sheets/{SLUG}/?q=Great+day")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Select every row of this page").check()
    page.locator(".bulk-bar").get_by_role("button", name=deed).click()


def test_two_sheets_are_applied_together_with_a_bar_and_undone(sit_down, plans, worker):
    before = rows(plans)
    manager = sit_down("manager").page
    manager.goto(f"/reorganisations/{SLUG}/")
    manager.get_by_role("link", name="Their decision sheets, together").click()
    expect(manager.get_by_role("heading", level=1)).to_contain_text("Bradford District")

    # Ticked, looked at, asked for; while somebody edits a plan the worker waits, and the bar.
    tick_both(manager, "Apply")
    expect(manager.get_by_role("heading", level=1)).to_have_text("Apply 2 sheets?")
    expect(manager.locator("main")).to_contain_text("8 rows change")
    with transaction.atomic():
        TerritoryPlan.objects.select_for_update().get(pk=plans[0].pk)
        manager.get_by_role("button", name="Apply", exact=True).click()
        expect(manager.get_by_role("progressbar")).to_be_visible()
        expect(manager.locator("#job")).to_contain_text("At work", timeout=LONG)
        expect(manager.locator("#job")).to_contain_text("0 of 2 sheets")
        expect(manager.get_by_role("button", name="Stop")).to_be_visible()
        second = sit_down("planner", PHONE).page
        second.goto(f"/sheets/{SLUG}/")
        expect(second.get_by_role("progressbar")).to_be_visible()
        assert rows(plans) == before

    # The page says by itself what became of each.
    expect(manager.locator("#job")).to_contain_text("2 of 2 sheets applied.", timeout=LONG)
    expect(manager.locator("#job tbody tr")).to_have_count(2)
    expect(manager.locator("#job")).to_contain_text("8 rows written")
    expect(manager.get_by_role("button", name="Stop")).to_have_count(0)
    expect(second.locator("#job-now")).to_contain_text("2 of 2 sheets applied", timeout=LONG)
    for plan in plans:
        assert list(plan.assignments.on("2020-04-01").values_list("organisation__code")) == [
            ("36J",)
        ]

    tick_both(manager, "Undo")
    expect(manager.locator("main")).to_contain_text("2 rows would go, 6 would be as before")
    manager.get_by_role("button", name="Undo", exact=True).click()
    expect(manager.locator("#job")).to_contain_text("2 of 2 sheets undone.", timeout=LONG)
    assert rows(plans) == before
    assert {job.state for job in Job.objects.filter(event__slug=SLUG)} == {Job.State.DONE}
