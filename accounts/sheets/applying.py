"""Applying an approved sheet, and undoing it: one transaction each, sets of rows, with an inverse.

The plan's row is locked first, as every deed on a plan does, then the sheet's: so an apply waits
for an edit, a second apply finds nothing left to do, and a crash leaves all or nothing.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils.timezone import now
from psycopg.errors import LockNotAvailable

from footprints.names import count
from footprints.written import day_in_full

from ..models import Assignment, Decision, Flag, Sheet, SheetChange, TerritoryPlan, User
from ..models.decisions import lend_teams
from . import leads
from .deciding import SheetError, Stale, check, clear, locked
from .history import Deed, record
from .planning import Planned, in_words

log = logging.getLogger(__name__)

BATCH = 5_000


class NotDecided(SheetError):
    """An event that may yet not happen: its sheet can be approved, and is not applied."""


class Frozen(SheetError):
    """Today is a day on which nothing of the team changes."""


class Busy(SheetError):
    """Somebody else holds the plan, and a page does not wait for them."""


@dataclass(frozen=True)
class Image:
    """An assignment as it was or is, without its key."""

    territory: int
    unit: int
    role: str
    opened_on: date | None
    closed_on: date | None

    def overlaps(self, other: "Image") -> bool:
        """Whether both hold on some day."""
        starts = (self.opened_on or date.min, other.opened_on or date.min)
        ends = (self.closed_on or date.max, other.closed_on or date.max)
        return max(starts) < min(ends)


@dataclass
class Undone:
    """What an undo does: rows it takes away and restores, and what it leaves as people made it."""

    deleted: list[SheetChange] = field(default_factory=list)
    restored: list[SheetChange] = field(default_factory=list)
    # Changed by hand or by another sheet since, or in the way of a row to be restored.
    kept: list[SheetChange] = field(default_factory=list)
    in_the_way: list[Assignment] = field(default_factory=list)


@transaction.atomic
def apply_sheet(flag: Flag, *, by: User | None = None, on: date | None = None) -> Planned | None:
    """Write what was approved, and its inverse; None where the sheet is applied already.

    ``by`` is None for the clock; ``on`` is the day on which it is done, where a freeze of that day
    counts. Raises Stale where the sheet is not approved, NotDecided while the event is not in law,
    Frozen where it would change what the team does within a freeze, Moved where the changes are
    not those approved; then nothing changes.
    """
    plan = _locked_plan(flag)
    sheet = locked(flag)
    if sheet.state == "applied":
        return None
    if sheet.state != "approved":
        raise Stale("The sheet is not approved: nothing is applied.")
    if not sheet.flag.reorganisation.is_decided:
        raise NotDecided("The event is not in law: the sheet is applied once it is.")
    if on and (until := sheet.frozen_until(on)):
        raise Frozen(
            f"Nothing of the {sheet.team.called} changes before {day_in_full(until)}: the sheet "
            "is applied then."
        )
    current = check(sheet)
    plan.revise()
    _write(sheet, current)
    leads.make(sheet, current)
    at = now()
    sheet.applied_by, sheet.applied_at = by, at
    sheet.undone_by = sheet.undone_at = None
    sheet.save()
    if not current.held:
        # The same moment marks the flag, so that an undo opens what this closed, and no more.
        Flag.objects.open().filter(pk=flag.pk).update(
            resolved_at=at, resolved_by=by or sheet.approved_by
        )
    record(sheet, Deed.APPLIED, by=by, says=in_words(current))
    log.info(
        "Sheet %s applied by %s: %d closed, %d opened",
        sheet.pk,
        by or "the clock",
        len(current.closings),
        len(current.openings),
    )
    return current


def _locked_plan(flag):
    """The plan's row, locked; as a set, so that it can be revised."""
    plan = TerritoryPlan.objects.filter(pk=flag.object_id)
    plan.select_for_update().get()
    return plan


