"""Letters about what is due: one a person a day, with the day's letter, and each thing once."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.urls import reverse

from accounts import tasks
from accounts.alerts.wanting import off_address, turn_off
from accounts.models import Digest, LetterKind, Reminder, User, WritingHours
from accounts.reminders import telling
from accounts.reminders.sweeping import put_off, sweep
from accounts.services.digests import send_letter
from footprints.models import Report
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 11, 23)  # a report of that day is due on the 26th


def at(day, hour=6, minute=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def tick(moment):
    """What the clock does at that moment: remind, then send what is due; the letters sent."""
    today = moment.date()
    sweep(today=today, moment=moment)
    telling.owe(today=today, moment=moment)
    before = len(mail.outbox)
    for person in User.objects.filter(digests__in=Digest.objects.due(moment)).distinct():
        while send_letter(person, moment=moment, today=today) is not None:
            pass
    return mail.outbox[before:]


def report(name="etr.csv", on=MONDAY, **fields):
    given = {"size": 1, "sha256": "0" * 64, "via": "form", "state": "previewed", **fields}
    return Report.objects.create(name=name, received_at=at(on, 5), **given)


@pytest.fixture
def steward():
    return factories.user(email="steward@example.com", first_name="Jo", role=User.Role.STEWARD)


def test_what_is_due_comes_with_the_days_letter_at_the_readers_hour(steward, mailoutbox):
    report()

    assert tick(at(MONDAY, 6, 59)) == []
    (letter,) = tick(at(MONDAY, 7))

    assert letter.to == ["steward@example.com"]
    assert letter.subject == "Due by 26 November 2026: etr.csv"
    key = Report.objects.get().pk
    address = f"{settings.BASE_URL}/register/reports/{key}/"
    assert f"  By 26 November 2026:\n    etr.csv\n      {address}\n" in letter.body
    assert letter.body.startswith("Jo,\n\nThis waits for you.\n")
    assert "Nothing in your plans" not in letter.body
    assert "\n\n\n" not in letter.body
    html = letter.alternatives[0].content
    assert f'<p>By 26 November 2026:</p>\n<ul><li><a href="{address}">etr.csv</a></li>' in html
    off = off_address(steward, [LetterKind.REMINDERS])
    assert letter.extra_headers["List-Unsubscribe"] == f"<{off}>"


def test_each_thing_is_told_on_its_days_and_on_no_other(steward, mailoutbox):
    report()

    told = [
        (MONDAY + timedelta(days)).isoformat()
        for days in range(30)
        if tick(at(MONDAY + timedelta(days), 12)) + tick(at(MONDAY + timedelta(days), 20))
    ]

    # Raised at noon it waits for the next day's letter: so do the day itself, and a week after.
    assert told == ["2026-11-24", "2026-11-27", "2026-12-04"]


def test_all_that_is_due_on_a_day_is_in_one_letter(steward, mailoutbox):
    for name in ("a.csv", "b.csv", "c.csv"):
        report(name)
    tick(at(MONDAY, 6))
    report("late.csv", on=MONDAY - timedelta(days=12))

    (letter,) = tick(at(MONDAY, 7))
    report("afterwards.csv")
    assert [tick(at(MONDAY, hour)) for hour in (8, 12, 23)] == [[], [], []]
    (tomorrow,) = tick(at(MONDAY + timedelta(1), 7))

    assert letter.subject == "4 things are due, 1 of them late"
    assert letter.body.index("Late, since 14 November 2026:\n    late.csv") < letter.body.index(
        "a.csv"
    )
    assert letter.body.count("By 26 November 2026:") == 1
    assert tomorrow.subject == "Due by 26 November 2026: afterwards.csv"


def test_many_are_counted_and_the_first_are_listed(steward, mailoutbox):
    for number in range(30):
        report(f"{number:02}.csv")
    tick(at(MONDAY, 6))

    (letter,) = tick(at(MONDAY, 7))

    assert letter.subject == "30 things are due"
    assert "19.csv" in letter.body and "20.csv" not in letter.body
    assert "… and 10 more." in letter.body
    assert f"{settings.BASE_URL}/due/" in letter.body
    assert not Reminder.objects.to_tell(MONDAY).exists()


def test_what_is_done_before_its_letter_is_written_is_in_none(steward, mailoutbox):
    first, second = report("first.csv"), report("second.csv")
    tick(at(MONDAY, 6))
    Report.objects.filter(pk=first.pk).update(state="discarded")
    send_letter(steward, moment=at(MONDAY, 7), today=MONDAY)  # before the next sweep

    (letter,) = mail.outbox
    assert "second.csv" in letter.body and "first.csv" not in letter.body

    Report.objects.filter(pk=second.pk).update(state="discarded")
    assert tick(at(MONDAY + timedelta(4), 7)) == []


def test_a_letter_of_which_all_is_done_is_not_sent(steward, mailoutbox):
    report()
    tick(at(MONDAY, 6))
    Report.objects.update(state="discarded")

    assert send_letter(steward, moment=at(MONDAY, 7), today=MONDAY) is False
    assert (mail.outbox, Digest.objects.count()) == ([], 0)


def test_what_is_put_off_is_told_when_it_comes_back(steward, mailoutbox):
    report()
    sweep(today=MONDAY, moment=at(MONDAY, 6))
    back = MONDAY + timedelta(days=2)
    put_off(Reminder.objects.values_list("pk", flat=True), back, by=steward, today=MONDAY)

    assert tick(at(MONDAY, 7)) + tick(at(MONDAY + timedelta(1), 7)) == []
    tick(at(back, 6))
    assert len(tick(at(back, 7))) == 1


def test_a_week_without_a_clock_makes_one_letter(steward, mailoutbox):
    report()
    tick(at(MONDAY, 6))
    for days in range(1, 7):
        report(f"{days}.csv", on=MONDAY + timedelta(days=days))

    back = MONDAY + timedelta(days=8)
    (letter,) = tick(at(back, 10))

    assert letter.subject == "7 things are due, 5 of them late"
    assert Digest.objects.get().effective_on == back
    assert tick(at(back, 11)) + tick(at(back, 23)) == []


def test_it_comes_at_the_readers_hour_of_their_zone_and_after_their_quiet_hours(
    steward, mailoutbox
):
    WritingHours.objects.create(
        user=steward,
        time_zone="America/New_York",
        quiet_from_at=time(20),
        quiet_to_at=time(8),
    )
    report()

    tick(at(MONDAY, 6))

    digest = Digest.objects.get()
    assert digest.due_at == at(MONDAY, 13)  # eight in New York
    assert digest.effective_on == MONDAY
    assert tick(at(MONDAY, 12, 59)) == []
    assert len(tick(at(MONDAY, 13))) == 1


def test_who_is_written_to_once_a_week_waits_for_it_where_that_is_soon_enough(steward, mailoutbox):
    WritingHours.objects.create(user=steward, routine="weekly", weekly_on=2)  # Wednesdays
    report()  # due on Thursday
    tick(at(MONDAY, 6))
    assert Digest.objects.get().due_at == at(MONDAY + timedelta(2), 7)

    Digest.objects.all().delete()
    WritingHours.objects.update(weekly_on=4)  # Fridays
    tick(at(MONDAY, 6))
    assert Digest.objects.get().due_at == at(MONDAY, 7)


def test_it_goes_with_the_routine_letter_of_the_same_moment(register, mailoutbox):
    owner = factories.user(email="owner@example.com", role=User.Role.STEWARD)
    plan_of_2020(owner=owner)
    look()
    day = Digest.objects.get(person=owner)
    Digest.objects.update(is_routine=True, due_at=at(MONDAY, 7))
    report()
    tick(at(MONDAY, 6))

    (letter,) = tick(at(MONDAY, 7))

    assert letter.subject.startswith("1 April 2020: 18 NHS changes")
    assert letter.subject.endswith("; and one thing is due")
    assert "DUE, AND WAITING FOR YOU\n\n  By 26 November 2026:\n    etr.csv" in letter.body
    assert letter.body.index("Please do:") < letter.body.index("DUE, AND WAITING")
    assert "\n\n\n" not in letter.body
    assert "<h2>Due, and waiting for you</h2>" in letter.alternatives[0].content
    day.refresh_from_db()
    assert day.subject == letter.subject
    other = Digest.objects.exclude(pk=day.pk).get()
    assert other.merged_into == day
    off = off_address(owner, [LetterKind.URGENT, LetterKind.REMINDERS])
    assert letter.extra_headers["List-Unsubscribe"] == f"<{off}>"


def test_who_wants_none_gets_none_and_finds_them_on_the_page(client, steward, mailoutbox):
    turn_off([LetterKind.REMINDERS], of=steward)
    report()

    assert tick(at(MONDAY, 6)) + tick(at(MONDAY, 7)) == []
    assert not Digest.objects.exists()
    assert Reminder.objects.filter(person=steward).exists()


def test_turning_them_off_stops_the_one_that_waits(steward, mailoutbox):
    report()
    tick(at(MONDAY, 6))
    turn_off([LetterKind.REMINDERS], of=steward)

    assert tick(at(MONDAY, 7)) == []
    assert not Digest.objects.exists()


@pytest.mark.parametrize("gone", [{"email": ""}, {"is_active": False}])
def test_nobody_without_an_address_or_who_has_left_is_written_to(steward, mailoutbox, gone):
    report()
    tick(at(MONDAY, 6))
    User.objects.filter(pk=steward.pk).update(**gone)

    assert tick(at(MONDAY, 7)) == []
    assert tick(at(MONDAY + timedelta(4), 7)) == []
    assert not Digest.objects.exists()


@pytest.mark.parametrize("gone", [{"email": ""}, {"is_active": False}])
def test_nor_is_a_letter_of_changes_that_waits(register, mailoutbox, gone):
    owner = factories.user(email="owner@example.com")
    plan_of_2020(owner=owner)
    look()
    User.objects.filter(pk=owner.pk).update(**gone)
    owner.refresh_from_db()

    assert not send_letter(owner, moment=at(date(2099, 1, 1)), today=MONDAY)
    assert (mail.outbox, Digest.objects.count()) == ([], 0)


class RefusingBackend(EmailBackend):
    """A post office that takes nothing."""

    def send_messages(self, messages):
        raise smtplib.SMTPServerDisconnected("The server closed the connection.")


def test_a_letter_that_fails_is_tried_again_under_the_same_name(steward, settings, mailoutbox):
    report()
    tick(at(MONDAY, 6))
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    with pytest.raises(smtplib.SMTPException):
        tick(at(MONDAY, 7))
    assert Reminder.objects.to_tell(MONDAY).count() == 1

    settings.EMAIL_BACKEND = backend
    (letter,) = tick(at(MONDAY, 7, 1))
    assert f"digest-{Digest.objects.get().pk}-" in letter.extra_headers["Message-ID"]
    assert not Reminder.objects.to_tell(MONDAY).exists()


@pytest.mark.django_db(transaction=True)
def test_six_workers_owe_and_send_one_letter(mailoutbox):
    steward = factories.user(email="steward@example.com", role=User.Role.STEWARD)
    report()
    sweep(today=MONDAY, moment=at(MONDAY, 6))
    start = Barrier(6)

    def work(_):
        start.wait()
        try:
            telling.owe(today=MONDAY, moment=at(MONDAY, 6))
            start.wait()
            return send_letter(steward, moment=at(MONDAY, 7), today=MONDAY)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        sent = list(pool.map(work, range(6)))

    assert sent.count(True) == 1
    assert len(mail.outbox) == 1
    assert Digest.objects.count() == 1


def test_the_clock_has_the_letter_waiting(steward, time_machine):
    time_machine.move_to("2026-11-23 06:00Z", tick=False)
    report()

    tasks.remind()

    assert Digest.objects.get().about == Digest.About.REMINDERS
    assert tasks.send_digests() == 0


def test_the_letter_is_opened_as_it_was_sent(client, steward, mailoutbox):
    report()
    tick(at(MONDAY, 6))
    tick(at(MONDAY, 7))
    client.force_login(steward)

    page = client.get(reverse("accounts:letter", args=[Digest.objects.get().pk]))

    assert "etr.csv" in page.content.decode()
    assert "Due by 26 November 2026: etr.csv" in client.get("/letters/").content.decode()
