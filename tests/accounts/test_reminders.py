"""Reminders: what has a due day, whom it waits for, and that it goes once it is done."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import connection, connections
from django.urls import reverse
from django.utils.timezone import localdate, now

from accounts import tasks, timetable
from accounts.challenges import deeds
from accounts.models import Decision, Reminder, Sheet, TimelineTask, User
from accounts.reminders.kinds import BY_NAME, KINDS
from accounts.reminders.sweeping import ReminderError, counts, put_off, sweep, take_up_again
from accounts.services.flags import raise_flags
from accounts.services.timetable import keep_task
from accounts.territories import lifecycle
from footprints.models import Proposal, Report
from footprints.services.dating import move_date
from tests import factories

pytestmark = pytest.mark.django_db

APRIL_2027 = date(2027, 4, 1)
TWELVE_WEEKS_BEFORE = date(2027, 1, 7)
MOMENT = datetime(2026, 12, 30, 9, tzinfo=UTC)


def remind(on, person=None):
    return sweep(today=on, moment=now(), person=person)


def of(person, on, kind=None):
    """What is due for somebody, in words, as swept on that day."""
    remind(on)
    found = Reminder.objects.awake(on).filter(person=person)
    if kind:
        found = found.filter(kind=kind)
    return [(one.due_on, one.says) for one in found.order_by("due_on", "says")]


@pytest.fixture
def team():
    return factories.team()


@pytest.fixture
def planner(team):
    return factories.user(role=User.Role.PLANNER, team=team, first_name="Ada", last_name="Quill")


@pytest.fixture
def manager(team):
    return factories.user(role=User.Role.MANAGER, team=team)


@pytest.fixture
def steward():
    return factories.user(role=User.Role.STEWARD)


@pytest.fixture
def event():
    return factories.reorganisation(
        effective_on=APRIL_2027, state="in_law", title="Norland with Southland"
    )


@pytest.fixture
def flag(event, planner, team):
    """The flag of a plan of the planner's that holds a body which closes."""
    old = factories.body(closed_on=None)
    factories.succession(
        reorganisation=event, predecessor=old, successor=factories.body(), share=1
    )
    plan = factories.plan(owner=planner, team=team)
    factories.assignment(organisation=old, territory=factories.territory(plan=plan))
    raise_flags()
    return event.flags.on_plans().get(object_id=plan.pk)


# --- Tasks of a reorganisation


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_the_days_of_tasks_are_the_same_in_the_database(year):
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT event.effective_on, moment.* FROM (SELECT day::date AS effective_on FROM "
            f"generate_series('{year}-01-01', '{year}-12-31', interval '1 day') AS day) AS event "
            f"CROSS JOIN LATERAL ({timetable.DUE_ON_SQL}) AS moment (milestone, due_on)"
        )
        rows = cursor.fetchall()

    assert len(rows) >= 5 * 365
    assert [row for row in rows if timetable.due_on(row[0], row[1]) != row[2]] == []


def test_a_task_is_due_for_whoever_owns_a_plan_that_the_event_touches(flag, planner):
    assert of(planner, date(2026, 12, 23), "task") == [
        (date(2026, 11, 1), "See what is coming: Norland with Southland")
    ]
    assert of(planner, date(2026, 12, 24), "task")[1:] == [
        (TWELVE_WEEKS_BEFORE, "Decide: Norland with Southland")
    ]


def test_a_task_that_somebody_owns_is_theirs_alone(flag, planner):
    rep = factories.user()
    factories.timeline_task(
        reorganisation=flag.reorganisation, milestone="twelve-weeks", owner=rep
    )

    assert of(rep, date(2026, 12, 24)) == [(TWELVE_WEEKS_BEFORE, "Decide: Norland with Southland")]
    assert len(of(planner, date(2026, 12, 24), "task")) == 1  # the one of five months before


