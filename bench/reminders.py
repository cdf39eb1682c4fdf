"""What it costs to remind people: a sweep with nothing due, 10,000 due things, and their letters.

    .venv/bin/python -m bench.reminders [--people 1000]

In a database of its own: ten reports that wait for each of so many data stewards. Their letters,
of ten things each, are handed to a mail server on loopback by two processes. Promise: a sweep with
nothing due in 50 ms. Exits with 1 where it is broken, or where a thing was told twice or not at
all.
"""

import argparse
import sys
import threading
import time
from datetime import timedelta
from statistics import median

from .alerts import SWEEP_MS, Server, Sink, handed_over, said
from .scratch import database

EACH = 10  # things due for each person
ROUNDS = 20


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--people", type=int, default=1_000)
    options = options.parse_args(argv)
    with database(), Server(("127.0.0.1", 0), Sink) as server:
        server.taken = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        held = said("a sweep with nothing due", median(swept()), SWEEP_MS, "ms")
        due(options.people)
        held &= told(options.people, server)
        server.shutdown()
    return 0 if held else 1


def swept() -> list[float]:
    """Milliseconds of each of some sweeps, as the clock does them."""
    from accounts import tasks

    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        tasks.remind()
        took.append((time.perf_counter() - began) * 1000)
    return took


def due(people: int):
    """Reports that wait for each of so many stewards."""
    from django.utils.timezone import now

    from accounts.models import User
    from footprints.models import Report

    User.objects.bulk_create(
        User(username=f"s{n}", email=f"s{n}@example.com", role=User.Role.STEWARD)
        for n in range(people)
    )
    Report.objects.bulk_create(
        Report(
            name=f"report {n}.csv",
            size=1,
            sha256=f"{n:064}",
            via=Report.Via.FORM,
            state=Report.State.PREVIEWED,
            received_at=now() - timedelta(days=1),
        )
        for n in range(EACH)
    )


def told(people: int, server) -> bool:
    from django.db import connection
    from django.utils.timezone import localdate, now

    from accounts import tasks
    from accounts.models import Digest, Reminder, User
    from accounts.reminders.sweeping import counts

    began = time.perf_counter()
    tasks.remind()
    took = time.perf_counter() - began
    things = Reminder.objects.count()
    print(f"{things:,} due things found and {Digest.objects.count():,} letters owed: {took:.2f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE accounts_reminder")
    print(f"a sweep while they stand: {median(swept()):.0f} ms")
    began = time.perf_counter()
    for person in User.objects.all()[:ROUNDS]:
        counts(person, localdate())
    print(f"the counts of a person: {(time.perf_counter() - began) * 1000 / ROUNDS:.1f} ms")
    Digest.objects.update(due_at=now())
    began = time.perf_counter()
    handed_over(server, localdate())
    took = time.perf_counter() - began
    print(f"{people:,} letters of {EACH} things by two processes: {took:.0f} s")
    once = len(server.taken) == len(set(server.taken)) == people
    left = Reminder.objects.to_tell(localdate()).count()
    print(f"each once: {once}; left untold: {left}")
    return once and not left and things == people * EACH


if __name__ == "__main__":
    sys.exit(main())
