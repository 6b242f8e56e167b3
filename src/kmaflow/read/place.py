"""Places and the stations around them. A station is one place, whether AWS, ASOS or both report from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from math import inf, isfinite
from typing import TypeAlias
from unicodedata import normalize

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.errors import UsageError
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.schema.service import STATION
from kmaflow.store.selection import choose, plain
from kmaflow.store.stations import EARTH_KM, Station, current

#: KMA's stations lie between these degrees, islands and buoys included.
_LAT, _LON = (31.0, 39.5), (123.5, 132.5)
#: West, south, east, north, in degrees.
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Place:
    """A point in Korea.

    Args:
        lat, lon: degrees north and east.
        height: metres above sea level; None = unknown, then heights are not compared.

    Raises:
        UsageError: it lies outside of the area of KMA's stations, or lat and lon are exchanged.
    """

    lat: float
    lon: float
    height: float | None = None

    def __post_init__(self) -> None:
        if _inside(self.lat, self.lon):
            if self.height is not None and not -100 <= self.height <= 3_000:
                raise UsageError(
                    f"no height in Korea: {self.height} m",
                    ko=f"우리나라에 없는 고도입니다: {self.height} m",
                    todo_en="give metres above sea level, or leave it out",
                    todo_ko="해발고도를 미터로 쓰거나 빼십시오",
                )
            return
        if _inside(self.lon, self.lat):
            raise UsageError(
                f"lat and lon are exchanged: {self.lat}, {self.lon}",
                ko=f"위도와 경도가 바뀌었습니다: {self.lat}, {self.lon}",
                todo_en=f"write lat={self.lon}, lon={self.lat}",
                todo_ko=f"lat={self.lon}, lon={self.lat}로 쓰십시오",
            )
        raise UsageError(
            f"{self.lat}, {self.lon} lies outside of the area of KMA's stations",
            ko=f"{self.lat}, {self.lon}: 기상청 관측망 밖입니다",
            todo_en=f"give lat from {_LAT[0]} to {_LAT[1]} and lon from {_LON[0]} to {_LON[1]}",
            todo_ko=f"lat은 {_LAT[0]}~{_LAT[1]}, lon은 {_LON[0]}~{_LON[1]} 사이로 쓰십시오",
        )


def _inside(lat: float, lon: float) -> bool:
    return isfinite(lat) and isfinite(lon) and _LAT[0] <= lat <= _LAT[1] and _LON[0] <= lon <= _LON[1]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A station as seen from a place: km along the ground, and how much higher than the place it stands (None = one height is unknown)."""

    station: Station
    distance_km: float
    height_difference_m: float | None


@dataclass(frozen=True)
class Listing:
    """The stations as they are listed now.

    Attributes:
        stations: by number.
        ready: whether the database has its tables; without them nothing was ever stored.
    """

    stations: tuple[Station, ...]
    ready: bool
    by_number: Mapping[int, Station] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_number", {station.stn: station for station in self.stations})

    @cached_property
    def _placed(self) -> list[Station]:
        return [station for station in self.stations if station.lat is not None and station.lon is not None]

    @cached_property
    def _points(self) -> NDArray[np.float64]:
        """The stations of :attr:`_placed` as points of a unit sphere, shape (stations, 3)."""
        return _point(np.array([one.lat for one in self._placed]), np.array([one.lon for one in self._placed]))

    def around(self, place: Place, *, within_km: float = inf, at_least: int = 0) -> list[Neighbour]:
        """Stations with a position, the nearest first; of equal distances the lower number.

        Args:
            within_km: leave out those that are farther,
            at_least: but give so many.
        """
        chords = np.linalg.norm(self._points - _point(np.array([place.lat]), np.array([place.lon])), axis=1)
        distances = 2 * EARTH_KM * np.arcsin(chords / 2)
        order = np.argsort(distances, kind="stable")
        count = max(int((distances <= within_km).sum()), at_least)
        return [
            Neighbour(self._placed[at], float(distances[at]), _higher(self._placed[at], place)) for at in order[:count]
        ]

    def station(self, stn: int) -> Station:
        """The station of a number; of one that no list names only that."""
        return self.by_number.get(stn) or Station(stn, "", None, None, None, None, None, None)

    def numbers(self, words: Iterable[str | int] | str) -> tuple[int, ...] | None:
        """The stations that words mean, None = all; only those that are listed.

        Raises:
            UnknownStations: a word means none of them.
        """
        return choose(
            words if isinstance(words, str) else list(map(str, words)), self.stations, ("AWS", "SFC")
        ).stations

    def named(self, text: str) -> list[Station]:
        """The stations whose number is the text, or whose name or address holds it."""
        wanted = plain(text)
        if wanted.isascii() and wanted.isdigit():
            return [one for one in self.stations if one.stn == int(wanted)]
        return [
            one
            for one in self.stations
            if any(wanted in plain(name) for name in (one.name_ko, one.name_en, one.address) if name)
        ]

    def within(self, box: Box) -> list[Station]:
        """The stations in a box.

        Raises:
            UsageError: the box is none.
        """
        west, south, east, north = box
        if not all(map(isfinite, box)) or west >= east or south >= north:
            raise UsageError(
                f"no box: {', '.join(map(str, box))}",
                ko=f"영역이 아닙니다: {', '.join(map(str, box))}",
                todo_en="give west,south,east,north in degrees, such as 126.7,37.4,127.2,37.7",
                todo_ko="서,남,동,북을 도로 쓰십시오. 예: 126.7,37.4,127.2,37.7",
            )
        return [one for one in self._placed if west <= (one.lon or 0.0) <= east and south <= (one.lat or 0.0) <= north]