def test_what_is_done_goes_and_comes_back_where_that_is_taken_back(flag, planner):
    day = date(2026, 12, 24)
    assert len(of(planner, day, "task")) == 2
    kept = {"owner": None, "note": "", "by": planner}

    keep_task(flag.reorganisation, timetable.Milestone.TWELVE_WEEKS, is_done=True, **kept)
    assert len(of(planner, day, "task")) == 1
    keep_task(flag.reorganisation, timetable.Milestone.TWELVE_WEEKS, is_done=False, **kept)
    assert len(of(planner, day, "task")) == 2

    assert Reminder.objects.filter(kind="task").count() == 2  # the same row as before


def test_where_the_event_moves_its_days_move_and_it_is_no_longer_put_off(flag, planner, steward):
    day = date(2026, 12, 24)
    remind(day)
    keys = Reminder.objects.filter(person=planner).values_list("pk", flat=True)
    put_off(keys, date(2027, 1, 30), by=planner, today=day)
    assert of(planner, day) == []

    moved = {"reason": "The Order says so", "by": steward, "at": now()}
    move_date(flag.reorganisation, date(2027, 3, 25), **moved)
    raise_flags()

    assert (date(2026, 12, 31), "Decide: Norland with Southland") in of(planner, day)


def test_a_dropped_event_reminds_of_nothing(flag, planner, steward):
    assert of(planner, date(2026, 12, 24))

    event = flag.reorganisation
    event.state = "rejected"
    event.save(update_fields=["state"])

    assert of(planner, date(2026, 12, 24)) == []


# --- Questions, challenges, sheets


@pytest.fixture
def asked(flag, planner, team):
    """What the planner asks a colleague about, on 30 December."""
    colleague = factories.user(role=User.Role.PLANNER, team=team)
    Decision.objects.create(
        sheet=Sheet.objects.create(flag=flag),
        body=flag.reorganisation.successions.get().successor,
        role="owner",
        assigned_to=colleague,
        by=planner,
        at=MOMENT,
    )
    return colleague


def test_a_question_is_due_a_week_after_it_was_asked(asked, flag):
    body = flag.reorganisation.successions.get().successor

    (found,) = of(asked, date(2026, 12, 30), "asked")

    assert found == (
        date(2027, 1, 6),
        f"Ada Quill asks about {body.code}: Norland with Southland",
    )
    address = BY_NAME["asked"].address(Reminder.objects.get(kind="asked").thing)
    assert address == f"/alerts/{flag.pk}/sheet/#row-{body.code}-owner"


def test_a_question_of_a_walled_team_is_none_of_somebody_elses(asked, team):
    type(team).objects.filter(pk=team.pk).update(is_walled=True)
    assert of(asked, date(2026, 12, 30), "asked")

    User.objects.filter(pk=asked.pk).update(team=factories.team())

    assert of(asked, date(2026, 12, 30), "asked") == []


def test_a_question_goes_once_its_sheet_is_prepared(asked, flag, planner):
    assert of(asked, date(2026, 12, 30), "asked")

    Sheet.objects.update(prepared_by=planner, prepared_at=MOMENT, fingerprint="x")

    assert of(asked, date(2026, 12, 30), "asked") == []


def test_a_prepared_sheet_waits_for_a_manager_who_has_not_prepared_it(flag, manager, team):
    other = factories.user(role=User.Role.MANAGER, team=team)
    elsewhere = factories.user(role=User.Role.MANAGER, team=factories.team())
    Sheet.objects.create(flag=flag, prepared_by=other, prepared_at=MOMENT, fingerprint="x")

    says = "1 sheet to approve: Norland with Southland"
    assert of(manager, date(2027, 3, 1), "sheets") == [(date(2027, 3, 4), says)]
    assert of(other, date(2027, 3, 1), "sheets") == []
    assert of(elsewhere, date(2027, 3, 1), "sheets") == []


