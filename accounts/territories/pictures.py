"""A plan's tile map: each unit a square, each territory a fill, an outline and a label.

Worked out here as numbers and class names; the template draws them as SVG. The label identifies a
territory; the fill only sets it apart from its neighbours, so eight fills serve any number.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from footprints.tiles import TileMap

from ..models import Territory
from .colours import fill_of

SIDE = 40  # of a square, in units of the drawing; SQUARE says it too
NOBODYS = {"free": "no territory"}  # what a square's title says where nobody has it
FILLS = 8  # classes tile-1 to tile-8 of plans.css; neighbours never share one where that can be


@dataclass(frozen=True)
class Square:
    """One unit on the drawing: its corner, its code and name, and whose it is."""

    x: int
    y: int
    code: str
    name: str
    territory: Territory | None
    fill: str


SQUARE = (
    "<title>{} {}\n{}</title>"
    '<rect class="tile {}" x="{}" y="{}" width="40" height="40"/>'
    '<text class="tile-code" x="{}" y="{}">{}</text>'
)


def squares_as_svg(
    squares: Iterable[Square], address: Callable[[Square], str | None]
) -> SafeString:
    """The squares, each in a link where `address` gives one; out of the way of the Tab key.

    Joined here and not in the template: 200 squares took it 60 ms, and take 3 so.
    """
    parts = []
    for square in squares:
        whose = str(square.territory) if square.territory else NOBODYS.get(square.fill, "")
        drawn = format_html(
            SQUARE,
            square.code,
            square.name,
            whose,
            square.fill,
            square.x,
            square.y,
            square.x + SIDE // 2,
            square.y + SIDE - 7,
            square.code,
        )
        href = address(square)
        if href:
            parts.append(format_html('<a href="{}" tabindex="-1">{}</a>', href, drawn))
        else:
            parts.append(format_html("<g>{}</g>", drawn))
    return mark_safe("".join(parts))


@dataclass(frozen=True)
class Label:
    """A territory's code, once for each patch of squares that hang together."""

    x: int
    y: int
    text: str
    is_long: bool


@dataclass(frozen=True)
class Picture:
    """What the template draws.

    `outline` is the path round every territory; `fills` is territory key → class, for those that
    have a square; `free` counts the squares that nobody has.
    """

    squares: list[Square]
    labels: list[Label]
    outline: str
    fills: dict[int, str]
    free: int
    width: int
    height: int
    unplaced: tuple
    is_too_big: bool
    is_of_boundaries: bool = field(default=False, init=False)


def draw(
    tile_map: TileMap,
    held: Mapping[int, Territory],
    *,
    highlighted: Territory | None = None,
    unknown: str = "free",
) -> Picture:
    """Draw a map of units by `held` (organisation key → territory).

    With `highlighted`, only that territory is filled and labelled. `unknown` is the class of the
    squares that nobody in `held` has: "free" where that is a gap, "land" where it is not ours to
    say.
    """
    whose = {(tile.column, tile.row): held.get(tile.organisation_id) for tile in tile_map.tiles}
    fills = fills_of(_neighbours(whose), {territory.pk: territory for territory in held.values()})
    squares = []
    for tile in tile_map.tiles:
        territory = whose[tile.column, tile.row]
        if territory is None:
            fill = unknown
        elif highlighted is not None:
            fill = "ours" if territory == highlighted else "others"
        else:
            fill = fills[territory.pk]
        x, y = tile.column * SIDE, tile.row * SIDE
        squares.append(Square(x, y, tile.code, tile.name, territory, fill))
    shown = {territory.pk for territory in whose.values() if territory}
    return Picture(
        squares=squares,
        labels=_labels(whose, highlighted),
        outline=_outline(whose, highlighted),
        fills={key: fill for key, fill in fills.items() if key in shown},
        free=sum(territory is None for territory in whose.values()),
        width=tile_map.columns * SIDE,
        height=tile_map.rows * SIDE,
        unplaced=tile_map.unplaced,
        is_too_big=tile_map.is_too_big,
    )


def _beside(cell):
    column, row = cell
    return (column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1)


def _around(cell):
    column, row = cell
    return [(column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]


def _neighbours(whose):
    """Territory key → the keys of those with a square beside one of its own."""
    neighbours = defaultdict(set)
    for cell, territory in whose.items():
        if territory is None:
            continue
        for other in filter(None, map(whose.get, _around(cell))):
            if other != territory:
                neighbours[territory.pk].add(other.pk)
    return neighbours


def fills_of(
    neighbours: Mapping[int, set[int]], territories: Mapping[int, Territory]
) -> dict[int, str]:
    """Return territory key → class: its own colour's, else the fill least used that no neighbour
    has yet."""
    fills, used = {}, Counter()
    for territory in territories.values():
        if fill := fill_of(territory.colour):
            fills[territory.pk] = int(fill.removeprefix("tile-"))
            used[fills[territory.pk]] += 1
    for territory in sorted(territories.values(), key=lambda t: (t.position, t.code)):
        if territory.pk in fills:
            continue
        near = {fills[key] for key in neighbours.get(territory.pk, ()) if key in fills}
        free = [n for n in range(1, FILLS + 1) if n not in near] or range(1, FILLS + 1)
        fills[territory.pk] = min(free, key=lambda n: (used[n], n))
        used[fills[territory.pk]] += 1
    return {key: f"tile-{number}" for key, number in fills.items()}


def abbreviated(code: str) -> str:
    """A territory's code as a label has room for it."""
    return code if len(code) <= 7 else f"{code[:6]}…"


def _labels(whose, highlighted):
    """Label each patch on the square nearest its middle; patches of one square only if alone."""
    patches, seen = [], set()
    for cell in sorted(whose, key=lambda cell: (cell[1], cell[0])):
        territory = whose[cell]
        if territory is None or cell in seen:
            continue
        if highlighted is not None and territory != highlighted:
            continue
        patch, frontier = [], [cell]
        seen.add(cell)
        while frontier:
            here = frontier.pop()
            patch.append(here)
            for near in _beside(here):
                if near not in seen and whose.get(near) == territory:
                    seen.add(near)
                    frontier.append(near)
        patches.append((territory, patch))
    labels = []
    for territory, patch in patches:
        east = sum(column for column, _ in patch) / len(patch)
        south = sum(row for _, row in patch) / len(patch)
        column, row = min(
            patch, key=lambda c: ((c[0] - east) ** 2 + (c[1] - south) ** 2, c[1], c[0])
        )
        text = abbreviated(territory.code)
        labels.append(
            Label(column * SIDE + SIDE // 2, row * SIDE + 17, text, is_long=len(text) > 4)
        )
    return labels


def _outline(whose, highlighted):
    """The edges between squares of different owners, as one SVG path."""

    def owner(cell):
        territory = whose.get(cell)
        if highlighted is not None and territory != highlighted:
            return None
        return territory.pk if territory else None

    edges = []
    for column, row in sorted(whose):
        here = owner((column, row))
        x, y = column * SIDE, row * SIDE
        if here is None:
            continue
        # Each edge between two territories once: the one above or to the left draws it.
        if owner((column, row - 1)) is None:
            edges.append(f"M{x} {y}h{SIDE}")
        if owner((column - 1, row)) is None:
            edges.append(f"M{x} {y}v{SIDE}")
        if owner((column, row + 1)) != here:
            edges.append(f"M{x} {y + SIDE}h{SIDE}")
        if owner((column + 1, row)) != here:
            edges.append(f"M{x + SIDE} {y}v{SIDE}")
    return "".join(edges)
