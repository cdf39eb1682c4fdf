"""A plan in the files that Salesforce Sales Territories and Veeva Align load."""

import csv
import io
import zipfile
from datetime import date

import pytest

from accounts.models import User
from accounts.taking_elsewhere import salesforce, veeva
from accounts.taking_elsewhere.contents import as_zip, contents, name_of_system
from tests import factories

DAY = date(2026, 11, 22)
YEAR = date(2026, 4, 1)
MODEL, KIND = "0MI000000004C92", "0M5000000000001AAA"
ID, OTHER_ID = "001000000000AAA", "001000000000BBB"


class Plan:
    """A nation over a region over two territories, with an area, a trust and three people."""

    def __init__(self):
        self.planner = factories.user(role=User.Role.PLANNER)
        self.plan = factories.plan(name="Primary care", opened_on=YEAR, closed_on=date(2027, 4, 1))
        # The child comes before its parent in the plan's order.
        self.north = self.territory("T01", "North & East", position=0)
        self.region = self.territory("R-1", "Region", position=1)
        self.south = self.territory("1 South", "South", position=2)
        self.north.parent = self.region
        self.north.save()
        factories.kind("trusttest", is_footprint=False, is_legal_body=True)
        self.area = factories.body("ZZ91Q", name="Kent")
        self.trust = factories.body("ZZRJ1", kind_code="trusttest", name="Guy's")
        factories.assignment(territory=self.north, organisation=self.area, opened_on=YEAR)
        factories.assignment(
            territory=self.south,
            organisation=self.trust,
            opened_on=date(2026, 7, 1),
            closed_on=date(2027, 1, 1),
        )
        self.ann = factories.user(username="ann", email="ann@example.com", first_name="Ann")
        factories.roster_entry(territory=self.north, user=self.ann, opened_on=date(2020, 1, 1))
        factories.roster_entry(
            territory=self.north, name="Bo", role="cover", opened_on=YEAR, closed_on=DAY
        )
        factories.roster_entry(
            territory=self.south, name="Cy", role="cover", opened_on=DAY, closed_on=None
        )

    def territory(self, code, name, position):
        return factories.territory(plan=self.plan, code=code, name=name, position=position)

    @property
    def address(self):
        return f"{self.plan.get_absolute_url()}files/?on={DAY}"

    def contents(self):
        return contents(self.plan, self.planner, DAY)


@pytest.fixture
def case(db):
    return Plan()


@pytest.fixture
def planner(client, case):
    client.force_login(case.planner)
    return client


def read(content):
    return list(csv.reader(io.StringIO(content.decode())))


# --- Salesforce ---------------------------------------------------------------------------------


def test_salesforce_has_a_file_for_each_object(case):
    made = salesforce.files(case.contents(), {}, model=MODEL, kind=KIND)

    assert [list(lines) for lines in made.values()] == [
        [
            [
                "Name",
                "DeveloperName",
                "Territory2ModelId",
                "Territory2TypeId",
                "ParentTerritory2Id",
                "Description",
            ],
            ["Region", "R_1", MODEL, KIND, "", ""],
            ["South", "T_1_South", MODEL, KIND, "", ""],
            ["North & East", "T01", MODEL, KIND, "R_1", ""],  # after its parent
        ],
        [
            ["ObjectId", "Territory2Id", "AssociationCause", "Unit", "UnitName", "DeveloperName"],
            ["ZZ91Q", "T01", "Territory2Manual", "ZZ91Q", "Kent", "T01"],
            ["ZZRJ1", "T_1_South", "Territory2Manual", "ZZRJ1", "Guy's", "T_1_South"],
        ],
        [
            ["UserId", "Territory2Id", "RoleInTerritory2", "User", "UserName", "DeveloperName"],
            ["ann@example.com", "T01", "Owner", "ann@example.com", "Ann", "T01"],
            ["Cy", "T_1_South", "Sales Rep", "Cy", "Cy", "T_1_South"],
        ],
    ]


