"""A program for `test_sheets_killed`: a PostgreSQL of its own is killed ten times in an apply.

    LOCAL_STATE_DIR=… python -m tests.accounts.server_killed

Odd rounds kill the backend that writes, so that the server ends every session and recovers; even
rounds kill the server itself, and start it again. Prints, as JSON, a line a round (at which
statement, what was there afterwards) and what a last apply, that nobody kills, does.
"""

import contextlib
import json
import os
import signal
import sys
import time

from config import embedded

ROUNDS = 10


def main():
    with embedded.services(valkey=False):
        import django

        django.setup()
        from django.core.management import call_command

        from footprints import bundle
        from footprints.services.loading import load_bundle

        call_command("migrate", verbosity=0)
        load_bundle(bundle.read())
        rounds()


def rounds():
    from django.db import OperationalError, connection, transaction

    from accounts.sheets import applying, undoing
    from tests.accounts.test_sheets import Case

    with transaction.atomic():
        case = Case(practices=20)
        case.approve()
    before = state(case)
    for _ in range(2):  # how many statements an apply has, once what is asked once is known
        with Counted() as counted, transaction.atomic():
            applying.apply_sheet(case.flag, by=case.manager)
            transaction.set_rollback(True)
    for number in range(ROUNDS):
        at = 1 + number * (counted.done - 1) // (ROUNDS - 1)
        kill = kill_backend if number % 2 else kill_server
        try:
            with Counted(at, kill):
                applying.apply_sheet(case.flag, by=case.manager)
        except OperationalError as error:
            said = type(error).__name__
        else:
            said = "nothing"
        connection.close()
        wait_for_the_server()
        say(at=at, kill=kill.__name__, said=said, is_as_before=state(case) == before)
    applying.apply_sheet(case.flag, by=case.manager)
    applied = state(case)
    undoing.undo_sheet(case.flag, by=case.manager)
    say(applied=len(applied["changes"]), is_undone=state(case)["rows"] == before["rows"])


def state(case) -> dict:
    """All that an apply may write, as it is."""
    from accounts.models import Flag, Sheet, SheetChange, SheetDeed
    from tests.accounts.test_sheets import rows

    return {
        "rows": rows(case.plan),
        "changes": list(SheetChange.objects.order_by("pk").values_list()),
        "sheet": list(Sheet.objects.values_list()),
        "deeds": list(SheetDeed.objects.order_by("pk").values_list()),
        "flag": list(Flag.objects.values_list()),
        "revision": case.plan.__class__.objects.get(pk=case.plan.pk).revision,
    }


class Counted:
    """Counts the statements of a block, and kills somebody after the one of that number."""

    def __init__(self, at=None, kill=None):
        self.at, self.kill, self.done = at, kill, 0

    def __enter__(self):
        from django.db import connection

        self.wrapper = connection.execute_wrapper(self)
        self.wrapper.__enter__()
        return self

    def __exit__(self, *error):
        self.wrapper.__exit__(*error)

    def __call__(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        # A block in a block has savepoints, which the same block alone has not.
        self.done += not sql.startswith(("SAVEPOINT", "RELEASE"))
        if self.done == self.at:
            self.kill(context["connection"].connection.info.backend_pid)
        return result


def kill_backend(pid):
    os.kill(pid, signal.SIGKILL)


def kill_server(pid):
    os.kill(postmaster(), signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


def postmaster() -> int:
    return int((embedded.data_dir() / "postmaster.pid").read_text().split()[0])


def wait_for_the_server():
    from django.db import OperationalError, connection

    give_up = time.monotonic() + 30
    while True:
        if not is_alive(postmaster()):
            with contextlib.suppress(embedded.Unavailable):  # its children may linger a moment
                embedded._start_postgres()
        try:
            connection.ensure_connection()
            return
        except OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)


def is_alive(pid: int) -> bool:
    """Whether the process runs: one that ended and waits to be reaped does not."""
    for process in embedded._started:
        process.poll()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def say(**what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    sys.exit(main())
