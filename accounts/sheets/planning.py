"""What a sheet would change, read and never written: one code path for preview, approval and day.

Whatever shows, fingerprints, checks or applies a sheet asks ``planned``. It compares what the
decisions ask for with what the plan holds: what is so already is no change, so that a sheet that
was applied plans nothing more.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from django.db.models import Q

from footprints.models import Change, Outcome, Weight
from footprints.names import count, listed

from ..effects import Body, Effects, Line, Meeting, effects
from ..models import Assignment, Decision, Sheet, Territory, TerritoryPlan
from .finer import Finer


@dataclass(frozen=True)
class Closing:
    """An assignment that ends: ``on`` is the first day on which it no longer holds."""

    assignment: int
    unit: int
    territory: int
    role: str
    opened_on: date | None
    closed_on: date | None
    on: date

    @property
    def is_removed(self) -> bool:
        """It would have begun on our day or later: it never comes to be."""
        return self.opened_on is not None and self.opened_on >= self.on

    @property
    def as_listed(self) -> list:
        days = [day and day.isoformat() for day in (self.opened_on, self.closed_on, self.on)]
        return ["close", self.assignment, self.unit, self.territory, self.role, *days]


@dataclass(frozen=True)
class Opening:
    """A unit that begins to belong to a territory."""

    unit: int
    territory: int
    role: str
    opened_on: date
    closed_on: date | None

    @property
    def as_listed(self) -> list:
        days = [day and day.isoformat() for day in (self.opened_on, self.closed_on)]
        return ["open", None, self.unit, self.territory, self.role, *days, None]


@dataclass(frozen=True)
class Party:
    """A body that comes into the successor, or is the survivor; the territory that holds it."""

    body: Body
    share: Decimal | None
    territory: Territory | None
    closes: bool


@dataclass
class Row:
    """What one person decides about: a successor and all that comes into it, or one that ends."""

    body: Body
    role: str
    parties: list[Party]
    default: str
    why: str
    decision: Decision | None = None
    is_line: bool = False
    level: str = ""
    lines: dict[int, list[int]] = field(default_factory=dict)
    survives_in: Territory | None = None
    problem: str = ""
    opens: int = 0
    closes: int = 0

    @property
    def key(self) -> tuple[int, str]:
        return self.body.key, self.role

    @property
    def territories(self) -> list[Territory]:
        """The territories that hold what comes in, each once, in order of code."""
        found = {p.territory.pk: p.territory for p in self.parties if p.territory}
        return sorted(found.values(), key=lambda territory: territory.code)

    @property
    def missing(self) -> list[Party]:
        return [party for party in self.parties if party.territory is None]

    @property
    def is_conflict(self) -> bool:
        return not self.is_line and len(self.territories) > 1

    @property
    def departs(self) -> bool:
        return bool(self.decision and self.decision.outcome)

    @property
    def outcome(self) -> str:
        return self.decision.outcome if self.departs else self.default

    @property
    def outcome_words(self) -> str:
        if self.outcome == Outcome.BRING_IN:
            return "Carry and bring in"
        return Outcome(self.outcome).label

    @property
    def default_words(self) -> str:
        return Outcome(self.default).label

    @property
    def until_on(self) -> date | None:
        return self.decision.until_on if self.departs else None

    @property
    def territory(self) -> Territory | None:
        """To whom the whole goes, where it does."""
        if self.departs and self.decision.territory:
            return self.decision.territory
        return self.territories[0] if len(self.territories) == 1 else None

    @property
    def lead(self) -> Territory | None:
        """Who answers for the whole where the line is kept, as somebody accepted or named."""
        return self.decision.lead if self.decision else None

    @property
    def carries(self) -> bool:
        return self.outcome in (Outcome.CARRY, Outcome.BRING_IN)

    @property
    def is_held(self) -> bool:
        return self.outcome == Outcome.HOLD or bool(self.problem)

    @property
    def is_undecided(self) -> bool:
        """A person must say: there is no default that does anything, or it cannot be done."""
        return bool(self.problem) or (self.outcome == Outcome.HOLD and not self.departs)

    @property
    def can_keep_the_line(self) -> bool:
        closing = [p.body.key for p in self.parties if p.closes and p.territory]
        # Where nothing closes (any more), the line is kept without a change.
        return not self.is_line and all(key in self.lines for key in closing)

    @property
    def weight(self) -> int:
        if self.is_line or self.is_conflict:
            return Weight.ACT
        return Weight.CHECK if self.missing else Weight.KNOW

    @property
    def weight_name(self) -> str:
        return Weight(self.weight).name.lower()


@dataclass
class Planned:
    """Everything that a sheet would do, and the rows that it comes from."""

    sheet: Sheet
    rows: list[Row] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)

    @property
    def undecided(self) -> list[Row]:
        return [row for row in self.rows if row.is_undecided]

    @property
    def held(self) -> list[Row]:
        return [row for row in self.rows if row.is_held]

    @cached_property
    def listing(self) -> list[list]:
        """The changes and what is held, as JSON knows them, in order."""
        listed_changes = [change.as_listed for change in (*self.closings, *self.openings)]
        listed_changes += [
            ["hold", None, row.body.key, None, row.role, None, None, until]
            for row in self.held
            for until in [row.until_on and row.until_on.isoformat()]
        ]
        return sorted(listed_changes, key=json.dumps)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the listing: what an approval is bound to."""
        return hashlib.sha256(json.dumps(self.listing).encode()).hexdigest()

    def row(self, body: int, role: str) -> Row | None:
        return next((row for row in self.rows if row.key == (body, role)), None)


