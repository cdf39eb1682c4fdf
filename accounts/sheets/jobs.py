"""Jobs: one deed on many sheets of an event, asked for on a page, done by a worker set by set.

What became of a sheet is written in the transaction that did it, and what is left to do is the
lines that say nothing yet: a worker that was killed has lost nothing and done nothing twice, and
whichever takes the job up goes on with the next line. Two workers are at a long job at once, each
in a lane of its own: while the database writes the set of one, the other plans the next. Stopping
takes effect once each is between two sets.
"""

import logging
from collections.abc import Collection
from contextlib import ExitStack
from datetime import date

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from footprints.alone import alone
from footprints.models import Reorganisation

from ..models import Flag, Job, JobSheet, Sheet, SheetChange, User
from ..models.decisions import lend_teams
from .applying import SET, apply_sheets
from .deciding import SheetError
from .planning import in_words
from .together import approve_sheets, prepare_sheets
from .undoing import frozen_refusal, may_within_a_freeze, undo_sheets

log = logging.getLogger(__name__)

LANES = 2  # workers at one job
TRIES = 3  # workers of each lane that may be lost over one set
LOCK = 0x57415934 << 32  # and a lane of the job: beside the locks of footprints.alone

State = Job.State


class JobError(Exception):
    """What cannot be done about a job, in the reader's words."""


class Nothing(JobError):
    """There is no sheet to do it to."""


class UnderWay(JobError):
    """Another job is at sheets of the event; ``job`` where the asker may see it, else None."""

    def __init__(self, job: Job | None):
        self.job = job
        super().__init__(
            f"{job.by} has a job under way on sheets of this event "
            f"({job.get_deed_display().lower()}). Wait until it is over, or stop it."
            if job
            else "A job is under way on sheets of this event: try again once it is over."
        )


class TooLate(JobError):
    """The job is not where the deed takes it from any more."""


# --- What somebody asks -------------------------------------------------------------------------


def ask(
    event: Reorganisation,
    deed: Job.Deed,
    flags: Collection[int],
    *,
    by: User,
    despite: str = "",
    rest_of: Job | None = None,
) -> Job:
    """Have this done to the sheets of these flags, in order of key; a worker is started elsewhere.

    ``despite`` is why an undo cannot wait for the end of a freeze, where a manager says so.
    Flags of another event, or of plans that ``by`` may not open, are passed over. Raises UnderWay
    while another job is at sheets of the event, Nothing where no flag is left.
    """
    seen = Flag.objects.on_plans().visible_to(by)
    flags = seen.filter(pk__in=flags, reorganisation=event).order_by("pk")
    keys = list(flags.values_list("pk", flat=True))
    if not keys:
        raise Nothing("No sheet is chosen.")
    try:
        with transaction.atomic():
            job = Job.objects.create(
                deed=deed,
                event=event,
                by=by,
                asked_at=now(),
                total=len(keys),
                despite=despite.strip(),
                goes_on_with=rest_of,
            )
            seen = _fingerprints(keys)
            lines = (JobSheet(job=job, flag_id=key, seen=seen.get(key, "")) for key in keys)
            JobSheet.objects.bulk_create(lines, batch_size=5_000)
    except IntegrityError:
        under_way = Job.objects.under_way().filter(event=event)
        if under_way.exists():
            seen = under_way.visible_to(by).select_related("by")
            raise UnderWay(seen.first()) from None
        if rest_of and Job.objects.filter(goes_on_with=rest_of).exists():
            raise TooLate("Somebody has gone on with it already.") from None
        raise
    log.info("Job %s: %s asks to %s %d sheets of %s", job.pk, by, deed, job.total, event.slug)
    return job


def _fingerprints(flags: list[int]) -> dict[int, str]:
    """The fingerprints of the sheets of these flags, where there is one; one query."""
    return dict(Sheet.objects.filter(flag__in=flags).values_list("flag", "fingerprint"))


def go_on(job: Job, *, by: User) -> Job:
    """A job for the rest of one that is over: what it did not come to, and what it refused.

    It is asked for by ``by``, who may do other things than whoever asked first. Raises TooLate
    while the job is not over or once somebody has gone on with it, Nothing where all is done.
    """
    job.refresh_from_db()
    if job.is_under_way:
        raise TooLate("The job is not over: nothing is left to go on with yet.")
    rest = job.lines.exclude(state=JobSheet.State.DONE).values_list("flag", flat=True)
    return ask(job.event, job.deed, list(rest), by=by, despite=job.despite, rest_of=job)