def test_a_challenge_waits_for_the_managers_of_its_team_and_goes_once_answered(
    planner, manager, team
):
    plan = factories.plan(owner=planner, team=team, name="Primary care")
    made = factories.challenge(territory=factories.territory(plan=plan, code="T1"), at=MOMENT)
    day = date(2026, 12, 30)

    says = f"{made.organisation.code} should leave T1 (Primary care)"
    assert of(manager, day) == [(date(2027, 1, 6), says)]
    assert of(planner, day) == []

    deeds.refuse(made, by=manager, answer="The drive is shorter by the bridge.")
    assert of(manager, day) == []


def test_a_challenge_in_a_team_without_a_manager_waits_for_every_manager(planner, team):
    elsewhere = factories.user(role=User.Role.MANAGER, team=factories.team())
    plan = factories.plan(owner=planner, team=team)
    factories.challenge(territory=factories.territory(plan=plan), at=MOMENT)

    assert of(elsewhere, date(2026, 12, 30))
    type(team).objects.filter(pk=team.pk).update(is_walled=True)
    assert of(elsewhere, date(2026, 12, 30)) == []


# --- Plans


def test_a_submitted_plan_waits_for_its_managers_until_one_decides(
    planner, manager, team, settings
):
    """Who submitted it does not approve it, where two pairs of eyes are asked for."""
    drawer = factories.user(role=User.Role.MANAGER, team=team)
    plan = factories.plan(owner=planner, team=team, name="Primary care", state="draft")
    factories.assignment(territory=factories.territory(plan=plan), opened_on=plan.opened_on)
    today = localdate()

    lifecycle.submit(plan, on=today, by=drawer)

    found = [(today + timedelta(days=7), "Approve Primary care")]
    assert of(manager, today, "plan") == found
    assert of(planner, today, "plan") == []
    assert of(drawer, today, "plan") == ([] if settings.FOUR_EYES else found)
    settings.FOUR_EYES = not settings.FOUR_EYES
    assert of(drawer, today, "plan") == ([] if settings.FOUR_EYES else found)

    lifecycle.send_back(plan, by=manager, reason="Kent is too large")
    assert of(manager, today, "plan") == []
    (back,) = of(planner, today, "plan")
    assert back[1] == "Sent back: Primary care (Kent is too large)"

    lifecycle.submit(plan, on=today, by=planner)
    assert of(planner, today, "plan") == []
    lifecycle.approve(plan, on=today, by=manager)
    assert of(manager, today, "plan") == []


# --- What waits for a steward


def test_posts_that_a_decided_event_unsettles_wait_for_stewards_an_event_a_row(event, steward):
    old = factories.body(closed_on=None)
    factories.succession(
        reorganisation=event, predecessor=old, successor=factories.body(), share=1
    )
    for _ in range(3):
        factories.post(organisation=old)
    raise_flags()

    assert of(steward, date(2027, 3, 31)) == []
    (found,) = of(steward, APRIL_2027)
    assert found == (date(2027, 4, 29), "3 posts to look at again: Norland with Southland")
    assert of(steward, date(2028, 3, 31)) == [found]
    assert of(steward, date(2028, 4, 1)) == []

    event.flags.exclude(content_type__model="territoryplan").update(
        resolved_at=now(), resolved_by=steward
    )
    assert of(steward, APRIL_2027) == []


def test_reports_and_proposals_wait_for_stewards(steward):
    manager = factories.user(role=User.Role.MANAGER)
    report = Report.objects.create(
        name="etr.csv",
        size=1,
        sha256="0" * 64,
        via="form",
        state="previewed",
        received_at=MOMENT,
    )
    Proposal.objects.create(
        kind="merger",
        title="A and B into C",
        slug="a-b",
        effective_on=APRIL_2027,
        confidence=1,
        proposed_at=MOMENT,
    )

    assert of(steward, date(2026, 12, 30)) == [
        (date(2027, 1, 2), "etr.csv"),
        (date(2027, 1, 13), "A and B into C"),
    ]
    assert of(manager, date(2026, 12, 30)) == []

    Report.objects.filter(pk=report.pk).update(state="discarded")
    Proposal.objects.update(state="dismissed", decided_at=MOMENT, decided_by=steward)
    assert of(steward, date(2026, 12, 30)) == []


