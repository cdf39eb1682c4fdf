"""A watch goes along when its body ends, and asks where the body is split: before a browser."""

from datetime import date

import pytest
from django.contrib.contenttypes.models import ContentType
from playwright.sync_api import expect

from accounts import tasks
from accounts.models import Digest, Flag, User, Watch, WatchList
from footprints.models import Organisation
from tests import factories

from .conftest import PHONE

BEFORE = date(2020, 1, 1)


@pytest.fixture
def medical(demo):
    """Somebody who watches nothing, before and after."""
    person = User.objects.get(username="medical")
    before = set(Digest.objects.filter(person=person).values_list("pk", flat=True))
    yield person
    kind = ContentType.objects.get_for_model(WatchList)
    lists = WatchList.objects.filter(person=person)
    Flag.objects.filter(content_type=kind, object_id__in=lists.values("pk")).delete()
    lists.delete()
    Digest.objects.filter(person=person).exclude(pk__in=before).delete()


def since_2020(person, *codes):
    """Watches that the person began long ago, and that nobody has looked after since."""
    for code in codes:
        body = Organisation.objects.get(code=code)
        factories.watch(person=person, organisation=body, opened_on=BEFORE)


def row(page, words):
    return page.locator("#results tbody tr", has_text=words)


def test_watches_go_along_with_a_merger_and_ask_after_a_split(sit_down, medical):
    since_2020(medical, "09C", "09E", "QNQ")
    page = sit_down("medical").page

    tasks.raise_flags()
    tasks.send_letter(medical.pk)

    page.goto("/")
    notices = page.get_by_role("region", name="Your watches went along")
    for old in ("NHS Ashford CCG", "NHS Canterbury and Coastal CCG"):
        expect(notices.locator("li", has_text=old)).to_contain_text("NHS Kent and Medway CCG")
    page.get_by_role("link", name="Say which you follow").first.click()

    question = page.get_by_role("region", name="QNQ")
    expect(question.get_by_role("checkbox", checked=True)).to_have_count(3)
    question.get_by_label("S0E4D").uncheck()
    question.get_by_label("QRL").uncheck()
    question.get_by_role("button", name="Follow what is ticked").click()
    expect(page.locator("#messages")).to_contain_text("You follow one successor of QNQ.")
    expect(page.get_by_text("Nothing is asked")).to_be_visible()

    page.goto("/watches/")
    expect(row(page, "91Q")).to_contain_text("09C and 09E")
    expect(row(page, "S9B9J")).to_contain_text("QNQ")
    expect(page.locator("#results tbody tr")).to_have_count(2)

    page.goto("/letters/")
    page.locator("main tbody a", has_text="your watch moved to 91Q").first.click()
    letter = page.locator("main")
    expect(letter).to_contain_text("Your watch on 09C NHS Ashford CCG moved to 91Q")


def test_one_press_begins_and_one_ends_also_on_a_phone(sit_down, medical):
    page = sit_down("medical", viewport=PHONE).page
    page.goto("/register/QKK/")

    page.get_by_role("button", name="Watch", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("You watch it")
    page.get_by_role("button", name="Stop watching").click()
    expect(page.locator("#messages")).to_contain_text("You watch it no more.")
    expect(page.get_by_role("button", name="Watch", exact=True)).to_be_visible()

    assert not Watch.objects.visible_to(medical).exists()


def test_a_search_is_watched_as_it_is_typed_and_stopped_in_the_list(sit_down, medical):
    page = sit_down("medical").page
    page.goto("/register/")
    expect(page.get_by_role("button", name="Watch the search")).to_have_count(0)

    page.get_by_label("Name or code", exact=True).fill("kent")
    page.get_by_role("button", name="Watch the search for “kent”").click()
    expect(page.locator("#messages")).to_contain_text("You watch it")

    page.goto("/watches/")
    row(page, "“kent”").get_by_role("checkbox").check()
    page.get_by_role("button", name="Stop watching").click()
    expect(page.locator("#messages")).to_contain_text("You watch one thing less.")
    expect(page.get_by_text("You watch nothing yet")).to_be_visible()
