"""Taking an event along, drafting what if, and playing the worst days again, in a browser."""

import csv
import re

import pypdfium2
import pytest
from playwright.sync_api import expect

from accounts.models import Scenario, TerritoryPlan

from .conftest import PHONE

KENT = "/reorganisations/91q-2020-04-01/"
SOUTH_LONDON = "/reorganisations/p-qkk-qwe-2027-04-01/"


def saved(page, link):
    """The path of the file that a click brings."""
    with page.expect_download() as waiting:
        link.click()
    return waiting.value.path(), waiting.value.suggested_filename


def test_an_event_is_taken_along_as_a_crosswalk_and_as_a_page(planner):
    planner.goto(KENT)
    planner.get_by_role("link", name="The crosswalk, practice by practice").click()
    expect(planner.get_by_role("heading", level=1)).to_have_text("Take it along")
    expect(planner.get_by_label("Primary care 2019/20 (replay)")).to_be_checked()

    path, name = saved(planner, planner.get_by_role("button", name="Take the crosswalk"))
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert name == "crosswalk-91q-2020-04-01.csv"
    assert {row["new_code"] for row in rows} == {"91Q"}
    assert {row["old_code"] for row in rows} >= {"09C", "99J"}
    before = "Primary care 2019/20 (replay), owner: before"
    assert {row[before] for row in rows} == {"R09", "R10"}

    path, name = saved(planner, planner.get_by_role("link", name="Without our territories"))
    with open(path, encoding="utf-8-sig") as file:
        assert "R10" not in file.read()

    path, name = saved(planner, planner.get_by_role("link", name="Take the page"))
    page = pypdfium2.PdfDocument(path)
    assert name == "brief-91q-2020-04-01.pdf"
    assert len(page) == 1
    assert "Kent and Medway CCG" in page[0].get_textpage().get_text_range()


def test_the_ledger_of_a_plan_is_asked_for_from_its_page(planner):
    planner.goto(TerritoryPlan.objects.get(name="Hospital 2026/27").get_absolute_url())
    planner.get_by_role("link", name="Who held what when").click()
    expect(planner.get_by_label("Hospital 2026/27")).to_be_checked()
    planner.get_by_label("First day").fill("2026-04-01")
    planner.get_by_label("Last day").fill("2026-09-30")

    path, name = saved(planner, planner.get_by_role("button", name="Take the ledger"))

    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert name == "ledger-hospital-202627-2026-04-01-to-2026-09-30.csv"
    assert len(rows) > 150
    assert {row["plan"] for row in rows} == {"Hospital 2026/27"}
    assert {(row["first_day"], row["last_day"]) for row in rows} == {("2026-04-01", "2026-09-30")}


@pytest.fixture
def no_scenario(demo):
    """Whatever is drafted here is gone afterwards: other tests count the plans."""
    kept = set(Scenario.objects.values_list("pk", flat=True))
    yield
    for scenario in Scenario.objects.exclude(pk__in=kept):
        scenario.draft.delete()


def test_what_if_two_clusters_merge(no_scenario, planner):
    planner.goto(SOUTH_LONDON)
    planner.get_by_role("link", name=re.compile("Draft a plan|Another scenario")).click()
    planner.get_by_label("In which plan").select_option(label="Key accounts 2026/27")
    planner.get_by_label("Name", exact=True).fill("If South London merges")
    planner.get_by_role("button", name="Draft it").click()

    expect(planner.get_by_role("heading", level=1)).to_have_text("If South London merges")
    table = planner.get_by_role("table")
    expect(table).to_contain_text("31 Mar 2027")
    expect(table).to_contain_text("This scenario 1 May 2027")  # the team's next cycle
    expect(planner.get_by_text("Nobody has changed it by hand")).to_be_visible()

    planner.get_by_role("link", name="Open the draft").click()
    expect(planner.get_by_text("says whether that still stands")).to_be_visible()
    planner.get_by_text("Assign a unit").click()
    form = planner.locator("form.deed").first
    form.locator("textarea").fill("QHM")
    form.locator("select").first.select_option(index=2)
    form.get_by_role("button", name="Assign").click()
    planner.goto(Scenario.objects.get(draft__name="If South London merges").get_absolute_url())
    expect(planner.get_by_text("1 unit changed by hand since")).to_be_visible()

    planner.get_by_role("button", name="Refresh").click()

    expect(planner.get_by_text("One change of yours kept")).to_be_visible()
    expect(planner.get_by_text("1 unit changed by hand since")).to_be_visible()


def test_the_first_hint_leads_to_the_blast_radius_of_1_april_2020_and_on(planner):
    planner.goto("/")
    planner.locator(".home-hint a").click()

    heading = planner.get_by_role("heading", name="The blast radius of 1 April 2020")
    expect(heading).to_be_visible()
    expect(planner.locator("#stage")).to_contain_text("74 units close")
    kent = planner.get_by_role("link", name="Kent and Medway CCG: eight CCGs merge")
    expect(kent).to_have_attribute("href", f"{KENT}#blast-radius")

    slider = planner.get_by_label("Which day")
    slider.focus()
    slider.press("ArrowRight")
    expect(planner.get_by_role("heading", name="30 June 2022, the day before")).to_be_visible()
    expect(slider).to_be_focused()
    slider.press("End")
    expect(planner.get_by_role("heading", name="1 April 2026", exact=True)).to_be_visible()
    expect(planner.locator("#stage")).to_contain_text("Key accounts 2025/26 (replay)")
    expect(planner).to_have_url(re.compile("stop=5"))


def test_without_script_the_days_are_links(browser, demo, planner):
    """On a phone too."""
    context = browser.new_context(
        base_url=demo,
        java_script_enabled=False,
        viewport=PHONE,
        storage_state=planner.context.storage_state(),
    )
    page = context.new_page()
    page.goto("/replay/")
    page.get_by_role("link", name="1 Jul 2022").first.click()

    expect(page.get_by_role("heading", name="1 July 2022", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    context.close()
