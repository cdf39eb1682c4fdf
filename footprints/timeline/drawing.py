"""Successions drawn as a flow, from left to right in time. Geometry alone: no database, no HTML.

A box is one version of a body; a band is what passes from one to the next, as wide as the share
that passes. Every body at a left end is as tall as every other: a band's width says which part of
its predecessor it is, never how many people.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from ..lives import Lives, brief
from ..models import Succession
from ..written import day_in_short
from .nodes import Edge, Graph, Node, graph_of
from .placing import EDGE, Manner, place

# In pixels: the picture is drawn at its own size, and scrolls in its box where that is narrower.
# The width of a box, and of the room in which bands pass, by the number of days: up to four
# reorganisations fit a page.
WIDTHS = {1: (196, 104), 2: (196, 104), 3: (148, 76)}
NARROWEST = (128, 44)
LETTER, MONO, SMALL = 6.9, 7.4, 5.9  # the width of a letter of a name, of a code, of a kind
LINE = 1.5  # statutory functions have no area: a thin line, however many pass


@dataclass(frozen=True)
class Box:
    """One version of a body; its name and kind are said in full for the title.

    ``folded`` of so many bodies is no link: a list beside the picture names them.
    """

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
    is_dense: bool = False
    folded: int = 0

    @property
    def text_x(self):
        return self.x + 9

    @property
    def name_x(self):
        return self.text_x + round(len(self.code) * MONO + 9) if self.is_dense else self.text_x

    @property
    def code_y(self):
        return round(self.y + self.height / 2 + (4 if self.is_dense else -4), 1)

    @property
    def name_y(self):
        return round(self.y + self.height / 2 + (4 if self.is_dense else 11), 1)


@dataclass(frozen=True)
class Band:
    """What passes: a filled shape for an area, a line for statutory functions."""

    path: str
    label: str
    label_x: float
    label_y: float
    says: str
    css: str

    @property
    def is_hatched(self) -> bool:
        return "flow-unknown" in self.css


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

    @property
    def has_unknown(self) -> bool:
        """Whether any share is drawn that nobody knows."""
        return any(band.is_hatched for band in self.bands)

    @property
    def folded(self) -> int:
        """How many bodies are drawn as one with others."""
        return sum(box.folded for box in self.boxes)


def draw(
    successions: Iterable[Succession], lives: Lives, subjects: Collection[int] = ()
) -> Picture | None:
    """The flow of these successions; None where nothing passes.

    ``lives`` knows every body named; each succession has its ``reorganisation`` at hand.
    ``subjects`` are the bodies the page is about: all their versions are drawn.
    """
    graph = graph_of(successions, lives, subjects)
    if graph is None:
        return None
    manner = place(graph, subjects)
    return _picture(graph, subjects, manner, _Ruler(*WIDTHS.get(len(graph.days), NARROWEST)))


@dataclass(frozen=True)
class _Ruler:
    """Where a step begins, from left to right."""

    box: int
    step: int

    def left(self, step: int) -> int:
        return EDGE + step * (self.box + self.step)

    def right(self, step: int) -> int:
        return self.left(step) + self.box


def _picture(graph: Graph, subjects, manner: Manner, ruler: _Ruler) -> Picture:
    starts, ends = {}, {}
    for node in graph.nodes:
        _attach(node, node.outward, starts, key=lambda edge: edge.new.middle)
        _attach(node, node.inward, ends, key=lambda edge: edge.old.middle)
    bands = [_band(edge, starts[edge], ends[edge], ruler) for edge in graph.edges]
    # Lines last, over the areas they would be lost beneath.
    bands.sort(key=lambda band: "flow-functions" in band.css)
    return Picture(
        boxes=[_box(node, subjects, manner, ruler) for node in graph.nodes],
        bands=bands,
        marks=[
            Mark(ruler.right(step) + ruler.step / 2, day, day_in_short(day))
            for step, day in enumerate(graph.days)
        ],
        width=ruler.right(len(graph.days)) + EDGE,
        height=round(max(n.y + n.height for n in graph.nodes) + EDGE + 1),
    )


def _attach(node: Node, edges: list[Edge], tops: dict, key):
    """Where on the side of its box each band begins or ends: beside each other, by day."""
    by_step = defaultdict(list)
    for edge in edges:
        by_step[edge.step].append(edge)
    for together in by_step.values():
        together.sort(key=key)
        y = node.middle - sum(_width(edge) for edge in together) / 2
        for edge in together:
            tops[edge] = y
            y += _width(edge)


def _width(edge: Edge) -> float:
    return 2 * LINE if edge.line else edge.size


def _band(edge: Edge, start: float, end: float, ruler: _Ruler) -> Band:
    x1 = ruler.right(edge.step)
    x2 = x1 + ruler.step
    bend, size = ruler.step / 2, max(_width(edge), LINE)
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


def _box(node: Node, subjects, manner: Manner, ruler: _Ruler) -> Box:
    version = node.version
    width = ruler.right(node.last) - ruler.left(node.first)
    code, name, says = node.code, brief(version), version.name
    if node.folded:
        code, name = f"+{len(node.folded)}", "more: see the list"
        says = ", ".join(version.organisation.code for version in node.folded)
    else:
        says = f"{says}, {version.kind}"
    room = width - 18 - (len(code) * MONO + 9 if manner.is_dense else 0)
    letters = int(room / LETTER)
    kind = "" if node.folded or manner.is_dense else version.kind.name
    if len(code) * MONO + len(kind) * SMALL + 25 > width:
        kind = ""
    return Box(
        x=ruler.left(node.first),
        y=round(node.y, 1),
        width=width,
        height=round(node.height, 1),
        code=code,
        kind=kind,
        name=name if len(name) <= letters else f"{name[: letters - 1].rstrip(' ,')}…",
        says=says,
        address="" if node.folded else version.get_absolute_url(),
        is_subject=version.organisation_id in subjects,
        is_provisional=version.organisation.is_provisional,
        is_dense=manner.is_dense,
        folded=len(node.folded),
    )
