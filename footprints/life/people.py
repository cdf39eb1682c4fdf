"""A body's population over time: its own figures, else the sum of its members'."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import connection

from ..ancestry import holding
from ..models import Population, Release

MID_YEAR = (6, 30)  # ONS estimates are of 30 June
DAYS, MOST = 8, 2_000  # days on which members are summed; rows looked at for it
WIDEST = 300  # parts of one body: what has more is no area made of areas
DEEPEST = 4  # nation → region → ICB → sub-ICB location

# Down the areas that are part of the body, on each day, until there is a figure: the newest year
# on the boundary of that day. The days are the one shown, and those on which its parts changed.
MEMBERS = """
WITH RECURSIVE days(on_day) AS (
    SELECT %(day)s::date
    UNION
    (
        SELECT DISTINCT relationship.opened_on FROM footprints_relationship AS relationship
        WHERE relationship.parent_id = %(key)s AND relationship.type = 'part_of' AND {known_child}
          AND relationship.opened_on <= %(day)s
        ORDER BY relationship.opened_on DESC LIMIT {days}
    )
), tree(on_day, body, parent, depth, people, year, since, is_cut) AS (
    SELECT on_day, %(key)s::bigint, NULL::bigint, 0, NULL::integer, NULL::smallint, NULL::date,
           false
    FROM days
    UNION ALL
    SELECT tree.on_day, way.child_id, tree.body, tree.depth + 1, figure.people, figure.year,
           greatest(way.opened_on, figure.boundary_on), way.together > {widest}
    FROM tree
    CROSS JOIN LATERAL (
        SELECT part.child_id, part.opened_on, part.together
        FROM (
            SELECT child_id, opened_on, count(*) OVER () AS together
            FROM (
                SELECT relationship.child_id, relationship.opened_on
                FROM footprints_relationship AS relationship
                WHERE relationship.parent_id = tree.body AND relationship.type = 'part_of'
                  AND {relationship}
                LIMIT {widest} + 1
            ) AS found
        ) AS part
        WHERE EXISTS (
            SELECT FROM footprints_version AS version
            JOIN footprints_kind AS kind ON kind.code = version.kind_id AND kind.is_footprint
            WHERE version.organisation_id = part.child_id AND {version}
        )
        OFFSET 0
    ) AS way
    LEFT JOIN LATERAL (
        SELECT population.people, population.year, population.boundary_on
        FROM footprints_population AS population
        WHERE population.organisation_id = way.child_id AND {population}
          AND population.boundary_on <= tree.on_day
        ORDER BY population.boundary_on DESC, population.year DESC LIMIT 1
    ) AS figure ON true
    WHERE tree.people IS NULL AND tree.depth < {deepest}
)
SELECT on_day, body, parent, people, year, since, is_cut FROM tree WHERE depth > 0 LIMIT {most} + 1
"""


@dataclass(frozen=True)
class Figure:
    """People in a year, on the boundary that held from a day.

    ``members`` of whom it is the sum, None where the figure is the body's own. ``row`` is that.
    """

    year: int
    last_year: int
    boundary_on: date
    people: int
    members: int | None = None
    row: Population | None = None

    @property
    def years(self) -> str:
        if self.year == self.last_year:
            return f"mid-{self.year}"
        return f"mid-{self.year} to mid-{self.last_year}"

    @property
    def shown_from(self) -> date:
        """The day from which the figure is the newest on its boundary."""
        return max(self.boundary_on, date(self.last_year, *MID_YEAR))

    @property
    def is_sum(self) -> bool:
        return self.members is not None

    @property
    def news(self) -> Release | None:
        return self.row.news if self.row else None


@dataclass(frozen=True)
class Sums:
    """The sums of a body's members, oldest first, and of the day shown how many lack a figure."""

    figures: list[Figure]
    members: int = 0
    lacking: int = 0


def own_figures(populations: Iterable[Population]) -> list[Figure]:
    """The body's own figures, oldest first."""
    figures = [
        Figure(row.year, row.year, row.boundary_on, row.people, row=row) for row in populations
    ]
    return sorted(figures, key=lambda figure: (figure.shown_from, figure.boundary_on, figure.year))


def members_sums(key: int, day: date, known: int | None = None) -> Sums:
    """What the members of an area add up to on the day and when they changed; one query.

    A sum is given only where each member has a figure, or each of its own members has; none at
    all where there are more members than can be looked at.
    """
    sql = MEMBERS.format(
        known_child=holding("relationship", known),
        relationship=_on("relationship", known),
        version=_on("version", known),
        population=holding("population", known),
        days=DAYS,
        deepest=DEEPEST,
        most=MOST,
        widest=WIDEST,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, {"key": key, "day": day, "known": known})
        rows = cursor.fetchall()
    if len(rows) > MOST or any(is_cut for *_, is_cut in rows):
        return Sums([])
    by_day = defaultdict(list)
    for on_day, *row, _ in rows:
        by_day[on_day].append(row)
    figures, members, lacking = [], 0, 0
    for on_day, tree in sorted(by_day.items()):
        parents = {parent for _, parent, *_ in tree}
        leaves = {body: (people, year) for body, _, people, year, _ in tree if body not in parents}
        since = max((since for *_, since in tree if since), default=on_day)
        without = sum(people is None for people, _ in leaves.values())
        if on_day == day:
            members, lacking = len(leaves), without
        if not without:
            years = [year for _, year in leaves.values()]
            total = sum(people for people, _ in leaves.values())
            if not figures or (figures[-1].people, figures[-1].members) != (total, len(leaves)):
                figures.append(Figure(min(years), max(years), since, total, len(leaves)))
    return Sums(figures, members, lacking)


