"""The page of one organisation, over the bundled facts."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from footprints import panels
from footprints.models import Organisation
from stakeholders.models import Post
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

# A region, an ICB, one that was split, one that split grew, a merged CCG, its successor, a trust
# that absorbed, a trust that was split, a committee, a collaborative, a PCN, a provisional body.
BODIES = "Y59 QKS QNQ QRL 99J 91Q R0A RW6 APC-01 PC-02 U47228 P-QHL-QUA QHL 7A1 S9B9J".split()


@pytest.fixture
def reader(client):
    client.force_login(factories.user(role="planner"))
    return client


def page_of(reader, code, day="2026-11-21", **more):
    return reader.get(f"/register/{code}/", {"on": day, **more})


@pytest.mark.parametrize("code", BODIES)
def test_a_page_keeps_to_the_policy_and_asks_at_most_fifteen_times(reader, code):
    for day in ("2026-11-21", "2020-03-31"):
        with CaptureQueriesContext(connection) as asked:
            page = page_of(reader, code, day)

        assert page.status_code == 200
        assert breaks_the_policy(page) == []
        assert len(asked) <= 15, [query["sql"][:80] for query in asked]


def test_the_head_says_the_code_the_kind_of_the_day_and_the_life_as_dates(reader):
    ccg, location = page_of(reader, "91Q", "2021-01-01"), page_of(reader, "91Q")

    assert ccg.context["version"].kind_id == "ccg"
    assert "NHS Kent and Medway CCG 91Q" in text(ccg)
    assert location.context["version"].kind_id == "sub_icb"
    assert "CCG 1 Apr 2020 – 30 Jun 2022, then sub-ICB location since 1 Jul 2022" in text(location)
    assert "Can sign: a legal body" in text(ccg)
    assert "Cannot sign: no legal body" in text(location)


def test_a_body_that_closed_says_so_and_where_its_area_went(reader):
    page = text(page_of(reader, "QNQ"))

    assert "Not live on 21 November 2026. Its last day was 31 March 2026." in page
    assert "S0E4D NHS Thames Valley Integrated Care Board 59%" in page
    assert "QRL NHS Hampshire and Isle of Wight Integrated Care Board 23%" in page
    assert "S9B9J NHS Surrey and Sussex Integrated Care Board 18%" in page
    assert "Not live" not in text(page_of(reader, "QNQ", "2026-03-31"))


def test_a_body_that_is_still_to_open_says_so(reader):
    page = text(page_of(reader, "91Q", "2020-03-31"))

    assert "Not yet live on 31 March 2020. It opens on 1 April 2020." in page
    assert "Not live" not in text(page_of(reader, "91Q", "2020-04-01"))


def test_a_provisional_body_says_that_it_is_none(reader):
    page = text(page_of(reader, "P-QHL-QUA"))

    assert (
        "There is no such body. It would be created on 1 April 2027; that is not decided." in page
    )
    assert "Rumoured – not decided" in page
    assert "would open on 1 Apr 2027" in page


def test_what_is_coming_is_marked_as_undecided(reader):
    coming = page_of(reader, "QHL").context["coming"]

    assert [item["event"].slug for item in coming] == ["p-qhl-qua-2027-04-01"]
    assert "Rumoured – not decided" in text(page_of(reader, "QHL"))
    decided = page_of(reader, "QNQ", "2026-03-31")
    assert [item["event"].is_decided for item in decided.context["coming"]] == [True]
    assert page_of(reader, "QNQ", "2026-04-01").context["coming"] == []


def test_its_parents_and_children_are_those_of_the_day(reader):
    before, after = page_of(reader, "QRL", "2026-03-31"), page_of(reader, "QRL", "2026-04-01")

    def children(page):
        return {(group.kind, group.count) for group in page.context["groups"]}

    assert ("trust", 5) in children(after)
    assert children(before) != set()
    (parent,) = [each for each in after.context["parents"] if each.holds]
    assert parent.version.organisation.code == "Y59"
    (line,) = after.context["lines"]
    assert [str(above) for above in line.bodies] == ["England", "NHS England South East"]


def test_many_children_are_shown_as_the_first_few_with_a_link_to_all(reader):
    page = reader.get("/register/91Q/")  # today, whichever day that is: no link names it

    (pcns,) = page.context["groups"]
    assert (pcns.count, len(pcns.children), pcns.besides) == (42, 12, 30)
    assert "?on=" not in page.content.decode().split("within=91Q")[0][-40:]
    found = reader.get("/register/", {"within": "91Q", "kind": "pcn"})
    assert found.context["count"] == "42 organisations"


def test_a_committee_covers_what_lies_in_what_it_covers(reader):
    committees = page_of(reader, "91Q").context["committees"]

    assert [(each.name, each.covers) for each in committees] == [
        ("Kent and Medway Integrated Medicines Optimisation Committee", "QKS")
    ]
    ((title, covered),) = page_of(reader, "APC-02").context["sections"]
    assert title == "What it covers"
    assert {each.type for each in covered} == {"covers"}


def test_a_collaborative_says_who_leads_it_and_a_trust_what_it_leads(reader):
    collaborative = page_of(reader, "PC-02")

    leads = collaborative.context["led_by"]
    assert leads
    trust = page_of(reader, leads[0].version.organisation.code)
    assert "PC-02" in {lead.version.organisation.code for lead in trust.context["leads"]}


def test_what_hangs_on_it_is_counted_for_those_who_may_see_it(client):
    body = Organisation.objects.get(code="QKS")
    walled = factories.team(is_walled=True)
    open_plan, walled_plan = factories.plan(), factories.plan(team=walled)
    for plan in (open_plan, walled_plan):
        factories.assignment(territory=factories.territory(plan=plan), organisation=body)
    factories.post(organisation=body)

    def hanging(**who):
        client.force_login(factories.user(**who))
        page = page_of(client, "QKS")
        return {each.says: each.count for each in page.context["hanging"]}

    assert hanging(role="planner") == {"a unit of a territory": 1, "a stakeholder's post": 1}
    assert hanging(role="planner", team=walled)["a unit of a territory"] == 2
    assert hanging(role="field") == {}


def test_the_sources_of_its_facts_are_said(reader):
    page = page_of(reader, "QNQ")

    assert {each.what for each in page.context["grounds"]} >= {"Name and kind", "Succession"}
    assert "Population weights of D4U1Y, its only sub-ICB location" in text(page)


def test_the_page_shows_what_was_known_then(reader):
    long_ago = factories.release(applied_at=datetime(2015, 1, 1, tzinfo=UTC))
    body = factories.body("ZZ9", name="Zebra CCG", asserted_by=long_ago)
    factories.identifier(organisation=body, value="E38000999")

    def known(day):
        return page_of(reader, "ZZ9", "2015-01-01", known=day)

    assert "E38000999" in text(page_of(reader, "ZZ9", "2015-01-01"))
    assert "E38000999" not in text(known("2015-06-01"))
    assert "Zebra CCG" in text(known("2015-06-01"))
    assert known("2014-12-31").status_code == 404


def test_small_letters_lead_to_the_code_and_no_code_to_nothing(reader):
    assert page_of(reader, "91q").url == "/register/91Q/?on=2026-11-21"
    assert page_of(reader, "NOPE").status_code == 404
    assert page_of(reader, "nope").status_code == 404


def test_links_keep_the_day(reader):
    page = page_of(reader, "91Q", "2022-06-30").content.decode()

    assert 'href="/register/QKS/?on=2022-06-30"' in page


def test_an_upper_floor_may_put_a_panel_on_the_page(reader, monkeypatch):
    monkeypatch.setattr(panels, "_panels", panels.defaultdict(list))
    panels.register("organisation", lambda request, body: f"Of ours at {body.code}")
    panels.register("organisation", lambda request, body: "")
    post = Post._meta.get_field("organisation")
    panels.register("organisation", lambda request, body: "About posts", key=post)

    assert "Of ours at QKS" in text(page_of(reader, "QKS"))
    assert "About posts" not in text(page_of(reader, "QKS"))
    factories.post(organisation=Organisation.objects.get(code="QKS"))
    assert "About posts" in text(page_of(reader, "QKS"))
    assert panels.of("reorganisation", None, None) == []
