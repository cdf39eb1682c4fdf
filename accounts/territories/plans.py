"""The deeds on a territory plan: each one transaction, each makes the plan news for flagging.

Every deed adds one to the plan's `revision` in its own transaction, before anything else: so the
plan's row is locked while it changes, deeds on one plan come one after another, and flagging sees
the change or none of it.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count

from django.db import IntegrityError, transaction
from django.db.models import Min, Q, Value
from django.db.models.functions import Concat, Lower

from footprints.models import Organisation, Version
from footprints.written import day_in_full

from ..models import Assignment, CoverageRole, RosterEntry, Team, Territory, TerritoryPlan, User
from .alignment import LONGEST_CODE
from .resolving import Resolved

log = logging.getLogger(__name__)


class PlanError(Exception):
    """A deed that a plan cannot take, in the reader's words."""


class OutsideThePlan(PlanError):
    """A day on which the plan does not hold."""


class NotUnits(PlanError):
    """Organisations that no plan can assign from that day; `codes` names them."""

    def __init__(self, codes: Collection[str], day: date):
        self.codes = sorted(codes)
        shown = ", ".join(self.codes[:10])
        more = f" and {len(self.codes) - 10} more" if len(self.codes) > 10 else ""
        super().__init__(f"Not a unit that lives on {day_in_full(day)}: {shown}{more}.")


class CodeTaken(PlanError):
    """The plan has a territory of that code already."""


class StillInUse(PlanError):
    """A territory that holds or held units: its history would go with it."""


@dataclass(frozen=True)
class Assigned:
    """What `assign_units` did: units new to the role, moved from another territory, left as is."""

    added: int
    moved: int
    already: int

    @property
    def changed(self) -> int:
        return self.added + self.moved


def may_plan(user: User) -> bool:
    """Whether the user makes and changes plans; what a plan shows them is `visible_to`."""
    return user.role in User.Role.planning()


def plans_changeable_by(user: User):
    """Plans the user may change: for planners and managers, the visible drafts and active ones."""
    plans = TerritoryPlan.objects.visible_to(user)
    changeable = plans.filter(state__in=TerritoryPlan.State.changeable())
    return changeable if may_plan(user) else plans.none()


def may_change(plan: TerritoryPlan, user: User) -> bool:
    """Whether the user may change a plan that is known to be visible to them."""
    return may_plan(user) and plan.state in TerritoryPlan.State.changeable()


def territories_changeable_by(user: User):
    """Territories of the plans that the user may change."""
    return Territory.objects.filter(plan__in=plans_changeable_by(user))


def teams_open_to(user: User):
    """Teams whose plans the user may make: their own, and any that is not walled."""
    return Team.objects.filter(Q(is_walled=False) | Q(pk=user.team_id))


@transaction.atomic
def make_plan(
    *,
    team: Team,
    name: str,
    opened_on: date,
    by: User,
    brands: str = "",
    closed_on: date | None = None,
) -> TerritoryPlan:
    """Make an empty draft plan that holds from `opened_on` until before `closed_on`."""
    plan = TerritoryPlan.objects.create(
        team=team, name=name, brands=brands, owner=by, opened_on=opened_on, closed_on=closed_on
    )
    log.info("Plan %s made by %s", plan.pk, by)
    return plan


