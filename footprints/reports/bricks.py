"""Bricks: the areas that a supplier of sales data counts in, as sets of practices.

Suppliers (IQVIA and others) number them as they like, and lay their files out as they like; so
there is one layout of ours, which a spreadsheet of any of them is brought into: a CSV or a
workbook with a header, columns in any order, a row a practice of a brick::

    Brick code,Brick name,Practice code,Location code,From,To
    LS01,Leeds North,B86001,15F,2026-04-01,

The location (sub-ICB location, CCG or ICB) and the two days may be left out, as columns or as
cells; a brick may have no practice. The days are those of the practice in the brick, ``To`` the
last of them. A brick lives from its first day to its last; where a row has no first, from the day
that the file tells of, unless it was known before.

A file is all the bricks that there are on its day. What it no longer names is gone: a supplier who
draws its bricks anew sends them all, and of the old ones nobody would say that they ended.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from . import slots
from .claims import Absence, Authority, Bond, Claim, Life
from .days import day_after, day_of, holds, known, newest, overlap
from .headed import Table, table_of
from .limits import Unreadable
from .opening import Container, Document, Row
from .reading import Reader
from .records import BadRecord, coded, named
from .rows import in_order, opening, read

HEADERS = {
    "code": r"(supplier )?brick ?(code|id|no|number)?",
    "name": r"(supplier )?brick ?(name|description)",
    "practice": r"((gp )?(practice|surgery)( ods)? ?(code|id)?|ods code)",
}
OPTIONAL = {
    "location": r"(location|sub icb( loc(ation)?)?|ccg|icb|commissioner)( ods)?( code)?",
    "since": r"(valid |effective )?(from|start)( day| date)?",
    "until": r"(valid |effective )?(to|until|end)( day| date)?",
}
MOST = 500_000  # rows, kept until all is read; England has 6,200 practices


@dataclass
class _Brick:
    """A brick as its rows tell of it, and the line of the first."""

    line: int
    name: str
    location: str = ""
    located_in: int = 0
    periods: list[tuple[date | None, date | None]] = field(default_factory=list)


class SupplierBricks(Reader):
    source = "supplier-bricks"
    title = "Bricks of a data supplier"
    looks = "a CSV or workbook whose header names brick code, brick name and practice code"
    authority = Authority(
        lives=frozenset({"brick"}),
        slots=(slots.BRICK, slots.BRICK_LOCATION),
        absence=Absence.GONE,
    )

    @classmethod
    def recognises(cls, document: Document) -> bool:
        return (
            document.kind in (Container.TEXT, Container.WORKBOOK)
            and table_of(document, HEADERS, OPTIONAL) is not None
        )

    @cached_property
    def _table(self) -> Table:
        return table_of(self.document, HEADERS, OPTIONAL)

    def day(self) -> date | None:
        days = set()
        for row in self._table.rows():
            if isinstance(row, Row):
                try:
                    days |= {known(day_of(row.cells[4])), day_after(row.cells[5])}
                except BadRecord:
                    continue
        return newest(days - {None})

    def claims(self, day: date, before=None, before_on=None) -> Iterator[Claim]:
        bricks: dict[str, _Brick] = {}
        members: dict[str, list[tuple[str, int, date | None, date | None]]] = defaultdict(list)
        yield from read(
            self.counted(self._table.rows()), lambda row: self._doubts(row, bricks, members)
        )
        if not bricks:
            raise Unreadable("It names no brick that can be read: nothing is made of it.")
        for code, brick in bricks.items():
            starts, ends = zip(*brick.periods, strict=True)
            opened_on = None if None in starts else min(starts)
            closed_on = None if None in ends else max(ends)
            is_open = holds(day, opened_on, closed_on)
            since = day if is_open and opened_on is None else None
            yield Life(brick.line, code, "brick", brick.name, opened_on, closed_on, since)
            if brick.location and is_open:
                yield Bond(brick.located_in, slots.BRICK_LOCATION.name, code, brick.location)
        for practice, found in members.items():
            for code, line, since, until in found:
                yield Bond(line, slots.BRICK.name, practice, code, since, until)

    def _doubts(self, row, bricks, members) -> list[Claim]:
        """Note what the row says, all of it or nothing; return what is odd in it."""
        if row.line - self._table.header > MOST:
            raise Unreadable(f"It has more than {MOST:,} rows: no supplier has so many practices.")
        code, location = coded(row.cells[0]), row.cells[3] and coded(row.cells[3])
        if not row.cells[1]:
            raise BadRecord(f"Brick {code} has no name.")
        name = named(row.cells[1])
        practice = row.cells[2] and coded(row.cells[2])
        what = f"{practice} in {code}" if practice else code
        since, doubts = opening(row, row.cells[4], practice or code, f"began in {code}")
        until = day_after(row.cells[5])
        in_order(since, until, what)
        brick = bricks.get(code) or _Brick(row.line, name)
        if brick.name.casefold() != name.casefold():
            raise BadRecord(f"{code} is {brick.name} in line {brick.line}, and {name} here.")
        if location and brick.location and brick.location != location:
            raise BadRecord(
                f"{code} lies in {brick.location} in line {brick.located_in}, and in {location} "
                "here."
            )
        for other, line, *period in members.get(practice, ()):
            shared = overlap(tuple(period), (since, until))
            if shared and other != code:
                raise BadRecord(
                    f"{practice} is in {other} already (line {line}), {_from(shared)}."
                )
        bricks[code] = brick
        brick.periods.append((since, until))
        if location and not brick.location:
            brick.location, brick.located_in = location, row.line
        if practice:
            members[practice].append((code, row.line, since, until))
        return doubts


def _from(day: date) -> str:
    return "always" if day == date.min else f"on {day.isoformat()}"
