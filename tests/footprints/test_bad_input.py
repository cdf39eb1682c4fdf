"""Events that cannot be: the form and the service answer in the same words, and nothing changes.

Over the bundled register, where QHL and QUA are said to merge on 1 April 2027.
"""

from datetime import date

import pytest
from django.http import QueryDict
from django.utils.timezone import now

from footprints import drafting
from footprints.models import Reorganisation
from footprints.services.dating import move_date
from footprints.services.declaring import CannotMove, move_event
from footprints.services.recording import CannotRecord, record_event, rehearse
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

NEW = "/reorganisations/new/"
SAID = "&said_by=The+board&state=in_law&effective_on="
# What is typed → the answer, and the event that it names, if it names one.
BAD = {
    "a successor that closed before": (
        f"kind=absorption&before=QKS&after=QNQ{SAID}2027-04-01",
        "Frimley (QNQ) closed on 31 March 2026: it does not exist on 1 April 2027.",
        None,
    ),
    "a successor that does not open yet": (
        f"kind=absorption&before=QKS&after=P-QHL-QUA{SAID}2026-12-01",
        "(P-QHL-QUA) does not open until 1 April 2027: it does not exist on 1 December 2026.",
        None,
    ),
    "a successor that nobody knows": (
        f"kind=absorption&before=QKS&after=NONE1{SAID}2027-04-01",
        "No organisation has the code NONE1.",
        None,
    ),
    "a predecessor that closed before": (
        f"kind=abolition&before=QNQ{SAID}2027-04-01",
        "Frimley (QNQ) closed on 31 March 2026: it does not exist before 1 April 2027.",
        None,
    ),
    "a body on both sides": (
        f"kind=split&before=QKS&after=QKS&after=S9B9J{SAID}2027-04-01",
        "QKS stands before and after.",
        None,
    ),
    "shares that fall short of one": (
        f"kind=split&before=QKS&after=QRL&after=S9B9J&part:QKS>QRL=40{SAID}2027-04-01"
        "&part:QKS>S9B9J=59.5",
        "The shares of QKS sum to 99.5%, not to 100%.",
        None,
    ),
    "shares that pass one": (
        f"kind=split&before=QKS&after=QRL&after=S9B9J&part:QKS>QRL=40{SAID}2027-04-01"
        "&part:QKS>S9B9J=60.0001",
        "The shares of QKS sum to 100.0001%, not to 100%.",
        None,
    ),
    "a past that is applied": (
        f"kind=abolition&before=99J{SAID}2019-04-01",
        "What happened to West Kent (99J) on 1 April 2020 is applied already",
        "91q-2020-04-01",
    ),
    "a body that closed in the same stroke": (
        f"kind=abolition&before=99J{SAID}2020-04-01",
        "is applied already: nothing is recorded before it.",
        "91q-2020-04-01",
    ),
    "a body that another event closes": (
        f"kind=abolition&before=QHL{SAID}2028-04-01",
        "already closes on 1 April 2027 by another event (rumoured).",
        "p-qhl-qua-2027-04-01",
    ),
    "half of another event undone": (
        f"kind=absorption&before=P-QHL-QUA&after=QHL{SAID}2028-04-01",
        "that undoes a part of it. Undo or reject the other event whole.",
        "p-qhl-qua-2027-04-01",
    ),
}


@pytest.fixture
def steward():
    return factories.user(role="steward")


@pytest.fixture
def event():
    return Reorganisation.objects.get(slug="p-qhl-qua-2027-04-01")


@pytest.mark.parametrize("case", BAD)
def test_an_event_that_cannot_be_is_answered_in_words(client, steward, whole_database, case):
    typed, answer, slug = BAD[case]
    typed = QueryDict(typed)
    client.force_login(steward)
    before = whole_database()

    while_typing = client.get(NEW, typed)
    page = client.post(NEW, {**dict(typed.lists()), "record": "1"})
    draft = drafting.read(typed).draft()
    with pytest.raises(CannotRecord) as refusal:
        record_event(draft, by=steward, at=now())
    with pytest.raises(CannotRecord):
        rehearse(draft, lambda event: event, by=steward, at=now())

    assert (while_typing.status_code, page.status_code) == (200, 422)
    assert answer in text(while_typing)
    assert answer in text(page)
    problems = [p for p in refusal.value.problems if answer in p.text]
    assert [p.event and p.event.slug for p in problems] == [slug]
    assert breaks_the_policy(page) == []
    if slug:
        assert f'href="/reorganisations/{slug}/"' in page.content.decode()
    assert whole_database() == before


@pytest.mark.parametrize(
    ("to", "answer"),
    [
        ("2022-04-01", "on 1 July 2022 is applied already: nothing is recorded before it."),
        ("2010-04-01", "does not exist before 1 April 2010"),
        ("2027-04-01", "It takes effect on 1 April 2027 as it is."),
    ],
)
def test_a_day_that_cannot_be_is_answered_in_words(
    client, steward, event, whole_database, to, answer
):
    client.force_login(steward)
    before = whole_database()

    said = {"to": to, "reason": "Earlier.", "seen": event.revision}
    page = client.post(f"{event.get_absolute_url()}day/", said)
    with pytest.raises(CannotMove, match=answer):
        move_date(event, date.fromisoformat(to), reason="Earlier.", by=steward, at=now())

    assert page.status_code == 422
    assert answer in text(page)
    assert whole_database() == before


def test_of_two_events_that_close_one_body_the_dropped_one_stays_dropped(
    client, steward, event, whole_database
):
    move_event(event, "paused", on=None, reason="Waiting.", by=steward, at=now())
    rival = record_event(
        drafting.read(QueryDict(BAD["a body that another event closes"][0])).draft(),
        by=steward,
        at=now(),
    )
    client.force_login(steward)
    event.refresh_from_db()
    before = whole_database()

    said = {"to": "proposed", "reason": "Go.", "seen": event.revision}
    page = client.post(f"{event.get_absolute_url()}move/", said)
    with pytest.raises(CannotMove, match="already closes on 1 April 2028"):
        move_event(event, "proposed", on=None, reason="Go.", by=steward, at=now())

    assert page.status_code == 422
    assert "already closes on 1 April 2028 by another event (in law)" in text(page)
    assert f'href="{rival.get_absolute_url()}"' in page.content.decode()
    assert whole_database() == before


@pytest.mark.parametrize("deed", ["move", "day"])
def test_a_stale_tab_changes_nothing(client, steward, event, whole_database, deed):
    client.force_login(steward)
    shown = event.revision
    move_event(event, "approved", on=None, reason="", by=steward, at=now(), seen=shown)
    before = whole_database()

    to = {"move": "rejected", "day": "2027-10-01"}[deed]
    said = {"to": to, "reason": "No.", "seen": shown}
    page = client.post(f"{event.get_absolute_url()}{deed}/", said)

    assert page.status_code == 422
    assert "changed meanwhile: it is approved, for 1 April 2027. Look at it again." in text(page)
    assert whole_database() == before
