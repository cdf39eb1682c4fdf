"""Reads a file of boundaries: GeoJSON as the Office for National Statistics publishes it.

Met on the Open Geography Portal and in what people make of its files: property names of any year
and case (SICBL23CD, icb22cd, NHSER24NM); an ODS code beside the ONS code (SICBL22CDH); a `crs`
member, which RFC 7946 (2016) dropped, or none; metres of the National Grid in place of degrees;
heights; null geometry; rings that cross themselves or are not closed; a body in several features.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from pathlib import Path

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape as shape_of

from .grid import SWAPPED, System, system_of, to_metres

MEBIBYTE = 1024 * 1024
MOST = 128 * MEBIBYTE  # the full resolution of all 106 locations is larger, and nothing shows it
OF_CODE = re.compile(r"(CDH?|CODE|ODS)$", re.IGNORECASE)
OF_NAME = re.compile(r"(NM|NAME)$", re.IGNORECASE)
AREAS = ("Polygon", "MultiPolygon", "GeometryCollection")
# Files of other formats that people give in place of GeoJSON, by how they begin.
OTHERS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"SQLite format 3", "a GeoPackage"),
    (b"\x00\x00\x27\x0a", "a shapefile"),
    (b"<", "XML or a web page"),
)
HOW = "Fetch it from geoportal.statistics.gov.uk as GeoJSON."


class NotBoundaries(Exception):
    """The file is none that boundaries can be read from; the message says why, and what to do."""


@dataclass(frozen=True)
class Feature:
    """One line of the file: which codes and names it gives, its shape, and what was odd about it.

    `number` counts the features from 1. `shape` is valid, in whole metres of the National Grid;
    None where there is none to be had, and then `problem` says why. `told` are whole sentences.
    """

    number: int
    codes: tuple[str, ...]
    names: tuple[str, ...]
    shape: shapely.Geometry | None
    problem: str = ""
    told: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How the feature calls itself."""
        return " ".join([*self.codes[:1], *self.names[:1]]) or f"feature {self.number}"


@dataclass(frozen=True)
class BoundaryFile:
    """What was read: the features, the system their coordinates were in, and what was odd."""

    name: str
    sha256: str
    system: System
    features: list[Feature]
    told: list[str] = field(default_factory=list)


def read(path: Path) -> BoundaryFile:
    """Read a file of boundaries. Raises NotBoundaries, in the reader's words."""
    raw = _opened(path)
    members, told = _members(raw)
    geometries = [_geometry(member) for member in members]
    system = _system([found for found, _, _ in geometries])
    features = list(_features(members, geometries, system))
    if not any(feature.shape for feature in features):
        first = features[0]
        raise NotBoundaries(f"No feature of the file has an area. {first.label}: {first.problem}")
    return BoundaryFile(path.name, sha256(raw).hexdigest(), system, features, told)


def _opened(path):
    try:
        size = path.stat().st_size
        if size > MOST:
            raise NotBoundaries(
                f"The file has {size / MEBIBYTE:,.0f} MiB; up to {MOST // MEBIBYTE} are read. "
                "Fetch the generalised edition (BGC, 20 m, or BSC, 200 m): it shows the same map."
            )
        return path.read_bytes()
    except OSError as error:
        raise NotBoundaries(f"{path} cannot be opened: {error.strerror}.") from None


def _members(raw) -> tuple[list[dict], list[str]]:
    """The features of the file as it has them, and what is odd about the whole."""
    for start, what in OTHERS:
        if raw.lstrip().startswith(start):
            raise NotBoundaries(f"The file is {what}, not GeoJSON. {HOW}")
    try:
        read = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotBoundaries(f"The file is no UTF-8 text (byte {error.start + 1}). {HOW}") from None
    except json.JSONDecodeError as error:
        if not raw.strip():
            raise NotBoundaries("The file is empty.") from None
        if error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated"):
            raise NotBoundaries(
                "The file is cut off: its JSON ends in the middle. Fetch it again."
            ) from None
        raise NotBoundaries(
            f"The file is not JSON (line {error.lineno}, column {error.colno}: {error.msg}). {HOW}"
        ) from None
    except RecursionError:
        raise NotBoundaries("The file's JSON is nested too deeply to be GeoJSON.") from None
    if not isinstance(read, dict):
        raise NotBoundaries(f"The file is JSON, but no GeoJSON: it holds no object. {HOW}")
    if "error" in read:
        raise NotBoundaries(
            "The file holds an error of the service it was fetched from: "
            f"{json.dumps(read['error'], ensure_ascii=False)[:200]}"
        )
    members = [read] if read.get("type") == "Feature" else read.get("features")
    if not isinstance(members, list) or read.get("type") not in ("Feature", "FeatureCollection"):
        if isinstance(members, list) or "geometryType" in read:
            raise NotBoundaries("The file is Esri's JSON. Ask the service for GeoJSON: f=geojson.")
        if read.get("type") == "Topology":
            raise NotBoundaries(f"The file is TopoJSON, not GeoJSON. {HOW}")
        raise NotBoundaries(f"The file is JSON, but no collection of features. {HOW}")
    members = [member if isinstance(member, dict) else {} for member in members]
    if not members:
        raise NotBoundaries("The file holds no feature.")
    told = []
    if read.get("exceededTransferLimit") or _properties(read).get("exceededTransferLimit"):
        told.append("The service left features out of the file: it gives so many at a time.")
    if system := _unlike_any(read.get("crs")):
        told.append(f"The file says its coordinates are in {system}: read by their size instead.")
    return members, told


