"""When a letter is due: rules, routines, quiet hours, zones, and nights on which clocks change."""

from datetime import UTC, date, datetime, time

import pytest

from accounts.alerts.when import COMMON, Owed, due_at, pace_of
from accounts.models import Pace, UrgencyRule, WritingHours
from footprints.models import Weight

TODAY = date(2026, 11, 22)


def owed(**fields):
    return Owed(
        **{
            "role": "field",
            "weight": Weight.CHECK,
            "effective_on": date(2027, 4, 1),
            "is_decided": False,
            **fields,
        }
    )


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


# --- How soon


def test_what_is_decided_or_asks_for_a_decision_is_urgent_by_itself():
    assert pace_of(owed(is_decided=True), COMMON, Pace.WEEKLY, TODAY) == Pace.AT_ONCE
    assert pace_of(owed(weight=Weight.ACT), COMMON, Pace.WEEKLY, TODAY) == Pace.AT_ONCE
    assert pace_of(owed(), COMMON, Pace.WEEKLY, TODAY) == Pace.WEEKLY


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"role": "manager"}, False),
        ({"role": "field"}, True),
        ({"weight": Weight.ACT}, False),
        ({"weight": Weight.CHECK}, True),
        ({"within_days": 129}, False),
        ({"within_days": 130}, True),
        ({"is_decided": True}, False),
    ],
)
def test_a_rule_fits_by_role_weight_days_and_state(rule, fits):
    rules = [UrgencyRule(position=1, pace=Pace.AT_ONCE, **rule)]

    found = pace_of(owed(), rules, Pace.DAILY, TODAY)

    assert found == (Pace.AT_ONCE if fits else Pace.DAILY)


def test_the_first_rule_that_fits_counts_and_may_make_it_later():
    rules = [
        UrgencyRule(position=1, role="field", pace=Pace.WEEKLY),
        UrgencyRule(position=2, pace=Pace.AT_ONCE),
    ]

    assert pace_of(owed(is_decided=True), rules, Pace.DAILY, TODAY) == Pace.WEEKLY
    assert pace_of(owed(role="planner"), rules, Pace.DAILY, TODAY) == Pace.AT_ONCE
    assert pace_of(owed(), rules, Pace.AT_ONCE, TODAY) == Pace.AT_ONCE


# --- At what moment


@pytest.mark.parametrize(
    ("pace", "moment", "due"),
    [
        (Pace.AT_ONCE, utc(2026, 11, 22, 3), utc(2026, 11, 22, 3)),
        (Pace.DAILY, utc(2026, 11, 22, 6, 59), utc(2026, 11, 22, 7)),
        (Pace.DAILY, utc(2026, 11, 22, 7), utc(2026, 11, 22, 7)),
        (Pace.DAILY, utc(2026, 11, 22, 7, 0, 1), utc(2026, 11, 23, 7)),
        (Pace.WEEKLY, utc(2026, 11, 22, 12), utc(2026, 11, 23, 7)),  # a Sunday
        (Pace.WEEKLY, utc(2026, 11, 23, 7), utc(2026, 11, 23, 7)),
        (Pace.WEEKLY, utc(2026, 11, 23, 8), utc(2026, 11, 30, 7)),
        (Pace.DAILY, utc(2026, 7, 1, 6, 30), utc(2026, 7, 2, 6)),  # summer time
    ],
)
def test_a_routine_letter_waits_for_its_hour(pace, moment, due):
    assert due_at(pace, WritingHours(), moment) == due


def test_quiet_hours_put_off_what_is_urgent_and_may_span_midnight():
    hours = WritingHours(quiet_from_at=time(20), quiet_to_at=time(6, 30))

    assert due_at(Pace.AT_ONCE, hours, utc(2026, 11, 22, 19, 59)) == utc(2026, 11, 22, 19, 59)
    assert due_at(Pace.AT_ONCE, hours, utc(2026, 11, 22, 20)) == utc(2026, 11, 23, 6, 30)
    assert due_at(Pace.AT_ONCE, hours, utc(2026, 11, 23, 1)) == utc(2026, 11, 23, 6, 30)
    assert due_at(Pace.AT_ONCE, hours, utc(2026, 11, 23, 6, 30)) == utc(2026, 11, 23, 6, 30)

    by_day = WritingHours(quiet_from_at=time(9), quiet_to_at=time(17))
    assert due_at(Pace.AT_ONCE, by_day, utc(2026, 11, 22, 12)) == utc(2026, 11, 22, 17)
    assert due_at(Pace.DAILY, by_day, utc(2026, 11, 22, 12)) == utc(2026, 11, 23, 7)


def test_hours_are_those_of_the_readers_zone():
    hours = WritingHours(time_zone="America/New_York")

    assert due_at(Pace.DAILY, hours, utc(2026, 11, 22, 7)) == utc(2026, 11, 22, 12)


def test_in_the_night_that_lacks_an_hour_a_letter_of_that_hour_comes_once_after_it():
    hours = WritingHours(routine_at=time(1, 30))  # 29 March 2026: 01:00 is 02:00

    first = due_at(Pace.DAILY, hours, utc(2026, 3, 28, 2))

    assert first == utc(2026, 3, 29, 1, 30)  # half past two by the clock
    assert due_at(Pace.DAILY, hours, utc(2026, 3, 29, 1, 31)) == utc(2026, 3, 30, 0, 30)


def test_in_the_night_that_has_an_hour_twice_a_letter_of_that_hour_comes_once():
    hours = WritingHours(routine_at=time(1, 30))  # 25 October 2026: 02:00 is 01:00 again

    first = due_at(Pace.DAILY, hours, utc(2026, 10, 24, 12))

    assert first == utc(2026, 10, 25, 0, 30)
    assert due_at(Pace.DAILY, hours, utc(2026, 10, 25, 0, 31)) == utc(2026, 10, 26, 1, 30)


def test_quiet_hours_that_end_in_the_missing_hour_end_after_it():
    hours = WritingHours(quiet_from_at=time(22), quiet_to_at=time(1, 30))

    assert due_at(Pace.AT_ONCE, hours, utc(2026, 3, 29, 0, 10)) == utc(2026, 3, 29, 1, 30)
