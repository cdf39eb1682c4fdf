"""How days, periods, shares and numbers are written, everywhere the same.

A day is written 1 Apr 2020 in tables and lists, 1 April 2020 in sentences. People see the last
day of a period; the database holds the first day it no longer holds.
"""

from decimal import Decimal

from .dated import last_day

MONTHS = (
    "January February March April May June July August September October November December"
).split()
SHORT_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

EN_DASH = "–"


def day_in_short(day):
    """Return a date as "1 Apr 2020".

    A list page writes a hundred of them, and Django's dateformat parses its format each time.
    """
    return f"{day.day} {SHORT_MONTHS[day.month - 1]} {day.year}"


def day_in_full(day):
    """Return a date as "1 April 2020"."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def period(opened_on, closed_on):
    """Write the half-open `[opened_on, closed_on)` as people say it, with its last day.

    "1 Apr 2020 – 30 Jun 2022", "since 1 Apr 2020", "until 30 Jun 2022". A start of None is not
    known; an end of None has not come. With neither, "start not known".
    """
    if opened_on is None and closed_on is None:
        return "start not known"
    if closed_on is None:
        return f"since {day_in_short(opened_on)}"
    end = day_in_short(last_day(closed_on))
    if opened_on is None:
        return f"until {end}"
    if last_day(closed_on) == opened_on:
        return f"{end} only"
    return f"{day_in_short(opened_on)} {EN_DASH} {end}"


def share(part):
    """Write a share of one (Decimal, float or None) as a whole percentage that does not round up
    to all or down to nothing: "all", "59%", "under 1%", "over 99%", "share not known".
    """
    if part is None:
        return "share not known"
    part = Decimal(part)
    if part == 1:
        return "all"
    if part < Decimal("0.01"):
        return "under 1%"
    if part > Decimal("0.99"):
        return "over 99%"
    return f"{part:.0%}"


def number(value):
    """Write a number with commas by thousands: 1,234,567."""
    return f"{value:,}"
