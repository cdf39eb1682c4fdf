"""Alerts: the right people, each once, however the event moves; and the letters that are owed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection, connections
from django.utils.timezone import get_current_timezone, now

from accounts.alerts.addressing import raise_alerts
from accounts.alerts.inbox import raise_overdue
from accounts.alerts.wanting import want
from accounts.answering import MANAGERS, teams_of
from accounts.models import (
    Alert,
    Digest,
    Flag,
    FlagRun,
    Team,
    TerritoryPlan,
    UrgencyRule,
    User,
)
from accounts.services.digests import send_letter
from accounts.services.flags import raise_flags
from footprints.models import Reorganisation
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

APRIL_2020, JULY_2020 = date(2020, 4, 1), date(2020, 7, 1)
TODAY = date(2020, 2, 1)
KENT = "Kent and Medway CCG: eight CCGs merge"


@pytest.fixture
def team(db):
    return factories.team()


@pytest.fixture
def manager(team):
    return factories.user(email="manager@example.com", role=User.Role.MANAGER, team=team)


@pytest.fixture
def owner(team):
    return factories.user(email="owner@example.com", role=User.Role.PLANNER, team=team)


@pytest.fixture
def plan(register, team, owner):
    return plan_of_2020(owner=owner, team=team)


def event(title=KENT):
    return Reorganisation.objects.get(title=title)


def change(reorganisation, **fields):
    """Let the event change as a release would, and the clock look at it."""
    Reorganisation.objects.filter(pk=reorganisation.pk).update(**fields)
    Reorganisation.objects.filter(pk=reorganisation.pk).revise()
    look()


def send(person, moment=None, today=TODAY):
    return send_letter(person, moment=moment or now(), today=today)


# --- Who


def test_alerts_are_those_of_a_recount_of_plans_rosters_and_empty_territories(
    plan, owner, manager
):
    rows = list(plan.territories.order_by("code"))
    field = factories.user(email="field@example.com")
    gone = factories.user(email="gone@example.com")
    stranger = factories.user(email="no@example.com", is_active=False)
    factories.roster_entry(territory=rows[0], user=field)
    began = date(2019, 4, 1)
    factories.roster_entry(
        territory=rows[1], user=gone, opened_on=began, closed_on=date(2020, 3, 1)
    )
    factories.roster_entry(territory=rows[2], user=stranger)

    look()

    expected = set()
    for flag in Flag.objects.on_plans().filter(object_id=plan.pk):
        expected.add((flag.pk, owner.pk))
        touched = flag.reorganisation.touches.of_area().values("organisation")
        held = plan.assignments.reaching(flag.reorganisation.effective_on)
        for territory in set(
            held.filter(organisation__in=touched).values_list("territory", flat=True)
        ):
            expected.add((flag.pk, field.pk if territory == rows[0].pk else manager.pk))
    assert set(Alert.objects.values_list("flag", "person")) == expected
    assert len(expected) > 18
    assert not Alert.objects.filter(person__in=[gone, stranger]).exists()
    assert set(Alert.objects.filter(person=owner).values_list("because", flat=True)) == {
        Alert.Because.OWNER
    }


def test_a_territory_that_nobody_has_is_told_to_the_manager_who_reads_why(
    plan, manager, mailoutbox
):
    look()

    assert send(manager)

    kent = plan.assignments.get(organisation__code="09C").territory
    told = mailoutbox[0].body.split("Kent and Medway CCG: eight CCGs merge")[1]
    (said,) = [line for line in told.splitlines() if "Nobody has" in line][:1]
    assert kent.code in said and "you get this as the manager of its team" in said
    assert mailoutbox[0].to == ["manager@example.com"]


@pytest.mark.parametrize("is_walled", [False, True])
def test_of_a_team_without_a_manager_every_manager_is_told_but_not_through_a_wall(
    plan, team, mailoutbox, is_walled
):
    Team.objects.filter(pk=team.pk).update(is_walled=is_walled)
    anybody = factories.user(role=User.Role.MANAGER, email="any@example.com")
    of_another = factories.user(role=User.Role.MANAGER, team=factories.team())
    factories.user(role=User.Role.MANAGER, team=team, is_active=False)
    look()

    told = set(Alert.objects.filter(because=Alert.Because.VACANT).values_list("person", flat=True))

    assert told == (set() if is_walled else {anybody.pk, of_another.pk})
    if not is_walled:
        assert send(anybody)
        assert "you get this as a manager, as its team has none." in mailoutbox[0].body


def test_one_rule_says_who_answers_for_a_team_in_sql_and_in_python(db):
    teams = [factories.team(is_walled=number % 2 == 0) for number in range(4)]
    for number, team in enumerate(teams):
        plan = factories.plan(team=team)
        if number < 2:
            factories.user(role=User.Role.MANAGER, team=team)
    factories.user(role=User.Role.MANAGER)
    factories.user(role=User.Role.MANAGER, is_active=False, team=plan.team)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT manager.id, team.id FROM accounts_territoryplan AS plan {MANAGERS}"
        )
        in_sql = set(cursor.fetchall())

    assert in_sql == {(user.pk, key) for user in User.objects.all() for key in teams_of(user)}
    assert len(in_sql) == 2 + 3


def test_who_works_the_territory_again_is_told_and_the_manager_no_more(plan, manager):
    look()
    assert Alert.objects.open().filter(person=manager).exists()

    for territory in plan.territories.all():
        factories.roster_entry(territory=territory, user=factories.user())
    TerritoryPlan.objects.filter(pk=plan.pk).revise()
    look()

    assert not Alert.objects.open().filter(person=manager).exists()


# --- Once


def test_raising_again_writes_nothing(plan):
    assert look()
    before = list(Alert.objects.order_by("pk").values())

    TerritoryPlan.objects.filter(pk=plan.pk).revise()
    raise_flags()

    assert raise_alerts(moment=now()) == 0
    assert list(Alert.objects.order_by("pk").values()) == before
    assert not FlagRun.objects.exists()


def test_nothing_to_do_costs_one_query(plan, django_assert_num_queries):
    look()

    with django_assert_num_queries(3):  # the query, within a transaction of its own
        assert raise_alerts(moment=now()) == 0


@pytest.mark.django_db(transaction=True)
def test_six_workers_at_once_alert_each_person_once(register):
    owner = factories.user(email="owner@example.com")
    plan_of_2020(owner=owner)
    raise_flags()
    start = Barrier(6)

    def work(_):
        start.wait()
        try:
            return raise_alerts(moment=now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        written = list(pool.map(work, range(6)))

    assert sorted(written) == [0, 0, 0, 0, 0, 18]
    assert Alert.objects.count() == 18
    assert Digest.objects.filter(person=owner).count() == 1


# --- Moved, called off, revived


def test_an_event_that_moves_after_the_letter_is_told_again_once(plan, owner, mailoutbox):
    look()
    assert send(owner)
    change(event(), effective_on=JULY_2020)

    assert send(owner)
    assert not send(owner)

    letter = mailoutbox[1]
    assert letter.subject.startswith(f"Moved to 1 July 2020: {KENT}")
    assert "This was told for 1 April 2020; it is 1 July 2020 now." in letter.body
    assert Alert.objects.filter(person=owner).count() == 18


def test_an_event_called_off_after_the_letter_is_told_and_before_it_never_was(
    plan, owner, mailoutbox
):
    look()
    assert send(owner)
    change(event(), state="rejected")

    assert send(owner)
    assert mailoutbox[1].subject == f"Called off: {KENT}"
    assert "It does nothing to your plans" in mailoutbox[1].body

    other = Reorganisation.objects.filter(effective_on=APRIL_2020).exclude(title=KENT).first()
    plan_of_2020(owner=(second := factories.user(email="second@example.com")))
    look()
    change(other, state="rejected")
    assert send(second)
    assert other.title not in mailoutbox[2].body


def test_an_event_revived_before_anybody_was_told_of_its_end_owes_nothing(plan, owner, mailoutbox):
    look()
    assert send(owner)
    state = event().state
    change(event(), state="paused")
    change(event(), state=state)

    assert not send(owner)
    assert len(mailoutbox) == 1
    assert not Digest.objects.unsent().exists()


def test_what_was_dealt_with_comes_back_when_the_event_moves_or_is_revived(plan, owner):
    look()
    mine = Alert.objects.filter(person=owner, flag__reorganisation=event())
    mine.update(resolved_at=now(), resolved_by=owner, wakes_on=date(2020, 3, 1))

    TerritoryPlan.objects.filter(pk=plan.pk).revise()
    look()
    assert mine.get().resolved_at

    change(event(), effective_on=JULY_2020)
    assert (mine.get().resolved_at, mine.get().wakes_on) == (None, None)


def test_a_second_event_of_the_same_day_makes_a_letter_about_it_alone(plan, owner, mailoutbox):
    late = event()
    Reorganisation.objects.filter(pk=late.pk).update(state="paused")
    look()
    assert send(owner)

    change(late, state="effective")

    assert send(owner)
    assert mailoutbox[0].subject.startswith("1 April 2020: 17 NHS changes")
    assert mailoutbox[1].subject.startswith(f"1 April 2020: {KENT}")
    assert Digest.objects.filter(person=owner, effective_on=APRIL_2020).count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_event_that_moves_while_its_letter_is_handed_over_is_told_of_by_another(
    register, monkeypatch
):
    owner = factories.user(email="owner@example.com")
    plan_of_2020(owner=owner)
    look()
    kent = event()

    def hand_over(message, **kwargs):
        if not mail.outbox:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(_elsewhere, kent).result(timeout=60)
        mail.outbox.append(message)

    monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", hand_over)
    monkeypatch.setattr(mail, "outbox", [], raising=False)

    assert send(owner)
    assert send(owner)
    assert not send(owner)
    assert [letter.subject.partition(":")[0] for letter in mail.outbox] == [
        "1 April 2020",
        "Moved to 1 July 2020",
    ]


def _elsewhere(kent):
    try:
        change(kent, effective_on=JULY_2020)
    finally:
        connections.close_all()


# --- When


def test_routine_letters_due_together_go_out_as_one(plan, owner, mailoutbox):
    UrgencyRule.objects.create(position=1, pace="daily")
    change(event(), effective_on=JULY_2020)
    assert Digest.objects.unsent().filter(person=owner).count() == 2

    assert send(owner, now() + timedelta(days=1))

    (letter,) = mailoutbox
    assert letter.subject == f"18 NHS changes on 2 days touch your patch {plan.name}"
    assert "1 APRIL 2020" in letter.body and "1 JULY 2020" in letter.body
    first, second = Digest.objects.filter(person=owner).order_by("effective_on")
    assert second.merged_into == first
    assert list(Digest.objects.sent()) == [first]


def test_what_is_urgent_is_a_letter_a_day_it_takes_effect(plan, owner, mailoutbox):
    change(event(), effective_on=JULY_2020)

    assert send(owner) and send(owner) and send(owner) is None

    first, second = mailoutbox
    assert first.subject.startswith("1 April 2020: 17 NHS changes")
    assert second.subject.startswith(f"1 July 2020: {KENT}")


def test_what_is_not_urgent_waits_for_the_readers_hour(register, owner, mailoutbox):
    plan = factories.plan(owner=owner, opened_on=date(2026, 10, 1))
    body = Reorganisation.objects.get(title=KENT).touches.first().organisation
    factories.assignment(territory=factories.territory(plan=plan), organisation=body)
    Reorganisation.objects.filter(title=KENT).update(
        state="proposed", effective_on=date(2027, 4, 1)
    )
    Reorganisation.objects.filter(title=KENT).revise()
    raise_flags()
    night = datetime(2026, 11, 22, 23, tzinfo=get_current_timezone())
    raise_alerts(moment=night)

    digest = Digest.objects.get(person=owner)
    assert digest.due_at == night + timedelta(hours=8)
    assert not send(owner, night + timedelta(hours=7, minutes=59))
    assert send(owner, digest.due_at)


def test_who_wants_no_letters_has_them_in_the_inbox_alone(plan, owner):
    want([], of=owner)

    look()

    assert Alert.objects.filter(person=owner).count() == 18
    assert not Digest.objects.filter(person=owner).exists()


# --- Overdue


@pytest.fixture
def overdue(plan, owner, manager):
    """Alerts that ask for a decision, five weeks before the day."""
    for territory in plan.territories.all():
        factories.roster_entry(territory=territory, user=factories.user())
    look()
    Alert.objects.update(raised_at=datetime(2020, 1, 1, tzinfo=get_current_timezone()))
    return Alert.objects.filter(person=owner, weight=3)


def test_what_nobody_looked_at_goes_to_the_manager_once(overdue, manager, mailoutbox):
    moment = datetime(2020, 3, 10, 9, tzinfo=get_current_timezone())
    count = overdue.count()
    assert count

    assert raise_overdue(today=date(2020, 3, 3), moment=moment) == 0
    assert raise_overdue(today=date(2020, 3, 4), moment=moment) >= count
    assert raise_overdue(today=date(2020, 3, 5), moment=moment) == 0

    raised = Alert.objects.filter(person=manager)
    assert raised.count() == count
    assert set(raised.values_list("because", flat=True)) == {Alert.Because.RAISED}
    assert Digest.objects.filter(person=manager).count() == 1
    look()
    assert raised.open().count() == count

    change(raised.first().flag.reorganisation, state="rejected")
    assert raised.open().count() == count - 1


def test_what_was_seen_in_time_is_not_overdue(overdue):
    Alert.objects.update(seen_at=now())

    moment = datetime(2020, 3, 10, 9, tzinfo=get_current_timezone())
    assert raise_overdue(today=date(2020, 3, 10), moment=moment) == 0


def test_a_manager_who_wants_no_letters_finds_what_is_overdue_in_the_inbox(overdue, manager):
    want([], of=manager)
    moment = datetime(2020, 3, 10, 9, tzinfo=get_current_timezone())

    assert raise_overdue(today=date(2020, 3, 10), moment=moment)

    assert Alert.objects.filter(person=manager).exists()
    assert not Digest.objects.filter(person=manager).exists()
