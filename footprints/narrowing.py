"""What lies within a body, for a list of the register that an index walks in its order.

`within.bodies_within` names every body there is below; a region holds a seventh of the register.
So a list asks here: few bodies are named by key, and where they are many, each body that the list
meets is asked whether it sits in one of those below that hold others: so wide a body is met soon.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from django.db import connection
from django.db.models import BooleanField, F, Func

from .ancestry import holding
from .keyed import AnyOf
from .named_sql import NAME
from .within import BELOW, BESIDE

FEW = 3_000  # bodies below: more are not named
MANY = 10_000  # with those beside them

# OFFSET 0 keeps each step to the index of one body's own rows, whatever the planner believes.
# Only bodies that hold others are walked through: most hold none.
DOWN = f"""
WITH RECURSIVE holder(id) AS (
    SELECT id FROM footprints_organisation AS organisation
    WHERE code = %(code)s AND EXISTS (
        SELECT FROM footprints_version AS version
        WHERE version.organisation_id = organisation.id AND {{version}})
    UNION
    SELECT way.id FROM holder CROSS JOIN LATERAL (
        SELECT relationship.child_id AS id FROM footprints_relationship AS relationship
        WHERE relationship.parent_id = holder.id AND relationship.type = ANY (%(below)s)
          AND {{relationship}}
          AND EXISTS (
              SELECT FROM footprints_relationship AS further
              WHERE further.parent_id = relationship.child_id)
          AND EXISTS (
              SELECT FROM footprints_version AS version
              WHERE version.organisation_id = relationship.child_id AND {{version}})
        OFFSET 0
    ) AS way
), below AS MATERIALIZED (
    SELECT way.id FROM holder CROSS JOIN LATERAL (
        SELECT relationship.child_id AS id FROM footprints_relationship AS relationship
        WHERE relationship.parent_id = holder.id AND relationship.type = ANY (%(below)s)
          AND {{relationship}}
        OFFSET 0
    ) AS way
    LIMIT {FEW + 1}
), few AS MATERIALIZED (
    SELECT id FROM holder WHERE (SELECT count(*) FROM below) <= {FEW}
    UNION
    SELECT id FROM below WHERE (SELECT count(*) FROM below) <= {FEW} AND EXISTS (
        SELECT FROM footprints_version AS version
        WHERE version.organisation_id = below.id AND {{version}})
)
SELECT (SELECT id FROM footprints_organisation WHERE code = %(code)s),
       ARRAY(SELECT id FROM holder),
       (SELECT count(*) FROM below) > {FEW},
       ARRAY(
           SELECT id FROM few
           UNION
           SELECT way.id FROM few CROSS JOIN LATERAL (
               SELECT relationship.child_id AS id FROM footprints_relationship AS relationship
               WHERE relationship.parent_id = few.id AND relationship.type = ANY (%(beside)s)
                 AND {{relationship}}
               OFFSET 0
           ) AS way
           LIMIT {MANY + 1})
"""
# A body sits in a holder, or covers or serves one, or serves what sits in one. OFFSET 0 again:
# without it the planner may lay out all that sits in any holder before it looks at the first row.
# Where thousands of rows are asked about at once, that is the better way.
ROW_BY_ROW = "OFFSET 0"
SITS = """
{body} = ANY (%(holders)s::bigint[])
OR EXISTS (
    SELECT FROM footprints_relationship AS relationship
    WHERE relationship.child_id = {body} AND relationship.type = ANY (%(below)s)
      AND {relationship} AND relationship.parent_id = ANY (%(holders)s::bigint[])
    OFFSET 0
)
OR EXISTS (
    SELECT FROM footprints_relationship AS relationship
    WHERE relationship.child_id = {body} AND relationship.type = ANY (%(beside)s)
      AND {relationship}
      AND (relationship.parent_id = ANY (%(holders)s::bigint[]) OR EXISTS (
          SELECT FROM footprints_relationship AS further
          WHERE further.child_id = relationship.parent_id AND further.type = ANY (%(below)s)
            AND {further} AND further.parent_id = ANY (%(holders)s::bigint[])
            AND EXISTS (
                SELECT FROM footprints_version AS version
                WHERE version.organisation_id = relationship.parent_id AND {version})
          OFFSET 0
      ))
    OFFSET 0
)
"""


@dataclass(frozen=True)
class Within:
    """What lies within a body on a day, as known by a release, the body itself with it.

    `root`: the key of the body, None where the register has no such code. `holders`: the live
    bodies within that hold others. `keys`: all bodies within, and those that cover or serve any
    of them; None where they are many. Keys may name a body that does not live on the day.
    """

    root: int | None
    holders: list[int]
    keys: list[int] | None
    day: date
    known: int | None = None

    @classmethod
    @lru_cache(maxsize=32)
    def find(cls, code: str, day: date, known: int | None, newest: int | None) -> "Within":
        """Look the body up, and what lies within it; one query.

        Kept for the next page and the next sort: until there is another release than `newest`.
        """
        facts = {
            "relationship": holding("relationship", known, on_day=True),
            "version": holding("version", known, on_day=True),
        }
        with connection.cursor() as cursor:
            cursor.execute(DOWN.format(**facts), {"code": code, **_params(day, known)})
            root, holders, are_many, keys = cursor.fetchone()
        named = not are_many and len(keys) <= MANY
        return cls(root, holders, keys if named else None, day, known)

    def among(self, versions, *, are_named=False):
        """Those of the versions, which live on the day, whose body lies within.

        `are_named`: they are named by key, so that all of them are asked about, not the first few.
        """
        if self.keys is not None:
            return versions.filter(AnyOf("organisation_id", self.keys))
        return versions.filter(_SitsWithin("organisation_id", self, at_once=are_named))


class _SitsWithin(Func):
    """Whether a body that lives on the day lies within another that holds many."""

    conditional = True
    output_field = BooleanField()

    def __init__(self, name, within, *, at_once):
        super().__init__(F(name))
        self.within = within
        self.sits = SITS.replace(ROW_BY_ROW, "") if at_once else SITS

    def as_sql(self, compiler, connection, **extra):
        body, _ = compiler.compile(self.source_expressions[0])  # a column: it has no parameters
        known = self.within.known
        sql = self.sits.format(
            body=body,
            relationship=holding("relationship", known, on_day=True),
            further=holding("further", known, on_day=True),
            version=holding("version", known, on_day=True),
        )
        params = {"holders": self.within.holders, **_params(self.within.day, known)}
        return f"({NAME.sub('%s', sql)})", [params[name] for name in NAME.findall(sql)]


def _params(day, known):
    return {
        "day": day,
        "known": known,
        "below": [str(type_) for type_ in BELOW],
        "beside": [str(type_) for type_ in BESIDE],
    }
