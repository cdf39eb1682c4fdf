"""Somebody who has just started the demo, and knows nothing of it, reaches the worst day."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from .conftest import DESKTOP, PHONE

KENT = "Kent and Medway CCG: eight CCGs merge"
FEW = 3  # clicks from the home page
SHORT = 60  # seconds from the first page, of the three minutes that there are with the start


class Reader:
    """Follows what the page shows, and counts; an address is never typed after the first."""

    def __init__(self, page: Page):
        self.page, self.clicks = page, 0

    def follow(self, words, *, within="main"):
        link = self.page.locator(within).get_by_role("link", name=words).first
        expect(link).to_be_visible()
        link.click()
        self.clicks += 1


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize(
    ("who", "ways"),
    [
        # The hint for whoever is new, and the link that stays for everybody.
        ("Manager", [("what 1 April 2020 broke in a plan", "main")]),
        ("Planner", [("Replay the worst days", "main"), ("1 Apr 2020", "#stops")]),
    ],
)
def test_the_blast_radius_of_1_april_2020_is_few_clicks_from_signing_in(
    sit_down, viewport, who, ways
):
    began = time.monotonic()
    page = sit_down(None, viewport).page
    page.goto("/")
    page.get_by_role("button", name=f"Sign in as {who}", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What is next")
    reader = Reader(page)

    for words, within in ways:
        reader.follow(words, within=within)
    heading = page.get_by_role("heading", name="The blast radius of 1 April 2020")
    heading.scroll_into_view_if_needed()
    expect(heading).to_be_visible()
    row = page.locator(".replay-events tr", has_text=KENT)
    units = re.compile(r"\b[1-9][\d,]* × a unit of a territory")
    expect(row).to_contain_text(units)
    touched = units.search(row.inner_text())[0]
    reader.follow(KENT, within=".replay-events")

    expect(page.get_by_role("heading", level=1)).to_have_text(KENT)
    rings = page.locator("#blast-radius .ring")
    expect(rings.first.locator("summary")).to_contain_text(touched)
    expect(rings.first.locator("tbody tr").first).to_be_visible()
    assert reader.clicks <= FEW
    assert time.monotonic() - began < SHORT
