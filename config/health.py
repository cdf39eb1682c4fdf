"""Two addresses that machines ask: can this process do its work, and does the clock do its own?"""

import logging
from datetime import UTC

from celery import current_app
from django.db import connection
from django.http import JsonResponse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from . import schedules

logger = logging.getLogger(__name__)


def _database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker():
    with current_app.connection_for_write(connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)


@never_cache
@require_safe
def healthz(request):
    """For a load balancer: 200 when the database and the broker answer, else 503.

    ``jobs`` says of each scheduled job how it stands, and never makes it 503: where the clock
    stands still, to take the web servers away as well would help nobody.
    """
    found = _ask()
    return JsonResponse(found, status=200 if _answers(found) else 503)


@never_cache
@require_safe
def healthz_jobs(request):
    """For a monitor: as ``healthz``, and 503 too when a job was missed, or the clock never ran."""
    found = _ask()
    jobs = found["jobs"]
    is_well = _answers(found) and jobs and not any(job["is_missed"] for job in jobs.values())
    return JsonResponse(found, status=200 if is_well else 503)


def _answers(found):
    return found["database"] == found["broker"] == "ok"


def _ask():
    """``database`` and ``broker`` by what they said; ``jobs`` by the name of their schedule."""
    found = ask_parts()
    found["jobs"] = {}
    if found["database"] == "ok":
        try:
            found["jobs"] = _jobs()
        except Exception:  # a schedule that cannot be understood is no reason to close the site
            logger.exception("The schedules cannot be told")
    return found


def ask_parts() -> dict[str, str]:
    """Whether the ``database`` and the ``broker`` answer: "ok", or the name of the error."""
    found = {}
    for name, ask in (("database", _database), ("broker", _broker)):
        try:
            ask()
        except Exception as error:  # whatever went wrong, the answer is that it does not answer
            found[name] = type(error).__name__
        else:
            found[name] = "ok"
    return found


def _jobs():
    """When each was last due, last done and is due next: ISO 8601, UTC, null where never.

    No words of what was done or went wrong: anybody may ask.
    """
    standing = schedules.as_they_stand(now())
    found = {
        each.name: {
            "state": each.state,
            "is_missed": each.is_missed,
            "due_at": _moment(each.due_at),
            "done_at": _moment(each.good and each.good.ended_at),
            "next_at": _moment(each.next_at),
        }
        for each in standing
    }
    nothing = dict.fromkeys(("due_at", "done_at", "next_at"))
    for name in schedules.never_laid_down(standing):
        found[name] = {"state": "missing", "is_missed": True, **nothing}
    return found


def _moment(at):
    return at and at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
