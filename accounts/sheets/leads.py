"""Account leads on a sheet: one is proposed where everybody keeps the line, never applied unasked.

A lead that somebody accepted or named is a part of the row's decision; applying the sheet makes it
stand, undoing takes it back.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import F

from footprints.dated import ONE_DAY
from footprints.models import Outcome, Population
from footprints.names import listed
from footprints.written import number, share

from ..models import (
    AccountLead,
    CoverageRole,
    RosterEntry,
    Sheet,
    Territory,
    User,
)
from .planning import Planned, Row


@dataclass(frozen=True)
class Proposal:
    """The territory that keeps most of what comes in, and why it is that one."""

    territory: Territory
    why: str


def people_of(sheet: Sheet, keys: Iterable[int]) -> dict[int, int]:
    """The newest figure of each body on the boundary of the eve; one query at most."""
    keys = set(keys)
    eve = sheet.flag.reorganisation.effective_on - ONE_DAY
    figures = Population.objects.now().filter(organisation__in=keys).on(eve) if keys else []
    return {figure.organisation_id: figure.people for figure in figures}


def is_to_be_led(row: Row) -> bool:
    """Whether several keep their part of it, so that somebody has to answer for the whole.

    Asked of those who own it: mirrors, overlays and cover follow them.
    """
    owned = row.role == CoverageRole.OWNER
    return owned and row.outcome == Outcome.KEEP_THE_LINE and row.is_conflict


def proposals(found: Planned, rows: Iterable[Row]) -> dict[tuple, Proposal]:
    """For each of these rows that is to be led: the territory with most people in it, else with
    most units, with the reason; one query. None where neither can be counted."""
    rows = [row for row in rows if is_to_be_led(row)]
    bodies = {party.body.key for row in rows for party in row.parties if party.territory}
    units = {unit for row in rows for line in row.lines.values() for unit in line}
    people = people_of(found.sheet, bodies | units)
    made = {}
    for row in rows:
        if proposal := _by_people(row, people) or _by_units(row):
            made[row.key] = proposal
    return made


def _by_people(row: Row, people: dict[int, int]) -> Proposal | None:
    sums = defaultdict(int)
    for party in row.parties:
        if party.territory is None:
            continue
        line = row.lines.get(party.body.key, [])
        if party.share in (None, 1) and party.body.key in people:
            sums[party.territory] += people[party.body.key]
        elif line and all(unit in people for unit in line):
            sums[party.territory] += sum(people[unit] for unit in line)
        else:
            return None  # a sum of some of them says nothing
    best, most, ties = _most(sums)
    part = share(most / sum(sums.values()))
    return Proposal(best, f"{best.code} keeps most people: {number(most)}, {part}{ties}.")


def _by_units(row: Row) -> Proposal | None:
    sums = defaultdict(int)
    for party in row.parties:
        if party.territory is None:
            continue
        if not party.closes:
            return None  # what a survivor holds below it is not counted
        sums[party.territory] += len(row.lines[party.body.key])
    if not any(sums.values()):
        return None
    best, most, ties = _most(sums)
    return Proposal(
        best, f"{best.code} keeps {most} of the {sum(sums.values())} {row.level}{ties}."
    )


def _most(sums: dict[Territory, int]) -> tuple[Territory, int, str]:
    """The territory with most, the first by code of several; how much; what ties with it."""
    order = sorted(sums, key=lambda territory: (-sums[territory], territory.code))
    best, most = order[0], sums[order[0]]
    ties = [territory.code for territory in order[1:] if sums[territory] == most]
    return best, most, f", as does {listed(ties)}" if ties else ""


def make(every: Collection[Planned]) -> None:
    """Let the leads of applied sheets of one event stand from our day, and end those of what
    closes.

    In the transaction that applies them. A body that is led by that territory
    already stays so.
    """
    closing, chosen, sheets = set(), {}, {}
    for current in every:
        plan = current.sheet.flag.object_id
        sheets[plan] = current.sheet
        closing.update((plan, one.unit) for one in current.closings)
        for row in current.rows:
            if row.lead and is_to_be_led(row) and not row.is_held:
                chosen[plan, row.body.key] = row.lead
    bodies = {body for _, body in closing | set(chosen)}
    standing = AccountLead.objects.filter(
        plan__in=list(sheets), organisation__in=bodies, closed_on=None
    )
    ending = defaultdict(list)
    for lead in standing.order_by("pk").select_for_update() if bodies else ():
        where = lead.plan_id, lead.organisation_id
        sheet = sheets[lead.plan_id]
        if where not in closing and where not in chosen:
            continue
        if chosen.get(where) == lead.territory:
            del chosen[where]
        elif lead.opened_on < sheet.day:
            ending[sheet].append(lead.pk)
        else:
            chosen.pop(where, None)  # another sheet leads from our day or later
    for sheet, keys in ending.items():
        ended = AccountLead.objects.filter(pk__in=keys)
        ended.update(closed_on=sheet.day, ended_by=sheet, revision=F("revision") + 1)
    AccountLead.objects.bulk_create(
        AccountLead(
            plan_id=plan,
            territory=territory,
            organisation_id=body,
            opened_on=sheets[plan].day,
            made_by=sheets[plan],
        )
        for (plan, body), territory in chosen.items()
    )


def take_back(sheets: Collection[int]) -> None:
    """Undo what `make` did for the sheets of these keys; in the transaction that undoes them."""
    AccountLead.objects.filter(made_by__in=sheets).delete()
    ended = AccountLead.objects.filter(ended_by__in=sheets)
    ended.update(closed_on=None, ended_by=None, revision=F("revision") + 1)


def on_body(organisation: int, user: User, day: date) -> list[AccountLead]:
    """The leads on a body on a day or to come, that the user may see; each with its ``people``.

    Those are the names of whoever owns the territory then. Two queries.
    """
    found = list(
        AccountLead.objects.visible_to(user)
        .filter(organisation=organisation)
        .reaching(day)
        .select_related("plan", "territory", "made_by__flag")
        .order_by("plan__name", "opened_on", "pk")
    )
    owners = defaultdict(list)
    if found:
        roster = RosterEntry.objects.filter(
            territory__in={lead.territory_id for lead in found}, role=CoverageRole.OWNER
        )
        for entry in roster.select_related("user"):
            owners[entry.territory_id].append(entry)
    for lead in found:
        lead.people = [
            str(entry.user or entry.name)
            for entry in owners[lead.territory_id]
            if entry.holds(max(day, lead.opened_on)) and (entry.user or entry.name)
        ]
    return found
