"""Names as the field writes them."""

import pytest

from footprints import bundle
from footprints.names import count, inline, listed, short, written


@pytest.mark.parametrize(
    ("published", "read"),
    [
        ("KENT AND MEDWAY NHS TRUST", "Kent and Medway NHS Trust"),
        ("THE NEWCASTLE UPON TYNE HOSPITALS", "The Newcastle upon Tyne Hospitals"),
        (
            "GUY'S AND ST THOMAS' NHS FOUNDATION TRUST",
            "Guy's and St Thomas' NHS Foundation Trust",
        ),
        ("LYTHAM ST ANNE'S & ANSDELL PCN", "Lytham St Anne's & Ansdell PCN"),
        ("STANFORD-LE-HOPE PCN", "Stanford-le-Hope PCN"),
        ("UNIVERSITY HOSPITALS OF STOKE-ON-TRENT", "University Hospitals of Stoke-on-Trent"),
        ("BABYLON GP AT HAND PCN", "Babylon GP at Hand PCN"),
        ("O'CONNOR HOUSE PCN", "O'Connor House PCN"),
        ("EDEN (CUMBRIA) PCN", "Eden (Cumbria) PCN"),
        ("HONITON/OTTERY/SID VALLEY PCN", "Honiton/Ottery/Sid Valley PCN"),
        ("SWB PIONEERS PCN", "SWB Pioneers PCN"),
        ("WALSALL  WEST   2 PCN", "Walsall West 2 PCN"),
        ("A34 WEST BERKSHIRE PCN", "A34 West Berkshire PCN"),
        ("BRUNEL HEALTH GROUP PCN4", "Brunel Health Group PCN4"),
    ],
)
def test_a_name_in_capitals_is_written_as_the_field_writes_it(published, read):
    assert written(published) == read


@pytest.mark.parametrize(
    "name",
    [
        "NHS Kent and Medway ICB - 91Q",
        "NHS Hampshire and Isle Of Wight ICB - D9Y0V",
        "IMPACT East Midlands Provider Collaborative",
        "NHS",
        "PROSPECT",
        "PCN 4",
        "",
    ],
)
def test_a_name_in_mixed_case_or_of_initials_is_left_as_it_is(name):
    assert written(name) == name


def test_what_is_written_once_stays_so():
    for row in bundle.read().versions:
        assert written(row.name) == row.name
        assert row.name == row.name.strip()


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("NHS Kent and Medway CCG", "Kent and Medway"),
        ("NHS Thames Valley Integrated Care Board", "Thames Valley"),
        ("Isle of Wight NHS Trust", "Isle of Wight"),
        ("Oxford Health NHS Foundation Trust", "Oxford Health"),
        ("Cumbria and North East STP", "Cumbria and North East"),
        ("Mendip Vale PCN", "Mendip Vale PCN"),
        ("NHS", "NHS"),
    ],
)
def test_a_name_without_its_legal_frame(name, without):
    assert short(name) == without


@pytest.mark.parametrize(
    ("kind", "within"),
    [
        ("Trust", "trust"),
        ("Sub-ICB location", "sub-ICB location"),
        ("ICB", "ICB"),
        ("CCGs", "CCGs"),
        ("HSC trust (Northern Ireland)", "HSC trust (Northern Ireland)"),
    ],
)
def test_a_kind_within_a_sentence(kind, within):
    assert inline(kind) == within


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "no CCGs"),
        (1, "one CCG"),
        (8, "eight CCGs"),
        (20, "twenty CCGs"),
        (21, "21 CCGs"),
        (1323, "1,323 CCGs"),
    ],
)
def test_a_number_is_a_word_up_to_twenty(number, words):
    assert count(number, "CCG", "CCGs") == words


@pytest.mark.parametrize(
    ("names", "row"),
    [
        ([], ""),
        (["Kent"], "Kent"),
        (["Kent", "Sussex"], "Kent and Sussex"),
        (["Essex", "Kent", "Sussex"], "Essex, Kent and Sussex"),
        (["Kent and Medway", "Sussex"], "Kent and Medway, and Sussex"),
        (["Kent and Medway"], "Kent and Medway"),
    ],
)
def test_names_in_a_row(names, row):
    assert listed(names) == row