@transaction.atomic
def make_plan_of(
    lines: Iterable[Resolved],
    *,
    team: Team,
    name: str,
    opened_on: date,
    by: User,
    brands: str = "",
) -> TerritoryPlan:
    """Make a draft plan of an alignment that was brought in: its territories, owners and units.

    `lines` are resolved for `opened_on`; a unit that several lines name counts once. An owner who
    signs in by that name, username or address is put on the roster as that user; any other name
    is kept as it was written. A territory takes its first name and its first owner.
    """
    plan = make_plan(team=team, name=name, brands=brands, opened_on=opened_on, by=by)
    lines = list(lines)
    drawn = _draw_territories(plan, [found.line for found in lines])
    units = {found.body.pk: drawn[found.line.territory.casefold()] for found in lines}
    Territory.objects.bulk_create(drawn.values())
    Assignment.objects.bulk_create(
        [
            Assignment(
                plan=plan,
                territory=territory,
                organisation_id=key,
                opened_on=opened_on,
            )
            for key, territory in units.items()
        ],
        batch_size=2000,
    )
    owners = {}
    for found in lines:
        if found.line.owner:
            owners.setdefault(found.line.territory.casefold(), found.line.owner)
    users = _users_called(set(owners.values()))
    RosterEntry.objects.bulk_create(
        RosterEntry(
            territory=drawn[key],
            user=users.get(owner.casefold()),
            name="" if owner.casefold() in users else owner,
            opened_on=opened_on,
        )
        for key, owner in owners.items()
    )
    log.info("Plan %s brought in by %s: %d units", plan.pk, by, len(units))
    return plan


def _draw_territories(plan, lines):
    """Return {what was written, casefolded: Territory} in the order of the lines, unsaved.

    A code has 20 characters: a longer text is the territory's name, and gets a number for a code.
    """
    written = {}
    for line in lines:
        names = written.setdefault(line.territory.casefold(), [line.territory, ""])
        names[1] = names[1] or line.territory_name
    taken = {key for key in written if len(key) <= LONGEST_CODE}
    free = (f"T{number:02}" for number in count(1) if f"t{number:02}" not in taken)
    drawn = {}
    for position, (key, (text, name)) in enumerate(written.items()):
        code = text if len(text) <= LONGEST_CODE else next(free)
        drawn[key] = Territory(plan=plan, code=code, name=name or text, position=position)
    return drawn


def _users_called(names):
    """Return {casefolded name: user} for those that one active user goes by, and one alone."""
    wanted = [name.casefold() for name in names]
    rows = (
        User.objects.filter(is_active=True)
        .annotate(
            full=Lower(Concat("first_name", Value(" "), "last_name")),
            sign_in=Lower("username"),
            address=Lower("email"),
        )
        .filter(Q(full__in=wanted) | Q(sign_in__in=wanted) | Q(address__in=wanted))
    )
    found = defaultdict(set)
    for user in rows:
        for text in {user.full, user.sign_in, user.address} & set(wanted):
            found[text].add(user)
    return {text: users.pop() for text, users in found.items() if len(users) == 1}


@transaction.atomic
def rename_plan(plan: TerritoryPlan, *, name: str, brands: str, by: User) -> None:
    """Give the plan another name and other brands."""
    _changed(plan)
    TerritoryPlan.objects.filter(pk=plan.pk).update(name=name, brands=brands)
    log.info("Plan %s renamed %r by %s", plan.pk, name, by)


@transaction.atomic
def set_state(plan: TerritoryPlan, state: str, *, by: User) -> None:
    """Make the plan active, a draft again, or archived; an archived one no longer changes."""
    _changed(plan)
    TerritoryPlan.objects.filter(pk=plan.pk).update(state=TerritoryPlan.State(state))
    log.info("Plan %s is %s by %s", plan.pk, state, by)


def add_territory(plan: TerritoryPlan, *, code: str, name: str = "", by: User) -> Territory:
    """Add a territory at the end of the plan. Raises CodeTaken."""
    with _code_taken(code), transaction.atomic():
        _changed(plan)
        position = plan.territories.count()
        territory = plan.territories.create(code=code, name=name or code, position=position)
        log.info("Territory %s added to plan %s by %s", code, plan.pk, by)
        return territory


def rename_territory(territory: Territory, *, code: str, name: str, by: User) -> None:
    """Give the territory another code and name. Raises CodeTaken."""
    with _code_taken(code), transaction.atomic():
        _changed(territory.plan)
        Territory.objects.filter(pk=territory.pk).update(code=code, name=name or code)
        log.info("Territory %s is now %s %s by %s", territory.pk, code, name, by)


