"""What was called off is said on the home page, whatever letters somebody wants."""

from datetime import date, timedelta

import pytest
from django.utils.timezone import now

from accounts.alerts import inbox
from accounts.models import Alert, User
from footprints.models import Reorganisation
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look
from tests.footprints.pages import text

pytestmark = pytest.mark.django_db

SAYS = "Called off lately"
TITLE = "Kent and Medway CCG: eight CCGs merge"


@pytest.fixture
def owner(register):
    return factories.user(role=User.Role.PLANNER)


@pytest.fixture
def event(owner):
    for _ in range(2):
        plan_of_2020(owner=owner)
    look()
    return Reorganisation.objects.get(slug="91q-2020-04-01")


@pytest.fixture
def signed_in(client, owner):
    client.force_login(owner)
    return client


def drop(event, reason=""):
    event.steps.create(state=Reorganisation.State.PAUSED, on=date(2020, 1, 1), reason=reason)
    change(event, Reorganisation.State.PAUSED)


def change(event, state):
    found = Reorganisation.objects.filter(pk=event.pk)
    found.update(state=state)
    found.revise()
    look()


def test_it_is_one_line_an_event_with_the_reason_until_the_reader_knows(signed_in, owner, event):
    assert SAYS not in text(signed_in.get("/"))

    drop(event, reason="The money is gone")

    page = signed_in.get("/")
    ((line,), more) = page.context["called_off"], page.context["called_off_more"]
    assert len(line.keys) == 2 and not more
    assert SAYS in text(page) and TITLE in text(page)
    assert "Paused: The money is gone" in text(page)
    address = "/inbox/many/know/"
    signed_in.post(address, {"only": line.key, "back": ""})
    assert SAYS not in text(signed_in.get("/"))
    look()
    assert SAYS not in text(signed_in.get("/"))


def test_it_is_said_for_a_week_also_of_what_was_dealt_with_before(owner, event):
    keys = Alert.objects.filter(flag__reorganisation=event).values_list("pk", flat=True)
    inbox.deal_with(keys, by=owner)
    drop(event)

    def said(days):
        return inbox.called_off(owner, moment=now() + timedelta(days=days))[0]

    assert [each.flag.reorganisation for each in said(6)] == [event]
    assert said(8) == []


def test_one_that_comes_back_is_no_more_called_off(signed_in, event):
    state = event.state
    drop(event)
    (line,) = signed_in.get("/").context["called_off"]
    signed_in.post("/inbox/many/know/", {"only": line.key})

    change(event, state)

    assert signed_in.get("/").context["called_off"] == []
    assert Alert.objects.open().filter(flag__reorganisation=event).count() == 2


def test_nobody_notes_it_for_another(client, event):
    drop(event)
    client.force_login(factories.user(role=User.Role.PLANNER))

    keys = ",".join(map(str, Alert.objects.values_list("pk", flat=True)))
    assert client.get("/").context["called_off"] == []
    client.post("/inbox/many/know/", {"only": keys})

    assert not Alert.objects.exclude(resolved_at=None).exists()


def test_what_its_person_let_go_of_is_not_called_off(owner, event):
    assert Alert.objects.filter(told="").update(news=Alert.OFF, lapsed_at=now())

    assert inbox.called_off(owner, moment=now()) == ([], False)
