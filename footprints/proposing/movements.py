"""Which members left a body, and where each sits after: set statements over what is known now.

The rows lie in temporary tables of the transaction: ``footprint`` (every body that is an area,
its rank and its life), ``became`` (who took a member's own area over), ``leaver`` (one row a
member that left), ``moved`` (the leavers of one rank, and where each sits after).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ..shares import STANDS

# Members do not all leave on one day: files give the first day, the last day, or the day of the
# month's report. Within so many days they left together.
TOGETHER = 31
# Fewer members that leave a body which goes on are no part of a reorganisation.
FEWEST = 3

# A body's life is over only where no version of any kind is open: a kept code changes its nature.
FOOTPRINTS = """
CREATE TEMP TABLE footprint ON COMMIT DROP AS
SELECT life.organisation_id AS id, kind.family, kind.tier,
       CASE WHEN bool_and(life.opened_on IS NOT NULL) THEN min(life.opened_on) END AS opened_on,
       CASE WHEN bool_and(life.closed_on IS NOT NULL) THEN max(life.closed_on) END AS closed_on
FROM footprints_version AS life
JOIN footprints_kind AS kind ON kind.code = life.kind_id
WHERE life.retracted_by_id IS NULL
GROUP BY life.organisation_id, kind.family, kind.tier
HAVING bool_or(kind.is_footprint)
"""
ENDS = """
UPDATE footprint SET closed_on = other.closed_on
FROM (
    SELECT organisation_id AS id,
           CASE WHEN bool_and(closed_on IS NOT NULL) THEN max(closed_on) END AS closed_on
    FROM footprints_version WHERE retracted_by_id IS NULL GROUP BY organisation_id
) AS other
WHERE other.id = footprint.id AND other.closed_on IS DISTINCT FROM footprint.closed_on
"""
# Where the area of a member went by an event that stands; a share not known is an equal part.
BECAME = """
CREATE TEMP TABLE became ON COMMIT DROP AS
SELECT succession.predecessor_id AS member, event.effective_on AS on_day,
       succession.successor_id AS now_is,
       coalesce(succession.share, 1.0 / count(*) OVER (
           PARTITION BY succession.predecessor_id, event.effective_on)) AS part
FROM footprints_succession AS succession
JOIN footprints_reorganisation AS event ON event.id = succession.reorganisation_id
WHERE succession.retracted_by_id IS NULL AND succession.passes = 'area'
  AND succession.becomes_id IS NULL AND succession.successor_id IS NOT NULL
  AND event.state IN ('in_law', 'effective')
  AND NOT (%(withheld)s AND daterange(%(since)s, %(until)s, '[]') @> event.effective_on)
