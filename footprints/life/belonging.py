"""What a body belongs to, on the day and ever; and the ways from it up to its nation."""

from dataclasses import dataclass
from datetime import date

from ..ancestry import LEVELS, holding
from ..lives import Lives, told_apart
from ..models import Kind, Relationship, Version
from ..named_sql import Keys
from ..within import BELOW

MOST = 300  # relationships of one body to parents, ever
HEADINGS = {
    Relationship.Type.COVERS.label: "What it covers",
    Relationship.Type.SERVES.label: "What it serves",
}

# The body's own relationships, the newest first; and on the day those of whatever lies above it.
UPWARD = """
WITH RECURSIVE up(body, far) AS (
    SELECT %(key)s::bigint, 0
    UNION
    SELECT way.parent_id, up.far + 1
    FROM up CROSS JOIN LATERAL (
        SELECT relationship.parent_id FROM footprints_relationship AS relationship
        WHERE relationship.child_id = up.body AND relationship.type = ANY (%(below)s)
          AND {on_day} OFFSET 0
    ) AS way
    WHERE up.far < {levels}
)
(
    SELECT relationship.id FROM footprints_relationship AS relationship
    WHERE relationship.child_id = %(key)s AND {known}
    ORDER BY relationship.closed_on DESC NULLS FIRST, relationship.id LIMIT {most}
)
UNION
SELECT way.id FROM (SELECT DISTINCT body FROM up WHERE far > 0) AS above
CROSS JOIN LATERAL (
    SELECT relationship.id FROM footprints_relationship AS relationship
    WHERE relationship.child_id = above.body AND relationship.type = ANY (%(below)s)
      AND {on_day} OFFSET 0
) AS way
"""


@dataclass(frozen=True)
class Relation:
    """The body at the other end of a relationship, as it was called while it held.

    ``holds`` on the day shown: it does, and the other body lives. ``outlived``: it was never
    ended, and the other body has closed; its last version then.
    """

    version: Version | None
    type: str
    opened_on: date | None
    closed_on: date | None
    holds: bool
    outlived: Version | None = None


@dataclass(frozen=True)
class Line:
    """A way up: in which sense it begins, and the bodies above, the widest first."""

    says: str
    bodies: list[Version]

    @property
    def crumbs(self) -> list[tuple[Version, str]]:
        """Each body, with its code where its name alone would not tell which one it is."""
        return list(zip(self.bodies, told_apart(self.bodies), strict=True))


def upward(key: int, day: date, known: int | None = None) -> list[Relationship]:
    """Every relationship of the body to a parent, ever; on the day, those of its parents too."""
    sql = UPWARD.format(
        known=holding("relationship", known),
        on_day=holding("relationship", known, on_day=True),
        levels=LEVELS,
        most=MOST,
    )
    below = [str(type) for type in BELOW]
    keys = Keys(sql, {"key": key, "day": day, "known": known, "below": below})
    return sorted(
        Relationship.objects.filter(pk__in=keys),
        key=lambda row: (row.type, row.opened_on or date.min, row.parent_id, row.pk),
    )


def relations(
    rows: list[Relationship], lives: Lives, day: date, *, is_live: bool
) -> list[Relation]:
    """The body's own relationships: those of the day first, then the others, the newest first.

    None holds on a day on which the body itself does not live.
    """
    found = []
    for row in rows:
        holds = _holds(row, day) and is_live
        at = day if holds else (row.opened_on or row.closed_on or day)
        alive = lives.on(row.parent_id, day) is not None
        near = lives.near(row.parent_id, day)
        gone = holds and not alive and near is not None and near.closed_on is not None
        found.append(
            Relation(
                lives.near(row.parent_id, at),
                row.get_type_display(),
                row.opened_on,
                row.closed_on,
                holds and alive,
                near if gone and near.closed_on <= day else None,
            )
        )
    return sorted(
        found,
        key=lambda one: (
            not one.holds,
            one.type,
            -(one.opened_on or date.min).toordinal(),
            one.version.name.lower() if one.version else "",
        ),
    )


def sections(found: list[Relation]) -> list[tuple[str, list[Relation]]]:
    """The relations under headings: where it belongs, what it covers, what it serves."""
    headed: dict[str, list[Relation]] = {}
    for relation in found:
        headed.setdefault(HEADINGS.get(relation.type, "Where it belongs"), []).append(relation)
    return list(headed.items())


def lines(key: int, rows: list[Relationship], lives: Lives, day: date) -> list[Line]:
    """The ways up from the body: one for each that it is part of, or a member of, that day."""
    parents: dict[int, list[Relationship]] = {}
    for row in rows:
        if row.type in BELOW and _holds(row, day) and lives.on(row.parent_id, day):
            parents.setdefault(row.child_id, []).append(row)
    for above in parents.values():
        # As in ``ancestry``: what it is part of before what it is a member of, then by code.
        above.sort(key=lambda row: (row.type != Relationship.Type.PART_OF, _code(row, lives, day)))
    found = []
    for first in reversed(parents.get(key, [])):  # the finer way first: a PCN, then its location
        above, body = [], first.parent_id
        seen = {key}
        while body not in seen and len(above) <= LEVELS:
            seen.add(body)
            above.insert(0, lives.on(body, day))
            body = parents[body][0].parent_id if body in parents else body
        found.append(Line(_sense(first, lives.on(key, day)), above))
    return found


def _sense(row: Relationship, child: Version | None) -> str:
    """How a way up is called: a practice's area is its commissioner's."""
    if row.type == Relationship.Type.MEMBER_OF:
        return "Member of"
    if child and child.kind.family == Kind.Family.PRIMARY_CARE and child.kind_id != "pcn":
        return "Commissioner"
    return "Area"


def _code(row, lives: Lives, day: date) -> str:
    return lives.on(row.parent_id, day).organisation.code


def _holds(row, day: date) -> bool:
    return (row.opened_on is None or row.opened_on <= day) and (
        row.closed_on is None or row.closed_on > day
    )