# --- Sweeping


def test_every_kind_leads_to_a_page():
    things = {"task": "a-b/twelve-weeks", "asked": "7/91Q/owner"}
    things |= {"sheets": "a-b", "posts": "a-b"}

    addresses = [kind.address(things.get(kind.name, "7")) for kind in KINDS]

    assert len(set(addresses)) == len(KINDS)
    assert all(address.startswith("/") for address in addresses)


def test_nobody_who_has_left_is_reminded(flag, planner):
    assert of(planner, date(2026, 12, 24))

    User.objects.filter(pk=planner.pk).update(is_active=False)

    assert of(planner, date(2026, 12, 24)) == []


def test_a_sweep_writes_once_and_no_more(flag, planner):
    assert remind(date(2026, 12, 24)) == 2
    assert remind(date(2026, 12, 24)) == 0

    before = Reminder.objects.in_bulk()
    assert remind(TWELVE_WEEKS_BEFORE) == 1  # the day itself: to be reminded of once more
    changed = [one for one in Reminder.objects.all() if one.remind_on != before[one.pk].remind_on]
    assert [one.remind_on for one in changed] == [TWELVE_WEEKS_BEFORE]


def test_one_persons_sweep_leaves_the_others_alone(flag, planner, asked):
    remind(date(2026, 12, 30))
    Reminder.objects.update(says="as it was")

    remind(date(2026, 12, 30), person=asked)

    assert set(Reminder.objects.filter(person=planner).values_list("says", flat=True)) == {
        "as it was"
    }
    assert "as it was" not in Reminder.objects.filter(person=asked).values_list("says", flat=True)


@pytest.mark.django_db(transaction=True)
def test_six_workers_at_once_write_each_reminder_once(flag, planner):
    start = Barrier(6)

    def work(_):
        start.wait()
        try:
            return remind(date(2026, 12, 24))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        written = list(pool.map(work, range(6)))

    assert sum(written) == 2
    assert Reminder.objects.count() == 2


def test_the_task_of_the_clock_sweeps_for_today(flag, planner, time_machine):
    time_machine.move_to("2026-12-24 12:00Z", tick=False)

    assert tasks.remind() == 2
    assert tasks.remind() == 0


def test_what_is_due_is_said_in_one_line(steward):
    proposal = {"kind": "merger", "slug": "a-b", "effective_on": APRIL_2027, "confidence": 1}
    Proposal.objects.create(title="A\nand  B", proposed_at=MOMENT, **proposal)

    assert of(steward, date(2026, 12, 30)) == [(date(2027, 1, 13), "A and B")]


# --- Putting off


def test_what_is_put_off_is_out_of_sight_until_the_day(flag, planner):
    day = date(2026, 12, 24)
    remind(day)
    keys = list(Reminder.objects.values_list("pk", flat=True))

    assert put_off(keys, date(2026, 12, 31), by=planner, today=day) == 2

    assert of(planner, date(2026, 12, 30)) == []
    assert len(of(planner, date(2026, 12, 31), "task")) == 2
    assert take_up_again(keys, by=planner) == 2
    assert len(of(planner, day, "task")) == 2


@pytest.mark.parametrize("days", [0, -1, 367])
def test_it_is_put_off_to_a_day_to_come_within_a_year(flag, planner, days):
    day = date(2026, 12, 24)
    with pytest.raises(ReminderError, match="within a year"):
        put_off([], day + timedelta(days=days), by=planner, today=day)


