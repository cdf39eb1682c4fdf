"""What sheets would change, read and never written: one code path for preview, approval and day.

Whatever shows, fingerprints, checks or applies a sheet asks ``planned``. It compares what the
decisions ask for with what the plan holds: what is so already is no change, so that a sheet that
was applied plans nothing more.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date

from footprints.models import Outcome, Reorganisation, Succession
from footprints.names import count
from footprints.written import day_in_full

from ..effects import effects
from ..models import Decision, Sheet, TerritoryPlan
from ..models.decisions import lend_teams
from .reading import Held, Reading, read_held, read_lines
from .rows import Closing, Opening, Party, Planned, Row, differences
from .unswept import unswept

__all__ = ["Party", "Planned", "Row", "differences", "in_words", "planned", "planned_of"]


def planned(
    sheet: Sheet, *, bodies: Collection[int] | None = None, with_lines: bool = False
) -> Planned:
    """What the sheet would change as things stand; a handful of queries, whatever its size.

    ``bodies`` asks for their rows alone, each as the whole has it; the changes are then not the
    whole's. ``with_lines`` has every row say which finer units would keep its line; else those
    alone do that turn on it.
    """
    (found,) = planned_of([sheet], bodies=bodies, with_lines=with_lines)
    return found


@unswept()
def planned_of(
    sheets: Iterable[Sheet],
    *,
    bodies: Collection[int] | None = None,
    with_lines: bool = False,
) -> list[Planned]:
    """``planned`` for many sheets, in their order; as many queries an event as for one sheet."""
    found = {id(sheet): Planned(sheet) for sheet in sheets}
    by_event = defaultdict(list)
    for one in found.values():
        by_event[one.sheet.flag.reorganisation].append(one)
    for event, group in by_event.items():
        _plan(event, group, bodies, with_lines)
    return list(found.values())


def _plan(event: Reorganisation, group: list[Planned], bodies, with_lines: bool) -> None:
    plans = TerritoryPlan.objects.in_bulk({one.sheet.flag.object_id for one in group})
    lend_teams([one.sheet for one in group if "team" not in vars(one.sheet)])
    touched = effects(plans.values(), [event], bodies=_with_siblings(event, bodies))
    readings = []
    for one in group:
        plan = plans[one.sheet.flag.object_id]
        if effect := touched.get((plan.pk, event.pk)):
            readings.append((one, Reading(one.sheet, plan, effect)))
    units = set().union(*(reading.units for _, reading in readings))
    read_held([reading for _, reading in readings], units)
    decisions = _decisions(group)
    asking = []
    for one, reading in readings:
        one.rows = list(reading.sheet_rows())
        for row in one.rows:
            row.decision = decisions.get((one.sheet.pk, *row.key))
            keeps = row.departs and row.outcome == Outcome.KEEP_THE_LINE
            if with_lines or keeps or row.is_conflict:
                asking.append((reading, row))
    read_lines(event, asking, units)
    for one, reading in readings:
        for row in one.rows:
            if row.outcome == Outcome.KEEP_THE_LINE and not row.can_keep_the_line:
                row.problem = "The finer units are not known any more."
            elif row.carries and row.territory is None:
                row.problem = "Several territories meet there now: say which one takes it."
            elif row.until_on and row.until_on <= reading.day:
                row.problem = f"It is held until {day_in_full(row.until_on)}, not after our day."
        if reading.plan.closed_on is None or reading.plan.closed_on > reading.day:
            _Drawing(reading, one).draw()
        if bodies is not None:
            one.rows = [row for row in one.rows if row.body.key in bodies]


def _with_siblings(event: Reorganisation, bodies) -> Collection[int] | None:
    """The bodies and what else their predecessors go to: a split is decided together."""
    if bodies is None:
        return None
    passing = Succession.objects.now().filter(
        reorganisation=event, passes=Succession.Passes.AREA, successor__isnull=False
    )
    coming = passing.filter(successor__in=bodies).values("predecessor")
    siblings = passing.filter(predecessor__in=coming).values_list("successor", flat=True)
    return {*bodies, *siblings}


def _decisions(group: list[Planned]) -> dict[tuple, Decision]:
    """Those of the sheets by sheet, body and role; one query."""
    sheets = [one.sheet.pk for one in group if one.sheet.pk]
    if not sheets:
        return {}
    asked = Decision.objects.filter(sheet__in=sheets)
    return {
        (decision.sheet_id, decision.body_id, decision.role): decision
        for decision in asked.select_related("territory", "lead", "assigned_to", "by")
    }


class _Drawing:
    """Turns decided rows into closings and openings, against what the plan holds."""

    def __init__(self, reading: Reading, found: Planned):
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

    def _close(self, unit: int, role: str, *, only: Held | None = None):
        for row in [only] if only else self.reading.reaching(unit, role):
            self.closings[row.pk] = Closing(
                row.pk, unit, row.territory.pk, role, row.opened_on, row.closed_on, self.day
            )

    def _open(self, unit, territory, role, until, *, moves=False):
        """Open the unit there from our day, unless it has a territory; ``moves`` it from one."""
        if (unit, role) in self.openings:
            return
        current = self.reading.on_the_day(unit, role)
        if current and (current.territory == territory or not moves):
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
