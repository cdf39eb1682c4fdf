"""Records of the API of ODS: one, one a line, or an array of them.

What a record says is tested with the full file (``test_odsxml``), which is recorded alike.
"""

import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footprints.reports import BadLine, Bond, Doubt, Life, Passing
from footprints.reports.opening import Unreadable, opened
from footprints.reports.ord import Answers
from footprints.reports.recognising import NotRecognised, recognise
from tests.footprints.reports.fullfile import days, practice, record, rel, role

DAY = date(2026, 8, 27)

# As the API gave it in 2020: South East H&J hub. Real, with the address left out.
HUB = """{"Organisation": {"Name": "SOUTH EAST - H&J COMMISSIONING HUB",
"Date": [{"Type": "Operational", "Start": "2019-10-25"}, {"Type": "Legal", "Start": "2020-04-01"}],
"OrgId": {"root": "2.16.840.1.113883.2.1.3.2.4.18.48", "assigningAuthorityName": "HSCIC",
"extension": "97T"}, "Status": "Active", "LastChangeDate": "2020-04-02", "orgRecordClass": "RC1",
"GeoLoc": {"Location": {"Town": "HORLEY", "PostCode": "RH6 7DE", "Country": "ENGLAND",
"UPRN": 100062280103}}, "Roles": {"Role": [{"id": "RO218", "uniqueRoleId": 391223,
"Date": [{"Type": "Operational", "Start": "2019-10-25"}, {"Type": "Legal", "Start": "2020-04-01"}],
"Status": "Active"}, {"id": "RO98", "uniqueRoleId": 386574, "primaryRole": true,
"Date": [{"Type": "Operational", "Start": "2019-10-25"}, {"Type": "Legal", "Start": "2020-04-01"}],
"Status": "Active"}]}, "Rels": {"Rel": [{"Date": [{"Type": "Operational", "Start": "2019-10-25"},
{"Type": "Legal", "Start": "2020-04-01"}], "Status": "Active", "Target": {"OrgId":
{"root": "2.16.840.1.113883.2.1.3.2.4.18.48", "extension": "Y59"}, "PrimaryRoleId":
{"id": "RO209", "uniqueRoleId": 299360}}, "id": "RE5", "uniqueRelId": 619596}]},
"Succs": {"Succ": [{"uniqueSuccId": 37762, "Date": [{"Type": "Legal", "Start": "2020-04-01"}],
"Type": "Predecessor", "Target": {"OrgId": {"extension": "14W"}, "PrimaryRoleId":
{"id": "RO98", "uniqueRoleId": 296831}}}, {"uniqueSuccId": 37761, "Date": [{"Type": "Legal",
"Start": "2020-04-01"}], "Type": "Predecessor", "Target": {"OrgId": {"extension": "14V"},
"PrimaryRoleId": {"id": "RO98", "uniqueRoleId": 296829}}}]}}}"""


@pytest.fixture
def read(tmp_path):
    def claims(text, day=DAY):
        path = tmp_path / "answers.dat"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with opened(path) as document:
            reader = recognise(document)
            assert isinstance(reader, Answers)
            return list(reader.claims(day))

    return claims


def lines(*records):
    return "".join(json.dumps({"Organisation": each}) + "\n" for each in records)


def test_one_answer_is_read(read):
    claims = read(HUB)

    assert [type(claim).__name__ for claim in claims] == [
        "Doubt",
        "Life",
        "Label",
        "Passing",
        "Passing",
    ]
    assert claims[0].topic == "operational day differs from the legal one"
    assert claims[1] == Life(
        1,
        "97T",
        "commissioning_hub",
        "South East - H&J Commissioning Hub",
        date(2020, 4, 1),
    )
    assert claims[3:] == [
        Passing(1, "14W", "97T", date(2020, 4, 1)),
        Passing(1, "14V", "97T", date(2020, 4, 1)),
    ]


def test_a_line_an_answer_an_array_and_one_alone_say_the_same(read):
    both = [practice(), practice("M85172")]

    of_lines = read(lines(*both))
    of_array = read(json.dumps([{"Organisation": each} for each in both], indent=2))
    bare = read(json.dumps(both))

    assert of_lines == of_array == bare
    assert [(claim.line, claim.code) for claim in of_lines] == [(1, "M85171"), (2, "M85172")]
    assert read(lines(both[0])) == of_lines[:1]


def test_the_day_is_that_of_the_newest_change(tmp_path):
    path = tmp_path / "answers"
    newer = {**practice("M85172"), "LastChangeDate": "2026-07-14"}
    path.write_text(lines(practice(), newer, {**practice("M85173"), "LastChangeDate": "soon"}))

    with opened(path) as document:
        assert recognise(document).day() == date(2026, 7, 14)


