"""Gaps and overlaps are judged per team and role; an overlap may be declared, with its parts."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import SharedUnit, TerritoryPlan
from accounts.territories import coverage, lifecycle
from accounts.territories.coverage import Coverage, declare_shares, undeclared_overlaps
from accounts.territories.reading import PlanOnDay
from tests import factories as make

pytestmark = pytest.mark.usefixtures("register")

FIRST = date(2026, 1, 1)
DAY = date(2026, 11, 22)
HALF = Decimal("0.5")


class Two:
    """Two active plans of one team, each of one territory; both hold ``unit``."""

    def __init__(self):
        self.planner = make.user(role="planner")
        self.team = make.team()
        make.kind("brick", name="Brick", plural="Bricks", tier=4)
        self.unit, self.alone = make.body(kind_code="brick"), make.body(kind_code="brick")
        self.one, self.two = self.plan(), self.plan()
        self.ours, self.theirs = (
            self.hold(plan, self.unit, code) for plan, code in ((self.one, "A1"), (self.two, "B1"))
        )
        make.assignment(territory=self.ours, organisation=self.alone, opened_on=FIRST)

    def plan(self, **fields):
        fields = {"team": self.team, "state": "active", "opened_on": FIRST, **fields}
        return make.plan(owner=self.planner, **fields)

    def hold(self, plan, unit, code=None, **fields):
        home = make.territory(plan=plan, **({"code": code} if code else {}))
        make.assignment(territory=home, organisation=unit, opened_on=FIRST, **fields)
        return home

    def twice(self, plan=None, day=DAY):
        return [overlap.code for overlap in undeclared_overlaps(plan or self.one, day)]


@pytest.fixture
def two():
    return Two()


def test_a_unit_that_two_plans_of_a_team_hold_is_an_overlap_of_both(two):
    assert two.twice(two.one) == two.twice(two.two) == [two.unit.code]
    [overlap] = undeclared_overlaps(two.one, DAY)
    assert [holder.territory for holder in overlap.holders] == [two.ours, two.theirs]


def test_it_is_one_only_while_both_hold_it(two):
    two.theirs.assignments.update(closed_on=date(2026, 6, 1))

    assert two.twice(day=date(2026, 5, 31)) == [two.unit.code]
    assert two.twice(day=date(2026, 6, 1)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "mirror"},
        {"role": "overlay"},
        {"state": "draft"},
        {"state": "archived"},
        {"closed_on": date(2026, 6, 1)},
        {"opened_on": date(2027, 1, 1)},
    ],
)
def test_a_plan_of_another_role_state_or_time_overlaps_nothing(two, fields):
    TerritoryPlan.objects.filter(pk=two.two.pk).update(**fields)

    assert two.twice() == []


def test_another_team_s_plan_overlaps_nothing(two):
    TerritoryPlan.objects.filter(pk=two.two.pk).update(team=make.team())

    assert two.twice() == []


def test_two_mirrors_of_one_unit_overlap_each_other(two):
    TerritoryPlan.objects.filter(pk__in=[two.one.pk, two.two.pk]).update(role="mirror")

    assert two.twice() == [two.unit.code]


def test_an_assignment_s_own_role_counts_before_the_plan_s(two):
    two.hold(two.one, two.alone, role="overlay")
    assert two.twice() == [two.unit.code]

    two.theirs.assignments.update(role="mirror")
    assert two.twice() == []
    TerritoryPlan.objects.filter(pk=two.one.pk).update(role="mirror")
    two.one.refresh_from_db()
    assert two.twice() == [two.unit.code]


def test_a_draft_is_judged_in_the_place_of_the_plan_that_it_replaces(two):
    draft = two.plan(state="draft")
    two.hold(draft, two.alone)
    assert two.twice(draft) == [two.alone.code]  # beside both

    draft.replaces = two.one
    draft.save()
    assert two.twice(draft) == []
    two.hold(draft, two.unit)
    assert two.twice(draft) == [two.unit.code]  # with the other one still


def test_a_superseded_plan_is_not_judged_against_what_replaced_it(two):
    TerritoryPlan.objects.filter(pk=two.one.pk).update(state="superseded")
    TerritoryPlan.objects.filter(pk=two.two.pk).update(replaces=two.one)

    assert two.twice() == []


def test_a_plan_with_an_undeclared_overlap_is_not_submitted(two):
    draft = two.plan(state="draft", replaces=two.one)
    two.hold(draft, two.unit, "C1")

    with pytest.raises(lifecycle.Hindered, match="more than one territory"):
        lifecycle.submit(draft, on=DAY, by=two.planner)

    parts = {draft.territories.get(): HALF, two.theirs: HALF}
    declare_shares(two.unit, parts, by=two.planner)
    lifecycle.submit(draft, on=DAY, by=two.planner)
    draft.refresh_from_db()
    assert draft.state == "submitted"


# --- Declared


def test_declared_with_parts_that_sum_to_one_it_is_no_longer_told(two):
    declare_shares(two.unit, {two.ours: "0.6", two.theirs: "0.4"}, by=two.planner, reason="Joint")

    assert two.twice() == []
    [overlap] = coverage.overlaps(two.one, DAY)
    assert [holder.percent for holder in overlap.holders] == ["60", "40"]
    assert overlap.reason == "Joint"


def test_a_third_territory_that_comes_to_it_must_be_declared_too(two):
    declare_shares(two.unit, {two.ours: HALF, two.theirs: HALF}, by=two.planner)
    third = two.hold(two.plan(), two.unit)

    assert two.twice() == [two.unit.code]

    declare_shares(two.unit, {two.ours: "0.5", two.theirs: "0.25", third: "0.25"}, by=two.planner)
    assert two.twice() == []


@pytest.mark.parametrize("parts", [("0.5", "0.4"), ("0.6", "0.6"), ("1.5", "-0.5")])
def test_parts_that_are_no_whole_are_refused_and_nothing_changes(two, parts):
    declare_shares(two.unit, {two.ours: HALF, two.theirs: HALF}, by=two.planner)

    with pytest.raises(coverage.SharesDoNotSum):
        declare_shares(two.unit, dict(zip((two.ours, two.theirs), parts, strict=True)), by=None)

    assert set(SharedUnit.objects.values_list("share", flat=True)) == {HALF}


def test_a_territory_that_does_not_hold_it_has_no_part(two):
    with pytest.raises(coverage.HoldsItNot):
        declare_shares(two.alone, {two.ours: HALF, two.theirs: HALF}, by=two.planner)
    with pytest.raises(coverage.SharesDoNotSum, match="two territories"):
        declare_shares(two.unit, {two.ours: 1}, by=two.planner)


def test_declaring_again_replaces_and_makes_the_plans_news(two):
    before = two.two.revision
    for part in ("0.6", "0.7"):
        rest = 1 - Decimal(part)
        declare_shares(two.unit, {two.ours: part, two.theirs: rest}, by=two.planner)

    assert SharedUnit.objects.count() == 2
    two.two.refresh_from_db()
    assert two.two.revision == before + 2


def test_the_queries_do_not_grow_with_the_overlaps(two, django_assert_max_num_queries):
    for _ in range(30):
        unit = make.body(kind_code="brick")
        two.hold(two.one, unit)
        two.hold(two.two, unit)

    with django_assert_max_num_queries(5):
        assert len(undeclared_overlaps(two.one, DAY)) == 31


# --- Gaps


def test_what_another_plan_of_the_team_covers_is_no_gap(two):
    other, nobody = make.body(kind_code="brick"), make.body(kind_code="brick")
    two.hold(two.two, other)

    on_day = PlanOnDay(two.one, two.planner, DAY)

    assert on_day.gaps == {other.pk, nobody.pk}
    assert Coverage(on_day).gaps == {nobody.pk}


def test_a_mirror_closes_no_gap_of_the_owners(two):
    other = make.body(kind_code="brick")
    two.hold(two.two, other, role="mirror")

    assert Coverage(PlanOnDay(two.one, two.planner, DAY)).gaps == {other.pk}


# --- The page


def page_of(client, plan):
    answer = client.get(reverse("accounts:coverage", args=[plan.pk]), {"on": DAY.isoformat()})
    return answer.content.decode()


def declare(client, two, ours, theirs, **fields):
    parts = {f"share-{two.ours.pk}": ours, f"share-{two.theirs.pk}": theirs}
    return client.post(
        reverse("accounts:declare_shares", args=[two.one.pk]) + f"?on={DAY}",
        {"unit": two.unit.code, **parts, **fields},
    )


def test_a_planner_declares_an_overlap_on_its_page(client, two):
    client.force_login(two.planner)
    page = page_of(client, two.one)
    assert two.unit.code in page
    assert "undeclared" in page

    assert declare(client, two, "60", "40 %", reason="Joint").status_code == 302

    assert two.twice() == []
    page = page_of(client, two.one)
    assert 'value="60"' in page
    assert "Joint" in page

    declare(client, two, "60", "40", withdraw="1")
    assert two.twice() == [two.unit.code]


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ("60", "30", "sum to 90 %"),
        ("most", "40", "is no number"),
        ("NaN", "40", "is no number"),
        ("", "100", "is no number"),
        ("-10", "110", "between none and all"),
    ],
)
def test_what_is_wrong_is_said_beside_the_unit_and_stays_typed(client, two, ours, theirs, says):
    client.force_login(two.planner)

    answer = declare(client, two, ours, theirs)

    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert f'value="{theirs}"' in answer.content.decode()
    assert not SharedUnit.objects.exists()


def test_a_plan_that_is_submitted_takes_no_declaration(client, two):
    client.force_login(two.planner)
    TerritoryPlan.objects.filter(pk=two.one.pk).update(state="submitted")

    assert declare(client, two, "60", "40").status_code == 403
    assert "coverage/declare" not in page_of(client, two.one)


@pytest.mark.parametrize("role", ["field", "steward"])
def test_declaring_is_for_those_who_plan(client, two, role):
    client.force_login(make.user(role=role))

    assert declare(client, two, "60", "40").status_code == 403
    assert not SharedUnit.objects.exists()
