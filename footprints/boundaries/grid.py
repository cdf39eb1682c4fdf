"""The coordinate systems in which British boundaries come, and their way into one.

Boundaries are held in metres of the British National Grid (EPSG:27700): it keeps angles, so a
shape looks on paper as it does on a map, and lengths and areas are right to a part in a thousand.
Degrees (WGS 84) become metres by the formulas of the Ordnance Survey, "A guide to coordinate
systems in Great Britain" (2020), annex B and C: a Helmert transformation, good to some 5 m, and
the transverse Mercator projection on the Airy ellipsoid. The OS's own grid of corrections (OSTN15)
would be good to centimetres; the most detailed shape that is kept here leaves out 150 m.
"""

from dataclasses import dataclass

import numpy as np

# The ellipsoids: semi-major and semi-minor axis in metres.
WGS84 = (6378137.0, 6356752.314245)
AIRY = (6377563.396, 6356256.909)
# WGS 84 → OSGB36: shifts in metres, the scale less one, turns in seconds of arc.
SHIFT = (-446.448, 125.157, -542.060)
SCALE = 20.4894e-6
TURN = np.radians(np.array([-0.1502, -0.2470, -0.8421]) / 3600)
# The National Grid: scale on the central meridian, true origin, and its false coordinates.
F0, ORIGIN = 0.9996012717, (np.radians(49.0), np.radians(-2.0))
FALSE_EAST, FALSE_NORTH = 400_000.0, -100_000.0


@dataclass(frozen=True)
class System:
    """A coordinate system: its name, and the box (west, south, east, north) that holds the UK."""

    name: str
    box: tuple[float, float, float, float]

    def holds(self, bounds) -> bool:
        """Whether a box (west, south, east, north) in this system's units lies in the UK's."""
        west, south, east, north = bounds
        return (
            self.box[0] <= west
            and self.box[1] <= south
            and east <= self.box[2]
            and north <= self.box[3]
        )


DEGREES = System("degrees (WGS 84)", (-9.5, 49.0, 2.7, 61.5))
SWAPPED = System("latitude before longitude", (49.0, -9.5, 61.5, 2.7))
GRID = System("metres of the British National Grid", (-200_000, -50_000, 720_000, 1_300_000))
MERCATOR = System("metres of Web Mercator", (-1_060_000, 6_270_000, 310_000, 8_780_000))


def system_of(bounds) -> System | None:
    """The system in which a box lies in the United Kingdom, told by its size; None if in none."""
    if max(map(abs, bounds)) <= 360:  # degrees of somewhere else are no metres south of Scilly
        return next((system for system in (DEGREES, SWAPPED) if system.holds(bounds)), None)
    return next((system for system in (GRID, MERCATOR) if system.holds(bounds)), None)


def to_metres(points: np.ndarray, system: System) -> np.ndarray:
    """Points (n × 2) of a system as whole metres (eastings, northings) of the National Grid."""
    if system == MERCATOR:
        points = _unrolled(points)
    if system != GRID:
        points = from_degrees(points[:, 0], points[:, 1])
    return np.round(points)


def _unrolled(points):
    """Web Mercator → degrees; exact, as it is drawn on a sphere by definition (EPSG:3857)."""
    radius = WGS84[0]
    longitude = np.degrees(points[:, 0] / radius)
    latitude = np.degrees(2 * np.arctan(np.exp(points[:, 1] / radius)) - np.pi / 2)
    return np.column_stack([longitude, latitude])


def from_degrees(longitude, latitude) -> np.ndarray:
    """Degrees of WGS 84 as metres of the National Grid (n × 2), good to some 5 m in Britain."""
    longitude, latitude = np.radians(np.atleast_1d(longitude)), np.radians(np.atleast_1d(latitude))
    return _projected(*_on_airy(longitude, latitude))


def _on_airy(longitude, latitude):
    """Turn longitude and latitude (radians) on WGS 84 into those on the Airy ellipsoid."""
    a, b = WGS84
    squared = 1 - (b / a) ** 2
    nu = a / np.sqrt(1 - squared * np.sin(latitude) ** 2)
    x = nu * np.cos(latitude) * np.cos(longitude)
    y = nu * np.cos(latitude) * np.sin(longitude)
    z = (1 - squared) * nu * np.sin(latitude)
    rx, ry, rz = TURN
    x, y, z = (
        SHIFT[0] + (1 + SCALE) * x - rz * y + ry * z,
        SHIFT[1] + rz * x + (1 + SCALE) * y - rx * z,
        SHIFT[2] - ry * x + rx * y + (1 + SCALE) * z,
    )
    a, b = AIRY
    squared = 1 - (b / a) ** 2
    flat = np.hypot(x, y)
    turned = np.arctan2(z, flat * (1 - squared))
    for _ in range(4):  # by then it changes by less than a millimetre
        nu = a / np.sqrt(1 - squared * np.sin(turned) ** 2)
        turned = np.arctan2(z + squared * nu * np.sin(turned), flat)
    return np.arctan2(y, x), turned


def _projected(longitude, latitude):
    """The transverse Mercator projection of the National Grid (OS guide, annex C.1)."""
    a, b = AIRY
    squared = 1 - (b / a) ** 2
    n = (a - b) / (a + b)
    sine, cosine, tangent = np.sin(latitude), np.cos(latitude), np.tan(latitude)
    nu = a * F0 / np.sqrt(1 - squared * sine**2)
    rho = a * F0 * (1 - squared) * (1 - squared * sine**2) ** -1.5
    eta = nu / rho - 1
    less, more = latitude - ORIGIN[0], latitude + ORIGIN[0]
    arc = (
        b
        * F0
        * (
            (1 + n + 5 / 4 * n**2 + 5 / 4 * n**3) * less
            - (3 * n + 3 * n**2 + 21 / 8 * n**3) * np.sin(less) * np.cos(more)
            + (15 / 8 * n**2 + 15 / 8 * n**3) * np.sin(2 * less) * np.cos(2 * more)
            - 35 / 24 * n**3 * np.sin(3 * less) * np.cos(3 * more)
        )
    )
    east = longitude - ORIGIN[1]
    north = (
        arc
        + FALSE_NORTH
        + nu / 2 * sine * cosine * east**2
        + nu / 24 * sine * cosine**3 * (5 - tangent**2 + 9 * eta) * east**4
        + nu / 720 * sine * cosine**5 * (61 - 58 * tangent**2 + tangent**4) * east**6
    )
    easting = (
        FALSE_EAST
        + nu * cosine * east
        + nu / 6 * cosine**3 * (nu / rho - tangent**2) * east**3
        + nu
        / 120
        * cosine**5
        * (5 - 18 * tangent**2 + tangent**4 + 14 * eta - 58 * tangent**2 * eta)
        * east**5
    )
    return np.column_stack([easting, north])
