"""Reads a measure: lines of a code and an amount, however a company keeps them.

Pasted text, or the bytes of a CSV, a TSV or a workbook; with a header or without; the columns in
any order, known by their heads or by what stands in them. No database here: who knows what a code
is passes ``recognises``. Every line that cannot be used is named, all of them at once.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from footprints.reports import limits
from footprints.reports.unpacking import Container, Part
from footprints.reports.workbooks import Workbook

from ..territories.alignment import (
    DELIMITERS,
    SAMPLE,
    BadLine,
    Unreadable,
    decoded,
    delimiter_of,
    rows_of,
)

MOST_LINES = 250_000
MOST_BYTES = 15 * 2**20
PLACES = Decimal("0.0001")  # as Figure has them
TOO_MUCH = Decimal(10) ** 14
LONGEST_CODE = 20

CODE_HEADS = set(
    "code unit unitcode ods odscode organisation organisationcode organization organizationcode "
    "orgcode org ccg ccgcode icb icbcode stp stpcode subicb subicbcode subicblocation "
    "subicblocationcode practice practicecode pcn pcncode trust trustcode site sitecode brick "
    "brickcode body account accountcode customer geography geographycode gsscode onscode".split()
)
# The likeliest first: of several heads that name an amount, the first of these is taken.
AMOUNT_HEADS = (
    "amount value figure total sales turnover revenue actual actualcost nic items quantity packs "
    "units patients people population listsize numberofpatients potential count number volume"
).split()
# A workbook's day and a bare year are numbers, too, and no amounts.
NO_AMOUNT_HEADS = {"year", "month", "period", "yearmonth", "date", "day", "line", "no", "id"}

TOTALS = {"total", "totals", "grandtotal", "sum"}

CODE = re.compile(r"(?=.*\d)[A-Z0-9][A-Z0-9-]{1,19}", re.IGNORECASE)
BLANK = {"", "-", "–", "—"}
CURRENCY = "£$€"
PLAIN = re.compile(r"\d+(\.\d*)?|\.\d+")
THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")
EXPONENT = re.compile(r"\d(\.\d+)?E[+-]?\d{1,2}", re.IGNORECASE)

ROLES = ("code", "amount")


class NoAmount(Exception):
    """A text that is no amount; the text says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One usable line: ``number`` from 1 as an editor counts, the code in capitals."""

    number: int
    code: str
    amount: Decimal


@dataclass
class Reading:
    """What was read.

    ``blank`` are the numbers of the lines that have a code and no amount: they say nothing of it.
    ``added_up`` counts the lines that were added to another of the same code. ``columns`` maps
    "code" and "amount" to a column, from 0; ``heads`` has its head.
    """

    lines: list[Line] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)
    has_header: bool = False
    delimiter: str = ","
    added_up: int = 0

    @property
    def separated_by(self) -> str:
        """The delimiter in words: "tabs", "commas"."""
        return DELIMITERS[self.delimiter]

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))


def written(amount: Decimal | float) -> str:
    """An amount as people write it: 1,234.5; no noughts behind the point."""
    text = f"{amount:,.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def amount_of(text: str) -> Decimal | None:
    """The amount that a cell means, to four places; None for a blank one.

    Takes £, thousands' commas, brackets or a minus before or after for what is below nothing.
    Raises NoAmount for anything else: what is guessed at is wrong sometimes, and silently.
    """
    bare = text.strip().replace("\u2212", "-").replace("\xa0", "").replace(" ", "")
    if bare in BLANK:
        return None
    is_negative = False
    if bare.startswith("(") and bare.endswith(")"):
        is_negative, bare = True, bare[1:-1]
    bare = bare.strip(CURRENCY)
    if bare.startswith("-"):
        is_negative, bare = not is_negative, bare[1:]
    elif bare.endswith("-"):
        is_negative, bare = not is_negative, bare[:-1]
    bare = bare.removeprefix("+").strip(CURRENCY)
    if THOUSANDS.fullmatch(bare):
        bare = bare.replace(",", "")
    elif not PLAIN.fullmatch(bare) and not EXPONENT.fullmatch(bare):
        raise NoAmount(_why_not(text, bare))
    try:
        amount = Decimal(bare).quantize(PLACES)
    except InvalidOperation:
        amount = TOO_MUCH
    if amount >= TOO_MUCH:
        raise NoAmount(f"{text} is more than can be kept: under a hundred million millions.")
    return -amount if is_negative else amount


def _why_not(text, bare):
    if bare.endswith("%"):
        return f"{text} is a share, not an amount."
    if re.fullmatch(r"[\d.]+,\d*", bare) or re.fullmatch(r"\d+(,\d+)+(\.\d*)?", bare):
        return f"{text} has a comma where no thousands end: write 1,234.5 or 1234.5."
    if bare.startswith(("<", ">", "*")):
        return f"{text} is a number withheld, not an amount."
    return f"“{text[:40]}” is text, not an amount."


def too_big(size: int) -> str:
    """What to say of so many bytes."""
    return (
        f"That is {size / 2**20:.1f} MB; {MOST_BYTES // 2**20} MB are the most. "
        "Keep only the columns for the code and the amount."
    )


def text_of(data: bytes, *, name: str = "") -> str:
    """The text of a file: of a workbook the sheet with most rows, as tabs.

    Raises Unreadable with the reason, in words for a person.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable(too_big(len(data)))
    if not data:
        raise Unreadable("The file is empty. Choose another, or paste its lines.")
    if not data.startswith(b"PK"):
        if name.lower().endswith((".xls", ".ods", ".xlsb")):
            raise Unreadable("Of workbooks .xlsx can be read. Save it as that, or as CSV.")
        return decoded(data)
    part = Part(name, Container.WORKBOOK, data[: limits.HEAD], lambda: io.BytesIO(data))
    try:
        book = Workbook(part)
        try:
            rows = max((list(sheet.rows()) for sheet in book.sheets), key=len, default=[])
        finally:
            book.close()
    except limits.Unreadable as error:
        raise Unreadable(str(error)) from None
    lines = []
    for row in rows:
        # A row keeps its number, so that what is told of a line can be found in the workbook.
        lines.extend([""] * (row.line - 1 - len(lines)))
        lines.append("\t".join(" ".join(cell.split()).replace('"', "'") for cell in row.cells))
    return "\n".join(lines)


