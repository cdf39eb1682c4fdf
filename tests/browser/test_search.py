"""The search box: typed into, walked by the arrows, on a phone, and without its script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .conftest import PHONE

HITS = "#search-sheet [role=option]"


def type_into(page, text):
    page.keyboard.press("Control+k")
    page.keyboard.type(text)
    expect(page.locator(HITS).first).to_be_visible()


def box(page):
    return page.get_by_role("combobox", name="Search the register by name, code or postcode")


def test_the_box_is_reached_by_keys_walked_by_arrows_and_opened_by_enter(planner):
    planner.goto("/register/")
    type_into(planner, "kent med")
    expect(box(planner)).to_have_attribute("aria-expanded", "true")
    expect(planner.get_by_role("listbox", name="Found in the register")).to_be_visible()
    expect(planner.locator("[data-search-said]")).to_have_text(
        re.compile(r"^\d+ (or more )?found")
    )

    planner.keyboard.press("ArrowDown")

    expect(box(planner)).to_have_attribute("aria-activedescendant", "search-hit-1")
    expect(planner.locator("#search-hit-1")).to_have_attribute("aria-selected", "true")
    planner.keyboard.press("ArrowUp")
    expect(box(planner)).not_to_have_attribute("aria-activedescendant", re.compile("."))
    planner.keyboard.press("ArrowUp")
    expect(box(planner)).to_have_attribute("aria-activedescendant", "search-hit-all")
    planner.keyboard.press("ArrowDown")
    planner.keyboard.press("ArrowDown")
    planner.keyboard.press("Enter")
    planner.wait_for_url("**/register/QKS/")


def test_escape_closes_the_list_and_then_leaves_the_box(planner):
    planner.goto("/register/")
    type_into(planner, "91Q")

    planner.keyboard.press("Escape")

    expect(planner.locator("#search-sheet")).to_be_hidden()
    expect(box(planner)).to_have_attribute("aria-expanded", "false")
    expect(box(planner)).to_be_focused()
    expect(box(planner)).to_have_value("91Q")
    planner.keyboard.press("ArrowDown")
    expect(planner.locator("#search-sheet")).to_be_visible()
    planner.keyboard.press("Escape")
    planner.keyboard.press("Escape")
    expect(box(planner)).not_to_be_focused()


def test_enter_without_a_choice_leads_to_the_page_of_results_on_the_same_day(planner):
    planner.goto("/register/?on=2020-03-31")
    type_into(planner, "kent med")

    planner.keyboard.press("Enter")

    planner.wait_for_url("**/search/?*")
    assert "on=2020-03-31" in planner.url
    first = planner.locator(".search-results a").first
    expect(first).to_contain_text("Kent and Medway")
    first.click()
    planner.wait_for_url("**/register/*/?on=2020-03-31")


def test_a_click_opens_and_a_click_elsewhere_closes(planner):
    planner.goto("/register/")
    type_into(planner, "kent med")
    planner.locator("h1").click()
    expect(planner.locator("#search-sheet")).to_be_hidden()
    box(planner).click()
    expect(planner.locator("#search-sheet")).to_be_visible()

    planner.locator(HITS).first.click()

    planner.wait_for_url("**/register/QKS/")


def test_nothing_found_is_said_and_an_emptied_box_says_nothing(planner):
    planner.goto("/register/")
    planner.keyboard.press("/")
    planner.keyboard.type("qqxxyyzz")
    expect(planner.locator("#search-sheet")).to_contain_text("Nothing is called “qqxxyyzz”")
    expect(planner.locator("[data-search-said]")).to_have_text("Nothing found")

    planner.keyboard.press("Control+a")
    planner.keyboard.press("Delete")

    expect(planner.locator("#search-sheet")).to_be_hidden()


def test_who_types_on_gets_the_answer_to_the_last_word_whatever_comes_late(planner):
    planner.goto("/register/")
    half_a_word = re.compile("[?&]q=kent(&|$)")
    planner.route(half_a_word, lambda route: None)  # never answered
    planner.keyboard.press("/")
    with planner.expect_request(half_a_word):
        planner.keyboard.type("kent")

    planner.keyboard.type(" med")

    expect(planner.locator(HITS).first).to_contain_text("Kent and Medway")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_the_list_is_open(planner, scheme):
    planner.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    planner.goto("/register/")
    type_into(planner, "kant medway")
    expect(planner.locator(".search-note")).to_contain_text("kent medway")
    planner.keyboard.press("ArrowDown")

    found = Axe().run(planner, context=".bar").response["violations"]

    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_on_a_phone_the_list_lies_within_the_screen(sit_down):
    page = sit_down("planner", PHONE).page
    page.goto("/register/")
    type_into(page, "kent med")

    sheet = page.locator("#search-sheet").bounding_box()

    assert sheet["x"] >= 0
    assert sheet["x"] + sheet["width"] <= PHONE["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_without_its_script_the_box_is_a_plain_form(demo, browser, kept_sessions, sit_down):
    sit_down("planner")
    context = browser.new_context(
        base_url=demo, java_script_enabled=False, storage_state=kept_sessions["planner"]
    )
    page = context.new_page()
    page.goto("/register/?on=2020-03-31")
    page.fill("#search", "ashford ccg")

    page.press("#search", "Enter")

    page.wait_for_url("**/search/?*")
    expect(page.locator(".search-results")).to_contain_text("NHS Ashford CCG")
    context.close()
