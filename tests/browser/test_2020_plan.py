"""The real plan of 2020, taken by the people who do it from proposal to applied to undone."""

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from accounts import tasks
from accounts.models import Assignment, Flag, TerritoryPlan
from footprints.models import Release, Reorganisation
from footprints.services.releases import open_release, renew_events, undo_release

from .test_main_job import REPLAY

KENT = "09C 09E 09J 09W 10A 10D 10E 99J".split()
REAL = "91q-2020-04-01"


def rows(plan):
    return set(plan.assignments.values_list())


@pytest.fixture
def unannounced(demo):
    """The register before anybody said that Kent's eight CCGs merge; afterwards all is back.

    What is known of the merger is retracted by a release, and the release is undone.
    """
    plan = TerritoryPlan.objects.get(name=REPLAY)
    before, events = rows(plan), set(Reorganisation.objects.values_list("pk", flat=True))
    withheld = open_release(kind=Release.Kind.EVENT, source="withheld", at=now())
    known = Reorganisation.objects.get(slug=REAL)
    known.successions.now().update(retracted_by=withheld)
    known.moves.now().update(retracted_by=withheld)
    renew_events(withheld)
    tasks.raise_flags.delay()
    yield plan
    for event in Reorganisation.objects.exclude(pk__in=events):
        undo_release(event.steps.exclude(release=None).order_by("pk").first().release)
    undo_release(withheld)
    tasks.raise_flags.delay()
    assert rows(plan) == before
    assert Flag.objects.on_plans().open().filter(reorganisation=known).exists()


def move_on(page: Page, event: str, to: str):
    """From the board, through the card's menu, with who said so."""
    page.goto("/reorganisations/board/?state=effective")
    card = page.locator(".board-card", has=page.locator(f"a[href^='{event}']")).first
    card.locator("summary").click()
    card.get_by_role("link", name=to, exact=True).click()
    page.fill("#id_said_by", "The Secretary of State")
    page.get_by_role("button", name="Move it").click()
    expect(page.locator("#messages")).to_contain_text(f"is {to.lower()}")


def held(page: Page, plan, day: str) -> set[str]:
    """Which of Kent's codes the plan's page names on that day."""
    page.goto(f"{plan.get_absolute_url()}?on={day}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(REPLAY)
    on_the_day = Assignment.objects.filter(plan=plan).on(day)
    return set(on_the_day.values_list("organisation__code", flat=True)) & {*KENT, "91Q"}


def test_the_plan_of_2020_goes_from_proposal_to_applied_to_undone(sit_down, unannounced):
    plan = unannounced
    before = rows(plan)
    steward, planner = sit_down("steward").page, sit_down("planner").page
    manager = sit_down("manager").page

    # The steward records what is proposed, in four steps; the page says what it would touch.
    steward.goto("/reorganisations/new/")
    steward.get_by_role("radio", name="Merger into a new body").check()
    steward.fill("#find-before", " ".join(KENT))
    steward.get_by_role("button", name="All 8 of these codes").click()
    expect(steward.locator("input[name=before]")).to_have_count(8)
    steward.fill("#find-after", "91Q")
    steward.locator("#hits-after button", has_text="91Q").first.click()
    steward.fill("#effective_on", "2020-04-01")
    steward.select_option("#state", "proposed")
    steward.fill("#said_by", "The eight governing bodies")
    expect(steward.locator("#rehearsal")).to_contain_text("eight CCGs merge")
    expect(steward.locator("#rehearsal")).to_contain_text("× a unit of a territory")
    steward.get_by_role("button", name="Record it").click()
    expect(steward.get_by_role("heading", level=1)).to_contain_text("eight CCGs merge")
    event = Reorganisation.objects.exclude(slug=REAL).get(
        effective_on="2020-04-01", title__contains="Kent and Medway"
    )

    # It goes over the board from proposed to in law to effective.
    address = event.get_absolute_url()
    move_on(steward, address, "In law")
    move_on(steward, address, "Effective")
    tasks.raise_flags.delay()

    # The planner finds the alert, and decides the one row that nobody but a person can.
    flag = Flag.objects.on_plans().open().get(reorganisation=event, object_id=plan.pk)
    planner.goto(f"/alerts/?q=Kent+and+Medway&plan={plan.pk}")
    planner.locator(f"#results a[href^='{flag.get_absolute_url()}']").first.click()
    planner.get_by_role("link", name="Work the decision sheet").click()
    expect(planner.get_by_role("heading", level=1)).to_contain_text("Decisions:")
    expect(planner.get_by_role("button", name="Prepare for approval")).to_be_disabled()
    planner.locator(f"a[href*='/alerts/{flag.pk}/sheet/91Q/owner/']").first.click()
    planner.locator("input[name=outcome][value=carry]").check()
    planner.locator("select[name=territory]").select_option(index=1)
    planner.fill("textarea[name=reason]", "She knows all of Kent.")
    planner.get_by_role("button", name="Decide", exact=True).click()
    expect(planner.locator("main")).to_contain_text("She knows all of Kent.")
    planner.get_by_role("button", name="Prepare for approval").click()
    expect(planner.get_by_text("You prepared this sheet.")).to_be_visible()
    expect(planner.get_by_role("button", name="Approve")).to_have_count(0)
    assert rows(plan) == before

    # A second person approves and applies it.
    manager.goto(f"/alerts/{flag.pk}/sheet/")
    manager.get_by_role("button", name="Approve").click()
    expect(manager.locator("main")).to_contain_text("1 April 2020, has come")
    manager.get_by_role("button", name="Apply now").click()
    expect(manager.get_by_role("heading", name="What was changed")).to_be_visible()

    # Yesterday stays as it was; from the day on one body stands for eight.
    assert held(planner, plan, "2020-03-31") == set(KENT)
    expect(planner.locator(".day-strip")).to_contain_text("31 March 2020")
    assert held(planner, plan, "2020-04-01") == {"91Q"}
    expect(planner.locator(".day-strip")).to_contain_text("1 April 2020")
    home = plan.assignments.get(organisation__code="91Q").territory
    for day, code, other in (("2020-03-31", "99J", "91Q"), ("2020-04-01", "91Q", "99J")):
        shown = plan.assignments.filter(organisation__code=code).first().territory
        planner.goto(f"{shown.get_absolute_url()}?on={day}")
        expect(planner.locator("main")).to_contain_text(code)
        expect(planner.locator("main table")).not_to_contain_text(other)
    expect(planner.get_by_role("heading", level=1)).to_contain_text(home.code)

    # And undone, after a look at what that does.
    manager.goto(f"/alerts/{flag.pk}/sheet/")
    manager.get_by_role("link", name="Undo…").click()
    expect(manager.locator("main")).to_contain_text("1 row would go, 8 would be as before")
    manager.get_by_role("button", name="Undo", exact=True).click()
    expect(manager.locator("#messages")).to_contain_text("the plan is as it was before")
    assert rows(plan) == before
    assert held(planner, plan, "2020-04-01") == set(KENT)
