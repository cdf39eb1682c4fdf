"""The full file of ODS: what its records say, and what is said where they say it oddly.

Records are real ones, shortened, or made after real ones where so named.
"""

import gzip
import json
import zipfile
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footprints import bundle
from footprints.models import Relationship, Version
from footprints.reports import BadLine, Bond, Doubt, Label, Life, Passing, Record, roles
from footprints.reports.odsxml import FullFile
from footprints.reports.opening import Unreadable, opened
from footprints.reports.recognising import recognise
from footprints.services.merging import merge
from tests.footprints.reports.fullfile import (
    days,
    full_file,
    measured,
    practice,
    record,
    rel,
    role,
    succ,
)

DAY = date(2026, 8, 27)


@pytest.fixture
def read(tmp_path):
    """Claims of a full file of these records, or of that text."""

    def claims(*records, text=None, day=DAY, **manifest):
        path = tmp_path / "anything.dat"
        path.write_text(text or "".join(full_file(records, **manifest)), encoding="utf-8")
        with opened(path) as document:
            return list(recognise(document).claims(day))

    return claims


def of(claims, *types):
    return [claim for claim in claims if isinstance(claim, types)]


def topics(claims):
    return [claim.topic for claim in of(claims, Doubt)]


# --- The document -------------------------------------------------------------------------------


def test_the_full_file_is_known_by_its_namespace_and_tells_its_day(tmp_path):
    path = tmp_path / "whatever"
    path.write_text("".join(full_file([practice()])))

    with opened(path) as document:
        reader = recognise(document)
        assert isinstance(reader, FullFile)
        assert reader.source == "ods-xml"
        assert reader.day() == DAY


def test_another_xml_is_not_taken_for_it(tmp_path):
    path = tmp_path / "HSCOrgRefData_Full_20260827.xml"
    path.write_text('<?xml version="1.0"?><rss version="2.0"><channel/></rss>')

    with opened(path) as document:
        assert not FullFile.recognises(document)


def test_every_tag_may_be_in_the_namespace(read):
    plain = read(practice(rels=[rel("RE8", "U93165", "RO272", "2021-04-01")], postcode="B26 1AT"))
    prefixed = read(
        practice(rels=[rel("RE8", "U93165", "RO272", "2021-04-01")], postcode="B26 1AT"),
        prefix="un",
    )

    assert plain == prefixed
    assert len(plain) == 3


def test_the_zip_of_trud_is_read_through_both_its_files(tmp_path):
    closed = record(
        "RJY",
        "WIGAN AND LEIGH HEALTH SERVICES NHS TRUST",
        days("1993-04-01", "2001-03-31"),
        [role("RO197", "1993-04-01", "2001-03-31", primary=True)],
        status="Inactive",
    )
    stub = {**closed, "refOnly": True}
    inner = {
        "fullfile.zip": ("HSCOrgRefData_Full_20260827.xml", [practice(), stub]),
        "archive.zip": ("HSCOrgRefData_Archive_20260827.xml", [closed]),
    }
    path = tmp_path / "hscorgrefdataxml_data_7.0.0_20260828000001.zip"
    with zipfile.ZipFile(path, "w") as outer:
        for name, (member, records) in inner.items():
            with (
                outer.open(name, "w") as place,
                zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as packed,
            ):
                packed.writestr(member, "".join(full_file(records)))

    with opened(path) as document:
        reader = recognise(document)
        claims = list(reader.claims(reader.day()))

    assert claims == [
        Life(1, "M85171", "practice", "Rowlands Road Surgery", date(1974, 4, 1)),
        Life(
            3,
            "RJY",
            "trust",
            "Wigan and Leigh Health Services NHS Trust",
            date(1993, 4, 1),
            date(2001, 4, 1),
        ),
    ]


