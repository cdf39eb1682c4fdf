"""Each run of the clock's tasks is a row; a tick that did nothing leaves one, not one a minute."""

import time
from contextlib import suppress
from datetime import timedelta

import pytest
from celery import Celery, shared_task
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts import tasks
from config import tidying
from config.models import Run
from config.recording import BY_ITSELF, BY_KEY, BY_NAME, SENT_AT, in_words
from tests import factories
from tests.accounts.plans import plan_of_2020

State = Run.State


@shared_task(did=("letter", "letters"))
def answer(result=None):
    """Return it; or fail, where it says so."""
    if isinstance(result, str) and result.startswith("Fail: "):
        raise ValueError(result.removeprefix("Fail: "))
    return result


def tick(result=None, *, name="answers", **headers):
    """The clock sends the task, and a worker does it."""
    try:
        answer.apply_async((result,), headers={BY_NAME: name, **headers})
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (None, ""),
        (0, ""),
        (False, ""),
        (1, "1 letter"),
        (1200, "1,200 letters"),
        ("Slept", "Slept"),
    ],
)
def test_what_a_task_returns_is_said_in_words(result, says):
    assert in_words(result, answer.did) == says


def test_a_run_says_when_it_was_due_began_and_ended_and_what_it_did(db):
    due = now() - timedelta(seconds=3)

    tick(2, **{SENT_AT: due.isoformat()})

    run = Run.objects.get()
    assert (run.schedule, run.task) == ("answers", answer.name)
    assert (run.state, run.says, run.asked_at) == (State.DONE, "2 letters", due)
    assert due < run.began_at <= run.ended_at
    assert run.worker and run.message and run.backend == ""


def test_ticks_that_do_nothing_are_one_row_that_counts_them(db):
    for _ in range(5):
        tick()

    run = Run.objects.get()
    assert (run.state, run.times) == (State.NOTHING, 5)
    assert run.first_at < run.began_at


def test_what_did_something_stays_and_the_idle_row_before_it_goes(db):
    for result in (None, None, 3, None, 3, None):
        tick(result)

    runs = Run.objects.order_by("pk").values_list("state", "times")
    assert list(runs) == [("done", 1), ("done", 1), ("nothing", 1)]


def test_one_failure_after_another_is_one_row_and_leaves_the_last_good_run(db):
    tick()
    for _ in range(4):
        assert tick("Fail: No such post office\nand much more")
    tick("Fail: Full")

    runs = Run.objects.order_by("pk").values_list("state", "times", "says")
    assert list(runs) == [
        ("nothing", 1, ""),
        ("failed", 4, "ValueError: No such post office"),
        ("failed", 1, "ValueError: Full"),
    ]


def test_schedules_do_not_count_each_others_runs(db):
    tick()
    tick(name="others")
    tick()

    assert dict(Run.objects.values_list("schedule", "times")) == {"answers": 2, "others": 1}


def test_a_task_that_is_on_no_schedule_has_a_row_only_when_it_fails_and_then_one(db):
    answer.delay(7)
    assert not Run.objects.exists()

    for text in ("Ann", "Ben"):
        with pytest.raises(ValueError, match=text):
            answer.delay(f"Fail: {text}")

    run = Run.objects.get()
    assert (run.schedule, run.task, run.times) == ("", answer.name, 2)
    assert run.says == "ValueError: Ben"


