"""Sheets of a workbook (.xlsx): every part is counted before anything holds it in memory.

``python-calamine`` reads a sheet whole, as wide and as high as its used cells span, and gives
each cell its own text. So the parts that it reads are copied first, and counted on the way:
it sees the copy, thus nothing that was not counted.
"""

import posixpath
import re
import tempfile
import zipfile
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from xml.parsers import expat

from python_calamine import CalamineWorkbook

from . import limits
from .limits import MEGABYTE, Unreadable
from .texts import Row
from .unpacking import Part, archive_of, bounded, open_member

REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
WIDEST, HIGHEST = 16_384, 1_048_576  # of any sheet, by its format
SHEETS = 100
TOO_MUCH = "The workbook is too big to be a report"
TOO_MUCH_TEXT = f"{TOO_MUCH}: its cells hold over {limits.WORKBOOK_TEXT // MEGABYTE} MB of text."


class Workbook:
    """A part that is a workbook. ``sheets`` in its order; close it to give up the copy."""

    def __init__(self, part: Part):
        self.copy = tempfile.NamedTemporaryFile(suffix=".xlsx")  # noqa: SIM115 (close() below)
        try:
            with part.open() as stream:
                counted = _Copy(archive_of(stream)).write(self.copy)
            self.copy.flush()
            self.workbook = _guarded(CalamineWorkbook.from_path, self.copy.name)
        except BaseException:
            self.copy.close()
            raise
        self.sheets = tuple(
            Sheet(name, self.workbook, counted[name])
            for name in self.workbook.sheet_names
            if name in counted
        )

    def close(self):
        self.workbook.close()
        self.copy.close()


def _guarded(call, *arguments):
    """What the workbook's reader gives; any way in which it gives up is one for a person."""
    try:
        return call(*arguments)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic in Rust is no Exception
        raise Unreadable(f"The workbook cannot be read: {error}") from None


@dataclass
class _Counted:
    """What a sheet's XML holds. ``missing``: columns, from 0, by row, from 1."""

    text: int = 0
    span: int = 0
    missing: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))


class Sheet:
    """A sheet: its name and its rows, counted as Excel does. Read whole at the first row."""

    def __init__(self, name, workbook, counted):
        self.name, self._workbook, self._counted = name, workbook, counted

    @cached_property
    def _read(self):
        return _guarded(self._workbook.get_sheet_by_name, self.name)

    def rows(self) -> Iterator[Row]:
        """Each row that is not empty. Days are ISO text, whole numbers have no decimal point."""
        if self._read.start is None:  # an empty sheet
            return
        _, left = self._read.start
        margin = ("",) * left
        # iter_rows gives the empty rows above the first used one, and no column left of it.
        for line, values in enumerate(self._read.iter_rows(), 1):
            cells = margin + tuple(map(_written, values))
            missing = self._counted.missing.get(line)
            if any(cells) or missing:
                yield Row(line, cells, frozenset(missing or ()))


