"""From successions to what is drawn of them: nodes, one a version of a body, and edges between.

Time runs in steps, one for each day on which anything changed, so that 2013 takes no more room
than 2026. A node lives through the steps from ``first`` to ``last``.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from ..lives import Lives
from ..models import Succession, Version
from ..shares import DERIVED
from ..written import day_in_full, share

BESIDE = 40  # bodies that pass into one, or out of one, and can still be told apart
SHOWN = 36  # of more than that: the first are drawn, the rest as one


@dataclass
class Node:
    """A version of a body, or several of them folded into one."""

    version: Version
    first: int
    last: int
    folded: list[Version] = field(default_factory=list)
    inward: list["Edge"] = field(default_factory=list)
    outward: list["Edge"] = field(default_factory=list)
    size: float = 0
    height: float = 0
    y: float | None = None

    @property
    def code(self) -> str:
        return self.version.organisation.code

    @property
    def middle(self):
        return self.y + self.height / 2


@dataclass(eq=False)
class Edge:
    """What passes from one node to another in a step; ``share`` of the older one, below 0 where
    it is not known. A ``line`` has no width: statutory functions have no area."""

    old: Node
    new: Node
    step: int
    share: float
    label: str
    says: str
    css: str
    line: bool = False

    @property
    def size(self):
        return 0 if self.line else self.share * self.old.size


@dataclass
class Graph:
    nodes: list[Node]
    edges: list[Edge]
    days: list[date]


def graph_of(
    successions: Iterable[Succession], lives: Lives, subjects: Collection[int]
) -> Graph | None:
    """The nodes and edges of these successions; None where nothing passes."""
    successions = [row for row in successions if row.successor_id is not None]
    versions: dict[int, Version] = {}
    links: list[tuple] = []  # (version before, version after, day, succession or None)
    for row in successions:
        day = row.reorganisation.effective_on
        if row.predecessor_id == row.successor_id:
            continue  # a change of nature is two versions of one code: found below
        old, new = lives.before(row.predecessor_id, day), lives.near(row.successor_id, day)
        if old and new and old.pk != new.pk:
            versions |= {old.pk: old, new.pk: new}
            links.append((old, new, day, row))
    for old, new in _versions_in_turn(successions, versions.values(), lives, subjects):
        versions |= {version.pk: version for version in (old, new) if version}
        if old and new and old.closed_on is not None and old.closed_on == new.opened_on:
            links.append((old, new, old.closed_on, None))
    if not links:
        return None

    days = sorted({day for _, _, day, _ in links})
    own: dict[int, list[tuple]] = defaultdict(list)
    for link in links:
        own[link[0].pk].append(link)
        own[link[1].pk].append(link)
    nodes = {pk: _pieces(version, own[pk], days) for pk, version in versions.items()}
    edges = [
        _edge(_ending(nodes[old.pk], days, day), _starting(nodes[new.pk], days, day), days, day, r)
        for old, new, day, r in links
    ]
    given = defaultdict(float)
    for edge in edges:
        given[id(edge.old)] += max(edge.share, 0)
    for pieces in nodes.values():
        for one, other in pairwise(pieces):
            edges.append(_going_on(one, other, given[id(one)]))
    nodes = [node for pieces in nodes.values() for node in pieces]
    _join(edges)
    nodes, edges = _folded(nodes, edges, subjects)
    nodes.sort(key=lambda n: (n.first, n.code))
    _share_out_unknown(nodes)
    return Graph(nodes, edges, days)


def _join(edges: list[Edge]):
    for edge in sorted(edges, key=lambda edge: edge.step):
        edge.old.outward.append(edge)
        edge.new.inward.append(edge)


def _versions_in_turn(successions, versions, lives: Lives, subjects):
    """Pairs of versions of one code that follow on one another, as far as the picture needs them:
    all of a subject, those between two that are drawn, and those around a change of nature.
    """
    natures = {
        (row.predecessor_id, row.reorganisation.effective_on)
        for row in successions
        if row.becomes_id
    }
    drawn: dict[int, set[int]] = defaultdict(set)
    for version in versions:
        drawn[version.organisation_id].add(version.pk)
    for key in {*drawn, *subjects, *(key for key, _ in natures)}:
        known = lives.of(key)
        places = [n for n, v in enumerate(known) if key in subjects or v.pk in drawn[key]]
        for n, (one, _) in enumerate(pairwise(known)):
            if (key, one.closed_on) in natures:
                places += [n, n + 1]
        chosen = known[min(places) : max(places) + 1] if places else []
        if len(chosen) == 1:
            yield chosen[0], None
        yield from pairwise(chosen)


def _pieces(version: Version, links, days: list[date]) -> list[Node]:
    """A version as nodes: cut where it gains or gives without beginning or ending itself.

    ``links`` are those that lead to it or from it.
    """
    cuts = {
        day
        for old, new, day, _ in links
        if (new.pk == version.pk and (version.opened_on is None or version.opened_on < day))
        or (old.pk == version.pk and (version.closed_on is None or version.closed_on > day))
    }
    first = bisect_right(days, version.opened_on) if version.opened_on else 0
    last = bisect_left(days, version.closed_on) if version.closed_on else len(days)
    # What is not decided has closed nothing. The picture shows it as it would be.
    last = min([last, *(bisect_left(days, day) for day in _ends_if_decided(version, links))])
    ends = sorted(step for step in (bisect_left(days, day) for day in cuts) if step < last)
    starts = [first, *(step + 1 for step in ends)]
    return [
        Node(version, start, max(start, end))
        for start, end in zip(starts, [*ends, last], strict=True)
    ]


def _ends_if_decided(version: Version, links) -> list[date]:
    return [
        day
        for old, _, day, row in links
        if old.pk == version.pk
        and row is not None
        and row.passes == Succession.Passes.AREA
        and not row.reorganisation.is_decided
    ]


def _ending(pieces: list[Node], days, day: date) -> Node:
    """The node of a version from which something passes on that day."""
    step = bisect_left(days, day)
    return next((node for node in pieces if node.last == step), pieces[-1])


def _starting(pieces: list[Node], days, day: date) -> Node:
    """The node of a version into which something passes on that day."""
    step = bisect_left(days, day)
    return next((node for node in pieces if node.first == step + 1), pieces[0])


def _going_on(one: Node, other: Node, given: float) -> Edge:
    """What stays with a body that gives a part of itself, or gains another."""
    return Edge(one, other, one.last, max(1 - given, 0.04), "", f"{one.code} goes on", "flow-same")


def _edge(old: Node, new: Node, days, day: date, row: Succession | None) -> Edge:
    step = bisect_left(days, day)
    if row is None:
        says = f"{old.code} becomes {new.version.kind}"
        if old.version.kind_id == new.version.kind_id:
            says = f"{old.code} is called {new.version.name}"
        return Edge(old, new, step, 1, "", f"{says}, {day_in_full(day)}", "flow-same")
    event, codes = row.reorganisation, f"{old.code} → {new.code}"
    css = "flow-decided" if event.is_decided else "flow-undecided"
    undecided = "" if event.is_decided else f", {event.get_state_display().lower()}: not decided"
    if row.passes == Succession.Passes.FUNCTIONS:
        says = f"{codes}: statutory functions, {day_in_full(day)}{undecided}"
        return Edge(old, new, step, 0, "", says, f"flow-functions {css}", line=True)
    derived = f" ({DERIVED})" if getattr(row, "is_derived", False) else ""
    says = f"{codes}: {share(row.share)}{derived}, {day_in_full(day)}{undecided}"
    if row.share is None:
        return Edge(old, new, step, -1, "?", says, f"{css} flow-unknown")
    label = share(row.share) if row.share < 1 else ""
    return Edge(old, new, step, float(row.share), label, says, css)


def _folded(nodes: list[Node], edges: list[Edge], subjects) -> tuple[list[Node], list[Edge]]:
    """Draw the first of very many bodies that do nothing else here, and the rest as one."""
    groups: dict[tuple, list[Edge]] = defaultdict(list)
    for edge in edges:
        if edge.css == "flow-same":
            continue
        for one, other, is_old in ((edge.old, edge.new, True), (edge.new, edge.old, False)):
            alone = len(one.inward) + len(one.outward) == 1
            if alone and one.version.organisation_id not in subjects:
                groups[id(other), edge.step, edge.css, is_old].append(edge)
    gone: set[int] = set()
    added: list[tuple[Node, Edge]] = []
    for (*_, is_old), together in groups.items():
        if len(together) <= BESIDE:
            continue
        rest = sorted(together, key=lambda e: (e.old if is_old else e.new).code)[SHOWN:]
        ends = [edge.old if is_old else edge.new for edge in rest]
        gone |= {id(thing) for thing in (*ends, *rest)}
        first = rest[0]
        node = Node(
            ends[0].version,
            min(end.first for end in ends),
            max(end.last for end in ends),
            folded=[end.version for end in ends],
        )
        known = [edge.share for edge in rest if edge.share > 0]
        # Of many into one each passes whole: the fold is one more. Of one into many: their sum.
        part = 1.0 if is_old else sum(known) if len(known) == len(rest) else -1.0
        edge = Edge(
            node if is_old else first.old,
            first.new if is_old else node,
            first.step,
            0 if first.line else part,
            "",
            f"{len(rest)} more",
            first.css,
            line=first.line,
        )
        added.append((node, edge))
    if not gone:
        return nodes, edges
    nodes = [node for node in nodes if id(node) not in gone]
    for node in nodes:
        node.inward = [edge for edge in node.inward if id(edge) not in gone]
        node.outward = [edge for edge in node.outward if id(edge) not in gone]
    _join([edge for _, edge in added])
    kept = [edge for edge in edges if id(edge) not in gone]
    return [*nodes, *(node for node, _ in added)], [*kept, *(edge for _, edge in added)]


def _share_out_unknown(nodes: Iterable[Node]):
    """Where shares are not known, what is left is drawn in equal parts, and marked unknown."""
    for node in nodes:
        areas = [edge for edge in node.outward if not edge.line]
        unknown = [edge for edge in areas if edge.share < 0]
        left = max(0.0, 1 - sum(edge.share for edge in areas if edge.share > 0))
        for edge in unknown:
            edge.share = (left or 1) / len(unknown)
