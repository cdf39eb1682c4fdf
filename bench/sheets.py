"""What deciding costs on a great day, over 10,000 plans with 1,000,000 assignments.

    .venv/bin/python -m bench.national make NAME
    .venv/bin/python -m bench.sheets make --database NAME [--plans 10000]
    .venv/bin/python -m bench.sheets measure --database NAME [--only flagging radius sheet day]
    .venv/bin/python -m bench.sheets measure --database NAME --against FEWER --only growth

`make` lays the plans over the commissioners of 30 June 2022, a hundred units in twelve territories
each, and makes two events: ten mergers of four neighbours each on one day (like 1 April 2020; one
plan in five hundred has them in two territories each, so that practices keep the line), and one of
20,000 bodies that become 10,000, all in one plan. `measure` flags 1 July 2022, asks for the blast
radius of an event, turns the pages of the sheet of 10,000 rows, and prepares, approves, applies
and undoes the day of mergers for all plans: each a job of two workers, timed by the clock on the
wall from its beginning to its end, so that the machine should do nothing else. All other times are
time at work, of this process and its database connection. `growth` applies the sheets of 500 plans
beside many other plans and beside fewer (a database made with `--plans 1000`).
"""

import argparse
import subprocess
import sys
import time
from datetime import date
from statistics import median

from .scratch import Busy, kept

DAY = date(2022, 7, 1)
MERGERS_ON = date(2027, 4, 1)
MANY_ON = date(2027, 5, 1)
UNITS = 100
TERRITORIES = 12
ROWS = 10_000


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("deed", choices=["make", "measure", "work"])
    options.add_argument("--database", required=True, help="kept by bench.national")
    options.add_argument("--plans", type=int, default=10_000)
    options.add_argument("--only", nargs="*", default=["flagging", "radius", "sheet", "day"])
    options.add_argument("--against", help="for growth: a database with fewer plans")
    options.add_argument("--job", type=int, help="for work, which measuring starts: the job's key")
    options.add_argument("--lane", type=int, help="for work: the lane of the job")
    options = options.parse_args(argv)
    with kept(options.database):
        if options.deed == "work":
            work(options.job, options.lane)
            return 0
        if options.deed == "make":
            make(options.plans)
            return 0
        works = {"flagging": flagging, "radius": radius, "sheet": sheet, "day": day}
        kept_all = [works[name]() for name in options.only if name in works]
    if "growth" in options.only:
        kept_all.append(growth(options.database, options.against))
    return 0 if all(kept_all) else 1


# --- Making -------------------------------------------------------------------------------------

PLANS = """
INSERT INTO accounts_territoryplan
    (team_id, name, brands, state, owner_id, opened_on, revision, flagged_revision)
SELECT %(team)s, 'Plan ' || n, '', 'active', %(owner)s, %(opened_on)s, 1, 1
FROM generate_series(1, %(plans)s) AS n;

INSERT INTO accounts_territory (plan_id, code, name, position)
SELECT plan.id, 'T' || n, 'Territory ' || n, n
FROM accounts_territoryplan AS plan, generate_series(1, %(territories)s) AS n
WHERE plan.team_id = %(team)s;

-- Neighbouring codes sit together; each plan leaves out other units than the next. The bands of
-- one plan in five hundred begin two units later. Plan by plan, as plans are drawn.
INSERT INTO accounts_assignment (plan_id, territory_id, organisation_id, role, opened_on)
SELECT plan.id, territory.id, unit.id, 'owner', %(opened_on)s
FROM (
    SELECT organisation.id, row_number() OVER (ORDER BY code) - 1 AS place, count(*) OVER () AS n
    FROM footprints_organisation AS organisation WHERE id = ANY(%(units)s)
) AS unit
CROSS JOIN accounts_territoryplan AS plan
JOIN accounts_territory AS territory ON territory.plan_id = plan.id
     AND territory.position = 1 + (unit.place + 2 * (plan.id %% 500 = 0)::int) %% unit.n
                                  * %(territories)s / unit.n
WHERE plan.team_id = %(team)s AND (unit.place + plan.id) %% unit.n < %(each)s
ORDER BY plan.id, unit.place
"""
MERGE = """
INSERT INTO footprints_organisation (code, is_provisional)
SELECT %(code)s || lpad(n::text, 5, '0'), true FROM generate_series(1, %(into)s) AS n;

INSERT INTO footprints_version
    (organisation_id, kind_id, name, opened_on, source, note, asserted_by_id)
SELECT id, %(kind)s, 'Made ' || code, %(on)s, 'bench', '', %(release)s
FROM footprints_organisation WHERE code LIKE %(code)s || '_____';

INSERT INTO footprints_succession
    (reorganisation_id, predecessor_id, successor_id, passes, share, source, note, asserted_by_id)
SELECT %(event)s, unit.id, successor.id, 'area', 1, 'bench', '', %(release)s
FROM unnest(%(units)s::bigint[]) WITH ORDINALITY AS unit(id, place)
JOIN footprints_organisation AS successor
     ON successor.code = %(code)s || lpad((1 + (unit.place - 1) / %(each)s)::text, 5, '0')
"""


