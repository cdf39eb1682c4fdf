"""From a file as it came to text, sheets or a stream: bounded, told by content, never by name.

    with opened(path, name) as document:
        document.kind          # Container: TEXT, WORKBOOK, XML, JSON, JSON_LINES
        document.name          # as the person called it: for sentences, never for decisions
        document.head          # the first HEAD bytes of the content, unpacked, without a BOM
        document.parts         # names of the content files: one, but for XML and JSON in a zip
        document.rows()        # TEXT: Row, BadLine or Doubt, in order of the file
        document.sheets()      # WORKBOOK: (Sheet(name, rows()), ...)
        document.stream()      # XML, JSON, JSON_LINES: binary file, from the start at each call
        document.stream(part)  # one of ``parts``; without it, the first

``opened`` raises ``Unreadable`` with a sentence for a person: the file is empty, too big, cut
off, encrypted, no text, no archive we know. So may any read from ``rows``, ``sheets`` and
``stream``, since a limit may be passed only then: let it through, and write nothing.

Zip and gzip are unpacked as they are read, nested ones too (TRUD's XML comes as a zip that holds
``fullfile.zip`` and ``archive.zip``, each with one XML file: ``parts`` are then
``("fullfile.zip/HSCOrgRefData_Full_….xml", "archive.zip/HSCOrgRefData_Archive_….xml")``).
A stream reads as ``io.BufferedReader`` does, cannot seek, and is closed by whoever opened it:
``with document.stream() as stream: ...``. It may be opened as often as one likes.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from . import limits
from .claims import BadLine, Doubt
from .limits import Unreadable
from .texts import Row, Text
from .unpacking import STREAMED, Container, Part, unpack
from .workbooks import Sheet, Workbook

__all__ = ["Container", "Document", "Row", "Sheet", "Unreadable", "opened"]


class Document:
    """An open report, whatever it came as. Made by ``opened``, which closes it."""

    def __init__(self, name: str, parts: list[Part], stack: ExitStack):
        self.name = name
        self.kind = parts[0].container
        self.head = parts[0].head
        self.parts = tuple(part.name for part in parts)
        self._parts = {part.name: part for part in parts}
        self._text = self._workbook = None
        if self.kind is Container.TEXT:
            self._text = Text(parts[0])
        elif self.kind is Container.WORKBOOK:
            self._workbook = Workbook(parts[0])
            stack.callback(self._workbook.close)

    def rows(self) -> Iterator[Row | BadLine | Doubt]:
        """A text's rows, anew at each call; lines that are none, and what is odd, among them.

        Each row has the width of most; shorter and longer ones are ``BadLine``.
        """
        return self._text.rows() if self._text else iter(())

    @cached_property
    def first_rows(self) -> tuple[Row, ...]:
        """A text's first good rows, to recognise it by."""
        begin = islice(self.rows(), limits.FIRST_ROWS)
        return tuple(row for row in begin if isinstance(row, Row))

    def sheets(self) -> tuple[Sheet, ...]:
        """A workbook's sheets; of anything else, none."""
        return self._workbook.sheets if self._workbook else ()

    def stream(self, part: str | None = None) -> BinaryIO:
        """The bytes of XML or JSON from the first, as often as one likes; close it after use."""
        if self.kind not in STREAMED:
            raise Unreadable(f"This is {self.kind}, no stream.")
        return self._parts[part or self.parts[0]].open()


@contextmanager
def opened(path, name: str = "") -> Iterator[Document]:
    """The report at that path. ``name``: what the person called it, else the path's own."""
    name = name or Path(path).name
    with ExitStack() as stack:
        yield Document(name, unpack(path, name, stack), stack)
