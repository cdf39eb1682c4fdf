"""Gaps and overlaps, judged per team and role: over every plan that holds on a day.

A plan stands beside the other active ones of its team, in the place of the one that it replaces.
A unit that several territories hold in one role is an overlap; it is declared where each of them
has a part in its credit and the parts sum to one. A mirror or an overlay covers in a role of its
own, whether the plan says so or the single assignment: it overlaps no owner.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Case, Count, F, Q, When

from footprints.ancestry import ancestors
from footprints.lives import Lives, brief
from footprints.models import Organisation
from footprints.names import listed

from ..models import Assignment, CoverageRole, SharedUnit, Territory, TerritoryPlan, User
from .history import tell
from .line import active_in_line
from .plans import PlanError
from .reading import PlanOnDay

log = logging.getLogger(__name__)

WHOLE = Decimal(1)

# An assignment's own role; where it is the owner's, the plan says how the plan covers.
AS_ROLE = Case(When(role=CoverageRole.OWNER, then=F("plan__role")), default=F("role"))


class SharesDoNotSum(PlanError):
    """Parts of a unit's credit that do not sum to one, or are no parts."""


class HoldsItNot(PlanError):
    """A territory that has no assignment of the unit."""


@dataclass(frozen=True)
class Holder:
    """A territory that holds the unit, and its declared part; None where there is none."""

    territory: Territory
    share: Decimal | None
    reason: str = ""

    @property
    def plan(self) -> TerritoryPlan:
        return self.territory.plan

    @property
    def percent(self) -> str:
        """The part as people type it: "60", "33.33"; "" where there is none."""
        if self.share is None:
            return ""
        return f"{self.share * 100:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Overlap:
    """A unit that several territories hold in one role, on the day."""

    organisation: int
    code: str
    name: str
    role: str
    holders: tuple[Holder, ...]

    @property
    def is_declared(self) -> bool:
        shares = [holder.share for holder in self.holders]
        return None not in shares and sum(shares) == WHOLE

    @property
    def role_says(self) -> str:
        return CoverageRole(self.role).label

    @property
    def reason(self) -> str:
        return next((holder.reason for holder in self.holders if holder.reason), "")


def plans_beside(plan: TerritoryPlan, day: date):
    """The other plans of its team that hold on the day: the active ones, but for the one in whose
    place the plan would step, or that stands in its place."""
    instead = active_in_line(plan)
    return TerritoryPlan.objects.filter(
        Q(closed_on=None) | Q(closed_on__gt=day),
        team=plan.team_id,
        state=TerritoryPlan.State.ACTIVE,
        opened_on__lte=day,
        scenario=None,
    ).exclude(pk__in=[plan.pk, instead.pk if instead else plan.pk])


def overlaps(plan: TerritoryPlan, day: date, known: int | None = None) -> list[Overlap]:
    """The units that a territory of the plan and another one of the team hold in one role.

    Four queries, however many there are, and one for each plan that replaced another.
    """
    beside = Q(plan=plan) | Q(plan__in=plans_beside(plan, day))
    found = list(
        Assignment.objects.filter(beside)
        .on(day)
        .annotate(as_role=AS_ROLE)
        .values("organisation", "as_role")
        .annotate(
            number=Count("territory", distinct=True),
            territories=ArrayAgg("territory", distinct=True),
            ours=Count("pk", filter=Q(plan=plan)),
        )
        .filter(number__gt=1, ours__gt=0)
        .values_list("organisation", "as_role", "territories")
    )
    if not found:
        return []
    keys = {key for _, _, territories in found for key in territories}
    territories = Territory.objects.select_related("plan").in_bulk(keys)
    units = {unit for unit, _, _ in found}
    shares = {
        (territory, unit): (share, reason)
        for territory, unit, share, reason in SharedUnit.objects.filter(
            territory__in=keys, organisation__in=units
        ).values_list("territory", "organisation", "share", "reason")
    }
    lives = Lives(units, known)
    rows = []
    for unit, role, holding in found:
        version = lives.near(unit, day)
        order = sorted((territories[key] for key in holding), key=lambda t: (t.plan_id, t.code))
        rows.append(
            Overlap(
                unit,
                version.organisation.code if version else str(unit),
                brief(version) if version else "",
                role,
                tuple(Holder(one, *shares.get((one.pk, unit), (None,))) for one in order),
            )
        )
    return sorted(rows, key=lambda row: (row.is_declared, row.code, row.role))


