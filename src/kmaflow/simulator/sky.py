"""Values of aws_cloud, aws_visibility and aws_present_weather, of shape (minutes, stations).

They agree with the rain.

Heights and visibility are whole metres, ca_tot is in tenths of an eighth, ww codes follow the hub's own list
(0–2 clear, 4 haze, 10 mist, 30 fog, 40–42 and 60–68 rain, 50–59 drizzle, 71–76 snow).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator import outages
from kmaflow.simulator.minute_values import Columns
from kmaflow.simulator.noise import Bools, Ints, below, byte, cells, line
from kmaflow.simulator.weather import DAY, DayWeather, World, at, pick

CLOUD = ("ch_low", "ch_mid", "ch_top", "ca_tot")
VISIBILITY = ("s", "vis1", "vis10", "ww1", "ww15")
CLEAR = 7620
HEIGHT_MISSING, AMOUNT_MISSING = -991, -9920
VISIBILITY_MISSING, WEATHER_MISSING, WEATHER_ERROR = -999, -999, -997
SNOW_BELOW, RAIN_FROM = 10, 18
"""Air temperature, tenths of °C: below the first it snows, from the second on it rains, in between both."""


def _falling(weather: DayWeather, t: Ints, idx: Ints) -> Bools:
    """Whether it rains or snows in the minute, gauge or not."""
    return np.asarray(pick(weather.wet, t, idx) > pick(weather.wet, t - 1, idx))


def aws_cloud(world: World, day: int, t: Ints, idx: Ints) -> Columns:
    """The columns of CLOUD; an instrument out of order prints sentinels for hours."""
    weather = world.day(day)
    noise = cells(world.seed, "cloud", day * DAY + t, world.net.stn[idx])
    amount = np.clip((at(weather.cloud, t, idx) + 5000) // 10000, 0, 8)
    falling = _falling(weather, t, idx)
    amount[falling] = 8
    # lifting condensation level: 125 m per degree of dew-point depression, and a slow wave on it
    base = 90 + at(weather.dep, t, idx) * 125 // 10000 + np.maximum(at(weather.haze, t, idx) // 40, 0)
    base += byte(noise, 0) // 8
    low = np.where(amount > 0, np.clip(base, 33, CLEAR - 20), CLEAR)
    mid = np.where(amount >= 6, np.minimum(low + 900 + byte(noise, 1) * 4, CLEAR), CLEAR)
    top = np.where((amount == 8) & (byte(noise, 2) < 50), np.minimum(mid + 1400 + byte(noise, 1) * 3, CLEAR), CLEAR)
    # 9 is printed now and then with very low cloud: the sky cannot be seen
    amount[(low < 150) & (amount == 8) & (byte(noise, 3) < 40)] = 9
    columns: Columns = {"ch_low": low, "ch_mid": mid, "ch_top": top, "ca_tot": amount * 10}
    failed = below(cells(world.seed, "cloud failure", day * DAY + t, world.net.stn[idx]), 0.0012)
    low[failed], columns["ca_tot"][failed] = HEIGHT_MISSING, AMOUNT_MISSING
    blank = outages.stretches(world, "cloud blank", day, t, idx, 0.004, 240)
    for name in CLOUD:
        columns[name][blank] = AMOUNT_MISSING if name == "ca_tot" else HEIGHT_MISSING
    return columns


def present_code(world: World, day: int, t: Ints, idx: Ints) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Visibility (m) and the present-weather code of each minute, without faults."""
    weather = world.day(day)
    noise = cells(world.seed, "visibility", day * DAY + t, world.net.stn[idx])
    ta = at(weather.ta, t, idx) // 1000
    dim = at(weather.haze, t, idx)
    falling = _falling(weather, t, idx)
    rate = (pick(weather.rain, t, idx) - pick(weather.rain, np.maximum(t - 30, 0), idx)).astype(np.int32)
    # from far beyond the instrument's ceiling down to 100 m in the thickest air
    sight = 62000 - np.clip(dim, 0, None) * 3
    sight = np.where(dim > 12000, 26000 - (dim - 12000) * 11 // 10, sight)
    sight = np.where(falling, 14000 - np.minimum(rate, 40) * 280, sight)
    sight = np.where(falling & (ta < SNOW_BELOW), sight // 3, sight)
    sight = sight + (byte(noise, 0) - 128) * np.clip(sight, 400, 40000) // 2600
    sight = np.clip(sight, 110, None)
    capped = sight > 50000
    sight = np.where(capped, np.where(byte(noise, 1) < 200, 50000, 49000 + byte(noise, 2) * 12), sight)

    code = np.where(sight < 1000, 30, np.where(sight < 5000, 10, np.where(sight < 10000, 4, 0)))
    wet = np.where(
        byte(noise, 3) < 40, 40, np.where(rate < 1, 51, np.where(rate < 15, 61, np.where(rate < 40, 62, 63)))
    )
    wet = np.where((ta >= SNOW_BELOW) & (ta < RAIN_FROM), 67, wet)
    wet = np.where(ta < SNOW_BELOW, np.where(rate < 10, 71, np.where(rate < 25, 72, 73)), wet)
    code = np.where(falling, wet, code)
    rare = (byte(noise, 1) == 255) & (byte(noise, 3) < 90)
    return sight.astype(np.int32), np.where(rare & ~falling, byte(noise, 2) % 30, code).astype(np.int32)


def aws_visibility(world: World, day: int, t: Ints, idx: Ints) -> Columns:
    """The columns of VISIBILITY; S is printed even where nothing else is."""
    sight, code = present_code(world, day, t, idx)
    # about 17 % of the stations belong to the older fog network; some print no weather at all
    trait = line(world.seed, "vis trait", world.net.stn[idx])
    kind = np.broadcast_to(np.where(trait % np.uint32(6) == 0, 1, 2).astype(np.int32), sight.shape).copy()
    fault = np.broadcast_to((trait >> np.uint32(8)) & np.uint32(255), sight.shape)
    code[fault < 3] = WEATHER_MISSING
    code[(fault >= 3) & (fault < 7)] = WEATHER_ERROR
    blank = outages.stretches(world, "visibility blank", day, t, idx, 0.004, 240)
    sight[blank], code[blank] = VISIBILITY_MISSING, WEATHER_MISSING
    never = np.full(sight.shape, VISIBILITY_MISSING, dtype=np.int32)
    return {"s": kind, "vis1": sight, "vis10": never, "ww1": code, "ww15": never}


def code_pairs(codes: NDArray[np.int32]) -> list[tuple[int, int]]:
    """(code, minutes) of one station's minutes, ascending by code; missing minutes count for nothing."""
    values, counts = np.unique(codes[codes >= 0], return_counts=True)
    return [(int(value), int(count)) for value, count in zip(values, counts, strict=True)]
