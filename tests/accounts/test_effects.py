"""What an event does to a plan: on the real worst day, against a recount; and case by case."""

import csv
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from accounts.effects import effects
from accounts.models import Flag
from accounts.services.flags import raise_flags
from footprints import bundle
from footprints.models import Change, Outcome, Reorganisation, Weight
from tests import factories
from tests.accounts.plans import plan_of_2020

APRIL_2020 = date(2020, 4, 1)


def of(plan, event):
    return effects([plan], [event]).get((plan.pk, event.pk))


@pytest.fixture
def event(db):
    return factories.reorganisation(effective_on=APRIL_2020)


@pytest.fixture
def plan(db):
    return factories.plan(opened_on=date(2019, 4, 1))


def held(plan, body, territory=None, **fields):
    return factories.assignment(
        territory=territory or factories.territory(plan=plan),
        organisation=body,
        **{"opened_on": plan.opened_on, **fields},
    )


def test_the_worst_day_closes_74_units_into_18_successors(register):
    plan = plan_of_2020()
    events = Reorganisation.objects.filter(effective_on=APRIL_2020, kind="merger")

    found = effects([plan], events)

    closing = {line.unit.code for effect in found.values() for line in effect.closing}
    successors = {m.successor.code for effect in found.values() for m in effect.meetings}
    assert (len(found), len(closing), len(successors)) == (18, 74, 18)


