"""A tile map of any day: units as equal squares, laid out from coordinates.

Boundaries of one year say nothing of another, and in a true map London's bodies vanish. Here each
unit is one square of a grid, no two on the same, neighbours near. The layout is worked out from
the coordinates alone, in three steps: scale the points until the average square has room, push
apart those that are closer than a square, then give each the nearest free square and let pairs
change places while that brings them nearer. Nothing is random: the same points give the same map.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import cos, floor, hypot, pi, radians, sin, sqrt

import numpy as np

from .ancestry import ancestors
from .boundaries.grid import from_degrees
from .models import Organisation, Relationship, Version

MOST = 400  # more squares than this, and none of them can be told from another
ROUNDS = 60  # of pushing apart: for 200 units nothing moves noticeably after some 40
STRIDE = 0.4  # of a square: the furthest that a unit moves in one round
LAND = 0.55  # the part of its bounding box that England fills
NEXT_DOOR = 1e-6  # degrees, a hand's breadth: nearer than that, all are in one place
MIDDLE = radians(53)  # a degree of longitude is cos(53°) of a degree of latitude, mid-England
SEED = 0.3  # of the average distance: how far units on one spot are put from each other
GOLDEN = pi * (3 - sqrt(5))  # turns that never line up: units on one spot leave it all ways


@dataclass(frozen=True)
class Tile:
    """One unit's square: `column` from the west, `row` from the north, both from 0."""

    organisation_id: int
    code: str
    name: str
    column: int
    row: int


@dataclass(frozen=True)
class Spot:
    """One unit where it lies: `east` and `south` of the map's corner, in metres."""

    organisation_id: int
    code: str
    name: str
    east: float
    south: float


@dataclass(frozen=True)
class TileMap:
    """The units of some kinds on one day: `tiles` in reading order, `unplaced` without a place.

    `columns` and `rows` are the size of the grid. `unplaced` holds (organisation_id, code, name).
    Where there are more than `MOST` units there are no tiles but `spots`, in the order of codes.
    """

    tiles: tuple[Tile, ...]
    unplaced: tuple[tuple[int, str, str], ...]
    columns: int
    rows: int
    spots: tuple[Spot, ...] = ()

    @property
    def units(self) -> tuple[Tile, ...] | tuple[Spot, ...]:
        """What is drawn, as squares or spots."""
        return self.tiles or self.spots


def map_of(day: date, kinds: list[str], known: int | None = None) -> TileMap:
    """Lay out the bodies of these kinds (codes) that live on that day, as known by then.

    A body without coordinates stands near its parent; where that has none either, amid its
    members; without any that has a place it is unplaced.
    Bodies that an undecided reorganisation would create are left out. The number of queries does
    not grow with the number of bodies.
    """
    units = list(
        Version.objects.known(known)
        .on(day)
        .decided()
        .filter(kind__in=kinds)
        .order_by("organisation__code")
        .values_list(
            "organisation_id",
            "organisation__code",
            "name",
            "organisation__longitude",
            "organisation__latitude",
        )
    )
    places = {pk: (east, north) for pk, _, _, east, north in units if east is not None}
    places |= places_nearby([unit[0] for unit in units if unit[0] not in places], day, known)
    placed = [unit for unit in units if unit[0] in places]
    unplaced = tuple(unit[:3] for unit in units if unit[0] not in places)
    if len(units) > MOST:
        spots = _spots(np.array([places[unit[0]] for unit in placed]).reshape(-1, 2))
        found = tuple(Spot(*unit[:3], *at) for unit, at in zip(placed, spots, strict=True))
        return TileMap((), unplaced, 0, 0, spots=found)
    cells = lay_out(tuple(places[unit[0]] for unit in placed))
    tiles = (Tile(*unit[:3], *cell) for unit, cell in zip(placed, cells, strict=True))
    return TileMap(
        tiles=tuple(sorted(tiles, key=lambda tile: (tile.row, tile.column))),
        unplaced=unplaced,
        columns=1 + max((column for column, _ in cells), default=-1),
        rows=1 + max((row for _, row in cells), default=-1),
    )


