"""Letters to the field: with a job-bag number, an approval and an expiry where that is asked for,
and not without; those that wait are neither lost nor doubled."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from accounts import tasks
from accounts.certifying import holding, keeping
from accounts.models import Certificate, Digest, LetterPolicy, Reminder, User
from accounts.reminders.sweeping import sweep
from accounts.services.digests import send_letter
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

pytestmark = pytest.mark.django_db

TODAY = date(2020, 2, 1)
CHANGES, REMINDERS = Digest.About.CHANGES, Digest.About.REMINDERS


def send(person, today=TODAY):
    return send_letter(person, moment=now(), today=today)


def asked(since=date(2020, 1, 1)):
    keeping.ask_from(since, by=factories.user(is_staff=True))


@pytest.fixture
def keeper():
    return factories.user(is_staff=True, role=User.Role.STEWARD, last_name="Quill")


@pytest.fixture
def rep(register):
    """A field user of a territory in Kent, for whom a letter waits; and the plan's owner."""
    owner = factories.user(email="owner@example.com", role=User.Role.PLANNER)
    plan = plan_of_2020(owner=owner)
    rep = factories.user(email="rep@example.com", role=User.Role.FIELD)
    kent = plan.assignments.get(organisation__code="09C").territory
    factories.roster_entry(territory=kent, user=rep)
    look()
    assert Digest.objects.due(now()).filter(person=rep).exists()
    rep.owner = owner
    return rep


# --- What goes, with what


def test_where_nobody_asks_letters_go_without(rep, mailoutbox):
    assert send(rep)

    assert "job bag" not in mailoutbox[0].body


def test_a_letter_to_a_field_user_carries_what_certifies_it(rep, mailoutbox):
    factories.certificate(
        job_bag="JB-2020-07",
        approved_by_name="Dr Ida Quill",
        approved_on=date(2020, 1, 3),
        expires_on=date(2021, 1, 3),
    )
    asked()

    assert send(rep)

    (letter,) = mailoutbox
    says = "What changes: job bag JB-2020-07, approved by Dr Ida Quill on 3 January 2020, until 2"
    assert f"{says} January 2021.\n" in letter.body
    assert "job bag <b>JB-2020-07</b>" in letter.alternatives[0].content


def test_nobody_but_field_users_needs_one(rep, mailoutbox):
    asked()

    assert send(rep.owner)
    assert "job bag" not in mailoutbox[0].body


def test_without_one_a_letter_to_the_field_waits_whole(rep, mailoutbox):
    asked()
    before = list(Digest.objects.filter(person=rep).values())

    assert send(rep) is None

    assert mailoutbox == []
    assert list(Digest.objects.filter(person=rep).values()) == before


def test_what_was_held_goes_once_it_is_certified_and_once_alone(rep, mailoutbox):
    asked()
    for _ in range(3):
        tasks.send_digests()
    assert [letter.to for letter in mailoutbox] == [["owner@example.com"]]

    factories.certificate()
    for _ in range(3):
        tasks.send_digests()

    assert [letter.to for letter in mailoutbox[1:]] == [["rep@example.com"]]


def test_a_tick_starts_nothing_for_what_is_held(rep, mailoutbox):
    send(rep.owner)
    asked()

    assert tasks.send_digests() == 0


@pytest.mark.parametrize(
    ("today", "goes"),
    [
        (date(2020, 1, 31), False),
        (date(2020, 2, 1), True),
        (date(2020, 2, 28), True),
        (date(2020, 2, 29), False),
    ],
)
def test_it_holds_from_its_approval_to_its_last_day(rep, mailoutbox, today, goes):
    factories.certificate(approved_on=date(2020, 2, 1), expires_on=date(2020, 2, 29))
    asked()

    assert bool(send(rep, today)) is goes


def test_it_is_asked_for_from_a_day_on(rep, mailoutbox):
    asked(since=TODAY + timedelta(days=1))
    assert not holding.is_asked_for(TODAY)
    assert holding.held(TODAY) == []
    assert holding.held(TODAY + timedelta(days=1)) == [CHANGES, REMINDERS]


def test_a_letter_worded_otherwise_is_one_that_nobody_approved(rep, mailoutbox):
    made = factories.certificate()
    asked()
    Certificate.objects.filter(pk=made.pk).update(wording="0" * 64)

    assert send(rep) is None

    (changes, _) = holding.standings(now(), TODAY)
    assert changes.why_not == f"Its wording has changed since {made.job_bag} was approved."
    assert changes.waiting == 1


