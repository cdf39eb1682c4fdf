"""Reads a customer's own alignment: lines of unit, territory and owner, however they keep it.

Pasted text or the bytes of a file; tabs, semicolons, commas or bars; with a header or without; the
columns in any order, known by their heads or by what stands in them. No database here: who knows
what a unit is passes `recognises`. Every line that cannot be used is named, all of them at once.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

MOST_LINES = 100_000
MOST_BYTES = 10 * 2**20
LONGEST_CODE, LONGEST_NAME = 20, 120  # as Territory has them
LONGEST_CELL = 300
DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars"}
SAMPLE = 200  # lines looked at to tell the delimiter and the columns
WRAPPED = 10  # lines that one quoted cell may run over

# Heads as customers write them, bare of capitals, spaces and marks.
HEADS = {
    "unit": (
        "code unit unitcode unitid ods odscode organisation organisationcode organization "
        "organizationcode orgcode org ccg ccgcode icb icbcode stp stpcode subicb subicbcode "
        "subicblocation subicblocationcode practice practicecode pcn pcncode trust trustcode "
        "brick brickcode body account accountcode customer geography geographycode gsscode onscode"
    ),
    "name": (
        "name unitname organisationname organizationname orgname ccgname icbname stpname "
        "subicbname subicblocationname practicename pcnname trustname accountname customername "
        "geographyname"
    ),
    "territory": (
        "territory territorycode territoryid terr patch patchcode alignment alignedto "
        "salesterritory zone t area"
    ),
    "territory_name": "territoryname patchname areaname",
    "owner": (
        "owner ownername territoryowner rep representative repname kam keyaccountmanager "
        "accountmanager manager assignedto coveredby salesperson user employee colleague"
    ),
}
ROLE_OF_HEAD = {head: role for role, heads in HEADS.items() for head in heads.split()}
ROLES = tuple(HEADS)

NOBODY = {"", "-", "–", "—", "vacant", "vacancy", "tbc", "tba", "none", "n/a", "na", "nobody"}
# "T07 Kent", "T07 - Kent", "T07: Kent": a code, then a name.
CODE_AND_NAME = re.compile(
    r"^(?P<code>[A-Za-z]{0,6}[-_/]?\d{1,6}[A-Za-z]?)\s*[-–:]?\s+(?P<name>\D.*)$"
)
TERRITORY = re.compile(r"^[A-Za-z]{0,10}[ _-]?\d{1,5}[A-Za-z]?$")
PERSON = re.compile(r"^(?:[A-Z][\w'’.-]*\s+)+[A-Z][\w'’-]+$|^[^@\s]+@[^@\s]+$")


class Unreadable(Exception):
    """The whole thing cannot be read; the text says where, why, and what would be right."""


@dataclass(frozen=True)
class Line:
    """One usable line: `number` from 1 as an editor counts, `unit` a code or a name.

    `name` is what stands beside a code, or "". `owner` is "" for a vacancy.
    """

    number: int
    unit: str
    name: str
    territory: str
    territory_name: str
    owner: str


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be used: its number, what stands there, and what is wrong with it."""

    number: int
    text: str
    problem: str


@dataclass
class Alignment:
    """What was read. `columns` maps each role found to its column, from 0; `heads` its head."""

    lines: list[Line] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)
    has_header: bool = False
    delimiter: str = ","

    @property
    def separated_by(self) -> str:
        """The delimiter in words: "tabs", "commas"."""
        return DELIMITERS[self.delimiter]


def too_big(size: int) -> str:
    """What to say of so many bytes."""
    return (
        f"That is {size / 2**20:.1f} MB; {MOST_BYTES // 2**20} MB are the most. "
        "Keep only the columns for the unit, the territory and the owner."
    )


