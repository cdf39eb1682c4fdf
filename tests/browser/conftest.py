"""A browser before the real program: the bundled register, the demo company, one signed-in user.

The server runs in a thread of the test process over a committed database, so these tests come
last in a run (pytest-django puts tests without a database mark there). The demo is founded once a
worker; a test that changes something changes things of its own.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils.timezone import now
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from accounts import tasks
from accounts.demo import LOGINS, company
from accounts.models import TerritoryPlan
from config import embedded
from config.celery import app
from footprints import as_at, bundle
from footprints.models import Release, Report
from footprints.services.loading import load_bundle

# The day on which the story is told: what is next depends on it. Only the doors ask for it.
TODAY = date(2026, 11, 21)
PASSWORDS = {username: password for _, username, password in LOGINS}

WORKER = """
import json, sys
from config.celery import app

app.conf.update(broker_transport_options=json.loads(sys.argv[1]))
app.worker_main(["worker", "--pool", "solo", "--without-gossip", "--without-mingle"])
"""

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# What htmx writes where a question is given up for a newer one, as somebody types on: no fault.
# One that failed says more: htmx:sendError, htmx:timeout, htmx:responseError.
GIVEN_UP = ("htmx:sendAbort, ", "htmx:afterRequest, ")


@pytest.fixture(scope="session")
def served(django_db_setup, django_db_blocker):
    """The address of the running program."""
    with django_db_blocker.unblock():
        server = LiveServer("localhost")
        yield server.url
        server.stop()


@pytest.fixture(scope="session")
def kept_sessions():
    """User name → the cookies of a signed-in browser, so that each signs in once a worker."""
    return {}


@pytest.fixture
def demo(request, served, kept_sessions, django_db_blocker, monkeypatch, settings):
    """The demo company over the register, flagged and written to; a test may use the database."""
    request.config.rows_left_behind = True  # tests/conftest.py clears up before another test
    settings.DEMO_LOGINS_SHOWN = True
    monkeypatch.setattr(as_at.timezone, "localdate", lambda *args, **kwargs: TODAY)
    monkeypatch.setattr(tasks, "localdate", lambda: TODAY)
    with django_db_blocker.unblock():
        if not TerritoryPlan.objects.exists():  # a test of real transactions emptied the tables
            kept_sessions.clear()
            if not Release.objects.exists():
                load_bundle(bundle.read())
            # Facts that were recorded a while ago, so that a page can ask what was known before.
            earlier = now() - timedelta(days=7)
            Release.objects.update(applied_at=min(earlier, _noon(TODAY) - timedelta(days=7)))
            company.found(logins=True)
            as_at.forget_presets()
            tasks.raise_flags.delay()
            tasks.send_digests.delay()
        yield served


def _noon(day):
    return now().replace(year=day.year, month=day.month, day=day.day, hour=12)


@pytest.fixture
def worker(demo, broker):
    """A worker process of this test's own database; what pages ask for waits for it."""
    server = os.environ.get("DATABASE_URL") or embedded.database_url()
    database = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": re.sub(r"/[^/?]+(\?|$)", rf"/{database}\1", server),
        "CELERY_BROKER_URL": broker,
        "REPORTS_DIR": str(Report._meta.get_field("file").storage.location),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    options = json.dumps(app.conf.broker_transport_options)
    app.conf.update(task_always_eager=False)
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, options],
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        yield process
        app.conf.update(task_always_eager=True)
        still_ran = process.poll() is None
        process.terminate()
        process.wait(timeout=60)
        said.seek(0)
        words = said.read()
    assert still_ran, words
    assert "Traceback" not in words, words


class Seat:
    """One person before a browser: a page, and everything the browser complained of."""

    def __init__(self, context: BrowserContext):
        self.context = context
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, said):
        if said.type in {"error", "warning"} and not said.text.startswith(GIVEN_UP):
            self.complaints.append(f"{self.page.url}: {said.text}")


@pytest.fixture
def sit_down(demo, browser, kept_sessions) -> Callable[..., Seat]:
    """A function that seats somebody, signed in through the page; complaints fail the test.

    None is a stranger, who has not signed in.
    """
    seats = []

    def sit(username: str | None, viewport=DESKTOP) -> Seat:
        context = browser.new_context(
            base_url=demo,
            viewport=viewport,
            locale="en-GB",
            storage_state=kept_sessions.get(username),
        )
        context.set_default_timeout(20_000)
        seat = Seat(context)
        seats.append(seat)
        if username and username not in kept_sessions:
            seat.page.goto("/")
            seat.page.fill("input[name=login]", username)
            seat.page.fill("input[name=password]", PASSWORDS[username])
            seat.page.press("input[name=password]", "Enter")
            seat.page.wait_for_url(f"{demo}/")
            kept_sessions[username] = context.storage_state()
        return seat

    yield sit
    for seat in seats:
        seat.context.close()
    assert [line for seat in seats for line in seat.complaints] == []


@pytest.fixture
def planner(sit_down) -> Page:
    """The planner, on the home page's address or not yet anywhere."""
    return sit_down("planner").page
