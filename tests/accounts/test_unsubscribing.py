"""Letters by kind: each turned on and off, by hand or by one click in a letter; alerts remain."""

from datetime import date

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.timezone import now

from accounts.alerts import wanting
from accounts.alerts.wanting import off_address, turn_off, want
from accounts.alerts.when import COMMON, Owed
from accounts.models import Alert, Digest, LetterKind, Unwanted, User
from accounts.services.digests import send_letter
from footprints.models import Weight
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look
from tests.footprints.pages import text

pytestmark = pytest.mark.django_db

TODAY = date(2020, 2, 1)
Kind = LetterKind


def send(person):
    return send_letter(person, moment=now(), today=TODAY)


def path(address):
    """The address as this server has it."""
    return address[address.index("/letters/") :]


def off(person):
    return set(Unwanted.objects.filter(user=person).values_list("kind", flat=True))


@pytest.fixture
def owner():
    return factories.user(
        email="owner@example.com", first_name="Sam", last_name="Hart", role=User.Role.PLANNER
    )


@pytest.fixture
def waiting(register, owner):
    """The urgent letter of 1 April 2020 that waits for the owner."""
    plan_of_2020(owner=owner)
    look()
    return Digest.objects.get(person=owner)


# --- Of which kind a letter is


@pytest.mark.parametrize(
    ("because", "weight", "is_decided", "kind"),
    [
        ("1-owner", Weight.KNOW, True, Kind.URGENT),
        ("2-patch", Weight.ACT, False, Kind.URGENT),
        ("2-patch", Weight.CHECK, False, Kind.ROUTINE),
        ("5-raised", Weight.ACT, True, Kind.OVERDUE),
        ("6-watch", Weight.ACT, True, Kind.WATCH),
    ],
)
def test_a_kind_is_by_why_it_is_mine_and_how_urgent(because, weight, is_decided, kind):
    owed = Owed("field", weight, date(2027, 4, 1), is_decided)

    assert wanting.kind_of(because, owed, COMMON, TODAY) == kind


def test_only_managers_hear_what_others_left_open():
    assert Kind.OVERDUE in Kind.for_role(User.Role.MANAGER)
    assert Kind.OVERDUE not in Kind.for_role(User.Role.FIELD)


# --- What is turned off is not written


def test_of_an_unwanted_kind_no_letter_waits_and_the_alerts_are_there(register, owner):
    turn_off([Kind.URGENT], of=owner)

    plan_of_2020(owner=owner)
    look()

    assert not Digest.objects.filter(person=owner).exists()
    assert Alert.objects.filter(person=owner).count() == 18


def test_a_kind_that_is_off_leaves_the_others_on(register, owner):
    turn_off([Kind.ROUTINE, Kind.REMINDERS, Kind.WATCH], of=owner)

    plan_of_2020(owner=owner)
    look()

    assert Digest.objects.get(person=owner)


def test_turning_off_stops_the_letter_that_waits(waiting, owner, mailoutbox):
    turn_off([Kind.URGENT], of=owner)

    assert send(owner) is False
    assert send(owner) is None

    assert mailoutbox == []
    assert not Digest.objects.exists()
    assert Alert.objects.to_tell().filter(person=owner).count() == 18


def test_a_waiting_letter_keeps_what_is_still_wanted(waiting, owner, mailoutbox):
    some = Alert.objects.filter(person=owner, flag__reorganisation__title__contains="Kent and")
    some.update(because=Alert.Because.RAISED)
    turn_off([Kind.URGENT], of=owner)

    assert send(owner)
    assert send(owner) is None

    (letter,) = mailoutbox
    assert "Kent and Medway CCG" in letter.subject
    assert "18 NHS changes" not in letter.body
    assert Alert.objects.to_tell().filter(person=owner).count() == 17


def test_what_is_wanted_again_is_told_with_what_comes_next(waiting, owner, mailoutbox):
    want([], of=owner)
    send(owner)

    want(list(Kind), of=owner)
    assert send(owner) is None  # no flood of what has been

    event = Alert.objects.filter(person=owner).first().flag.reorganisation
    type(event).objects.filter(pk=event.pk).revise()
    look()
    assert Digest.objects.filter(person=owner).count() == 1


# --- One click


def test_a_letter_names_an_address_a_kind_in_its_text_and_in_its_head(waiting, owner, mailoutbox):
    send(owner)

    (letter,) = mailoutbox
    address = off_address(owner, [Kind.URGENT])
    assert f"  Urgent changes: {address}\n" in letter.body
    assert f'<a href="{address}">urgent changes</a>' in letter.alternatives[0].content
    assert letter.extra_headers["List-Unsubscribe"] == f"<{address}>"
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "\r" not in address and "\n" not in address


