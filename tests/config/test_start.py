"""./run before anything is installed: which Python, which port, which settings."""

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import address, start
from config.embedded import BASE_DIR, Unavailable


@pytest.fixture
def taken_port():
    """A port that another program listens at."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door.getsockname()[1]


def run_sh(*arguments, **environment):
    """`./run ARGUMENTS` in an environment of exactly these variables."""
    return subprocess.run(
        ["/bin/sh", "run", *arguments],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_taken_port_is_named_with_a_way_out(taken_port, monkeypatch, tmp_path):
    monkeypatch.setenv("PORT", str(taken_port))
    monkeypatch.setattr(address, "LOCK", tmp_path / "up.lock")

    with pytest.raises(Unavailable, match=rf"Port {taken_port} is taken[^$]*PORT=\d+ \./run"):
        address.check()


def test_run_says_so_before_it_installs_anything(taken_port, tmp_path):
    said = run_sh(
        PATH=os.environ["PATH"],
        HOME=str(tmp_path),
        PYTHON=sys.executable,
        PORT=str(taken_port),
        LOCAL_STATE_DIR=str(tmp_path / "state"),
    )

    assert said.returncode == 1
    assert f"Port {taken_port} is taken by another program" in said.stderr
    assert "…" not in said.stderr  # no step was begun


def test_a_free_port_is_no_trouble(taken_port, monkeypatch, tmp_path):
    monkeypatch.setattr(address, "LOCK", tmp_path / "up.lock")
    with socket.create_server(("127.0.0.1", 0)) as door:
        free = door.getsockname()[1]
    monkeypatch.setenv("PORT", str(free))

    address.check()


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(monkeypatch, port):
    monkeypatch.setenv("PORT", port)

    with pytest.raises(Unavailable, match="must be a number from 1 to 65535"):
        address.port()


def test_a_python_that_is_too_old_is_named(tmp_path):
    old = program(tmp_path / "python", '[ "$1" = --version ] && echo Python 3.9.2; exit 1')

    said = run_sh("check", PATH=os.environ["PATH"], PYTHON=str(old))

    assert said.returncode == 1
    assert f"PYTHON is {old} (Python 3.9.2" in said.stderr
    assert "Python 3.11 or later is needed" in said.stderr


def test_a_machine_without_a_fitting_python_is_told_what_to_do(tmp_path):
    program(tmp_path / "python3", '[ "$1" = --version ] && echo Python 3.9.2 && exit; exit 1')
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")

    said = run_sh("check", PATH=str(tmp_path))

    assert said.returncode == 1
    assert "Python 3.11 or later is needed; here is Python 3.9.2" in said.stderr


def test_a_key_is_made_once_and_read_by_its_owner_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "STATE_DIR", tmp_path / "state")

    first, second = start.secret_key(), start.secret_key()

    assert first == second and len(first) >= 50
    kept = tmp_path / "state" / "secret-key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["secret-key"]


def test_what_the_environment_says_wins_over_the_env_file(monkeypatch, tmp_path):
    monkeypatch.setenv("WAYMARK_TEST_SAID", "here")
    monkeypatch.delenv("WAYMARK_TEST_FILED", raising=False)
    env_file = tmp_path / ".env"
    env_file.write_text(
        "# a remark\n\nWAYMARK_TEST_SAID=there\nexport WAYMARK_TEST_FILED='a = b'\n"
    )

    start.read_env_file(env_file)

    assert os.environ.pop("WAYMARK_TEST_FILED") == "a = b"
    assert os.environ["WAYMARK_TEST_SAID"] == "here"


def test_a_line_of_the_env_file_that_says_nothing_is_named(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text("# a remark\nPORT 8001\n")

    with pytest.raises(Unavailable, match="line 2: 'PORT 8001' is not NAME=value"):
        start.read_env_file(env_file)


def test_what_is_typed_decides_what_is_installed_and_run():
    assert start.command_line([]) == ("requirements.txt", ["manage.py", "up"])
    assert start.command_line(["migrate", "--plan"]) == (
        "requirements.txt",
        ["manage.py", "migrate", "--plan"],
    )
    assert start.command_line(["test", "-k", "day"]) == (
        "requirements-dev.txt",
        ["-m", "pytest", "-n", "2", "-k", "day"],
    )


@pytest.fixture
def venv(monkeypatch, tmp_path):
    """The place of a virtual environment of the test's own."""
    monkeypatch.setattr(start, "VENV", tmp_path / "venv")
    monkeypatch.delenv("PYTHON", raising=False)
    return tmp_path / "venv"


def test_an_interrupted_install_begins_with_a_new_environment(venv):
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    half_installed = venv / "half-installed"
    half_installed.touch()

    start.make_venv()
    assert not half_installed.exists()
    assert start.is_whole(venv)

    (venv / ".waymark-installing").touch()
    assert not start.is_whole(venv)
    (venv / ".waymark-installing").unlink()
    assert start.is_whole(venv)
    (venv / ".waymark-made").unlink()
    assert not start.is_whole(venv)


def test_what_is_whole_is_left_alone(venv):
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / ".waymark-made").write_text(start.PYTHON_VERSION)

    start.make_venv()

    assert sorted(path.name for path in venv.iterdir()) == [".waymark-made", "bin"]


def test_an_environment_whose_python_is_gone_is_made_anew(venv, tmp_path):
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(tmp_path / "removed-by-an-upgrade")
    (venv / ".waymark-made").write_text(start.PYTHON_VERSION)

    assert not start.is_whole(venv)


def test_a_chosen_python_of_another_version_gets_an_environment_of_its_own(venv, monkeypatch):
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / ".waymark-made").write_text("3.99")
    assert start.is_whole(venv)

    monkeypatch.setenv("PYTHON", "python3")

    assert not start.is_whole(venv)


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-node"])
def test_every_direct_dependency_is_pinned_hashed_and_says_what_it_is_for(name):
    wanted = {}
    for line in (BASE_DIR / f"{name}.in").read_text().splitlines():
        requirement, _, purpose = (part.strip() for part in line.partition("#"))
        if requirement and not requirement.startswith("-"):
            wanted[re.match(r"[\w.-]+", requirement)[0].lower()] = purpose
    pins = (BASE_DIR / f"{name}.txt").read_text()

    assert wanted
    for package, purpose in wanted.items():
        pin = rf"^# {re.escape(purpose)}\n{package}==\S+.*\\\n    --hash=sha256:"
        assert re.search(pin, pins, re.MULTILINE), package


def test_the_pins_and_the_lock_file_name_no_registry():
    for path in [*BASE_DIR.glob("requirements*.txt"), BASE_DIR / "package-lock.json"]:
        text = path.read_text()
        assert "index-url" not in text, path.name
        assert '"resolved"' not in text, path.name


def test_set_up_needs_nothing_that_is_not_installed_yet():
    code = "import sys, config.start; print([m for m in ('django', 'celery') if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=BASE_DIR,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[]\n"
    assert Path(start.__file__).exists()
