"""A report is opened within bounds, told by its content, and refused in a person's words."""

import gzip
import os
import random
import zipfile

import pytest

from footprints.reports import BadLine, Doubt, limits
from footprints.reports.opening import Container, Row, Unreadable, opened
from tests.footprints.reports.made import LINES, PEAK, read_elsewhere, refusal, zipped


def rows_of(path, content=None):
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with opened(path) as document:
        return list(document.rows())


# --- Text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("quoted", [True, False])
def test_any_quoting_and_any_line_ending(path, ending, bom, quoted):
    text = bom + LINES.replace("\r\n", ending)
    rows = rows_of(path, text if quoted else text.replace('"', ""))

    assert [type(row) for row in rows] == [Row, Row]
    assert [row.line for row in rows] == [1, 2]
    assert rows[0].cells[:2] == ("A81001", "THE DENSHAM SURGERY")
    assert {len(row.cells) for row in rows} == {27}


def test_semicolons_and_tabs_where_excel_or_a_paste_put_them(path):
    for separator in ";\t":
        rows = rows_of(path, LINES.replace('","', f'"{separator}"'))
        assert [row.cells[0] for row in rows] == ["A81001", "A81002"]


def test_a_field_may_run_over_lines_and_rows_keep_their_line(path):
    rows = rows_of(path, 'A,"one\ntwo",C\n\n  \nD,"say ""it""",F\n')

    assert [(row.line, row.cells) for row in rows] == [
        (1, ("A", "one\ntwo", "C")),
        (5, ("D", 'say "it"', "F")),
    ]


def test_rows_of_nothing_but_separators_are_no_rows(path):
    assert [row.line for row in rows_of(path, "A,B\n,\nC,D\n,\n")] == [1, 3]


def test_a_line_of_another_width_is_named_and_the_rest_read(path):
    rows = rows_of(path, "A,B,C\nD,E\nF,G,H\nI,J,K,\nL,M,N,O\n")

    assert [row.line for row in rows if isinstance(row, Row)] == [1, 3, 4]
    assert [row for row in rows if isinstance(row, BadLine)] == [
        BadLine(2, "It has 2 columns where the others have 3."),
        BadLine(5, "It has 4 columns where the others have 3."),
    ]


def test_a_quote_that_never_closes_costs_its_line_only(path):
    rows = rows_of(path, "A,B\n" + 'C,"D\n' + "".join(f"E{n},F\n" for n in range(50)))

    assert rows[1] == BadLine(2, "A quotation mark is opened and never closed.")
    assert len(rows) == 52
    assert rows[-1].cells == ("E49", "F")


def test_a_quote_within_a_field_is_named(path):
    assert rows_of(path, 'A,B\n"C"D,E\nF,G\n')[1] == BadLine(
        2, "A quotation mark stands within a field and is not doubled."
    )


def test_half_a_file_names_the_line_and_says_so(path):
    half = LINES[: LINES.index("TS18 2AW")]
    row, bad, doubt = rows_of(path, half)

    assert row.cells[0] == "A81001"
    assert bad == BadLine(2, "The line is cut off within a quoted field.")
    assert isinstance(doubt, Doubt)
    assert doubt.topic == "the file ends in the middle of a line"
    assert "line 2" in doubt.text


def test_half_a_file_between_two_fields(path):
    whole = LINES.replace('"', "")
    _, bad, doubt = rows_of(path, whole[: whole.index("TS18 2AW")])

    assert bad.reason == "The line is cut off after 10 of 27 columns."
    assert doubt.line == 2


def test_half_a_letter_at_the_end_is_no_other_encoding(path):
    _, bad, doubt = rows_of(path, "A,B,C\nD,é".encode()[:-1])

    assert isinstance(bad, BadLine)
    assert doubt.topic == "the file ends in the middle of a line"


def test_a_whole_last_line_needs_no_ending(path):
    assert [type(row) for row in rows_of(path, LINES.rstrip())] == [Row, Row]


def test_windows_1252_is_read_with_a_doubt(path):
    text = "A1,B\n" * 4 + "A2,FFORDD Y FARNFA – CAFÉ\n"
    doubt, *rows = rows_of(path, text.encode("cp1252"))

    assert doubt.topic == "encoding"
    assert doubt.line == 5
    assert rows[-1].cells[1] == "FFORDD Y FARNFA – CAFÉ"


