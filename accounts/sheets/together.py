"""Preparing and approving sheets of one event together, by the rules of the single deed.

Nobody saw the changes of each on a page: what is prepared is what stands when it is done, and
whoever approves is held to exactly that. One that is not ready is left out and holds up nobody.
"""

import logging
from collections.abc import Collection

from django.db import transaction
from django.db.models import prefetch_related_objects
from django.utils.timezone import now

from ..models import Sheet, User
from .applying import Applied, locked_sheets
from .deciding import Moved, SheetError, Stale, put_up, refuse_approval, refuse_unready, still_open
from .history import Deed, record_each
from .planning import in_words, planned_of

log = logging.getLogger(__name__)


@transaction.atomic
def prepare_sheets(flags: Collection[int], *, by: User) -> Applied:
    """Put the sheets of these flags up for approval, those that need nobody's word."""
    Sheet.objects.bulk_create((Sheet(flag_id=flag) for flag in flags), ignore_conflicts=True)
    found, done, at = Applied(), [], now()
    for current in planned_of(_ready(flags, still_open, found)):
        sheet = current.sheet
        try:
            refuse_unready(current)
        except SheetError as refusal:
            found.refused[sheet.flag_id] = refusal
            continue
        put_up(current, by=by, at=at)
        found.done[sheet.flag_id] = current
        done.append(sheet)
    Sheet.objects.bulk_create(
        done,
        update_conflicts=True,
        unique_fields=["flag"],
        update_fields=["prepared_by", "prepared_at", "fingerprint", "changes", "is_four_eyed"],
    )
    _keep(found, Deed.PREPARED, by, at)
    return found


@transaction.atomic
def approve_sheets(flags: Collection[int], *, by: User, seen: dict[int, str]) -> Applied:
    """Approve the sheets of these flags as they were prepared, but those that ``by`` prepared.

    ``seen`` has the fingerprint, by flag, that stood when ``by`` asked for it: a sheet that was
    prepared anew since is refused.
    """
    found, at = Applied(), now()

    def may_be(sheet):
        refuse_approval(sheet, by=by)
        if seen.get(sheet.flag_id) != sheet.fingerprint:
            raise Stale("It was prepared anew since you asked: look again, then approve.")

    for current in planned_of(_ready(flags, may_be, found)):
        sheet = current.sheet
        if current.fingerprint == sheet.fingerprint:
            found.done[sheet.flag_id] = current
        else:
            found.refused[sheet.flag_id] = Moved(sheet.changes, current)
    done = Sheet.objects.filter(flag__in=list(found.done))
    done.update(approved_by=by, approved_at=at)
    for flag in set(flags) - {*found.done, *found.refused}:
        found.refused[flag] = Stale("The sheet is not prepared: it is being decided on.")
    _keep(found, Deed.APPROVED, by, at)
    return found


def _ready(flags, check, found: Applied) -> list[Sheet]:
    """Their sheets, locked, that pass the check; why the others do not is noted."""
    ready, sheets = [], locked_sheets(flags)
    prefetch_related_objects(sheets, "prepared_by", "applied_by")  # refusals name them
    for sheet in sheets:
        try:
            check(sheet)
        except SheetError as refusal:
            found.refused[sheet.flag_id] = refusal
        else:
            ready.append(sheet)
    return ready


def _keep(found: Applied, deed: Deed, by: User, at) -> None:
    said = ((current.sheet, in_words(current)) for current in found.done.values())
    record_each(said, deed, by=by, at=at)
    if found.done:
        log.info("%d sheets %s by %s", len(found.done), deed.value, by)
