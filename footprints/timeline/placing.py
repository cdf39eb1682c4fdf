"""Where each node stands: what flows together stands together, and nothing lies on anything."""

from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from .nodes import Graph, Node

HEAD, EDGE = 26, 2
ROUNDS = 60
FULL = 12  # so many boxes one above the other have room for two lines of text


class Manner(NamedTuple):
    """How much room a body has, in pixels; whether its code and name stand in one line."""

    unit: int
    gap: int
    is_dense: bool


ROOMY, DENSE = Manner(38, 8, False), Manner(20, 4, True)


def place(graph: Graph, subjects) -> Manner:
    """Give each node its height and its place; return the manner in which they fit."""
    nodes = graph.nodes
    manner = DENSE if max(map(len, _steps(nodes).values())) > FULL else ROOMY
    done: set[int] = set()
    for node in nodes:
        _measure(node, manner, done)
    top = HEAD + EDGE
    for group in _together(nodes):
        _stack(group, subjects, manner)
        _part(group, manner)
        highest = min(node.y for node in group)
        for node in group:
            node.y += top - highest
        top = max(node.y + node.height for node in group) + 3 * manner.gap
    return manner


def _measure(node: Node, manner: Manner, done: set[int]):
    """How tall a body is: what came to it; one unit of its own where nothing did."""
    if id(node) in done:
        return
    done.add(id(node))
    for edge in node.inward:
        _measure(edge.old, manner, done)
    node.size = sum(edge.size for edge in node.inward if not edge.line) or manner.unit
    node.height = max(node.size, manner.unit)


def _steps(nodes: list[Node]) -> dict[int, list[Node]]:
    """Step → the nodes that live in it."""
    steps = defaultdict(list)
    for node in nodes:
        for step in range(node.first, node.last + 1):
            steps[step].append(node)
    return steps


def _together(nodes: list[Node]) -> list[list[Node]]:
    """The nodes in groups between which nothing flows, the widest bodies first."""
    groups, seen = [], set()
    for start in nodes:
        group, waiting = [], [start]
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            group.append(node)
            waiting += [edge.old for edge in node.inward] + [edge.new for edge in node.outward]
        if group:
            groups.append(sorted(group, key=lambda n: (n.first, n.code)))
    return sorted(groups, key=lambda group: min(node.version.kind.tier for node in group))


def _stack(nodes: list[Node], subjects, manner: Manner):
    """Put predecessors one below the other, and what comes of them halfway beside them."""
    cursor = 0.0

    def behind(node: Node):
        nonlocal cursor
        if node.y is not None:
            return
        node.y = cursor  # holds its place while those before it are placed
        # Those that flow on elsewhere too come last, next to the body they also flow into; and
        # of those alike, what is folded stands under what is drawn.
        for edge in sorted(
            node.inward,
            key=lambda e: (
                e.line,
                e.old.version.kind.tier,
                len(e.old.outward),
                bool(e.old.folded),
                e.old.code,
            ),
        ):
            behind(edge.old)
        if node.inward:
            # Beside what its area came from; functions alone pull it nowhere.
            came = [edge for edge in node.inward if not edge.line] or node.inward
            weights = [(edge.old.middle, edge.size or 1) for edge in came]
            total = sum(weight for _, weight in weights)
            node.y = sum(middle * weight for middle, weight in weights) / total - node.height / 2
        else:
            cursor = node.y + node.height + manner.gap

    starts = [n for n in nodes if n.version.organisation_id in subjects] or _ends(nodes)
    for node in starts:
        behind(node)
    waiting = list(starts)
    while waiting:
        node = waiting.pop(0)
        ahead = list({id(e.new): e.new for e in node.outward if e.new.y is None}.values())
        ahead.sort(key=lambda n: bool(n.folded))
        top = node.middle - (sum(n.height for n in ahead) + manner.gap * (len(ahead) - 1)) / 2
        for other in ahead:
            other.y = top
            top += other.height + manner.gap
        waiting.extend(ahead)
    for node in nodes:
        behind(node)


def _ends(nodes: list[Node]) -> list[Node]:
    """The bodies from which nothing flows on, those that share a predecessor side by side."""
    ends = [n for n in nodes if not n.outward]
    shared = {
        id(n): {id(e.old) for e in n.inward if len({id(o.new) for o in e.old.outward}) > 1}
        for n in ends
    }
    rest = sorted(ends, key=lambda n: (n.version.kind.tier, len(shared[id(n)]), n.code))
    ordered: list[Node] = []
    while rest:
        beside = [n for n in rest if ordered and shared[id(n)] & shared[id(ordered[-1])]]
        chosen = (beside or rest)[0]
        rest.remove(chosen)
        ordered.append(chosen)
    return ordered


def _part(nodes: list[Node], manner: Manner):
    """Push boxes down until no two that live in one step lie on one another."""
    columns = list(_steps(nodes).values())
    for _ in range(ROUNDS):
        moved = False
        for column in columns:
            column.sort(key=lambda n: (n.y, n.code))
            for above, below in pairwise(column):
                free = above.y + above.height + manner.gap
                if below.y < free - 0.01:
                    below.y = free
                    moved = True
        if not moved:
            break
