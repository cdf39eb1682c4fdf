"""What touches me: my flags, those of a plan by effective day, and what is next."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Case, Count, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Concat

from footprints.models import Reorganisation, Weight

from .models import AccountLead, Alert, Flag, TerritoryPlan, User, WatchList


def lead_flags(user: User) -> QuerySet:
    """Flags of the account leads that the user answers for."""
    kind = ContentType.objects.get_for_model(AccountLead)
    found = AccountLead.objects.answered_for_by(user)
    return Flag.objects.filter(content_type=kind, object_id__in=found.values("pk"))


def watch_flags(user: User) -> QuerySet:
    """Flags of what the user watches: theirs alone, and no plan's."""
    kind = ContentType.objects.get_for_model(WatchList)
    lists = WatchList.objects.filter(person=user)
    return Flag.objects.filter(content_type=kind, object_id__in=lists.values("pk"))


def my_flags(user: User) -> QuerySet:
    """Flags of plans that the user may open, and of account leads that they answer for."""
    return Flag.objects.on_plans().visible_to(user) | lead_flags(user)


def alerts(user: User) -> QuerySet:
    """Those of them that stand, told for a list."""
    return _told(my_flags(user))


def leads_to_name_again(user: User) -> QuerySet:
    """The user's open flags of account leads, the next day first, told for a list; without those
    that their inbox tells of."""
    found = lead_flags(user).open().exclude(alerts__person=user)
    return _told(found).order_by("reorganisation__effective_on", "pk")


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


@dataclass(frozen=True)
class Coming:
    """The next day on which anything takes effect, and how many events that is.

    ``is_mine`` where they touch the reader; there are ``more`` where only so many were counted.
    """

    on: date
    events: int
    undecided: int
    days_away: int
    is_mine: bool = False
    more: bool = False


COUNTED = 1_000  # alerts of one day; a national manager may have 10,000

# A probe for each weight, since the index of the inbox has the weight before the day.
NEXT_OF = f"""
WITH standing AS NOT MATERIALIZED (
    SELECT alert.ease, alert.effective_on, flag.reorganisation_id
    FROM {Alert._meta.db_table} AS alert
    JOIN {Flag._meta.db_table} AS flag ON flag.id = alert.flag_id AND flag.resolved_at IS NULL
    WHERE alert.holder_id = %(holder)s AND alert.resolved_at IS NULL AND alert.lapsed_at IS NULL
),
next AS MATERIALIZED (
    SELECT min(first.effective_on) AS day
    FROM unnest(%(eases)s) AS weight (ease)
    CROSS JOIN LATERAL (
        SELECT effective_on FROM standing
        WHERE standing.ease = weight.ease AND effective_on >= %(today)s
        ORDER BY effective_on LIMIT 1
    ) AS first
),
counted AS (
    SELECT reorganisation_id FROM standing
    WHERE ease = ANY(%(eases)s) AND effective_on = (SELECT day FROM next)
    LIMIT {COUNTED + 1}
)
SELECT (SELECT day FROM next), count(DISTINCT event.id),
       count(DISTINCT event.id) FILTER (WHERE NOT event.state = ANY(%(settled)s)), count(*)
FROM counted
JOIN {Reorganisation._meta.db_table} AS event ON event.id = counted.reorganisation_id
"""


def next_day_of(user: User, today: date) -> Coming | None:
    """The next day among the alerts that the user holds and that stand, also those put off."""
    given = {
        "holder": user.pk,
        "today": today,
        "eases": [Weight.ACT - weight for weight in Weight],
        "settled": [str(state) for state in Reorganisation.State.settled()],
    }
    with connection.cursor() as cursor:
        cursor.execute(NEXT_OF, given)
        on, events, undecided, alerts = cursor.fetchone()
    if not events:
        return None
    more = alerts > COUNTED
    return Coming(on, events, undecided, (on - today).days, is_mine=True, more=more)


def next_day_of_all(today: date) -> Coming | None:
    """The next day of the whole NHS; one query."""
    events = Reorganisation.objects.filter(effective_on__gte=today).exclude(
        state__in=Reorganisation.State.dropped()
    )
    first = events.order_by("effective_on").values("effective_on")[:1]
    then = list(events.filter(effective_on=Subquery(first)))
    if not then:
        return None
    on = then[0].effective_on
    undecided = sum(not event.is_decided for event in then)
    return Coming(on, len(then), undecided, (on - today).days)


@dataclass(frozen=True)
class Waiting:
    """How many flags of a plan are open, and how many of them ask for a decision."""

    flags: int
    to_act_on: int


def waiting_in(plans: Collection[TerritoryPlan]) -> dict[int, Waiting]:
    """What is open in these plans, by plan, where anything is; one query."""
    flags = Flag.objects.open().on_plans().filter(object_id__in=[plan.pk for plan in plans])
    counts = (
        flags.order_by()
        .values("object_id")
        .annotate(every=Count("pk"), to_act_on=Count("pk", filter=Q(weight=Weight.ACT)))
        .values_list("object_id", "every", "to_act_on")
    )
    return {plan: Waiting(every, to_act_on) for plan, every, to_act_on in counts}
