"""A plan's tile map: each unit a square, each territory a fill, an outline and a label.

More units than can be told apart as squares are dots, each where it lies.

Worked out here as numbers and class names; the template draws them as SVG. The label identifies a
territory; the fill only sets it apart from its neighbours, so eight fills serve any number.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import floor, sqrt

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from footprints.tiles import Spot, TileMap

from ..models import Territory
from .colours import fill_of

SIDE = 40  # of a square, in units of the drawing; SQUARE says it too
BARE = ("land", "others")  # classes of units that a map is not about
NOBODYS = {"free": "no territory"}  # what a square's title says where nobody has it
LETTER, LINE = 9, 13  # what a letter of a label takes, and its height
DRAWN = 700  # units of the drawing that a map of dots takes, on its longer side
FILLS = 8  # classes tile-1 to tile-8 of plans.css; neighbours never share one where that can be


@dataclass(frozen=True)
class Square:
    """One unit on the drawing: its corner, its code and name, and whose it is.

    `says` is what its title adds.
    """

    x: int
    y: int
    code: str
    name: str
    territory: Territory | None
    fill: str
    says: str = ""


SQUARE = (
    "<title>{} {}\n{}</title>"
    '<rect class="tile {}" x="{}" y="{}" width="40" height="40"/>'
    '<text class="tile-code" x="{}" y="{}">{}</text>'
)
DOTS = '<title>{}</title><path class="dot {}" d="{}"/>'


def squares_as_svg(picture: "Picture", address: Callable[[Square], str | None]) -> SafeString:
    """The squares, each in a link where `address` gives one; out of the way of the Tab key. The
    dots of one territory in one fill are one shape and one link, that of the first.

    Joined here and not in the template: 200 squares took it 60 ms, and take 3 so.
    """
    drawn = _dots(picture) if picture.is_of_dots else _squares(picture)
    parts = []
    for square, shape in drawn:
        href = address(square)
        link = '<a href="{}" tabindex="-1">{}</a>' if href else "<g>{1}</g>"
        parts.append(format_html(link, href, shape))
    return mark_safe("".join(parts))


def _squares(picture):
    for square in picture.squares:
        yield (
            square,
            format_html(
                SQUARE,
                square.code,
                square.name,
                title_of(square),
                square.fill,
                square.x,
                square.y,
                square.x + SIDE // 2,
                square.y + SIDE - 7,
                square.code,
            ),
        )


def _dots(picture):
    """The dots of a territory in a fill, as one shape; what nobody fills lies undermost."""
    groups = defaultdict(list)
    for dot in picture.squares:
        groups[dot.fill, dot.territory].append(dot)
    side = picture.dot
    for (fill, territory), dots in sorted(groups.items(), key=lambda group: _depth(*group[0])):
        path = "".join(f"M{dot.x} {dot.y}h{side}v{side}h-{side}z" for dot in dots)
        whose = str(territory) if territory else NOBODYS.get(fill, "")
        yield dots[0], format_html(DOTS, f"{whose}: {len(dots):,}", fill, path)


def _depth(fill, territory):
    return fill not in BARE, fill, territory.pk if territory else 0


def title_of(square) -> str:
    """What the title of a square or an area says below its name: whose it is, and what more."""
    whose = str(square.territory) if square.territory else NOBODYS.get(square.fill, "")
    return "\n".join(filter(None, (whose, square.says)))


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

    `dot` is the side of a unit where it is a dot, else 0. `outline` is the path round every
    territory, where there are squares; `fills` is territory key → class, for those that
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
    dot: int = 0
    is_of_boundaries: bool = field(default=False, init=False)

    @property
    def is_of_dots(self) -> bool:
        """Whether its units are dots, too many for squares."""
        return self.dot > 0


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
    if tile_map.spots:
        return _draw_dots(tile_map, held, highlighted, unknown)
    whose = {(tile.column, tile.row): held.get(tile.organisation_id) for tile in tile_map.tiles}
    fills = fills_of(_neighbours(whose), {territory.pk: territory for territory in held.values()})
    squares = []
    for tile in tile_map.tiles:
        territory = whose[tile.column, tile.row]
        fill = _fill(territory, fills, highlighted, unknown)
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
    )


def _fill(territory, fills, highlighted, unknown):
    if territory is None:
        return unknown
    if highlighted is not None:
        return "ours" if territory == highlighted else "others"
    return fills[territory.pk]


def _draw_dots(tile_map, held, highlighted, unknown):
    spots = tile_map.spots
    wide, high = max(s.east for s in spots), max(s.south for s in spots)
    scale = DRAWN / max(wide, high, 1)
    dot = max(3, min(9, round(0.42 * DRAWN / sqrt(len(spots)))))
    whose = {spot.organisation_id: held.get(spot.organisation_id) for spot in spots}
    near = _near_each_other(spots, whose, 2 * max(wide, high, 1) / sqrt(len(spots)))
    fills = fills_of(near, {territory.pk: territory for territory in held.values()})
    dots, mine = [], defaultdict(list)
    for spot in spots:
        territory = whose[spot.organisation_id]
        x, y = round(spot.east * scale), round(spot.south * scale)
        fill = _fill(territory, fills, highlighted, unknown)
        dots.append(Square(x, y, spot.code, spot.name, territory, fill))
        if territory is not None and highlighted in (None, territory):
            mine[territory].append((x, y))
    shown = {territory.pk for territory in whose.values() if territory}
    return Picture(
        squares=dots,
        labels=_labels_amid(mine),
        outline="",
        fills={key: fill for key, fill in fills.items() if key in shown},
        free=sum(territory is None for territory in whose.values()),
        width=round(wide * scale) + dot,
        height=round(high * scale) + dot,
        unplaced=tile_map.unplaced,
        dot=dot,
    )


def _near_each_other(spots: tuple[Spot, ...], whose, side: float) -> dict[int, set[int]]:
    """Territory key → the keys of those with a unit in the same square of so many metres, or in
    one beside it."""
    cells = defaultdict(set)
    for spot in spots:
        if territory := whose[spot.organisation_id]:
            cells[floor(spot.east / side), floor(spot.south / side)].add(territory.pk)
    neighbours = defaultdict(set)
    for cell, here in cells.items():
        near = here.union(*(cells[other] for other in _around(cell) if other in cells))
        for key in here:
            neighbours[key] |= near - {key}
    return neighbours


def _labels_amid(mine: Mapping[Territory, list[tuple[int, int]]]) -> list[Label]:
    """A label on the dot nearest the middle of each territory; where two would lie on each other,
    the one that has more."""
    labels = []
    for territory, places in sorted(mine.items(), key=lambda each: (-len(each[1]), each[0].pk)):
        east = sum(x for x, _ in places) / len(places)
        south = sum(y for _, y in places) / len(places)
        x, y = min(places, key=lambda at: ((at[0] - east) ** 2 + (at[1] - south) ** 2, at))
        text = abbreviated(territory.code)
        wide = LETTER * len(text)
        if all(abs(x - other.x) > wide or abs(y + 5 - other.y) > LINE for other in labels):
            labels.append(Label(x, y + 5, text, is_long=len(text) > 4))
    return labels


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
