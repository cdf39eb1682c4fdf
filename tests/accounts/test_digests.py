"""Letters: one a person and effective day, sent once, and again only when nothing was sent."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections, transaction
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Digest, Letter, User
from accounts.services.digests import send_digest
from accounts.services.flags import raise_flags
from footprints.models import Reorganisation
from tests import factories
from tests.accounts.plans import plan_of_2020

APRIL_2020 = date(2020, 4, 1)
TODAY = date(2020, 2, 1)


@pytest.fixture
def owner(db):
    return factories.user(email="owner@example.com", first_name="Sam", role=User.Role.PLANNER)


@pytest.fixture
def digest(register, owner):
    """The letter waiting for the owner of the plan of 2020."""
    plan_of_2020(owner=owner)
    raise_flags()
    return Digest.objects.get(person=owner, effective_on=APRIL_2020)


class RefusingBackend(EmailBackend):
    """A post office that takes nothing."""

    def send_messages(self, messages):
        raise smtplib.SMTPServerDisconnected("The server closed the connection.")


def test_the_worst_day_sends_one_letter_and_not_74(digest, mailoutbox):
    assert send_digest(digest.pk, today=TODAY)
    assert not send_digest(digest.pk, today=TODAY)

    (letter,) = mailoutbox
    assert letter.to == ["owner@example.com"]
    assert letter.subject.startswith("1 April 2020: 18 NHS changes")
    digest.refresh_from_db()
    assert digest.sent_at is not None
    assert (digest.subject, digest.text) == (letter.subject, letter.body)


def test_the_letter_names_old_new_territory_and_what_to_do(digest, mailoutbox):
    send_digest(digest.pk, today=TODAY)

    text = mailoutbox[0].body
    assert "Kent and Medway CCG: eight CCGs merge" in text
    assert "91Q" in text
    for code in ("09C", "09E", "09J", "09W", "10A", "10D", "10E", "99J"):
        assert code in text
    assert "territories meet in it" in text
    assert "Nothing in your plans has been changed" in text
    assert "Please do:" in text
    assert "\n\n\n" not in text


def test_an_undecided_event_says_so(register, owner, mailoutbox):
    plan = factories.plan(owner=owner, opened_on=date(2026, 10, 1))
    for code in ("QHL", "QUA"):
        from footprints.models import Organisation

        factories.assignment(
            territory=factories.territory(plan=plan),
            organisation=Organisation.objects.get(code=code),
            opened_on=plan.opened_on,
        )
    raise_flags()

    send_digest(Digest.objects.get(person=owner).pk, today=date(2026, 11, 21))

    text = mailoutbox[0].body
    assert "None of this is decided" in text
    assert "last checked 21 November 2026" in text


def test_a_field_users_letter_is_about_their_territories_alone(register, owner, mailoutbox):
    plan = plan_of_2020(owner=owner)
    field = factories.user(email="field@example.com", role=User.Role.FIELD)
    kent = plan.assignments.get(organisation__code="09C").territory
    factories.roster_entry(territory=kent, user=field)
    raise_flags()

    send_digest(Digest.objects.get(person=field).pk, today=TODAY)

    (letter,) = mailoutbox
    assert f"your patch {kent.code}" in letter.subject
    others = plan.territories.exclude(pk=kent.pk).values_list("code", flat=True)
    assert not [code for code in others if f": {code}\n" in letter.body]
    assert "00C" not in letter.body  # Darlington is far from Kent


def test_a_failed_send_marks_nothing_and_the_next_run_sends(digest, settings, mailoutbox):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    RefusingBackend.__module__ = __name__
    with pytest.raises(smtplib.SMTPException):
        tasks.send_digest(digest.pk)
    digest.refresh_from_db()
    assert (digest.sent_at, digest.subject) == (None, "")

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    tasks.send_digests()

    digest.refresh_from_db()
    assert digest.sent_at is not None
    assert [letter.to for letter in mail.outbox] == [["owner@example.com"]]


@pytest.mark.django_db(transaction=True)
def test_one_bad_address_holds_nobody_up(register, settings, mailoutbox, monkeypatch):
    first, second = (factories.user(email=f"{n}@example.com") for n in ("bad", "good"))
    for owner in (first, second):
        plan_of_2020(owner=owner)
    raise_flags()
    settings.CELERY_TASK_EAGER_PROPAGATES = False
    sending = EmailBackend.send_messages

    def refuse_one(backend, messages):
        if messages[0].to == ["bad@example.com"]:
            raise smtplib.SMTPRecipientsRefused({"bad@example.com": (550, b"no such user")})
        return sending(backend, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_one)
    for digest in Digest.objects.unsent().order_by("person"):
        try:
            tasks.send_digest(digest.pk)
        except smtplib.SMTPException:
            assert digest.person == first

    assert [letter.to for letter in mail.outbox] == [["good@example.com"]]
    assert Digest.objects.unsent().get().person == first


@pytest.mark.django_db(transaction=True)
def test_six_workers_send_one_letter(digest, mailoutbox):
    start = Barrier(6)

    def work(_):
        start.wait()
        try:
            return send_digest(digest.pk, today=TODAY)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        sent = list(pool.map(work, range(6)))

    assert sent.count(True) == 1
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_worker_passes_by_while_the_first_has_it(digest, mailoutbox):
    def second():
        try:
            return send_digest(digest.pk, today=TODAY)
        finally:
            connections.close_all()

    with transaction.atomic():
        Digest.objects.select_for_update().get(pk=digest.pk)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(second).result(timeout=10) is False

    assert mail.outbox == []


def test_a_letter_with_nothing_left_to_say_is_not_sent(digest, mailoutbox):
    Reorganisation.objects.filter(effective_on=APRIL_2020).update(state="rejected")
    Reorganisation.objects.filter(effective_on=APRIL_2020).revise()
    raise_flags()

    assert not send_digest(digest.pk, today=TODAY)

    assert mailoutbox == []
    assert not Digest.objects.filter(pk=digest.pk).exists()


def test_the_outbox_keeps_what_a_missing_mail_server_cannot_take(digest, settings):
    settings.EMAIL_BACKEND = "accounts.outbox.OutboxBackend"

    send_digest(digest.pk, today=TODAY)

    letter = Letter.objects.get()
    assert letter.to == "owner@example.com"
    assert "Kent and Medway" in letter.text
    assert "<h2>Please do</h2>" in letter.html


def test_letters_are_read_by_whom_they_are_for(digest, client):
    walled = factories.team(is_walled=True)
    doctor = factories.user(email="doctor@example.com", team=walled)
    private = factories.digest(person=doctor, sent_at=digest.raised_at, subject="Private")
    planner = factories.user(role=User.Role.PLANNER)
    field = factories.user(role=User.Role.FIELD)

    assert set(Digest.objects.visible_to(planner)) == {digest}
    assert set(Digest.objects.visible_to(field)) == set()
    assert set(Digest.objects.visible_to(doctor)) == {private}
    client.force_login(planner)
    assert client.get(f"/letters/{private.pk}/").status_code == 404


def test_letters_are_found_by_any_part_of_their_subject_or_of_a_name(db, client):
    hart, lee = (factories.user(last_name=name) for name in ("Hart", "Lee"))
    for person, subject in ((hart, "18 NHS changes"), (lee, "18 NHS changes"), (lee, "Kent")):
        opens_on = APRIL_2020 if "NHS" in subject else TODAY
        factories.digest(person=person, sent_at=now(), subject=subject, effective_on=opens_on)
    client.force_login(factories.user(role=User.Role.PLANNER))

    def found(q):
        page = client.get("/letters/", {"q": q, "format": "json"}).json()
        return sorted((row["person"].split()[-1], row["subject"]) for row in page["rows"])

    assert found("nhs") == [("Hart", "18 NHS changes"), ("Lee", "18 NHS changes")]
    assert found("nhs lee") == [("Lee", "18 NHS changes")]
    assert found("ar 18") == [("Hart", "18 NHS changes")]
    assert found("devon") == []
