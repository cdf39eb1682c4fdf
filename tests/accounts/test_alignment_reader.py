"""The reader of an own alignment: however it is kept, and every bad line named at once."""

import pytest

from accounts.territories.alignment import MOST_LINES, Unreadable, decoded, read

CODES = {"91Q", "92A", "13T", "QNQ", "NHS West Kent CCG", "NHS Kent and Medway CCG"}


def recognises(texts):
    return {text for text in texts if text in CODES}


def rows(text, **kwargs):
    """(line, unit, territory, owner) of every usable line."""
    found = read(text, recognises=recognises, **kwargs)
    assert not found.bad
    return [(line.number, line.unit, line.territory, line.owner) for line in found.lines]


EXPECTED = [(2, "91Q", "T07", "Sam Hart"), (3, "92A", "T08", "Kim Lee")]


@pytest.mark.parametrize("mark", ["\t", ",", ";", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_usual_mark_and_line_ending_is_read(mark, ending):
    lines = ["code,territory,owner", "91Q,T07,Sam Hart", "92A,T08,Kim Lee", ""]
    text = ending.join(line.replace(",", mark) for line in lines)

    assert rows(text) == EXPECTED


@pytest.mark.parametrize(
    "head",
    [
        "Owner,ODS code,Territory",
        "KAM,CCG code,Patch",
        "Rep,Unit,Terr",
        "Assigned to,Sub-ICB location code,Territory code",
    ],
)
def test_columns_are_known_by_their_heads_in_any_order(head):
    text = f"{head}\nSam Hart,91Q,T07\nKim Lee,92A,T08\n"

    assert rows(text) == EXPECTED


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
)
def test_without_a_header_columns_are_known_by_what_stands_in_them(order):
    lines = [("91Q", "T07", "Sam Hart"), ("92A", "T07", "Sam Hart"), ("13T", "T08", "Kim Lee")]
    text = "\n".join("\t".join(line[column] for column in order) for line in lines)

    assert rows(text) == [(n, *line) for n, line in enumerate(lines, 1)]


def test_a_header_that_is_half_known_is_helped_out_by_the_content():
    text = "ODS,Gebiet,Rep\n91Q,T07,Sam Hart\n92A,T08,Kim Lee\n"

    assert rows(text) == EXPECTED


def test_a_name_serves_where_there_is_no_code_and_stands_beside_it_where_there_is():
    only_names = read("name,territory\nNHS West Kent CCG,T07\n").lines
    both = read("name,code,territory\nNHS West Kent CCG,99J,T07\nNowhere CCG,,T08\n").lines

    assert [(line.unit, line.name) for line in only_names] == [("NHS West Kent CCG", "")]
    assert [(line.unit, line.name) for line in both] == [
        ("99J", "NHS West Kent CCG"),
        ("Nowhere CCG", ""),
    ]


def test_a_comma_inside_a_name_does_not_part_columns_that_tabs_part():
    text = "unit\tterritory\nNHS Bath, Swindon and Wiltshire CCG\tT01\n91Q\tT02\n"

    assert rows(text)[0] == (2, "NHS Bath, Swindon and Wiltshire CCG", "T01", "")


def test_a_quoted_cell_may_hold_the_mark_and_a_line_break():
    text = 'unit,territory\n"Bath, Swindon",T01\n"Kent\nand Medway",T02\n91Q,T03\n'

    assert [row[:3] for row in rows(text)] == [
        (2, "Bath, Swindon", "T01"),
        (3, "Kent and Medway", "T02"),
        (5, "91Q", "T03"),
    ]


def test_a_territory_with_its_name_in_one_cell_is_taken_apart():
    text = "code,territory\n91Q,T07 Kent\n92A,T07 - Kent\n13T,North 1\nQNQ,West\n"

    lines = read(text).lines

    assert [(line.territory, line.territory_name) for line in lines] == [
        ("T07", "Kent"),
        ("T07", "Kent"),
        ("North 1", ""),
        ("West", ""),
    ]


@pytest.mark.parametrize("word", ["", "vacant", "Vacant", "TBC", "n/a", "-", "–"])
def test_a_word_for_nobody_is_a_vacancy(word):
    assert read(f"code,territory,owner\n91Q,T07,{word}\n92A,T07,Kim Lee\n").lines[0].owner == ""


def test_blank_lines_count_for_the_numbers_and_for_nothing_else():
    assert rows("code,territory\n\n91Q,T07\n , \n92A,T08\n") == [
        (3, "91Q", "T07", ""),
        (5, "92A", "T08", ""),
    ]


def test_the_columns_may_be_put_right_by_hand():
    text = "T07,91Q\nT08,92A\n"

    assert rows(text, columns={"unit": 0, "territory": 1})[0][1:3] == ("T07", "91Q")


# --- What cannot be used ------------------------------------------------------------------------


def test_all_bad_lines_are_named_at_once_each_with_its_number():
    text = (
        "code,territory,owner\n"
        "91Q,T07,Sam Hart\n"
        "92A,,Sam Hart\n"  # 3: no territory
        ",T08,Kim Lee\n"  # 4: no unit
        '13T,"T09,Kim Lee\n'  # 5: a quotation mark that does not close
        "QNQ,T10,Kim Lee\n"
        ",,Kim Lee\n"  # 7: neither
        f"13T,{'x' * 121},\n"  # 8: too long
        f"13T,T10,{'x' * 400}\n"  # 9: much too long
        "13T,T1"  # 10: cut off
    )

    found = read(text)

    assert [line.number for line in found.lines] == [2, 6]
    assert [bad.number for bad in found.bad] == [3, 4, 5, 7, 8, 9, 10]
    said = {bad.number: bad.problem for bad in found.bad}
    assert said[3] == "92A has no territory."
    assert said[4] == "No unit stands here, only the territory T08."
    assert "quotation mark" in said[5]
    assert "Neither" in said[7]
    assert "longer than 120" in said[8]
    assert "more than 300" in said[9]
    assert "cut off: it has 2 of 3 columns" in said[10]


def test_a_stray_quotation_mark_costs_its_own_line_alone():
    lines = ["code,territory", '"91Q,T07', *(f"92A,T{n:02}" for n in range(30))]

    found = read("\n".join(lines) + "\n")

    assert [bad.number for bad in found.bad] == [2]
    assert len(found.lines) == 30


def test_a_last_line_that_is_whole_needs_no_line_break():
    assert rows("code,territory,owner\n91Q,T07,Sam Hart\n92A,T08,Kim Lee") == EXPECTED


@pytest.mark.parametrize("text", ["", "   \n\n \t\n"])
def test_nothing_is_said_to_be_nothing(text):
    with pytest.raises(Unreadable, match="nothing in it"):
        read(text)


def test_a_header_alone_is_said_to_be_one():
    with pytest.raises(Unreadable, match="header and no line"):
        read("code,territory,owner\n")


def test_one_column_is_said_to_be_too_few():
    with pytest.raises(Unreadable, match="only one column"):
        read("91Q\n92A\n", recognises=recognises)


def test_columns_that_nothing_tells_apart_are_asked_for():
    with pytest.raises(Unreadable, match="not clear which column is the unit"):
        read("aa,bb\ncc,dd\n", recognises=recognises)


def test_a_zero_byte_names_its_line():
    with pytest.raises(Unreadable, match="Line 2 holds a zero byte"):
        read("code,territory\n91\x00Q,T07\n")


def test_too_many_lines_are_refused_with_the_bound():
    with pytest.raises(Unreadable, match="100,001 lines; 100,000 are the most"):
        read("91Q,T07\n" * (MOST_LINES + 1))


def test_as_many_lines_as_may_be_are_read():
    text = "code,territory\n" + "91Q,T07\n" * (MOST_LINES - 1)

    assert len(read(text).lines) == MOST_LINES - 1


# --- Bytes --------------------------------------------------------------------------------------


def test_bytes_are_utf8_with_or_without_a_mark_or_utf16_with_one():
    text = "code,territory\n91Q,Côte\n"

    for data in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        assert decoded(data) == text


def test_another_encoding_is_not_guessed_at_but_its_line_is_named():
    data = "code,territory\n91Q,T07\n92A,Sam O’Brien\n".encode("cp1252")

    with pytest.raises(Unreadable, match="Line 3 is not UTF-8: the byte 92 after “92A,Sam O”"):
        decoded(data)


@pytest.mark.parametrize(
    ("data", "name"), [(b"PK\x03\x04", "a.csv"), (b"\xd0\xcf", "a.xls"), (b"x", "A.XLSX")]
)
def test_a_workbook_is_told_how_to_become_text(data, name):
    with pytest.raises(Unreadable, match=r"workbook.*CSV UTF-8"):
        decoded(data, name=name)


def test_a_file_that_is_too_big_says_the_bound():
    with pytest.raises(Unreadable, match=r"10\.0 MB; 10 MB are the most"):
        decoded(b"x" * (10 * 2**20 + 1))
