"""The walk down the hierarchies, and the page of every day on which something changed."""

import random
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from footprints.life.children import HEADINGS
from footprints.models import Organisation, Relationship, Version
from footprints.walking import SHOWN, walk, way_to
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

DAY = date(2026, 11, 21)
WALK = "/register/walk/"


@pytest.fixture
def reader(client, db):
    client.force_login(factories.user(role="planner"))
    return client


@pytest.fixture
def practice(register):
    """A practice as the reports bring it: its commissioner's area, and a member of a PCN."""
    body = factories.body("G82999", kind_code="practice", name="The Old Mill Surgery")
    location, pcn = (Organisation.objects.get(code=code) for code in ("91Q", "U47228"))
    factories.relationship(child=body, parent=location, opened_on=date(2022, 7, 1))
    factories.relationship(child=body, parent=pcn, type="member_of", opened_on=date(2022, 7, 1))
    return body


def codes(column):
    return {entry.code for shelf in column.shelves for entry in shelf.entries}


# --- Down ---------------------------------------------------------------------------------------


def test_a_walk_begins_at_the_nations_and_what_lies_below_none(register):
    (begin,) = walk([], DAY).columns

    assert {"E92000001", "W92000004", "S92000003", "N92000002"} <= codes(begin)
    assert {shelf.kind for shelf in begin.shelves} == {
        "nation",
        "apc",
        "imoc",
        "priorities",
        "rtag",
        "provider_collaborative",
    }
    (nations,) = [shelf for shelf in begin.shelves if shelf.kind == "nation"]
    assert {entry.code: entry.below for entry in nations.entries} == {
        "E92000001": 7,
        "N92000002": 5,
        "S92000003": 14,
        "W92000004": 7,
    }


def test_each_step_opens_a_column_with_counts(practice):
    way = "E92000001 Y59 QKS 91Q U47228 G82999".split()

    found = walk(way, DAY)

    assert [column.body and column.body.organisation.code for column in found.columns] == [
        None,
        *way,
    ]
    assert found.lost == ""
    trusts = next(shelf for shelf in found.columns[3].shelves if shelf.kind == "trust")
    assert (trusts.heading, trusts.count) == ("members of it", 7)
    pcns = next(shelf for shelf in found.columns[4].shelves if shelf.kind == "pcn")
    assert pcns.count == 42
    assert [entry.code for entry in pcns.entries if entry.is_on_way] == ["U47228"]
    assert next(entry for entry in pcns.entries if entry.code == "U47228").below == 1
    (members,) = found.columns[5].shelves
    assert (members.heading, members.noun) == ("members of it", "Practice")
    assert found.columns[6].shelves == []


def test_the_welsh_boards_lie_below_wales(register):
    found = walk(["W92000004", "7A3"], DAY)

    assert len(codes(found.columns[1])) == 7
    assert found.end.name == "Swansea Bay University Health Board"


def test_the_way_of_another_day_is_that_days(register):
    before, after = date(2026, 3, 31), date(2026, 4, 1)

    assert "QNQ" in codes(walk(["E92000001", "Y59"], before).columns[2])
    assert walk(["E92000001", "Y59", "QNQ"], before).lost == ""
    lost = walk(["E92000001", "Y59", "QNQ", "D4U1Y"], after)
    assert (lost.end.organisation.code, lost.lost) == ("Y59", "QNQ")
    assert "QNQ" not in codes(lost.columns[2])


def test_a_committee_leads_to_what_it_covers_and_a_collaborative_to_its_lead(register):
    committee = walk(["APC-02"], DAY).columns[1]
    assert [(shelf.heading, codes(committee)) for shelf in committee.shelves] == [
        ("it covers", {"QYG"})
    ]
    collaborative = walk(["PC-09"], DAY).columns[1]
    assert {shelf.heading for shelf in collaborative.shelves} == {"leading it"}
    trust = walk(["PC-09", "G6V2S"], DAY)
    assert trust.lost == ""
    assert "it leads" in {shelf.heading for shelf in trust.columns[2].shelves}


