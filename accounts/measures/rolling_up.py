"""Sums the figures of a measure onto the units of a plan, through the register, on one day.

A figure on a unit counts there. One on a finer body goes to the nearest unit above it on that
day: the finest, where a practice lies in a PCN and in a location that are units both. A body that
closed since it was counted is followed to its successors first, by share where it split. A figure
on what is wider than the units is not shared out.

Nothing counts twice. A figure on a body and those on its parts, as they lay on the day of the
count, say the same: where both come to one unit, the wider one stands; where a part comes to
another unit, it counts there and is taken off the wider one.

In sets: five or six queries, whatever the number of figures; amounts are worked out in memory.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from django.db import connection

from footprints.ancestry import holding
from footprints.models import Kind, Organisation
from footprints.tracing import trace_all

from ..models import Figure, Measure

NOTHING, WHOLE = Decimal(0), Decimal(1)
A_TRACE = Decimal("0.00001")  # what shares that were rounded may leave over


class Why(StrEnum):
    """Why an amount came to no unit, as pages say it."""

    WIDER = "wider than the plan’s units"
    OUTSIDE = "in no unit of the plan"
    NOT_YET = "not there yet on the day"
    ENDED = "closed without a successor"
    NO_SHARE = "split, and the shares are not known"


@dataclass(frozen=True, slots=True)
class Unplaced:
    """An amount, or a part of it, that came to no unit of the plan."""

    organisation: int
    amount: Decimal
    why: Why


@dataclass
class RolledUp:
    """Amounts by unit, and what is in none. ``within``: figures that a wider one speaks for."""

    amounts: dict[int, Decimal] = field(default_factory=dict)
    unplaced: list[Unplaced] = field(default_factory=list)
    within: int = 0

    @property
    def total(self) -> Decimal:
        return sum(self.amounts.values(), NOTHING)

    @property
    def unplaced_amount(self) -> Decimal:
        return sum((row.amount for row in self.unplaced), NOTHING)

    def by_reason(self) -> list[tuple[Why, int, Decimal]]:
        """(why, figures, amount) of what is in no unit, the greatest amount first."""
        found: dict[Why, list] = {}
        for row in self.unplaced:
            of_why = found.setdefault(row.why, [set(), NOTHING])
            of_why[0].add(row.organisation)
            of_why[1] += row.amount
        rows = [(why, len(bodies), amount) for why, (bodies, amount) in found.items()]
        return sorted(rows, key=lambda row: (-abs(row[2]), row[0]))


def roll_up(
    measure: Measure, units: Collection[int], day: date, known: int | None = None
) -> RolledUp:
    """Sum the measure's figures onto these units (keys of organisations) on that day."""
    return roll_up_all([measure], units, day, known)[measure.pk]


def roll_up_all(
    measures: Iterable[Measure], units: Collection[int], day: date, known: int | None = None
) -> dict[int, RolledUp]:
    """``roll_up`` of several, by the measure's key: the register is asked once for all of them,
    and once more for each day of a count on which parts may lie within what was counted too."""
    measures = list(measures)
    figures = {measure.pk: {} for measure in measures}
    rows = Figure.objects.filter(measure__in=measures).order_by()
    for key, organisation, amount in rows.values_list("measure", "organisation", "amount"):
        figures[key][organisation] = amount
    bodies = set().union(*figures.values()) if figures else set()
    ways = Ways(bodies, set(units), day, known)
    return {measure.pk: ways.sum(figures[measure.pk], measure.counted_on) for measure in measures}


def sum_of_units(
    figures: Mapping[int, int], units: Collection[int], day: date, known: int | None = None
) -> dict[int, Decimal]:
    """Figures of the units themselves, each without what lies in a finer unit of the plan."""
    ways = Ways(set(figures), set(units), day, known)
    amounts = {key: Decimal(amount) for key, amount in figures.items()}
    return ways.sum(amounts, day).amounts


# --- The register -------------------------------------------------------------------------------

LIVES = """
SELECT version.organisation_id, kind.tier
FROM footprints_version AS version
JOIN footprints_kind AS kind ON kind.code = version.kind_id
WHERE version.organisation_id = ANY (%(keys)s::bigint[]) AND {version}
"""
# The widest that each was by then, of those that live no more.
LIVED = """
SELECT version.organisation_id, min(kind.tier)
FROM footprints_version AS version
JOIN footprints_kind AS kind ON kind.code = version.kind_id
WHERE version.organisation_id = ANY (%(keys)s::bigint[]) AND {known}
  AND (version.opened_on IS NULL OR version.opened_on <= %(day)s)
GROUP BY version.organisation_id
"""
# Each edge once, however many bodies below lead to it.
EDGES = """
WITH RECURSIVE edge(child, parent) AS (
    SELECT relationship.child_id, relationship.parent_id
    FROM footprints_relationship AS relationship
    WHERE relationship.child_id = ANY (%(keys)s::bigint[])
      AND relationship.type IN ('part_of', 'member_of') AND {relationship}
    UNION
    SELECT relationship.child_id, relationship.parent_id
    FROM edge
    JOIN footprints_relationship AS relationship ON relationship.child_id = edge.parent
    WHERE relationship.type IN ('part_of', 'member_of') AND {relationship}
)
SELECT child, parent FROM edge
"""


def _ask(sql, known, keys, day):
    """The rows of a statement about these bodies on a day."""
    # As text: psycopg looks at each of 15,000 numbers in a list, a tenth of all that is done.
    params = {"known": known, "day": day, "keys": f"{{{','.join(map(str, keys))}}}"}
    held = {table: holding(table, known, on_day=True) for table in ("relationship", "version")}
    held["known"] = holding("version", known)
    with connection.cursor() as cursor:
        cursor.execute(sql.format(**held), params)
        return cursor.fetchall()


