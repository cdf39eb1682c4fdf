"""A plan's way from a copy to what people work by: drawn, compared, challenged, approved."""

from datetime import date

import pytest
from playwright.sync_api import expect

from accounts import tasks
from accounts.models import Assignment, Challenge, Suggestion, TerritoryPlan, User
from footprints.models import Organisation
from tests import factories

from .conftest import TODAY
from .test_drawing import choose, give, open_workspace, saved

BEGINS = date(2026, 12, 7)
LONG = 120_000  # milliseconds that a worker may take on a busy machine


@pytest.fixture
def active(demo):
    """An active plan of a team of its own over the sub-ICB locations of today, in two: the field
    user's west, all but four, and Bea's east. Its line goes when the test is done."""
    rep, planner = (User.objects.get(username=name) for name in ("rep", "planner"))
    plan = factories.plan(
        name="The way of a plan",
        owner=planner,
        team=factories.team(),
        opened_on=date(2026, 4, 1),
        state=TerritoryPlan.State.ACTIVE,
    )
    plan.kinds.set(["sub_icb"])
    west = factories.territory(plan=plan, code="W", name="West", position=0)
    east = factories.territory(plan=plan, code="E", name="East", position=1)
    factories.roster_entry(territory=west, user=rep, opened_on=plan.opened_on)
    factories.roster_entry(territory=east, name="Bea", opened_on=plan.opened_on)
    locations = Organisation.objects.of_kind(TODAY, kind="sub_icb").order_by("code")
    for number, body in enumerate(locations):
        home = east if number < 4 else west
        factories.assignment(territory=home, organisation=body, opened_on=plan.opened_on)
    yield plan
    line = TerritoryPlan.objects.filter(team=plan.team)
    Challenge.objects.filter(plan__in=line).delete()
    Suggestion.objects.filter(plan__in=line).delete()
    line.update(copied_from=None, replaces=None)
    line.delete()
    plan.team.delete()


def held(plan):
    """Code of the territory → how many units it has on the first day of the new plan."""
    codes = list(
        Assignment.objects.filter(plan=plan).on(BEGINS).values_list("territory__code", flat=True)
    )
    return {code: codes.count(code) for code in sorted(set(codes))}


def test_a_copy_is_drawn_compared_challenged_approved_and_takes_over_on_its_day(
    sit_down, active, monkeypatch
):
    units = list(active.assignments.order_by("organisation__code"))
    moved, disputed = units[-1].organisation.code, units[-2].organisation.code
    before = held(active)

    # A copy, changed in the workspace, and what that means.
    planner = sit_down("planner").page
    planner.goto(active.get_absolute_url())
    planner.get_by_role("button", name="Copy").click()
    expect(planner.locator(".plan-way")).to_contain_text("A draft of The way of a plan")
    draft = TerritoryPlan.objects.get(copied_from=active)
    open_workspace(planner, draft)
    choose(planner, moved)
    give(planner, "East")
    expect(saved(planner)).to_have_text("Saved")
    assert held(draft) == {"E": before["E"] + 1, "W": before["W"] - 1}
    assert held(active) == before
    planner.goto(draft.get_absolute_url())
    planner.get_by_role("link", name="Compare").click()
    expect(planner.get_by_role("heading", level=2, name="Disruption")).to_be_visible()
    expect(planner.locator("table.moves tbody tr")).to_have_count(1)
    expect(planner.locator("table.moves")).to_contain_text(moved)

    # Not like this: while it is open the planner sees it and cannot submit.
    rep = sit_down("rep").page
    rep.goto(draft.territories.get(code="W").get_absolute_url() + f"?q={disputed}")
    rep.get_by_role("link", name=f"Disagree with {disputed}").click()
    rep.get_by_label("Why").fill("Too far from everything")
    rep.get_by_role("button", name="Send it").click()
    expect(rep.locator("#messages")).to_contain_text("It is sent")
    planner.goto(draft.get_absolute_url())
    expect(planner.locator(".plan-way .obstacles")).to_be_visible()
    expect(planner.get_by_role("button", name="Submit")).to_be_disabled()
    manager = sit_down("manager").page
    manager.goto(Challenge.objects.get(plan=draft).get_absolute_url())
    manager.get_by_label("Answer").fill("It is on your way to the east")
    manager.get_by_role("button", name="Refuse").click()
    expect(manager.locator("main")).to_contain_text("Refused")

    # Submitted, approved for a day, and the clock does the rest.
    planner.goto(draft.get_absolute_url())
    planner.locator(".plan-way summary", has_text="Submit").click()
    planner.get_by_role("button", name="Submit for approval").click()
    expect(planner.locator("#messages")).to_contain_text("is submitted")
    manager.goto(draft.get_absolute_url())
    manager.locator(".plan-way summary", has_text="Approve").click()
    manager.get_by_label("Becomes active on").fill(BEGINS.isoformat())
    manager.get_by_role("button", name="Approve the plan").click()
    expect(manager.locator("#messages")).to_contain_text("7 December 2026")
    assert tasks.activate_due() == 0
    monkeypatch.setattr(tasks, "localdate", lambda: BEGINS)
    assert tasks.activate_due() == 1

    states = {plan.pk: plan.state for plan in TerritoryPlan.objects.filter(team=active.team)}
    assert states == {active.pk: "superseded", draft.pk: "active"}
    assert held(active) == before
    planner.goto(active.get_absolute_url())
    expect(planner.locator(".plan-way")).to_contain_text("Superseded by")
    manager.goto(active.get_absolute_url())
    manager.get_by_role("button", name="Bring it back").click()
    expect(manager.locator("#messages")).to_contain_text("is active again")
    assert held(active) == before


