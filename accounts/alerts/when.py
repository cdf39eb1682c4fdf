"""When a letter is due: by the company's rules of urgency, in each person's own hours.

Nothing here asks the database or the clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from footprints.models import Weight

from ..models import UrgencyRule, WritingHours
from ..models.hours import Pace

# What is urgent where the company lays down nothing: what is decided, or asks for a decision.
COMMON = (
    UrgencyRule(position=1, is_decided=True, pace=Pace.AT_ONCE),
    UrgencyRule(position=2, weight=Weight.ACT, pace=Pace.AT_ONCE),
)


@dataclass(frozen=True)
class Owed:
    """What a letter would tell: ``role`` of the reader, ``weight`` of the gravest thing in it,
    the day it takes effect, and whether any of it is decided."""

    role: str
    weight: int
    effective_on: date
    is_decided: bool


def pace_of(owed: Owed, rules: Iterable[UrgencyRule], routine: str, today: date) -> str:
    """How soon it is to be told: by the first rule that fits, else by the person's routine."""
    away = (owed.effective_on - today).days
    for rule in rules:
        if (
            rule.role in ("", owed.role)
            and owed.weight >= rule.weight
            and (rule.within_days is None or away <= rule.within_days)
            and (owed.is_decided or not rule.is_decided)
        ):
            # A rule may make it sooner than the routine, or later; who wants all at once has it.
            return Pace.AT_ONCE if routine == Pace.AT_ONCE else rule.pace
    return routine


def due_at(pace: str, hours: WritingHours, moment: datetime) -> datetime:
    """The first moment from ``moment`` on at which a letter of that pace may go out."""
    if pace != Pace.AT_ONCE:
        moment = _slot(pace, hours, moment)
    return _after_quiet(hours, moment)


def _slot(pace, hours, moment):
    """The next time of the day's, or of the week's, letter; at that very time it is now."""
    day = moment.astimezone(hours.zone).date()
    if pace == Pace.WEEKLY:
        day += timedelta(days=(hours.weekly_on - day.weekday()) % 7)
    step = timedelta(days=7 if pace == Pace.WEEKLY else 1)
    slot = _at(day, hours.routine_at, hours)
    return slot if slot >= moment else _at(day + step, hours.routine_at, hours)


def _after_quiet(hours, moment):
    """The moment itself, or the end of the quiet hours that it falls into."""
    start, end = hours.quiet_from_at, hours.quiet_to_at
    if start is None:
        return moment
    local = moment.astimezone(hours.zone)
    now = local.time()
    if start < end:
        is_quiet, until = start <= now < end, local.date()
    else:  # over midnight
        is_quiet = now >= start or now < end
        until = local.date() + timedelta(days=now >= start)
    return max(moment, _at(until, end, hours)) if is_quiet else moment


def _at(day: date, at: time, hours) -> datetime:
    """That time of that day there. One that a clock skips is an hour later by it, and of one that
    it shows twice the first is meant."""
    return datetime.combine(day, at, tzinfo=hours.zone).astimezone(UTC)


__all__ = ["COMMON", "Owed", "due_at", "pace_of"]
