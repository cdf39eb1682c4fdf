"""One record of the Organisation Data Service as it was read, and the days in it.

XML and the service's API give the same record in two forms: both readers fill ``Organisation``,
and ``recording`` makes claims of it.
"""

import re
from datetime import date, timedelta
from typing import NamedTuple

ONE_DAY = timedelta(days=1)

# ODS writes 1900-01-01 where it does not know a day: 12,470 times in July 2026.
FILLER = date(1900, 1, 1)
EARLIEST = date(1700, 1, 1)

CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,19}")
NAME_LENGTH = 200
REMEMBERED = 200_000

# Where in ``dates`` the days of a type begin: [legal start, end, operational start, end].
LEGAL, OPERATIONAL = 0, 2


class Role:
    """A role held for a while. ``dates``: four ISO days, None where there is none."""

    __slots__ = ("dates", "id", "is_primary", "status")

    def __init__(self, id, is_primary=False):
        self.id, self.is_primary, self.status = id, is_primary, ""
        self.dates = [None, None, None, None]


class Tie:
    """A relationship or a succession: ``code`` and ``role`` (primary) are the other body's.

    ``id``: RE4 and the like; of a succession, what the other body is: Predecessor, Successor.
    """

    __slots__ = ("code", "dates", "id", "role", "status")

    def __init__(self, id=""):
        self.id, self.code, self.role, self.status = id, "", "", ""
        self.dates = [None, None, None, None]


class Organisation:
    """A record as it was read; nothing in it is checked yet."""

    __slots__ = (
        "code",
        "dates",
        "is_stub",
        "name",
        "postcode",
        "roles",
        "status",
        "successions",
        "ties",
    )

    def __init__(self, is_stub=False):
        self.code = self.name = self.postcode = self.status = ""
        self.is_stub = is_stub
        self.dates = [None, None, None, None]
        self.roles, self.ties, self.successions = [], [], []


class BadRecord(ValueError):
    """Why a record, or a part of it, cannot be read."""


class Period(NamedTuple):
    """Half open: the legal days where there are any, else the operational ones.

    ``is_filled``: a filler stood for a day. ``differs``: both types are there and say otherwise.
    """

    opened_on: date | None
    closed_on: date | None
    is_filled: bool
    differs: bool


class Periods:
    """Works out periods, and remembers them: a national file has few different ones."""

    def __init__(self):
        self._days: dict[str, date] = {}
        self._periods: dict[tuple, Period] = {}

    def of(self, dates: list[str | None]) -> Period:
        """Raises ``BadRecord``."""
        key = tuple(dates)
        period = self._periods.get(key)
        if period is None:
            if len(self._periods) > REMEMBERED:
                self._periods.clear()
            period = self._periods[key] = self._worked_out(dates)
        return period

    def _worked_out(self, dates):
        days = [self._day(text) for text in dates]
        legal, legal_last, operational, operational_last = (
            None if day == FILLER else day for day in days
        )
        opened, last = legal or operational, legal_last or operational_last
        closed = last + ONE_DAY if last and last != date.max else None
        if opened and closed and closed <= opened:
            raise BadRecord(f"It closes on {last}, before it opens on {opened}.")
        both = (legal or legal_last) and (operational or operational_last)
        starts_differ = legal and operational and legal != operational
        return Period(
            opened,
            closed,
            is_filled=FILLER in days,
            differs=bool(both and (starts_differ or legal_last != operational_last)),
        )

    def _day(self, text: str | None) -> date | None:
        if not text:
            return None
        day = self._days.get(text)
        if day is None:
            try:
                day = date.fromisoformat(text)
            except ValueError:
                raise BadRecord(f"{text[:20]!r} is no day.") from None
            if day < EARLIEST:
                raise BadRecord(f"{text[:20]} is too long ago.")
            if len(self._days) < REMEMBERED:
                self._days[text] = day
        return day


def coded(text: str) -> str:
    """An organisation's code. Raises ``BadRecord``."""
    code = text.strip().upper()
    if not CODE.fullmatch(code):
        raise BadRecord(f"{text[:30]!r} is no code." if code else "It has no code.")
    return code


def named(text: str) -> str:
    """A name as published, with single spaces. Raises ``BadRecord``."""
    name = " ".join(text.split())
    if not name.isprintable():
        name = "".join(letter for letter in name if letter.isprintable())
    if not name:
        raise BadRecord("It has no name.")
    if len(name) > NAME_LENGTH:
        raise BadRecord(f"Its name has {len(name):,} letters, more than {NAME_LENGTH}.")
    return name
