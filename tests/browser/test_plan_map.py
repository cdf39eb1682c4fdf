"""A plan's map: by an amount, in boundaries, as a picture to keep and on paper."""

from datetime import date
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from accounts.models import TerritoryPlan
from footprints.boundaries.reading import read
from footprints.models import Boundary, Kind, Release
from footprints.services.boundaries import load_boundaries
from footprints.services.releases import undo_release
from tests.browser.conftest import PHONE
from tests.browser.test_every_page import Inspector


@pytest.fixture
def plan(demo, django_db_blocker):
    with django_db_blocker.unblock():
        yield TerritoryPlan.objects.get(name="Primary care 2026/27")


@pytest.fixture
def boundaries(shared, demo, plan):
    """The boundaries of April 2023 as the ONS published them, for as long as a test needs them."""
    file = read(shared / "boundaries" / "sicbl_2023-04_BSC.geojson")
    load_boundaries(file, kind=Kind.objects.get(pk="sub_icb"), day=date(2023, 4, 1))
    yield Boundary.objects.now().count()
    undo_release(Release.objects.latest("pk"))


def picture_of(page: Page) -> Image.Image:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Picture (PNG)").click()
    assert waiting.value.suggested_filename == "primary-care-202627-2026-11-21.png"
    return Image.open(BytesIO(waiting.value.path().read_bytes())).convert("RGB")


def share_of(picture: Image.Image, colour: str) -> float:
    """How much of the picture has that very colour."""
    wanted = tuple(bytes.fromhex(colour))
    colours = {found: number for number, found in picture.getcolors(1 << 24)}
    return colours.get(wanted, 0) / (picture.width * picture.height)


def test_the_map_by_people_is_saved_with_its_legend(planner, plan):
    planner.goto(plan.get_absolute_url())
    planner.get_by_role("link", name="People", exact=True).last.click()
    expect(planner.locator("[data-legend]")).to_contain_text("(21)")

    picture = picture_of(planner)

    assert picture.format is None and picture.width == 1600 and picture.height > 1600
    for colour in ("ffffcc", "a1dab4", "41b6c4", "2c7fb8", "253494"):
        assert share_of(picture, colour) > 0.02, colour
    legend = picture.crop((0, picture.height - 200, 1600, picture.height))
    assert share_of(legend, "253494") > 0 and share_of(legend, "ffffcc") > 0


def test_a_dark_screen_saves_a_light_picture(planner, plan):
    planner.emulate_media(color_scheme="dark")
    planner.goto(plan.get_absolute_url())

    picture = picture_of(planner)

    assert share_of(picture, "ffffff") > 0.3
    assert share_of(picture, "b5d3e7") > 0.005  # the first fill, as it is by day
    dark = planner.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != "rgb(255, 255, 255)"
    assert planner.evaluate("document.documentElement.dataset.theme") is None


def test_on_paper_there_is_a_legend_and_no_button(planner, plan):
    planner.goto(plan.get_absolute_url())
    legend = planner.locator(".map-legend")
    expect(legend).to_be_hidden()  # the table beside the map is the legend

    planner.emulate_media(media="print")

    expect(legend).to_be_visible()
    expect(legend).to_contain_text("T24 Devon, Cornwall and Somerset")
    expect(planner.get_by_role("button", name="Picture (PNG)")).to_be_hidden()
    planner.emulate_media(media="screen")


def test_pages_that_draw_boundaries_are_sound(planner, plan, boundaries):
    assert boundaries == 106
    page, inspector = plan.get_absolute_url(), Inspector(planner)

    inspector.look(page, axe="all")
    expect(planner.locator("svg.outlines")).to_be_visible()
    inspector.look(f"{page}?fill=people", axe="all")
    inspector.look(plan.territories.first().get_absolute_url(), axe="all")
    inspector.look(f"{page}draw/", axe="light")

    assert not inspector.wrong, "\n".join(inspector.wrong)


def test_a_map_of_boundaries_is_saved_with_london_and_its_credit(planner, plan, boundaries):
    planner.set_viewport_size(PHONE)
    planner.goto(f"{plan.get_absolute_url()}?fill=people")

    picture = picture_of(planner)

    inset = picture.crop((1150, 130, 1560, 460))
    assert share_of(inset, "253494") > 0.2  # London's five have most people
    credit = picture.crop((0, picture.height - 80, 1600, picture.height))
    assert share_of(credit, "16242b") > 0
