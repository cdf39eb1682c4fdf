"""Tables told by their header: rows of a sheet or a text, under names of columns in any order."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from .claims import BadLine, Doubt
from .opening import Container, Document, Row, Sheet

HEADER_WITHIN = 20  # rows: a title may stand above
# Between the words of a header: line breaks, blanks and what programs write for them.
BETWEEN = re.compile(r"[\s_.-]+")


@dataclass(frozen=True)
class Table:
    """Rows whose columns were found. ``header``: the line that names them; ``columns``: where
    each is, None for one that may be missing and is."""

    source: Sheet | Document
    header: int
    columns: dict[str, int | None]

    def rows(self) -> Iterator[Row | BadLine | Doubt]:
        """The rows below the header, cut to the columns, in the order of ``columns``."""
        numbers = list(self.columns.values())
        widest = max(number for number in numbers if number is not None)
        for row in self.source.rows():
            if not isinstance(row, Row):
                if isinstance(row, Doubt) or row.line > self.header:
                    yield row
                continue
            if row.line <= self.header:
                continue
            missing = [name for name, number in self.columns.items() if number in row.missing]
            padded = row.cells + ("",) * (widest + 1 - len(row.cells))
            cells = tuple("" if number is None else padded[number] for number in numbers)
            if missing:
                yield BadLine(
                    row.line,
                    f"The cell under {missing[0]!r} holds a formula that was never computed, or "
                    "an error: open the workbook in Excel, and save it.",
                    cells[0][:20],
                )
            elif any(cells):
                yield Row(row.line, cells)


def table_of(
    document: Document, headers: Mapping[str, str], optional: Mapping[str, str] | None = None
) -> Table | None:
    """The first table of a workbook or a text that has all these columns; else None.

    ``headers`` and ``optional``: a column's name to the pattern that its header matches, in small
    letters, with single blanks between its words. The optional ones come last.
    """
    patterns = {**headers, **(optional or {})}
    sources = (document,) if document.kind is Container.TEXT else document.sheets()
    for source in sources:
        for row in islice(source.rows(), HEADER_WITHIN):
            if row.line > HEADER_WITHIN:
                break
            if not isinstance(row, Row):
                continue
            texts = [BETWEEN.sub(" ", cell).strip().casefold() for cell in row.cells]
            columns = {
                name: next((n for n, text in enumerate(texts) if re.fullmatch(header, text)), None)
                for name, header in patterns.items()
            }
            if None not in [columns[name] for name in headers]:
                return Table(source, row.line, columns)
    return None