def differences(before: list[list], now: list[list]) -> tuple[list[list], list[list]]:
    """``(gone, new)``: the listed changes that were and are no more, and those that were not."""
    was, is_now = set(map(tuple, before)), set(map(tuple, now))
    return (
        [change for change in before if tuple(change) not in is_now],
        [change for change in now if tuple(change) not in was],
    )


def planned(sheet: Sheet) -> Planned:
    """What the sheet would change as things stand; a handful of queries, whatever its size."""
    plans = TerritoryPlan.objects.select_related("team__supplier")
    plan = plans.prefetch_related("team__freezes").get(pk=sheet.flag.object_id)
    sheet.team = plan.team
    event = sheet.flag.reorganisation
    effect = effects([plan], [event]).get((plan.pk, event.pk))
    found = Planned(sheet)
    if effect is None:
        return found
    decisions = {}
    if sheet.pk:
        asked = Decision.objects.filter(sheet=sheet)
        for decision in asked.select_related("territory", "lead", "assigned_to", "by"):
            decisions[decision.body_id, decision.role] = decision
    reading = _Reading(plan, sheet.day, effect)
    for meeting in effect.meetings:
        if row := reading.row_of_meeting(meeting):
            found.rows.append(row)
    for line in effect.lines:
        if line.change == Change.CLOSES and (row := reading.row_of_line(line)):
            found.rows.append(row)
    reading.keep_lines(found.rows)
    for row in found.rows:
        row.decision = decisions.get(row.key)
        if row.outcome == Outcome.KEEP_THE_LINE and not row.can_keep_the_line:
            row.problem = "The finer units are not known any more."
        elif row.carries and row.territory is None:
            row.problem = "Several territories meet there now: say which one takes it."
    if plan.closed_on is None or plan.closed_on > sheet.day:
        _Drawing(reading, found).draw()
    return found


