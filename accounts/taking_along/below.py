"""The practices below some bodies on a day, or bodies of other kinds: one statement, however deep
and however many."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from django.db import connection

from footprints.ancestry import holding

PRACTICE = "practice"

BELOW = """
WITH RECURSIVE below(root, id) AS (
    SELECT key, key FROM unnest(%(keys)s::bigint[]) AS asked(key)
    UNION
    SELECT below.root, relationship.child_id
    FROM below
    JOIN footprints_relationship AS relationship ON relationship.parent_id = below.id
         AND relationship.type IN ('part_of', 'member_of') AND {relationship}
)
SELECT below.root, below.id
FROM below
JOIN footprints_version AS version ON version.organisation_id = below.id AND {version}
WHERE version.kind_id = ANY (%(kinds)s)
ORDER BY 1, 2
"""


def practices_below(bodies: Collection[int], day: date) -> dict[int, list[int]]:
    """Body → the practices that lay within it on that day, as known now; a practice is its own.

    A body of which no practice is known is left out.
    """
    return bodies_below(bodies, day, [PRACTICE])


def bodies_below(
    bodies: Collection[int], day: date, kinds: Collection[str]
) -> dict[int, list[int]]:
    """Body → those of these kinds (codes) that lay within it on that day, as known now, and
    itself where it is of one. A body that has none is left out."""
    if not bodies or not kinds:
        return {}
    sql = BELOW.format(
        **{table: holding(table, None, on_day=True) for table in ("relationship", "version")}
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, {"keys": list(bodies), "day": day, "kinds": list(kinds)})
        rows = cursor.fetchall()
    found = defaultdict(list)
    for root, body in rows:
        found[root].append(body)
    return dict(found)
