"""What the workspace says of each territory, and of whom the plan unsettles, at every gesture: it
is what the plan's balance and comparison say of it once it is saved.
"""

import re
from datetime import date, datetime
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import get_current_timezone
from playwright.sync_api import expect

from accounts.comparing.comparison import compare
from accounts.comparing.sides import Side, what_is
from accounts.models import Figure, Measure, RosterEntry, Territory, TerritoryPlan, User
from accounts.territories.balance import balance
from accounts.territories.copying import copy_plan
from accounts.territories.reading import PlanOnDay
from footprints.models import Organisation, Relationship, Version
from tests import factories

from .conftest import PHONE, TODAY
from .test_drawing import choose, give, middle_of, open_workspace, saved

NAME = "Primary care 2026/27"


@pytest.fixture
def sales(demo):
    """A measure on the sub-ICB locations of the day: £ in thousands, a day for each fifty."""
    made = Measure.objects.create(
        name="Sales",
        unit="£",
        source="Our own books",
        counted_on=TODAY,
        days_each=Decimal("0.02"),
        by=User.objects.get(username="planner"),
        at=datetime(2026, 10, 1, tzinfo=get_current_timezone()),
    )
    units = Organisation.objects.of_kind(TODAY, kind="sub_icb").order_by("code")
    Figure.objects.bulk_create(
        Figure(measure=made, organisation=unit, amount=1000 + 37 * number % 2000)
        for number, unit in enumerate(units)
    )
    yield made
    made.delete()


@pytest.fixture
def plan(sales):
    """A copy of the active plan, of which each third territory has a capacity."""
    active = TerritoryPlan.objects.get(name=NAME)
    planner = User.objects.get(username="planner")
    made = copy_plan(active, by=planner, name="Drawn anew", opened_on=date(2026, 4, 1))
    homes = list(made.territories.order_by("position"))
    for home in homes[::3]:
        home.capacity = 150
    Territory.objects.bulk_update(homes, ["capacity"])
    yield made
    TerritoryPlan.objects.filter(pk=made.pk).delete()


def show_all(page):
    """Every column that there is."""
    page.locator("[data-columns] summary").click()
    for box in page.locator("[data-choices] input").all():
        box.check()
    page.locator("[data-columns] summary").click()
    expect(page.locator("td[data-figure=compact]", has_text="…")).to_have_count(0)


READ = """() => [...document.querySelectorAll("tr[data-territory]")].map(row => Object.fromEntries(
    [...row.querySelectorAll("td[data-figure]")].map(cell => [cell.dataset.figure, [
        (cell.querySelector(".draw-amount") ?? cell).textContent,
        cell.querySelector(".draw-index")?.textContent ?? "",
    ]])))"""


def written(amount):
    amount = round(amount) if abs(amount) >= 1000 else round(amount, 1)
    return f"{float(amount):,.1f}".removesuffix(".0")


def expected(plan, sales):
    """The same of the plan as it is saved, by its own pages' sums."""
    on_day = PlanOnDay(plan, User.objects.get(username="planner"), TODAY)
    found = balance(on_day, [sales])
    # The bundled register has no practices: there is nothing to show of them.
    keys = [column.key for column in found.columns if any(column.amounts.values())]
    assert len(keys) == 3
    owners = {entry.territory_id: str(entry) for entry in RosterEntry.objects.on(TODAY)}
    free = {
        key: (written(found.unassigned[key]) if found.unassigned[key] else "—", "") for key in keys
    }
    rows = [free | {"load": ("—", ""), "compact": ("", ""), "owner": ("", "")}]
    rows[0]["days"] = None
    for row in found.rows:
        rows.append(
            {
                key: (written(row.cells[key].amount), str(round(row.cells[key].index)))
                for key in keys
            }
            | {
                "days": (written(row.days), ""),
                "load": ("—" if row.load is None else f"{round(100 * row.load)} %", ""),
                "compact": ("—" if row.compactness is None else f"{row.compactness:.2f}", ""),
                "owner": (owners.get(row.territory.pk, "vacant"), ""),
            }
        )
    return rows


