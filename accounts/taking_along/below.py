"""The practices below some bodies on a day: one statement, however deep and however many."""

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
WHERE version.kind_id = %(kind)s
ORDER BY 1, 2
"""


def practices_below(bodies: Collection[int], day: date) -> dict[int, list[int]]:
    """Body → the practices that lay within it on that day, as known now; a practice is its own.

    A body of which no practice is known is left out.
    """
    if not bodies:
        return {}
    sql = BELOW.format(
        **{table: holding(table, None, on_day=True) for table in ("relationship", "version")}
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, {"keys": list(bodies), "day": day, "kind": PRACTICE})
        rows = cursor.fetchall()
    found = defaultdict(list)
    for root, practice in rows:
        found[root].append(practice)
    return dict(found)
