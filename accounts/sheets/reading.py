"""What plans hold of the bodies of an event, around our day: one query for many sheets."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import NamedTuple

from django.db.models import Q

from footprints.models import Change, Reorganisation
from footprints.names import listed

from ..effects import Effects, Line, Meeting
from ..models import Assignment, Sheet, Territory, TerritoryPlan
from .finer import Finer
from .rows import Party, Row


class Held(NamedTuple):
    """An assignment, lean: a great day reads a million of them."""

    pk: int
    unit: int
    role: str
    territory: Territory
    opened_on: date | None
    closed_on: date | None


class Reading:
    """What one plan holds of the bodies of one event."""

    def __init__(self, sheet: Sheet, plan: TerritoryPlan, effect: Effects):
        self.sheet, self.plan, self.effect = sheet, plan, effect
        self.event, self.day = effect.reorganisation, sheet.day
        self.rows: dict[tuple[int, str], list[Held]] = {}
        self.successors: dict[int, set[int]] = defaultdict(set)
        self.closing: set[tuple[int, str]] = set()
        for line in effect.lines:
            if line.change in Change.closing():
                self.closing.add((line.unit.key, line.role))
                self.successors[line.unit.key].update(body.key for body, _ in line.others if body)

    @property
    def units(self) -> set[int]:
        """The bodies whose assignments matter."""
        found = {line.unit.key for line in self.effect.lines}
        for meeting in self.effect.meetings:
            found.add(meeting.successor.key)
            found.update(side.body.key for side in meeting.sides)
        return found

    @property
    def territories(self) -> Iterator[Territory]:
        """Those that the effects name."""
        for line in self.effect.lines:
            yield line.territory
        for meeting in self.effect.meetings:
            yield from (side.territory for side in meeting.sides if side.territory)

    def reaching(self, unit: int, role: str) -> list[Held]:
        """Its assignments with a day on or after ours, in order."""
        rows = self.rows.get((unit, role), ())
        return [row for row in rows if row.closed_on is None or row.closed_on > self.day]

    def on_the_day(self, unit: int, role: str) -> Held | None:
        """The one that holds on our day."""
        rows = self.reaching(unit, role)
        starts = rows and (rows[0].opened_on is None or rows[0].opened_on <= self.day)
        return rows[0] if starts else None

    def sheet_rows(self) -> Iterator[Row]:
        """The rows of the sheet, their finer units not read yet."""
        for meeting in self.effect.meetings:
            if row := self._of_meeting(meeting):
                yield row
        lines = {}
        for line in self.effect.lines:  # one a body, though it changed hands meanwhile
            if line.change == Change.CLOSES and (row := self._of_line(line)):
                lines.setdefault(row.key, row)
        yield from lines.values()

    def _of_meeting(self, meeting: Meeting) -> Row | None:
        parties = []
        for side in meeting.sides:
            key = side.body.key
            closes = (key, meeting.role) in self.closing
            rows = self.reaching(key, meeting.role)
            if closes and not rows:
                continue  # what the plan lets go of by then is dealt with
            parties.append(
                Party(side.body, side.share, rows[0].territory if rows else None, closes)
            )
        successor = meeting.successor
        rows = self.reaching(successor.key, meeting.role)
        if rows and not any(party.body.key == successor.key for party in parties):
            # A new body that somebody assigned already.
            parties.append(Party(successor, None, rows[0].territory, False))
        if not any(party.territory for party in parties):
            return None
        survivor = self.on_the_day(successor.key, meeting.role)
        return Row(successor, meeting.role, parties, survives_in=survivor and survivor.territory)

    def _of_line(self, line: Line) -> Row | None:
        rows = self.reaching(line.unit.key, line.role)
        if not rows:
            return None
        return Row(
            line.unit, line.role, [Party(line.unit, None, rows[0].territory, True)], is_line=True
        )


def read_held(readings: Collection[Reading], units: Collection[int]) -> None:
    """Let the readings, all of one event, know what their plans hold of these units.

    What holds on a day on or after the legal day; two queries.
    """
    if not readings or not units:
        return
    plans = defaultdict(list)
    for reading in readings:
        plans[reading.plan.pk].append(reading)
    found = list(
        Assignment.objects.filter(
            Q(closed_on=None) | Q(closed_on__gt=readings[0].event.effective_on),
            plan__in=list(plans),
            organisation__in=list(units),
        ).values_list("plan", "pk", "organisation", "role", "territory", "opened_on", "closed_on")
    )
    territories = {home.pk: home for reading in readings for home in reading.territories}
    territories |= Territory.objects.in_bulk({row[4] for row in found} - territories.keys())
    rows: dict[tuple, list[Held]] = defaultdict(list)
    for plan, pk, unit, role, territory, opened_on, closed_on in found:
        held = Held(pk, unit, role, territories[territory], opened_on, closed_on)
        rows[plan, unit, role].append(held)
    for (plan, unit, role), held in rows.items():
        if len(held) > 1:
            held.sort(key=lambda row: (row.opened_on or date.min, row.pk))
        for reading in plans[plan]:
            reading.rows[unit, role] = held


def read_lines(event: Reorganisation, asked: Iterable[tuple[Reading, Row]], known: set[int]):
    """Say which finer units would keep the line of each row; ``known`` units are read already."""
    asked = [(reading, row) for reading, row in asked if not row.is_line]
    for _, row in asked:
        row.lines = {}
    roots = {party.body.key for _, row in asked for party in row.closing}
    if not roots:
        return
    finer = Finer(event, roots)
    below = {unit for root in roots for unit in finer.below(root)}
    readings = list({id(reading): reading for reading, _ in asked}.values())
    # Their successors too: those on whose codes the finer units live on.
    read_held(readings, (below | finer.followed(below)) - known)
    own: dict[tuple, set[int]] = defaultdict(set)
    for reading in readings:
        for unit, role in reading.rows:
            if unit in below and reading.on_the_day(unit, role):
                own[id(reading), role].add(unit)
    for reading, row in asked:
        levels = set()
        for party in row.closing:
            key = party.body.key
            successors = reading.successors[key]
            level, units = finer.of(
                key,
                assigned=own[id(reading), row.role],
                into=row.body.key if len(successors) > 1 else None,
                successors=successors,
            )
            if level:
                row.lines[key] = units
                levels.add(level)
        row.level = listed(sorted(levels))
