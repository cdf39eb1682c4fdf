"""What each page of the register costs at national size: every sort, filter, day and depth.

    .venv/bin/python -m bench.national_pages --database NAME [--against NAME] [--rounds 7]

Asks the list of organisations for each sort in both directions, first page and deep, on days past,
today and to come, as known at earlier moments, with every filter offered and with words from one
letter on; then the other lists of the register. Beside each median stands the floor: the same page
with its rows through a bare `{% for %}` loop (at most 1.3 ×). Promises: 60 ms median and 120 ms at
the 95th percentile over the pages, 300 ms for each `?known=` page, 8 queries with the session and
the user, a census of any day in 150 ms when nobody asked before. With `--against`, a database of
another size: how much the same pages grow from the smaller to the larger (at most 1.3 ×, over the
median of all). Exits with 1 where a promise is broken.
"""

import argparse
import statistics
import sys
import time
from datetime import date

from .scratch import Busy, kept

MEDIAN, HIGH, KNOWN, QUERIES, FLOOR, GROWTH, CENSUS = 60, 120, 300, 8, 1.3, 1.3, 150
BESIDE = 2  # the session and the user: asked for before the view
SORTS = [sign + name for name in ("name", "code", "kind", "opened") for sign in ("", "-")]
DEEP = 40  # pages on


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--database", help="made by bench.national; default: the project's own")
    options.add_argument("--against", help="another one, of a smaller size")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--only", default="", help="pages whose address contains this")
    options.add_argument("--busy", action="store_true", help="on a busy machine: time at work")
    options.add_argument("--slowest", type=int, default=12, help="how many to print")
    options = options.parse_args(argv)
    with kept(options.database):
        large, kept_all = measured(options)
    if options.against:
        with kept(options.against):
            small, _ = measured(options)
        kept_all &= grows(small, large)
    return 0 if kept_all else 1


def measured(options):
    """Time every page; print the slowest and the promises; return times by address, and whether
    all promises are kept."""
    lines, clock = {}, Busy() if options.busy else time.perf_counter
    for address in addresses():
        if options.only in address:
            line = page(address, options.rounds, clock)
            if line is not None:
                lines[address] = line
    shown = sorted(lines, key=lambda a: -lines[a]["median"])[: options.slowest]
    print(f"{'page':72} {'ms':>6} {'most':>6} {'floor':>6} {'queries':>7} {'rows':>4}")
    for address in shown:
        line = lines[address]
        print(
            f"{address[:72]:72} {line['median']:6.1f} {max(line['all']):6.1f} "
            f"{line['floor']:6.1f} {line['queries']:7} {line['rows']:4}"
        )
    known = {a: line for a, line in lines.items() if "known=" in a}
    other = {a: line for a, line in lines.items() if a not in known}
    kept_all = True
    if other:
        every = [ms for line in other.values() for ms in line["all"]]
        kept_all &= say("median of all pages, ms", statistics.median(every), MEDIAN)
        kept_all &= say("95th percentile of all pages, ms", _high(every), HIGH)
        worst = max(other, key=lambda a: other[a]["median"])
        kept_all &= say(
            f"slowest page by its median, ms: {worst}"[:100], other[worst]["median"], HIGH
        )
        above = [a for a, line in other.items() if line["median"] > MEDIAN]
        print(f"  pages whose own median is above {MEDIAN} ms: {len(above)} of {len(other)}")
    if known:
        worst = max(line["median"] for line in known.values())
        kept_all &= say("slowest ?known= page by its median, ms", worst, KNOWN)
    if lines:
        most = max(line["queries"] for line in lines.values())
        kept_all &= say("queries of a page, with session and user", most, QUERIES)
        ratio = statistics.median(
            line["median"] / line["floor"] for line in lines.values() if line["rows"] == 50
        )
        kept_all &= say("full page / its rows through a bare loop", ratio, FLOOR)
    kept_all &= say(
        "census of a day nobody asked for, ms (most of 40)", max(census(clock)), CENSUS
    )
    return lines, kept_all


def say(what, value, promise):
    held = value <= promise
    print(f"  {what:64} {value:8.2f}  promise {promise}{'' if held else '  BROKEN'}")
    sys.stdout.flush()
    return held


def grows(small, large):
    ratios = [large[a]["median"] / small[a]["median"] for a in large if a in small]
    return say("the same pages, larger / smaller register", statistics.median(ratios), GROWTH)


