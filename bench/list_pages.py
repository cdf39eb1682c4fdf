"""What each list page costs, as a ratio to the same rows through a bare template loop.

    .venv/bin/python -m bench.list_pages [--user NAME] [--rounds 40] [--on 2020-03-31]

Every list without arguments in its address is found in the URLs and asked as one person: each
sort it offers, the first page and one ten pages deep. In the same rounds, two floors: the same
page with its rows through a bare `{% for %}` loop instead of the table (the promise: at most
1.3 ×), and base.html with that loop and nothing else, no filters, no heads ("bare"). Then the
rows alone, by the table and by the loop. Rounds alternate, so that a busy machine slows all.
Prints milliseconds: medians, and the 95th percentile of the page.
"""

import argparse
import statistics
import sys
import time

PROMISE = 1.3
DEEP = 10  # pages


def main(argv=None):
    """Measure and print; return 1 if a page breaks the promise, else 0."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--user", help="the username to ask as; default: the first superuser")
    options.add_argument("--rounds", type=int, default=40)
    options.add_argument("--on", default="", help="the day to show; default: today")
    options.add_argument("--only", default="", help="measure addresses that contain this")
    options = options.parse_args(argv)

    user = _user(options.user)
    broken = 0
    print(
        f"{'page':40} {'rows':>4} {'queries':>7} {'ms':>6} {'p95':>6} {'floor':>6} {'ratio':>6} "
        f"{'bare':>6} {'table':>6} {'loop':>6}"
    )
    for address, view_class in lists():
        if options.only not in address:
            continue
        for sort in [sign + name for name in view_class.table_class.sorts for sign in ("", "-")]:
            for depth in (0, DEEP):
                line = measure(address, view_class, user, sort, depth, options)
                if line is None:
                    continue
                label = f"{address} {sort}{' deep' if depth else ''}"
                ratio = line["page"] / line["floor"]
                broken += ratio > PROMISE
                mark = "!" if ratio > PROMISE else " "
                print(
                    f"{label:40} {line['rows']:4} {line['queries']:7} {line['page']:6.1f} "
                    f"{line['p95']:6.1f} {line['floor']:6.1f} {ratio:5.2f}{mark} "
                    f"{line['bare']:6.1f} {line['table']:6.1f} {line['loop']:6.1f}"
                )
    return 1 if broken else 0


def lists():
    """Yield (address, view class) of every ListView whose address takes no arguments."""
    from django.urls import get_resolver

    from footprints.lists import ListView

    def walk(patterns, prefix):
        for entry in patterns:
            route = prefix + str(entry.pattern)
            if hasattr(entry, "url_patterns"):
                yield from walk(entry.url_patterns, route)
                continue
            view_class = getattr(entry.callback, "view_class", None)
            if view_class and issubclass(view_class, ListView) and "<" not in route:
                yield f"/{route}", view_class

    yield from walk(get_resolver().url_patterns, "")


def measure(address, view_class, user, sort, depth, options):
    """Time one page and its floors; return milliseconds by name, or None where it is too short."""
    from django.db import connection
    from django.template import engines
    from django.test.utils import CaptureQueriesContext

    def ask(token=None):
        request = _request(address, user, sort=sort, on=options.on, after=token or "")
        view = view_class()
        view.setup(request)
        return view, view.dispatch(request)

    token = None
    for _ in range(depth):
        view, _response = ask(token)
        if view.page.after is None:
            return None
        token = view.page.after
    view, _response = ask(token)
    columns = list(view.table.columns)
    engine = engines["django"]
    rows = engine.from_string(_loop(columns))
    whole = engine.from_string(
        "{% extends 'base.html' %}{% block heading %}{{ title }}{% endblock %}"
        "{% block main %}<table class='rows'><tbody>" + _loop(columns) + "</tbody></table>"
        "{% endblock %}"
    )

    def page():
        ask(token)[1].render()

    def floor():
        view, response = ask(token)
        view.table.body = lambda: rows.render({"rows": view.page.rows})
        response.render()

    def bare():
        request = _request(address, user, sort=sort, on=options.on, after=token or "")
        view = view_class()
        view.setup(request)
        found = view.get_order().page(view.get_queryset(), per_page=view.per_page, after=token)
        whole.render({"rows": found.rows, "title": view.title}, request)

    def table():
        view.table.body()

    def loop():
        rows.render({"rows": view.page.rows})

    with CaptureQueriesContext(connection) as captured:
        page()
    times = {work: [] for work in (page, floor, bare, table, loop)}
    for turn in range(options.rounds + 1):
        for work, spent in times.items():
            began = time.perf_counter()
            work()
            if turn:  # the first one reads templates
                spent.append((time.perf_counter() - began) * 1000)
    return {
        "rows": len(view.page.rows),
        "queries": len(captured),
        "p95": statistics.quantiles(times[page], n=20)[-1],
        **{work.__name__: statistics.median(spent) for work, spent in times.items()},
    }


def _loop(columns):
    """Return a bare template loop that writes the same columns: values, dates, links."""
    from footprints.lists import DayColumn

    cells = []
    for bound in columns:
        value = "row." + str(bound.accessor).replace("__", ".")
        dated = isinstance(bound.column, DayColumn)
        shown = f'{{{{ {value}|date:"j M Y"|default:"—" }}}}' if dated else f"{{{{ {value} }}}}"
        if bound.link is not None:
            shown = f'<a href="{{{{ row.get_absolute_url }}}}">{shown}</a>'
        cells.append(f'<td class="x">{shown}</td>')
    return "{% for row in rows %}<tr>" + "".join(cells) + "</tr>{% endfor %}"


def _request(address, user, **params):
    from django.contrib.messages.storage.fallback import FallbackStorage
    from django.test import RequestFactory
    from django.utils import timezone

    from footprints.as_at import LONDON, AsAt

    request = RequestFactory().get(address, {name: text for name, text in params.items() if text})
    request.user, request.session = user, {}
    request._messages = FallbackStorage(request)
    request.as_at = AsAt.read(request.GET, today=timezone.localdate(timezone=LONDON))
    request.htmx = False
    return request


def _user(username):
    from django.contrib.auth import get_user_model

    people = get_user_model().objects.order_by("-is_superuser", "pk")
    person = people.filter(username=username).first() if username else people.first()
    if person is None:
        sys.exit("Nobody to ask as: load the demo company, or name somebody with --user.")
    return person


if __name__ == "__main__":
    import os

    from config.start import set_defaults

    set_defaults()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    from django.conf import settings

    from config import embedded

    # The sources as they are: no collectstatic before a measurement. Both sides write the links.
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    with embedded.services(valkey=False):
        import django

        django.setup()
        sys.exit(main())