class _Reading:
    """What the plan holds of the bodies of an event, around our day."""

    def __init__(self, plan: TerritoryPlan, day: date, effect: Effects):
        self.plan, self.day, self.effect = plan, day, effect
        self.event = effect.reorganisation
        self.rows: dict[tuple[int, str], list[Assignment]] = defaultdict(list)
        self._read({line.unit.key for line in effect.lines} | self._members())
        self.successors = defaultdict(set)
        self.closing = set()
        for line in effect.lines:
            if line.change in (Change.ENDS, Change.SPLITS, Change.CLOSES):
                self.closing.add((line.unit.key, line.role))
                self.successors[line.unit.key] |= {body.key for body, _ in line.others if body}

    def _members(self):
        found = set()
        for meeting in self.effect.meetings:
            found |= {meeting.successor.key, *(side.body.key for side in meeting.sides)}
        return found

    def _read(self, units):
        """Their assignments with a day on or after the legal day."""
        found = Assignment.objects.filter(
            Q(closed_on=None) | Q(closed_on__gt=self.event.effective_on),
            plan=self.plan,
            organisation__in=units,
        )
        for assignment in found.select_related("territory").order_by("opened_on", "pk"):
            self.rows[assignment.organisation_id, assignment.role].append(assignment)

    def reaching(self, unit: int, role: str) -> list[Assignment]:
        """Its assignments with a day on or after ours, in order."""
        rows = self.rows.get((unit, role), [])
        found = [row for row in rows if row.closed_on is None or row.closed_on > self.day]
        return sorted(found, key=lambda row: row.opened_on or date.min)

    def on_the_day(self, unit: int, role: str) -> Assignment | None:
        """The one that holds on our day."""
        rows = self.reaching(unit, role)
        starts = rows and (rows[0].opened_on is None or rows[0].opened_on <= self.day)
        return rows[0] if starts else None

    def row_of_meeting(self, meeting: Meeting) -> Row | None:
        parties = []
        for side in meeting.sides:
            key = side.body.key
            closes = (key, meeting.role) in self.closing
            rows = self.reaching(key, meeting.role)
            territory = rows[0].territory if rows else None
            if not (closes and not rows):  # what the plan lets go of by then is dealt with
                parties.append(Party(side.body, side.share, territory, closes and bool(rows)))
        successor = meeting.successor
        named = {party.body.key for party in parties}
        rows = self.reaching(successor.key, meeting.role)
        if rows and successor.key not in named:  # a new body that somebody assigned already
            parties.append(Party(successor, None, rows[0].territory, False))
        if not any(party.territory for party in parties):
            return None
        row = Row(successor, meeting.role, parties, Outcome.CARRY, "")
        survivor = self.on_the_day(successor.key, meeting.role)
        row.survives_in = survivor and survivor.territory
        return row

    def row_of_line(self, line: Line) -> Row | None:
        rows = self.reaching(line.unit.key, line.role)
        if not rows:
            return None
        party = Party(line.unit, None, rows[0].territory, True)
        why = "It ends and nothing follows it."
        return Row(line.unit, line.role, [party], Outcome.CLOSE, why, is_line=True)

    def keep_lines(self, rows: list[Row]):
        """Say which finer units would keep each line; then the default of each row and why."""
        meetings = [row for row in rows if not row.is_line]
        roots = {
            party.body.key
            for row in meetings
            for party in row.parties
            if party.closes and party.territory
        }
        finer = Finer(self.event, roots)
        below = {unit for root in roots for unit in finer.below(root)}
        # Their successors too: those on whose codes the finer units live on.
        self._read((below | finer.followed(below)) - {unit for unit, _ in self.rows})
        own = defaultdict(set)
        for unit, role in self.rows:
            if unit in below and self.on_the_day(unit, role):
                own[role].add(unit)
        for row in meetings:
            levels = []
            for party in row.parties:
                if not (party.closes and party.territory):
                    continue
                key = party.body.key
                is_split = len(self.successors[key]) > 1
                level, units = finer.of(
                    key,
                    assigned=own[row.role],
                    into=row.body.key if is_split else None,
                    successors=self.successors[key],
                )
                if level:
                    row.lines[key] = units
                    levels.append(level)
            row.level = listed(sorted(set(levels)))
            _set_default(row)


