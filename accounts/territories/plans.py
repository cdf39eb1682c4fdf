"""The deeds on a territory plan: each one transaction, each makes the plan news for flagging.

Every deed adds one to the plan's `revision` in its own transaction, before anything else: so the
plan's row is locked while it changes, deeds on one plan come one after another, and flagging sees
the change or none of it. At its end it leaves a line of the plan's history (`history.tell`).
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import Max, Min, Q
from django.utils.timezone import now

from footprints.models import Kind, Organisation, Version
from footprints.written import day_in_full, period

from ..models import (
    Assignment,
    Challenge,
    PlanStep,
    RosterEntry,
    Team,
    Territory,
    TerritoryPlan,
    User,
)
from .history import differences, tell, tell_of_move

log = logging.getLogger(__name__)


class PlanError(Exception):
    """A deed that a plan cannot take, in the reader's words."""


class Standing(PlanError):
    """A plan that stands as it is: submitted, approved, or put away."""

    def __init__(self, plan: TerritoryPlan):
        is_over = plan.state == TerritoryPlan.State.SUPERSEDED
        way = "Have a manager bring it back" if is_over else "Make it a draft again"
        super().__init__(
            f"{plan} is {plan.get_state_display().lower()} and stands as it is. "
            f"{way}, or change a copy of it."
        )


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


class UnderItself(PlanError):
    """A territory that would lie, by way of others, under itself."""


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
    closed_on: date | None = None,
    kinds: Iterable[Kind] = (),
    **settings,
) -> TerritoryPlan:
    """Make an empty draft plan that holds from `opened_on` until before `closed_on`.

    `settings` are brands, role, nations, replaces and activates_on, each by its own default.
    """
    plan = TerritoryPlan.objects.create(
        team=team, name=name, owner=by, opened_on=opened_on, closed_on=closed_on, **settings
    )
    plan.kinds.set(kinds)
    plan.steps.create(deed=PlanStep.Deed.MADE, by=by, at=now(), revision=plan.revision)
    log.info("Plan %s made by %s", plan.pk, by)
    return plan


@transaction.atomic
def edit_plan(plan: TerritoryPlan, *, by: User, kinds: Iterable[Kind], **settings) -> None:
    """Give the plan other settings: name, brands, role, nations, days, what it replaces.

    What began with a draft begins with it still when its first day moves. What it holds in its old
    role, it holds in the new one. Raises Standing for a plan that does not change.
    """
    changed(plan)
    before = TerritoryPlan.objects.get(pk=plan.pk)
    old_kinds = _kinds(plan)
    try:
        with transaction.atomic():
            TerritoryPlan.objects.filter(pk=plan.pk).update(**settings)
            day, first = settings.get("opened_on", before.opened_on), before.opened_on
            if day != first:
                going_on = Q(closed_on=None) | Q(closed_on__gt=day)
                plan.assignments.filter(going_on, opened_on=first).update(opened_on=day)
                roster = RosterEntry.objects.filter(territory__plan=plan)
                roster.filter(going_on, opened_on=first).update(opened_on=day)
                plan.leads.filter(going_on, opened_on=first).update(opened_on=day)
            if (role := settings.get("role", before.role)) != before.role:
                plan.assignments.filter(role=before.role).update(role=role)
    except IntegrityError as error:
        if "at_a_time" not in str(error):
            raise
        raise PlanError(
            "With these settings a unit or a territory would have two owners on one day: "
            "the plan holds something else there already."
        ) from error
    plan.kinds.set(kinds)
    said = differences(before, settings)
    if (new_kinds := _kinds(plan)) != old_kinds:
        said.append(f"kinds of unit: {old_kinds} → {new_kinds}")
    if said:
        tell(plan, f"Settings: {'; '.join(said)}", by=by)
    log.info("Plan %s: other settings by %s", plan.pk, by)


def _kinds(plan):
    return ", ".join(map(str, plan.kinds.all())) or "none"