def test_half_a_file_is_refused(read):
    whole = "".join(full_file([practice(), practice("M85172")]))

    for part in (whole[: len(whole) // 2], whole[:-20], whole[:400]):
        with pytest.raises(Unreadable, match="half a file"):
            read(text=part)


def test_fewer_records_than_announced_are_half_a_file_too(read):
    with pytest.raises(Unreadable, match=r"says that it has 305,541 records, and has 1"):
        read(practice(), count=305_541)


def test_more_records_than_announced_are_odd(read):
    assert topics(read(practice(), practice("M85172"), count=1)) == ["more records than announced"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("v2-0-0", "v3-0-0"), "layout v3-0-0; the one known is v2-0-0"),
        (('Version value="2-0-0"', 'Version value="3-1-0"'), "version 3-1-0"),
        (("</Manifest>", "</Manifesto>"), "cannot be read in line 11"),
        (('"utf-8"', '"utf-80"'), "an encoding that cannot be read"),
        (('"utf-8"', '"shift_jis"'), "an encoding that cannot be read"),
    ],
)
def test_another_layout_is_refused(read, change, reason):
    with pytest.raises(Unreadable, match=reason):
        read(text="".join(full_file([practice()])).replace(*change))


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY a "NHS"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd">',
    ],
)
def test_no_entity_is_declared(read, declaration):
    whole = "".join(full_file([practice()]))
    with pytest.raises(Unreadable, match="declares a document type"):
        read(text=whole.replace("?>\n", f"?>\n{declaration}", 1))


@pytest.mark.parametrize(
    ("inserted", "reason"),
    [
        ("<Contacts>" * 100_000, "nested more than"),
        (f'<Contact value="{"x" * 5_000_000}" />', "A single tag has more than"),
        ("<Contacts><PostCode>" + "NHS " * 100_000, "longer than any can be"),
        ("<Contacts></Contacts><Roles>" + '<Role id="RO76" />' * 3_000, "more than 2,000 parts"),
    ],
)
def test_what_would_fill_the_memory_is_refused(read, inserted, reason):
    whole = "".join(full_file([practice()]))
    with pytest.raises(Unreadable, match=reason):
        read(text=whole.replace("<Contacts>", inserted, 1))


# --- Kinds --------------------------------------------------------------------------------------

KENT = record(  # as ORD gives it; Kent's ICB has no other location
    "91Q",
    "NHS KENT AND MEDWAY ICB - 91Q",
    days("2019-10-23", legal="2020-04-01"),
    [
        role("RO98", legal="2020-04-01", primary=True),
        role("RO319", "2022-07-01"),
    ],
    [rel("RE5", "QKS", "RO261", "2020-04-01")],
    [succ("Predecessor", "10E", "2020-04-01")],
)


def test_a_sub_icb_location_is_one_since_its_role_not_since_its_code(read):
    claims = read(KENT)

    assert of(claims, Life) == [
        Life(
            1,
            "91Q",
            "sub_icb",
            "NHS Kent and Medway ICB - 91Q",
            date(2020, 4, 1),
            None,
            since=date(2022, 7, 1),
        )
    ]
    # Nothing of the CCG's parents: the STP had the code that the ICB has.
    assert of(claims, Bond) == [Bond(1, "location system", "91Q", "QKS", date(2022, 7, 1))]
    assert of(claims, Passing) == [Passing(1, "10E", "91Q", date(2020, 4, 1))]


def test_an_icb_is_a_partnership_with_a_second_role(read):
    birmingham = record(
        "QHL",
        "NHS BIRMINGHAM AND SOLIHULL INTEGRATED CARE BOARD",
        days(legal="2017-04-01"),
        [
            role("RO261", legal="2017-04-01", primary=True),
            role("RO262", legal=("2017-04-01", "2022-06-30")),
            role("RO318", legal="2022-07-01"),
        ],
        [rel("RE5", "Y60", "RO209", "2019-04-01")],
    )
    black_country = record(
        "QUA", "THE BLACK COUNTRY", days(legal="2017-04-01"), [role("RO261", primary=True)]
    )

    assert of(read(birmingham, black_country), Life, Bond, Record) == [
        Life(
            1,
            "QHL",
            "icb",
            "NHS Birmingham and Solihull Integrated Care Board",
            date(2017, 4, 1),
            None,
            date(2022, 7, 1),
        ),
        Bond(1, "system region", "QHL", "Y60", date(2022, 7, 1)),
        Record(2, "QUA", date(2017, 4, 1)),
    ]


