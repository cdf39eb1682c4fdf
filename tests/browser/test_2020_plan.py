"""The real plan of 2020, taken by the people who do it from proposal to applied to undone."""

from datetime import date

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from accounts import tasks
from accounts.models import Assignment, Flag, TerritoryPlan
from footprints.models import Proposal, Release, Reorganisation, Step
from footprints.services.proposals import propose_from_passings
from footprints.services.releases import open_release, renew_events, undo_release

from .test_main_job import REPLAY

DAY = date(2020, 4, 1)
KENT = "09C 09E 09J 09W 10A 10D 10E 99J".split()
REAL = "91q-2020-04-01"


def rows(plan):
    return set(plan.assignments.values_list())


@pytest.fixture
def unannounced(demo):
    """The register before anybody said that Kent's eight CCGs merge; afterwards all is back.

    What is known of the merger is retracted by a release, and the release is undone. A report then
    states where each of the eight went, which is proposed.
    """
    plan = TerritoryPlan.objects.get(name=REPLAY)
    before = rows(plan)
    withheld = open_release(kind=Release.Kind.EVENT, source="withheld", at=now())
    known = Reorganisation.objects.get(slug=REAL)
    was = Reorganisation.objects.filter(pk=known.pk).values("title", "kind", "state").get()
    steps = set(known.steps.values_list("pk", flat=True))
    known.successions.now().update(retracted_by=withheld)
    known.moves.now().update(retracted_by=withheld)
    renew_events(withheld)
    tasks.raise_flags.delay()
    assert not Flag.objects.on_plans().open().filter(reorganisation=known).exists()
    (proposal,) = propose_from_passings([(code, "91Q", DAY) for code in KENT], at=now())
    yield plan, proposal
    for release in Release.objects.standing().filter(source__startswith="proposal 91q"):
        undo_release(release)
    undo_release(withheld)
    Step.objects.filter(reorganisation=known).exclude(pk__in=steps).delete()
    Proposal.objects.filter(pk=proposal.pk).delete()
    Reorganisation.objects.filter(pk=known.pk).update(**was)
    Reorganisation.objects.filter(pk=known.pk).revise()
    tasks.raise_flags.delay()
    assert rows(plan) == before
    assert Flag.objects.on_plans().open().filter(reorganisation=known).exists()


def held(page: Page, plan, day: str) -> set[str]:
    """Which of Kent's codes the plan's page names on that day."""
    page.goto(f"{plan.get_absolute_url()}?on={day}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(REPLAY)
    on_the_day = Assignment.objects.filter(plan=plan).on(day)
    return set(on_the_day.values_list("organisation__code", flat=True)) & {*KENT, "91Q"}


def test_the_plan_of_2020_goes_from_proposal_to_applied_to_undone(sit_down, unannounced):
    plan, proposal = unannounced
    before = rows(plan)
    steward, planner = sit_down("steward").page, sit_down("planner").page
    manager = sit_down("manager").page

    # Nobody announced it: the register proposes it, and the steward makes it an event.
    planner.goto(proposal.get_absolute_url())
    expect(planner.get_by_role("heading", level=1)).to_contain_text("eight CCGs merge")
    expect(planner.get_by_role("button", name="Accept")).to_have_count(0)
    steward.goto("/register/proposals/")
    steward.locator(f"#results a[href^='{proposal.get_absolute_url()}']").first.click()
    expect(steward.locator("main .old-new-list").first).to_contain_text("91Q")
    steward.get_by_role("button", name="Accept").click()
    expect(steward.locator("#messages")).to_contain_text("can be undone as a release")
    expect(steward.get_by_role("heading", level=1)).to_contain_text("eight CCGs merge")
    expect(steward.locator(".steps")).to_contain_text("accepted by a steward")
    event = Reorganisation.objects.get(slug=REAL)
    assert (event.state, event.successions.now().count()) == ("effective", len(KENT))
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
