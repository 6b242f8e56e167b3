"""Half an hour of the simulated networks on each engine, and the truth about it, read without any of our code."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from kmaflow.store import Store

from ..collect.hub import collecting, simulated, truth, window
from ..databases import ENGINES, database

#: When everything is asked for: the hub has the stamp three minutes before.
NOW = datetime(2025, 1, 15, 12, 53)
LAST = datetime(2025, 1, 15, 12, 50)
MINUTES = window("12:20", "12:50")
HOURS = window("09:00", "12:00")
#: Places and their heights: the city, a mountain, an island, the sea between stations.
PLACES = (
    (37.50, 127.00, None),
    (37.68, 128.72, 780.0),
    (33.25, 126.57, 52.0),
    (36.60, 124.20, 0.0),
    (35.10, 129.03, 1500.0),
)
_EARTH = 6371.0088

Cells = dict[int, list[tuple[datetime, dict[str, Any]]]]


@dataclass(frozen=True)
class Filled:
    """A store and what should be in it: of each dataset the rows of each station, the newest first."""

    store: Store
    url: str
    archive: str
    cells: dict[str, Cells]
    positions: dict[int, tuple[float, float, float | None]]

    @cached_property
    def now(self) -> datetime:
        return NOW

    def newest(self, dataset: str, stn: int, oldest: timedelta) -> tuple[datetime, dict[str, Any]] | None:
        """The newest row with any value that is not too old."""
        for stamp, values in self.cells[dataset].get(stn, []):
            counted = {name: value for name, value in values.items() if name not in ("s", "n", "nn1")}
            if any(value is not None for value in counted.values()):
                return (stamp, values) if NOW - stamp <= oldest else None
        return None

    def by_distance(self, lat: float, lon: float) -> list[tuple[float, int]]:
        """Stations by distance, from the straight line through the earth."""
        return sorted((apart(lat, lon, *position[:2]), stn) for stn, position in self.positions.items())


def apart(lat: float, lon: float, lat2: float, lon2: float) -> float:
    """km along the ground, by the chord between two points of a sphere."""

    def point(lat: float, lon: float) -> tuple[float, float, float]:
        a, b = math.radians(lat), math.radians(lon)
        return math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a)

    return 2 * _EARTH * math.asin(math.dist(point(lat, lon), point(lat2, lon2)) / 2)


def _positions(hub_url: str, key: str) -> dict[int, tuple[float, float, float | None]]:
    """Number → position, from the bytes of the lists: that of ASOS counts where both have the number."""
    found: dict[int, tuple[float, float, float | None]] = {}
    for network in ("AWS", "SFC"):
        body = httpx.get(
            f"{hub_url}/url/stn_inf.php", params={"inf": network, "stn": 0, "help": 0, "authKey": key}
        ).content
        for line in body.decode("cp949").splitlines():
            if line[:1] == "#" or not line.strip():
                continue
            stn, lon, lat, _, height = line.split()[:5]
            metres = float(height)
            found[int(stn)] = (float(lat), float(lon), None if metres <= -90 else metres)
    return found


@contextmanager
def filled_database(kind: str, folder: Path) -> Iterator[Filled]:
    """A database of the kind with what a first run collects."""
    with simulated(NOW) as hub, database(kind, folder) as url:
        with collecting(hub, folder, NOW, database_url=url) as collector:
            collector.sync_stations(timedelta(0))
            for name in ("aws_minute", "aws_visibility", "aws_cloud"):
                assert collector.collect(name, MINUTES).failed is False
            assert collector.collect("asos_hourly", HOURS).failed is False
            collector.store.init(all_tables=True)
            archive = collector.settings.archive_url
        cells: dict[str, Cells] = {}
        for name, wanted in {
            "aws_minute": MINUTES,
            "aws_visibility": MINUTES,
            "aws_cloud": MINUTES,
            "asos_hourly": HOURS,
        }.items():
            step = timedelta(hours=1) if name == "asos_hourly" else timedelta(minutes=1)
            mine = cells.setdefault(name, {})
            for cell in truth(hub, name, wanted.start + step, wanted.end):
                if cell["state"] in ("present", "blank"):
                    mine.setdefault(cell["stn"], []).append(
                        (datetime.strptime(cell["tm"], "%Y%m%d%H%M"), cell["values"])
                    )
            for told in mine.values():
                told.sort(key=lambda one: one[0], reverse=True)
        positions = _positions(hub.url, hub.settings.keys[0].key)
        with Store(url) as store:
            yield Filled(store, url, archive, cells, positions)


@pytest.fixture(scope="session", params=ENGINES)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """The same data on each engine; tests only read them."""
    with filled_database(request.param, tmp_path_factory.mktemp("filled")) as made:
        yield made
