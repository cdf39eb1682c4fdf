"""The servers and the processes of a fault run, each of which may be killed and had back."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from config import embedded

from .post import Post

SECONDS = 120  # that anything may take on a busy machine
LOOK = 0.25  # seconds between two looks

GATES = {
    # name: where a transaction is held
    "flags": "BEFORE INSERT ON accounts_flag",
    "alerts": "BEFORE INSERT ON accounts_alert",
    "letters owed": "BEFORE INSERT ON accounts_digest",
    "worked off": "BEFORE DELETE ON accounts_flagrun",
    "doubt": "BEFORE UPDATE OF is_in_doubt ON accounts_alert",
    "mark": "BEFORE UPDATE OF told ON accounts_alert",
    "sent": "BEFORE UPDATE OF sent_at ON accounts_digest",
}
KEY = 0x57415F

LAY_GATES = f"""
CREATE TABLE fault_gate (name text);
CREATE FUNCTION fault_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Letting go of alerts is no doubt of them, though it writes the column too.
    IF EXISTS (SELECT FROM fault_gate WHERE name = TG_ARGV[0])
       AND NOT (TG_ARGV[0] = 'doubt' AND current_query() LIKE '%lapsed_at%') THEN
        PERFORM pg_advisory_xact_lock_shared({KEY});
    END IF;
    RETURN NULL;
END $$;
"""


class NothingCame(Exception):
    """What was waited for did not come."""


def until(true, what, seconds=SECONDS):
    """Wait until it is true; what it said then."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if found := true():
            return found
        time.sleep(LOOK)
    raise NothingCame(f"waited {seconds} s for {what}")


class House:
    """PostgreSQL, a broker, a mail server, two beats, and two workers of three processes each."""

    def __init__(self):
        self.post = Post()
        self.state = Path(embedded.STATE_DIR)
        self.clock = self.state / "clock"
        self.clock.write_text("0")
        self.processes: dict[str, subprocess.Popen] = {}
        self.ended: Counter = Counter()  # those that ended by themselves
        self.environment = os.environ | {
            "DATABASE_URL": embedded.database_url(),
            "CELERY_BROKER_URL": embedded.broker_url(),
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self.post.port),
            "EMAIL_USE_TLS": "0",
            "FAULTS_CLOCK": str(self.clock),
        }

    # --- Processes

    def start(self, name):
        """ "beat 1", "beat 2", "worker 1" or "worker 2"."""
        log = (self.state / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "bench.faults.program", *name.split()],
            env=self.environment,
            cwd=embedded.BASE_DIR,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def start_all(self):
        for name in ("beat 1", "beat 2", "worker 1", "worker 2"):
            if name not in self.processes:
                self.start(name)

    def restart_what_ended(self):
        """As systemd does, by docs/operations.md."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.ended[name] += 1
                self.start(name)

    def kill(self, name) -> set[int]:
        """`kill -9` of one with its children; their numbers."""
        process = self.processes.pop(name)
        gone = {process.pid, *children(process.pid)}
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return gone

    def kill_all(self) -> set[int]:
        return {pid for name in list(self.processes) for pid in self.kill(name)}

    def close(self):
        self.kill_all()
        self.post.shut()

    def last_words(self):
        """Print the end of what each process said."""
        for log in sorted(self.state.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", flush=True)

    # --- The clock

    @property
    def offset(self) -> float:
        """Seconds by which the processes' clock is ahead of the machine's."""
        return float(self.clock.read_text())

    def turn_clock(self, seconds):
        """Put the processes' clock forward, or back, and let all have seen it."""
        new = self.clock.with_suffix(".new")
        new.write_text(str(self.offset + seconds))
        new.rename(self.clock)
        time.sleep(1.5)

    # --- The servers

    def stop_postgres(self, sign):
        """``sign``: SIGINT ends sessions in good order, SIGQUIT at once and without any."""
        pid = int((embedded.data_dir() / "postmaster.pid").read_text().split()[0])
        os.kill(pid, sign)
        until(lambda: not is_alive(pid), "PostgreSQL to stop")

    def start_postgres(self):
        embedded._start_postgres()

    def kill_backend(self, pid):
        """`kill -9` of one session's process: the server ends all sessions and recovers."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def stop_broker(self):
        pid = int((self.state / "valkey.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        until(lambda: not is_alive(pid), "the broker to stop")

    def start_broker(self, *, with_memory):
        if not with_memory:
            shutil.rmtree(self.state / "appendonlydir")
        embedded._start_valkey()

    # --- Gates

    def lay_gates(self):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(LAY_GATES)
            for number, (name, event) in enumerate(GATES.items()):
                cursor.execute(
                    f"CREATE TRIGGER fault_{number} {event} FOR EACH STATEMENT "
                    f"EXECUTE FUNCTION fault_wait('{name}')"
                )

    @contextlib.contextmanager
    def gate(self, name):
        """Hold whoever comes to that step, until the block ends; "write" is where a letter is
        about to be written. Gives a function that waits for the first: (its number, its
        session's)."""
        import psycopg

        with psycopg.connect(embedded.database_url(), application_name="gate") as keeper:
            keeper.autocommit = True
            if name == "write":
                keeper.execute("BEGIN")
                keeper.execute("LOCK TABLE footprints_release IN ACCESS EXCLUSIVE MODE")
            else:
                keeper.execute("SELECT pg_advisory_lock(%s)", [KEY])
                keeper.execute("INSERT INTO fault_gate VALUES (%s)", [name])

            def first(seconds=SECONDS):
                return until(lambda: self.held(), f"anybody to come to {name}", seconds)

            try:
                yield first
            finally:
                with contextlib.suppress(psycopg.OperationalError):
                    keeper.execute("ROLLBACK" if name == "write" else "DELETE FROM fault_gate")
        if name != "write":  # where the server was stopped under it
            ask(lambda: execute("DELETE FROM fault_gate"))

    def held(self):
        """The number of a process that a gate holds, and that of its session in PostgreSQL."""
        rows = ask(
            lambda: execute(
                "SELECT application_name, pid FROM pg_stat_activity "
                "WHERE application_name ~ '^[0-9]+$' AND wait_event_type = 'Lock' "
                "AND wait_event IN ('advisory', 'relation')"
            )
        )
        return (int(rows[0][0]), rows[0][1]) if rows else None


def execute(statement, values=()):
    """Rows of a statement, or nothing."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else None


def ask(question):
    """Ask the database, on a new connection where the old one is gone; wait while it is away."""
    from django.db import InterfaceError, OperationalError, connection

    give_up = time.monotonic() + SECONDS
    while True:
        try:
            return question()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > give_up:
                raise
            time.sleep(LOOK)


def children(pid: int) -> list[int]:
    """The processes that this one began."""
    try:
        said = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in said.split()]


def is_alive(pid: int) -> bool:
    """Whether it runs: one that ended and waits to be reaped does not."""
    for process in embedded._started:
        process.poll()
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_process(pid: int):
    """`kill -9` of one process."""
    assert pid > 1, "0 is this process's own group"
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
