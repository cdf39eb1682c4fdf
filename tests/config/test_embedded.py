"""The embedded servers: real processes, started, shared, killed and stopped."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psycopg
import pytest

from config.embedded import BASE_DIR

HOLD = """
import sys
from config import embedded
with embedded.services(valkey={valkey}):
    print(embedded.database_url(), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def state(tmp_path):
    """A state directory of the test's own."""
    return tmp_path / "state"


def environment(state):
    kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "CELERY_BROKER_URL"}}
    return kept | {"LOCAL_STATE_DIR": str(state), "LOCAL_PG_DURABLE": "0"}


def start_holder(state, *, valkey=False):
    """A process that holds the servers until a line is sent to it; and the database's address."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(valkey=valkey)],
        cwd=BASE_DIR,
        env=environment(state),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return holder, holder.stdout.readline().strip()


def leave(holder):
    """Let the holder go; what it said on its way out."""
    said = holder.communicate("\n", timeout=40)
    assert holder.returncode == 0, said
    return said


@contextmanager
def holding(state, **options):
    holder, url = start_holder(state, **options)
    try:
        yield url
    finally:
        leave(holder)


def failure(state, **variables):
    """What a holder says when it cannot start."""
    done = subprocess.run(
        [sys.executable, "-c", HOLD.format(valkey=False)],
        cwd=BASE_DIR,
        env=environment(state) | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def answers(url):
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def test_two_processes_share_one_server_and_the_last_one_out_stops_it(state):
    first, url = start_holder(state, valkey=True)
    second, same = start_holder(state, valkey=True)

    assert url == same
    assert (state / "run" / "valkey.sock").exists() or "waymark-" in url
    leave(first)
    assert answers(url)
    leave(second)
    assert not answers(url)
    assert not (state / "pg18" / "postmaster.pid").exists()


def test_six_at_once_start_one_server(state):
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD.format(valkey=False)],
            cwd=BASE_DIR,
            env=environment(state),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]

    urls = {holder.stdout.readline().strip() for holder in holders}

    assert len(urls) == 1 and answers(*urls)
    for holder in holders:
        leave(holder)
    assert not answers(*urls)


def test_what_a_killed_holder_leaves_running_is_taken_over_with_its_data(state):
    holder, url = start_holder(state)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    with holding(state) as same:
        with psycopg.connect(same) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)

    assert not answers(url)


def test_a_server_that_was_killed_is_started_again_with_its_data(state):
    with holding(state) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            connection.commit()
            connection.execute("CHECKPOINT")
        os.kill(int((state / "pg18" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        time.sleep(0.5)

    with holding(state) as url:
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_first_start_that_was_killed_half_way_is_done_again(state):
    half_made = state / "pg18.new.12345"
    (half_made / "base").mkdir(parents=True)

    with holding(state) as url:
        assert answers(url)

    assert not half_made.exists()


def test_a_server_without_our_database_is_given_one(state):
    with holding(state) as url:
        server = url.replace("/waymark", "/postgres")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("DROP DATABASE waymark")

    with holding(state) as url:
        assert answers(url)


def test_text_is_in_the_same_order_on_every_machine(state):
    with holding(state) as url:
        with psycopg.connect(url) as connection:
            words = "SELECT array_agg(w ORDER BY w) FROM unnest(%s::text[]) w"
            ordered = connection.execute(words, [["apple", "éclair", "Zebra", "banana"]])
            assert ordered.fetchone()[0] == ["Zebra", "apple", "banana", "éclair"]
            assert connection.execute("SELECT lower('ÉCOLE')").fetchone() == ("école",)


def test_a_project_kept_deep_down_still_has_a_socket(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)

    with holding(deep) as url:
        assert answers(url)


def test_another_versions_data_is_named_and_left_alone(state):
    (state / "pg17").mkdir(parents=True)

    said = failure(state)

    assert "made by PostgreSQL 17" in said and "PG_BIN" in said
    assert not (state / "pg18").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="/sys is Linux's")
def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    said = failure("/sys/waymark")

    assert "/sys/waymark cannot be written by this user" in said


def test_a_file_where_the_directory_should_be_is_named(tmp_path):
    (tmp_path / "file").touch()

    assert "cannot be used" in failure(tmp_path / "file" / "state")


def test_a_directory_of_programs_without_programs_is_named(state, tmp_path):
    assert f"PG_BIN is {tmp_path}" in failure(state, PG_BIN=str(tmp_path))


def on_a_disk_of(size, state):
    """Run a holder with the state directory on a file system of this size, made for it alone."""
    state.mkdir(exist_ok=True)
    mount = f"mount -t tmpfs -o size={size} tmpfs '{state}'"
    probe = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("This machine does not let a test mount a file system of its own.")
    hold = f"'{sys.executable}' -c \"$HOLD\" </dev/null"
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && exec {hold}"],
        cwd=BASE_DIR,
        env=environment(state) | {"HOLD": HOLD.format(valkey=False)},
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs and unshare are Linux's")
def test_a_full_disk_is_known_before_a_database_is_half_made(state):
    done = on_a_disk_of("50m", state)

    assert done.returncode == 1
    assert "is full. Make room" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs and unshare are Linux's")
def test_a_disk_with_room_for_a_database_is_used(state):
    done = on_a_disk_of("400m", state)  # the witness: the same holder, a larger disk

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("postgresql://")
