"""A walk down the hierarchies and back, on any day: from a nation to a practice, side by side.

Each body on the way opens a column of what lies below it, by sense and kind: what is part of it,
its members, what serves or covers it; and of a committee or a collaborative, what that covers,
serves or is led by. The address says the way, so that any mix of hierarchies can be walked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Lower

from .ancestry import ancestors, holding
from .life.children import HEADINGS, Child, groups_below
from .lives import told_apart
from .models import Kind, LeadProvider, Relationship, Version
from .names import abridged
from .within import BELOW, BESIDE

SHOWN = 30  # of each kind; the list of the register has the rest
FURTHEST = 10  # bodies on one way
COUNTED = 300  # children of a body, counted as far as that
FAMILIES = [Kind.Family.COLLABORATIVE, Kind.Family.COMMITTEE, Kind.Family.LOCAL_GOVERNMENT]
OF_ITS_OWN = {"covers": "it covers", "serves": "it serves"}

# The bodies of the kinds that lie below no other, kind by kind along its index (OFFSET 0 keeps the
# planner to it).
ROOTS = """
SELECT kind.code, kind.name, kind.plural, found.together, found.key, organisation.code,
       found.name, found.opened_on, found.closed_on
FROM footprints_kind AS kind
CROSS JOIN LATERAL (
    SELECT version.organisation_id AS key, version.name, version.opened_on, version.closed_on,
           count(*) OVER () AS together,
           row_number() OVER (ORDER BY lower(version.name), version.id) AS place
    FROM footprints_version AS version
    WHERE version.kind_id = kind.code AND {version}
    OFFSET 0
) AS found
CROSS JOIN LATERAL (
    SELECT code FROM footprints_organisation
    WHERE footprints_organisation.id = found.key AND NOT is_provisional
    OFFSET 0
) AS organisation
WHERE (kind.code = %(nation)s OR kind.family = ANY (%(families)s))
  AND (found.place <= %(shown)s OR found.key = ANY (%(keep)s))
