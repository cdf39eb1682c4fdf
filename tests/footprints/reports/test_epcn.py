"""The workbook of PCNs: two sheets under any name, headers of every year."""

from collections import Counter
from datetime import date

import pytest

from footprints.reports import BadLine, Bond, Doubt, Life
from footprints.reports.epcn import PrimaryCareNetworks
from footprints.reports.opening import opened
from footprints.reports.recognising import NotRecognised, recognise
from tests.footprints.reports.made import workbook

DAY = date(2023, 1, 9)
# As published in 2023, line breaks and the blank at the end too.
DETAILS = [
    "PCN Code", "PCN Name", "Current Sub ICB Loc Code", "Sub ICB Location", "Open Date",
    "Close Date", "Address Line 1", "Address Line 2", "Address Line 3", "Address Line 4",
    "Address Line 5", "Postcode",
]  # fmt: skip
PARTNERS = [
    "Partner\nOrganisation\nCode", "Partner\nName", "Practice\nParent\nSub ICB Loc Code",
    "Practice\nParent\nSub ICB Loc Name", "PCN Code", "PCN Name", "PCN Parent\nSub ICB Loc Code",
    "PCN Parent\nSub ICB Loc Name", "Practice to PCN\nRelationship\nStart Date",
    "Practice to PCN\nRelationship\nEnd Date",
    "Practice Sub ICB Loc and PCN Sub ICB Loc Match ",
]  # fmt: skip


def network(code="U00070", name="WEST MERTON PCN", location="36L", opened_on="20191001", end=""):
    return [code, name, location, "NHS SOUTH WEST LONDON ICB - 36L", opened_on, end, "A", "", "",
            "LONDON", "", "SW17 0RT"]  # fmt: skip


def partner(practice="A81001", pcn="U89141", start="20191001", end="", parent="16C"):
    return [practice, "THE DENSHAM SURGERY", parent, "NHS …", pcn, "STOCKTON PCN", "16C", "NHS …",
            start, end, True]  # fmt: skip


@pytest.fixture
def made(path):
    def make(networks, partners, names=("PCNDetails", "PCN Core Partner Details"), headers=None):
        details, others = headers or (DETAILS, PARTNERS)
        return workbook(path, {names[0]: [details, *networks], names[1]: [others, *partners]})

    return make


def claims_of(path, day=DAY):
    with opened(path) as document:
        reader = recognise(document)
        assert type(reader) is PrimaryCareNetworks
        return list(reader.claims(day))


def test_the_published_file(shared):
    with opened(shared / "ods/ePCN_2023-02.xlsx") as document:
        reader = recognise(document)
        assert reader.day() == DAY
        claims = list(reader.claims(DAY))

    assert Counter(getattr(claim, "slot", type(claim).__name__) for claim in claims) == {
        "Life": 1329,
        "pcn location": 1264,
        "pcn": 7455,
        "Doubt": 1,
    }
    assert claims[0] == Life(2, "U00070", "pcn", "West Merton PCN", date(2019, 10, 1))
    assert claims[1] == Bond(2, "pcn location", "U00070", "36L")
    assert claims[-1] == Bond(7456, "pcn", "Y07275", "U63540", date(2022, 4, 1))
    # The last day in one PCN is the first in the next.
    doubt = next(claim for claim in claims if isinstance(claim, Doubt))
    assert (doubt.line, doubt.topic, doubt.code) == (2726, "practice in two PCNs", "F82001")


def test_a_network_and_its_partner(made):
    assert claims_of(made([network()], [partner()])) == [
        Life(2, "U00070", "pcn", "West Merton PCN", date(2019, 10, 1)),
        Bond(2, "pcn location", "U00070", "36L"),
        Bond(2, "pcn", "A81001", "U89141", date(2019, 10, 1)),
    ]


def test_the_workbook_of_2019(made):
    """Other sheets' names and headers, numbers for days, and nothing instead of ''."""
    details = [text.replace("Sub ICB Loc", "CCG") for text in DETAILS]
    details[3] = "CCG"
    partners = [text.replace("Sub ICB Loc", "CCG") for text in PARTNERS]
    path = made(
        [network(opened_on=20190701, end=None, location="08R")],
        [partner(start=20190701, end=20190930), partner("A81002", start=20190701, end=None)],
        names=("PCN Details", "PCN Core Partner Details "),
        headers=(details, partners),
    )

    assert claims_of(path, date(2019, 10, 1)) == [
        Life(2, "U00070", "pcn", "West Merton PCN", date(2019, 7, 1)),
        Bond(2, "pcn location", "U00070", "08R"),
        Bond(2, "pcn", "A81001", "U89141", date(2019, 7, 1), date(2019, 10, 1)),
        Bond(3, "pcn", "A81002", "U89141", date(2019, 7, 1)),
    ]