def test_a_closed_ccg_is_compared_and_not_stated(read):
    gateshead = record(  # the law made 13T four months after it began to work
        "13T",
        "NHS NEWCASTLE GATESHEAD CCG",
        days("2014-11-26", "2022-06-30", legal=("2015-04-01", "2022-06-30")),
        [role("RO98", "2014-11-26", "2022-06-30", primary=True)],
        [rel("RE5", "QHM", "RO261", "2018-06-07")],
        status="Inactive",
    )

    claims = read(gateshead)

    assert of(claims, Record) == [Record(1, "13T", date(2014, 11, 26), date(2022, 7, 1))]
    assert of(claims, Life, Bond) == []
    assert topics(claims) == ["operational day differs from the legal one"]


def test_a_practice_of_old_is_one_since_it_opened_though_its_role_came_in_2014(read):
    (life,) = of(read(practice()), Life)

    assert (life.kind, life.opened_on, life.since) == ("practice", date(1974, 4, 1), None)


def test_a_practice_that_gave_up_is_a_cost_centre_since(read):
    former = record(
        "Y07792",
        "THE FORMER SURGERY",
        days("2010-04-01"),
        [
            role("RO177", "2010-04-01", primary=True),
            role("RO76", "2014-04-15", "2020-03-31"),
        ],
    )

    (life,) = of(read(former), Life)

    assert (life.kind, life.since) == ("prescribing_cost_centre", date(2020, 4, 1))


def test_of_a_closed_record_the_roles_of_its_last_day_count(read):
    frimley = record(
        "D4U1Y",
        "NHS FRIMLEY ICB - D4U1Y",
        days("2021-04-01", "2026-03-31"),
        [
            role("RO98", "2021-04-01", "2026-03-31", primary=True),
            role("RO319", "2022-07-01", "2026-03-31"),
        ],
        status="Inactive",
    )

    (life,) = of(read(frimley), Life)

    assert (life.kind, life.since, life.closed_on) == (
        "sub_icb",
        date(2022, 7, 1),
        date(2026, 4, 1),
    )


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        (["RO98", "RO319"], "sub_icb"),
        (["RO98", "RO319", "RO326"], "sub_icb"),
        (["RO98", "RO327"], "reporting_entity"),
        (["RO98", "RO218"], "commissioning_hub"),
        (["RO177", "RO76"], "practice"),
        (["RO177", "RO247"], "prescribing_cost_centre"),
        (["RO261", "RO318"], "icb"),
        (["RO197", "RO57", "RO7"], "trust"),
        (["RO107"], "care_trust"),
        (["RO198"], "trust_site"),
        (["RO272"], "pcn"),
        (["RO209"], "region"),
        (["RO141", "RO40"], "local_authority"),
        (["RO144"], "health_board_wales"),
        (["RO98"], "ccg"),
        (["RO182"], None),
        ([], None),
    ],
)
def test_roles_make_a_kind(held, kind):
    assert roles.kind_of(held) == kind


def test_each_kind_of_the_role_map_is_one_of_the_register():
    kinds = {row.kind for row in roles.by_code().values()}

    assert kinds <= {kind.code for kind in bundle.read().kinds}
    assert FullFile.authority.lives == kinds - {
        "ccg",
        "stp",
        "health_board_scotland",
        "hsc_trust_ni",
    }


