"""The workspace in a real browser: by keyboard and lasso, by two people at once, cut off.

Each test draws a plan of its own over the sub-ICB locations of the day.
"""

import re
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from playwright.sync_api import Page, expect

from accounts.models import Assignment, PlanChange, Territory, TerritoryPlan, User
from accounts.territories.reading import PlanOnDay
from footprints.boundaries.reading import read
from footprints.models import Kind, Organisation, Release
from footprints.services.boundaries import load_boundaries
from footprints.services.releases import undo_release
from tests import factories

from .conftest import PHONE, TODAY

MAP = "[data-field] canvas >> nth=1"


@pytest.fixture
def plan(demo):
    """An empty draft of the planner's over sub-ICB locations, with two territories."""
    owner = User.objects.get(username="planner")
    made = factories.plan(
        owner=owner,
        team=owner.team or factories.team(),
        name=f"Drawn {TerritoryPlan.objects.count()}",
        opened_on=date(2026, 4, 1),
        state="draft",
    )
    made.kinds.set(["sub_icb"])
    for position, (code, name) in enumerate([("N", "North"), ("S", "South")]):
        factories.territory(plan=made, code=code, name=name, position=position)
    yield made
    made.delete()


def locations():
    found = Organisation.objects.of_kind(TODAY, kind="sub_icb").order_by("code")
    return list(found.values_list("code", flat=True))


def open_workspace(page: Page, plan):
    page.goto(f"/plans/{plan.pk}/draw/")
    expect(page.locator("[data-ready]")).to_be_attached()
    expect(saved(page)).to_have_text("Saved")


def saved(page):
    return page.locator("[data-saved]").last


def holders(plan):
    """Code of unit → code of its territory, as the database has it today."""
    found = Assignment.objects.filter(plan=plan).on(TODAY)
    return dict(found.values_list("organisation__code", "territory__code"))


def row(page, code):
    return page.locator("[role=grid] tbody tr", has_text=re.compile(rf"^\W*{code}\b"))


def choose(page, code):
    """Select one unit by its row, and nothing else."""
    page.get_by_role("button", name="Clear").evaluate("button => button.click()")
    page.fill("[data-words]", code)
    row(page, code).click()
    expect(page.locator("[data-selection]")).to_contain_text("1 unit selected")


def give(page, territory):
    page.locator("tr[data-territory]", has_text=territory).locator("[data-give]").click()


def middle_of(page, plan, code):
    """Where on the page a unit's square lies, from the layout that the page was given."""
    return page.evaluate(
        """async ([address, code]) => {
            const state = await (await fetch(address)).json();
            const [column, row] = state.tiles[state.units.code.indexOf(code)];
            const columns = Math.max(...state.tiles.filter(Boolean).map(tile => tile[0])) + 1;
            const rows = Math.max(...state.tiles.filter(Boolean).map(tile => tile[1])) + 1;
            const box = document.querySelector("[data-field]").getBoundingClientRect();
            const width = box.width - 2, height = box.height - 2;  // its border
            const k = Math.min((width - 20) / columns, (height - 20) / rows);
            return [
                box.left + 1 + (width - k * columns) / 2 + k * (column + 0.5),
                box.top + 1 + (height - k * rows) / 2 + k * (row + 0.5),
                k,
            ];
        }""",
        [f"/plans/{plan.pk}/draw/state.json", code],
    )


# --- From nothing


