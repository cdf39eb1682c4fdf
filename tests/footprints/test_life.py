"""One body's life: what the page says is what the rows of the register say, on any day."""

import random
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from footprints.life import people
from footprints.life.body import find
from footprints.life.children import HEADINGS, MOST, SHOWN, groups_below
from footprints.models import (
    Identifier,
    LeadProvider,
    Organisation,
    Population,
    Relationship,
    Reorganisation,
    Succession,
    Version,
)
from footprints.services.entries import enter_fact, withdraw_facts
from tests import factories
from tests.footprints.pages import text

DAY = date(2026, 11, 21)


@pytest.fixture
def reader(client, db):
    client.force_login(factories.user(role="planner"))
    return client


def key_of(code):
    return Organisation.objects.get(code=code).pk


# --- Any day, and what was known then -----------------------------------------------------------


@pytest.fixture
def corrected(register):
    """The register after forty corrections by hand: releases, and the moments between them."""
    dice = random.Random(2026)
    by = factories.user(role="steward", is_staff=True)
    for model in (Version, Identifier, Relationship, LeadProvider):
        for fact in dice.sample(list(model.objects.now().filter(asserted_by=register)), 10):
            if model is Version:
                changed = Version.objects.get(pk=fact.pk)
                changed.name = f"{fact.name[:150]} (corrected)"
                enter_fact(changed, by=by, replaces=fact)
            else:
                withdraw_facts([fact], by=by)
    return register


def holds(row, day):
    return (row.opened_on is None or row.opened_on <= day) and (
        row.closed_on is None or row.closed_on > day
    )


class Recount:
    """The rows of the register as known by a release, read plainly."""

    def __init__(self, known):
        def rows(model):
            if known is None:
                return [row for row in model.objects.all() if row.retracted_by_id is None]
            return [
                row
                for row in model.objects.all()
                if row.asserted_by_id <= known
                and (row.retracted_by_id is None or row.retracted_by_id > known)
            ]

        self.versions = rows(Version)
        self.relationships = rows(Relationship)
        self.identifiers = rows(Identifier)
        self.populations = rows(Population)
        self.leads = rows(LeadProvider)
        self.successions = rows(Succession)
        self.provisional = set(
            Organisation.objects.filter(is_provisional=True).values_list("pk", flat=True)
        )
        self.lives = {}
        for version in self.versions:
            self.lives.setdefault(version.organisation_id, []).append(version)

    def live(self, key, day):
        return next((v for v in self.lives.get(key, []) if holds(v, day)), None)

    def children(self, key, day):
        """(sense, kind) → how many live children, of a body that lives."""
        counts = {}
        for row in self.relationships:
            if row.parent_id != key or not holds(row, day) or row.type == "covers":
                continue
            child = self.live(row.child_id, day)
            if child and row.child_id not in self.provisional:
                sense = HEADINGS[row.type], child.kind_id
                counts[sense] = counts.get(sense, 0) + 1
        return counts if self.live(key, day) else {}


