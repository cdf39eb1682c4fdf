"""A list as a file that a spreadsheet opens without running anything in it."""

import csv
import io

# OWASP, "CSV injection": a cell that begins with one of these may be run as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(value):
    """Return a cell that a spreadsheet takes for text where it is text.

    An apostrophe is set before text that would be run as a formula; numbers stay numbers, and
    None is an empty cell.
    """
    if value is None:
        return ""
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