def test_roles_of_no_kind_are_counted_once_a_role(read):
    shops = [
        record(f"FX{number}01", "A PHARMACY", days("1999-04-01"), [role("RO182", primary=True)])
        for number in range(3)
    ]

    assert read(*shops, practice())[1:] == [
        Doubt(
            1,
            "role not in the register",
            "RO182 PHARMACY: 3 records of no kind that the register holds.",
        )
    ]


def test_a_stub_says_nothing(read):
    assert read({**practice(), "refOnly": True}) == []


def test_a_region_without_a_status_of_its_own_is_open(read):
    region = record(
        "Y58",
        "SOUTH WEST COMMISSIONING REGION",
        days(legal="2018-04-01"),
        [role("RO209", legal="2018-04-01", primary=True)],
        status=None,
    )

    (life,) = read(region)

    assert (life.kind, life.closed_on) == ("region", None)


# --- Days ---------------------------------------------------------------------------------------


def test_the_legal_day_counts_and_a_differing_one_is_a_doubt(read):
    hub = record(  # South East H&J hub, as ORD gives it
        "97T",
        "SOUTH EAST - H&J COMMISSIONING HUB",
        days("2019-10-25", legal="2020-04-01"),
        [
            role("RO98", "2019-10-25", legal="2020-04-01", primary=True),
            role("RO218", "2019-10-25", legal="2020-04-01"),
        ],
    )

    life, doubt = sorted(read(hub), key=lambda claim: type(claim).__name__, reverse=True)

    assert (life.kind, life.opened_on, life.since) == ("commissioning_hub", date(2020, 4, 1), None)
    assert doubt == Doubt(
        1,
        "operational day differs from the legal one",
        "97T: legally 2020-04-01 to now, operationally 2019-10-25 to now; the legal days are "
        "taken.",
        "97T",
    )


def test_a_body_closed_by_law_and_still_at_work_is_closed_and_a_doubt(read):
    flowers = record(  # as the full file of 2013 had 5N424, made a trust's site
        "RXX24",
        "THE FLOWERS HEALTH CENTRE",
        days("2012-04-02", legal=("1980-01-01", "2013-03-31")),
        [role("RO198", "2012-04-01", primary=True)],
    )

    claims = read(flowers)

    (life,) = of(claims, Life)
    assert (life.opened_on, life.closed_on) == (date(1980, 1, 1), date(2013, 4, 1))
    assert topics(claims) == ["operational day differs from the legal one"]


def test_a_filler_is_no_day(read):
    site = record(
        "RVVKC",
        "KENT & CANTERBURY HOSPITAL",
        days("1900-01-01"),
        [role("RO198", "1900-01-01", primary=True)],
        [rel("RE6", "RVV", "RO197", "1900-01-01")],
    )

    assert read(site) == [
        Doubt(1, "filler date", "RVVKC has 1900-01-01 for a day that is not known.", "RVVKC"),
        Life(1, "RVVKC", "trust_site", "Kent & Canterbury Hospital", None),
        Bond(1, "site trust", "RVVKC", "RVV"),
    ]


def test_a_closing_day_ahead_is_kept_though_the_record_is_active(read):
    closing = record(
        "RXK",
        "SANDWELL AND WEST BIRMINGHAM HOSPITALS NHS TRUST",
        days("2002-04-01", "2027-03-31"),
        [role("RO197", "2002-04-01", primary=True)],
        postcode="b71 4hj",
    )

    life, label = read(closing)

    assert life.closed_on == date(2027, 4, 1)
    assert label == Label(1, "RXK", "postcode", "B71 4HJ")


def test_closed_without_a_day_says_nothing_of_its_life(read):
    gone = practice(status="Inactive")

    assert read(gone) == [
        Doubt(1, "closed without a day", "M85171 is closed, and no day is given.", "M85171")
    ]


