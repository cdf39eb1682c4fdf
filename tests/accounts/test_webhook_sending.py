"""Deliveries: signed, sent at least once and by one worker, tried again, given up in the end."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Delivery, Webhook
from accounts.webhooks import sending, signing
from tests import factories

from .receiver import hang_up, late, receiving, status, until

HOUSE = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def on_loopback(settings):
    settings.WEBHOOKS_MAY_REACH = ["127.0.0.0/8"]
    settings.WEBHOOKS_ALLOW_HTTP = True


def to(receiver, **fields):
    """A delivery that is due at the receiver."""
    return factories.delivery(webhook=factories.webhook(address=receiver.address), **fields)


def sent(delivery):
    """The delivery after a try."""
    sending.send(delivery.pk)
    delivery.refresh_from_db()
    return delivery


def again(delivery):
    """Let the time of the next try be now."""
    Delivery.objects.filter(pk=delivery.pk).update(next_try_at=now())


# --- Signed -------------------------------------------------------------------------------------


def verify():
    """The function that the operator's handbook gives to whoever receives: as it stands there."""
    text = (HOUSE / "docs" / "operations.md").read_text()
    (snippet,) = re.findall(r"```python\n(import base64.*?)```", text, re.DOTALL)
    space = {}
    exec(snippet, space)
    return space["is_from_waymark"]


def test_a_receiver_can_tell_who_wrote_by_what_the_handbook_says(db):
    with receiving() as there:
        delivery = sent(to(there))

    (got,) = there.received
    headers = {name.lower(): value for name, value in got.headers.items()}
    secret = delivery.webhook.secret
    is_from_waymark = verify()
    assert is_from_waymark(headers, got.body, secret)
    assert not is_from_waymark(headers, got.body + b" ", secret)
    assert not is_from_waymark(headers, got.body, signing.new_secret())
    assert not is_from_waymark({**headers, "webhook-id": "another"}, got.body, secret)
    old = str(int(headers["webhook-timestamp"]) - 3600)
    assert not is_from_waymark({**headers, "webhook-timestamp": old}, got.body, secret)
    assert got.body == delivery.body.encode()
    assert headers["content-type"] == "application/json"


def test_a_signature_is_the_one_of_standard_webhooks():
    """The example of the specification's own libraries."""
    made = signing.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_former_secret_signs_too_for_a_day(db):
    former, new = signing.new_secret(), signing.new_secret()
    changed = now()
    webhook = factories.webhook(secret=new, former_secret=former, secret_changed_at=changed)

    def signatures(at):
        made = signing.headers(webhook, "key", b"{}", at=at)["webhook-signature"]
        return made.split(" ")

    assert len(signatures(changed + timedelta(hours=23))) == 2
    assert signatures(changed + timedelta(hours=25)) == [
        signing.sign(new, "key", int((changed + timedelta(hours=25)).timestamp()), b"{}")
    ]


def test_neither_the_secret_nor_the_whole_address_is_logged(db, caplog):
    caplog.set_level(logging.DEBUG)
    with receiving(status(500), hang_up) as there:
        address = f"{there.address}/services/T000/whoever-has-this-may-write"
        delivery = factories.delivery(webhook=factories.webhook(address=address))
        sent(delivery)
        again(delivery)
        sent(delivery)
    webhook = delivery.webhook

    said = caplog.text + repr(webhook) + str(webhook) + repr(delivery) + delivery.outcome
    assert caplog.text
    assert webhook.secret.removeprefix("whsec_") not in said
    assert "whoever-has-this" not in said
    assert webhook.shown_address == f"http://127.0.0.1:{there.port}/…rite"


# --- Tried again --------------------------------------------------------------------------------


def test_failures_then_success(db):
    with receiving(status(500, "no"), status(503), status(404), status(200, "ok")) as there:
        delivery = to(there)
        outcomes = []
        for _ in range(4):
            again(delivery)
            sent(delivery)
            outcomes.append((delivery.state, delivery.status, delivery.tries))

    assert outcomes == [
        ("waiting", 500, 1),
        ("waiting", 503, 2),
        ("waiting", 404, 3),
        ("sent", 200, 4),
    ]
    assert (delivery.answer, delivery.sent_at is not None) == ("ok", True)
    keys = {got.headers["webhook-id"] for got in there.received}
    assert keys == {got.headers["Idempotency-Key"] for got in there.received}
    assert keys == {str(delivery.key)}
    assert {got.body for got in there.received} == {delivery.body.encode()}
    assert not Webhook.objects.exclude(failing_since_at=None).exists()


