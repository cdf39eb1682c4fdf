"""What there is to tell: each topic a name, its words, its rows of news, and what is said of each.

A new topic is one more `Topic` in `TOPICS`: its rows lie in one table, are never changed, have
keys that grow, and say in ``at`` when they were written. Only what the NHS and our plans are made
of is said: no reason that somebody wrote, no name of a person, no product.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import TruncDate

from footprints.models import Reorganisation, Step, Touch
from footprints.written import day_in_full

from ..models import Assignment, Flag, PlanStep, SheetDeed, TerritoryPlan, Webhook

# What is recorded of an event longer gone is for the record (a first load of the register records
# ten years of them), and no news to a whole company.
NEWS_FOR = timedelta(days=92)
PLANS_NAMED = 10


@dataclass(frozen=True)
class News:
    """One thing to tell: ``lines`` (what, how it is) for people, ``data`` for programs.

    ``thing`` is the key of its row; ``link`` leads to a page of ours, which ``opens`` names.
    """

    thing: int
    at: datetime
    says: str
    lines: list[tuple[str, str]]
    link: str
    opens: str
    data: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Topic:
    """``rows``: all that a webhook may ever be told. ``news``: what is said of some of them."""

    name: str
    says: str
    model: type[models.Model]
    rows: Callable[[Webhook], QuerySet]
    news: Callable[[Webhook, list], Iterable[News]]


def plans_of(webhook: Webhook) -> QuerySet:
    """The plans a webhook is told of: its team's; for the whole company, of no walled team."""
    whose = Q(team=webhook.team_id) if webhook.team_id else Q(team__is_walled=False)
    return TerritoryPlan.objects.filter(whose, scenario=None)


def _page(path: str) -> str:
    return f"{settings.BASE_URL}{path}"


def _changed(before, after, write=str) -> str:
    return f"{write(before)} → {write(after)}" if before and before != after else write(after)


# --- Steps of a reorganisation ------------------------------------------------------------------


def _held(webhook: Webhook, event, day) -> QuerySet:
    """What the event changes of what open plans of the webhook hold on its day or later."""
    return Assignment.objects.filter(
        # What was applied already ends on the day.
        Q(closed_on=None) | Q(closed_on__gte=day),
        Q(plan__closed_on=None) | Q(plan__closed_on__gt=day),
        # A plan that began after the day was drawn up knowing of it.
        plan__opened_on__lte=day,
        plan__in=plans_of(webhook).open(),
        organisation__in=Touch.objects.of_area()
        .filter(reorganisation=event)
        .values("organisation"),
    )


def steps(webhook: Webhook) -> QuerySet:
    """Every step of what is still news, for the whole company; for a team, of events that touch
    an open plan of it.

    Whether one does is asked of the register itself, since its flags come a little later. One that
    touches nothing any more, having been dropped, still has the flags that it raised.
    """
    earlier = Step.objects.filter(reorganisation=OuterRef("reorganisation"), pk__lt=OuterRef("pk"))
    earlier = earlier.order_by("-pk")
    dated = earlier.exclude(effective_on=None).values("effective_on")[:1]
    found = Step.objects.select_related("reorganisation").annotate(
        state_before=Subquery(earlier.values("state")[:1]), day_before=Subquery(dated)
    )
    if not webhook.team_id:
        day = F("reorganisation__effective_on")
        return found.annotate(said_on=TruncDate("at")).filter(said_on__lte=day + NEWS_FOR)
    held = _held(
        webhook, OuterRef(OuterRef("reorganisation")), OuterRef("reorganisation__effective_on")
    )
    flagged = Flag.objects.filter(
        reorganisation=OuterRef("reorganisation"),
        content_type=ContentType.objects.get_for_model(TerritoryPlan),
        object_id__in=plans_of(webhook).values("pk"),
    )
    return found.filter(Exists(held) | Exists(flagged))


def tell_of_steps(webhook: Webhook, found: list[Step]) -> Iterable[News]:
    """What an event is now and was before, when it takes effect, and which plans it touches."""
    plans = _plans_touched(webhook, {step.reorganisation for step in found})
    for step in found:
        event = step.reorganisation
        states = Reorganisation.State
        state = step.get_state_display()
        before = states(step.state_before).label if step.state_before else ""
        # A step that says no day leaves the one that was said before it.
        day = step.effective_on or step.day_before or event.effective_on
        day_before = step.day_before if step.effective_on else None
        is_moved = bool(day_before and day_before != day)
        if not before:
            said = f"Recorded as {state.lower()}"
        elif is_moved and before == state:
            said = f"Moved to {day_in_full(day)}"
        elif before == state:
            said = f"Confirmed as {state.lower()}"
        else:
            said = state
        lines = [
            ("State", _changed(before, state)),
            ("Takes effect", _changed(day_before, day, day_in_full)),
            ("Kind", event.get_kind_display()),
        ]
        touched = plans.get(event.pk, [])
        if touched:
            more = len(touched) - PLANS_NAMED
            names = ", ".join(plan.name for plan in touched[:PLANS_NAMED])
            lines.append(("Plans", f"{names} and {more} more" if more > 0 else names))
        yield News(
            step.pk,
            step.at,
            f"{said}: {event.title}",
            lines,
            event.get_absolute_url(),
            "Open the reorganisation",
            {
                "event": event.slug,
                "title": event.title,
                "kind": event.kind,
                "state": step.state,
                "state_before": step.state_before,
                "effective_on": day.isoformat(),
                "effective_on_before": day_before.isoformat() if is_moved else None,
                "plans": [_plan(plan) for plan in touched],
            },
        )


