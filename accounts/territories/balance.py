"""How evenly the territories of a plan share what they hold: units, practices, people, measures.

Two steps. ``weigh`` asks the register and the measures what each unit weighs, whoever has it: a
fixed number of queries a plan and day. ``balance`` adds the weights up by territory, in memory: a
workspace weighs once and adds up at each gesture, with the assignments as they would be.

    weights = weigh(on_day, measures)                       # once
    balance(on_day, weights=weights)                        # as the plan is
    balance(on_day, weights=weights, assigned={unit: t})    # as it would be, no query
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import cos, radians

import shapely

from footprints.keyed import AnyOf
from footprints.models import Organisation, Population, Version

from ..measures.rolling_up import RolledUp, roll_up_all, sum_of_units
from ..models import AccountLead, Measure, SharedUnit, Territory
from ..taking_along.below import practices_below
from .reading import PlanOnDay

UNITS, PRACTICES, PEOPLE = "units", "practices", "people"
MIDDLE = cos(radians(53))  # a degree of longitude in degrees of latitude, mid-England


@dataclass
class Column:
    """One thing that is weighed. ``amounts`` is unit → amount; ``rolled`` a measure's own sum.

    ``is_credit``: of a unit that territories share, each has its declared part.
    """

    key: str
    label: str
    amounts: Mapping[int, Decimal | int]
    unit: str = ""
    is_credit: bool = False
    measure: Measure | None = None
    rolled: RolledUp | None = None


@dataclass
class Weights:
    """What each unit weighs on the day, whoever has it.

    ``days`` is unit → the working days a year that the measures ask for; ``shares`` is (territory,
    unit) → its declared part; ``leads`` is territory → the bodies that it leads on; ``points``
    is unit → (east, north) on a flat sheet.
    """

    columns: list[Column] = field(default_factory=list)
    days: dict[int, Decimal] = field(default_factory=dict)
    shares: dict[tuple[int, int], Decimal] = field(default_factory=dict)
    leads: Counter = field(default_factory=Counter)
    points: dict[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """A territory's amount of a column. ``index``: 100 is the mean, None where that is nothing."""

    amount: Decimal | int
    index: float | None


@dataclass(frozen=True)
class Row:
    """One territory: its cells by the column's key, its days against its capacity, its shape.

    ``load`` is days to capacity, 1 where they are even; None where either is not known.
    ``compactness`` is 0 to 1, None where no unit has a place.
    """

    territory: Territory
    cells: dict[str, Cell]
    leads: int
    days: Decimal
    load: float | None
    compactness: float | None

    @property
    def capacity(self) -> Decimal | None:
        return self.territory.capacity


@dataclass(frozen=True)
class Balance:
    """The rows in the plan's order; totals, means and what is in no territory by column key."""

    columns: list[Column]
    rows: list[Row]
    totals: dict[str, Decimal | int]
    means: dict[str, Decimal]
    unassigned: dict[str, Decimal | int]
    has_days: bool

    def furthest(self, key: str) -> float | None:
        """How far the territory furthest from the mean is from it, in points of the index."""
        indexes = [row.cells[key].index for row in self.rows]
        return max((abs(i - 100) for i in indexes if i is not None), default=None)

    def as_json(self) -> dict:
        """The same for a program: numbers as numbers, territories by key."""

        def plain(amounts):
            return {key: float(amount) for key, amount in amounts.items()}

        return {
            "columns": [
                {"key": c.key, "label": c.label, "unit": c.unit, "furthest": self.furthest(c.key)}
                for c in self.columns
            ],
            "totals": plain(self.totals),
            "means": plain(self.means),
            "unassigned": plain(self.unassigned),
            "rows": [
                {
                    "territory": row.territory.pk,
                    "code": row.territory.code,
                    "name": row.territory.name,
                    "amounts": {key: float(cell.amount) for key, cell in row.cells.items()},
                    "index": {key: cell.index for key, cell in row.cells.items()},
                    "leads": row.leads,
                    "days": float(row.days),
                    "capacity": None if row.capacity is None else float(row.capacity),
                    "load": row.load,
                    "compactness": row.compactness,
                }
                for row in self.rows
            ],
        }


