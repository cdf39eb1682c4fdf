"""The clock's doors: each takes keys, calls one service, and may run twice without harm."""

import logging

from celery import shared_task
from django.utils.timezone import localdate
from kombu.exceptions import OperationalError

from .balancing import asking
from .models import Digest, Job, Suggestion
from .services import digests, flags
from .sheets import applying, jobs
from .territories import lifecycle

logger = logging.getLogger(__name__)

A_TICK = 55  # seconds: what found no worker by then is left to the next tick


@shared_task
def raise_flags():
    """Flag what changed since the last run; with nothing changed it costs a look at an index."""
    return flags.raise_flags()


@shared_task
def apply_due():
    """Have what is approved and due applied, a task a set, so that every worker is at it.

    A set that comes twice, because it took long, finds nothing left to do.
    """
    day = localdate()
    applying.release_held(day)
    for some in applying.due(day):
        apply_set.apply_async((some,), expires=A_TICK)


@shared_task
def apply_set(keys):
    """Apply the sheets of these flags; one that is not ready is tried again by a later tick."""
    return applying.apply_due(keys, localdate())


@shared_task
def activate_due():
    """Make active the plans that are approved for today or before; then look at the new ones."""
    if lifecycle.activate_due(localdate()):
        flags.raise_flags()


@shared_task
def do_job(pk, lane=0):
    """Do a job, or go on with it where a worker was killed; then look at what it unsettled."""
    jobs.work(Job.objects.get(pk=pk), on=localdate(), lane=lane)
    flags.raise_flags()


@shared_task
def resume_jobs():
    """Take up again what no worker is at: one was killed, or the broker lost its message."""
    for job in jobs.unfinished():
        for lane in jobs.lanes(job):
            do_job.apply_async((job.pk, lane), expires=A_TICK)


def start(job):
    """Have workers do the job, once it is committed; without a broker the clock will."""
    try:
        for lane in jobs.lanes(job):
            do_job.delay_on_commit(job.pk, lane)
    except OperationalError:
        logger.warning("Job %s waits for the broker", job.pk, exc_info=True)


@shared_task
def suggest(pk):
    """Work out a suggestion, or begin it again where a worker was killed."""
    asking.work(Suggestion.objects.get(pk=pk))


@shared_task
def resume_suggestions():
    """Take up again what no worker is at: one was killed, or the broker lost its message."""
    for suggestion in asking.unfinished():
        suggest.apply_async((suggestion.pk,), expires=A_TICK)


def start_suggestion(suggestion):
    """Have a worker work it out, once it is committed; without a broker the clock will."""
    try:
        suggest.delay_on_commit(suggestion.pk)
    except OperationalError:
        logger.warning("Suggestion %s waits for the broker", suggestion.pk, exc_info=True)


@shared_task
def send_digests():
    """One small task a letter, so that one bad address holds nobody up."""
    for pk in Digest.objects.unsent().values_list("pk", flat=True):
        send_digest.delay(pk)


@shared_task
def send_digest(pk):
    """A letter that fails is not marked: the next sweep, a minute later, tries it again."""
    return digests.send_digest(pk, today=localdate())
