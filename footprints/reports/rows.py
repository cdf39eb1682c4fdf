"""What readers of rows share: one claim after the other, each bad row named once."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from ..names import written
from .claims import BadLine, Claim, Doubt
from .days import day_of, known
from .records import FILLER, BadRecord, coded, named
from .texts import Row

FILLER_DATE = "filler date"
POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}")


def read(
    rows: Iterable[Row | BadLine | Doubt],
    claims_of: Callable[[Row], Iterable[Claim]],
    column: int = 0,
) -> Iterator[Claim]:
    """The claims of each row, all or none; rows that were bad already are handed on.

    ``column``: where the code stands that a bad row is about.
    """
    for row in rows:
        if not isinstance(row, Row):
            yield row
            continue
        try:
            claims = list(claims_of(row))
        except BadRecord as error:
            yield BadLine(row.line, str(error), code_of(row, column))
        else:
            yield from claims


def once_a_code(
    claims_of: Callable[[Row], Iterable[Claim]], column: int = 0
) -> Callable[[Row], list[Claim]]:
    """As ``claims_of``, where the cell in that column names the body, and each has one row.

    A row that repeats another one says nothing; one that contradicts it is bad.
    """
    seen: dict[str, tuple[int, int]] = {}

    def claims(row):
        code = coded(row.cells[column])
        content = hash(row.cells)
        if code in seen:
            line, first = seen[code]
            if first == content:
                return []
            raise BadRecord(f"{code} stands in line {line} already, and otherwise.")
        found = list(claims_of(row))
        seen[code] = (row.line, content)
        return found

    return claims


def code_of(row: Row, column: int = 0) -> str:
    """The code in that column; '' where it is none."""
    try:
        return coded(row.cells[column])
    except BadRecord:
        return ""


def name_of(text: str) -> str:
    """A body's name, as the field writes it: the files have capitals."""
    return written(named(text))


def opening(row: Row, text: str, code: str, what: str) -> tuple[date | None, list[Claim]]:
    """A first day, not known where a filler stands for it; that is a doubt."""
    day = day_of(text)
    if day != FILLER:
        return day, []
    return known(day), [
        Doubt(row.line, FILLER_DATE, f"{code} {what} on 1900-01-01: the day is not known.", code)
    ]


def in_order(opened_on: date | None, closed_on: date | None, what: str):
    """``BadRecord`` where the last day lies before the first."""
    if opened_on and closed_on and closed_on <= opened_on:
        raise BadRecord(f"{what} ends before it begins ({opened_on.isoformat()}).")


def postcode_of(text: str) -> str | None:
    text = " ".join(text.upper().split())
    return text if POSTCODE.fullmatch(text) else None
