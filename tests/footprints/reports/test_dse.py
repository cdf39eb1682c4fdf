"""Data Search and Export: what holds on the day of the search, and PCNs that have days.

The objects are real ones as public tests of 2025 and 2026 show them, shortened.
"""

import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footprints.reports import BadLine, Bond, Doubt, Label, Life, Record
from footprints.reports.dse import Search
from footprints.reports.opening import Unreadable, opened
from footprints.reports.recognising import recognise
from tests.footprints.reports.fullfile import measured

DAY = date(2026, 3, 20)


def body(id, name, primary_role, primary_role_name, **more):
    return {
        "id": id,
        "name": name,
        "inactive": False,
        "roleName": [],
        "primaryRole": primary_role,
        "primaryRoleName": primary_role_name,
        "isPartnerToCode": [],
        "RE4": "",
        "ICB": "QHG",
        "NHSER": "Y61",
        "country": "ENGLAND",
        **more,
    }


REGION = body("Y61", "EAST OF ENGLAND COMMISSIONING REGION", "RO209", "NHS ENGLAND (REGION)")
ICB = body(
    "QHG",
    "NHS BEDFORDSHIRE INTEGRATED CARE BOARD",
    "RO261",
    "STRATEGIC PARTNERSHIP",
    roleName=["INTEGRATED CARE BOARD"],
)
LOCATION = body(
    "M1J4Y",
    "NHS BEDFORDSHIRE ICB - M1J4Y",
    "RO98",
    "CLINICAL COMMISSIONING GROUP",
    roleName=["SUB ICB LOCATION"],
)
PCN = body("U49574", "ASCENT PCN", "RO272", "PRIMARY CARE NETWORK", RE4="M1J4Y")


def practice(id="E81050", name="ASPLANDS MEDICAL CENTRE", **more):
    more = {"RE4": "M1J4Y", "isPartnerToCode": ["U49574"], "roleName": ["GP PRACTICE"], **more}
    return body(id, name, "RO177", "PRESCRIBING COST CENTRE", **more)


CENTRE = body(
    "Y08176",
    "ACHE PUTNOE BEDS",
    "RO177",
    "PRESCRIBING COST CENTRE",
    roleName=["COMMUNITY HEALTH SERVICE PRESCRIBING COST CENTRE"],
    RE4="M1J4Y",
)
WELSH = practice(
    "W95633",
    "74 MONK STREET",
    RE4="7A5",
    ICB="",
    NHSER="",
    country="WALES",
    isPartnerToCode=[],
)


def partnership(practice, pcn, start, end="", *, status="active"):
    return {
        "id": "726656",
        "relationshipTypeCode": "RE8",
        "sourceOrgCode": practice,
        "sourceOrgRole": "RO76",
        "targetOrgCode": pcn,
        "targetOrgRole": ["RO272"],
        "legStartDate": start,
        "legEndDate": end,
        "opStartDate": start,
        "opEndDate": end,
        "inactive": status == "retired",
        "status": status,
    }


def pcn(id, name, *partnerships):
    return {
        **body(id, name, "RO272", "PRIMARY CARE NETWORK", RE4="15E"),
        "relationships": {"PRESCRIBING COST CENTRE": list(partnerships)},
    }


@pytest.fixture
def read(tmp_path):
    def claims(*objects, text=None, day=DAY):
        path = tmp_path / "export.dat"
        path.write_text(json.dumps(list(objects)) if text is None else text)
        with opened(path) as document:
            reader = recognise(document)
            assert isinstance(reader, Search)
            return list(reader.claims(day))

    return claims


def of(claims, *types):
    return [claim for claim in claims if isinstance(claim, types)]