def _point(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)], axis=-1)


def _higher(station: Station, place: Place) -> float | None:
    if station.ht is None or place.height is None:
        return None
    return round(station.ht - place.height, 2)


def listing(store: Store) -> Listing:
    """The stations listed now. Reading makes no tables: where there are none, none are listed.

    Raises:
        StoreError: the database cannot be read.
    """
    with reading(store.engine) as connection:
        if not sa.inspect(connection).has_table(STATION.name):
            return Listing((), ready=False)
        return Listing(tuple(current(connection)), ready=True)


def stations(
    store: Store,
    text: str | None = None,
    *,
    bbox: Box | None = None,
    near: Place | None = None,
    k: int | None = None,
    known: Listing | None = None,
) -> list[Neighbour | Station]:
    """Stations that fit all that is said, by number; with ``near`` the nearest first, with their distances.

    Args:
        text: a number, or part of a name or an address.
        bbox: west, south, east, north.
        k: at most so many.
        known: the listing, where it was read before.
    """
    listed = known or listing(store)
    fitting: Iterable[Station] = listed.stations if text is None else listed.named(text)
    numbers = {one.stn for one in fitting}
    if bbox is not None:
        numbers &= {one.stn for one in listed.within(bbox)}
    found: list[Neighbour | Station]
    if near is not None:
        found = [one for one in listed.around(near) if one.station.stn in numbers]
    else:
        found = [one for one in listed.stations if one.stn in numbers]
    return found[:k]


@dataclass(frozen=True)
class Found:
    """A place that somebody named: where it is, and by which station it was found (None: by its position)."""

    place: Place
    station: Station | None
    others: tuple[Station, ...] = ()


def found_place(listed: Listing, text: str) -> Found:
    """A place by a name, part of an address, a station number, or ``lat,lon``.

    A station of exactly that name counts first, then those whose name or address holds it; the lowest number of them is taken, the others are named.

    Raises:
        UsageError: nothing fits; the nearest names are in the advice.
    """
    parts = text.split(",")
    if len(parts) == 2:
        try:
            return Found(Place(float(parts[0]), float(parts[1])), None)
        except ValueError:
            pass
    fitting = [one for one in listed.named(text) if one.lat is not None and one.lon is not None]
    exact = [one for one in fitting if plain(text) in {plain(name) for name in (one.name_ko, one.name_en) if name}]
    if not fitting:
        # Letter by letter, as the selection of stations compares.
        names = {normalize("NFD", name): name for one in listed.stations for name in (one.name_ko, one.name_en) if name}
        close = get_close_matches(normalize("NFD", text.strip()), names, n=5, cutoff=0.4)
        near = ", ".join(names[one] for one in close) or "-"
        raise UsageError(
            f"no place {text!r} in the station list",
            ko=f"지점 목록에 그런 장소가 없습니다: {text!r}",
            todo_en=f"nearest names: {near}; or give lat,lon",
            todo_ko=f"가까운 이름: {near}; 또는 위도,경도를 쓰십시오",
        )
    chosen, *others = exact or fitting
    assert chosen.lat is not None
    assert chosen.lon is not None
    return Found(Place(chosen.lat, chosen.lon, chosen.ht), chosen, tuple(others[:5]))
