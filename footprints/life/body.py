"""A body with the small things known of it: one query, whatever there is."""

from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q
from django.db.models.functions import JSONObject

from ..models import (
    Identifier,
    LeadProvider,
    Move,
    Organisation,
    Population,
    Recorded,
    Reorganisation,
)

MOST = 200  # of each sort

RECORDED = ["source", "note", "asserted_by_id", "origin_id"]
DATED = [*RECORDED, "opened_on", "closed_on"]
EVENT = ["id", "slug", "kind", "title", "effective_on", "state"]


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
    start = F("opened_on").asc(nulls_first=True)
    key = OuterRef("pk")
    event = {name: f"reorganisation__{name}" for name in EVENT}
    found = (
        Organisation.objects.filter(code=code)
        .annotate(
            identifier_rows=_rows(
                Identifier.objects.known(known).filter(organisation=key).order_by("scheme", start),
                [*DATED, "scheme", "value"],
            ),
            population_rows=_rows(
                Population.objects.known(known)
                .filter(organisation=key)
                .order_by("-boundary_on", "-year"),
                [*RECORDED, "year", "boundary_on", "people"],
            ),
            lead_rows=_rows(
                LeadProvider.objects.known(known)
                .filter(Q(collaborative=key) | Q(provider=key))
                .order_by("service_line", start),
                [*DATED, "collaborative_id", "provider_id", "service_line", "evidence"],
            ),
            move_rows=_rows(
                Move.objects.known(known)
                .filter(child=key)
                .exclude(reorganisation__state__in=Reorganisation.State.dropped())
                .order_by("reorganisation__effective_on", "pk"),
                [*RECORDED, "child_id", "type", "from_parent_id", "to_parent_id"],
                reorganisation=JSONObject(**event),
            ),
        )
        .first()
    )
    if found is None:
        return None
    moves = []
    for row in found.move_rows:
        event = _fact(Reorganisation, row.pop("reorganisation"))
        moves.append(_fact(Move, row))
        moves[-1].reorganisation = event
    return Body(
        found,
        [_fact(Identifier, row) for row in found.identifier_rows],
        [_fact(Population, row) for row in found.population_rows],
        [_fact(LeadProvider, row) for row in found.lead_rows],
        moves,
    )


def _rows(facts, names: list[str], **more) -> ArraySubquery:
    return ArraySubquery(
        facts.values(row=JSONObject(**{name: name for name in names}, **more))[:MOST]
    )


def _fact(model: type[Recorded] | type[Reorganisation], row: dict):
    """The model's own object from a row of JSON: text becomes days again."""
    fields = {f.attname: f for f in model._meta.local_fields}
    return model(
        **{
            name: fields[name].to_python(value)
            if fields[name].get_internal_type() == "DateField"
            else value
            for name, value in row.items()
        }
    )