def test_a_page_says_what_the_rows_say_on_any_day_as_known_by_then(corrected, reader):
    dice = random.Random(20261121)
    last = Version.objects.order_by("-asserted_by").first().asserted_by_id
    moments = [None, corrected.pk, (corrected.pk + last) // 2]
    codes = list(Organisation.objects.order_by("pk").values_list("code", flat=True))
    by_key = dict(Organisation.objects.values_list("pk", "code"))
    interesting = "QKS QNQ 91Q Y59 E92000001 G6V2S APC-02 PC-02 U47228 7A3 D4U1Y".split()
    for known in moments:
        recount = Recount(known)
        for code in [*dice.sample(codes, 12), *dice.sample(interesting, 6)]:
            day = date.fromordinal(dice.randrange(735234, 739950))
            key = key_of(code)

            page = ask(reader, code, day, known)

            assert {
                (row.name, row.kind_id, row.opened_on, row.closed_on)
                for row in page.context["versions"]
            } == {
                (row.name, row.kind_id, row.opened_on, row.closed_on)
                for row in recount.lives.get(key, [])
            }, (code, day, known)
            live = recount.live(key, day)
            assert getattr(page.context["version"], "pk", None) == getattr(live, "pk", None)
            assert {
                (group.heading, group.kind): group.count for group in page.context["groups"]
            } == recount.children(key, day), (code, day, known)
            assert {
                (each.version.organisation.code, each.type)
                for each in page.context["parents"]
                if each.holds
            } == {
                (by_key[row.parent_id], row.get_type_display())
                for row in recount.relationships
                if row.child_id == key
                and holds(row, day)
                and live
                and recount.live(row.parent_id, day)
            }, (code, day, known)
            assert len(page.context["parents"]) == sum(
                row.child_id == key for row in recount.relationships
            )
            assert sorted(row.value for row in page.context["identifiers"]) == sorted(
                row.value for row in recount.identifiers if row.organisation_id == key
            )
            assert sorted(
                figure.people for figure in page.context["figures"] if not figure.is_sum
            ) == sorted(row.people for row in recount.populations if row.organisation_id == key)
            assert len(page.context["leads"]) + len(page.context["led_by"]) == sum(
                key in (row.collaborative_id, row.provider_id) for row in recount.leads
            )
            own = {
                row.pk
                for row in recount.successions
                if key in (row.predecessor_id, row.successor_id)
            }
            told = {
                row["row"].pk
                for chapter in page.context["story"]
                for row in chapter.rows
                if key in (row["row"].predecessor_id, row["row"].successor_id)
            }
            assert told == own, (code, day, known)


def ask(reader, code, day, known):
    """The page of a body on a day, as known when that release was the last one."""
    from footprints.as_at import AsAt
    from footprints.views.organisation import OrganisationDetail

    response = reader.get(f"/register/{code}/", {"on": day.isoformat()})
    if known is None:
        return response
    # Releases of one test share a minute, which an address cannot tell apart: the view is asked.
    request = response.wsgi_request
    request.as_at = AsAt(day=day, known=now(), today=DAY)
    request.as_at.__dict__["release"] = known
    view = OrganisationDetail()
    view.setup(request, code=code)
    answer = view.get(request, code=code)
    answer.context = answer.context_data
    return answer


def test_a_retracted_fact_shows_in_what_was_known_and_its_ground_says_the_release(
    register, reader
):
    long_ago = factories.release(
        applied_at=datetime(2015, 1, 1, tzinfo=UTC), title="etr of January", source="etr"
    )
    body = factories.body("ZZ9", name="Zebra Trust", kind_code="trust", asserted_by=long_ago)
    wrong = factories.identifier(
        organisation=body,
        value="E38000999",
        asserted_by=long_ago,
        source="etr 2015",
        note="read on 2015-01-02",
    )
    undo = factories.release(applied_at=datetime(2016, 1, 1, tzinfo=UTC))
    Identifier.objects.filter(pk=wrong.pk).update(retracted_by=undo)

    assert "E38000999" not in text(reader.get("/register/ZZ9/"))
    then = reader.get("/register/ZZ9/", {"known": "2015-06-01"})
    assert "E38000999" in text(then)
    ground = next(each for each in then.context["grounds"] if each.what == "ONS code")
    assert (ground.news, ground.source) == (long_ago, "etr 2015")
    assert "ODS report of NHS trusts (etr): 2015 Read on 2 Jan 2015 etr of January" in text(then)


def test_a_copy_that_an_undo_made_rests_on_the_release_whose_news_it_is(register, reader):
    first = factories.release(title="First", published_on=date(2019, 4, 1))
    undo = factories.release(title="Undo of something")
    body = factories.body("ZZ8", asserted_by=undo)
    factories.identifier(organisation=body, asserted_by=undo, origin=first, value="E38000998")

    grounds = reader.get("/register/ZZ8/").context["grounds"]

    ground = next(each for each in grounds if each.what == "ONS code")
    assert (ground.news.title, ground.published_on) == ("First", date(2019, 4, 1))
    assert ground.recorded_at == first.applied_at
    assert ground.again_at == undo.applied_at


# --- Children -----------------------------------------------------------------------------------


def test_children_then_are_named_with_the_days_they_belonged(register):
    groups = groups_below([key_of("QKS")], DAY)[key_of("QKS")]

    now_, then = ({g.kind: g for g in groups if g.moment == moment} for moment in ("now", "past"))
    assert {kind: group.count for kind, group in now_.items()} == {
        "sub_icb": 1,
        "trust": 7,
        "provider_collaborative": 1,
        "imoc": 1,
    }
    assert then["ccg"].count == 8
    assert {child.code for child in then["ccg"].children} == set(
        "09C 09E 09J 09W 10A 10D 10E 99J".split()
    )
    ashford = next(child for child in then["ccg"].children if child.code == "09C")
    assert (ashford.name, ashford.closed_on) == ("NHS Ashford CCG", date(2020, 4, 1))


def test_what_is_to_come_is_apart_from_what_was(register):
    parent = factories.body("ZZP", kind_code="icb", name="P")
    child = factories.body("ZZC", kind_code="sub_icb", name="C")
    factories.relationship(child=child, parent=parent, opened_on=date(2027, 4, 1))

    (group,) = groups_below([parent.pk], DAY)[parent.pk]

    assert (group.moment, group.count) == ("coming", 1)


def test_what_nobody_took_from_a_body_that_closed_is_said_to_be_left(register, reader):
    groups = groups_below([key_of("D4U1Y")], DAY).get(key_of("D4U1Y"), [])

    # Sixteen PCNs are still said to be part of a sub-ICB location that closed: they live.
    assert [(group.kind, group.moment, group.count) for group in groups] == [("pcn", "now", 16)]
    page = reader.get("/register/D4U1Y/", {"on": "2026-11-21"})
    assert page.context["groups"] == []
    assert "Never ended" in text(page)
    assert "16 PCNs, part of it" in text(page)
    alive = reader.get("/register/D4U1Y/", {"on": "2026-03-31"})
    assert alive.context["groups_left"] == []


def test_thousands_of_children_are_counted_as_far_as_the_bound(register):
    parent = factories.body("ZZP", kind_code="icb", name="P")
    release = factories.release()
    kind = factories.kind("practice")
    bodies = Organisation.objects.bulk_create(
        Organisation(code=f"X{n:05}") for n in range(MOST + 50)
    )
    Version.objects.bulk_create(
        Version(organisation=body, kind=kind, name=f"Practice {n}", asserted_by=release)
        for n, body in enumerate(bodies)
    )
    Relationship.objects.bulk_create(
        Relationship(child=body, parent=parent, type="part_of", asserted_by=release)
        for body in bodies
    )

    (group,) = groups_below([parent.pk], DAY)[parent.pk]

    assert group.is_least
    assert group.count == MOST + 1
    assert len(group.children) == SHOWN


# --- Population ---------------------------------------------------------------------------------


def test_figures_on_different_boundaries_are_told_apart(register, reader):
    page = reader.get("/register/QRL/", {"on": "2026-11-21"})

    figures = page.context["figures"]
    assert [(figure.boundary_on, figure.people) for figure in figures] == [
        (date(2026, 4, 1), 1_995_006),
        (date(2022, 7, 1), 1_824_154),
    ]
    chart = page.context["chart"]
    assert chart.has_boundaries
    assert [mark.label for mark in chart.marks] == ["Apr 2018", "Jul 2022", "Apr 2026"]
    assert "Figures of different boundaries do not compare." in text(page)
    steps = chart.steps
    assert steps[0].x + steps[0].width == pytest.approx(steps[1].x, abs=0.2)
    assert steps[1].y < steps[0].y


def test_the_chart_ends_with_the_day_shown(register, reader):
    page = reader.get("/register/QRL/", {"on": "2025-01-01"})

    assert [step.figure.people for step in page.context["chart"].steps] == [1_824_154]
    assert page.context["people"].people == 1_824_154


def test_members_add_up_where_each_has_a_figure_and_the_body_has_none(register, reader):
    page = reader.get("/register/E92000001/", {"on": "2026-11-21"})

    figure = page.context["people"]
    assert figure.is_sum
    # The ONS estimates of England were 55,977,178 in mid-2018 and 56,286,961 in mid-2019.
    assert 55_977_178 < figure.people < 56_286_961
    assert figure.years == "mid-2018 to mid-2019"
    assert "the sum of its 24 members" in text(page)
    (first,) = [each for each in page.context["figures"] if each.boundary_on == date(2018, 4, 1)]
    assert (first.people, first.members) == (55_977_178, 5)


def test_no_sum_is_given_where_a_member_lacks_a_figure(register):
    parent = factories.body("ZZP", kind_code="region", name="P", opened_on=date(2013, 4, 1))
    counted, bare = (factories.body(code, kind_code="icb") for code in ("ZZ1", "ZZ2"))
    for child in (counted, bare):
        factories.relationship(child=child, parent=parent, opened_on=date(2020, 4, 1))
    factories.population(organisation=counted, people=1_000)

    sums = people.members_sums(parent.pk, DAY)

    assert (sums.figures, sums.members, sums.lacking) == ([], 2, 1)
    part = factories.body("ZZ3", kind_code="sub_icb")
    factories.relationship(child=part, parent=bare, opened_on=date(2021, 4, 1))
    factories.population(organisation=part, people=500)

    (figure,) = people.members_sums(parent.pk, DAY).figures

    assert (figure.people, figure.members, figure.boundary_on) == (1_500, 2, date(2021, 4, 1))


def test_a_scale_has_two_to_four_levels_and_reaches_the_figure():
    for most in (1, 7, 99, 1_860_111, 56_286_961, 1_000, 400, 401):
        top, unit = people._levels(most)
        assert top >= most
        assert 1 <= top // unit <= 4, most


def test_a_chart_of_one_figure_on_one_day_is_drawn():
    figure = people.Figure(2019, 2019, DAY, 10)

    chart = people.chart([figure], [], DAY)

    assert [step.label for step in chart.steps] == ["10"]
    assert people.chart([], [DAY], DAY) is None


# --- Leads, functions, and the rest ------------------------------------------------------------


def test_a_lead_that_was_never_ended_says_which_of_the_two_closed(register, reader):
    page = reader.get("/register/RRP/", {"on": "2026-11-21"})

    (lead,) = page.context["leads"]
    assert lead.ended.organisation.code == "RRP"
    assert "RRP closed 31 Oct 2024: who leads since is not known" in text(page)
    assert reader.get("/register/RRP/", {"on": "2024-10-31"}).context["leads"][0].ended is None


def test_a_coverage_whose_body_closed_says_so(register, reader):
    page = text(reader.get("/register/APC-03/", {"on": "2026-11-21"}))

    assert "never ended: whether it goes on is not known" in page


def test_the_functions_of_a_ccg_are_said_to_have_gone_to_its_icb(register, reader):
    went = text(reader.get("/register/91Q/"))
    came = reader.get("/register/QHM/")

    assert (
        "Statutory functions Passed to NHS Kent and Medway Integrated Care Board QKS on "
        "1 July 2022." in went
    )
    (functions,) = came.context["functions"]
    assert (functions.went, len(functions.bodies)) == (False, 8)
    assert "On 1 July 2022 it took over those of 8 bodies" in text(came)


def test_the_small_things_of_a_body_come_in_one_query(register, django_assert_num_queries):
    with django_assert_num_queries(1):
        body = find("G6V2S")
        events = [move.reorganisation.effective_on for move in body.moves]

    assert events == [date(2026, 4, 1)]
    assert isinstance(events[0], date)
    assert [lead.service_line for lead in body.leads] == ["community CAMHS"]
    assert find("NOPE") is None


@pytest.mark.parametrize("code", "RRP QNQ D4U1Y RW6 TAF 00F 99J QJK".split())
def test_a_page_of_a_closed_body_asks_at_most_fifteen_times(reader, register, code):
    with CaptureQueriesContext(connection) as asked:
        reader.get(f"/register/{code}/", {"on": "2026-11-21"})

    assert len(asked) <= 15, [query["sql"][:90] for query in asked]


def test_a_page_costs_the_same_for_one_predecessor_as_for_eighty(reader, register):
    def queries(number):
        new = factories.body(f"ZN{number}", opened_on=factories.DAY)
        event = factories.reorganisation()
        for n in range(number):
            old = factories.body(f"Z{number:02}{n:03}", closed_on=factories.DAY)
            factories.succession(reorganisation=event, predecessor=old, successor=new, share=1)
        with CaptureQueriesContext(connection) as asked:
            page = reader.get(f"/register/{new.code}/")
        assert len(page.context["story"][0].rows) == number
        return len(asked)

    reader.get("/register/")  # the days that every page offers are asked for once a process
    assert queries(1) == queries(80)
    assert Reorganisation.objects.filter(title="A merger").count() == 2


def test_a_body_of_very_many_parts_is_not_summed(register):
    parent = factories.body("ZZP", kind_code="icb", name="P")
    release = factories.release()
    kind = factories.kind("pcn")
    bodies = Organisation.objects.bulk_create(
        Organisation(code=f"X{n:05}") for n in range(people.WIDEST + 1)
    )
    Version.objects.bulk_create(
        Version(organisation=body, kind=kind, name="PCN", asserted_by=release) for body in bodies
    )
    Relationship.objects.bulk_create(
        Relationship(child=body, parent=parent, type="part_of", asserted_by=release)
        for body in bodies
    )
    Population.objects.bulk_create(
        Population(
            organisation=body,
            year=2019,
            boundary_on=date(2019, 1, 1),
            people=1,
            asserted_by=release,
        )
        for body in bodies
    )

    assert people.members_sums(parent.pk, DAY).figures == []
    Relationship.objects.filter(child=bodies[0]).update(retracted_by=release)
    assert people.members_sums(parent.pk, DAY).figures[0].people == people.WIDEST