def add_territory(
    plan: TerritoryPlan,
    *,
    code: str,
    name: str = "",
    position: int | None = None,
    by: User,
    **fields,
) -> Territory:
    """Add a territory, at the end of the plan unless `position` says where.

    `fields` are parent, colour, notes and capacity. Raises CodeTaken.
    """
    with _code_taken(code), transaction.atomic():
        changed(plan)
        if position is None:
            last = plan.territories.aggregate(last=Max("position"))["last"]
            position = 0 if last is None else last + 1
        territory = plan.territories.create(
            code=code, name=name or code, position=position, **fields
        )
        tell(plan, f"Territory {territory} added", by=by)
        log.info("Territory %s added to plan %s by %s", code, plan.pk, by)
        return territory


def edit_territory(
    territory: Territory, *, code: str, name: str, parent: Territory | None, by: User, **fields
) -> None:
    """Give the territory another code, name, place, colour, notes or capacity.

    Raises CodeTaken, and UnderItself where the territories would lie in a circle.
    """
    with _code_taken(code), transaction.atomic():
        changed(territory.plan)
        above = dict(territory.plan.territories.values_list("pk", "parent"))
        key, way = parent and parent.pk, []
        while key is not None and key not in way:
            way.append(key)
            key = above.get(key)
        if territory.pk in way:
            raise UnderItself(f"{parent} lies under {territory}: it cannot lie above it too.")
        before = Territory.objects.get(pk=territory.pk)
        fields |= {"code": code, "name": name or code, "parent": parent}
        if said := differences(before, fields):
            tell(territory.plan, f"Territory {before}: {'; '.join(said)}", by=by)
        Territory.objects.filter(pk=territory.pk).update(**fields)
        log.info("Territory %s is now %s %s by %s", territory.pk, code, name, by)


def is_used(territory: Territory) -> bool:
    """Whether anything names the territory that would be lost with it: units that it holds or
    held, decisions, what was said of it in a challenge."""
    named = Q(territory=territory) | Q(wanted=territory) | Q(granted=territory)
    return (
        territory.assignments.exists()
        or territory.children.exists()
        or territory.decisions.exists()
        or territory.led_decisions.exists()
        or territory.sheet_changes.exists()
        or Challenge.objects.filter(named).exists()
        # Those that a copy brought along have no history here.
        or territory.leads.filter(made_by__isnull=False).exists()
    )


def goes_with(territory: Territory) -> list[str]:
    """What is taken away with the territory, in words: who works it, leads that a copy brought
    along, declared parts."""
    people = [
        f"{entry}, {entry.get_role_display().lower()} ({period(entry.opened_on, entry.closed_on)})"
        for entry in territory.roster.select_related("user").order_by("opened_on", "pk")
    ]
    bodies = [
        f"{what} {code}"
        for what, rows in (
            ("the account lead on", territory.leads),
            ("the declared part in", territory.shares),
        )
        for code in rows.order_by("organisation__code").values_list(
            "organisation__code", flat=True
        )
    ]
    return [*people, *bodies]


@transaction.atomic
def remove_territory(territory: Territory, *, by: User) -> None:
    """Take away a territory that never held a unit, with all of `goes_with`.

    Raises StillInUse for any other.
    """
    changed(territory.plan)
    if is_used(territory):
        raise StillInUse(
            f"{territory} holds or held units, or is spoken of in a challenge; its history stays."
        )
    says = f"Territory {territory} removed"
    if gone := goes_with(territory):
        says += f", and with it: {'; '.join(gone)}"
    tell(territory.plan, says, by=by)
    territory.leads.all().delete()
    territory.delete()
    log.info("Territory %s of plan %s removed by %s", territory.code, territory.plan_id, by)


