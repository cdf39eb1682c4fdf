"""Which plan stands in the place of which: plans that replaced one another are a line."""

from django.db.models import Q

from ..models import TerritoryPlan

State = TerritoryPlan.State
AHEAD = (State.DRAFT, State.SUBMITTED, State.APPROVED)  # of a plan that may yet become active


def active_in_line(plan: TerritoryPlan) -> TerritoryPlan | None:
    """The active plan in whose place this one would step, or that stands in this one's place.

    Plans that replaced one another, whichever way, are a line; one of it at a time is active. A
    plan of another team or role never gives way. A query for each link of the line.
    """
    return _active(plan, line_of(plan))


def _active(plan, line):
    found = (
        one
        for one in line.values()
        if one.state == State.ACTIVE
        and (one.team_id, one.role) == (plan.team_id, plan.role)
        and one.pk != plan.pk
    )
    return max(found, key=lambda one: one.pk, default=None)


def line_of(plan: TerritoryPlan) -> dict[int, TerritoryPlan]:
    """Key → plan, of the plan and all that are linked to it by `replaces`."""
    line, asked = {plan.pk: plan}, {plan.pk}
    while asked:
        ahead = {line[key].replaces_id for key in asked} - {None, *line}
        linked = TerritoryPlan.objects.filter(Q(pk__in=ahead) | Q(replaces__in=asked))
        found = {one.pk: one for one in linked.exclude(pk__in=set(line))}
        line |= found
        asked = set(found)
    return line


def locked_in_line(plan: TerritoryPlan) -> TerritoryPlan | None:
    """The active plan of the line, all of it locked in the order of the keys: so no two deeds
    wait in a circle, and no two plans of it become active at once."""
    keys = set(line_of(plan))
    locked = TerritoryPlan.objects.filter(pk__in=keys).order_by("pk").select_for_update()
    line = {one.pk: one for one in locked}
    plan.state, plan.replaces_id = line[plan.pk].state, line[plan.pk].replaces_id
    return _active(plan, line)


def take_place(before: TerritoryPlan, plan: TerritoryPlan, *, by_now: TerritoryPlan) -> None:
    """Let the plan be the one that takes the place of the other, and never the other way round.

    Whatever else waits to take the place of either takes that of ``by_now``, the active one.
    """
    TerritoryPlan.objects.filter(pk=before.pk, replaces=plan).update(replaces=None)
    TerritoryPlan.objects.filter(pk=plan.pk).update(replaces=before)
    waiting = TerritoryPlan.objects.filter(replaces__in=(before, plan), state__in=AHEAD)
    waiting.exclude(pk__in=(before.pk, plan.pk)).update(replaces=by_now)
    plan.replaces = before
