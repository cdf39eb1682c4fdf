"""What people do with webhooks: make, change, retire; test one; send again what was given up."""

import logging
import uuid
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from ..models import Delivery, Team, User, Webhook
from . import telling
from .posting import Answer, post
from .shapes import written
from .signing import headers, new_secret
from .topics import News, Topic

log = logging.getLogger(__name__)


class NameTaken(Exception):
    """Another webhook has the name, since a moment ago perhaps; in words."""


@contextmanager
def _name_taken():
    try:
        yield
    except IntegrityError as error:
        if "webhook_name_once" not in str(error):
            raise
        raise NameTaken("There is a webhook of this name already.") from error


def may_keep(user: User) -> bool:
    """Whether the user keeps webhooks at all; which ones, `Webhook.objects.visible_to` says."""
    return user.is_superuser or user.role in User.Role.planning()


def may_keep_for_all(user: User) -> bool:
    """Whether the user keeps those of the whole company."""
    return user.is_superuser or user.role == User.Role.MANAGER


@_name_taken()
@transaction.atomic
def make_webhook(
    *, name: str, team: Team | None, shape: str, address: str, topics: list[str], by: User
) -> Webhook:
    """Make a webhook that hears of the topics from now on; its secret is in the row returned.

    Raises NameTaken.
    """
    webhook = Webhook.objects.create(
        name=name,
        team=team,
        shape=shape,
        address=address,
        secret=new_secret(),
        secret_changed_at=now(),
        by=by,
        made_at=now(),
    )
    telling.start(webhook, topics)
    log.info("Webhook %s made by %s", webhook.pk, by)
    return webhook


@_name_taken()
@transaction.atomic
def change_webhook(webhook: Webhook, *, topics: list[str], by: User, **fields) -> None:
    """Give the webhook these fields and topics; ``by`` answers for it from now on.

    What happened while it was off is passed over. An address that is changed is given its chance:
    whether the former one failed, or passed its test, says nothing of it. Raises NameTaken.
    """
    before = Webhook.objects.select_for_update().get(pk=webhook.pk)
    if fields.get("address", before.address) != before.address:
        fields |= {"failing_since_at": None, "tested_at": None}
        fields |= {"has_passed": False, "test_says": ""}
    if fields.get("is_on") and not before.is_on:
        telling.start_anew(before)
    Webhook.objects.filter(pk=webhook.pk).update(**fields, by=by)
    telling.start(before, topics)
    log.info("Webhook %s changed by %s", webhook.pk, by)


@transaction.atomic
def change_secret(webhook: Webhook, *, by: User) -> str:
    """Give the webhook another secret, and return it; the former one signs too for a day."""
    before = Webhook.objects.select_for_update().get(pk=webhook.pk)
    secret = new_secret()
    Webhook.objects.filter(pk=webhook.pk).update(
        secret=secret, former_secret=before.secret, secret_changed_at=now()
    )
    log.info("Webhook %s has another secret, by %s", webhook.pk, by)
    return secret


@transaction.atomic
def retire_webhook(webhook: Webhook, *, by: User) -> bool:
    """Let the webhook be told nothing any more; False where it was retired already.

    What it was told stays to be read; what still waits is given up.
    """
    retired = Webhook.objects.kept().filter(pk=webhook.pk)
    if not retired.update(retired_at=now(), retired_by=by, is_on=False):
        return False
    waiting = Delivery.objects.filter(webhook=webhook, state=Delivery.State.WAITING)
    waiting.update(state=Delivery.State.DEAD, outcome="The webhook was retired before it went.")
    log.info("Webhook %s retired by %s", webhook.pk, by)
    return True


@transaction.atomic
def send_again(deliveries: Iterable[int], *, by: User, at: datetime | None = None) -> int:
    """Let those of these that were given up be tried once more, now; return how many.

    Each is the same row with the same key, so that a receiver that has it after all knows.
    """
    dead = Delivery.objects.visible_to(by).dead().filter(pk__in=list(deliveries))
    count = dead.update(state=Delivery.State.WAITING, next_try_at=at or now())
    log.info("%s deliveries to be sent again, by %s", count, by)
    return count


TEST = Topic("test", "A test", Delivery, lambda webhook: Delivery.objects.none(), lambda *_: ())


def send_test(webhook: Webhook, *, by: User, at: datetime | None = None) -> Answer:
    """Send a test now, and return what came back; kept is what came of the last one."""
    at = at or now()
    news = News(
        thing=0,
        at=at,
        says="A test from Waymark",
        lines=[("Webhook", webhook.name), ("For", webhook.whose)],
        link=webhook.get_absolute_url(),
        opens="Open the webhook",
        data={"webhook": webhook.name, "team": webhook.team and webhook.team.name},
    )
    body = written(news, TEST, webhook.shape).encode()
    answer = post(webhook.address, body, headers(webhook, f"test-{uuid.uuid4()}", body, at=at))
    webhook.tested_at, webhook.has_passed, webhook.test_says = (
        at,
        answer.is_good,
        answer.says[:500],
    )
    webhook.save(update_fields=["tested_at", "has_passed", "test_says"])
    log.info("Webhook %s tested by %s: %s", webhook.pk, by, answer.status or "no answer")
    return answer