def weigh(
    on_day: PlanOnDay,
    measures: Iterable[Measure] = (),
    *,
    units: Collection[int] | None = None,
) -> Weights:
    """What each unit weighs on the plan's day: of those that its pages speak of, or of ``units``.

    People and measures of a unit are without those of a finer unit of the plan within it.
    """
    units = on_day.shown if units is None else set(units)
    day, known = on_day.day, on_day.known
    measures = list(measures)
    columns = [
        Column(UNITS, "Units", dict.fromkeys(units, 1)),
        Column(PRACTICES, "Practices", _practices(units, on_day)),
    ]
    figures = Population.objects.known(known).filter(AnyOf("organisation", units)).on(day)
    people = dict(figures.values_list("organisation", "people"))
    if people:
        amounts = sum_of_units(people, units, day, known) if len(on_day.kinds) > 1 else people
        columns.append(Column(PEOPLE, "People", amounts, is_credit=True))
    days: dict[int, Decimal] = {}
    rolled = roll_up_all(measures, units, day, known) if measures else {}
    for measure in measures:
        found = rolled[measure.pk]
        columns.append(
            Column(
                f"m{measure.pk}", measure.name, found.amounts, measure.unit, True, measure, found
            )
        )
        if measure.days_each:
            for unit, amount in found.amounts.items():
                days[unit] = days.get(unit, Decimal(0)) + amount * measure.days_each
    territories = [territory.pk for territory in on_day.territories]
    shares = SharedUnit.objects.filter(territory__in=territories)
    leads = AccountLead.objects.filter(territory__in=territories).on(day)
    return Weights(
        columns=columns,
        days=days,
        shares={
            (territory, unit): share
            for territory, unit, share in shares.values_list("territory", "organisation", "share")
        },
        leads=Counter(leads.values_list("territory", flat=True)),
        points={
            key: (east * MIDDLE, north)
            for key, east, north in Organisation.objects.filter(
                AnyOf("pk", units), longitude__isnull=False
            ).values_list("pk", "longitude", "latitude")
        },
    )


def _practices(units, on_day) -> dict[int, int]:
    """Unit → the practices that are its own: each goes to the finest unit that it lies in."""
    tiers = dict(
        Version.objects.known(on_day.known)
        .on(on_day.day)
        .filter(AnyOf("organisation", units))
        .values_list("organisation", "kind__tier")
    )
    best: dict[int, tuple[int, int]] = {}
    for unit, practices in practices_below(units, on_day.day).items():
        rank = (tiers.get(unit, 0), -unit)
        for practice in practices:
            best[practice] = max(best.get(practice, rank), rank)
    return Counter(-unit for _, unit in best.values())


def balance(
    on_day: PlanOnDay,
    measures: Iterable[Measure] = (),
    *,
    assigned: Mapping[int, int] | None = None,
    weights: Weights | None = None,
) -> Balance:
    """The plan's territories against their mean, on its day.

    ``assigned`` is unit → territory (keys), where it is to be as it would be; else as the plan
    has it. ``weights`` is what ``weigh`` gave for the plan, the day and the measures, where it is
    at hand. The mean is that of all the territories, those that hold nothing too.
    """
    weights = weights or weigh(on_day, measures)
    if assigned is None:
        assigned = {unit: territory.pk for unit, territory in on_day.held.items()}
    territories = on_day.territories
    sums = {column.key: {t.pk: 0 for t in territories} for column in weights.columns}
    unassigned = {column.key: 0 for column in weights.columns}
    for column in weights.columns:
        mine = sums[column.key]
        for unit, amount in column.amounts.items():
            territory = assigned.get(unit)
            if territory not in mine:
                unassigned[column.key] += amount
                continue
            part = weights.shares.get((territory, unit)) if column.is_credit else None
            mine[territory] += amount if part is None else amount * part
    days = {t.pk: Decimal(0) for t in territories}
    for unit, amount in weights.days.items():
        territory = assigned.get(unit)
        if territory in days:
            days[territory] += amount * weights.shares.get((territory, unit), 1)
    shapes = compactness(weights.points, assigned)
    totals = {key: sum(mine.values()) for key, mine in sums.items()}
    number = len(territories) or 1
    means = {key: Decimal(total) / number for key, total in totals.items()}

    def cell(key, territory):
        amount = sums[key][territory.pk]
        return Cell(amount, float(amount / means[key] * 100) if means[key] else None)

    rows = [
        Row(
            territory=territory,
            cells={key: cell(key, territory) for key in sums},
            leads=weights.leads[territory.pk],
            days=days[territory.pk],
            load=float(days[territory.pk] / territory.capacity)
            if weights.days and territory.capacity
            else None,
            compactness=shapes.get(territory.pk),
        )
        for territory in territories
    ]
    return Balance(weights.columns, rows, totals, means, unassigned, bool(weights.days))


def compactness(
    points: Mapping[int, tuple[float, float]], assigned: Mapping[int, int]
) -> dict[int, float]:
    """Territory → how compact it is, 0 to 1; left out where none of its units has a place.

    The convex-hull measure of population dispersion (Hofeller and Grofman 1990; Niemi, Grofman,
    Carlucci and Hofeller 1990, "Measuring compactness", Journal of Politics 52), each unit for
    one: the territory's own units over all units of the plan's map that lie within the convex
    hull of its own. 1: nobody else's unit lies between its own. It needs coordinates alone,
    where Polsby-Popper and Reock need boundaries, which not every kind and year has.
    """
    own = defaultdict(list)
    for unit, point in points.items():
        if unit in assigned:
            own[assigned[unit]].append(point)
    if not own:
        return {}
    # multipoints(), not MultiPoint(): of 7,000 units the latter takes five times as long.
    hulls = shapely.convex_hull([shapely.multipoints(spots) for spots in own.values()])
    tree = shapely.STRtree(shapely.points(list(points.values())))
    within = Counter(tree.query(hulls, predicate="intersects")[0].tolist())
    # A corner of the hull may miss itself by a rounding: its own are always within.
    return {
        territory: len(spots) / max(within[number], len(spots))
        for number, (territory, spots) in enumerate(own.items())
    }
