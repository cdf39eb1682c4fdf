"""ODS's classic reports: CSV without a header, 27 columns, or 24 where somebody saved it anew.

Columns, from 0: 0 code, 1 name in capitals, 2 region, 3 system, 9 postcode, 10 first day, 11
*last* day (so the successor opens the day after). eccg has a sub-type in 13; epraccur a status in
12, the commissioner in 14, since and until in 15 and 16, the prescribing setting in 25. Columns 2
and 3 of a closed body show today's parents, not its own. The three reports look alike: what tells
them apart is what stands in the columns.

None carries its own day. It is the newest first day, or day after a last day, in the file; the
names of files and the days of their arrival say nothing (one of January 2021 held data of 2015).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from functools import cached_property
from typing import ClassVar, Self

from . import slots
from .claims import Absence, Authority, Bond, Claim, Doubt, Label, Life, Missing, Record
from .days import day_after, day_of, holds, known, newest
from .opening import Container, Document, Row
from .reading import Reader
from .records import BadRecord, coded
from .rows import code_of, in_order, name_of, once_a_code, opening, postcode_of, read

WIDTHS = (24, 27)
# Columns that are blank in every classic report, whoever saved it.
BLANK = (18, 19, 20, 22)
REGION = re.compile(r"Y[0-9]{2}")
# Before STPs, column 3 held a local office (Q71); Q99 stands for Wales. Neither is a system.
OFFICE = re.compile(r"Q[0-9]{2}")


class Classic(Reader):
    """What the classic reports have in common. ``row_like``: a row of this one and no other.

    Compared with the file before by the cells, for each may be quoted otherwise. A line that is
    no row has none, and is named each time.
    """

    compares = True

    row_like: ClassVar[Callable[[tuple[str, ...]], bool]]

    @classmethod
    def recognises(cls, document: Document) -> bool:
        rows = document.first_rows
        if document.kind is not Container.TEXT or not rows or len(rows[0].cells) not in WIDTHS:
            return False
        alike = sum(_is_classic(row.cells) and cls.row_like(row.cells) for row in rows)
        return alike > 0.8 * len(rows)

    @cached_property
    def _day(self):
        return newest(self._days())

    def day(self) -> date | None:
        return self._day

    def _days(self) -> set[date]:
        """Every day that something begun or ended, by this file."""
        days = set()
        for row in self.document.rows():
            if isinstance(row, Row):
                try:
                    days |= {known(day_of(row.cells[10])), day_after(row.cells[11])}
                except BadRecord:
                    continue
        return days - {None}

    def claims(self, day: date, before=None, before_on=None) -> Iterator[Claim]:
        rows = self.counted(self.document.rows())
        missing: set[str] = set()
        if before is not None:
            earlier = type(self)(before)
            said, there, missing = earlier._said()
            _, here, named = self._said()
            missing -= named
            twice = {code for code in there.keys() | here if there[code] > 1 or here[code] > 1}
            if self._is_like(earlier):
                since = before_on or earlier.day()
                rows = (row for row in rows if _is_news(row, said, twice, since, day))
        yield from read(rows, once_a_code(lambda row: self.claims_of(row, day)))
        for code in sorted(missing):
            yield Missing(0, code)

    def _said(self) -> tuple[set[int], Counter[str], set[str]]:
        """Hashes of the rows, in how many each code stands, and the codes."""
        said, codes = set(), Counter()
        for row in self.document.rows():
            if isinstance(row, Row):
                said.add(hash(row.cells))
                codes[code_of(row)] += 1
        return said, codes, codes.keys() - {""}

    def _is_like(self, earlier: Self) -> bool:
        """Whether a row means the same in both files."""
        return True

    def claims_of(self, row: Row, day: date) -> Iterator[Claim]:
        """What one row says. ``BadRecord`` where it cannot be read."""
        raise NotImplementedError


def _is_news(row, said, twice, since, day) -> bool:
    """Whether a row says something else than the file before, told on the day ``since``."""
    if not isinstance(row, Row) or hash(row.cells) not in said or code_of(row) in twice:
        return True
    if since is None:
        return True
    first, last = sorted((since, day))
    try:
        opened_on, closed_on = day_of(row.cells[10]), day_after(row.cells[11])
    except BadRecord:
        return False
    return any(edge and first < edge <= last for edge in (opened_on, closed_on))


def _is_classic(cells) -> bool:
    """A code, a name, a first day or none, a last day or none, and blanks where all have them."""
    return (
        re.fullmatch(r"[A-Z0-9]{3,8}", cells[0]) is not None
        and cells[1] != ""
        and all(re.fullmatch(r"[0-9]{8}|", cells[number]) for number in (10, 11))
        and not any(cells[number] for number in BLANK)
    )


def _life(row: Row) -> tuple[str, str, date | None, date | None, list[Claim]]:
    """Code, name, first day, day after the last, and doubts."""
    code = coded(row.cells[0])
    name = name_of(row.cells[1])
    opened_on, doubts = opening(row, row.cells[10], code, "opened")
    closed_on = day_after(row.cells[11])
    in_order(opened_on, closed_on, code)
    return code, name, opened_on, closed_on, doubts


class Practices(Classic):
    """epraccur: practices and the other cost centres that prescribe, each with a commissioner.

    Status: active, closed, dormant (no prescribing for a while; it keeps its commissioner, and
    the days say nothing of it) or proposed (its first day may lie ahead). The days decide, so a
    dormant practice is open. The day of the file leaves out what is proposed, and last days of
    what is not closed yet: both may lie ahead.

    All 14,357 codes of December 2019 are in the file of November 2025: nothing is left out that
    was in once, and so absence says nothing.
    """

    source = "epraccur"
    title = "GP practices and prescribing cost centres (epraccur)"
    looks = "a CSV without header, 27 columns, codes like A81001, status A, C, D or P in column 13"
    authority = Authority(
        lives=frozenset({"practice", "prescribing_cost_centre"}),
        slots=(slots.COMMISSIONER,),
        schemes=frozenset({"postcode"}),
        absence=Absence.NOTHING,
    )

    STATUS, COMMISSIONER, JOINED, LEFT, SETTING = 12, 14, 15, 16, 25
    GP_PRACTICE = "4"
    # Before 2025 every Welsh row had setting 0. Practices' codes begin W9 there, but for some 20.
    NOT_SAID, WALES, WELSH_PRACTICE = "0", "W00", "W9"

    @staticmethod
    def row_like(cells) -> bool:
        return (
            re.fullmatch(r"[A-Z][A-Z0-9]{2}[0-9]{3}", cells[0]) is not None
            and cells[12] in ("A", "C", "D", "P")
            and (len(cells) == 24 or re.fullmatch(r"[0-9]{0,2}", cells[25]) is not None)
        )

    @cached_property
    def _is_wales_told(self) -> bool:
        """Whether the file tells Welsh practices from other Welsh cost centres."""
        return any(
            self._setting(row.cells) == self.GP_PRACTICE and row.cells[2] == self.WALES
            for row in self.document.rows()
            if isinstance(row, Row)
        )

    def _is_like(self, earlier):
        return self._is_wales_told == earlier._is_wales_told

    def _days(self):
        days = set()
        for row in self.document.rows():
            if not isinstance(row, Row) or row.cells[self.STATUS] == "P":
                continue
            try:
                days |= {known(day_of(row.cells[10])), known(day_of(row.cells[self.JOINED]))}
                if row.cells[self.STATUS] == "C":
                    days |= {day_after(row.cells[11]), day_after(row.cells[self.LEFT])}
            except BadRecord:
                continue
        return days - {None}

    def _setting(self, cells) -> str:
        return cells[self.SETTING] if len(cells) > self.SETTING else ""

    def _kind(self, cells, closed_on) -> str | None:
        setting = self._setting(cells)
        is_untold = setting == self.NOT_SAID and (closed_on or not self._is_wales_told)
        if setting == self.GP_PRACTICE or (
            is_untold and cells[2] == self.WALES and cells[0].startswith(self.WELSH_PRACTICE)
        ):
            return "practice"
        return "prescribing_cost_centre" if setting else None

    def claims_of(self, row, day):
        cells = row.cells
        code, name, opened_on, closed_on, doubts = _life(row)
        if cells[self.STATUS] not in ("A", "C", "D", "P"):
            raise BadRecord(f"{cells[self.STATUS][:10]!r} is no status: A, C, D or P.")
        kind = self._kind(cells, closed_on)
        if kind:
            yield Life(row.line, code, kind, name, opened_on, closed_on)
        else:  # of 24 columns, none says whether it is a practice
            yield Record(row.line, code, opened_on, closed_on)
        yield from doubts
        if cells[self.STATUS] == "C" and not closed_on:
            yield Doubt(row.line, "closed without a last day", f"{code} has status C.", code)
        if cells[self.COMMISSIONER]:
            yield from self._commissioned(row, code, opened_on, closed_on)
        postcode = postcode_of(cells[9])
        if postcode and holds(day, opened_on, closed_on):
            yield Label(row.line, code, "postcode", postcode)

    def _commissioned(self, row, code, opened_on, closed_on):
        commissioner = coded(row.cells[self.COMMISSIONER])
        joined_on, doubts = opening(
            row, row.cells[self.JOINED], code, f"joined its commissioner {commissioner}"
        )
        left_on = day_after(row.cells[self.LEFT]) or closed_on  # none outlives the practice
        in_order(joined_on, left_on, f"{code} in {commissioner}")
        yield from doubts
        if joined_on and opened_on and joined_on < opened_on:
            yield Doubt(
                row.line,
                "joined before it opened",
                f"{code} opened on {opened_on.isoformat()}, and joined {commissioner} on "
                f"{joined_on.isoformat()}.",
                code,
            )
        yield Bond(row.line, slots.COMMISSIONER.name, code, commissioner, joined_on, left_on)


class Commissioners(Classic):
    """eccg: closed CCGs, sub-ICB locations, their reporting entities, and commissioning hubs.

    A sub-ICB location carries its new name with the *old* operational first day of its code
    (20130401), and a CCG that became one is not in the file as a CCG: so it is believed about
    names of locations, entities and hubs, and whether they are open; about CCGs never, neither
    their days (operational: 13T opened there four months before the law made it) nor their
    names and parents (those of closed ones are today's). Their days are compared.
    """

    source = "eccg"
    title = "Commissioners (eccg)"
    looks = "a CSV without header, 27 columns, names of CCGs, ICB locations, commissioning hubs"
    authority = Authority(
        lives=frozenset({"sub_icb", "reporting_entity", "commissioning_hub"}),
        slots=(slots.LOCATION_SYSTEM, slots.ENTITY_SYSTEM),
        absence=Absence.NOTHING,  # closed ones stay in the file, or ODS has deleted a mistake
    )

    # Column 13: C and H in 2016; since July 2022 roles, of which several are joined by a pipe.
    CCG = {"", "C", "RO98"}
    KINDS: ClassVar[dict[str, str]] = {
        "H": "commissioning_hub",
        "RO218": "commissioning_hub",
        "RO319": "sub_icb",
        "RO326": "sub_icb",
        "RO327": "reporting_entity",
    }
    # A hub has the region and the system of its office's address: a National Hub is in no system.
    SLOTS: ClassVar[dict[str, str]] = {
        "sub_icb": slots.LOCATION_SYSTEM.name,
        "reporting_entity": slots.ENTITY_SYSTEM.name,
    }

    @classmethod
    def row_like(cls, cells) -> bool:
        types = set(cells[13].split("|"))
        if types <= cls.KINDS.keys():
            return True
        return types <= cls.CCG and re.search(r"\bCCG\b|CLINICAL COMM", cells[1]) is not None

    def claims_of(self, row, day):
        cells = row.cells
        code, name, opened_on, closed_on, doubts = _life(row)
        types = set(cells[13].split("|"))
        if unknown := types - self.KINDS.keys() - self.CCG:
            raise BadRecord(f"{', '.join(sorted(unknown))[:40]!r} is no type that is known.")
        kinds = {self.KINDS[type] for type in types if type in self.KINDS}
        if len(kinds) > 1:
            raise BadRecord(f"{cells[13][:40]!r} is two kinds at once.")
        yield from doubts
        if not kinds:
            yield Record(row.line, code, opened_on, closed_on)
            return
        kind = kinds.pop()
        # Not since when: the first day is the code's, and the register has it from the law.
        yield Life(row.line, code, kind, name, opened_on, closed_on)
        slot = self.SLOTS.get(kind)
        if slot and _has_system(cells) and holds(day, opened_on, closed_on):
            yield Bond(row.line, slot, code, coded(cells[3]))


class Trusts(Classic):
    """etr: NHS trusts and foundation trusts, each with the system that it is a member of now."""

    source = "etr"
    title = "NHS trusts (etr)"
    looks = "a CSV without header, 27 or 24 columns, names that end in NHS TRUST"
    authority = Authority(
        lives=frozenset({"trust", "care_trust"}),
        slots=(slots.TRUST_SYSTEM,),
        schemes=frozenset({"postcode"}),
        absence=Absence.NOTHING,  # the file of 2022 left out trusts that closed before 2020
    )

    @staticmethod
    def row_like(cells) -> bool:
        return (
            re.fullmatch(r"[A-Z0-9]{3}|[A-Z][0-9][A-Z][0-9][A-Z]", cells[0]) is not None
            and re.search(r"\bTRUST\b", cells[1]) is not None
            and not cells[13]
        )

    def claims_of(self, row, day):
        cells = row.cells
        code, name, opened_on, closed_on, doubts = _life(row)
        # A care trust is one by its name; "… CARE NHS FOUNDATION TRUST" is none.
        kind = "care_trust" if re.search(r"\bCARE TRUST\b", cells[1]) else "trust"
        yield Life(row.line, code, kind, name, opened_on, closed_on)
        yield from doubts
        if not holds(day, opened_on, closed_on):
            return
        # Three Welsh trusts are here too: region W00, or blank since December 2025.
        if _has_system(cells):
            yield Bond(row.line, slots.TRUST_SYSTEM.name, code, coded(cells[3]))
        if postcode := postcode_of(cells[9]):
            yield Label(row.line, code, "postcode", postcode)


class Authorities(Classic):
    """eauth: regions, systems and local offices. Believed about nothing, compared.

    Its first days are those of the codes: a system's is the one of the STP whose code it kept.
    """

    source = "eauth"
    title = "High level health authorities (eauth)"
    looks = "a CSV without header, 27 or 24 columns, codes like Y63 and QHM"
    authority = Authority()

    @staticmethod
    def row_like(cells) -> bool:
        return re.fullmatch(r"Y[0-9]{2}|Q[A-Z0-9]{2}", cells[0]) is not None

    def claims_of(self, row, day):
        code, _, opened_on, closed_on, doubts = _life(row)
        if not OFFICE.fullmatch(code):  # local offices are no bodies of the register
            yield Record(row.line, code, opened_on, closed_on)
            yield from doubts


def _has_system(cells) -> bool:
    return bool(REGION.fullmatch(cells[2]) and cells[3] and not OFFICE.fullmatch(cells[3]))
