"""The practice map: two places of each practice, on the day of the extract."""

from collections import Counter
from datetime import date

import pytest

from footprints.reports import BadLine, Bond
from footprints.reports.maps import PracticeMap
from footprints.reports.opening import opened
from footprints.reports.recognising import recognise

HEADER = (
    "PUBLICATION,EXTRACT_DATE,PRACTICE_CODE,PRACTICE_NAME,PRACTICE_POSTCODE,PCN_CODE,PCN_NAME,"
    "ONS_CCG_CODE,CCG_CODE,CCG_NAME,ONS_STP_CODE,STP_CODE,STP_NAME,ONS_COMM_REGION_CODE,"
    "COMM_REGION_CODE,COMM_REGION_NAME\n"
)
# As published in January 2022.
DENSHAM = (
    "GP_PRAC_PAT_LIST,01Jan2022,A81001,THE DENSHAM SURGERY,TS18 1HU,U89141,STOCKTON PCN,"
    "E38000247,16C,NHS Tees Valley CCG,E54000050,QHM,Cumbria and North East,E40000009,Y63,"
    "North East and Yorkshire\n"
)
RIVERSDALE = (
    "GP_PRAC_PAT_LIST,01Jan2022,A84035,RIVERSDALE SURGERY,NE42 5DQ,U,Unallocated,E38000130,00L,"
    "NHS Northumberland CCG,E54000050,QHM,Cumbria and North East,E40000009,Y63,"
    "North East and Yorkshire\n"
)


def read(path, text=None):
    if text:
        path.write_text(text)
    with opened(path) as document:
        reader = recognise(document)
        assert type(reader) is PracticeMap
        return reader.day(), list(reader.claims(date(2022, 1, 1)))


def test_the_published_file(shared):
    day, claims = read(shared / "ods/gp-reg-pat-prac-map_2022-01.csv")

    assert day == date(2022, 1, 1)
    assert Counter(claim.slot for claim in claims) == {"commissioner": 6527, "pcn": 6459}
    assert claims[:2] == [
        Bond(2, "pcn", "A81001", "U89141"),
        Bond(2, "commissioner", "A81001", "16C"),
    ]
    assert claims[-1] == Bond(6528, "commissioner", "Y07059", "06H")


def test_an_unallocated_practice_is_in_no_pcn(path):
    """68 practices have the PCN "U", which is none."""
    _, claims = read(path, HEADER + RIVERSDALE)

    assert claims == [Bond(2, "commissioner", "A84035", "00L")]


@pytest.mark.parametrize("commissioner", ["SUB_ICB_LOCATION_CODE", "SUB_ICB_CODE"])
def test_the_columns_of_later_years(path, commissioner):
    header = HEADER.replace("ONS_CCG_CODE,CCG_CODE", f"ONS_X,{commissioner}")
    _, claims = read(path, header + DENSHAM)

    assert claims[1] == Bond(2, "commissioner", "A81001", "16C")


def test_rows_of_another_day_or_without_one(path):
    day, claims = read(
        path,
        HEADER
        + DENSHAM
        + RIVERSDALE.replace("01Jan2022", "01Dec2021")
        + RIVERSDALE.replace("01Jan2022", "New Year")
        + DENSHAM.replace("U89141", "U07032"),
    )

    assert day == date(2022, 1, 1)
    assert claims[2:] == [
        BadLine(3, "It is of another day than the rest: '01Dec2021'.", "A84035"),
        BadLine(4, "'New Year' is no day.", "A84035"),
        BadLine(5, "A81001 stands in line 2 already, and otherwise.", "A81001"),
    ]
