"""A workbook is counted before it is held: what it spans, and what it says."""

import zipfile
from datetime import date

import pytest

from footprints.reports import limits
from footprints.reports.opening import Container, Row, opened
from tests.footprints.reports.made import read_elsewhere, rows_xml, workbook
from tests.footprints.reports.test_opening import PEAK, path, refusal  # noqa: F401

STYLES = """<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"""


def sheets_of(path):  # noqa: F811
    with opened(path) as document:
        assert document.kind is Container.WORKBOOK
        return {sheet.name: list(sheet.rows()) for sheet in document.sheets()}


def cells_of(path):  # noqa: F811
    return {name: [row.cells for row in rows] for name, rows in sheets_of(path).items()}


def test_values_become_text_and_rows_keep_their_numbers(path):  # noqa: F811
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


def test_a_sheet_that_begins_further_in(path):  # noqa: F811
    rows = '<row r="3"><c r="B3"><v>1</v></c></row><row r="5"><c r="D5"><v>2</v></c></row>'
    workbook(path, {"One": rows})

    assert sheets_of(path)["One"] == [Row(3, ("", "1", "", "")), Row(5, ("", "", "", "2"))]


def test_a_day_that_is_a_day_in_excel(path):  # noqa: F811
    workbook(path, {"One": '<row r="1"><c r="A1" s="1"><v>43739</v></c></row>'})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/styles.xml", STYLES)

    assert cells_of(path) == {"One": [(date(2019, 10, 1).isoformat(),)]}


def test_shared_strings_and_cells_without_a_reference(path):  # noqa: F811
    row = '<row><c t="s"><v>1</v></c><c><v>7</v></c></row><row><c t="s"><v>0</v></c></row>'
    workbook(path, {"One": row}, "<si><t>a</t></si><si><r><t>b</t></r><r><t>c</t></r></si>")

    assert cells_of(path) == {"One": [("bc", "7"), ("a", "")]}


def test_formulas_give_what_was_computed_and_name_what_was_not(path):  # noqa: F811
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


def test_a_workbook_of_nothing_but_formulas_never_computed(path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(limits, "UNCOMPUTED", 2)
    workbook(path, {"One": [["<c><f>1+1</f></c>"] * 3]})

    assert "never computed: open it in Excel" in refusal(path)


def test_a_million_empty_rows_cost_little(path):  # noqa: F811
    empty = "".join(f'<row r="{n}" spans="1:12"/>' for n in range(3, 1_048_577))
    workbook(path, {"One": rows_xml([["PCN Code"], ["U00070"]]) + empty})

    said, megabytes, seconds = read_elsewhere(path)

    assert said == "read 2"
    assert megabytes < PEAK / 2
    assert seconds < 60  # two on a quiet machine


def test_formatted_emptiness_beyond_measure_is_refused(path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(limits, "ELEMENTS", 1000)
    empty = "".join(f'<row r="{n}"><c r="A{n}" s="1"/></row>' for n in range(1, 1000))
    workbook(path, {"One": empty})

    assert "delete the rows below the data" in refusal(path)


def test_two_values_at_the_corners_of_a_sheet_are_refused(path):  # noqa: F811
    """It would be held as 17 thousand million cells."""
    corner = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    workbook(path, {"One": '<row r="1"><c r="A1"><v>1</v></c></row>' + corner})

    said, megabytes, _ = read_elsewhere(path)

    assert said.startswith("refused The workbook is too big to be a report: its sheets span")
    assert megabytes < PEAK / 2


def test_one_long_text_in_many_cells_is_refused(path):  # noqa: F811
    """A hundred kilobytes that are ten thousand times as much once each cell has its own."""
    cells = "".join(f'<row><c t="s"><v>{0}</v></c></row>' for _ in range(10_000))
    workbook(path, {"One": cells}, "<si><t>" + "x" * 100_000 + "</t></si>")

    said, megabytes, _ = read_elsewhere(path)

    assert said.endswith("its cells hold over 64 MB of text.")
    assert megabytes < PEAK / 2


def test_entities_are_refused(path):  # noqa: F811
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
def test_a_sheet_that_is_damaged(path, rows, words):  # noqa: F811
    assert words in refusal(workbook(path, {"One": rows}))


def test_two_parts_of_one_name_are_refused(path):  # noqa: F811
    """One that is counted, and one that would be read."""
    workbook(path, {"One": [["x"]]})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("XL/worksheets/sheet1.xml", "<worksheet/>")

    assert "two parts of one name" in refusal(path)


def test_a_workbook_without_a_sheet(path):  # noqa: F811
    assert "has no sheet" in refusal(workbook(path, {}))


def test_a_workbook_that_is_cut_off(path):  # noqa: F811
    whole = workbook(path, {"One": [["x"] * 9] * 99}).read_bytes()

    assert "its end is missing" in refusal(path, whole[: len(whole) // 2])


def test_a_sheet_that_unpacks_to_too_much(path):  # noqa: F811
    with zipfile.ZipFile(workbook(path, {}), "a", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as strings:
            strings.write(b"<sst>")
            for _ in range(100):
                strings.write(b" " * 2**20)

    said, megabytes, _ = read_elsewhere(path)

    assert said.startswith("refused The workbook is too big to be a report: xl/sharedstrings.xml")
    assert megabytes < PEAK / 2
