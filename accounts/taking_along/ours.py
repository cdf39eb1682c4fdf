"""Whose a practice is in our plans on the last day before an event, and from our own day on.

The territory of a practice is its own, else that of the nearest body it lies within that has one.
What has not been decided yet is told as the decision sheet plans it (`planned`): the file is for
the day, and the sheet's page says how far it is.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from footprints.dated import ONE_DAY
from footprints.models import Reorganisation

from ..models import Assignment, CoverageRole, Flag, Territory, TerritoryPlan, User
from ..sheets.deciding import sheet_of
from ..sheets.planning import planned
from .crosswalk import Row

NOT_KNOWN = "not known"
MOST_PLANS = 20  # columns of more plans nobody reads, and each is a sheet to be planned


@dataclass(frozen=True)
class Column:
    """One plan and coverage role: what its territories hold before, and from ``on`` on."""

    plan: TerritoryPlan
    role: str
    on: date
    before: dict[int, str]
    after: dict[int, str]

    @property
    def name(self) -> str:
        return f"{self.plan.name}, {CoverageRole(self.role).label.lower()}"

    @property
    def heads(self) -> list[str]:
        return [f"{self.name}: {what}" for what in ("before", "after", "from")]

    def cells(self, row: Row) -> list[str]:
        """The territory before and after, and the ISO day of the change where they differ.

        A territory that holds none of the bodies which one is known to come to may still have it.
        """
        before, after = holder(row.before, self.before), holder(row.after, self.after)
        if before and not after and not row.is_known:
            after = NOT_KNOWN
        return [before, after, self.on.isoformat() if before != after else ""]


def holder(chain: Iterable[int], held: dict[int, str]) -> str:
    """The finer beats the coarser: the first body of the chain that a territory has; "" if none"""
    return next((held[body] for body in chain if body in held), "")


def plans_touched(event: Reorganisation, user: User) -> list[TerritoryPlan]:
    """The plans that the reader may see and the event has flagged, by name; not the archived."""
    flagged = Flag.objects.on_plans().visible_to(user).filter(reorganisation=event)
    plans = TerritoryPlan.objects.visible_to(user).open()
    return list(plans.filter(pk__in=flagged.values("object_id")).order_by("name", "pk"))


def columns(
    event: Reorganisation, plans: Collection[TerritoryPlan], bodies: set[int], user: User
) -> list[Column]:
    """For each plan and role that holds any of the bodies; territories that the reader may see.

    A handful of queries a plan: ask for ``MOST_PLANS`` at most.
    """
    seen = Territory.objects.visible_to(user).filter(plan__in=plans)
    codes = dict(seen.values_list("pk", "code"))
    flags = Flag.objects.on_plans().filter(
        reorganisation=event, object_id__in=[plan.pk for plan in plans]
    )
    flag_of = {flag.object_id: flag for flag in flags.select_related("reorganisation")}
    found = []
    for plan in plans:
        sheet = sheet_of(flag_of[plan.pk]) if plan.pk in flag_of else None
        on = sheet.day if sheet else event.effective_on
        before = _held(plan, event.effective_on - ONE_DAY, bodies)
        after = _held(plan, on, bodies)
        if sheet:
            _as_planned(after, planned(sheet), bodies)
        for role in CoverageRole.values:
            was, then = before.get(role, {}), after.get(role, {})
            if was or then:
                found.append(
                    Column(
                        plan,
                        role,
                        on,
                        {body: codes.get(territory, "") for body, territory in was.items()},
                        {body: codes.get(territory, "") for body, territory in then.items()},
                    )
                )
    return found


def _held(plan: TerritoryPlan, day: date, bodies: set[int]) -> dict[str, dict[int, int]]:
    """Role → body → territory, on that day."""
    rows = Assignment.objects.filter(plan=plan, organisation__in=bodies).on(day)
    held: dict[str, dict[int, int]] = {}
    for role, body, territory in rows.values_list("role", "organisation", "territory"):
        held.setdefault(role, {})[body] = territory
    return held


def _as_planned(after, changes, bodies):
    """Lay what the sheet would change over what the plan holds on its day."""
    for closing in changes.closings:
        if after.get(closing.role, {}).get(closing.unit) == closing.territory:
            del after[closing.role][closing.unit]
    for opening in changes.openings:
        if opening.unit in bodies:
            after.setdefault(opening.role, {})[opening.unit] = opening.territory
