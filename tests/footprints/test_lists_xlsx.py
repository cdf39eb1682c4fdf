"""A list as a workbook: the rows of the CSV, each cell of its kind, nothing that runs."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils.safestring import mark_safe

from footprints.lists import XLSX, as_csv, as_xlsx
from footprints.lists.tables import _without_tags
from tests.workbooks import frozen, read

from .test_lists_pages import Bodies, make, read_page  # noqa: F401  fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.footprints.test_lists_pages")]


def rows_of(content):
    (rows,) = read(content).values()
    return rows


def test_the_workbook_has_the_rows_of_the_csv_as_filtered_and_sorted(make, client, read_page):  # noqa: F811
    make("Kent", "Essex", "Kent, East", closed_on=date(2027, 4, 1))
    page = read_page("/bodies/")

    response = client.get("/bodies/?format=xlsx&q=kent&sort=-name")
    text = client.get("/bodies/?format=csv&q=kent&sort=-name").content.decode()
    heads, *rows = rows_of(response.content)

    assert "format=xlsx" in page
    assert response["Content-Type"] == XLSX
    assert re.search(
        r'filename="bodies-on-\d{4}-\d\d-\d\d\.xlsx"', response["Content-Disposition"]
    )
    assert list(read(response.content)) == ["Bodies"]
    assert frozen(response.content)
    written = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert heads == written[0]
    assert [row[1] for row in rows] == [line[1] for line in written[1:]] == ["Kent, East", "Kent"]
    assert rows[0][3:5] == [datetime(2013, 4, 1), datetime(2027, 3, 31)]
    assert isinstance(rows[0][5], float)


def test_a_workbook_cut_short_says_so(make, read_page, client):  # noqa: F811
    make(*(f"Body {i}" for i in range(61)))
    read_page("/bodies/")

    response = client.get("/bodies/?format=xlsx")
    rows = rows_of(response.content)

    assert len(rows) == 1 + Bodies.export_cap + 1
    assert rows[-1] == ["Only the first 60 rows are here. Narrow the list for the rest."]
    assert response["Content-Disposition"].endswith('-first-60.xlsx"')


def test_a_hostile_name_leaves_in_a_workbook_as_text(make, read_page, client):  # noqa: F811
    make('=HYPERLINK("http://x";"y")', "http://example.com/a")
    read_page("/bodies/")

    content = client.get("/bodies/?format=xlsx").content
    _, *rows = rows_of(content)

    assert {row[1] for row in rows} == {'\'=HYPERLINK("http://x";"y")', "http://example.com/a"}
    assert b"hyperlink" not in content.lower()


@pytest.mark.parametrize(
    "value, read_back",
    [
        (12, 12.0),
        (1.5, 1.5),
        (Decimal("0.25"), 0.25),
        (True, True),
        (date(2020, 4, 1), datetime(2020, 4, 1)),
        # A moment is London's: in June an hour later than UTC.
        (datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 6, 1, 13)),
        (date(1899, 1, 1), "1899-01-01"),  # before a spreadsheet counts days
        ("0012", "0012"),
        ("=1", "'=1"),
        ("x" * 40_000, "x" * 32_767),
    ],
)
def test_a_cell_is_of_its_kind(value, read_back):
    ((head,), (cell,)) = rows_of(as_xlsx({"Sheet": [["Head"], [value]]}))

    assert head == "Head"
    assert cell == read_back
    assert type(cell) is type(read_back)


def test_an_empty_cell_is_empty_and_an_empty_list_still_opens():
    assert rows_of(as_xlsx({"S": [["A", "B"], [None, "x"], ["", 0]]}))[1:] == [
        [None, "x"],
        [None, 0.0],
    ]
    assert read(as_xlsx({"S": []})) == {"S": []}


def test_sheets_keep_their_names_as_far_as_a_workbook_allows():
    made = as_xlsx({"By territory": [["A"]], "What: moves/stays [2020] and a long tail": [["B"]]})

    assert list(read(made)) == ["By territory", "What  moves stays  2020  and a"]
    with pytest.raises(ValueError, match="already"):
        as_xlsx({"Same": [["A"]], "same": [["B"]]})


def test_a_moment_in_csv_is_written_as_before():
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)

    assert as_csv([[moment, date(2020, 4, 1)]]) == "\ufeff2026-06-01T12:00:00+00:00,2020-04-01\r\n"


def test_what_is_written_for_a_page_leaves_as_words():
    written = mark_safe('<span class="state">Draft &amp; open</span>')

    assert _without_tags(written) == "Draft & open"
    assert _without_tags("a < b") == "a < b"


def test_a_program_that_asks_for_another_form_is_told_which_there_are(read_page):  # noqa: F811
    assert "csv, xlsx or json" in read_page("/bodies/?format=ods", status=400)
