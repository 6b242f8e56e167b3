"""KMA's station lists and the rows of url/stn_inf.php: fixed width in CP949 bytes, a Korean letter counts for two.

`stations.tsv` holds the lists as KMA published them at the end of 2024, and the addresses that belong to their
LAW_ID. It is read when the first station is needed.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files


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


_WHOLE = ("stn", "stn_ad", "lau_id")
_DECIMAL = ("lon", "lat", "ht", "ht_wd", "ht_pa", "ht_ta", "ht_rn")


def _row(text: dict[str, str]) -> ListRow:
    whole = {name: int(text.pop(name) or 0) for name in _WHOLE}
    decimal = {name: float(text.pop(name) or 0) for name in _DECIMAL}
    return ListRow(**whole, **decimal, **text)  # type: ignore[arg-type]  # the rest is text


@functools.cache
def listed(network: str) -> tuple[ListRow, ...]:
    """The rows of one network, `SFC` or `AWS` (which holds the SFC stations too), ascending by number."""
    text = (files(__package__) / "stations.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return tuple(_row(row) for row in rows if row.pop("network") == network)


def station_rows(rows: Iterable[ListRow], network: str, *, law_addr: bool) -> bytes:
    """The data lines of stn_inf.php."""
    return b"".join(format_row(row, network, law_addr=law_addr) for row in rows)
