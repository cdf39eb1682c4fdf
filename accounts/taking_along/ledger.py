"""Who held which practice when, for credit: each practice of some plans, from day to day.

A practice belongs to the territory of the nearest body it lies within that has one, on each day;
so a line ends where the practice changes its parent, the assignment ends, or somebody else takes
the territory over. On a code that has closed (a sheet may hold it for a while) the practices stay
that it had on its last day. Where a sheet says that credit changes on a day of its own, the
line's credit days say so beside the days themselves.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from django.db import connection
from django.db.models import Q

from footprints.ancestry import holding
from footprints.dated import ONE_DAY
from footprints.lives import Lives
from footprints.models import Relationship

from ..models import (
    Assignment,
    CoverageRole,
    Flag,
    RosterEntry,
    Sheet,
    SheetChange,
    Territory,
    User,
)
from ..models.decisions import lend_teams
from .below import PRACTICE

ON_CLOSED_CODE = 100  # steps further away: whatever holds on a living body comes before

HEADS = (
    "code",
    "name",
    "level",
    "plan",
    "role",
    "territory_code",
    "territory_name",
    "held_through",
    "person",
    "others",
    "first_day",
    "last_day",
    "credit_first_day",
    "credit_last_day",
)

# Whatever ever lay below the units, with the days and the steps; the walk goes down the facts.
EDGES = """
WITH RECURSIVE below(id) AS (
    SELECT unnest(%(keys)s::bigint[])
    UNION
    SELECT relationship.child_id
    FROM below
    JOIN footprints_relationship AS relationship ON relationship.parent_id = below.id
         AND relationship.type = ANY (%(types)s) AND {relationship}
)
SELECT relationship.child_id, relationship.parent_id, relationship.type,
       relationship.opened_on, relationship.closed_on
FROM below
JOIN footprints_relationship AS relationship ON relationship.child_id = below.id
     AND relationship.type = ANY (%(types)s) AND {relationship}
