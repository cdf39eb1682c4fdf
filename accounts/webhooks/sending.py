"""Sends what is due: locked, sent, marked; again later where it failed; given up in the end.

Whoever is killed between sending and marking leaves the row as it was, so that it is sent again
with the same key: at least once, and a receiver that looks at the key has it once.
"""

import logging
import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from ..models import Delivery, Webhook
from .posting import Answer, post
from .signing import headers

log = logging.getLogger(__name__)

MOST_TRIES = 10  # with the waits between them more than two days: a weekend passes
FIRST_WAIT = 30  # seconds
LONGEST_WAIT = 86_400


def wait_after(tries: int) -> float:
    """Seconds until the next try: four times as long after each, up to a day.

    Half of it is left to chance, so that those who failed together do not come back together.
    """
    grown = min(FIRST_WAIT * 4.0 ** min(tries - 1, 10), LONGEST_WAIT)
    return grown * random.uniform(0.5, 1)


def due(moment: datetime) -> list[int]:
    """The keys of the deliveries to send now."""
    return list(Delivery.objects.due(moment).in_turn().values_list("pk", flat=True))


@transaction.atomic
def send(pk: int, *, at: datetime | None = None) -> Answer | None:
    """Send one delivery that is due, and mark what came of it; None where another is at it, or
    it is not due any more."""
    at = at or now()
    delivery = (
        Delivery.objects.due(at)
        .filter(pk=pk)
        .select_related("webhook")
        .select_for_update(skip_locked=True, of=["self"])
        .first()
    )
    if delivery is None:
        return None
    body = delivery.body.encode()
    webhook = delivery.webhook
    answer = post(webhook.address, body, headers(webhook, str(delivery.key), body, at=at))
    _mark(delivery, answer, at)
    return answer


def _mark(delivery: Delivery, answer: Answer, at: datetime):
    delivery.tries += 1
    delivery.tried_at = at
    delivery.status, delivery.outcome, delivery.answer = answer.status, answer.says, answer.text
    if answer.is_good:
        delivery.state, delivery.sent_at = Delivery.State.SENT, at
    elif answer.is_gone or delivery.tries >= MOST_TRIES:
        delivery.state = Delivery.State.DEAD
    else:
        wait = max(wait_after(delivery.tries), answer.wait or 0)
        delivery.next_try_at = at + timedelta(seconds=wait)
    delivery.save()
    webhook = Webhook.objects.filter(pk=delivery.webhook_id)
    if answer.is_good:
        webhook.exclude(failing_since_at=None).update(failing_since_at=None)
    else:
        webhook.update(failing_since_at=Coalesce("failing_since_at", at))
    # The address may be a secret: which webhook it was says enough.
    log.info(
        "Webhook %s: delivery %s, try %s: %s",
        delivery.webhook_id,
        delivery.pk,
        delivery.tries,
        answer.status or "no answer",
    )
