"""What the page of a body's whole life costs at national size, and the walk: the biggest of all.

    .venv/bin/python -m bench.life_page --database NAME [--rounds 15] [--busy]

NAME is a database made by bench.national. Measured are the bodies with the most below them (of
each kind), above them and before them, a code with thirty predecessors after two reorganisations
and one with five thousand children (made for the bench, and rolled back), the nation, bodies that
closed, and fifty at random; each today, on an earlier day, and some as known at earlier moments.
Then the walk to the deepest of them, and the days that every page offers. Promises: a page under
100 ms by its median (300 ms with `?known=`), at most 15 queries. Exits with 1 where one is broken.
"""

import argparse
import random
import statistics
import sys
import time
from datetime import date

from .scratch import Busy, kept

MEDIAN, KNOWN, QUERIES = 100, 300, 15
BESIDE = 3  # the session, the user and the count of alerts: asked for beside the view
BIG_PARENT, BIG_MERGER = 5_000, 30


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--database", help="made by bench.national; default: the project's own")
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--busy", action="store_true", help="on a busy machine: time at work")
    options.add_argument("--slowest", type=int, default=15, help="how many to print")
    options.add_argument("--only", default="", help="pages whose address contains this")
    options = options.parse_args(argv)
    with kept(options.database):
        from django.db import connection, transaction

        connection.ensure_connection()
        with transaction.atomic():
            made()
            kept_all = measured(options)
            transaction.set_rollback(True)
    return 0 if kept_all else 1


def measured(options):
    """Time every page; print the slowest and the promises; return whether all are kept."""
    clock = Busy() if options.busy else time.perf_counter
    lines = {}
    for label, address in addresses():
        if options.only in address:
            lines[f"{label}: {address}"] = page(address, options.rounds, clock)
    print(f"{'page':84} {'ms':>6} {'most':>6} {'queries':>7} {'KiB':>5}")
    for name in sorted(lines, key=lambda name: -lines[name]["median"])[: options.slowest]:
        line = lines[name]
        print(
            f"{name[:84]:84} {line['median']:6.1f} {line['most']:6.1f} {line['queries']:7} "
            f"{line['kib']:5.0f}"
        )
    known = {name: line for name, line in lines.items() if "known=" in name}
    other = {name: line for name, line in lines.items() if name not in known}
    kept_all = True
    if other:
        middle = statistics.median(line["median"] for line in other.values())
        kept_all &= say("median over all pages, ms", middle, MEDIAN)
        worst = max(line["median"] for line in other.values())
        kept_all &= say("slowest page by its median, ms", worst, MEDIAN)
    if known:
        worst = max(line["median"] for line in known.values())
        kept_all &= say("slowest ?known= page by its median, ms", worst, KNOWN)
    if lines:
        kept_all &= say("queries of a page", max(x["queries"] for x in lines.values()), QUERIES)
    kept_all &= say("the days that every page offers, ms (kept five minutes)", days(clock), 60)
    return kept_all


def say(what, value, promise):
    held = value <= promise
    print(f"  {what:64} {value:8.2f}  promise {promise}{'' if held else '  BROKEN'}")
    sys.stdout.flush()
    return held