@transaction.atomic
def assign_units(
    plan: TerritoryPlan,
    territory: Territory,
    organisations: Iterable[Organisation],
    role: str | None = None,
    *,
    opened_on: date,
    by: User,
    because: str = "",
) -> Assigned:
    """Let the units belong to the territory, in that role or the plan's, from `opened_on` on.

    A unit that belongs to another territory leaves it the day before; one that came to it that
    very day never was there, and one that comes back to where it was the day before never left. A
    later change that the plan already holds stands: the unit belongs to the territory until then.
    `because` is told with it. Run again, it changes nothing.

    Raises OutsideThePlan for a day outside the plan's life, NotUnits where an organisation is not
    a unit that lives on that day; then nothing has changed.
    """
    role, organisations = role or plan.role, list(organisations)
    rows = move_units(plan, {territory: organisations}, role, from_on=opened_on, by=by)
    tell_of_move(plan, rows, f"to {territory}", from_on=opened_on, by=by, because=because)
    added = sum(before is None for _, _, before, *_ in rows)
    already = len({organisation.pk for organisation in organisations}) - len(rows)
    return Assigned(added=added, moved=len(rows) - added, already=already)


@transaction.atomic
def unassign_units(
    plan: TerritoryPlan,
    organisations: Iterable[Organisation],
    role: str | None = None,
    *,
    closed_on: date,
    by: User,
) -> int:
    """Let the units belong to no territory from `closed_on` on; return how many did.

    In that role, or the plan's. The day before is their last; what began on that very day never
    was. Later changes stand.
    """
    role = role or plan.role
    rows = move_units(plan, {None: organisations}, role, from_on=closed_on, by=by)
    tell_of_move(plan, rows, "freed", from_on=closed_on, by=by)
    return len(rows)


@transaction.atomic
def move_units(
    plan: TerritoryPlan,
    homes: Mapping[Territory | None, Collection[Organisation]],
    role: str,
    *,
    from_on: date,
    by: User,
    until: Mapping[int, date] | None = None,
) -> list[list]:
    """Assign each set of units to its territory, or free it (None), from a day on: one deed.

    Returns a row of PlanChange for each unit that moved. It is the caller who tells of it: an
    undo is told by what it undoes. `until` says of an organisation's key by which day it leaves
    its territory at the latest. Adds one to the plan's revision, however many sets there are.
    Raises as `assign_units` does.
    """
    changed(plan)
    within(plan, from_on)
    rows = []
    for territory, organisations in homes.items():
        if territory is None:
            rows += _unassign(plan, organisations, role, from_on, by)
        else:
            rows += _assign(plan, territory, organisations, role, from_on, by, until or {})
    return rows


def _assign(plan, territory, organisations, role, opened_on, by, at_the_latest):
    # In the order given, each once: so the history names them.
    keys = dict.fromkeys(organisation.pk for organisation in organisations).keys()
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
    before = {unit: home for unit, home, _, _ in stands}
    coming = [key for key in keys if before.get(key) != territory.pk]
    until = _until(held, stands, opened_on, at_the_latest)
    moving = covering.exclude(territory=territory)
    moving.filter(opened_on=opened_on).delete()
    moving.update(closed_on=opened_on)  # half open: the last day there is the day before
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
            for key in sorted(set(coming) - back)
        ],
        batch_size=2000,
    )
    log.info(
        "Plan %s: %d units to %s from %s by %s", plan.pk, len(coming), territory, opened_on, by
    )
    return [[key, role, before.get(key), territory.pk] for key in coming]


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
    rows = [
        # It may have been to leave later: an undo gives that day back.
        [unit, role, territory, None, *([until.isoformat()] if until else [])]
        for unit, territory, until in held.order_by("organisation").values_list(
            "organisation", "territory", "closed_on"
        )
    ]
    held.filter(opened_on=closed_on).delete()
    held.update(closed_on=closed_on)
    log.info("Plan %s: %d units freed from %s by %s", plan.pk, len(rows), closed_on, by)
    return rows


def changed(plan: TerritoryPlan) -> None:
    """Lock the plan and say that it changed, first of all in the caller's transaction.

    Raises Standing where it stands as it is by now, whatever the page showed.
    """
    changeable = TerritoryPlan.objects.filter(
        pk=plan.pk, state__in=TerritoryPlan.State.changeable()
    )
    if not changeable.revise():
        raise Standing(TerritoryPlan.objects.get(pk=plan.pk))


def within(plan: TerritoryPlan, day: date) -> None:
    """Raise OutsideThePlan for a day on which the plan does not hold."""
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