def undeclared_overlaps(plan: TerritoryPlan, day: date) -> list[Overlap]:
    """The overlaps that nobody declared: a plan that has any is not submitted."""
    return [overlap for overlap in overlaps(plan, day) if not overlap.is_declared]


class Coverage:
    """What the plan of a ``PlanOnDay`` covers twice, and what nobody of its team covers."""

    def __init__(self, on_day: PlanOnDay):
        self.on_day, self.plan, self.day = on_day, on_day.plan, on_day.day

    @cached_property
    def beside(self) -> list[TerritoryPlan]:
        return list(plans_beside(self.plan, self.day))

    @cached_property
    def overlaps(self) -> list[Overlap]:
        return overlaps(self.plan, self.day, self.on_day.known)

    @property
    def undeclared(self) -> list[Overlap]:
        return [overlap for overlap in self.overlaps if not overlap.is_declared]

    @property
    def declared(self) -> list[Overlap]:
        return [overlap for overlap in self.overlaps if overlap.is_declared]

    @cached_property
    def gaps(self) -> set[int]:
        """The plan's gaps that no other plan of the team covers in the plan's role either."""
        gaps = set(self.on_day.gaps)
        if not gaps or not self.beside:
            return gaps
        taken = set(
            Assignment.objects.filter(plan__in=self.beside)
            .on(self.day)
            .annotate(as_role=AS_ROLE)
            .filter(as_role=self.plan.role)
            .values_list("organisation", flat=True)
        )
        above = ancestors([*gaps, *taken], self.day, self.on_day.known)
        covered = {key for key in gaps if taken & {key, *above.get(key, ())}}
        in_parts = {parent for key in taken for parent in above.get(key, ())}
        return gaps - covered - in_parts


@transaction.atomic
def declare_shares(
    unit: Organisation,
    shares: Mapping[Territory, Decimal],
    *,
    by: User,
    reason: str = "",
) -> list[SharedUnit]:
    """Let these territories share the unit's credit, so; what was declared of them before goes.

    Parts of one, to four places. Raises SharesDoNotSum, and HoldsItNot where a territory has no
    assignment of the unit; then nothing has changed.
    """
    _changed(shares)
    parts = {
        territory: Decimal(part).quantize(Decimal("0.0001")) for territory, part in shares.items()
    }
    if len(parts) < 2:
        raise SharesDoNotSum("It takes two territories to share a unit.")
    if any(not 0 <= part <= 1 for part in parts.values()):
        raise SharesDoNotSum("Each part lies between none and all: 0 and 100.")
    if sum(parts.values()) != WHOLE:
        percent = f"{sum(parts.values()) * 100:.2f}".rstrip("0").rstrip(".")
        raise SharesDoNotSum(f"The parts of {unit.code} sum to {percent} %; they must be 100.")
    holding = set(
        Assignment.objects.filter(organisation=unit, territory__in=parts).values_list(
            "territory", flat=True
        )
    )
    for territory in parts:
        if territory.pk not in holding:
            raise HoldsItNot(f"{territory} has no assignment of {unit.code}.")
    SharedUnit.objects.filter(organisation=unit, territory__in=parts).delete()
    made = SharedUnit.objects.bulk_create(
        SharedUnit(territory=territory, organisation=unit, share=part, reason=reason)
        for territory, part in parts.items()
    )
    said = listed([f"{part:.2%} to {territory}" for territory, part in parts.items()])
    why = f" ({reason})" if reason else ""
    _tell(parts, f"{unit.code} is shared: {said}{why}", by)
    log.info("%s shared by %s: %s", unit.code, by, {t.pk: str(p) for t, p in parts.items()})
    return made


@transaction.atomic
def withdraw_shares(unit: Organisation, territories: list[Territory], *, by: User) -> int:
    """Take the declared parts of these territories in the unit away; return how many."""
    _changed(territories)
    gone, _ = SharedUnit.objects.filter(organisation=unit, territory__in=territories).delete()
    _tell(territories, f"{unit.code} is no longer declared shared", by)
    log.info("%s no longer declared shared, by %s: %d", unit.code, by, gone)
    return gone


def _tell(territories, says, by):
    for plan in {territory.plan_id: territory.plan for territory in territories}.values():
        tell(plan, says, by=by)


def _changed(territories):
    """Credit is part of what a plan says: each plan is news, and locked meanwhile, in order."""
    for key in sorted({territory.plan_id for territory in territories}):
        TerritoryPlan.objects.filter(pk=key).revise()
