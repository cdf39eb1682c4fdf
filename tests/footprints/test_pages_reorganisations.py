"""The reorganisations: their list, and the page of one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from footprints.models import Organisation, Reorganisation
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

LIST = "/reorganisations/"


@pytest.fixture
def reader(client):
    client.force_login(factories.user(role="planner"))
    return client


def page_of(reader, code, day):
    """The page of the event that takes the area of that code on that day."""
    event = Reorganisation.objects.filter(
        effective_on=day, successions__predecessor__code=code, successions__passes="area"
    ).distinct()
    return reader.get(event.get().get_absolute_url())


def slugs(page):
    return [event.slug for event in page.context["page"].rows]


def test_what_is_coming_stands_first_and_says_that_it_is_not_decided(reader):
    page = reader.get(LIST)

    assert {event.effective_on.isoformat() for event in page.context["page"].rows[:9]} == {
        "2027-04-01"
    }
    assert text(page).count("Rumoured – not decided") == 8
    assert text(page).count("Proposed – not decided") == 1


def test_events_are_found_by_body_state_kind_day_and_words(reader):
    def found(**asked):
        return reader.get(LIST, asked)

    days = [event.effective_on.isoformat() for event in found(body="qnq").context["page"].rows]
    assert days == ["2026-04-01", "2022-07-01", "2018-04-01"]
    assert len(slugs(found(state="proposed"))) == 1
    assert {e.kind for e in found(kind="split").context["page"].rows} == {"split"}
    assert found(since="2020-04-01", until="2020-04-01", kind="merger").context["count"] == (
        "18 reorganisations"
    )
    assert slugs(found(q="kent medway", until="2021-01-01")) == ["91q-2020-04-01"]
    assert "No organisation has the code NOPE." in text(found(body="NOPE"))


def test_a_moved_child_finds_its_event_too(reader):
    # 02Q went from South Yorkshire to Nottinghamshire.
    assert reader.get(LIST, {"body": "02Q"}).context["page"].rows


def test_bodies_before_and_after_are_counted_by_area(reader):
    (row,) = reader.get(LIST, {"q": "kent medway", "kind": "merger"}).context["page"].rows

    assert (row.old_bodies, row.new_bodies) == (8, 1)


def test_an_event_of_which_nothing_is_known_any_more_is_not_listed(reader):
    event = factories.reorganisation(title="Zebra merger")
    assert slugs(reader.get(LIST, {"q": "zebra"})) == [event.slug]

    fact = factories.succession(reorganisation=event)
    assert slugs(reader.get(LIST, {"q": "zebra"})) == [event.slug]

    fact.retracted_by = factories.release()
    fact.save(update_fields=["retracted_by"])

    assert slugs(reader.get(LIST, {"q": "zebra"})) == []
    assert slugs(reader.get(LIST, {"q": "kent", "known": "2013-01-01"})) == []


@pytest.mark.parametrize("rows", [1, 40])
def test_the_list_asks_the_database_the_same_however_long_it_is(
    reader, rows, django_assert_num_queries
):
    for number in range(rows):
        event = factories.reorganisation(title=f"Zebra {number}", kind="rename")
        factories.succession(reorganisation=event)
        factories.move(reorganisation=event)
    reader.get(LIST)

    # Session, user, the rows, the years.
    with django_assert_num_queries(8):  # two of them: may the reader record one?
        page = reader.get(LIST, {"kind": "rename"})

    assert len(slugs(page)) == rows


def test_a_split_is_written_old_to_new_with_its_shares(reader):
    page = text(page_of(reader, "QNQ", "2026-04-01"))

    assert "QNQ NHS Frimley ICB S0E4D NHS Thames Valley ICB 59%" in page
    assert "took effect on 1 April 2026" in page
    assert "Effective" in page


def test_shares_that_are_not_known_are_said_not_to_be(reader):
    page = page_of(reader, "RW6", "2021-10-01")

    assert page.content.decode().count('class="old-new-share unknown">share not known<') == 2


def test_a_change_of_nature_keeps_the_code_and_shows_where_the_functions_go(reader):
    page = reader.get(f"{LIST}qop-2022-07-01/")

    assert len(page.context["areas"]) == 11
    assert len(page.context["functions"]) == 10
    assert "now Sub-ICB location" in text(page)
    assert "Statutory functions pass too: of 10 bodies" in text(page)


def test_the_evidence_gives_both_days(reader):
    page = text(reader.get(f"{LIST}p-qhl-qua-2027-04-01/"))

    assert "Source of 14 Jul 2025 · looked at on 21 Nov 2026" in page
    assert "would take effect on 1 April 2027" in page
    assert "healthcareleadernews.com" in page


def test_moves_are_grouped_by_the_two_parents(reader):
    moves = page_of(reader, "QNQ", "2026-04-01").context["moved"]

    pairs = {
        (m.old.organisation.code, m.new.organisation.code, m.noun): len(m.children) for m in moves
    }
    assert pairs["QU9", "S0E4D", "Sub-ICB locations"] == 3
    assert sum(pairs.values()) == 24


@pytest.mark.parametrize("team", ["own", "other", "field"])
def test_the_blast_radius_counts_what_its_reader_may_see(client, team):
    walled = factories.team(is_walled=True)
    territory = factories.territory(plan=factories.plan(team=walled))
    body = Organisation.objects.get(code="QNQ")
    factories.assignment(territory=territory, organisation=body)
    factories.post(organisation=body)
    reader = {
        "own": {"role": "planner", "team": walled},
        "other": {"role": "planner"},
        "field": {"role": "field"},
    }[team]
    client.force_login(factories.user(**reader))

    page = page_of(client, "QNQ", "2026-04-01")

    rings = page.context["rings"]
    found = None if rings is None else {ring.says: ring.count for ring in rings}
    assert (
        found
        == {
            "own": {"a unit of a territory": 1, "a stakeholder's post": 1},
            "other": {"a stakeholder's post": 1},
            "field": None,
        }[team]
    )
    assert (str(territory) in text(page)) is (team == "own")


def test_every_event_has_a_page_that_keeps_to_the_policy_and_to_sixteen_queries(reader):
    slugs = list(Reorganisation.objects.values_list("slug", flat=True))
    reader.get(f"{LIST}{slugs[0]}/")  # a process asks once for what it then remembers
    for slug in slugs:
        with CaptureQueriesContext(connection) as asked:
            page = reader.get(f"{LIST}{slug}/")

        assert page.status_code == 200, slug
        assert breaks_the_policy(page) == [], slug
        assert len(asked) <= 16, slug


def test_an_event_is_known_only_since_its_facts_are(reader):
    assert reader.get(f"{LIST}qop-2022-07-01/", {"known": "2013-01-01"}).status_code == 404


def test_only_a_steward_is_led_to_record_one(client):
    def offered(**who):
        client.force_login(factories.user(**who))
        return "/reorganisations/new/" in client.get(LIST).content.decode()

    assert offered(role="steward", is_staff=True)
    assert not offered(role="planner")


def test_shares_that_no_source_states_are_shown_and_said_to_be_derived(reader):
    split = page_of(reader, "QM7", "2026-04-01")
    said = text(split)

    assert (
        "No source states how QJG and QM7 were shared out: the shares are by the people of the "
        "members that moved." in said
    )
    assert "79%" in said
    assert "share not known" not in said
    assert "QM7 → S1Y5D: 79% (by the people of the members that moved)" in split.content.decode()
    unknown = text(page_of(reader, "RW6", "2021-10-01"))
    assert "share not known" in unknown
    assert "No source states" not in unknown
    body = text(reader.get("/register/QM7/"))
    assert "79%, by the people of the members that moved" in body
    assert "No source states how QM7 was shared out" in body
