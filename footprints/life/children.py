"""What belongs to a body: on the day, before it and after it; counted by kind, the first named."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from urllib.parse import quote

from django.db import connection
from django.urls import reverse

from ..ancestry import holding

SHOWN = 12  # of each kind; the list of the register has the rest
MOST = 1_500  # relationships looked at: of a body with more, the page says "more than"

# Each child once in each sense: as it is on the day if it belongs then, else as it was when it
# last did, or as it will be when it does. What belongs to a closed body comes to that too.
CHILDREN = """
WITH below AS (
    SELECT parent_id, child_id, type, opened_on, closed_on,
           count(*) OVER (PARTITION BY parent_id) AS together
    FROM (
        SELECT asked.key AS parent_id, fact.*
        FROM unnest(%(keys)s::bigint[]) AS asked(key)
        CROSS JOIN LATERAL (
            SELECT relationship.child_id, relationship.type, relationship.opened_on,
                   relationship.closed_on
            FROM footprints_relationship AS relationship
            WHERE relationship.parent_id = asked.key AND {relationship} {only}
            LIMIT {most} + 1
        ) AS fact
    ) AS found
), timed AS (
    SELECT DISTINCT ON (parent_id, child_id, type) *,
           CASE WHEN holds THEN %(day)s::date
                WHEN closed_on <= %(day)s THEN closed_on - 1
                ELSE opened_on END AS at_day
    FROM (SELECT *, (opened_on IS NULL OR opened_on <= %(day)s)
                AND (closed_on IS NULL OR closed_on > %(day)s) AS holds FROM below) AS told
    ORDER BY parent_id, child_id, type, holds DESC, closed_on DESC NULLS FIRST
), named AS (
    SELECT timed.*, life.name, life.kind_id, organisation.code,
           CASE WHEN holds AND life.lives THEN 'now'
                WHEN NOT holds AND opened_on > %(day)s THEN 'coming' ELSE 'past' END AS moment,
           least(timed.closed_on, CASE WHEN holds AND NOT life.lives THEN life.ended_on END)
               AS ended_on
    FROM timed
    JOIN footprints_organisation AS organisation
         ON organisation.id = timed.child_id AND NOT organisation.is_provisional
    CROSS JOIN LATERAL (
        SELECT version.name, version.kind_id, version.closed_on AS ended_on,
               (version.opened_on IS NULL OR version.opened_on <= timed.at_day)
               AND (version.closed_on IS NULL OR version.closed_on > timed.at_day) AS lives
        FROM footprints_version AS version
        WHERE version.organisation_id = timed.child_id AND {version}
        ORDER BY lives DESC, version.closed_on DESC NULLS FIRST
        LIMIT 1
    ) AS life
), ranked AS (
    SELECT named.*,
           count(*) OVER (PARTITION BY parent_id, type, moment, kind_id) AS amount,
           row_number() OVER (
               PARTITION BY parent_id, type, moment, kind_id ORDER BY lower(name), code
           ) AS place
    FROM named
)
SELECT ranked.parent_id, ranked.type, ranked.moment, kind.code, kind.name, kind.plural, amount,
       together > {most}, ranked.child_id, ranked.code, ranked.name, opened_on, ended_on
FROM ranked JOIN footprints_kind AS kind ON kind.code = ranked.kind_id
WHERE place <= %(shown)s OR ranked.child_id = ANY (%(keep)s)
ORDER BY ranked.parent_id, array_position(ARRAY['now', 'coming', 'past'], moment),
         array_position(
             ARRAY['part_of', 'member_of', 'lies_in', 'serves', 'covers'], ranked.type::text),
         kind.tier, kind.code, place
"""

HEADINGS = {
    "part_of": "part of it",
    "member_of": "members of it",
    "lies_in": "lying in it",
    "serves": "serving it",
    "covers": "covering it",
}


@dataclass(frozen=True)
class Child:
    """A body below another one: what it is called then, and while it belongs (half open)."""

    key: int
    code: str
    name: str
    opened_on: date | None
    closed_on: date | None

    @property
    def address(self) -> str:
        """The path of its page."""
        return _address().replace("CODE", quote(self.code))

    @property
    def title(self) -> str:
        """The name beside which the code stands."""
        return self.name.removesuffix(f" - {self.code}")


@lru_cache(maxsize=1)
def _address() -> str:
    """The path of a body's page: a page may lead to hundreds, and each costs a search of URLs."""
    return reverse("footprints:organisation", args=["CODE"])


@dataclass
class Group:
    """Bodies of one kind that belong to one body in one sense: how many, and the first of them.

    ``moment``: "now" is the day shown; "past" and "coming" are those that do not belong then.
    ``is_least``: there are more than could be looked at, and at least so many.
    """

    type: str
    moment: str
    kind: str
    noun: str
    count: int
    is_least: bool
    children: list[Child] = field(default_factory=list)

    @property
    def heading(self) -> str:
        return HEADINGS[self.type]

    @property
    def besides(self) -> int:
        return self.count - len(self.children)


def groups_below(
    keys: Iterable[int],
    day: date,
    known: int | None = None,
    *,
    shown: int = SHOWN,
    keep: Iterable[int] = (),
    only_now: bool = False,
) -> dict[int, list[Group]]:
    """Body → its groups: those of the day, then those to come, then those that were. One query.

    Within a moment by sense and the width of the kind; within a group by name, the first so many
    ``shown``, and those to ``keep`` wherever they stand.
    """
    on_day = only_now and "AND " + holding("relationship", known, on_day=True)
    sql = CHILDREN.format(
        relationship=holding("relationship", known),
        version=holding("version", known),
        only=on_day or "",
        most=MOST,
    )
    params = {"keys": list(keys), "day": day, "known": known, "shown": shown}
    params["keep"] = list(keep)
    found: dict[int, list[Group]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        for parent, type, moment, kind, name, plural, count, is_least, *child in cursor:
            groups = found.setdefault(parent, [])
            last = groups[-1] if groups else None
            if last is None or (last.type, last.moment, last.kind) != (type, moment, kind):
                noun = name if count == 1 else plural
                groups.append(Group(type, moment, kind, noun, count, is_least))
            groups[-1].children.append(Child(*child))
    return found
