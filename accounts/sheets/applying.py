"""Applying approved sheets: sets of rows with their inverse, one transaction a set of sheets.

The plans' rows are locked first, as every deed on a plan does, then the sheets': so an apply waits
for an edit, a second apply finds nothing left to do, and a crash leaves all or nothing of a set.
Sheets of one event are of different plans, so that they are planned and written together; each is
held to its own approval, and one that is not ready is left out and holds up nobody.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date

from django.db import DatabaseError, connection, transaction
from django.utils.timezone import now

from footprints.written import day_in_full

from ..models import Decision, Flag, Sheet, SheetChange, TerritoryPlan, User
from ..models.decisions import lend_teams
from . import leads
from .deciding import Moved, SheetError, Stale, check, clear
from .history import Deed, record, record_each
from .planning import Planned, in_words, planned_of
from .rehearsing import rehearsal
from .unswept import unswept

log = logging.getLogger(__name__)

SET = 500  # sheets of one event that are applied in one transaction: some seconds


class NotDecided(SheetError):
    """An event that may yet not happen: its sheet can be approved, and is not applied."""


class Frozen(SheetError):
    """Today is a day on which nothing of the team changes."""


@dataclass
class Applied:
    """What became of each sheet of a set, by its flag's key."""

    done: dict[int, Planned] = field(default_factory=dict)
    refused: dict[int, SheetError] = field(default_factory=dict)


def apply_sheet(flag: Flag, *, by: User | None = None, on: date | None = None) -> Planned | None:
    """Write what was approved, and its inverse; None where the sheet is applied already.

    ``by`` is None for the clock; ``on`` is the day on which it is done, where a freeze of that day
    counts. Raises Stale where the sheet is not approved, NotDecided while the event is not in law,
    Frozen where it would change what the team does within a freeze, Moved where the changes are
    not those approved; then nothing changes.
    """
    applied = apply_sheets([flag.pk], by=by, on=on)
    for refusal in applied.refused.values():
        raise refusal
    return applied.done.get(flag.pk)


@unswept()
@transaction.atomic
def apply_sheets(
    flags: Collection[int], *, by: User | None = None, on: date | None = None
) -> Applied:
    """``apply_sheet`` for these flags of one event: all that are ready, or none.

    A sheet that is applied already is in neither list of the answer.
    """
    applied, ready = Applied(), []
    for sheet in locked_sheets(flags):
        if sheet.state == "applied":
            continue
        if refusal := _refusal(sheet, on):
            applied.refused[sheet.flag_id] = refusal
        else:
            ready.append(sheet)
    for current in planned_of(ready):
        sheet = current.sheet
        if current.fingerprint == sheet.fingerprint:
            applied.done[sheet.flag_id] = current
        else:
            applied.refused[sheet.flag_id] = Moved(sheet.changes, current)
    _write(applied.done.values())
    leads.make(applied.done.values())
    _mark(applied.done.values(), by)
    return applied


def _refusal(sheet: Sheet, on: date | None) -> SheetError | None:
    """Why the sheet is not to be applied, whatever it would change."""
    if sheet.plan_state in TerritoryPlan.State.put_away():
        state = TerritoryPlan.State(sheet.plan_state).label.lower()
        return Stale(f"The plan is {state}: nothing of it changes any more.")
    if sheet.state != "approved":
        return Stale("The sheet is not approved: nothing is applied.")
    if not sheet.flag.reorganisation.is_decided:
        return NotDecided("The event is not in law: the sheet is applied once it is.")
    if on and (until := sheet.frozen_until(on)):
        return Frozen(
            f"Nothing of the {sheet.team.called} changes before {day_in_full(until)}: the sheet "
            "is applied then."
        )
    return None


