"""Letters as people turn them on and off: on their own page, and by one click in a letter; and
what is due, put off and shown again."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils.timezone import now
from playwright.sync_api import expect

from accounts.alerts.wanting import off_address
from accounts.models import LetterKind, Reminder, Unwanted, User, WritingHours
from footprints.models import Report

from .conftest import PHONE


@pytest.fixture
def rep(demo):
    """The field user, who wants every letter before and after."""
    user = User.objects.get(username="rep")
    yield user
    Unwanted.objects.filter(user=user).delete()
    WritingHours.objects.filter(user=user).delete()


def off(user):
    return set(Unwanted.objects.filter(user=user).values_list("kind", flat=True))


def test_kinds_are_turned_off_and_on_by_ticking_them(sit_down, rep):
    page = sit_down("rep", viewport=PHONE).page
    page.goto("/letters/hours/")
    expect(page.get_by_label("What your team left open")).to_have_count(0)

    page.get_by_label("Other changes").uncheck()
    page.get_by_label("What you watch").uncheck()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#messages")).to_contain_text("Kept.")

    assert off(rep) == {LetterKind.ROUTINE, LetterKind.WATCH}
    expect(page.get_by_label("Other changes")).not_to_be_checked()
    expect(page.get_by_label("Urgent changes")).to_be_checked()
    page.get_by_label("Other changes").check()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#messages")).to_contain_text("Kept.")
    assert off(rep) == {LetterKind.WATCH}


def test_one_click_in_a_letter_says_what_it_does_and_does_it(sit_down, rep):
    seat = sit_down(None, viewport=PHONE)
    address = off_address(rep, [LetterKind.URGENT]).removeprefix(settings.BASE_URL)

    seat.page.goto(address)
    expect(seat.page.locator("h1")).to_have_text("Fewer letters")
    expect(seat.page.locator("main")).to_contain_text("Urgent changes")
    assert off(rep) == set()

    seat.page.get_by_role("button", name="Stop these letters").click()
    expect(seat.page.locator("h1")).to_have_text("No more of these letters")
    assert off(rep) == {LetterKind.URGENT}


def test_what_is_due_is_put_off_and_shown_again(sit_down, demo):
    made = Report.objects.create(
        name="zz-to-look-at.csv",
        size=1,
        sha256="f" * 64,
        via="form",
        state="previewed",
        received_at=now() - timedelta(days=30),
    )
    try:
        page = sit_down("steward").page
        page.goto("/due/?kind=report")
        row = page.locator("tbody tr", has_text="zz-to-look-at.csv")
        row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Put off a week").click()
        expect(page.locator("#messages")).to_contain_text("One thing put off a week.")
        expect(row).to_have_count(0)

        page.goto("/due/?show=asleep")
        row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Show again").click()
        expect(page.locator("#messages")).to_contain_text("One thing shown again.")
        page.goto("/due/?kind=report")
        row.get_by_role("link", name="zz-to-look-at.csv").click()
        expect(page).to_have_url(re.compile(re.escape(made.get_absolute_url())))
    finally:
        made.delete()
        Reminder.objects.filter(says="zz-to-look-at.csv").delete()