def is_used(territory: Territory) -> bool:
    """Whether anything names the territory: units that it holds or held, decisions, parts."""
    return (
        territory.assignments.exists()
        or territory.children.exists()
        or territory.decisions.exists()
        or territory.led_decisions.exists()
        or territory.sheet_changes.exists()
        or territory.leads.exists()
    )


@transaction.atomic
def remove_territory(territory: Territory, *, by: User) -> None:
    """Take away a territory that never held a unit. Raises StillInUse for any other."""
    _changed(territory.plan)
    if is_used(territory):
        raise StillInUse(f"{territory} holds or held units; its history stays.")
    territory.delete()
    log.info("Territory %s of plan %s removed by %s", territory.code, territory.plan_id, by)


@transaction.atomic
def assign_units(
    plan: TerritoryPlan,
    territory: Territory,
    organisations: Iterable[Organisation],
    role: str = CoverageRole.OWNER,
    *,
    opened_on: date,
    by: User,
) -> Assigned:
    """Let the units belong to the territory, in that role, from `opened_on` on.

    A unit that belongs to another territory leaves it the day before; one that came to it that
    very day never was there, and one that comes back to where it was the day before never left. A
    later change that the plan already holds stands: the unit belongs to the territory until then.
    Run again, it changes nothing.

    Raises OutsideThePlan for a day outside the plan's life, NotUnits where an organisation is not
    a unit that lives on that day; then nothing has changed.
    """
    _changed(plan)
    _within(plan, opened_on)
    return _assign(plan, territory, organisations, role, opened_on, by, {})


@transaction.atomic
def unassign_units(
    plan: TerritoryPlan,
    organisations: Iterable[Organisation],
    role: str = CoverageRole.OWNER,
    *,
    closed_on: date,
    by: User,
) -> int:
    """Let the units belong to no territory from `closed_on` on; return how many did.

    The day before is their last; what began on that very day never was. Later changes stand.
    """
    _changed(plan)
    _within(plan, closed_on)
    return _unassign(plan, organisations, role, closed_on, by)


@transaction.atomic
def move_units(
    plan: TerritoryPlan,
    homes: Mapping[Territory | None, Collection[Organisation]],
    role: str,
    *,
    from_on: date,
    by: User,
    until: Mapping[int, date] | None = None,
) -> None:
    """Assign each set of units to its territory, or free it (None), from a day on: one deed.

    `until` says of an organisation's key by which day it leaves its territory at the latest. Adds
    one to the plan's revision, however many sets there are. Raises as `assign_units` does.
    """
    _changed(plan)
    _within(plan, from_on)
    for territory, organisations in homes.items():
        if territory is None:
            _unassign(plan, organisations, role, from_on, by)
        else:
            _assign(plan, territory, organisations, role, from_on, by, until or {})


def _assign(plan, territory, organisations, role, opened_on, by, at_the_latest):
    keys = {organisation.pk for organisation in organisations}
    lives = set(
        Version.objects.now()
        .on(opened_on)
        .filter(organisation__in=keys, kind__is_unit=True)
        .values_list("organisation", flat=True)
    )
    if keys - lives:
        dead = Organisation.objects.filter(pk__in=keys - lives)
        raise NotUnits(dead.values_list("code", flat=True), opened_on)

    held = Assignment.objects.filter(plan=plan, role=role, organisation__in=keys)
    covering = held.on(opened_on)
    stands = list(covering.values_list("organisation", "territory", "opened_on", "closed_on"))
    already = {unit for unit, home, _, _ in stands if home == territory.pk}
    until = _until(held, stands, opened_on, at_the_latest)
    moving = covering.exclude(territory=territory)
    replaced = sum(unit not in already and first == opened_on for unit, _, first, _ in stands)
    moving.filter(opened_on=opened_on).delete()
    # Half open: the last day there is the day before.
    moved = moving.update(closed_on=opened_on) + replaced
    coming = keys - already
    left = held.filter(territory=territory, closed_on=opened_on, organisation__in=coming)
    back = set(left.values_list("organisation", flat=True))
    for day in {until.get(key) for key in back}:  # few: most are None
        of_that_day = [key for key in back if until.get(key) == day]
        left.filter(organisation__in=of_that_day).update(closed_on=day)
    Assignment.objects.bulk_create(
        [
            Assignment(
                plan=plan,
                territory=territory,
                organisation_id=key,
                role=role,
                opened_on=opened_on,
                closed_on=until.get(key),
            )
            for key in sorted(coming - back)
        ],
        batch_size=2000,
    )
    log.info(
        "Plan %s: %d units to %s from %s by %s", plan.pk, len(coming), territory, opened_on, by
    )
    return Assigned(added=len(coming) - moved, moved=moved, already=len(already))


