"""A body's whole life, the walk and the day, in a browser: seen, read by keyboard, on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import DESKTOP, PHONE

GRAVE = {"serious", "critical"}
# A CCG that became a location, a board that was split, one that grew, its location, a survivor, a
# merged CCG, trusts, a PCN, a committee, a collaborative, a region, a nation, a Welsh board.
BODIES = (
    "91Q QNQ QRL D4U1Y 13T 00F RRP G6V2S U47228 APC-02 PC-09 Y59 E92000001 7A3 P-QHL-QUA".split()
)


def wrong_by_axe(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:120]}"
        for each in found
        if each["impact"] in GRAVE
    ]


def unfold(page: Page):
    page.eval_on_selector_all("main details", "all => all.forEach(d => d.open = true)")


def overflows(page: Page) -> list[str]:
    """Elements that stick out of the screen, but for what scrolls in a box of its own."""
    return page.evaluate(
        """() => {
        const width = document.documentElement.clientWidth;
        const out = [...document.querySelectorAll("main *")].filter((e) =>
            !e.closest(".flow-box, .walk, .visually-hidden, table.rows thead") &&
            e.getBoundingClientRect().right > width + 1);
        return out.slice(0, 3).map((e) => e.outerHTML.slice(0, 120));
    }"""
    )


@pytest.mark.parametrize("code", BODIES)
def test_a_page_is_sound_on_a_desk_and_on_a_phone(planner, code):
    page, wrong = planner, []
    page.emulate_media(reduced_motion="reduce")
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        assert page.goto(f"/register/{code}/").status == 200
        unfold(page)
        wrong += [f"{size['width']}: {each}" for each in wrong_by_axe(page)]
        wrong += [f"{size['width']} sticks out: {each}" for each in overflows(page)]
        if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            wrong.append(f"wider than {size['width']}")

    assert wrong == []


def test_a_whole_life_is_on_one_page(planner):
    planner.goto("/register/91Q/")

    flow = planner.get_by_role("group", name="Predecessors and successors")
    expect(flow).to_be_visible()
    for code in "09C 09E 09J 09W 10A 10D 10E 99J".split():
        expect(flow.get_by_role("link", name=code)).to_be_visible()
    widths = planner.eval_on_selector_all(
        ".flow-body rect", "all => all.map(r => [r.getBBox().width, r.getBBox().height])"
    )
    assert all(width > 100 and height >= 20 for width, height in widths)
    chart = planner.get_by_role("img", name="Population over time")
    expect(chart).to_be_visible()
    expect(chart.locator(".chart-mark")).to_have_count(2)
    expect(planner.get_by_role("heading", name="42 PCNs, part of it")).to_be_visible()
    expect(planner.get_by_role("heading", name="Statutory functions")).to_be_visible()
    committees = planner.locator("section", has_text="Committees that cover it")
    expect(committees).to_contain_text("Kent and Medway Integrated Medicines Optimisation")
    grounds = planner.locator(".grounds")
    grounds.get_by_text("entries, as known now").click()
    expect(grounds.locator("tbody tr").first).to_contain_text("ODS report of CCGs")
    expect(grounds).to_contain_text("The NHS in England, 2013 to November 2026")
    expect(grounds).not_to_contain_text("eccg 2025-12")


def test_a_split_is_drawn_with_its_shares_and_each_leads_on(planner):
    planner.goto("/register/QNQ/?on=2026-03-31")

    flow = planner.locator(".flow-box").first
    for share in ("59%", "23%", "18%"):
        expect(flow.locator(".flow-share", has_text=share)).to_be_visible()
    flow.get_by_role("link", name="S0E4D").click()
    expect(planner.get_by_role("heading", level=1)).to_contain_text("S0E4D")
    assert "on=2026-03-31" in planner.url


def test_what_is_not_decided_and_what_is_not_known_look_different(planner):
    planner.goto("/register/QHL/")
    dashed = planner.locator(".flow-undecided").first
    assert dashed.evaluate("e => getComputedStyle(e).strokeDasharray") not in ("none", "")

    planner.goto("/register/RW6/")
    hatched = planner.locator("path.flow-unknown").first
    assert "flow-hatch" in hatched.evaluate("e => getComputedStyle(e).fill")
    expect(planner.locator("#story")).to_contain_text("Hatched: how much passes is not known.")


def test_the_keyboard_reaches_the_picture_and_its_bodies(planner):
    planner.goto("/register/QRL/")
    box = planner.get_by_role("group", name="Predecessors and successors")
    box.focus()

    planner.keyboard.press("Tab")

    body = planner.evaluate("document.activeElement.textContent")
    assert "QRL" in body or "10R" in body
    outlined = planner.evaluate(
        "getComputedStyle(document.activeElement.querySelector('rect')).strokeWidth"
    )
    assert outlined == "3px"
    planner.keyboard.press("Enter")
    planner.wait_for_load_state()
    assert "/register/" in planner.url


# --- The walk -----------------------------------------------------------------------------------


def test_a_walk_goes_from_a_nation_to_a_pcn_and_back(planner):
    planner.goto("/register/")
    planner.get_by_role("link", name="walk the hierarchies").click()
    for name in ("England", "NHS England South East", "NHS Kent and Medway ICB"):
        last = planner.locator(".walk-column").last
        last.get_by_role("link", name=name).first.click()
        planner.wait_for_load_state()
    expect(planner.get_by_role("heading", level=1)).to_contain_text("QKS")
    location = planner.locator(".walk-column").last.get_by_role("link", name="91Q")
    expect(location).to_contain_text("42")
    location.click()
    planner.locator(".walk-column").last.get_by_role("link", name="U47228").click()
    expect(planner.get_by_role("heading", level=1)).to_contain_text("ABC PCN")
    expect(planner.locator(".walk a[aria-current]")).to_have_count(5)

    planner.get_by_role("navigation", name="The way here").get_by_role(
        "link", name="England South East"
    ).click()
    expect(planner.get_by_role("heading", level=1)).to_contain_text("Y59")
    planner.get_by_role("link", name="Open its page").click()
    expect(planner.get_by_role("heading", level=1)).to_contain_text("NHS England South East")


def test_the_arrows_walk_within_a_column_and_between_columns(planner):
    planner.goto("/register/walk/?path=E92000001/Y59")
    planner.locator(".walk-column").last.get_by_role("link").first.focus()
    first = planner.evaluate("document.activeElement.textContent")

    planner.keyboard.press("ArrowDown")
    second = planner.evaluate("document.activeElement.textContent")
    planner.keyboard.press("ArrowUp")
    assert planner.evaluate("document.activeElement.textContent") == first != second
    planner.keyboard.press("ArrowLeft")
    assert "Y59" in planner.evaluate("document.activeElement.textContent")
    planner.keyboard.press("ArrowLeft")
    assert "England" in planner.evaluate("document.activeElement.textContent")
    planner.keyboard.press("ArrowRight")
    assert "Y59" in planner.evaluate("document.activeElement.textContent")


def test_the_walk_on_a_phone_shows_where_one_is(planner):
    planner.set_viewport_size(PHONE)
    planner.goto("/register/walk/?path=E92000001/Y59/QKS")

    expect(planner.locator(".walk-column").last).to_be_visible()
    expect(planner.locator(".walk-column").first).not_to_be_visible()
    assert overflows(planner) == []
    assert wrong_by_axe(planner) == []


# --- The day ------------------------------------------------------------------------------------


def test_every_day_leads_back_to_the_page_on_that_day(planner):
    planner.goto("/register/?kind=ccg&on=2015-01-01")
    planner.keyboard.press("d")
    planner.get_by_role("link", name="Every day on which something changed").click()
    planner.get_by_role("navigation", name="Years").get_by_role("link", name="2020").click()
    planner.get_by_role("row", name="1 Apr 2020").get_by_role("link", name="31 Mar 2020").click()

    expect(planner.locator(".day-strip")).to_contain_text("Showing the NHS of 31 March 2020")
    assert "kind=ccg" in planner.url and "on=2020-03-31" in planner.url


def test_a_list_narrowed_in_place_is_what_the_days_lead_back_to(planner):
    """The list changes its address without a new page: the link follows."""
    planner.goto("/register/?on=2020-03-31&kind=ccg")
    planner.fill("#list input[name=q], .filters input[name=q]", "kent")
    planner.wait_for_url("**q=kent**")
    planner.keyboard.press("Escape")
    planner.locator("main").focus()
    planner.keyboard.press("d")

    planner.get_by_role("link", name="Every day on which something changed").click()
    planner.get_by_role("link", name="Back to the page").click()

    assert "q=kent" in planner.url


def test_a_body_offers_the_days_on_which_it_changed(planner):
    planner.goto("/register/91Q/")
    planner.keyboard.press("d")
    own = planner.get_by_role("list", name="When it changed itself")

    expect(own.get_by_role("link")).to_have_text(
        ["30 Jun 2022", "1 Jul 2022", "31 Mar 2020", "1 Apr 2020"]
    )
    own.get_by_role("link", name="30 Jun 2022").click()
    expect(planner.get_by_role("heading", level=1)).to_contain_text("NHS Kent and Medway CCG")
    expect(planner.locator(".page-title")).to_contain_text("CCG")
