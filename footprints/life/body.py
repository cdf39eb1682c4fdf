"""A body with the small things known of it: one statement, whatever there is."""

from dataclasses import dataclass

from django.db import connection

from ..ancestry import holding
from ..models import Identifier, LeadProvider, Move, Organisation, Population, Reorganisation

MOST = 200  # of each sort

RECORDED = "source note asserted_by_id origin_id"
DATED = f"{RECORDED} opened_on closed_on"

# Model: which of its rows are about the body, its columns, their order. Written out, since the
# same put together by the ORM costs ten times what it costs to ask.
ABOUT = {
    Identifier: (
        "fact.organisation_id = body.id",
        f"{DATED} scheme value",
        "fact.scheme, fact.opened_on NULLS FIRST, fact.id",
    ),
    Population: (
        "fact.organisation_id = body.id",
        f"{RECORDED} year boundary_on people",
        "fact.boundary_on DESC, fact.year DESC",
    ),
    LeadProvider: (
        "(fact.collaborative_id = body.id OR fact.provider_id = body.id)",
        f"{DATED} collaborative_id provider_id service_line evidence",
        "fact.service_line, fact.opened_on NULLS FIRST, fact.id",
    ),
    Move: (
        "fact.child_id = body.id AND NOT event.state = ANY (%(dropped)s)",
        f"{RECORDED} child_id type from_parent_id to_parent_id",
        "event.effective_on, fact.id",
    ),
}
EVENT = "id slug kind title effective_on state"
FACTS = """
(SELECT coalesce(json_agg(found), '[]') FROM (
    SELECT {columns} FROM {table} AS fact {joined}
    WHERE {about} AND {known} ORDER BY {order} LIMIT {most}
) AS found)
"""
BODY = """
SELECT body.id, body.code, body.is_provisional, body.longitude, body.latitude, {facts}
FROM footprints_organisation AS body WHERE body.code = %(code)s
"""


@dataclass(frozen=True)
class Body:
    """An organisation, and what is known of it besides its versions and relationships.

    The facts are rows of the register as known by the release asked for, without their keys.
    """

    organisation: Organisation
    identifiers: list[Identifier]
    populations: list[Population]
    leads: list[LeadProvider]
    moves: list[Move]

    @property
    def key(self) -> int:
        return self.organisation.pk


def find(code: str, known: int | None = None) -> Body | None:
    """The body of that code; None where the register has none."""
    sql = BODY.format(facts=", ".join(_facts(model, known) for model in ABOUT))
    dropped = [str(state) for state in Reorganisation.State.dropped()]
    with connection.cursor() as cursor:
        cursor.execute(sql, {"code": code, "known": known, "dropped": dropped})
        found = cursor.fetchone()
    if found is None:
        return None
    names = ("id", "code", "is_provisional", "longitude", "latitude")
    organisation = Organisation(**dict(zip(names, found, strict=False)))
    organisation._state.adding = False
    organisation._state.db = connection.alias
    facts = [
        [_fact(model, row) for row in rows]
        for model, rows in zip(ABOUT, found[len(names) :], strict=True)
    ]
    return Body(organisation, *facts)


def _facts(model, known: int | None) -> str:
    about, columns, order = ABOUT[model]
    shown, joined = [f"fact.{name}" for name in columns.split()], ""
    if model is Move:
        event = ", ".join(f"'{name}', event.{name}" for name in EVENT.split())
        shown.append(f"json_build_object({event}) AS reorganisation")
        joined = "JOIN footprints_reorganisation AS event ON event.id = fact.reorganisation_id"
    return FACTS.format(
        columns=", ".join(shown),
        table=model._meta.db_table,
        joined=joined,
        about=about,
        known=holding("fact", known),
        order=order,
        most=MOST,
    )


def _fact(model, row: dict):
    """The model's own object from a row of JSON: text becomes days again."""
    for name in ("opened_on", "closed_on", "boundary_on", "effective_on"):
        if row.get(name):
            row[name] = model._meta.get_field(name).to_python(row[name])
    if "reorganisation" in row:
        row["reorganisation"] = _fact(Reorganisation, row["reorganisation"])
    return model(**row)
