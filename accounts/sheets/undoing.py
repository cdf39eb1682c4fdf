"""Undoing applied sheets: the plans as they were before, row by row, keys included.

The inverse is walked back, the newest first, over the rows as they are now, in memory; the
difference is written as sets. So what people changed since stands out, and is kept unless they say
otherwise. Sheets of one event are undone together, in one transaction.
"""

import logging
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F
from django.utils.timezone import now

from footprints.names import count
from footprints.written import day_in_full

from ..models import Assignment, Flag, Sheet, SheetChange, TerritoryPlan, User
from . import leads
from .applying import ANYHOW, BY_KEY, Frozen, locked_sheets
from .deciding import CLEARED, Stale
from .history import Deed, record_each
from .rehearsing import rehearsal
from .unswept import unswept

log = logging.getLogger(__name__)


class Image(NamedTuple):
    """An assignment as it was or is, without its key."""

    plan: int
    territory: int
    unit: int
    role: str
    opened_on: date | None
    closed_on: date | None

    @property
    def place(self) -> tuple:
        """Where it may not overlap another."""
        return self.plan, self.unit, self.role

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

    @property
    def in_words(self) -> str:
        goes = count(len(self.deleted), "row goes", "rows go")
        kept = f", {len(self.kept)} kept as somebody changed them since" if self.kept else ""
        return f"{goes}, {len(self.restored)} as before{kept}"


def undo_sheet(
    flag: Flag,
    *,
    by: User,
    everything: bool = False,
    on: date | None = None,
    despite: str = "",
) -> Undone:
    """Put the plan back as it was before the sheet was applied, keys included.

    What was changed since, by hand or by another sheet, is left and named, unless ``everything``
    is to go back. ``on`` is the day on which it is done, where a freeze of that day counts:
    raises Frozen where the undo would change what the team does within one, but for a manager who
    says in ``despite`` why it cannot wait; that is kept in the sheet's history. Raises Stale where
    nothing of the sheet is applied.
    """
    done = undo_sheets([flag.pk], by=by, everything=everything, on=on, despite=despite)
    if flag.pk not in done:
        raise Stale("The sheet is not applied: there is nothing to undo.")
    return done[flag.pk]


def preview_undo(flag: Flag, *, by: User, everything: bool = False) -> Undone:
    """What an undo would do: the undo itself, rolled back."""
    with rehearsal():
        return undo_sheet(flag, by=by, everything=everything)


def may_within_a_freeze(user: User) -> bool:
    """A mistake may have to be mended at once: that is for a manager to say."""
    return user.role == User.Role.MANAGER


@unswept()
@transaction.atomic
def undo_sheets(
    flags: Collection[int],
    *,
    by: User,
    everything: bool = False,
    on: date | None = None,
    despite: str = "",
) -> dict[int, Undone]:
    """``undo_sheet`` for these flags of one event, by the flag's key; all of them, or none.

    A sheet of which nothing is applied is left out.
    """
    sheets = {sheet.pk: sheet for sheet in locked_sheets(flags)}
    changes = defaultdict(list)
    for change in SheetChange.objects.filter(sheet__in=list(sheets)).order_by("-pk"):
        change.sheet = sheets[change.sheet_id]
        changes[change.sheet_id].append(change)
    done = {
        sheet.pk: Undone()
        for sheet in sheets.values()
        if changes[sheet.pk] or sheet.state == "applied"
    }
    frozen = {pk for pk in done if on and sheets[pk].frozen_until(on)}
    if frozen and not (may_within_a_freeze(by) and despite.strip()):
        raise frozen_refusal(sheets[min(frozen)], on)
    walk = _Walk(changes)
    for pk, undone in done.items():
        walk.back(changes[pk], undone, everything)
    walk.write()
    _mark(
        [(sheets[pk], undone) for pk, undone in done.items()], by, dict.fromkeys(frozen, despite)
    )
    return {sheets[pk].flag_id: undone for pk, undone in done.items()}


def frozen_refusal(sheet: Sheet, on: date) -> Frozen:
    """Why a sheet is not undone on a day on which its team is frozen."""
    until = sheet.frozen_until(on)
    return Frozen(
        f"Nothing of the {sheet.team.called} changes before {day_in_full(until)}: undo it then, "
        "or a manager does now and says why it cannot wait."
    )


def _mark(done: list[tuple[Sheet, Undone]], by: User, despite: dict[int, str]) -> None:
    """Say of plans, flags and sheets that it was undone, by whom and when.

    ``despite`` has the reason for each sheet, by key, that was undone within a freeze.
    """
    at = now()
    keys = [sheet.pk for sheet, _ in done]
    plans = [sheet.flag.object_id for sheet, _ in done]
    TerritoryPlan.objects.filter(pk__in=plans).revise()
    SheetChange.objects.filter(sheet__in=keys).delete()
    leads.take_back(keys)
    # What the sheet itself marked as dealt with is open again; what somebody else did is not.
    marked = Flag.objects.filter(sheet__in=keys, resolved_at=F("sheet__applied_at"))
    Flag.objects.filter(pk__in=marked.values("pk")).update(resolved_at=None, resolved_by=None)
    Sheet.objects.filter(pk__in=keys).update(**CLEARED, undone_by=by, undone_at=at)
    # Its history names no fingerprint: of what was undone nothing is approved any more.
    for sheet, _ in done:
        sheet.fingerprint = ""
    says = {
        pk: f"; within a freeze of the {sheet.team.called}: {despite[pk].strip()}"
        for sheet, _ in done
        if (pk := sheet.pk) in despite
    }
    told = ((sheet, undone.in_words + says.get(sheet.pk, "")) for sheet, undone in done)
    record_each(told, Deed.UNDONE, by=by, at=at)
    if done:
        sheet, undone = done[0]
        more = f"; and {len(done) - 1} more sheets" if len(done) > 1 else ""
        log.info("Sheet %s undone by %s: %s%s", sheet.pk, by, undone.in_words, more)


