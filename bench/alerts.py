"""What it costs to tell 10,000 people: alerts, letters to a mail server, and the inbox.

    .venv/bin/python -m bench.alerts [--people 10000] [--alerts 1000000]

In a database of its own: a hundred plans over the 106 CCGs of 30 June 2022, each territory with
one person; the bundled events of 1 July 2022 touch them all. Their letters are handed to a mail
server on loopback by two processes. Then the inbox of somebody who has 10,000 alerts among a
million. Promises: 10,000 letters in 5 minutes; the inbox in 60 ms; a sweep with nothing due in
50 ms; an event approved, and the last of 500 letters about it handed over, within a minute. Exits
with 1 where one is broken.
"""

import argparse
import os
import re
import socketserver
import subprocess
import sys
import threading
import time
from datetime import date
from statistics import median

from .scratch import database

DAY, EVE, FIRST = date(2022, 7, 1), date(2022, 6, 30), date(2021, 4, 1)
PLANS = 100
MINUTES_5, A_MINUTE, INBOX_MS, SWEEP_MS = 300, 60, 60, 50
MANY = 10_000  # alerts of one person

WORKER = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django; django.setup()
from datetime import date
from django.utils.timezone import now
from accounts.models import Digest, User
from accounts.services.digests import send_letter

number, today = int(sys.argv[1]), date.fromisoformat(sys.argv[2])
sent = 0
def due():
    return list(Digest.objects.due(now()).order_by().values_list("person", flat=True).distinct())

while owed := due():
    owed = owed[::-1] if number else owed
    for person in User.objects.in_bulk(owed).values():
        while (is_sent := send_letter(person, moment=now(), today=today)) is not None:
            sent += is_sent
