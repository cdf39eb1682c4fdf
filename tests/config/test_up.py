"""`up`: the whole program, started and stopped for real."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest

from config.embedded import BASE_DIR

SECONDS_TO_START = 90


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


def status_of(port, path):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as asked:
        asked.request("GET", path, headers={"Host": "localhost"})
        with asked.getresponse() as answer:
            return answer.status, answer.read().decode()


def read_until(program, words):
    """What the program says, up to the line with these words."""
    said = []
    give_up = time.monotonic() + SECONDS_TO_START
    for line in program.stdout:
        said.append(line)
        if words in line or time.monotonic() > give_up:
            break
    assert words in said[-1], "".join(said)
    return "".join(said)


@pytest.fixture
def environment(tmp_path):
    """Settings and servers of this test's own."""
    port = free_port()
    unwanted = ("DATABASE_URL", "CELERY_BROKER_URL", "PYTEST_CURRENT_TEST")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOCAL_STATE_DIR": str(tmp_path / "state"),
        "STATIC_ROOT": str(tmp_path / "static"),
        "PORT": str(port),
        "BASE_URL": f"http://localhost:{port}",
    }


@pytest.fixture
def start(environment):
    """A function that runs `manage.py up`; whatever it started is stopped at the end."""
    started = []

    def up(*options):
        program = subprocess.Popen(
            [sys.executable, "manage.py", "up", *options],
            cwd=BASE_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(program)
        return program

    yield up
    for program in started:
        if program.poll() is None:
            program.terminate()
        program.communicate(timeout=60)


@pytest.mark.slow
def test_it_starts_serves_refuses_a_second_start_and_stops(start, environment, tmp_path):
    port = int(environment["PORT"])

    program = start()
    said = read_until(program, "Ctrl-C stops everything")

    assert f"Waymark is up: http://localhost:{port}" in said
    steps = re.findall(r"^  (\d)/7 .+ … done [\d.]+ s$", said, re.MULTILINE)
    assert steps == list("1234567"), said
    status, body = status_of(port, "/healthz")
    assert status == 200
    assert body.startswith('{"database": "ok", "broker": "ok", "jobs": {')
    assert status_of(port, "/sign-in/")[0] == 200
    hashed = next((tmp_path / "static" / "vendor" / "bootstrap" / "css").glob("*.min.*.css"))
    assert status_of(port, f"/static/vendor/bootstrap/css/{hashed.name}")[0] == 200

    second = start("--no-demo")
    assert f"already up from this folder: http://localhost:{port}" in second.communicate()[0]
    assert second.returncode == 1

    program.send_signal(signal.SIGINT)
    last_words = program.communicate(timeout=40)[0]
    assert program.returncode == 0, last_words
    assert last_words.endswith("Stopped.\n")
    assert "Traceback" not in last_words
    with pytest.raises(ConnectionRefusedError):
        status_of(port, "/healthz")
    assert not (tmp_path / "state" / "pg18" / "postmaster.pid").exists()

    # Once more on the same data: one child dies, and everything ends with its last words.
    program = start("--no-demo")
    read_until(program, "Ctrl-C stops everything")
    os.kill(child_of(program, "worker"), signal.SIGKILL)
    last_words = program.communicate(timeout=40)[0]
    assert program.returncode == 1
    assert "The worker ended by itself, with code -9" in last_words
    assert not (tmp_path / "state" / "pg18" / "postmaster.pid").exists()


def child_of(program, word):
    """The process number of the child of `program` with this word in its command line."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    for line in listed.splitlines():
        pid, parent, command = line.split(None, 2)
        if int(parent) == program.pid and word in command:
            return int(pid)
    raise AssertionError(f"no {word} among the children:\n{listed}")


def test_a_stop_while_it_starts_leaves_nothing_running(start, tmp_path):
    program = start("--no-demo")
    read_until(program, "1/6")

    program.terminate()
    last_words = program.communicate(timeout=40)[0]

    assert program.returncode == 0, last_words
    assert last_words.endswith("Stopped.\n")
    assert not (tmp_path / "state" / "pg18" / "postmaster.pid").exists()
