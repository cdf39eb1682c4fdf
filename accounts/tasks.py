"""The clock's doors: each takes keys, calls one service, and may run twice without harm."""

from celery import shared_task
from django.utils.timezone import localdate

from .models import Digest
from .services import digests, flags
from .sheets import applying


@shared_task
def raise_flags():
    """Flag what changed since the last run; with nothing changed it costs a look at an index."""
    return flags.raise_flags()


@shared_task
def apply_due():
    """Apply the approved sheets whose day has come; one that is not ready is tried again."""
    return applying.apply_due(localdate())


@shared_task
def send_digests():
    """One small task a letter, so that one bad address holds nobody up."""
    for pk in Digest.objects.unsent().values_list("pk", flat=True):
        send_digest.delay(pk)


@shared_task
def send_digest(pk):
    """A letter that fails is not marked: the next sweep, a minute later, tries it again."""
    return digests.send_digest(pk, today=localdate())
