"""Sources are shown as a reader would name them, whatever shorthand the facts keep."""

import csv

from footprints import bundle
from footprints.citations import LIST, cited, remarked


def test_each_source_of_a_fact_is_named_in_words():
    assert cited("eccg 2025-12; eccg 2016-02; ONS lists") == [
        "ODS report of CCGs, sub-ICB locations and hubs (eccg): December 2025",
        "ODS report of CCGs, sub-ICB locations and hubs (eccg): February 2016",
        "ONS lists of names and codes",
    ]
    assert cited("etr 2015/2020/2022-03") == [
        "ODS report of NHS trusts (etr): 2015, 2020, March 2022"
    ]
    assert cited("snapshots 2017-04-01,2019-04-03") == [
        "Memberships as they were published at the time: 1 Apr 2017, 3 Apr 2019"
    ]


def test_what_is_not_listed_is_shown_as_it_stands():
    assert cited("Letter of the chair; minute 4") == ["Letter of the chair", "minute 4"]
    assert cited("https://example.nhs.uk/2022-07-01/page; rcpch") == [
        "https://example.nhs.uk/2022-07-01/page",
        "RCPCH, NHS organisations project",
    ]
    assert cited("") == []
    assert cited("A list (of 2019-04-01; draft)") == ["A list (of 1 Apr 2019; draft)"]
    assert cited("code 2019-13") == ["code 2019-13"]  # no month


def test_a_note_is_a_sentence_with_its_days_in_words():
    assert remarked("became an ICB on 2022-07-01; GSS was E54000004") == (
        "Became an ICB on 1 Jul 2022; ONS code was E54000004"
    )
    assert remarked("ambulance; ") == "Ambulance"
    assert remarked("") == ""


def test_no_source_of_the_bundle_is_left_in_shorthand():
    read = bundle.read()
    rows = [
        *read.versions,
        *read.identifiers,
        *read.relationships,
        *read.lead_providers,
        *read.populations,
        *read.successions,
    ]
    said = {name for row in rows for name in cited(row.source)}

    raw = ("rcpch ", "eccg 20", "etr ", "ePCN 20", "stps.xlsx", "geographr ", "NHSD", "snapshots")
    assert [name for name in said if name.startswith(raw)] == []
    assert not [name for name in said if ".py" in name or ".md" in name]
    assert len(said) > 60


def test_every_shorthand_is_listed_once():
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert len({row["shorthand"] for row in rows}) == len(rows)
    assert all(row["says"][0].isupper() for row in rows)