def test_nobody_puts_off_what_is_another_persons(flag, planner, manager):
    day = date(2026, 12, 24)
    remind(day)
    keys = list(Reminder.objects.values_list("pk", flat=True))

    assert put_off(keys, date(2026, 12, 31), by=manager, today=day) == 0
    assert len(of(planner, day)) == 2


# --- The pages


@pytest.fixture
def waiting(steward):
    """Two reports that wait for the steward, of which one is late."""
    for name, days in (("late.csv", 9), ("new.csv", 0)):
        Report.objects.create(
            name=name,
            size=1,
            sha256="0" * 64,
            via="form",
            state="previewed",
            received_at=now() - timedelta(days=days),
        )


def shown(client, **asked):
    rows = client.get("/due/", {**asked, "format": "json"}).json()["rows"]
    return [row["says"] for row in rows]


def test_the_inbox_counts_what_is_due_and_leads_to_the_rows(client, steward, waiting):
    client.force_login(steward)
    remind(localdate())

    page = client.get("/").content.decode()

    assert "Due, and waiting for you" in page
    assert '<a href="/due/?kind=report"><strong>2</strong> Reports waiting for a steward' in page
    assert '"/due/?kind=report&amp;show=late">1 late' in page
    assert shown(client, kind="report") == ["late.csv", "new.csv"]
    assert shown(client, kind="report", show="late") == ["late.csv"]
    assert shown(client, kind="proposal") == []
    (kind,) = counts(steward, localdate())
    assert (kind.number, kind.late) == (2, 1)


def test_what_is_counted_over_the_inbox_is_not_listed_again_beside_it(client, flag, planner):
    with time_machine.travel(datetime(2027, 1, 10, 9, tzinfo=UTC)):
        client.force_login(planner)
        assert "Decide" in client.get("/beside/").content.decode()
        remind(localdate())

        home, beside = (client.get(page).content.decode() for page in ("/", "/beside/"))

    assert "<strong>2</strong> Tasks of a reorganisation" in home
    assert "See what is coming" not in beside and "Decide" not in beside
    assert "Approve and tell the field" in beside and "besides what is due" in beside


def test_what_was_just_done_is_not_asked_again(client, steward, waiting):
    client.force_login(steward)
    assert shown(client) == ["late.csv", "new.csv"]

    Report.objects.filter(name="late.csv").update(state="applied")

    assert shown(client) == ["new.csv"]


def test_rows_are_put_off_and_shown_again_on_the_page(client, steward, waiting):
    client.force_login(steward)
    shown(client)
    key = Reminder.objects.get(says="late.csv").pk

    page = client.post(reverse("accounts:reminders_deed", args=["later"]), {"row": [key]})
    assert page.url == "/due/"
    assert shown(client) == ["new.csv"]
    assert shown(client, show="asleep") == ["late.csv"]

    client.post(reverse("accounts:reminders_deed", args=["again"]), {"row": [key]})
    assert shown(client) == ["late.csv", "new.csv"]
    assert client.post(reverse("accounts:reminders_deed", args=["eat"])).status_code == 404


def test_somebody_with_nothing_due_is_told_what_would_be_here(client):
    client.force_login(factories.user())

    assert "Nothing is due" in client.get("/due/").content.decode()
    assert "Due, and waiting" not in client.get("/").content.decode()


def test_the_posts_of_one_event_are_listed_by_it(client, event, steward):
    old = factories.body(closed_on=None)
    factories.succession(
        reorganisation=event, predecessor=old, successor=factories.body(), share=1
    )
    factories.post(organisation=old, role="Head of medicines")
    raise_flags()
    client.force_login(steward)

    address = BY_NAME["posts"].address(event.slug)
    assert "Head of medicines" in client.get(address).content.decode()


def test_a_task_that_nobody_said_anything_about_has_no_row(flag, planner):
    of(planner, date(2026, 12, 24))

    assert not TimelineTask.objects.exists()
