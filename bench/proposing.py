"""Tracing a body, and proposing what nobody announced, among 300,000 organisations.

    .venv/bin/python -m bench.proposing --database NAME [--rounds 300]

NAME is a database that `bench.national make` kept. Nothing is written to it: suggestions are
asked for with every recorded event withheld, and without, and are not kept as proposals. Times
are those at work, of this process and its connection: a machine busy with something else is no
fault of theirs.
"""

import argparse
import sys
from datetime import date
from statistics import median, quantiles

from .scratch import Busy, kept

DAY = date(2026, 11, 21)
TRACE, PROPOSE = 30, 15  # milliseconds, seconds


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--database", required=True)
    options.add_argument("--rounds", type=int, default=300)
    options = options.parse_args(argv)
    with kept(options.database):
        kept_promises = [*tracing(options.rounds), *proposing()]
    return 0 if all(kept_promises) else 1


def tracing(rounds: int):
    """Each way of tracing, of bodies taken at random from those that passed something on."""
    from footprints.models import Succession
    from footprints.tracing import trace, trace_back

    now = Succession.objects.now().order_by("?")
    old = list(now.values_list("predecessor__code", flat=True)[:rounds])
    new = list(now.exclude(successor=None).values_list("successor__code", flat=True)[:rounds])
    ways = {
        "trace": (trace, old, {}),
        "trace --legal": (trace, old, {"passes": "functions"}),
        "trace --back": (trace_back, new, {}),
        "trace, shares derived": (trace, ["QM7", "QJG"] * (rounds // 20), {}),
    }
    clock = Busy()
    for name, (way, codes, given) in ways.items():
        times = []
        for code in codes:
            begun = clock()
            way(code, DAY, **given)
            times.append(1000 * (clock() - begun))
        middle, late = median(times), quantiles(times, n=20)[-1]
        yield said(f"{name}, median of {len(codes)}", middle, "ms", TRACE)
        print(f"{'':12}95th percentile {late:.1f} ms")


def proposing():
    """Every day of the register at once, then one year."""
    from footprints.proposing import suggest

    clock = Busy()
    for name, given in {
        "propose, all days, events withheld": {"withheld": True},
        "propose, all days": {},
        "propose, one year": {"since": date(2026, 1, 1), "until": date(2026, 12, 31)},
    }.items():
        begun = clock()
        found = suggest(**given)
        yield said(f"{name}: {len(found)} found", clock() - begun, "s", PROPOSE)


def said(what: str, took: float, unit: str, promise: float) -> bool:
    held = took <= promise
    print(f"{what:58} {took:8.1f} {unit}  promise {promise} {unit}{'' if held else '  BROKEN'}")
    sys.stdout.flush()
    return held


if __name__ == "__main__":
    sys.exit(main())
