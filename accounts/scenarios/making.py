"""Making a scenario's draft, and making it again when what it rests on has moved.

The draft is what the plan would be on our day by the defaults, as `planned` has them: the same
code path as the decision sheet. What people changed in the draft is what differs from the rows as
they were made; a refresh makes the rows anew and lays the changes over them that still can be.
"""

import logging
from dataclasses import dataclass, field
from datetime import date

from django.db import transaction
from django.utils.timezone import now

from footprints.lives import Lives
from footprints.models import Organisation, Reorganisation, Version
from footprints.written import day_in_full

from ..models import Assignment, Flag, RosterEntry, Scenario, Sheet, Territory, TerritoryPlan, User
from ..sheets.planning import Planned, planned
from ..territories.history import tell
from .resting import closing, opening, snapshot

log = logging.getLogger(__name__)

BATCH = 2_000


class ScenarioError(Exception):
    """A scenario that cannot be made, or made again, in the reader's words."""


@dataclass(frozen=True)
class Held:
    """A territory that holds a unit for a while; ``territory`` is the plan's, or the draft's."""

    territory: int
    opened_on: date
    closed_on: date | None


Rows = dict[tuple[int, str], tuple[Held, ...]]


@dataclass
class Drawn:
    """A plan as it would be from ``day`` on: unit and role → who holds it, in order."""

    day: date
    planned: Planned
    rows: Rows = field(default_factory=dict)


def default_sheet(event: Reorganisation, plan: TerritoryPlan) -> Sheet:
    """The sheet of the two with no decision at all: what the defaults make of it."""
    return Sheet(flag=Flag(reorganisation=event, object_id=plan.pk))


def draw(event: Reorganisation, plan: TerritoryPlan) -> Drawn:
    """What the plan would hold from our day on, by the defaults.

    Raises ScenarioError where the event is dropped, or does not touch the plan.
    """
    if event.state in Reorganisation.State.dropped():
        raise ScenarioError(
            f"The event is {event.get_state_display().lower()}: there is nothing to plan on."
        )
    sheet = default_sheet(event, plan)
    found = planned(sheet)
    if plan.closed_on and plan.closed_on <= sheet.day:
        raise ScenarioError(
            f"{plan} ends on {day_in_full(plan.last_day)}, before {day_in_full(sheet.day)}."
        )
    if not (found.rows or found.closings or found.openings):
        raise ScenarioError(f"The event changes nothing in {plan}: it is the same after it.")
    drawn = Drawn(sheet.day, found)
    ended = {change.assignment for change in found.closings}
    rows: dict[tuple[int, str], list[Held]] = {}
    for row in plan.assignments.reaching(sheet.day).exclude(pk__in=ended).order_by("opened_on"):
        opened_on = max(row.opened_on or sheet.day, sheet.day)
        held = Held(row.territory_id, opened_on, row.closed_on)
        rows.setdefault((row.organisation_id, row.role), []).append(held)
    for change in found.openings:
        held = Held(change.territory, change.opened_on, change.closed_on)
        rows.setdefault((change.unit, change.role), []).append(held)
    drawn.rows = {
        key: tuple(sorted(each, key=lambda held: held.opened_on)) for key, each in rows.items()
    }
    return drawn


@transaction.atomic
def make_scenario(
    event: Reorganisation, plan: TerritoryPlan, *, name: str, by: User, note: str = ""
) -> Scenario:
    """Make a draft of the plan as it would be after the event. Raises ScenarioError."""
    TerritoryPlan.objects.select_for_update().get(pk=plan.pk)
    plan.refresh_from_db()
    drawn = draw(event, plan)
    draft = TerritoryPlan.objects.create(
        team=plan.team,
        name=name,
        brands=plan.brands,
        owner=by,
        opened_on=drawn.day,
        closed_on=plan.closed_on,
        copied_from=plan,
    )
    scenario = Scenario(event=event, plan=plan, draft=draft, note=note, made_by=by, made_at=now())
    _copy_territories(scenario, drawn.day)
    made = _in_the_draft(scenario, drawn.rows)
    _write(draft, made)
    _rest(scenario, made)
    scenario.save()
    tell(draft, f"Made of {plan} as it is after {event}", by=by)
    log.info("Scenario %s of plan %s on event %s by %s", scenario.pk, plan.pk, event.slug, by)
    return scenario


@transaction.atomic
def refresh(scenario: Scenario, *, by: User) -> Scenario:
    """Make the draft again on the event as it stands now; keep people's changes that still stand.

    ``lost`` then names each change that could not be. Raises ScenarioError as ``make_scenario``;
    then nothing changes.
    """
    drafts = TerritoryPlan.objects.filter(pk=scenario.draft_id)
    drafts.select_for_update().get()
    scenario = Scenario.objects.select_related("event", "plan", "draft").get(pk=scenario.pk)
    drawn = draw(scenario.event, scenario.plan)
    changes = hand_changes(scenario)
    _copy_territories(scenario, drawn.day)
    made = _in_the_draft(scenario, drawn.rows)
    rows, lost = _lay_over(scenario, made, changes, drawn.day)
    drafts.update(opened_on=drawn.day, closed_on=scenario.plan.closed_on)
    drafts.revise()
    scenario.draft.assignments.all().delete()
    _write(scenario.draft, rows)
    _rest(scenario, made)
    scenario.lost = lost
    scenario.refreshed_by, scenario.refreshed_at = by, now()
    scenario.save()
    tell(scenario.draft, f"Made again of {scenario.plan} as it is after {scenario.event}", by=by)
    log.info("Scenario %s refreshed by %s: %d lost", scenario.pk, by, len(lost))
    return scenario


