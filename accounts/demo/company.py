"""Founds the demo company over a loaded register, in one transaction."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from footprints.models import LeadProvider, Organisation, Relationship
from footprints.written import day_in_full

from ..models import (
    Assignment,
    CoverageRole,
    DataSupplier,
    Freeze,
    Pace,
    RosterEntry,
    Team,
    Territory,
    TerritoryPlan,
    UrgencyRule,
    User,
)
from ..watches import keeping
from . import LOGINS, contacts, tables

DOMAIN = "marlstone.example"


class DemoRefused(Exception):
    """The demo company cannot be founded here; the message says what to do."""


@dataclass(frozen=True)
class Founded:
    """How many rows were made, by what they are; all 0 where the company was here already."""

    teams: int = 0
    colleagues: int = 0
    plans: int = 0
    territories: int = 0
    assignments: int = 0
    people: int = 0
    posts: int = 0
    logins: int = 0

    def __bool__(self):
        return any(vars(self).values())


@transaction.atomic
def found(*, logins: bool) -> Founded:
    """Create Marlstone Medicines with its plans and contacts; a second run changes nothing.

    ``logins`` opens the accounts of ``LOGINS`` with their well-known passwords: true in a trial
    only. Everybody else gets no password. Raises DemoRefused where the register is not loaded,
    or where a team of the same name is somebody else's.
    """
    with connection.cursor() as cursor:  # two at once would both find nobody here
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accounts.demo'))")
    if User.objects.filter(email__endswith=f"@{DOMAIN}").exists():
        return Founded(logins=_open_logins() if logins else 0)
    _refuse_without_register()
    taken = Team.objects.filter(name__in=[row.name for row in tables.teams()])
    if taken:
        names = ", ".join(team.name for team in taken)
        raise DemoRefused(
            f"There are teams called {names} already, and they are not the demo company's. "
            "Load the demo company into an empty database."
        )

    teams = _form_teams()
    users = _hire(teams)
    plans, territories, assignments = _draw_plans(teams, users)
    people, posts = contacts.invent()
    for row in tables.watches():  # the clock has them go along
        body = Organisation.objects.get(code=row.code)
        keeping.watch(users[row.username], organisation=body, on=row.opened_on)
    # Who tries it out wants to see every letter now, not tomorrow at seven.
    UrgencyRule.objects.get_or_create(position=1, defaults={"pace": Pace.AT_ONCE})
    return Founded(
        teams=len(teams),
        colleagues=len(users),
        plans=len(plans),
        territories=len(territories),
        assignments=len(assignments),
        people=people,
        posts=posts,
        logins=_open_logins() if logins else 0,
    )


def _refuse_without_register():
    missing = [
        plan.name for plan in tables.plans() if not all(_units(plan, day) for day in _days(plan))
    ]
    if missing:
        raise DemoRefused(
            f"The register does not hold the bodies of {', '.join(missing)}. "
            "Load it first: ./run load_register"
        )


def _form_teams() -> dict[str, Team]:
    """Create the teams with their calendars; return them by name."""
    named = {}
    for name, lag in tables.suppliers().items():  # somebody may have data of the same name
        named[name], _ = DataSupplier.objects.get_or_create(
            name=name, defaults={"lag_months": lag}
        )
    teams = Team.objects.bulk_create(
        Team(
            name=row.name,
            is_walled=row.is_walled,
            cycle_months=row.cycle_months,
            cycle_on=row.cycle_on,
            supplier=named.get(row.supplier),
            credit=row.credit,
        )
        for row in tables.teams()
    )
    by_name = {team.name: team for team in teams}
    Freeze.objects.bulk_create(
        Freeze(
            team=by_name[row.team],
            opened_on=row.opened_on,
            closed_on=row.closed_on,
            reason=row.reason,
        )
        for row in tables.freezes()
    )
    return by_name


def _hire(teams: dict[str, Team]) -> dict[str, User]:
    """Create every colleague, without a password; return them by user name."""
    users = User.objects.bulk_create(
        User(
            username=row.username,
            first_name=row.given_name,
            last_name=row.family_name,
            email=f"{row.given_name}.{row.family_name}@{DOMAIN}".lower(),
            role=row.role,
            team=teams.get(row.team),
            password=make_password(None),
            # Whoever stewards the data does so in the admin; the role says what they may do.
            is_staff=row.role == User.Role.STEWARD,
        )
        for row in tables.colleagues()
    )
    return {user.username: user for user in users}


def _open_logins() -> int:
    """Give the demo's well-known passwords to those who have none yet; return how many."""
    passwords = {username: password for _, username, password in LOGINS}
    closed = [
        user
        for user in User.objects.filter(
            username__in=passwords, email__endswith=f"@{DOMAIN}"
        ).select_for_update()
        if not user.has_usable_password()
    ]
    for user in closed:
        user.set_password(passwords[user.username])
    User.objects.bulk_update(closed, ["password"])
    return len(closed)


