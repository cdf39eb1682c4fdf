"""The three buttons of a letter: each leads to a page that its reader may open, after signing in,
and none does anything by itself."""

import re
from datetime import date
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import (
    AccountLead,
    Alert,
    Challenge,
    Decision,
    Digest,
    Sheet,
    TerritoryPlan,
    User,
)
from accounts.services.digests import send_letter
from footprints.models import Organisation, Reorganisation
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

pytestmark = pytest.mark.django_db

TODAY = date(2020, 2, 1)
PASSWORD = "a long enough secret"
BUTTON = re.compile(r'<a href="([^"]+)" style="[^"]*">([^<]+)</a>')


def buttons(letter):
    """What the letter's buttons say, and where they lead on this server."""
    html = BUTTON.findall(letter.alternatives[0].content)
    found = [(label, unescape(address)) for address, label in html]
    for label, address in found:
        assert f"  {label}:\n    {address}\n" in letter.body
        assert address.startswith(f"{settings.BASE_URL}/")
    return {label: address.removeprefix(settings.BASE_URL) for label, address in found}


def written(person, mailoutbox, day=TODAY):
    assert send_letter(person, moment=now(), today=day)
    return mailoutbox[-1]


def opens(client, person, address):
    """The page that the address leads to for somebody who is not signed in, once they have."""
    person.set_password(PASSWORD)
    person.save()
    client.logout()
    asked = client.get(address)
    assert asked.status_code == 302 and asked.url.startswith("/sign-in/?next=")
    given = {"login": person.username, "password": PASSWORD}
    page = client.post(asked.url, given, follow=True)
    assert page.status_code == 200, page.status_code
    where = urlsplit(page.redirect_chain[-1][0])
    assert where.path == urlsplit(address).path
    return page


@pytest.fixture
def small(register):
    """A plan with two territories that meet in one ICB of April 2027, and who reads of it."""
    team = factories.team()
    owner = factories.user(email="owner@example.com", role=User.Role.PLANNER, team=team)
    plan = factories.plan(owner=owner, team=team, opened_on=date(2026, 10, 1))
    for code in ("QHL", "QUA"):
        home = factories.territory(plan=plan)
        body = Organisation.objects.get(code=code)
        factories.assignment(territory=home, organisation=body, opened_on=plan.opened_on)
    rep = factories.user(email="rep@example.com", team=team)
    factories.roster_entry(territory=home, user=rep, opened_on=plan.opened_on)
    look()
    plan.rep, plan.home = rep, home
    return plan


def test_a_planner_sees_decides_and_asks(small, client, mailoutbox):
    flag = Alert.objects.get(person=small.owner).flag

    found = buttons(written(small.owner, mailoutbox, date(2026, 11, 22)))

    assert list(found) == ["See before and after", "Agree, or decide", "Ask about it"]
    assert found["See before and after"] == flag.get_absolute_url()
    assert found["Agree, or decide"] == reverse("accounts:sheet", args=[flag.pk])
    assert found["Ask about it"].endswith("/owner/talk/")
    for address in found.values():
        opens(client, small.owner, address)


def test_a_field_user_sees_says_so_and_challenges(small, client, mailoutbox):
    flag = Alert.objects.get(person=small.rep).flag

    found = buttons(written(small.rep, mailoutbox, date(2026, 11, 22)))

    assert list(found) == ["See before and after", "I have seen it", "Not like this"]
    assert found["I have seen it"] == f"{flag.get_absolute_url()}#mine"
    form = reverse("accounts:raise_challenge", args=[small.pk, small.home.pk])
    assert found["Not like this"].startswith(form)
    for address in found.values():
        opens(client, small.rep, address)
    page = opens(client, small.rep, found["I have seen it"]).content.decode()
    assert 'id="mine"' in page


def test_following_every_button_does_nothing(small, client, mailoutbox):
    found = buttons(written(small.rep, mailoutbox, date(2026, 11, 22)))
    client.force_login(small.rep)

    for address in found.values():
        client.get(address)

    assert not Challenge.objects.exists() and not Decision.objects.exists()
    assert not Sheet.objects.exists()
    assert Alert.objects.get(person=small.rep).resolved_at is None


