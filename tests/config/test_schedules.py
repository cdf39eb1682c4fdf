"""When a schedule is due, late, missed; and that machines are told."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from config.models import Run, Standing
from config.schedules import as_they_stand
from config.wording import when_in_words

LONDON = ZoneInfo("Europe/London")
AT = datetime(2026, 11, 22, 12, 0, tzinfo=LONDON)  # a Sunday
State = Run.State


def ago(**ago):
    return AT - timedelta(**ago)


def daily(hour, minute="0", days="*", zone=LONDON):
    return {
        "crontab": CrontabSchedule.objects.create(
            hour=hour, minute=minute, day_of_week=days, timezone=zone
        )
    }


def every(number, period="minutes"):
    return {"interval": IntervalSchedule.objects.create(every=number, period=period)}


def schedule(when, *, name="tidy", since=timedelta(days=60), **fields):
    row = PeriodicTask.objects.create(name=name, task="config.tasks.tidy_runs", **when, **fields)
    Standing.objects.create(schedule=row, since_at=AT - since)
    return row


def ran(at, state=State.NOTHING, *, name="tidy", ended=True, **fields):
    fields = {"asked_at": at, "began_at": at} | fields
    if ended:
        fields["ended_at"] = at
    says = "" if state in (*State.good(), *State.under_way()) else "Why not"
    return Run.objects.create(
        task="config.tasks.tidy_runs", schedule=name, state=state, says=says, **fields
    )


def found(at=AT):
    (one,) = as_they_stand(at)
    return one


# --- In words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "period", "words"),
    [
        (60, "seconds", "every minute"),
        (90, "seconds", "every 90 seconds"),
        (5, "minutes", "every 5 minutes"),
        (120, "minutes", "every 2 hours"),
        (24, "hours", "every day"),
        (2, "days", "every 2 days"),
    ],
)
def test_an_interval_is_said_in_its_largest_unit(db, number, period, words):
    assert when_in_words(schedule(every(number, period))) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ("*", "every day at 07:05, London time"),
        ("1-5", "on weekdays at 07:05, London time"),
        ("mon-fri", "on weekdays at 07:05, London time"),
        ("0,6", "at weekends at 07:05, London time"),
        ("0,1,4", "on Mondays, Thursdays and Sundays at 07:05, London time"),
    ],
)
def test_a_time_of_day_is_said_with_its_days_and_its_place(db, days, words):
    assert when_in_words(schedule(daily("7", "5", days))) == words


def test_a_time_elsewhere_is_said_so(db):
    assert when_in_words(schedule(daily("7", zone=ZoneInfo("UTC")))) == "every day at 07:00 UTC"
    new_york = schedule(daily("7", zone=ZoneInfo("America/New_York")), name="other")
    assert when_in_words(new_york) == "every day at 07:00, New York time"


def test_what_is_more_intricate_is_still_said(db):
    quarterly = CrontabSchedule.objects.create(hour="7", minute="*/15", month_of_year="1,4")

    assert "15 minutes" in when_in_words(schedule({"crontab": quarterly}))


# --- Due, late, missed --------------------------------------------------------------------------


def test_a_schedule_that_keeps_time_is_well(db):
    schedule(every(1))
    ran(ago(seconds=30))

    assert (found().state, found().is_missed) == ("ok", False)
    assert found().due_at == ago(seconds=30)
    assert found().next_at == AT + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("when", "last", "is_missed"),
    [
        # Two intervals late, but not before five minutes.
        (every, {"minutes": 5, "seconds": 59}, False),
        (every, {"minutes": 6, "seconds": 1}, True),
        (lambda n: every(10), {"minutes": 29}, False),
        (lambda n: every(10), {"minutes": 31}, True),
        # And no more than an hour.
        (lambda n: every(1, "days"), {"hours": 24, "minutes": 59}, False),
        (lambda n: every(1, "days"), {"hours": 25, "minutes": 1}, True),
    ],
)
def test_a_schedule_is_missed_once_it_is_too_late(db, when, last, is_missed):
    schedule(when(1))
    ran(ago(**last))

    assert found().is_missed is is_missed
    assert found().state == ("missed" if is_missed else "ok")


def test_a_time_of_day_is_missed_an_hour_after_it(db):
    schedule(daily("7"))
    ran(ago(days=1, hours=5))

    eight = AT.replace(hour=8)
    assert not found(eight).is_missed
    assert found(eight + timedelta(minutes=1)).is_missed
    assert found().due_at == AT.replace(hour=7)


def test_a_time_of_day_on_weekdays_is_not_missed_on_a_sunday(db):
    schedule(daily("7", days="1-5"))
    ran(ago(days=2, hours=5))

    assert not found().is_missed
    assert found().next_at == datetime(2026, 11, 23, 7, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("night", "due"),
    [
        # 01:30 is not on the clock of the last Sunday of March, and twice on October's.
        (datetime(2026, 3, 29, 0, 0, tzinfo=LONDON), datetime(2026, 3, 29, 7, tzinfo=LONDON)),
        (datetime(2026, 10, 25, 0, 0, tzinfo=LONDON), datetime(2026, 10, 25, 7, tzinfo=LONDON)),
    ],
)
def test_seven_o_clock_is_seven_after_the_night_the_clocks_change(db, night, due):
    schedule(daily("7"), since=timedelta(days=400))
    ran(night - timedelta(hours=17))

    assert found(night).next_at.timestamp() == due.timestamp()


def test_what_was_missed_says_when_it_was_due_and_last_done(db):
    schedule(every(1))
    good = ran(ago(hours=3))

    assert found().due_at == ago(hours=3) + timedelta(minutes=1)
    assert found().good == good


def test_a_schedule_that_fails_each_time_is_missed_and_one_failure_is_not(db):
    schedule(every(1))
    ran(ago(minutes=2))
    ran(ago(minutes=1), State.FAILED)
    assert (found().state, found().is_missed) == ("failed", False)

    later = AT + timedelta(minutes=8)
    ran(later - timedelta(seconds=10), State.FAILED)
    assert (found(later).state, found(later).is_missed) == ("failing", True)


def test_a_run_that_takes_long_is_not_missed_until_it_is_lost(db):
    schedule(every(1))
    ran(ago(hours=3))
    going = ran(ago(minutes=50), State.RUNNING, ended=False)
    assert (found().state, found().is_missed) == ("running", False)

    Run.objects.filter(pk=going.pk).update(backend="1 0")
    assert (found().state, found().is_missed) == ("failing", True)


def test_a_run_of_a_clock_that_was_an_hour_ahead_hides_no_missed_schedule(db):
    schedule(every(1))
    ran(ago(hours=-1))

    assert found().is_missed
    assert found().next_at == AT + timedelta(minutes=1)


def test_a_worker_whose_clock_is_a_few_seconds_ahead_is_believed(db):
    schedule(every(1))
    ran(ago(seconds=-3))

    assert not found().is_missed


def test_a_schedule_that_is_new_or_was_changed_just_now_is_not_missed(db):
    schedule(daily("7"), since=timedelta(hours=2))

    assert (found().state, found().is_missed) == ("new", False)
    assert found().due_at is None
    assert found().next_at == datetime(2026, 11, 23, 7, tzinfo=LONDON)


def test_a_new_schedule_that_never_runs_is_missed(db):
    schedule(every(1), since=timedelta(minutes=7))

    assert (found().state, found().is_missed) == ("missed", True)


def test_what_is_off_is_never_missed(db):
    schedule(every(1), enabled=False)
    ran(ago(days=9))

    assert (found().state, found().is_missed, found().next_at) == ("off", False, None)


def test_a_schedule_that_is_to_begin_later_is_not_missed(db):
    schedule(every(1), start_time=AT + timedelta(days=1))

    assert not found().is_missed
    assert found().next_at == AT + timedelta(days=1, minutes=1)


def test_what_a_person_asked_for_counts_as_done_and_does_not_move_the_clock(db, django_user_model):
    person = django_user_model.objects.create_user("robin")
    schedule(every(1, "hours"))
    ran(ago(minutes=50))
    ran(ago(minutes=10), asked_by=person)

    assert found().next_at == AT + timedelta(minutes=10)
    assert found().due_at == ago(minutes=10)


@pytest.mark.parametrize("rows", [1, 20])
def test_all_schedules_are_looked_at_with_two_queries(db, rows):
    for number in range(rows):
        schedule(every(1), name=f"schedule {number}")
        ran(ago(seconds=30), name=f"schedule {number}")

    with CaptureQueriesContext(connection) as caught:
        assert [each.state for each in as_they_stand(AT)] == ["ok"] * rows

    assert len(caught) == 2


# --- What machines are told ---------------------------------------------------------------------


@pytest.fixture
def every_job_done(db):
    """All schedules of the settings laid down, and each done half a minute ago."""
    from config.clock import install
    from config.settings import CELERY_BEAT_SCHEDULE

    install(CELERY_BEAT_SCHEDULE)
    Standing.objects.update(since_at=now() - timedelta(days=2))
    for name in CELERY_BEAT_SCHEDULE:
        ran(now() - timedelta(seconds=30), name=name)


def test_a_monitor_is_told_when_each_job_was_due_and_done(client, every_job_done, broker):
    answer = client.get("/healthz/jobs")

    assert answer.status_code == 200
    job = answer.json()["jobs"]["send_digests"]
    assert job["state"] == "ok"
    assert job["due_at"] == job["done_at"] <= now().isoformat() < job["next_at"]
    assert set(job) == {"state", "is_missed", "due_at", "done_at", "next_at"}


def test_a_missed_job_is_503_to_a_monitor_and_not_to_a_load_balancer(
    client, every_job_done, broker
):
    Run.objects.filter(schedule="send_digests").update(
        asked_at=now() - timedelta(hours=3), began_at=now() - timedelta(hours=3)
    )

    monitor, balancer = client.get("/healthz/jobs"), client.get("/healthz")

    assert (monitor.status_code, balancer.status_code) == (503, 200)
    assert monitor.json() == balancer.json()
    missed = [name for name, job in monitor.json()["jobs"].items() if job["is_missed"]]
    assert missed == ["send_digests"]


def test_a_clock_that_was_never_started_is_503_to_a_monitor(client, db, broker):
    answer = client.get("/healthz/jobs")

    assert answer.status_code == 503
    assert answer.json()["jobs"]["raise_flags"]["state"] == "missing"


def test_a_schedule_that_cannot_be_understood_wakes_somebody_and_closes_no_site(
    client, every_job_done, broker
):
    noon = CrontabSchedule.objects.create(hour="noon", minute="0")
    PeriodicTask.objects.filter(name="send_digests").update(interval=None, crontab=noon)
    Run.objects.update(asked_at=now() - timedelta(minutes=6))
    Run.objects.exclude(schedule="send_digests").update(asked_at=now())

    assert client.get("/healthz").status_code == 200
    answer = client.get("/healthz/jobs")
    assert answer.status_code == 503
    missed = [name for name, job in answer.json()["jobs"].items() if job["is_missed"]]
    assert missed == ["send_digests"]
    assert "noon" in when_in_words(PeriodicTask.objects.get(name="send_digests"))


def test_machines_are_told_no_words_of_errors_nor_of_arguments(client, every_job_done, broker):
    PeriodicTask.objects.update(kwargs='{"password": "secret"}')
    Run.objects.create(
        task="t",
        schedule="send_digests",
        state="failed",
        says="secret",
        began_at=now(),
        ended_at=now(),
        worker="secret",
    )

    assert b"secret" not in client.get("/healthz/jobs").content