def locked_sheets(flags: Collection[int]) -> list[Sheet]:
    """The sheets of these flags, each plan's row locked before its sheet, in order of key; each
    with its ``plan_state``."""
    plans = Flag.objects.on_plans().filter(pk__in=flags).values("object_id")
    locked = TerritoryPlan.objects.filter(pk__in=plans).order_by("pk").select_for_update()
    states = dict(locked.values_list("pk", "state"))
    sheets = list(
        Sheet.objects.filter(flag__in=flags)
        .select_related("flag__reorganisation", "approved_by")
        .defer("changes")  # long, and asked for only where they are not those approved
        .order_by("pk")
        .select_for_update(of=["self"])
    )
    lend_teams(sheets)
    for sheet in sheets:
        sheet.plan_state = states[sheet.flag.object_id]
    return sheets


# What is planned, as rows for set statements; the columns of SheetChange, and the plan.
COLUMNS = (
    "sheet_id, plan_id, deed, assignment, territory_id, organisation_id, role, opened_on, "
    "closed_on, cut_on"
)
# A set touches few of the assignments, and finds them by key: the planner would rather read them
# all, so that the time grew with what is held.
BY_KEY = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
ANYHOW = "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on"
LAY_OUT = f"""
CREATE TEMP TABLE planned_change ON COMMIT DROP AS
SELECT {COLUMNS.replace("plan_id", "0::bigint AS plan_id")}
FROM accounts_sheetchange WITH NO DATA
"""
WRITE = (
    """
    INSERT INTO accounts_sheetchange
        (sheet_id, deed, assignment, territory_id, organisation_id, role, opened_on, closed_on,
         cut_on)
    SELECT sheet_id, deed, assignment, territory_id, organisation_id, role, opened_on, closed_on,
           cut_on
    FROM planned_change WHERE deed <> 'opened' ORDER BY sheet_id, assignment
    """,
    BY_KEY,
    """
    DELETE FROM accounts_assignment AS held USING planned_change AS change
    WHERE held.id = change.assignment AND change.deed = 'removed'
    """,
    """
    UPDATE accounts_assignment AS held SET closed_on = change.cut_on FROM planned_change AS change
    WHERE held.id = change.assignment AND change.deed = 'closed'
    """,
    ANYHOW,
    # A set holds one sheet a plan, and a sheet opens a unit once a role.
    """
    WITH opened AS (
        INSERT INTO accounts_assignment
            (plan_id, territory_id, organisation_id, role, opened_on, closed_on)
        SELECT plan_id, territory_id, organisation_id, role, opened_on, closed_on
        FROM planned_change WHERE deed = 'opened' ORDER BY sheet_id, organisation_id, role
        RETURNING *
    )
    INSERT INTO accounts_sheetchange
        (sheet_id, deed, assignment, territory_id, organisation_id, role, opened_on, closed_on)
    SELECT change.sheet_id, 'opened', opened.id, opened.territory_id, opened.organisation_id,
           opened.role, opened.opened_on, opened.closed_on
    FROM opened
    JOIN planned_change AS change ON change.plan_id = opened.plan_id
         AND change.organisation_id = opened.organisation_id AND change.role = opened.role
         AND change.deed = 'opened'
    ORDER BY opened.id
    """,
    "DROP TABLE planned_change",
)


def _write(every: Collection[Planned]) -> None:
    """Close, remove and open what is planned, and keep the inverse, as sets."""
    if not any(current.closings or current.openings for current in every):
        return
    with connection.cursor() as cursor:
        cursor.execute(LAY_OUT)
        with cursor.copy(f"COPY planned_change ({COLUMNS}) FROM STDIN") as copy:
            for current in every:
                for row in _changes(current):
                    copy.write_row(row)
        cursor.execute("ANALYZE planned_change")
        for statement in WRITE:
            cursor.execute(statement)


def _changes(current: Planned) -> Iterator[tuple]:
    sheet, plan = current.sheet.pk, current.sheet.flag.object_id
    for one in current.closings:
        deed = SheetChange.Deed.REMOVED if one.is_removed else SheetChange.Deed.CLOSED
        place = (one.assignment, one.territory, one.unit, one.role)
        cut_on = None if one.is_removed else one.on
        yield sheet, plan, deed.value, *place, one.opened_on, one.closed_on, cut_on
    for one in current.openings:
        place = (0, one.territory, one.unit, one.role)  # its key is not known yet
        opened = SheetChange.Deed.OPENED.value
        yield sheet, plan, opened, *place, one.opened_on, one.closed_on, None


