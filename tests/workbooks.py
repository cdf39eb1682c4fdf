"""Reads a workbook as a spreadsheet would: each cell by its kind, from the parts in the ZIP."""

import re
from datetime import datetime, timedelta
from io import BytesIO
from xml.etree import ElementTree
from zipfile import ZipFile

NS = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
ZERO = datetime(1899, 12, 30)  # day 0 of a spreadsheet's calendar


def read(content: bytes) -> dict[str, list[list]]:
    """Sheet name → its rows; a cell is str, float, bool, datetime or None. Refuses formulas."""
    with ZipFile(BytesIO(content)) as parts:
        book = ElementTree.fromstring(parts.read("xl/workbook.xml"))
        texts = []
        if "xl/sharedStrings.xml" in parts.namelist():
            strings = ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))
            texts = ["".join(item.itertext()) for item in strings.findall("x:si", NS)]
        dated = _dated(ElementTree.fromstring(parts.read("xl/styles.xml")))
        return {
            sheet.get("name"): _rows(parts.read(f"xl/worksheets/sheet{n}.xml"), texts, dated)
            for n, sheet in enumerate(book.find("x:sheets", NS), start=1)
        }


def frozen(content: bytes) -> bool:
    """Whether the first row of the first sheet stays in sight."""
    with ZipFile(BytesIO(content)) as parts:
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    pane = sheet.find(".//x:pane", NS)
    return pane is not None and pane.get("state") == "frozen" and pane.get("ySplit") == "1"


def _dated(styles) -> set[int]:
    formats = {f.get("numFmtId"): f.get("formatCode") for f in styles.iterfind(".//x:numFmt", NS)}
    cells = styles.find("x:cellXfs", NS)
    return {n for n, xf in enumerate(cells) if "yyyy" in formats.get(xf.get("numFmtId"), "")}


def _rows(xml, texts, dated):
    sheet = ElementTree.fromstring(xml)
    assert sheet.find(".//x:f", NS) is None, "a cell is a formula"
    rows = []
    for row in sheet.iterfind(".//x:row", NS):
        while len(rows) < int(row.get("r")):
            rows.append([])
        for cell in row:
            column = 0
            for letter in re.match("[A-Z]+", cell.get("r"))[0]:
                column = column * 26 + ord(letter) - 64
            rows[-1] += [None] * (column - len(rows[-1]))
            rows[-1][column - 1] = _value(cell, texts, dated)
    return rows


def _value(cell, texts, dated):
    text = cell.findtext("x:v", namespaces=NS)
    if text is None:
        return None
    kind = cell.get("t")
    if kind == "s":
        return texts[int(text)]
    if kind == "b":
        return text == "1"
    number = float(text)
    return (
        ZERO + timedelta(seconds=round(number * 86_400))
        if int(cell.get("s", 0)) in dated
        else number
    )