@pytest.mark.parametrize(
    ("date_", "reason"),
    [
        (days("2020-13-01"), "'2020-13-01' is no day"),
        (days("0974-04-01"), "too long ago"),
        (days("2020-04-01", "2020-03-30"), "closes on 2020-03-30, before it opens on 2020-04-01"),
    ],
)
def test_a_bad_day_names_the_record(read, date_, reason):
    bad, good = read({**practice(), "Date": date_}, practice("M85172"))

    assert isinstance(bad, BadLine)
    assert (bad.line, bad.code, good.code) == (1, "M85171", "M85172")
    assert reason in bad.reason


def test_a_body_may_live_for_one_day(read):
    (life,) = read(
        record(
            "RAT02",
            "B&D ACCESS & ASSESSMENT 2",
            days("2014-04-01", "2014-04-01"),
            [role("RO198", "2014-04-01", "2014-04-01", primary=True)],
            status="Inactive",
        )
    )

    assert (life.opened_on, life.closed_on) == (date(2014, 4, 1), date(2014, 4, 2))


def test_the_last_of_all_days_means_open(read):
    (life,) = read({**practice(), "Date": days("1974-04-01", "9999-12-31")})

    assert life.closed_on is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Name": ""}, "has no name"),
        ({"Name": "", "Date": [{"Type": "", "Start": "x"}]}, "has no name"),
        ({"Name": "N" * 201}, "201 letters"),
        ({"OrgId": {"extension": ""}}, "has no code"),
        ({"OrgId": {"extension": "M85 171"}}, "is no code"),
    ],
)
def test_a_record_without_a_code_or_a_name_is_named_by_its_number(read, changed, reason):
    _, bad = read(practice(), {**practice("M85172"), **changed})

    assert isinstance(bad, BadLine)
    assert bad.line == 2
    assert reason in bad.reason


def test_a_code_published_twice_is_read_once(read):
    first, again = read(practice("FEF03"), practice("FEF03", "MCGILLS"))

    assert isinstance(first, Life)
    assert again == Doubt(2, "code published twice", "FEF03 was read before.", "FEF03")


# --- Parents ------------------------------------------------------------------------------------


def test_a_practice_has_a_commissioner_and_a_pcn_each_for_a_while(read):
    rels = [
        rel("RE4", "4RK71", "RO171", "1999-04-01", "2001-03-31"),  # a primary care group
        rel("RE4", "5FE", "RO179", "2001-04-01", "2013-03-31"),  # a PCT
        rel("RE4", "10R", "RO98", "2013-04-01"),
        rel("RE6", "10R", "RO98", "2013-04-01"),
        rel("RE9", "U93165", "RO272", "2021-04-01"),
        rel("RE8", "U93165", "RO272", "2021-04-01", "2026-03-31", status="Active"),
        rel("RE8", "U25891", "RO272", "2026-04-01"),
        rel("RE11", "A4R1E", "RO98", "2024-04-01"),
    ]

    claims = read(practice(rels=rels), day=date(2026, 3, 20))

    assert claims[1:] == [
        Bond(1, "commissioner", "M85171", "10R", date(2013, 4, 1)),
        Bond(1, "pcn", "M85171", "U93165", date(2021, 4, 1), date(2026, 4, 1)),
        Bond(1, "pcn", "M85171", "U25891", date(2026, 4, 1)),
        Bond(1, "reporting entity", "M85171", "A4R1E", date(2024, 4, 1)),
    ]


