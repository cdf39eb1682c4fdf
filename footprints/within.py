"""What lies within a footprint on a day, and what lies above a body: one statement, however deep.

Each function returns a subquery of organisation keys, for ``filter(organisation__in=…)``. The way
leads along the relationships that show on that day, as known by then.
"""

from datetime import date

from django.db.models.expressions import RawSQL

from .models import Relationship

BELOW = [Relationship.Type.PART_OF, Relationship.Type.MEMBER_OF]
BESIDE = [Relationship.Type.COVERS, Relationship.Type.SERVES]


def bodies_within(code: str, day: date, known: int | None = None) -> RawSQL:
    """The body with that code, all that sits below it, and what covers or serves any of these.

    A region holds its ICBs, these their sub-ICB locations and trusts, these their PCNs. A
    committee or a collaborative is within where it covers or serves the body or any of these.
    """
    shown = Relationship.objects.live(day, known)
    below, below_params = _pairs(shown.filter(type__in=BELOW))
    beside, beside_params = _pairs(shown.filter(type__in=BESIDE))
    return RawSQL(
        f"""
        WITH RECURSIVE body(id) AS (
            SELECT id FROM footprints_organisation WHERE code = %s
            UNION
            SELECT below.child_id FROM ({below}) AS below JOIN body ON below.parent_id = body.id
        )
        SELECT id FROM body
        UNION
        SELECT beside.child_id FROM ({beside}) AS beside JOIN body ON beside.parent_id = body.id
        """,
        (code, *below_params, *beside_params),
    )


def bodies_above(key: int, day: date, known: int | None = None) -> RawSQL:
    """The body itself, and all that it is part of or a member of, up to the region."""
    above, params = _pairs(Relationship.objects.live(day, known).filter(type__in=BELOW))
    return RawSQL(
        f"""
        WITH RECURSIVE body(id) AS (
            SELECT %s::bigint
            UNION
            SELECT above.parent_id FROM ({above}) AS above JOIN body ON above.child_id = body.id
        )
        SELECT id FROM body
        """,
        (key, *params),
    )


def _pairs(relationships):
    return relationships.values("child_id", "parent_id").order_by().query.sql_with_params()
