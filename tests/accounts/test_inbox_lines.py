"""The inbox as it is read: a line an event, what is next first, and each deed from the page."""

from datetime import date

import pytest
from django.urls import reverse

from accounts.models import AccountLead, Alert, User
from footprints.models import Organisation, Weight
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look
from tests.footprints.pages import text

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def on_that_day(time_machine):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)


@pytest.fixture
def planner():
    return factories.user(role=User.Role.PLANNER, team=factories.team(), last_name="Hart")


@pytest.fixture
def signed_in(client, planner):
    client.force_login(planner)
    return client


def alert(planner, on, weight=Weight.KNOW, event=None, **more):
    event = event or factories.reorganisation(effective_on=on)
    flag = factories.flag(factories.plan(owner=planner), reorganisation=event)
    return factories.alert(person=planner, flag=flag, effective_on=on, weight=weight, **more)


def told(client, **asked):
    return client.get("/", asked).context["table"].told


def test_what_is_next_comes_first_and_of_what_is_gone_the_newest(signed_in, planner):
    ago_act = alert(planner, date(2020, 4, 1), Weight.ACT)
    later_ago_act = alert(planner, date(2022, 7, 1), Weight.ACT)
    ago = alert(planner, date(2026, 7, 1))
    far = alert(planner, date(2028, 4, 1), Weight.ACT)
    near = alert(planner, date(2027, 4, 1), Weight.ACT)
    know = alert(planner, date(2026, 12, 1))
    today = alert(planner, TODAY)

    found = [line.first for line in told(signed_in)]

    assert found == [near, far, today, know, later_ago_act, ago_act, ago]
    rows = signed_in.get("/", {"format": "json"}).json()["rows"]
    assert [row["event"] for row in rows] == [one.event_title for one in found]
    file = signed_in.get("/", {"format": "csv"}).content.decode()
    places = [file.index(one.event_title) for one in found]
    assert places == sorted(places)


def test_pages_follow_one_another_in_that_order_and_back(signed_in, planner, monkeypatch):
    monkeypatch.setattr("accounts.views.home.Home.per_page", 2)
    days = [date(2027, 4, 1), date(2027, 5, 1), date(2028, 4, 1), date(2022, 7, 1)]
    days += [date(2020, 4, 1)]
    alerts = [alert(planner, on) for on in days]

    pages, address = [], "/"
    while address:
        page = signed_in.get(address)
        pages.append([line.first for line in page.context["table"].told])
        address = page.context["next_address"]
    assert pages == [alerts[:2], alerts[2:4], alerts[4:]]
    back = signed_in.get(page.context["previous_address"])
    assert [line.first for line in back.context["table"].told] == alerts[2:4]
    turned = [line.first for line in told(signed_in, sort="-weight")]
    assert turned == alerts[:-3:-1]


def test_an_event_is_one_line_with_each_plan_that_it_hits(signed_in, planner):
    event = factories.reorganisation(effective_on=date(2027, 4, 1))
    calm = alert(planner, event.effective_on, event=event)
    grave = alert(planner, event.effective_on, Weight.ACT, event=event)

    page = signed_in.get("/")

    (line,) = page.context["table"].told
    assert line.first == grave
    assert {place.alert for place in line.places} == {calm, grave}
    assert "1 change, 2 alerts" in text(page)
    for one in (calm, grave):
        assert f'href="{one.get_absolute_url()}"' in page.content.decode()
    signed_in.post(reverse("accounts:alerts_deed", args=["deal"]), {"row": line.key})
    assert not Alert.objects.open().exists()


def test_a_line_says_old_and_new_of_what_is_mine_alone(client, register, planner):
    plan = plan_of_2020(owner=planner)
    field = factories.user()
    kent = plan.assignments.get(organisation__code="09C").territory
    factories.roster_entry(territory=kent, user=field)
    factories.post(organisation=Organisation.objects.get(code="09C"))
    look()
    client.force_login(field)

    page = client.get("/")

    (line,) = [
        line for line in page.context["table"].told if line.event.title.startswith("Kent and")
    ]
    (becomes,) = line.becomes
    own = set(kent.assignments.values_list("organisation__code", flat=True))
    assert "09C" in (codes := {old.code for old in becomes.old}) and codes <= own
    assert becomes.new.code == "91Q"
    assert [place.territories for place in line.places] == [[kent.code]]
    assert line.people == 1
    assert "one person’s post at these bodies" in text(page)
    assert "posts" not in line.event.get_absolute_url()
    assert reverse("accounts:post_flags") not in page.content.decode()


def test_an_account_lead_is_told_with_the_plans_that_the_event_hits(client, register, planner):
    plan = plan_of_2020(owner=planner)
    kent = plan.assignments.get(organisation__code="09C")
    AccountLead.objects.create(
        plan=plan,
        territory=kent.territory,
        organisation=kent.organisation,
        opened_on=plan.opened_on,
    )
    look()
    client.force_login(planner)

    page = client.get("/")

    (line,) = [
        line for line in page.context["table"].told if line.event.title.startswith("Kent and")
    ]
    assert {place.leads for place in line.places} == {None, (kent.territory.code, "09C")}
    assert f"{kent.territory.code} leads on 09C" in text(page)


