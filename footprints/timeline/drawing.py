"""Successions drawn as a flow, from left to right in time. Geometry alone: no database, no HTML.

A box is one version of a body; a band is what passes from one to the next, as wide as the share
that passes. Every body at a left end is as tall as every other: a band's width says which part of
its predecessor it is, never how many people. Time runs in steps, one for each day on which
anything changed, so that 2013 takes no more room than 2026.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from django.db.models import Q
from django.db.models.expressions import RawSQL

from ..lives import Lives, brief
from ..models import Reorganisation, Succession, Version
from ..written import day_in_full, day_in_short, share

# In pixels: the picture is drawn at its own size, and scrolls in its box where that is narrower.
BOX, STEP = 196, 104  # the width of a box, and of the room in which bands pass
UNIT, GAP, HEAD, EDGE = 38, 8, 26, 2
FUNCTIONS = 3  # statutory functions have no area: a thin line, however many pass
LETTERS = 25  # of a name fit in a box
ROUNDS = 60


@dataclass(frozen=True)
class Box:
    """One version of a body; its life is said in words, for the title."""

    x: float
    y: float
    width: float
    height: float
    code: str
    kind: str
    name: str
    says: str
    address: str
    is_subject: bool
    is_provisional: bool

    @property
    def text_x(self):
        return self.x + 9

    @property
    def code_y(self):
        return round(self.y + self.height / 2 - 4, 1)

    @property
    def name_y(self):
        return round(self.y + self.height / 2 + 11, 1)


@dataclass(frozen=True)
class Band:
    """What passes: a filled shape for an area, a line for statutory functions."""

    path: str
    label: str
    label_x: float
    label_y: float
    says: str
    css: str


@dataclass(frozen=True)
class Mark:
    """A day on which something changed."""

    x: float
    day: date
    label: str


@dataclass(frozen=True)
class Picture:
    boxes: list[Box]
    bands: list[Band]
    marks: list[Mark]
    width: int
    height: int


@dataclass
class _Node:
    version: Version
    first: int  # the steps between the days through which it lives
    last: int
    inward: list["_Edge"] = field(default_factory=list)
    outward: list["_Edge"] = field(default_factory=list)
    size: float = 0
    y: float | None = None

    @property
    def height(self):
        return max(self.size, UNIT)

    @property
    def middle(self):
        return self.y + self.height / 2


@dataclass(eq=False)
class _Edge:
    old: _Node
    new: _Node
    step: int
    share: float
    label: str
    says: str
    css: str
    line: bool = False

    @property
    def size(self):
        return FUNCTIONS if self.line else self.share * self.old.size


def draw(
    successions: Iterable[Succession], lives: Lives, subjects: Collection[int] = ()
) -> Picture | None:
    """The flow of these successions; None where nothing passes.

    ``lives`` knows every body named; each succession has its ``reorganisation`` at hand.
    ``subjects`` are the bodies the page is about: all their versions are drawn.
    """
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
    nodes = {pk: _pieces(version, links, days) for pk, version in versions.items()}
    edges = [
        _edge(_ending(nodes[old.pk], days, day), _starting(nodes[new.pk], days, day), days, day, r)
        for old, new, day, r in links
    ]
    for pieces in nodes.values():
        for one, other in pairwise(pieces):
            edges.append(_going_on(one, other, edges))
    for edge in sorted(edges, key=lambda edge: edge.step):
        edge.old.outward.append(edge)
        edge.new.inward.append(edge)
    drawn = [node for pieces in nodes.values() for node in pieces]
    _share_out_unknown(drawn)
    done: set[int] = set()
    for node in drawn:
        _measure(node, done)
    drawn.sort(key=lambda n: (n.first, n.version.organisation.code))
    _place(drawn, subjects)
    return _picture(drawn, edges, days, subjects)


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


def _pieces(version: Version, links, days: list[date]) -> list[_Node]:
    """A version as boxes: cut where it gains or gives without beginning or ending itself."""
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
        _Node(version, start, max(start, end))
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


def _ending(pieces: list[_Node], days, day: date) -> _Node:
    """The box of a version from which something passes on that day."""
    step = bisect_left(days, day)
    return next((node for node in pieces if node.last == step), pieces[-1])


def _starting(pieces: list[_Node], days, day: date) -> _Node:
    """The box of a version into which something passes on that day."""
    step = bisect_left(days, day)
    return next((node for node in pieces if node.first == step + 1), pieces[0])


def _going_on(one: _Node, other: _Node, edges: list["_Edge"]) -> "_Edge":
    """What stays with a body that gives a part of itself, or gains another."""
    given = sum(edge.share for edge in edges if edge.old is one and edge.share > 0)
    says = f"{one.version.organisation.code} goes on"
    return _Edge(one, other, one.last, max(1 - given, 0.04), "", says, "flow-same")


def _edge(old: _Node, new: _Node, days, day: date, row: Succession | None) -> _Edge:
    step = bisect_left(days, day)
    codes = f"{old.version.organisation.code} → {new.version.organisation.code}"
    if row is None:
        says = f"{old.version.organisation.code} becomes {new.version.kind}"
        if old.version.kind_id == new.version.kind_id:
            says = f"{old.version.organisation.code} is called {new.version.name}"
        return _Edge(old, new, step, 1, "", f"{says}, {day_in_full(day)}", "flow-same")
    event = row.reorganisation
    css = "flow-decided" if event.is_decided else "flow-undecided"
    undecided = "" if event.is_decided else f", {event.get_state_display().lower()}: not decided"
    if row.passes == Succession.Passes.FUNCTIONS:
        says = f"{codes}: statutory functions, {day_in_full(day)}{undecided}"
        return _Edge(old, new, step, 0, "", says, f"flow-functions {css}", line=True)
    says = f"{codes}: {share(row.share)}, {day_in_full(day)}{undecided}"
    if row.share is None:
        return _Edge(old, new, step, -1, "?", says, f"{css} flow-unknown")
    label = share(row.share) if row.share < 1 else ""
    return _Edge(old, new, step, float(row.share), label, says, css)


def _share_out_unknown(nodes: Iterable[_Node]):
    """Where shares are not known, what is left is drawn in equal parts, and marked unknown."""
    for node in nodes:
        areas = [edge for edge in node.outward if not edge.line]
        unknown = [edge for edge in areas if edge.share < 0]
        left = max(0.0, 1 - sum(edge.share for edge in areas if edge.share > 0))
        for edge in unknown:
            edge.share = (left or 1) / len(unknown)


def _measure(node: _Node, done: set[int]):
    """How tall a body is: what came to it; one unit of its own where nothing did."""
    if id(node) in done:
        return
    done.add(id(node))
    for edge in node.inward:
        _measure(edge.old, done)
    node.size = sum(edge.size for edge in node.inward if not edge.line) or UNIT


def _place(nodes: list[_Node], subjects):
    """Give each box its height on the page: what flows together stands together."""
    top = HEAD + EDGE
    for group in _together(nodes):
        _stack(group, subjects)
        _part(group)
        highest = min(node.y for node in group)
        for node in group:
            node.y += top - highest
        top = max(node.y + node.height for node in group) + 3 * GAP


def _together(nodes: list[_Node]) -> list[list[_Node]]:
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
            groups.append(sorted(group, key=lambda n: (n.first, n.version.organisation.code)))
    return sorted(groups, key=lambda group: min(node.version.kind.tier for node in group))


def _stack(nodes: list[_Node], subjects):
    """Put predecessors one below the other, and what comes of them halfway beside them."""
    cursor = 0.0

    def behind(node: _Node):
        nonlocal cursor
        if node.y is not None:
            return
        node.y = cursor  # holds its place while those before it are placed
        # Those that flow on elsewhere too come last, next to the body they also flow into.
        for edge in sorted(
            node.inward,
            key=lambda e: (
                e.line,
                e.old.version.kind.tier,
                len(e.old.outward),
                e.old.version.organisation.code,
            ),
        ):
            behind(edge.old)
        if node.inward:
            # Beside what its area came from; functions alone pull it nowhere.
            came = [edge for edge in node.inward if not edge.line] or node.inward
            weight = sum(edge.size for edge in came)
            node.y = sum(edge.old.middle * edge.size for edge in came) / weight - node.height / 2
        else:
            cursor = node.y + node.height + GAP

    starts = [n for n in nodes if n.version.organisation_id in subjects] or _ends(nodes)
    for node in starts:
        behind(node)
    waiting = list(starts)
    while waiting:
        node = waiting.pop(0)
        ahead = list({id(e.new): e.new for e in node.outward if e.new.y is None}.values())
        top = node.middle - (sum(n.height for n in ahead) + GAP * (len(ahead) - 1)) / 2
        for other in ahead:
            other.y = top
            top += other.height + GAP
        waiting.extend(ahead)
    for node in nodes:
        behind(node)


def _ends(nodes: list[_Node]) -> list[_Node]:
    """The bodies from which nothing flows on, those that share a predecessor side by side."""
    ends = [n for n in nodes if not n.outward]
    shared = {
        id(n): {id(e.old) for e in n.inward if len({id(o.new) for o in e.old.outward}) > 1}
        for n in ends
    }
    rest = sorted(
        ends,
        key=lambda n: (n.version.kind.tier, len(shared[id(n)]), n.version.organisation.code),
    )
    ordered: list[_Node] = []
    while rest:
        beside = [n for n in rest if ordered and shared[id(n)] & shared[id(ordered[-1])]]
        chosen = (beside or rest)[0]
        rest.remove(chosen)
        ordered.append(chosen)
    return ordered


def _part(nodes: list[_Node]):
    """Push boxes down until no two that live in one step lie on one another."""
    steps = defaultdict(list)
    for node in nodes:
        for step in range(node.first, node.last + 1):
            steps[step].append(node)
    for _ in range(ROUNDS):
        moved = False
        for column in steps.values():
            column.sort(key=lambda n: (n.y, n.version.organisation.code))
            for above, below in pairwise(column):
                free = above.y + above.height + GAP
                if below.y < free - 0.01:
                    below.y = free
                    moved = True
        if not moved:
            break


def _left(step: int) -> int:
    return EDGE + step * (BOX + STEP)


def _picture(nodes: list[_Node], edges: list[_Edge], days, subjects) -> Picture:
    starts, ends = {}, {}
    for node in nodes:
        _attach(node, node.outward, starts, key=lambda edge: edge.new.middle)
        _attach(node, node.inward, ends, key=lambda edge: edge.old.middle)
    bands = [_band(edge, starts[edge], ends[edge]) for edge in edges]
    # Lines last, over the areas they would be lost beneath.
    bands.sort(key=lambda band: "flow-functions" in band.css)
    return Picture(
        boxes=[_box(node, subjects) for node in nodes],
        bands=bands,
        marks=[
            Mark(_left(step) + BOX + STEP / 2, day, day_in_short(day))
            for step, day in enumerate(days)
        ],
        width=_left(len(days)) + BOX + EDGE,
        height=round(max(n.y + n.height for n in nodes) + EDGE + 1),
    )


def _attach(node: _Node, edges: list[_Edge], tops: dict, key):
    """Where on the side of its box each band begins or ends: beside each other, by day."""
    by_step = defaultdict(list)
    for edge in edges:
        by_step[edge.step].append(edge)
    for together in by_step.values():
        together.sort(key=key)
        y = node.middle - sum(edge.size for edge in together) / 2
        for edge in together:
            tops[edge] = y
            y += edge.size


def _band(edge: _Edge, start: float, end: float) -> Band:
    x1 = _left(edge.step) + BOX
    x2 = x1 + STEP
    bend, size = STEP / 2, max(edge.size, 1.5)
    a, b = round(start, 1), round(end, 1)
    if edge.line:
        a, b = round(start + size / 2, 1), round(end + size / 2, 1)
        path = f"M{x1} {a}C{x1 + bend} {a} {x2 - bend} {b} {x2} {b}"
    else:
        c, d = round(start + size, 1), round(end + size, 1)
        path = (
            f"M{x1} {a}C{x1 + bend} {a} {x2 - bend} {b} {x2} {b}"
            f"V{d}C{x2 - bend} {d} {x1 + bend} {c} {x1} {c}Z"
        )
    middle = (start + end + size) / 2
    return Band(path, edge.label, x1 + bend, round(middle, 1), edge.says, edge.css)


def _box(node: _Node, subjects) -> Box:
    version = node.version
    name = brief(version)
    return Box(
        x=_left(node.first),
        y=round(node.y, 1),
        width=_left(node.last) + BOX - _left(node.first),
        height=round(node.height, 1),
        code=version.organisation.code,
        kind=version.kind.name,
        name=name if len(name) <= LETTERS else f"{name[: LETTERS - 1].rstrip(' ,')}…",
        says=version.name,
        address=version.get_absolute_url(),
        is_subject=version.organisation_id in subjects,
        is_provisional=version.organisation.is_provisional,
    )


# --- Which successions a body's picture holds ---------------------------------------------------

# Backwards from the body and forwards from it, along the areas that pass; and the functions that
# the body itself gave or took. A code that becomes another kind of body leads nowhere else.
FLOWS_OF = """
WITH RECURSIVE passing AS (
    SELECT s.id, s.predecessor_id, s.successor_id FROM ({passing}) AS s
), back(id) AS (
    SELECT %s::bigint UNION
    SELECT passing.predecessor_id FROM passing JOIN back ON passing.successor_id = back.id
), ahead(id) AS (
    SELECT %s::bigint UNION
    SELECT passing.successor_id FROM passing JOIN ahead ON passing.predecessor_id = ahead.id
    WHERE passing.successor_id IS NOT NULL
)
SELECT id FROM passing WHERE successor_id IN (SELECT id FROM back)
UNION
SELECT id FROM passing WHERE predecessor_id IN (SELECT id FROM ahead)
"""


def flows_of(key: int, known: int | None = None) -> list[Succession]:
    """The successions that led to a body and on from it, oldest first; one query.

    Undecided ones too, as long as their event stands.
    """
    shown = Succession.objects.known(known).filter(
        ~Q(reorganisation__state__in=Reorganisation.State.dropped())
    )
    passing, params = (
        shown.filter(passes=Succession.Passes.AREA, becomes=None)
        .values("id", "predecessor_id", "successor_id")
        .order_by()
        .query.sql_with_params()
    )
    flows = RawSQL(FLOWS_OF.format(passing=passing), (*params, key, key))
    own = Q(predecessor=key) | Q(successor=key)
    return list(
        shown.filter(Q(pk__in=flows) | own)
        .select_related("reorganisation", "becomes")
        .order_by("reorganisation__effective_on", "reorganisation__title", "passes", "pk")
    )
