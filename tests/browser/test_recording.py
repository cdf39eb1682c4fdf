"""A steward records a split by typing and picking, and moves an event on by keyboard."""

import pytest
from playwright.sync_api import expect

from footprints.models import Reorganisation
from footprints.services.releases import undo_release

from .conftest import PHONE


@pytest.fixture
def undone(demo):
    """What a test recorded is undone after it: other tests read the same register."""
    before = set(Reorganisation.objects.values_list("pk", flat=True))
    yield
    for event in Reorganisation.objects.exclude(pk__in=before):
        undo_release(event.steps.exclude(release=None).first().release)


# Between an answer and its settling, some 20 ms, new fields stand there and hear nothing yet.
UNSETTLED = ".htmx-request, .htmx-added, .htmx-settling"


def pick(page, side, words, code):
    expect(page.locator(UNSETTLED)).to_have_count(0)
    page.fill(f"#find-{side}", words)
    page.locator(f"#hits-{side} button", has_text=code).first.click()
    expect(page.locator(f"input[name={side}][value={code}]")).to_be_attached()


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_a_split_is_recorded_and_says_all_along_what_it_would_do(sit_down, undone, viewport):
    page = sit_down("steward", **({"viewport": viewport} if viewport else {})).page
    page.goto("/reorganisations/new/")
    said = page.locator("#rehearsal")
    page.get_by_role("radio", name="Split").check()
    pick(page, "before", "kent and med", "QKS")
    expect(page.locator("#find-before")).to_have_count(0)  # one body, and it is there
    pick(page, "after", "surrey and sussex", "S9B9J")
    expect(page.locator("#find-after")).to_be_focused()
    page.fill("input[name=new_name] >> nth=0", "NHS East Kent ICB")
    page.keyboard.press("Tab")
    expect(page.get_by_label("NHS East Kent ICB", exact=False).last).to_be_visible()
    page.fill("#effective_on", "2028-04-01")
    page.fill("#quotation", "We split.")
    page.fill("#part-QKS-S9B9J", "41")
    page.fill("#part-QKS-new1", "58")
    expect(said).to_contain_text("The shares of QKS sum to 99%, not to 100%.")
    page.fill("#part-QKS-new1", "59")
    page.fill("#said_by", "The board")
    expect(said).to_contain_text("splits into Surrey and Sussex, and East Kent")
    expect(said).to_contain_text("× a unit of a territory")
    assert not Reorganisation.objects.filter(effective_on="2028-04-01", state="rumoured").exists()

    page.reload()  # the address holds the draft
    expect(page.locator("#part-QKS-new1")).to_have_value("59")
    expect(page.locator("#said_by")).to_have_value("The board")
    page.fill("#quotation", "We split.")
    page.get_by_role("button", name="Record it").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Kent and Medway ICB splits")
    expect(page.locator(".steps")).to_contain_text("“We split.”")
    page.go_back()
    expect(page.locator("#said_by")).to_have_value("The board")


def test_an_event_is_moved_on_from_the_board_by_keyboard_alone(sit_down):
    page = sit_down("steward").page
    event = Reorganisation.objects.create(
        slug="a-rumour-2029-04-01",
        kind="abolition",
        title="A rumour",
        effective_on="2029-04-01",
        state="rumoured",
    )
    try:
        page.goto("/reorganisations/board/")
        card = page.locator(".board-card", has_text="A rumour")
        card.locator("summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(card.get_by_role("link", name="Proposed")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("It becomes proposed")
        page.fill("#id_said_by", "The board")
        page.keyboard.press("Enter")
        expect(page.locator("#messages")).to_contain_text("“A rumour” is proposed.")
    finally:
        event.steps.all().delete()
        event.delete()


def test_a_phone_shows_one_column_of_the_board_at_a_time(sit_down):
    page = sit_down("steward", viewport=PHONE).page
    page.goto("/reorganisations/board/")
    expect(page.locator(".board-column:visible")).to_have_count(1)
    page.get_by_role("navigation", name="Columns").get_by_role("link", name="Effective").click()
    expect(page.locator(".board-column:visible h2")).to_contain_text("Effective")