@pytest.mark.parametrize("territories", [2, 5, 12, 40])
def test_conflicts_equal_a_recount_from_the_reference_file(register, territories):
    plan = plan_of_2020(territories=territories)
    home = dict(plan.assignments.values_list("organisation__code", "territory__code"))
    into = defaultdict(set)
    with (bundle.REFERENCE / "successions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["day"] == "2020-04-01" and row["predecessor"] in home:
                into[row["successor"]].add(home[row["predecessor"]])
    expected = {code for code, homes in into.items() if len(homes) > 1}
    events = Reorganisation.objects.filter(effective_on=APRIL_2020)

    found = effects([plan], events)

    conflicts = [m.successor.code for effect in found.values() for m in effect.conflicts]
    assert Counter(conflicts) == Counter(expected)


@pytest.mark.parametrize("territories", [5, 40])
def test_the_weight_of_a_flag_is_the_gravest_of_its_effects(register, territories):
    plan = plan_of_2020(territories=territories)
    plan.assignments.filter(organisation__code__in=["09C", "00C", "03D"]).delete()

    raise_flags()

    flags = Flag.objects.on_plans().filter(object_id=plan.pk).select_related("reorganisation")
    found = effects([plan], [flag.reorganisation for flag in flags])
    weights = {flag.reorganisation_id: flag.weight for flag in flags}
    assert weights == {event: effect.weight for (_, event), effect in found.items()}
    assert {Weight.ACT, Weight.KNOW} <= set(weights.values())
    assert territories > 5 or Weight.CHECK in weights.values()


def test_predecessors_in_one_territory_carry_over(plan, event):
    territory, new = factories.territory(plan=plan), factories.body(opened_on=APRIL_2020)
    for _ in range(2):
        old = factories.body()
        factories.succession(reorganisation=event, predecessor=old, successor=new, share=1)
        held(plan, old, territory)

    effect = of(plan, event)

    (meeting,) = effect.meetings
    assert (meeting.is_conflict, meeting.missing, meeting.weight) == (False, [], Weight.KNOW)
    assert meeting.outcome == Outcome.CARRY
    assert effect.summary == ["2 units close"]


def test_predecessors_in_two_territories_are_a_conflict(plan, event):
    new = factories.body(opened_on=APRIL_2020)
    for _ in range(2):
        old = factories.body()
        factories.succession(reorganisation=event, predecessor=old, successor=new, share=1)
        held(plan, old)

    effect = of(plan, event)

    assert [len(meeting.territories) for meeting in effect.conflicts] == [2]
    assert (effect.weight, effect.conflicts[0].outcome) == (Weight.ACT, Outcome.KEEP_THE_LINE)


def test_a_survivor_held_elsewhere_meets_what_comes_into_it(plan, event):
    old, survivor = factories.body(), factories.body()
    factories.succession(reorganisation=event, predecessor=old, successor=survivor, share=1)
    held(plan, old)
    held(plan, survivor)

    (meeting,) = of(plan, event).conflicts

    assert {side.body.code for side in meeting.sides} == {old.code, survivor.code}


def test_a_predecessor_that_the_plan_lacks_is_to_be_brought_in(plan, event):
    new, ours, theirs = factories.body(opened_on=APRIL_2020), factories.body(), factories.body()
    for old in (ours, theirs):
        factories.succession(reorganisation=event, predecessor=old, successor=new, share=1)
    held(plan, ours)

    (meeting,) = of(plan, event).bring_ins

    assert [side.body.code for side in meeting.missing] == [theirs.code]
    assert meeting.weight == Weight.CHECK


def test_what_the_plan_let_go_of_on_the_day_is_dealt_with(plan, event):
    old, survivor = factories.body(closed_on=APRIL_2020), factories.body()
    factories.succession(reorganisation=event, predecessor=old, successor=survivor, share=1)
    held(plan, old, closed_on=APRIL_2020)
    held(plan, survivor)

    effect = of(plan, event)

    assert (effect.lines, effect.conflicts, effect.bring_ins) == ([], [], [])


def test_a_split_names_every_successor_with_its_share(plan, event):
    old = factories.body()
    shares = [Decimal("0.6"), Decimal("0.4")]
    for share in shares:
        factories.succession(
            reorganisation=event,
            predecessor=old,
            successor=factories.body(opened_on=APRIL_2020),
            share=share,
        )
    held(plan, old)

    (line,) = of(plan, event).splits

    assert sorted(share for _, share in line.others) == sorted(shares)
    assert (line.outcome, line.weight) == (Outcome.SPLIT, Weight.ACT)


def test_a_unit_that_only_changes_parent_stays(plan, event):
    unit, new_parent = factories.body(), factories.body()
    factories.move(reorganisation=event, child=unit, to_parent=new_parent)
    held(plan, unit)

    effect = of(plan, event)

    (line,) = effect.moved
    assert (line.change, line.others[0][0].code) == (Change.CHANGES_PARENT, new_parent.code)
    assert (effect.meetings, effect.weight) == ([], Weight.KNOW)


def test_a_code_that_changes_its_nature_carries(plan, event):
    unit = factories.body()
    factories.succession(
        reorganisation=event,
        predecessor=unit,
        successor=unit,
        becomes=factories.kind("sub_icb"),
        share=1,
    )
    held(plan, unit)

    effect = of(plan, event)

    assert len(effect.changed_nature) == 1
    assert (effect.closing, effect.meetings, effect.weight) == ([], [], Weight.KNOW)


@pytest.mark.parametrize(
    ("days", "touched"), [(-1, False), (0, False), (1, True)], ids=["before", "on", "after"]
)
def test_a_row_is_touched_if_it_has_a_day_on_or_after_the_effective_day(
    plan, event, days, touched
):
    old = factories.body()
    factories.succession(reorganisation=event, predecessor=old, share=1)
    factories.version(event.successions.get().successor, opened_on=APRIL_2020)
    held(plan, old, closed_on=APRIL_2020 + timedelta(days=days))

    assert (of(plan, event) is not None) == touched


@pytest.mark.parametrize(
    ("opened_on", "side", "touched"),
    [
        (date(2020, 3, 31), "predecessor", True),
        # Begun on the day with what ends on it, it was drawn up not knowing.
        (APRIL_2020, "predecessor", True),
        (APRIL_2020, "successor", False),
        (date(2020, 4, 2), "predecessor", False),
    ],
)
def test_a_plan_is_touched_only_by_what_it_was_drawn_up_not_knowing(
    event, opened_on, side, touched
):
    plan = factories.plan(opened_on=opened_on)
    factories.succession(reorganisation=event, predecessor=factories.body(), share=1)
    factories.version(event.successions.get().successor, opened_on=APRIL_2020)
    held(plan, getattr(event.successions.get(), side))

    assert (of(plan, event) is not None) == touched


def test_within_a_territory_the_others_stay_unnamed(plan, event):
    new, sides = factories.body(opened_on=APRIL_2020), []
    for _ in range(2):
        old = factories.body()
        factories.succession(reorganisation=event, predecessor=old, successor=new, share=1)
        sides.append(held(plan, old).territory)
    mine, other = sides

    part = of(plan, event).within([mine.pk])

    assert {line.territory for line in part.lines} == {mine}
    (meeting,) = part.conflicts
    assert other.code not in [side.territory.code for side in meeting.sides]


@pytest.mark.parametrize("plans", [1, 10])
def test_many_plans_cost_as_many_queries_as_one(register, django_assert_num_queries, plans):
    made = [plan_of_2020() for _ in range(plans)]
    events = list(Reorganisation.objects.filter(effective_on=APRIL_2020))

    with django_assert_num_queries(5):
        effects(made, events)
