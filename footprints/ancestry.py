"""What a body belongs to on a day, and what that belongs to, up to the nation.

A data supplier's brick lies in an area of the NHS's, by the supplier's word. ``ancestors`` takes
that for want of better, so that a brick has a system and a place. No other walk follows it: the
practices of a brick are not all in the area that the brick lies in.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from django.db import connection

LEVELS = 7  # practice → PCN → sub-ICB location → place → ICB → region → nation

# Known now, or by a release; {0} is the table. The first is what the partial indexes are made of.
NOW = "{0}.retracted_by_id IS NULL"
BY_THEN = (
    "{0}.asserted_by_id <= %(known)s"
    " AND ({0}.retracted_by_id IS NULL OR {0}.retracted_by_id > %(known)s)"
)
ON_DAY = (
    "({0}.opened_on IS NULL OR {0}.opened_on <= %(day)s)"
    " AND ({0}.closed_on IS NULL OR {0}.closed_on > %(day)s)"
)


def holding(table: str, known: int | None, *, on_day: bool = False) -> str:
    """SQL that is true of that table's facts known now, or by ``%(known)s``; on ``%(day)s``."""
    parts = [NOW if known is None else BY_THEN, *([ON_DAY] if on_day else [])]
    return " AND ".join(part.format(table) for part in parts)


# A step to the parents, who are few however many are asked about, and a climb from these.
CLIMB = """
WITH RECURSIVE step AS MATERIALIZED (
    SELECT DISTINCT ON (relationship.child_id)
        relationship.child_id AS body, relationship.parent_id AS parent
    FROM footprints_relationship AS relationship
    JOIN footprints_organisation AS parent ON parent.id = relationship.parent_id
    WHERE relationship.child_id = ANY (%(keys)s::bigint[])
      AND relationship.type IN ('part_of', 'member_of', 'lies_in')
      AND {relationship}
      AND EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = relationship.parent_id AND {version}
      )
      AND EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = relationship.child_id AND {version}
      )
    ORDER BY relationship.child_id, relationship.type DESC, parent.code
),
climb AS (
    SELECT parent AS body, ARRAY[parent] AS path FROM (SELECT DISTINCT parent FROM step) AS met
    UNION ALL
    SELECT climb.body, climb.path || up.parent_id
    FROM climb
    CROSS JOIN LATERAL (
        SELECT relationship.parent_id
        FROM footprints_relationship AS relationship
        JOIN footprints_organisation AS parent ON parent.id = relationship.parent_id
        WHERE relationship.child_id = climb.path[cardinality(climb.path)]
          AND relationship.type IN ('part_of', 'member_of', 'lies_in')
          AND {relationship}
          AND EXISTS (
              SELECT FROM footprints_version AS version
              WHERE version.organisation_id = relationship.parent_id AND {version}
          )
        ORDER BY relationship.type DESC, parent.code
        LIMIT 1
    ) AS up
    WHERE cardinality(climb.path) < %(levels)s
      AND NOT up.parent_id = ANY (climb.path)
)
SELECT body, parent, NULL FROM step
UNION ALL
(SELECT DISTINCT ON (body) body, NULL, path FROM climb ORDER BY body, cardinality(path) DESC)
"""


def ancestors(keys: Collection[int], day: date, known: int | None = None) -> dict[int, list[int]]:
    """Return organisation → its ancestors, the nearest first; those without any are left out.

    Up the relationships that show on that day, by the parent it is part of before one it is a
    member of, and by the first code where there are two. A circle of parents, an anomaly that the
    register lists, only ends the climb. One query, however many bodies are asked about.
    """
    if not keys:
        return {}
    sql = CLIMB.format(
        relationship=holding("relationship", known, on_day=True),
        version=holding("version", known, on_day=True),
    )
    # As text: psycopg looks at each of 7,000 numbers in a list.
    asked = f"{{{','.join(map(str, keys))}}}"
    with connection.cursor() as cursor:
        cursor.execute(sql, {"keys": asked, "day": day, "known": known, "levels": LEVELS})
        rows = cursor.fetchall()
    paths = {body: path for body, _, path in rows if path}
    return {
        body: _until(body, paths[parent])
        for body, parent, path in rows
        if not path and parent != body
    }


def _until(body: int, path: list[int]) -> list[int]:
    """The path from its parent on, of its own; as far as it does not come back to the body."""
    return path[: path.index(body)] if body in path else [*path]


ABOVE = """
WITH RECURSIVE above(body, id) AS (
    SELECT key, key FROM unnest(%(keys)s::bigint[]) AS asked(key)
    UNION
    SELECT above.body, relationship.parent_id
    FROM above
    JOIN footprints_relationship AS relationship ON relationship.child_id = above.id
         AND relationship.type IN ('part_of', 'member_of') AND {relationship}
)
SELECT body, id FROM above WHERE body <> id
"""


def all_above(keys: Collection[int], day: date) -> dict[int, set[int]]:
    """Return organisation → everything that it belongs to on that day, by whichever parent.

    As known now; a practice lies in its PCN and in its location. One query.
    """
    found = defaultdict(set)
    if keys:
        sql = ABOVE.format(relationship=holding("relationship", None, on_day=True))
        with connection.cursor() as cursor:
            cursor.execute(sql, {"keys": list(keys), "day": day})
            for body, above in cursor.fetchall():
                found[body].add(above)
    return found