def hand_changes(scenario: Scenario) -> Rows:
    """What people changed in the draft: unit and role → what it is now, () where it was freed."""
    made: dict[tuple[int, str], list[Held]] = {}
    for unit, role, territory, *days in scenario.made:
        opened, closed = (day and date.fromisoformat(day) for day in days)
        made.setdefault((unit, role), []).append(Held(territory, opened, closed))
    is_now: dict[tuple[int, str], list[Held]] = {}
    for row in scenario.draft.assignments.order_by("opened_on", "pk"):
        held = Held(row.territory_id, row.opened_on, row.closed_on)
        is_now.setdefault((row.organisation_id, row.role), []).append(held)
    return {
        key: tuple(is_now.get(key, ()))
        for key in made.keys() | is_now.keys()
        if made.get(key) != is_now.get(key)
    }


def _copy_territories(scenario: Scenario, day: date) -> None:
    """Give the draft those of the plan's territories that it lacks, with whoever works them."""
    draft = scenario.draft
    there = {str(pk) for pk in draft.territories.values_list("pk", flat=True)}
    known = {old: new for old, new in scenario.territories.items() if str(new) in there}
    codes = set(draft.territories.values_list("code", flat=True))
    copies = {}
    for territory in scenario.plan.territories.all():
        if str(territory.pk) not in known and territory.code not in codes:
            copies[territory.pk] = Territory(
                plan=draft, code=territory.code, name=territory.name, position=territory.position
            )
    Territory.objects.bulk_create(copies.values())
    known |= {str(old): copy.pk for old, copy in copies.items()}
    same_code = dict(draft.territories.values_list("code", "pk"))
    for territory in scenario.plan.territories.all():
        known.setdefault(str(territory.pk), same_code.get(territory.code))
    scenario.territories = known
    roster = RosterEntry.objects.filter(territory__in=copies).reaching(day)
    RosterEntry.objects.bulk_create(
        RosterEntry(
            territory=copies[entry.territory_id],
            user_id=entry.user_id,
            name=entry.name,
            role=entry.role,
            opened_on=max(entry.opened_on or day, day),
            closed_on=entry.closed_on,
        )
        for entry in roster
    )


def _in_the_draft(scenario: Scenario, rows: Rows) -> Rows:
    territories = scenario.territories
    return {
        key: tuple(
            Held(territories[str(held.territory)], held.opened_on, held.closed_on) for held in each
        )
        for key, each in rows.items()
    }


def _write(draft: TerritoryPlan, rows: Rows) -> None:
    Assignment.objects.bulk_create(
        [
            Assignment(
                plan=draft,
                territory_id=held.territory,
                organisation_id=unit,
                role=role,
                opened_on=held.opened_on,
                closed_on=held.closed_on,
            )
            for (unit, role), each in rows.items()
            for held in each
        ],
        batch_size=BATCH,
    )


def _rest(scenario: Scenario, made: Rows) -> None:
    """Keep what the draft rests on, and its rows as they were made."""
    event = scenario.event
    scenario.rests_on = snapshot(event)
    scenario.revision, scenario.plan_revision = event.revision, scenario.plan.revision
    scenario.made = [
        [unit, role, held.territory, *(day and day.isoformat() for day in days)]
        for (unit, role), each in sorted(made.items())
        for held in each
        for days in [(held.opened_on, held.closed_on)]
    ]


def _lay_over(scenario: Scenario, made: Rows, changes: Rows, day: date) -> tuple[Rows, list[str]]:
    """The rows with the changes that still stand, and in words those that do not."""
    units = {unit for unit, _ in changes}
    lives = Lives(units)
    names = {key: lives.near(key, day) for key in units}
    codes = dict(Organisation.objects.filter(pk__in=units).values_list("pk", "code"))
    live = Version.objects.now().on(day).filter(organisation__in=units, kind__is_unit=True)
    alive = set(live.values_list("organisation", flat=True))
    ends, opens = closing(scenario.event), opening(scenario.event)
    drafted = Organisation.objects.filter(pk__in=units, is_provisional=True)
    nobodys = set(drafted.values_list("pk", flat=True)) - opens
    rows, lost = dict(made), []
    territories = {t.pk: t.code for t in scenario.draft.territories.all()}
    for (unit, role), wanted in sorted(changes.items()):
        name = names[unit].name if names[unit] else codes[unit]
        what = f"{name} ({codes[unit]})"
        moved = tuple(
            Held(held.territory, max(held.opened_on or day, day), held.closed_on)
            for held in wanted
            if held.closed_on is None or held.closed_on > day
        )
        to = f" in {territories[wanted[0].territory]}" if wanted else ""
        if not wanted:
            if (unit, role) in rows:
                del rows[unit, role]
            else:
                lost.append(f"{what} was freed: it is not in the plan any more.")
        elif unit in ends and (unit, role) not in made:
            lost.append(f"{what}{to}: it closes with the event now.")
        elif unit in nobodys:
            lost.append(f"{what}{to}: the event does not open it any more.")
        elif unit not in alive and (unit, role) not in made:
            lost.append(f"{what}{to}: it does not live on {day_in_full(day)}.")
        elif not moved:
            lost.append(f"{what}{to}: that would end before {day_in_full(day)}.")
        else:
            rows[unit, role] = moved
    return rows, lost
