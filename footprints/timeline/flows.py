"""Which successions a body's flow holds: those that led to it, and those that lead on from it."""

from dataclasses import dataclass

from ..ancestry import holding
from ..models import Reorganisation, Succession
from ..named_sql import Keys

MOST = 90  # rows of a flow: no picture of more can be read, and a page has to be quick
FURTHEST = 12  # reorganisations in a row, either way

# Backwards from the body and forwards from it along the areas that pass, in order of day: what
# came into a body after it had passed something on never reached there. A code that becomes
# another kind of body leads nowhere else. And the functions that the body itself gave or took.
# OFFSET 0 keeps the walk to the index of each body's own rows, whatever the planner believes.
FLOWS_OF = """
WITH RECURSIVE back(id, body, on_day, far) AS (
    SELECT 0::bigint, %(key)s::bigint, 'infinity'::date, 0
    UNION
    SELECT way.id, way.predecessor_id, way.effective_on, back.far + 1
    FROM back CROSS JOIN LATERAL (
        SELECT succession.id, succession.predecessor_id, event.effective_on FROM {out_of}
        WHERE succession.successor_id = back.body AND {area} OFFSET 0
    ) AS way
    WHERE way.effective_on <= back.on_day AND back.far < %(furthest)s
), ahead(id, body, on_day, far) AS (
    SELECT 0::bigint, %(key)s::bigint, '-infinity'::date, 0
    UNION
    SELECT way.id, way.successor_id, way.effective_on, ahead.far + 1
    FROM ahead CROSS JOIN LATERAL (
        SELECT succession.id, succession.successor_id, event.effective_on FROM {out_of}
        WHERE succession.predecessor_id = ahead.body AND {area} OFFSET 0
    ) AS way
    WHERE way.effective_on >= ahead.on_day AND ahead.far < %(furthest)s
), own AS (
    SELECT succession.id FROM {out_of} WHERE succession.predecessor_id = %(key)s AND {stands}
    UNION
    SELECT succession.id FROM {out_of} WHERE succession.successor_id = %(key)s AND {stands}
)
SELECT found.id FROM (
    SELECT id, far FROM back WHERE far > 0
    UNION ALL SELECT id, far FROM ahead WHERE far > 0
    UNION ALL SELECT id, 0 FROM own
) AS found
GROUP BY found.id
ORDER BY min(found.far), found.id
LIMIT {most} + 1
"""
OUT_OF = """
footprints_succession AS succession
JOIN footprints_reorganisation AS event ON event.id = succession.reorganisation_id
"""


@dataclass(frozen=True)
class Flow:
    """The successions of a flow, oldest first; ``is_cut`` where the furthest were left out."""

    rows: list[Succession]
    is_cut: bool = False

    def __iter__(self):
        return iter(self.rows)

    def __bool__(self):
        return bool(self.rows)


def flows_of(key: int, known: int | None = None) -> Flow:
    """The successions that led to a body and on from it; one query.

    Undecided ones too, as long as their event stands. About ``MOST`` at most, the nearest of them.
    """
    stands = holding("succession", known)
    stands += " AND NOT event.state = ANY (%(dropped)s)"
    area = f"{stands} AND succession.passes = 'area' AND succession.becomes_id IS NULL"
    sql = FLOWS_OF.format(
        out_of=OUT_OF,
        stands=stands,
        area=area,
        most=MOST,
    )
    params = {
        "key": key,
        "known": known,
        "dropped": [str(state) for state in Reorganisation.State.dropped()],
        "furthest": FURTHEST,
    }
    rows = list(
        Succession.objects.filter(pk__in=Keys(sql, params))
        .select_related("reorganisation", "becomes")
        .order_by("reorganisation__effective_on", "reorganisation__title", "passes", "pk")
    )
    return Flow(rows, is_cut=len(rows) > MOST)
