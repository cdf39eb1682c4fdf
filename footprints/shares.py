"""Shares of a split that no source states, from the people of the members that moved. Computed.

A member is whatever lay within the predecessor on the day before, by ``part_of``, however deep:
sub-ICB locations in an ICB, practices in a sub-ICB location. It counts for the successor within
which it, or what it became that day, lies on the day. The widest kind of member whose people are
all known decides, among those directly within it first. A count of members is no population:
where no kind is known, no share is.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db import connection

from .ancestry import BY_THEN, ON_DAY
from .models import Succession

# A share derived while a real part of the predecessor could not be followed would be a guess.
# Practices close on any day, so a few of them may have gone nowhere: as many as one in twenty.
MOST_LOST = Decimal("0.05")
MILLIONTH = Decimal("0.000001")
DERIVED = "by the people of the members that moved"  # how people are told of such a share

# Known now, said so that the planner takes the index of children: the plain words are those of
# the index of periods too, which it then walks for each parent.
STANDS = "({0}.retracted_by_id IS NULL) IS TRUE"

BEFORE = (
    "({0}.opened_on IS NULL OR {0}.opened_on < split.day)"
    " AND ({0}.closed_on IS NULL OR {0}.closed_on >= split.day)"
)
THEN = ON_DAY.replace("%(day)s", "split.day")

# One row a member and place: split, kind and tier, member, its people, the successor within which
# it lies on the day (null: none), the part of it that does (null: not known).
MEMBERS = """
WITH RECURSIVE split(number, predecessor, day) AS (
    SELECT * FROM unnest(%(numbers)s::int[], %(predecessors)s::bigint[], %(days)s::date[])
), side AS (
    -- Those to whom it passed, where no source states any share; a trust is no area.
    SELECT split.number, array_agg(succession.successor_id) AS successors
    FROM split
    JOIN footprints_succession AS succession ON succession.predecessor_id = split.predecessor
    JOIN footprints_reorganisation AS event ON event.id = succession.reorganisation_id
    WHERE {succession_known} AND succession.passes = 'area' AND succession.becomes_id IS NULL
      AND event.effective_on = split.day AND event.state IN ('in_law', 'effective')
      AND EXISTS (
          SELECT FROM footprints_version AS area
          JOIN footprints_kind AS kind ON kind.code = area.kind_id AND kind.is_footprint
          WHERE area.organisation_id = split.predecessor AND {area_known})
    GROUP BY split.number
    HAVING bool_and(succession.share IS NULL AND succession.successor_id IS NOT NULL)
), place(number, successor) AS (
    -- A predecessor that lives on keeps the members that stay with it.
    SELECT number, unnest(successors) FROM side
    UNION
    SELECT number, predecessor FROM split JOIN side USING (number)
), below(number, body) AS (
    SELECT number, predecessor FROM split JOIN side USING (number)
    UNION
    SELECT below.number, fact.child_id
    FROM below
    JOIN split USING (number)
    JOIN footprints_relationship AS fact
      ON fact.parent_id = below.body AND fact.type = 'part_of'
    WHERE {fact_known} AND {fact_before} AND (%(deep)s OR below.body = split.predecessor)
), member AS (
    SELECT below.number, split.day, below.body, life.kind_id AS kind, kind.tier
    FROM below
    JOIN split USING (number)
    JOIN footprints_version AS life
      ON life.organisation_id = below.body AND {life_known} AND {life_before}
    JOIN footprints_kind AS kind ON kind.code = life.kind_id
    WHERE below.body <> split.predecessor
), became AS (
    -- What each member is on the day: itself, or what took its area over.
    SELECT member.*, coalesce(passing.successor_id, member.body) AS now_is,
           CASE WHEN passing.successor_id IS NULL THEN 1 ELSE passing.share END AS part
    FROM member
    LEFT JOIN LATERAL (
        SELECT succession.successor_id, succession.share
        FROM footprints_succession AS succession
        JOIN footprints_reorganisation AS event ON event.id = succession.reorganisation_id
        WHERE succession.predecessor_id = member.body AND {succession_known}
          AND succession.passes = 'area' AND succession.becomes_id IS NULL
          AND event.effective_on = member.day AND event.state IN ('in_law', 'effective')
    ) AS passing ON true
), above(number, now_is, body) AS (
    SELECT number, now_is, now_is FROM became
    UNION
    SELECT above.number, above.now_is, fact.parent_id
    FROM above
    JOIN split USING (number)
    JOIN footprints_relationship AS fact
      ON fact.child_id = above.body AND fact.type = 'part_of'
    WHERE {fact_known} AND {fact_then}
)
SELECT became.number, side.successors, became.kind, became.body, figure.people,
       found.successor, became.part
