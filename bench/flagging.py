"""What flagging costs, as a ratio to the bare statement, over many plans of all units of a day.

    .venv/bin/python -m bench.flagging [--plans 1000] [--rounds 5]

Each plan holds the 106 CCGs of 30 June 2022, so that the 42 events of 1 July 2022 touch it, and
all that came after. The floor is one bare INSERT … SELECT DISTINCT of plan and event into the same
table: no weights, no lapsing, no letters, no marks. A run with nothing to do is timed beside them.
"""

import argparse
import statistics
from datetime import date

from .scratch import database, report, timed

PROMISE = 2.0

FLOOR = """
INSERT INTO accounts_flag
    (reorganisation_id, content_type_id, object_id, owner_id, weight, raised_at)
SELECT DISTINCT touch.reorganisation_id, content_type.id, held.plan_id, plan.owner_id, 1, now()
FROM accounts_assignment AS held
JOIN footprints_touch AS touch ON touch.organisation_id = held.organisation_id
     AND touch.passes = 'area'
JOIN footprints_reorganisation AS event ON event.id = touch.reorganisation_id
JOIN accounts_territoryplan AS plan ON plan.id = held.plan_id
JOIN django_content_type AS content_type ON content_type.model = 'territoryplan'
WHERE (held.closed_on IS NULL OR held.closed_on > event.effective_on)
  AND plan.opened_on < event.effective_on
ON CONFLICT DO NOTHING
"""


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--plans", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    with database():
        return 0 if measure(options.plans, options.rounds) else 1


def measure(plans: int, rounds: int) -> bool:
    from accounts.models import Flag
    from accounts.services.flags import raise_flags
    from footprints import bundle
    from footprints.services.loading import load_bundle

    load_bundle(bundle.read())
    make(plans)
    whole, floors, idle = [], [], []
    for _ in range(rounds):
        dirty()
        seconds, raised = timed(raise_flags)
        whole.append(seconds)
        idle.append(timed(raise_flags)[0])
        clear()
        floors.append(timed(run, FLOOR)[0])
    print(f"{plans:,} plans of 106 units, {Flag.objects.count() or raised:,} flags")
    floor = statistics.median(floors)
    kept = report(
        "  raise flags, weights, letters and marks", statistics.median(whole), floor, PROMISE
    )
    print(f"  a run with nothing to do: {1000 * statistics.median(idle):.1f} ms")
    return kept


def make(plans: int):
    """Plans over the 106 CCGs of 30 June 2022 in twelve territories each."""
    from accounts.models import Assignment, Team, Territory, TerritoryPlan, User
    from footprints.models import Organisation

    opened_on = date(2021, 4, 1)
    owner = User.objects.create(username="owner", email="owner@example.com", role="planner")
    team = Team.objects.create(name="Bench")
    units = list(Organisation.objects.of_kind(date(2022, 6, 30), kind="ccg"))
    made = TerritoryPlan.objects.bulk_create(
        TerritoryPlan(
            team=team, owner=owner, name=f"Plan {n}", opened_on=opened_on, state="active"
        )
        for n in range(plans)
    )
    territories = Territory.objects.bulk_create(
        Territory(plan=plan, code=f"T{n}", name=f"T{n}") for plan in made for n in range(12)
    )
    Assignment.objects.bulk_create(
        (
            Assignment(
                plan=plan,
                territory=territories[12 * p + u % 12],
                organisation=unit,
                opened_on=opened_on,
            )
            for p, plan in enumerate(made)
            for u, unit in enumerate(units)
        ),
        batch_size=5000,
    )
    run("ANALYZE")


def run(statement: str):
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


def dirty():
    clear()
    for table in ("footprints_reorganisation", "accounts_territoryplan"):
        run(f"UPDATE {table} SET flagged_revision = 0, revision = 1")
    run("ANALYZE")


def clear():
    run("TRUNCATE accounts_flag, accounts_digest")


if __name__ == "__main__":
    raise SystemExit(main())
