"""A plan's map in boundaries: each unit its shape, each territory a fill, an outline, a label.

As in ``pictures``, the numbers and class names are worked out here and the template draws them; no
script is needed, and it prints. One unit of the drawing is a kilometre, so that letters and lines
are as large as on the map of squares; paths are in halves of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import shapely
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from footprints.boundaries.grid import from_degrees
from footprints.shapes import NORTH, UNIT, Shapes, arcs_between, drawn, geometries_of

from ..models import Territory
from .pictures import Label, abbreviated, fills_of, title_of

HALF = 500  # metres of one step of a path
KILOMETRE = 1000 // UNIT  # units of `footprints.shapes` in one of this drawing
SMOOTH = 750  # metres: what a line leaves out
ROCK = 4e6  # square metres: a smaller island is drawn only where its unit has nothing else
COARSE = 1500  # metres, for finding where a label has room
SPOT = 14  # kilometres: the side of the square that stands for a unit without a boundary
LETTER, LINE = 8.5, 14  # kilometres that a letter of a label takes, and its height
LONDON = (503, 1029, 59, 46)  # west, north, width, height in kilometres: drawn again, larger
INSET = 150  # kilometres: how wide it is drawn then, in the corner over the North Sea
ENOUGH = 0.9  # of the units: where fewer have a boundary, squares show more of the country


@dataclass(frozen=True)
class Area:
    """One unit on the drawing: its path, its code and name, and whose it is."""

    path: str
    code: str
    name: str
    territory: Territory | None
    fill: str
    says: str = ""


@dataclass(frozen=True)
class Inset:
    """London once more, larger: where it stands, what of the drawing it shows, and its labels.

    Its labels are in kilometres of the drawing, as it shows them.
    """

    x: int
    y: int
    width: int
    height: int
    window: str
    labels: list[Label]

    @property
    def name_y(self) -> int:
        """Where the line below it stands."""
        return self.y + self.height + LINE


@dataclass(frozen=True)
class Outlines:
    """What the template draws; named as in `pictures.Picture`, whose place it takes.

    `left` and `top` are the corner of the drawing. `spotted` are the codes of the units without a
    boundary on the day, which stand as small squares where they lie; `unplaced` have no place
    either.
    """

    squares: list[Area]
    labels: list[Label]
    outline: str
    fills: dict[int, str]
    free: int
    left: int
    top: int
    width: int
    height: int
    spotted: list[str]
    unplaced: tuple
    inset: Inset | None
    is_of_boundaries: bool = field(default=True, init=False)
    is_of_dots: bool = field(default=False, init=False)


AREA = '<title>{} {}\n{}</title><path class="area {}" d="{}"/>'


def areas_as_svg(areas: Iterable[Area], address: Callable[[Area], str | None]) -> SafeString:
    """The areas, each in a link where `address` gives one; out of the way of the Tab key."""
    parts = []
    for area in areas:
        svg = format_html(AREA, area.code, area.name, title_of(area), area.fill, area.path)
        href = address(area)
        link = '<a href="{}" tabindex="-1">{}</a>' if href else "<g>{1}</g>"
        parts.append(format_html(link, href, svg))
    return mark_safe("".join(parts))


def are_enough(shapes: Shapes) -> bool:
    """Whether so many of the bodies have a boundary that the map is best drawn with them."""
    return len(shapes.units) >= max(1, ENOUGH * (len(shapes.units) + len(shapes.missing)))


def draw_outlines(
    shapes: Shapes,
    places: Mapping[int, tuple[float, float]],
    held: Mapping[int, Territory],
    *,
    highlighted: Territory | None = None,
    unknown: str = "free",
) -> Outlines:
    """Draw the units of a day by `held` (organisation key → territory).

    `places` are longitude and latitude of the units without a boundary, where known. The rest is
    as `pictures.draw` has it.
    """
    pieces = tuple(unit.boundaries for unit in shapes.units)
    drawing = _drawing(pieces)
    owners = [held.get(unit.organisation_id) for unit in shapes.units]
    fills = fills_of(_neighbours(drawing, owners), {t.pk: t for t in held.values()})

    def area(path, code, name, territory):
        if territory is None:
            fill = unknown
        elif highlighted is not None:
            fill = "ours" if territory == highlighted else "others"
        else:
            fill = fills[territory.pk]
        return Area(path, code, name, territory, fill)

    areas = [
        area(path, unit.code, unit.name, owner)
        for path, unit, owner in zip(drawing.paths, shapes.units, owners, strict=True)
    ]
    spotted = [row for row in shapes.missing if row[0] in places]
    areas += [area(_spot(*places[key]), code, name, held.get(key)) for key, code, name in spotted]
    shown = {area.territory.pk for area in areas if area.territory}
    west, north, east, south = drawing.bounds
    labels = _labels(pieces, owners, highlighted)
    return Outlines(
        squares=areas,
        labels=_apart(labels),
        outline=_outline(drawing, owners, highlighted),
        fills={key: fill for key, fill in fills.items() if key in shown},
        free=sum(area.territory is None for area in areas),
        left=west,
        top=north,
        width=east - west,
        height=south - north,
        spotted=[code for _, code, _ in spotted],
        unplaced=tuple(row for row in shapes.missing if row[0] not in places),
        inset=_inset(pieces, drawing, labels),
    )


@dataclass(frozen=True)
class _Drawing:
    """What is the same whoever holds the units: a path for each unit and each arc."""

    paths: list[str]
    arcs: list[str]
    users: tuple[tuple[int, ...], ...]
    bounds: tuple[int, int, int, int]  # west, north, east, south, in kilometres


@lru_cache(maxsize=24)
def _drawing(pieces) -> _Drawing:
    """Facts never change: what was drawn from the same boundaries is kept."""
    arcs = arcs_between(pieces)
    lines = [_smoothed(line) for line in arcs.lines]
    paths = []
    for polygons in arcs.polygons:
        rings = [arcs.ring(ring, lines) for rings in polygons for ring in rings]
        sizes = [shapely.Polygon(ring).area * HALF**2 for ring in rings]
        kept = [
            ring
            for ring, size in zip(rings, sizes, strict=True)
            if size >= ROCK or size == max(sizes)
        ]
        paths.append("".join(f"{_path(ring)}z" for ring in kept))
    west, south, east, north = shapely.total_bounds(geometries_of(pieces))
    corners = drawn(np.array([[west, north], [east, south]])) / KILOMETRE
    (left, top), (right, bottom) = np.round(corners).astype(int).tolist()
    return _Drawing(
        paths,
        ["" if _is_rock(line) else _path(line) for line in lines],
        arcs.users,
        (left, top, right, bottom),
    )


def _smoothed(line):
    """An arc in whole steps of a path, without what the eye would not see; its ends stay."""
    simple = shapely.get_coordinates(shapely.simplify(shapely.LineString(line), SMOOTH))
    points = np.round(drawn(simple) * UNIT / HALF).astype(int)
    apart = np.any(np.diff(points, axis=0) != 0, axis=1)
    kept = points[np.concatenate([[True], apart])]
    while len(kept) < 4:  # an island smaller than a step; `_path` says a point of it
        kept = np.concatenate([kept, kept[-1:]])
    return kept


def _is_rock(line) -> bool:
    is_ring = (line[0] == line[-1]).all()
    return bool(is_ring) and shapely.Polygon(line).area * HALF**2 < ROCK


def _path(points) -> str:
    """Points as one path of SVG: the first, then the step to each."""
    steps = np.diff(points, axis=0)
    steps = steps[np.any(steps != 0, axis=1)].ravel().tolist()
    x, y = points[0].tolist()
    # A minus sign sets two numbers apart as a blank does.
    said = "".join(f"{n}" if n < 0 else f" {n}" for n in steps)
    return f"M{x} {y}l{said.lstrip()}" if steps else f"M{x} {y}h0"


def _spot(longitude, latitude) -> str:
    """A small square where a unit lies whose boundary is not known."""
    x, y = np.round(drawn(from_degrees(longitude, latitude))[0] * UNIT / HALF).astype(int).tolist()
    side = SPOT * 1000 // HALF
    return f"M{x - side // 2} {y - side // 2}h{side}v{side}h{-side}z"


def _neighbours(drawing, owners):
    """Territory key → the keys of those that a line of it is shared with."""
    near = defaultdict(set)
    for users in drawing.users:
        keys = {owners[user].pk for user in users if owners[user]}
        if len(keys) == 2:
            one, other = keys
            near[one].add(other)
            near[other].add(one)
    return near


def _outline(drawing, owners, highlighted) -> str:
    """The lines between areas of different owners and round them, as one path."""

    def owner(unit):
        territory = owners[unit]
        return None if highlighted is not None and territory != highlighted else territory

    parts = []
    for path, users in zip(drawing.arcs, drawing.users, strict=True):
        keys = [owner(user) for user in users]
        if any(keys) and (len(keys) == 1 or keys[0] != keys[1]):
            parts.append(path)
    return "".join(parts)


def _labels(pieces, owners, highlighted) -> list[Label]:
    """A territory's code in each large part of it, where it is widest; the widest first."""
    by_key = {territory.pk: territory for territory in owners if territory}
    if highlighted is not None:
        by_key = {key: each for key, each in by_key.items() if each == highlighted}
    keys = tuple(owner.pk if owner and owner.pk in by_key else None for owner in owners)
    labels = []
    for key, x, y in _widest(pieces, keys):
        text = abbreviated(by_key[key].code)
        labels.append(Label(x, y + 5, text, is_long=len(text) > 4))
    return labels


