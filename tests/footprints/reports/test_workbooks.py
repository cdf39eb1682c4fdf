"""A workbook is counted before it is held: what it spans, and what it says."""

import random
import zipfile
from datetime import date

import pytest

from footprints.reports import limits
from footprints.reports.opening import Container, Row, opened
from tests.footprints.reports.made import PEAK, read_elsewhere, refusal, rows_xml, workbook

STYLES = """<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"""


def sheets_of(path):
    with opened(path) as document:
        assert document.kind is Container.WORKBOOK
        return {sheet.name: list(sheet.rows()) for sheet in document.sheets()}


def cells_of(path):
    return {name: [row.cells for row in rows] for name, rows in sheets_of(path).items()}


def test_values_become_text_and_rows_keep_their_numbers(path):
    workbook(
        path,
        {
            "One": [[], [None, "PCN\nCode ", 20191001, 1.5, True], [None], ["A81001"]],
            "Two & more": [["x"]],
            "Empty": [],
        },
    )

    assert sheets_of(path) == {
        "One": [
            Row(2, ("", "PCN\nCode", "20191001", "1.5", "TRUE")),
            Row(4, ("A81001", "", "", "", "")),
        ],
        "Two & more": [Row(1, ("x",))],
        "Empty": [],
    }


def test_a_sheet_that_begins_further_in(path):
    rows = '<row r="3"><c r="B3"><v>1</v></c></row><row r="5"><c r="D5"><v>2</v></c></row>'
    workbook(path, {"One": rows})

    assert sheets_of(path)["One"] == [Row(3, ("", "1", "", "")), Row(5, ("", "", "", "2"))]


def test_a_day_that_is_a_day_in_excel(path):
    workbook(path, {"One": '<row r="1"><c r="A1" s="1"><v>43739</v></c></row>'})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/styles.xml", STYLES)

    assert cells_of(path) == {"One": [(date(2019, 10, 1).isoformat(),)]}


def test_shared_strings_and_cells_without_a_reference(path):
    row = '<row><c t="s"><v>1</v></c><c><v>7</v></c></row><row><c t="s"><v>0</v></c></row>'
    workbook(path, {"One": row}, "<si><t>a</t></si><si><r><t>b</t></r><r><t>c</t></r></si>")

    assert cells_of(path) == {"One": [("bc", "7"), ("a", "")]}


def test_formulas_give_what_was_computed_and_name_what_was_not(path):
    computed, empty = "<c><f>1+1</f><v>2</v></c>", '<c t="str"><f>T("")</f><v></v></c>'
    never, bare, wrong = (
        "<c><f>1+1</f></c>",
        "<c><f>1+1</f><v></v></c>",
        '<c t="e"><v>#N/A</v></c>',
    )
    workbook(path, {"One": [[computed, empty, never, bare, wrong, "x"], ["y"]]})

    first, second = sheets_of(path)["One"]

    assert first.cells[0] == "2"
    assert first.cells[1] == ""
    assert first.cells[5] == "x"
    assert first.missing == {2, 3, 4}
    assert second.missing == frozenset()


def test_a_workbook_of_nothing_but_formulas_never_computed(path, monkeypatch):
    monkeypatch.setattr(limits, "UNCOMPUTED", 2)
    workbook(path, {"One": [["<c><f>1+1</f></c>"] * 3]})

    assert "never computed: open it in Excel" in refusal(path)


def test_a_million_empty_rows_cost_little(path):
    empty = "".join(f'<row r="{n}" spans="1:12"/>' for n in range(3, 1_048_577))
    workbook(path, {"One": rows_xml([["PCN Code"], ["U00070"]]) + empty})

    said, megabytes, seconds = read_elsewhere(path)

    assert said == "read 2"
    assert megabytes < PEAK / 2
    assert seconds < 60  # two on a quiet machine


def test_formatted_emptiness_beyond_measure_is_refused(path, monkeypatch):
    monkeypatch.setattr(limits, "ELEMENTS", 1000)
    empty = "".join(f'<row r="{n}"><c r="A{n}" s="1"/></row>' for n in range(1, 1000))
    workbook(path, {"One": empty})

    assert "delete the rows below the data" in refusal(path)


def test_two_values_at_the_corners_of_a_sheet_are_refused(path):
    """It would be held as 17 thousand million cells."""
    corner = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    workbook(path, {"One": '<row r="1"><c r="A1"><v>1</v></c></row>' + corner})

    said, megabytes, _ = read_elsewhere(path)

    assert said.startswith("refused The workbook is too big to be a report: its sheets span")
    assert megabytes < PEAK / 2


def test_one_long_text_in_many_cells_is_refused(path):
    """A hundred kilobytes that are ten thousand times as much once each cell has its own."""
    cells = "".join(f'<row><c t="s"><v>{0}</v></c></row>' for _ in range(10_000))
    workbook(path, {"One": cells}, "<si><t>" + "x" * 100_000 + "</t></si>")

    said, megabytes, _ = read_elsewhere(path)

    assert said.endswith("its cells hold over 64 MB of text.")
    assert megabytes < PEAK / 2


def test_entities_are_refused(path):
    laughs = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]>'
    workbook(path, {"One": '<row><c t="str"><v>&c;</v></c></row>'}, doctype=laughs)

    assert "defines XML of its own" in refusal(path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("<row><c>", "damaged"),
        ('<row><c r="ABCD1"><v>1</v></c></row>', "is no cell"),
        ('<row><c r="XFE1"><v>1</v></c></row>', "lies outside any sheet"),
        ('<row><c r="A0"><v>1</v></c></row>', "lies outside any sheet"),
    ],
)
def test_a_sheet_that_is_damaged(path, rows, words):
    assert words in refusal(workbook(path, {"One": rows}))


def test_two_parts_of_one_name_are_refused(path):
    """One that is counted, and one that would be read."""
    workbook(path, {"One": [["x"]]})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("XL/worksheets/sheet1.xml", "<worksheet/>")

    assert "two parts of one name" in refusal(path)


def test_a_workbook_without_a_sheet(path):
    assert "has no sheet" in refusal(workbook(path, {}))


def test_a_workbook_that_is_cut_off(path):
    whole = workbook(path, {"One": [["x"] * 9] * 99}).read_bytes()

    assert "its end is missing" in refusal(path, whole[: len(whole) // 2])


def test_a_sheet_that_unpacks_to_too_much(path):
    with zipfile.ZipFile(workbook(path, {}), "a", zipfile.ZIP_DEFLATED) as archive:
        block = random.Random(1).randbytes(2**19).hex().encode()
        with archive.open("xl/sharedStrings.xml", "w") as strings:
            strings.write(b"<sst><si><t>")
            for _ in range(40):
                strings.write(block)

    said, megabytes, _ = read_elsewhere(path)

    assert said.startswith("refused The workbook is too big to be a report: xl/sharedstrings.xml")
    assert megabytes < PEAK / 2
