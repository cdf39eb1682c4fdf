"""Days and moments on the command line."""

from argparse import ArgumentTypeError
from datetime import date, datetime, time

from django.utils.timezone import get_current_timezone


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date (year-month-day)") from None


def moment(text: str) -> datetime:
    """A day means its end: what was known when that day closed."""
    try:
        if len(text) == 10:
            return datetime.combine(day(text), time.max, get_current_timezone())
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no moment (2020-01-15 or 2020-01-15T09:30)"
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=get_current_timezone())