FROM became
JOIN side USING (number)
LEFT JOIN (
    SELECT above.number, above.now_is, place.successor
    FROM above JOIN place ON place.number = above.number AND place.successor = above.body
) AS found ON found.number = became.number AND found.now_is = became.now_is
LEFT JOIN LATERAL (
    SELECT population.people
    FROM footprints_population AS population
    WHERE population.organisation_id = became.body AND {population_known}
      AND population.boundary_on < became.day
    ORDER BY population.boundary_on DESC, population.year DESC
    LIMIT 1
) AS figure ON true
ORDER BY became.number, became.tier, became.kind, became.body
"""


@dataclass(frozen=True)
class Split:
    """A predecessor, and the day on which its area passed."""

    predecessor: int
    day: date


@dataclass(frozen=True)
class Evidence:
    """What the members of one split show. Keys of the mappings are the successors'.

    ``people``: the share of each, of the predecessor's people, six decimals; empty where these
    are not known. Those of a predecessor that ends sum to one. ``members``: how many members of
    that kind lie within each; a member that was split itself counts for its parts.
    """

    kind: str
    members: dict[int, Decimal] = field(default_factory=dict)
    people: dict[int, Decimal] = field(default_factory=dict)


def derive(splits: Iterable[Split], known: int | None = None) -> dict[Split, Evidence]:
    """The evidence of each split of an area that has any members, and of which no source states
    any share; at most two queries, however many splits are asked about.

    What lay in a predecessor directly is asked first: a region's practices are many.
    """
    found = _ask(list(splits), known, deep=False)
    unknown = [split for split, evidence in found.items() if not evidence.people]
    for split, evidence in _ask(unknown, known, deep=True).items():
        if evidence.people:
            found[split] = evidence
    return found


def _ask(splits: list[Split], known: int | None, *, deep: bool) -> dict[Split, Evidence]:
    if not splits:
        return {}
    holds = STANDS if known is None else BY_THEN
    names = "fact life area succession population".split()
    sql = MEMBERS.format(
        **{f"{name}_known": holds.format(name) for name in names},
        fact_before=BEFORE.format("fact"),
        life_before=BEFORE.format("life"),
        fact_then=THEN.format("fact"),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "numbers": list(range(len(splits))),
                "predecessors": [split.predecessor for split in splits],
                "days": [split.day for split in splits],
                "known": known,
                "deep": deep,
            },
        )
        rows = cursor.fetchall()
    kinds: dict[int, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    sides: dict[int, set[int]] = {}
    for number, successors, kind, *member in rows:  # the widest kind first
        kinds[number][kind].append(member)
        sides[number] = set(successors)
    return {splits[number]: _judge(sides[number], by_kind) for number, by_kind in kinds.items()}


def fill_in(successions: Iterable[Succession], known: int | None = None):
    """Give successions of areas whose share no source states the derived one, for a page.

    Each row filled in has ``share`` and ``is_derived``, and is never to be saved. The rows hold
    ``reorganisation``. At most two queries; none where every share is stated.
    """
    silent = [
        (row, Split(row.predecessor_id, row.reorganisation.effective_on))
        for row in successions
        if row.passes == Succession.Passes.AREA
        and row.share is None
        and row.becomes_id is None
        and row.successor_id
    ]
    found = derive({split for _, split in silent}, known)
    for row, split in silent:
        if split in found and row.successor_id in found[split].people:
            row.share, row.is_derived = found[split].people[row.successor_id], True


def _judge(successors: set[int], by_kind: dict[str, list]) -> Evidence:
    """The widest kind whose people say it; else how many of the widest kind went where."""
    first = None
    for kind, members in by_kind.items():
        counted = _weigh(members, lambda people: Decimal(1))
        evidence = Evidence(kind, counted, _people(successors, members))
        if evidence.people:
            return evidence
        if first is None and counted.keys() & successors:
            first = evidence
    return first or Evidence("")


def _weigh(members, weight) -> dict[int, Decimal]:
    found: dict[int, Decimal] = defaultdict(Decimal)
    for _, people, place, part in members:
        if place is not None and part is not None:
            found[place] += weight(people) * part
    return dict(found)


def _people(successors: set[int], members) -> dict[int, Decimal]:
    """Shares by the people of these members; none where any of what they rest on is unknown."""
    if any(
        people is None or (place is not None and part is None)
        for _, people, place, part in members
    ):
        return {}
    went = _weigh(members, Decimal)
    everybody = sum(Decimal(people) for people in {b: p for b, p, _, _ in members}.values())
    followed = sum(went.values())
    if not successors <= {key for key, people in went.items() if people}:
        return {}
    # More than everybody: a member in two places at once.
    if not everybody * (1 - MOST_LOST) <= followed <= everybody:
        return {}
    return {key: part for key, part in rounded(went).items() if key in successors}


def rounded(weights: dict) -> dict:
    """Parts of one in proportion to the weights, in six decimals that sum to one exactly."""
    whole = sum(weights.values())
    parts = {key: (weight / whole).quantize(MILLIONTH) for key, weight in weights.items()}
    most = max(parts, key=lambda key: (parts[key], str(key)))
    parts[most] += 1 - sum(parts.values())
    return parts