def test_other_bodies_have_their_places(read):
    records = [
        record(
            "U49574",
            "ASCENT PCN",
            days("2019-07-01"),
            [role("RO272", "2019-07-01", primary=True)],
            [rel("RE4", "M1J4Y", "RO98", "2020-04-01")],
        ),
        record(
            "RXR",
            "EAST LANCASHIRE HOSPITALS NHS TRUST",
            days("2002-04-01"),
            [role("RO197", "2002-04-01", primary=True)],
            [rel("RE5", "QE1", "RO261", "2017-04-01"), rel("RE3", "X26", "RO189", "2002-04-01")],
        ),
        record(
            "A4R1E",
            "NEWHAM - SUB-ICB REPORTING ENTITY",
            days("2024-04-01"),
            [role("RO98", "2024-04-01", primary=True), role("RO327", "2024-04-01")],
            [rel("RE5", "QMF", "RO261", "2024-04-01")],
        ),
        record(
            "RVVKC",
            "KENT & CANTERBURY HOSPITAL",
            days("1999-04-01"),
            [role("RO198", "1999-04-01", primary=True)],
            [rel("RE6", "RVV", None, "1999-04-01")],  # without the target's role
        ),
    ]

    assert [(bond.slot, bond.child, bond.parent) for bond in of(read(*records), Bond)] == [
        ("pcn location", "U49574", "M1J4Y"),
        ("system", "RXR", "QE1"),
        ("reporting entity system", "A4R1E", "QMF"),
        ("site trust", "RVVKC", "RVV"),
    ]


def test_two_pcns_at_once_are_a_doubt_and_the_newer_one_ends_the_older(read):
    lambeth = practice(
        "Y07020",
        rels=[
            rel("RE8", "U39721", "RO272", "2021-05-01"),
            rel("RE8", "U36779", "RO272", "2026-03-15"),
        ],
    )

    assert read(lambeth)[1:] == [
        Bond(1, "pcn", "Y07020", "U39721", date(2021, 5, 1), date(2026, 3, 15)),
        Bond(1, "pcn", "Y07020", "U36779", date(2026, 3, 15)),
        Doubt(1, "practice in two PCNs", "Y07020: U39721 and U36779.", "Y07020"),
    ]


def test_two_parents_from_one_day_are_no_parent_and_a_doubt(read):
    rels = [rel("RE4", parent, "RO98", "2013-04-01") for parent in ("10R", "10J")]

    assert [type(claim) for claim in read(practice(rels=rels))] == [Life, Doubt]


def test_a_short_stay_within_a_longer_one_is_left_out(read):
    rels = [
        rel("RE4", "10R", "RO98", "2013-04-01"),
        rel("RE4", "10J", "RO98", "2015-04-01", "2016-03-31"),
    ]

    (bond,) = of(read(practice(rels=rels)), Bond)

    assert (bond.parent, bond.opened_on, bond.closed_on) == ("10R", date(2013, 4, 1), None)


def test_a_parent_given_twice_is_one(read):
    rels = [
        rel("RE4", "10R", "RO98", "2013-04-01", "2020-03-31"),
        rel("RE4", "10R", "RO98", "2018-04-01"),
    ]

    assert read(practice(rels=rels))[1:] == [
        Bond(1, "commissioner", "M85171", "10R", date(2013, 4, 1))
    ]


def test_a_parent_ends_with_the_body(read):
    closed = record(
        "M85171",
        "ROWLANDS ROAD SURGERY",
        days("1974-04-01", "2020-03-31"),
        [role("RO177", "1974-04-01", "2020-03-31", primary=True)],
        [rel("RE4", "10R", "RO98", "2013-04-01")],
        status="Inactive",
        postcode="B26 1AT",
    )

    life, bond = read(closed)  # and no label: it says where a body is on the day

    assert bond.closed_on == life.closed_on == date(2020, 4, 1)


def test_parents_that_ended_on_no_day_are_counted(read):
    gone = [
        practice(code, rels=[rel("RE4", "10R", "RO98", "2013-04-01", status="Inactive")])
        for code in ("M85171", "M85172")
    ]

    assert of(read(*gone), Bond, Doubt) == [
        Doubt(1, "closed without a day", "2 relationships have ended, and no day is given.")
    ]


def test_days_of_parents_that_differ_are_counted(read):
    claims = read(practice(rels=[rel("RE8", "U02795", "RO272", "2021-04-30", legal="2021-05-01")]))

    assert claims[1:] == [
        Bond(1, "pcn", "M85171", "U02795", date(2021, 5, 1)),
        Doubt(
            1,
            "operational day differs from the legal one",
            "1 relationships; their legal days are taken.",
        ),
    ]


