"""A report on its way: what is told of it meanwhile, and a worker that dies at any point."""

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils.timezone import now

from footprints import bundle, tasks
from footprints import progress as progress_module
from footprints.alone import WORKER, alone
from footprints.models import Release, Report, Version
from footprints.progress import Progress, Stopped
from footprints.services import taking_in
from footprints.services.loading import load_bundle
from footprints.services.receiving import receive_report
from tests import factories

pytestmark = pytest.mark.django_db

State, Via = Report.State, Report.Via

COMMITTED = pytest.mark.django_db(transaction=True)

# One trust as etr tells of it: two of its names, in two reports.
ETR = (
    '"{code}","{name}","Y59","QKS","1 STREET","","LONDON","","","N1 1AA","20130401","","","","",'
    '"","","","","","","0","","","","",""\r\n'
)


def etr(*names, prefix="RZ"):
    """The bytes of an etr with a trust for each name."""
    rows = (ETR.format(code=f"{prefix}{n}", name=name) for n, name in enumerate(names, 1))
    return "".join(rows).encode()


def received(content, *, via=Via.FORM, **fields):
    return receive_report(io.BytesIO(content), name="etr.csv", via=via, **fields)


@contextmanager
def seen_from_elsewhere(report):
    """A function that reads the report's columns as another process does."""
    other = connection.copy()

    def columns(*names):
        with other.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(names)} FROM footprints_report WHERE id = %s", [report.pk]
            )
            return cursor.fetchone()

    try:
        yield columns
    finally:
        other.close()


# --- Progress -----------------------------------------------------------------------------------


@COMMITTED
def test_progress_is_seen_while_the_transaction_is_open():
    report = received(b"x")
    with seen_from_elsewhere(report) as columns, transaction.atomic():
        factories.release(report=report)  # the key to the report is locked, as on applying
        with Progress(report) as progress:
            progress("Reading", 2_000, 14_000)

            assert columns("doing", "done", "total") == ("Reading", 2_000, 14_000)


@COMMITTED
def test_progress_is_written_at_once_for_another_deed_and_else_twice_a_second(
    monkeypatch,
):
    clock = [100.0]
    monkeypatch.setattr(progress_module, "monotonic", lambda: clock[0])
    report = received(b"x")
    said = []
    with seen_from_elsewhere(report) as columns, Progress(report) as progress:
        for moment, doing, done in [
            (0.0, "Reading", 1),
            (0.1, "Reading", 2),
            (0.2, "Writing", 3),
            (0.6, "Writing", 4),
            (0.71, "Writing", 5),
        ]:
            clock[0] = 100 + moment
            progress(doing, done, 9)
            said.append(columns("doing", "done"))

    assert said == [("Reading", 1), ("Reading", 1), ("Writing", 3), ("Writing", 3), ("Writing", 5)]


@COMMITTED
@pytest.mark.parametrize(("done", "total", "kept"), [(5, 0, 5), (7, 5, 5)])
def test_progress_beyond_what_was_expected_breaks_no_constraint(done, total, kept):
    report = received(b"x")

    with Progress(report) as progress:
        progress("Reading", done, total)

    report.refresh_from_db()
    assert (report.done, report.total) == (kept, total)


@COMMITTED
def test_progress_does_not_wait_for_the_transaction_it_tells_of():
    report = received(b"x")
    with transaction.atomic(), Progress(report) as progress:
        Report.objects.filter(pk=report.pk).update(state=State.APPLIED)
        started = time.monotonic()

        progress("Writing", 1, 2)

        assert time.monotonic() - started < 1


@COMMITTED
def test_work_at_a_report_that_was_set_aside_is_stopped():
    report = received(b"x")
    with Progress(report) as progress:
        progress("Reading", 1, 2)
        Report.objects.filter(pk=report.pk).update(state=State.DISCARDED)

        with pytest.raises(Stopped):
            progress("Writing", 1, 2)


@COMMITTED
def test_a_broken_connection_stops_the_telling_and_not_the_work(caplog):
    report = received(b"x")
    with Progress(report) as progress:
        progress("Reading", 1, 2)
        with connection.cursor() as cursor:
            pid = progress.connection.connection.info.backend_pid
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])

        progress("Writing", 1, 2)
        progress("Writing more", 2, 2)

    assert caplog.text.count("is not told") == 1


# --- From its arrival on ------------------------------------------------------------------------


TRUSTS = etr("NORTHERN SEA TRUST", "SOUTHERN SEA TRUST", prefix="RZ")


@pytest.fixture
def trusts(register):
    """Trusts that the register does not hold yet, and so are news."""
    return TRUSTS


@pytest.fixture
def committed_trusts(few):
    """The same before a small register that other processes see."""
    load_bundle(bundle.read(few))
    return TRUSTS


def names():
    found = Version.objects.now().filter(organisation__code__startswith="RZ")
    return sorted(found.values_list("name", flat=True))


def test_a_dropped_report_is_read_and_waits(trusts):
    report = received(trusts)

    assert taking_in.take_in(report)

    report.refresh_from_db()
    assert (report.state, report.tries, report.doing) == (State.PREVIEWED, 1, "")
    assert sum(fact["new"] for fact in report.preview["facts"]) >= 2
    assert names() == []


@pytest.mark.parametrize("via", [Via.FOLDER, Via.FETCH])
def test_a_report_that_came_by_itself_is_applied_by_itself(trusts, via):
    report = received(trusts, via=via)

    taking_in.take_in(report)

    report.refresh_from_db()
    assert report.preview["reasons"] == []
    assert report.state == State.APPLIED
    assert (report.release.by, report.applied_by) == (None, None)
    assert len(names()) == 2


def test_a_report_that_came_by_itself_waits_where_a_limit_is_passed(trusts, settings):
    settings.REPORT_LIMITS = {"unplaced": 0, "anomalies": 0, "changed": 0}
    report = received(trusts + b'"RZ9","CUT', via=Via.FOLDER)

    taking_in.take_in(report)

    report.refresh_from_db()
    assert report.state == State.PREVIEWED
    assert report.preview["reasons"]
    assert names() == []
    assert report.pk not in {each.pk for each in taking_in.unfinished(now())}


def test_a_steward_applies_and_the_release_says_who(trusts):
    steward = factories.user(role="steward")
    report = received(trusts)
    taking_in.take_in(report)

    taking_in.ask_to_apply(report, by=steward)
    with pytest.raises(taking_in.TooLate, match="being applied"):
        taking_in.ask_to_apply(report, by=factories.user(role="steward"))
    taking_in.take_in(report)

    report.refresh_from_db()
    assert (report.state, report.release.by) == (State.APPLIED, steward)
    assert len(names()) == 2
    releases = Release.objects.count()
    taking_in.take_in(report)
    assert Release.objects.count() == releases


def test_a_report_that_nobody_knows_is_refused_in_words(register):
    report = received(b"when,who\r\n1,2\r\n", via=Via.FOLDER)

    taking_in.take_in(report)

    report.refresh_from_db()
    assert report.state == State.REFUSED
    assert "No report that is known" in report.error


def test_a_file_that_is_gone_is_said_and_read_again_once_it_is_back(trusts):
    report = received(trusts)
    kept = report.file.path
    os.rename(kept, f"{kept}.away")

    taking_in.take_in(report)

    report.refresh_from_db()
    assert report.state == State.REFUSED
    assert "FileNotFoundError" in report.error
    os.rename(f"{kept}.away", kept)
    taking_in.read_again(report, by=factories.user())
    taking_in.take_in(report)
    report.refresh_from_db()
    assert (report.state, report.error) == (State.PREVIEWED, "")


@COMMITTED
def test_a_report_that_was_stopped_is_not_written_and_says_who_stopped_it(
    committed_trusts, monkeypatch
):
    steward = factories.user(first_name="Ada", last_name="Quill")
    report = received(committed_trusts, via=Via.FOLDER)
    apply = taking_in.apply_report

    def stopped_meanwhile(report, *, by, progress):
        """Somebody clicks while it is applied, as their own connection does."""

        def click(*said):
            if said[0] == "Writing lives":
                mine = Report.objects.using("default").get(pk=report.pk)
                with elsewhere():
                    taking_in.stop_applying(mine, by=steward)
            progress(*said)

        return apply(report, by=by, progress=click)

    monkeypatch.setattr(taking_in, "apply_report", stopped_meanwhile)
    taking_in.take_in(report)
    monkeypatch.undo()

    report.refresh_from_db()
    assert report.state == State.PREVIEWED
    assert report.preview["reasons"] == ["Ada Quill stopped it."]
    assert names() == []
    tasks.resume_reports()
    assert names() == []


@contextmanager
def elsewhere():
    """What is done in the block is done through another connection, as in another process."""
    from django.db import connections

    ours = connections["default"]
    other = ours.copy()
    connections["default"] = other
    try:
        yield
    finally:
        connections["default"] = ours
        other.close()


# --- Workers that die ---------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "after"), [("reading", "previewed"), ("applying", "applied")])
def test_what_a_killed_worker_was_at_is_taken_up_again(trusts, state, after):
    report = received(trusts)
    Report.objects.filter(pk=report.pk).update(state=state, doing="Writing lives", done=2, total=9)

    tasks.resume_reports()

    report.refresh_from_db()
    assert (report.state, report.doing, report.done, report.total) == (after, "", 0, 0)


def test_a_report_whose_message_was_lost_between_two_steps_is_taken_up_again(trusts):
    report = received(trusts, via=Via.FETCH)
    taking_in.preview_report(report)  # and the worker died before it went on to apply it
    assert report.state == State.PREVIEWED

    tasks.resume_reports()

    report.refresh_from_db()
    assert report.state == State.APPLIED


def test_a_report_that_ends_every_worker_ends_somewhere(trusts):
    report = received(trusts, via=Via.FOLDER)
    Report.objects.filter(pk=report.pk).update(state=State.READING, tries=taking_in.TRIES)

    tasks.resume_reports()

    report.refresh_from_db()
    assert report.state == State.REFUSED
    assert report.error.startswith("3 workers set about it, and none came back")
    assert taking_in.unfinished(now()) == []


def test_while_a_worker_is_at_a_report_another_one_leaves_them_alone(trusts):
    report = received(trusts)
    with elsewhere(), alone(WORKER) as theirs:
        assert theirs
        assert not taking_in.take_in(report)

    report.refresh_from_db()
    assert report.state == State.RECEIVED
    assert taking_in.take_in(report)


def test_one_report_after_another_is_taken_in_and_those_waited_for_first(
    trusts, django_capture_on_commit_callbacks
):
    first, second, third = (
        received(trusts + etr(f"{name} TRUST", prefix="R9")) for name in ("ONE", "TWO", "THREE")
    )
    Report.objects.filter(pk=third.pk).update(state=State.APPLYING)
    assert [report.pk for report in taking_in.unfinished(now())] == [
        third.pk,
        first.pk,
        second.pk,
    ]

    with django_capture_on_commit_callbacks(execute=True):
        tasks.take_in(first.pk)

    states = Report.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["previewed", "previewed", "applied"]


def test_a_report_that_a_command_imports_is_left_to_it_for_an_hour(trusts):
    moment = now()
    report = received(trusts, via=Via.COMMAND, at=moment)

    assert taking_in.unfinished(moment + timedelta(minutes=59)) == []
    assert taking_in.unfinished(moment + timedelta(minutes=61)) == [report]


KILLED = """
import os, sys
import django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[2]
from footprints.models import Report
from footprints.services import taking_in
from footprints.services.loading import load_bundle
apply = taking_in.apply_report

def die(report, *, by, progress):
    def told(doing, done, total):
        progress(doing, done, total)
        if doing == "Keeping the findings":
            print("now", flush=True)
            os.kill(os.getpid(), 9)
    return apply(report, by=by, progress=told)

taking_in.apply_report = die
taking_in.take_in(Report.objects.get(pk=sys.argv[1]))
"""


@COMMITTED
def test_a_worker_killed_while_it_applies_leaves_nothing_half_written(committed_trusts, settings):
    report = received(committed_trusts, via=Via.FOLDER)
    before = Release.objects.count()
    environment = os.environ | {
        "REPORTS_DIR": str(report.file.storage.location),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "BASE_URL": "http://localhost:8000",
        "SECRET_KEY": "s" * 50,
    }

    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(report.pk), connection.settings_dict["NAME"]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "now\n"), killed.stderr
    report.refresh_from_db()
    assert report.state == State.APPLYING
    assert (Release.objects.count(), names()) == (before, [])

    tasks.resume_reports()

    report.refresh_from_db()
    assert report.state == State.APPLIED
    assert Release.objects.count() == before + 1
    assert len(names()) == 2