ORDER BY 1, 3 DESC, 2
"""


@dataclass(frozen=True)
class Entry:
    """One practice, or unit of which no practice is known, with one holder, ``[first, end)``.

    Within the period asked for: who held it before that, and after, another period tells.
    """

    unit: int
    assignment: Assignment
    person: str
    others: tuple[str, ...]
    first: date
    end: date
    credit_first: date
    credit_end: date


@dataclass(frozen=True)
class Claim:
    """An assignment that would hold a unit for some days; of several the nearest does."""

    steps: int
    first: date
    end: date
    assignment: Assignment


@dataclass
class Ledger:
    """The entries of a period, in order of plan, role, code and day."""

    since: date
    until: date
    entries: list[Entry]
    lives: Lives

    def lines(self) -> Iterator[list]:
        """The cells under ``HEADS``."""
        for entry in self.entries:
            row = entry.assignment
            name = self.lives.near(entry.unit, max(entry.first, self.since))
            yield [
                name.organisation.code if name else "",
                name.name if name else "",
                "practice" if name and name.kind_id == PRACTICE else "body",
                row.plan.name,
                CoverageRole(row.role).label.lower(),
                row.territory.code,
                row.territory.name,
                row.organisation.code,
                entry.person,
                "; ".join(entry.others),
                entry.first.isoformat(),
                (entry.end - ONE_DAY).isoformat(),
                entry.credit_first.isoformat(),
                (entry.credit_end - ONE_DAY).isoformat(),
            ]


def ledger(plans: Collection[int], since: date, until: date, user: User) -> Ledger:
    """Who held what in ``[since, until]``, both included, in these plans' territories that the
    reader may see; some ten queries, whatever the size.
    """
    end = until + ONE_DAY
    seen = Territory.objects.visible_to(user).filter(plan__in=plans)
    assignments = list(
        Assignment.objects.filter(
            Q(opened_on=None) | Q(opened_on__lt=end),
            Q(closed_on=None) | Q(closed_on__gt=since),
            territory__in=seen.values("pk"),
        )
        .select_related("plan", "territory", "organisation")
        .order_by("pk")
    )
    by_unit = defaultdict(list)
    for row in assignments:
        by_unit[row.organisation_id].append(row)
    below = _Below(by_unit, since, end)
    roster = _roster({row.territory_id for row in assignments})
    credit = _credit(plans)
    entries = []
    for unit in below.units:
        claims = defaultdict(list)
        for steps, first, last, body in below.ways(unit):
            for row in by_unit.get(body, ()):
                opened, closed = row.opened_on or date.min, row.closed_on or date.max
                begins, ends = max(first, opened, since), min(last, closed, end)
                if begins < ends:
                    claims[row.plan_id, row.role].append(Claim(steps, begins, ends, row))
        for found in claims.values():
            for claim in _nearest(found):
                entries += _staffed(unit, claim, roster, credit, since, end)
    lives = below.lives
    entries.sort(key=lambda entry: _order(entry, lives))
    return Ledger(since, until, entries, lives)


def _order(entry: Entry, lives: Lives):
    name = lives.near(entry.unit, entry.first)
    row = entry.assignment
    code = name.organisation.code if name else ""
    return row.plan.name, row.plan_id, row.role, code, entry.first


class _Below:
    """What lies below the units, and on which days each lies within which of them."""

    def __init__(self, units: Collection[int], since: date, end: date):
        self._edges: dict[int, list[tuple[int, date, date]]] = defaultdict(list)
        self._ways: dict[int, list[tuple[int, date, date, int]]] = {}
        self._wanted, self._since, self._end = set(units), since, end
        with connection.cursor() as cursor:
            types = [Relationship.Type.PART_OF, Relationship.Type.MEMBER_OF]
            cursor.execute(
                EDGES.format(relationship=holding("relationship", None)),
                {"keys": list(units), "types": [str(type) for type in types]},
            )
            for child, parent, _, opened, closed in cursor.fetchall():
                self._edges[child].append((parent, opened or date.min, closed or date.max))
        parents = {parent for edges in self._edges.values() for parent, *_ in edges}
        self.lives = Lives({*self._edges, *parents, *units})
        practices = [key for key in self._edges if self._is_practice(key)]
        # A unit that has practices then is told by these; any other one by itself.
        told = {body for key in practices for *_, body in self.ways(key)}
        self.units = [*practices, *(unit for unit in units if unit not in told)]

    def _is_practice(self, key: int) -> bool:
        return any(version.kind_id == PRACTICE for version in self.lives.of(key))

    def _life(self, key: int) -> tuple[date, date]:
        versions = self.lives.of(key)
        if not versions:
            return date.min, date.max
        return versions[0].opened_on or date.min, versions[-1].closed_on or date.max

    def ways(self, unit: int) -> list[tuple[int, date, date, int]]:
        """``(steps, first, end, body)`` of the units that it is or lies within in the period."""
        if unit not in self._ways:
            self._ways[unit] = []  # a circle of parents only ends the climb
            self._ways[unit] = self._climb(unit)
        return self._ways[unit]

    def _climb(self, unit: int) -> list[tuple[int, date, date, int]]:
        opened, closed = self._life(unit)
        found = []
        if unit in self._wanted:
            found.append((0, opened, closed, unit))
            if closed < date.max:
                # Who was assigned its code goes on holding it, after all that lives.
                found.append((ON_CLOSED_CODE, closed, date.max, unit))
        for parent, first, end in self._edges.get(unit, ()):
            ends_with_it = end == self._life(parent)[1] < date.max
            for steps, begins, last, body in self.ways(parent):
                latest, soonest = max(first, begins, opened), min(end, last, closed)
                if steps >= ON_CLOSED_CODE and ends_with_it:
                    soonest = min(last, closed)
                if latest < soonest:
                    found.append((steps + 1, latest, soonest, body))
        return [way for way in found if way[1] < self._end and way[2] > self._since]


def _nearest(claims: list[Claim]) -> Iterator[Claim]:
    """The claim that holds on each day, as periods of its own; the nearest, then the oldest."""
    if len(claims) == 1:
        yield claims[0]
        return
    days = sorted({day for claim in claims for day in (claim.first, claim.end)})
    last = None
    for first, end in pairwise(days):
        holds = [claim for claim in claims if claim.first <= first and claim.end >= end]
        best = min(holds, key=lambda claim: (claim.steps, claim.assignment.pk), default=None)
        if best and last and last.assignment.pk == best.assignment.pk and last.end == first:
            last = Claim(best.steps, last.first, end, best.assignment)
            continue
        if last:
            yield last
        last = Claim(best.steps, first, end, best.assignment) if best else None
    if last:
        yield last


def _roster(territories: Iterable[int]) -> dict[int, list[RosterEntry]]:
    found = defaultdict(list)
    rows = RosterEntry.objects.filter(territory__in=territories).select_related("user")
    for entry in rows.order_by("opened_on", "pk"):
        found[entry.territory_id].append(entry)
    return found


def _credit(plans: Collection[int]) -> dict[tuple[int, date], date]:
    """(assignment, the day on which a sheet began or ended it) → the day that credit changes."""
    sheets = {
        sheet.pk: sheet
        for sheet in Sheet.objects.filter(
            flag__in=Flag.objects.on_plans().filter(object_id__in=plans),
            applied_at__isnull=False,
        ).select_related("flag__reorganisation")
    }
    if not sheets:
        return {}
    lend_teams(sheets.values())
    found = {}
    for pk, deed, opened_on, cut_on, sheet in SheetChange.objects.filter(
        sheet__in=sheets
    ).values_list("assignment", "deed", "opened_on", "cut_on", "sheet"):
        changed_on = opened_on if deed == SheetChange.Deed.OPENED else cut_on
        found[pk, changed_on] = sheets[sheet].counts_from
    return found


def _staffed(unit, claim: Claim, roster, credit, since: date, end: date) -> Iterator[Entry]:
    """The claim cut where somebody takes the territory over or leaves it."""
    row = claim.assignment
    people = [
        (entry, entry.opened_on or date.min, entry.closed_on or date.max)
        for entry in roster.get(row.territory_id, ())
    ]
    days = {claim.first, claim.end}
    days |= {day for _, *both in people for day in both if claim.first < day < claim.end}
    days = sorted(days)
    for first, last in pairwise(days):
        there = [entry for entry, opened, closed in people if opened <= first and closed >= last]
        owner = next((entry for entry in there if entry.role == CoverageRole.OWNER), None)
        others = tuple(
            f"{entry} ({entry.get_role_display().lower()})" for entry in there if entry != owner
        )
        yield Entry(
            unit=unit,
            assignment=row,
            person=str(owner) if owner else "",
            others=others,
            first=first,
            end=last,
            credit_first=credit.get((row.pk, first), first),
            credit_end=credit.get((row.pk, last), last),
        )
