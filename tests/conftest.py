"""What every test may ask for: a database, the published files, a browser."""

import contextlib
import os
import re
import shutil
from pathlib import Path

import psycopg
import pytest
from django.test.utils import setup_databases, teardown_databases
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from pytest_django.plugin import blocking_manager_key

from config import embedded

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A browser that looks for updates and phones home fails many times a second on a closed network.
QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A machine that is busy with something else is no fault of the code under test.
hypothesis_settings.register_profile(
    "waymark", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("waymark")

_held = contextlib.ExitStack()


def pytest_configure(config):
    """Hold the embedded PostgreSQL for the whole run; each xdist worker joins as one more user."""
    if not config.option.collectonly:
        _held.enter_context(embedded.services(valkey=False))
        if not hasattr(config, "workerinput") and not os.environ.get("DATABASE_URL"):
            drop_databases_of_killed_runs()


def drop_databases_of_killed_runs():
    """Drop test databases named for a process that is no more."""
    server = embedded.database_url().replace(f"/{embedded.DATABASE}", "/postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        names = connection.execute("SELECT datname FROM pg_database").fetchall()
        for (name,) in names:
            named_for = re.match(r"test_waymark_(\d+)", name)
            if named_for and not is_alive(int(named_for[1])):
                drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                connection.execute(drop.format(sql.Identifier(name)))


def is_alive(pid):
    """Whether a process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it has, and belongs to somebody else
        return True
    return True


def pytest_runtest_setup(item):
    """Give a test the register and nothing else where browser tests of this worker committed rows
    before it, or a test of real transactions emptied every table.

    These come last in a run; a worker that shares the end of one may still meet another test.
    """
    config = item.config
    if "browser" in item.keywords:
        return
    if _is_of_real_transactions(item):
        config.tables_emptied = True
        return
    is_left_behind = getattr(config, "rows_left_behind", False)
    if is_left_behind or getattr(config, "tables_emptied", False):
        from django.core.management import call_command

        with config.stash[blocking_manager_key].unblock():
            if is_left_behind:
                call_command("flush", verbosity=0, interactive=False)
            _load_register_once()
        config.rows_left_behind = config.tables_emptied = False


def _is_of_real_transactions(item):
    marker = item.get_closest_marker("django_db")
    return (marker is not None and marker.kwargs.get("transaction", False)) or (
        "transactional_db" in getattr(item, "fixturenames", ())
    )


def pytest_unconfigure(config):
    """Leave; the last one out stops it."""
    _held.close()


@pytest.fixture(scope="session")
def broker():
    """The embedded Valkey, up for as long as a test of this process needs it; its address."""
    with embedded.services(postgres=False):
        yield os.environ.get("CELERY_BROKER_URL") or embedded.broker_url()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment,
    django_db_modify_db_settings,
    django_db_keepdb,
    django_db_createdb,
    django_db_blocker,
):
    """Every test finds the register loaded with the bundled facts; a worker loads it once.

    In place of pytest-django's own, which makes a database only where a test is marked as using
    one: a browser test is not, since its rows are committed and outlive it.
    """
    keep = django_db_keepdb and not django_db_createdb
    with django_db_blocker.unblock():
        databases = setup_databases(verbosity=0, interactive=False, keepdb=keep)
        _load_register()
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            _hang_up()
            teardown_databases(databases, verbosity=0)


def _hang_up():
    """End every other connection to this worker's database: a thread of a test may hold one."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _load_register_once():
    from footprints.models import Release

    if not Release.objects.exists():
        _load_register()


def _load_register():
    from footprints import bundle
    from footprints.services.loading import load_bundle

    load_bundle(bundle.read())


@pytest.fixture
def register(db):
    """The bundled facts, as one release: returned. Loaded anew where a test emptied every table.

    Tests of real transactions do: they run last, and leave no row behind.
    """
    from footprints.models import Release

    _load_register_once()
    return Release.objects.get(kind=Release.Kind.BUNDLE)


@pytest.fixture
def empty_register(db):
    """A register that knows nothing, no kind even; after the test the facts are back."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE footprints_release, footprints_organisation, footprints_kind, "
            "footprints_reorganisation CASCADE"
        )


@pytest.fixture(autouse=True)
def _no_presets_of_another_test():
    """The days that every page offers are kept in the process: each test asks for its own."""
    from config.context import forget
    from footprints.as_at import forget_presets

    forget_presets()
    forget()


@pytest.fixture(scope="session")
def shared():
    """The directory of published files kept beside the project; skips where it is not there."""
    if not SHARED.is_dir():
        pytest.skip(f"No published files beside the project ({SHARED.name}/).")
    return SHARED


def find_browser():
    """The path of a Chromium: $CHROMIUM, else the first one on PATH; None if there is none."""
    if chosen := os.environ.get("CHROMIUM"):
        return chosen
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """How pytest-playwright starts the browser: the machine's Chromium, quietly."""
    path = find_browser()
    if path is None:
        reason = f"No browser: set CHROMIUM, or put one of {', '.join(BROWSERS)} on PATH."
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason + " REQUIRE_BROWSER=1 makes this an error.", pytrace=False)
        pytest.skip(reason)
    # Playwright's synchronous interface runs an event loop in this thread, and Django would
    # refuse every query beside one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return {**browser_type_launch_args, "executable_path": path, "args": QUIET}


def pytest_collection_modifyitems(items):
    """Whatever asks for a page of a browser is a browser test, and is marked as one."""
    for item in items:
        if "browser_type_launch_args" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)