def test_106_locations_are_drawn_into_twelve_territories_by_keyboard_alone(planner, plan):
    Territory.objects.filter(plan=plan).delete()
    codes = locations()
    open_workspace(planner, plan)
    for number in range(1, 13):
        planner.fill("[data-add] [name=code]", f"T{number:02}")
        planner.press("[data-add] [name=code]", "Enter")
        expect(planner.locator("tr[data-territory]")).to_have_count(number + 1)
    expect(planner.locator("[data-gaps]")).to_have_text(f"{len(codes)} without a territory")

    planner.locator("[role=grid]").focus()
    each = -(-len(codes) // 12)
    for number in range(12):
        # Hold shift and go down: from the unit the arrows stand on.
        planner.keyboard.press("Home" if not number else "ArrowDown")
        size = min(each, len(codes) - number * each)
        planner.keyboard.press("Space")
        for _ in range(size - 1):
            planner.keyboard.press("Shift+ArrowDown")
        expect(planner.locator("[data-selection]")).to_contain_text(f"{size} units selected")
        planner.keyboard.press("123456789abc"[number])
        planner.keyboard.press("Escape")
    expect(planner.locator("[data-gaps]")).to_have_text("no gaps")
    expect(saved(planner)).to_have_text("Saved")

    held = holders(plan)
    assert set(held) == set(codes)
    assert [held[code] for code in codes] == [
        f"T{place // each + 1:02}" for place in range(len(codes))
    ]
    assert PlanChange.objects.moves().filter(plan=plan).count() == 12
    expect(
        planner.locator("tr[data-territory='0'] [data-figure=units] .draw-amount")
    ).to_have_text(str(each))
    planner.reload()
    expect(planner.locator("[data-gaps]")).to_have_text("no gaps")


def test_a_lasso_takes_what_it_surrounds_and_a_drag_puts_it_to_a_territory(planner, plan):
    open_workspace(planner, plan)
    x, y, side = middle_of(planner, plan, "91Q")
    mouse = planner.mouse
    far = 1.2 * side
    mouse.move(x - far, y - far)
    mouse.down()
    for corner in [(x + far, y - far), (x + far, y + far), (x - far, y + far), (x - far, y - far)]:
        mouse.move(*corner, steps=4)
    mouse.up()
    said = planner.locator("[data-selection]")
    expect(said).to_contain_text("selected")
    number = int(said.inner_text().split()[0])
    assert 2 <= number <= 9

    mouse.move(x, y)
    expect(planner.locator("[data-card]")).to_contain_text("Kent and Medway")
    mouse.down()
    target = planner.locator("tr[data-territory]", has_text="South").bounding_box()
    mouse.move(x + 30, y + 30, steps=3)
    expect(planner.locator("[data-carried]")).to_have_text(f"{number} units")
    mouse.move(target["x"] + 60, target["y"] + 10, steps=5)
    mouse.up()
    expect(saved(planner)).to_have_text("Saved")
    expect(planner.locator("[data-undo]").last).to_be_enabled()

    held = holders(plan)
    assert held["91Q"] == "S"
    assert set(held.values()) == {"S"}
    assert len(held) == number


def test_click_shift_click_system_near_search_and_a_territory_s_own(planner, plan):
    open_workspace(planner, plan)
    said = planner.locator("[data-selection]")
    x, y, _ = middle_of(planner, plan, "00L")
    planner.mouse.click(x, y)
    expect(said).to_contain_text("1 unit selected")
    planner.get_by_role("button", name="All of QHM").click()
    whole = int(said.inner_text().split()[0])
    in_system = planner.evaluate(
        """async (address) => {
            const state = await (await fetch(address)).json();
            const place = state.systems.findIndex(([code]) => code === "QHM");
            return state.units.code.filter((_, i) => state.units.system[i] === place);
        }""",
        f"/plans/{plan.pk}/draw/state.json",
    )
    assert whole == len(in_system) > 1

    give(planner, "North")
    expect(planner.locator("[data-gaps]")).to_have_text(
        f"{len(locations()) - whole} without a territory"
    )
    planner.get_by_role("button", name="Unassigned near here").click()
    expect(said).to_contain_text(f"{whole + 5} units selected")

    planner.get_by_role("button", name="Clear").click()
    planner.get_by_role("button", name="Select all of N North").click()
    expect(said).to_contain_text(f"{whole} units selected")
    planner.fill("[data-words]", "kent")
    expect(planner.locator("[role=grid] tbody tr")).to_have_count(1)
    planner.press("[data-words]", "Enter")
    expect(said).to_contain_text("1 unit selected")
    planner.mouse.click(x, y)
    with_shift = middle_of(planner, plan, "91Q")
    planner.keyboard.down("Shift")
    planner.mouse.click(*with_shift[:2])
    planner.keyboard.up("Shift")
    expect(said).to_contain_text("2 units selected")
    expect(saved(planner)).to_have_text("Saved")
    assert set(holders(plan)) == set(in_system)


def test_undo_and_redo_by_key_and_by_button(planner, plan):
    open_workspace(planner, plan)
    choose(planner, "91Q")
    planner.keyboard.press("1")
    expect(row(planner, "91Q")).to_contain_text("N")
    planner.keyboard.press("2")
    expect(saved(planner)).to_have_text("Saved")
    assert holders(plan) == {"91Q": "S"}

    planner.keyboard.press("Control+z")
    expect(planner.locator(".draw-news")).to_contain_text("Undone")
    expect(row(planner, "91Q").locator("td").last).to_have_text("N")
    planner.get_by_role("button", name="Undo").click()
    expect(row(planner, "91Q").locator("td").last).to_have_text("—")
    assert holders(plan) == {}
    planner.get_by_role("button", name="Redo").click()
    expect(row(planner, "91Q").locator("td").last).to_have_text("N")
    planner.locator("[role=grid]").focus()
    planner.keyboard.press("Control+Shift+z")
    expect(row(planner, "91Q").locator("td").last).to_have_text("S")
    planner.keyboard.press("0")
    expect(row(planner, "91Q").locator("td").last).to_have_text("—")
    expect(saved(planner)).to_have_text("Saved")
    assert holders(plan) == {}


def test_a_territory_past_the_last_key_is_found_by_its_name_and_given_to(planner, plan):
    for number in range(40):
        factories.territory(
            plan=plan, code=f"X{number:02}", name=f"Patch {number}", position=number + 2
        )
    open_workspace(planner, plan)
    choose(planner, "91Q")
    grid = planner.locator("[role=grid]")
    grid.focus()

    planner.keyboard.press(".")
    dialog = planner.get_by_role("dialog", name="Give 1 unit to")
    options = dialog.get_by_role("option")
    expect(options).to_have_count(8)
    expect(dialog).to_contain_text("and 34 more")
    planner.keyboard.type("patch 3")
    expect(options.first).to_have_text("X03 Patch 3")
    planner.keyboard.press("ArrowDown")
    planner.keyboard.press("ArrowDown")
    expect(dialog.get_by_role("option", selected=True)).to_have_text("X31 Patch 31")
    found = Axe().run(planner, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []
    planner.keyboard.press("Enter")

    expect(dialog).to_be_hidden()
    expect(grid).to_be_focused()
    expect(saved(planner)).to_have_text("Saved")
    assert holders(plan) == {"91Q": "X31"}
    planner.keyboard.press(".")
    planner.keyboard.type("nowhere")
    expect(dialog).to_contain_text("No territory is called that.")
    planner.keyboard.press("Enter")
    planner.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    planner.get_by_role("button", name="Give to…").click()
    options.last.click()
    expect(saved(planner)).to_have_text("Saved")
    expect(row(planner, "91Q").locator("td").last).to_have_text("X05")
    expect(saved(planner)).to_have_text("Saved")
    assert holders(plan) == {"91Q": "X05"}


# --- Two at once


def test_two_planners_see_each_other_s_changes(sit_down, plan):
    planner, manager = (sit_down(who).page for who in ("planner", "manager"))
    for page in (planner, manager):
        open_workspace(page, plan)

    choose(manager, "91Q")
    give(manager, "South")

    planner.fill("[data-words]", "91Q")
    expect(row(planner, "91Q").locator("td").last).to_have_text("S")
    expect(planner.locator(".draw-news")).to_contain_text("91Q) to S South")
    # And a territory that the other adds.
    manager.fill("[data-add] [name=code]", "W")
    manager.press("[data-add] [name=code]", "Enter")
    expect(planner.locator("tr[data-territory]", has_text="W")).to_have_count(1)


@pytest.mark.parametrize(("answer", "left"), [("Keep theirs", "S"), ("Keep mine", "N")])
def test_what_moved_under_you_is_asked_about_and_stays_as_you_say(sit_down, plan, answer, left):
    seat, other = sit_down("planner"), sit_down("manager").page
    planner = seat.page
    for page in (planner, other):
        open_workspace(page, plan)
    planner.fill("[data-words]", "")
    planner.locator("[role=grid]").focus()
    for code in ("91Q", "92A"):
        planner.fill("[data-words]", code)
        row(planner, code).click()
    expect(planner.locator("[data-selection]")).to_contain_text("2 units selected")
    planner.route("**/since.json*", lambda route: route.abort())  # it has not heard yet
    choose(other, "91Q")
    give(other, "South")
    expect(saved(other)).to_have_text("Saved")

    give(planner, "North")

    dialog = planner.get_by_role("dialog")
    expect(dialog).to_contain_text("One unit moved under you")
    expect(dialog.locator("li")).to_contain_text("91Q")
    expect(dialog.locator("li")).to_contain_text("S South now")
    assert holders(plan) == {"91Q": "S"}  # nothing was done yet
    dialog.get_by_role("button", name=answer).click()
    planner.unroute("**/since.json*")
    expect(saved(planner)).to_have_text("Saved")
    assert holders(plan) == {"91Q": left, "92A": "N"}
    planner.fill("[data-words]", "91Q")
    expect(row(planner, "91Q").locator("td").last).to_have_text(left)
    seat.complaints = [line for line in seat.complaints if not re.search("409|ERR_FAILED", line)]


# --- What goes wrong


def test_what_is_drawn_offline_is_kept_over_a_reload_and_saved_when_the_line_is_back(
    sit_down, plan
):
    seat = sit_down("planner")
    page = seat.page
    open_workspace(page, plan)
    choose(page, "91Q")
    page.route("**/draw/change/", lambda route: route.abort())
    give(page, "North")
    expect(saved(page)).to_have_text("Could not save: kept here, trying again")
    expect(row(page, "91Q").locator("td").last).to_have_text("N")
    choose(page, "92A")
    give(page, "South")
    assert holders(plan) == {}

    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?"
    page.reload()
    page.unroute("**/draw/change/")

    expect(saved(page)).to_have_text("Saved")
    expect(page.locator("[data-gaps]")).to_contain_text(f"{len(locations()) - 2} without")
    assert holders(plan) == {"91Q": "N", "92A": "S"}
    seat.complaints = [line for line in seat.complaints if "ERR_FAILED" not in line]


def test_what_is_done_again_offline_is_done_once_when_the_line_is_back(sit_down, plan):
    seat = sit_down("planner")
    page = seat.page
    open_workspace(page, plan)
    choose(page, "91Q")
    give(page, "North")
    expect(saved(page)).to_have_text("Saved")
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "91Q").locator("td").last).to_have_text("—")
    page.route("**/draw/redo/", lambda route: route.abort())
    page.get_by_role("button", name="Redo").click()
    expect(saved(page)).to_have_text("Could not save: kept here, trying again")
    assert holders(plan) == {}

    page.unroute("**/draw/redo/")

    expect(saved(page)).to_have_text("Saved")
    expect(row(page, "91Q").locator("td").last).to_have_text("N")
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    assert holders(plan) == {"91Q": "N"}
    assert PlanChange.objects.filter(plan=plan).count() == 1
    seat.complaints = [line for line in seat.complaints if "ERR_FAILED" not in line]