def test_an_id_that_is_known_stands_where_salesforce_wants_it(planner, case):
    ids = f"Key,Id\nr_1\t{ID}\nZZ91Q;{OTHER_ID}\n\nANN@example.com, {ID}\n"
    asked = {"salesforce-model": MODEL, "salesforce-kind": KIND, "salesforce-ids": ids}

    answer = planner.post(case.address, {"system": "salesforce", "file": "all", **asked})

    with zipfile.ZipFile(io.BytesIO(answer.content)) as parts:
        made = {name: read(parts.read(name)) for name in parts.namelist()}
    assert answer["Content-Type"] == "application/zip"
    assert 'filename="primary-care-on-2026-11-22-salesforce.zip"' in answer["Content-Disposition"]
    assert list(made) == [
        "Territory2.csv",
        "ObjectTerritory2Association.csv",
        "UserTerritory2Association.csv",
    ]
    assert made["Territory2.csv"][3][4] == ID
    assert made["ObjectTerritory2Association.csv"][1][0] == OTHER_ID
    assert made["UserTerritory2Association.csv"][1][0] == ID


@pytest.mark.parametrize(
    "given, says",
    [
        ({"salesforce-model": ""}, "This field is required"),
        ({"salesforce-kind": "0MI"}, "15 or 18 letters and digits"),
        ({"salesforce-ids": f"T01 {ID}\nT01"}, "No key with its Id in line 2."),
        ({"salesforce-ids": f"T99,{ID}"}, "The plan has no T99 on this day."),
        ({"salesforce-ids": f"T01,{ID}\nT01,{OTHER_ID}"}, "T01 has two Ids."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(planner, case, given, says):
    asked = {"salesforce-model": MODEL, "salesforce-kind": KIND, **given}

    answer = planner.post(case.address, {"system": "salesforce", **asked})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert says in page
    assert asked["salesforce-kind"] in page


@pytest.mark.parametrize(
    "text, name",
    [
        ("T01", "T01"),
        ("Łódź & Éire", "odz_Eire"),
        ("1 South", "T_1_South"),
        ("__a__b__", "a_b"),
        ("東", "T"),
    ],
)
def test_a_name_has_the_letters_that_the_systems_allow(text, name):
    assert name_of_system(text) == name


def test_two_codes_never_come_to_one_name(case):
    case.territory("t-01", "Lower", position=9)
    case.territory("T 01", "Third", position=10)

    names = case.contents().names

    assert names["T01"] == "T01"
    assert len({name.casefold() for name in names.values()}) == 5


# --- Veeva Align --------------------------------------------------------------------------------


def test_align_has_the_first_and_the_last_day_of_everything(case):
    made = {
        name: list(lines)
        for name, lines in veeva.files(case.contents(), country="GB", field_force="PC").items()
    }

    assert made["territory__aln.csv"][0][-3:] == [
        "parent_territory__alnr.external_id__aln",
        "field_force__alnr.external_id__aln",
        "country__alnr.external_id__aln",
    ]
    assert made["territory__aln.csv"][3] == [
        "T01",
        "T01",
        "North & East",
        YEAR,
        date(2027, 3, 31),
        "R-1",
        "PC",
        "GB",
    ]
    assert made["geography_territory__aln.csv"] == [
        [
            "external_id__aln",
            "geography__alnr.external_id__aln",
            "territory__alnr.external_id__aln",
            "start_date__aln",
            "end_date__aln",
            "name",
        ],
        ["T01_ZZ91Q_2026-04-01", "ZZ91Q", "T01", YEAR, date(2027, 3, 31), "Kent"],
    ]
    assert made["account_territory__aln.csv"][1][1:5] == [
        "ZZRJ1",
        "1 South",
        date(2026, 7, 1),
        date(2026, 12, 31),
    ]
    # Ann was there before the plan: within it, as Align asks. Bo left on the day before.
    assert [line[1:5] for line in made["roster_member_territory__aln.csv"][1:]] == [
        ["ann@example.com", "T01", YEAR, date(2027, 3, 31)],
        ["Cy", "1 South", DAY, date(2027, 3, 31)],
    ]


def test_units_are_what_the_customer_has_them_as(planner, case):
    asked = {"system": "veeva", "file": "account_territory__aln.csv"}

    answer = planner.post(case.address, {**asked, "veeva-units_as": "accounts"})
    none = planner.post(case.address, {**asked, "veeva-units_as": "geographies"})

    assert [line[1] for line in read(answer.content)[1:]] == ["ZZ91Q", "ZZRJ1"]
    assert b"\xef\xbb\xbf" not in answer.content  # a loader takes the mark for a part of the head
    assert b"2027-03-31" in answer.content
    assert none.status_code == 422
    assert "would be empty" in none.content.decode()


def test_what_goes_on_ends_when_the_customer_says(planner, case):
    case.plan.closed_on = None
    case.plan.save()
    asked = {"system": "veeva", "file": "territory__aln.csv", "veeva-units_as": "kind"}

    open_ended = planner.post(case.address, asked)
    ended = planner.post(case.address, {**asked, "veeva-open_ended": "2099-12-31"})
    before = planner.post(case.address, {**asked, "veeva-open_ended": "2026-01-01"})

    assert {line[4] for line in read(open_ended.content)[1:]} == {""}
    assert {line[4] for line in read(ended.content)[1:]} == {"2099-12-31"}
    assert before.status_code == 422


# --- The page -----------------------------------------------------------------------------------


def test_the_page_asks_what_only_the_customer_knows(planner, case):
    page = planner.get(case.address).content.decode()

    assert "3 territories, 2 units, 2 on the roster" in page
    assert "ObjectTerritory2Association.csv" in page
    assert "roster_member_territory__aln.csv" in page
    assert (
        f'href="{case.plan.get_absolute_url()}files/'
        in planner.get(case.plan.get_absolute_url()).content.decode()
    )


def test_on_a_day_before_the_plan_it_says_which_day_it_is_of(planner, case):
    page = planner.get(f"{case.plan.get_absolute_url()}files/?on=2026-01-01").content.decode()

    assert "Shown is <strong>1 April 2026</strong>" in page


def test_text_that_would_run_leaves_as_text(planner, case):
    case.north.name = "=1+1"
    case.north.save()
    asked = {"system": "veeva", "file": "territory__aln.csv", "veeva-units_as": "kind"}

    assert "'=1+1" in planner.post(case.address, asked).content.decode()


@pytest.mark.parametrize("asked", [{}, {"system": "sap"}, {"system": "veeva", "file": "../x"}])
def test_a_file_that_there_is_not_is_not_found(planner, case, asked):
    answer = planner.post(case.address, {"veeva-units_as": "kind", **asked})

    assert answer.status_code == 404


def test_the_same_plan_gives_the_same_bytes(case):
    first, second = (as_zip(veeva.files(contents(case.plan, case.planner, DAY))) for _ in range(2))

    assert first == second


def test_a_plan_of_another_role_is_taken_in_that(case):
    units = [unit.code for unit in case.contents().units]
    case.plan.role = "mirror"
    case.plan.save()
    assert case.contents().units == []

    case.plan.assignments.update(role="mirror")
    assert [unit.code for unit in case.contents().units] == units


@pytest.mark.parametrize("role", [User.Role.FIELD, User.Role.STEWARD])
def test_who_does_not_plan_takes_nothing(client, case, role):
    client.force_login(factories.user(role=role, team=case.plan.team))

    assert client.get(case.address).status_code == 403
    assert client.post(case.address, {"system": "veeva"}).status_code == 403


def test_a_walled_plan_is_not_found_by_others(planner, case):
    case.plan.team.is_walled = True
    case.plan.team.save()

    assert planner.get(case.address).status_code == 404
