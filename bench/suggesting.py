"""Even deals of real units: how soon, how even, in how many pieces, and how little moves.

    .venv/bin/python -m bench.suggesting [--database NAME] [--only ccg|pcn] [--seeds 1] [--busy]

Two countries: the 191 CCGs of 31 March 2020 into 20 territories, people evened; the networks of
today into 60, their practices evened, which come as a measure of one a practice (no list sizes are
in the register). Each from a plan as a desk draws it, and from nothing. A desk takes whole bodies
(STPs; sub-ICB locations), and puts the one with the least to its neighbour with the least until
there are as many as territories: in one piece mostly, and far from even. CCGs are in the bundle;
NAME, kept by `bench.drawing make`, has the networks and practices of ODS's reports (the project's
own database has none: they are left out). All is asked for and worked out as a page and a worker
do it, and rolled back.

Promises: within 60 s, within 5 % of even, each territory in one piece. Exits with 1 where one is
broken.
"""

import argparse
import sys
import time
from collections import Counter
from datetime import date

from .scratch import Busy, kept

SECONDS, WITHIN = 60, 0.05
COUNTRIES = {  # kind → (day, territories, what is evened, whole bodies of which kind a desk takes)
    "ccg": (date(2020, 3, 31), 20, "people", "stp"),
    "pcn": (date(2026, 11, 22), 60, "measure", "sub_icb"),
}
FEWEST = 3  # units a territory, below which there is nothing to measure


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--database", help="default: the project's own")
    options.add_argument("--only", choices=COUNTRIES)
    options.add_argument("--seeds", type=int, default=1, help="times, each by another lot")
    options.add_argument("--busy", action="store_true", help="on a busy machine: time at work")
    options = options.parse_args(argv)
    held = True
    with kept(options.database):
        clock = Busy() if options.busy else time.perf_counter
        for kind in [options.only] if options.only else COUNTRIES:
            for is_drawn in (True, False):
                for seed in range(options.seeds):
                    held &= measured(kind, is_drawn, seed, clock)
    return 0 if held else 1


def measured(kind: str, is_drawn: bool, seed: int, clock) -> bool:
    from django.db import connection, transaction

    from accounts.balancing import asking
    from footprints.models import Organisation

    day, many, evens, wider = COUNTRIES[kind]
    with transaction.atomic():
        found = Organisation.objects.of_kind(day, kind=kind).order_by("code")
        bodies = list(found.values_list("pk", flat=True))
        if len(bodies) < FEWEST * many:
            print(f"{kind}: {len(bodies)} on {day}, too few for {many} territories: left out")
            transaction.set_rollback(True)
            return True
        plan = drawn(kind, day, many, by_desk(bodies, wider, many, day) if is_drawn else {})
        measure = practices(plan) if evens == "measure" else None
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            # The lot is drawn by the suggestion's key: set, so that a run can be repeated.
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('accounts_suggestion', 'id'), %s)",
                [1_000_000 + seed],
            )
        asked = asking.ask(plan, by=plan.owner, from_on=day, evens=evens, measure=measure)
        began = clock()
        asking.work(asked)
        took = clock() - began
        asked.refresh_from_db()
        transaction.set_rollback(True)
    if asked.state != asked.State.DONE:
        print(f"{kind}: {asked.get_state_display()}: {asked.error}  BROKEN")
        return False
    return said(kind, many, is_drawn, asked.told, took)


def said(kind: str, many: int, is_drawn: bool, told: dict, took: float) -> bool:
    whole = told["amount"]
    print(
        f"\n{told['units']:,} {kind}s into {many}, "
        f"{'as a desk draws it' if is_drawn else 'from nothing'}: {took:.1f} s;"
        f" {whole:,.0f} in all, {told['even']:,.0f} each were even"
    )
    print(f"{'':12}{'farthest':>10}{'moves':>10}{'pieces':>8}")
    for name in ("now", "suggested", "greedy", "random"):
        if side := told["sides"].get(name):
            moved = "" if name == "now" else f"{side['moved'] / whole:.1%}"
            print(f"{name:12}{side['farthest']:10.1%}{moved:>10}{side['parts']:8}")
    print(f"{'proved':12}{told['evenest']:10.1%}{told['least'] / whole:10.1%}{many:8}")
    found = told["sides"]["suggested"]
    broken = [
        name
        for name, is_broken in {
            "seconds": took > SECONDS,
            "even": found["farthest"] > WITHIN,
            "pieces": found["parts"] > many,
        }.items()
        if is_broken
    ]
    if broken:
        print(f"BROKEN: {', '.join(broken)}")
    sys.stdout.flush()
    return not broken


def by_desk(bodies: list[int], wider: str, many: int, day: date) -> dict[int, int]:
    """Body → which of so many lots it is in, by whole bodies of the wider kind; what lies in none
    has no lot."""
    from footprints.adjacency import neighbours
    from footprints.ancestry import ancestors
    from footprints.models import Organisation

    wholes = set(Organisation.objects.of_kind(day, kind=wider).values_list("pk", flat=True))
    above = ancestors(bodies, day)
    lot = {
        body: whole
        for body in bodies
        for whole in [w for w in above.get(body, ()) if w in wholes][:1]
    }
    beside = {
        frozenset(pair) for pair in neighbours([wider], day).pairs if wholes.issuperset(pair)
    }
    size = Counter(lot.values())
    while len(size) > many:
        least = min(size, key=lambda whole: (size[whole], whole))
        near = {whole for pair in beside if least in pair for whole in pair} - {least}
        to = min(near & set(size) or set(size) - {least}, key=lambda whole: (size[whole], whole))
        lot = {body: to if whole == least else whole for body, whole in lot.items()}
        beside = {frozenset(to if whole == least else whole for whole in pair) for pair in beside}
        beside = {pair for pair in beside if len(pair) == 2}
        size = Counter(lot.values())
    number = {whole: at for at, whole in enumerate(sorted(size))}
    return {body: number[whole] for body, whole in lot.items()}


def drawn(kind: str, day: date, many: int, lot: dict[int, int]):
    """A draft of that many territories, each with the bodies of its lot."""
    from accounts.models import Assignment, Team, Territory, TerritoryPlan, User

    team = Team.objects.create(name="A bench of deals")
    owner = User.objects.create(username="bench-of-deals", role=User.Role.PLANNER, team=team)
    plan = TerritoryPlan.objects.create(
        team=team, owner=owner, name="A bench of deals", opened_on=day, state="draft"
    )
    plan.kinds.set([kind])
    homes = Territory.objects.bulk_create(
        Territory(plan=plan, code=f"T{number:02}", position=number) for number in range(many)
    )
    Assignment.objects.bulk_create(
        Assignment(plan=plan, territory=homes[number], organisation_id=body, opened_on=day)
        for body, number in lot.items()
    )
    return plan


def practices(plan):
    """A measure of one for each practice that lives on the plan's first day."""
    from django.utils.timezone import now

    from accounts.models import Figure, Measure
    from footprints.models import Organisation

    measure = Measure.objects.create(
        name="Practices",
        team=plan.team,
        source="the register",
        counted_on=plan.opened_on,
        by=plan.owner,
        at=now(),
    )
    live = Organisation.objects.of_kind(plan.opened_on, kind="practice")
    Figure.objects.bulk_create(
        Figure(measure=measure, organisation_id=body, amount=1)
        for body in live.values_list("pk", flat=True)
    )
    return measure


if __name__ == "__main__":
    sys.exit(main())