def test_a_circle_of_a_way_ends_it(register):
    assert walk(["APC-02", "QYG", "APC-02"], DAY).lost == "APC-02"


def test_very_many_children_are_counted_and_the_first_shown_with_the_one_on_the_way(register):
    parent = factories.body("ZZP", kind_code="pcn", name="Big PCN")
    nation = Organisation.objects.get(code="E92000001")
    factories.relationship(child=parent, parent=nation, opened_on=date(2020, 1, 1))
    release = factories.release()
    for number in range(SHOWN + 20):
        child = factories.body(
            f"Y{number:05}",
            kind_code="practice",
            name=f"Practice {number:03}",
            asserted_by=release,
        )
        factories.relationship(
            child=child, parent=parent, opened_on=date(2020, 1, 1), asserted_by=release
        )
    last = f"Y{SHOWN + 19:05}"

    (shelf,) = walk(["E92000001", "ZZP", last], DAY).columns[2].shelves

    assert (shelf.count, len(shelf.entries), shelf.besides) == (SHOWN + 20, SHOWN + 1, 19)
    assert shelf.entries[-1].is_on_way


def test_what_was_not_known_yet_is_not_walked(register):
    later = factories.release(applied_at=datetime(2030, 1, 1, tzinfo=UTC))
    body = factories.body("ZZ1", kind_code="region", name="New", asserted_by=later)
    nation = Organisation.objects.get(code="E92000001")
    factories.relationship(
        child=body, parent=nation, asserted_by=later, opened_on=date(2020, 1, 1)
    )

    assert "ZZ1" in codes(walk(["E92000001"], DAY).columns[1])
    assert "ZZ1" not in codes(walk(["E92000001"], DAY, register.pk).columns[1])
    assert walk(["E92000001"], DAY, 0).lost == "E92000001"


def test_a_random_walk_meets_what_a_recount_of_the_rows_says(practice):
    """Forty steps down at random, on random days: each column is what the tables say."""
    dice = random.Random(20261121)
    versions = list(Version.objects.now().select_related("organisation"))
    facts = list(Relationship.objects.now())

    def lives(key, day):
        return any(
            v.organisation_id == key
            and not v.organisation.is_provisional
            and (v.opened_on is None or v.opened_on <= day)
            and (v.closed_on is None or v.closed_on > day)
            for v in versions
        )

    codes_by_key = dict(Organisation.objects.values_list("pk", "code"))
    walked = 0
    while walked < 40:
        day = date(2014, 1, 1).fromordinal(dice.randrange(735234, 739900))
        way = [dice.choice(["E92000001", "W92000004", "S92000003"])]
        while True:
            column = walk(way, day).columns[-1]
            here = column.body.organisation_id
            expected = {
                (codes_by_key[fact.child_id], HEADINGS[fact.type])
                for fact in facts
                if fact.parent_id == here
                and (fact.opened_on is None or fact.opened_on <= day)
                and (fact.closed_on is None or fact.closed_on > day)
                and lives(fact.child_id, day)
            }
            below = [shelf for shelf in column.shelves if shelf.heading in HEADINGS.values()]
            shown = {(entry.code, shelf.heading) for shelf in below for entry in shelf.entries}
            assert sum(shelf.count for shelf in below) == len(expected), (way, day)
            assert shown <= expected
            assert len(shown) == sum(min(shelf.count, SHOWN) for shelf in below)
            walked += 1
            further = sorted({code for code, _ in shown} - set(way))
            if not further or len(way) > 6:
                break
            way.append(dice.choice(further))


# --- Up -----------------------------------------------------------------------------------------


def test_the_way_to_a_body_leads_from_its_nation_by_its_area(practice):
    assert way_to("G82999", DAY) == ["E92000001", "Y59", "QKS", "91Q", "G82999"]
    assert way_to("RN7", DAY) == ["E92000001", "Y59", "QKS", "RN7"]
    assert way_to("APC-02", DAY) == ["APC-02"]


