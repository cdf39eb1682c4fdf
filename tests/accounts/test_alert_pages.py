"""The home page, alerts and letters: what they say, to whom, and what they ask the database."""

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import Digest, Flag, TerritoryPlan, User
from accounts.services.digests import send_letter
from accounts.tables import LetterTable
from footprints.lists.paging import Order
from footprints.models import Organisation, Weight
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look
from tests.footprints.pages import text

APRIL_2020 = date(2020, 4, 1)
HOME = 16  # queries of the home page of a planner with more than a page of alerts


@pytest.fixture
def planner(register):
    return factories.user(email="planner@example.com", first_name="Sam", role=User.Role.PLANNER)


@pytest.fixture
def plan(planner):
    plan = plan_of_2020(owner=planner)
    look()
    return plan


def flag_of(plan, title) -> Flag:
    return Flag.objects.on_plans().get(object_id=plan.pk, reorganisation__title__startswith=title)


def test_home_opens_on_what_is_next_and_says_that_it_is_not_decided(client, planner, time_machine):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)
    plan = factories.plan(owner=planner, opened_on=date(2026, 10, 1))
    for code in ("QHL", "QUA"):
        factories.assignment(
            territory=factories.territory(plan=plan),
            organisation=Organisation.objects.get(code=code),
            opened_on=plan.opened_on,
        )
    look()
    client.force_login(planner)

    page = client.get(reverse("accounts:home"))

    said = text(page)
    assert "1 April 2027, in 131 days: 1 reorganisation would touch you" in said
    assert "None of this is decided" in said
    assert "Birmingham and Solihull with Black Country" in said
    (line,) = page.context["table"].told
    ((old, new),) = [(each.old, each.new) for each in line.becomes]
    assert [body.code for body in old] == ["QHL", "QUA"]
    assert new.name == "Birmingham and Solihull with Black Country"
    flag = flag_of(plan, "Birmingham")
    sheet = reverse("accounts:sheet", args=[flag.pk])
    assert f'href="{sheet}">Decide on the sheet</a>' in page.content.decode()


@pytest.mark.parametrize("reason", ["Delayed to October", "Delayed to October."])
def test_a_reason_ends_before_what_follows_it(client, planner, reason):
    plan = factories.plan(owner=planner, opened_on=date(2026, 10, 1))
    factories.assignment(
        territory=factories.territory(plan=plan),
        organisation=Organisation.objects.get(code="QHL"),
        opened_on=plan.opened_on,
    )
    look()
    flag = flag_of(plan, "Birmingham")
    flag.reorganisation.steps.create(state=flag.reorganisation.state, reason=reason)
    client.force_login(planner)

    assert "Delayed to October. Below is what it would do" in text(
        client.get(flag.get_absolute_url())
    )


def test_home_tells_what_has_changed_too(client, planner, plan):
    client.force_login(planner)

    page = client.get(reverse("accounts:home"))

    assert len(page.context["table"].told) == 18
    assert "Kent and Medway CCG: eight CCGs merge" in text(page)
    assert "and 5 more" in text(page)  # of the eight
    assert "Nothing is asked" in text(page)


def test_home_with_nothing_says_what_is_watched_and_what_comes_next(
    client, register, time_machine
):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)
    field = factories.user()
    client.force_login(field)
    page = text(client.get("/"))
    assert "Nothing waits for you" in page and "You have no territory yet" in page
    assert "Next in the NHS" in page and "on 1 April 2027" in page

    territory = factories.territory(code="T77")
    factories.roster_entry(territory=territory, user=field, opened_on=date(2026, 1, 1))
    assert "Watched for you: T77" in text(client.get("/"))

    client.force_login(factories.user(role=User.Role.MANAGER))
    assert "Watched: 1 plan that you may open" in text(client.get("/"))


def test_an_alert_shows_old_new_and_who_holds_what(client, planner, plan):
    client.force_login(planner)

    page = client.get(flag_of(plan, "Kent and Medway").get_absolute_url()).content.decode()

    for code in ("09C", "09E", "09J", "09W", "10A", "10D", "10E", "99J", "91Q"):
        assert f">{code}<" in page
    assert "Conflicts" in page


