"""What lies within a body, for a list of the register that an index walks in its order.

`within.bodies_within` names every body there is below; a region holds a seventh of the register.
So a list asks here: few bodies are named once, by key, and of many each body that the list meets
is asked for what it lies in, since so wide a body is met soon.
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

WIDE = 10_000  # bodies

# OFFSET 0 keeps each step to the index of one body's own rows, whatever the planner believes.
CHILDREN = """
CROSS JOIN LATERAL (
    SELECT relationship.child_id AS id FROM footprints_relationship AS relationship
    WHERE relationship.parent_id = {of}.id AND relationship.type = ANY (%({types})s)
      AND {relationship}
      AND EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = relationship.child_id AND {version}
      )
    OFFSET 0
) AS way
"""
DOWN = f"""
SELECT (SELECT id FROM footprints_organisation WHERE code = %(code)s), ARRAY(
    WITH RECURSIVE body(id) AS (
        SELECT id FROM footprints_organisation AS organisation
        WHERE code = %(code)s
          AND EXISTS (
              SELECT FROM footprints_version AS version
              WHERE version.organisation_id = organisation.id AND {{version}}
          )
        UNION
        SELECT way.id FROM body {{below}}
    ), few AS MATERIALIZED (SELECT id FROM body LIMIT {WIDE + 1})
    SELECT id FROM few
    UNION
    SELECT way.id FROM (SELECT id FROM few WHERE (SELECT count(*) FROM few) <= {WIDE}) AS few
    {{beside}}
    LIMIT {WIDE + 1})
"""
PARENTS = """
    SELECT relationship.parent_id AS id FROM footprints_relationship AS relationship
    WHERE relationship.child_id = {of} AND relationship.type = ANY (%({types})s)
      AND {relationship}
      AND EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = relationship.parent_id AND {version}
      )
"""
UP = """
EXISTS (
    WITH RECURSIVE above(id) AS (
        SELECT seed.id FROM (
            SELECT {body} AS id
            UNION ALL
            {beside}
        ) AS seed
        UNION
        SELECT way.id FROM above CROSS JOIN LATERAL ({above} OFFSET 0) AS way
    ) SELECT FROM above WHERE id = %(root)s)
"""


@dataclass(frozen=True)
class Within:
    """What lies within a body on a day, as known by a release, the body itself with it.

    `keys`: the bodies, those that cover or serve any of them too; None where they are more than
    `WIDE`. `root`: the key of the body, None where the register has no such code.
    """

    root: int | None
    keys: list[int] | None
    day: date
    known: int | None = None

    @classmethod
    @lru_cache(maxsize=32)
    def find(cls, code: str, day: date, known: int | None, newest: int | None) -> "Within":
        """Look the body up, and what lies within it up to `WIDE` bodies; one query.

        Kept for the next page and the next sort: until there is another release than `newest`.
        """
        facts = {
            "relationship": holding("relationship", known, on_day=True),
            "version": holding("version", known, on_day=True),
        }
        sql = DOWN.format(
            version=facts["version"],
            below=CHILDREN.format(of="body", types="below", **facts),
            beside=CHILDREN.format(of="few", types="beside", **facts),
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, {"code": code, **_params(day, known)})
            root, keys = cursor.fetchone()
        return cls(root, keys if len(keys) <= WIDE else None, day, known)

    @property
    def is_wide(self) -> bool:
        return self.keys is None

    def among(self, versions):
        """Those of the versions, which live on the day, whose body lies within."""
        if self.keys is not None:
            return versions.filter(AnyOf("organisation_id", self.keys))
        return versions.filter(_LiesWithin("organisation_id", self))


class _LiesWithin(Func):
    """Whether a body that lives on the day lies within a wide one: a walk up from it."""

    conditional = True
    output_field = BooleanField()

    def __init__(self, name, within):
        super().__init__(F(name))
        self.within = within

    def as_sql(self, compiler, connection, **extra):
        body, _ = compiler.compile(self.source_expressions[0])  # a column: it has no parameters
        day, known = self.within.day, self.within.known
        facts = {
            "relationship": holding("relationship", known, on_day=True),
            "version": holding("version", known, on_day=True),
        }
        sql = UP.format(
            body=body,
            beside=PARENTS.format(of=body, types="beside", **facts),
            above=PARENTS.format(of="above.id", types="below", **facts),
        )
        params = {"root": self.within.root, **_params(day, known)}
        return NAME.sub("%s", sql), [params[name] for name in NAME.findall(sql)]


def _params(day, known):
    return {
        "day": day,
        "known": known,
        "below": [str(type_) for type_ in BELOW],
        "beside": [str(type_) for type_ in BESIDE],
    }
