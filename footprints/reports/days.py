"""Days as flat reports write them, and the newest day that a report shows."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

from .records import FILLER, ONE_DAY, BadRecord

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")  # ODS: 20200331
ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00)?)?")  # a date cell of a workbook
NAMED = re.compile(r"(\d{1,2})[- ]?([A-Za-z]{3})[a-z]*[- ]?(\d{4})")  # practice maps: 01Jan2022
EARLIEST, LATEST = date(1850, 1, 1), date(2100, 1, 1)

# A day this much after every other one is a slip of the pen: ODS changes something every year,
# though CCGs rested from April 2021 to April 2024.
SLIP = timedelta(days=5 * 365)


@lru_cache(50_000)  # a file has few thousand different days, each many times
def day_of(text: str) -> date | None:
    """The day; None for nothing. ``BadRecord`` where it is none, or none that can be meant.

    ODS's filler, 1900-01-01, is given as it stands: see ``known``.
    """
    text = text.strip()
    if not text:
        return None
    if match := COMPACT.fullmatch(text) or ISO.fullmatch(text):
        year, month, number = match.groups()
    elif (match := NAMED.fullmatch(text)) and match[2].lower() in MONTHS:
        year, month, number = match[3], MONTHS.index(match[2].lower()) + 1, match[1]
    else:
        raise BadRecord(f"{text[:30]!r} is no day.")
    try:
        found = date(int(year), int(month), int(number))
    except ValueError:
        raise BadRecord(f"{text[:30]!r} is no day.") from None
    if not EARLIEST <= found < LATEST:
        raise BadRecord(f"{text[:30]!r} is no day that can be meant.")
    return found


def known(day: date | None) -> date | None:
    """The day, unless it is the filler that stands for a day that is not known."""
    return None if day == FILLER else day


def day_after(text: str) -> date | None:
    """The day after the last one that the file names; None where it still holds."""
    last = day_of(text)
    return last and last + ONE_DAY


def holds(day: date, opened_on: date | None, closed_on: date | None) -> bool:
    return (opened_on is None or opened_on <= day) and (closed_on is None or closed_on > day)


def overlap(
    one: tuple[date | None, date | None], other: tuple[date | None, date | None]
) -> date | None:
    """The first day that two half-open periods share; None where they share none. A period
    without a first day was always so."""
    start = max(one[0] or date.min, other[0] or date.min)
    return start if start < min(one[1] or date.max, other[1] or date.max) else None


def newest(days: Iterable[date]) -> date | None:
    """The newest of these days that is no slip of the pen: five years after every other one."""
    ordered = sorted(set(days), reverse=True)
    for later, earlier in pairwise(ordered):
        if later - earlier <= SLIP:
            return later
    return ordered[0] if ordered else None