def test_what_a_scheduled_task_is_given_by_the_program_is_a_run_that_nobody_asked_for(
    db, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setitem(answer.app.conf.beat_schedule, "answers", {"task": answer.name})

    answer.at_once(60)
    with django_capture_on_commit_callbacks(execute=True):
        answer.soon(2)

    runs = Run.objects.order_by("pk").values_list("schedule", "says", "asked_at", "asked_by")
    assert list(runs) == [("answers", f"{n} letters", None, None) for n in (60, 2)]


def test_raising_alerts_says_what_it_did_and_its_letters_are_a_run(register):
    owner = factories.user(email="owner@example.com")
    plan_of_2020(owner=owner)

    tasks.raise_flags.apply_async(headers={BY_NAME: "raise_flags"})
    tasks.raise_flags.apply_async(headers={BY_NAME: "raise_flags"})

    said = dict(Run.objects.order_by("pk").values_list("schedule", "says")[:2])
    assert said == {
        "raise_flags": "18 flags raised, 18 alerts written or changed",
        "send_digests": "1 letter handed on",
    }
    assert Run.objects.get(schedule="raise_flags", state=State.NOTHING).times == 1


def test_a_task_called_by_the_program_itself_is_no_run(db):
    assert answer(4) == 4
    assert not Run.objects.exists()


def asked(**fields):
    person = factories.user()
    return Run.objects.create(
        task=answer.name, schedule="answers", asked_at=now(), asked_by=person, **fields
    )


def test_what_somebody_asked_for_is_done_in_its_row_and_does_not_give_way(db):
    run = asked(state=State.WAITING)

    tick(**{BY_KEY: run.pk})
    tick()

    run.refresh_from_db()
    assert (run.state, run.times) == (State.NOTHING, 1)
    assert Run.objects.count() == 2


def test_what_somebody_asked_for_counts_nobody_elses_runs(db):
    for _ in range(20):
        tick()
    run = asked(state=State.WAITING)

    tick(**{BY_KEY: run.pk})
    tick(**{BY_ITSELF: True})
    for _ in range(3):
        tick()

    runs = Run.objects.order_by("pk").values_list("times", "asked_by")
    assert list(runs) == [(20, None), (1, run.asked_by_id), (1, None), (3, None)]


def test_what_somebody_stopped_before_it_began_is_not_done(db):
    run = asked(state=State.STOPPED, ended_at=now(), says="Not wanted.")

    assert tick("Fail: it was done", **{BY_KEY: run.pk}) is None

    assert Run.objects.get() == run


def test_a_message_that_comes_again_since_its_worker_was_killed_is_a_run_of_its_own(db):
    run = asked(state=State.RUNNING, began_at=now(), backend="1 0")

    tick(1, **{BY_KEY: run.pk})

    assert Run.objects.with_fate(at=now()).get(pk=run.pk).fate == State.LOST
    again = Run.objects.get(state=State.DONE)
    assert again.asked_by == run.asked_by


@pytest.mark.django_db(transaction=True)
def test_recording_keeps_nothing_from_being_done():
    """The rows cannot be written: a worker of a new version is beside a database of the old."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE config_run RENAME TO config_moved")
        try:
            assert answer.apply_async((5,), headers={BY_NAME: "answers"}).get() == 5
            with pytest.raises(ValueError, match="Ann"):
                answer.delay("Fail: Ann")
        finally:
            cursor.execute("ALTER TABLE config_moved RENAME TO config_run")


@pytest.mark.django_db(transaction=True)
def test_a_run_is_recorded_to_its_end_though_its_connection_was_lost_on_the_way():
    @shared_task(name="a task that loses its connection")
    def lose():
        with connection.cursor() as cursor, pytest.raises(OperationalError):
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return 1

    lose.apply_async(headers={BY_NAME: "loses"})

    assert Run.objects.get().state == State.DONE


# --- Lost, and forgotten ------------------------------------------------------------------------


def run(state, *, minutes=0, days=0, **fields):
    """A run that began that long ago."""
    at = now() - timedelta(minutes=minutes, days=days)
    fields = {"task": answer.name, "schedule": "answers", "asked_at": at} | fields
    if state not in (State.WAITING, State.RUNNING):
        fields["ended_at"] = at
    if state != State.WAITING:
        fields["began_at"] = at
    if state == State.FAILED:
        fields["says"] = "ValueError"
    return Run.objects.create(state=state, **fields)


def fate(run):
    return Run.objects.with_fate(at=now()).get(pk=run.pk).fate


def own_backend():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid || ' ' || extract(epoch FROM backend_start) FROM pg_stat_activity "
            "WHERE pid = pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def test_a_run_is_lost_with_the_connection_of_its_worker(db):
    own = own_backend()
    pid, began = own.split()

    assert fate(run(State.RUNNING, backend=own)) == State.RUNNING
    # Another process of the machine was given the number since.
    assert fate(run(State.RUNNING, backend=f"{pid} {float(began) - 60:.6f}")) == State.LOST
    assert fate(run(State.RUNNING, backend="2000000000 1.5")) == State.LOST


def test_behind_pgbouncer_a_run_is_lost_once_no_task_may_take_so_long(db):
    assert fate(run(State.RUNNING, minutes=55)) == State.RUNNING
    assert fate(run(State.RUNNING, minutes=57)) == State.LOST


def test_what_no_worker_takes_up_is_lost(db):
    assert fate(run(State.WAITING, minutes=4)) == State.WAITING
    assert fate(run(State.WAITING, minutes=6)) == State.LOST


def test_tidying_ends_what_is_lost_and_says_why(db):
    lost, waits = run(State.RUNNING, backend="1 0"), run(State.WAITING, minutes=6)
    going = run(State.RUNNING, backend=own_backend())

    assert tidying.tidy(now()) == 2
    assert tidying.tidy(now()) == 0

    for each, words in ((lost, "killed"), (waits, "No worker")):
        each.refresh_from_db()
        assert each.state == State.LOST
        assert words in each.says
    going.refresh_from_db()
    assert going.state == State.RUNNING


def test_a_run_that_was_taken_for_lost_and_ends_after_all_says_so(db):
    """PostgreSQL was restarted in the middle: the worker went on with a new connection."""
    from config.recording import _end

    lost = run(State.RUNNING, backend="1 0")
    tidying.tidy(now())

    _end(lost, "done", "3 letters")

    lost.refresh_from_db()
    assert (lost.state, lost.says) == (State.DONE, "3 letters")


def test_old_runs_are_forgotten_but_the_last_and_the_last_good_of_each_schedule(db):
    run(State.DONE, days=50)
    good = run(State.DONE, days=40)
    run(State.FAILED, days=39)
    last = run(State.FAILED, days=31)
    other = run(State.NOTHING, days=300, schedule="yearly")
    recent = [run(State.DONE, days=29, schedule="busy"), run(State.DONE, schedule="busy")]
    run(State.NOTHING, minutes=30, schedule="mixed")
    mixed = [run(State.FAILED, minutes=20, schedule="mixed"), run(State.NOTHING, schedule="mixed")]

    assert tidying.tidy(now()) == 3

    assert set(Run.objects.all()) == {good, last, other, *recent, *mixed}


# --- Asked for by a page ------------------------------------------------------------------------


def test_what_a_page_asks_for_waits_where_there_is_no_broker_and_breaks_nothing(
    db, caplog, django_capture_on_commit_callbacks
):
    lonely = Celery(
        "lonely",
        broker="redis://127.0.0.1:1/0",
        task_cls="config.recording:RecordedTask",
        set_as_current=False,
    )
    lonely.conf.task_publish_retry = False

    @lonely.task(name="lonely")
    def task(number):
        """Nobody will."""

    with django_capture_on_commit_callbacks(execute=True):
        task.soon(7)

    assert "lonely(7,) waits for the broker" in caplog.text


def test_it_is_asked_for_once_what_is_under_way_is_committed(
    db, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as asked:
        with suppress(OSError), transaction.atomic():
            answer.soon("Fail: it never was")
            raise OSError
        answer.soon("Fail: now it is asked for")

    (only,) = asked
    with pytest.raises(ValueError, match="now it is asked for"):
        only()


# --- Cheap --------------------------------------------------------------------------------------


def test_a_tick_with_nothing_to_do_writes_its_run_with_two_statements_in_milliseconds(db):
    for _ in range(3):
        tick()

    with CaptureQueriesContext(connection) as caught:
        tick()
    took = []
    for _ in range(20):
        began = time.perf_counter()
        tasks.raise_flags.apply_async(headers={BY_NAME: "raise_flags"})
        took.append(time.perf_counter() - began)

    written = [query["sql"] for query in caught if "config_run" in query["sql"]]
    assert len(written) == 2, written
    assert sorted(took)[10] < 0.05