def test_a_planner_marks_an_alert_dealt_with_and_opens_it_again(client, planner, plan):
    flag = flag_of(plan, "Kent and Medway")
    client.force_login(planner)

    client.post(reverse("accounts:resolve_flag", args=[flag.pk]))
    flag.refresh_from_db()
    assert flag.resolved_by == planner

    client.post(reverse("accounts:resolve_flag", args=[flag.pk]), {"reopen": ""})
    flag.refresh_from_db()
    assert flag.resolved_by is None


def test_a_field_user_sees_their_part_and_another_is_not_found(client, plan):
    kent = plan.assignments.get(organisation__code="09C").territory
    mine, theirs = factories.user(), factories.user()
    factories.roster_entry(territory=kent, user=mine)
    factories.roster_entry(territory=plan.territories.exclude(pk=kent.pk).last(), user=theirs)
    flag = flag_of(plan, "Kent and Medway")

    client.force_login(mine)
    assert client.get(flag.get_absolute_url()).status_code == 200
    assert client.post(reverse("accounts:resolve_flag", args=[flag.pk])).status_code == 404
    client.force_login(theirs)
    assert client.get(flag.get_absolute_url()).status_code == 404


def test_the_page_of_an_event_shows_what_it_does_to_the_readers_plans(client, planner, plan):
    event = flag_of(plan, "Kent and Medway").reorganisation
    client.force_login(planner)
    assert plan.name in client.get(event.get_absolute_url()).content.decode()

    client.force_login(factories.user())
    assert plan.name not in client.get(event.get_absolute_url()).content.decode()


def test_the_page_of_a_plan_says_what_reorganisations_do_to_it(client, planner, plan):
    client.force_login(planner)

    page = client.get(plan.get_absolute_url()).content.decode()

    assert "ask something of this plan" in page
    assert "Kent and Medway CCG: eight CCGs merge" in page


def test_a_letter_is_read_as_it_was_sent(client, planner, plan):
    digest = Digest.objects.get(person=planner, effective_on=APRIL_2020)
    client.force_login(planner)
    assert client.get(digest.get_absolute_url()).status_code == 404

    send_letter(planner, moment=now(), today=APRIL_2020)

    page = client.get(digest.get_absolute_url()).content.decode()
    assert "Kent and Medway CCG: eight CCGs merge" in page
    assert "went nowhere else" in page
    assert digest.person.email in page


@pytest.mark.parametrize("rows", [1, 30])
def test_the_alerts_cost_the_same_however_many_there_are(
    client, planner, django_assert_num_queries, rows
):
    for _ in range(rows):
        factories.flag(factories.plan(owner=planner), owner=planner)
    client.force_login(planner)
    client.get(reverse("accounts:flags"))

    with django_assert_num_queries(6):
        client.get(reverse("accounts:flags"))


def test_letters_are_listed_by_when_they_went_and_say_when(client, planner, time_machine):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)
    days = [(3, "third"), (1, "first"), (2, "second")]
    for ago, subject in days:  # the sooner it went, the later its day
        at = now() - timedelta(days=4 - ago, hours=ago)
        on = APRIL_2020 - timedelta(days=ago)
        factories.digest(person=planner, sent_at=at, subject=subject, effective_on=on)
    factories.digest(person=planner, due_at=now() + timedelta(hours=1))
    client.force_login(planner)

    page = client.get(reverse("accounts:outbox"))
    beside = text(client.get(reverse("accounts:beside")))

    shown = [row.subject for row in page.context["table"].records]
    assert shown == ["", "third", "second", "first"]
    assert "20 Nov 2026, 09:00" in text(page)
    assert "waits for 21 Nov 2026, 13:00" in text(page)
    mine = beside[beside.index("Letters to me") :]
    assert mine.index("third") < mine.index("second") < mine.index("first")
    assert "20 Nov 2026, 09:00" in mine


def test_letters_are_walked_by_an_index(client, planner):
    order = Order("sent_at", LetterTable.sorts["sent_at"], descending=True)
    letters = Digest.objects.filter(merged_into=None)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")

    assert "digest_went" in order.ordered(letters).explain()


