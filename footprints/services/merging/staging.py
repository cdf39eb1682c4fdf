"""Claims into temporary tables, in bounded memory."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields
from io import StringIO
from operator import attrgetter

from ...models import Organisation, Version
from ...reports import Authority, BadLine, Bond, Doubt, Label, Life, Missing, Passing, Record
from .ahead import ahead

TOGETHER = 5_000  # claims that are staged at once: a megabyte or two
# Lives that are written at once, at least: few at first, so that writing begins early, then twice
# as many each time, for a statement writes each word of the search once, however often it comes.
BATCH, BIGGEST = 3_000, 24_000

TABLES = {
    Life: "staged_life (line int, code text, kind text, name text, opened_on date, "
    "closed_on date, since date)",
    Bond: "staged_bond (line int, slot text, child text, parent text, opened_on date, "
    "closed_on date)",
    Label: "staged_label (line int, code text, scheme text, value text)",
    Record: "staged_record (line int, code text, opened_on date, closed_on date)",
    Passing: "staged_passing (line int, predecessor text, successor text, day date)",
    Missing: "staged_missing (line int, code text)",
    Doubt: "staged_finding (line int, severity text, topic text, code text, text text)",
}

# An empty text is a text, and no day is no day.
COPY = {
    kind: "COPY {} FROM STDIN (FORMAT csv, FORCE_NOT_NULL ({}))".format(
        table.partition(" ")[0], ", ".join(re.findall(r"(\w+) text", table))
    )
    for kind, table in TABLES.items()
}

# As ``dataclasses.astuple``, which copies each value and takes ten times as long.
ROW = {kind: attrgetter(*(field.name for field in fields(kind))) for kind in TABLES}

LONGEST_CODE = Organisation._meta.get_field("code").max_length
LONGEST_NAME = Version._meta.get_field("name").max_length

UNTESTED = {BadLine, Doubt, Missing, Passing}
UNREAD = "line that could not be read"


class Staging:
    """The staged tables of one report; ``read`` counts claims by kind, and the lines."""

    def __init__(self, cursor, authority: Authority):
        self.cursor, self.authority = cursor, authority
        self.read: Counter[str] = Counter()
        self._slots = {slot.name: slot for slot in authority.slots}
        names = ", ".join(table.partition(" ")[0] for table in TABLES.values())
        cursor.execute(f"DROP TABLE IF EXISTS {names}")  # of another report, in this transaction
        for table in TABLES.values():
            cursor.execute(f"CREATE TEMP TABLE {table} ON COMMIT DROP")

    def fill(self, claims, progress: Callable[[int], None], take: Callable[[], None]):
        """Stage every claim. A claim outside the report's authority is compared, not believed.

        ``take`` is called whenever enough lives are staged, and with them the labels so far: it
        takes these out, while more are read.
        """
        lines = lives = 0
        enough = BATCH
        read = defaultdict(list)
        with closing(ahead(self._batches(claims))) as batches:
            for lines, batch, named in batches:
                progress(lines)
                for kind, rows in batch.items():
                    read[kind].append(rows)
                lives += named
                if lives >= enough:
                    self._copy(read)
                    take()
                    lives, enough = 0, min(2 * enough, BIGGEST)
        self._copy(read)
        self.read["lines"] = lines
        for table in TABLES.values():
            self.cursor.execute(f"ANALYZE {table.partition(' ')[0]}")

    def _batches(self, claims) -> Iterator[tuple[int, dict[type, bytes], int]]:
        """Some thousand claims at a time: up to which line they reach, their rows by kind as they
        are copied, and how many lives there are among them."""
        lines = 0
        self._rows = {kind: [] for kind in TABLES}
        for count, claim in enumerate(claims, 1):
            lines = max(lines, claim.line)
            self.read[type(claim).__name__.lower()] += 1
            self._stage(claim)
            if count % TOGETHER == 0:
                yield lines, *self._written()
        yield lines, *self._written()

    def _written(self) -> tuple[dict[type, bytes], int]:
        rows, self._rows = self._rows, {kind: [] for kind in TABLES}
        return {kind: _as_csv(rows[kind]) for kind in rows if rows[kind]}, len(rows[Life])

    def _stage(self, claim):
        kind = type(claim)
        reason = "" if kind in UNTESTED else self._fault(kind, claim)
        if reason:
            code = claim.child if kind is Bond else claim.code
            self.find(claim.line, "unplaced", UNREAD, code, reason)
        elif kind is BadLine:
            self.find(claim.line, "unplaced", UNREAD, claim.code, claim.reason)
        elif kind is Doubt:
            self.find(claim.line, "anomaly", claim.topic, claim.code, claim.text)
        elif kind is Life and claim.kind not in self.authority.lives:
            row = claim.line, claim.code, claim.opened_on, claim.closed_on
            self._rows[Record].append(row)
        else:
            self._rows[kind].append(ROW[kind](claim))

    def _fault(self, kind: type, claim) -> str:
        """Why a claim cannot be staged, in words; raises where its reader had no right to it."""
        if kind is Label:
            if claim.scheme not in self.authority.schemes:
                raise AssertionError(f"no authority for {claim.scheme}")
        elif claim.closed_on and claim.opened_on and claim.closed_on <= claim.opened_on:
            return "It closes before it opens."
        if kind is Bond:
            if claim.slot not in self._slots:
                raise AssertionError(f"no authority for {claim.slot}")
        elif len(claim.code) > LONGEST_CODE:
            return f"{claim.code[:40]!r} is no code."
        if kind is Life and len(claim.name) > LONGEST_NAME:
            return "Its name is far too long."
        return ""

    def find(self, line: int, severity: str, topic: str, code: str, text: str):
        self._rows[Doubt].append((line, severity, topic, code[:20], text))

    def _copy(self, read: dict[type, list[bytes]]):
        for kind, blocks in read.items():
            with self.cursor.copy(COPY[kind]) as copy:
                for block in blocks:
                    copy.write(block)
        read.clear()


def _as_csv(rows: list[tuple]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