def test_a_suggestion_is_worked_out_before_ones_eyes_and_taken_in_part(sit_down, active, worker):
    planner = sit_down("planner").page
    planner.goto(active.get_absolute_url())
    planner.get_by_role("button", name="Copy").click()
    expect(planner.locator(".plan-way")).to_contain_text("A draft of The way of a plan")
    draft = TerritoryPlan.objects.get(copied_from=active)
    before = held(draft)

    def ask():
        planner.goto(draft.get_absolute_url())
        planner.get_by_role("link", name="Suggest").click()
        planner.get_by_label("Make even").select_option(label="Number of units")
        planner.get_by_role("button", name="Work it out").click()

    # Stopped while at work: nothing moves, and it can be asked for again.
    ask()
    expect(planner.get_by_role("progressbar")).to_be_visible()
    planner.get_by_role("button", name="Stop").click()
    expect(planner.locator("#messages")).to_contain_text("It is stopped; nothing has changed.")
    assert held(draft) == before

    ask()
    expect(planner.get_by_role("heading", name="How even, and how much moves")).to_be_visible(
        timeout=LONG
    )
    expect(planner.get_by_role("button", name="Throw it away")).to_be_visible()
    expect(planner.get_by_role("button", name="Stop")).to_have_count(0)
    assert held(draft) == before
    found = Suggestion.objects.filter(plan=draft).latest("pk")
    moves = planner.locator("table.moves tbody tr")
    expect(moves).to_have_count(len(found.found))
    assert len(found.found) >= 45  # of 106, 102 of which are in the west
    for row in (0, 1, 2):
        moves.nth(row).get_by_role("checkbox").check()
    planner.get_by_role("button", name="Take the ticked").click()
    expect(planner.locator("#messages")).to_contain_text("3 units moved")
    assert held(draft) == {"E": before["E"] + 3, "W": before["W"] - 3}


def test_what_is_selected_in_the_workspace_stays_in_a_suggestion(sit_down, active, worker):
    seat = sit_down("planner")
    planner = seat.page
    planner.goto(active.get_absolute_url())
    planner.get_by_role("button", name="Copy").click()
    expect(planner.locator(".plan-way")).to_contain_text("A draft of The way of a plan")
    draft = TerritoryPlan.objects.get(copied_from=active)
    kept = draft.assignments.select_related("organisation").order_by("organisation__code")[50]
    west = draft.territories.get(code="W")
    open_workspace(planner, draft)
    choose(planner, kept.organisation.code)

    planner.get_by_role("button", name="Suggest round them").click()

    stays = planner.get_by_label("Units that stay where they are")
    expect(stays).to_have_value(kept.organisation.code)
    expect(planner.locator("#messages")).not_to_contain_text("without a territory")
    base = planner.get_by_label("Home base of W West")
    base.fill("ME18 9ZZ")
    planner.get_by_label("E East", exact=True).check()
    planner.get_by_role("button", name="Work it out").click()
    expect(planner.get_by_text("The register has nothing at this postcode")).to_be_visible()
    expect(stays).to_have_value(kept.organisation.code)
    expect(planner.get_by_label("E East", exact=True)).to_be_checked()
    base.fill("qt6")
    planner.get_by_role("button", name="Work it out").click()
    expect(planner.get_by_role("heading", name="How even, and how much moves")).to_be_visible(
        timeout=LONG
    )
    seat.complaints = [line for line in seat.complaints if "422" not in line]
    asked = Suggestion.objects.get(plan=draft)
    assert asked.found
    assert kept.organisation_id not in {unit for unit, _, _ in asked.found}
    assert asked.locked_units == [kept.organisation_id]
    assert asked.locked == [draft.territories.get(code="E").pk]
    assert asked.homes == {str(west.pk): Organisation.objects.get(code="QT6").pk}