def _write(sheet: Sheet, current: Planned) -> None:
    """Close, remove and open what is planned, and keep the inverse; five statements."""
    changes = []
    for closing in current.closings:
        deed = SheetChange.Deed.REMOVED if closing.is_removed else SheetChange.Deed.CLOSED
        changes.append(
            SheetChange(
                sheet=sheet,
                deed=deed,
                assignment=closing.assignment,
                territory_id=closing.territory,
                organisation_id=closing.unit,
                role=closing.role,
                opened_on=closing.opened_on,
                closed_on=closing.closed_on,
                cut_on=None if closing.is_removed else closing.on,
            )
        )
    keys = defaultdict(list)
    for closing in current.closings:
        keys[closing.is_removed].append(closing.assignment)
    if keys[True]:
        Assignment.objects.filter(pk__in=keys[True]).delete()
    if keys[False]:
        Assignment.objects.filter(pk__in=keys[False]).update(closed_on=sheet.day)
    opened = Assignment.objects.bulk_create(
        [
            Assignment(
                plan_id=sheet.flag.object_id,
                territory_id=opening.territory,
                organisation_id=opening.unit,
                role=opening.role,
                opened_on=opening.opened_on,
                closed_on=opening.closed_on,
            )
            for opening in current.openings
        ],
        batch_size=BATCH,
    )
    changes += [
        SheetChange(
            sheet=sheet,
            deed=SheetChange.Deed.OPENED,
            assignment=row.pk,
            territory_id=row.territory_id,
            organisation_id=row.organisation_id,
            role=row.role,
            opened_on=row.opened_on,
            closed_on=row.closed_on,
        )
        for row in opened
    ]
    SheetChange.objects.bulk_create(changes, batch_size=BATCH)


def apply_due(day: date) -> Counter:
    """Apply every approved sheet whose day has come, and let go of what was held until then.

    Each in a transaction of its own: one that is not ready holds up nobody, and is tried again
    the next time; so is what a freeze of its team puts off. Returns how many were ``applied`` and
    how many are ``unready``.
    """
    done = Counter(released=release_held(day))
    waiting = list(Sheet.objects.waiting(day).select_related("flag__reorganisation"))
    lend_teams(waiting)
    due = [sheet for sheet in waiting if sheet.day <= day and not sheet.frozen_until(day)]
    for flag in sorted((sheet.flag for sheet in due), key=lambda flag: flag.pk):
        try:
            done["applied"] += apply_sheet(flag, on=day) is not None
        except (SheetError, DatabaseError) as error:
            log.warning("The sheet of flag %s is not applied: %s", flag.pk, error)
            done["unready"] += 1
    return done


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
    record(released, Deed.RELEASED, by=None)
    held = Decision.objects.filter(sheet__in=released, until_on__lte=day)
    held.update(outcome="", until_on=None, reason="Held until now: decide again.")
    log.info("%d sheets to be decided on again: what they held is due", len(released))
    return len(released)


@transaction.atomic
def undo_sheet(flag: Flag, *, by: User, everything: bool = False) -> Undone:
    """Put the plan back as it was before the sheet was applied, keys included.

    What was changed since, by hand or by another sheet, is left and named, unless ``everything``
    is to go back. Raises Stale where nothing of the sheet is applied.
    """
    plan = _locked_plan(flag)
    sheet = locked(flag)
    changes = list(sheet.written.order_by("-pk").select_related("territory", "organisation"))
    if not changes and sheet.state != "applied":
        raise Stale("The sheet is not applied: there is nothing to undo.")
    plan.revise()
    undone = _put_back(sheet, changes, everything)
    sheet.written.all().delete()
    leads.take_back(sheet)
    Flag.objects.filter(pk=flag.pk, resolved_at=sheet.applied_at).exclude(resolved_at=None).update(
        resolved_at=None, resolved_by=None
    )
    clear(sheet)
    sheet.undone_by, sheet.undone_at = by, now()
    sheet.save()
    says = f"{count(len(undone.deleted), 'row goes', 'rows go')}, {len(undone.restored)} as before"
    if undone.kept:
        says += f", {len(undone.kept)} kept as somebody changed them since"
    record(sheet, Deed.UNDONE, by=by, says=says)
    log.info(
        "Sheet %s undone by %s: %d deleted, %d restored, %d kept",
        sheet.pk,
        by,
        len(undone.deleted),
        len(undone.restored),
        len(undone.kept),
    )
    return undone


def preview_undo(flag: Flag, *, by: User, everything: bool = False) -> Undone:
    """What an undo would do: the undo itself, rolled back."""
    with rehearsal():
        return undo_sheet(flag, by=by, everything=everything)


