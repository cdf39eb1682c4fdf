"""Finds what is new since a webhook last looked, and writes what it will be told: once each.

Each subscription remembers the key of the last row that it has read. Keys are given out before
their rows are committed, so that a lower one may appear after a higher: what is read for good ends
where the oldest transaction that still writes began, and a minute ago. Whatever lies beyond is
looked at again by the next tick, and the delivery's unique key keeps it from being told twice.
"""

import logging
from collections import defaultdict
from datetime import datetime, timedelta

from django.db import connection, models, transaction
from django.db.models import Exists, Max, OuterRef
from django.utils.timezone import now

from ..models import Delivery, Subscription, Webhook
from .shapes import clipped, written
from .topics import TOPICS, Topic

log = logging.getLogger(__name__)

AT_ONCE = 500  # rows that one subscription is told of in one transaction
# A process may be slow between taking a key and beginning to write, where nothing shows it.
SETTLES_IN = timedelta(minutes=1)


def newest(model: type[models.Model]) -> int:
    """The highest key in the table; 0 where there is none."""
    return model.objects.aggregate(newest=Max("pk"))["newest"] or 0


def tell(*, at: datetime | None = None) -> int:
    """Write a delivery for each webhook and thing that is new to it; return how many."""
    at = at or now()
    told = 0
    read_to = defaultdict(dict)  # by topic, of each subscription's key
    listening = Subscription.objects.filter(webhook__in=Webhook.objects.listening())
    for name, key, last in listening.values_list("topic", "pk", "read_to"):
        read_to[name][key] = last
    for name in TOPICS.keys() & read_to.keys():
        topic, last = TOPICS[name], newest(TOPICS[name].model)
        for key in (key for key, read in read_to[name].items() if read < last):
            told += _tell(key, topic, at)
    if told:
        log.info("%s deliveries written for webhooks", told)
    return told


@transaction.atomic
def _tell(key: int, topic: Topic, at: datetime) -> int:
    """Bring one subscription up to date, unless another worker is at it."""
    subscription = (
        Subscription.objects.filter(pk=key)
        .select_related("webhook__team")
        .select_for_update(skip_locked=True, of=["self"])
        .first()
    )
    if subscription is None:
        return 0
    webhook = subscription.webhook
    # Asked before the rows are: what is committed in between is read now, and looked at again.
    settled = _settled(topic.model, subscription.read_to, at)
    known = Delivery.objects.filter(webhook=webhook, topic=topic.name, thing=OuterRef("pk"))
    rows = topic.rows(webhook).filter(~Exists(known), pk__gt=subscription.read_to)
    found = list(rows.order_by("pk")[:AT_ONCE])
    deliveries = [
        Delivery(
            webhook=webhook,
            topic=topic.name,
            thing=news.thing,
            says=clipped(news.says, 300),
            body=written(news, topic, webhook.shape),
            made_at=at,
            next_try_at=at,
        )
        for news in topic.news(webhook, found)
    ]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    if len(found) == AT_ONCE:
        settled = min(settled, found[-1].pk)
    if settled > subscription.read_to:
        subscription.read_to = settled
        subscription.save(update_fields=["read_to"])
    return len(deliveries)


def _settled(model: type[models.Model], after: int, at: datetime) -> int:
    """The key up to which no further row can appear: `after`, or the last one before the first
    that was written by a transaction no older than the oldest that still runs, or a minute ago."""
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH fresh AS (
                SELECT id, at >= %s
                    OR age(xmin) <= age(pg_snapshot_xmin(pg_current_snapshot())::xid) AS is_open
                FROM {table} WHERE id > %s
            )
            SELECT max(id) FROM fresh
            WHERE id < coalesce((SELECT min(id) FROM fresh WHERE is_open), 'infinity'::float8)
            """,
            [at - SETTLES_IN, after],
        )
        (found,) = cursor.fetchone()
    return after if found is None else found


def start(webhook: Webhook, topics: list[str]) -> None:
    """Let the webhook hear of these topics, of each new one from now on, and of no other."""
    Subscription.objects.filter(webhook=webhook).exclude(topic__in=topics).delete()
    Subscription.objects.bulk_create(
        [
            Subscription(webhook=webhook, topic=name, read_to=newest(TOPICS[name].model))
            for name in topics
        ],
        ignore_conflicts=True,
    )


def start_anew(webhook: Webhook) -> None:
    """Pass over what happened while the webhook was off."""
    for subscription in webhook.subscriptions.all():
        last = newest(TOPICS[subscription.topic].model)
        Subscription.objects.filter(pk=subscription.pk).update(read_to=last)


__all__ = ["AT_ONCE", "newest", "start", "start_anew", "tell"]
