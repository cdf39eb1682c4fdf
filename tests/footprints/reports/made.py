"""Files made for a test: archives, workbooks, and what a fresh process needs to read one."""

import subprocess
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from footprints.reports.opening import Container, Unreadable, opened

# Two lines of epraccur of December 2019, as published.
LINES = (
    '"A81001","THE DENSHAM SURGERY","Y63","Q74","THE HEALTH CENTRE","LAWSON STREET",'
    '"STOCKTON-ON-TEES","CLEVELAND","","TS18 1HU","19740401","","A","B","00K","20130401","",'
    '"01642 672351","","","","0","","00K","","4",""\r\n'
    '"A81002","QUEENS PARK MEDICAL CENTRE","Y63","Q74","QUEENS PARK MEDICAL CTR","FARRER STREET",'
    '"STOCKTON ON TEES","CLEVELAND","","TS18 2AW","19740401","","A","B","00K","20130401","",'
    '"01642 679681","","","","0","","00K","","4",""\r\n'
)
PEAK = 400  # megabytes that no import may pass

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"

READ = """
import re, sys, time
from footprints.reports.opening import opened
from footprints.reports.limits import Unreadable
begun = time.monotonic()
try:
    with opened(sys.argv[1]) as document:
        count = sum(1 for _ in document.rows())
        count += sum(1 for sheet in document.sheets() for _ in sheet.rows())
        if document.kind in ("XML", "JSON", "JSON lines"):
            with document.stream() as stream:
                while chunk := stream.read(2**20):
                    count += len(chunk)
    print("read", count)
except Unreadable as error:
    print("refused", error)
# Not ru_maxrss, which a process inherits from the one that started it.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(int(peak) // 1024, time.monotonic() - begun)
"""


def read_elsewhere(path) -> tuple[str, int, float]:
    """What a process of its own says of a file, its greatest size in megabytes, its seconds."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said, figures = done.stdout.strip().rsplit("\n", 1)
    megabytes, seconds = figures.split()
    return said, int(megabytes), float(seconds)


def refusal(path, content=None) -> str:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unreadable) as caught, opened(path) as document:
        list(document.rows())
        for sheet in document.sheets():
            list(sheet.rows())
        if document.kind in (Container.XML, Container.JSON, Container.JSON_LINES):
            with document.stream() as stream:
                while stream.read(2**20):
                    pass
    return str(caught.value)


def zipped(path, members: dict, packing=zipfile.ZIP_DEFLATED):
    """A zip of these members, by name."""
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def letters(column: int) -> str:
    """A, B, … Z, AA, … of a column counted from 0."""
    before, last = divmod(column, 26)
    return (letters(before - 1) if before else "") + chr(65 + last)


def cell(column, row, value) -> str:
    at = f'r="{letters(column)}{row}"'
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c {at} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c {at}><v>{value}</v></c>"
    if value.startswith("<"):  # as it is: a formula, an error
        return f"<c {at}{value[2:]}"
    return f'<c {at} t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def rows_xml(rows) -> str:
    return "".join(
        f'<row r="{number}">'
        + "".join(cell(column, number, value) for column, value in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, 1)
    )


def workbook(path, sheets: dict, strings: str = "", doctype: str = ""):
    """A workbook. Of each sheet the rows, or the XML of its rows; ``strings``: XML of ``<si>``."""
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    names = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(sheets, 1)
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"/>')
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>',
        )
        if strings:
            archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{strings}</sst>')
        for n, rows in enumerate(sheets.values(), 1):
            inside = rows if isinstance(rows, str) else rows_xml(rows)
            archive.writestr(
                f"xl/worksheets/sheet{n}.xml",
                f'{doctype}<worksheet xmlns="{MAIN}"><sheetData>{inside}</sheetData></worksheet>',
            )
    return path