def read(
    text: str,
    *,
    recognises: Callable[[Collection[str]], Collection[str]] = lambda texts: (),
    columns: dict[str, int] | None = None,
    add_up: bool = False,
    may_be_negative: bool = False,
) -> Reading:
    """Read the lines of a measure.

    ``recognises`` returns those of the texts that are a body's code; it is asked once, of a
    sample, and only where the heads do not say. ``columns`` ("code", "amount" → column from 0)
    overrides what would be found. ``add_up`` sums the lines of one code; else the first stands
    and the others are told. Raises Unreadable where nothing can be told.
    """
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise Unreadable(f"Line {line} holds a zero byte: this is not a text file.")
    if not text.strip():
        raise Unreadable("There is nothing in it. Paste lines of a code and an amount.")
    texts = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    if len(texts) > MOST_LINES:
        raise Unreadable(
            f"That is {len(texts):,} lines; {MOST_LINES:,} are the most. Add the lines of one "
            "code up before you bring them."
        )
    found = Reading(delimiter=delimiter_of(texts))
    rows = []
    for number, cells, problem in rows_of(texts, found.delimiter):
        if problem:
            found.bad.append(BadLine(number, texts[number - 1][:120], problem))
        else:
            rows.append((number, cells))
    rows = _below_titles(rows)
    if rows:
        _find_columns(found, rows, recognises, columns or {})
        _read_rows(found, rows[found.has_header :], add_up, may_be_negative)
    if not found.lines and not found.bad and not found.blank:
        raise Unreadable("There is a header and no line below it.")
    found.bad.sort(key=lambda bad: bad.number)
    return found


def _below_titles(rows):
    """The rows without what people write over a table: one cell alone, which is no code."""
    for place, (_, cells) in enumerate(rows):
        written = [cell for cell in cells if cell]
        if len(written) > 1 or CODE.fullmatch(written[0]):
            return rows[place:]
    return rows


def _bare(head):
    return re.sub(r"[^a-z]", "", head.lower())


def _is_amount(text):
    try:
        return amount_of(text) is not None
    except NoAmount:
        return False


