"""Reads the bundled facts: the reference files of ``footprints/reference``, in our own layout.

Files name the *last* day of a period; ``read`` converts to the first day after it. Every bad line
of every file is collected and named at once: a bundle is read whole or not at all. Nothing here
touches the database.
"""

import contextlib
import csv
import hashlib
import io
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from .dated import day_after, last_day
from .names import written

REFERENCE = Path(__file__).parent / "reference"


@dataclass(frozen=True)
class BadLine:
    """One line that could not be read, or that contradicts another one."""

    file: str
    line: int | None
    reason: str

    def __str__(self):
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}: {self.reason}"


class BadBundle(Exception):
    """The files cannot be loaded; ``bad_lines`` names every reason."""

    def __init__(self, bad_lines: list[BadLine]):
        self.bad_lines = bad_lines
        super().__init__("\n".join(str(bad) for bad in bad_lines))


@dataclass(frozen=True)
class Row:
    file: str
    line: int


@dataclass(frozen=True)
class KindRow(Row):
    code: str
    name: str
    plural: str
    family: str
    tier: int
    is_legal_body: bool
    is_footprint: bool
    is_unit: bool


@dataclass(frozen=True)
class VersionRow(Row):
    code: str
    kind: str
    name: str
    opened_on: date | None
    closed_on: date | None
    ods_opened_on: date | None
    source: str
    note: str


@dataclass(frozen=True)
class IdentifierRow(Row):
    code: str
    scheme: str
    value: str
    opened_on: date | None
    closed_on: date | None
    source: str


@dataclass(frozen=True)
class RelationshipRow(Row):
    child: str
    type: str
    parent: str
    parent_kind: str | None
    opened_on: date | None
    closed_on: date | None
    source: str
    note: str


@dataclass(frozen=True)
class LeadProviderRow(Row):
    collaborative: str
    service_line: str
    provider: str
    opened_on: date | None
    closed_on: date | None
    evidence: str
    source: str
    note: str


@dataclass(frozen=True)
class PopulationRow(Row):
    code: str
    year: int
    boundary_on: date
    people: int
    source: str


@dataclass(frozen=True)
class PlaceRow(Row):
    code: str
    longitude: float
    latitude: float
    source: str


@dataclass(frozen=True)
class SuccessionRow(Row):
    day: date
    kind: str
    predecessor: str
    successor: str | None
    passes: str
    share: Decimal | None
    becomes: str | None
    confidence: str
    source: str
    note: str


@dataclass(frozen=True)
class ClusterRow(Row):
    """Boards that share leadership; the merger that is reported of them, decided or not."""

    code: str
    name: str
    members: tuple[str, ...]
    planned_on: date
    state: str
    kind: str
    said: str
    as_of: str
    checked_on: date
    source: str


@dataclass(frozen=True)
class GapRow(Row):
    """A code that the sources name and give no organisation row: known, and not placed."""

    code: str
    note: str


@dataclass
class Bundle:
    title: str
    published_on: date
    sha256: str
    kinds: list[KindRow] = field(default_factory=list)
    versions: list[VersionRow] = field(default_factory=list)
    identifiers: list[IdentifierRow] = field(default_factory=list)
    relationships: list[RelationshipRow] = field(default_factory=list)
    lead_providers: list[LeadProviderRow] = field(default_factory=list)
    populations: list[PopulationRow] = field(default_factory=list)
    places: list[PlaceRow] = field(default_factory=list)
    successions: list[SuccessionRow] = field(default_factory=list)
    clusters: list[ClusterRow] = field(default_factory=list)
    gaps: list[GapRow] = field(default_factory=list)
    unplaced: list[BadLine] = field(default_factory=list)
    rows_read: dict[str, int] = field(default_factory=dict)


def text(longest: int) -> Callable[[str], str]:
    """Reads a text that is there, and no longer than its column in the database."""

    def parse(value: str) -> str:
        if not value:
            raise ValueError("is empty")
        if len(value) > longest:
            raise ValueError(f"has {len(value)} characters, more than {longest}")
        return value

    return parse


code = text(20)


def name(value: str) -> str:
    return written(text(200)(value))


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return value

    return parse


