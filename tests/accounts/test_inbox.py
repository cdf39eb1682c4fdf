"""The inbox: what is mine, what I do about it, and that nobody does it for another."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from accounts.alerts import handing, inbox
from accounts.models import Alert, User, WritingHours
from accounts.services.flags import reopen_flag, resolve_flag
from footprints.models import Weight
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

pytestmark = pytest.mark.django_db

INBOX = "/"


@pytest.fixture
def team():
    return factories.team()


@pytest.fixture
def planner(team):
    return factories.user(role=User.Role.PLANNER, team=team, last_name="Hart")


@pytest.fixture
def colleague(team):
    return factories.user(role=User.Role.PLANNER, team=team, last_name="Lee")


@pytest.fixture
def alert(planner, team):
    plan = factories.plan(owner=planner, team=team)
    return factories.alert(person=planner, flag=factories.flag(plan), weight=Weight.ACT)


@pytest.fixture
def signed_in(client, planner):
    client.force_login(planner)
    return client


def listed(client, **asked):
    page = client.get(INBOX, {**asked, "format": "json"})
    return {row["event"] for row in page.json()["rows"]}


def title(alert):
    return alert.flag.reorganisation.title


def test_it_shows_what_is_mine_where_it_hits_me_and_what_asks_most_first(client, register):
    owner = factories.user(role=User.Role.PLANNER)
    plan = plan_of_2020(owner=owner)
    field = factories.user()
    kent = plan.assignments.get(organisation__code="09C").territory
    factories.roster_entry(territory=kent, user=field)
    look()

    client.force_login(owner)
    rows = client.get(INBOX, {"format": "json"}).json()["rows"]
    assert len(rows) == 18
    asks = [row["weight"] for row in rows]
    assert asks == sorted(asks, key=["Act", "Check", "Know"].index)

    client.force_login(field)
    rows = client.get(INBOX, {"format": "json"}).json()["rows"]
    assert {row["where"] for row in rows} == {f"{kent.code}: {plan.name}"}
    assert len(rows) == Alert.objects.filter(person=field).count() < 18


def test_opening_the_flag_is_seeing_it_and_shows_the_deeds(client, register):
    owner = factories.user(role=User.Role.PLANNER)
    plan_of_2020(owner=owner)
    factories.user(role=User.Role.PLANNER)  # to whom it can be handed
    look()
    alert = Alert.objects.filter(person=owner).first()
    client.force_login(owner)

    page = client.get(alert.get_absolute_url()).content.decode()

    assert "Put it off until" in page and "Hand it to a colleague" in page
    alert.refresh_from_db()
    assert alert.seen_at
    client.force_login(factories.user(role=User.Role.PLANNER))
    assert "Put it off until" not in client.get(alert.get_absolute_url()).content.decode()


@pytest.mark.parametrize(("deed", "shown_under"), [("deal", "done"), ("later", "asleep")])
def test_what_is_done_with_leaves_the_inbox_and_may_come_back(signed_in, alert, deed, shown_under):
    address = reverse("accounts:alert_deed", args=[alert.pk, deed])
    given = {"note": "Agreed with the region.", "until": localdate() + timedelta(days=3)}

    signed_in.post(address, given)

    assert listed(signed_in) == set()
    assert listed(signed_in, show=shown_under) == {title(alert)}
    signed_in.post(reverse("accounts:alert_deed", args=[alert.pk, "again"]))
    assert listed(signed_in) == {title(alert)}


def test_what_is_put_off_wakes_on_its_day(alert, planner):
    today = date(2026, 11, 22)
    inbox.put_off([alert.pk], date(2026, 11, 25), by=planner, today=today)

    awake = Alert.objects.held_by(planner)
    assert not awake.awake(date(2026, 11, 24))
    assert awake.awake(date(2026, 11, 25)).get() == alert


@pytest.mark.parametrize("until", ["", "tomorrow", "2020-01-01", "2999-01-01"])
def test_it_is_put_off_until_a_day_to_come_within_a_year(signed_in, alert, until):
    address = reverse("accounts:alert_deed", args=[alert.pk, "later"])

    page = signed_in.post(address, {"until": until}, follow=True)

    assert "Until which day?" in (said := page.content.decode()) or "within a year" in said
    alert.refresh_from_db()
    assert alert.wakes_on is None


def test_handed_on_it_is_the_colleagues_and_stays_in_sight(client, signed_in, alert, colleague):
    address = reverse("accounts:alert_deed", args=[alert.pk, "hand"])

    signed_in.post(address, {"to": colleague.pk, "note": "Yours: it is Kent."})

    assert listed(signed_in) == set()
    assert listed(signed_in, show="handed") == {title(alert)}
    client.force_login(colleague)
    assert listed(client) == {title(alert)}
    client.post(reverse("accounts:alert_deed", args=[alert.pk, "deal"]))
    alert.refresh_from_db()
    assert alert.resolved_by == colleague


def test_it_is_handed_to_nobody_who_cannot_open_the_plan(signed_in, alert, team):
    outsider = factories.user(team=team)  # a field user without a territory of the plan
    address = reverse("accounts:alert_deed", args=[alert.pk, "hand"])

    page = signed_in.post(address, {"to": outsider.pk}, follow=True)

    assert "cannot open all of these plans" in page.content.decode()
    alert.refresh_from_db()
    assert alert.holder != outsider


def test_a_colleague_who_has_it_too_has_it_once(alert, planner, colleague):
    own = factories.alert(person=colleague, flag=alert.flag)

    handing.hand_on([alert.pk], colleague, by=planner, moment=now())

    assert list(Alert.objects.held_by(colleague).open()) == [own]
    alert.refresh_from_db()
    assert (alert.resolved_by, alert.note) == (planner, f"{colleague} has it.")


def test_nobody_does_anything_about_anothers(client, alert, colleague):
    client.force_login(colleague)

    for deed in ("see", "deal", "later", "again", "hand"):
        assert (
            client.post(reverse("accounts:alert_deed", args=[alert.pk, deed])).status_code == 404
        )
    client.post(reverse("accounts:alerts_deed", args=["deal"]), {"row": alert.pk})
    alert.refresh_from_db()
    assert alert.resolved_at is None


def test_what_the_plan_has_dealt_with_leaves_every_inbox(signed_in, alert, colleague):
    resolve_flag(alert.flag, by=colleague)
    assert listed(signed_in) == set()
    assert listed(signed_in, show="done") == {title(alert)}

    reopen_flag(alert.flag)
    assert listed(signed_in) == {title(alert)}


def test_many_are_done_with_at_once(signed_in, alert, planner):
    more = [factories.alert(person=planner) for _ in range(3)]
    rows = {"row": [alert.pk, *(one.pk for one in more), "x"]}

    page = signed_in.post(reverse("accounts:alerts_deed", args=["deal"]), rows, follow=True)

    assert "Four alerts dealt with" in page.content.decode()
    assert not Alert.objects.open().exists()
    assert signed_in.post(reverse("accounts:alerts_deed", args=["eat"]), rows).status_code == 404


def test_everybody_says_when_they_are_written_to(signed_in, planner):
    address = reverse("accounts:writing_hours")
    given = {
        "wants_urgent": "on",
        "wants_reminders": "on",
        "routine": "weekly",
        "routine_at": "08:30",
        "weekly_on": "4",
        "quiet_from_at": "19:00",
        "quiet_to_at": "07:00",
        "time_zone": "Europe/London",
    }

    signed_in.post(address, given)

    hours = WritingHours.objects.get(user=planner)
    assert (hours.routine, hours.weekly_on, str(hours.zone)) == ("weekly", 4, "Europe/London")
    page = signed_in.post(address, {**given, "time_zone": "Kent"})
    assert page.status_code == 422 and "is not a time zone" in page.content.decode()
    page = signed_in.post(address, {**given, "quiet_to_at": ""})
    assert page.status_code == 422 and "Quiet hours begin and end" in page.content.decode()
    assert WritingHours.objects.count() == 1