def _find_columns(found, rows, recognises, chosen):
    """Decide which column is the code, which the amount: as chosen, by the heads, by content."""
    first = rows[0][1]
    bare = [_bare(head) for head in first]
    # A header has no amount in it, unless it is that of a year: then a head must say what it is.
    known = [head in CODE_HEADS or head in AMOUNT_HEADS for head in bare]
    found.has_header = any(known) or not any(_is_amount(cell) for cell in first)
    # A row that is wider than the header holds a comma too many.
    width = len(first) if found.has_header else max(len(cells) for _, cells in rows[:SAMPLE])
    found.heads = [
        (first[column] if found.has_header and column < len(first) else "")
        or f"Column {column + 1}"
        for column in range(width)
    ]
    columns = {role: column for role, column in chosen.items() if 0 <= column < width}
    if len(set(columns.values())) < len(columns):
        raise Unreadable("The code and the amount cannot be one column: choose two.")
    sample = [cells for _, cells in rows[found.has_header :][:SAMPLE]]
    free = [column for column in range(width) if column not in columns.values()]
    if "code" not in columns:
        columns["code"] = _code_column(sample, free, bare if found.has_header else [], recognises)
        free = [column for column in free if column != columns["code"]]
    if "amount" not in columns:
        columns["amount"] = _amount_column(sample, free, bare if found.has_header else [])
    if columns["code"] is None or columns["amount"] is None:
        if width < 2:
            raise Unreadable(
                "There is only one column. Each line needs a code and an amount, with a tab, a "
                "semicolon or a comma between them."
            )
        missing = "the code" if columns["code"] is None else "the amount"
        raise Unreadable(
            f"It is not clear which column is {missing}. Put a header over the columns: "
            "code, amount."
        )
    found.columns = columns


def _cells(sample, column):
    return [cells[column] for cells in sample if column < len(cells) and cells[column]]


def _code_column(sample, free, heads, recognises):
    known = {text.upper() for text in recognises({c for cells in sample for c in cells if c})}

    def worth(column):
        texts = {text.upper() for text in _cells(sample, column)}
        is_headed = column < len(heads) and heads[column] in CODE_HEADS
        alike = sum(bool(CODE.fullmatch(text)) and not _is_amount(text) for text in texts)
        # What the register knows says most; of two such columns, the finer: its codes repeat less.
        return len(texts & known), is_headed, alike, -column

    best = max(free, key=worth, default=None)
    return best if best is not None and any(worth(best)[:3]) else None


def _amount_column(sample, free, heads):
    def worth(column):
        texts = _cells(sample, column)
        head = heads[column] if column < len(heads) else ""
        amounts = sum(map(_is_amount, texts)) / len(texts) if texts else 0
        if head in AMOUNT_HEADS:
            return 2, -AMOUNT_HEADS.index(head), amounts
        if head in NO_AMOUNT_HEADS or amounts < 0.5:
            return 0, 0, amounts
        return 1, -column, amounts

    best = max(free, key=worth, default=None)
    return best if best is not None and worth(best)[0] else None


def _read_rows(found, rows, add_up, may_be_negative):
    """Make lines of the rows below the header; name those that cannot be used."""
    code_at, amount_at = found.columns["code"], found.columns["amount"]
    widths = Counter(len(cells) for _, cells in rows[:SAMPLE])
    width = len(found.heads) if found.has_header else max(widths, key=widths.get, default=0)
    first: dict[str, int] = {}  # code → its place in found.lines
    for number, cells in rows:
        code = cells[code_at].upper() if code_at < len(cells) else ""
        text = cells[amount_at] if amount_at < len(cells) else ""
        problem, amount = "", None
        try:
            amount = amount_of(text)
        except NoAmount as error:
            problem = str(error)
        if _bare(code) in TOTALS:
            problem = "This is the total of the others, and no code."
        elif not code:
            problem = "No code stands here."
        elif len(cells) > width and any(cells[width:]):
            problem = (
                f"{len(cells)} columns, where the others have {width}. An amount with commas "
                "stands in quotation marks."
            )
        elif not problem and len(code) > LONGEST_CODE:
            problem = f"A code has {LONGEST_CODE} characters at most."
        elif not problem and amount is None:
            found.blank.append(number)
            continue
        elif not problem and amount < 0 and not may_be_negative:
            problem = f"{text} is below nothing. If some may be, as returns are, say so above."
        elif not problem and code in first:
            before = found.lines[first[code]]
            if add_up:
                found.lines[first[code]] = Line(before.number, code, before.amount + amount)
                found.added_up += 1
                continue
            problem = (
                f"{code} stands on line {before.number} already, with {written(before.amount)}."
            )
        if problem:
            found.bad.append(BadLine(number, found.delimiter.join(cells)[:120], problem))
            continue
        first[code] = len(found.lines)
        found.lines.append(Line(number, code, amount))