def places_on(
    bodies: Iterable[int], day: date, known: int | None = None
) -> dict[int, tuple[float, float]]:
    """Return {organisation: (longitude, latitude)}: its own place, else that of its nearest
    ancestor on the day that has one, else the middle of its members; those without any of these
    are left out."""
    bodies = set(bodies)
    places = _own_places(bodies)
    return places | places_nearby(sorted(bodies - set(places)), day, known)


def places_nearby(
    homeless: list[int],
    day: date,
    known: int | None = None,
    above: dict[int, list[int]] | None = None,
) -> dict[int, tuple[float, float]]:
    """``places_on`` of bodies without a place of their own. ``above``: their ancestors on the day,
    where these were asked for already."""
    places = _places_of_parents(homeless, day, known, above)
    if alone := [body for body in homeless if body not in places]:
        places |= _places_of_members(alone, day, known)
    return places


def _places_of_members(bodies, day, known):
    """Return {organisation: (longitude, latitude)}, the middle of its members that have a place.

    So a brick of which no more is told than its practices stands amid them.
    """
    members = defaultdict(list)
    rows = Relationship.objects.known(known).on(day).filter(type=Relationship.Type.MEMBER_OF)
    for body, member in rows.filter(parent__in=bodies).values_list("parent", "child"):
        members[body].append(member)
    of_all = {member for found in members.values() for member in found}
    places = _own_places(of_all)
    places |= _places_of_parents(sorted(of_all - set(places)), day, known)
    middles = {}
    for body, found in members.items():
        if placed := [places[member] for member in found if member in places]:
            middles[body] = tuple(sum(each) / len(placed) for each in zip(*placed, strict=True))
    return middles


def _places_of_parents(homeless, day, known, above=None):
    """Return {organisation: (longitude, latitude)} of the nearest ancestor that has a place."""
    if above is None:
        above = ancestors(homeless, day, known)
    above = {unit: above[unit] for unit in homeless if unit in above}
    of_all = {key for keys in above.values() for key in keys}
    places = _own_places(of_all)
    nearest = {
        unit: next((places[key] for key in keys if key in places), None)
        for unit, keys in above.items()
    }
    return {unit: place for unit, place in nearest.items() if place}


def _own_places(bodies):
    """Return {organisation: (longitude, latitude)} of those that have coordinates."""
    own = Organisation.objects.filter(pk__in=bodies, longitude__isnull=False).order_by()
    return {row[0]: row[1:] for row in own.values_list("pk", "longitude", "latitude")}


def _spots(places: np.ndarray) -> list[list[float]]:
    """Metres east and south of the corner, of longitudes and latitudes (n × 2).

    Units on one spot, as those that stand where their parent is, go round it like seeds.
    """
    if not len(places):
        return []
    metres = from_degrees(places[:, 0], places[:, 1]) * [1, -1]
    apart = SEED * np.ptp(metres, axis=0).max() / sqrt(len(metres))
    met: dict[tuple[float, float], int] = defaultdict(int)
    for spot, at in enumerate(map(tuple, metres.tolist())):
        turn = met[at]
        met[at] += 1
        far = apart * sqrt(turn)
        metres[spot] += far * cos(GOLDEN * turn), far * sin(GOLDEN * turn)
    return (metres - metres.min(axis=0)).round().tolist()


@lru_cache(maxsize=64)
def lay_out(points: tuple[tuple[float, float], ...]) -> tuple[tuple[int, int], ...]:
    """Return a (column, row) of its own for each (longitude, latitude), in the order given.

    Kept for as long as the process lives: the same points always give the same squares.
    """
    if not points:
        return ()
    spots = _apart(_scaled(points))
    cells = _nearer(spots, _snapped(spots))
    west = min(column for column, _ in cells)
    north = min(row for _, row in cells)
    return tuple((column - west, row - north) for column, row in cells)