def test_a_list_of_one_may_be_the_one_itself_and_true_a_word(read):
    odd = practice(rels=[rel("RE8", "U02795", "RO272", "2021-04-30")])
    odd["Date"] = odd["Date"][0]
    odd["Rels"]["Rel"] = odd["Rels"]["Rel"][0]
    odd["Roles"]["Role"][0]["primaryRole"] = "true"

    assert read(lines(odd))[1:] == [Bond(1, "pcn", "M85171", "U02795", date(2021, 4, 30))]


def test_a_stub_says_nothing(read):
    assert read(lines({**practice(), "refOnly": True})) == []
    assert read(lines({**practice(), "refOnly": "true"})) == []


def test_a_line_that_is_none_costs_only_itself(read):
    text = lines(practice()) + '{"Organisation": {"Name": \n' + lines(practice("M85172"))

    first, bad, last = read(text)

    assert (first.line, last.line) == (1, 3)
    assert bad.line == 2
    assert bad.reason.startswith("It is no JSON")


def test_an_answer_that_is_no_organisation_is_named(read):
    text = lines(practice()) + '{"errorCode": 404, "errorText": "Not found"}\n[1]\n"M85171"\n7\n'

    assert [claim.reason for claim in read(text)[1:]] == ["It is no organisation."] * 4


@pytest.mark.parametrize(
    "changed",
    [
        {"Roles": {"Role": ["RO177"]}},
        {"OrgId": "M85171"},
        {"Date": "1974-04-01"},
        {"Name": ["ROWLANDS ROAD SURGERY"]},
        {"GeoLoc": {"Location": "B26 1AT"}},
        {"Date": [{"Type": "Operational", "Start": {"day": 1}}]},
    ],
)
def test_another_shape_is_a_bad_line(read, changed):
    bad, good = read(lines({**practice(), **changed}, practice("M85172")))

    assert isinstance(bad, BadLine)
    assert isinstance(good, Life)


@pytest.mark.parametrize(
    "answer",
    [
        '{"Organisations": [{"OrgLink": "https://example.org/ORD/2-0-0/organisations/V81871"}]}',
        '{"Organisations": [{"Name": "NHS ENGLAND", "OrgId": "X26", "Status": "Active", '
        '"OrgLink": "https://example.org/ORD/2-0-0/organisations/X26"}]}',
    ],
)
def test_a_list_of_links_is_refused(read, answer):
    with pytest.raises(Unreadable, match="the records are needed"):
        read(answer)


def test_half_an_array_is_refused(read):
    whole = json.dumps([{"Organisation": practice()}, {"Organisation": practice("M85172")}])

    for end in (len(whole) - 1, len(whole) - 30, len(whole) // 2 + 40):
        with pytest.raises(Unreadable, match="half a file"):
            read(whole[:end])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"Organisation": {"OrgId": 1}} {"a": 1}]', "should stand here"),
        ('[{"Organisation": {"OrgId": NaN, "Roles": 1}}]', "NaN is no number"),
        ('[{"Organisation": {"OrgId": ' + "9" * 5_000 + "}}]", "digits"),
        ('[{"Organisation": {"OrgId": ' + "[" * 100_000, "nested too deep"),
        (b'[{"Organisation": {"OrgId": "\xff\xfe\xfd"}}]', "not UTF-8"),
        ('[{"Organisation": {"OrgId": "' + "x" * 9_000_000, "more than 8 MB"),
    ],
)
def test_what_is_no_json_is_refused(read, text, reason):
    with pytest.raises(Unreadable, match=reason):
        read(text)


def test_other_json_is_not_taken_for_it(tmp_path):
    path = tmp_path / "codes.json"
    for text in ('{"E38000001": "NHS Airedale"}', "[]", "[1, 2]", '[{"resourceType": "Bundle"}]'):
        path.write_text(text)
        with opened(path) as document, pytest.raises(NotRecognised):
            recognise(document)


def test_a_letter_that_no_database_keeps_is_left_out(read):
    (life,) = read(lines(practice(name="ROWLANDS\u0000 ROAD\ud83c SURGERY")))

    assert life.name == "Rowlands Road Surgery"


WHOLE = lines(
    record(
        "91Q",
        "NHS KENT AND MEDWAY ICB - 91Q",
        days("2019-10-23", legal="2020-04-01"),
        [role("RO98", legal="2020-04-01", primary=True), role("RO319", "2022-07-01")],
        [rel("RE5", "QKS", "RO261", "2020-04-01")],
    ),
    practice(rels=[rel("RE8", "U93165", "RO272", "2021-04-01")], postcode="B26 1AT"),
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
    ),
    st.booleans(),
)
def test_any_change_of_a_file_gives_claims_or_a_clear_answer(tmp_path_factory, changes, is_array):
    text = f"[{','.join(WHOLE.splitlines())}]" if is_array else WHOLE
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
    for claim in claims:
        if isinstance(claim, Life):
            assert claim.kind in Answers.authority.lives
            assert claim.name.isprintable()
        elif isinstance(claim, Doubt | BadLine):
            claim_text = claim.text if isinstance(claim, Doubt) else claim.reason
            assert claim_text.endswith(".")
