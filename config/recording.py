"""Every run of a scheduled task as a row, written by the worker that does it.

``RecordedTask`` is the class of all tasks (``config.celery``). A tick of the clock costs two
statements beside its work; a task that is on no schedule costs none unless it fails.
"""

import logging
from contextlib import suppress
from functools import partial

from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from django.db import transaction
from kombu.exceptions import OperationalError as BrokerError

logger = logging.getLogger(__name__)

BY_NAME = "periodic_task_name"  # the header by which django-celery-beat names the schedule
BY_KEY = "waymark_run"  # the header that names a row made before: somebody asked for it
SENT_AT = "waymark_sent_at"  # the header that says when the clock sent it, ISO 8601
BY_ITSELF = "waymark_itself"  # the header of what neither the clock nor a person asked for


class RecordedTask(DjangoTask):
    """A task whose runs are rows, where it is on a schedule, whoever started them; but for those
    that a program calls or sends by itself, past ``soon`` and ``at_once``.

    A task may say ``title`` (what it is called), ``purpose`` (what it is for, a sentence) and
    ``did`` (the noun of what it counts, one and several) to ``shared_task``. It returns how many
    it dealt with, or what it did in words; nothing, None or 0 where there was nothing to do.
    """

    abstract = True
    title = ""
    purpose = ""
    did = ("thing done", "things done")

    def soon(self, *args) -> None:
        """Have a worker do it once what is under way is committed; without a broker the clock
        comes to it."""
        transaction.on_commit(partial(self._ask, args))

    def at_once(self, *args) -> None:
        """Have a worker do it now: of a task on a schedule, as a run of that."""
        entries = self.app.conf.beat_schedule.items()
        schedule = next((name for name, entry in entries if entry["task"] == self.name), None)
        headers = {BY_NAME: schedule, BY_ITSELF: True} if schedule else {}
        self.apply_async(args, headers=headers)

    def _ask(self, args):
        try:
            self.at_once(*args)
        except BrokerError:
            logger.warning("%s%s waits for the broker", self.name, args, exc_info=True)

    def __call__(self, *args, **kwargs):
        request = self.request
        if request.called_directly:
            return super().__call__(*args, **kwargs)
        # Not super(): it would lay an empty request over this one.
        schedule, key = header(request, BY_NAME), header(request, BY_KEY)
        if not schedule and not key:
            return self._unless_it_fails(args, kwargs)
        run = _try(_begin, self, request, schedule or "", key)
        if run is STOPPED:
            raise Ignore
        try:
            result = self.run(*args, **kwargs)
        except (Ignore, Reject, Retry):
            _try(_end, run, "nothing", "")
            raise
        except Exception as error:
            _try(_end, run, *_why_not(run, error))
            raise
        did = in_words(result, self.did)
        _try(_end, run, "done" if did else "nothing", did)
        return result

    def _unless_it_fails(self, args, kwargs):
        try:
            return self.run(*args, **kwargs)
        except (Ignore, Reject, Retry):
            raise
        except Exception as error:
            _try(_failed, self, error)
            raise


STOPPED = object()


def header(request, name):
    """A header of the task's message; None where it has none."""
    return getattr(request, name, None) or (request.headers or {}).get(name)


def in_words(result, did: tuple[str, str]) -> str:
    """What a task did, by what it returned; empty where there was nothing to do."""
    if not result:
        return ""
    if isinstance(result, int) and not isinstance(result, bool):
        return f"{result:,} {did[0] if result == 1 else did[1]}"
    return result if isinstance(result, str) else "Done"


