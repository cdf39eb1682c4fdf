"""manage.py up: bring the tables up to date, then serve, work and keep the clock until Ctrl-C."""

import collections
import contextlib
import ctypes
import hashlib
import http.client
import io
import logging
import os
import signal
import subprocess
import sys
import threading
import time

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections

from accounts.demo import LOGINS
from config import address, embedded

SECONDS_TO_ANSWER = 60
SECONDS_TO_STOP = 20
LINES_KEPT = 20
PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """Somebody pressed Ctrl-C, or the machine is going down."""


class Command(BaseCommand):
    """Starts the servers, the web server, a worker and the clock, as children of this process."""

    help = __doc__
    requires_system_checks = ()  # check() runs after the database is there

    def add_arguments(self, parser):
        """One switch: whether the demo company is wanted."""
        parser.add_argument(
            "--no-demo", action="store_true", help="Do not load the demo company and its logins."
        )

    def handle(self, *, no_demo, **options):
        """Start everything, wait, and stop everything. Raises CommandError if a child died."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._stop)
        demo = settings.IS_TRIAL and not no_demo
        self._step_number, self._steps = 0, 7 if demo else 6
        self._children = {}
        self._warnings = []
        self._announced = threading.Event()  # until then a child's words would break our lines
        try:
            with contextlib.ExitStack() as held:
                held.enter_context(address.hold())
                try:
                    self._start(held, demo=demo)
                    self._announce()
                    self._watch()
                finally:
                    self._shut_down()
        except Stopped:
            self.stdout.write("Stopped.")
        except OperationalError as error:
            raise CommandError(self._about_database(error)) from error
        except OSError as error:
            if "No space left" in str(error):
                raise CommandError(embedded.full(settings.STATIC_ROOT.parent)) from error
            raise

    # --- Starting -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _step(self, what):
        self._step_number += 1
        self.stdout.write(f"  {self._step_number}/{self._steps} {what} … ", ending="")
        self.stdout.flush()
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self.stdout.write("stopped")
            raise
        self.stdout.write(f"done {time.monotonic() - began:.1f} s")

    def _start(self, held, *, demo):
        with self._step("database"):
            held.enter_context(embedded.services(valkey=False))
        with self._step("broker"):
            held.enter_context(embedded.services(postgres=False))
        with self._step("tables"):
            self.check()
            call_command("migrate", interactive=False, verbosity=0)
            call_command("createcachetable", verbosity=0)
        with self._step("pages' styles, scripts and pictures"):
            self._collect_static()
        with self._step("the NHS register"):
            self._load("load_register")
        if demo:
            with self._step("the demo company"):
                self._load_demo()
        connections.close_all()
        with self._step("web server, worker and clock"):
            self._start_children()
            self._wait_until_it_answers()

    def _load(self, command):
        """Run a command that loads something; if it refuses, say so later and go on without."""
        logging.disable(logging.INFO)  # what went well is a step's line, and would break it in two
        try:
            call_command(command, stdout=io.StringIO())
        except CommandError as refused:
            self._warnings.append(f"{command}: {refused}")
        finally:
            logging.disable(logging.NOTSET)

    def _load_demo(self):
        """Load the demo company into a new database; somebody's own data is left alone."""
        people = get_user_model().objects
        if not people.exists() or people.filter(username__in=_usernames()).exists():
            os.environ["WAYMARK_DEMO"] = "1"  # opens its logins, whose passwords anybody may know
            self._load("load_demo")

    def _collect_static(self):
        """Hash and compress what browsers fetch, if any of it has changed since the last time."""
        found = hashlib.sha256()
        for finder in get_finders():
            for path, storage in finder.list(["CVS", ".*", "*~"]):
                status = os.stat(storage.path(path))
                found.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
        mark = settings.STATIC_ROOT / ".collected"
        if mark.is_file() and mark.read_text() == found.hexdigest():
            return
        mark.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, verbosity=0)
        mark.write_text(found.hexdigest())

    def _start_children(self):
        python = [sys.executable, "-m"]
        cores = str(os.cpu_count() or 1)
        commands = {
            "web": [
                *(*python, "granian", "--interface", "wsgi", "--host", address.HOST),
                *("--port", str(address.port()), "--workers", cores, "--blocking-threads", "1"),
                *("--no-ws", "--log-level", "warning", "config.wsgi:application"),
            ],
            "worker": [
                *(*python, "celery", "--quiet", "-A", "config", "worker", "--concurrency", cores),
                *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
            ],
            "clock": [
                *(*python, "celery", "--quiet", "-A", "config", "beat", "--loglevel", "WARNING"),
                "--pidfile=",
            ],
        }
        environment = os.environ | {embedded.HELD: "1", "PYTHONUNBUFFERED": "1"}
        for name, command in commands.items():
            self._children[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                cwd=settings.BASE_DIR,
                # A session of its own: Ctrl-C reaches us alone, and we pass on one SIGTERM. A
                # second SIGINT would make Celery drop what it is doing.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self._said = {name: collections.deque(maxlen=LINES_KEPT) for name in self._children}
        for name, child in self._children.items():
            threading.Thread(target=self._pass_on, args=(name, child), daemon=True).start()

    def _pass_on(self, name, child):
        for line in child.stdout:
            self._said[name].append(line)
            if line.strip() and self._announced.is_set():
                self.stdout.write(f"{name:6} | {line}", ending="")
                self.stdout.flush()

    def _wait_until_it_answers(self):
        give_up = time.monotonic() + SECONDS_TO_ANSWER
        while time.monotonic() < give_up:
            self._fail_if_a_child_died()
            with contextlib.suppress(OSError, http.client.HTTPException):
                asked = http.client.HTTPConnection(address.HOST, address.port(), timeout=5)
                asked.request("GET", "/healthz", headers={"Host": settings.ALLOWED_HOSTS[0]})
                if asked.getresponse().status == 200:
                    return
            time.sleep(0.1)
        raise CommandError(f"The web server did not answer within {SECONDS_TO_ANSWER} seconds.")

    def _announce(self):
        lines = ["", *self._warnings, f"  Waymark is up: {address.address()}", ""]
        if os.environ.get("WAYMARK_DEMO") == "1":
            lines.append("  Sign in as")
            lines += [f"    {role:26} {name:10} {password}" for role, name, password in LOGINS]
            lines.append("")
        elif not get_user_model().objects.exists():
            lines += ["  Nobody can sign in yet: ./run createsuperuser", ""]
        connections.close_all()
        lines += ["  Ctrl-C stops everything.", ""]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()
        self._announced.set()

    # --- Running and stopping -------------------------------------------------------------------

    def _watch(self):
        while True:
            self._fail_if_a_child_died()
            time.sleep(0.2)

    def _fail_if_a_child_died(self):
        for name, child in self._children.items():
            if child.poll() is not None:
                time.sleep(0.2)  # its last words are still on their way
                last = "".join(self._said[name]).rstrip() or "(it said nothing)"
                raise CommandError(
                    f"The {name} ended by itself, with code {child.returncode}; "
                    f"everything else is stopped too. Its last lines:\n{last}"
                )

    def _stop(self, *_):
        raise Stopped

    def _shut_down(self):
        """Stop the children; no second Ctrl-C may break off what cleans up."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        running = {name: c for name, c in self._children.items() if c.poll() is None}
        if running:
            self.stdout.write("\nStopping …")
            self.stdout.flush()
        for child in running.values():
            child.send_signal(signal.SIGTERM)
        give_up = time.monotonic() + SECONDS_TO_STOP
        for name, child in running.items():
            try:
                child.wait(max(0.1, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.stderr.write(f"The {name} did not stop in {SECONDS_TO_STOP} s; it is killed.")
        for child in self._children.values():  # and whatever a child left behind in its session
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _about_database(self, error):
        where = "DATABASE_URL" if os.environ.get("DATABASE_URL") else embedded.STATE_DIR
        if "No space left" in str(error):
            return embedded.full(embedded.STATE_DIR)
        return f"The database ({where}) does not do what it was asked: {error}"


def _die_with_parent():
    """Have the kernel stop this child when `up` is killed outright."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _usernames():
    return [username for _, username, _ in LOGINS]
