"""What touches me: my flags by effective day, what is next first."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby

from footprints.models import Reorganisation, Weight

from .effects import Touched, for_user
from .models import Flag, TerritoryPlan, User


@dataclass(frozen=True)
class EventRow:
    """One event, and what it does in each of the reader's plans that it touches."""

    event: Reorganisation
    touched: list[Touched]

    @property
    def weight(self) -> int:
        return max(touched.effects.weight for touched in self.touched)

    @property
    def weight_name(self) -> str:
        return Weight(self.weight).name.lower()


@dataclass(frozen=True)
class Day:
    """The events of one effective day that touch the reader, the gravest first."""

    on: date
    rows: list[EventRow]
    today: date

    @property
    def days_away(self) -> int:
        return (self.on - self.today).days

    @property
    def undecided(self) -> list[EventRow]:
        return [row for row in self.rows if not row.event.is_decided]

    @property
    def to_act_on(self) -> list[EventRow]:
        return [row for row in self.rows if row.weight == Weight.ACT]

    @property
    def asking(self) -> list[EventRow]:
        """What asks something of the reader."""
        return [row for row in self.rows if row.weight > Weight.KNOW]

    @property
    def carrying(self) -> list[EventRow]:
        """What carries itself, and is only to be known."""
        return [row for row in self.rows if row.weight == Weight.KNOW]


@dataclass(frozen=True)
class FlagDay:
    """The open flags of one plan that fall on one day, the gravest first."""

    on: date
    flags: list[Flag]
    today: date

    @property
    def days_away(self) -> int:
        return (self.on - self.today).days

    @property
    def undecided(self) -> list[Flag]:
        return [flag for flag in self.flags if not flag.reorganisation.is_decided]

    @property
    def asking(self) -> list[Flag]:
        return [flag for flag in self.flags if flag.weight > Weight.KNOW]

    @property
    def carrying(self) -> list[Flag]:
        return [flag for flag in self.flags if flag.weight == Weight.KNOW]


def days_of_plan(user: User, plan: TerritoryPlan, *, today: date) -> list[FlagDay]:
    """What reorganisations ask of a plan, in one query: days to come first, then those gone."""
    flags = Flag.objects.open().on_plans().visible_to(user).filter(object_id=plan.pk)
    flags = flags.select_related("reorganisation").order_by(
        "reorganisation__effective_on", "-weight", "reorganisation__title"
    )
    days = [
        FlagDay(on, list(group), today)
        for on, group in groupby(flags, lambda flag: flag.reorganisation.effective_on)
    ]
    return sorted(days, key=lambda day: (day.on <= today, abs(day.days_away)))


def rows_of(touched: list[Touched]) -> list[EventRow]:
    """The same by event, the gravest first, and in each the gravest plan first."""
    events: dict[Reorganisation, list[Touched]] = {}
    for each in sorted(touched, key=lambda t: (-t.effects.weight, t.effects.plan.name)):
        events.setdefault(each.flag.reorganisation, []).append(each)
    rows = [EventRow(event, parts) for event, parts in events.items()]
    return sorted(rows, key=lambda row: (-row.weight, row.event.title))


def days_of(user: User, *, today: date) -> tuple[list[Day], list[Day]]:
    """The days to come, soonest first, and the days gone by with something open, newest first."""
    flags = Flag.objects.open().on_plans().visible_to(user).select_related("reorganisation")
    touched = sorted(for_user(user, flags), key=_effective_on)
    days = [Day(on, rows_of(list(group)), today) for on, group in groupby(touched, _effective_on)]
    coming = [day for day in days if day.on > today]
    return coming, [day for day in reversed(days) if day.on <= today]


def _effective_on(touched: Touched) -> date:
    return touched.flag.reorganisation.effective_on
