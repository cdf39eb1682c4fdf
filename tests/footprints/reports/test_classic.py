"""eccg, etr, eauth and epraccur: what each is believed about, told by lines as published."""

from collections import Counter
from datetime import date

import pytest

from footprints.reports import BadLine, Bond, Doubt, Label, Life, Record
from footprints.reports.classic import Authorities, Commissioners, Practices, Trusts
from footprints.reports.opening import opened
from footprints.reports.recognising import recognise
from tests.footprints.reports.made import LINES

DAY = date(2025, 8, 7)


def line(code, name, *, width=27, **columns):
    """A line of a classic report: what is not given is blank."""
    cells = [code, name, *[""] * (width - 2)]
    for column, value in columns.items():
        cells[int(column[1:])] = value
    return ",".join(f'"{cell}"' for cell in cells)


def practice(code="A81001", name="THE DENSHAM SURGERY", **columns):
    given = {
        "c2": "Y63", "c3": "QHM", "c9": "TS18 1HU", "c10": "19740401", "c12": "A", "c13": "B",
        "c14": "16C", "c15": "20200401", "c21": "0", "c23": "16C", "c25": "4",
    }  # fmt: skip
    return line(code, name, **{**given, **columns})


FILL = [practice(f"A8200{n}", "A SURGERY") for n in range(5)]


def claims_of(path, *lines, day=DAY, reader=None):
    """What the lines say, without those that make the file long enough to be recognised."""
    path.write_text("".join(f"{text}\r\n" for text in lines))
    with opened(path) as document:
        found = recognise(document)
        assert reader is None or type(found) is reader
        return list(found.claims(day))


def said_of(claims, code):
    return [c for c in claims if code in (getattr(c, "code", ""), getattr(c, "child", ""))]


def day_of(path, *lines):
    path.write_text("".join(f"{text}\r\n" for text in lines))
    with opened(path) as document:
        return recognise(document).day()


# --- The files as published ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "reader", "day", "counts"),
    [
        (
            "epraccur_2019-12.csv", Practices, date(2019, 11, 6),
            {"practice": 8758, "prescribing_cost_centre": 5599, "commissioner": 14192,
             "postcode": 11925, "joined before it opened": 1},
        ),
        (
            "epraccur_2025-11.csv", Practices, date(2025, 8, 7),
            {"practice": 8793, "prescribing_cost_centre": 7892, "commissioner": 16510,
             "postcode": 12658, "joined before it opened": 2},
        ),
        (
            "eccg_2025-12.csv", Commissioners, date(2024, 7, 24),
            {"Record": 142, "sub_icb": 106, "location system": 106, "reporting_entity": 37,
             "reporting entity system": 37, "commissioning_hub": 35},
        ),
        (
            "etr_2022-03.csv", Trusts, date(2021, 10, 1),
            {"trust": 218, "system": 209, "postcode": 212},
        ),
        (
            "etr_2025-12.csv", Trusts, date(2025, 1, 1),
            {"trust": 273, "system": 202, "postcode": 205},
        ),
    ],
)  # fmt: skip
def test_the_published_files(shared, file, reader, day, counts):
    with opened(shared / "ods" / file) as document:
        found = recognise(document)
        assert type(found) is reader
        assert found.day() == day
        claims = list(found.claims(day))

    assert Counter(map(_sort, claims)) == counts
    assert claims[0].line == 1
    assert claims[-1].line == {"epraccur_2019-12.csv": 14357, "epraccur_2025-11.csv": 16685,
                               "eccg_2025-12.csv": 320, "etr_2022-03.csv": 218,
                               "etr_2025-12.csv": 273}[file]  # fmt: skip
    believed = found.authority
    assert {claim.kind for claim in claims if isinstance(claim, Life)} <= believed.lives
    slots = {slot.name for slot in believed.slots}
    assert {claim.slot for claim in claims if isinstance(claim, Bond)} == slots


def _sort(claim):
    for name in ("slot", "kind", "scheme", "topic"):
        if hasattr(claim, name):
            return getattr(claim, name)
    return type(claim).__name__


def test_no_code_of_2019_is_missing_in_2025(shared):
    """So absence from epraccur says nothing: a closed practice is listed as closed."""
    codes = []
    for file in ("epraccur_2019-12.csv", "epraccur_2025-11.csv"):
        with opened(shared / "ods" / file) as document:
            codes.append({row.cells[0] for row in document.rows()})

    assert (len(codes[0]), len(codes[0] - codes[1]), len(codes[1] - codes[0])) == (14357, 0, 2328)