def day(value: str) -> date:
    # Since Python 3.11 fromisoformat reads weeks (2020-W14-3) and plain digits (20200401) too.
    with contextlib.suppress(ValueError):
        if date.fromisoformat(value).isoformat() == value:
            return date.fromisoformat(value)
    raise ValueError(f"{value!r} is no date (year-month-day)")


def number(largest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit():
            raise ValueError(f"{value!r} is no whole number")
        if len(value) > 10 or int(value) > largest:
            raise ValueError(f"{value!r} is more than {largest:,}")
        return int(value)

    return parse


SMALL, LARGE = 32_767, 2_147_483_647


def degrees(furthest: int) -> Callable[[str], float]:
    def parse(value: str) -> float:
        with contextlib.suppress(ValueError):
            if -furthest <= float(value) <= furthest:  # never true of "nan"
                return float(value)
        raise ValueError(f"{value!r} is no number between -{furthest} and {furthest}")

    return parse


def share(value: str) -> Decimal:
    try:
        part = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no share") from None
    if not part.is_finite() or not 0 < part <= 1:
        raise ValueError(f"{value!r} is no share between 0 and 1")
    if part != round(part, 6):
        raise ValueError(f"{value!r} has more than six decimals")
    return part


def yes(value: str) -> bool:
    return one_of("0", "1")(value) == "1"


def codes(value: str) -> tuple[str, ...]:
    parts = tuple(code(part) for part in value.split(";"))
    if len(set(parts)) < len(parts):
        raise ValueError(f"{value!r} names a code twice")
    return parts


def maybe(parse: Callable) -> Callable:
    return lambda value: parse(value) if value else None


def closing(value: str) -> date | None:
    """A last day, as files write it, becomes the first day after it."""
    try:
        return day_after(maybe(day)(value))
    except OverflowError:  # 9999-12-31, as some registers write "still open"
        raise ValueError(f"{value!r} has no day after it: leave it empty") from None


PERIOD = {"first_day": ("opened_on", maybe(day)), "last_day": ("closed_on", closing)}
ORIGIN = {"source": ("source", str), "note": ("note", str)}
FAMILIES = (
    "commissioning",
    "primary_care",
    "provider",
    "collaborative",
    "committee",
    "nation",
    "local_government",
    "supplier",
)
EVENT_KINDS = ("merger", "absorption", "split", "rename", "transfer", "closure")

# A file's columns in order, the field each becomes, and how it is read.
FILES: dict[str, tuple[type[Row], dict[str, tuple[str, Callable]]]] = {
    "kinds": (
        KindRow,
        {
            "code": ("code", text(30)),
            "name": ("name", text(80)),
            "plural": ("plural", text(80)),
            "family": ("family", one_of(*FAMILIES)),
            "tier": ("tier", number(SMALL)),
            "is_legal_body": ("is_legal_body", yes),
            "is_footprint": ("is_footprint", yes),
            "is_unit": ("is_unit", yes),
        },
    ),
    "versions": (
        VersionRow,
        {
            "code": ("code", code),
            "kind": ("kind", text(30)),
            "name": ("name", name),
            **PERIOD,
            "ods_first_day": ("ods_opened_on", maybe(day)),
            **ORIGIN,
        },
    ),
    "identifiers": (
        IdentifierRow,
        {
            "code": ("code", code),
            "scheme": ("scheme", one_of("gss")),
            "value": ("value", text(40)),
            **PERIOD,
            "source": ("source", str),
        },
    ),
    "relationships": (
        RelationshipRow,
        {
            "child": ("child", code),
            "type": ("type", one_of("part_of", "member_of", "covers", "serves")),
            "parent": ("parent", code),
            "parent_kind": ("parent_kind", maybe(str)),
            **PERIOD,
            **ORIGIN,
        },
    ),
    "lead_providers": (
        LeadProviderRow,
        {
            "collaborative": ("collaborative", code),
            "service_line": ("service_line", text(120)),
            "provider": ("provider", code),
            **PERIOD,
            "evidence": ("evidence", one_of("stated", "inferred")),
            **ORIGIN,
        },
    ),
    "populations": (
        PopulationRow,
        {
            "code": ("code", code),
            "year": ("year", number(SMALL)),
            "boundary_on": ("boundary_on", day),
            "people": ("people", number(LARGE)),
            "source": ("source", str),
        },
    ),
    "places": (
        PlaceRow,
        {
            "code": ("code", code),
            "longitude": ("longitude", degrees(180)),
            "latitude": ("latitude", degrees(90)),
            "source": ("source", str),
        },
    ),
    "successions": (
        SuccessionRow,
        {
            "day": ("day", day),
            "kind": ("kind", one_of(*EVENT_KINDS)),
            "predecessor": ("predecessor", code),
            "successor": ("successor", maybe(str)),
            "passes": ("passes", one_of("area", "functions")),
            "share": ("share", maybe(share)),
            "becomes": ("becomes", maybe(str)),
            "confidence": ("confidence", str),
            **ORIGIN,
        },
    ),
    "clusters": (
        ClusterRow,
        {
            "code": ("code", code),
            "name": ("name", text(200)),
            "members": ("members", codes),
            "planned_on": ("planned_on", day),
            "state": ("state", one_of("rumoured", "proposed", "approved", "in_law")),
            "kind": ("kind", one_of("cluster", "merger")),
            "said": ("said", text(200)),
            "as_of": ("as_of", text(10)),
            "checked_on": ("checked_on", day),
            "source": ("source", text(1000)),
        },
    ),
    "gaps": (GapRow, {"code": ("code", code), "note": ("note", text(1000))}),
}


def read(folder: Path = REFERENCE) -> Bundle:
    """The bundle in that folder, checked as a whole.

    Raises BadBundle with every line that cannot be read or that contradicts another.
    """
    reading = _Reading()
    bad = reading.bad
    try:
        about = tomllib.loads((folder / "bundle.toml").read_text("utf-8"))
        bundle = Bundle(text(200)(str(about["title"])), about["published_on"], sha256="")
        expected = {stem: int(rows) for stem, rows in dict(about["rows"]).items()}
    except OSError as error:
        reason = f"cannot be opened: {error.strerror}"
        raise BadBundle([BadLine("bundle.toml", None, reason)]) from error
    except KeyError as error:
        raise BadBundle([BadLine("bundle.toml", None, f"does not say {error}")]) from error
    except (ValueError, TypeError) as error:  # UnicodeDecodeError and TOMLDecodeError are both
        raise BadBundle([BadLine("bundle.toml", None, f"cannot be read: {error}")]) from error
    if type(bundle.published_on) is not date:
        bad.append(BadLine("bundle.toml", None, f"{bundle.published_on!r} is no date"))

    digest = hashlib.sha256()
    for stem in FILES:
        file = f"{stem}.csv"
        try:
            raw = (folder / file).read_bytes()
        except OSError as error:
            bad.append(BadLine(file, None, f"cannot be opened: {error.strerror}"))
            reading.partial.add(stem)
            continue
        digest.update(raw)
        rows = list(_rows(stem, raw, expected.get(stem), reading))
        setattr(bundle, stem, rows)
        bundle.rows_read[stem] = len(rows)
    bundle.sha256 = digest.hexdigest()
    bad += _contradictions(bundle, reading)
    if bad:
        order = {f"{stem}.csv": i for i, stem in enumerate(FILES)}
        raise BadBundle(sorted(set(bad), key=lambda b: (order.get(b.file, -1), b.line or 0)))
    return bundle


@dataclass
class _Reading:
    """What reading the files found wrong, and what it could not see for that."""

    bad: list[BadLine] = field(default_factory=list)
    partial: set[str] = field(default_factory=set)  # files of which rows may be missing
    unread: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # codes, by file


def _rows(stem: str, raw: bytes, expected: int | None, reading: _Reading) -> Iterator[Row]:
    """The good rows of a file. A line's number is where its record begins."""
    row_class, columns = FILES[stem]

    def bad(line: int | None, reason: str, *, partial=False):
        reading.bad.append(BadLine(f"{stem}.csv", line, reason))
        if partial:
            reading.partial.add(stem)

    if not raw.strip():
        bad(None, "is empty", partial=True)
        return
    undecoded = set()
    for line, part in enumerate(raw.split(b"\n"), 1):
        try:
            part.decode("utf-8")
        except UnicodeDecodeError as error:
            bad(line, f"byte {part[error.start]:#04x} is not UTF-8", partial=True)
            undecoded.add(line)
    content = raw.decode("utf-8-sig", errors="replace")
    if not content.endswith("\n"):
        bad(content.count("\n") + 1, "ends within a line: cut off?", partial=True)
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    line = 1
    try:
        header = next(reader)
        if header != list(columns):
            bad(1, f"the columns are not {', '.join(columns)}", partial=True)
            return
        seen: dict[tuple, int] = {}
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                break
            if line in undecoded:
                continue
            if reader.line_num > line:
                bad(line, "a quoted value goes on in the next line", partial=True)
                continue
            if len(values) != len(columns):
                bad(line, f"has {len(values)} columns, not {len(columns)}")
                reading.unread[stem].update(values[:1])
                continue
            if (first := seen.setdefault(tuple(values), line)) != line:
                bad(line, f"repeats line {first}")
                continue
            fields, reasons = {}, []
            for (column, (attribute, parse)), value in zip(columns.items(), values, strict=True):
                try:
                    if "\0" in value:
                        raise ValueError("holds a null character")
                    fields[attribute] = parse(value.strip())
                except ValueError as error:
                    reasons.append(f"{column} {error}")
            if reasons:
                bad(line, "; ".join(reasons))
                reading.unread[stem].add(values[0].strip())
            else:
                yield row_class(file=f"{stem}.csv", line=line, **fields)
    except csv.Error as error:
        bad(line, f"cannot be read on from here: {error}", partial=True)
        return
    lines = reader.line_num - 1
    if lines != expected:
        reason = f"holds {lines:,} rows where bundle.toml says {expected}: cut off?"
        bad(None, reason, partial=True)


def _contradictions(bundle: Bundle, reading: _Reading) -> Iterator[BadLine]:
    """What no single line shows: unknown codes and kinds, two lives at once, early ends.

    A code is not called unknown where the line that tells of it is a bad one itself.
    """
    kinds = {row.code for row in bundle.kinds} | reading.unread["kinds"]
    known = {row.code for row in bundle.versions} | reading.unread["versions"]
    gaps = {row.code for row in bundle.gaps} | reading.unread["gaps"]
    kinds_are_whole = "kinds" not in reading.partial
    codes_are_whole = not reading.partial & {"versions", "gaps"}
    provisional = {row.code for row in bundle.clusters}

    def about(row: Row, reason: str) -> BadLine:
        return BadLine(row.file, row.line, reason)

    for row in (
        *bundle.versions,
        *bundle.identifiers,
        *bundle.relationships,
        *bundle.lead_providers,
    ):
        if row.opened_on and row.closed_on and row.closed_on <= row.opened_on:
            yield about(row, f"closes on {last_day(row.closed_on)}, before {row.opened_on}")
    for row in bundle.versions:
        if row.kind not in kinds and kinds_are_whole:
            yield about(row, f"kind {row.kind!r} is not in kinds.csv")
        if row.code in provisional:
            yield about(row, f"{row.code} is the provisional code of a cluster")
        if row.code in gaps:
            yield about(row, f"{row.code} has an organisation row: gaps.csv says it has none")
    for row in bundle.relationships:
        if row.parent_kind and row.parent_kind not in kinds and kinds_are_whole:
            yield about(row, f"kind {row.parent_kind!r} is not in kinds.csv")
    yield from _repeats(bundle.kinds, ("code",))
    yield from _repeats(bundle.places, ("code",))
    yield from _repeats(bundle.clusters, ("code",))
    yield from _repeats(bundle.populations, ("code", "year", "boundary_on"))
    yield from _overlaps(bundle.versions, ("code",), "lives twice at once")
    yield from _overlaps(bundle.identifiers, ("code", "scheme"), "has two values at once")
    yield from _overlaps(bundle.relationships, ("child", "type", "parent"), "holds twice at once")
    yield from _overlaps(
        bundle.lead_providers, ("collaborative", "service_line"), "has two lead providers at once"
    )

    references = [
        *((row, [row.code]) for row in (*bundle.identifiers, *bundle.populations, *bundle.places)),
        *((row, [row.child, row.parent]) for row in bundle.relationships),
        *((row, [row.collaborative, row.provider]) for row in bundle.lead_providers),
        *((row, [row.predecessor, row.successor]) for row in bundle.successions),
        *((row, row.members) for row in bundle.clusters),
    ]
    unplaced = set()
    for row, named in references:
        for code in filter(None, named):
            if code in gaps:
                unplaced.add((row.file, row.line))
                bundle.unplaced.append(about(row, f"{code} has no organisation row (gaps.csv)"))
            elif code not in known and codes_are_whole:
                yield about(row, f"{code} is not in versions.csv")
    for stem in FILES:
        if stem not in ("kinds", "versions", "successions", "gaps"):
            setattr(bundle, stem, _placed(getattr(bundle, stem), unplaced))

    for row in bundle.relationships:
        if row.child == row.parent:
            yield about(row, f"{row.child} is its own parent")
    seen: dict[tuple, int] = {}
    for row in bundle.successions:
        if row.kind == "closure" and row.successor:
            yield about(row, "a closure names a successor")
        if row.kind != "closure" and not row.successor:
            yield about(row, f"a {row.kind} names no successor")
        if (row.predecessor == row.successor) != bool(row.becomes):
            yield about(row, "a code succeeds itself only where its nature changes")
        if row.becomes and row.becomes not in kinds and kinds_are_whole:
            yield about(row, f"kind {row.becomes!r} is not in kinds.csv")
        key = (row.day, row.predecessor, row.successor, row.passes)
        if (first := seen.setdefault(key, row.line)) != row.line:
            yield about(row, f"repeats the succession of line {first}")
    bundle.successions = _placed(bundle.successions, unplaced)
    if "successions" not in reading.partial and not reading.unread["successions"]:
        yield from _shares(bundle.successions)


def _placed(rows: list, unplaced: set) -> list:
    return [row for row in rows if (row.file, row.line) not in unplaced]


def _repeats(rows: Iterable, key: tuple[str, ...]) -> Iterator[BadLine]:
    """Rows that say twice, and otherwise, what may be said once."""
    first: dict[tuple, Row] = {}
    for row in rows:
        value = tuple(getattr(row, part) for part in key)
        if (earlier := first.setdefault(value, row)) is not row:
            subject = " / ".join(map(str, value))
            yield BadLine(row.file, row.line, f"{subject} is there twice (line {earlier.line})")


def _overlaps(rows: Iterable, key: tuple[str, ...], reason: str) -> Iterator[BadLine]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(getattr(row, part) for part in key)].append(row)
    for value, group in groups.items():
        group.sort(key=lambda row: row.opened_on or date.min)
        reach, holder = date.min, None
        for row in group:
            if holder and (row.opened_on or date.min) < reach:
                subject = " / ".join(value)
                yield BadLine(row.file, row.line, f"{subject} {reason} (line {holder.line})")
            if (row.closed_on or date.max) >= reach:
                reach, holder = row.closed_on or date.max, row


def _shares(successions: list[SuccessionRow]) -> Iterator[BadLine]:
    """The shares of what passes sum to one, to the last of six decimals a part.

    Where some are not known, the known ones leave room for them.
    """
    parts = defaultdict(list)
    for row in successions:
        if row.passes == "area" and row.predecessor != row.successor:
            parts[row.day, row.predecessor].append(row)
    for (_, code), rows in parts.items():
        known = [row.share for row in rows if row.share is not None]
        slack = Decimal("0.000001") * len(rows)
        last = rows[-1]
        if len(known) == len(rows) and abs(sum(known) - 1) > slack:
            yield BadLine(last.file, last.line, f"the shares of {code} sum to {sum(known)}, not 1")
        if len(known) < len(rows) and sum(known) >= 1:
            reason = f"the known shares of {code} sum to {sum(known)}: nothing is left"
            yield BadLine(last.file, last.line, reason)