def test_an_export_says_what_each_body_is_and_where(read):
    claims = read(REGION, ICB, LOCATION, PCN, practice(), CENTRE, WELSH)

    assert of(claims, Life) == [
        Life(1, "Y61", "region", "East of England Commissioning Region", None),
        Life(2, "QHG", "icb", "NHS Bedfordshire Integrated Care Board", None),
        Life(3, "M1J4Y", "sub_icb", "NHS Bedfordshire ICB - M1J4Y", None),
        Life(4, "U49574", "pcn", "Ascent PCN", None),
        Life(5, "E81050", "practice", "Asplands Medical Centre", None),
        Life(6, "Y08176", "prescribing_cost_centre", "Ache Putnoe Beds", None),
        Life(7, "W95633", "practice", "74 Monk Street", None),
    ]
    assert of(claims, Bond) == [
        Bond(2, "system region", "QHG", "Y61"),
        Bond(3, "location system", "M1J4Y", "QHG"),
        Bond(4, "pcn location", "U49574", "M1J4Y"),
        Bond(5, "commissioner", "E81050", "M1J4Y"),
        Bond(6, "commissioner", "Y08176", "M1J4Y"),
        Bond(7, "commissioner", "W95633", "7A5"),
        Bond(5, "pcn", "E81050", "U49574"),
    ]
    assert of(claims, Doubt, BadLine) == []


def test_roles_are_known_by_code_or_by_name(read):
    by_name = {**ICB, "primaryRole": None}
    by_code = {**ICB, "role": ["RO261", "RO318"], "roleName": None, "primaryRoleName": "?"}

    assert of(read(by_name), Life) == of(read(by_code), Life) == of(read(ICB), Life)


def test_a_page_of_the_search_a_page_a_line_and_an_array_say_the_same(read):
    pages = [
        {"orgArray": [LOCATION, PCN], "orgCodeSystemUpdatedAt": "22-09-2026"},
        {"orgArray": [practice()], "orgCodeSystemUpdatedAt": "23-09-2026"},
    ]
    whole = {"orgArray": [LOCATION, PCN, practice()], "orgCodeSystemUpdatedAt": "23-09-2026"}

    of_array = read(LOCATION, PCN, practice())
    of_lines = read(text="".join(json.dumps(page) + "\n" for page in pages))

    assert read(text=json.dumps(whole, indent=2)) == of_array
    assert [claim.code for claim in of(of_lines, Life)] == ["M1J4Y", "U49574", "E81050"]
    assert [claim.line for claim in of(of_lines, Life)] == [1, 1, 2]


def test_the_day_is_the_answers_own_or_that_of_the_newest_change(tmp_path):
    path = tmp_path / "export"
    changed = [{**PCN, "lastChangeDate": "2026-03-02"}, {**LOCATION, "lastChangeDate": ""}]

    def day(document):
        path.write_text(json.dumps(document))
        with opened(path) as found:
            return recognise(found).day()

    assert day({"orgArray": changed, "orgCodeSystemUpdatedAt": "22-09-2026"}) == date(2026, 9, 22)
    assert day(changed) == date(2026, 3, 2)
    assert day([PCN]) is None


def test_a_change_entered_before_its_day_is_two_pcns_one_after_the_other(read):
    # North Solihull and Sheldon, on 20 March 2026: April's partnership is called retired.
    objects = [
        pcn(
            "U93165",
            "NORTH SOLIHULL PCN",
            partnership("M85171", "U93165", "2021-04-01", "2026-03-31"),
        ),
        practice("M85171", "ROWLANDS ROAD SURGERY", isPartnerToCode=["U93165", "U25891"]),
        pcn(
            "U25891",
            "SHELDON PCN",
            partnership("M85171", "U25891", "2026-04-01", status="retired"),
        ),
    ]

    claims = read(*objects)

    assert [bond for bond in of(claims, Bond) if bond.slot == "pcn"] == [
        Bond(2, "pcn", "M85171", "U93165", date(2021, 4, 1), date(2026, 4, 1)),
        Bond(2, "pcn", "M85171", "U25891", date(2026, 4, 1)),
    ]
    assert of(claims, Doubt) == []


def test_two_pcns_without_a_day_are_none_and_a_doubt(read):
    claims = read(practice(isPartnerToCode=["U93165", "U25891"]))

    assert [bond.slot for bond in of(claims, Bond)] == ["commissioner"]
    assert of(claims, Doubt) == [
        Doubt(
            1,
            "practice in two PCNs",
            "E81050: U25891 and U93165, and no day tells which.",
            "E81050",
        )
    ]


