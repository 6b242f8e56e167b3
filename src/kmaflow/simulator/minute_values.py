"""Values of the datasets that share the row of nph-aws2_min: aws_minute and aws_ground_temperature.

All numbers are tenths of KMA's unit as integers, sentinels included (-999 is -99.9, -9990 is -999.0); the
code NEGATIVE_ZERO stands for a printed `-0.0`. Arrays have the shape (minutes, stations).
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator import outages
from kmaflow.simulator.noise import Bools, Ints, byte, cells
from kmaflow.simulator.stations import BAD_BAROMETER
from kmaflow.simulator.weather import DAY, DayWeather, World, at, hour_noise, pick, rain_over

NOT_OBSERVED, QC_7, QC_2, WIDE = -999, -997, -992, -9990
NEGATIVE_ZERO = -9991

AWS_MINUTE = (
    "wd1", "ws1", "wds", "wss", "wd10", "ws10", "ta", "re", "rn_15m", "rn_60m", "rn_12h", "rn_day", "hm",
    "pa", "ps", "td",
)  # fmt: skip
GROUND = (
    "ta", "hm", "td", "tg", "ts", "te005", "te01", "te02", "te03", "te05", "te10", "te15", "te30", "te50",
    "pa", "ps",
)  # fmt: skip

# depth in m, damping of the yearly wave, its delay in days, share of the daily wave at the surface
_DEPTHS = {
    "te005": (0.90, 4, 0.45), "te01": (0.86, 6, 0.30), "te02": (0.80, 10, 0.14), "te03": (0.75, 14, 0.06),
    "te05": (0.66, 20, 0.0), "te10": (0.48, 38, 0.0), "te15": (0.35, 56, 0.0), "te30": (0.14, 110, 0.0),
    "te50": (0.05, 180, 0.0),
}  # fmt: skip

Columns = dict[str, NDArray[np.int32]]

_COLDEST, _WARMEST, _DRIEST = -450, 500, 400


@functools.cache
def _humidity() -> NDArray[np.int32]:
    """Relative humidity (tenths of %) by temperature and dew-point depression, tenths of °C (Magnus)."""
    ta = np.arange(_COLDEST, _WARMEST + 1)[:, None] / 10
    td = ta - np.arange(_DRIEST + 1)[None, :] / 10
    pressure = [np.exp(17.62 * value / (243.12 + value)) for value in (td, ta)]
    return np.rint(1000 * pressure[0] / pressure[1]).astype(np.int32).ravel()


def air(world: World, weather: DayWeather, t: Ints, idx: Ints) -> Columns:
    """ta, dep (dew-point depression) and hm without faults: tenths of °C, °C and %."""
    noise = cells(world.seed, "air", weather.day * DAY + t, world.net.stn[idx])
    ta = at(weather.ta, t, idx)
    ta += (byte(noise, 0) - 128) * 11
    ta += 500
    ta //= 1000
    dep = at(weather.dep, t, idx)
    dep += (byte(noise, 1) - 128) * 8
    dep //= 1000
    np.clip(dep, 0, _DRIEST, out=dep)
    index = np.clip(ta, _COLDEST, _WARMEST)
    index -= _COLDEST
    index *= _DRIEST + 1
    index += dep
    return {"ta": ta, "dep": dep, "hm": _humidity().take(index), "bits": byte(noise, 2)}


def pressure(world: World, weather: DayWeather, t: Ints, idx: Ints, wide: bool) -> Columns:
    """Pa and ps in tenths of hPa, with the sentinels of stations that have no barometer or no reduction."""
    pa = at(weather.pa, t, idx) // 1000
    ps = at(weather.ps, t, idx) // 1000
    pa[:, ~world.net.barometer[idx]] = WIDE if wide else QC_7
    ps[:, ~world.net.sea_level[idx]] = WIDE if wide else NOT_OBSERVED
    pa[:, world.net.stn[idx] == BAD_BAROMETER] = 5000
    return {"pa": pa, "ps": ps}


def wind(world: World, weather: DayWeather, t: Ints, idx: Ints) -> Columns:
    """Six wind columns: tenths of degree and of m/s. Calm is speed 0 with direction 0 or an old one."""
    minute = weather.day * DAY + t
    noise = cells(world.seed, "wind", minute, world.net.stn[idx])
    ws10 = np.maximum(at(weather.ws, t, idx) // 1000, 0)
    ws1 = ws10 * (150 + byte(noise, 0) * 210 // 256) >> 8
    ws1 -= (ws10 < 4) & (byte(noise, 0) < 90)
    np.maximum(ws1, 0, out=ws1)
    wss = ws1 * (290 + byte(noise, 1)) >> 8
    wss += byte(noise, 1) >> 5
    wss -= (byte(noise, 1) == 7) & (wss > 2)
    wd10 = at(weather.wd, t, idx) // 1000
    wd1 = wd10 + (byte(noise, 2) - 128) * 2
    wds = wd1 + (byte(noise, 3) - 128)
    # a calm vane shows nothing or keeps the direction of the hour's beginning
    hour = (t - 1) // 60 * 6
    old = pick(weather.wd, hour, idx) // 100
    calm = ws1 == 0
    np.copyto(wd1, old, where=calm)
    for direction in (wd1, wds, wd10):
        np.mod(direction, 3600, out=direction)
        direction[(direction == 0) & (byte(noise, 3) > 100)] = 3600
    wd1[calm & (hour_noise(world, "vane", weather.day, t, idx) < np.uint32(0x74000000))] = 0
    wds[wss == 0] = 0
    return {"wd1": wd1, "ws1": ws1, "wds": wds, "wss": wss, "wd10": wd10, "ws10": ws10}


def rain(world: World, weather: DayWeather, t: Ints, idx: Ints) -> Columns:
    """Re (0 or 10: tenths) and the four accumulations, tenths of mm, ending at the minute (`rain_over`)."""
    day = weather.day
    re = (pick(weather.wet, t, idx) - pick(weather.wet, t - 1, idx)).astype(np.int32) * 10
    found: Columns = {"re": re, "rn_day": pick(weather.rain, t, idx).astype(np.int32)}
    for name, minutes in (("rn_15m", 15), ("rn_60m", 60), ("rn_12h", 720)):
        found[name] = rain_over(world, day, t, idx, minutes)
    airport = world.net.airport[idx]
    if airport.any():
        found["re"][:, airport] = QC_7
        found["rn_day"][:, airport] = 0
        for name in ("rn_15m", "rn_60m", "rn_12h"):
            found[name][:, airport] = NOT_OBSERVED
    return found


_HURT: dict[int, dict[str, int]] = {
    outages.HM_992: {"hm": QC_2, "td": NOT_OBSERVED},
    outages.HM_997: {"hm": QC_7, "td": NOT_OBSERVED},
    outages.GUST_992: {"wds": QC_2, "wss": QC_2},
    outages.WIND_992: dict.fromkeys(("wd1", "ws1", "wds", "wss"), QC_2) | {"wd10": NOT_OBSERVED,
    "ws10": NOT_OBSERVED},
    outages.WD_992: {"wd1": QC_2, "wds": QC_2, "wd10": NOT_OBSERVED},
    outages.WD10_999: {"wd10": NOT_OBSERVED, "ws10": NOT_OBSERVED},
    outages.RE_992: {"re": QC_2},
    outages.RAIN_992: {"rn_15m": NOT_OBSERVED, "rn_60m": NOT_OBSERVED, "rn_12h": NOT_OBSERVED,
    "rn_day": QC_2},
    outages.RAIN_997: {"rn_15m": NOT_OBSERVED, "rn_60m": NOT_OBSERVED, "rn_12h": NOT_OBSERVED,
    "rn_day": QC_7},
    outages.RE_997: {
        "re": QC_7, "rn_15m": NOT_OBSERVED, "rn_60m": NOT_OBSERVED, "rn_12h": NOT_OBSERVED, "rn_day": QC_7,
    },
    outages.RN12_999: {"rn_12h": NOT_OBSERVED},
    outages.TA_992: {"ta": QC_2, "td": NOT_OBSERVED, "ps": NOT_OBSERVED},
}  # fmt: skip


def _hurt(world: World, columns: Columns, day: int, t: Ints, idx: Ints, wide: bool) -> None:
    """Puts the sentinels of broken instruments in place."""
    bits = outages.broken(world, day, t, idx)
    for bit, fields in _HURT.items():
        where = (bits & np.uint16(bit)) != 0
        if where.any():
            for name, code in fields.items():
                if name in columns:
                    columns[name][where] = WIDE if wide and name == "ps" else code


def missing_row(names: tuple[str, ...], wide: bool) -> dict[str, int]:
    """The sentinels of a row that holds nothing else."""
    return {name: WIDE if wide and name in ("pa", "ps") else NOT_OBSERVED for name in names}


def blank_out(columns: Columns, names: tuple[str, ...], blank: Bools, wide: bool) -> None:
    """Turns the rows marked into rows of sentinels."""
    where = np.nonzero(blank)
    for name, code in missing_row(names, wide).items():
        columns[name][where] = code


def aws_minute(world: World, day: int, t: Ints, idx: Ints, wide: bool) -> Columns:
    """The columns of AWS_MINUTE. `wide`: missing pressures are -999.0 (from 2026 on)."""
    weather = world.day(day)
    columns = air(world, weather, t, idx)
    columns["td"] = columns["ta"] - columns["dep"]
    columns["td"][(columns["td"] == 0) & (columns["bits"] < 110)] = NEGATIVE_ZERO
    columns |= wind(world, weather, t, idx)
    columns |= rain(world, weather, t, idx)
    columns |= pressure(world, weather, t, idx, wide)
    if wide:
        # in the excerpts of 2026 many stations have no rain detector any more
        columns["re"][:, ~world.net.sfc[idx] & (world.net.stn[idx] % 3 == 0)] = NOT_OBSERVED
    _hurt(world, columns, day, t, idx, wide)
    blank = outages.blank_rows(world, day, t, idx)
    blank_out(columns, AWS_MINUTE, blank, wide)
    return {name: columns[name] for name in AWS_MINUTE}


def aws_ground(world: World, day: int, t: Ints, idx: Ints, wide: bool) -> Columns:
    """The columns of GROUND; stations without sensors have sentinels from tg on."""
    weather = world.day(day)
    columns = air(world, weather, t, idx)
    columns["td"] = columns["ta"] - columns["dep"]
    columns["td"][(columns["td"] == 0) & (columns["bits"] < 110)] = NEGATIVE_ZERO
    columns |= pressure(world, weather, t, idx, wide)
    columns |= ground(weather, t, idx, columns["ta"])
    soil, sfc = world.net.soil[idx], world.net.sfc[idx]
    for name in ("tg", "ts"):
        columns[name][:, ~sfc] = NOT_OBSERVED
    for name in _DEPTHS:
        columns[name][:, ~soil] = NOT_OBSERVED
    _hurt(world, columns, day, t, idx, wide)
    blank = outages.blank_rows(world, day, t, idx)
    blank_out(columns, GROUND, blank, wide)
    return {name: columns[name] for name in GROUND}


def ground(weather: DayWeather, t: Ints, idx: Ints, ta: NDArray[np.int32]) -> Columns:
    """tg, ts and soil temperatures in tenths of °C: the deeper, the calmer and the later in the year."""
    ts = (at(weather.ts, t, idx) + 500) // 1000
    columns: Columns = {"ts": ts, "tg": np.minimum(ts, ta) - 12}
    mean = 125
    for name, (damping, delay, daily) in _DEPTHS.items():
        # quantised once per day and once per hundredth, so no cell depends on the shape of an array
        wave = 145 * damping * np.cos(2 * np.pi * ((weather.day - delay) / 365.2425 - 0.572))
        columns[name] = mean + round(wave) + (ts - ta) * round(daily * 100) // 100 + ta * round(daily * 40) // 100
    return columns