def make(plans: int):
    from django.core.management import call_command
    from django.db import transaction

    from accounts.models import Assignment, Flag, Team, Territory, TerritoryPlan, User
    from footprints.models import Organisation, Release, Reorganisation

    owner = User.objects.create(username="bench", email="bench@example.com", role="planner")
    User.objects.create(username="second", email="second@example.com", role="manager")
    team = Team.objects.create(name="Bench")
    units = Organisation.objects.of_kind(date(2022, 6, 30), kind="ccg").order_by("code")
    units = list(units.values_list("pk", flat=True))
    values = {
        "team": team.pk,
        "owner": owner.pk,
        "opened_on": date(2021, 4, 1),
        "plans": plans,
        "territories": TERRITORIES,
        "units": units,
        "each": UNITS,
    }
    many = Organisation.objects.of_kind(date(2026, 10, 31), kind="prescribing_cost_centre")
    many = list(many.order_by("code").values_list("pk", flat=True)[: 2 * ROWS])
    with transaction.atomic():
        for statement in PLANS.split(";\n"):
            print(f"{run(statement, values):>12,} rows")
        release = Release.objects.create(
            kind="event", source="bench", applied_at="2026-11-01T00:00Z"
        )
        # The first four of each band but the last two.
        bands = [-(-band * len(units) // TERRITORIES) for band in range(TERRITORIES - 2)]
        merging = [units[band + n] for band in bands for n in range(4)]
        events = [
            ("bench-mergers", MERGERS_ON, "sub_icb", "ZM", merging, 4),
            ("bench-many", MANY_ON, "prescribing_cost_centre", "ZZ", many, 2),
        ]
        for slug, on, kind, code, of, each in events:
            event = Reorganisation.objects.create(
                slug=slug, kind="merger", title=slug, effective_on=on, state="in_law"
            )
            into = len(of) // each
            facts = {"event": event.pk, "code": code, "into": into, "kind": kind, "on": on}
            for statement in MERGE.split(";\n"):
                run(statement, {**facts, "units": of, "each": each, "release": release.pk})
        plan = TerritoryPlan.objects.create(
            team=team, name="Many", state="active", owner=owner, opened_on=date(2021, 4, 1)
        )
        homes = [
            Territory(plan=plan, code=f"M{n}", name=f"M{n}", position=n)
            for n in range(TERRITORIES)
        ]
        homes = Territory.objects.bulk_create(homes)
        # One row of five has two territories in it.
        Assignment.objects.bulk_create(
            Assignment(
                plan=plan,
                territory=homes[(n // 10 + (n % 10 == 9)) % TERRITORIES],
                organisation_id=unit,
                opened_on=plan.opened_on,
            )
            for n, unit in enumerate(many)
        )
        Flag.objects.bulk_create(_flags(slugs=["bench-mergers"]), batch_size=5_000)
        Flag.objects.bulk_create(_flags(slugs=["bench-many"], plans=[plan.pk]))
    call_command("createcachetable", verbosity=0)
    run("ANALYZE")


def _flags(*, slugs, plans=None):
    from django.contrib.contenttypes.models import ContentType
    from django.utils.timezone import now

    from accounts.models import Flag, TerritoryPlan
    from footprints.models import Reorganisation

    if plans is None:
        plans = TerritoryPlan.objects.filter(name__startswith="Plan ").values_list("pk", flat=True)
    kind = ContentType.objects.get_for_model(TerritoryPlan)
    for event in Reorganisation.objects.filter(slug__in=slugs):
        for plan in plans:
            yield Flag(
                reorganisation=event, content_type=kind, object_id=plan, weight=1, raised_at=now()
            )


def run(statement: str, values=None) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


# --- Measuring ----------------------------------------------------------------------------------


def told(name: str, seconds: float, promise: float, *, floor: float | None = None) -> bool:
    """Print a line; return whether it stays under the promise, and twice the floor where given."""
    kept_it = seconds <= promise
    beside = ""
    if floor is not None:
        beside = f"  floor {floor:8.3f} s  {seconds / floor:5.2f} ×"
        kept_it &= seconds <= 2 * floor
    broken = "" if kept_it else "  BROKEN"
    print(f"{name:56} {seconds:8.3f} s  promise {promise:6.2f} s{beside}{broken}", flush=True)
    return kept_it


def at_work(work, rounds: int = 3) -> float:
    """Median seconds at work, of some rounds."""
    clock, taken = Busy(), []
    for _ in range(rounds):
        begun = clock()
        work()
        taken.append(clock() - begun)
    return median(taken)


FLAGS = """
INSERT INTO accounts_flag
    (reorganisation_id, content_type_id, object_id, owner_id, weight, raised_at)
SELECT DISTINCT touch.reorganisation_id, %(kind)s, held.plan_id, plan.owner_id, 1, now()
FROM footprints_touch AS touch
JOIN footprints_reorganisation AS event ON event.id = touch.reorganisation_id
JOIN accounts_assignment AS held ON held.organisation_id = touch.organisation_id
     AND (held.closed_on IS NULL OR held.closed_on > event.effective_on)
JOIN accounts_territoryplan AS plan ON plan.id = held.plan_id
     AND plan.opened_on < event.effective_on
WHERE touch.passes = 'area' AND event.id = ANY(%(events)s)
ON CONFLICT DO NOTHING
"""


def flagging() -> bool:
    """Flag 1 July 2022 for all plans; then a run with nothing to do."""
    from django.contrib.contenttypes.models import ContentType
    from django.db import transaction

    from accounts.models import TerritoryPlan
    from accounts.services.flags import raise_flags
    from footprints.models import Reorganisation

    raise_flags()  # whatever waits
    events = Reorganisation.objects.filter(effective_on=DAY)
    values = {
        "events": list(events.values_list("pk", flat=True)),
        "kind": ContentType.objects.get_for_model(TerritoryPlan).pk,
    }
    clock = Busy()
    whole, floors, idle, raised = [], [], [], 0
    for _ in range(3):
        with transaction.atomic():
            run("DELETE FROM accounts_flag WHERE reorganisation_id = ANY(%(events)s)", values)
            begun = clock()
            run(FLAGS, values)
            floors.append(clock() - begun)
            transaction.set_rollback(True)
        with transaction.atomic():
            run("DELETE FROM accounts_flag WHERE reorganisation_id = ANY(%(events)s)", values)
            events.revise()
            begun = clock()
            raised = raise_flags()
            whole.append(clock() - begun)
            begun = clock()
            raise_flags()
            idle.append(clock() - begun)
            transaction.set_rollback(True)
    print(f"{raised:,} flags")
    return all(
        [
            told("flagging 1 July 2022", median(whole), 10, floor=median(floors)),
            told("a flagging run with nothing to do", median(idle), 0.1),
        ]
    )


def radius() -> bool:
    """The blast radius of the event that touches most commissioners, as pages ask for it."""
    from accounts import radius as by_owner
    from footprints import blast_radius
    from footprints.models import Reorganisation

    event = Reorganisation.objects.get(slug="bench-mergers")
    groups = by_owner.by_owner(event)
    print(f"{sum(group.count for group in groups):,} rows touched")
    return all(
        [
            told("blast radius, counted", at_work(lambda: blast_radius.counted([event])), 1),
            told("blast radius, by owner", at_work(lambda: by_owner.by_owner(event)), 1),
        ]
    )


def sheet() -> bool:
    """Pages of the sheet of 10,000 rows, whole, through every layer."""
    from django.test import Client

    from accounts.models import Flag, User

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="bench"))
    flag = Flag.objects.get(reorganisation__slug="bench-many")
    address, told_all = flag.get_absolute_url() + "sheet/", []
    client.get(address)
    for name, query in (
        ("the first page of the sheet", ""),
        ("page 100", "?page=100"),
        ("the last page", "?page=200"),
        ("what is undecided, page 3", "?show=undecided&page=3"),
        ("conflicts, page 30", "?show=conflicts&page=30"),
    ):
        page = client.get(address + query)
        assert page.status_code == 200, page.status_code
        taken = at_work(lambda query=query: client.get(address + query), 7)
        told_all.append(told(name, taken, 0.12))
    return all(told_all)


BARE = """
UPDATE accounts_assignment AS held SET closed_on = %(day)s
FROM footprints_succession AS succession
WHERE succession.reorganisation_id = %(event)s AND succession.predecessor_id = held.organisation_id
"""


def day() -> bool:
    """Prepare, approve, apply and undo the day of mergers for all plans, by two workers."""
    from django.db import transaction

    from accounts.models import Flag, Job, JobSheet, SheetChange, User
    from footprints.models import Reorganisation

    event = Reorganisation.objects.get(slug="bench-mergers")
    flags = list(Flag.objects.filter(reorganisation=event).values_list("pk", flat=True))
    first, second = (User.objects.get(username=name) for name in ("bench", "second"))
    JobSheet.objects.filter(job__event=event).delete()
    Job.objects.filter(event=event).delete()
    forget(flags)
    before = _digest()
    with transaction.atomic():
        begun = time.perf_counter()
        run(BARE, {"day": MERGERS_ON, "event": event.pk})
        print(f"{'the closings alone, one bare UPDATE':56} {time.perf_counter() - begun:8.3f} s")
        transaction.set_rollback(True)
    run("VACUUM ANALYZE accounts_assignment")
    told_all = []
    for name, deed, by in (
        ("preparing all sheets", Job.Deed.PREPARE, first),
        ("approving all of them", Job.Deed.APPROVE, second),
        ("applying all of them", Job.Deed.APPLY, first),
        ("undoing all of them", Job.Deed.UNDO, first),
    ):
        told_all.append(told(name, by_workers(event, deed, flags, by), 60))
        if deed == Job.Deed.APPLY:
            closed = SheetChange.objects.exclude(deed="opened").count()
            opened = SheetChange.objects.filter(deed="opened").count()
            print(f"{closed:,} closed, {opened:,} opened")
    assert _digest() == before, "the undo left a trace"
    return all(told_all)


def by_workers(event, deed, flags: list[int], by) -> float:
    """Seconds from the beginning of this job to its end, with a worker in each lane."""
    from django.db import connection

    from accounts.sheets import jobs

    job = jobs.ask(event, deed, flags, by=by)
    command = [sys.executable, "-m", "bench.sheets", "work", "--job", str(job.pk)]
    command += ["--database", connection.settings_dict["NAME"], "--lane"]
    workers = [subprocess.Popen([*command, str(lane)]) for lane in jobs.lanes(job)]
    for worker in workers:
        assert worker.wait() == 0
    job.refresh_from_db()
    assert jobs.tally(job.lines)[:3] == (len(flags), 0, 0), jobs.tally(job.lines)
    return (job.ended_at - job.began_at).total_seconds()


def work(job: int, lane: int):
    from django.utils.timezone import localdate

    from accounts.models import Job
    from accounts.sheets import jobs

    jobs.work(Job.objects.get(pk=job), on=localdate(), lane=lane)


def forget(flags: list[int]):
    """Take sheets and their history away, those of an earlier run, of which nothing is applied."""
    from accounts.models import Sheet, SheetDeed

    sheets = Sheet.objects.filter(flag__in=flags, applied_at=None)
    SheetDeed.objects.filter(sheet__in=sheets.values("pk")).delete()
    sheets.delete()


def _digest():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(hashtextextended(held::text, 0)) "
            "FROM accounts_assignment AS held"
        )
        return cursor.fetchone()


def approve(flags: list[int]):
    """Put the sheets of these flags where preparing and approving would."""
    from django.utils.timezone import now

    from accounts.models import Flag, Sheet, User
    from accounts.sheets.planning import planned_of

    first, second = (User.objects.get(username=name) for name in ("bench", "second"))
    rows = Flag.objects.filter(pk__in=flags).select_related("reorganisation")
    Sheet.objects.bulk_create(
        Sheet(
            flag=current.sheet.flag,
            prepared_by=first,
            prepared_at=now(),
            approved_by=second,
            approved_at=now(),
            fingerprint=current.fingerprint,
            changes=current.listing,
        )
        for current in planned_of([Sheet(flag=flag) for flag in rows])
    )


STOOD = ["prepared_by", "prepared_at", "approved_by", "approved_at", "fingerprint", "changes"]


def growth(large: str, small: str) -> bool:
    """Apply and undo the sheets of 500 plans beside many plans, and beside fewer."""
    from accounts.models import Flag, Sheet, User
    from accounts.sheets import applying, undoing

    taken = {}
    for name in (small, large):
        with kept(name):
            flags = Flag.objects.filter(reorganisation__slug="bench-mergers").order_by("pk")
            flags = list(flags.values_list("pk", flat=True)[:500])
            forget(flags)
            by = User.objects.get(username="bench")
            # What earlier runs left behind is none of the growth.
            run("VACUUM ANALYZE accounts_assignment, accounts_sheetchange, accounts_sheet")
            clock, each = Busy(), []
            approve(flags)
            saved = {sheet.pk: sheet for sheet in Sheet.objects.filter(flag__in=flags)}
            for _ in range(5):
                begun = clock()
                applying.apply_sheets(flags, by=by)
                undoing.undo_sheets(flags, by=by)
                each.append(clock() - begun)
                Sheet.objects.bulk_update(saved.values(), STOOD)
            taken[name] = median(each)
            Sheet.objects.filter(pk__in=saved).update(undone_by=None, undone_at=None)
    ratio = taken[large] / taken[small]
    print(f"500 plans of few {taken[small]:.3f} s, of many {taken[large]:.3f} s: {ratio:.2f} ×")
    return ratio <= 1.2


if __name__ == "__main__":
    sys.exit(main())
