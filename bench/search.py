"""What the search box costs at national size, letter by letter, misspelt, by code and by postcode.

    .venv/bin/python -m bench.search --database NAME [--bodies 60] [--seed 2026] [--busy]

NAME is a database made by bench.national. Bodies are taken at random, and asked for in each way a
person might: their name typed letter by letter, two starts of words, a word of it, whole or with a
letter too few, too many, wrong or swapped, their code from two letters on, their postcode and its
district; today, on an earlier day, and as known at an earlier moment. Timed is the whole answer to
the box: the search and the list that drops from it. Promise: 50 ms by the median, of each way.
Exits with 1 where it is broken.
"""

import argparse
import random
import sys
import time
from collections import defaultdict
from statistics import median, quantiles

from .national_pages import _request
from .scratch import Busy, kept

MEDIAN = 50
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--database", help="made by bench.national; default: the project's own")
    options.add_argument("--bodies", type=int, default=60)
    options.add_argument("--seed", type=int, default=2026)
    options.add_argument("--busy", action="store_true", help="on a busy machine: time at work")
    options = options.parse_args(argv)
    with kept(options.database):
        clock = Busy() if options.busy else time.perf_counter
        return 0 if measured(list(asked(options.bodies, options.seed)), clock) else 1


def asked(bodies: int, seed: int):
    """(way, what is typed) of bodies taken at random."""
    from footprints.models import Identifier, Version

    chosen = random.Random(seed)
    keys = list(Version.objects.order_by("pk").values_list("pk", flat=True))
    versions = Version.objects.filter(pk__in=chosen.sample(keys, bodies))
    for version in versions.select_related("organisation").order_by("pk"):
        name, code = version.name.lower(), version.organisation.code
        for length in range(1, len(name) + 1):
            yield "name, letter by letter", name[:length]
        words = [word for word in name.split() if len(word) > 3] or [name]
        yield "two starts of words", " ".join(word[:3] for word in words[:2])
        yield "one word", chosen.choice(words)
        yield "misspelt", misspelt(chosen, chosen.choice(words))
        yield "misspelt", " ".join(misspelt(chosen, word) for word in words[:2])
        for length in range(2, len(code) + 1):
            yield "code, from two letters on", code[:length]
        postcodes = Identifier.objects.filter(organisation=version.organisation, scheme="postcode")
        for postcode in postcodes.values_list("value", flat=True)[:1]:
            yield "postcode", postcode
            yield "postcode district", postcode.split()[0]


def misspelt(chosen: random.Random, word: str) -> str:
    """The word with one letter dropped, doubled, wrong, or swapped with the next."""
    at = chosen.randrange(len(word))
    before, letter, after = word[:at], word[at], word[at + 1 :]
    ways = [
        before + after,
        before + letter * 2 + after,
        before + chosen.choice(LETTERS) + after,
        before + after[:1] + letter + after[1:],
    ]
    return chosen.choice(ways) or word


def measured(typed: list[tuple[str, str]], clock) -> bool:
    """Time each of these, print each way, and return whether the promise is kept."""
    from django.contrib.auth import get_user_model

    from footprints.models import Release

    user = get_user_model()(pk=1, username="bench", is_active=True)
    moments = Release.objects.order_by("pk").values_list("applied_at", flat=True)
    known = moments[len(moments) // 2].date()
    ways = {"today": "", "on 31 March 2016": "&on=2016-03-31", "known before": f"&known={known}"}
    for query in ("", "&on=2016-03-31"):  # the connection, the template, the kinds
        answer("kent", query, user, clock)
    times = defaultdict(list)
    for number, (way, text) in enumerate(typed):
        for when, query in ways.items():
            if when == "today" or number % 5 == 0:
                took = answer(text, query, user, clock)
                times[way if when == "today" else when].append((took, text))
    print(f"{'way':32} {'typed':>6} {'median':>7} {'95th':>7} {'most':>7}  ms")
    for way, took in times.items():
        each = [ms for ms, _ in took]
        high = quantiles(each, n=20)[-1]
        worst = max(took)
        print(
            f"{way:32} {len(each):6} {median(each):7.1f} {high:7.1f} {worst[0]:7.1f}  {worst[1]!r}"
        )
    whole = median(ms for took in times.values() for ms, _ in took)
    held = whole < MEDIAN and all(median(ms for ms, _ in took) < MEDIAN for took in times.values())
    print(f"median of all {whole:.1f} ms  promise {MEDIAN} ms{'' if held else '  BROKEN'}")
    return held


def answer(text: str, query: str, user, clock) -> float:
    """Milliseconds until the list that drops from the box stands."""
    from urllib.parse import quote

    from footprints.views.search import Search

    request = _request(f"?q={quote(text)}{query}", user)
    request.htmx = Piece()
    began = clock()
    view = Search()
    view.setup(request)
    view.dispatch(request).render()
    return (clock() - began) * 1000


class Piece:
    """What htmx says of itself when it asks for the dropping list."""

    target = "search-sheet"


if __name__ == "__main__":
    sys.exit(main())
