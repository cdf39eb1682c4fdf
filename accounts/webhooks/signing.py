"""The secret of a webhook, and the headers by which a receiver knows who wrote.

As Standard Webhooks says (standardwebhooks.com, read in November 2026), so that receivers have a
library for it: ``webhook-signature`` is "v1," and the base64 of HMAC-SHA256 over
"id.timestamp.body" by the secret's bytes, which follow "whsec_" in base64. While a former secret
still holds there are two of them, with a blank in between.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from ..models import Webhook

PREFIX = "whsec_"
CHANGE_OVER = timedelta(days=1)  # how long a former secret signs beside the new one


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, key: str, timestamp: int, body: bytes) -> str:
    """The signature of one request by that secret."""
    signed = b".".join([key.encode(), str(timestamp).encode(), body])
    digest = hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def headers(webhook: Webhook, key: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """All that goes with the body. ``key`` stays the same with every try."""
    timestamp = int(at.timestamp())
    holding = [webhook.secret]
    if webhook.former_secret and at < webhook.secret_changed_at + CHANGE_OVER:
        holding.append(webhook.former_secret)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Waymark",
        "Accept": "application/json, text/plain;q=0.5, */*;q=0.1",
        "Accept-Encoding": "identity",
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(each, key, timestamp, body) for each in holding),
        "Idempotency-Key": key,
    }