def test_a_click_is_for_its_own_line_whatever_is_ticked(signed_in, planner):
    one, other = alert(planner, date(2027, 4, 1)), alert(planner, date(2027, 5, 1))
    given = {"row": [str(other.pk)], "only": str(one.pk), "note": "of the other"}

    signed_in.post(reverse("accounts:alerts_deed", args=["deal"]), given)

    one.refresh_from_db()
    other.refresh_from_db()
    assert one.resolved_by == planner and one.note == ""
    assert other.resolved_at is None


def test_a_note_a_day_and_a_colleague_are_given_for_many(signed_in, planner):
    event = factories.reorganisation(effective_on=date(2027, 4, 1))
    rows = {"row": [str(alert(planner, event.effective_on, event=event).pk) for _ in range(2)]}
    address = reverse("accounts:alerts_deed", args=["later"])

    page = signed_in.post(address, {**rows, "until": "2026-12-24"}, follow=True)
    assert "Two alerts put off until 24 December 2026" in text(page)
    page = signed_in.post(address, {**rows, "until": "the day after"}, follow=True)
    assert "Until which day?" in text(page)

    colleague = factories.user(role=User.Role.PLANNER, team=planner.team, last_name="Lee")
    address = reverse("accounts:alerts_deed", args=["hand"])
    page = signed_in.post(address, {**rows, "to": ""}, follow=True)
    assert "Choose a colleague" in text(page)
    signed_in.post(address, {**rows, "to": colleague.pk, "note": "Kent is yours."})
    assert set(Alert.objects.values_list("holder", "note")) == {(colleague.pk, "Kent is yours.")}


def test_a_deed_leads_back_to_the_list_as_it_was_filtered(signed_in, planner):
    one = alert(planner, date(2027, 4, 1))
    address = reverse("accounts:alerts_deed", args=["see"])

    there = signed_in.post(address, {"row": one.pk, "back": "weight=1&sort=raised"})
    assert there.url == "/?weight=1&sort=raised"
    there = signed_in.post(address, {"row": one.pk, "back": "//example.org/"})
    assert there.url.startswith("/?")


def test_the_old_address_leads_home_with_its_filters(signed_in):
    there = signed_in.get("/inbox/", {"weight": "3", "show": "done"})
    assert (there.status_code, there.url) == (301, "/?weight=3&show=done")


def test_what_is_put_away_offers_to_have_it_back(signed_in, planner):
    one = alert(planner, date(2027, 4, 1))
    signed_in.post(reverse("accounts:alerts_deed", args=["deal"]), {"row": one.pk})

    page = signed_in.get("/", {"show": "done"}).content.decode()

    assert "Into the inbox again" in page
    assert 'name="only"' not in page


@pytest.mark.parametrize("rows", [1, 30])
def test_it_costs_the_same_however_many_there_are(
    signed_in, planner, django_assert_num_queries, rows
):
    for n in range(rows):
        alert(planner, date(2027, 4, 1) if n % 2 == 0 else date(2020, 4, 1))
    signed_in.get("/")

    with django_assert_num_queries(HOME):
        signed_in.get("/")


HOME = 15  # queries of a planner's home page


def test_a_filter_that_cannot_be_is_said_and_lets_nothing_through(signed_in):
    page = signed_in.get("/?because=nothing-of-the-kind")

    assert page.status_code == 200
    assert "Select a valid choice" in text(page)
    assert not page.context["page"].rows


def test_the_headline_is_of_all_that_stands_whatever_is_shown(signed_in, planner):
    asleep = alert(planner, date(2026, 12, 1), wakes_on=date(2027, 1, 1))
    for weight in Weight:
        alert(planner, date(2027, 4, 1), weight)
    for address in ("/", "/?weight=3", "/?q=zzz", "/?show=done"):
        assert "1 December 2026, in 10 days: 1 reorganisation touches you" in text(
            signed_in.get(address)
        )
    asleep.flag.resolved_at, asleep.flag.resolved_by = asleep.raised_at, planner
    asleep.flag.save()

    assert "1 April 2027, in 131 days: 3 reorganisations touch you" in text(
        signed_in.get("/?weight=3")
    )
    Alert.objects.update(lapsed_at=asleep.raised_at)
    assert "touch you." not in text(signed_in.get("/"))


def test_of_very_many_alerts_of_a_day_the_headline_says_or_more(signed_in, planner, monkeypatch):
    monkeypatch.setattr("accounts.overview.COUNTED", 1)
    for _ in range(2):
        alert(planner, date(2027, 4, 1))

    assert "2 or more reorganisations touch you" in text(signed_in.get("/"))


@pytest.mark.parametrize("state", ["paused", "rejected"])
def test_what_was_dropped_is_not_said_to_be_undecided(signed_in, planner, state):
    event = factories.reorganisation(effective_on=date(2027, 4, 1), state=state)
    alert(planner, event.effective_on, event=event)

    said = text(signed_in.get("/"))

    assert state.capitalize() in said
    assert f"{state.capitalize()}, not decided" not in said


@pytest.mark.parametrize("address", ["/?show=foo", "/?weight=99", "/due/?show=foo"])
def test_a_filter_that_was_not_understood_gives_no_all_clear(signed_in, planner, address):
    alert(planner, date(2027, 4, 1))

    page = signed_in.get(address)

    said = text(page)
    assert "Nothing is shown: a filter could not be understood" in said
    for clear in ("Nothing waits for you", "Nothing is due", "0 alerts", "0 things"):
        assert clear not in said
    assert f'href="{address.partition("?")[0]}">Take the filters off' in page.content.decode()