def test_the_wording_is_of_all_that_a_letter_includes():
    assert len(holding.wording_of(CHANGES)) == 64
    assert holding.wording_of(CHANGES) != holding.wording_of(REMINDERS)
    assert holding.wording_of(CHANGES) == holding.wording_of(CHANGES)


@pytest.mark.parametrize(
    ("template", "letters"),
    [
        ("accounts/emails/digest.txt", {CHANGES, REMINDERS}),
        ("accounts/emails/_due.html", {REMINDERS}),
    ],
)
def test_a_word_changed_changes_the_letters_that_say_it(settings, tmp_path, template, letters):
    before = {letter: holding.wording_of(letter) for letter in Digest.About}
    path = tmp_path / template
    path.parent.mkdir(parents=True)
    path.write_text((settings.BASE_DIR / "templates" / template).read_text() + "Buy now.")
    engine = {**settings.TEMPLATES[0], "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}
    settings.TEMPLATES = [engine]

    changed = {one for one in Digest.About if holding.wording_of(one) != before[one]}

    assert changed == letters


def test_reminders_wait_for_their_own_and_changes_go_meanwhile(rep, mailoutbox):
    Digest.objects.filter(person=rep).update(is_routine=True)
    day = Digest.objects.get(person=rep)
    reminder = factories.digest(
        person=rep, about=REMINDERS, effective_on=TODAY, due_at=day.due_at, is_routine=True
    )
    factories.certificate(letter=CHANGES)
    asked()

    assert send(rep)
    assert send(rep) is None

    assert "job bag" in mailoutbox[0].body
    reminder.refresh_from_db()
    assert (reminder.sent_at, reminder.merged_into) == (None, None)


# --- Withdrawing, and why a letter is held


def test_a_withdrawn_certificate_holds_no_more_and_says_why(rep, keeper, mailoutbox):
    made = factories.certificate(job_bag="JB-1")
    asked()

    assert keeping.withdraw(made, reason="A claim slipped in", by=keeper)
    assert not keeping.withdraw(made, reason="Again", by=keeper)

    assert send(rep) is None
    (changes, reminders) = holding.standings(now(), TODAY)
    assert changes.why_not == f"JB-1 was withdrawn by {keeper}: A claim slipped in."
    assert reminders.why_not == "It was never certified."
    with pytest.raises(keeping.CertificateError, match="Say why"):
        keeping.withdraw(made, reason=" ", by=keeper)


def test_an_expired_one_says_since_when_and_how_many_wait(rep):
    factories.certificate(
        job_bag="JB-1", approved_on=date(2019, 1, 1), expires_on=date(2020, 1, 15)
    )
    asked()

    (changes, _) = holding.standings(now(), TODAY)

    assert changes.why_not == "JB-1 expired on 15 January 2020."
    assert (changes.certificate, changes.waiting) == (None, 1)


def test_a_wording_that_has_changed_since_the_page_was_opened_is_not_certified(keeper):
    given = {"job_bag": "JB-1", "approved_by_name": "Dr Quill", "by": keeper}
    given |= {"approved_on": TODAY, "expires_on": date(2021, 2, 1)}

    with pytest.raises(keeping.CertificateError, match="wording has changed"):
        keeping.certify(CHANGES, wording="0" * 64, **given)
    assert not Certificate.objects.exists()


# --- Reminded before it ends


def says(keeper, on):
    sweep(today=on, moment=now())
    rows = Reminder.objects.awake(on).filter(person=keeper, kind="certificate")
    return [(one.due_on, one.says) for one in rows.order_by("says")]


def test_who_looks_after_letters_is_reminded_before_one_ends(keeper):
    for letter in Digest.About:
        factories.certificate(
            letter=letter, approved_on=date(2020, 1, 1), expires_on=date(2021, 1, 1)
        )
    assert says(keeper, date(2020, 12, 31)) == []  # nobody asks for it
    asked()

    assert says(keeper, date(2020, 11, 30)) == []
    last = date(2020, 12, 31)
    assert says(keeper, date(2020, 12, 1)) == [
        (last, "Certify anew the letter to field users: what changes"),
        (last, "Certify anew the letter to field users: what is due"),
    ]
    for letter in Digest.About:
        factories.certificate(letter=letter)
    assert says(keeper, date(2020, 12, 1)) == []


def test_one_that_was_never_certified_is_due_on_the_day_it_is_asked_for(keeper):
    factories.certificate(letter=REMINDERS)
    asked(since=date(2020, 3, 1))

    assert says(keeper, TODAY) == [
        (date(2020, 3, 1), "Certify the letter to field users: what changes")
    ]


# --- The pages


@pytest.fixture
def signed_in(client, keeper):
    client.force_login(keeper)
    return client


def filled(**fields):
    return {
        "job_bag": "JB-9",
        "approved_by_name": "Dr Ida Quill",
        "approved_on": "2020-01-01",
        "expires_on": "2120-12-31",
        "wording": holding.wording_of(CHANGES),
        **fields,
    }


def test_the_page_says_what_is_held_and_why(signed_in, rep):
    asked()

    page = signed_in.get("/letters/certified/").content.decode()

    assert "It was never certified." in page
    assert "<strong>1 letter waits.</strong>" in page


def test_the_list_of_letters_says_which_are_held(client, rep):
    asked()
    client.force_login(rep.owner)

    page = client.get("/letters/?sent=no").content.decode()

    assert page.count("held: not certified") == 1


def test_an_approval_is_recorded_and_what_was_held_goes(
    signed_in, rep, mailoutbox, django_capture_on_commit_callbacks
):
    asked()

    with django_capture_on_commit_callbacks(execute=True):
        page = signed_in.post("/letters/certified/changes/", filled())

    assert page.url == "/letters/certified/"
    made = Certificate.objects.get()
    assert made.expires_on == date(2121, 1, 1)  # people name the last day
    assert "rep@example.com" in [letter.to[0] for letter in mailoutbox]
    assert "31 December 2120" in signed_in.get("/letters/certified/").content.decode()


def test_who_certifies_reads_a_letter_as_it_was_sent_and_not_to_whom(signed_in, rep, mailoutbox):
    address = "/letters/certified/changes/"
    assert "None has gone to a field user yet." in signed_in.get(address).content.decode()
    User.objects.filter(pk=rep.pk).update(first_name="Samantha")
    rep.refresh_from_db()
    send(rep)
    assert mailoutbox[0].body.startswith("Samantha,")

    page = signed_in.get(address).content.decode()
    assert "Kent and Medway CCG" in page
    assert "Samantha" not in page and "/letters/off/…" in page

    User.objects.filter(pk=rep.pk).update(team=factories.team(is_walled=True))
    assert "Kent and Medway CCG" not in signed_in.get(address).content.decode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"job_bag": ""}, "This field is required."),
        ({"expires_on": "2019-12-31"}, "Its last day lies before its approval."),
        ({"wording": "0" * 64}, "The wording has changed since"),
    ],
)
def test_what_is_no_approval_is_said_in_words(signed_in, fields, says):
    page = signed_in.post("/letters/certified/changes/", filled(**fields))

    assert page.status_code == 422
    assert says in page.content.decode()
    assert not Certificate.objects.exists()


