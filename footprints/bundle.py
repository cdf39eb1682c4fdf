"""Reads the bundled facts: the reference files of ``footprints/reference``, in our own layout.

Files name the *last* day of a period; ``read`` converts to the first day after it. Every bad line
of every file is collected and named at once: a bundle is read whole or not at all. Nothing here
touches the database.
"""

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


def text(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


def name(value: str) -> str:
    return written(text(value))


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return value

    return parse


def day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no date (year-month-day)") from None


def number(value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def degrees(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} is no number") from None


def share(value: str) -> Decimal:
    try:
        part = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no share") from None
    if not 0 < part <= 1:
        raise ValueError(f"{value!r} is no share between 0 and 1")
    return part


def yes(value: str) -> bool:
    return one_of("0", "1")(value) == "1"


def codes(value: str) -> tuple[str, ...]:
    return tuple(text(part) for part in value.split(";"))


def maybe(parse: Callable) -> Callable:
    return lambda value: parse(value) if value else None


def closing(value: str) -> date | None:
    """A last day, as files write it, becomes the first day after it."""
    return day_after(maybe(day)(value))


PERIOD = {"first_day": ("opened_on", maybe(day)), "last_day": ("closed_on", closing)}
ORIGIN = {"source": ("source", str), "note": ("note", str)}
EVENT_KINDS = ("merger", "absorption", "split", "rename", "transfer", "closure")

# A file's columns in order, the field each becomes, and how it is read.
FILES: dict[str, tuple[type[Row], dict[str, tuple[str, Callable]]]] = {
    "kinds": (
        KindRow,
        {
            "code": ("code", text),
            "name": ("name", text),
            "plural": ("plural", text),
            "family": ("family", text),
            "tier": ("tier", number),
            "is_legal_body": ("is_legal_body", yes),
            "is_footprint": ("is_footprint", yes),
            "is_unit": ("is_unit", yes),
        },
    ),
    "versions": (
        VersionRow,
        {
            "code": ("code", text),
            "kind": ("kind", text),
            "name": ("name", name),
            **PERIOD,
            "ods_first_day": ("ods_opened_on", maybe(day)),
            **ORIGIN,
        },
    ),
    "identifiers": (
        IdentifierRow,
        {
            "code": ("code", text),
            "scheme": ("scheme", one_of("gss")),
            "value": ("value", text),
            **PERIOD,
            "source": ("source", str),
        },
    ),
    "relationships": (
        RelationshipRow,
        {
            "child": ("child", text),
            "type": ("type", one_of("part_of", "member_of", "covers", "serves")),
            "parent": ("parent", text),
            "parent_kind": ("parent_kind", maybe(str)),
            **PERIOD,
            **ORIGIN,
        },
    ),
    "lead_providers": (
        LeadProviderRow,
        {
            "collaborative": ("collaborative", text),
            "service_line": ("service_line", text),
            "provider": ("provider", text),
            **PERIOD,
            "evidence": ("evidence", one_of("stated", "inferred")),
            **ORIGIN,
        },
    ),
    "populations": (
        PopulationRow,
        {
            "code": ("code", text),
            "year": ("year", number),
            "boundary_on": ("boundary_on", day),
            "people": ("people", number),
            "source": ("source", str),
        },
    ),
    "places": (
        PlaceRow,
        {
            "code": ("code", text),
            "longitude": ("longitude", degrees),
            "latitude": ("latitude", degrees),
            "source": ("source", str),
        },
    ),
    "successions": (
        SuccessionRow,
        {
            "day": ("day", day),
            "kind": ("kind", one_of(*EVENT_KINDS)),
            "predecessor": ("predecessor", text),
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
            "code": ("code", text),
            "name": ("name", text),
            "members": ("members", codes),
            "planned_on": ("planned_on", day),
            "state": ("state", one_of("rumoured", "proposed", "approved", "in_law")),
            "kind": ("kind", one_of("cluster", "merger")),
            "said": ("said", text),
            "as_of": ("as_of", text),
            "checked_on": ("checked_on", day),
            "source": ("source", text),
        },
    ),
    "gaps": (GapRow, {"code": ("code", text), "note": ("note", text)}),
}


def read(folder: Path = REFERENCE) -> Bundle:
    """The bundle in that folder, checked as a whole.

    Raises BadBundle with every line that cannot be read or that contradicts another.
    """
    bad: list[BadLine] = []
    try:
        about = tomllib.loads((folder / "bundle.toml").read_text("utf-8"))
        bundle = Bundle(about["title"], about["published_on"], sha256="")
        expected = about["rows"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise BadBundle([BadLine("bundle.toml", None, f"cannot be read: {error}")]) from error

    digest = hashlib.sha256()
    for stem, (row_class, columns) in FILES.items():
        file = f"{stem}.csv"
        try:
            raw = (folder / file).read_bytes()
        except OSError as error:
            bad.append(BadLine(file, None, f"cannot be opened: {error.strerror}"))
            continue
        digest.update(raw)
        rows = list(_rows(file, raw, row_class, columns, bad))
        setattr(bundle, stem, rows)
        bundle.rows_read[stem] = len(rows)
        lines = len(rows) + len({b.line for b in bad if b.file == file and b.line})
        if lines != expected.get(stem) and not any(b.file == file and not b.line for b in bad):
            bad.append(
                BadLine(
                    file,
                    None,
                    f"holds {lines:,} rows where bundle.toml says {expected.get(stem)}: cut off?",
                )
            )
    bundle.sha256 = digest.hexdigest()
    bad += _contradictions(bundle)
    if bad:
        order = {f"{stem}.csv": i for i, stem in enumerate(FILES)}
        raise BadBundle(sorted(set(bad), key=lambda b: (order.get(b.file, -1), b.line or 0)))
    return bundle


def _rows(file, raw: bytes, row_class, columns, bad: list[BadLine]) -> Iterator[Row]:
    if not raw.strip():
        bad.append(BadLine(file, None, "is empty"))
        return
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        bad.append(BadLine(file, line, f"byte {raw[error.start]:#04x} is not UTF-8"))
        return
    if not content.endswith("\n"):
        bad.append(BadLine(file, content.count("\n") + 1, "ends within a line: cut off?"))
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = next(reader)
        if header != list(columns):
            bad.append(BadLine(file, 1, f"the columns are not {', '.join(columns)}"))
            return
        seen: dict[tuple, int] = {}
        for values in reader:
            line = reader.line_num
            if len(values) != len(columns):
                reason = f"has {len(values)} columns, not {len(columns)}"
                bad.append(BadLine(file, line, reason))
                continue
            if (first := seen.setdefault(tuple(values), line)) != line:
                bad.append(BadLine(file, line, f"repeats line {first}"))
                continue
            fields, reasons = {}, []
            for (column, (attribute, parse)), value in zip(columns.items(), values, strict=True):
                try:
                    fields[attribute] = parse(value.strip())
                except ValueError as error:
                    reasons.append(f"{column} {error}")
            if reasons:
                bad.append(BadLine(file, line, "; ".join(reasons)))
            else:
                yield row_class(file=file, line=line, **fields)
    except csv.Error as error:
        bad.append(BadLine(file, reader.line_num, f"cannot be read on from here: {error}"))


def _contradictions(bundle: Bundle) -> Iterator[BadLine]:
    """What no single line shows: unknown codes and kinds, two lives at once, early ends."""
    kinds = {row.code for row in bundle.kinds}
    known = {row.code for row in bundle.versions}
    gaps = {row.code for row in bundle.gaps}
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
        if row.kind not in kinds:
            yield about(row, f"kind {row.kind!r} is not in kinds.csv")
        if row.code in provisional:
            yield about(row, f"{row.code} is the provisional code of a cluster")
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
            elif code not in known:
                yield about(row, f"{code} is not in versions.csv")
    for stem in ("identifiers", "populations", "places", "relationships", "lead_providers"):
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
        if row.becomes and row.becomes not in kinds:
            yield about(row, f"kind {row.becomes!r} is not in kinds.csv")
        key = (row.day, row.predecessor, row.successor, row.passes)
        if (first := seen.setdefault(key, row.line)) != row.line:
            yield about(row, f"repeats the succession of line {first}")
    bundle.successions = _placed(bundle.successions, unplaced)
    yield from _shares(bundle.successions)


def _placed(rows: list, unplaced: set) -> list:
    return [row for row in rows if (row.file, row.line) not in unplaced]


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
    """The known shares of a split sum to one, to the last of six decimals a part."""
    parts = defaultdict(list)
    for row in successions:
        if row.passes == "area" and row.predecessor != row.successor:
            parts[row.day, row.predecessor].append(row)
    for (_, code), rows in parts.items():
        known = [row.share for row in rows if row.share is not None]
        slack = Decimal("0.000001") * len(rows)
        if len(rows) > 1 and len(known) == len(rows) and abs(sum(known) - 1) > slack:
            last = rows[-1]
            yield BadLine(last.file, last.line, f"the shares of {code} sum to {sum(known)}, not 1")