def test_two_pcns_that_overlap_are_a_doubt_and_the_newer_ends_the_older(read):
    # One Care Lambeth, on 20 March 2026: neither partnership has an end.
    claims = read(
        pcn("U39721", "HILLS PCN", partnership("Y07020", "U39721", "2021-05-01")),
        pcn("U36779", "BRIXTON PCN", partnership("Y07020", "U36779", "2026-03-15")),
        practice("Y07020", "ONE CARE LAMBETH", isPartnerToCode=["U36779", "U39721"]),
    )

    assert of(claims, Doubt) == [
        Doubt(3, "practice in two PCNs", "Y07020: U39721 and U36779.", "Y07020")
    ]
    assert [bond for bond in of(claims, Bond) if bond.slot == "pcn"] == [
        Bond(3, "pcn", "Y07020", "U39721", date(2021, 5, 1), date(2026, 3, 15)),
        Bond(3, "pcn", "Y07020", "U36779", date(2026, 3, 15)),
    ]


def test_one_partner_that_is_named_twice_is_one(read):
    claims = read(practice(isPartnerToCode=["U49574", "U49574"]))

    assert [bond.parent for bond in of(claims, Bond) if bond.slot == "pcn"] == ["U49574"]


def test_a_partnership_that_has_ended_on_no_day_is_counted(read):
    claims = read(
        pcn("U1", "OLD PCN", partnership("E81050", "U1", "2019-07-01", status="retired")),
        practice(),
    )

    assert [bond.parent for bond in of(claims, Bond) if bond.slot == "pcn"] == ["U49574"]
    assert [doubt.topic for doubt in of(claims, Doubt)] == ["closed without a day"]


def test_trusts_their_sites_and_entities_have_their_places(read):
    trust = body("RC9", "BEDFORDSHIRE HOSPITALS NHS TRUST", "RO197", "NHS TRUST")
    site = body("RC979", "LUTON HOSPITAL", "RO198", "NHS TRUST SITE", RE6="RC9")
    entity = body(
        "A4R1E",
        "NEWHAM",
        "RO98",
        "CLINICAL COMMISSIONING GROUP",
        role=["RO98", "RO327"],
        ICB="QMF",
    )
    of_it = practice(RE4="", PCO="A3A8R", RE11="A4R1E", isPartnerToCode=None)

    assert [
        (bond.slot, bond.child, bond.parent) for bond in of(read(trust, site, entity, of_it), Bond)
    ] == [
        ("system", "RC9", "QHG"),
        ("site trust", "RC979", "RC9"),
        ("reporting entity system", "A4R1E", "QMF"),
        ("commissioner", "E81050", "A3A8R"),
        ("reporting entity", "E81050", "A4R1E"),
    ]


def test_days_are_read_where_an_object_has_them(read):
    claims = read(
        practice(
            opStartDate="1974-04-01",
            opEndDate="",
            legStartDate="",
            legEndDate="",
            isCommissionedByLegalStartDate="2021-04-01",
            postcode="mk17  8nt",
        )
    )

    life, bond, label, _ = claims
    assert life.opened_on == date(1974, 4, 1)
    assert bond == Bond(1, "commissioner", "E81050", "M1J4Y", date(2021, 4, 1))
    assert label == Label(1, "E81050", "postcode", "MK17 8NT")


def test_a_closed_body_has_its_last_day_and_no_place(read):
    (life,) = read(practice(inactive=True, opStartDate="1974-04-01", opEndDate="2025-09-30"))

    assert life.closed_on == date(2025, 10, 1)


def test_closed_without_a_day_says_nothing_of_its_life(read):
    assert read(practice(inactive=True)) == [
        Doubt(1, "closed without a day", "E81050 is inactive, and no day is given.", "E81050")
    ]


def test_a_body_that_opens_next_month_is_called_inactive_and_is_ahead(read):
    life, *_ = read(practice(inactive=True, opStartDate="2026-04-01"))

    assert (life.opened_on, life.closed_on) == (date(2026, 4, 1), None)