def test_it_waits_longer_after_each_failure_up_to_a_day(db):
    waits = [sending.wait_after(tries) for tries in range(1, sending.MOST_TRIES)]

    for tries, wait in enumerate(waits, start=1):
        whole = min(30 * 4 ** (tries - 1), 86_400)
        assert whole / 2 <= wait <= whole
    assert sum(min(30 * 4 ** (tries - 1), 86_400) for tries in range(1, 10)) / 2 > 86_400
    assert len({sending.wait_after(5) for _ in range(10)}) > 1


def test_it_is_not_due_before_its_next_try(db):
    with receiving(status(500)) as there:
        delivery = sent(to(there))
        assert sending.send(delivery.pk) is None
        assert sending.due(now()) == []
        assert sending.due(now() + timedelta(minutes=1)) == [delivery.pk]

    assert len(there.received) == 1


def test_it_stays_away_as_long_as_it_is_asked_to(db):
    with receiving(status(429, Retry_After="7200")) as there:
        delivery = sent(to(there))

    assert delivery.next_try_at - delivery.tried_at == timedelta(hours=2)


def test_after_the_last_try_it_is_given_up(db):
    with receiving() as there:
        there.answers.extend([status(500)] * 3)
        delivery = to(there, tries=sending.MOST_TRIES - 1)
        sent(delivery)
        again(delivery)

        assert (delivery.state, delivery.tries) == ("dead", sending.MOST_TRIES)
        assert sending.send(delivery.pk) is None

    assert len(there.received) == 1


def test_an_address_that_is_gone_for_good_is_given_up_at_once(db):
    with receiving(status(410)) as there:
        assert sent(to(there)).state == "dead"


def test_a_redirect_is_a_failure_in_words(db):
    with receiving() as inside, receiving(status(302, Location=inside.address)) as there:
        delivery = sent(to(there))

    assert (delivery.state, delivery.status, inside.received) == ("waiting", 302, [])
    assert "where we do not follow" in delivery.outcome


def test_of_an_address_that_fails_one_is_tried_at_a_time(db):
    with receiving(status(500)) as there:
        webhook = factories.webhook(address=there.address)
        first, *_ = [factories.delivery(webhook=webhook) for _ in range(4)]
        other = factories.delivery()
        assert len(sending.due(now())) == 5
        sent(first)
        assert len(sending.due(now())) == 2  # one of it, and the other webhook's
        assert other.pk in sending.due(now())
        tasks.send_delivery(next(pk for pk in sending.due(now()) if pk != other.pk))
        assert len(sending.due(now())) == 3  # it is back: the rest go


def test_what_is_off_retired_or_held_back_is_not_sent(db):
    walled = factories.team(is_walled=True)
    for fields in (
        {"is_on": False},
        {"retired_at": now(), "retired_by": factories.user()},
        {"team": walled},
    ):
        factories.delivery(webhook=factories.webhook(**fields))

    assert sending.due(now()) == []


# --- Once, whoever is at it ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_once(register):
    with receiving(late(0.5)) as there:
        delivery = to(there)
        start = threading.Barrier(2)

        def work():
            try:
                start.wait()
                return sending.send(delivery.pk)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            answers = [each.result() for each in [pool.submit(work) for _ in range(2)]]

    assert len(there.received) == 1
    assert sum(answer is not None for answer in answers) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == ("sent", 1)


WORKER = """
import django
django.setup()
from django.conf import settings
settings.WEBHOOKS_MAY_REACH, settings.WEBHOOKS_ALLOW_HTTP = ["127.0.0.0/8"], True
from accounts.webhooks import sending
print(sending.send({pk}), flush=True)
"""


def worker(pk):
    """Another process that sends the delivery, by the tests' own database."""
    server = connection.settings_dict
    address = f"postgresql://{server['USER']}:{server['PASSWORD']}@"
    host = server["HOST"].replace("/", "%2F")
    port = f":{server['PORT']}" if server["PORT"] else ""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": f"{address}{host}{port}/{server['NAME']}",
    }
    return subprocess.Popen(
        [sys.executable, "-c", WORKER.format(pk=pk)],
        cwd=HOUSE,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_between_sending_and_marking_leaves_it_to_the_next(register):
    """It was sent, and nobody knows: it is sent again, with the same key."""
    with receiving(late(60), status(200)) as there:
        delivery = to(there)
        killed = worker(delivery.pk)
        assert until(lambda: there.received, 30)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        killed.stdout.close()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.tries) == ("waiting", 0)

        # The server may need a moment to see that the connection has gone.
        assert until(lambda: sending.send(delivery.pk) is not None, 30)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == ("sent", 1)
    first, second = there.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(delivery.key)
    assert first.body == second.body


def test_what_a_worker_did_to_its_end_is_marked(db):
    """The witness of the test above: what is not killed answers and marks."""
    with receiving() as there:
        assert sent(to(there)).state == "sent"

    assert json.loads(there.received[0].body)