def decoded(data: bytes, *, name: str = "") -> str:
    """The text of a file. Raises Unreadable for anything but UTF-8 (or UTF-16 with its mark).

    No other encoding is guessed at: a wrong guess turns a name into another one, silently.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable(too_big(len(data)))
    if data.startswith(b"PK") or name.lower().endswith((".xlsx", ".xlsm", ".xls", ".ods")):
        raise Unreadable(
            "This is a workbook, and only text can be read. In the workbook choose Save as, "
            "“CSV UTF-8”, and drop that file here; or copy the cells and paste them."
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise Unreadable("The file says it is UTF-16 and breaks off; save it again.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        before = data[: error.start].rsplit(b"\n", 1)[-1].decode("utf-8", "replace")[-30:]
        after = f" after “{before.strip()}”" if before.strip() else ""
        raise Unreadable(
            f"Line {line} is not UTF-8: the byte {data[error.start]:02X}{after} belongs to "
            "another encoding. Save the file as “CSV UTF-8” and drop it again; or copy the cells "
            "and paste them."
        ) from None


def read(
    text: str,
    *,
    recognises: Callable[[Collection[str]], Collection[str]] = lambda texts: (),
    columns: dict[str, int] | None = None,
) -> Alignment:
    """Read the lines of an alignment.

    `recognises` returns those of the texts that are a unit's code or name; it is asked once, about
    a sample, and only where the heads do not say which column the unit is. `columns` (role →
    column from 0) overrides what would be found. Raises Unreadable where nothing can be told.
    """
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise Unreadable(f"Line {line} holds a zero byte: this is not a text file.")
    if not text.strip():
        raise Unreadable("There is nothing in it. Paste lines of unit, territory and owner.")
    if len(text) > MOST_BYTES:
        raise Unreadable(too_big(len(text)))
    rows_of_text = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ends_in_newline = not rows_of_text[-1].strip()
    if len(rows_of_text) - ends_in_newline > MOST_LINES:
        raise Unreadable(
            f"That is {len(rows_of_text) - ends_in_newline:,} lines; {MOST_LINES:,} are the most. "
            "Bring one team's alignment in at a time."
        )
    alignment = Alignment(delimiter=delimiter_of(rows_of_text))
    rows = []
    for number, row, problem in rows_of(rows_of_text, alignment.delimiter):
        if problem:
            alignment.bad.append(BadLine(number, rows_of_text[number - 1][:120], problem))
        else:
            rows.append((number, row))
    if rows:
        _find_columns(alignment, rows, recognises, columns or {})
        _read_rows(alignment, rows[alignment.has_header :], ends_in_newline)
    if not alignment.lines and not alignment.bad:
        raise Unreadable("There is a header and no line below it.")
    alignment.bad.sort(key=lambda bad: bad.number)
    return alignment


def delimiter_of(rows_of_text: list[str]) -> str:
    """The delimiter on which most lines agree; a comma inside a name must not win over a tab."""
    sample = [row for row in rows_of_text if row.strip()][:SAMPLE]

    def agreement(delimiter):
        counts = Counter(row.count(delimiter) for row in sample if delimiter in row)
        return max(counts.values(), default=0)

    # Equal numbers: the rarer mark means it, so the order of DELIMITERS decides.
    best = max(DELIMITERS, key=agreement)
    return best if agreement(best) else ","


def rows_of(rows_of_text, delimiter) -> Iterator[tuple[int, list[str], str]]:
    """Yield (number of the first line, cells, problem) for each row that is not blank.

    A quotation mark that never closes costs its own line, not the rest of the file.
    """
    position, limit = 0, len(rows_of_text)
    while position < limit:
        number, text = position + 1, rows_of_text[position]
        position += 1
        if not text.strip(" \t\xa0" + delimiter):
            continue
        cells = _cells(text, delimiter)
        if cells is None:
            for wrapped in range(position + 1, min(position + WRAPPED, limit) + 1):
                cells = _cells("\n".join(rows_of_text[number - 1 : wrapped]), delimiter)
                if cells is not None:
                    position = wrapped
                    break
        if cells is None:
            yield number, [], "A quotation mark opens here and is not closed."
        elif any(len(cell) > LONGEST_CELL for cell in cells):
            yield number, [], f"A cell holds more than {LONGEST_CELL} characters."
        else:
            yield number, [" ".join(cell.split()) for cell in cells], ""


def _cells(text, delimiter):
    """The cells of one row; None where its quotation marks do not work out."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _bare(head):
    return re.sub(r"[^a-z]", "", head.lower())


