"""Turning the pages of a sheet: which rows there are, in SQL; what a row means, from planning.

Working out ten thousand rows takes seconds, so a page asks for the keys of all rows in one
statement and has its own fifty planned. The statement says of a row only what it takes to sort and
count it; tests keep it equal to what ``planned`` says of the whole.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from django.core.cache import cache
from django.core.paginator import Page, Paginator
from django.db import connection

from footprints.ancestry import holding
from footprints.dated import ONE_DAY

from ..models import Sheet, User
from .finer import LEVELS
from .planning import Planned, planned

PER_PAGE = 50
LARGE = 300  # rows; a sheet of more is worked out as a whole only where somebody asks for that


Place = tuple[int, str]  # a body and a role: what tells one row of a sheet from another


class Keys(NamedTuple):
    """The rows of a sheet, so far as it takes to sort and count them.

    ``lost``: those of the conflicts in which the line of some body cannot be kept, since nothing
    is known below it.
    """

    places: list[Place]
    conflicts: set[Place]
    lost: set[Place]


# A body comes in as `planned` has it: held on our day or later. Of a row that somebody starts to
# hold only later, the first territory counts.
KEYS = """
WITH passing AS (
    SELECT predecessor_id, successor_id
    FROM footprints_succession
    WHERE reorganisation_id = %(event)s AND retracted_by_id IS NULL AND passes = 'area'
      AND becomes_id IS NULL AND predecessor_id IS DISTINCT FROM successor_id
), member AS (
    SELECT successor_id AS body, predecessor_id AS unit, true AS closes
    FROM passing WHERE successor_id IS NOT NULL
    UNION ALL
    SELECT DISTINCT successor_id, successor_id, false
    FROM passing WHERE successor_id IS NOT NULL
    UNION ALL
    SELECT DISTINCT NULL::bigint, predecessor_id, true FROM passing WHERE successor_id IS NULL
), party AS (
    SELECT coalesce(member.body, member.unit) AS body, member.body IS NULL AS is_line, member.unit,
           member.closes, held.role,
           (array_agg(held.territory_id ORDER BY held.opened_on NULLS FIRST, held.id))[1]
               AS territory_id
    FROM member
    JOIN accounts_assignment AS held ON held.organisation_id = member.unit
         AND held.plan_id = %(plan)s AND (held.closed_on IS NULL OR held.closed_on > %(our_day)s)
    WHERE EXISTS (
        SELECT FROM accounts_territoryplan
        WHERE id = %(plan)s AND opened_on <= %(legal)s
          AND (closed_on IS NULL OR closed_on > %(legal)s))
    GROUP BY 1, 2, 3, 4, 5
), found AS (
    SELECT body, role, is_line,
           min(territory_id) <> max(territory_id) AS is_conflict,
           array_agg(unit) FILTER (WHERE closes) AS closing
    FROM party GROUP BY body, role, is_line
    -- Of a plan that begins on the day, what ends on it alone, as in `effects`.
    HAVING bool_or(closes) OR EXISTS (
        SELECT FROM accounts_territoryplan WHERE id = %(plan)s AND opened_on < %(legal)s)
)
SELECT found.body, found.role, found.is_conflict,
       found.is_conflict AND EXISTS (
           SELECT FROM unnest(found.closing) AS unit(id)
           WHERE NOT EXISTS (
               SELECT FROM footprints_relationship AS relationship
               JOIN footprints_version AS child
                    ON child.organisation_id = relationship.child_id AND {child}
               WHERE relationship.parent_id = unit.id
                 AND relationship.type IN ('part_of', 'member_of') AND {relationship}
                 AND child.kind_id = ANY (%(kinds)s))
       ) AS is_lost
FROM found
JOIN footprints_organisation AS organisation ON organisation.id = found.body
ORDER BY found.is_line OR found.is_conflict DESC, organisation.code, found.role
"""


# What the keys follow from, and how many there may be.
STANDS = """
SELECT (SELECT count(*) FROM (
            SELECT FROM footprints_succession WHERE reorganisation_id = %(event)s LIMIT %(large)s
        ) AS passing),
       (SELECT revision FROM accounts_territoryplan WHERE id = %(plan)s),
       (SELECT revision FROM footprints_reorganisation WHERE id = %(event)s),
       (SELECT max(id) FROM footprints_release)
