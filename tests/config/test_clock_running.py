"""A real beat, a real worker and a real broker, and what is broken on the way."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config import embedded, running
from config.celery import app
from config.embedded import BASE_DIR
from config.models import Run, Standing
from config.schedules import as_they_stand
from footprints.models import Report
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SECONDS = 90  # that anything may take on a machine that is busy with something else
State = Run.State

# The program's own, with the tests' part of the broker; and a task that takes its time.
PROGRAM = """
import json, sys, time
from celery import shared_task
from config.celery import app

app.conf.update(broker_transport_options=json.loads(sys.argv[1]))

@shared_task(name="tests.sleep")
def sleep():
    time.sleep(300)

if sys.argv[2] == "beat":
    app.Beat(loglevel="WARNING", pidfile=None).run()
else:
    quiet = ["--without-gossip", "--without-mingle"]
    app.worker_main(["worker", "-c", "1", "-n", sys.argv[3], *quiet])
"""


@app.task(name="tests.sleep")
def sleep():
    """As in the worker: the page must know a task that it sends."""


@pytest.fixture
def environment(broker):
    server = os.environ.get("DATABASE_URL") or embedded.database_url()
    database = connection.settings_dict["NAME"]
    # What an earlier test left in this run's part of the broker.
    app.conf.update(task_always_eager=False)
    app.control.purge()
    yield os.environ | {
        "DATABASE_URL": re.sub(r"/[^/?]+(\?|$)", rf"/{database}\1", server),
        "CELERY_BROKER_URL": broker,
        "REPORTS_DIR": str(Report._meta.get_field("file").storage.location),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    app.conf.update(task_always_eager=True)


@pytest.fixture
def start(environment):
    """A function that starts a "beat" or a "worker" of a name; all are stopped at the end."""
    started = []
    options = json.dumps(app.conf.broker_transport_options)

    def begin(what, name="one@test"):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, options, what, name],
            env=environment,
            cwd=BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        end(process, signal.SIGKILL)


def end(process, how):
    """End a process with its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    process.communicate(timeout=60)


def until(true, what):
    """Wait until it is true; fail, with what was waited for, where it does not come to be."""
    give_up = time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        if found := true():
            return found
        time.sleep(0.5)
    raise AssertionError(f"waited {SECONDS} s for {what}: {list(Run.objects.values())}")


def only(every=1, task="config.tasks.tidy_runs"):
    """One schedule, as somebody made it in the admin, of so many seconds."""
    interval = IntervalSchedule.objects.create(every=every, period="seconds")
    return PeriodicTask.objects.create(name="tried", task=task, interval=interval)


def stands(at=None):
    return next(each for each in as_they_stand(at or now()) if each.name == "tried")


def test_the_clock_sends_a_worker_does_it_and_a_stopped_clock_is_noticed(start):
    only()
    beat = start("beat")
    start("worker")

    until(lambda: Run.objects.filter(schedule="tried", times__gt=2), "three runs")

    run = Run.objects.filter(schedule="tried").latest("pk")
    assert timedelta(0) <= run.began_at - run.asked_at < timedelta(seconds=SECONDS)
    # One row for all of them, and perhaps one that goes on.
    assert Run.objects.filter(schedule="tried").count() <= 2
    assert stands().state in ("ok", "running")
    # What the settings say was laid down beside it, and is due in a minute.
    assert PeriodicTask.objects.filter(name="raise_flags", enabled=True).exists()

    end(beat, signal.SIGTERM)
    time.sleep(2)  # what was sent before is done
    later = now() + timedelta(minutes=6)
    assert stands(later).state == "missed"
    assert stands(later).due_at < now()


def test_what_somebody_changed_is_what_the_clock_goes_by_after_its_next_start(start):
    beat = start("beat")
    until(lambda: PeriodicTask.objects.filter(name="raise_flags"), "the schedules")
    end(beat, signal.SIGTERM)
    changed = PeriodicTask.objects.get(name="raise_flags")
    before = Standing.objects.get(schedule=changed).installed
    interval = IntervalSchedule(every=2, period="seconds")

    running.change_schedule(
        changed, by=factories.user(), seen=running.stands(changed), is_on=True, interval=interval
    )
    start("beat")
    start("worker")

    until(lambda: Run.objects.filter(schedule="raise_flags", times__gt=1), "two runs in seconds")
    changed.refresh_from_db()
    assert (changed.interval.every, changed.interval.period) == (2, "seconds")
    assert Standing.objects.get(schedule=changed).installed == before


def test_a_clock_that_was_put_back_by_an_hour_and_restarted_goes_on(start):
    row = only()
    PeriodicTask.objects.filter(pk=row.pk).update(last_run_at=now() + timedelta(hours=1))
    start("beat")
    start("worker")

    until(lambda: Run.objects.filter(schedule="tried", state__in=State.good()), "a run")


def test_two_clocks_at_once_do_no_harm(start):
    only(every=2)
    for name in ("beat", "beat"):
        start(name)
    start("worker")

    until(lambda: Run.objects.filter(schedule="tried", times__gt=3), "four runs")

    names = list(PeriodicTask.objects.values_list("name", flat=True))
    assert len(names) == len(set(names)) > 9
    assert Standing.objects.count() >= len(names) - 1
    assert not Run.objects.filter(state__in=[State.FAILED, State.LOST]).exists()
    assert Run.objects.filter(schedule="tried").count() <= 3


def test_a_worker_that_is_killed_in_the_middle_is_seen_at_once_and_another_does_it_again(start):
    row = only(every=3600, task="tests.sleep")
    worker = start("worker")
    run = running.run_now(row, by=factories.user())
    until(lambda: Run.objects.filter(pk=run.pk, state=State.RUNNING), "the run to begin")
    assert stands().state == "running"

    end(worker, signal.SIGKILL)

    def fate():
        return Run.objects.with_fate(at=now()).get(pk=run.pk).fate

    until(lambda: fate() == State.LOST, "the run to be lost")
    assert stands().going is None


def test_a_run_at_work_is_stopped_and_the_worker_goes_on(start):
    row = only(every=3600, task="tests.sleep")
    start("worker")
    by = factories.user()
    run = running.run_now(row, by=by)
    until(lambda: Run.objects.filter(pk=run.pk, state=State.RUNNING), "the run to begin")

    running.stop_run(run, by=by)

    until(lambda: Run.objects.filter(pk=run.pk, state=State.STOPPED), "the run to stop")
    assert Run.objects.get(pk=run.pk).stopped_by == by
    PeriodicTask.objects.filter(pk=row.pk).update(task="config.tasks.tidy_runs")
    row.refresh_from_db()
    next_run = running.run_now(row, by=by)
    until(lambda: Run.objects.filter(pk=next_run.pk, state__in=State.good()), "the next run")


def test_without_a_worker_what_was_asked_for_waits_and_is_done_once_there_is_one(start):
    row = only(every=3600)
    run = running.run_now(row, by=factories.user())
    assert Run.objects.get(pk=run.pk).state == State.WAITING

    start("worker")

    until(lambda: Run.objects.filter(pk=run.pk, state__in=State.good()), "the run")
    assert Run.objects.filter(schedule="tried").count() == 1