def line(plan):
    """What the line on disruption says of the plan as it is saved."""
    active = what_is(plan, User.objects.get(username="planner"))
    found = compare(Side(active, TODAY), Side(plan, TODAY)).disruption
    if found.is_none:
        return "nothing changes hands"
    one = {"People": "person"}
    parts = [
        f"{number:,} {one.get(what, what[:-1].lower()) if number == 1 else what.lower()}"
        for what, number, *_ in found.rows
        if number
    ]
    verb = "changes" if [number for _, number, *_ in found.rows if number] == [1] else "change"
    return f"{' · '.join(parts)} {verb} hands"


def check(page, plan, sales):
    """The table and the line are what the server says of the plan."""
    expect(saved(page)).to_have_text("Saved")
    wanted = expected(plan, sales)
    keys = wanted[1].keys()
    expect(page.locator("[data-beside]")).to_have_text(line(plan))
    page.wait_for_timeout(1000)  # compactness comes when the page has time for it
    shown = page.evaluate(READ)
    assert shown[1].keys() == keys
    for row, right in zip(shown, wanted, strict=True):
        for key, cell in right.items():
            assert cell is None or tuple(row[key]) == cell, key


def test_table_and_line_follow_keys_a_lasso_undo_and_another_planner(sit_down, plan, sales):
    planner = sit_down("planner").page
    open_workspace(planner, plan)
    show_all(planner)
    check(planner, plan, sales)
    assert line(plan) == "nothing changes hands"

    choose(planner, "91Q")
    planner.locator("[role=grid]").focus()
    planner.keyboard.press("2")
    check(planner, plan, sales)
    assert line(plan).startswith("1 unit · 1,")

    x, y, side = middle_of(planner, plan, "15M")
    far = 1.2 * side
    planner.locator("[data-clear]").click()
    planner.mouse.move(x - far, y - far)
    planner.mouse.down()
    for corner in [(x + far, y - far), (x + far, y + far), (x - far, y + far), (x - far, y - far)]:
        planner.mouse.move(*corner, steps=4)
    planner.mouse.up()
    expect(planner.locator("[data-selection]")).to_contain_text("units selected")
    give(planner, "T05")
    check(planner, plan, sales)
    after_lasso = line(plan)

    planner.locator("[role=grid]").focus()
    planner.keyboard.press("0")
    check(planner, plan, sales)
    planner.keyboard.press("Control+z")
    check(planner, plan, sales)
    assert line(plan) == after_lasso

    manager = sit_down("manager").page
    open_workspace(manager, plan)
    choose(manager, "92A")
    give(manager, "T01")
    expect(saved(manager)).to_have_text("Saved")
    check(planner, plan, sales)

    planner.get_by_role("link", name=NAME).click()
    units = re.match(r"(\d+) units", line(plan))[1]
    expect(planner.locator(".disrupts dd").first).to_contain_text(f"{units} of")


def test_what_is_shown_before_it_is_saved_is_what_is_shown_after(sit_down, plan, sales):
    seat = sit_down("planner")
    page = seat.page
    open_workspace(page, plan)
    show_all(page)
    page.route("**/draw/change/", lambda route: route.abort())
    choose(page, "91Q")
    give(page, "T05")
    expect(saved(page)).to_have_text("Could not save: kept here, trying again")
    expect(page.locator("[data-beside]")).to_contain_text("1 unit")
    page.wait_for_timeout(1000)
    before = page.evaluate(READ), page.locator("[data-beside]").inner_text()

    page.unroute("**/draw/change/")

    check(page, plan, sales)
    assert (page.evaluate(READ), page.locator("[data-beside]").inner_text()) == before
    seat.complaints = [said for said in seat.complaints if "ERR_FAILED" not in said]


