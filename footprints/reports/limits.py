"""How much of a file is read at most, and why: a report is data from outside."""

MEGABYTE = 2**20

# A file as it came. ODS's full XML of July 2026 (305,541 records) is near a gigabyte unpacked and
# a tenth of that as the zip in which it comes; the largest CSV has a few dozen megabytes.
UPLOAD = 1536 * MEGABYTE

# What one file may unpack to, where it is read as a stream (XML, JSON): room for four such files.
UNPACKED = 4096 * MEGABYTE

# What it may unpack to as text. epraccur has 4 MB, all postcodes of a nation some 300.
TEXT = 400 * MEGABYTE
ROWS = 3_000_000

# Unpacked to packed. XML packs to a thirtieth, a report in capitals to a tenth; a bomb by deflate
# reaches a thousand. Small files may be as empty as they like.
RATIO = 200
RATIO_FROM = 32 * MEGABYTE

# Zips within zips: TRUD's XML is two deep, and one more for who packed it again.
DEPTH = 3
MEMBERS = 50  # of an archive of reports; a workbook's own are not counted
DIRECTORY = MEGABYTE  # an archive's list of members, which is read at once

# One line of text, and a field that runs over several lines. The longest line met has 300.
LINE = 16_384
LINES_OF_A_FIELD = 20

# A workbook is held whole once it is read. ePCN of February 2023 has 98,000 cells, 0.6 MB of
# shared strings and 4.3 MB of sheets.
WORKBOOK = 256 * MEGABYTE  # all its sheets unpacked: a million empty rows have some 30
STRINGS = 32 * MEGABYTE
STRINGS_NUMBER = 1_000_000
ELEMENTS = 3_000_000  # rows, cells and values of a sheet, empty ones too: some ten seconds
CELLS = 1_500_000  # from the first used to the last used column and row
WORKBOOK_TEXT = 64 * MEGABYTE  # every cell's text, one that many cells share counted for each
UNCOMPUTED = 100_000  # formulas whose value was never saved

# Read to see what a file is.
HEAD = 256 * 1024
FIRST_ROWS = 200


class Unreadable(Exception):
    """Nothing can be read of this file; the text says why, to a person."""
