"""Not like this: three steps for a field user on a phone, one click for the manager."""

import pytest
from playwright.sync_api import expect

from accounts.models import Challenge, Territory
from accounts.territories import plans

from .conftest import PHONE, TODAY

PLAN = "Primary care 2026/27"


@pytest.fixture
def unit(demo):
    """A unit of the field user's patch, which is put back where it was."""
    mine = Territory.objects.get(plan__name=PLAN, code="T21")
    unit = mine.assignments.on(TODAY).order_by("organisation__code").last().organisation
    yield unit
    # What was accepted is undone by hand: other tests of this worker read the plan.
    plans.assign_units(mine.plan, mine, [unit], opened_on=TODAY, by=mine.plan.owner)
    Challenge.objects.filter(organisation=unit).delete()


def test_a_field_user_disagrees_in_three_steps_and_a_manager_accepts_or_changes(sit_down, unit):
    rep = sit_down("rep", viewport=PHONE).page
    rep.goto("/")
    rep.locator(".side").get_by_role("link", name="T21").first.click()

    rep.get_by_role("link", name=f"Disagree with {unit.code}").click()
    rep.get_by_label("Why").fill("The river lies between")
    rep.get_by_role("button", name="Send it").click()
    expect(rep.locator("#messages")).to_contain_text("It is sent")
    expect(rep.locator("#results")).to_contain_text("The river lies between")

    seat = sit_down("manager")
    manager = seat.page
    manager.goto("/")
    manager.locator(".side").get_by_role("link", name=unit.code).first.click()
    expect(manager.locator("main")).to_contain_text("The river lies between")
    manager.get_by_role("button", name="Accept: put it there").click()
    expect(manager.get_by_role("alert")).to_contain_text("Say which territory it should go to.")
    assert all("422" in said for said in seat.complaints)
    seat.complaints.clear()
    manager.get_by_label("Put it into").select_option(index=1)
    chosen = manager.get_by_label("Put it into").locator("option:checked").inner_text()
    manager.get_by_role("button", name="Accept: put it there").click()
    expect(manager.locator("#messages")).to_contain_text("Accepted.")

    made = Challenge.objects.get(organisation=unit)
    assert (made.state, str(made.granted)) == (Challenge.State.ACCEPTED, chosen)
    assert made.plan.assignments.on(TODAY).get(organisation=unit).territory == made.granted
    rep.goto("/challenges/")
    expect(rep.locator("#results")).to_contain_text("Accepted")
    manager.goto(f"{made.plan.get_absolute_url()}history/")
    told = manager.locator(".thread li").first
    expect(told).to_contain_text(f"({unit.code}) to {chosen}, as {made.by} asked")
    expect(told).to_contain_text(f"{unit.code} T21 → {made.granted.code}")


def test_one_click_accepts_what_says_where_to(sit_down, unit):
    rep = sit_down("rep").page
    theirs = Territory.objects.get(plan__name=PLAN, code="T24")
    wished = theirs.assignments.on(TODAY).order_by("organisation__code").first().organisation
    rep.goto("/")
    rep.locator(".side").get_by_role("link", name="T21").first.click()
    rep.get_by_role("link", name="Not like this").click()
    rep.get_by_label("Which unit").select_option(value="another")
    rep.get_by_label("Code of the other unit").fill(wished.code)
    rep.get_by_label("Why").fill("I live there")
    rep.get_by_role("button", name="Send it").click()
    expect(rep.locator("#messages")).to_contain_text("It is sent")

    manager = sit_down("manager").page
    manager.goto(Challenge.objects.get(organisation=wished).get_absolute_url())
    manager.get_by_role("button", name="Accept: into T21").click()

    expect(manager.locator("#messages")).to_contain_text("Accepted.")
    held = theirs.plan.assignments.on(TODAY).get(organisation=wished)
    assert held.territory.code == "T21"
    plans.assign_units(theirs.plan, theirs, [wished], opened_on=TODAY, by=theirs.plan.owner)
    Challenge.objects.filter(organisation=wished).delete()