def error_in_words(error: BaseException) -> str:
    """The error by its name and its first line, for a page; the log has the rest of it."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}"[:500] if first else type(error).__name__


def _why_not(run, error):
    if isinstance(error, SoftTimeLimitExceeded):
        if run is not None and _try(_is_stopped, run):
            return "stopped", "Somebody stopped it: of what was under way nothing was written."
        return "failed", "It took longer than a task may: it was ended."
    return "failed", error_in_words(error)


# --- The rows -----------------------------------------------------------------------------------
#
# What is recorded must not keep anything from being done: whatever goes wrong here is logged.


def _try(write, *args):
    """Do it, once more on a new connection where the old one is gone; None where that fails."""
    from django.db import DatabaseError, InterfaceError, OperationalError, connection

    for is_last in (False, True):
        try:
            return write(*args)
        except (OperationalError, InterfaceError):
            if is_last or connection.in_atomic_block:
                logger.warning("A run is not recorded", exc_info=True)
                return None
            with suppress(Exception):
                connection.close()
        except DatabaseError:
            logger.warning("A run is not recorded", exc_info=True)
            return None


def _begin(task, request, schedule, key):
    """A row that says the run goes on; STOPPED where somebody stopped it before it began."""
    from datetime import datetime

    from django.db import connection
    from django.db.models.expressions import RawSQL
    from django.utils.timezone import now

    from .models import BACKEND, Run

    is_pooled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    began = {
        "state": Run.State.RUNNING,
        "began_at": now(),
        "worker": str(request.hostname or "")[:200],
        "message": str(request.id or "")[:64],
        # Behind PgBouncer the connection to PostgreSQL is anybody's.
        "backend": "" if is_pooled else RawSQL(BACKEND, []),
    }
    asked = Run.objects.filter(pk=key).first() if key else None
    if asked is not None:
        waiting = Run.objects.filter(pk=key, state=Run.State.WAITING)
        if waiting.update(**began):
            return asked
        if asked.state == Run.State.STOPPED:
            return STOPPED
    # Sent by the clock, or by another task; or given to this worker after another was killed.
    sent_at = header(request, SENT_AT)
    asked_at = datetime.fromisoformat(sent_at) if sent_at else began["began_at"]
    return Run.objects.create(
        task=task.name,
        schedule=schedule,
        asked_at=None if header(request, BY_ITSELF) else asked_at,
        asked_by_id=asked.asked_by_id if asked is not None else None,
        **began,
    )


# The run before, where it says no more than this one, gives way to it: of the clock's own, or of
# Waymark's, one to the other; what a person asked for stays as it was, and counts nobody else's.
END = """
WITH before AS (
    SELECT id, state, says, times, first_at, asked_by_id, asked_at FROM config_run
    WHERE schedule = %(schedule)s AND task = %(task)s AND id < %(id)s
        AND state NOT IN ('waiting', 'running')
    ORDER BY id DESC LIMIT 1 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM config_run USING before
    WHERE config_run.id = before.id AND before.asked_by_id IS NULL AND %(is_nobodys)s
        AND (before.asked_at IS NULL) = %(is_by_itself)s AND (
        before.state = 'nothing' AND %(state)s IN ('nothing', 'done')
        OR before.state = 'failed' AND %(state)s = 'failed'
            AND (before.says = %(says)s OR %(schedule)s = '')
    )
    RETURNING before.state, before.times, before.first_at
)
UPDATE config_run
SET state = %(state)s, says = %(says)s, ended_at = %(at)s, backend = '',
    times = 1 + COALESCE((SELECT times FROM gone WHERE state = %(state)s), 0),
    first_at = COALESCE((SELECT first_at FROM gone WHERE state = %(state)s), began_at)
WHERE id = %(id)s
"""


def _end(run, state, says):
    from django.db import connection
    from django.utils.timezone import now

    if run is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            END,
            {
                "id": run.pk,
                "task": run.task,
                "schedule": run.schedule,
                "state": state,
                "says": says,
                "is_nobodys": run.asked_by_id is None,
                "is_by_itself": run.asked_at is None,
                "at": now(),
            },
        )


def _failed(task, error):
    """The last failure of a task that is on no schedule, and how many there were before it."""
    from django.utils.timezone import now

    from .models import Run

    at = now()
    row = {"state": Run.State.FAILED, "began_at": at, "ended_at": at, "first_at": at}
    says = error_in_words(error)
    run = Run.objects.create(task=task.name, says=says, worker=task.request.hostname or "", **row)
    _end(run, Run.State.FAILED.value, says)


def _is_stopped(run):
    from .models import Run

    return Run.objects.filter(pk=run.pk, stopped_by__isnull=False).exists()
