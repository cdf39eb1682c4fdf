"""Bricks of a data supplier: one plain layout, told by its header alone."""

from datetime import date

import pytest

from footprints.reports import BadLine, Bond, Doubt, Life
from footprints.reports.bricks import SupplierBricks
from footprints.reports.limits import Unreadable
from footprints.reports.opening import opened
from footprints.reports.recognising import NotRecognised, recognise
from tests.footprints.reports.made import workbook

DAY = date(2026, 11, 1)
HEADER = "Brick code,Brick name,Practice code,Location code,From,To\n"
NORTH = "LS01,Leeds North,B86001,15F,2026-04-01,\n"
AND_MORE = "LS01,Leeds North,B86002,15F,2026-04-01,\n"
SOUTH = "LS02,Leeds South,B86003,15F,2026-04-01,\n"


def claims_of(path, text=None, day=DAY):
    if text is not None:
        path.write_text(text)
    with opened(path) as document:
        reader = recognise(document)
        assert type(reader) is SupplierBricks
        return list(reader.claims(day))


def bad(claims):
    return [claim for claim in claims if isinstance(claim, BadLine)]


def test_a_brick_is_said_once_and_each_practice_of_it(path):
    since = date(2026, 4, 1)

    assert claims_of(path, HEADER + NORTH + AND_MORE + SOUTH) == [
        Life(2, "LS01", "brick", "Leeds North", since),
        Bond(2, "brick location", "LS01", "15F"),
        Life(4, "LS02", "brick", "Leeds South", since),
        Bond(4, "brick location", "LS02", "15F"),
        Bond(2, "brick", "B86001", "LS01", since),
        Bond(3, "brick", "B86002", "LS01", since),
        Bond(4, "brick", "B86003", "LS02", since),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "Brick,Brick name,Practice",
        "BRICK_CODE,BRICK_NAME,PRACTICE_CODE",
        "brick id;brick description;ODS code",
        "BrickCode\tBrickName\tPracticeCode",
        "Supplier brick no.,Supplier brick name,GP practice code",
    ],
)
def test_headers_are_read_loosely(path, header):
    delimiter = next(sign for sign in ";\t," if sign in header)

    assert claims_of(path, f"{header}\n{delimiter.join(['101', 'Leeds', 'b86001'])}\n") == [
        Life(2, "101", "brick", "Leeds", None, since=DAY),
        Bond(2, "brick", "B86001", "101"),
    ]


def test_columns_stand_in_any_order_below_a_title_beside_others(path):
    text = (
        "Bricks 2026,,,,\nPractice,Town,Brick name,Sub ICB loc code,Brick\nB86001,Leeds,L,15F,1\n"
    )

    assert claims_of(path, text) == [
        Life(3, "1", "brick", "L", None, since=DAY),
        Bond(3, "brick location", "1", "15F"),
        Bond(3, "brick", "B86001", "1"),
    ]


def test_a_workbook_says_the_same(path):
    rows = [["Brick code", "Brick name", "Practice code"], [101, "Leeds North", "B86001"]]
    workbook(path, {"About": [["Bricks"]], "Bricks": rows})

    assert claims_of(path) == [
        Life(2, "101", "brick", "Leeds North", None, since=DAY),
        Bond(2, "brick", "B86001", "101"),
    ]


def test_the_last_day_of_the_file_is_the_day_before_the_one_kept(path):
    ended = "LS01,Leeds North,B86001,15F,2020-04-01,2026-03-31\n"
    moved = "LS02,Leeds South,B86001,15F,2026-04-01,\n"

    claims = claims_of(path, HEADER + ended + moved)

    # A brick of which every practice has left has ended, and lies nowhere now.
    assert claims[0] == Life(2, "LS01", "brick", "Leeds North", date(2020, 4, 1), date(2026, 4, 1))
    assert [(c.parent, c.closed_on) for c in claims if isinstance(c, Bond)] == [
        ("15F", None),
        ("LS01", date(2026, 4, 1)),
        ("LS02", None),
    ]
    assert not bad(claims)


def test_the_day_is_the_newest_in_it_and_else_nobody_knows(path):
    def day(text):
        path.write_text(text)
        with opened(path) as document:
            return recognise(document).day()

    assert day(HEADER + NORTH) == date(2026, 4, 1)
    assert day(HEADER + "LS01,Leeds North,B86001,15F,,\n") is None


def test_a_brick_may_have_no_practice(path):
    assert claims_of(path, HEADER + "LS09,Leeds Infirmary,,15F,,\n") == [
        Life(2, "LS09", "brick", "Leeds Infirmary", None, since=DAY),
        Bond(2, "brick location", "LS09", "15F"),
    ]


def test_a_line_that_contradicts_another_is_named_and_left_out(path):
    claims = claims_of(
        path,
        HEADER
        + NORTH
        + ",Leeds North,B86009,,,\n"
        + "LS03,,B86009,,,\n"
        + "LS01,Leeds Far North,B86009,,,\n"
        + "LS01,LEEDS NORTH,B86008,02T,,\n"
        + "LS02,Leeds South,B86001,,2026-06-01,\n"
        + "LS01,Leeds North,B86007,,2026-06-01,2026-05-31\n"
        + "LS01,Leeds North,B86006,,soon,\n",
    )

    assert bad(claims) == [
        BadLine(3, "It has no code.", ""),
        BadLine(4, "Brick LS03 has no name.", "LS03"),
        BadLine(5, "LS01 is Leeds North in line 2, and Leeds Far North here.", "LS01"),
        BadLine(6, "LS01 lies in 15F in line 2, and in 02T here.", "LS01"),
        BadLine(7, "B86001 is in LS01 already (line 2), on 2026-06-01.", "LS02"),
        BadLine(8, "B86007 in LS01 ends before it begins (2026-06-01).", "LS01"),
        BadLine(9, "'soon' is no day.", "LS01"),
    ]
    assert [claim.child for claim in claims if isinstance(claim, Bond)] == ["LS01", "B86001"]


def test_a_filler_for_a_day_is_a_doubt(path):
    claims = claims_of(path, HEADER + "LS01,Leeds North,B86001,,1900-01-01,\n")

    assert [type(claim) for claim in claims] == [Doubt, Life, Bond]
    assert claims[-1].opened_on is None


@pytest.mark.parametrize("rows", ["", ",,B86001,,,\n"])
def test_a_file_without_a_brick_is_refused(path, rows):
    """It would else say that every brick has gone."""
    with pytest.raises(Unreadable, match="names no brick"):
        claims_of(path, HEADER + rows)


def test_ten_thousand_rows(path):
    rows = (f"B{n // 5},Brick {n // 5},P{n:05},15F,2026-04-01,\n" for n in range(10_000))

    claims = claims_of(path, HEADER + "".join(rows))

    assert sum(isinstance(claim, Life) for claim in claims) == 2_000
    assert sum(isinstance(claim, Bond) for claim in claims) == 12_000


def test_a_table_without_practices_is_none(path):
    """A list of what each brick sold is no list of what each brick is."""
    path.write_text("Brick code,Brick name,Units\nLS01,Leeds North,50\n")
    with opened(path) as document, pytest.raises(NotRecognised, match="brick code, brick name"):
        recognise(document)