def _scaled(points):
    """Put degrees on a flat sheet whose unit is one square, with room for as many as there are."""
    flat = [(longitude * cos(MIDDLE), -latitude) for longitude, latitude in points]
    wide = max(x for x, _ in flat) - min(x for x, _ in flat)
    high = max(y for _, y in flat) - min(y for _, y in flat)
    extent = max(wide, high)
    if extent < NEXT_DOOR:  # one place for all: any scale will do
        return [[0.0, 0.0] for _ in flat]
    # A string of places in a row has no area: it is given a fifth of its length.
    area = max(wide, extent / 5) * max(high, extent / 5) * LAND
    scale = sqrt(len(points) / area)
    return [[x * scale, y * scale] for x, y in flat]


def _apart(spots):
    """Push spots apart until each has about a square to itself; return them."""
    for index, spot in enumerate(spots):  # so that no two are on exactly one spot
        spot[0] += 0.01 * cos(GOLDEN * index)
        spot[1] += 0.01 * sin(GOLDEN * index)
    for _ in range(ROUNDS):
        bins = defaultdict(list)
        for index, (x, y) in enumerate(spots):
            bins[floor(x), floor(y)].append(index)
        pushes = [[0.0, 0.0] for _ in spots]
        moved = False
        for index, (x, y) in enumerate(spots):
            column, row = floor(x), floor(y)
            for near in (
                other
                for dx in (-1, 0, 1)
                for dy in (-1, 0, 1)
                for other in bins.get((column + dx, row + dy), ())
                if other > index
            ):
                dx, dy = spots[near][0] - x, spots[near][1] - y
                distance = hypot(dx, dy)
                if distance < 0.98:
                    moved = True
                    push = (1 - distance) * 0.35 / (distance or 1)
                    pushes[index][0] -= dx * push
                    pushes[index][1] -= dy * push
                    pushes[near][0] += dx * push
                    pushes[near][1] += dy * push
        if not moved:
            break
        for spot, push in zip(spots, pushes, strict=True):
            # Thirty units on one spot would else fling one another across the country.
            slower = min(1, STRIDE / (hypot(*push) or 1))
            spot[0] += push[0] * slower
            spot[1] += push[1] * slower
    return spots


def _snapped(spots):
    """Give each spot a square: the closest pairs of spot and square first."""
    cells, taken = [None] * len(spots), set()
    waiting, reach = list(range(len(spots))), 1
    while waiting:
        pairs = sorted(
            ((x - column) ** 2 + (y - row) ** 2, index, column, row)
            for index in waiting
            for x, y in [spots[index]]
            for column in range(round(x) - reach, round(x) + reach + 1)
            for row in range(round(y) - reach, round(y) + reach + 1)
            if (column, row) not in taken
        )
        for _, index, column, row in pairs:
            if cells[index] is None and (column, row) not in taken:
                cells[index] = (column, row)
                taken.add((column, row))
        waiting = [index for index in waiting if cells[index] is None]
        reach *= 2
    return cells


def _nearer(spots, cells):
    """Let units change squares with a neighbour, or move into a free one, while that helps."""
    holder = {cell: index for index, cell in enumerate(cells)}

    def far(index, cell):
        return (spots[index][0] - cell[0]) ** 2 + (spots[index][1] - cell[1]) ** 2

    improved, rounds = True, 0
    while improved and rounds < 50:
        improved, rounds = False, rounds + 1
        for index in range(len(cells)):
            here = cells[index]
            for dx in (-2, -1, 0, 1, 2):
                for dy in (-2, -1, 0, 1, 2):
                    there = (here[0] + dx, here[1] + dy)
                    other = holder.get(there)
                    gain = far(index, here) - far(index, there)
                    if other is not None:
                        gain += far(other, there) - far(other, here)
                    if other == index or gain <= 1e-9:
                        continue
                    holder[there], cells[index] = index, there
                    if other is None:
                        del holder[here]
                    else:
                        holder[here], cells[other] = other, here
                    here, improved = there, True
    return cells


__all__ = ["MOST", "Spot", "Tile", "TileMap", "lay_out", "map_of", "places_on"]
