"""Where a station lies: kilometres east and north, how near the sea is, and on which side.

The coast of the mainland is a line of some fifty points; whatever lies outside it is an island and belongs to
the sea.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kmaflow.simulator.noise import Bools, Floats

# longitude and latitude, from the Han estuary along the coast to the northern end of the east coast
_WEST = (
    (126.68, 37.75), (126.60, 37.48), (126.75, 37.25), (126.55, 37.05), (126.80, 36.95), (126.45, 36.98),
    (126.15, 36.80), (126.35, 36.45), (126.52, 36.30), (126.55, 36.05), (126.70, 35.97), (126.60, 35.75),
    (126.47, 35.62), (126.55, 35.45), (126.38, 35.25), (126.35, 35.00), (126.38, 34.78), (126.30, 34.55),
    (126.50, 34.32),
)  # fmt: skip
_SOUTH = (
    (126.50, 34.32), (126.78, 34.55), (127.00, 34.45), (127.15, 34.65), (127.30, 34.47), (127.45, 34.78),
    (127.65, 34.65), (127.75, 34.90), (128.05, 34.92), (128.10, 34.80), (128.40, 34.82), (128.60, 34.75),
    (128.72, 34.90), (128.60, 35.10), (128.85, 35.08), (129.05, 35.05),
)  # fmt: skip
_EAST = (
    (129.05, 35.05), (129.22, 35.17), (129.35, 35.40), (129.45, 35.55), (129.52, 35.80), (129.57, 36.07),
    (129.38, 36.05), (129.42, 36.40), (129.45, 36.75), (129.42, 37.05), (129.30, 37.30), (129.12, 37.52),
    (128.93, 37.76), (128.75, 37.95), (128.60, 38.20), (128.36, 38.62),
)  # fmt: skip
_BORDER = ((127.30, 38.35), (126.68, 37.95))


@dataclass(frozen=True)
class Terrain:
    """All of shape (stations,). x, y: km east of 127°E and north of 36.4°N.

    sea, west, east: 1 at the sea (any, the western, the eastern), towards 0 inland; islands have 1 of all. inland_x,
    inland_y: the direction of the land for a breeze from the sea, unit length.
    """

    x: Floats
    y: Floats
    sea: Floats
    west: Floats
    east: Floats
    inland_x: Floats
    inland_y: Floats


def _km(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    return (lon - 127.0) * 89.6, (lat - 36.4) * 111.0


def _distance(x: Floats, y: Floats, points: tuple[tuple[float, float], ...]) -> Floats:
    """Kilometres from each place to a line of points."""
    px, py = _km(*np.array(points).T)
    dx, dy = np.diff(px), np.diff(py)
    along = (x[:, None] - px[:-1]) * dx + (y[:, None] - py[:-1]) * dy
    along = np.clip(along / (dx**2 + dy**2), 0, 1)
    return np.asarray(np.hypot(x[:, None] - px[:-1] - along * dx, y[:, None] - py[:-1] - along * dy).min(axis=1))


def _inside(x: Floats, y: Floats) -> Bools:
    """Whether a place lies on the mainland: a ray to the east crosses its outline an odd number of times."""
    px, py = _km(*np.array(_WEST + _SOUTH + _EAST + _BORDER).T)
    qx, qy = np.roll(px, -1), np.roll(py, -1)
    y = y[:, None]
    crosses = (py > y) != (qy > y)
    rise = np.where(qy == py, 1.0, qy - py)
    return np.asarray((crosses & (x[:, None] < px + (y - py) / rise * (qx - px))).sum(axis=1) % 2 == 1)


def terrain(lon: Floats, lat: Floats) -> Terrain:
    """The terrain of the stations at these places."""
    x, y = _km(lon, lat)
    island = ~_inside(x, y)
    west, south, east = (_distance(x, y, points) for points in (_WEST, _SOUTH, _EAST))
    to_x, to_y = 80.0 - x, 0.0 - y
    length = np.hypot(to_x, to_y)
    nearest = np.minimum(np.minimum(west, south), east)
    return Terrain(
        x=x,
        y=y,
        sea=np.where(island, 1.0, np.exp(-nearest / 15)),
        west=np.where(island, 1.0, np.exp(-west / 45)),
        east=np.where(island, 1.0, np.exp(-east / 20)),
        inland_x=to_x / length,
        inland_y=to_y / length,
    )
