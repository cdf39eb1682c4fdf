"""What every test may ask for: a database, the published files, a browser."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest

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

_held = contextlib.ExitStack()


def pytest_configure(config):
    """Hold the embedded PostgreSQL for the whole run; each xdist worker joins as one more user."""
    if not config.option.collectonly:
        _held.enter_context(embedded.services(valkey=False))


def pytest_unconfigure(config):
    """Leave; the last one out stops it."""
    _held.close()


@pytest.fixture(scope="session")
def broker():
    """The embedded Valkey, up for as long as a test of this process needs it; its address."""
    with embedded.services(postgres=False):
        yield os.environ.get("CELERY_BROKER_URL") or embedded.broker_url()


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