def test_open_sub_icb_locations_are_106_by_type_and_not_by_days(shared):
    """Rows open on the day, counted naively, are more."""
    day = date(2024, 7, 24)
    with opened(shared / "ods/eccg_2025-12.csv") as document:
        claims = list(recognise(document).claims(day))
    is_open = [c for c in claims if isinstance(c, Life | Record) and c.closed_on is None]

    assert len(is_open) > 106
    assert sum(isinstance(c, Life) and c.kind == "sub_icb" for c in is_open) == 106


# --- Any dialect ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [24, 27])
@pytest.mark.parametrize("quote", ['"', ""])
@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_etr_in_24_or_27_columns(path, width, quote, ending):
    """As "etr 2020": unquoted, 24 columns, LF; somebody saved it anew."""
    text = line(
        "R0A", "MANCHESTER UNIVERSITY NHS FOUNDATION TRUST", width=width, c2="Y62", c3="QOP",
        c9="M13 9WL", c10="20171001", c17="0300 3309444", c21="1", c23="B",
    )  # fmt: skip
    path.write_bytes((text.replace('"', quote) + ending).encode())

    with opened(path) as document:
        reader = recognise(document)
        assert type(reader) is Trusts
        assert reader.day() == date(2017, 10, 1)
        assert list(reader.claims(DAY)) == [
            Life(
                1, "R0A", "trust", "Manchester University NHS Foundation Trust", date(2017, 10, 1)
            ),
            Bond(1, "system", "R0A", "QOP"),
            Label(1, "R0A", "postcode", "M13 9WL"),
        ]


def test_epraccur_in_24_columns_does_not_say_what_is_a_practice(path):
    text = LINES.replace(',"","4",""', "")
    claims = claims_of(path, *text.splitlines(), reader=Practices)

    assert said_of(claims, "A81001") == [
        Record(1, "A81001", date(1974, 4, 1)),
        Bond(1, "commissioner", "A81001", "00K", date(2013, 4, 1)),
        Label(1, "A81001", "postcode", "TS18 1HU"),
    ]


# --- epraccur ------------------------------------------------------------------------------------


def test_a_practice_its_commissioner_and_its_postcode(path):
    """The telephone, the address and the column "provider / purchaser" are not read."""
    assert claims_of(path, *LINES.splitlines(), reader=Practices)[:3] == [
        Life(1, "A81001", "practice", "The Densham Surgery", date(1974, 4, 1)),
        Bond(1, "commissioner", "A81001", "00K", date(2013, 4, 1)),
        Label(1, "A81001", "postcode", "TS18 1HU"),
    ]


def test_the_last_day_of_the_file_is_the_day_before_it_closes(path):
    closed = practice(
        "A81003", "VICTORIA MEDICAL PRACTICE", c11="20171031", c12="C", c14="00K", c15="20130401",
        c16="20171031",
    )  # fmt: skip
    opened_on, ended = date(1974, 4, 1), date(2017, 11, 1)

    # No postcode: it had none on the report's day, for it was closed.
    assert claims_of(path, closed) == [
        Life(1, "A81003", "practice", "Victoria Medical Practice", opened_on, ended),
        Bond(1, "commissioner", "A81003", "00K", date(2013, 4, 1), ended),
    ]


def test_a_closed_practice_leaves_its_commissioner_even_where_that_is_not_said(path):
    bond = claims_of(path, practice(c11="20171031", c12="C", c15="20130401"))[1]

    assert bond.closed_on == date(2017, 11, 1)


def test_other_settings_are_prescribing_cost_centres(path):
    hospice = practice("Y06569", "INTEGRATED SPECIALIST PUBLIC NURSING", c25="10")

    assert claims_of(path, hospice)[0].kind == "prescribing_cost_centre"


def test_a_dormant_practice_is_open_and_keeps_its_commissioner(path):
    dormant = practice("A81634", "THE ARRIVAL PRACTICE", c10="20030401", c12="D")
    life, bond, _ = claims_of(path, dormant)

    assert life.closed_on is None
    assert bond == Bond(1, "commissioner", "A81634", "16C", date(2020, 4, 1))