def _properties(member) -> dict:
    found = member.get("properties") or member.get("attributes")
    return found if isinstance(found, dict) else {}


def _unlike_any(crs) -> str:
    """The name of the file's coordinate system, where it is none that is known here; else ""."""
    named = json.dumps(crs) if crs else ""
    known = ("4326", "CRS84", "4258", "27700", "3857", "102100", "900913")
    return "" if not named or any(code in named for code in known) else named[:120]


def _geometry(member) -> tuple[shapely.Geometry | None, str, str]:
    """A feature's geometry as it is in the file; else None, with why; and what is odd about it."""
    given = member.get("geometry")
    if given is None:
        return None, "it has no geometry.", ""
    if not isinstance(given, dict) or given.get("type") not in AREAS:
        kind = given.get("type") if isinstance(given, dict) else type(given).__name__
        return None, f"its geometry is a {kind}, not an area.", ""
    if not _are_finite(given.get("coordinates")):
        return None, "some of its coordinates are no numbers.", ""
    try:
        found = shape_of(given)
        points = shapely.get_coordinates(found)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ShapelyError):
        return None, "its coordinates are no rings of points.", ""
    if not len(points):
        return None, "its geometry is empty.", ""
    return shapely.force_2d(found), "", "Its heights are left out." if found.has_z else ""


def _are_finite(given) -> bool:
    """Whether no number in nested lists is NaN or infinite, which JSON does not know but Python
    writes: GEOS finds no ring in them, and would say something else."""
    if isinstance(given, list):
        return all(_are_finite(each) for each in given)
    return not isinstance(given, float) or isfinite(given)


def _system(geometries) -> System:
    """The coordinate system of most features. Raises NotBoundaries where it is none of ours."""
    found = [geometry for geometry in geometries if geometry is not None]
    if not found:
        raise NotBoundaries("No feature of the file has the geometry of an area.")
    counts = Counter(system_of(bounds) for bounds in shapely.bounds(found))
    system = counts.most_common(1)[0][0]
    if system == SWAPPED:
        raise NotBoundaries(
            "The coordinates are the wrong way round: GeoJSON has longitude first, then latitude; "
            "in this file latitude comes first. Save it again with the axes in that order."
        )
    if system is None:
        x, y = shapely.get_coordinates(found[0])[0]
        raise NotBoundaries(
            f"The coordinates do not lie in the United Kingdom: the first is {x:g}, {y:g}. "
            "Degrees (WGS 84), metres of the National Grid (EPSG:27700) and Web Mercator "
            "(EPSG:3857) are read."
        )
    return system


def _features(members, geometries, system) -> Iterator[Feature]:
    for number, (member, (given, problem, odd)) in enumerate(
        zip(members, geometries, strict=True), 1
    ):
        texts = {
            key: str(value).strip()
            for key, value in _properties(member).items()
            if isinstance(value, (str, int)) and str(value).strip()
        }
        codes = tuple(text for key, text in texts.items() if OF_CODE.search(key))
        names = tuple(text for key, text in texts.items() if OF_NAME.search(key))
        told, shape = [odd] if odd else [], None
        if given is not None and system_of(given.bounds) != system:
            x, y = shapely.get_coordinates(given)[0]
            problem = (
                f"its coordinates ({x:g}, {y:g}) do not lie in the United Kingdom in "
                f"{system.name}, as those of the other features do."
            )
        elif given is not None:
            shape = shapely.transform(given, lambda points: to_metres(points, system))
            shape, mended = mend(shape)
            if shape is None:
                problem = "its shape has no area."
            elif mended:
                told.append(mended)
        yield Feature(number, codes, names, shape, problem, tuple(told))


def mend(shape: shapely.Geometry) -> tuple[shapely.Geometry | None, str]:
    """A valid area of the same outline, and a sentence where that is another than was given.

    None where nothing of it has an area.
    """
    if shapely.is_valid(shape) and shape.geom_type in ("Polygon", "MultiPolygon"):
        return (shape, "") if shape.area else (None, "")
    why = shapely.is_valid_reason(shape)
    whole = shapely.make_valid(shape)
    parts = [part for part in _parts(whole) if part.area]
    if not parts:
        return None, ""
    mended = shapely.union_all(parts)
    if why == "Valid Geometry":
        return mended, ""
    reason = why.partition("[")[0].lower()
    return mended, f"Its outline was mended ({reason}): {mended.area / 1e6:,.1f} km² are kept."


def _parts(shape):
    """The polygons in a geometry, however deep."""
    if shape.geom_type == "Polygon":
        return [shape]
    return [part for each in getattr(shape, "geoms", ()) for part in _parts(each)]
