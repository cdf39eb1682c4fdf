"""What it costs to compare two plans of 7,000 practices, a tenth of which change hands.

    .venv/bin/python -m bench.comparing [--database NAME] [--units 7000] [--busy]

The plans, their practices and their figures are made in the database (the project's own unless one
is named) and rolled back. Timed is the comparison with its list of what moves. Promise: 500 ms by
the median. Exits with 1 where it is broken.
"""

import argparse
import sys
import time
from datetime import date
from statistics import median

from .scratch import Busy, kept

PROMISE = 500
DAY, FIRST = date(2026, 11, 22), date(2026, 4, 1)
TERRITORIES, TIMES = 60, 9


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--database", help="default: the project's own")
    options.add_argument("--units", type=int, default=7_000)
    options.add_argument("--busy", action="store_true", help="on a busy machine: time at work")
    options = options.parse_args(argv)
    with kept(options.database):
        return 0 if measured(options.units, Busy() if options.busy else time.perf_counter) else 1


def measured(units: int, clock) -> bool:
    from django.db import connection, transaction

    from accounts.comparing.comparison import compare
    from accounts.comparing.sides import Side

    with transaction.atomic():
        before, after = made(units)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        took = []
        for _ in range(TIMES):
            began = clock()
            found = compare(Side(before, DAY), Side(after, DAY))
            moves = len(found.moves)
            took.append((clock() - began) * 1000)
        transaction.set_rollback(True)
    ms = median(took)
    held = ms < PROMISE
    print(
        f"{units:,} units a plan, {moves:,} move: median {ms:.0f} ms, most {max(took):.0f} ms"
        f"  promise {PROMISE} ms{'' if held else '  BROKEN'}"
    )
    return held


def made(units: int):
    """Two plans over the same practices, each in a location: what is, and a copy of it."""
    from django.utils.timezone import now

    from accounts.models import Team, User
    from footprints.models import Organisation, Population, Relationship, Release, Version

    release = Release.objects.create(kind="file", source="bench", applied_at=now())
    parents = list(Organisation.objects.of_kind(DAY, kind="sub_icb_location").order_by("code"))
    bodies = Organisation.objects.bulk_create(
        [Organisation(code=f"ZZB{number:05}") for number in range(units)]
    )
    said = {"asserted_by": release, "source": "bench"}
    Version.objects.bulk_create(
        [
            Version(organisation=body, kind_id="practice", name=body.code, opened_on=FIRST, **said)
            for body in bodies
        ]
    )
    Population.objects.bulk_create(
        [
            Population(organisation=body, year=2026, boundary_on=FIRST, people=9_000, **said)
            for body in bodies
        ]
    )
    if parents:
        Relationship.objects.bulk_create(
            [
                Relationship(child=body, parent=parents[n % len(parents)], type="part_of", **said)
                for n, body in enumerate(bodies)
            ]
        )
    team = Team.objects.create(name="A bench")
    owner = User.objects.create(username="a-bench", team=team)
    before = drawn(bodies, team, owner, lambda number: number)
    after = drawn(
        bodies,
        team,
        owner,
        lambda number: number + (units // 2 if number % 10 == 0 else 0),
        copied_from=before,
    )
    return before, after


def drawn(bodies, team, owner, place, **fields):
    from accounts.models import Assignment, RosterEntry, Territory, TerritoryPlan

    plan = TerritoryPlan.objects.create(
        team=team, owner=owner, name="A bench", opened_on=FIRST, **fields
    )
    homes = Territory.objects.bulk_create(
        [
            Territory(plan=plan, code=f"T{number:02}", name=f"T{number:02}", position=number)
            for number in range(TERRITORIES)
        ]
    )
    RosterEntry.objects.bulk_create(
        [RosterEntry(territory=home, name=f"Rep {home.code}", opened_on=FIRST) for home in homes]
    )
    Assignment.objects.bulk_create(
        [
            Assignment(
                plan=plan,
                territory=homes[place(number) * TERRITORIES // len(bodies) % TERRITORIES],
                organisation=body,
                opened_on=FIRST,
            )
            for number, body in enumerate(bodies)
        ]
    )
    return plan


if __name__ == "__main__":
    sys.exit(main())
