"""ODS's full file (``odsxml``) cut into records as bytes, to read them one by one, and to tell
which of them changed.

Two files of a month's distance are the same but for a record in a hundred, and a comparison of
bytes is done in seconds. Records do not nest, so each ends with its
end tag, unless a comment holds one too: whatever is not laid out as ODS does it is ``Odd``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from .limits import MEGABYTE
from .odsparser import AnotherNamespace, Manifest, Parser
from .records import CODE

BLOCK = MEGABYTE
PIECE = 4 * MEGABYTE  # a record; the longest published has half of one
HEAD = 16 * MEGABYTE  # what stands before the first

BEGIN = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?)Organisation(?=[\s>])")
COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([^\"']*)")
EXTENSION = re.compile(rb"[^<>]*\sextension\s*=\s*[\"']([^\"'<>&]*)[\"']")
STUB = re.compile(rb"refOnly\s*=\s*[\"']true[\"']")
DAY = re.compile(rb"(Start|End)\s+value\s*=\s*[\"'](\d{4}-\d\d-\d\d)")


class Odd(Exception):
    """The file cannot be compared as bytes: it is to be read whole."""


class Make:
    """How the records of a file are made: with which tags, where their code stands.

    ``is_bare``: no tag of theirs is in a namespace.
    """

    def __init__(self, prefix: bytes, head: bytes):
        self.is_bare = not prefix and b"xmlns=" not in head
        self.begin = b"<" + prefix + b"Organisation"
        self.end = b"</" + prefix + b"Organisation>"
        self.target = b"<" + prefix + b"Target"

    def whole(self, piece: bytes) -> bytes:
        """The record, with the end tag that it was cut at."""
        return piece + self.end

    def code(self, piece: bytes) -> tuple[bytes, bool]:
        """A record's code, in capitals and unchecked; whether it is a stub. Raises ``Odd``."""
        if piece.find(self.begin, 1) >= 0:
            raise Odd
        at = piece.find(b"OrgId ")  # a regular expression takes ten times as long to get there
        if at < 0 and b"OrgId" in piece:
            raise Odd
        if at >= 0 and piece.find(self.target, 0, at) >= 0:
            raise Odd  # that is somebody else's
        match = EXTENSION.match(piece, at) if at >= 0 else None
        first = piece[: piece.find(b">")]
        is_stub = b"refOnly" in first and bool(STUB.search(first))
        return match[1].strip().upper() if match else b"", is_stub


def cut(stream: BinaryIO) -> Iterator[tuple[bytes, list[bytes], Make | None]]:
    """What stands before the records, the records, a block of the file at a time, and the rest.

    A record is given without the blanks before it and without its end tag. Raises ``Odd``.
    """
    head = b""
    while (begin := BEGIN.search(_plain(head))) is None:
        block = stream.read(BLOCK)
        head += block
        if len(head) > HEAD:
            raise Odd
        if not block:
            yield head, [], None
            return
    make = Make(begin[1], head[: begin.start()])
    yield head[: begin.start()], [], make
    block = rest = head[begin.start() :]
    last = b""
    while block:
        _refuse_asides(last, block)
        last = block[-1:]
        *pieces, rest = rest.split(make.end)
        pieces = [piece.lstrip() for piece in pieces]
        if len(rest) > PIECE or any(not piece.startswith(make.begin) for piece in pieces):
            raise Odd
        yield b"", pieces, make
        block = stream.read(BLOCK)
        rest += block
    yield rest, [], make


def _plain(head):
    """The head with its comments blanked. Raises ``Odd`` where it is not to be read as bytes."""
    encoding = ENCODING.search(head[:200])
    if b"\0" in head[:200] or (encoding and encoding[1].lower() not in (b"utf-8", b"us-ascii")):
        raise Odd
    plain = COMMENT.sub(lambda comment: b" " * len(comment[0]), head) if b"<!" in head else head
    if b"<!D" in plain or b"<![" in plain or plain.count(b"<?") > 1:
        raise Odd
    return plain


def _refuse_asides(last, block):
    """Comments, CDATA and instructions: each may hold what looks like a tag."""
    for mark in (b"!", b"?"):
        if mark in block and (b"<" + mark in block or (last == b"<" and block[:1] == mark)):
            raise Odd


def coded(code: bytes | str) -> str:
    """A code as a claim names it; '' where it is none."""
    text = code.decode("utf-8", "replace") if isinstance(code, bytes) else code
    text = text.strip().upper()
    return text if CODE.fullmatch(text) else ""


@dataclass
class Held:
    """The records of a file: by a hash of their bytes, each one's code.

    Python's own hash, which takes a secret of this process: nobody can make two of one hash, and
    of 400,000 by chance two have the same once in two hundred million files. ``twice``: codes of
    more than one. ``stubs`` are those that only lend a name.
    """

    bodies: dict[int, bytes] = field(default_factory=dict)
    stubs: dict[int, bytes] = field(default_factory=dict)
    twice: set[bytes] = field(default_factory=set)
    published_on: date | None = None

    def codes(self) -> Iterator[bytes]:
        yield from self.bodies.values()
        yield from self.stubs.values()


def hold(document) -> Held:
    """The records of a document in all its parts. Raises ``Odd`` and ``Unreadable``."""
    found = Held()
    published = []
    codes: set[bytes] = set()
    for part in document.parts:
        manifest = Manifest()
        parser = Parser(manifest)
        with document.stream(part) as stream:
            try:
                for around, pieces, make in cut(stream):
                    if parser.feed(around):
                        raise Odd  # records that end in another way
                    for piece in pieces:
                        code, is_stub = make.code(piece)
                        if is_stub:
                            found.stubs[hash(piece)] = code
                            continue
                        found.bodies[hash(piece)] = code
                        if code in codes:
                            found.twice.add(code)
                        elif code:
                            codes.add(code)
                parser.close()
            except AnotherNamespace:
                continue
        published.append(manifest.published_on)
    found.published_on = max((day for day in published if day), default=None)
    return found


class Turned:
    """Whether a record names a day that has come since the file before was told.

    It says something else then, though it is the same: a role began, a body closed.
    """

    def __init__(self, before: date | None, day: date):
        self.is_any = before is None
        first, last = sorted((before or day, day))
        self.first, self.last = (each.isoformat().encode() for each in (first, last))
        months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
        years = range(first.year, last.year + 1)
        # Months are rarer in a record than years, and looked for one after the other.
        self.marks = (
            [b"%d-%02d" % (month // 12, month % 12 + 1) for month in months]
            if len(months) <= 3
            else [b"%d-" % year for year in years]
        )

    def __call__(self, piece: bytes) -> bool:
        if self.is_any:
            return True
        for mark in self.marks:
            if mark in piece:
                return any(
                    self.first < day <= self.last
                    if edge == b"Start"
                    else self.first <= day < self.last  # over on the day after
                    for edge, day in DAY.findall(piece)
                )
        return False