def test_it_is_withdrawn_on_the_page_with_a_reason(signed_in):
    made = factories.certificate(job_bag="JB-1")
    address = reverse("accounts:withdraw_certificate", args=[made.pk])

    signed_in.post(address, {"reason": ""})
    made.refresh_from_db()
    assert made.withdrawn_at is None
    signed_in.post(address, {"reason": "Wrong bag"})
    made.refresh_from_db()
    assert (made.reason, made.withdrawn_at is None) == ("Wrong bag", False)


def test_the_company_says_from_when_it_asks(signed_in):
    page = signed_in.get("/letters/certified/asked/").content.decode()
    assert "letters about what changes: It was never certified." in page

    signed_in.post("/letters/certified/asked/", {"certified_from_on": "2020-01-01"})
    assert LetterPolicy.objects.get().certified_from_on == date(2020, 1, 1)
    signed_in.post("/letters/certified/asked/", {"certified_from_on": ""})
    assert holding.certified_from() is None
    assert LetterPolicy.objects.count() == 1


@pytest.mark.parametrize("role", ["field", "planner", "manager"])
def test_it_is_no_business_of_others(client, role):
    made = factories.certificate()
    client.force_login(factories.user(role=role))

    for address in ("", "changes/", "asked/"):
        assert client.get(f"/letters/certified/{address}").status_code == 403
    assert client.post(f"/letters/certified/{made.pk}/withdraw/").status_code == 403
    assert "/letters/certified/" not in client.get("/letters/").content.decode()
    assert holding.held(localdate()) == []


def test_there_are_two_letters_and_no_third(signed_in):
    assert signed_in.get("/letters/certified/offers/").status_code == 404