@lru_cache(maxsize=64)
def _widest(pieces, keys) -> list[tuple[int, int, int]]:
    """Where the large parts of each key's shapes are widest: key, x, y; the widest first."""
    found = []
    together = defaultdict(list)
    for geometry, key in zip(_coarse(pieces), keys, strict=True):
        if key is not None:
            together[key].append(geometry)
    for key, geometries in together.items():
        parts = shapely.get_parts(shapely.union_all(geometries))
        areas = shapely.area(parts)
        for part in parts[areas > 0.4 * areas.max()]:
            circle = shapely.maximum_inscribed_circle(part, tolerance=1000)
            middle = shapely.get_coordinates(circle)[:1]
            found.append((circle.length, key, *np.round(drawn(middle)[0] / KILOMETRE).tolist()))
    found.sort(key=lambda each: (-each[0], each[1:]))
    return [(key, int(x), int(y)) for _, key, x, y in found]


def _apart(labels, scale=1) -> list[Label]:
    """Those that do not run into one that stands already: who has most room comes first."""
    kept = []
    for label in labels:
        wide = LETTER * len(label.text) * (0.7 if label.is_long else 1) * scale
        box = shapely.box(label.x - wide / 2, label.y - LINE * scale, label.x + wide / 2, label.y)
        if not any(shapely.intersects(box, other) for other, _ in kept):
            kept.append((box, label))
    return [label for _, label in kept]


