"""Who leads a body, what it leads, and which committees cover it."""

from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.urls import reverse

from ..ancestry import LEVELS, holding
from ..lives import Lives
from ..models import LeadProvider, Version
from ..within import BELOW
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


# Up from the body along the index of each body's own relationships; then what covers any of these.
COMMITTEES = """
WITH RECURSIVE up(body, far) AS (
    SELECT %(key)s::bigint, 0
    UNION
    SELECT way.parent_id, up.far + 1
    FROM up CROSS JOIN LATERAL (
        SELECT relationship.parent_id FROM footprints_relationship AS relationship
        WHERE relationship.child_id = up.body AND relationship.type = ANY (%(below)s)
          AND {relationship}
          AND EXISTS (
              SELECT FROM footprints_version AS version
              WHERE version.organisation_id = relationship.parent_id AND {version}
          )
        OFFSET 0
    ) AS way
    WHERE up.far < {levels}
)
SELECT DISTINCT committee.code, life.name, covered.code AS covers, lower(life.name)
FROM (SELECT DISTINCT body FROM up) AS above
CROSS JOIN LATERAL (
    SELECT relationship.child_id FROM footprints_relationship AS relationship
    WHERE relationship.parent_id = above.body AND relationship.type = 'covers' AND {relationship}
    OFFSET 0
) AS covering
CROSS JOIN LATERAL (
    SELECT version.name FROM footprints_version AS version
    WHERE version.organisation_id = covering.child_id AND {version}
    OFFSET 0
) AS life
CROSS JOIN LATERAL (
    SELECT code FROM footprints_organisation WHERE id = covering.child_id OFFSET 0
) AS committee
CROSS JOIN LATERAL (
    SELECT code FROM footprints_organisation WHERE id = above.body OFFSET 0
) AS covered
ORDER BY lower(life.name), covers LIMIT {most}
"""


@dataclass(frozen=True)
class Committee:
    """A committee as it is called on the day, and the code of the body that it covers."""

    code: str
    name: str
    covers: str

    def get_absolute_url(self) -> str:
        return reverse("footprints:organisation", args=[self.code])


def committees(key: int, day: date, known: int | None = None) -> list[Committee]:
    """Committees that cover the body, or what it is part of or a member of; one statement."""
    sql = COMMITTEES.format(
        relationship=holding("relationship", known, on_day=True),
        version=holding("version", known, on_day=True),
        levels=LEVELS,
        most=MOST,
    )
    below = [str(type) for type in BELOW]
    with connection.cursor() as cursor:
        cursor.execute(sql, {"key": key, "day": day, "known": known, "below": below})
        return [Committee(*row[:3]) for row in cursor.fetchall()]