def test_utf_8_has_no_doubt_even_across_a_megabyte(path):
    line = "A1,CAFÉ Ŵ\n"
    rows = rows_of(path, "x" + line * (2**20 // len(line.encode()) + 10))

    assert all(isinstance(row, Row) for row in rows)
    assert rows[-1].cells[1] == "CAFÉ Ŵ"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (b" \r\n\t\n", "nothing in the file but blanks"),
        (LINES.encode("utf-16"), "UTF-16"),
        (LINES.encode("utf-16-le"), "zero bytes"),
        (b"A,B\nC,\x00D\n", "zero bytes"),
        (random.Random(1).randbytes(5000).replace(b"\0", b"\1"), "control characters"),
        (b"A,B\nC,\x81\n", "neither UTF-8 nor Windows-1252 (line 2)"),
        (b"\xef\xbb\xbfA,B\nC,\xe9\n", "says that it is UTF-8, and line 2 is not"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
    ],
)
def test_what_is_no_text_is_refused_with_a_reason(path, content, words):
    assert words in refusal(path, content)


def test_a_control_character_costs_its_line_only(path):
    assert [type(row) for row in rows_of(path, "A,B\n" * 200 + "C,\x1bD\nE,F\n")[-2:]] == [
        BadLine,
        Row,
    ]


def test_a_line_longer_than_any_costs_no_more_than_itself(path):
    long = "A," + "x" * (5 * limits.LINE)
    rows = rows_of(path, f"A,B\n{long}\nC,D\n")

    assert rows[1] == BadLine(2, "The line is longer than 16,384 characters.")
    assert (rows[2].line, rows[2].cells) == (3, ("C", "D"))


def test_a_field_may_not_run_on_for_ever(path):
    rows = rows_of(path, "A,B\n" * 99 + 'C,"' + "\n".join(["x" * 1000] * 40) + '"\n')

    assert rows[99] == BadLine(100, "A quotation mark is opened and never closed.")


def test_more_rows_than_any_report_has(path, monkeypatch):
    monkeypatch.setattr(limits, "ROWS", 3)

    assert "more than 3 rows" in refusal(path, b"A,B\n" * 4)


def test_more_text_than_any_report_has(path, monkeypatch):
    monkeypatch.setattr(limits, "TEXT", 2**20)

    assert "more than 1 MB" in refusal(path, b"A,B\n" * 2**19)


# --- Archives ----------------------------------------------------------------------------------


def test_a_report_in_a_zip_beside_its_notes(path):
    zipped(
        path,
        {
            "epraccur.csv": LINES,
            "epraccur.pdf": b"%PDF-1.7 what the columns mean",
            "readme.txt": "What this is.",
            "__MACOSX/._epraccur.csv": "\0\0",
        },
    )

    assert [row.cells[0] for row in rows_of(path)] == ["A81001", "A81002"]


def test_a_report_in_a_gzip_and_in_a_zip_within_a_zip(path, tmp_path):
    path.write_bytes(gzip.compress(LINES.encode()))
    assert len(rows_of(path)) == 2

    inner = zipped(tmp_path / "inner", {"epraccur.csv": LINES}).read_bytes()
    assert len(rows_of(zipped(path, {"inner.zip": inner}))) == 2
    assert len(rows_of(zipped(path, {"inner.gz": gzip.compress(inner)}))) == 2


def test_xml_in_zips_within_a_zip_as_trud_packs_it(path, tmp_path):
    full = zipped(tmp_path / "1", {"HSCOrgRefData_Full_20260731.xml": "<full/>"}).read_bytes()
    archive = zipped(tmp_path / "2", {"HSCOrgRefData_Archive_20260731.xml": "<old/>"}).read_bytes()
    zipped(path, {"fullfile.zip": full, "archive.zip": archive})

    with opened(path) as document:
        assert document.kind is Container.XML
        assert document.parts == (
            "fullfile.zip/HSCOrgRefData_Full_20260731.xml",
            "archive.zip/HSCOrgRefData_Archive_20260731.xml",
        )
        assert document.head == b"<full/>"
        for _ in range(2):  # as often as one likes
            with document.stream(document.parts[1]) as stream:
                assert stream.read() == b"<old/>"
        with document.stream() as stream:
            assert stream.read() == b"<full/>"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xef\xbb\xbf<?xml version='1.0'?><a/>", Container.XML),
        (b'{"Organisations": []}', Container.JSON),
        (b'[{"id": "A81001"}]', Container.JSON),
        (b'{\n"a": 1\n}\n', Container.JSON),
        (b'{"a": 1}\n{"a": 2}\n', Container.JSON_LINES),
        (b'{"a": 1}\n', Container.JSON),
        (LINES.encode(), Container.TEXT),
    ],
)
def test_the_container_is_told_by_content(path, content, kind):
    path.write_bytes(content)
    with opened(path, "misleading.xlsx") as document:
        assert document.kind is kind
        assert document.name == "misleading.xlsx"
        if kind is Container.TEXT:
            with pytest.raises(Unreadable):
                document.stream()
        else:
            assert list(document.rows()) == []
            with document.stream() as stream:
                assert stream.read() == content