def test_a_plan_that_is_submitted_meanwhile_says_so_and_loses_nothing(sit_down, plan):
    seat = sit_down("planner")
    page = seat.page
    open_workspace(page, plan)
    page.route("**/since.json*", lambda route: route.abort())
    choose(page, "91Q")
    TerritoryPlan.objects.filter(pk=plan.pk).update(state="submitted")

    give(page, "North")

    expect(saved(page)).to_contain_text("is submitted and stands as it is")
    expect(saved(page)).to_contain_text("1 unit not saved")
    expect(page.get_by_role("button", name="Copy them")).to_be_visible()
    assert holders(plan) == {}
    page.goto(f"/plans/{plan.pk}/draw/")
    expect(page).to_have_url(re.compile(rf"/plans/{plan.pk}/$"))
    expect(page.locator("#messages")).to_contain_text("submitted and stands")
    seat.complaints = [line for line in seat.complaints if not re.search("409|ERR_FAILED", line)]


def test_a_session_that_is_over_says_so_and_saves_once_signed_in_again(sit_down, plan):
    seat = sit_down("planner")
    page = seat.page
    open_workspace(page, plan)
    choose(page, "91Q")
    cookies = page.context.cookies()
    page.context.clear_cookies(name=re.compile("session"))
    give(page, "North")
    expect(saved(page)).to_contain_text("You are signed out")
    expect(saved(page).get_by_role("link", name="Sign in")).to_be_visible()

    page.context.add_cookies(cookies)

    expect(saved(page)).to_have_text("Saved")
    assert holders(plan) == {"91Q": "N"}
    seat.complaints = [line for line in seat.complaints if "401" not in line]


