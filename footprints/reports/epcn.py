"""ePCN: the workbook of PCNs and of the practices that are their core partners.

Two sheets, told by their columns: the sheets' names change from year to year ("PCN Details",
"PCNDetails"), the headers hold line breaks and end in spaces, and say "CCG" until 2022 and
"Sub ICB Loc" since. Days are numbers in 2019 and text later; nothing is None or ''.

The sheet of PCNs gives each PCN's own days, and its location as it is now: since when is not
said, and of a closed PCN it is no news. The other sheet gives each practice's days in its PCN.
It repeats the practice's own commissioner, which is epraccur's to say.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cached_property

from . import slots
from .claims import Absence, Authority, BadLine, Bond, Claim, Doubt, Life
from .days import day_after, day_of, holds, known, newest, overlap
from .headed import Table, table_of
from .opening import Container, Document, Row
from .reading import Reader
from .records import BadRecord, coded
from .rows import in_order, name_of, once_a_code, opening, read

IN_TWO_PCNS = "practice in two PCNs"

# How each column's header reads.
COMMISSIONER_CODE = r"(ccg|clinical commissioning group|sub icb( loc(ation)?)?) code"
DETAILS = {
    "code": r"pcn code",
    "name": r"pcn name",
    "location": rf"current {COMMISSIONER_CODE}",
    "opened": r"open date",
    "closed": r"close date",
}
PARTNERS = {
    "practice": r"partner organisation code",
    "pcn": r"pcn code",
    "start": r"practice to pcn relationship start date",
    "end": r"practice to pcn relationship end date",
}


class PrimaryCareNetworks(Reader):
    source = "epcn"
    title = "Primary care networks (ePCN)"
    looks = "a workbook with a sheet of PCNs and one of their core partners"
    authority = Authority(
        lives=frozenset({"pcn"}),
        slots=(slots.PCN_LOCATION, slots.PCN),
        absence=Absence.NOTHING,  # closed PCNs and ended partnerships stay in the file
    )

    @classmethod
    def recognises(cls, document: Document) -> bool:
        return (
            document.kind is Container.WORKBOOK
            and table_of(document, DETAILS) is not None
            and table_of(document, PARTNERS) is not None
        )

    @cached_property
    def details(self) -> Table:
        return table_of(self.document, DETAILS)

    @cached_property
    def partners(self) -> Table:
        return table_of(self.document, PARTNERS)

    def day(self) -> date | None:
        days = set()
        for table, first, last in ((self.details, 3, 4), (self.partners, 2, 3)):
            for row in table.rows():
                if isinstance(row, Row):
                    try:
                        days |= {known(day_of(row.cells[first])), day_after(row.cells[last])}
                    except BadRecord:
                        continue
        return newest(days - {None})

    def claims(self, day: date, before=None, before_on=None) -> Iterator[Claim]:
        def network(row):
            return self._network(row, day)

        yield from _said_of(
            self.details, read(self.counted(self.details.rows()), once_a_code(network))
        )
        partnerships = defaultdict(list)
        yield from _said_of(
            self.partners,
            read(
                self.counted(self.partners.rows()),
                lambda row: self._partnership(row, partnerships),
            ),
        )

    def _network(self, row, day):
        text, name, location, first, last = row.cells
        code = coded(text)
        opened_on, doubts = opening(row, first, code, "opened")
        closed_on = day_after(last)
        in_order(opened_on, closed_on, code)
        yield Life(row.line, code, "pcn", name_of(name), opened_on, closed_on)
        yield from doubts
        if location and holds(day, opened_on, closed_on):
            yield Bond(row.line, slots.PCN_LOCATION.name, code, coded(location))

    def _partnership(self, row, partnerships):
        practice, network = coded(row.cells[0]), coded(row.cells[1])
        joined_on, doubts = opening(row, row.cells[2], practice, f"joined {network}")
        left_on = day_after(row.cells[3])
        in_order(joined_on, left_on, f"{practice} in {network}")
        yield Bond(row.line, slots.PCN.name, practice, network, joined_on, left_on)
        yield from doubts
        for other, since, until in partnerships[practice]:
            if start := overlap((since, until), (joined_on, left_on)):
                yield Doubt(
                    row.line,
                    IN_TWO_PCNS,
                    f"{practice} is in {other} and in {network} at once, on {start.isoformat()}.",
                    practice,
                )
        partnerships[practice].append((network, joined_on, left_on))


def _said_of(table: Table, claims):
    """The claims; what is odd or bad names the sheet, for both have a row of each number."""
    for claim in claims:
        if isinstance(claim, BadLine):
            claim = replace(claim, reason=f"Sheet {table.source.name}: {claim.reason}")
        elif isinstance(claim, Doubt):
            claim = replace(claim, text=f"{claim.text} (sheet {table.source.name})")
        yield claim
