"""A picture of somebody's posts: a bar a tenure, from left to right in time. Geometry alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from footprints.dated import last_day

WIDTH, ROW, HEAD = 720, 26, 20  # in the units of the picture
FEWEST_YEARS = 4
MOST_TICKS = 9


@dataclass(frozen=True)
class Bar:
    """One tenure: where it begins, how far down, how wide; whether it holds on the day shown."""

    x: float
    y: float
    width: float
    holds: bool


@dataclass(frozen=True)
class Tick:
    x: float
    year: int


@dataclass(frozen=True)
class Timeline:
    """The bars, the years under them, and where the day shown stands."""

    bars: list[Bar]
    ticks: list[Tick]
    day_x: float
    height: int
    width: int = WIDTH

    @classmethod
    def of(cls, tenures: Sequence, day: date) -> "Timeline | None":
        """Lay out tenures (with opened_on and closed_on, half open); None where there are none."""
        if not tenures:
            return None
        known = [d for t in tenures for d in (t.opened_on, last_day(t.closed_on)) if d]
        first = min([*known, day]).year
        last = max(max([*known, day]).year + 1, first + FEWEST_YEARS)
        begin, end = date(first, 1, 1), date(last, 1, 1)

        def x(when):
            return round((when - begin).days / (end - begin).days * WIDTH, 1)

        bars = []
        for row, tenure in enumerate(tenures):
            left = x(tenure.opened_on or begin)  # start not known: from the edge
            right = x(tenure.closed_on or end)
            bars.append(
                Bar(
                    x=left,
                    y=HEAD + row * ROW,
                    width=max(round(right - left, 1), 2),
                    holds=(tenure.opened_on or day) <= day
                    and (tenure.closed_on is None or tenure.closed_on > day),
                )
            )
        step = -(-(last - first) // MOST_TICKS)  # rounded up
        ticks = [Tick(x(date(year, 1, 1)), year) for year in range(first, last, step)]
        return cls(bars, ticks, x(day), HEAD + len(bars) * ROW)