def _plans_touched(webhook, events) -> dict[int, list[TerritoryPlan]]:
    """By event's key, the team's plans that it touches; two queries an event at most.

    None for the whole company, whose plans may be thousands: each team has its own webhook.
    """
    found = defaultdict(list)
    if webhook.team_id:
        for event in events:
            held = _held(webhook, event, event.effective_on).values("plan")
            flagged = Flag.objects.on_plans().filter(reorganisation=event).values("object_id")
            plans = plans_of(webhook).filter(Q(pk__in=held) | Q(pk__in=flagged))
            found[event.pk] = list(plans.order_by("name", "pk"))
    return found


def _plan(plan: TerritoryPlan) -> dict:
    return {"id": plan.pk, "name": plan.name, "link": _page(plan.get_absolute_url())}


# --- Decision sheets ----------------------------------------------------------------------------


def sheet_deeds(webhook: Webhook) -> QuerySet:
    """Each time a sheet was applied, or undone."""
    return SheetDeed.objects.select_related("sheet__flag__reorganisation").filter(
        deed__in=[SheetDeed.Deed.APPLIED, SheetDeed.Deed.UNDONE],
        sheet__flag__object_id__in=plans_of(webhook).values("pk"),
        sheet__flag__content_type=ContentType.objects.get_for_model(TerritoryPlan),
    )


def tell_of_sheets(webhook: Webhook, found: list[SheetDeed]) -> Iterable[News]:
    """Which sheet of which plan was applied or undone, for which event."""
    plans = TerritoryPlan.objects.select_related("team")
    plans = plans.in_bulk({deed.sheet.flag.object_id for deed in found})
    for deed in found:
        event, plan = deed.sheet.flag.reorganisation, plans[deed.sheet.flag.object_id]
        is_applied = deed.deed == SheetDeed.Deed.APPLIED
        yield News(
            deed.pk,
            deed.at,
            f"Sheet {'applied' if is_applied else 'undone'}: {event.title} in {plan}",
            [
                ("Plan", plan.name),
                ("Team", plan.team.name),
                ("Reorganisation", event.title),
                ("Takes effect", day_in_full(event.effective_on)),
            ],
            deed.sheet.get_absolute_url(),
            "Open the decision sheet",
            {
                "deed": deed.deed,
                "event": event.slug,
                "title": event.title,
                "effective_on": event.effective_on.isoformat(),
                "plan": _plan(plan),
                "team": plan.team.name,
            },
        )


# --- Plans --------------------------------------------------------------------------------------


def plan_steps(webhook: Webhook) -> QuerySet:
    """Each time a plan became the active one, by its day, by hand, or being brought back."""
    return PlanStep.objects.select_related("plan__team", "plan__replaces").filter(
        deed__in=[PlanStep.Deed.ACTIVATED, PlanStep.Deed.BROUGHT_BACK],
        plan__in=plans_of(webhook),
    )


def tell_of_plans(webhook: Webhook, found: list[PlanStep]) -> Iterable[News]:
    """Which plan is active now, from when it holds, and which one it takes the place of."""
    for step in found:
        plan, link = step.plan, step.plan.get_absolute_url()
        lines = [("Team", plan.team.name), ("Holds from", day_in_full(plan.opened_on))]
        if plan.closed_on:
            lines.append(("Last day", day_in_full(plan.last_day)))
        is_back = step.deed == PlanStep.Deed.BROUGHT_BACK
        if plan.replaces and not is_back:
            lines.append(("Takes the place of", plan.replaces.name))
        yield News(
            step.pk,
            step.at,
            f"Plan {'active again' if is_back else 'active'}: {plan.name}",
            lines,
            link,
            "Open the plan",
            {
                "deed": step.deed,
                "plan": {"id": plan.pk, "name": plan.name, "link": _page(link)},
                "team": plan.team.name,
                "opened_on": plan.opened_on.isoformat(),
                "last_day": plan.last_day.isoformat() if plan.last_day else None,
                "replaces": _plan(plan.replaces) if plan.replaces else None,
            },
        )


TOPICS = {
    topic.name: topic
    for topic in (
        Topic(
            "reorganisation.step",
            "A reorganisation is recorded, approved, in law, moved, rejected …",
            Step,
            steps,
            tell_of_steps,
        ),
        Topic(
            "sheet.done",
            "A decision sheet is applied or undone",
            SheetDeed,
            sheet_deeds,
            tell_of_sheets,
        ),
        Topic("plan.active", "A plan becomes active", PlanStep, plan_steps, tell_of_plans),
    )
}


def choices() -> list[tuple[str, str]]:
    """The topics for a form."""
    return [(topic.name, topic.says) for topic in TOPICS.values()]