def test_the_address_says_what_it_would_do_and_does_nothing_by_itself(client, owner):
    address = path(off_address(owner, [Kind.URGENT]))

    page = client.get(address)

    assert page.status_code == 200
    said = text(page)
    assert "you would get no letters about" in said and "Urgent changes" in said
    assert "no-store" in page["Cache-Control"]
    assert client.head(address).status_code == 200
    assert off(owner) == set()


def test_one_click_turns_the_kind_off_without_signing_in(owner):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)  # a mail program has no token
    address = path(off_address(owner, [Kind.URGENT]))

    for _ in range(2):
        page = client.post(address, {"List-Unsubscribe": "One-Click"})
        assert page.status_code == 200
        assert "No more of these letters" in text(page)

    assert off(owner) == {Kind.URGENT}
    assert "You get none of these" in text(client.get(address))


@pytest.mark.parametrize("spoil", [lambda t: t[:-2] + "xx", lambda t: "x", lambda t: t + "x"])
def test_an_address_that_is_in_no_letter_turns_nothing_off(client, owner, spoil):
    token = path(off_address(owner, [Kind.URGENT])).removeprefix("/letters/off/")[:-1]

    assert client.post(f"/letters/off/{spoil(token)}/").status_code == 404
    assert off(owner) == set()


def test_the_address_of_somebody_who_is_no_more_is_not_found(client, owner):
    address = path(off_address(owner, [Kind.URGENT]))
    owner.delete()

    assert client.get(address).status_code == 404


def test_a_colleague_who_reads_the_letter_cannot_turn_it_off(client, waiting, owner, mailoutbox):
    send(owner)
    waiting.refresh_from_db()
    address = path(off_address(owner, [Kind.URGENT]))

    client.force_login(owner)
    assert address in client.get(waiting.get_absolute_url()).content.decode()
    client.force_login(factories.user(role=User.Role.PLANNER))
    page = client.get(waiting.get_absolute_url()).content.decode()
    assert "Kent and Medway" in page
    assert address not in page


# --- One's own page


def given(**wants):
    return {"routine": "daily", "routine_at": "07:00", "weekly_on": "0", **wants}


def test_on_ones_own_page_each_kind_is_ticked_or_not(client, owner):
    client.force_login(owner)
    turn_off([Kind.ROUTINE], of=owner)

    form = client.get("/letters/hours/").context["form"]
    assert [field.name for field in form.kind_fields if field.initial] == [
        "wants_urgent",
        "wants_watch",
        "wants_reminders",
    ]
    assert "wants_overdue" not in form.fields

    client.post("/letters/hours/", given(wants_routine="on", wants_watch="on"))
    assert off(owner) == {Kind.URGENT, Kind.REMINDERS}

    client.post("/letters/hours/", given(**{f"wants_{kind}": "on" for kind in Kind}))
    assert off(owner) == set()


def test_a_page_with_wrong_hours_turns_nothing_off(client, owner):
    client.force_login(owner)

    page = client.post("/letters/hours/", given(time_zone="Mars/Olympus"))

    assert page.status_code == 422
    assert off(owner) == set()


def test_a_kind_that_the_page_does_not_show_stays_as_it_was(client, owner):
    turn_off([Kind.OVERDUE], of=owner)  # a manager once
    client.force_login(owner)

    client.post("/letters/hours/", given(wants_urgent="on"))

    assert Kind.OVERDUE in off(owner)


# --- From one switch to kinds


@pytest.mark.django_db(transaction=True)
def test_who_had_turned_letters_off_has_turned_off_every_kind():
    before, after = (
        ("accounts", "0026_remind_of_what_is_due"),
        ("accounts", "0028_drop_the_one_switch"),
    )
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    try:
        executor.migrate([before])
        old = executor.loader.project_state([before]).apps
        none = old.get_model("accounts", "User").objects.create(username="none")
        some = old.get_model("accounts", "User").objects.create(username="some")
        hours = old.get_model("accounts", "WritingHours")
        hours.objects.create(user=none, wants_letters=False)
        hours.objects.create(user=some)

        executor = MigrationExecutor(connection)
        executor.migrate([after])
        new = executor.loader.project_state([after]).apps.get_model("accounts", "Unwanted")
        assert set(new.objects.values_list("user", "kind")) == {(none.pk, str(k)) for k in Kind}
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(latest)
        User.objects.filter(username__in=["none", "some"]).delete()
