"""Values of asos_hourly at whole hours, shape (hours, stations), taken from the same weather as the minutes.

Numbers are integers: units where KMA prints integers, tenths or hundredths (si) otherwise; wd in 10 degrees,
vs in 10 m, ch_min in 100 m. Text columns are byte strings. Missing: -9, -9.0, -9.00 or -99.0, by the column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator import outages
from kmaflow.simulator.minute_values import air, ground
from kmaflow.simulator.noise import Ints, below, byte, cells, line
from kmaflow.simulator.sky import SNOW_BELOW, present_code
from kmaflow.simulator.weather import DAY, World, at, pick

ASOS = (
    "wd", "ws", "gst_wd", "gst_ws", "gst_tm", "pa", "ps", "pt", "pr", "ta", "td", "hm", "pv", "rn", "rn_day",
    "rn_jun",
    "rn_int", "sd_hr3", "sd_day", "sd_tot", "wc", "wp", "ww", "ca_tot", "ca_mid", "ch_min", "ct", "ct_top",
    "ct_mid",
    "ct_low", "vs", "ss", "si", "st_gd", "ts", "te_005", "te_01", "te_02", "te_03", "st_sea", "wh", "bf",
    "ir", "ix",
)  # fmt: skip
TEXT = ("ww", "ct")
COLD = ("ta", "td", "ts", "te_005", "te_01", "te_02", "te_03")
"""Temperatures: missing is -99.0, since -9.0 is a temperature."""

WHOLE = (
    "wd", "gst_wd", "gst_tm", "pt", "wc", "wp", "ca_tot", "ca_mid", "ch_min", "ct_top", "ct_mid", "ct_low",
    "vs",
    "st_gd", "st_sea", "bf", "ir", "ix",
)  # fmt: skip
NO_TEXT = b"-"
DRY, REPORTED = 3, 1

Values = dict[str, NDArray[Any]]


def missing_code(name: str) -> int | bytes:
    """The sentinel of a column, scaled as its values are."""
    if name in TEXT:
        return NO_TEXT
    if name in COLD:
        return -990
    return -9 if name in WHOLE else -900 if name == "si" else -90


def asos_hourly(world: World, day: int, t: Ints, idx: Ints) -> Values:
    """The columns of ASOS at minutes `t` (60, 120, … 1440) of the day."""
    shape = (len(t), len(idx))
    columns: Values = {
        name: np.full(shape, missing_code(name), dtype="S22" if name in TEXT else np.int32) for name in ASOS
    }
    noise = cells(world.seed, "asos", day * DAY + t, world.net.stn[idx])
    _air(world, day, t, idx, columns)
    _wind(world, day, t, idx, columns, noise)
    _sky(world, day, t, idx, columns, noise)
    _precipitation(world, day, t, idx, columns)
    columns["ix"] = np.where(byte(noise, 3) < 190, -9, np.where(byte(noise, 3) < 246, 2, 1)).astype(np.int32)
    # fields go missing one by one, and now and then a whole row does
    failing = cells(world.seed, "asos failing", day * DAY + t, world.net.stn[idx])
    for number, name in enumerate(("ta", "td", "hm", "ws", "ps", "ts", "vs")):
        lost = below(failing ^ np.uint32(number * 0x1F123BB5), 0.0006)
        columns[name][lost] = missing_code(name)
    blank = outages.stretches(world, "asos blank", day, t, idx, 0.003, 300)
    for name in ASOS:
        columns[name][blank] = missing_code(name)
    return columns


def _air(world: World, day: int, t: Ints, idx: Ints, columns: Values) -> None:
    weather = world.day(day)
    values = air(world, weather, t, idx)
    ta, td = values["ta"], values["ta"] - values["dep"]
    columns["ta"], columns["td"], columns["hm"] = ta, td, (values["hm"] + 5) // 10 * 10
    vapour = 6.112 * np.exp(17.62 * (td / 10) / (243.12 + td / 10))
    columns["pv"] = np.rint(vapour * 10).astype(np.int32)
    columns["pa"], columns["ps"] = at(weather.pa, t, idx) // 1000, at(weather.ps, t, idx) // 1000
    soil = ground(weather, t, idx, ta)
    columns["ts"] = soil["ts"]
    for name in ("te_005", "te_01", "te_02", "te_03"):
        columns[name][:, world.net.soil[idx]] = soil[name.replace("_", "")][:, world.net.soil[idx]]
    # the pressure tendency is reported every three hours
    third = t % 180 == 0
    if third.any():
        early = t[third] - 180
        before = at(weather.pa, early, idx) // 1000
        change = columns["pa"][third] - before
        columns["pr"][third] = np.abs(change)
        columns["pt"][third] = np.where(change > 3, 2, np.where(change < -3, 7, 4))


def _wind(world: World, day: int, t: Ints, idx: Ints, columns: Values, noise: NDArray[np.uint32]) -> None:
    weather = world.day(day)
    ws = np.maximum(at(weather.ws, t, idx) // 1000, 0)
    degrees = np.mod(at(weather.wd, t, idx) // 10000, 360)
    tens = np.where(degrees < 5, 36, (degrees + 5) // 10)
    columns["ws"], columns["wd"] = ws, np.where(ws < 3, 0, tens).astype(np.int32)
    gusty = (ws > 55) & (byte(noise, 0) < 140)
    columns["gst_ws"][gusty] = (ws[gusty] * 17 // 100 + 1) * 10
    columns["gst_wd"][gusty] = tens[gusty]
    clock = ((t - 60) // 60 % 24)[:, None] * 100 + byte(noise, 1) % 60
    columns["gst_tm"][gusty] = clock[gusty]
    coast = world.net.coast[idx][None, :] & (line(world.seed, "sea watch", world.net.stn[idx]) % np.uint32(3) == 0)
    seen = np.broadcast_to(coast, ws.shape)
    columns["wh"][seen] = (ws[seen] // 12 + 1) * 5
    columns["st_sea"][seen] = np.minimum(ws[seen] // 20 + 1, 8)
    columns["bf"][seen] = np.minimum(ws[seen] // 16 + 1, 12)


def _sky(world: World, day: int, t: Ints, idx: Ints, columns: Values, noise: NDArray[np.uint32]) -> None:
    weather = world.day(day)
    amount = np.clip((at(weather.cloud, t, idx) + 5000) // 8000, 0, 10)
    raining = pick(weather.wet, t, idx) > pick(weather.wet, t - 1, idx)
    amount = np.where(raining, 10, amount).astype(np.int32)
    columns["ca_tot"] = np.where(byte(noise, 2) < 18, -9, amount).astype(np.int32)
    columns["ca_mid"] = np.maximum(amount - 2, 0)
    low = amount >= 3
    columns["ch_min"][low] = np.clip(at(weather.dep, t, idx) * 125 // 1000000 + 3, 1, 60)[low]
    kinds = np.array([b"Ci", b"Sc", b"ScAs", b"CuSc", b"ScCi"], dtype="S22")
    manned = (line(world.seed, "manned", world.net.stn[idx]) % np.uint32(5) == 0)[None, :] & (amount > 0)
    columns["ct"][manned] = np.where(amount < 3, kinds[0], kinds[1 + byte(noise, 2) % 4])[manned]
    for name, code in (("ct_top", 2), ("ct_mid", 0), ("ct_low", 5)):
        columns[name][manned] = np.where(byte(noise, 3) % 2 == 0, code, 0)[manned]
    sight, _ = present_code(world, day, t, idx)
    columns["vs"] = np.minimum(sight // 10, 5000)
    # sunshine and radiation of the hour: nothing at night, which KMA prints as missing
    hour = (t - 30) / 60 % 24
    height = np.cos(2 * np.pi * (hour - 12.6) / 24) + 0.12 * np.cos(2 * np.pi * (day / 365.2425 - 0.572))
    up = np.rint(np.clip(height, 0, None) * 1000).astype(np.int32)[:, None]
    sunny = np.where(up > 0, np.clip(12 - amount, 0, 10), -90)
    columns["ss"] = np.where(up > 0, np.minimum(sunny, up // 30), -90).astype(np.int32)
    energy = up * (320 - 24 * amount) // 1000
    columns["si"] = np.where((up > 0) & world.net.radiation[idx][None, :], energy, -900).astype(np.int32)


def _precipitation(world: World, day: int, t: Ints, idx: Ints, columns: Values) -> None:
    """RN is hourly from April to October, else 3-hourly; RN_DAY grows until the next day's 00:00 row."""
    weather = world.day(day)
    month = int(np.datetime64(day, "D").astype("datetime64[M]").astype(int) % 12) + 1
    span = 60 if 4 <= month <= 10 else 180
    reports = (t % span == 0)[:, None]
    start = np.maximum((t - 1) // span * span, 0)
    amount = (pick(weather.rain, t, idx) - pick(weather.rain, start, idx)).astype(np.int32)
    fell = pick(weather.wet, t, idx) > pick(weather.wet, start, idx)
    today = pick(weather.wet, t, idx) > 0
    columns["rn"] = np.where(fell & reports, amount, -90).astype(np.int32)
    columns["rn_day"] = np.where(today, pick(weather.rain, t, idx), -90).astype(np.int32)
    columns["rn_jun"] = columns["rn_day"].copy()
    columns["ir"] = np.where(fell, REPORTED, DRY).astype(np.int32)
    snow = columns["ta"] < SNOW_BELOW
    cold = snow & today
    columns["sd_day"] = np.where(cold, pick(weather.rain, t, idx), -90).astype(np.int32)
    columns["sd_tot"] = np.where(cold, columns["sd_day"] + 3, -90).astype(np.int32)
    columns["sd_hr3"] = np.where(cold & fell & (t % 180 == 0)[:, None], amount, -90).astype(np.int32)
    columns["wc"] = np.where(fell, np.where(snow, 71, np.where(amount > 20, 63, 61)), -9).astype(np.int32)
    columns["wp"] = np.where(fell, np.where(snow, 77, 66), -9).astype(np.int32)
    kinds = np.array([NO_TEXT, b"01", b"0108", b"05", b"0508"], dtype="S22")
    choice = np.where(fell, np.where(snow, 3, 1) + (amount > 10), 0)
    columns["ww"] = kinds[choice]