def test_a_bad_relationship_costs_only_itself(read):
    claims = read(
        practice(
            rels=[rel("RE4", "10R", "RO98", "2013-31-01"), rel("RE8", "U93165", "RO272")],
        )
    )

    assert [type(claim) for claim in claims] == [Life, BadLine, Bond]
    assert claims[1].reason == "RE4 of M85171: '2013-31-01' is no day."


# --- Successions --------------------------------------------------------------------------------


def trust(code, *succs):
    return record(code, f"{code} NHS TRUST", days("2000-04-01"), [role("RO197")], (), succs)


def test_a_pair_told_from_both_ends_is_one(read):
    claims = read(
        trust("RA3", succ("Successor", "RA7", "2020-04-01", "RO197")),
        trust("RA7", succ("Predecessor", "RA3", "2020-04-01", "RO197")),
    )

    assert of(claims, Passing) == [Passing(1, "RA3", "RA7", date(2020, 4, 1))]
    assert topics(claims) == []


def test_the_last_day_of_the_old_beside_the_first_of_the_new_is_one_pair_too(read):
    claims = read(
        trust("RRF", succ("Successor", "RXC", "2018-05-31", "RO197")),
        trust("RXC", succ("Predecessor", "RRF", "2018-06-01", "RO197")),
    )

    assert of(claims, Passing) == [Passing(1, "RRF", "RXC", date(2018, 6, 1))]
    assert topics(claims) == ["succession with two days"]


def test_a_body_that_succeeds_itself_is_a_doubt(read):
    claims = read(trust("T1201", succ("Successor", "T1201", "2003-04-01", "RO197")))

    assert of(claims, Passing) == []
    assert topics(claims) == ["self-link"]


def test_a_body_that_is_its_own_parent_is_a_doubt(read):
    claims = read(practice("10R", rels=[rel("RE4", "10R", "RO98", "2013-04-01")]))

    assert of(claims, Bond) == []
    assert topics(claims) == ["self-link"]


def test_successions_of_other_bodies_and_without_days_are_none(read):
    claims = read(
        trust(
            "RA7",
            succ("Predecessor", "5QJ", "2010-04-01", "RO179"),
            succ("Predecessor", "RA3", None, "RO197"),
            succ("Uncle", "RA9", "2020-04-01", "RO197"),
        )
    )

    assert of(claims, Passing) == []
    assert topics(claims) == ["succession without a day"]
    assert [bad.reason for bad in of(claims, BadLine)] == [
        "A succession of RA7: 'Uncle' is neither Predecessor nor Successor."
    ]


# --- Anything else ------------------------------------------------------------------------------

WHOLE = "".join(
    full_file(
        [KENT, practice(rels=[rel("RE8", "U93165", "RO272", "2021-04-01")], postcode="B26 1AT")]
    )
)
TOKENS = [
    "RO98",
    "2020-04-01",
    "1900-01-01",
    "value",
    "<Date>",
    "</Role>",
    '"',
    "<",
    "&amp;",
    "Legal",
    "<Organisation>",
    "</Organisation>",
    "Name",
    "OrgId",
    "\x00",
    "\U0001f3e5",
    "",
]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE)), st.integers(0, 60), st.sampled_from(TOKENS) | st.text()
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

    _holds_together(path)


def _holds_together(path):
    """Claims that the staging can hold, or a sentence."""
    try:
        with opened(path) as document:
            reader = recognise(document)
            assert reader.day() is None or isinstance(reader.day(), date)
            claims = list(reader.claims(DAY))
    except Unreadable as error:
        assert str(error).endswith((".", "?"))
        return
    for claim in claims:
        code = getattr(claim, "code", "") or getattr(claim, "child", "")
        assert len(code) <= 20
        opened_on, closed_on = getattr(claim, "opened_on", None), getattr(claim, "closed_on", None)
        assert not (opened_on and closed_on and closed_on <= opened_on)
        if isinstance(claim, Life):
            assert claim.kind in FullFile.authority.lives
            assert claim.name.isprintable()
            assert 0 < len(claim.name) <= 200