def _until(held, stands, opened_on, at_the_latest):
    """Organisation → the first day on which it is elsewhere: as the plan holds already."""
    until = dict(at_the_latest)
    leaving = [(unit, closed_on) for unit, _, _, closed_on in stands if closed_on]
    coming = held.filter(opened_on__gt=opened_on).values_list("organisation")
    for key, day in [*leaving, *coming.annotate(Min("opened_on"))]:
        until[key] = min(day, until.get(key, day))
    return until


def _unassign(plan, organisations, role, closed_on, by):
    keys = {organisation.pk for organisation in organisations}
    held = Assignment.objects.filter(plan=plan, role=role, organisation__in=keys).on(closed_on)
    never, _ = held.filter(opened_on=closed_on).delete()
    ended = held.update(closed_on=closed_on)
    log.info("Plan %s: %d units freed from %s by %s", plan.pk, never + ended, closed_on, by)
    return never + ended


@transaction.atomic
def put_on_roster(
    territory: Territory,
    *,
    opened_on: date,
    by: User,
    user: User | None = None,
    name: str = "",
    role: str = CoverageRole.OWNER,
) -> RosterEntry:
    """Let somebody work the territory from that day: a user, or a name nobody signs in by.

    An owner follows the one before, who leaves the day before; other roles stand side by side.
    A later owner stands: this one then works it until their first day.
    """
    _changed(territory.plan)
    _within(territory.plan, opened_on)
    same = territory.roster.filter(role=role)
    if role != CoverageRole.OWNER:
        same = same.filter(user=user, name="" if user else name)
    same.on(opened_on).filter(opened_on=opened_on).delete()
    same.on(opened_on).update(closed_on=opened_on)
    later = same.filter(opened_on__gt=opened_on).aggregate(day=Min("opened_on"))["day"]
    entry = territory.roster.create(
        user=user, name="" if user else name, role=role, opened_on=opened_on, closed_on=later
    )
    log.info("Territory %s: %s is %s from %s by %s", territory.pk, entry, role, opened_on, by)
    return entry


@transaction.atomic
def leave_vacant(territory: Territory, *, closed_on: date, by: User) -> int:
    """Let the territory have no owner from that day; return how many left."""
    _changed(territory.plan)
    _within(territory.plan, closed_on)
    owners = territory.roster.filter(role=CoverageRole.OWNER).on(closed_on)
    never, _ = owners.filter(opened_on=closed_on).delete()
    left = owners.update(closed_on=closed_on) + never
    log.info("Territory %s vacant from %s by %s", territory.pk, closed_on, by)
    return left


def _changed(plan):
    TerritoryPlan.objects.filter(pk=plan.pk).revise()


def _within(plan, day):
    if plan.day_for(day) != day:
        raise OutsideThePlan(
            f"{plan} does not hold on {day_in_full(day)}; the nearest day is "
            f"{day_in_full(plan.day_for(day))}."
        )


@contextmanager
def _code_taken(code):
    """Say which code is taken, where the constraint refuses it."""
    try:
        yield
    except IntegrityError as error:
        if "territory_code_once_a_plan" not in str(error):
            raise
        raise CodeTaken(f"This plan has a territory {code} already.") from error