def made():
    """A merger of thirty, each of them a merger of two; and a body with thousands of children."""
    from footprints.models import (
        Organisation,
        Relationship,
        Release,
        Reorganisation,
        Succession,
        Version,
    )

    release = Release.objects.order_by("-pk").first()

    def bodies(codes, kind, opened_on=None, closed_on=None):
        rows = Organisation.objects.bulk_create(Organisation(code=code) for code in codes)
        Version.objects.bulk_create(
            Version(
                organisation=row,
                kind_id=kind,
                name=f"Made {row.code}",
                opened_on=opened_on,
                closed_on=closed_on,
                asserted_by=release,
            )
            for row in rows
        )
        return rows

    first, second = date(2018, 4, 1), date(2021, 4, 1)
    (whole,) = bodies(["ZZMERGED"], "ccg", second)
    parts = bodies([f"ZZM{n:03}" for n in range(BIG_MERGER)], "ccg", first, second)
    grounds = bodies([f"ZZG{n:03}" for n in range(2 * BIG_MERGER)], "ccg", None, first)
    passing = []
    for slug, day, pairs in [
        ("zz-first", first, [(old, parts[n // 2]) for n, old in enumerate(grounds)]),
        ("zz-second", second, [(old, whole) for old in parts]),
    ]:
        event = Reorganisation.objects.create(
            slug=slug, kind="merger", title="Made", effective_on=day, state="effective"
        )
        passing += [
            Succession(
                reorganisation=event, predecessor=old, successor=new, share=1, asserted_by=release
            )
            for old, new in pairs
        ]
    Succession.objects.bulk_create(passing)
    (parent,) = bodies(["ZZPARENT"], "icb", date(2013, 4, 1))
    children = bodies([f"ZZC{n:05}" for n in range(BIG_PARENT)], "practice", date(2013, 4, 1))
    Relationship.objects.bulk_create(
        Relationship(
            child=child,
            parent=parent,
            type="part_of",
            opened_on=date(2013, 4, 1),
            closed_on=date(2020, 4, 1) if n % 3 == 0 else None,
            asserted_by=release,
        )
        for n, child in enumerate(children)
    )


MOST_BELOW = """
SELECT DISTINCT ON (kind_id) kind_id, code FROM (
    SELECT organisation.code, version.kind_id,
           (SELECT count(*) FROM footprints_relationship AS below
            WHERE below.parent_id = organisation.id) AS amount
    FROM footprints_version AS version
    JOIN footprints_organisation AS organisation ON organisation.id = version.organisation_id
    WHERE version.retracted_by_id IS NULL AND version.closed_on IS NULL
      AND organisation.code NOT LIKE 'ZZ%%'
) AS counted
ORDER BY kind_id, amount DESC, code
"""
MOST_OF = """
SELECT organisation.code FROM {table} AS fact
JOIN footprints_organisation AS organisation ON organisation.id = fact.{column}
WHERE fact.retracted_by_id IS NULL AND organisation.code NOT LIKE 'ZZ%%'
GROUP BY organisation.code ORDER BY count(*) DESC, organisation.code LIMIT 2
"""


def addresses():
    """(what it is, address) of every page measured."""
    from django.db import connection

    from footprints.models import Organisation, Release
    from footprints.walking import way_to

    def codes(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    biggest = dict(codes(MOST_BELOW))
    chosen = [(f"most below, {kind}", code) for kind, code in biggest.items()]
    for label, table, column in [
        ("most parents", "footprints_relationship", "child_id"),
        ("most predecessors", "footprints_succession", "successor_id"),
        ("most successors", "footprints_succession", "predecessor_id"),
        ("most versions", "footprints_version", "organisation_id"),
    ]:
        chosen += [(label, code) for (code,) in codes(MOST_OF.format(table=table, column=column))]
    chosen += [
        ("nation", "E92000001"),
        ("split three ways", "QNQ"),
        ("thirty predecessors", "ZZMERGED"),
        ("thousands of children", "ZZPARENT"),
    ]
    dice = random.Random(2026)
    keys = list(Organisation.objects.values_list("pk", flat=True))
    some = Organisation.objects.filter(pk__in=dice.sample(keys, 50)).values_list("code", flat=True)
    for label, code in chosen:
        for query in ("", "?on=2019-06-01"):
            yield label, f"/register/{code}/{query}"
    for code in some:
        yield "at random", f"/register/{code}/"
    moments = list(Release.objects.order_by("pk").values_list("applied_at", flat=True))
    for moment in (moments[len(moments) // 2], moments[-1]):
        for label, code in chosen:
            if not code.startswith("ZZ"):
                yield label, f"/register/{code}/?known={moment:%Y-%m-%d}"
    yield "walk", "/register/walk/"
    for kind, code in biggest.items():
        way = "/".join(way_to(code, date(2026, 11, 1)))
        yield f"walk to {kind}", f"/register/walk/?path={way}"
        yield f"walk to {kind}", f"/register/walk/?path={way}&on=2021-01-01"


def page(address, rounds, clock):
    """Time one page; return milliseconds, queries with those beside the view, and KiB."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.urls import resolve

    from .national_pages import _user

    path, _, query = address.partition("?")
    found = resolve(path)
    view = found.func.view_class
    user = _user()

    def ask():
        from django.http import Http404

        request = _request(path, query, user)
        try:
            answer = view.as_view()(request, *found.args, **found.kwargs)
        except Http404:  # what was not known yet
            return b""
        return answer.render().content

    ask()  # the first one reads templates
    with CaptureQueriesContext(connection) as captured:
        content = ask()
    times = []
    for _ in range(rounds):
        began = clock()
        ask()
        times.append((clock() - began) * 1000)
    return {
        "median": statistics.median(times),
        "most": max(times),
        "queries": len(captured) + BESIDE,
        "kib": len(content) / 1024,
    }


def _request(path, query, user):
    from django.contrib.messages.storage.fallback import FallbackStorage
    from django.test import RequestFactory
    from django.utils import timezone

    from footprints.as_at import LONDON, AsAt

    request = RequestFactory().get(path, query_params=dict(_pairs(query)))
    request.user, request.session = user, {}
    request._messages = FallbackStorage(request)
    request.as_at = AsAt.read(request.GET, today=timezone.localdate(timezone=LONDON))
    request.htmx = False
    return request


def _pairs(query):
    return [piece.split("=", 1) for piece in query.split("&") if piece]


def days(clock):
    """Milliseconds to find every day on which something changed: asked for by a new process."""
    from footprints.as_at import all_days, forget_presets

    times = []
    for _ in range(5):
        forget_presets()
        began = clock()
        all_days()
        times.append((clock() - began) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    import os

    from config.start import set_defaults

    set_defaults()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    from django.conf import settings

    # The sources as they are: no collectstatic before a measurement.
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    sys.exit(main())