LAY_OUT = """
CREATE TEMP TABLE put_back ON COMMIT DROP AS
SELECT ''::text AS deed, id, plan_id, territory_id, organisation_id, role, opened_on, closed_on
FROM accounts_assignment WITH NO DATA
"""
COLUMNS = "deed, id, plan_id, territory_id, organisation_id, role, opened_on, closed_on"
WRITE = (
    BY_KEY,
    """
    DELETE FROM accounts_assignment AS held USING put_back
    WHERE held.id = put_back.id AND put_back.deed = 'goes'
    """,
    """
    UPDATE accounts_assignment AS held
    SET territory_id = put_back.territory_id, opened_on = put_back.opened_on,
        closed_on = put_back.closed_on
    FROM put_back WHERE held.id = put_back.id AND put_back.deed = 'changes'
    """,
    ANYHOW,
    """
    INSERT INTO accounts_assignment
        (id, plan_id, territory_id, organisation_id, role, opened_on, closed_on)
    SELECT id, plan_id, territory_id, organisation_id, role, opened_on, closed_on
    FROM put_back WHERE deed = 'returns'
    """,
    "DROP TABLE put_back",
)


class _Walk:
    """The assignments of some plans in memory, from how they are to how they were."""

    def __init__(self, changes: dict[int, list[SheetChange]]):
        units = {change.organisation_id for some in changes.values() for change in some}
        plans = {change.sheet.flag.object_id for some in changes.values() for change in some}
        rows = Assignment.objects.filter(plan__in=plans, organisation__in=units).values_list(
            "pk", "plan", "territory", "organisation", "role", "opened_on", "closed_on"
        )
        self.before = {pk: Image._make(row) for pk, *row in (rows if units else ())}
        self.state = dict(self.before)
        self.there: dict[tuple, set[int]] = defaultdict(set)
        for pk, image in self.state.items():
            self.there[image.place].add(pk)

    def back(self, changes: list[SheetChange], undone: Undone, everything: bool) -> None:
        """Take one sheet's changes back, the newest first."""
        for change in changes:
            self._take_back(change, undone, everything)
        if everything:
            self._clear_the_way(undone)

    def _take_back(self, change: SheetChange, undone: Undone, everything: bool) -> None:
        """Take one change back where the row is as the change left it."""
        pk, image = change.assignment, _image(change, change.closed_on)
        if change.deed == SheetChange.Deed.OPENED:
            if self.state.get(pk) == image or (everything and pk in self.state):
                self._drop(pk)
                undone.deleted.append(change)
            elif not everything:
                undone.kept.append(change)
            return
        left = None
        if change.deed == SheetChange.Deed.CLOSED:
            left = _image(change, change.cut_on)
        others = self.there[image.place] - {pk}
        blocked = any(self.state[other].overlaps(image) for other in others)
        if everything or (self.state.get(pk) == left and not blocked):
            self.state[pk] = image
            self.there[image.place].add(pk)
            undone.restored.append(change)
        else:
            undone.kept.append(change)

    def _clear_the_way(self, undone: Undone) -> None:
        """Where everything is to go back: rows that overlap a restored one were made since."""
        restored = {change.assignment for change in undone.restored}
        gone = []
        for change in undone.restored:
            image = self.state[change.assignment]
            for other in self.there[image.place] - restored:
                if self.state[other].overlaps(image):
                    self._drop(other)
                    gone.append(other)
        rows = Assignment.objects.filter(pk__in=gone).select_related("territory", "organisation")
        undone.in_the_way += rows if gone else ()

    def _drop(self, pk: int) -> None:
        self.there[self.state.pop(pk).place].discard(pk)

    def write(self) -> None:
        """Write the difference."""
        rows = [("goes", pk, *image) for pk, image in self.before.items() if pk not in self.state]
        for pk, image in self.state.items():
            was = self.before.get(pk)
            if image != was:
                rows.append(("changes" if was else "returns", pk, *image))
        if not rows:
            return
        with connection.cursor() as cursor:
            cursor.execute(LAY_OUT)
            with cursor.copy(f"COPY put_back ({COLUMNS}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute("ANALYZE put_back")
            for statement in WRITE:
                cursor.execute(statement)


def _image(change: SheetChange, closed_on: date | None) -> Image:
    return Image(
        change.sheet.flag.object_id,
        change.territory_id,
        change.organisation_id,
        change.role,
        change.opened_on,
        closed_on,
    )
