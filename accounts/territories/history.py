"""Whatever changes what a plan holds leaves a line of its history: who, when, what, in words.

Each line is a PlanChange, kept in the transaction of the deed itself. One that moved units has
rows: the workspace draws, undoes and redoes it, wherever it was done. One that has none (a
territory, somebody on the roster, a setting) is told, and undone by its own deed. What is done to
the plan as a whole is a PlanStep (`lifecycle.record`); what a sheet did, a SheetDeed.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from django.db import models
from django.db.models import Case, F, Q, QuerySet, When
from django.utils.timezone import now

from footprints.dated import ClosingDayField, last_day
from footprints.models import Organisation, Version
from footprints.names import short
from footprints.written import day_in_full

from ..models import CoverageRole, PlanChange, Territory, TerritoryPlan, User

FEW = 12  # units that a line names one by one


def tell(
    plan: TerritoryPlan,
    says: str,
    *,
    by: User | None,
    from_on: date | None = None,
    rows: Collection[list] = (),
) -> PlanChange:
    """Keep a line of what the caller did to the plan, whose row it has locked and revised.

    It holds from `from_on`; None: as long as the plan does, as a territory. `rows` are those of
    PlanChange: units that moved in the plan's role.
    """
    revision, first = TerritoryPlan.objects.values_list("revision", "opened_on").get(pk=plan.pk)
    return PlanChange.objects.create(
        plan=plan,
        by=by,
        at=now(),
        from_on=from_on or first,
        says=says,
        rows=list(rows),
        revision=revision,
    )


def tell_of_move(
    plan: TerritoryPlan,
    rows: Collection[list],
    where: str,
    *,
    from_on: date,
    by: User,
    because: str = "",
) -> PlanChange | None:
    """Keep that units moved: "12 units to N North, because"; None where none did.

    `where` says where to. What moved in another role than the plan's is no part of what the
    workspace draws: it is told in words, without rows.
    """
    if not rows:
        return None
    role = next(iter(rows))[1]
    says = f"{_called([row[0] for row in rows], from_on)} {where}"
    if role != plan.role:
        says, rows = f"{says} as {CoverageRole(role).label.lower()}", ()
    says = f"{says}, {because}" if because else says
    return tell(plan, says, by=by, from_on=from_on, rows=rows)


def _called(units, day):
    """ "Kent and Medway (91Q)", or "12 units"."""
    if len(units) > 1:
        return f"{len(units):,} units"
    versions = Version.objects.now().on(day).filter(organisation__in=units)
    for name, code in versions.values_list("name", "organisation__code"):
        return f"{short(name)} ({code})"
    return Organisation.objects.get(pk=units[0]).code


def differences(row: models.Model, given: Mapping[str, Any]) -> list[str]:
    """What becomes otherwise of a row where its fields are given so: ["name: North → South"]."""
    fields = ((row._meta.get_field(name), value) for name, value in given.items())
    return [
        f"{_named(field)}: {_shown(field, getattr(row, field.name))} → {_shown(field, value)}"
        for field, value in fields
        if getattr(row, field.name) != value
    ]


def _named(field):
    return "last day" if isinstance(field, ClosingDayField) else field.verbose_name


def _shown(field, value):
    if value in (None, "", []):
        return "none"
    if isinstance(field, ClosingDayField):
        value = last_day(value)
    if isinstance(value, date):
        return day_in_full(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(field.base_field, one) for one in value)
    return str(dict(field.flatchoices).get(value, value))


def lines_of(plan: TerritoryPlan) -> QuerySet[PlanChange]:
    """The lines of a plan, each with its number of `units` and, where these are few, `few` rows.

    Thousands of units may stand in one line, and a page shows hundreds of lines.
    """
    return (
        plan.changes.with_units()
        .annotate(few=Case(When(Q(units__range=(1, FEW)), then=F("rows"))))
        .defer("rows")
        .select_related("by")
    )


def name_units(lines: Collection[PlanChange]) -> None:
    """Give each of `lines_of` its `moved`: (organisation, code before, code after) of its few.

    A territory of none is None; one that is gone is "gone". Two queries, however many lines.
    """
    rows = [row for line in lines for row in line.few or ()]
    units = Organisation.objects.in_bulk({row[0] for row in rows})
    keys = {key for row in rows for key in row[2:4] if key is not None}
    codes = dict(Territory.objects.filter(pk__in=keys).values_list("pk", "code"))
    for line in lines:
        line.moved = [
            (units[unit], *(key and codes.get(key, "gone") for key in (before, after)))
            for unit, _, before, after, *_ in line.few or ()
            if unit in units
        ]


__all__ = ["FEW", "differences", "lines_of", "name_units", "tell", "tell_of_move"]
