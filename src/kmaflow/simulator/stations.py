"""The simulated networks: an invented station list in which only some well-known ASOS stations are real.

The list is the same for every seed. Names, numbers and places of all but `_KNOWN` are made up by hashes, in
the style of the real lists: 97 SFC (ASOS) stations, 735 AWS names including them, stations that never report,
and stations that report although no list names them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator.noise import Bools, Ints, line, unit

_LIST_SEED = 1904
AIRPORTS = (92, 110, 113, 151, 167)
"""Stations without a rain gauge whose RN-DAY is nevertheless 0.0."""

UNLISTED = (693, 697, 884, 952)
"""Stations that report and no list names."""

SILENT_COUNT = 9
LISTED_COUNT = 735
SFC_COUNT = 97

# number, Korean, English, longitude, latitude, height: approximate, from general knowledge
_KNOWN: tuple[tuple[int, str, str, float, float, float], ...] = (
    (90, "속초", "Sokcho", 128.56, 38.25, 18), (100, "대관령", "Daegwallyeong", 128.72, 37.68, 773),
    (101, "춘천", "Chuncheon", 127.74, 37.90, 76), (102, "백령도", "Baengnyeongdo", 124.71, 37.97, 36),
    (105, "강릉", "Gangneung", 128.89, 37.75, 27), (108, "서울", "Seoul", 126.97, 37.57, 86),
    (112, "인천", "Incheon", 126.62, 37.48, 69), (114, "원주", "Wonju", 127.95, 37.34, 149),
    (115, "울릉도", "Ulleungdo", 130.90, 37.48, 223), (119, "수원", "Suwon", 126.98, 37.26, 35),
    (131, "청주", "Cheongju", 127.44, 36.64, 59), (133, "대전", "Daejeon", 127.37, 36.37, 69),
    (136, "안동", "Andong", 128.71, 36.57, 140), (138, "포항", "Pohang", 129.38, 36.03, 4),
    (140, "군산", "Gunsan", 126.76, 36.01, 23), (143, "대구", "Daegu", 128.65, 35.88, 54),
    (146, "전주", "Jeonju", 127.12, 35.84, 62), (152, "울산", "Ulsan", 129.33, 35.58, 83),
    (155, "창원", "Changwon", 128.67, 35.17, 37), (156, "광주", "Gwangju", 126.89, 35.17, 72),
    (159, "부산", "Busan", 129.03, 35.10, 70), (165, "목포", "Mokpo", 126.38, 34.82, 39),
    (168, "여수", "Yeosu", 127.74, 34.74, 65), (184, "제주", "Jeju", 126.53, 33.51, 21),
    (189, "서귀포", "Seogwipo", 126.57, 33.25, 52), (192, "진주", "Jinju", 128.04, 35.16, 30),
)  # fmt: skip
_FIRST = dict(
    zip(
        "가고금남달대동무백북산서송신안양영옥용원장정중청평하해화황홍",
        [
            "Ga",
            "Go",
            "Geum",
            "Nam",
            "Dal",
            "Dae",
            "Dong",
            "Mu",
            "Baek",
            "Buk",
            "San",
            "Seo",
            "Song",
            "Sin",
            "An",
            "Yang",
            "Yeong",
            "Ok",
            "Yong",
            "Won",
            "Jang",
            "Jeong",
            "Jung",
            "Cheong",
            "Pyeong",
            "Ha",
            "Hae",
            "Hwa",
            "Hwang",
            "Hong",
        ],
        strict=True,
    )
)
_SECOND = dict(
    zip(
        "천산양성주평남곡동읍포암진령도면덕계림봉",
        [
            "cheon",
            "san",
            "yang",
            "seong",
            "ju",
            "pyeong",
            "nam",
            "gok",
            "dong",
            "eup",
            "po",
            "am",
            "jin",
            "nyeong",
            "do",
            "myeon",
            "deok",
            "gye",
            "rim",
            "bong",
        ],
        strict=True,
    )
)
REGIONS = (
    ("서울특별시", "11B10101", 11), ("강원특별자치도", "11D10301", 51), ("충청북도", "11C10301", 43),
    ("전북특별자치도", "11F10201", 52), ("경상북도", "11H10701", 47), ("경상남도", "11H20301", 48),
    ("전라남도", "11F20501", 46), ("제주특별자치도", "11G00201", 50),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Station:
    """One station. lon, lat in degrees; ht in m above sea level; `listed` and `reporting` are independent."""

    stn: int
    name_ko: str
    name_en: str
    lon: float
    lat: float
    ht: float
    sfc: bool = False
    listed: bool = True
    reporting: bool = True
    region: int = 0


def _draw(stn: int, what: str) -> float:
    return float(unit(line(_LIST_SEED, what, np.array([stn])))[0])


def _pick(count: int, pool: range, taken: set[int], what: str) -> list[int]:
    """`count` numbers of the pool that nobody has, chosen by hash."""
    free = [number for number in pool if number not in taken]
    chosen = sorted(free, key=lambda number: _draw(number, what))[:count]
    taken.update(chosen)
    return chosen


def _region(lon: float, lat: float) -> int:
    """Rough regions from north to south, enough for codes and addresses that look right."""
    if lat < 34.0:
        return 7
    north = int((38.3 - lat) / 4.0 * 3)
    return (0 if lon < 127.3 else 1, 2 if lon < 127.9 else 4, 6 if lon < 127.7 else 5)[max(min(north, 2), 0)]


def _invented(stn: int, *, sfc: bool) -> Station:
    first = list(_FIRST)[int(_draw(stn, "first") * len(_FIRST))]
    second = list(_SECOND)[int(_draw(stn, "second") * len(_SECOND))]
    if _draw(stn, "island") < 0.04:
        lon, lat = 126.2 + 0.7 * _draw(stn, "lon"), 33.25 + 0.25 * _draw(stn, "lat")
    else:
        lat = 34.35 + 3.9 * _draw(stn, "lat")
        east = 129.4 - max(0.0, lat - 37.2) * 0.9
        lon = 126.4 + (east - 126.4) * _draw(stn, "lon")
    height = 5 + 150 * _draw(stn, "height") ** 2 + (900 * _draw(stn, "peak") if _draw(stn, "mountain") < 0.12 else 0)
    blank = " " if _draw(stn, "blank") < 0.03 else ""
    english = f"{_FIRST[first]}{_SECOND[second]}" + (f"{blank}Gun" if blank else "")
    if not sfc:
        # most AWS rows have no English name: dashes, and a few a star
        english = english if _draw(stn, "english") < 0.04 else "*" if _draw(stn, "star") < 0.01 else "----"
    return Station(stn, first + second, english, lon, lat, round(height, 2), sfc=sfc, region=_region(lon, lat))


def _with(station: Station, **changes: object) -> Station:
    fields = {name: getattr(station, name) for name in Station.__dataclass_fields__}
    return Station(**{**fields, **changes})


@functools.cache
def stations() -> tuple[Station, ...]:
    """Every station, listed or not, ascending by number."""
    taken = {row[0] for row in _KNOWN} | set(AIRPORTS) | set(UNLISTED)
    found = [
        Station(stn, ko, en, lon, lat, float(ht), sfc=True, region=_region(lon, lat))
        for stn, ko, en, lon, lat, ht in _KNOWN
    ]
    found += [_invented(stn, sfc=True) for stn in _pick(SFC_COUNT - len(_KNOWN), range(93, 300), taken, "sfc")]
    found += [_with(_invented(stn, sfc=False), name_ko=f"{'양김대포여'[k]}해(공)") for k, stn in enumerate(AIRPORTS)]
    others = _pick(LISTED_COUNT - len(found), range(300, 997), taken, "aws")
    silent = set(sorted(others, key=lambda stn: _draw(stn, "silent"))[:SILENT_COUNT])
    for stn in others:
        station = _invented(stn, sfc=False)
        # stations moved or replaced keep their row with a star behind the name
        starred = stn in silent or _draw(stn, "moved") < 0.015
        name = station.name_ko + (" *" if starred else "")
        found.append(_with(station, name_ko=name, reporting=stn not in silent))
    found += [_with(_invented(stn, sfc=False), listed=False) for stn in UNLISTED]
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
    radiation: Bools
    always_blank: Bools
    restless: Bools

    def __len__(self) -> int:
        return len(self.stn)


@functools.cache
def network() -> Network:
    """What each reporting station measures; the shares are those of the captured minutes."""
    rows = [station for station in stations() if station.reporting]
    stn = np.array([row.stn for row in rows], dtype=np.int64)
    sfc = np.array([row.sfc for row in rows])
    lon, lat, ht = (np.array([getattr(row, name) for row in rows]) for name in ("lon", "lat", "ht"))
    airport = np.isin(stn, AIRPORTS)

    def chance(what: str) -> NDArray[np.float64]:
        return unit(line(_LIST_SEED, what, stn))

    barometer = sfc | airport | (chance("barometer") > 0.172)
    sfc_rank = np.cumsum(sfc)
    return Network(
        stn=stn, lon=lon, lat=lat, ht=ht, sfc=sfc, airport=airport,
        barometer=barometer,
        sea_level=barometer & (sfc | airport | (chance("sea level") > 0.04)),
        tip=np.where(sfc | (chance("tip") < 0.1), 1, 5).astype(np.int32),
        ceilometer=sfc & (sfc_rank > 1) & (sfc_rank < 97),
        visibility=sfc | airport | (chance("visibility") < 0.28),
        soil=sfc & (chance("soil") < 0.3),
        coast=(lon < 126.6) | (lon > 129.2) | (lat < 34.7),
        radiation=chance("radiation") < 0.5,
        always_blank=~sfc & ~airport & (chance("always blank") < 0.009),
        restless=np.isin(stn, UNLISTED[:3]) | (~sfc & (chance("restless") < 0.004)),
    )  # fmt: skip