"""
# Only bodies that one release touched, and all that these are part of, where one is asked about.
TOUCHED = """
CREATE TEMP TABLE touched ON COMMIT DROP AS
WITH RECURSIVE body(id) AS (
    SELECT parent_id FROM footprints_relationship
    WHERE asserted_by_id = %(release)s OR retracted_by_id = %(release)s
    UNION
    SELECT organisation_id FROM footprints_version
    WHERE asserted_by_id = %(release)s OR retracted_by_id = %(release)s
    UNION
    SELECT fact.parent_id FROM body
    JOIN footprints_relationship AS fact ON fact.child_id = body.id
     AND fact.retracted_by_id IS NULL AND fact.type IN ('part_of', 'member_of')
)
SELECT id FROM body
"""
# A member leaves when its relationship ends or its parent does, whichever is first. Only what a
# territory plan may assign is evidence: hospices and prisons are not. A trust is a member of its
# ICB and of another family: no area is measured by where it sits. One or two
# practices that leave a body which goes on are no event: they are left out before they are
# followed. ``only``: of which bodies; said in the statement, for an OR would hide from the planner
# that few are asked about.
LEAVERS = f"""
CREATE TEMP TABLE leaver ON COMMIT DROP AS
SELECT * FROM (
    SELECT fact.id AS fact, old.family, old.tier, old.id AS old, old.closed_on AS old_closed_on,
           fact.child_id AS child, fact.type, life.kind_id AS kind, gone.on_day AS left_on,
           fact.opened_on AS joined_on, coalesce(fact.origin_id, fact.asserted_by_id) AS said,
           kind.is_footprint AS is_area,
           count(*) OVER (
               PARTITION BY old.id, fact.type, life.kind_id ORDER BY gone.on_day
               RANGE BETWEEN '%(together)s days' PRECEDING AND '%(together)s days' FOLLOWING
           ) AS company
    FROM footprint AS old
    JOIN footprints_relationship AS fact
      ON fact.parent_id = old.id AND {STANDS.format("fact")}
     AND fact.type IN ('part_of', 'member_of')
    CROSS JOIN LATERAL (SELECT least(fact.closed_on, old.closed_on) AS on_day) AS gone
    JOIN footprints_version AS life
      ON life.organisation_id = fact.child_id AND {STANDS.format("life")}
     AND (life.opened_on IS NULL OR life.opened_on < gone.on_day)
     AND (life.closed_on IS NULL OR life.closed_on >= gone.on_day)
    JOIN footprints_kind AS kind ON kind.code = life.kind_id
    WHERE kind.is_unit AND (fact.type = 'part_of' OR kind.family = old.family)
      AND gone.on_day BETWEEN coalesce(%(since)s, '-infinity'::date)
                          AND coalesce(%(until)s, 'infinity'::date)
      AND (fact.opened_on IS NULL OR fact.opened_on < gone.on_day)
      AND {{only}}
      -- It goes on in the same place: only the record was renewed.
      AND NOT EXISTS (
          SELECT FROM footprints_relationship AS again
          WHERE again.child_id = fact.child_id AND again.parent_id = fact.parent_id
            AND again.type = fact.type AND {STANDS.format("again")} AND again.id <> fact.id
            AND again.opened_on BETWEEN gone.on_day AND gone.on_day + %(together)s
            AND (old.closed_on IS NULL OR again.opened_on < old.closed_on))
) AS member
WHERE company >= %(fewest)s OR left_on >= old_closed_on - %(together)s OR is_area
"""
# It sits next in the first parent of the same rank that it came to later. ``is_seen``: that it
# sits there was seen on the day of a report, which did not say since when. Nothing arrives before
# the place is there, whatever day a report gives. ``is_itself``: it kept its code.
MOVED = f"""
CREATE TEMP TABLE moved ON COMMIT DROP AS
SELECT leaver.*, told.published_on AS stated_on, place.new, coalesce(became.part, 1) AS part,
       became.member IS NULL AS is_itself,
       greatest(place.opened_on, place.new_opened_on, became.on_day) AS arrived_on,
       place.is_seen AND became.member IS NULL AS is_seen
FROM leaver
JOIN footprints_release AS told ON told.id = leaver.said
LEFT JOIN became
  ON became.member = leaver.child AND became.on_day <= leaver.left_on + %(together)s
 AND (leaver.joined_on IS NULL OR became.on_day > leaver.joined_on)
LEFT JOIN LATERAL (
    SELECT next.parent_id AS new, next.opened_on, new.opened_on AS new_opened_on,
           coalesce(said.published_on = next.opened_on, false) AS is_seen
    FROM footprints_relationship AS next
    JOIN footprint AS new ON new.id = next.parent_id
     AND (new.family, new.tier) = (leaver.family, leaver.tier)
    JOIN footprints_release AS said ON said.id = coalesce(next.origin_id, next.asserted_by_id)
    WHERE next.child_id = coalesce(became.now_is, leaver.child) AND next.type = leaver.type
      AND {STANDS.format("next")} AND next.id <> leaver.fact
      AND (became.now_is IS NOT NULL OR next.parent_id <> leaver.old)
      AND (next.closed_on IS NULL OR next.closed_on > leaver.left_on)
      AND (new.closed_on IS NULL OR new.closed_on > greatest(next.opened_on, leaver.left_on))
      AND (became.now_is IS NOT NULL
           OR next.opened_on > coalesce(leaver.joined_on, '-infinity'::date))
    ORDER BY next.opened_on NULLS FIRST, next.parent_id
    LIMIT 1
) AS place ON true
WHERE (leaver.family, leaver.tier) = (%(family)s, %(tier)s)
"""
# The report that shows a member elsewhere also closes its old place. When that place was last
# stated is told by the rows that this replaced.
LAST_STATED = """
UPDATE moved SET stated_on = stated.on_day
FROM (
    SELECT moved.fact, max(said.published_on) AS on_day
    FROM moved
    JOIN footprints_relationship AS earlier
      ON earlier.child_id = moved.child AND earlier.parent_id = moved.old
     AND earlier.type = moved.type AND earlier.retracted_by_id IS NOT NULL
    JOIN footprints_release AS said ON said.id = earlier.asserted_by_id
     AND said.published_on < moved.arrived_on
    WHERE moved.stated_on >= moved.arrived_on
    GROUP BY moved.fact
) AS stated
WHERE stated.fact = moved.fact
"""
GROUPS = """
SELECT moved.old, moved.type, moved.kind, moved.left_on, moved.new,
       count(DISTINCT moved.child), sum(moved.part), min(moved.arrived_on),
       CASE WHEN 2 * count(*) FILTER (WHERE NOT moved.is_seen) > count(*) THEN
           mode() WITHIN GROUP (ORDER BY moved.arrived_on) FILTER (WHERE NOT moved.is_seen) END,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY greatest(
           CASE WHEN moved.stated_on < moved.arrived_on THEN moved.stated_on END,
           moved.joined_on))
