"""The register of any day: its list, its legend, its filters, its file."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from footprints import filters, narrowing
from footprints.models import Release, Version
from footprints.searching.words import has_all, typed
from footprints.services.entries import enter_fact, withdraw_facts
from footprints.within import bodies_within
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

REGISTER = "/register/"


@pytest.fixture
def reader(client):
    client.force_login(factories.user())
    return client


def codes(response):
    return [version.organisation.code for version in response.context["page"].rows]


def legend(response):
    """Kind → count, as the legend says."""
    kinds = (kind for family in response.context["legend"] for kind in family["kinds"])
    return {kind["name"]: kind["count"] for kind in kinds}


def all_codes(reader, address):
    """The codes of every page of a list, in order."""
    found = []
    while address:
        page = reader.get(address)
        found += codes(page)
        address = page.context["next_address"]
    return found


def test_the_register_is_for_people_who_sign_in(client):
    assert client.get(REGISTER).url == "/sign-in/?next=/register/"


def test_the_legend_is_the_census_of_the_day(reader):
    assert legend(reader.get(REGISTER, {"on": "2020-03-31"}))["CCGs"] == 191
    assert legend(reader.get(REGISTER, {"on": "2020-04-01"}))["CCGs"] == 135
    assert legend(reader.get(REGISTER, {"on": "2022-07-01"}))["ICBs"] == 42
    after = legend(reader.get(REGISTER, {"on": "2026-04-01"}))
    assert after["ICBs"] == 36
    assert "CCGs" not in after


def test_a_kind_in_the_legend_narrows_the_list_and_a_second_click_widens_it_again(reader):
    page = reader.get(REGISTER, {"on": "2026-11-21"})
    icbs = next(k for f in page.context["legend"] for k in f["kinds"] if k["name"] == "ICBs")

    narrowed = reader.get(icbs["address"])

    assert narrowed.context["count"] == "36 organisations"
    assert [(chip.label, chip.text) for chip in narrowed.context["chips"]] == [("Kind", "ICBs")]
    again = next(k for f in narrowed.context["legend"] for k in f["kinds"] if k["on"])
    assert again["name"] == "ICBs"
    assert "kind=" not in again["address"]


def test_kinds_add_up_and_a_family_is_a_chip_too(reader):
    both = reader.get(REGISTER, {"kind": ["region", "icb"], "on": "2026-11-21"})
    family = reader.get(REGISTER, {"family": "nation", "on": "2026-11-21"})

    assert both.context["count"] == "43 organisations"
    assert family.context["count"] == "26 organisations"
    assert family.context["chips"][0].text == "Wales, Scotland and Northern Ireland"


def test_a_row_says_what_the_body_was_part_of_and_how_many_people_it_had_that_day(reader):
    before = reader.get(REGISTER, {"q": "99J", "on": "2020-03-31"})
    after = reader.get(REGISTER, {"q": "91Q", "on": "2020-04-01"})

    (row,) = before.context["page"].rows
    assert row.parent == {"code": "QKS", "name": "Kent and Medway"}
    assert row.people and row.people < after.context["page"].rows[0].people
    assert "1 Apr 2013 – 31 Mar 2020" in text(before)


def test_a_provisional_body_is_on_no_list(reader):
    assert codes(reader.get(REGISTER, {"q": "P-QHL", "on": "2027-04-01"})) == []


@pytest.mark.parametrize(
    ("words", "found"), [("kent med", {"QKS", "91Q"}), ("91q", {"91Q"}), ("edway", set())]
)
def test_text_matches_the_starts_of_words_and_codes(reader, words, found):
    page = reader.get(REGISTER, {"q": words, "kind": ["icb", "sub_icb"], "on": "2026-11-21"})

    assert set(codes(page)) == found


def test_a_code_that_no_longer_lives_leads_on_all_the_same(reader):
    page = reader.get(REGISTER, {"q": "99J"})

    assert codes(page) == []
    assert [version.organisation.code for version in page.context["elsewhen"]] == ["99J"]
    assert 'href="/register/99J/?on=' not in page.content.decode()
    assert 'href="/register/99J/"' in page.content.decode()


def test_within_a_region_are_all_bodies_below_it_on_that_day(reader):
    def within(code, day):
        address = f"{REGISTER}?within={code}&on={day}&sort=code"
        return all_codes(reader, address)

    before, after = within("Y59", "2026-03-31"), within("Y59", "2026-04-01")

    assert {"Y59", "QNQ", "D4U1Y", "QKS", "91Q"} <= set(before)
    assert {"S0E4D", "QKS", "91Q"} <= set(after)
    assert not {"QNQ", "D4U1Y"} & set(after)
    assert "QOP" not in before


def test_a_code_that_is_none_is_answered_beside_its_box(reader):
    page = reader.get(REGISTER, {"within": "NOPE"})

    assert codes(page) == []
    assert "No organisation has the code NOPE." in text(page)


def test_a_kind_that_there_is_not_is_no_list_of_nothing(reader):
    page = reader.get(REGISTER, {"kind": "kingdom"})

    assert page.status_code == 400
    assert "The address asks for the kind «kingdom», which there is not." in text(page)


def test_only_legal_bodies_can_be_asked_for(reader):
    everybody = {"family": "commissioning", "on": "2022-07-01"}

    legal = reader.get(REGISTER, {**everybody, "legal": "on"})

    assert legal.context["count"] == "42 organisations"
    assert [chip.text for chip in legal.context["chips"]] == [
        "Regions, systems and commissioners",
        "yes",
    ]
    assert reader.get(REGISTER, {**everybody, "legal": ""}).context["chips"][1:] == []


@pytest.mark.parametrize("sort", ["name", "code", "kind", "opened", "-name", "-opened"])
def test_every_sort_shows_every_body_once(reader, sort):
    found = all_codes(reader, f"{REGISTER}?family=provider&on=2026-11-21&sort={sort}")

    assert len(found) == len(set(found)) == 206


def corrected(code, old, new):
    """A body that was entered as one thing in 2015 and is known as another since today."""
    long_ago = factories.release(applied_at=datetime(2015, 1, 1, tzinfo=UTC))
    first = factories.version(factories.organisation(code), name=old, asserted_by=long_ago)
    second = Version.objects.get(pk=first.pk)
    second.name = new
    enter_fact(second, by=factories.user(), replaces=first)


def test_the_list_shows_what_was_known_then(reader):
    corrected("ZZ9", "Zebra CCG", "Lion CCG")

    def names(**known):
        page = reader.get(REGISTER, {"on": "2015-01-01", "q": "ZZ9", **known})
        return [version.name for version in page.context["page"].rows]

    assert names() == ["Lion CCG"]
    assert names(known="2015-06-01") == ["Zebra CCG"]
    assert names(known="2014-12-31") == []


def test_the_legend_follows_each_release(reader):
    def ccgs():
        return legend(reader.get(REGISTER, {"on": "2015-01-01"}))["CCGs"]

    before = ccgs()
    steward = factories.user()
    fact = factories.version(asserted_by=factories.release())
    assert ccgs() == before + 1

    withdraw_facts([fact], by=steward)

    assert ccgs() == before
    fact.pk = None
    enter_fact(fact, by=steward)
    assert ccgs() == before + 1


def test_the_file_holds_the_rows_as_filtered(reader):
    answer = reader.get(
        REGISTER, {"kind": "icb", "within": "Y59", "on": "2026-11-21", "format": "csv"}
    )

    assert answer["Content-Disposition"] == 'attachment; filename="register-on-2026-11-21.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["Code"] for row in rows} == {"QKS", "QRL", "S0E4D", "S9B9J"}
    assert rows[0]["Part of"].startswith("Y59 ")
    assert all(row["People"].isdigit() for row in rows)


@pytest.mark.parametrize("rows", [1, 50])
def test_the_list_asks_the_database_the_same_however_long_it_is(
    reader, rows, django_assert_num_queries
):
    kind = factories.kind("hospice")
    region = factories.body("ZZR", kind_code="region", name="Region")
    for number in range(rows):
        body = factories.body(kind_code=kind.code, name=f"Hospice {number}")
        factories.relationship(child=body, parent=region)
        factories.population(organisation=body)
    reader.get(REGISTER, {"on": "2026-11-21"})  # content types and the like, once a process

    # Session, user, open flags, kinds, the keys of the page and its rows: the census is kept. And
    # whether the reader watches what it is narrowed by, and how that is called.
    with django_assert_num_queries(9):
        page = reader.get(REGISTER, {"kind": "hospice", "on": "2026-11-21"})

    assert len(codes(page)) == rows


@pytest.mark.parametrize(
    "search",
    [
        {"q": "kent"},
        {"q": "99J"},
        {"q": "nobody"},
        {"q": "ke"},
        {"q": "a", "within": "Y59"},
        {"within": "QKS"},
        {"family": "commissioning", "sort": "code"},
    ],
)
def test_a_search_asks_at_most_eleven_times(reader, search):
    reader.get(REGISTER)

    with CaptureQueriesContext(connection) as asked:
        reader.get(REGISTER, search)

    assert len(asked) <= 11


SORTS = ["name", "-name", "code", "-code", "kind", "-kind", "opened", "-opened"]
NARROWED = [
    "",
    "&kind=trust",
    "&kind=trust&kind=region&kind=icb",
    "&family=commissioning",
    "&legal=on",
    "&q=north",
    "&q=nor+e",
    "&q=q",
    "&q=kent&kind=icb",
    "&q=91&kind=sub_icb",
    "&q=s&kind=icb&family=provider",
    "&within=Y59",
    "&within=Y59&legal=on",
    "&within=Y59&q=s",
]


def named_here(narrowed, day, known):
    """The codes that a filter lets through, each row asked in Python."""
    asked = QueryDict(narrowed.lstrip("&"))
    versions = (
        Version.objects.known(known).on(day).decided().select_related("kind", "organisation")
    )
    within = bodies_within(asked["within"], day, known) if "within" in asked else None
    if within is not None:
        versions = versions.filter(organisation__in=within)
    wanted = typed(asked.get("q", ""))
    return {
        version.organisation.code
        for version in versions
        if ("kind" not in asked or version.kind_id in asked.getlist("kind"))
        and ("family" not in asked or version.kind.family == asked["family"])
        and ("legal" not in asked or version.kind.is_legal_body)
        and (
            has_all(version.name, wanted)
            or (len(wanted) == 1 and version.organisation.code.startswith(wanted[0].upper()))
        )
    }


@pytest.mark.parametrize("walked", [False, True], ids=["few named", "many walked"])
@pytest.mark.parametrize("narrowed", NARROWED)
def test_a_list_shows_the_same_bodies_named_or_walked_in_every_order(
    reader, monkeypatch, narrowed, walked
):
    """At national size most filters let more through than is named; here none does by itself."""
    if walked:
        monkeypatch.setattr(filters, "MANY", 0)
        monkeypatch.setattr(narrowing, "DOWN", narrowing.DOWN.replace("3000", "0"))
        narrowing.Within.find.cache_clear()
    day = date(2021, 6, 1)
    expected = named_here(narrowed, day, None)

    for sort in SORTS:
        found = all_codes(reader, f"{REGISTER}?on={day}&sort={sort}{narrowed}")
        assert sorted(found) == sorted(expected), sort
        if sort == "code" and not (walked and "q=" in narrowed):
            assert found == sorted(expected)
    narrowing.Within.find.cache_clear()


def test_what_was_known_then_is_narrowed_by_the_same_filters(reader):
    corrected("ZZ9", "Zebra CCG", "Lion CCG")
    known = Release.objects.known_at(datetime(2015, 6, 1, tzinfo=UTC))

    for narrowed in ("", "&kind=ccg", "&kind=ccg&kind=icb", "&q=zebra", "&q=lion", "&legal=on"):
        found = all_codes(reader, f"{REGISTER}?on=2015-01-01&known=2015-06-01{narrowed}")
        assert set(found) == named_here(narrowed, date(2015, 1, 1), known), narrowed


def test_the_count_of_kinds_is_that_of_the_census_and_says_how_many(reader):
    page = reader.get(REGISTER, {"on": "2022-07-01", "family": "primary_care"})

    assert page.context["count"] == f"{Version.objects.census(date(2022, 7, 1))['pcn']:,} " + (
        "organisations"
    )


def test_a_search_that_finds_too_many_asks_for_more_letters(reader, monkeypatch):
    monkeypatch.setattr(filters, "MANY", 20)

    page = reader.get(REGISTER, {"q": "n", "on": "2026-11-21"})
    by_code = reader.get(REGISTER, {"q": "n", "on": "2026-11-21", "sort": "-code"})

    assert page.context["count"] == "More than 20 have such a word or code: type more of it"
    assert by_code.context["count"] == (
        "More than 20 have such a word or code, here by name: type more of it"
    )
    assert codes(page) == codes(by_code)
    assert len(codes(page)) == 50


def test_the_list_keeps_to_the_policy(reader):
    assert breaks_the_policy(reader.get(REGISTER, {"kind": "icb", "q": "kent"})) == []
