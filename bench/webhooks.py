"""What webhooks cost: a sweep with nothing new, many things told at once, and sending them.

    .venv/bin/python -m bench.webhooks [--webhooks 50] [--rows 10000] [--sent 500]

The deliveries are sent one after the other to a server of this process, so that what is timed is
ours and its both.
"""

import argparse
import statistics
import threading
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .scratch import database, timed

IDLE_MS = 50  # with nothing new


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--webhooks", type=int, default=50)
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--sent", type=int, default=500)
    options = options.parse_args()
    with database():
        return 0 if measure(options.webhooks, options.rows, options.sent) else 1


def measure(webhooks: int, rows: int, sent: int) -> bool:
    from accounts.models import Delivery
    from accounts.webhooks import telling

    plan = make(webhooks)
    idle = statistics.median(timed(telling.tell)[0] for _ in range(20))
    print(f"{webhooks} webhooks of three topics")
    print(f"  a sweep with nothing new: {1000 * idle:.1f} ms (promised {IDLE_MS})")

    write(plan, rows)
    seconds, told = timed(lambda: tell_all(telling))
    assert told == Delivery.objects.count() == rows
    print(f"  {rows:,} things found, written and kept for one of them: {seconds:.1f} s")
    print(f"  sent one after the other: {send(sent):,.0f} a second")
    return 1000 * idle < IDLE_MS


def make(webhooks: int):
    """So many webhooks of teams, one of the company, and a plan whose steps are told."""
    from django.utils.timezone import now

    from accounts.models import Team, TerritoryPlan, User, Webhook
    from accounts.webhooks import telling
    from accounts.webhooks.signing import new_secret
    from accounts.webhooks.topics import TOPICS

    by = User.objects.create(username="manager", role=User.Role.MANAGER)
    teams = [Team.objects.create(name=f"Team {number}") for number in range(webhooks)]
    for number, team in enumerate([*teams[1:], None]):
        made = Webhook.objects.create(
            name=f"Webhook {number}",
            team=team,
            address="https://hooks.example.com/",
            secret=new_secret(),
            secret_changed_at=now(),
            by=by,
            made_at=now(),
        )
        telling.start(made, list(TOPICS))
    return TerritoryPlan.objects.create(
        team=teams[0], name="A plan", owner=by, opened_on=date(2026, 4, 1)
    )


def write(plan, rows: int):
    """Steps of the plan, by which it became active, some time ago."""
    from django.utils.timezone import now

    from accounts.models import PlanStep

    at = now() - timedelta(minutes=10)
    PlanStep.objects.bulk_create(
        [PlanStep(plan=plan, deed="activated", at=at, revision=1) for _ in range(rows)]
    )


def tell_all(telling) -> int:
    """Sweeps until there is nothing more to tell."""
    told = 0
    while more := telling.tell():
        told += more
    return told


class Taking(BaseHTTPRequestHandler):
    """Takes what it is sent, and says nothing of it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def send(count: int) -> float:
    """How many a second are locked, signed, sent and marked."""
    from django.conf import settings

    from accounts.models import Delivery, Webhook
    from accounts.webhooks import sending

    settings.WEBHOOKS_MAY_REACH, settings.WEBHOOKS_ALLOW_HTTP = ["127.0.0.1"], True
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Webhook.objects.update(address=f"http://127.0.0.1:{server.server_address[1]}/")
    keys = list(Delivery.objects.values_list("pk", flat=True)[:count])
    seconds, _ = timed(lambda: [sending.send(key) for key in keys])
    server.shutdown()
    assert Delivery.objects.filter(state="sent").count() == len(keys)
    return len(keys) / seconds


if __name__ == "__main__":
    raise SystemExit(main())
