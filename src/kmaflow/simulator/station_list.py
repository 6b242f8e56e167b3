"""Rows of url/stn_inf.php: fixed width in CP949 bytes, so a Korean letter counts for two."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kmaflow.simulator.noise import line
from kmaflow.simulator.stations import AIRPORTS, REGIONS, Station, stations


@dataclass(frozen=True, slots=True)
class ListRow:
    """One station as stn_inf prints it. Heights in m.

    SFC rows use the ht_* fields, AWS rows lau_id and ht_wd.
    """

    stn: int
    lon: float
    lat: float
    stn_sp: str
    ht: float
    ht_wd: float
    stn_ad: int
    stn_ko: str
    stn_en: str
    fct_id: str
    law_id: str
    basin: str
    lau_id: int = 0
    ht_pa: float = 0.0
    ht_ta: float = 0.0
    ht_rn: float = 0.0
    law_addr: str = ""


def _padded(text: str, width: int) -> bytes:
    return text.encode("cp949").ljust(width)


def format_row(row: ListRow, network: str, *, law_addr: bool) -> bytes:
    """The row's bytes with its LF: 163 bytes (SFC) or 138 (AWS), longer with the LAW_ADDR column."""
    out = b"%5d%14.8f%14.8f " % (row.stn, row.lon, row.lat) + _padded(row.stn_sp, 8)
    if network == "SFC":
        out += b"%10.2f%10.2f%10.2f%10.2f%10.2f" % (row.ht, row.ht_pa, row.ht_ta, row.ht_wd, row.ht_rn)
    else:
        out += b"%10.2f%10.2f%5d" % (row.ht, row.ht_wd, row.lau_id)
    out += b"%4d " % row.stn_ad + _padded(row.stn_ko, 20) + b" " + _padded(row.stn_en, 20) + b" "
    out += _padded(row.fct_id, 8) + b" " + _padded(row.law_id, 10) + b" " + row.basin.encode().rjust(4)
    if law_addr:
        out += b" " + row.law_addr.encode("cp949")
    return out + b"\n"


def _row(station: Station) -> ListRow:
    draw = int(line(7, "list", np.array([station.stn]))[0])
    region, forecast, law = REGIONS[station.region]
    special = "35300" if station.sfc else "20111000" if station.stn in AIRPORTS else _KINDS[draw % len(_KINDS)]
    office = (108, 105, 133, 146, 143, 159, 156, 184)[station.region]
    return ListRow(
        stn=station.stn, lon=round(station.lon, 5), lat=round(station.lat, 5), stn_sp=special, ht=station.ht,
        ht_wd=10.0, stn_ad=station.stn if station.sfc else office, stn_ko=station.name_ko,
        stn_en=station.name_en,
        fct_id=forecast, law_id=f"{law}{draw % 1000:03d}{draw // 7 % 100000:05d}",
        basin="----" if draw % 5 == 0 else f"{100 + draw % 300}", lau_id=law * 100 + draw % 40,
        ht_pa=station.ht + 1.0, ht_ta=1.5 + draw % 4 / 10, ht_rn=0.5 + draw % 10 / 10,
        law_addr=f"{region} {station.name_ko.split()[0].removesuffix('(공)')}시 {station.name_ko[0]}동",
    )  # fmt: skip


_KINDS = ("01111000",) * 12 + (
    "A1110000",
    "A1110000",
    "01110000",
    "11111000",
    "70011000",
    "A1100000",
    "X1211111",
)


@functools.cache
def listed(network: str) -> tuple[ListRow, ...]:
    """The rows of one network, `SFC` or `AWS` (which holds the SFC stations too), ascending by number."""
    chosen = (station for station in stations() if station.listed and (network == "AWS" or station.sfc))
    return tuple(_row(station) for station in chosen)


def station_rows(rows: Iterable[ListRow], network: str, *, law_addr: bool) -> bytes:
    """The data lines of stn_inf.php."""
    return b"".join(format_row(row, network, law_addr=law_addr) for row in rows)
