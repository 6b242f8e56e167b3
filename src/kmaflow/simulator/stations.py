"""The stations of the simulated networks: KMA's own, from its station lists, and what each of them measures.

The lists name 97 SFC (ASOS) and 727 AWS stations, the SFC ones among them. As in the captured minutes, some
listed stations never report, and some report although no list names them. Which instruments an AWS station has
is made up in the captured shares.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator.noise import Bools, Ints, line, unit
from kmaflow.simulator.station_list import listed
from kmaflow.simulator.terrain import Terrain, terrain

_LIST_SEED = 1904
AIRPORTS = (92, 110, 113, 151, 163, 167, 182)
"""Stations without a rain gauge whose RN-DAY is nevertheless 0.0."""

UNLISTED = (693, 884)
"""Stations that report now and then and no list names."""

SILENT = (128, 139, 142, 153, 158, 161, 429, 896, 897)
"""Listed stations that never report: closed airfields, replaced sites."""

ALWAYS_BLANK = (370, 884, 974, 978)
"""Stations whose rows hold sentinels only."""

BAD_BAROMETER = 364
"""Its station pressure is always 500.0."""


@dataclass(frozen=True, slots=True)
class Station:
    """One station that reports. lon, lat in degrees; ht in m above sea level."""

    stn: int
    lon: float
    lat: float
    ht: float
    sfc: bool


@functools.cache
def reporting() -> tuple[Station, ...]:
    """Every station that reports, listed or not, ascending by number."""
    sfc = {row.stn for row in listed("SFC")}
    rows = listed("AWS")
    found = [Station(row.stn, row.lon, row.lat, row.ht, row.stn in sfc) for row in rows if row.stn not in SILENT]
    for stn in UNLISTED:
        # nobody says where it is; numbers are given by region, so it is taken to be near the next number
        near = min(rows, key=lambda row: abs(row.stn - stn))
        found.append(Station(stn, near.lon, near.lat, near.ht, sfc=False))
    return tuple(sorted(found, key=lambda station: station.stn))


@dataclass(frozen=True)
class Network:
    """The reporting stations as arrays, all of shape (stations,), ascending by number.

    lon, lat in degrees, ht in m, tip in tenths of a mm (one tip of the rain gauge).
    """

    stn: Ints
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    ht: NDArray[np.float64]
    sfc: Bools
    airport: Bools
    barometer: Bools
    sea_level: Bools
    tip: NDArray[np.int32]
    ceilometer: Bools
    visibility: Bools
    soil: Bools
    coast: Bools
    terrain: Terrain
    radiation: Bools
    always_blank: Bools
    restless: Bools

    def __len__(self) -> int:
        return len(self.stn)


@functools.cache
def network() -> Network:
    """What each reporting station measures; the shares are those of the captured minutes."""
    rows = reporting()
    stn = np.array([row.stn for row in rows], dtype=np.int64)
    sfc = np.array([row.sfc for row in rows])
    lon, lat, ht = (np.array([getattr(row, name) for row in rows]) for name in ("lon", "lat", "ht"))
    airport = np.isin(stn, AIRPORTS)

    def chance(what: str) -> NDArray[np.float64]:
        return unit(line(_LIST_SEED, what, stn))

    barometer = sfc | airport | (stn == BAD_BAROMETER) | (chance("barometer") > 0.172)
    land = terrain(lon, lat)
    sfc_rank = np.cumsum(sfc)
    return Network(
        stn=stn, lon=lon, lat=lat, ht=ht, sfc=sfc, airport=airport,
        barometer=barometer,
        sea_level=barometer & (sfc | airport | (chance("sea level") > 0.04)),
        tip=np.where(sfc | (chance("tip") < 0.1), 1, 5).astype(np.int32),
        ceilometer=sfc & (sfc_rank > 1) & (sfc_rank < 97),
        visibility=sfc | airport | (chance("visibility") < 0.28),
        soil=sfc & (chance("soil") < 0.3),
        coast=land.sea > 0.5, terrain=land,
        radiation=chance("radiation") < 0.5,
        always_blank=np.isin(stn, ALWAYS_BLANK),
        restless=np.isin(stn, (*UNLISTED, 344)),
    )  # fmt: skip