print(sent)
"""


class Sink(socketserver.StreamRequestHandler):
    """A mail server that takes everything and keeps who it was for."""

    def handle(self):
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self.server.taken.append(self.to)
                self.wfile.write(b"250 taken\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                if word == b"RCPT":
                    self.to = line.decode().partition("<")[2].partition(">")[0]
                self.wfile.write(b"250 ok\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--people", type=int, default=10_000)
    options.add_argument("--alerts", type=int, default=1_000_000)
    options = options.parse_args(argv)
    with database(), Server(("127.0.0.1", 0), Sink) as server:
        server.taken = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        held = letters(options.people, server)
        held &= approved(server)
        held &= inbox(options.alerts)
        server.shutdown()
    return 0 if held else 1


def said(name: str, found: float, promise: float, unit: str) -> bool:
    is_kept = found <= promise
    print(
        f"{name:62} {found:8.1f} {unit}  promise {promise:g}{'' if is_kept else '  BROKEN'}",
        flush=True,
    )
    return is_kept


def letters(people: int, server) -> bool:
    from django.utils.timezone import now

    from accounts.alerts.addressing import raise_alerts
    from accounts.models import Alert, Digest
    from accounts.services.flags import raise_flags

    drawn(people)
    began = time.perf_counter()
    flags = raise_flags()
    middle = time.perf_counter()
    raise_alerts(moment=now())
    print(
        f"{flags:,} flags in {middle - began:.1f} s, {Alert.objects.count():,} alerts in "
        f"{time.perf_counter() - middle:.1f} s"
    )
    owed = Digest.objects.due(now()).count()
    began = time.perf_counter()
    handed_over(server)
    took = time.perf_counter() - began
    same = len(server.taken) == Digest.objects.sent().count() == owed
    print(f"{owed:,} letters owed, {len(server.taken):,} handed over, each once: {same}")
    return said(f"{owed:,} letters by two processes", took, MINUTES_5, "s") and same


def handed_over(server, day=EVE):
    """Two processes hand over all that is due, as on that day."""
    from django.db import connection

    from config import embedded

    url = os.environ.get("DATABASE_URL") or embedded.database_url()
    name = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": re.sub(r"/[^/?]+(\?|$)", rf"/{name}\1", url),
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(server.server_address[1]),
        "EMAIL_USE_TLS": "0",
        "LOG_LEVEL": "WARNING",
    }
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(number), day.isoformat()],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        for number in range(2)
    ]
    for worker in workers:
        if worker.wait():
            sys.exit("A worker failed.")


def drawn(people: int):
    from accounts.models import Assignment, RosterEntry, Team, Territory, TerritoryPlan, User
    from footprints import bundle
    from footprints.models import Organisation
    from footprints.services.loading import load_bundle

    load_bundle(bundle.read())
    team = Team.objects.create(name="A bench")
    ccgs = list(Organisation.objects.of_kind(EVE, kind="ccg").order_by("code"))
    users = User.objects.bulk_create(
        User(username=f"u{n}", email=f"u{n}@example.com", team=team) for n in range(people)
    )
    owner = User.objects.create(username="owner", team=team)  # without an address
    each = people // PLANS
    for number in range(PLANS):
        plan = TerritoryPlan.objects.create(
            team=team, owner=owner, name=f"Plan {number}", opened_on=FIRST, state="active"
        )
        homes = Territory.objects.bulk_create(
            Territory(plan=plan, code=f"T{n:03}", position=n) for n in range(each)
        )
        RosterEntry.objects.bulk_create(
            RosterEntry(territory=home, user=users[number * each + n], opened_on=FIRST)
            for n, home in enumerate(homes)
        )
        Assignment.objects.bulk_create(
            Assignment(plan=plan, territory=homes[n % each], organisation=ccg, opened_on=FIRST)
            for n, ccg in enumerate(ccgs)
        )


def approved(server) -> bool:
    """A sweep with nothing due; and from the row an approval leaves to the last of 500 letters."""
    from django.utils.timezone import now

    from accounts import tasks
    from accounts.alerts.addressing import raise_alerts
    from accounts.models import Assignment, Digest, RosterEntry
    from accounts.services.flags import raise_flags
    from footprints.models import Reorganisation, Touch

    took = []
    for _ in range(20):
        began = time.perf_counter()
        raise_flags()
        raise_alerts(moment=now())
        tasks.send_digests()
        took.append((time.perf_counter() - began) * 1000)
    held = said("a sweep with nothing due", median(took), SWEEP_MS, "ms")
    # The event that touches about 500 people, moved by a day: all of them are told again.
    events = Reorganisation.objects.filter(effective_on=DAY)
    readers = {
        event: RosterEntry.objects.filter(
            territory__in=Assignment.objects.filter(
                organisation__in=Touch.objects.of_area()
                .filter(reorganisation=event)
                .values("organisation")
            ).values("territory")
        ).count()
        for event in events
    }
    event = min(readers, key=lambda one: abs(readers[one] - 500))
    server.taken.clear()
    began = time.perf_counter()
    Reorganisation.objects.filter(pk=event.pk).update(effective_on=date(2022, 7, 2))
    Reorganisation.objects.filter(pk=event.pk).revise()
    raise_flags()
    raise_alerts(moment=now())
    handed_over(server)
    took = time.perf_counter() - began
    print(f"{len(server.taken):,} letters about {event.title}")
    assert not Digest.objects.due(now()).exists()
    # A tick comes every 15 seconds.
    return said("an event changed, its last letter handed over", took + 15, A_MINUTE, "s") and held


def inbox(alerts: int) -> bool:
    from django.db import connection
    from django.test import Client
    from django.utils.timezone import now

    from accounts.models import Alert, Flag, User

    flags = list(Flag.objects.values_list("pk", "weight", "reorganisation__effective_on"))
    reader = User.objects.create(username="reader", role=User.Role.PLANNER)
    with connection.cursor() as cursor:
        # Many alerts of one reader want as many flags: plans that are not there.
        cursor.execute(
            "INSERT INTO accounts_flag (reorganisation_id, content_type_id, object_id, weight, "
            "raised_at) SELECT reorganisation_id, content_type_id, 1000000 + n, weight, raised_at "
            "FROM (SELECT * FROM accounts_flag ORDER BY id LIMIT 1) AS one, "
            "generate_series(1, %s) AS n RETURNING id, weight",
            [MANY],
        )
        made = cursor.fetchall()
    flags = [(pk, weight, DAY) for pk, weight in made]
    users = list(User.objects.exclude(pk=reader.pk).values_list("pk", flat=True))
    rows = max(1, alerts // MANY)
    for start in range(0, rows):
        person = reader.pk if not start else users[start % len(users)]
        Alert.objects.bulk_create(
            (
                Alert(
                    person_id=person,
                    holder_id=person,
                    flag_id=flag,
                    because=Alert.Because.OWNER,
                    effective_on=on,
                    weight=1 + (n % 3),
                    news=f"{on} decided",
                    told=f"{on} decided",
                    raised_at=now(),
                )
                for n, (flag, _, on) in enumerate(flags)
            ),
            batch_size=5_000,
            ignore_conflicts=True,
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE accounts_alert, accounts_flag")
    client = Client()
    client.force_login(reader)
    took = []
    for _ in range(15):
        began = time.perf_counter()
        page = client.get("/", HTTP_HOST="localhost")
        took.append((time.perf_counter() - began) * 1000)
        assert page.status_code == 200, page.status_code
    of = Alert.objects.count()
    return said(f"the inbox of {MANY:,} alerts among {of:,}", median(took), INBOX_MS, "ms")


if __name__ == "__main__":
    sys.exit(main())
