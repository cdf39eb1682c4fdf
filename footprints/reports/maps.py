"""Practice maps: which PCN and which commissioner each practice had on the day of an extract.

They come with "Patients Registered at a GP Practice", with a header. ``EXTRACT_DATE`` is the day.
They repeat names, postcodes and the areas above from other reports, as of their own day, and
with other spellings: so they are believed about the practice's two places and nothing else.
"""

from collections.abc import Iterator
from datetime import date
from functools import cached_property

from . import slots
from .claims import Absence, Authority, Bond, Claim
from .days import day_of
from .opening import Container, Document, Row
from .reading import Reader
from .records import BadRecord, coded
from .rows import once_a_code, read

EXTRACT, PRACTICE, PCN = "EXTRACT_DATE", "PRACTICE_CODE", "PCN_CODE"
COMMISSIONER = ("CCG_CODE", "SUB_ICB_LOCATION_CODE", "SUB_ICB_CODE")
UNALLOCATED = {"", "U"}  # "U", "Unallocated": 68 practices in January 2022


def _columns(document: Document) -> dict[str, int] | None:
    if document.kind is not Container.TEXT or not document.first_rows:
        return None
    names = [cell.upper() for cell in document.first_rows[0].cells]
    commissioner = next((name for name in COMMISSIONER if name in names), None)
    if commissioner is None or not {EXTRACT, PRACTICE, PCN} <= set(names):
        return None
    return {
        "extract": names.index(EXTRACT),
        "practice": names.index(PRACTICE),
        "pcn": names.index(PCN),
        "commissioner": names.index(commissioner),
    }


class PracticeMap(Reader):
    source = "gp-reg-pat-prac-map"
    title = "Practices, their PCNs and commissioners (practice map)"
    looks = f"a CSV whose header names {EXTRACT}, {PRACTICE}, {PCN} and {COMMISSIONER[0]}"
    authority = Authority(
        slots=(slots.PCN, slots.COMMISSIONER),
        absence=Absence.NOTHING,  # it has only practices with patients
    )

    @classmethod
    def recognises(cls, document: Document) -> bool:
        return _columns(document) is not None

    @cached_property
    def _at(self) -> dict[str, int]:
        return _columns(self.document)

    def _rows(self):
        header = self.document.first_rows[0].line
        return (
            row
            for row in self.document.rows()
            if not (isinstance(row, Row) and row.line <= header)
        )

    @cached_property
    def _day(self) -> date | None:
        for row in self._rows():
            if isinstance(row, Row):
                try:
                    day = day_of(row.cells[self._at["extract"]])
                except BadRecord:
                    continue
                if day:
                    return day
        return None

    def day(self) -> date | None:
        return self._day

    def claims(self, day: date, before=None, before_on=None) -> Iterator[Claim]:
        return read(
            self.counted(self._rows()),
            once_a_code(self._claims_of, self._at["practice"]),
            self._at["practice"],
        )

    def _claims_of(self, row: Row):
        text, practice, network, commissioner = (row.cells[n] for n in self._at.values())
        if day_of(text) != self._day:
            raise BadRecord(f"It is of another day than the rest: {text[:20]!r}.")
        practice = coded(practice)
        if network not in UNALLOCATED:
            yield Bond(row.line, slots.PCN.name, practice, coded(network))
        if commissioner:
            yield Bond(row.line, slots.COMMISSIONER.name, practice, coded(commissioner))