FROM moved
GROUP BY moved.old, moved.type, moved.kind, moved.left_on, moved.new
ORDER BY moved.old, moved.left_on
"""
# How many members of each kind a body had, of those that were there at any time in a stretch; and
# how many came to it after: it lives on then, whatever else left.
TOTALS = f"""
SELECT stretch.number, fact.type, life.kind_id,
       count(DISTINCT fact.child_id) FILTER (WHERE fact.opened_on IS NULL
           OR fact.opened_on < stretch.last),
       count(DISTINCT fact.child_id) FILTER (WHERE fact.opened_on > stretch.last)
FROM unnest(%(numbers)s::int[], %(bodies)s::bigint[], %(firsts)s::date[], %(lasts)s::date[])
     AS stretch(number, body, first, last)
JOIN footprints_relationship AS fact
  ON fact.parent_id = stretch.body AND {STANDS.format("fact")}
 AND fact.type IN ('part_of', 'member_of')
 AND (fact.closed_on IS NULL OR fact.closed_on >= stretch.first)
CROSS JOIN LATERAL (SELECT greatest(fact.opened_on, stretch.first - 1) AS then) AS day
JOIN footprints_version AS life
  ON life.organisation_id = fact.child_id AND {STANDS.format("life")}
 AND (life.opened_on IS NULL OR life.opened_on <= day.then)
 AND (life.closed_on IS NULL OR life.closed_on > day.then)
GROUP BY stretch.number, fact.type, life.kind_id
"""
# The members that count, with their people on the boundary before.
MEMBERS = f"""
SELECT stretch.number, moved.child, body.code, life.name, moved.new, moved.part, moved.is_itself,
       figure.people
FROM unnest(%(numbers)s::int[], %(bodies)s::bigint[], %(firsts)s::date[], %(lasts)s::date[],
            %(types)s::text[], %(kinds)s::text[])
     AS stretch(number, body, first, last, type, kind)
JOIN moved ON moved.old = stretch.body AND moved.type = stretch.type AND moved.kind = stretch.kind
 AND moved.left_on BETWEEN stretch.first AND stretch.last
JOIN footprints_organisation AS body ON body.id = moved.child
JOIN footprints_version AS life
  ON life.organisation_id = moved.child AND {STANDS.format("life")}
 AND (life.opened_on IS NULL OR life.opened_on < moved.left_on)
 AND (life.closed_on IS NULL OR life.closed_on >= moved.left_on)