# --- For everybody


def test_on_a_phone_the_map_is_above_and_a_tap_selects(sit_down, plan):
    page = sit_down("planner", PHONE).page
    open_workspace(page, plan)
    field = page.locator("[data-field]").bounding_box()
    table = page.locator("[data-territories]").bounding_box()
    assert field["y"] + field["height"] < table["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    x, y, _ = middle_of(page, plan, "91Q")
    page.mouse.click(x, y)
    expect(page.locator("[data-selection]")).to_contain_text("1 unit selected")
    give(page, "South")
    expect(saved(page)).to_have_text("Saved")
    assert holders(plan) == {"91Q": "S"}


def test_two_fingers_zoom_round_the_place_between_them(sit_down, plan):
    page = sit_down("planner", PHONE).page
    open_workspace(page, plan)
    page.locator("[data-field]").scroll_into_view_if_needed()
    x, y, _ = middle_of(page, plan, "15M")
    between = x - 25
    touch = page.context.new_cdp_session(page)

    def fingers(kind, *apart):
        points = [{"x": between + one, "y": y, "id": i} for i, one in enumerate(apart)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", -30)
    fingers("touchStart", -30, 30)
    for far in (40, 50, 60):
        fingers("touchMove", -far, far)
    fingers("touchEnd")

    # Twice as far from the place between the fingers as it was.
    page.mouse.click(between + 50, y)
    expect(page.locator("[data-selection]")).to_contain_text("1 unit selected")
    page.fill("[data-words]", "15M")
    expect(row(page, "15M")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_workspace(planner, plan, scheme):
    planner.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    open_workspace(planner, plan)
    choose(planner, "91Q")
    give(planner, "North")
    expect(saved(planner)).to_have_text("Saved")

    found = Axe().run(planner, options={"resultTypes": ["violations"]}).response["violations"]

    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


def test_a_plan_without_a_kind_of_unit_asks_for_one(planner, plan):
    plan.kinds.clear()
    planner.goto(f"/plans/{plan.pk}/draw/")
    planner.get_by_role("link", name=f"{len(locations())} sub-ICB locations").click()
    expect(planner.locator("[data-gaps]")).to_have_text(f"{len(locations())} without a territory")


def test_the_plan_s_page_leads_to_the_workspace_for_whoever_draws(sit_down, plan):
    page = sit_down("planner").page
    page.goto(f"/plans/{plan.pk}/")
    page.get_by_role("link", name="Draw", exact=True).click()
    expect(page.locator("[data-ready]")).to_be_attached()


@pytest.mark.parametrize(
    "name", ["Primary care 2026/27", "Hospital 2026/27", "Devolved nations 2026/27"]
)
def test_the_browser_counts_the_gaps_that_the_plan_s_page_counts(planner, name):
    found = TerritoryPlan.objects.get(name=name)
    gaps = PlanOnDay(found, User.objects.get(username="planner"), TODAY).gaps

    open_workspace(planner, found)

    expect(planner.locator("[data-gaps]")).to_have_text(
        f"{len(gaps)} without a territory" if gaps else "no gaps"
    )


@pytest.fixture
def boundaries(shared, demo):
    """The boundaries of April 2023 as the ONS published them, for as long as a test needs them."""
    file = read(shared / "boundaries" / "sicbl_2023-04_BSC.geojson")
    with transaction.atomic():
        load_boundaries(file, kind=Kind.objects.get(pk="sub_icb"), day=date(2023, 4, 1))
    release = Release.objects.latest("pk")
    yield
    undo_release(release)


def test_real_boundaries_take_the_place_of_squares_and_are_selected_alike(
    planner, plan, boundaries
):
    open_workspace(planner, plan)
    planner.get_by_role("button", name="Boundaries").click()
    expect(planner.get_by_role("button", name="Boundaries")).to_have_attribute(
        "aria-pressed", "true"
    )
    box = planner.locator("[data-field]").bounding_box()

    planner.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(planner.locator("[data-selection]")).to_contain_text("1 unit selected")
    give(planner, "South")

    expect(saved(planner)).to_have_text("Saved")
    assert set(holders(plan).values()) == {"S"}