def test_what_is_proposed_opens_on_its_day_and_says_nothing_of_the_files(path):
    """Y08826 stands in the file of August 2025, and opens in September."""
    proposed = practice(
        "Y08826", "BRISDOC SOMERSET SEVERNSIDE CMDU", c10="20250901", c12="P", c14="11X",
        c15="20250901", c25="12",
    )  # fmt: skip

    assert claims_of(path, *FILL, proposed)[-2:] == [
        Life(
            6, "Y08826", "prescribing_cost_centre", "Brisdoc Somerset Severnside Cmdu",
            date(2025, 9, 1),
        ),
        Bond(6, "commissioner", "Y08826", "11X", date(2025, 9, 1)),
    ]  # fmt: skip
    assert day_of(path, *FILL, proposed) == date(2020, 4, 1)


def test_a_practice_of_no_commissioner_has_no_bond(path):
    """Alderney, Guernsey and others, allocated to none."""
    alderney = practice(
        "ALD200", "DR R LYONS' PRACTICE", c2="", c3="YAF", c13="Z", c14="", c15="", c25="0"
    )

    assert [type(claim) for claim in claims_of(path, *FILL, alderney)[-2:]] == [Life, Label]


def test_welsh_practices_are_told_by_their_codes_where_the_file_does_not(path):
    """In 2019 every Welsh row had setting 0; in 2025 an open one that has it is no practice."""
    welsh = {"c2": "W00", "c14": "7A2", "c15": "20091001", "c25": "0"}
    surgery = practice("W92049", "THE SURGERY", **welsh)
    primecare = practice("W00001", "PRIMECARE", **welsh)
    closed = practice("W91618", "GROSVENOR SURGERY", **welsh, c11="20160831", c12="C")
    told = practice("W92005", "TENBY SURGERY", **{**welsh, "c25": "4"})

    def kinds(*lines):
        return {c.code: c.kind for c in claims_of(path, *lines) if isinstance(c, Life)}

    assert kinds(surgery, primecare, closed) == {
        "W92049": "practice",
        "W00001": "prescribing_cost_centre",
        "W91618": "practice",
    }
    assert kinds(surgery, primecare, closed, told) == {
        "W92049": "prescribing_cost_centre",
        "W00001": "prescribing_cost_centre",
        "W91618": "practice",
        "W92005": "practice",
    }


def test_a_practice_that_joined_before_it_opened_is_a_doubt(path):
    early = practice("Y04620", "A CLINIC", c10="20140515", c14="09L", c15="20140501", c25="9")
    life, doubt, bond, _ = claims_of(path, early)

    assert life.opened_on == date(2014, 5, 15)
    assert (doubt.topic, doubt.code) == ("joined before it opened", "Y04620")
    assert bond.opened_on == date(2014, 5, 1)


# --- eccg ----------------------------------------------------------------------------------------

# As published in December 2025.
CCG_00F = line(
    "00F", "NHS GATESHEAD CCG", c2="Y63", c3="QHM", c9="NE15 8NY", c10="20130401", c11="20150331",
    c21="1",
)  # fmt: skip
SUB_00L = line(
    "00L", "NHS NORTH EAST AND NORTH CUMBRIA ICB - 00L", c2="Y63", c3="QHM", c9="NE61 6BL",
    c10="20130401", c13="RO319", c21="1",
)  # fmt: skip
SUB_13T = line(
    "13T", "NHS NORTH EAST AND NORTH CUMBRIA ICB - 13T", c2="Y63", c3="QHM", c10="20141126",
    c13="RO319", c21="1",
)  # fmt: skip
SUB_36L = line(
    "36L", "NHS SOUTH WEST LONDON ICB - 36L", c2="Y56", c3="QWE", c9="SW19 1RH", c10="20200401",
    c13="RO319|RO326", c21="1",
)  # fmt: skip
ENTITY = line(
    "Z4H8X", "HOUNSLOW - SUB-ICB REPORTING ENTITY", c2="Y56", c3="QRV", c9="NW1 5JD",
    c10="20240401", c13="RO327", c21="1",
)  # fmt: skip
HUB = line(
    "13N", "WESSEX COMMISSIONING HUB", c2="Y63", c3="QWO", c9="LS2 7UE", c10="20130401",
    c11="20200331", c13="RO218", c21="1",
)  # fmt: skip


