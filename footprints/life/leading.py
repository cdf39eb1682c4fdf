"""Who leads a body, what it leads, and which committees cover it."""

from dataclasses import dataclass
from datetime import date

from django.db.models import F
from django.db.models.functions import Lower

from ..lives import Lives
from ..models import LeadProvider, Relationship, Version
from ..within import bodies_above
from .body import Body

MOST = 60  # committees named


@dataclass(frozen=True)
class Lead:
    """A provider and a collaborative, for a service line, for a while, seen from one of them.

    ``ended``: the last version of the one of the two that has closed, where the lead was never
    ended: who leads since is not known.
    """

    row: LeadProvider
    version: Version | None
    holds: bool
    ended: Version | None

    @property
    def service_line(self) -> str:
        return self.row.service_line


def led_by(body: Body, lives: Lives, day: date) -> list[Lead]:
    """The lead providers of a collaborative, a row a service line and period."""
    return _leads(body, lives, day, ours="collaborative_id", theirs="provider_id")


def leads(body: Body, lives: Lives, day: date) -> list[Lead]:
    """What a provider leads."""
    return _leads(body, lives, day, ours="provider_id", theirs="collaborative_id")


def _leads(body: Body, lives: Lives, day: date, *, ours: str, theirs: str) -> list[Lead]:
    found = []
    for row in body.leads:
        if getattr(row, ours) != body.key:
            continue
        other = getattr(row, theirs)
        holds = (row.opened_on is None or row.opened_on <= day) and (
            row.closed_on is None or row.closed_on > day
        )
        at = day if holds else (row.opened_on or row.closed_on or day)
        lasts = [lives.near(key, day) for key in (other, body.key)]
        gone = [one for one in lasts if one and one.closed_on and one.closed_on <= day]
        found.append(Lead(row, lives.near(other, at), holds, gone[0] if holds and gone else None))
    return found


def committees(key: int, day: date, known: int | None = None) -> list[Version]:
    """Committees that cover the body, or what it is part of, with the code they cover. One query.

    Each as it is called on the day; ``covers`` is the code.
    """
    covering = (
        Relationship.objects.known(known)
        .on(day)
        .filter(type=Relationship.Type.COVERS, parent__in=bodies_above(key, day, known))
    )
    return list(
        Version.objects.known(known)
        .on(day)
        .filter(organisation__parent_relationships__in=covering)
        .annotate(covers=F("organisation__parent_relationships__parent__code"))
        .select_related("organisation", "kind")
        .order_by(Lower("name"), "covers")[:MOST]
    )
