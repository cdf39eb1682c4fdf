"""The ledger: who held which practice when, over any period."""

from datetime import date

import pytest

from accounts.models import Assignment, RosterEntry, Sheet, User
from accounts.sheets import deciding
from accounts.taking_along.ledger import HEADS, ledger
from accounts.territories import roster
from footprints.models import Outcome
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, Case, retract

SINCE, UNTIL = date(2019, 10, 1), date(2020, 9, 30)


@pytest.fixture
def case(db):
    return Case()


def lines(plan, user, since=SINCE, until=UNTIL):
    found = ledger([plan.pk], since, until, user)
    return [dict(zip(HEADS, line, strict=True)) for line in found.lines()]


def held(case, body, **period):
    """[(territory, first day, last day)] of one body."""
    return [
        (line["territory_code"], line["first_day"], line["last_day"])
        for line in lines(case.plan, case.planner, **period)
        if line["code"] == body.code
    ]


def test_a_practice_is_held_through_its_ccg_for_the_period_asked_for(case):
    retract(case.practices[0][0].parent_relationships.filter(parent=case.new))

    (line,) = (
        line
        for line in lines(case.plan, case.planner, until=date(2020, 3, 31))
        if line["code"] == case.practices[0][0].code
    )

    assert (line["first_day"], line["last_day"]) == ("2019-10-01", "2020-03-31")
    assert line["territory_code"] == case.homes[0].code
    assert line["held_through"] == case.olds[0].code
    assert (line["level"], line["role"]) == ("practice", "owner")


def test_an_applied_sheet_changes_the_holder_on_our_day(case):
    case.choose(Outcome.CARRY, territory=case.homes[1])
    case.apply()

    first, second = (home.code for home in case.homes)
    assert held(case, case.practices[0][0]) == [
        (first, "2019-10-01", "2020-03-31"),
        (second, "2020-04-01", "2020-09-30"),
    ]
    # The other side's practices stay in their territory: through another body, so a line each.
    assert {code for code, *_ in held(case, case.practices[1][0])} == {second}


def test_credit_may_change_on_a_day_of_its_own(case):
    deciding.set_days(
        case.flag, align_on=None, data_on=None, credit_on=date(2020, 7, 1), by=case.planner
    )
    case.choose(Outcome.CARRY, territory=case.homes[1])
    case.apply()

    found = [
        (line["credit_first_day"], line["credit_last_day"])
        for line in lines(case.plan, case.planner)
        if line["code"] == case.practices[0][0].code
    ]

    assert found == [("2019-10-01", "2020-06-30"), ("2020-07-01", "2020-09-30")]
    assert Sheet.objects.get().counts_from == date(2020, 7, 1)


def test_what_is_held_on_a_closed_code_keeps_the_practices_it_had(case):
    """The sheet holds: the assignment of the closed CCG goes on, and so do its practices."""
    case.choose(Outcome.HOLD, until_on=date(2020, 7, 1))

    assert held(case, case.practices[0][0]) == [
        (case.homes[0].code, "2019-10-01", "2020-09-30"),
    ]


def test_a_practice_that_left_before_the_code_closed_is_not_held_on_it(case):
    gone = factories.body(kind_code="practice")
    factories.relationship(child=gone, parent=case.olds[0], closed_on=date(2020, 1, 1))

    assert held(case, gone) == [(case.homes[0].code, "2019-10-01", "2019-12-31")]


def test_a_practice_that_moves_changes_its_holder_on_that_day(case):
    moves = factories.body(kind_code="practice")
    factories.relationship(child=moves, parent=case.olds[0], closed_on=date(2020, 1, 1))
    factories.relationship(child=moves, parent=case.olds[1], opened_on=date(2020, 1, 1))

    assert held(case, moves, until=date(2020, 3, 31)) == [
        (case.homes[0].code, "2019-10-01", "2019-12-31"),
        (case.homes[1].code, "2020-01-01", "2020-03-31"),
    ]


def test_a_named_practice_is_its_territorys_while_it_is_named(case):
    practice = case.practices[0][0]
    factories.assignment(
        territory=case.homes[1],
        organisation=practice,
        opened_on=date(2019, 11, 1),
        closed_on=date(2019, 12, 1),
    )

    first, second = (home.code for home in case.homes)
    assert held(case, practice, until=date(2020, 3, 31)) == [
        (first, "2019-10-01", "2019-10-31"),
        (second, "2019-11-01", "2019-11-30"),
        (first, "2019-12-01", "2020-03-31"),
    ]


def test_a_line_ends_where_somebody_else_takes_the_territory_over(case):
    home = case.homes[0]
    ada, ben, cy = (factories.user(first_name=name) for name in ("Ada", "Ben", "Cy"))
    for user, day in ((ada, case.plan.opened_on), (ben, date(2020, 1, 15))):
        owner = roster.put_on_roster(home, opened_on=day, user=user, by=case.planner)
    roster.put_on_roster(
        home, opened_on=case.plan.opened_on, user=cy, role="cover", by=case.planner
    )
    roster.take_off_roster(owner, closed_on=date(2020, 2, 1), by=case.planner)

    found = [
        (line["person"], line["others"], line["first_day"], line["last_day"])
        for line in lines(case.plan, case.planner, until=date(2020, 3, 31))
        if line["code"] == case.practices[0][0].code
    ]

    assert found == [
        ("Ada", "Cy (acting cover)", "2019-10-01", "2020-01-14"),
        ("Ben", "Cy (acting cover)", "2020-01-15", "2020-01-31"),
        ("", "Cy (acting cover)", "2020-02-01", "2020-03-31"),
    ]


def test_a_unit_without_practices_is_a_line_of_its_own(db):
    case = Case(practices=0)

    assert {line["code"] for line in lines(case.plan, case.planner)} == {
        old.code for old in case.olds
    }
    assert {line["level"] for line in lines(case.plan, case.planner)} == {"body"}


def test_every_day_of_every_practice_has_one_holder(case):
    """As the assignments say, day by day: nothing twice, nothing left out."""
    case.choose(Outcome.CARRY, territory=case.homes[1])
    case.apply()

    found = lines(case.plan, case.planner)

    for day in (SINCE, date(2020, 3, 31), APRIL_2020, UNTIL):
        there = [li for li in found if li["first_day"] <= day.isoformat() <= li["last_day"]]
        assert sorted(line["code"] for line in there) == sorted(
            practice.code for below in case.practices for practice in below
        )
        units = Assignment.objects.filter(plan=case.plan).on(day)
        by_unit = dict(units.values_list("organisation__code", "territory__code"))
        assert {line["territory_code"] for line in there} == set(by_unit.values())


def test_a_field_user_reads_only_their_own_territories(case):
    rep = factories.user(role=User.Role.FIELD, team=case.plan.team)
    RosterEntry.objects.create(territory=case.homes[0], user=rep, opened_on=case.plan.opened_on)

    assert {line["territory_code"] for line in lines(case.plan, rep)} == {case.homes[0].code}


@pytest.mark.parametrize("practices", [1, 30])
def test_it_costs_the_same_however_much_is_held(db, django_assert_num_queries, practices):
    case = Case(practices=practices)

    with django_assert_num_queries(5):
        assert lines(case.plan, case.planner)