def test_a_plan_that_takes_no_challenge_offers_what_can_be_seen(small, client, mailoutbox):
    TerritoryPlan.objects.update(state="approved")

    found = buttons(written(small.rep, mailoutbox, date(2026, 11, 22)))

    assert found["Not like this"] == found["See before and after"]


def test_of_a_day_of_many_events_they_lead_to_the_lists(register, client, mailoutbox):
    owner = factories.user(email="owner@example.com", role=User.Role.PLANNER)
    plan = plan_of_2020(owner=owner)
    rep = factories.user(email="rep@example.com")
    for territory in plan.territories.all():
        factories.roster_entry(territory=territory, user=rep)
    look()

    mine = buttons(written(owner, mailoutbox))
    theirs = buttons(written(rep, mailoutbox))

    assert mine["See before and after"] == "/?effective_on=2020-04-01"
    assert mine["Agree, or decide"] == "/alerts/?dealt_with=no"
    assert theirs["I have seen it"] == "/?effective_on=2020-04-01"
    assert theirs["Not like this"].endswith("/challenge/")
    for person, found in ((owner, mine), (rep, theirs)):
        for address in found.values():
            opens(client, person, address)


def test_what_a_letter_of_many_events_is_about_is_seen_where_its_button_leads(
    register, client, mailoutbox
):
    owner = factories.user(email="owner@example.com", role=User.Role.PLANNER)
    plan_of_2020(owner=owner)
    look()
    other = factories.alert(person=owner, effective_on=date(2021, 4, 1))
    found = buttons(written(owner, mailoutbox))

    page = opens(client, owner, found["See before and after"])
    shown = [alert.pk for alert in page.context["table"].records]

    assert len(shown) == 18 and other.pk not in shown
    client.post(reverse("accounts:alerts_deed", args=["see"]), {"row": shown})
    assert not Alert.objects.filter(pk__in=shown, seen_at=None).exists()


def test_several_plans_of_one_event_are_decided_on_the_page_of_its_sheets(
    small, client, mailoutbox
):
    other = factories.plan(owner=small.owner, team=small.team, opened_on=small.opened_on)
    for code in ("QHL", "QUA"):
        factories.assignment(
            territory=factories.territory(plan=other),
            organisation=Organisation.objects.get(code=code),
            opened_on=other.opened_on,
        )
    look()

    found = buttons(written(small.owner, mailoutbox, date(2026, 11, 22)))

    event = Alert.objects.filter(person=small.owner).first().flag.reorganisation
    assert found["See before and after"] == event.get_absolute_url()
    assert found["Agree, or decide"] == f"/sheets/{event.slug}/"
    for address in found.values():
        opens(client, small.owner, address)


def test_what_is_called_off_is_seen_and_asks_no_more(small, client, mailoutbox):
    written(small.owner, mailoutbox, date(2026, 11, 22))
    event = Alert.objects.get(person=small.owner).flag.reorganisation
    Reorganisation.objects.filter(pk=event.pk).update(state="rejected")
    Reorganisation.objects.filter(pk=event.pk).revise()
    look()
    Digest.objects.unsent().update(due_at=now())

    found = buttons(written(small.owner, mailoutbox, date(2026, 11, 22)))

    assert found == {
        "See why it is off": event.get_absolute_url(),
        "I have seen it": "/?show=all&effective_on=2027-04-01",
    }
    for address in found.values():
        page = opens(client, small.owner, address)
    (alert,) = page.context["table"].records
    assert alert.person == small.owner and alert.lapsed_at


def test_a_lead_to_be_named_again_is_seen_on_its_own_page(register, client, mailoutbox):
    owner = factories.user(email="owner@example.com", role=User.Role.PLANNER)
    plan = plan_of_2020(owner=owner)
    kent = plan.assignments.get(organisation__code="09C")
    kent_lead = {"plan": plan, "territory": kent.territory, "organisation": kent.organisation}
    AccountLead.objects.create(**kent_lead, opened_on=plan.opened_on)
    plan.assignments.all().delete()
    look()

    found = buttons(written(owner, mailoutbox))

    assert found["I have seen it"].endswith("#mine")
    for address in found.values():
        opens(client, owner, address)