def test_archives_that_hold_no_report_or_several(path):
    assert "holds no file" in refusal(zipped(path, {}))
    assert "holds no report: a.pdf" in refusal(zipped(path, {"a.pdf": b"%PDF-1.4"}))
    assert "2 reports (a.csv, b.csv)" in refusal(zipped(path, {"a.csv": LINES, "b.csv": LINES}))
    assert "60 files" in refusal(zipped(path, {f"f{n}.csv": LINES for n in range(60)}))
    assert "of another kind: save it as .xlsx" in refusal(zipped(path, {"content.xml": "<a/>"}))
    assert "a document" in refusal(zipped(path, {"word/document.xml": "<a/>"}))


def test_an_archive_that_is_cut_off_or_damaged(path):
    whole = zipped(path, {"epraccur.csv": LINES * 100}).read_bytes()
    assert "its end is missing" in refusal(path, whole[: len(whole) // 2])

    spoilt = bytearray(whole)
    spoilt[60:70] = b"\xff" * 10
    assert "damaged" in refusal(path, bytes(spoilt))

    packed = gzip.compress(LINES.encode() * 100)
    assert "damaged or cut off" in refusal(path, packed[: len(packed) // 2])


def test_an_archive_with_a_password_or_a_rare_packing(path):
    whole = bytearray(zipped(path, {"epraccur.csv": LINES}).read_bytes())
    whole[6] |= 1  # the flag, in the file's own header and in the list
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    assert "password" in refusal(path, bytes(whole))

    # LZMA reserves what the archive asks for: it is not opened at all.
    assert "rare way" in refusal(zipped(path, {"epraccur.csv": LINES}, zipfile.ZIP_LZMA))


def test_archives_within_archives_without_end(path, tmp_path):
    content = LINES.encode()
    for _ in range(limits.DEPTH + 2):
        content = zipped(tmp_path / "next", {"inner.zip": content}).read_bytes()

    assert "within archive" in refusal(path, content)
    for _ in range(limits.DEPTH + 2):
        content = gzip.compress(content)
    assert "within archive" in refusal(path, content)


def test_a_list_of_files_longer_than_any(path):
    """``zipfile`` would read it whole, and make an object of each name."""
    zipped(path, {f"f{n:06}{'x' * 60}": b"" for n in range(10_000)})

    assert "list of files is too long" in refusal(path)


# --- Too big -----------------------------------------------------------------------------------


def test_two_gigabytes_are_refused_at_once(path):
    with path.open("wb") as file:
        file.write(LINES.encode())
        os.truncate(file.fileno(), 2**31)

    said, megabytes, seconds = read_elsewhere(path)

    assert said.startswith("refused The file has 2,048 MB; at most 1,536 MB are read.")
    assert megabytes < PEAK / 2
    assert seconds < 5


@pytest.mark.parametrize("start", [b"A,B\n", b"<a>", b"{"])
def test_a_zip_bomb_is_refused_in_little_memory(path, start):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb", "w", force_zip64=True) as member:
            member.write(start)
            for _ in range(100):
                member.write(b" " * 2**20)
    assert path.stat().st_size < 2**20

    said, megabytes, _ = read_elsewhere(path)

    assert said == "refused bomb unpacks to more than 200 times its size: no report does."
    assert megabytes < PEAK / 2


def test_a_gzip_bomb_is_refused_too(path):
    path.write_bytes(gzip.compress(b"<a>" + b" " * (60 * 2**20), 9))

    assert "200 times its size" in refusal(path)


def test_a_zip_in_a_zip_that_unpacks_to_too_much(path, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UPLOAD", 2**20)
    inner = zipped(
        tmp_path / "inner", {"a.csv": b"A,B\n" * 2**19}, zipfile.ZIP_STORED
    ).read_bytes()

    assert "too big" in refusal(zipped(path, {"inner.zip": inner}))


def test_a_long_text_is_read_in_little_memory(path):
    """30 MB, eight times epraccur, in rows as they come."""
    block = LINES.encode() * 2000
    with path.open("wb") as file:
        for _ in range(40):
            file.write(block)

    said, megabytes, _ = read_elsewhere(path)

    assert said == "read 160000"
    assert megabytes < PEAK / 2