class Above:
    """What each of some bodies lies within on a day, of the ones that are ``wanted``."""

    def __init__(self, keys: Collection[int], wanted: set[int], day: date, known: int | None):
        self.wanted = wanted
        self.parents = defaultdict(list)
        if keys and wanted:
            for child, parent in _ask(EDGES, known, keys, day):
                self.parents[child].append(parent)
        self._above: dict[int, frozenset[int]] = {}

    def of(self, key: int) -> frozenset[int]:
        """The wanted bodies above this one; a circle of parents, an anomaly, only ends it."""
        found = self._above.get(key)
        if found is None:
            self._above[key] = frozenset()  # while it is being asked
            above = set()
            for parent in self.parents.get(key, ()):
                if parent in self.wanted:
                    above.add(parent)
                above |= self.of(parent)
            found = self._above[key] = frozenset(above - {key})
        return found


class Ways:
    """Where each of some bodies comes to on a day, among some units.

    ``to`` is body → {unit: share}; ``lost`` is body → [(share, why)] of what comes to none.
    """

    def __init__(self, bodies: set[int], units: set[int], day: date, known: int | None = None):
        self.units, self.day, self.known = units, day, known
        self.tier = dict(_ask(LIVES, known, bodies | units, day))
        self.to: dict[int, dict[int, Decimal]] = {}
        self.lost: dict[int, list[tuple[Decimal, Why]]] = defaultdict(list)
        ended = (bodies | units) - self.tier.keys()
        self.was = dict(_ask(LIVED, known, ended, day)) if ended else {}
        here = bodies & self.tier.keys() - units
        ends = self._followed(ended & bodies - units)
        arrived = {key for found in ends.values() for key, _ in found}
        self.above = Above(here | arrived | units, here | arrived | units, day, known)
        self.wider = {key for unit in units for key in self.above.of(unit)}
        for body in bodies:
            to = self.to[body] = {}
            for key, share in ends.get(body, ((body, WHOLE),)):
                unit = self._unit_of(key)
                if unit is None:
                    why = Why.WIDER if key in self.wider else Why.OUTSIDE
                    self.lost[body].append((share, why))
                else:
                    to[unit] = to.get(unit, NOTHING) + share

    def _unit_of(self, key: int) -> int | None:
        """The unit that a living body is, or else lies in: the finest, of two as fine the one
        whose key came first."""
        if key in self.units:
            return key
        above = self.above.of(key) & self.units
        return max(above, key=lambda unit: (self.tier.get(unit, 0), -unit), default=None)

    def _followed(self, gone: set[int]) -> dict[int, list[tuple[int, Decimal]]]:
        """Body that does not live on the day → [(its successor that does, share)]."""
        if not gone:
            return {}
        code_of = dict(Organisation.objects.filter(pk__in=gone).values_list("code", "pk"))
        traced = trace_all(list(code_of), self.day, known=self.known)
        codes = {place.code for places in traced.values() for place in places}
        keys = Organisation.objects.with_codes(codes)
        key_of = dict(keys.values_list("code", "pk"))
        tiers = dict(Kind.objects.values_list("code", "tier"))
        found = {body: [] for body in gone}
        for code, body in code_of.items():
            places = traced.get(code, ())
            for place in places:
                if place.share is not None:
                    found[body].append((key_of[place.code], place.share))
                    self.tier.setdefault(key_of[place.code], tiers[place.kind])
            rest = 1 - sum(share for _, share in found[body])
            if any(place.share is None for place in places):
                self.lost[body].append((rest, Why.NO_SHARE))
            elif rest > A_TRACE:
                self.lost[body].append((rest, Why.ENDED if body in self.was else Why.NOT_YET))
        return found

    # --- The sum -----------------------------------------------------------------------------

    def sum(self, figures: Mapping[int, Decimal], counted_on: date) -> RolledUp:
        """Sum these figures, of bodies that were asked about, onto the units."""
        found = RolledUp()
        stands = dict(figures)
        for body, within in self._nested(figures, counted_on):
            if self.to[body] == self.to[within]:
                del stands[body]
                found.within += 1
            else:  # it goes elsewhere than the whole of which it is a part
                rest = stands[within] - figures[body]
                stands[within] = max(rest, NOTHING) if figures[within] >= 0 else rest
        for body, amount in stands.items():
            for unit, share in self.to[body].items():
                part = amount if share == 1 else amount * share
                found.amounts[unit] = found.amounts.get(unit, NOTHING) + part
            for share, why in self.lost.get(body, ()):
                if amount:
                    found.unplaced.append(Unplaced(body, amount * share, why))
        return found

    def _nested(self, figures, counted_on) -> Iterable[tuple[int, int]]:
        """(figure's body, the nearest one around it that counts), the widest first.

        By what lay in what on the day of the count: where nothing is known of that day, by the
        plan's. A wider figure that comes to no unit speaks for nobody.
        """
        placed = {body for body in figures if self.to[body]}
        if len({self.tier.get(body) or self.was.get(body) for body in placed}) < 2:
            return []  # practices alone, say: none lies within another
        then = Above(placed, placed, counted_on, self.known)
        around = {
            body: then.of(body) if then.parents.get(body) else self.above.of(body) & placed
            for body in placed
        }
        counts, nested = set(), []
        for body in sorted(placed, key=lambda key: (len(around[key]), key)):
            wider = around[body] & counts
            within = max(wider, key=lambda key: (len(around[key]), -key), default=None)
            if within is not None:
                nested.append((body, within))
            if within is None or self.to[body] != self.to[within]:
                counts.add(body)
        return nested
