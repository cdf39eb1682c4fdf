"""A measure as companies keep it: any form is read, and each line that cannot be is named."""

from decimal import Decimal
from io import BytesIO

import pytest
import xlsxwriter

from accounts.measures import reading
from accounts.measures.reading import NoAmount, amount_of, read, text_of
from accounts.territories.alignment import Unreadable


def figures(found):
    return {line.code: line.amount for line in found.lines}


def told(found):
    return {bad.number: bad.problem for bad in found.bad}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234", 1234),
        ("£1,234.50", Decimal("1234.5")),
        ("1 234", 1234),
        ("(12)", -12),
        ("(£1,200)", -1200),
        ("12-", -12),
        ("−7", -7),
        ("-£3", -3),
        ("1.2E+05", 120000),
        (".5", Decimal("0.5")),
        ("0.00004", 0),
        ("", None),
        (" - ", None),
        ("–", None),
    ],
)
def test_an_amount_is_read_as_people_write_it(text, amount):
    assert amount_of(text) == amount


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("twelve", "is text"),
        ("15E", "is text"),
        ("12%", "share"),
        ("12,5", "comma"),
        ("1,23,456", "comma"),
        ("<5", "withheld"),
        ("nan", "is text"),
        ("inf", "is text"),
        ("1e99", "more than can be kept"),
        ("123456789012345", "more than can be kept"),
    ],
)
def test_what_is_no_amount_is_never_guessed_at(text, says):
    with pytest.raises(NoAmount, match=says):
        amount_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "A81001\t12\nB82002\t1,200\n",
        "A81001;12\nB82002;1,200",
        'code,amount\nA81001,12\nB82002,"1,200"\n',
        "Practice name,Practice code,Month,List size\nThe Surgery,a81001,202501,12\n"
        'Grove,b82002,202501,"1,200"',
        "12\tA81001\n1,200\tB82002\n",
        "\ufeffODS Code\tSales\r\nA81001\t£12\r\n\r\nB82002\t£1,200.00\r\n".removeprefix("\ufeff"),
    ],
)
def test_the_columns_are_found_by_their_heads_or_by_what_stands_in_them(text):
    found = read(text)

    assert figures(found) == {"A81001": 12, "B82002": 1200}
    assert not found.bad


def test_the_column_of_codes_that_the_register_knows_is_taken():
    text = "A1\tQ99\t5\nA2\tQ98\t6\n"

    assert list(figures(read(text))) == ["A1", "A2"]
    known = read(text, recognises=lambda texts: {"Q99", "Q98"} & set(texts))
    assert list(figures(known)) == ["Q99", "Q98"]


def test_a_person_may_put_the_columns_right():
    text = "code,items,nic\nA81001,5,70\n"

    assert figures(read(text)) == {"A81001": 70}  # a cost is likelier than a count
    assert figures(read(text, columns={"amount": 1})) == {"A81001": 5}
    with pytest.raises(Unreadable, match="choose two"):
        read(text, columns={"amount": 1, "code": 1})


def test_each_line_that_cannot_be_used_is_told_with_its_number():
    found = read(
        "code,amount\nA81001,12\nA81002,lots\nA81001,5\n,7\nA81003,\nA81004,-3\nTotal,17\n"
        'A81005,"9\nA81006,1,200\nA81007,4\n'
    )

    assert figures(found) == {"A81001": 12, "A81007": 4}
    assert found.blank == [6]
    problems = told(found)
    assert sorted(problems) == [3, 4, 5, 7, 8, 9, 10]
    assert "text" in problems[3]
    assert problems[4] == "A81001 stands on line 2 already, with 12."
    assert "No code" in problems[5]
    assert "below nothing" in problems[7]
    assert "quotation mark" in problems[9]
    assert "3 columns" in problems[10]


def test_lines_of_one_code_are_added_up_where_somebody_says_so():
    text = "code,amount\nA81001,12\nA81001,5\nA81002,(3)\n"

    found = read(text, add_up=True, may_be_negative=True)

    assert figures(found) == {"A81001": 17, "A81002": -3}
    assert (found.added_up, found.total) == (1, 14)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing in it"),
        ("A81001\nA81002\n", "only one column"),
        ("code,amount\n", "no line below"),
        ("name,town\nGrove,Leeds\n", "not clear which column"),
        ("A81001\t\x00", "zero byte"),
    ],
)
def test_what_cannot_be_read_at_all_says_why(text, says):
    with pytest.raises(Unreadable, match=says):
        read(text)


def test_too_many_lines_are_refused(monkeypatch):
    monkeypatch.setattr(reading, "MOST_LINES", 3)

    with pytest.raises(Unreadable, match="4 lines; 3 are the most"):
        read("A1\t1\nA2\t2\nA3\t3\nA4\t4")


def workbook(rows):
    file = BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    book.add_worksheet("Notes").write(0, 0, "About this file")
    sheet = book.add_worksheet("Data")
    for number, row in rows.items():
        sheet.write_row(number - 1, 0, row)
    book.close()
    return file.getvalue()


def test_a_workbook_is_read_and_its_rows_keep_their_numbers():
    data = workbook(
        {1: ["Sales of 2025"], 3: ["code", "amount"], 4: ["A81001", 12.5], 6: ["B", "x"]}
    )

    text = text_of(data, name="sales.xlsx")
    found = read(text.split("\n", 2)[2])

    assert text.splitlines()[3] == "A81001\t12.5"
    assert figures(found) == {"A81001": Decimal("12.5")}


def test_a_title_over_the_header_is_passed_over():
    found = read(text_of(workbook({1: ["Sales"], 3: ["code", "amount"], 4: ["A81001", 12]})))

    assert figures(found) == {"A81001": 12}
    assert found.has_header
    assert not found.bad


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"", "x.csv", "empty"),
        (b"PK\x03\x04 no workbook", "x.xlsx", "damaged|cannot|zip"),
        (b"\xd0\xcf\x11\xe0", "old.xls", "xlsx can be read"),
        (b"code,amount\nA81001,\xa312\n", "x.csv", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_text_and_no_workbook_says_what_would_be_right(data, name, says):
    with pytest.raises(Unreadable, match=says):
        text_of(data, name=name)


def test_a_hundred_thousand_lines_are_read():
    found = read("code,amount\n" + "\n".join(f"Q{i:06},{i}" for i in range(100_000)))

    assert len(found.lines) == 100_000
    assert found.total == 4_999_950_000
