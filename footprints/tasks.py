"""The clock's doors to the register: each takes keys, calls one service, may run twice."""

from celery import shared_task
from django.conf import settings
from django.utils.timezone import now

from . import folder
from .models import Report
from .services import fetching, taking_in

A_TICK = 55  # seconds: what found no worker by then is left to the next tick


@shared_task
def take_in(report_pk):
    """Read a report, and apply it where it is to be; then have the next one taken in.

    One after another: while a worker is at one, the others are free for letters.
    """
    if taking_in.take_in(Report.objects.get(pk=report_pk)):
        for report in taking_in.unfinished(now())[:1]:
            take_in.soon(report.pk)


@shared_task(
    title="Go on with reports",
    purpose="Gives a report to another worker where its own was killed.",
    did=("report handed on", "reports handed on"),
)
def resume_reports():
    """Take up again what no worker is at: one was killed, or the broker lost its message."""
    unfinished = taking_in.unfinished(now())[:1]
    for report in unfinished:
        take_in.apply_async((report.pk,), expires=A_TICK)
    return len(unfinished)


@shared_task(
    title="Look in the folder",
    purpose="Receives the files that were put into the watched folder.",
    did=("file received", "files received"),
)
def look_in_folder():
    """Receive the files that were put into the watched folder."""
    received = 0
    if settings.REPORTS_FOLDER:
        for report in folder.receive(settings.REPORTS_FOLDER, at=now()):
            take_in.soon(report.pk)
            received += 1
    return received


@shared_task(
    title="Fetch reports",
    purpose="Visits each feed of the NHS whose time has come.",
    did=("feed visited", "feeds visited"),
)
def fetch_due_feeds():
    """Start a visit to each feed that is due; one look at an index where none is."""
    due = fetching.due_feeds(at=now())
    for name in due:
        fetch_feed.apply_async([name], expires=A_TICK)
    return len(due)


@shared_task
def fetch_feed(name):
    """Visit one feed, and have what comes taken in. Where a worker has it, nothing is done.

    A long walk goes on in a visit of its own, behind whatever else waits for a worker.
    """
    report = fetching.fetch_feed(name, at=now())
    if report is not None:
        take_in.soon(report.pk)
    elif name in fetching.due_feeds(at=now()):
        fetch_feed.soon(name)
