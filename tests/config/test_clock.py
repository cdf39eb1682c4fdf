"""The clock lays the settings' schedules down, and leaves alone what somebody changed."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from celery.schedules import crontab
from django.conf import settings
from django.utils.timezone import now
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from config import clock
from config.celery import app
from config.clock import Clock, install
from config.models import Standing

EVERY_MINUTE = {
    "task": "config.tasks.tidy_runs",
    "schedule": 60,
    "options": {"expire_seconds": 55},
}
EVERY_HOUR = EVERY_MINUTE | {"schedule": timedelta(hours=1)}


def row(name="tidy"):
    return PeriodicTask.objects.select_related("interval", "crontab").get(name=name)


def test_every_schedule_of_the_settings_has_a_task_that_says_what_it_is_for(db):
    app.loader.import_default_modules()

    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        task = app.tasks[entry["task"]]
        said = task.purpose or task.__doc__.partition("\n")[0]
        assert said.endswith("."), name


def test_what_the_settings_say_is_laid_down_and_a_late_tick_is_dropped(db):
    install(settings.CELERY_BEAT_SCHEDULE)

    assert PeriodicTask.objects.count() == len(settings.CELERY_BEAT_SCHEDULE)
    sweep = row("apply_due")
    assert (sweep.task, sweep.expire_seconds) == ("accounts.tasks.apply_due", 55)
    assert sweep.schedule.run_every == timedelta(minutes=1)
    assert Standing.objects.count() == PeriodicTask.objects.count()


def test_laid_down_again_nothing_changes(db):
    install({"tidy": EVERY_MINUTE})
    before = row()

    install({"tidy": EVERY_MINUTE})

    after = row()
    assert (after.pk, after.date_changed) == (before.pk, before.date_changed)
    assert after.standing.since_at == before.standing.since_at


def test_an_unchanged_schedule_follows_the_settings_of_the_next_version(db):
    install({"tidy": EVERY_MINUTE})

    install({"tidy": EVERY_HOUR | {"options": {"expire_seconds": 3000}}})

    assert row().schedule.run_every == timedelta(hours=1)
    assert row().expire_seconds == 3000


def test_a_schedule_that_was_never_noted_follows_the_settings(db):
    """As an earlier version left it: without its time to expire."""
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.create(name="tidy", task="config.tasks.tidy_runs", interval=interval)

    install({"tidy": EVERY_MINUTE})

    assert row().expire_seconds == 55


@pytest.mark.parametrize("schedules", [EVERY_MINUTE, EVERY_HOUR])
def test_what_somebody_changed_stays_at_the_next_start_and_in_the_next_version(db, schedules):
    install({"tidy": EVERY_MINUTE})
    changed = row()
    changed.interval, changed.crontab = None, CrontabSchedule.objects.create(minute="0", hour="7")
    changed.save()

    install({"tidy": schedules})

    assert row().interval is None
    assert row().crontab.hour == "7"


def test_what_somebody_switched_off_stays_off(db):
    install({"tidy": EVERY_MINUTE})
    PeriodicTask.objects.filter(name="tidy").update(enabled=False)

    install({"tidy": EVERY_HOUR})

    assert not row().enabled


def test_a_task_that_is_renamed_is_found_under_its_new_name_though_its_times_were_changed(db):
    install({"tidy": EVERY_MINUTE})
    changed = row()
    changed.interval = IntervalSchedule.objects.create(every=5, period="minutes")
    changed.save()

    install({"tidy": EVERY_MINUTE | {"task": "config.tasks.renamed"}})

    assert row().task == "config.tasks.renamed"
    assert row().interval.every == 5


def test_a_time_of_day_may_stand_in_the_settings_too(db):
    entry = EVERY_MINUTE | {"schedule": crontab(minute="30", hour="6", day_of_week="1-5")}

    install({"tidy": entry})
    install({"tidy": entry})

    assert row().crontab.hour == "6"
    assert CrontabSchedule.objects.count() == 1


def test_a_schedule_that_was_thrown_away_comes_back(db):
    install({"tidy": EVERY_MINUTE})
    row().delete()

    install({"tidy": EVERY_MINUTE})

    assert row().enabled


def test_celery_s_own_cleaning_of_a_store_that_is_not_there_is_none_of_the_schedules(db):
    PeriodicTask.objects.create(
        name=clock.NOBODYS,
        task=clock.NOBODYS,
        crontab=CrontabSchedule.objects.create(minute="0", hour="4"),
    )

    Clock(app=app)

    names = set(PeriodicTask.objects.values_list("name", flat=True))
    assert names == set(settings.CELERY_BEAT_SCHEDULE)


def test_what_was_sent_an_hour_from_now_is_due_within_its_interval(db):
    """The machine's clock was an hour ahead, and is put back."""
    install({"tidy": EVERY_MINUTE})
    ahead = row()
    ahead.last_run_at = now() + timedelta(hours=1)

    is_due, wait = Clock.Entry(ahead, app=app).is_due()

    assert not is_due
    assert wait <= 60


@pytest.mark.django_db(transaction=True)
def test_a_clock_that_is_put_back_by_a_day_while_it_runs_goes_on(monkeypatch):
    install({"tidy": EVERY_MINUTE})
    PeriodicTask.objects.exclude(name="tidy").update(enabled=False)
    sent = []
    monkeypatch.setattr(Clock, "producer", None)  # there is no broker here
    monkeypatch.setattr(Clock, "apply_async", lambda self, entry, **kwargs: sent.append(now()))
    start = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def ticks(moment):
        """What it sends from the moment on, in two minutes, woken as often as it asks to be."""
        sent.clear()
        with time_machine.travel(moment, tick=False) as there:
            while now() < moment + timedelta(minutes=2):
                there.shift(max(scheduler.tick(), 0.1))
        return len(sent)

    with time_machine.travel(start, tick=False):
        scheduler = Clock(app=app)
        scheduler._finalize.cancel()  # it would write at the end of the process
        PeriodicTask.objects.exclude(name="tidy").update(enabled=False)

    assert ticks(start + timedelta(days=1)) in (2, 3)
    assert ticks(start) in (1, 2)
