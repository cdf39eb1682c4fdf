"""Alerts and letters under faults: none missed, none repeated, on real servers.

    .venv/bin/python -m bench.faults [--faults 230] [--seed 1] [--minutes 60]

A PostgreSQL, a broker and a mail server of its own, in a directory of its own; two beats and two
workers of three processes each. Every round something happens to the NHS and something goes wrong:
a worker is killed at a step (triggers of this run's own database hold it there), the mail server
kills, refuses, hangs or takes a letter and does not say so, PostgreSQL or the broker go and come
back, the clock jumps, everything is away for a week. Then what must be so is worked out by brute
force and compared: each (person, flag) has one alert that says how things stand; what each person
read last of each event, by the letters that the mail server took, is how it stands; and nothing
was told twice but what nobody could know to be told: that is counted apart. Needs what
`./run test` installs. Exits with 1 where anything was missed or repeated.
"""

import argparse
import logging
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass, field

UNSET = ("DATABASE_URL", "CELERY_BROKER_URL", "EMBEDDED_SERVICES_HELD", "PGBOUNCER")
EVERY = 1  # second between two looks of the beats
ONLY = ("raise_flags", "send_digests")


@dataclass
class Line:
    """A line of the report."""

    injected: int = 0
    alerts_missed: int = 0
    alerts_repeated: int = 0
    letters_missed: int = 0
    letters_repeated: int = 0
    doubled: int = 0
    recovered: list[float] = field(default_factory=list)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--faults", type=int, default=1000, help="at most so many rounds")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--minutes", type=float, default=60, help="begin no round after that")
    options.add_argument("--only", default="", help="faults whose line says this")
    options = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *given: sys.exit("Stopped."))  # and all that it started
    for name in UNSET:
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="faults-") as state:
        os.environ |= {
            "LOCAL_STATE_DIR": state,
            "LOCAL_PG_DURABLE": "1",  # what was committed is there after a kill
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "BASE_URL": "http://localhost:8000",
            "SECRET_KEY": "a bench signs nothing that anybody keeps: only a long word",
            "LOG_LEVEL": "WARNING",
        }
        from config import embedded

        with embedded.services():
            return run(options)


def run(options):
    import django

    django.setup()
    logging.disable(logging.ERROR)  # of this process: what goes wrong is its business
    from django.core.management import call_command
    from django.db import connection

    from footprints import bundle
    from footprints.services.loading import load_bundle

    from .house import House, ask
    from .kinds import settle
    from .world import World

    call_command("migrate", verbosity=0)
    load_bundle(bundle.read())
    chance = random.Random(options.seed)
    world, house = World(chance), House()
    world.draw()
    set_clock()
    house.lay_gates()
    connection.close()
    lines: dict[str, Line] = defaultdict(Line)
    try:
        house.start_all()
        settle(house, world)
        first = ask(lambda: world.compare(house.post))
        print(f"{len(house.post.kept)} letters before anything goes wrong", flush=True)
        is_good = report(first.says) if not first.is_good else True
        is_good &= rounds(options, chance, house, world, lines)
    finally:
        house.close()
        connection.close()
    table(lines)
    return 0 if is_good and lines else 1


def set_clock():
    """What concerns letters every two seconds; the rest, which is another's business, not."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    from config import clock
    from config.celery import app

    clock.install(app.conf.beat_schedule)
    interval = IntervalSchedule.objects.create(every=EVERY, period="seconds")
    PeriodicTask.objects.exclude(name__in=ONLY).update(enabled=False)
    PeriodicTask.objects.filter(name__in=ONLY).update(interval=interval)


def rounds(options, chance, house, world, lines) -> bool:
    from .house import NothingCame, ask
    from .kinds import DAY, everything, settle

    faults = [fault for fault in everything() if options.only in fault.group]
    chance.shuffle(faults)
    seen: dict[str, int] = defaultdict(int)
    for fault in list(faults):  # one of each line first, then the others as they come
        seen[fault.group] += 1
        if seen[fault.group] > 1:
            faults.remove(fault)
            faults.append(fault)
    give_up, is_good = time.monotonic() + 60 * options.minutes, True
    for number, fault in enumerate(faults[: options.faults], start=1):
        if time.monotonic() > give_up:
            print(f"No time for {len(faults) - number + 1} faults more")
            break
        line = lines[fault.group]
        began = time.monotonic()
        try:
            happened = fault.happen(house, world)
            mended = time.monotonic()
            settle(house, world)
        except (NothingCame, AssertionError) as error:
            is_good = report([f"{fault.group}, {fault.name}: {error}"])
            traceback.print_exc()
            lines[fault.group].letters_missed += 1
            house.last_words()
            return False  # what was not mended would be laid to the next
        found = ask(lambda: world.compare(house.post))
        line.injected += happened
        line.recovered.append(time.monotonic() - mended)
        for name in ("alerts_missed", "alerts_repeated", "letters_missed", "letters_repeated"):
            setattr(line, name, getattr(line, name) + getattr(found, name))
        line.doubled += found.doubled
        if not found.is_good:
            is_good = report(found.says)
        print(
            f"{number:4} {time.monotonic() - began:6.1f} s  {fault.group}: {fault.name}",
            flush=True,
        )
    house.turn_clock(2 * DAY)  # what waits for its hour goes out
    settle(house, world)
    found = ask(lambda: world.compare(house.post))
    print(f"{len(house.post.kept)} letters in all, those that had their hour among them")
    ended = ", ".join(f"{name}: {times}" for name, times in sorted(house.ended.items()))
    print(f"Ended by themselves, and started again as a supervisor does: {ended or 'none'}")
    return is_good and (found.is_good or report(found.says))


def report(says) -> bool:
    for line in says[:20]:
        print(f"WRONG {line}", flush=True)
    return False


def table(lines):
    print(
        f"\n{'fault':44} {'injected':>8} {'alerts':>16} {'letters':>16} {'doubled,':>9} "
        f"{'recovered, s':>14}\n{'':44} {'':8} {'missed repeated':>16} {'missed repeated':>16} "
        f"{'not known':>9} {'median  most':>14}"
    )
    whole = Line()
    for name, line in [*sorted(lines.items()), ("all", whole)]:
        print(
            f"{name:44} {line.injected:8} {line.alerts_missed:7} {line.alerts_repeated:8} "
            f"{line.letters_missed:7} {line.letters_repeated:8} {line.doubled:9} "
            f"{statistics.median(line.recovered or [0]):7.1f} {max(line.recovered or [0]):6.1f}"
        )
        for each, value in vars(line).items():
            if line is not whole:
                setattr(whole, each, getattr(whole, each) + value)


if __name__ == "__main__":
    sys.exit(main())