"""


def keys_of(sheet: Sheet) -> Keys:
    """Every row of the sheet, those that ask most first, then by code; two queries.

    Those of a large sheet are remembered while its plan, its event, the register and our day are
    the same: decisions do not change which rows there are.
    """
    event, plan = sheet.flag.reorganisation, sheet.flag.object_id
    with connection.cursor() as cursor:
        cursor.execute(STANDS, {"event": event.pk, "plan": plan, "large": LARGE})
        many, *stands = cursor.fetchone()
    if many < LARGE:
        return Keys(*_read(sheet))
    stands = "-".join(map(str, (event.pk, plan, f"{sheet.day:%Y%m%d}", *stands)))
    return Keys(*cache.get_or_set(f"sheet-places-{stands}", lambda: _read(sheet)))


def _read(sheet: Sheet) -> tuple[list[Place], set[Place], set[Place]]:
    event = sheet.flag.reorganisation
    on_the_eve = {table: holding(table, None, on_day=True) for table in ("child", "relationship")}
    with connection.cursor() as cursor:
        cursor.execute(
            KEYS.format(**on_the_eve),
            {
                "event": event.pk,
                "plan": sheet.flag.object_id,
                "our_day": sheet.day,
                "legal": event.effective_on,
                "day": event.effective_on - ONE_DAY,
                "kinds": [kind for _, kinds in LEVELS for kind in kinds],
            },
        )
        found = cursor.fetchall()
    places = [(body, role) for body, role, _, _ in found]
    conflicts = {(body, role) for body, role, is_conflict, _ in found if is_conflict}
    lost = {(body, role) for body, role, _, is_lost in found if is_lost}
    return places, conflicts, lost


@dataclass
class Turned:
    """One page of a sheet: its rows, worked out, and how many there are of each sort.

    ``whole`` is the whole sheet worked out; None where it is large and nobody asked.
    """

    page: Page
    found: Planned
    whole: Planned | None
    shown: set[Place]
    filters: list[tuple[str, str, int]]
    undecided: int


def turn(sheet: Sheet, user: User, *, show: str = "", number=None, whole: bool = False) -> Turned:
    """The page of that number of the rows that a filter shows."""
    keys = keys_of(sheet)
    everything = planned(sheet) if whole or len(keys.places) <= LARGE else None
    shown = set(keys.places)
    decisions = {
        (decision.body_id, decision.role): decision
        for decision in (sheet.decisions.all() if sheet.pk else ())
        if (decision.body_id, decision.role) in shown
    }
    departed = {place for place, decision in decisions.items() if decision.outcome}
    sorts = {
        "": ("All", shown),
        "undecided": ("Undecided", _undecided(sheet, keys, departed, everything)),
        "conflicts": ("Conflicts", keys.conflicts),
        "departed": ("Departs from the default", departed),
        "mine": (
            "Asked of me",
            {place for place, one in decisions.items() if one.assigned_to_id == user.pk},
        ),
    }
    some = sorts.get(show, sorts[""])[1]
    places = keys.places if some is shown else [place for place in keys.places if place in some]
    page = Paginator(places, PER_PAGE).get_page(number)
    bodies = {body for body, _ in page}
    found = everything or planned(sheet, bodies=bodies)
    rows = {row.key: row for row in found.rows}
    # A row that went since its key was read is left out.
    page.object_list = [rows[place] for place in page if place in rows]
    counts = [(name, label, len(places)) for name, (label, places) in sorts.items()]
    return Turned(page, found, everything, shown, counts, len(sorts["undecided"][1]))


def _undecided(sheet: Sheet, keys: Keys, departed: set[Place], everything) -> set[Place]:
    """The rows that need a person's word; only those that turn on more than their key are
    worked out."""
    if everything:
        return {row.key for row in everything.undecided}
    lost = keys.lost - departed
    return lost | _undecided_of(sheet, departed | keys.conflicts - lost)


def _undecided_of(sheet: Sheet, places: Collection[Place]) -> set[Place]:
    if not places:
        return set()
    found = planned(sheet, bodies={body for body, _ in places})
    return {row.key for row in found.undecided if row.key in places}