def _on(table: str, known: int | None) -> str:
    """As ``holding``, on each day of the tree."""
    return holding(table, known, on_day=True).replace("%(day)s", "tree.on_day")


# --- The chart ----------------------------------------------------------------------------------

WIDTH, HEIGHT = 790, 190  # pixels; it scrolls in its box where that is narrower
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 40, 24
LABELS = 7  # so many figures have their number written beside them
BESIDE = 74  # pixels that a number needs


@dataclass(frozen=True)
class Step:
    """A figure as it is drawn: from its day to the next one's."""

    x: float
    y: float
    width: float
    height: float
    says: str
    label: str
    figure: Figure

    @property
    def at_end(self) -> bool:
        """Whether there is room for its number to the left of its right end alone."""
        return self.x + BESIDE > WIDTH - RIGHT

    @property
    def label_x(self):
        return self.right if self.at_end else self.x

    @property
    def right(self):
        return round(self.x + self.width, 1)

    @property
    def label_y(self):
        return round(self.y - 7, 1)


@dataclass(frozen=True)
class Tick:
    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A reorganisation: where its line stands, and its day."""

    x: float
    text_x: float
    label: str


@dataclass(frozen=True)
class Chart:
    steps: list[Step]
    marks: list[Mark]
    years: list[Tick]
    levels: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM
    top: int = TOP
    right: int = WIDTH - RIGHT

    @property
    def has_boundaries(self) -> bool:
        """Whether its figures are of more than one boundary."""
        return len({step.figure.boundary_on for step in self.steps}) > 1


def chart(
    figures: list[Figure], days: list[date], day: date, *, closed_on: date | None = None
) -> Chart | None:
    """A step chart of the figures, with a mark at each of the days; None where there are none.

    Drawn up to the day shown, or to the day after the body's last one where that is earlier.
    """
    if not figures:
        return None
    end = max(min(day, closed_on or day), figures[-1].shown_from)
    begin = min([figures[0].shown_from, *(mark for mark in days if mark <= end)])
    begin = date(begin.year, 1, 1)
    span = max((end - begin).days, 365)
    room = WIDTH - LEFT - RIGHT

    def across(at: date) -> float:
        return round(LEFT + room * min((at - begin).days / span, 1), 1)

    top, unit = _levels(max(figure.people for figure in figures))
    deep = HEIGHT - BOTTOM - TOP

    def down(people: int) -> float:
        return round(TOP + deep * (1 - people / top), 1)

    steps, label_end = [], 0.0
    for n, figure in enumerate(figures):
        until = figures[n + 1].shown_from if n + 1 < len(figures) else end
        x = across(figure.shown_from)
        same = n and figures[n - 1].people == figure.people
        label = "" if same or x < label_end or n >= LABELS * 3 else f"{figure.people:,}"
        if label:
            label_end = x + BESIDE
        steps.append(
            Step(
                x,
                down(figure.people),
                round(max(across(until) - x, 3), 1),
                round(HEIGHT - BOTTOM - down(figure.people), 1),
                _says(figure),
                label,
                figure,
            )
        )
    return Chart(
        steps,
        [
            Mark(across(mark), min(across(mark), WIDTH - RIGHT - 20), _short(mark))
            for mark in _apart(days, begin, end, across)
        ],
        [
            Tick(across(date(year, 1, 1)), HEIGHT - BOTTOM + 15, str(year))
            for year in _years(begin.year, end.year)
        ],
        [Tick(LEFT - 8, down(level), _brief(level)) for level in range(0, top + 1, unit)],
    )


def _says(figure: Figure) -> str:
    of = f", the sum of {figure.members} members" if figure.is_sum else ""
    return f"{figure.people:,} people, {figure.years}{of}"


def _levels(most: int) -> tuple[int, int]:
    """The highest level of the scale, and the distance between two: two to four of them."""
    unit = 1
    while True:
        for step in (1, 2, 5):
            if most <= 4 * step * unit:
                distance = step * unit
                return distance * -(-most // distance), distance
        unit *= 10


def _brief(level: int) -> str:
    if level >= 1_000_000:
        return f"{level / 1_000_000:g} m"
    return f"{level:,}"


def _short(day: date) -> str:
    return f"{day:%b} {day.year}"


def _years(first: int, last: int) -> range:
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (last - first) / step <= 9)
    return range(first + 1, last + 1, step) if last > first else range(first, first + 1)


def _apart(days: list[date], begin: date, end: date, across) -> list[date]:
    """Those of the days within the chart whose names do not lie on one another, newest first."""
    kept: list[date] = []
    for day in reversed([day for day in days if begin <= day <= end]):
        if not kept or across(kept[-1]) - across(day) >= 54:
            kept.append(day)
    return kept[::-1]