def test_a_closed_ccg_is_compared_and_its_parents_of_today_are_not_read(path):
    """00F closed in 2015 and shows Y63 and QHM, neither of which existed then."""
    assert claims_of(path, CCG_00F, reader=Commissioners) == [
        Record(1, "00F", date(2013, 4, 1), date(2015, 4, 1))
    ]


def test_a_location_has_its_new_name_and_the_old_first_day_of_its_code(path):
    """Since when it is a location is not said: the law knows, and the register has it."""
    claims = claims_of(path, SUB_00L, SUB_13T, reader=Commissioners)

    assert claims == [
        Life(1, "00L", "sub_icb", "NHS North East and North Cumbria ICB - 00L", date(2013, 4, 1)),
        Bond(1, "location system", "00L", "QHM"),
        Life(
            2, "13T", "sub_icb", "NHS North East and North Cumbria ICB - 13T", date(2014, 11, 26)
        ),
        Bond(2, "location system", "13T", "QHM"),
    ]


def test_two_roles_joined_by_a_pipe_are_one_location(path):
    assert claims_of(path, SUB_36L)[0].kind == "sub_icb"


def test_entities_and_hubs(path):
    """A hub shows the system of its office in Leeds: a National Hub is in none."""
    assert claims_of(path, SUB_00L, ENTITY, HUB)[2:] == [
        Life(
            2, "Z4H8X", "reporting_entity", "Hounslow - Sub-Icb Reporting Entity",
            date(2024, 4, 1),
        ),
        Bond(2, "reporting entity system", "Z4H8X", "QRV"),
        Life(
            3, "13N", "commissioning_hub", "Wessex Commissioning Hub", date(2013, 4, 1),
            date(2020, 4, 1),
        ),
    ]  # fmt: skip


def test_a_parent_is_of_the_day_and_only_where_the_body_was_open(path):
    claims = claims_of(path, SUB_00L, ENTITY, day=date(2023, 1, 1))

    assert [claim.child for claim in claims if isinstance(claim, Bond)] == ["00L"]


def test_eccg_of_2016_has_other_types(path):
    """C for a CCG, H for a hub, and local offices where STPs stand later."""
    ccg = line("00L", "NHS NORTHUMBERLAND CCG", c2="Y54", c3="Q74", c10="20130401", c13="C")
    hub = line("13R", "LONDON COMMISSIONING HUB", c2="Y56", c3="Q71", c10="20130401", c13="H")

    assert claims_of(path, ccg, hub, reader=Commissioners) == [
        Record(1, "00L", date(2013, 4, 1)),
        Life(2, "13R", "commissioning_hub", "London Commissioning Hub", date(2013, 4, 1)),
    ]


def test_a_type_that_is_not_known_is_named(path):
    odd = line("99Z", "NHS SOMEWHERE CCG", c10="20260401", c13="RO999")
    *_, bad = claims_of(path, *[SUB_00L] * 5, odd)

    assert bad == BadLine(6, "'RO999' is no type that is known.", "99Z")


# --- etr and eauth -------------------------------------------------------------------------------


def trust(code, name, **columns):
    return line(code, name, **{"c2": "Y62", "c3": "QOP", "c10": "20010401", **columns})


def test_welsh_trusts_are_in_no_system(path):
    """Region W00 and Q99 in March 2022, both blank since December 2025."""
    claims = claims_of(
        path,
        trust("RQF", "VELINDRE NHS TRUST", c2="W00", c3="Q99"),
        trust("RYT", "PUBLIC HEALTH WALES NHS TRUST", c2="", c3=""),
        reader=Trusts,
    )

    assert [type(claim) for claim in claims] == [Life, Life]


def test_a_care_trust_is_one_by_its_name(path):
    claims = claims_of(
        path,
        trust("TAF", "CAMDEN AND ISLINGTON MENTAL HEALTH AND SOCIAL CARE TRUST"),
        trust("RT2", "PENNINE CARE NHS FOUNDATION TRUST"),
    )

    assert [claim.kind for claim in claims if isinstance(claim, Life)] == ["care_trust", "trust"]


def test_a_closed_trust_says_nothing_of_its_system(path):
    closed = trust("R0C", "PROJECT NIGHTINGALE NHS TRUST", c10="20200301", c11="20200326")

    assert claims_of(path, closed) == [
        Life(
            1, "R0C", "trust", "Project Nightingale NHS Trust", date(2020, 3, 1), date(2020, 3, 27)
        )
    ]