def _find_columns(alignment, rows, recognises, chosen):
    """Decide which column is what: as chosen, else by the heads, else by what stands in them."""
    _, first = rows[0]
    named = {}
    for column, head in enumerate(first):
        role = ROLE_OF_HEAD.get(_bare(head))
        if role and role not in named:
            named[role] = column
    # A name stands for the unit where no code does.
    if "unit" not in named and "name" in named:
        named["unit"] = named.pop("name")
    if "territory" not in named and "territory_name" in named:
        named["territory"] = named.pop("territory_name")
    # One head alone may be a value: a territory called "North" is no header, nor is a lone "T".
    alignment.has_header = len(named) >= 2
    body = rows[1:] if alignment.has_header else rows
    if not alignment.has_header:
        named = {}
    width = max((len(row) for _, row in rows[:SAMPLE]), default=0)
    alignment.heads = [
        (first[column] if alignment.has_header and column < len(first) else "")
        or f"Column {column + 1}"
        for column in range(width)
    ]
    columns = {role: column for role, column in chosen.items() if 0 <= column < width}
    free = set(range(width)) - set(columns.values())
    for role, column in named.items():
        if role not in columns and column in free:
            columns[role] = column
            free.discard(column)
    if "unit" not in columns or "territory" not in columns:
        _find_by_content(columns, free, body[:SAMPLE], recognises)
    if "unit" not in columns or "territory" not in columns:
        if width < 2:
            raise Unreadable(
                "There is only one column. Each line needs a unit and a territory, with a tab, "
                "a semicolon or a comma between them."
            )
        missing = "the unit" if "unit" not in columns else "the territory"
        raise Unreadable(
            f"It is not clear which column is {missing}. Put a header over the columns: "
            "code, territory, owner."
        )
    alignment.columns = columns


def _find_by_content(columns, free, sample, recognises):
    """Fill `columns` from what stands in the free ones: units are recognised, owners are names."""
    cells = {
        column: [row[column] for _, row in sample if column < len(row) and row[column]]
        for column in sorted(free)
    }
    if "unit" not in columns:
        known = {
            text.casefold()
            for text in recognises({text for texts in cells.values() for text in texts})
        }

        def hits(column):
            # Codes repeat as little as anything: a territory that looks like one repeats.
            return len({text.casefold() for text in cells[column]} & known)

        ranked = sorted(cells, key=hits, reverse=True)
        if ranked and hits(ranked[0]):
            columns["unit"] = ranked[0]
            del cells[ranked[0]]
            # A second column of units is the name beside the code.
            if len(ranked) > 1 and hits(ranked[1]) > len(sample) / 2 and len(cells) > 1:
                columns.setdefault("name", ranked[1])
                cells.pop(ranked[1], None)
    if "unit" not in columns or "territory" in columns:
        return

    def like(column, pattern):
        texts = cells[column]
        return sum(bool(pattern.match(text)) for text in texts) / len(texts) if texts else 0

    def repeats(column):
        return 1 - len(set(cells[column])) / len(cells[column]) if cells[column] else -1

    ranked = sorted(
        (column for column in cells if cells[column]),
        key=lambda column: (like(column, TERRITORY), -like(column, PERSON), repeats(column)),
        reverse=True,
    )
    if not ranked:
        return
    columns["territory"] = ranked[0]
    people = [column for column in ranked[1:] if like(column, PERSON) >= 0.5]
    if "owner" not in columns and people:
        columns["owner"] = max(people, key=lambda column: like(column, PERSON))


def _read_rows(alignment, rows, ends_in_newline):
    """Make lines of the rows below the header; name those that cannot be used."""
    columns, usual = alignment.columns, Counter(len(row) for _, row in rows[:SAMPLE])
    usual = usual.most_common(1)[0][0] if usual else 0
    for position, (number, row) in enumerate(rows, 1):

        def cell(role, row=row):
            column = columns.get(role)
            return row[column] if column is not None and column < len(row) else ""

        unit, name = cell("unit") or cell("name"), cell("name") if cell("unit") else ""
        territory, territory_name = cell("territory"), cell("territory_name")
        problem = ""
        if position == len(rows) and not ends_in_newline and 1 <= len(row) < usual:
            problem = (
                f"The last line is cut off: it has {len(row)} of {usual} columns. "
                "The file may not be all there."
            )
        elif not unit and not territory:
            problem = "Neither a unit nor a territory stands here."
        elif not unit:
            problem = f"No unit stands here, only the territory {territory}."
        elif not territory:
            problem = f"{unit} has no territory."
        elif len(territory) > LONGEST_NAME:
            problem = f"The territory's name is longer than {LONGEST_NAME} characters."
        if problem:
            text = alignment.delimiter.join(row)[:120]
            alignment.bad.append(BadLine(number, text, problem))
            continue
        if not territory_name and len(territory) > 3:
            split = CODE_AND_NAME.match(territory)
            if split:
                territory, territory_name = split["code"], split["name"]
        owner = cell("owner")
        alignment.lines.append(
            Line(
                number=number,
                unit=unit,
                name=name,
                territory=territory,
                territory_name=territory_name[:LONGEST_NAME],
                owner="" if owner.casefold() in NOBODY else owner[:LONGEST_NAME],
            )
        )