def test_a_practice_has_a_line_through_its_pcn_and_one_of_its_commissioner(reader, practice):
    page = reader.get("/register/G82999/", {"on": "2026-11-21"})

    lines = {
        line.says: [each.organisation.code for each in line.bodies]
        for line in page.context["lines"]
    }
    assert lines == {
        "Member of": ["E92000001", "Y59", "QKS", "91Q", "U47228"],
        "Commissioner": ["E92000001", "Y59", "QKS", "91Q"],
    }
    assert "Member of England" in text(page)
    # Two bodies of one name are told apart by their codes.
    assert "Kent and Medway QKS Kent and Medway 91Q ABC PCN" in text(page)


# --- The page -----------------------------------------------------------------------------------


def test_the_page_keeps_to_the_policy_and_asks_at_most_fifteen_times(reader, practice):
    for query in ({}, {"to": "G82999"}, {"path": "E92000001/Y59/QKS/91Q/U47228/G82999"}):
        with CaptureQueriesContext(connection) as asked:
            page = reader.get(WALK, query | {"on": "2026-11-21"})

        assert page.status_code == 200
        assert breaks_the_policy(page) == []
        assert len(asked) <= 15, [row["sql"][:80] for row in asked]


def test_the_links_keep_the_way_the_day_and_what_was_known(reader, register):
    page = reader.get(WALK, {"path": "E92000001/Y59", "on": "2021-01-01"}).content.decode()

    assert 'href="/register/walk/?path=E92000001/Y59/QKS&amp;on=2021-01-01"' in page
    assert 'href="/register/walk/?path=E92000001&amp;on=2021-01-01"' in page
    assert 'name="path" value="E92000001/Y59"' in page  # the day's own form keeps the way


def test_a_way_that_is_lost_says_so(reader, register):
    page = text(reader.get(WALK, {"path": "E92000001/Y59/QNQ", "on": "2026-11-21"}))

    assert "The way ends here on 21 November 2026. QNQ did not lie here on that day" in page


@pytest.mark.parametrize(
    "query", [{"path": "E92000001/NOPE"}, {"to": "nope"}, {"path": "/".join("ABCDEFGHIJKL")}]
)
def test_a_way_that_names_no_body_is_refused_in_words(reader, register, query):
    page = reader.get(WALK, query)

    assert page.status_code == 400
    assert "A way" in text(page)


def test_a_stranger_signs_in_first(client):
    assert client.get(WALK).status_code == 302
    assert client.get("/register/days/").status_code == 302


# --- Every day on which something changed -------------------------------------------------------


def test_every_day_of_a_year_leads_back_to_the_page_on_it(reader, register):
    page = reader.get("/register/days/", {"year": "2020", "to": "/register/?q=kent&on=2015-01-01"})

    days = {preset.day: (before, on) for preset, before, on in page.context["days"]}
    assert days[date(2020, 4, 1)] == (
        "/register/?q=kent&on=2020-03-31",
        "/register/?q=kent&on=2020-04-01",
    )
    assert all(day.year == 2020 for day in days)
    assert breaks_the_policy(page) == []
    back = reader.get(days[date(2020, 4, 1)][1])
    assert back.status_code == 200


@pytest.mark.parametrize(
    "to", ["//evil.example/", "https://evil.example/", "register/", "/\\evil"]
)
def test_it_leads_to_no_page_but_ours(reader, register, to):
    assert reader.get("/register/days/", {"to": to}).status_code == 400


def test_a_year_in_which_nothing_changed_is_refused_in_words(reader, register):
    for year in ("1950", "soon", "²⁰²⁰"):
        page = reader.get("/register/days/", {"year": year})
        assert page.status_code == 400
        assert "Nothing changed in the year" in text(page)


def test_a_body_offers_its_own_days_beside_the_day(reader, register):
    page = reader.get("/register/91Q/").content.decode()

    assert "When it changed itself" in page
    assert 'href="?on=2020-03-31"' in page.split("When it changed itself")[1].split("</ul>")[0]
