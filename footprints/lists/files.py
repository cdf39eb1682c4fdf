"""A list as a file that a spreadsheet opens without running anything in it: CSV or a workbook."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice

from django.utils.timezone import is_aware, localtime
from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxWriterException

# OWASP, "CSV injection": a cell that begins with one of these may be run as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Of a workbook, by its own limits: a sheet's name, a cell's text, the first day it can count.
LONGEST_NAME, LONGEST_TEXT = 31, 32_767
NO_NAME = re.compile(r"[\[\]:*?/\\]")
FIRST_DAY = date(1900, 3, 1)  # before it, spreadsheets count a 29 February 1900 that never was
MEASURED = 200  # rows that a column's width is taken from
NARROWEST, WIDEST = 6, 60  # letters


def safe(value):
    """Return a cell that a spreadsheet takes for text where it is text.

    An apostrophe is set before text that would be run as a formula; numbers stay numbers, a day or
    a moment is written year-month-day, and None is an empty cell.
    """
    if value is None:
        return ""
    if isinstance(value, date):  # a moment is one too
        return value.isoformat()
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA):
        return f"'{value}"
    return value


def as_csv(lines):
    """Return lines of values as the text of a CSV file, every cell made safe.

    It begins with a byte-order mark, or Excel reads é as two letters.
    """
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_MINIMAL)
    for line in lines:
        writer.writerow([safe(value) for value in line])
    return "\ufeff" + file.getvalue()


def as_xlsx(sheets: Mapping[str, Iterable[list]]) -> bytes:
    """Return lines of values as a workbook: a sheet for each name, its first line the heads.

    Numbers, days and moments (in London) are cells of their kind, and sort as such; text is text,
    with the same apostrophe as in CSV, so that saving one as the other brings nothing to life. The
    heads stay in sight and can be filtered by. A name too long for a sheet is cut. Raises
    ValueError where two sheets come to one name.
    """
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(file, options) as workbook:
        head = workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        styles = {
            date: workbook.add_format({"num_format": "d mmm yyyy", "align": "left"}),
            datetime: workbook.add_format({"num_format": "d mmm yyyy hh:mm", "align": "left"}),
            int: workbook.add_format({"num_format": "#,##0"}),
        }
        for name, lines in sheets.items():
            try:
                sheet = workbook.add_worksheet(_sheet_name(name))
            except XlsxWriterException as error:
                raise ValueError(str(error)) from error
            _fill(sheet, iter(lines), head, styles)
    return file.getvalue()


def _sheet_name(name: str) -> str:
    return NO_NAME.sub(" ", name)[:LONGEST_NAME].strip(" '") or "Sheet"


def _fill(sheet, lines, head, styles):
    heads = list(next(lines, []))
    for column, text in enumerate(heads):
        sheet.write_string(0, column, str(safe(text)), head)
    first = list(islice(lines, MEASURED))
    for column, text in enumerate(heads):
        widths = [len(str(line[column])) for line in first if len(line) == len(heads)]
        width = max([len(str(text)) + 3, *widths], default=0)
        sheet.set_column(column, column, min(max(width, NARROWEST), WIDEST))
    row = 0
    for row, line in enumerate(chain(first, lines), start=1):
        for column, value in enumerate(line):
            _write(sheet, row, column, value, styles)
    if heads:
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, row, len(heads) - 1)


def _write(sheet, row, column, value, styles):
    if value is None or value == "":
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int):
        sheet.write_number(row, column, value, styles[int])
    elif isinstance(value, float | Decimal):
        sheet.write_number(row, column, value)
    elif isinstance(value, datetime) and value.date() >= FIRST_DAY:
        moment = localtime(value).replace(tzinfo=None) if is_aware(value) else value
        sheet.write_datetime(row, column, moment, styles[datetime])
    elif isinstance(value, date) and not isinstance(value, datetime) and value >= FIRST_DAY:
        sheet.write_datetime(row, column, value, styles[date])
    else:
        sheet.write_string(row, column, str(safe(value))[:LONGEST_TEXT])