def _draw_plans(teams, users):
    rows = tables.plans()
    plans = TerritoryPlan.objects.bulk_create(
        TerritoryPlan(
            team=teams[row.team],
            name=row.name,
            brands=row.brands,
            state=row.state,
            owner=users["planner"],
            opened_on=row.opened_on,
            closed_on=row.closed_on,
        )
        for row in rows
    )
    plan_of = {row.key: plan for row, plan in zip(rows, plans, strict=True)}
    territory_rows = tables.territories()
    territories = Territory.objects.bulk_create(
        Territory(plan=plan_of[row.plan], code=row.code, name=row.name, position=position)
        for position, row in enumerate(territory_rows, start=1)
    )
    territory_of = {(t.plan_id, t.code): t for t in territories}
    owners = (
        RosterEntry(
            territory=territory,
            user=users[row.owner],
            opened_on=plan_of[row.plan].opened_on,
            closed_on=plan_of[row.plan].closed_on,
        )
        for row, territory in zip(territory_rows, territories, strict=True)
        if row.owner
    )
    others = (
        RosterEntry(
            territory=territory_of[plan_of[row.plan].pk, row.territory],
            user=users[row.username],
            role=row.role,
            opened_on=row.opened_on,
            closed_on=row.closed_on,
        )
        for row in tables.roster()
    )
    RosterEntry.objects.bulk_create([*owners, *others])
    assignments = []
    for row in rows:
        patches = [patch for patch in territory_rows if patch.plan == row.key]
        plan = plan_of[row.key]
        assignments += Assignment.objects.bulk_create(
            Assignment(
                plan=plan,
                territory=territory_of[plan.pk, code],
                organisation_id=organisation,
                role=CoverageRole.OWNER,
                opened_on=opened_on,
                closed_on=closed_on,
            )
            for organisation, code, opened_on, closed_on in alignment(row, patches)
        )
    return plans, territories, assignments


def alignment(plan: tables.PlanRow, patches: list[tables.TerritoryRow]):
    """Lay a plan's territories over the register of the plan's own days.

    Yields (organisation key, territory code, opened_on, closed_on), half open. On the first day,
    and again on the day it was redrawn, every unit that lives belongs to the territory that names
    it, else to the one that names its parent: the finer beats the coarser. A unit that is gone
    when the plan is redrawn ends that day; between those days nobody looked. Raises DemoRefused
    for a unit that no territory, or more than one, claims.
    """
    began = {}
    for day in _days(plan):
        now = _territory_of_units(plan, patches, day)
        for unit, opened_on in [*began.items()]:
            if unit not in now.items():
                yield *unit, opened_on, day
                del began[unit]
        for unit in now.items():
            began.setdefault(unit, day)
    for unit, opened_on in began.items():
        yield *unit, opened_on, plan.closed_on


def _days(plan):
    return [day for day in (plan.opened_on, plan.redrawn_on) if day]


def _territory_of_units(plan, patches, day) -> dict[int, str]:
    named = {code: patch.code for patch in patches for code in patch.units}
    if twice := [c for c, n in Counter(c for p in patches for c in p.units).items() if n > 1]:
        raise DemoRefused(f"{plan.name}: two territories name {', '.join(sorted(twice))}.")
    units = _units(plan, day)
    claims = {unit: set() for unit in units}
    parents = Relationship.objects.live(day).filter(
        type__in=[Relationship.Type.PART_OF, Relationship.Type.MEMBER_OF],
        child__in=units,
        parent__code__in=named,
    )
    for child, parent in parents.values_list("child", "parent__code"):
        claims[child].add(named[parent])
    for unit, code in units.items():
        if code in named:
            claims[unit] = {named[code]}
    unsure = sorted(units[unit] for unit, codes in claims.items() if len(codes) != 1)
    if unsure:
        raise DemoRefused(
            f"{plan.name}, {day_in_full(day)}: not in exactly one territory: {', '.join(unsure)}."
        )
    return {unit: codes.pop() for unit, codes in claims.items()}


def _units(plan: tables.PlanRow, day: date) -> dict[int, str]:
    """Key → code of every body that the plan assigns on that day, in order of code."""
    if plan.units == ("lead_provider",):
        leads = LeadProvider.objects.now().on(day).values("provider")
        # A collaborative may still name a provider that has closed: RRP, to name one.
        bodies = Organisation.objects.of_kind(day).filter(pk__in=leads)
    else:
        bodies = Organisation.objects.of_kind(day, kind__in=plan.units).filter(
            is_provisional=False
        )
    bodies = bodies.exclude(code__in=plan.leaves_out).order_by("code")
    return dict(bodies.values_list("pk", "code"))