def test_the_sheets_are_told_by_their_columns(path):
    """In the other order, under other names, beside a third, below a title, columns moved."""
    workbook(
        path,
        {
            "Notes": [["Read me"]],
            "B": [["Core partners"], [], PARTNERS[::-1], partner()[::-1]],
            "A": [DETAILS, network()],
        },
    )

    assert claims_of(path) == [
        Life(2, "U00070", "pcn", "West Merton PCN", date(2019, 10, 1)),
        Bond(2, "pcn location", "U00070", "36L"),
        Bond(4, "pcn", "A81001", "U89141", date(2019, 10, 1)),
    ]


def test_a_closed_network_is_in_no_location_now(made):
    closed = network("U99255", "CLOSED PCN", end="20210331")

    assert claims_of(made([closed], [partner()]))[:1] == [
        Life(2, "U99255", "pcn", "Closed PCN", date(2019, 10, 1), date(2021, 4, 1))
    ]
    assert not [c for c in claims_of(made([closed], [])) if isinstance(c, Bond)]


def test_a_practice_that_comes_back_or_moves_is_in_one_network_at_a_time(made):
    rows = [partner(end="20200331"), partner(pcn="U00070", start="20200401", end="20210331"),
            partner(start="20210401")]  # fmt: skip

    claims = claims_of(made([network()], rows))

    assert not [claim for claim in claims if isinstance(claim, Doubt)]
    assert [c.closed_on for c in claims if isinstance(c, Bond) and c.slot == "pcn"] == [
        date(2020, 4, 1),
        date(2021, 4, 1),
        None,
    ]


def test_a_practice_in_two_networks_at_once_is_a_doubt(made):
    """So in March 2026, when the next month's change was in the file already."""
    claims = claims_of(made([network()], [partner(), partner(pcn="U00070", start="20230201")]))

    assert [type(claim) for claim in claims[2:]] == [Bond, Bond, Doubt]
    assert claims[-1].text == (
        "A81001 is in U89141 and in U00070 at once, on 2023-02-01. "
        "(sheet PCN Core Partner Details)"
    )


def test_bad_rows_are_named_with_their_sheet(made):
    claims = claims_of(
        made(
            [network(opened_on="soon"), network("U00071"), network("U00071", "ANOTHER PCN")],
            [partner(end="20190930"), partner("", "U00070"), partner("A81003")],
        )
    )

    assert [claim for claim in claims if isinstance(claim, BadLine)] == [
        BadLine(2, "Sheet PCNDetails: 'soon' is no day.", "U00070"),
        BadLine(4, "Sheet PCNDetails: U00071 stands in line 3 already, and otherwise.", "U00071"),
        BadLine(
            2,
            "Sheet PCN Core Partner Details: A81001 in U89141 ends before it begins (2019-10-01).",
            "A81001",
        ),
        BadLine(3, "Sheet PCN Core Partner Details: It has no code.", ""),
    ]
    assert claims[-1].child == "A81003"


def test_a_formula_that_was_never_computed_is_no_empty_cell(made):
    """An empty closing date would say that the PCN is open."""
    row = network(end="<c><f>TODAY()</f></c>")
    elsewhere = network("U00071")
    elsewhere[6] = '<c t="e"><v>#REF!</v></c>'  # in the address, which is not read
    bad, life, *_ = claims_of(made([row, elsewhere], [partner()]))

    assert isinstance(bad, BadLine)
    assert (bad.line, bad.code) == (2, "U00070")
    assert "formula that was never computed" in bad.reason
    assert (type(life), life.code) == (Life, "U00071")


def test_a_formula_that_was_computed_is_its_value(made):
    row = network(end='<c t="str"><f>T("20210331")</f><v>20210331</v></c>')

    assert claims_of(made([row], [partner()]))[0].closed_on == date(2021, 4, 1)


def test_another_workbook_is_not_recognised(path):
    workbook(path, {"PCNDetails": [["Code", "Name"], ["U00070", "WEST MERTON PCN"]]})

    with opened(path) as document, pytest.raises(NotRecognised, match="PCNDetails"):
        recognise(document)