def _set_default(row: Row):
    if not row.is_conflict:
        home = row.territories[0]
        if row.missing:
            row.default = Outcome.BRING_IN
            codes = listed([f"{party.body.name} ({party.body.code})" for party in row.missing])
            row.why = f"One territory, {home.code}. It also covers {codes}, which nobody holds."
        elif row.survives_in:
            row.why = f"It stays in {home.code}, which holds all that comes in."
        else:
            row.why = f"All that comes in sits in {home.code}."
        return
    meet = listed([territory.code for territory in row.territories])
    if row.can_keep_the_line:
        row.default = Outcome.KEEP_THE_LINE
        units = sum(map(len, row.lines.values()))
        row.why = (
            f"{meet} meet. Everybody keeps their {row.level}: {units} stay with whom they are."
        )
    else:
        row.default = Outcome.HOLD
        unknown = [
            party.body.code
            for party in row.parties
            if party.closes and party.territory and party.body.key not in row.lines
        ]
        row.why = (
            f"{meet} meet, and the practices, PCNs or locations of {listed(unknown)} that go "
            "there are not known: say who takes it, or hold it until a day."
        )


class _Drawing:
    """Turns decided rows into closings and openings, against what the plan holds."""

    def __init__(self, reading: _Reading, found: Planned):
        self.reading, self.found, self.day = reading, found, reading.day
        self.closings: dict[int, Closing] = {}
        self.openings: dict[tuple[int, str], Opening] = {}

    def draw(self):
        # A body that splits stays on its closed code while any of its successors is held.
        held = {
            (party.body.key, row.role)
            for row in self.found.rows
            if row.is_held
            for party in row.parties
            if party.closes
        }
        for row in self.found.rows:
            if row.is_held:
                continue
            before = len(self.closings), len(self.openings)
            self._settle(row)
            for party in row.parties:
                if party.closes and (party.body.key, row.role) not in held:
                    self._close(party.body.key, row.role)
            row.closes = len(self.closings) - before[0]
            row.opens = len(self.openings) - before[1]
        self.found.closings = sorted(self.closings.values(), key=lambda one: one.assignment)
        self.found.openings = sorted(self.openings.values(), key=lambda one: (one.unit, one.role))

    def _settle(self, row: Row):
        """Open what the row's outcome asks for."""
        if row.outcome == Outcome.KEEP_THE_LINE:
            for party in row.parties:
                if party.closes and party.territory:
                    until = self._until([party], row.role)
                    for unit in row.lines[party.body.key]:
                        self._open(unit, party.territory, row.role, until)
        elif row.carries:
            until = self._until([party for party in row.parties if party.territory], row.role)
            self._open(row.body.key, row.territory, row.role, until, moves=True)
        elif row.outcome == Outcome.CLOSE:
            self._close(row.body.key, row.role)

    def _until(self, parties, role) -> date | None:
        """The latest day that any of them was to hold; None: it goes on."""
        days = [
            assignment.closed_on
            for party in parties
            for assignment in self.reading.reaching(party.body.key, role)
        ]
        return None if None in days or not days else max(days)

    def _close(self, unit: int, role: str, *, only: Assignment | None = None):
        for row in [only] if only else self.reading.reaching(unit, role):
            self.closings[row.pk] = Closing(
                row.pk, unit, row.territory_id, role, row.opened_on, row.closed_on, self.day
            )

    def _open(self, unit, territory, role, until, *, moves=False):
        """Open the unit there from our day, unless it has a territory; ``moves`` it from one."""
        if (unit, role) in self.openings:
            return
        current = self.reading.on_the_day(unit, role)
        if current and (current.territory_id == territory.pk or not moves):
            return
        if current:
            self._close(unit, role, only=current)
            until = current.closed_on
        later = [row for row in self.reading.reaching(unit, role) if row != current]
        if later:
            first = later[0].opened_on
            until = min(until, first) if until else first
        self.openings[unit, role] = Opening(unit, territory.pk, role, self.day, until)


def in_words(planned_changes: Planned) -> str:
    """How much it would change: "74 assignments end, 18 begin"."""
    ends = count(len(planned_changes.closings), "assignment ends", "assignments end")
    return f"{ends}, {len(planned_changes.openings)} begin"
