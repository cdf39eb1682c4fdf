"""The finer units below bodies that close: what a plan drops to when it keeps the line."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from django.db import connection

from footprints.ancestry import ancestors, holding
from footprints.dated import ONE_DAY
from footprints.models import Move, Reorganisation, Succession, Version

# From the finest: what a plan may drop to, each with the kinds that count as it.
LEVELS = (
    ("practices", ("practice",)),
    ("PCNs", ("pcn",)),
    ("sub-ICB locations", ("sub_icb", "ccg")),
)
FINENESS = {kind: number for number, (_, kinds) in enumerate(LEVELS) for kind in kinds}
# Bodies that are cut into areas, so that all of them must be covered; a PCN beside practices is
# another cut through the same ones.
AREAS = {"sub_icb", "ccg"}

BELOW = """
WITH RECURSIVE below(root, parent, id) AS (
    SELECT key, NULL::bigint, key FROM unnest(%(keys)s::bigint[]) AS asked(key)
    UNION
    SELECT below.root, below.id, relationship.child_id
    FROM below
    JOIN footprints_relationship AS relationship ON relationship.parent_id = below.id
         AND relationship.type IN ('part_of', 'member_of') AND {relationship}
    JOIN footprints_version AS child ON child.organisation_id = relationship.child_id AND {child}
    WHERE child.kind_id = ANY (%(kinds)s)
)
SELECT DISTINCT below.root, below.parent, below.id, version.kind_id
FROM below
JOIN footprints_version AS version ON version.organisation_id = below.id AND {version}
WHERE below.parent IS NOT NULL
ORDER BY 1, 3, 2
"""


@dataclass
class Tree:
    """What lies below one body on the day before: child to its parents, and kinds."""

    parents: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    children: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    kind: dict[int, str] = field(default_factory=dict)

    def below(self, node: int) -> set[int]:
        """Everything below a node, itself left out."""
        found, waiting = set(), [node]
        while waiting:
            new = self.children[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    def above(self, node: int) -> set[int]:
        found, waiting = set(), [node]
        while waiting:
            new = self.parents[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    def coarseness(self, node: int) -> tuple[int, int]:
        """Where it stands from the finest unit to the root."""
        return FINENESS.get(self.kind.get(node, ""), len(LEVELS)), node

    def covers(self, kinds: Collection[str], node: int) -> bool:
        """Whether units of those kinds make up the whole of the node, so far as is known."""
        if self.kind.get(node) in kinds:
            return True
        areas = [child for child in self.children[node] if self.kind[child] in AREAS]
        if areas:
            return all(self.covers(kinds, area) for area in areas)
        return any(self.kind[child] in kinds for child in self.below(node))


class Finer:
    """The finer units of some bodies that an event closes, from a few queries.

    By the relationships of the day before; a unit that the event itself replaces is followed to
    its successor where it has one alone.
    """

    def __init__(self, event: Reorganisation, roots: Collection[int]):
        self.event = event
        self.trees: dict[int, Tree] = defaultdict(Tree)
        self._becomes: dict[int, int] = {}
        if not roots:
            return
        self._grow(event.effective_on - ONE_DAY, roots)
        units = {unit for tree in self.trees.values() for unit in tree.kind}
        self._follow(units)
        self._moves = dict(
            Move.objects.now()
            .filter(reorganisation=event, child__in=units)
            .values_list("child", "to_parent")
        )
        asked = units | set(self._becomes.values()) | set(self._moves.values())
        self._above = ancestors(asked, event.effective_on)

    def _grow(self, day: date, roots):
        kinds = [kind for _, kinds in LEVELS for kind in kinds]
        sql = BELOW.format(
            **{
                table: holding(table, None, on_day=True)
                for table in ("relationship", "child", "version")
            }
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, {"keys": list(roots), "day": day, "kinds": kinds})
            for root, parent, unit, kind in cursor.fetchall():
                tree = self.trees[root]
                tree.parents[unit].add(parent)
                tree.children[parent].add(unit)
                tree.kind[unit] = kind

    def _follow(self, units):
        """What the event makes of a unit: itself, its one successor, or nothing that is known."""
        alive = set(
            Version.objects.now()
            .on(self.event.effective_on)
            .filter(organisation__in=units)
            .values_list("organisation", flat=True)
        )
        into = defaultdict(set)
        rows = Succession.objects.now().filter(
            reorganisation__effective_on=self.event.effective_on,
            predecessor__in=units,
            passes=Succession.Passes.AREA,
            becomes=None,
        )
        # A body that only a proposed event ends still lives, as the register knows it.
        rows = rows.filter(reorganisation=self.event) | rows.filter(
            reorganisation__state__in=Reorganisation.State.settled()
        )
        for unit, successor in rows.values_list("predecessor", "successor"):
            into[unit].add(successor)
        self._becomes = {unit: unit for unit in alive if unit not in into}
        for unit, successors in into.items():
            if len(successors) == 1 and None not in successors:
                self._becomes[unit] = next(iter(successors))

    def of(
        self,
        root: int,
        *,
        assigned: Collection[int] = (),
        into: int | None = None,
        successors: Collection[int] = (),
    ) -> tuple[str, list[int]]:
        """``(level, units)`` that keep the line of a body that closes; ``("", [])`` if unknown.

        ``assigned`` are units with a territory of their own: they, and what is below them, keep
        it. ``into`` asks for those alone that go to that one of the ``successors`` of a split:
        where not every unit's way is known, none is.
        """
        tree = self.trees.get(root)
        for level, kinds in LEVELS if tree else ():
            if not tree.covers(kinds, root):
                continue
            units = sorted(unit for unit, kind in tree.kind.items() if kind in kinds)
            if not all(unit in self._becomes for unit in units):
                continue
            if into is not None:
                ways = {unit: self._goes_to(tree, unit) & set(successors) for unit in units}
                if not all(ways.values()):
                    continue
                units = [unit for unit in units if into in ways[unit]]
            own = set(assigned) - {root}
            units = [unit for unit in units if not ({unit} | tree.above(unit)) & own]
            return level, sorted({self._becomes[unit] for unit in units})
        return "", []

    def below(self, root: int) -> set[int]:
        """Every body known below that one on the day before."""
        return set(self.trees[root].kind) if root in self.trees else set()

    def followed(self, units: Collection[int]) -> set[int]:
        """What the event makes of those units, where that is known."""
        return {self._becomes[unit] for unit in units if unit in self._becomes}

    def _goes_to(self, tree: Tree, unit: int) -> set[int]:
        """All bodies that the unit lies within on the day; of a proposed event by its moves."""
        # What is said of a practice goes before what is said of its PCN or its location.
        for node in sorted({unit} | tree.above(unit), key=tree.coarseness):
            if parent := self._moves.get(node):
                return {parent, *self._above.get(parent, ())}
        becomes = self._becomes[unit]
        return {becomes, *self._above.get(becomes, ())}