def addresses():
    """Addresses of the register, with `deep` for a page far on."""
    from footprints.models import Kind, Release

    kinds = list(Kind.objects.order_by("-tier").values_list("code", flat=True))
    for sort in SORTS:
        yield f"?sort={sort}"
        yield f"?sort={sort}&deep=1"
        for day in ("1995-04-01", "2013-04-01", "2020-03-31", "2030-01-01"):
            yield f"?sort={sort}&on={day}"
        for kind in [*kinds[:1], "trust_site", "practice", "pcn", "icb", "local_authority"]:
            yield f"?sort={sort}&kind={kind}"
            yield f"?sort={sort}&kind={kind}&on=2016-06-01&deep=1"
        yield f"?sort={sort}&kind=practice&kind=trust"
        for family in ("commissioning", "primary_care", "provider", "local_government"):
            yield f"?sort={sort}&family={family}"
        yield f"?sort={sort}&legal=on"
        yield f"?sort={sort}&legal=on&on=2018-01-01"
        for code in within():
            yield f"?sort={sort}&within={code}"
            yield f"?sort={sort}&within={code}&kind=practice"
        for words in (
            "s",
            "r",
            "y",
            "q",
            "st",
            "ke",
            "r0",
            "kent",
            "hospital",
            "park road",
            "st mary",
            "northumbria",
            "zzz",
            "a b",
            "A81",
            "health centre north",
        ):
            yield f"?sort={sort}&q={words}"
        yield f"?sort={sort}&q=park&kind=practice"
        yield f"?sort={sort}&q=s&kind=pcn"
        yield f"?sort={sort}&q=road&within={next(iter(within()))}"
    moments = Release.objects.order_by("pk").values_list("applied_at", flat=True)
    days = [moment.date() for moment in moments]
    for known in (days[0], days[1], days[len(days) // 3], days[-6]):
        for sort in SORTS:
            yield f"?sort={sort}&known={known}"
            yield f"?sort={sort}&known={known}&on=2020-03-31&deep=1"
            yield f"?sort={sort}&known={known}&kind=practice"
        yield f"?known={known}&q=park"
        yield f"?known={known}&q=s"
        yield f"?known={known}&family=provider"
        for code in within():
            yield f"?known={known}&within={code}"


def within():
    """A region, a board, a sub-ICB location and a trust, each the one with most below it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (kind_id) code FROM (SELECT organisation.code, version.kind_id, "
            "(SELECT count(*) FROM footprints_relationship WHERE parent_id = organisation.id) n "
            "FROM footprints_version AS version JOIN footprints_organisation AS organisation "
            "ON organisation.id = version.organisation_id WHERE version.closed_on IS NULL "
            "AND version.kind_id IN ('region', 'icb', 'sub_icb', 'trust')) AS counted "
            "ORDER BY kind_id, n DESC"
        )
        return [code for (code,) in cursor.fetchall()]


def page(address, rounds, clock):
    """Time one page and its floor in turns; return milliseconds, or None where it is too short."""
    from django.db import connection
    from django.template import engines
    from django.test.utils import CaptureQueriesContext

    from footprints.views.organisations import OrganisationList

    from .list_pages import _loop

    asked = address.replace("&deep=1", "")
    user = _user()

    def ask(token=None):
        view = OrganisationList()
        view.setup(_request(asked + (f"&after={token}" if token else ""), user))
        return view, view.dispatch(view.request)

    view, _ = ask()
    token = None
    if "deep=1" in address:
        for _ in range(DEEP):
            if view.page.after is None:
                break
            token = view.page.after
            view, _ = ask(token)
    loop = engines["django"].from_string(_loop(list(view.table.columns)))

    def whole():
        ask(token)[1].render()

    def floor():
        view, response = ask(token)
        view.table.body = lambda: loop.render({"rows": view.page.rows})
        response.render()

    with CaptureQueriesContext(connection) as captured:
        whole()
    times = {whole: [], floor: []}
    for _ in range(rounds):
        for work, spent in times.items():
            began = clock()
            work()
            spent.append((clock() - began) * 1000)
    return {
        "all": times[whole],
        "median": statistics.median(times[whole]),
        "floor": statistics.median(times[floor]),
        "queries": len(captured) + BESIDE,
        "rows": len(view.page.rows),
    }


def census(clock):
    """Milliseconds of the census of forty days and moments, none of which was asked before."""
    from footprints.models import Release, Version

    releases = [None, *Release.objects.order_by("pk").values_list("pk", flat=True)[::8]]
    times = []
    for number in range(40):
        day = date(1990 + number, 3, 7)
        began = clock()
        Version.objects.live_by_kind(day, releases[number % len(releases)])
        times.append((clock() - began) * 1000)
    return times


def _high(times):
    return statistics.quantiles(times, n=20)[-1]


def _user():
    from django.contrib.auth import get_user_model

    return get_user_model()(pk=1, username="bench", is_active=True)


def _request(query, user):
    from django.contrib.messages.storage.fallback import FallbackStorage
    from django.test import RequestFactory
    from django.utils import timezone

    from footprints.as_at import LONDON, AsAt

    request = RequestFactory().get("/register/" + query)
    request.user, request.session = user, {}
    request._messages = FallbackStorage(request)
    request.as_at = AsAt.read(request.GET, today=timezone.localdate(timezone=LONDON))
    request.htmx = False
    return request


if __name__ == "__main__":
    sys.exit(main())
