"""Neighbouring shapes made to meet, and simplified together so that they still do.

A shape simplified alone leaves slivers and overlaps along every line that it shares. Tried on the
106 locations as published (29,265 points): GEOS's coverage simplification keeps every shape valid
and every shared line shared. The `topojson` library took three times as long, left 9 of the 106
crossing themselves, and neighbours that no longer met.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from .reading import mend

DETAIL = 150  # metres: what is smaller is left out of a shape that is kept
OVERLAPPING = 0.002  # of all area: more than this in two shapes at once is meant so
SLIVER = 100  # metres: a gap between neighbours narrower than this is closed


@dataclass(frozen=True)
class Covering:
    """Shapes in the order given, simplified; `told` says what was mended, in whole sentences."""

    shapes: list[shapely.Geometry]
    told: list[str]


def cover(shapes: list[shapely.Geometry], detail: float = DETAIL) -> Covering:
    """Simplify shapes (whole metres) to about `detail` metres, neighbours along one line.

    Narrow gaps and small overlaps between neighbours are closed, and told. Where shapes overlap by
    more (catchments do), each keeps its own outline, and that is told.
    """
    given = np.array(shapes, dtype=object)
    told = []
    if not shapely.coverage_is_valid(given):
        given, told = _meeting(given)
    if shapely.coverage_is_valid(given):
        simple = shapely.coverage_simplify(given, detail)
    else:
        simple = shapely.simplify(given, detail / 2, preserve_topology=True)
    simple = shapely.transform(simple, np.round)
    kept = []
    for before, after in zip(given, simple, strict=True):
        mended, _ = mend(after)
        kept.append(mended or before)  # too small to be simplified: as it came
    return Covering(kept, told)


def _meeting(given):
    """The shapes without overlaps and slivers between them, where these are small."""
    whole = shapely.area(given).sum()
    covered = shapely.union_all(given).area
    twice = max(whole - covered, 0)
    if twice > OVERLAPPING * whole:
        return given, [
            f"The shapes overlap: {twice / 1e6:,.0f} km² lie in more than one. Each is kept as it "
            "is, and simplified alone."
        ]
    cleaned = shapely.coverage_clean(given, gap_width=SLIVER)
    moved = float(np.abs(shapely.area(cleaned) - shapely.area(given)).sum())
    return np.array([shapely.transform(each, np.round) for each in cleaned], dtype=object), [
        f"Neighbours overlapped or left gaps: their lines were made one ({moved / 1e6:,.2f} km² "
        "changed hands)."
    ]
