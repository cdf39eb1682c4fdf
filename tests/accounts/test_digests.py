"""Letters: one a person and effective day, sent once, and again only when nothing was sent."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier, Event
from time import sleep

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, connections, transaction
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Alert, Digest, Flag, Letter, TerritoryPlan, User
from accounts.services import digests
from accounts.services.digests import LOCK, send_letter
from footprints.models import Reorganisation
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

APRIL_2020 = date(2020, 4, 1)
TODAY = date(2020, 2, 1)


def send(person, today=TODAY):
    return send_letter(person, moment=now(), today=today)


@pytest.fixture
def owner(db):
    return factories.user(email="owner@example.com", first_name="Sam", role=User.Role.PLANNER)


@pytest.fixture
def digest(register, owner):
    """The letter waiting for the owner of the plan of 2020."""
    plan_of_2020(owner=owner)
    look()
    return Digest.objects.get(person=owner, effective_on=APRIL_2020)


class RefusingBackend(EmailBackend):
    """A post office that takes nothing."""

    def send_messages(self, messages):
        raise smtplib.SMTPServerDisconnected("The server closed the connection.")


def test_the_worst_day_sends_one_letter_and_not_74(digest, mailoutbox):
    assert send(digest.person)
    assert not send(digest.person)

    (letter,) = mailoutbox
    assert letter.to == ["owner@example.com"]
    assert letter.subject.startswith("1 April 2020: 18 NHS changes")
    digest.refresh_from_db()
    assert digest.sent_at is not None
    assert (digest.subject, digest.text) == (letter.subject, letter.body)


def test_the_letter_names_old_new_territory_and_what_to_do(digest, mailoutbox):
    send(digest.person)

    text = mailoutbox[0].body
    assert "Kent and Medway CCG: eight CCGs merge" in text
    assert "91Q" in text
    for code in ("09C", "09E", "09J", "09W", "10A", "10D", "10E", "99J"):
        assert code in text
    assert "territories meet in it" in text
    assert "Nothing in your plans has been changed" in text
    assert "Please do:" in text
    assert "\n\n\n" not in text


def test_of_a_plan_that_was_deleted_no_letter_goes_and_none_is_held_up(digest, mailoutbox):
    Flag.objects.on_plans().get(reorganisation__slug="91q-2020-04-01")
    plan = TerritoryPlan.objects.get(owner=digest.person)
    plan.delete()

    assert send(digest.person) is False

    assert not mailoutbox
    assert not Digest.objects.unsent().filter(pk=digest.pk).exists()


def test_what_is_as_it_was_told_before_a_letter_of_its_end_goes_is_not_told_again(
    digest, mailoutbox, monkeypatch
):
    """An event is dropped and comes back while the letter that says so is being written."""
    assert send(digest.person)
    alerts = Alert.objects.filter(person=digest.person, effective_on=APRIL_2020)
    event = Reorganisation.objects.get(slug="91q-2020-04-01")
    state = event.state
    change(event, Reorganisation.State.REJECTED)
    assert alerts.to_tell().count() == 1
    doubt = digests._doubt

    def doubt_and_then_it_comes_back(found):
        doubted = doubt(found)
        change(event, state)
        return doubted

    monkeypatch.setattr(digests, "_doubt", doubt_and_then_it_comes_back)
    assert not send(digest.person)
    monkeypatch.undo()
    assert not send(digest.person)

    assert len(mailoutbox) == 1
    assert not alerts.to_tell().exists()
    assert not Digest.objects.unsent().filter(person=digest.person, effective_on=APRIL_2020)


def change(event, state):
    Reorganisation.objects.filter(pk=event.pk).update(state=state)
    Reorganisation.objects.filter(pk=event.pk).revise()
    look()


def test_an_undecided_event_says_so(register, owner, mailoutbox):
    plan = factories.plan(owner=owner, opened_on=date(2026, 10, 1))
    for code in ("QHL", "QUA"):
        from footprints.models import Organisation

        factories.assignment(
            territory=factories.territory(plan=plan),
            organisation=Organisation.objects.get(code=code),
            opened_on=plan.opened_on,
        )
    look()

    send(owner, date(2026, 11, 21))

    text = mailoutbox[0].body
    assert "None of this is decided" in text
    assert "last checked 21 November 2026" in text


def test_a_field_users_letter_is_about_their_territories_alone(register, owner, mailoutbox):
    plan = plan_of_2020(owner=owner)
    field = factories.user(email="field@example.com", role=User.Role.FIELD)
    kent = plan.assignments.get(organisation__code="09C").territory
    factories.roster_entry(territory=kent, user=field)
    look()

    send(field)

    (letter,) = mailoutbox
    assert f"your patch {kent.code}" in letter.subject
    others = plan.territories.exclude(pk=kent.pk).values_list("code", flat=True)
    assert not [code for code in others if f": {code}\n" in letter.body]
    assert "00C" not in letter.body  # Darlington is far from Kent


def test_a_failed_send_marks_nothing_and_the_next_run_sends(digest, settings, mailoutbox):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    RefusingBackend.__module__ = __name__
    with pytest.raises(smtplib.SMTPException):
        tasks.send_letter(digest.person.pk)
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
    look()
    settings.CELERY_TASK_EAGER_PROPAGATES = False
    sending = EmailBackend.send_messages

    def refuse_one(backend, messages):
        if messages[0].to == ["bad@example.com"]:
            raise smtplib.SMTPRecipientsRefused({"bad@example.com": (550, b"no such user")})
        return sending(backend, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_one)
    for digest in Digest.objects.unsent().order_by("person"):
        try:
            tasks.send_letter(digest.person.pk)
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
            return send(digest.person)
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
            return send(digest.person)
        finally:
            connections.close_all()

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK + digest.person_id])
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(second).result(timeout=10) is None

    assert mail.outbox == []


def test_a_letter_with_nothing_left_to_say_is_not_sent(digest, mailoutbox):
    Reorganisation.objects.filter(effective_on=APRIL_2020).update(state="rejected")
    Reorganisation.objects.filter(effective_on=APRIL_2020).revise()
    look()

    assert not send(digest.person)

    assert mailoutbox == []
    assert not Digest.objects.filter(pk=digest.pk).exists()


def test_the_outbox_keeps_what_a_missing_mail_server_cannot_take(digest, settings):
    settings.EMAIL_BACKEND = "accounts.outbox.OutboxBackend"

    send(digest.person)

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


def test_a_letter_is_shown_as_a_mail_program_does_and_runs_nothing(digest, client):
    send(digest.person)
    client.force_login(digest.person)
    shown = f"/letters/{digest.pk}/html/"
    assert f'src="{shown}"' in client.get(f"/letters/{digest.pk}/").text

    page = client.get(shown)

    assert "<h2>Please do</h2>" in page.text and '<base target="_top">' in page.text
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'none'" in policy
    assert "sandbox allow-top-navigation-by-user-activation" in policy
    assert "frame-ancestors 'self'" in policy and page["X-Frame-Options"] == "SAMEORIGIN"


def test_the_html_of_a_letter_is_for_whom_its_text_is_and_turns_nothing_off(digest, client):
    send(digest.person)
    digest.refresh_from_db()
    off = "/letters/off/"
    assert f"{off}…" not in digest.html and off in digest.html
    plain = factories.digest(person=digest.person, sent_at=now(), subject="Text alone")
    client.force_login(factories.user(role=User.Role.PLANNER))

    page = client.get(f"/letters/{digest.pk}/html/")

    assert page.text.count(off) == page.text.count(f"{off}…") > 0
    assert client.get(f"/letters/{plain.pk}/html/").status_code == 404
    assert "<iframe" not in client.get(f"/letters/{plain.pk}/").text
    client.force_login(factories.user(role=User.Role.FIELD))
    assert client.get(f"/letters/{digest.pk}/html/").status_code == 404


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


# --- Letters of which nobody knows whether they arrived


class TakingBackend(EmailBackend):
    """A post office that takes the letter, and hangs up before it says so."""

    def send_messages(self, messages):
        super().send_messages(messages)
        raise smtplib.SMTPServerDisconnected("The server closed the connection.")


@pytest.fixture
def half_taken(digest, settings, mailoutbox):
    """A letter that arrived, of which its sender does not know it."""
    usual = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.TakingBackend"
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(digest.person)
    settings.EMAIL_BACKEND = usual
    (letter,) = mailoutbox
    return letter


def message_id(letter):
    return letter.extra_headers["Message-ID"]


def everything(**fields):
    """Let all events of the day change, and the clock look at it."""
    events = Reorganisation.objects.filter(flags__isnull=False, **fields.pop("of", {}))
    keys = set(events.values_list("pk", flat=True))
    Reorganisation.objects.filter(pk__in=keys).update(**fields)
    Reorganisation.objects.filter(pk__in=keys).revise()
    look()


def test_a_letter_that_may_have_arrived_is_sent_again_under_the_same_name(
    digest, half_taken, mailoutbox
):
    assert send(digest.person)
    assert not send(digest.person)

    assert [message_id(letter) for letter in mailoutbox] == [message_id(half_taken)] * 2
    assert not Alert.objects.filter(is_in_doubt=True).exists()


def test_what_a_letter_that_may_have_arrived_told_is_called_off_by_another(
    digest, half_taken, mailoutbox
):
    everything(state="rejected")

    assert send(digest.person)

    assert mailoutbox[1].subject == "Called off: 18 NHS changes"
    assert message_id(mailoutbox[1]) != message_id(half_taken)


def test_what_is_on_again_says_so_and_does_not_read_as_first_news(digest, mailoutbox):
    assert send(digest.person)
    everything(state="rejected")
    assert send(digest.person)
    everything(state="effective")

    assert send(digest.person)

    first, _, again = mailoutbox
    assert again.subject == f"On again: {first.subject}"
    for text in (again.body, again.alternatives[0].content):
        assert text.count("It was called off; it is ") == 18  # no step says when
    assert "It was called off" not in first.body


def test_an_event_that_moved_back_after_such_a_letter_is_told_again(digest, settings, mailoutbox):
    assert send(digest.person)
    there = {"effective_on": date(2020, 7, 1), "of": {"effective_on": APRIL_2020}}
    back = {"effective_on": APRIL_2020, "of": {"effective_on": date(2020, 7, 1)}}
    everything(**there)
    settings.EMAIL_BACKEND = f"{__name__}.TakingBackend"
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(digest.person)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    everything(**back)

    while send(digest.person) is not None:
        pass

    days = [letter.subject.partition(":")[0] for letter in mailoutbox]
    assert days == ["1 April 2020", "Moved to 1 July 2020", "1 April 2020"]
    assert len({message_id(letter) for letter in mailoutbox}) == 3


def test_what_was_surely_refused_and_is_called_off_is_never_told(digest, settings, mailoutbox):
    settings.EMAIL_BACKEND = f"{__name__}.NobodyThere"
    with pytest.raises(ConnectionRefusedError):
        send(digest.person)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    everything(state="rejected")

    assert not send(digest.person)
    assert mailoutbox == []


class NobodyThere(EmailBackend):
    """A post office that nobody answers at."""

    def send_messages(self, messages):
        raise ConnectionRefusedError(111, "Connection refused")


def test_what_was_due_by_a_clock_that_was_put_back_does_not_wait_for_it(digest, mailoutbox):
    ahead = now() + timedelta(days=1)
    Digest.objects.filter(pk=digest.pk).update(raised_at=ahead, due_at=ahead)

    assert list(Digest.objects.due(now())) == [digest]
    soon = now() + timedelta(minutes=5)  # another machine's clock, no more
    Digest.objects.filter(pk=digest.pk).update(raised_at=soon, due_at=soon + timedelta(hours=3))
    assert not Digest.objects.due(now()).exists()


@pytest.mark.django_db(transaction=True)
def test_marking_that_meets_another_crosswise_is_done_again_and_the_letter_is_not(
    digest, mailoutbox
):
    """Somebody has the last of the alerts and asks for the first, as the letter marks them."""
    first, *_, last = Alert.objects.filter(person=digest.person).order_by("pk")
    has_last, is_handed_over = Event(), Event()

    def meet():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '5s'")  # the letter's side gives way
                Alert.objects.select_for_update().get(pk=last.pk)
                has_last.set()
                assert is_handed_over.wait(10)
                sleep(0.3)
                Alert.objects.select_for_update().get(pk=first.pk)
        finally:
            connections.close_all()

    def hand_over(message, **kwargs):
        other.append(pool.submit(meet))
        assert has_last.wait(10)
        mail.outbox.append(message)
        is_handed_over.set()

    other = []
    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.core.mail.EmailMultiAlternatives.send", hand_over)
        assert send(digest.person)
        other[0].result(timeout=20)

    assert len(mail.outbox) == 1
    digest.refresh_from_db()
    assert digest.sent_at is not None
    assert not Alert.objects.to_tell().exists()


# --- Events that change while their letter is on its way


def test_a_letter_waits_for_the_news_of_an_event_that_has_just_changed(digest, mailoutbox):
    events = Reorganisation.objects.filter(flags__isnull=False)
    keys = set(events.values_list("pk", flat=True))
    Reorganisation.objects.filter(pk__in=keys).update(state="paused")
    Reorganisation.objects.filter(pk__in=keys).revise()

    assert send(digest.person) is None
    assert mailoutbox == []

    Reorganisation.objects.filter(pk__in=keys).update(state="effective")
    look()
    assert send(digest.person)
    assert "not decided" not in mailoutbox[0].body


def test_a_letter_says_what_it_is_marked_to_have_told(digest, mailoutbox, monkeypatch):
    """The event moves after its letter was asked for, and before it is written."""
    kent = Reorganisation.objects.get(title="Kent and Medway CCG: eight CCGs merge")
    writing = digests.emails.letter

    def write(*args, **kwargs):
        Reorganisation.objects.filter(pk=kent.pk).update(effective_on=date(2020, 7, 1))
        Reorganisation.objects.filter(pk=kent.pk).revise()
        return writing(*args, **kwargs)

    monkeypatch.setattr(digests.emails, "letter", write)
    assert send(digest.person)

    assert "Status: Effective, from 1 July 2020" not in mailoutbox[0].body
    monkeypatch.undo()
    look()
    assert send(digest.person)
    assert "This was told for 1 April 2020; it is 1 July 2020 now." in mailoutbox[1].body


def test_what_was_called_off_and_revived_before_its_letter_is_in_no_doubt(
    digest, mailoutbox, monkeypatch
):
    """A letter is about to say that it is off; by then it is on again."""
    assert send(digest.person)
    kent = Reorganisation.objects.filter(title="Kent and Medway CCG: eight CCGs merge")
    kent.update(state="paused")
    kent.revise()
    look()
    handing_over = digests._hand_over

    def revive_first(*args, **kwargs):
        kent.update(state="effective")
        kent.revise()
        return handing_over(*args, **kwargs)

    monkeypatch.setattr(digests, "_hand_over", revive_first)
    assert send(digest.person) is None
    monkeypatch.undo()
    look()

    assert not send(digest.person)
    assert len(mailoutbox) == 1
    assert not Alert.objects.to_tell().exists()