def test_a_local_office_is_no_system(path):
    assert [type(c) for c in claims_of(path, trust("R0A", "A NHS TRUST", c3="Q83"))] == [Life]


def test_eauth_is_compared_and_believed_about_nothing(path):
    claims = claims_of(
        path,
        line("QHM", "NHS NORTH EAST AND NORTH CUMBRIA INTEGRATED CARE BOARD", c10="20180607"),
        line("Y63", "NORTH EAST AND YORKSHIRE COMMISSIONING REGION", c10="20190401"),
        line("Q71", "NHS ENGLAND LONDON", c10="20130401", c11="20190331"),
        reader=Authorities,
    )

    assert claims == [
        Record(1, "QHM", date(2018, 6, 7)),
        Record(2, "Y63", date(2019, 4, 1)),
    ]


# --- Lines that are odd --------------------------------------------------------------------------


def test_the_filler_date_is_no_day(path):
    claims = claims_of(path, practice(c10="19000101", c15="19000101"))

    assert claims[0].opened_on is None
    assert [(c.topic, c.code) for c in claims if isinstance(c, Doubt)] == [
        ("filler date", "A81001"),
        ("filler date", "A81001"),
    ]
    assert next(c for c in claims if isinstance(c, Bond)).opened_on is None
    assert day_of(path, practice(c10="19000101", c15="19000101")) is None


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"c10": "20191301"}, "'20191301' is no day."),
        ({"c11": "00000000"}, "'00000000' is no day."),
        ({"c15": "1 April 20"}, "'1 April 20' is no day."),
        ({"c10": "29990101"}, "'29990101' is no day that can be meant."),
        ({"c11": "19740331", "c12": "C"}, "A81001 ends before it begins (1974-04-01)."),
        ({"c16": "20200331"}, "A81001 in 16C ends before it begins (2020-04-01)."),
        ({"c12": "X"}, "'X' is no status: A, C, D or P."),
        ({"c14": "1.00E+05"}, "'1.00E+05' is no code."),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_says_nothing(path, columns, reason):
    claims = claims_of(path, *FILL, practice(**columns))

    assert claims[-1] == BadLine(6, reason, "A81001")
    assert said_of(claims, "A81001") == claims[-1:]
    assert len(said_of(claims, "A82004")) == 3


@pytest.mark.parametrize(("code", "name"), [("", "A SURGERY"), ("A81001", " "), ("A 1", "B")])
def test_a_line_without_a_code_or_a_name(path, code, name):
    *_, bad = claims_of(path, *FILL, practice(code, name))

    assert isinstance(bad, BadLine)
    assert bad.line == 6


def test_a_code_that_comes_twice(path):
    """Once more the same says nothing; otherwise, the second is not believed."""
    claims = claims_of(path, practice(), practice(), practice(name="ANOTHER SURGERY"), *FILL)

    assert [c.name for c in said_of(claims, "A81001") if isinstance(c, Life)] == [
        "The Densham Surgery"
    ]
    assert [c for c in claims if isinstance(c, BadLine)] == [
        BadLine(3, "A81001 stands in line 1 already, and otherwise.", "A81001")
    ]


def test_a_bad_line_does_not_hide_a_good_one_of_its_code(path):
    claims = claims_of(path, *FILL, practice(c10="x"), practice())

    assert [type(claim) for claim in said_of(claims, "A81001")] == [BadLine, Life, Bond, Label]


# --- The day of a file ---------------------------------------------------------------------------


def test_the_day_is_the_newest_first_day_or_the_day_after_the_newest_last_day(path):
    assert day_of(path, practice(), practice("A81002", c10="20210901")) == date(2021, 9, 1)
    closed = practice("A81003", c11="20221231", c12="C", c16="20221231")
    assert day_of(path, practice(), closed) == date(2023, 1, 1)


def test_a_last_day_of_what_is_not_closed_yet_may_lie_ahead(path):
    assert day_of(path, practice(), practice("A81004", c11="20300331")) == date(2020, 4, 1)


def test_a_slip_of_the_pen_is_not_the_files_day(path):
    """2052 for 2025 would make every other report older news for 27 years."""
    slips = [practice("A81005", c10="20521001"), practice("A81006", c10="20250301")]

    assert day_of(path, *FILL, *slips, practice("A81007", c10="20240301")) == date(2025, 3, 1)