def many(number):
    """So many practices, each with a commissioner, a PCN and a postcode."""
    one = practice(
        "#####",
        "SURGERY NUMBER #####",
        [
            rel("RE4", "10R", "RO98", "2013-04-01"),
            rel("RE8", "U02795", "RO272", "2021-04-30", legal="2021-05-01"),
        ],
        postcode="N19 3NU",
    )
    head, _, foot = "".join(full_file([one], count=number)).partition("    <Organisation ")
    body, end, foot = foot.partition("  </Organisations>")
    yield head
    for each in range(number):
        yield "    <Organisation " + body.replace("#####", f"A{each:05d}")
    yield end + foot


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "full.xml.gz"
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as out:
        out.writelines(many(20_000))

    number, grown = measured(path)

    assert number == 80_001
    assert grown < 40  # the file has 40 MB, its records as lists some 150


def test_a_json_line_and_the_xml_of_a_record_say_the_same(tmp_path, read):
    path = tmp_path / "answers"
    path.write_text(
        "".join(json.dumps({"Organisation": each}) + "\n" for each in (KENT, practice()))
    )

    with opened(path) as document:
        reader = recognise(document)
        assert reader.source == "ods-ord"
        assert list(reader.claims(DAY)) == read(KENT, practice())


# --- Beside the bundled facts -------------------------------------------------------------------

LATER = date(2030, 4, 1)  # the bundle is of November 2026


def tell(claims):
    return merge(
        claims,
        source=FullFile.source,
        title=FullFile.title,
        authority=FullFile.authority,
        day=LATER,
    )


def test_records_of_what_is_held_are_no_news(register, read):
    held = [
        KENT,
        record(
            "QKS",
            "NHS KENT AND MEDWAY INTEGRATED CARE BOARD",
            days("2016-10-01", legal="2017-04-01"),
            [
                role("RO261", legal="2017-04-01", primary=True),
                role("RO318", legal="2022-07-01"),
            ],
            [rel("RE5", "Y59", "RO209", legal="2018-04-01")],
        ),
        record(
            "QNQ",
            "NHS FRIMLEY INTEGRATED CARE BOARD",
            days(legal=("2017-04-01", "2026-03-31")),
            [
                role("RO261", legal=("2017-04-01", "2026-03-31"), primary=True),
                role("RO318", legal=("2022-07-01", "2026-03-31")),
            ],
            status="Inactive",
        ),
        record(
            "99A",
            "NHS LIVERPOOL CCG",
            days("2013-04-01", "2022-06-30"),
            [role("RO98", "2013-04-01", "2022-06-30", primary=True)],
            status="Inactive",
        ),
    ]

    merged = tell(read(*held, day=LATER))

    assert not merged.opened
    assert not Version.objects.filter(asserted_by=merged.release).exists()
    assert not Relationship.objects.filter(asserted_by=merged.release).exists()


def test_a_location_that_has_another_name_has_it_from_the_reports_day(register, read):
    tell(read({**KENT, "Name": "NHS GARDEN OF ENGLAND ICB - 91Q"}, day=LATER))

    rows = Version.objects.now().filter(organisation__code="91Q").order_by("opened_on")
    assert list(rows.values_list("kind", "name", "opened_on")) == [
        ("ccg", "NHS Kent and Medway CCG", date(2020, 4, 1)),
        ("sub_icb", "NHS Kent and Medway ICB - 91Q", date(2022, 7, 1)),
        ("sub_icb", "NHS Garden of England ICB - 91Q", LATER),
    ]
