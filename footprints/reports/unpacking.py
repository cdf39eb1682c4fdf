"""What a file holds, however it was packed: told by content, unpacked as it is read, bounded."""

import gzip
import io
import json
import lzma
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO

from . import limits
from .limits import MEGABYTE, Unreadable


class Container(StrEnum):
    """What the content is, packing aside."""

    TEXT = "text"
    WORKBOOK = "workbook"
    XML = "XML"
    JSON = "JSON"
    JSON_LINES = "JSON lines"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of content. ``open`` gives it anew from its first byte, as a buffered stream."""

    name: str
    container: Container
    head: bytes
    open: Callable[[], BinaryIO]


STREAMED = {Container.XML, Container.JSON, Container.JSON_LINES}
BOMS = (b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
UTF8_BOM = b"\xef\xbb\xbf"
SPACE = b" \t\r\n"
# Deflate and nothing else: LZMA reserves as much memory as the archive asks for.
PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile)


def unpack(path, name: str, stack: ExitStack) -> list[Part]:
    """The parts of a file: one, or several that are all XML or all JSON. ``stack`` closes it."""
    size = os.stat(path).st_size
    if size == 0:
        raise Unreadable("The file is empty.")
    if size > limits.UPLOAD:
        raise Unreadable(
            f"The file has {size / MEGABYTE:,.0f} MB; at most {limits.UPLOAD // MEGABYTE:,} MB "
            "are read. Bring it packed as a zip, if it is not."
        )
    return _Unpacking(stack).parts(lambda: open(path, "rb"), name, size, 0)


class _Unpacking:
    def __init__(self, stack):
        self.stack = stack

    def parts(self, open_, name, packed, depth) -> list[Part]:
        with open_() as stream:
            head = stream.read(limits.HEAD)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
            return self.zipped(self.seekable(open_, depth), name, depth)
        if head.startswith(b"\x1f\x8b"):
            too_deep(depth)
            within = name.removesuffix(".gz")
            return self.parts(lambda: gunzipped(open_, packed, within), within, packed, depth + 1)
        container = told(head)
        return [Part(name, container, head.removeprefix(UTF8_BOM), open_)]

    def seekable(self, open_, depth) -> BinaryIO:
        """The file itself, or, packed in another one, a copy on disk: a zip begins at its end."""
        if depth == 0:
            return self.stack.enter_context(open_())
        copy = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (the stack does)
        with open_() as stream:
            while chunk := stream.read(MEGABYTE):
                copy.write(chunk)
                if copy.tell() > limits.UPLOAD:
                    raise Unreadable("The archive holds another one that is too big to be read.")
        copy.seek(0)
        return copy

    def zipped(self, file, name, depth) -> list[Part]:
        archive = self.stack.enter_context(archive_of(file))
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not _is_a_note_of_the_machine(member.filename)
        ]
        names = {member.filename.casefold() for member in members}
        if "xl/workbook.xml" in names:
            return [Part(name, Container.WORKBOOK, b"", lambda: _Again(file))]
        if "xl/workbook.bin" in names or "content.xml" in names:
            raise Unreadable("This workbook is of another kind: save it as .xlsx, and bring that.")
        if "word/document.xml" in names or "ppt/presentation.xml" in names:
            raise Unreadable("This is a document, not a report.")
        if not members:
            raise Unreadable("The archive holds no file.")
        if len(members) > limits.MEMBERS:
            raise Unreadable(
                f"The archive holds {len(members):,} files: bring the report that you mean."
            )
        too_deep(depth)
        found = [part for member in members for part in self.member(archive, member, depth)]
        return chosen(found, members)

    def member(self, archive, member, depth) -> list[Part]:
        def open_():
            return bounded(open_member(archive, member), member.compress_size, member.filename)

        if member.file_size == 0:
            return []
        with open_() as stream:
            if stream.read(5) == b"%PDF-":  # ODS's zips bring a note beside the report
                return []
        parts = self.parts(open_, member.filename, member.compress_size, depth + 1)
        if [part.name for part in parts] == [member.filename]:
            return parts
        return [
            Part(f"{member.filename}/{part.name}", part.container, part.head, part.open)
            for part in parts
        ]


def too_deep(depth):
    if depth >= limits.DEPTH:
        raise Unreadable("Archive within archive within archive: unpack it, and bring the report.")


def _is_a_note_of_the_machine(name):
    """macOS packs its own notes beside each file."""
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name.startswith(".")


def chosen(found: list[Part], members) -> list[Part]:
    """The part that is the report, or several that belong together."""
    if len(found) > 1:
        reports = [
            part for part in found if not part.name.lower().endswith((".txt", ".md", ".html"))
        ]
        found = reports or found
    if not found:
        raise Unreadable(
            "The archive holds no report: " + ", ".join(member.filename for member in members[:5])
        )
    if len(found) > 1 and not (
        {part.container for part in found} <= {Container.XML}
        or {part.container for part in found} <= {Container.JSON, Container.JSON_LINES}
    ):
        some = ", ".join(part.name for part in found[:5])
        raise Unreadable(f"The archive holds {len(found)} reports ({some}): bring one at a time.")
    return found


# --- Telling ---------------------------------------------------------------------------------


def told(head: bytes) -> Container:
    """What plain content is, by its first bytes."""
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(
            "This is an old Excel workbook (.xls), or one with a password: save it as .xlsx "
            "without a password, and bring that."
        )
    if head.startswith(b"%PDF-"):
        raise Unreadable("This is a PDF, not a report.")
    if head.startswith(BOMS):
        raise Unreadable(
            "The text is UTF-16, which no NHS report is: save it as UTF-8, and bring that."
        )
    text = head.removeprefix(UTF8_BOM).lstrip(SPACE)
    if not text:
        raise Unreadable("There is nothing in the file but blanks.")
    if text.startswith(b"<"):
        if re.match(rb"<!doctype html|<html|<head|<body", text[:200], re.IGNORECASE):
            raise Unreadable(
                "This is a web page, not a report: perhaps one of errors was saved in its place."
            )
        return Container.XML
    if text.startswith((b"{", b"[")):
        return Container.JSON_LINES if _is_lines(text) else Container.JSON
    return Container.TEXT


def _is_lines(text: bytes) -> bool:
    """Whether the first line is a whole object, and another object follows."""
    first, newline, rest = text.partition(b"\n")
    if not newline or not rest.lstrip(SPACE).startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False


# --- Reading within bounds ---------------------------------------------------------------------


class _Bounded(io.RawIOBase):
    """Counts what it unpacks, and speaks of a damaged archive in a person's words."""

    def __init__(self, stream, packed, name, beneath=None):
        self.stream, self.beneath = stream, beneath
        self.packed, self.name, self.count = max(packed, 1), name, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        try:
            data = self.stream.read(len(buffer))
        except DAMAGED:
            raise Unreadable(
                f"The archive is damaged or cut off: {self.name} cannot be unpacked to its end."
            ) from None
        buffer[: len(data)] = data
        self.count += len(data)
        if self.count > limits.UNPACKED:
            raise Unreadable(
                f"{self.name} unpacks to more than {limits.UNPACKED // MEGABYTE:,} MB."
            )
        if self.count > max(limits.RATIO_FROM, limits.RATIO * self.packed):
            raise Unreadable(
                f"{self.name} unpacks to more than {limits.RATIO} times its size: no report does."
            )
        return len(data)

    def close(self):
        self.stream.close()
        if self.beneath:
            self.beneath.close()
        super().close()


