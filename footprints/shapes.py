"""The shapes of the bodies of a kind on a day, for pages to draw.

The drawing's units are tenths of a kilometre: x to the east from the false origin of the National
Grid, y to the south from north of Shetland. So all layers of all days lie on one another.
"""

import gzip
import json
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from hashlib import sha256

import numpy as np
import shapely
from django.db.models import Subquery

from .boundaries.holding import boundaries_on
from .boundaries.meeting import Arcs, arcs_of
from .models import Boundary, Release, Step, Version

UNIT = 100  # metres of one unit of a drawing
NORTH = 1_230_000  # metres: y is 0 here, beyond the northernmost rock of Shetland


@dataclass(frozen=True)
class Unit:
    """A body that has a shape; `boundaries` are the keys of what it is made of, mostly one."""

    organisation_id: int
    code: str
    name: str
    boundaries: tuple[int, ...]


@dataclass(frozen=True)
class Shapes:
    """The bodies of a kind on a day: those that have a shape, and `missing`: those without, as
    (organisation_id, code, name). Shapes are worked out when first asked for, and kept."""

    units: tuple[Unit, ...]
    missing: tuple[tuple[int, str, str], ...]

    @cached_property
    def arcs(self) -> Arcs:
        """Their lines, in metres of the National Grid; shape n is that of `units[n]`."""
        return arcs_between(tuple(unit.boundaries for unit in self.units))

    @cached_property
    def geometries(self) -> list[shapely.Geometry]:
        """Their polygons, in metres of the National Grid."""
        return geometries_of(tuple(unit.boundaries for unit in self.units))

    @property
    def etag(self) -> str:
        """Changes with anything that is drawn: a boundary, a name, a body."""
        return f'"{sha256(repr((self.units, UNIT)).encode()).hexdigest()[:24]}"'

    def topology(self) -> bytes:
        """TopoJSON of the units, for the browser: `objects.units`, coordinates of the drawing.

        Each geometry has the body's code as `id`, and as properties its `key` and `name`.
        """
        return gzip.decompress(self.packed())

    def packed(self) -> bytes:
        """`topology()`, compressed with gzip: kept so, since it is sent so."""
        return _packed(self.units)


def shapes(
    kind: str, day: date, known: int | None = None, newest: tuple[int, int] | None = None
) -> Shapes:
    """The shapes of the bodies of a kind (its code) that live on that day, as known by then.

    Bodies that an undecided reorganisation would create are left out, as on the tile map. With
    `newest` (see `NEWEST`) what was found is kept, and asks nothing until one of the two changes.
    """
    return _shapes(kind, day, known) if newest is None else _kept(kind, day, known, newest)


# The newest release, and the newest step of any event: to annotate a query with that is made
# anyway. A fact changes by a release alone, and the state of an event by a step.
NEWEST = {
    "newest_release": Subquery(Release.objects.order_by("-pk").values("pk")[:1]),
    "newest_step": Subquery(Step.objects.order_by("-pk").values("pk")[:1]),
}


@lru_cache(maxsize=64)
def _kept(kind, day, known, newest) -> Shapes:
    return _shapes(kind, day, known)


def _shapes(kind, day, known) -> Shapes:
    living = list(
        Version.objects.known(known)
        .on(day)
        .decided()
        .filter(kind=kind)
        .order_by("organisation__code")
        .values_list("organisation_id", "organisation__code", "name")
    )
    held = boundaries_on([row[0] for row in living], day, known)
    return Shapes(
        tuple(Unit(*row, held[row[0]]) for row in living if row[0] in held),
        tuple(row for row in living if row[0] not in held),
    )


def drawn(points: np.ndarray) -> np.ndarray:
    """Metres of the National Grid (n × 2) in units of the drawing, unrounded."""
    return np.column_stack([points[:, 0], NORTH - points[:, 1]]) / UNIT


# Facts never change: what was worked out from the same boundaries holds for ever.
@lru_cache(maxsize=24)
def geometries_of(pieces: tuple[tuple[int, ...], ...]) -> list[shapely.Geometry]:
    """A shape for each row of keys of boundaries: the union of them, in metres of the grid."""
    keys = {key for each in pieces for key in each}
    rows = Boundary.objects.filter(pk__in=keys).values_list("pk", "shape")
    found = {key: shapely.from_wkb(bytes(shape)) for key, shape in rows}
    return [
        found[each[0]] if len(each) == 1 else shapely.union_all([found[key] for key in each])
        for each in pieces
    ]


@lru_cache(maxsize=24)
def arcs_between(pieces: tuple[tuple[int, ...], ...]) -> Arcs:
    """The lines of those shapes, taken apart."""
    return arcs_of(geometries_of(pieces)) if pieces else Arcs((), ())


@lru_cache(maxsize=24)
def _packed(units: tuple[Unit, ...]) -> bytes:
    arcs = arcs_between(tuple(unit.boundaries for unit in units))
    lines = [_rounded(line) for line in arcs.lines]
    corners = np.concatenate(lines) if lines else np.zeros((1, 2), int)
    topology = {
        "type": "Topology",
        "bbox": [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()],
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "objects": {
            "units": {
                "type": "GeometryCollection",
                "geometries": [
                    {
                        "type": "MultiPolygon",
                        "id": unit.code,
                        "properties": {"key": unit.organisation_id, "name": unit.name},
                        "arcs": polygons,
                    }
                    for unit, polygons in zip(units, arcs.polygons, strict=True)
                ],
            }
        },
        # Each point but the first as the step from the one before, as the format has it.
        "arcs": [np.diff(line, axis=0, prepend=[[0, 0]]).tolist() for line in lines],
    }
    return gzip.compress(json.dumps(topology, separators=(",", ":")).encode(), 6, mtime=0)


def _rounded(line):
    """An arc in whole units of the drawing, without points that fall together; its ends stay."""
    points = np.round(drawn(line)).astype(int)
    apart = np.any(np.diff(points, axis=0) != 0, axis=1)
    kept = points[np.concatenate([[True], apart])]
    # A ring or a line that shrinks to a point keeps two: the format wants no fewer.
    return kept if len(kept) > 1 else points[[0, -1]]