def _mark(every: Collection[Planned], by: User | None) -> None:
    """Say of plans, sheets and flags that it was done, by whom and when."""
    at = now()
    plans = [current.sheet.flag.object_id for current in every]
    TerritoryPlan.objects.filter(pk__in=plans).revise()
    Sheet.objects.filter(pk__in=[current.sheet.pk for current in every]).update(
        applied_by=by, applied_at=at, undone_by=None, undone_at=None
    )
    # The same moment marks the flag, so that an undo opens what this closed, and no more.
    resolved = defaultdict(list)
    for current in every:
        if not current.held:
            resolved[by or current.sheet.approved_by].append(current.sheet.flag_id)
    for person, keys in resolved.items():
        Flag.objects.open().filter(pk__in=keys).update(resolved_at=at, resolved_by=person)
    record_each(
        ((current.sheet, in_words(current)) for current in every), Deed.APPLIED, by=by, at=at
    )
    if every:
        log.info("%d sheets applied by %s, %s", len(every), by or "the clock", _named(every))


def _named(every: Collection[Planned]) -> str:
    """The first of them by key, and how much all of them change."""
    keys = ", ".join(str(current.sheet.pk) for current in list(every)[:10])
    closed = sum(len(current.closings) for current in every)
    opened = sum(len(current.openings) for current in every)
    return f"{keys}{' …' if len(every) > 10 else ''}: {closed} closed, {opened} opened"


def due(day: date) -> list[list[int]]:
    """Flags of the approved sheets whose day has come, as sets for ``apply_due``.

    What a freeze of its team puts off waits; what was found unready is tried again once the plan,
    the event or the register is another.
    """
    waiting = list(Sheet.objects.waiting(day).untried(day).select_related("flag__reorganisation"))
    lend_teams(waiting)
    found = defaultdict(list)
    for sheet in sorted(waiting, key=lambda sheet: sheet.flag_id):
        if sheet.day <= day and not sheet.frozen_until(day):
            found[sheet.flag.reorganisation_id].append(sheet.flag_id)
    return [flags[at : at + SET] for flags in found.values() for at in range(0, len(flags), SET)]


def apply_due(flags: list[int], day: date) -> Counter:
    """Apply a set of what is due; one that is not ready holds up nobody.

    Returns how many were ``applied`` and how many are ``unready``.
    """
    try:
        applied = apply_sheets(flags, on=day)
    except DatabaseError as error:
        if len(flags) == 1:
            log.warning("The sheet of flag %s is not applied: %s", flags[0], error)
            return Counter(unready=1)
        # One of them the database refuses: each by itself, so that it holds up nobody.
        return sum((apply_due([flag], day) for flag in flags), Counter())
    for flag, refusal in applied.refused.items():
        log.warning("The sheet of flag %s is not applied: %s", flag, refusal)
    Sheet.objects.filter(flag__in=list(applied.refused)).mark_tried(day)
    return Counter(applied=len(applied.done), unready=len(applied.refused))


@transaction.atomic
def release_held(day: date) -> int:
    """Let applied sheets be decided on again once a row of theirs is held no longer; how many."""
    held = Decision.objects.filter(until_on__lte=day, sheet__applied_at__isnull=False)
    keys = sorted(set(held.values_list("sheet", flat=True)))
    if not keys:
        return 0
    sheets = Sheet.objects.filter(pk__in=keys, applied_at__isnull=False).order_by("pk")
    released = list(sheets.select_for_update())
    for sheet in released:
        clear(sheet)
        sheet.save()
    held = Decision.objects.filter(sheet__in=released, until_on__lte=day)
    record(released, Deed.RELEASED, by=None)
    held.update(outcome="", until_on=None, reason="Held until now: decide again.")
    log.info("%d sheets to be decided on again: what they held is due", len(released))
    return len(released)


def rehearse_sheet(flag: Flag) -> None:
    """Write what the sheet plans and roll it back: what would fail on the day fails now."""
    with rehearsal():
        (sheet,) = locked_sheets([flag.pk])
        current = [check(sheet)]
        _write(current)
        leads.make(current)
