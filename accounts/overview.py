"""What touches me: my flags by effective day, what is next first."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Concat

from footprints.models import Reorganisation, Weight

from .effects import Touched, for_user
from .models import AccountLead, Flag, TerritoryPlan, User


def lead_flags(user: User) -> QuerySet:
    """Flags of the account leads that the user answers for."""
    kind = ContentType.objects.get_for_model(AccountLead)
    found = AccountLead.objects.answered_for_by(user)
    return Flag.objects.filter(content_type=kind, object_id__in=found.values("pk"))


def my_flags(user: User) -> QuerySet:
    """Flags of plans that the user may open, and of account leads that they answer for."""
    return Flag.objects.on_plans().visible_to(user) | lead_flags(user)


def alerts(user: User) -> QuerySet:
    """Those of them that stand, told for a list."""
    return _told(my_flags(user))


def leads_to_name_again(user: User) -> QuerySet:
    """The user's open alerts about account leads, the next day first, told for a list."""
    return _told(lead_flags(user).open()).order_by("reorganisation__effective_on", "pk")


def _told(flags: QuerySet) -> QuerySet:
    """Those of the flags that stand, each with ``plan_name`` and ``leads_on``.

    ``leads_on`` says of an account lead who leads on what: "T07 leads on QKS"; None of a plan.
    """
    kind = ContentType.objects.get_for_model(AccountLead)
    plan = TerritoryPlan.objects.filter(pk=OuterRef("object_id"))
    lead = AccountLead.objects.filter(pk=OuterRef("object_id")).order_by()
    says = Concat("territory__code", Value(" leads on "), "organisation__code")
    of_lead = lead.annotate(says=says)
    return (
        flags.filter(lapsed_at=None)
        .select_related("reorganisation", "owner")
        .annotate(
            plan_name=Case(
                When(content_type=kind, then=Subquery(lead.values("plan__name"))),
                default=Subquery(plan.values("name")),
            ),
            leads_on=Case(When(content_type=kind, then=Subquery(of_lead.values("says")))),
        )
    )


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