ORDER BY kind.tier, kind.code, found.place
"""

# How many live children each body has on the day, counted up to a bound.
COUNTS = """
SELECT asked.key, count(*) FROM unnest(%(keys)s::bigint[]) AS asked(key)
CROSS JOIN LATERAL (
    SELECT FROM footprints_relationship AS relationship
    WHERE relationship.parent_id = asked.key AND relationship.type = ANY (%(below)s)
      AND {relationship}
      AND EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = relationship.child_id AND {version}
      )
    LIMIT {counted} + 1
) AS below
GROUP BY asked.key
"""


@dataclass(frozen=True)
class Entry:
    """A body to go on to, and the way there. ``below`` counts what lies directly below it, None
    beyond a bound."""

    code: str
    name: str
    way: str
    below: int | None
    is_on_way: bool


@dataclass(frozen=True)
class Shelf:
    """Bodies of one kind in one sense: the first of ``count``. ``kind`` is its code."""

    heading: str
    noun: str
    kind: str
    count: int
    is_least: bool
    entries: list[Entry]

    @property
    def besides(self) -> int:
        return self.count - len(self.entries)

    @property
    def is_on_way(self) -> bool:
        return any(entry.is_on_way for entry in self.entries)


@dataclass(frozen=True)
class Column:
    """What lies below one body on the way; below none, where a walk begins. ``way`` leads here."""

    body: Version | None
    way: str
    shelves: list[Shelf]
    hint: str = ""


@dataclass(frozen=True)
class Walk:
    """The columns of a way. ``lost`` is the first code of the way that was not there that day."""

    columns: list[Column]
    lost: str = ""

    @property
    def way(self) -> list[Column]:
        """The columns that stand below a body: the crumbs of the way."""
        return self.columns[1:]

    @property
    def end(self) -> Version | None:
        return self.columns[-1].body


def way_to(code: str, day: date, known: int | None = None) -> list[str]:
    """The codes from the nation down to the body, as far as it is known to be in one."""
    key = Version.objects.known(known).filter(organisation__code=code)
    key = key.values_list("organisation", flat=True).first()
    above = ancestors([key], day, known).get(key, []) if key else []
    lives = Version.objects.known(known).on(day).filter(organisation__in=above)
    codes = dict(lives.values_list("organisation", "organisation__code"))
    return [*(codes[key] for key in reversed(above)), code]


def walk(way: list[str], day: date, known: int | None = None) -> Walk:
    """The columns of a way of codes, the first one a place to begin.

    It ends before the first code that does not live on the day, or does not lie below the one
    before it. At most five queries, however long the way is.
    """
    way = way[:FURTHEST]
    versions = {
        version.organisation.code: version
        for version in Version.objects.known(known)
        .on(day)
        .filter(organisation__code__in=way)
        .select_related("organisation", "kind")
    }
    live = []
    for code in way:
        if code not in versions or code in live:
            break
        live.append(code)
    keys = [versions[code].organisation_id for code in live]
    below = groups_below(keys, day, known, shown=SHOWN, keep=keys, only_now=True)
    beside = _beside(keys, day, known)
    columns = [(None, _roots(day, known, keys[:1]))]
    for code, key in zip(live, keys, strict=True):
        if key not in {child.key for *_, children in columns[-1][1] for child in children}:
            break
        shelves = [
            (HEADINGS[g.type], g.noun, g.kind, g.count, g.is_least, g.children)
            for g in below.get(key, [])
            if g.moment == "now"
        ]
        columns.append((versions[code], [*shelves, *beside.get(key, [])]))
    shown = {child.key for _, shelves in columns for *_, children in shelves for child in children}
    counts = _counts(shown, day, known)
    walked = live[: len(columns) - 1]
    hints = dict(enumerate(told_apart([body for body, _ in columns[1:]]), 1))
    return Walk(
        [
            Column(
                body,
                "/".join(walked[:depth]),
                [
                    _shelf(shelf, counts, walked[:depth], walked[depth : depth + 1])
                    for shelf in shelves
                ],
                hints.get(depth, ""),
            )
            for depth, (body, shelves) in enumerate(columns)
        ],
        lost=way[len(walked)] if len(walked) < len(way) else "",
    )


def _shelf(shelf, counts: dict[int, int | None], way: list[str], chosen: list[str]) -> Shelf:
    heading, noun, kind, count, is_least, children = shelf
    start = "".join(f"{quote(code)}/" for code in way)
    entries = [
        Entry(
            child.code,
            abridged(child.title),
            start + quote(child.code),
            counts.get(child.key, 0),
            child.code in chosen,
        )
        for child in children
    ]
    return Shelf(heading, noun, kind, count, is_least, entries)


def _roots(day: date, known: int | None, keep: list[int]):
    """Where a walk begins: the nations, and what lies below none of them."""
    sql = ROOTS.format(version=holding("version", known, on_day=True))
    params = {
        "families": [str(family) for family in FAMILIES],
        "nation": "nation",
        "day": day,
        "known": known,
        "keep": keep,
        "shown": SHOWN,
    }
    shelves: dict[str, tuple] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        for kind, name, plural, together, *child in cursor:
            noun = name if together == 1 else plural
            shelf = shelves.setdefault(kind, ("", noun, kind, together, False, []))
            shelf[-1].append(Child(*child))
    return list(shelves.values())


def _beside(keys: list[int], day: date, known: int | None) -> dict[int, list[tuple]]:
    """What a committee covers, what a collaborative serves, and who leads it; by body."""
    if not keys:
        return {}
    facts = Relationship.objects.known(known).on(day).filter(child__in=keys, type__in=BESIDE)
    leads = LeadProvider.objects.known(known).on(day)
    pairs = [
        *facts.values_list("child", "parent", "type")[: SHOWN * 4],
        *(
            (body, other, sense)
            for one, two in leads.filter(Q(collaborative__in=keys) | Q(provider__in=keys))
            .values_list("collaborative", "provider")
            .distinct()[: SHOWN * 4]
            for body, other, sense in ((one, two, "leading it"), (two, one, "it leads"))
            if body in keys
        ),
    ]
    lives = {
        row.organisation_id: row
        for row in Version.objects.known(known)
        .on(day)
        .filter(organisation__in={other for _, other, _ in pairs})
        .select_related("organisation", "kind")
        .annotate(sort=Lower(F("name")))
        .order_by("sort", "pk")
    }
    found: dict[int, list[tuple]] = {}
    order = list(lives)
    by_sense: dict[tuple, list] = {}
    for body, other, sense in sorted(
        (pair for pair in pairs if pair[1] in lives), key=lambda pair: order.index(pair[1])
    ):
        kind = lives[other].kind
        by_sense.setdefault((body, sense, kind), []).append(_child(lives[other]))
    for (body, sense, kind), children in by_sense.items():
        noun = kind.name if len(children) == 1 else kind.plural
        heading = OF_ITS_OWN.get(sense, sense)
        shelf = (heading, noun, kind.code, len(children), False, children)
        found.setdefault(body, []).append(shelf)
    return found


def _child(row: Version) -> Child:
    return Child(
        row.organisation_id, row.organisation.code, row.name, row.opened_on, row.closed_on
    )


def _counts(keys: Iterable[int], day: date, known: int | None) -> dict[int, int | None]:
    sql = COUNTS.format(
        relationship=holding("relationship", known, on_day=True),
        version=holding("version", known, on_day=True),
        counted=COUNTED,
    )
    params = {
        "keys": list(keys),
        "day": day,
        "known": known,
        "below": [str(type) for type in BELOW],
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return {key: count if count <= COUNTED else None for key, count in cursor.fetchall()}
