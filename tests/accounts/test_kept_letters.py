"""The letters in docs/letters are the letters that are written: one of each kind, from the demo.

Write them anew after changing what a letter says, and look at what changed:

    KEEP_LETTERS=1 ./run test tests/accounts/test_kept_letters.py -q -n 0
"""

import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.db import transaction
from django.utils.timezone import now

from accounts.alerts.inbox import raise_overdue
from accounts.alerts.wanting import without_off_addresses
from accounts.demo import company
from accounts.models import Alert, Digest, RosterEntry, Team, UrgencyRule, User
from accounts.models.hours import Pace
from accounts.reminders import telling
from accounts.reminders.sweeping import sweep
from accounts.services.digests import send_letter
from accounts.watches.moving import move_watches
from footprints.models import Release, Reorganisation, Weight
from footprints.services.dating import move_date
from footprints.services.declaring import move_event
from tests.accounts.ticks import look

KEPT = Path(__file__).parents[2] / "docs" / "letters"
TODAY = date(2026, 11, 21)
OURS = re.compile(rf"{re.escape(settings.BASE_URL)}\S*")
SOON = date(2027, 3, 10)  # three weeks before 1 April 2027
CLUSTER = "South East London with South West London"
HERE = "Herefordshire and Worcestershire with Coventry"

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def letters(django_db_setup, django_db_blocker):
    """Name → the letter as text, told in order: each step is news to somebody."""
    with django_db_blocker.unblock(), transaction.atomic():
        with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False):
            yield dict(_told())
        transaction.set_rollback(True)


def _told():
    company.found(logins=True)
    Release.objects.update(applied_at=now() - timedelta(days=7))
    # At once what asks for a decision; what is only to be known goes with the week's letter.
    UrgencyRule.objects.all().delete()
    UrgencyRule.objects.create(position=1, weight=Weight.ACT, pace=Pace.AT_ONCE)
    team = Team.objects.get(name="Key accounts")
    manager = User.objects.get(username="manager")
    User.objects.filter(pk=manager.pk).update(team=team)
    plan = team.plans.get(name="Key accounts 2026/27")
    RosterEntry.objects.filter(territory__plan=plan, territory__code="K8").delete()
    look()

    kam, planner = (User.objects.get(username=name) for name in ("kam", "planner"))
    yield "urgent-one-day", _letter(kam)
    yield "routine-merged", _letter(_with_routine_of_many_days())
    yield "vacant-territory", _letter(manager)

    steward = User.objects.get(username="steward")
    said = {"by": steward, "at": now(), "on": TODAY, "source": "https://example.org/board/item-12"}
    here = Reorganisation.objects.get(title__startswith=HERE)
    move_date(here, date(2027, 7, 1), reason="The boards need a quarter more.", **said)
    look()
    yield "changed-date", _letter(kam)
    move_event(here, Reorganisation.State.REJECTED, reason="The boards said no.", **said)
    look()
    yield "called-off", _letter(kam)
    move_event(here, Reorganisation.State.PROPOSED, reason="The boards met again.", **said)
    look()
    yield "on-again", _letter(kam)

    move_watches(on=TODAY, moment=now())
    look()
    for name, day in (("watch-moved", date(2020, 4, 1)), ("watch-asks", date(2026, 4, 1))):
        Digest.objects.unsent().filter(person=kam).exclude(effective_on__gte=day).delete()
        first = Digest.objects.unsent().filter(person=kam, effective_on=day)
        assert first.update(is_routine=False)  # the others are another letter
        yield name, _letter(kam)

    cluster = Reorganisation.objects.get(title__startswith=CLUSTER)
    move_event(cluster, Reorganisation.State.IN_LAW, reason="The order is made.", **said)
    look()
    Alert.objects.filter(person=manager, flag__reorganisation__title__startswith=CLUSTER).delete()
    with time_machine.travel(datetime(2027, 3, 10, 12, tzinfo=UTC), tick=False):
        assert raise_overdue(today=SOON, moment=now())
        yield "overdue-to-the-manager", _letter(manager, today=SOON)
        sweep(today=SOON, moment=now())
        telling.owe(today=SOON, moment=now())
        Digest.objects.filter(person=planner, about=Digest.About.CHANGES).delete()
        yield "what-is-due", _letter(planner, today=SOON)


def _with_routine_of_many_days() -> User:
    for person in User.objects.filter(role=User.Role.FIELD).order_by("username"):
        waiting = Digest.objects.unsent().filter(person=person)
        if waiting.count() > 1 and not waiting.filter(is_routine=False).exists():
            return person
    raise AssertionError("Nobody of the demo has routine letters of two days.")


def _letter(person, today=TODAY) -> str:
    """The next letter to the person, once its hour has come."""
    person.refresh_from_db()
    mail.outbox.clear()
    assert send_letter(person, moment=now() + timedelta(days=8), today=today), person
    (sent,) = mail.outbox
    return f"To: {person}\nSubject: {sent.subject}\n\n{_without_keys(sent.body).strip()}\n"


def _without_keys(text: str) -> str:
    """Keys of rows and signed words differ from one database to the next."""
    text = without_off_addresses(text)
    return OURS.sub(lambda found: re.sub(r"(?<=/)\d+(?=/)", "…", found[0]), text)


def test_each_kind_of_letter_is_kept_as_it_is_written(letters):
    if os.environ.get("KEEP_LETTERS"):
        KEPT.mkdir(exist_ok=True)
        for name, text in letters.items():
            (KEPT / f"{name}.txt").write_text(text, encoding="utf-8")
    kept = {path.stem: path.read_text(encoding="utf-8") for path in KEPT.glob("*.txt")}

    assert set(kept) == set(letters)
    for name, text in letters.items():
        assert kept[name] == text, f"docs/letters/{name}.txt: see this test's head"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("urgent-one-day", "None of this is decided: treat it as a warning, not as news."),
        ("routine-merged", " days on which changes in the NHS touch your plans"),
        ("vacant-territory", "Nobody has K8"),
        (
            "changed-date",
            "This was told for 1 April 2027; it is 1 July 2027 now. "
            "Why: The boards need a quarter more.",
        ),
        ("changed-date", "Subject: Moved to 1 July 2027: Herefordshire"),
        ("called-off", "Called off: Herefordshire and Worcestershire"),
        ("on-again", "Subject: On again: 1 July 2027: Herefordshire"),
        (
            "on-again",
            "It was called off on 21 November 2026; it is on again. Why: The boards met again.",
        ),
        (
            "overdue-to-the-manager",
            "Nobody has looked at this for a week: you get it as the manager",
        ),
        ("what-is-due", "late"),
        ("watch-moved", "Your watch on 09C NHS Ashford CCG moved to 91Q"),
        ("watch-asks", "Say which of them you follow; until you do, you hear of all."),
    ],
)
def test_a_kept_letter_is_of_its_kind(letters, name, says):
    assert says in letters[name]
