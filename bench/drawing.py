"""The workspace in a real browser: how soon it can be worked in, and how many frames a second.

    .venv/bin/python -m bench.drawing make NAME FILE…
    .venv/bin/python -m bench.drawing measure NAME [--rounds 5]

`make` keeps a database of that name with the bundle and reports of ODS on top (epraccur.csv and
ePCN.xlsx bring practices and networks), and a plan over each kind. `measure` serves it as `./run`
does, and opens each plan in a Chromium that has nothing cached (CHROMIUM=PATH, else Playwright's).
Promises: 106 locations 0.5 s, 1,300 networks 1 s, 7,000 practices 2 s, by the median; above 30
frames a second; 500 units given within 200 ms. Exits with 1 where one is broken.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from .scratch import create, kept

DAY, FIRST = date(2026, 11, 22), date(2026, 4, 1)
PLANS = {"sub_icb": (12, 500), "pcn": (60, 1000), "practice": (60, 2000)}  # territories, ms
FRAMES = 30  # a second, at least
GIVEN, WITHIN = 500, 200  # units, ms
LOOK = {"width": 1440, "height": 900}


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("deed", choices=["make", "measure"])
    options.add_argument("name", help="of the database")
    options.add_argument("files", nargs="*", type=Path, help="make: reports, the oldest first")
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args(argv)
    if options.deed == "make":
        create(options.name)
        with kept(options.name):
            make(options.files)
        return 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ["BASE_URL"] = f"http://localhost:{port}"  # the cookie's name goes by it
    with kept(options.name), served(options.name, port) as (address, cookie):
        return 0 if measured(address, cookie, options.rounds) else 1


def make(files: list[Path]):
    """The bundle, the reports, and a plan of each kind with its units dealt by their systems."""
    from django.core.management import call_command

    from accounts.models import Assignment, Team, Territory, TerritoryPlan, User
    from footprints import bundle
    from footprints.ancestry import ancestors
    from footprints.models import Organisation
    from footprints.services.loading import load_bundle

    load_bundle(bundle.read())
    for file in files:
        call_command("import_release", str(file))
    team = Team.objects.create(name="A bench")
    owner = User.objects.create(username="bench", role=User.Role.PLANNER, team=team)
    for kind, (many, _) in PLANS.items():
        bodies = list(Organisation.objects.of_kind(DAY, kind=kind).values_list("pk", flat=True))
        above = ancestors(bodies, DAY)
        bodies.sort(key=lambda body: (above.get(body, [])[::-1], body))
        plan = TerritoryPlan.objects.create(
            team=team, owner=owner, name=f"A bench of {kind}", opened_on=FIRST, state="draft"
        )
        plan.kinds.set([kind])
        homes = Territory.objects.bulk_create(
            Territory(plan=plan, code=f"T{number:02}", position=number) for number in range(many)
        )
        Assignment.objects.bulk_create(
            Assignment(
                plan=plan,
                territory=homes[number * many // len(bodies)],
                organisation_id=body,
                opened_on=FIRST,
            )
            for number, body in enumerate(bodies)
            if number % 20  # some are gaps
        )
        print(f"{plan.name}: {len(bodies):,} units, {many} territories")


@contextmanager
def served(name: str, port: int):
    """The address of a web server of that database, and the cookie of a planner signed in."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    from accounts.models import User
    from config import embedded

    call_command("collectstatic", interactive=False, verbosity=0)
    user = User.objects.get(username="bench")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    server = os.environ.get("DATABASE_URL") or embedded.database_url()
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", str(os.cpu_count() or 1)),
            *("--blocking-threads", "1", "--no-ws", "--log-level", "warning"),
            "config.wsgi:application",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"DATABASE_URL": re.sub(r"/[^/?]+(\?|$)", rf"/{name}\1", server)},
    )
    try:
        address = f"http://localhost:{port}"
        for _ in range(120):
            try:
                urlopen(f"{address}/sign-in/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address, {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key}
    finally:
        child.terminate()
        child.wait(timeout=30)


def measured(address: str, cookie: dict, rounds: int) -> bool:
    from playwright.sync_api import sync_playwright

    from accounts.models import TerritoryPlan

    held = True
    plans = {kind: TerritoryPlan.objects.get(name=f"A bench of {kind}").pk for kind in PLANS}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=os.environ.get("CHROMIUM"))
        for kind, (_, promise) in PLANS.items():
            took = []
            for _ in range(rounds + 1):  # the first is for the server's own caches
                context = browser.new_context(viewport=LOOK, base_url=address)
                context.add_cookies([{**cookie, "url": address}])
                page = context.new_page()
                page.goto(f"/plans/{plans[kind]}/draw/?on={DAY}")
                page.wait_for_selector("[data-ready]", state="attached", timeout=60_000)
                took.append(int(page.locator("[data-ready]").get_attribute("data-ready")))
                if len(took) <= rounds:
                    context.close()
            held &= told(f"{kind}: can be worked in", median(took[1:]), promise)
            for name, (rate, slow) in frames(page):
                is_kept = rate > FRAMES
                print(
                    f"{kind}: {name:28} {rate:6.0f} frames/s, 95 in 100 within {slow:.0f} ms"
                    f"{'' if is_kept else '  BROKEN'}"
                )
                held &= is_kept
            if kind == "practice":
                held &= told(f"{kind}: {GIVEN} units given", given(page), WITHIN)
            context.close()
        browser.close()
    return held