def _inset(pieces, drawing, labels) -> Inset | None:
    """London larger, where the drawing has it and the corner for it is free."""
    west, north, wide, high = LONDON
    left, top, right, bottom = drawing.bounds
    height = round(INSET * high / wide)
    if west < left or west + wide > right or north < top or north + high > bottom:
        return None
    x, y = right - INSET, top
    corner = _on_the_grid(x - 5, y, right, y + height + 5)
    window = _on_the_grid(west, north, west + wide, north + high)
    tree = shapely.STRtree(_coarse(pieces))
    if len(tree.query(corner, predicate="intersects")) or not len(
        tree.query(window, predicate="intersects")
    ):
        return None
    seen = [
        label
        for label in labels
        if west < label.x < west + wide and north < label.y - 5 < north + high
    ]
    scale = wide / INSET
    lower = [Label(each.x, each.y - 5 + 2, each.text, each.is_long) for each in seen]
    window = f"{west} {north} {wide} {high}"
    return Inset(x, y, INSET, height, window, _apart(lower, scale))


def _on_the_grid(left, top, right, bottom):
    """A box of the drawing (kilometres) in metres of the National Grid."""
    return shapely.box(left * 1000, NORTH - bottom * 1000, right * 1000, NORTH - top * 1000)


@lru_cache(maxsize=24)
def _coarse(pieces):
    return [
        shapely.simplify(geometry, COARSE, preserve_topology=True)
        for geometry in geometries_of(pieces)
    ]


__all__ = ["Area", "Outlines", "are_enough", "areas_as_svg", "draw_outlines"]
