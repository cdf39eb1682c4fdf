"""Shapes taken apart into arcs: the lines between two of them once, however many share the ends.

The way of TopoJSON. An arc runs from one place where three lines meet to the next, or right round
an island. A ring is a row of arcs; `~n` is arc n from its end to its start. What two shapes share
is therefore one arc, and their union is their arcs without it: no geometry need be computed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import shapely

Ring = tuple[int, ...]


@dataclass(frozen=True)
class Arcs:
    """`lines`: each arc's points (n × 2), in the units of the shapes. `polygons`: for each shape
    in the order given its polygons, each a tuple of rings, the outer one first."""

    lines: tuple[np.ndarray, ...]
    polygons: tuple[tuple[tuple[Ring, ...], ...], ...]

    @cached_property
    def users(self) -> tuple[tuple[int, ...], ...]:
        """For each arc the shapes beside it: two neighbours, or one at the coast."""
        beside = [[] for _ in self.lines]
        for shape, polygons in enumerate(self.polygons):
            for arc in (arc for rings in polygons for ring in rings for arc in ring):
                beside[arc if arc >= 0 else ~arc].append(shape)
        return tuple(tuple(dict.fromkeys(shapes)) for shapes in beside)

    def ring(self, ring: Ring, lines=None) -> np.ndarray:
        """The points of a ring, the first again at the end; of other `lines` where given."""
        lines = self.lines if lines is None else lines
        parts = [lines[arc] if arc >= 0 else lines[~arc][::-1] for arc in ring]
        return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])

    def dissolved(self, owners: Mapping[int, object]) -> dict[object, list[Ring]]:
        """Owner → the rings round all its shapes (index of shape → owner), holes among them."""
        edges = defaultdict(dict)  # a dict for its order: the same drawing each time
        for shape, owner in owners.items():
            own = edges[owner]
            for arc in (a for rings in self.polygons[shape] for ring in rings for a in ring):
                if ~arc in own:
                    del own[~arc]
                else:
                    own[arc] = True
        return {owner: self._stitched(own) for owner, own in edges.items()}

    def _stitched(self, arcs: Iterable[int]) -> list[Ring]:
        """Join arcs end to start into closed rings; each is used once."""
        leaving = defaultdict(list)
        for arc in arcs:
            leaving[self._ends(arc)[0]].append(arc)
        rings = []
        for start in list(leaving):
            while leaving[start]:
                ring = [leaving[start].pop()]
                while (at := self._ends(ring[-1])[1]) != start:
                    ring.append(leaving[at].pop())
                rings.append(tuple(ring))
        return rings

    def _ends(self, arc):
        line = self.lines[arc if arc >= 0 else ~arc]
        first, last = tuple(line[0]), tuple(line[-1])
        return (first, last) if arc >= 0 else (last, first)


def arcs_of(shapes: list[shapely.Geometry]) -> Arcs:
    """Take polygons apart. Neighbours share what they have point for point, as files of the
    register do (``covering``); a shared line of other points stays two lines."""
    shapes = [shapely.orient_polygons(shape) for shape in shapes]
    points = np.unique(shapely.get_coordinates(shapes), axis=0)
    numbered = {point: number for number, point in enumerate(map(tuple, points.tolist()))}

    def ids(ring):
        return [numbered[point] for point in map(tuple, shapely.get_coordinates(ring).tolist())]

    rings = [
        [[ids(ring) for ring in (part.exterior, *part.interiors)] for part in shapely.get_parts(s)]
        for s in shapes
    ]
    beside = defaultdict(set)
    for ring in (ring for parts in rings for part in parts for ring in part):
        for here, there in pairwise(ring):
            beside[here].add(there)
            beside[there].add(here)
    meets = {number for number, others in beside.items() if len(others) > 2}

    known: dict[tuple, int] = {}
    polygons = tuple(
        tuple(tuple(_ring(ring, meets, known) for ring in part) for part in parts)
        for parts in rings
    )
    return Arcs(tuple(points[list(arc)] for arc in known), polygons)


def _ring(ring, meets, known) -> Ring:
    """Cut a closed row of points where lines meet; number its arcs, new ones at the end."""
    cuts = [place for place, point in enumerate(ring[:-1]) if point in meets]
    if not cuts:  # it runs alone, or is the hole round another: both begin at the same point
        start = min(range(len(ring) - 1), key=ring.__getitem__)
        return (_numbered((*ring[start:-1], *ring[: start + 1]), known),)
    turned = [*ring[cuts[0] : -1], *ring[: cuts[0] + 1]]
    places = [place for place, point in enumerate(turned) if point in meets]
    return tuple(
        _numbered(tuple(turned[here : there + 1]), known) for here, there in pairwise(places)
    )


def _numbered(arc, known) -> int:
    if arc in known:
        return known[arc]
    back = arc[::-1]
    if back in known:
        return ~known[back]
    return known.setdefault(arc, len(known))