def told(name: str, ms: float, promise: float) -> bool:
    is_kept = ms <= promise
    print(f"{name:40} {ms:6.0f} ms  promise {promise:.0f} ms{'' if is_kept else '  BROKEN'}")
    sys.stdout.flush()
    return is_kept


COUNT = """() => {
    const seen = window.seen = [];
    const next = (at) => { seen.push(at); window.counting = requestAnimationFrame(next); };
    window.counting = requestAnimationFrame(next);
}"""
COUNTED = """() => {
    cancelAnimationFrame(window.counting);
    const gaps = window.seen.slice(1).map((at, i) => at - window.seen[i]).sort((a, b) => a - b);
    const whole = gaps.reduce((sum, gap) => sum + gap, 0);
    return [1000 * gaps.length / whole, gaps[Math.floor(gaps.length * 0.95)]];
}"""


def frames(page):
    """(what is done, (frames a second, milliseconds within which 95 of 100 frames come))."""
    box = page.locator("[data-field]").bounding_box()
    at = lambda part, down: (box["x"] + box["width"] * part, box["y"] + box["height"] * down)  # noqa: E731
    mouse = page.mouse

    def hover():
        for step in range(120):
            mouse.move(*at(0.3 + 0.4 * (step % 40) / 40, 0.3 + 0.5 * step / 120))

    def lasso():
        mouse.move(*at(0.3, 0.3))
        mouse.down()
        for corner in [(0.8, 0.3), (0.8, 0.8), (0.3, 0.8), (0.3, 0.4)]:
            mouse.move(*at(*corner), steps=25)
        mouse.up()

    def click():
        page.keyboard.down("Shift")
        for step in range(60):
            mouse.click(*at(0.4 + 0.3 * (step % 10) / 10, 0.5 + 0.3 * step / 60))
        page.keyboard.up("Shift")

    def zoom():
        mouse.move(*at(0.6, 0.7))
        for step in range(60):
            mouse.wheel(0, -60 if step < 30 else 60)

    for deed in (hover, lasso, click, zoom):
        page.evaluate(COUNT)
        deed()
        yield deed.__name__, page.evaluate(COUNTED)


def given(page) -> float:
    """Milliseconds from the key that gives units to a territory to the server's answer."""
    grid, took = page.locator("[role=grid]"), []
    for key in "3456":
        page.locator("[data-clear]").evaluate("button => button.click()")
        page.locator("[data-scroller]").evaluate("scroller => { scroller.scrollTop = 0; }")
        page.locator("tr[aria-rowindex='2']").click()
        page.locator("[data-scroller]").evaluate(
            f"scroller => {{ scroller.scrollTop = {34 * (GIVEN - 4)}; }}"
        )
        page.wait_for_timeout(200)
        page.locator("[role=grid] tr[data-unit]").last.click(modifiers=["Shift"])
        grid.focus()
        with page.expect_response(re.compile("/draw/change/")) as answer:
            page.keyboard.press(key)
        answer.value.finished()
        took.append(answer.value.request.timing["responseEnd"])
        with page.expect_response(re.compile("/draw/undo/")):
            page.keyboard.press("Control+z")
    return median(took)


if __name__ == "__main__":
    sys.exit(main())