def test_a_ccg_is_compared(read):
    ccg = body(
        "99A",
        "NHS LIVERPOOL CCG",
        "RO98",
        "CLINICAL COMMISSIONING GROUP",
        inactive=True,
        opStartDate="2013-04-01",
        opEndDate="2022-06-30",
    )

    assert read(ccg) == [Record(1, "99A", date(2013, 4, 1), date(2022, 7, 1))]


def test_a_filler_and_differing_days_are_doubts(read):
    claims = read(
        {**PCN, "opStartDate": "1900-01-01"},
        practice(opStartDate="2019-10-25", legStartDate="2020-04-01"),
    )

    assert [doubt.topic for doubt in of(claims, Doubt)] == [
        "filler date",
        "operational day differs from the legal one",
    ]
    assert [life.opened_on for life in of(claims, Life)] == [None, date(2020, 4, 1)]


def test_what_is_odd_in_an_object_is_named(read):
    claims = read(
        practice(),
        practice(),
        practice("E81051", name=""),
        practice("E 81052"),
        practice("E81053", RE4="E81053", isPartnerToCode=[]),
        practice("E81054", opStartDate="yesterday"),
        practice("E81055", RE4={"code": "M1J4Y"}),
        body("FX101", "A PHARMACY", "RO182", "PHARMACY"),
        {"id": "E81056"},
        7,
    )

    assert [(type(claim).__name__, claim.line) for claim in of(claims, Doubt, BadLine)] == [
        ("Doubt", 2),
        ("BadLine", 3),
        ("BadLine", 4),
        ("Doubt", 5),
        ("BadLine", 6),
        ("BadLine", 7),
        ("BadLine", 9),
        ("BadLine", 10),
        ("Doubt", 8),
    ]
    assert of(claims, Doubt)[-1].text == (
        "RO182 PHARMACY: 1 records of no kind that the register holds."
    )


def test_half_a_page_is_refused(read):
    whole = json.dumps({"orgArray": [LOCATION, PCN, practice()], "total": 3})

    for end in (len(whole) - 1, len(whole) - 20, len(whole) // 2):
        with pytest.raises(Unreadable, match="half a file"):
            read(text=whole[:end])


WHOLE = json.dumps(
    [
        ICB,
        LOCATION,
        practice("M85171", isPartnerToCode=["U93165", "U25891"], postcode="B26 1AT"),
        pcn("U93165", "SHELDON PCN", partnership("M85171", "U93165", "2021-04-01", "2026-03-31")),
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE)),
            st.integers(0, 60),
            st.sampled_from(["[", "{", "}", "null", ",", '"', "\\u0000", "1e999", "RO98", "\n"])
            | st.text(max_size=20),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_change_of_a_file_gives_claims_or_a_clear_answer(tmp_path_factory, changes):
    text = WHOLE
    for at, length, put in changes:
        text = text[:at] + put + text[at + length :]
    path = tmp_path_factory.mktemp("changed", numbered=True) / "file"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    try:
        with opened(path) as document:
            reader = recognise(document)
            reader.day()
            claims = list(reader.claims(DAY))
    except Unreadable as error:
        assert str(error).endswith((".", "?"))
        return
    for claim in of(claims, Life):
        assert claim.kind in Search.authority.lives
        assert claim.name.isprintable()
    for claim in of(claims, Bond):
        assert claim.child != claim.parent
        assert claim.closed_on is None or claim.closed_on > claim.opened_on


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "export.json"
    one = json.dumps(practice("#####", address="THE SURGERY, " * 40, postcode="MK17 8NT"))
    with path.open("w") as out:
        out.write('{"orgArray": [')
        out.write(",".join(one.replace("#####", f"E{each:05d}") for each in range(20_000)))
        out.write('], "orgCodeSystemUpdatedAt": "22-09-2026"}')

    number, grown = measured(path)

    assert number == 80_000
    assert grown < 40  # the file has 20 MB, its objects some 80; practices wait for their PCNs
