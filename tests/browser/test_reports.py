"""A steward drops real reports in, before a real worker: preview, apply, find, undo."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from footprints.models import Release, Report
from footprints.services.undoing import later_than, undo_releases

from .conftest import DESKTOP, PHONE
from .test_every_page import AXE, GRAVE, READY

LONG = 180_000  # milliseconds that reading or applying 16,685 practices may take on a busy machine


@pytest.fixture
def undone_afterwards(demo):
    """Whatever the test applied stands no more: the other browser tests know the bundle."""
    yield
    files = Release.objects.standing().filter(kind=Release.Kind.FILE).order_by("-pk")
    for release in list(files):
        if Release.objects.standing().filter(pk=release.pk).exists():
            undo_releases([release, *later_than(release)])


def found(page: Page, code: str) -> bool:
    page.goto(f"/register/?q={code}")
    return page.locator("#results tbody tr").count() > 0


def sound(page: Page):
    """No wider than the screen on a desktop and a phone, and nothing serious for axe."""
    page.emulate_media(reduced_motion="reduce")
    for viewport in (PHONE, DESKTOP):
        page.set_viewport_size(viewport)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.evaluate(READY)
    violations = Axe().run(page, options=AXE).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in GRAVE] == []


def test_a_steward_drops_real_reports_in_applies_one_and_undoes_it(
    sit_down, worker, shared, undone_afterwards
):
    page = sit_down("steward").page
    assert not found(page, "A81001")
    page.goto("/register/")
    # With how many wait, where another test of this worker left one.
    page.get_by_role("link", name=re.compile("^Reports")).click()
    page.get_by_role("link", name="Drop in a report").first.click()
    page.get_by_label("Files").set_input_files(
        [shared / "ods" / "etr_2025-12.csv", shared / "ods" / "epraccur_2025-11.csv"]
    )
    page.get_by_role("button", name="Read and preview").click()
    expect(page.locator("#messages")).to_contain_text("2 files are received.")
    dropped = page.locator("#results tbody tr").filter(has_text=re.compile(r"_2025-1[12]\.csv"))
    expect(dropped).to_have_count(2)

    # The page looks again by itself until the worker has read the file.
    page.get_by_role("link", name="epraccur_2025-11.csv").click()
    page.get_by_role("button", name="Apply").wait_for(timeout=LONG)
    expect(page.get_by_role("heading", level=1)).to_contain_text("GP practices")
    verdict = page.locator(".verdict li")
    expect(verdict.filter(has_text="lines read")).to_contain_text("16,685")
    verdict.get_by_role("link", name=re.compile("not read or placed")).click()
    expect(page.locator("#unplaced")).to_be_in_viewport()
    topic = page.locator("section[aria-labelledby=unplaced] details").first
    expect(topic.locator("tbody tr").first).to_contain_text("is not in the register")
    assert Report.objects.get(name="epraccur_2025-11.csv").state == "previewed"
    sound(page)

    page.reload()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#report-head")).to_contain_text("Being applied")
    expect(page.locator(".doing")).to_contain_text(
        re.compile(r"Reading…\s+[\d,]+ of 16,685"), timeout=LONG
    )
    sound(page)
    expect(page.locator("#report")).to_contain_text("It is part of the register", timeout=LONG)
    expect(page.locator("#report-head")).to_contain_text("Applied")
    here = page.url

    release = Release.objects.get(report__name="epraccur_2025-11.csv")
    assert release.by.username == "steward"
    assert found(page, "A81001")
    page.locator("#results tbody tr a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Densham Surgery")
    page.goto(here)
    page.get_by_role("link", name=f"Release {release.pk}").click()
    expect(page.get_by_role("link", name="16,685").first).to_be_visible()
    page.get_by_role("link", name="epraccur_2025-11.csv").click()

    page.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name=f"Undo release {release.pk}").click()
    expect(page.locator("#messages")).to_contain_text(f"Release {release.pk} is undone")
    assert not found(page, "A81001")
    page.goto(here)
    expect(page.locator("#report-head")).to_contain_text("Applied, undone since")


def test_a_file_that_is_dropped_on_the_form_is_the_file_chosen_and_is_refused_in_words(
    sit_down, worker
):
    page = sit_down("steward", viewport=PHONE).page
    page.goto("/register/reports/new/")
    page.evaluate(
        """() => {
            const carried = new DataTransfer();
            carried.items.add(new File(["cat,age\\nTom,3\\n"], "cats.csv"));
            const place = document.querySelector("[data-drop]");
            place.dispatchEvent(new DragEvent("drop", {dataTransfer: carried, cancelable: true}));
        }"""
    )
    page.get_by_role("button", name="Read and preview").click()

    expect(page.locator("#report")).to_contain_text("No report that is known", timeout=LONG)
    expect(page.get_by_role("button", name="Apply")).to_have_count(0)
    expect(page.get_by_role("button", name="Read again")).to_be_visible()
    sound(page)


def test_a_planner_reads_reports_and_drops_none_in(sit_down):
    seat = sit_down("planner")
    seat.page.goto("/register/reports/")
    expect(seat.page.get_by_role("heading", level=1)).to_have_text("Reports")
    expect(seat.page.get_by_role("link", name="Drop in a report")).to_have_count(0)

    assert seat.page.goto("/register/reports/new/").status == 403
    # The browser itself reports that page.
    assert [said for said in seat.complaints if "403" not in said] == []
    seat.complaints.clear()
