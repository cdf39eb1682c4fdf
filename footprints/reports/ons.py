"""ONS names and codes, and lookups: which GSS code an ODS code has, in a year.

The year stands in the names of the columns: ``CCG21CD`` is the GSS code, ``CCG21CDH`` the ODS
code, ``CCG21NM`` the name. A GSS code changes with the boundary though the ODS code stays, so
the pair is news of that year and no other. Names are never read: each year spells them otherwise
("and", "&", with and without "NHS"). Nor are parents: who is in what is ODS's to say.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import ClassVar

from .claims import Authority, Claim, Label
from .opening import Container, Document, Row
from .reading import Reader
from .records import BadRecord, coded
from .rows import read

COLUMN = re.compile(r"([A-Z]+)([0-9]{2})(CDH|CD)")
GSS = re.compile(r"[EWSN][0-9]{8}")


# From the finest up: a lookup is named for the first that it has.
AREAS = ("CCG", "SICBL", "LOC", "STP", "ICB", "NHSER")
# Boundaries are those of 1 April, when the NHS's year begins; ICBs began in July of theirs.
BEGAN = {("SICBL", 2022), ("LOC", 2022), ("ICB", 2022)}


def _day(area: str, year: int) -> date:
    return date(year, 7 if (area, year) in BEGAN else 4, 1)


def _columns(document: Document) -> dict[tuple[str, int], tuple[int, int]]:
    """Kind of area and year to the columns of its ODS and its GSS code, finest area first."""
    if document.kind is not Container.TEXT or not document.first_rows:
        return {}
    at = {}
    for number, name in enumerate(document.first_rows[0].cells):
        if match := COLUMN.fullmatch(name.upper()):
            area, year, what = match.groups()
            at.setdefault((area, 2000 + int(year)), {})[what] = number
    return {
        key: (at[key]["CDH"], at[key]["CD"])
        for key in sorted(
            (key for key in at if key[0] in AREAS and len(at[key]) == 2),
            key=lambda key: (AREAS.index(key[0]), -key[1]),
        )
    }


class NamesAndCodes(Reader):
    """Codes of one kind of area and of the wider ones in the same list.

    A class for each kind, since the lists of one kind follow each other from year to year.
    ``areas``: what columns of that kind begin with.
    """

    areas: ClassVar[tuple[str, ...]]
    looks = "a CSV whose header has pairs like CCG21CD and CCG21CDH"
    authority = Authority(schemes=frozenset({"gss"}))

    def __init__(self, document: Document):
        super().__init__(document)
        columns = _columns(document)
        area, year = next(iter(columns))
        self._columns = {key: pair for key, pair in columns.items() if key[1] == year}
        self._newest = _day(area, year)

    @classmethod
    def recognises(cls, document: Document) -> bool:
        finest = next(iter(_columns(document)), None)
        return finest is not None and finest[0] in cls.areas

    def day(self) -> date:
        return self._newest

    @cached_property
    def _header(self) -> int:
        return self.document.first_rows[0].line

    def claims(self, day: date, before=None, before_on=None) -> Iterator[Claim]:
        said: dict[str, tuple[str, int]] = {}
        rows = (
            row
            for row in self.document.rows()
            if not (isinstance(row, Row) and row.line <= self._header)
        )
        column = next(iter(self._columns.values()))[0]
        return read(self.counted(rows), lambda row: self._labels(row, said), column)

    def _labels(self, row: Row, said):
        """A label for each code that no line before named; a lookup repeats the wider areas."""
        found = {}
        for ods, gss in self._columns.values():
            code, value = row.cells[ods], row.cells[gss]
            if not code and not value:  # Wales has no STP
                continue
            code = coded(code)
            if not GSS.fullmatch(value):
                raise BadRecord(f"{value[:20]!r} is no GSS code.")
            before, line = said.get(code, (value, row.line))
            if before != value:
                raise BadRecord(f"{code} has {before} in line {line}, and {value} here.")
            found[code] = value
        for code, value in found.items():
            if code not in said:
                said[code] = (value, row.line)
                yield Label(row.line, code, "gss", value)


class CommissionerCodes(NamesAndCodes):
    source = "ons-names-and-codes-ccg"
    title = "ONS codes of CCGs"
    areas = ("CCG",)


class LocationCodes(NamesAndCodes):
    source = "ons-names-and-codes-sub-icb"
    title = "ONS codes of sub-ICB locations"
    areas = ("SICBL", "LOC")


class PartnershipCodes(NamesAndCodes):
    source = "ons-names-and-codes-stp"
    title = "ONS codes of STPs"
    areas = ("STP",)


class BoardCodes(NamesAndCodes):
    source = "ons-names-and-codes-icb"
    title = "ONS codes of ICBs"
    areas = ("ICB",)


class RegionCodes(NamesAndCodes):
    source = "ons-names-and-codes-region"
    title = "ONS codes of regions"
    areas = ("NHSER",)