def _written(value) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, datetime):
        return (value.date() if value.time() == datetime.min.time() else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


# --- Counting ------------------------------------------------------------------------------------


class _Copy:
    """Copies the parts that a workbook's reader needs, and nothing else of the archive."""

    def __init__(self, archive):
        self.archive = archive
        self.members = {}
        for member in archive.infolist():
            name = member.filename.casefold()
            if name in self.members:
                raise Unreadable("The workbook is damaged: it has two parts of one name.")
            self.members[name] = member
        self.sheets_size = 0

    def write(self, file) -> dict[str, _Counted]:
        """What each worksheet holds, by its name."""
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as copy:
            book, links = _Names(), _Links()
            for name, parser in {
                "[content_types].xml": _Quiet(),
                "_rels/.rels": _Quiet(),
                "xl/workbook.xml": book,
                "xl/_rels/workbook.xml.rels": links,
                "xl/styles.xml": _Quiet(),
            }.items():
                self.part(copy, name, parser, limits.STRINGS)
            strings = _Strings()
            self.part(copy, "xl/sharedstrings.xml", strings, limits.STRINGS)
            counted, targets, text, span = {}, set(), 0, 0
            for sheet, link in book.sheets.items():
                target = links.worksheets.get(link)
                if target is None:  # a chart has a sheet of its own
                    continue
                if target in targets:
                    raise Unreadable("The workbook is damaged: two sheets are one.")
                targets.add(target)
                cells = _Cells(strings.lengths)
                if not self.part(copy, target.casefold(), cells, limits.WORKBOOK):
                    raise Unreadable(f"The workbook is damaged: sheet {sheet!r} is missing.")
                counted[sheet] = cells.counted
                text, span = text + cells.counted.text, span + cells.counted.span
                if text > limits.WORKBOOK_TEXT:
                    raise Unreadable(TOO_MUCH_TEXT)
                if span > limits.CELLS:
                    raise Unreadable(
                        f"{TOO_MUCH}: its sheets span {span:,} cells, and at most "
                        f"{limits.CELLS:,} are read. A stray value far from the rest does that: "
                        "delete it, and the empty rows and columns before it."
                    )
        if not counted:
            raise Unreadable("The workbook has no sheet.")
        return counted

    def part(self, copy, name, parser, at_most) -> bool:
        """Copies one part and shows it to the parser on the way; whether there is one."""
        member = self.members.get(name)
        if member is None:
            return False
        stream = bounded(open_member(self.archive, member), member.compress_size, member.filename)
        size = 0
        with stream, copy.open(member.filename, "w", force_zip64=True) as out:
            while chunk := stream.read(MEGABYTE):
                size += len(chunk)
                self.sheets_size += len(chunk)
                if size > at_most or self.sheets_size > limits.WORKBOOK:
                    raise Unreadable(f"{TOO_MUCH}: {name} unpacks to {size // MEGABYTE} MB.")
                parser.feed(chunk, name)
                out.write(chunk)
            parser.feed(b"", name, is_last=True)
        return True


class _Quiet:
    """Sees that a part is well formed, and that it defines no entity, which could be a bomb."""

    def __init__(self):
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.parser.StartElementHandler = self.start

    def refuse(self, *_):
        raise Unreadable("The workbook defines XML of its own, which no workbook does.")

    def feed(self, chunk, name, *, is_last=False):
        try:
            self.parser.Parse(chunk, is_last)
        except expat.ExpatError as error:
            raise Unreadable(f"The workbook is damaged: {name}, {error}.") from None

    def start(self, tag, attributes):
        """A part of which only the form matters."""


def bare(tag):
    """The tag without its prefix: some programs write ``x:row``."""
    return tag.rpartition(":")[2]


class _Names(_Quiet):
    """The sheets' names, each with its link."""

    def __init__(self):
        super().__init__()
        self.sheets = {}

    def start(self, tag, attributes):
        if bare(tag) == "sheet" and "name" in attributes:
            if len(self.sheets) >= SHEETS:
                raise Unreadable(f"{TOO_MUCH}: it has more than {SHEETS} sheets.")
            link = next((v for key, v in attributes.items() if key.endswith(":id")), "")
            self.sheets[attributes["name"]] = link


class _Links(_Quiet):
    """Where the links to worksheets lead."""

    def __init__(self):
        super().__init__()
        self.worksheets = {}

    def start(self, tag, attributes):
        if bare(tag) == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
            target = posixpath.join("/xl", attributes.get("Target", ""))
            self.worksheets[attributes.get("Id")] = posixpath.normpath(target).lstrip("/")


class _Strings(_Quiet):
    """The length of each string that cells may share."""

    def __init__(self):
        super().__init__()
        self.lengths = array("L")
        self.parser.CharacterDataHandler = self.characters

    def start(self, tag, attributes):
        if bare(tag) == "si":
            self.lengths.append(0)
            if len(self.lengths) > limits.STRINGS_NUMBER:
                raise Unreadable(f"{TOO_MUCH}: it has a million different texts.")

    def characters(self, data):
        if self.lengths:
            self.lengths[-1] += len(data)


class _Cells(_Quiet):
    """How far the cells with a value span, how much text they hold, which values are missing.

    ``columns`` is the number of a column by its letters; ``elements`` the rows and cells so far.
    """

    def __init__(self, lengths):
        super().__init__()
        self.lengths, self.counted, self.columns = lengths, _Counted(), {}
        self.elements = self.row = self.column = self.missing = 0
        self.top = self.left = HIGHEST
        self.bottom = self.right = 0
        self.is_open = self.is_used = self.has_formula = False
        self.type = self.inside = None
        self.value = []
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters

    def start(self, tag, attributes):
        if ":" in tag:
            tag = bare(tag)
        if tag == "c":
            self.place(attributes.get("r"))
            self.type = attributes.get("t")
            self.is_open, self.is_used, self.has_formula = True, False, False
            self.value = []
        elif tag == "row":
            self.row = _number(attributes.get("r"), self.row + 1)
            self.column = 0
        elif self.is_open:
            self.is_used, self.inside = True, tag
            self.has_formula |= tag == "f"
        self.elements += 1
        if self.elements > limits.ELEMENTS:
            raise Unreadable(
                f"{TOO_MUCH}: a sheet has more than {limits.ELEMENTS:,} rows, cells and values. "
                "Empty ones that were formatted count too: delete the rows below the data."
            )

    def place(self, reference):
        if reference is None:
            self.column += 1
            return
        match = REFERENCE.fullmatch(reference)
        if match is None:
            raise Unreadable(f"The workbook is damaged: {reference[:20]!r} is no cell.")
        letters, row = match.groups()
        column = self.columns.get(letters)
        if column is None:
            column = 0
            for letter in letters:
                column = column * 26 + ord(letter) - 64
            self.columns[letters] = column
        self.row, self.column = int(row), column
        if column > WIDEST or not 1 <= self.row <= HIGHEST:
            raise Unreadable(f"The workbook is damaged: {reference} lies outside any sheet.")

    def characters(self, data):
        if self.is_open and self.inside in ("v", "t"):
            self.counted.text += len(data)
            if len(self.value) < 3:  # to know a number, or that there is a value
                self.value.append(data)
            self.weigh()

    def end(self, tag):
        if tag != "c" and bare(tag) != "c":
            self.inside = None
            return
        self.is_open = False
        if self.is_used:  # else it is formatted, and empty
            self.count("".join(self.value))

    def count(self, value):
        row, column = self.row, self.column
        if not (self.top <= row <= self.bottom and self.left <= column <= self.right):
            self.top, self.bottom = min(self.top, row), max(self.bottom, row)
            self.left, self.right = min(self.left, column), max(self.right, column)
            self.counted.span = (self.bottom - self.top + 1) * (self.right - self.left + 1)
        if self.type == "s":
            number = _number(value.strip(), -1)
            self.counted.text += self.lengths[number] if 0 <= number < len(self.lengths) else 0
            self.weigh()
        # A formula whose result is no text ("") is saved with an empty value of type "str".
        if self.type == "e" or (self.has_formula and not value and self.type != "str"):
            self.missing += 1
            if self.missing > limits.UNCOMPUTED:
                raise Unreadable(
                    "The workbook's formulas were never computed: open it in Excel, save it, and "
                    "bring it again."
                )
            self.counted.missing[row].add(column - 1)

    def weigh(self):
        if self.counted.text > limits.WORKBOOK_TEXT:
            raise Unreadable(TOO_MUCH_TEXT)


def _number(text, otherwise):
    return (
        int(text) if text and len(text) < 10 and text.isascii() and text.isdigit() else otherwise
    )
