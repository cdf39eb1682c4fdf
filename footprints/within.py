"""What lies within a footprint on a day: one statement, however deep.

``bodies_within`` returns a subquery of organisation keys, for ``filter(organisation__in=…)``.
The way leads along the relationships that show on that day, as known by then: they hold, and both
bodies live.
"""

from datetime import date

from .ancestry import holding
from .models import Relationship
from .named_sql import Keys

BELOW = [Relationship.Type.PART_OF, Relationship.Type.MEMBER_OF]
BESIDE = [Relationship.Type.COVERS, Relationship.Type.SERVES, Relationship.Type.LIES_IN]

# The children, or the parents, of one body: OFFSET 0 keeps the walk to the index of each body's
# own rows, whatever the planner believes of them.
WAY = """
CROSS JOIN LATERAL (
    SELECT relationship.{far_end} AS id FROM footprints_relationship AS relationship
    WHERE relationship.{near_end} = body.id AND relationship.type = ANY ({types})
      AND {relationship}
      AND EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = relationship.{far_end} AND {version}
      )
    OFFSET 0
) AS way
"""
WITHIN = """
WITH RECURSIVE body(id) AS (
    SELECT id FROM footprints_organisation AS organisation
    WHERE code = %(code)s
      AND EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = organisation.id AND {version}
      )
    UNION
    SELECT way.id FROM body {below}
)
SELECT id FROM body
UNION
SELECT way.id FROM body {beside}
UNION
SELECT id FROM footprints_organisation WHERE code = %(code)s
"""


def bodies_within(code: str, day: date, known: int | None = None) -> Keys:
    """The body with that code, all that sits below it, and what covers, serves or lies in these.

    A nation holds its regions, these their ICBs, these their sub-ICB locations and trusts, these
    their PCNs and practices. A committee or a collaborative is within where it covers or serves
    the body or any of these, a supplier's brick where it lies. A body that does not live on the
    day has itself alone.
    """
    version = holding("version", known, on_day=True)
    below = _way("child_id", "parent_id", "%(below)s", known)
    beside = _way("child_id", "parent_id", "%(beside)s", known)
    sql = WITHIN.format(version=version, below=below, beside=beside)
    return Keys(sql, {"code": code, **_params(day, known)})


def _way(far_end: str, near_end: str, types: str, known) -> str:
    return WAY.format(
        far_end=far_end,
        near_end=near_end,
        types=types,
        relationship=holding("relationship", known, on_day=True),
        version=holding("version", known, on_day=True),
    )


def _params(day: date, known: int | None) -> dict:
    return {
        "day": day,
        "known": known,
        "below": [str(type) for type in BELOW],
        "beside": [str(type) for type in BESIDE],
    }