LEFT JOIN LATERAL (
    SELECT population.people FROM footprints_population AS population
    WHERE population.organisation_id = moved.child AND {STANDS.format("population")}
      AND population.boundary_on < moved.left_on
    ORDER BY population.boundary_on DESC, population.year DESC
    LIMIT 1
) AS figure ON true
ORDER BY stretch.number, body.code
"""


@dataclass(frozen=True)
class Group:
    """Members of one kind that left one body on one day for one place (None: not followed).

    ``weight`` counts a member that was split for its parts. ``arrived_on`` is the first day that
    any was in the new place; ``stated_on`` the day that most have as their first there, where
    it is no mere day of a report; ``seen_on`` the last day that half of them are known to have
    been in the old one.
    """

    old: int
    type: str
    kind: str
    left_on: date
    new: int | None
    count: int
    weight: Decimal
    arrived_on: date | None
    stated_on: date | None
    seen_on: date | None


@dataclass(frozen=True)
class Stretch:
    """Some days on which members left a body, one soon after the other; both included."""

    old: int
    first: date
    last: date


@dataclass(frozen=True)
class Member:
    """One member that left: where it sits after (a key, None: not followed), what part of it.

    ``is_itself``: under its own code, not as what became of it.
    """

    key: int
    code: str
    name: str
    new: int | None
    part: Decimal
    is_itself: bool
    people: int | None


class Movements:
    """The movements of a window of days, rank by rank; inside a transaction.

    ``since``, ``until``: both included, None for no end. ``withheld``: events in the window are
    taken for unknown. ``release``: only bodies that it touched.
    """

    def __init__(self, cursor, *, since=None, until=None, withheld=False, release=None):
        self.cursor = cursor
        self.given = {
            "since": since,
            "until": until,
            "withheld": withheld,
            "release": release,
            "together": TOGETHER,
            "fewest": FEWEST,
        }
        self.close()
        cursor.execute(FOOTPRINTS)
        cursor.execute(ENDS)
        cursor.execute("CREATE INDEX ON footprint (id)")
        cursor.execute(BECAME, self.given)
        cursor.execute(TOUCHED, self.given)
        cursor.execute("ANALYZE footprint, became, touched")
        only = "true" if release is None else "old.id IN (SELECT id FROM touched)"
        cursor.execute(LEAVERS.format(only=only), self.given)
        cursor.execute("ANALYZE leaver")

    def close(self):
        self.cursor.execute("DROP TABLE IF EXISTS footprint, became, touched, leaver, moved")

    def ranks(self) -> list[tuple[str, int]]:
        """(family, tier) of every rank that members left, the narrowest areas first."""
        self.cursor.execute("SELECT DISTINCT family, tier FROM leaver ORDER BY tier DESC, family")
        return self.cursor.fetchall()

    def follow(self, rank: tuple[str, int]) -> list[Group]:
        """Everything that left a body of that rank, grouped; ``moved`` holds it until the next."""
        self.given["family"], self.given["tier"] = rank
        self.cursor.execute("DROP TABLE IF EXISTS moved")
        self.cursor.execute(MOVED, self.given)
        # What became of a member may lie where the member lay: nothing left then.
        self.cursor.execute("DELETE FROM moved WHERE new = old")
        self.cursor.execute("ANALYZE moved")
        self.cursor.execute(LAST_STATED)
        self.cursor.execute(GROUPS)
        return [Group(*row) for row in self.cursor.fetchall()]

    def lives(self, keys: Iterable[int]) -> dict[int, tuple[date | None, date | None]]:
        """Opening and closing day of footprints: None where not known, or still to come."""
        self.cursor.execute(
            "SELECT id, opened_on, closed_on FROM footprint "
            "WHERE id = ANY (%s) AND (family, tier) = (%s, %s)",
            [list(keys), self.given["family"], self.given["tier"]],
        )
        return {key: days for key, *days in self.cursor.fetchall()}

    def totals(self, stretches: list[Stretch]) -> dict[Stretch, dict[tuple[str, str], tuple]]:
        """(how many members were there, how many came after) of each (type, kind) and stretch."""
        found: dict[Stretch, dict] = {stretch: {} for stretch in stretches}
        self.cursor.execute(TOTALS, _columns(stretches))
        for number, type, kind, *counts in self.cursor.fetchall():
            found[stretches[number]][type, kind] = tuple(counts)
        return found

    def members(self, chosen: dict[Stretch, tuple[str, str]]) -> dict[Stretch, list[Member]]:
        """The members of one (type, kind) that left in each stretch, in order of code."""
        found: dict[Stretch, list[Member]] = {stretch: [] for stretch in chosen}
        stretches = list(chosen)
        of_kind = {
            "types": [type for type, _ in chosen.values()],
            "kinds": [kind for _, kind in chosen.values()],
        }
        self.cursor.execute(MEMBERS, {**_columns(stretches), **of_kind})
        for number, *member in self.cursor.fetchall():
            found[stretches[number]].append(Member(*member))
        return found

    def learn(self, passed: Iterable[tuple[int, date, int, Decimal]]):
        """Take suggestions for true: (predecessor, day, successor, part), for the wider ranks."""
        self.cursor.executemany(
            "INSERT INTO became (member, on_day, now_is, part) VALUES (%s, %s, %s, %s)",
            list(passed),
        )


def _columns(stretches: list[Stretch]) -> dict[str, list]:
    return {
        "numbers": list(range(len(stretches))),
        "bodies": [stretch.old for stretch in stretches],
        "firsts": [stretch.first for stretch in stretches],
        "lasts": [stretch.last for stretch in stretches],
    }
