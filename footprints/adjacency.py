"""Which units lie beside one another on a day.

Two bodies with a boundary are neighbours where they share a line; where their shapes come from
different files, whose lines never meet point for point, where they run close together for a while.
Bodies without one are neighbours by the Gabriel graph of their places: no third lies in the circle
that has the two at its ends. It takes no length to be chosen, and everything hangs together in it.
What sea cuts off is joined to what is nearest, so that the Isle of Wight belongs to somebody.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import cos, pi, sin, sqrt

import numpy as np
import shapely

from .boundaries.grid import from_degrees
from .models import Boundary
from .shapes import Shapes, arcs_between, geometries_of, shapes
from .tiles import places_on

CLOSE = 400  # metres between lines of two files that are one line: each left out up to 150
ALONG = 2_000  # metres that they run so; less is a corner
APART = 10  # metres between units on one spot, so that there is an order among them
GOLDEN = pi * (3 - sqrt(5))

Pair = tuple[int, int]


@dataclass(frozen=True)
class Neighbours:
    """Pairs of organisation keys, the smaller first.

    `pairs` are all; `over_water` those among them that no line joins, only nearness: islands.
    `by_lines` are the bodies judged by their boundaries, `by_place` by where they lie,
    `unplaced` those of which neither is known: they have no neighbour.
    """

    pairs: frozenset[Pair]
    over_water: frozenset[Pair]
    by_lines: frozenset[int]
    by_place: frozenset[int]
    unplaced: frozenset[int]

    def of(self, unit: int) -> set[int]:
        """The neighbours of one unit."""
        return {b if a == unit else a for a, b in self.pairs if unit in (a, b)}


def neighbours(kinds: list[str], day: date, known: int | None = None) -> Neighbours:
    """The pairs of neighbouring bodies of these kinds that live on that day, as known by then.

    Each kind is judged by itself: a practice is beside practices, a location beside locations.
    """
    found = [_of_kind(shapes(kind, day, known), day, known) for kind in kinds]
    return Neighbours(
        *(
            frozenset().union(*(getattr(each, name) for each in found))
            for name in ("pairs", "over_water", "by_lines", "by_place", "unplaced")
        )
    )


def _of_kind(found: Shapes, day, known) -> Neighbours:
    placeless = {row[0] for row in found.missing}
    places = places_on(placeless, day, known) if placeless else {}
    units = tuple((unit.organisation_id, unit.boundaries) for unit in found.units)
    pairs = _by_lines(units)
    if places:
        spots = {key: tuple(from_degrees(*place)[0]) for key, place in sorted(places.items())}
        middles = shapely.get_coordinates(shapely.centroid(found.geometries)).tolist()
        spots |= {key: tuple(middle) for (key, _), middle in zip(units, middles, strict=True)}
        beside = _gabriel(tuple(spots), tuple(spots.values()))
        pairs |= {pair for pair in beside if not placeless.isdisjoint(pair)}
    islands = _over_water([key for key, _ in units], found.geometries, pairs)
    return Neighbours(
        pairs | islands,
        islands,
        frozenset(key for key, _ in units),
        frozenset(places),
        frozenset(placeless - set(places)),
    )


@lru_cache(maxsize=24)
def _by_lines(units: tuple[tuple[int, tuple[int, ...]], ...]) -> frozenset[Pair]:
    """Pairs that share a line. Facts never change: kept by the keys of the boundaries."""
    if not units:
        return frozenset()
    pieces = tuple(boundaries for _, boundaries in units)
    arcs, geometries = arcs_between(pieces), geometries_of(pieces)
    beside = {(min(users), max(users)) for users in arcs.users if len(users) == 2}
    beside |= _close(geometries, pieces, beside)
    return frozenset(tuple(sorted((units[a][0], units[b][0]))) for a, b in beside)


def _close(geometries, pieces, beside) -> set[Pair]:
    """Pairs of shapes from different files whose lines run close together."""
    files = dict(
        Boundary.objects.filter(pk__in={key for each in pieces for key in each}).values_list(
            "pk", "boundary_on"
        )
    )
    sources = [frozenset(files[key] for key in each) for each in pieces]
    if len(set(sources)) == 1:
        return set()
    tree = shapely.STRtree(geometries)
    near = tree.query(geometries, predicate="dwithin", distance=CLOSE).T.tolist()
    found = set()
    for a, b in near:
        if a < b and (a, b) not in beside and sources[a] != sources[b]:
            along = shapely.intersection(
                shapely.boundary(geometries[a]), shapely.buffer(geometries[b], CLOSE, quad_segs=4)
            )
            if along.length >= ALONG:
                found.add((a, b))
    return found


def _over_water(keys, geometries, pairs) -> frozenset[Pair]:
    """Join what hangs together with nothing to its nearest, the smallest first, until all does."""
    group = {key: key for key in keys}

    def root(key):
        while group.setdefault(key, key) != key:
            key = group[key]
        return key

    for a, b in pairs:
        group[root(a)] = root(b)
    found = set()
    while True:
        members = defaultdict(list)
        for row, key in enumerate(keys):
            members[root(key)].append(row)
        if len(members) < 2:
            return frozenset(found)
        island = min(members.values(), key=lambda rows: (len(rows), rows))
        others = [row for row in range(len(keys)) if row not in set(island)]
        tree = shapely.STRtree([geometries[row] for row in others])
        (mine, theirs), far = tree.query_nearest(
            [geometries[row] for row in island], return_distance=True, all_matches=False
        )
        nearest = int(np.argmin(far))
        a, b = keys[island[mine[nearest]]], keys[others[theirs[nearest]]]
        found.add((min(a, b), max(a, b)))
        group[root(a)] = root(b)


@lru_cache(maxsize=24)
def _gabriel(keys: tuple[int, ...], spots: tuple[tuple[float, float], ...]) -> frozenset[Pair]:
    """The Gabriel graph of places (metres): Delaunay's edges whose circle holds no third place."""
    points = np.array(spots, dtype=float)
    seen: dict[tuple, int] = {}
    for row, spot in enumerate(map(tuple, np.round(points).tolist())):
        turn = seen.get(spot, 0)  # the n-th on a spot stands a little further out, on a spiral
        seen[spot] = turn + 1
        points[row] += APART * sqrt(turn) * np.array([cos(GOLDEN * turn), sin(GOLDEN * turn)])
    order = {tuple(point): row for row, point in enumerate(points.tolist())}
    if len(points) < 3:
        return frozenset({tuple(sorted(keys))} if len(points) == 2 else ())
    edges = shapely.delaunay_triangles(shapely.MultiPoint(points), only_edges=True)
    ends = shapely.get_coordinates(shapely.get_parts(edges)).reshape(-1, 2, 2)
    rows = np.array([[order[tuple(end)] for end in edge] for edge in ends.tolist()])
    tree = shapely.STRtree(shapely.points(points))
    middles, halves = ends.mean(axis=1), np.hypot(*(ends[:, 1] - ends[:, 0]).T) / 2
    inside = tree.query(shapely.points(middles), predicate="dwithin", distance=halves * (1 - 1e-9))
    taken = set()
    for edge, point in inside.T.tolist():
        if point not in rows[edge]:
            taken.add(edge)
    return frozenset(
        tuple(sorted((keys[a], keys[b])))
        for edge, (a, b) in enumerate(rows.tolist())
        if edge not in taken
    )