def test_the_workspace_is_worked_in_while_its_figures_are_on_their_way(sit_down, plan, sales):
    seat = sit_down("planner")
    page = seat.page
    page.route("**/weights.json*", lambda route: route.abort())
    open_workspace(page, plan)
    choose(page, "91Q")
    give(page, "T05")
    expect(saved(page)).to_have_text("Saved")
    expect(page.locator("[data-beside]")).to_have_text("…")
    expect(page.locator("td[data-figure=people]").first).to_be_visible()
    expect(page.locator("[data-columns]")).to_be_hidden()

    page.unroute("**/weights.json*")

    # They are asked for again some seconds later.
    expect(page.locator("[data-beside]")).to_have_text(line(plan), timeout=30_000)
    show_all(page)
    check(page, plan, sales)
    seat.complaints = [said for said in seat.complaints if "ERR_FAILED" not in said]


def test_a_practice_of_its_own_takes_its_part_from_the_location_round_it(sit_down, plan, sales):
    """A plan of two levels: what is weighed changes with who has what, so it is asked again."""
    location = Organisation.objects.get(code="91Q")
    pcn = factories.body(kind_code="pcn", name="The Weald PCN")
    factories.relationship(child=pcn, parent=location, opened_on=date(2020, 4, 1))
    Figure.objects.create(measure=sales, organisation=pcn, amount=40)
    home = plan.territories.get(code="T05")
    factories.assignment(territory=home, organisation=pcn, opened_on=plan.opened_on)
    page = sit_down("planner").page
    open_workspace(page, plan)
    show_all(page)
    try:
        check(page, plan, sales)
        choose(page, pcn.code)
        planner_frees(page)
        check(page, plan, sales)
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".draw-news")).to_contain_text("Undone")
        check(page, plan, sales)
    finally:
        Figure.objects.filter(organisation=pcn).delete()
        undo = factories.release()  # or the tests after this one would find it in the register
        Version.objects.filter(organisation=pcn).update(retracted_by=undo)
        Relationship.objects.filter(child=pcn).update(retracted_by=undo)


def planner_frees(page):
    page.locator("[role=grid]").focus()
    page.keyboard.press("0")


def test_columns_are_chosen_by_each_person_and_kept(sit_down, plan, sales):
    page = sit_down("planner").page
    open_workspace(page, plan)
    heads = page.locator("[data-territories] thead th .draw-label")
    expect(heads).to_have_text(["Units", "People", "Load", "Sales"])
    page.locator("[data-columns] summary").click()
    page.get_by_label("People").uncheck()
    page.get_by_label("Compact").check()
    expect(heads).to_have_text(["Units", "Load", "Sales", "Compact"])

    page.reload()
    expect(heads).to_have_text(["Units", "Load", "Sales", "Compact"])
    page.locator("[data-columns] summary").click()
    page.get_by_role("button", name="The usual ones").click()
    expect(heads).to_have_text(["Units", "People", "Load", "Sales"])
    page.reload()
    expect(heads).to_have_text(["Units", "People", "Load", "Sales"])


def test_on_a_phone_the_first_column_and_the_line_stay_in_sight(sit_down, plan, sales):
    page = sit_down("planner", PHONE).page
    open_workspace(page, plan)
    show_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    table = page.locator("[data-territories]")
    first = table.locator("tr[data-territory='0'] td").first
    left = first.bounding_box()["x"]

    table.evaluate("table => { table.scrollLeft = table.scrollWidth; }")

    assert first.bounding_box()["x"] == pytest.approx(left, abs=1)
    expect(table.locator("tr[data-territory='0'] [data-select]")).to_be_in_viewport()
    expect(page.locator(".draw-beside")).to_be_in_viewport(ratio=1)
    page.locator("[data-units] [role=grid]").scroll_into_view_if_needed()
    expect(page.locator(".draw-beside")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_among_the_figures(sit_down, plan, sales, scheme):
    page = sit_down("planner").page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    open_workspace(page, plan)
    choose(page, "91Q")
    give(page, "T05")
    show_all(page)
    page.locator("[data-columns] summary").click()
    check(page, plan, sales)

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]

    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []
