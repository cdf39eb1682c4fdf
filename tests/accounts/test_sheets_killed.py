"""Whatever is killed in the middle of an apply, nothing of it is half done."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from django.db import connection, connections, transaction

from accounts import tasks
from accounts.models import Assignment, Sheet, SheetChange, SheetDeed
from accounts.sheets import applying, deciding, undoing
from config.embedded import BASE_DIR
from tests.accounts.test_sheets import APRIL_2020, Case, held_on, rows
from tests.accounts.ticks import tick

COMMITTED = pytest.mark.django_db(transaction=True)

KILLS = 10


@pytest.fixture
def committed(register):
    """The register as other processes see it, with what the planner of queries knows of it."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


class Statements:
    """Counts the statements of this process, and ends it, as `kill -9` does, after one of them."""

    def __init__(self, at=None):
        self.at, self.done = at, 0

    def __call__(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        # A block in a block has savepoints, which the same block alone has not.
        self.done += not sql.startswith(("SAVEPOINT", "RELEASE"))
        if self.done == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def killed_in_a_process(work, at) -> int:
    """Fork as a worker does, do the work there, and be killed after so many statements.

    Returns the signal that ended the process; 0 where it came to its end.
    """
    connections.close_all()  # else both would speak on one socket
    child = os.fork()
    if child == 0:
        # Where a browser was begun its event loop is at work in this thread, and a fork has none:
        # Django takes the connection from before the loop, which is open in the parent too. It is
        # kept under another name, for to let go of it would end the parent's.
        connections["before"] = connections["default"]
        connections["default"] = connection.copy()
        try:
            with connection.execute_wrapper(Statements(at)):
                work()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def statements_of(work) -> int:
    """How many statements the work takes, once what is asked once is known; it is rolled back."""
    for _ in range(2):
        counted = Statements()
        with connection.execute_wrapper(counted), transaction.atomic():
            work()
            transaction.set_rollback(True)
    return counted.done


def spread(number):
    """So many points over all statements, the first and the last among them."""
    return [1 + n * (number - 1) // (KILLS - 1) for n in range(KILLS)]


@COMMITTED
def test_a_worker_killed_ten_times_as_it_applies_leaves_nothing_half_done(committed):
    cases = [Case(practices=5)]
    cases += [Case(of=cases[0]) for _ in range(2)]
    for case in cases:
        case.approve()
    before = [rows(case.plan) for case in cases]

    for at in spread(statements_of(tasks.apply_due)):
        assert killed_in_a_process(tasks.apply_due, at) == signal.SIGKILL

        assert [rows(case.plan) for case in cases] == before
        assert not SheetChange.objects.exists()
        assert {case.sheet.state for case in cases} == {"approved"}

    assert killed_in_a_process(tasks.apply_due, at=None) == 0
    assert {case.sheet.state for case in cases} == {"applied"}
    assert [len(held_on(case.plan, APRIL_2020)) for case in cases] == [10, 10, 10]
    tasks.apply_due()
    assert SheetDeed.objects.filter(deed="applied").count() == len(cases)


@COMMITTED
def test_a_process_killed_ten_times_as_it_undoes_leaves_all_applied(committed):
    case = Case(practices=5)
    before = rows(case.plan)
    case.apply()
    after, changes = rows(case.plan), SheetChange.objects.count()

    def undo():
        undoing.undo_sheet(case.flag, by=case.planner)

    for at in spread(statements_of(undo)):
        assert killed_in_a_process(undo, at) == signal.SIGKILL

        assert (rows(case.plan), case.sheet.state) == (after, "applied")
        assert SheetChange.objects.count() == changes

    assert killed_in_a_process(undo, at=None) == 0
    assert rows(case.plan) == before


def test_a_server_killed_ten_times_as_it_applies_leaves_nothing_half_done(tmp_path):
    unset = {"DATABASE_URL", "CELERY_BROKER_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {
        "LOCAL_STATE_DIR": str(tmp_path / "state"),
        "LOCAL_PG_DURABLE": "1",  # what was committed is there after a kill
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "BASE_URL": "http://localhost:8000",
        "SECRET_KEY": "s" * 50,
    }
    environment.pop("EMBEDDED_SERVICES_HELD", None)

    done = subprocess.run(
        [sys.executable, "-m", "tests.accounts.server_killed"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    *rounds, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rounds) == KILLS
    assert {said["kill"] for said in rounds} == {"kill_backend", "kill_server"}
    for said in rounds:
        assert (said["said"], said["is_as_before"]) == ("OperationalError", True), said
    assert last == {"applied": 42, "is_undone": True}


@COMMITTED
@pytest.mark.parametrize("other", ["apply_due", "decide", "undo"])
def test_an_apply_that_meets_another_deed_on_the_same_sheets(committed, other):
    """Two threads at once, whichever is first: the answers agree with what is there."""
    case = Case()
    case.approve()
    before = rows(case.plan)
    start, answers = threading.Barrier(2), {}
    deeds = {
        "apply": lambda: applying.apply_sheet(case.flag, by=case.manager),
        "apply_due": lambda: tick(APRIL_2020)["applied"],
        "decide": lambda: deciding.take_back(case.flag, by=case.planner),
        "undo": lambda: undoing.undo_sheet(case.flag, by=case.planner),
    }

    def go(name):
        try:
            start.wait(10)
            answers[name] = deeds[name]()
        except deciding.SheetError as error:
            answers[name] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=[name]) for name in ("apply", other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert set(answers) == {"apply", other}
    state = case.sheet.state
    is_applied = rows(case.plan) != before
    assert is_applied == (state == "applied")
    assert SheetChange.objects.count() == (6 if is_applied else 0)
    if other == "apply_due":
        assert (answers["apply"] is None) == bool(answers["apply_due"])
    if other == "decide":
        refused = [isinstance(answer, deciding.SheetError) for answer in answers.values()]
        assert sorted(refused) == [False, True]
    assert Sheet.objects.count() == 1
    overlaps = Assignment.objects.filter(plan=case.plan, closed_on=None).values("organisation")
    assert len(overlaps) == len(set(overlaps.values_list("organisation", flat=True)))
