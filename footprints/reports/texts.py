"""Rows of a text: any quoting, any line ending, each bad line named and the rest read."""

import codecs
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from . import limits
from .claims import BadLine, Doubt
from .limits import MEGABYTE, Unreadable
from .unpacking import UTF8_BOM, Part

# Seen: commas. Excel writes semicolons where a comma is the decimal sign; a paste has tabs.
DELIMITERS = ",;\t"
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
CONTROL_BYTES = bytes(n for n in range(32) if n not in b"\t\n\r\x0b\x0c\x1a") + b"\x7f"
UNASSIGNED = b"\x81\x8d\x8f\x90\x9d"  # in Windows-1252
HALF = "the file ends in the middle of a line"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a text or a row of a sheet: trimmed text, '' for nothing.

    ``line`` counts from 1 as an editor does: where a row runs over lines, its first.
    ``missing``: positions whose value is not in the file (a formula never computed, an error).
    """

    line: int
    cells: tuple[str, ...]
    missing: frozenset[int] = frozenset()


class Text:
    """A part that is text, scanned once: how it is encoded, separated, how wide it is."""

    def __init__(self, part: Part):
        self.part = part
        self.encoding, self.doubts = _encoding(part)
        self.delimiter, self.width = self._shape()

    def _shape(self):
        """The separator and the number of columns that most of the first rows have."""
        with self._opened() as text:
            lines = [
                raw for _, raw in _lines(text, at_most=limits.FIRST_ROWS) if raw and raw.strip()
            ]
        shapes = []
        for delimiter in DELIMITERS:
            # By record and by line: a field may run over lines, and a quote may never close.
            widths = Counter(map(len, _records(lines, delimiter)))
            widths.update(len(cells) for raw in lines if (cells := _whole(raw, delimiter)))
            width, number = widths.most_common(1)[0] if widths else (1, 0)
            shapes.append((width > 1, number, width, delimiter))
        _, _, width, delimiter = max(shapes, key=lambda shape: shape[:3])
        return delimiter, width

    def _opened(self):
        return io.TextIOWrapper(self.part.open(), encoding=self.encoding, errors="replace")

    def rows(self) -> Iterator[Row | BadLine | Doubt]:
        """Each row in order; empty ones are left out. First what is odd about the whole."""
        yield from self.doubts
        with self._opened() as text:
            records = _Records(text, self.delimiter, self.width)
            for number, row in enumerate(records, 1):
                if number > limits.ROWS:
                    raise Unreadable(f"The file has more than {limits.ROWS:,} rows.")
                yield row


def _encoding(part: Part) -> tuple[str, list[Doubt]]:
    """UTF-8, or Windows-1252 with a doubt; what is neither is refused."""
    sample = part.head
    if b"\x00" not in sample and len(sample.translate(None, CONTROL_BYTES)) < 0.99 * len(sample):
        raise Unreadable("This is no text: it is full of control characters.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    odd, lines, size = None, 1, 0
    with part.open() as stream:
        while chunk := stream.read(MEGABYTE):
            size += len(chunk)
            if size > limits.TEXT:
                raise Unreadable(
                    f"The text has more than {limits.TEXT // MEGABYTE} MB: no such report has."
                )
            if b"\x00" in chunk:
                raise Unreadable(
                    "This is no text: it holds zero bytes. It may be UTF-16, a damaged file, or "
                    "another format under this name."
                )
            if odd is None:
                pending = len(decoder.getstate()[0])
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as error:
                    odd = lines + chunk[: max(0, error.start - pending)].count(b"\n")
            if odd is not None and any(byte in chunk for byte in UNASSIGNED):
                raise Unreadable(
                    f"The text is neither UTF-8 nor Windows-1252 (line {odd}): save it as UTF-8."
                )
            lines += chunk.count(b"\n")
    if odd is None:
        return "utf-8-sig", []
    if has_bom(part):
        raise Unreadable(f"The text says that it is UTF-8, and line {odd} is not: save it anew.")
    return "cp1252", [
        Doubt(
            odd,
            "encoding",
            "The file is not UTF-8. It was read as Windows-1252: look at letters with accents.",
        )
    ]


def has_bom(part: Part) -> bool:
    with part.open() as stream:
        return stream.read(3) == UTF8_BOM


def _lines(text, at_most=None) -> Iterator[tuple[int, str | None]]:
    """Number and text of each line; no text where it is longer than any line of a report."""
    number = 0
    while (at_most is None or number < at_most) and (raw := text.readline(limits.LINE)):
        number += 1
        if len(raw) == limits.LINE and not raw.endswith("\n"):
            while (rest := text.readline(limits.LINE)) and not rest.endswith("\n"):
                pass
            yield number, None
        else:
            yield number, raw


def _cells(raw: str, delimiter: str) -> tuple[str, ...] | None:
    """The cells of one whole record; None where a quotation mark is not closed in it.

    ``csv.Error`` for any other fault.
    """
    try:
        cells = next(csv.reader([raw], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
        raise
    except StopIteration:
        return ()
    return tuple(map(str.strip, cells))


def _whole(raw: str, delimiter: str) -> tuple[str, ...] | None:
    """The cells of a line that is a whole record and without fault; else None."""
    try:
        return _cells(raw, delimiter)
    except csv.Error:
        return None


def _records(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    with suppress(csv.Error):  # a sample of a field without end
        yield from filter(None, csv.reader(lines, delimiter=delimiter))


class _Records:
    """Joins the lines of a field that runs over several; where it never ends, the rest is read."""

    def __init__(self, text, delimiter, width):
        self.lines = _lines(text)
        self.waiting = deque()
        self.delimiter, self.width = delimiter, width

    def line(self):
        return self.waiting.popleft() if self.waiting else next(self.lines, None)

    def __iter__(self):
        while line := self.line():
            number, raw = line
            if raw is None:
                yield BadLine(number, f"The line is longer than {limits.LINE:,} characters.")
                continue
            if raw.isspace():
                continue
            try:
                cells = _cells(raw, self.delimiter)
                if cells is None:
                    raw, cells = self.joined(raw)
            except csv.Error:
                yield BadLine(number, "A quotation mark stands within a field and is not doubled.")
                continue
            yield from self.judged(number, raw, cells)

    def joined(self, first):
        """The record that begins with this line, if it ends within reason."""
        taken, record = [], first
        while len(taken) < limits.LINES_OF_A_FIELD and (line := self.line()):
            taken.append(line)
            if line[1] is None or len(record) + len(line[1]) > limits.LINE:
                break
            record += line[1]
            try:
                cells = _cells(record, self.delimiter)
            except csv.Error:
                break
            if cells is not None and len(cells) == self.width:
                return record, cells
            if cells is not None:
                break
        self.waiting.extendleft(reversed(taken))
        return first, None

    def judged(self, number, raw, cells):
        is_half = not raw.endswith(("\n", "\r"))
        if cells is None:
            if is_half:
                yield from half(number, "within a quoted field")
            else:
                yield BadLine(number, "A quotation mark is opened and never closed.")
        elif CONTROLS.search(raw):
            yield BadLine(number, "It holds a control character.")
        elif not any(cells):
            return
        elif len(cells) < self.width and is_half:
            yield from half(number, f"after {len(cells)} of {self.width} columns")
        elif len(cells) < self.width or any(cells[self.width :]):
            yield BadLine(
                number, f"It has {len(cells)} columns where the others have {self.width}."
            )
        else:
            yield Row(number, cells[: self.width])


def half(number, where):
    yield BadLine(number, f"The line is cut off {where}.")
    yield Doubt(
        number,
        HALF,
        f"The file ends in the middle of line {number}, {where}: the rest "
        "of the report is missing.",
    )
