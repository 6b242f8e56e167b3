"""The printf layouts of the hub's data rows, one per endpoint and disp, and how to fill them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from kmaflow.simulator.asos_values import ASOS, WHOLE
from kmaflow.simulator.minute_values import AWS_MINUTE, GROUND
from kmaflow.simulator.noise import Bools
from kmaflow.simulator.tables import Field, Rows, field_words, render, words

Place = tuple[int, float, float]
"""stn, lon, lat."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A row: stamp pattern, station pattern (stn, and lon, lat where `placed`), then the fields."""

    stamp: str
    station: str
    fields: tuple[Field, ...]
    placed: bool = False

    def shifted(self) -> Layout:
        """The same rows with one leading blank."""
        return replace(self, stamp=" " + self.stamp)

    def without(self, name: str) -> Layout:
        """The same rows without one column."""
        return replace(self, fields=tuple(field for field in self.fields if field.name != name))


def _ends(fields: Sequence[Field], tail: str) -> tuple[Field, ...]:
    return (*fields[:-1], replace(fields[-1], pattern=fields[-1].pattern + tail))


def _whole(name: str, pattern: str) -> Field:
    return Field(name, pattern, scale=1, low=-1000, high=60_000)


def _aws(names: tuple[str, ...], disp: int) -> Layout:
    if disp == 1:
        fields = [Field(name, "%.1f" if name == names[-1] else "%.1f,") for name in names]
        return Layout("%s,", "%d,", _ends(fields, ",=\n"))
    return Layout("%s", "%6d", _ends([Field(name, "%7.1f") for name in names], "\n"))


_HEIGHTS = ("ch_low", "ch_mid", "ch_top")
_SIGHTS = ("vis1", "vis10", "ww1", "ww15")

CLOUD_1 = Layout(
    "%s,", "%5d,%12.8f,%12.8f,",
    _ends([*(_whole(name, "%6d,") for name in _HEIGHTS), Field("ca_tot", "%4.1f")], ",=\n"), placed=True,
)  # fmt: skip
CLOUD_0 = Layout(
    "%s", "%6d%13.8f%13.8f",
    _ends([*(_whole(name, "%7d") for name in _HEIGHTS), Field("ca_tot", "%7.1f")], "\n"), placed=True,
)  # fmt: skip
VISIBILITY_1 = Layout(
    "%s,", "%5d,%12.8f,%12.8f,",
    _ends([_whole("s", "%d,"), *(_whole(name, "%6d,") for name in _SIGHTS[:3]), _whole("ww15", "%6d")],
    ",=\n"),
    placed=True,
)  # fmt: skip
VISIBILITY_0 = Layout(
    "%s", "%6d%13.8f%13.8f",
    _ends([_whole("s", "%3d"), *(_whole(name, "%7d") for name in _SIGHTS)], "\n"), placed=True,
)  # fmt: skip

PRESENT = Layout("%s,", "%5d,%12.8f,%12.8f,", (_whole("s", "%d,"), _whole("n", "%3d")), placed=True)
"""nph-aws2_min_ww1 has no capture: assumed are vis up to S, `,N`, N pairs `,%3d,%3d` and `,=`, for any disp."""

_ASOS_PATTERNS = {
    "ws": "%5.1f", "gst_ws": "%5.1f", "pa": "%7.1f", "ps": "%7.1f", "ss": "%5.1f", "si": "%6.2f",
    "wh": "%5.1f",
    "wd": "%4d", "gst_wd": "%4d", "gst_tm": "%5d", "pt": "%3d", "wc": "%3d", "wp": "%3d", "ca_tot": "%4d",
    "ca_mid": "%4d", "ch_min": "%5d", "ct_top": "%4d", "ct_mid": "%4d", "ct_low": "%4d", "vs": "%6d",
    "st_gd": "%3d",
    "st_sea": "%4d", "bf": "%3d", "ir": "%3d", "ix": "%3d", "ww": " %-22s", "ct": " %-8s",
    **dict.fromkeys(("pr", "ta", "td", "hm", "pv", "ts", "te_005", "te_01", "te_02", "te_03"), "%6.1f"),
    **dict.fromkeys(("rn", "rn_day", "rn_jun", "rn_int", "sd_hr3", "sd_day", "sd_tot"), "%7.1f"),
}  # fmt: skip


def _asos_field(name: str) -> Field:
    pattern = _ASOS_PATTERNS[name]
    if pattern.endswith("s"):
        return Field(name, pattern, scale=0)
    if name in WHOLE:
        return Field(name, pattern, scale=1, low=-99, high=9_999)
    return Field(name, pattern, scale=100 if name == "si" else 10, low=-990, high=12_000)


ASOS_ROW = Layout("%s", "%4d", _ends([_asos_field(name) for name in ASOS], "\n"))

LAYOUTS: Mapping[tuple[str, int], Layout] = {
    ("aws_minute", 0): _aws(AWS_MINUTE, 0), ("aws_minute", 1): _aws(AWS_MINUTE, 1),
    ("aws_ground_temperature", 0): _aws(GROUND, 0), ("aws_ground_temperature", 1): _aws(GROUND, 1),
    ("aws_cloud", 0): CLOUD_0, ("aws_cloud", 1): CLOUD_1,
    ("aws_visibility", 0): VISIBILITY_0, ("aws_visibility", 1): VISIBILITY_1,
    ("asos_hourly", 0): ASOS_ROW, ("asos_hourly", 1): ASOS_ROW,
}  # fmt: skip
"""By dataset and disp. The sfctm endpoints know no disp."""


@functools.lru_cache(maxsize=64)
def _stations(pattern: str, placed: bool, places: tuple[Place, ...]) -> Rows:
    """Texts of the stations; kept, since the same stations are asked for every minute."""
    return words((pattern % (place if placed else place[0])).encode() for place in places)


def rows(
    layout: Layout,
    stamps: Sequence[str],
    places: Sequence[Place],
    columns: Mapping[str, NDArray[Any]],
    printed: Bools,
) -> bytes:
    """The data lines of a body.

    stamps: YYYYMMDDHHMM, KST, one per minute. places: (stn, lon, lat) per station. columns: scaled integers
    or byte strings of shape (minutes, stations), see `Field`. printed: rows to print, same shape.
    """
    if not printed.any():
        return b""
    times = words((layout.stamp % stamp).encode() for stamp in stamps)
    return render(
        times,
        _stations(layout.station, layout.placed, tuple(places)),
        [field_words(field, columns[field.name]) for field in layout.fields],
        printed,
    )


def present_rows(
    stamps: Sequence[str],
    places: Sequence[Place],
    kinds: NDArray[Any],
    pairs: Sequence[Sequence[Sequence[tuple[int, int]]]],
    printed: Bools,
) -> bytes:
    """The data lines of nph-aws2_min_ww1: pairs[minute][station] lists (code, minutes)."""
    out = []
    for i, stamp in enumerate(stamps):
        for j, place in enumerate(places):
            if printed[i, j]:
                head = (PRESENT.stamp % stamp) + (PRESENT.station % place)
                tail = "".join(f",{code:3d},{minutes:3d}" for code, minutes in pairs[i][j])
                out.append(f"{head}{kinds[i, j]:d},{len(pairs[i][j]):3d}{tail},=\n")
    return "".join(out).encode()