def stop(job: Job, *, by: User) -> None:
    """Stop the job: at once where no worker is at it, else after the set that is under way.

    What is done stays done. Raises TooLate where the job is over.
    """
    moved = _move(job, State.WAITING, to=State.STOPPED, stopped_by=by, ended_at=now())
    moved = moved or _move(job, State.WORKING, to=State.STOPPING, stopped_by=by)
    if not moved and job.state != State.STOPPING:
        raise TooLate("The job is over already.")
    log.info("Job %s stopped by %s", job.pk, by)
    _settle(job)


def tally(lines: QuerySet[JobSheet]) -> tuple[int, int, int, int]:
    """How many of these lines are done, refused and waiting, and the rows written; one query."""
    numbers = {state.value: Count("pk", filter=Q(state=state)) for state in JobSheet.State}
    found = lines.order_by().aggregate(**numbers, written=Coalesce(Sum("rows"), 0))
    return found["done"], found["refused"], found["waiting"], found["written"]


# --- What a worker does -------------------------------------------------------------------------


def unfinished() -> list[Job]:
    """Jobs that a worker should be at, the first asked for first."""
    return list(Job.objects.under_way().order_by("pk"))


def lanes(job: Job, *, size: int = SET) -> range:
    """The lanes that are worth a worker each."""
    return range(min(LANES, -(-job.total // size)))


def work(job: Job, *, on: date, lane: int = 0, size: int = SET) -> None:
    """Do the job, or the rest of it, on that day, beside whoever is at it in another lane.

    Nothing where a worker is at it in this lane, or it is over. ``size`` sheets a transaction.
    Only a failing database goes up as it is: the job then stays where it was, and is taken up
    again.
    """
    with alone(_lock(job, lane)) as is_ours:
        if is_ours and _begin(job):
            _work(job, on, size)
    _settle(job)


def _work(job: Job, on: date, size: int) -> None:
    try:
        while _goes_on(job) and deal_with_a_set(job, on=on, size=size):
            pass
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("Job %s failed", job.pk)
        _fail(
            job,
            f"Waymark failed at it ({type(error).__name__}): of the set it was at, nothing "
            "was written. Whoever looks after Waymark finds the reason in its log.",
        )


def _lock(job: Job, lane: int) -> int:
    return LOCK + job.pk * LANES + lane


def _begin(job: Job) -> bool:
    """Count another try at it. A set that ends each worker that takes it up ends the job."""
    job.refresh_from_db()
    if job.tries >= TRIES * len(lanes(job)) and job.state in (State.WAITING, State.WORKING):
        _fail(
            job,
            f"{job.tries} workers set about the same sheets, and none came back: they may lack "
            "memory or time for them. Of those sheets nothing was written.",
        )
        return False
    _move(
        job,
        State.WAITING,
        State.WORKING,
        to=State.WORKING,
        tries=F("tries") + 1,
        began_at=Coalesce("began_at", now()),
    )
    return job.state == State.WORKING


def _goes_on(job: Job) -> bool:
    """Whether it is not over, and nobody has stopped it."""
    job.refresh_from_db()
    return job.state == State.WORKING


def _settle(job: Job) -> None:
    """End the job where nobody is at it in any lane, and nothing is left or somebody stopped it.

    Whoever leaves it last does so: each takes the locks of all lanes in the same order.
    """
    with ExitStack() as held:
        if not all(held.enter_context(alone(_lock(job, lane))) for lane in range(LANES)):
            return
        job.refresh_from_db()
        if not job.lines.filter(state=JobSheet.State.WAITING).exists():
            _end(job, State.WORKING, State.STOPPING, to=State.DONE)
        else:
            _end(job, State.STOPPING, to=State.STOPPED)


def deal_with_a_set(job: Job, *, on: date, size: int = SET) -> bool:
    """Deal with the next sheets, in one transaction; False where none is left for this worker."""
    try:
        with transaction.atomic():
            if lines := _next(job, size):
                _deal_with(job, lines, on)
            return bool(lines)
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, SheetError):
        # One of them the database refuses, or is frozen since: each by itself, so that it holds up
        # nobody.
        log.warning("Job %s: each sheet of a set by itself", job.pk, exc_info=True)
        dealt = 0
        while dealt < size and _deal_with_one(job, on):
            dealt += 1
        return dealt > 0


def _next(job: Job, size: int) -> list[JobSheet]:
    """The next lines that no other worker is at, locked."""
    waiting = job.lines.filter(state=JobSheet.State.WAITING).order_by("pk")
    return list(waiting.select_for_update(skip_locked=True)[:size])


def _deal_with_one(job: Job, on: date) -> bool:
    """Deal with the next sheet by itself, whatever the database says; False where none is left."""
    lines = []
    try:
        with transaction.atomic():
            if lines := _next(job, 1):
                _deal_with(job, lines, on)
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, SheetError) as error:
        says = str(error).partition("\n")[0]
        if isinstance(error, DatabaseError):
            says = f"The database refuses it: {says}"
        with (
            transaction.atomic()
        ):  # unless another worker came to it since: what that wrote stands
            _write(job, lines, {}, {line.flag_id: says for line in lines})
    return bool(lines)


def _deal_with(job: Job, lines: list[JobSheet], on: date) -> None:
    """Do the job's deed to the sheets of these lines, and write what became of each."""
    flags = [line.flag_id for line in lines]
    if job.deed == Job.Deed.UNDO:
        refused = _frozen(job, flags, on)
        free = [flag for flag in flags if flag not in refused]
        undone = undo_sheets(free, by=job.by, on=on, despite=job.despite)
        done = {
            flag: (len(one.deleted) + len(one.restored), one.in_words)
            for flag, one in undone.items()
        }
        _write(job, lines, done, refused)
        return
    if job.deed == Job.Deed.APPLY:
        found = apply_sheets(flags, by=job.by, on=on)
    elif job.deed == Job.Deed.APPROVE:
        seen = {line.flag_id: line.seen for line in lines}
        found = approve_sheets(flags, by=job.by, seen=seen)
    else:
        found = prepare_sheets(flags, by=job.by)
    writes = job.deed == Job.Deed.APPLY
    done = {
        flag: (len(one.closings) + len(one.openings) if writes else 0, in_words(one))
        for flag, one in found.done.items()
    }
    _write(job, lines, done, {flag: str(refusal) for flag, refusal in found.refused.items()})


def _frozen(job: Job, flags: list[int], on: date) -> dict[int, str]:
    """Why some of them are not undone now, by flag: their teams are frozen, and nobody may."""
    if job.despite and may_within_a_freeze(job.by):
        return {}
    written = Exists(SheetChange.objects.filter(sheet=OuterRef("pk")))
    sheets = Sheet.objects.filter(written | Q(applied_at__isnull=False), flag__in=flags)
    sheets = list(sheets.defer("changes").select_related("flag__reorganisation"))
    lend_teams(sheets)
    frozen = (sheet for sheet in sheets if sheet.frozen_until(on))
    return {sheet.flag_id: str(frozen_refusal(sheet, on)) for sheet in frozen}


# What a deed leaves in neither list of its answer.
LEFT_OUT = {
    Job.Deed.APPLY: "The sheet is not approved: nothing is applied.",
    Job.Deed.UNDO: "The sheet is not applied: there is nothing to undo.",
}
WRITE = """
UPDATE accounts_jobsheet AS line SET state = said.state, says = said.says, rows = said.rows
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[]) AS said(id, state, says, rows)
WHERE line.id = said.id AND line.state = 'waiting'
"""


def _write(
    job: Job,
    lines: list[JobSheet],
    done: dict[int, tuple[int, str]],
    refused: dict[int, str],
) -> None:
    """Write what became of each line's sheet, and how far the job is; in the caller's transaction.

    ``done`` and ``refused`` are by flag: rows written and what was done; why it was not.
    """
    left = [line.flag_id for line in lines if line.flag_id not in {*done, *refused}]
    applied = Sheet.objects.filter(flag__in=left, applied_at__isnull=False)
    if job.deed == Job.Deed.APPLY:
        # Not by this job, and no reason to worry anybody.
        done = done | dict.fromkeys(
            applied.values_list("flag", flat=True), (0, "It was applied already.")
        )
    said = []
    for line in lines:
        if line.flag_id in done:
            rows, says = done[line.flag_id]
            said.append((line.pk, JobSheet.State.DONE.value, says, rows))
        else:
            says = refused.get(line.flag_id) or LEFT_OUT[job.deed]
            said.append((line.pk, JobSheet.State.REFUSED.value, says, 0))
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [list(column) for column in zip(*said, strict=True)])
        written = cursor.rowcount
    Job.objects.filter(pk=job.pk).update(done=F("done") + written, tries=0)


# --- From one state to another ------------------------------------------------------------------


def _fail(job: Job, reason: str) -> None:
    _move(
        job,
        *State.under_way(),
        to=State.FAILED,
        error=reason,
        ended_at=now(),
        began_at=Coalesce("began_at", now()),
    )


def _end(job: Job, *of: State, to: State) -> bool:
    return _move(job, *of, to=to, ended_at=now())


def _move(job: Job, *of: State, to: State, **fields) -> bool:
    """Move the job on by condition, so that the first to act stands; whether it was so."""
    moved = Job.objects.filter(pk=job.pk, state__in=of).update(state=to, **fields)
    job.refresh_from_db()
    return bool(moved)