@pytest.mark.parametrize("rows", [1, 30])
def test_the_letters_cost_the_same_however_many_there_are(
    client, planner, django_assert_num_queries, rows
):
    for _ in range(rows):
        factories.digest(person=factories.user())
    client.force_login(planner)
    client.get(reverse("accounts:outbox"))

    with django_assert_num_queries(6):
        client.get(reverse("accounts:outbox"))


@pytest.mark.parametrize("plans", [3, 8])
def test_home_costs_the_same_however_many_plans_there_are(
    client, planner, django_assert_num_queries, plans
):
    for _ in range(plans):
        plan_of_2020(owner=planner)
    look()
    client.force_login(planner)
    client.get("/")

    with django_assert_num_queries(HOME):
        client.get("/")
    assert TerritoryPlan.objects.filter(owner=planner).count() == plans


def test_home_counts_what_is_open_in_each_plan_and_leads_to_the_rows(client, planner, plan):
    client.force_login(planner)

    page = client.get("/beside/")

    (shown,) = page.context["plans"]
    address = f"/alerts/?plan={plan.pk}&amp;dealt_with=no"
    assert f'href="{address}">{shown.waiting.flags} open' in page.content.decode()
    rows = client.get("/alerts/", {"plan": plan.pk, "dealt_with": "no"}).context["page"].rows
    assert len(rows) == shown.waiting.flags == 18
    assert sum(row.weight == Weight.ACT for row in rows) == shown.waiting.to_act_on > 0


def test_home_lists_some_forty_plans_and_leads_to_all(client, planner, monkeypatch):
    monkeypatch.setattr("accounts.views.home.PLANS_SHOWN", 2)
    for _ in range(3):
        factories.plan(owner=planner)
    client.force_login(planner)

    page = client.get("/beside/")

    assert len(page.context["plans"]) == 2
    assert "All plans" in text(page)


def test_the_command_flags_what_changed_and_says_how_much(planner, capsys):
    plan_of_2020(owner=planner)

    call_command("raise_flags")
    call_command("raise_flags")

    first, second = capsys.readouterr().out.splitlines()
    assert first == "Eighteen new flags; eighteen alerts."
    assert second == "No new flags; no alerts."


# --- Posts


@pytest.fixture
def chief(register):
    """Somebody who holds a post at a CCG that closes on 1 April 2020."""
    ashford = Organisation.objects.get(code="09C")
    post = factories.post(organisation=ashford, role="Chief pharmacist")
    factories.tenure(post=post, opened_on=date(2018, 1, 1))
    look()
    return post


def test_posts_at_bodies_that_change_are_a_stewards_worklist(client, chief):
    steward = factories.user(role=User.Role.STEWARD)
    client.force_login(steward)

    page = client.get(reverse("accounts:post_flags"), {"q": "kent chief"})

    (row,) = page.context["page"].rows
    assert (row.role, row.code) == ("Chief pharmacist", "09C")
    assert row.holder == f"Ada {chief.tenures.get().person.family_name}"
    assert "Kent and Medway CCG: eight CCGs merge" in page.content.decode()

    client.post(reverse("accounts:resolve_posts"), {"row": [row.pk, "x"]})

    row.refresh_from_db()
    assert row.resolved_by == steward
    assert chief.tenures.get().closed_on is None


def test_posts_are_no_business_of_the_field(client, chief):
    client.force_login(factories.user())

    assert client.get(reverse("accounts:post_flags")).status_code == 404
    assert client.post(reverse("accounts:resolve_posts")).status_code == 404


@pytest.mark.parametrize("rows", [1, 30])
def test_the_posts_cost_the_same_however_many_there_are(
    client, register, django_assert_num_queries, rows
):
    for _ in range(rows):
        post = factories.post(organisation=Organisation.objects.get(code="09C"))
        factories.tenure(post=post)
    look()
    client.force_login(factories.user(role=User.Role.STEWARD))
    client.get(reverse("accounts:post_flags"))

    with django_assert_num_queries(6):
        client.get(reverse("accounts:post_flags"))
