"""A report on its way: read by a worker, applied where nobody need be asked, or by who is asked.

Each step moves the report from one state to the next by condition, so the first to act stands, and
a worker may begin anywhere again: what a killed one had not committed never happened.
"""

import logging
from datetime import date, datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q

from ..alone import WORKER, alone
from ..models import Report
from ..progress import MOVING, Progress, Stopped
from .receiving import CannotApply, apply_report, preview_report, reasons_to_ask

logger = logging.getLogger(__name__)

State, Via = Report.State, Report.Via

BY_THEMSELVES = {Via.FOLDER, Via.FETCH}  # nobody stands by who would say "apply"
TRIES = 3
A_COMMAND_TAKES = timedelta(hours=1)  # at most; then it was ended, and a worker takes over


class TooLate(Exception):
    """Somebody else was first: the report is no longer where the deed takes it from."""


def take_in(report: Report) -> bool:
    """Take a report as far as it goes without being asked; False where a worker is at another.

    Whatever fails is written on the report. Only a failing database goes up as it is: the report
    then stays where it was, and is taken up again.
    """
    # Releases are serial: a second worker would only wait, and the letters behind it too.
    with alone(WORKER) as is_ours:
        if is_ours:
            report.refresh_from_db()
            try:
                _read(report)
                _apply(report)
            except Stopped:
                logger.info("The work at report %s was stopped", report.pk)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                logger.exception("Report %s failed", report.pk)
                _give_up(
                    report,
                    f"Waymark failed at it and wrote nothing ({type(error).__name__}). Whoever "
                    "looks after Waymark finds the reason in its log. Then read it again.",
                )
        return is_ours


def _read(report: Report):
    unread = (State.RECEIVED, State.READING)
    if report.state in unread and _begin(report, *unread, to=State.READING):
        with Progress(report) as progress:
            progress("Waiting for its turn", 0, 0)
            preview_report(report, progress=progress)
    if goes_by_itself(report):
        _move(report, State.PREVIEWED, to=State.APPLYING, tries=0)


def _apply(report: Report):
    if report.state == State.APPLYING and _begin(report, State.APPLYING, to=State.APPLYING):
        with Progress(report) as progress:
            progress("Waiting for its turn", 0, 0)
            try:
                apply_report(report, by=report.applied_by, progress=progress)
            except CannotApply as refusal:
                logger.info("Report %s cannot be applied: %s", report.pk, refusal)


def goes_by_itself(report: Report) -> bool:
    """Whether a previewed report is applied without anybody being asked."""
    came_by_itself = report.via in BY_THEMSELVES and report.by_id is None
    return report.state == State.PREVIEWED and came_by_itself and not reasons_to_ask(report)


def unfinished(now: datetime) -> list[Report]:
    """Reports that a worker should be at, those that a steward waits for first.

    Whoever imports by a command reads it there and then.
    """
    by_command = Q(via=Via.COMMAND, received_at__gt=now - A_COMMAND_TAKES)
    moving = Report.objects.filter(state__in=MOVING).exclude(by_command)
    previewed = Report.objects.filter(
        state=State.PREVIEWED, via__in=BY_THEMSELVES, by=None, preview__reasons=[]
    )
    found = [*moving.order_by("pk"), *previewed.order_by("pk")]
    return sorted(found, key=lambda report: report.state != State.APPLYING)


# --- What a steward says ------------------------------------------------------------------------


def ask_to_apply(report: Report, *, by):
    """Have a previewed report applied. Raises TooLate where it does not wait for that."""
    _must_move(report, State.PREVIEWED, to=State.APPLYING, tries=0, applied_by=by)


def read_again(report: Report, *, by, about_on: date | None = None):
    """Have a report read anew: the register, or the program, is another since; or somebody says
    which day it tells of.

    From here on somebody stands by, so it is not applied by itself. Raises TooLate.
    """
    of = (State.PREVIEWED, State.REFUSED, State.DISCARDED)
    changes = {"by": report.by or by, "applied_by": None, "error": ""}
    changes |= {"about_on": about_on} if about_on else {}
    _must_move(report, *of, to=State.RECEIVED, tries=0, **changes)


def stop_applying(report: Report, *, by):
    """Stop applying a report: nothing of it is written. Raises TooLate where it is applied."""
    preview = report.preview or {}
    reasons = [*preview.get("reasons", []), f"{by} stopped it."]
    changes = {"by": report.by or by, "applied_by": None}
    changes |= {"preview": {**preview, "reasons": reasons}, "doing": "", "done": 0, "total": 0}
    _must_move(report, State.APPLYING, to=State.PREVIEWED, **changes)


def _must_move(report, *of, to, **fields):
    if not _move(report, *of, to=to, **fields):
        state = report.get_state_display().lower()
        raise TooLate(f"“{report}” is elsewhere by now: {state}.")


def _move(report: Report, *of: str, to: str, **fields) -> bool:
    waiting = Report.objects.filter(pk=report.pk, state__in=of)
    moved = waiting.update(state=to, **fields)
    report.refresh_from_db()
    return bool(moved)


def _begin(report: Report, *of: str, to: str) -> bool:
    """Count another try at it. A file that ends each worker that takes it up ends here."""
    if report.tries >= TRIES:
        _give_up(
            report,
            f"{TRIES} workers set about it, and none came back: they may lack memory or time for "
            "it. Nothing was written.",
        )
        return False
    return _move(report, *of, to=to, tries=F("tries") + 1, error="")


def _give_up(report: Report, reason: str):
    _move(report, *MOVING, to=State.REFUSED, error=reason, doing="", done=0, total=0)