def bounded(stream, packed, name, beneath=None) -> BinaryIO:
    return io.BufferedReader(_Bounded(stream, packed, name, beneath), 64 * 1024)


def gunzipped(open_, packed, name) -> BinaryIO:
    beneath = open_()  # which GzipFile would leave open
    return bounded(gzip.GzipFile(fileobj=beneath), packed, name, beneath)


class _ShortReads:
    """A file that is never asked for more at once than an archive's list may have.

    ``zipfile`` reads that list whole, as long as the archive says it is.
    """

    def __init__(self, file):
        self.file = file
        self.tell, self.seekable = file.tell, file.seekable
        self.size = file.seek(0, io.SEEK_END)
        file.seek(0)

    def seek(self, offset, whence=io.SEEK_SET):
        if whence == io.SEEK_SET and offset < 0:  # as an archive says that lost its beginning
            raise zipfile.BadZipFile("It points before its beginning.")
        return self.file.seek(offset, whence)

    def read(self, number=-1):
        if number is None or number < 0:
            number = self.size - self.tell()
        if number > limits.DIRECTORY:
            raise Unreadable("The archive's list of files is too long.")
        return self.file.read(number)

    def close(self):
        """The file belongs to whoever opened it."""


def archive_of(file) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(_ShortReads(file))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError):
        raise Unreadable("The archive is damaged or cut off: its end is missing.") from None


def open_member(archive, member) -> BinaryIO:
    if member.flag_bits & 0x1:
        raise Unreadable("The archive has a password: unpack it, and bring the report.")
    if member.compress_type not in PACKINGS:
        raise Unreadable("The archive is packed in a rare way: pack it as an ordinary zip.")
    try:
        return archive.open(member)
    except (*DAMAGED, NotImplementedError, RuntimeError, ValueError):
        raise Unreadable("The archive is damaged: one of its files has no beginning.") from None


class _Again(io.RawIOBase):
    """A file opened already, from its start; closing this leaves it open."""

    def __init__(self, file):
        self.file = file
        file.seek(0)

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        return self.file.seek(offset, whence)

    def tell(self):
        return self.file.tell()

    def readinto(self, buffer):
        data = self.file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
