"""A list that one narrowed is kept under a name, found again, and taken away: before a browser."""

import pytest
from playwright.sync_api import expect

from accounts.models import SavedView

from .conftest import PHONE


@pytest.fixture(autouse=True)
def none_kept(demo):
    yield
    SavedView.objects.all().delete()


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_the_inbox_is_narrowed_kept_and_opened_again(sit_down, viewport):
    page = sit_down("kam", **({"viewport": viewport} if viewport else {})).page
    page.goto("/")
    expect(page.get_by_text("Save this view")).to_have_count(0)
    page.locator("details.fold-filters > summary").click()
    page.get_by_label("Why it is yours").select_option(label="Your territory")
    page.get_by_text("Save this view").click()
    page.get_by_label("Name", exact=True).fill("My territory")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator("#messages")).to_contain_text("The view «My territory» is saved.")
    views = page.get_by_role("list", name="Saved views of this list")
    expect(views.locator("[aria-current]")).to_have_text("My territory")

    views.get_by_role("link", name="As it comes").click()
    expect(page.locator(".chips")).to_have_count(0)
    views.get_by_role("link", name="My territory").click()
    expect(page.locator(".chips")).to_contain_text("Your territory")
    page.reload()  # the chips say what is on: what narrows need not stand open for it
    expect(page.get_by_label("Why it is yours", exact=True)).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]

    page.get_by_role("button", name="Remove the view My territory").click()
    expect(page.locator("#messages")).to_contain_text("is gone")
    expect(views).to_have_count(0)
