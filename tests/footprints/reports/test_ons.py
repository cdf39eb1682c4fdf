"""ONS names and codes: pairs of codes of a year, and nothing of what stands beside them."""

from collections import Counter
from datetime import date

import pytest

from footprints.reports import BadLine, Label
from footprints.reports.opening import opened
from footprints.reports.recognising import recognise

HEADER = "FID,CCG21CD,CCG21CDH,CCG21NM,STP21CD,STP21CDH,STP21NM,NHSER21CD,NHSER21CDH,NHSER21NM\n"
# As published for April 2021.
FIRST = (
    "1,E38000236,18C,NHS Herefordshire and Worcestershire CCG,E54000019,QGH,"
    "Herefordshire and Worcestershire,E40000008,Y60,Midlands\n"
)
SECOND = (
    "2,E38000242,78H,NHS Northamptonshire CCG,E54000020,QPM,Northamptonshire,E40000008,Y60,"
    "Midlands\n"
)


def read(path, text=None):
    if text:
        path.write_text("\ufeff" + text)
    with opened(path) as document:
        reader = recognise(document)
        return reader.source, reader.day(), list(reader.claims(reader.day()))


def test_the_published_file(shared):
    source, day, claims = read(shared / "ods/CCG_to_STP_to_NHSER_April_2021.csv")

    assert (source, day) == ("ons-names-and-codes-ccg", date(2021, 4, 1))
    kinds = Counter(claim.value[:3] for claim in claims)
    assert kinds == {"E38": 106, "E54": 42, "E40": 7}
    assert all(type(claim) is Label and claim.scheme == "gss" for claim in claims)
    assert claims[0] == Label(2, "18C", "gss", "E38000236")
    assert claims[-1] == Label(107, "QWU", "gss", "E54000018")


def test_each_area_is_labelled_once(path):
    """A mark before the first column, which counts; 7 regions repeat in 106 lines."""
    _, _, claims = read(path, HEADER + FIRST + SECOND)

    assert [(claim.line, claim.code, claim.value) for claim in claims] == [
        (2, "18C", "E38000236"),
        (2, "QGH", "E54000019"),
        (2, "Y60", "E40000008"),
        (3, "78H", "E38000242"),
        (3, "QPM", "E54000020"),
    ]


@pytest.mark.parametrize(
    ("columns", "source", "day"),
    [
        ("CCG20CD,CCG20CDH,CCG20NM,FID", "ccg", date(2020, 4, 1)),
        ("SICBL23CD,SICBL23CDH,SICBL23NM,ObjectId", "sub-icb", date(2023, 4, 1)),
        ("SICBL22CD,SICBL22CDH,SICBL22NM,ObjectId", "sub-icb", date(2022, 7, 1)),
        ("LOC22CD,LOC22CDH,LOC22NM,ObjectId", "sub-icb", date(2022, 7, 1)),
        ("STP20CD,STP20CDH,STP20NM,FID", "stp", date(2020, 4, 1)),
        ("ICB22CD,ICB22CDH,ICB22NM,ObjectId", "icb", date(2022, 7, 1)),
        ("ICB24CD,ICB24CDH,ICB24NM,ObjectId", "icb", date(2024, 4, 1)),
        ("NHSER21CD,NHSER21CDH,NHSER21NM,ObjectId", "region", date(2021, 4, 1)),
        ("LSOA11CD,CCG21CD,CCG21CDH,STP21CDH", "ccg", date(2021, 4, 1)),
    ],
)
def test_the_year_and_the_kind_stand_in_the_columns(path, columns, source, day):
    values = {"CD": "E38000236", "DH": "18C"}
    row = ",".join(values.get(name[-2:], "1") for name in columns.split(","))
    found = read(path, f"{columns}\n{row}\n")

    assert found == (f"ons-names-and-codes-{source}", day, [Label(2, "18C", "gss", "E38000236")])


def test_a_pair_that_contradicts_an_earlier_one(path):
    other = SECOND.replace("E40000008", "E40000009")
    _, _, claims = read(path, HEADER + FIRST + other)

    assert claims[3:] == [BadLine(3, "Y60 has E40000008 in line 2, and E40000009 here.", "78H")]


def test_what_is_no_code(path):
    _, _, claims = read(path, HEADER + FIRST.replace("E38000236", "38000236") + SECOND)

    assert claims[0] == BadLine(2, "'38000236' is no GSS code.", "18C")
    assert claims[1].code == "78H"