def rehearse_sheet(flag: Flag) -> None:
    """Write what the sheet plans and roll it back: what would fail on the day fails now."""
    with rehearsal():
        _locked_plan(flag)
        sheet = locked(flag)
        current = check(sheet)
        _write(sheet, current)
        leads.make(sheet, current)


@contextmanager
def rehearsal() -> Iterator[None]:
    """A transaction that is checked to the end, and rolled back.

    It waits for nobody long: raises Busy where somebody else is changing the plan.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '5s'")
            yield
            connection.check_constraints()  # those put off until the end
            transaction.set_rollback(True)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise Busy("Somebody is changing the plan just now: look again in a moment.") from error


def _put_back(sheet: Sheet, changes: list[SheetChange], everything: bool) -> Undone:
    """Walk the changes back over the rows as they are, then write the difference as sets."""
    units = {change.organisation_id for change in changes}
    current = {
        row.pk: row
        for row in Assignment.objects.filter(
            plan_id=sheet.flag.object_id, organisation__in=units
        ).select_related("territory", "organisation")
    }
    before = {
        pk: Image(row.territory_id, row.organisation_id, row.role, row.opened_on, row.closed_on)
        for pk, row in current.items()
    }
    state, undone = dict(before), Undone()
    by_unit = defaultdict(set)
    for pk, image in state.items():
        by_unit[image.unit, image.role].add(pk)
    for change in changes:
        _walk_back(change, state, by_unit, undone, everything)
    if everything:
        _clear_the_way(undone, state, by_unit, current)

    gone = [pk for pk in before if pk not in state]
    Assignment.objects.filter(pk__in=gone).delete()
    ends, others = defaultdict(list), []
    for pk, image in state.items():
        if pk in before and image != before[pk]:
            was = before[pk]
            same = Image(was.territory, was.unit, was.role, was.opened_on, image.closed_on)
            (ends[image.closed_on] if same == image else others).append(pk)
    for closed_on, keys in ends.items():
        Assignment.objects.filter(pk__in=keys).update(closed_on=closed_on)
    for pk in others:
        image = state[pk]
        Assignment.objects.filter(pk=pk).update(
            territory=image.territory, opened_on=image.opened_on, closed_on=image.closed_on
        )
    Assignment.objects.bulk_create(
        [
            Assignment(
                pk=pk,
                plan_id=sheet.flag.object_id,
                territory_id=image.territory,
                organisation_id=image.unit,
                role=image.role,
                opened_on=image.opened_on,
                closed_on=image.closed_on,
            )
            for pk, image in state.items()
            if pk not in before
        ],
        batch_size=BATCH,
    )
    return undone


def _walk_back(change: SheetChange, state, by_unit, undone: Undone, everything: bool) -> None:
    """Take one change back where the row is as the change left it."""
    pk, same = change.assignment, (change.organisation_id, change.role)
    image = Image(change.territory_id, *same, change.opened_on, change.closed_on)
    if change.deed == SheetChange.Deed.OPENED:
        if state.get(pk) == image or (everything and pk in state):
            del state[pk]
            by_unit[same].discard(pk)
            undone.deleted.append(change)
        elif not everything:
            undone.kept.append(change)
        return
    left = None
    if change.deed == SheetChange.Deed.CLOSED:
        left = Image(change.territory_id, *same, change.opened_on, change.cut_on)
    blocked = any(state[other].overlaps(image) for other in by_unit[same] if other != pk)
    if everything or (state.get(pk) == left and not blocked):
        state[pk] = image
        by_unit[same].add(pk)
        undone.restored.append(change)
    else:
        undone.kept.append(change)


def _clear_the_way(undone: Undone, state, by_unit, current) -> None:
    """Where everything is to go back: rows that overlap a restored one were made since."""
    restored = {change.assignment for change in undone.restored}
    for change in undone.restored:
        image = state.get(change.assignment)
        for other in list(by_unit[change.organisation_id, change.role]):
            if image and other not in restored and state[other].overlaps(image):
                del state[other]
                by_unit[change.organisation_id, change.role].discard(other)
                undone.in_the_way.append(current[other])
