"""J1, what changed in the NHS that hits my patch: one step, from the home page, and each deed."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db.models import F
from playwright.sync_api import expect

from accounts.models import Alert, User
from tests.browser.conftest import PHONE

EVENT = "Herefordshire and Worcestershire with Coventry and Warwickshire"

PATCH = "/?because=2-patch"  # without what they watch


@pytest.fixture(autouse=True)
def as_it_was(demo):
    yield
    alerts = Alert.objects.filter(person__username__in=["kam", "planner"])
    alerts.update(
        resolved_at=None,
        resolved_by=None,
        wakes_on=None,
        seen_at=None,
        handed_at=None,
        handed_by=None,
        holder=F("person"),
        note="",
    )


def line(page, event=EVENT):
    return page.locator("table.inbox tbody tr", has=page.get_by_role("link", name=event))


def test_home_answers_what_hits_my_patch_and_a_line_opens_it(sit_down):
    kam = sit_down("kam").page
    kam.goto("/")  # the one step

    first = kam.locator("table.inbox tbody tr").first
    expect(first.get_by_role("link", name=EVENT)).to_be_visible()
    expect(first.locator(".flag")).to_contain_text("Act")
    expect(first.locator(".becomes")).to_contain_text("QGH Herefordshire and Worcestershire")
    expect(first.locator(".becomes")).to_contain_text("P-QGH-QWU")
    expect(first.locator(".hits")).to_contain_text("K3 Key accounts 2026/27")
    expect(first.locator(".hits")).to_contain_text("people’s posts at these bodies")
    expect(first).to_contain_text("1 Apr 2027")
    expect(first).to_contain_text("See who else is in it")
    expect(kam.locator(".side")).to_contain_text("West Midlands")

    first.get_by_role("link", name=EVENT).click()

    expect(kam.get_by_role("heading", level=1)).to_contain_text(EVENT)
    expect(kam.locator(".meeting").first).to_contain_text("K3")
    expect(kam.locator(".mine")).to_contain_text("For you")


def test_each_deed_is_done_from_the_home_page(sit_down):
    kam = sit_down("kam").page
    kam.goto(PATCH)
    lines = kam.locator("table.inbox tbody tr")
    expect(lines).to_have_count(3)

    line(kam).get_by_role("button", name="Dealt with").click()
    expect(kam.locator("#messages")).to_contain_text("One alert dealt with.")
    expect(lines).to_have_count(2)

    lines.first.get_by_role("button", name="Put off a week").click()
    expect(kam.locator("#messages")).to_contain_text("put off until 28 November 2026")
    expect(lines).to_have_count(1)

    lines.first.locator("input[name=row]").check()
    bar = kam.locator(".bulk-bar")
    bar.get_by_label("Note").fill("Seen with the region")
    bar.get_by_role("button", name="Seen").click()
    expect(kam.locator("#messages")).to_contain_text("One alert seen.")

    lines.first.locator("input[name=row]").check()
    bar.get_by_label("Note").fill("It carries over by itself")
    bar.get_by_role("button", name="Dealt with").click()
    expect(kam.get_by_role("heading", name="Nothing matches")).to_be_visible()

    kam.goto(f"{PATCH}&show=done")
    expect(lines).to_have_count(2)
    kam.get_by_label("Select every row of this page").check()
    bar.get_by_role("button", name="Into the inbox again").click()
    expect(kam.locator("#messages")).to_contain_text("Two alerts in the inbox again.")


def test_a_line_is_handed_to_a_colleague_from_the_home_page(sit_down):
    planner = sit_down("planner").page
    planner.goto("/")
    manager = User.objects.get(username="manager")
    line(planner).locator("input[name=row]").check()
    bar = planner.locator(".bulk-bar")
    bar.get_by_label("to", exact=True).select_option(str(manager.pk))
    bar.get_by_label("Note").fill("Yours while I am away")

    bar.get_by_role("button", name="Hand on").click()

    expect(planner.locator("#messages")).to_contain_text(f"{manager} has it now.")
    expect(line(planner)).to_have_count(0)
    seat = sit_down("manager")
    seat.page.goto("/")
    expect(line(seat.page).locator(".hits")).to_contain_text("from Harriet Osei")


def test_the_inbox_is_worked_by_keys_alone(sit_down):
    kam = sit_down("kam").page
    kam.goto(PATCH)
    lines = kam.locator("table.inbox tbody tr")
    expect(lines).to_have_count(3)

    kam.keyboard.press("ArrowDown")
    kam.keyboard.press("x")
    expect(lines.first.locator("input[name=row]")).to_be_checked()
    kam.keyboard.press("x")
    kam.keyboard.press("z")
    expect(lines).to_have_count(2)
    kam.keyboard.press("ArrowDown")
    kam.keyboard.press("e")
    expect(lines).to_have_count(1)
    kam.keyboard.press("ArrowDown")
    kam.keyboard.press("Enter")
    expect(kam.locator(".mine")).to_contain_text("For you")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_it_fits_and_axe_finds_nothing(sit_down, scheme):
    kam = sit_down("kam", viewport=PHONE).page
    kam.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    kam.goto("/")
    expect(kam.get_by_role("heading", name="My territories")).to_be_visible()
    kam.locator("input[name=row]").first.check()
    expect(kam.locator(".bulk-bar")).to_be_visible()
    expect(line(kam).get_by_role("button", name="Dealt with")).to_be_visible()

    assert kam.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    found = Axe().run(kam, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


@pytest.mark.parametrize("wide", [700, 768, 1024])
def test_on_a_tablet_the_bar_of_deeds_fits(sit_down, wide):
    kam = sit_down("kam", viewport={"width": wide, "height": 900}).page
    kam.goto("/")
    kam.locator("input[name=row]").first.check()
    expect(kam.locator(".bulk-bar")).to_be_visible()

    assert kam.evaluate("document.documentElement.scrollWidth") == wide
    for button in kam.locator(".bulk-bar button").all():
        box = button.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= wide
