"""The weather of one KST day at every reporting station, from which all datasets take their values.

Smooth fields are made at 145 knots (every 10 minutes, 00:00 to 24:00) for all stations at once and rounded to
integers there. Everything finer is integer arithmetic on those knots, so a minute has the same value
whichever window or station it is asked in: floating-point sums may differ with the shape of an array, integer
sums do not.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator.noise import Floats, Ints, cells, line, unit
from kmaflow.simulator.stations import Network, network

DAY = 1440
KNOT = 10
"""Minutes per day and between knots."""

Knots = NDArray[np.int32]

_MODES = 20
_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True)
class DayWeather:
    """One day: knots of shape (145, stations) in thousandths of the unit, rain of shape (1441, stations).

    ta, dep (dew-point depression), ts (ground): 0.001 °C. pa, ps: 0.001 hPa. ws: 0.001 m/s. wd: 0.001 degree,
    unwrapped. cloud: 0.001 eighths. haze: 0.001, larger is dimmer. rain[t]: tenths of mm from 00:00 to minute
    t, as the gauge counts it. wet[t]: number of minutes with precipitation from 00:00 to t.
    """

    day: int
    ta: Knots
    dep: Knots
    ts: Knots
    pa: Knots
    ps: Knots
    ws: Knots
    wd: Knots
    cloud: Knots
    haze: Knots
    rain: NDArray[np.int16]
    wet: NDArray[np.int16]


class World:
    """Makes days of weather from a seed and keeps the latest ones. Safe to use from several threads."""

    def __init__(self, seed: int, keep_days: int = 6) -> None:
        self.seed = seed
        self.net: Network = network()
        self._keep = max(keep_days, 2)
        self._days: OrderedDict[int, DayWeather] = OrderedDict()
        self._lock = threading.Lock()

    def day(self, day: int) -> DayWeather:
        """The weather of the day `day` days after 1970-01-01 KST; it holds the stamps 00:01 to 24:00."""
        with self._lock:
            found = self._days.get(day)
            if found is not None:
                self._days.move_to_end(day)
                return found
        made = _make_day(self.seed, self.net, day)
        with self._lock:
            self._days[day] = made
            while len(self._days) > self._keep:
                self._days.popitem(last=False)
        return made


def at(knots: Knots, t: Ints, idx: Ints) -> NDArray[np.int32]:
    """A field at minutes `t` (0..1440) of its day for the stations `idx`: ten-thousandths of the unit."""
    left = np.minimum(t // KNOT, len(knots) - 2)
    share = (t - left * KNOT).astype(np.int32)[:, None]
    low, high = pick(knots, left, idx), pick(knots, left + 1, idx)
    return np.asarray(low * (KNOT - share) + high * share)


def pick(table: NDArray[_T], rows: Ints, idx: Ints) -> NDArray[_T]:
    """Rows `rows` and columns `idx` of a table. All columns are taken without the cost of an index."""
    chosen = table.take(rows, axis=0)
    return chosen if len(idx) == table.shape[1] else chosen[:, idx]


def _synoptic(seed: int, name: str, net: Network, hours: Floats, longest_h: float, shortest_h: float) -> Floats:
    """A field that is smooth in space and time with variance 1; shape (hours, stations)."""
    modes = np.arange(_MODES)
    draw = [unit(line(seed, f"{name}/{what}", modes)) for what in ("period", "east", "north", "phase")]
    period = shortest_h * (longest_h / shortest_h) ** draw[0]
    # about one wave over 4 to 12 degrees: neighbours see the same rain, the ends of the country do not
    wave = (net.lon[None, :] - 127) * (draw[1][:, None] - 0.5) * 1.6
    wave += (net.lat[None, :] - 36) * (draw[2][:, None] - 0.5) * 1.6
    phase = wave + 2 * np.pi * draw[3][:, None]
    angle = 2 * np.pi * hours[:, None] / period[None, :]
    # cos(a - p) as two products, so that the cosines are taken of the edges of the table, not of every cell
    total = np.cos(angle) @ np.cos(phase) + np.sin(angle) @ np.sin(phase)
    return np.asarray(total * np.sqrt(2.0 / _MODES))


def _thousandths(field: Floats) -> Knots:
    return np.rint(field * 1000).astype(np.int32)


def _make_day(seed: int, net: Network, day: int) -> DayWeather:
    hours = day * 24 + np.arange(DAY // KNOT + 1) / 6.0
    clock = hours % 24
    # +1 in late July, -1 in late January
    season = np.cos(2 * np.pi * (hours / 24 / 365.2425 - 0.572))[:, None]
    sun = np.clip(np.cos(2 * np.pi * (clock - 12.6) / 24) + 0.12 * season[:, 0], 0, None)[:, None]
    warm = np.cos(2 * np.pi * (clock - 15) / 24)[:, None]
    traits = {name: unit(line(seed, f"trait/{name}", net.stn)) - 0.5 for name in ("ta", "ws", "dep", "wd")}

    wet_air = _synoptic(seed, "wet", net, hours, 190.0, 14.0)
    shower = _synoptic(seed, "shower", net, hours, 5.0, 0.7)
    cloud = np.clip(3.4 + 3.6 * (wet_air + 0.25 * shower) - 0.4 * season, -1.5, 9.5)
    clear = 1 - np.clip(cloud, 0, 8) / 11
    ta = 12.4 + 13.2 * season - 0.0061 * net.ht - 0.8 * (net.lat - 36.4) + 2.4 * traits["ta"]
    ta = ta + 5.2 * warm * clear - 0.5 * np.maximum(wet_air, 0)
    ta = ta + 3.4 * _synoptic(seed, "ta", net, hours, 260.0, 30.0)
    dep = 6.2 - 1.6 * season + 3.6 * warm * clear - 4.6 * wet_air + 3 * traits["dep"]
    dep = np.clip(dep + 1.8 * _synoptic(seed, "dep", net, hours, 120.0, 8.0), 0.0, 36.0)
    ps = 1015.6 - 7.0 * season + 5.0 * _synoptic(seed, "ps", net, hours, 300.0, 40.0) - 2.0 * wet_air
    ps = ps + 0.7 * np.cos(4 * np.pi * (clock - 10) / 24)[:, None]
    pa = ps * np.exp(-net.ht / (29.27 * (ta + 273.15 + 0.00325 * net.ht)))
    windy = 1.15 + 0.9 * net.coast + 0.0022 * net.ht + 1.6 * traits["ws"]
    gusty = 0.5 * _synoptic(seed, "ws", net, hours, 100.0, 6.0) + 0.12 * shower
    ws = windy * (0.75 + 0.35 * warm + gusty) + 0.25
    wd = 270 - 90 * (season > 0.3) + 300 * _synoptic(seed, "wd", net, hours, 160.0, 20.0) + 70 * traits["wd"]
    ts = ta + 13 * sun * clear * (0.75 + 0.25 * season) - 2.4 * (1 - np.clip(sun * 4, 0, 1)) * clear
    haze = 0.6 * _synoptic(seed, "haze", net, hours, 140.0, 7.0) + 0.9 * np.maximum(2.0 - dep, 0)

    # over the threshold it rains: up to some 20 mm/h in summer showers, 3 in winter
    over = np.maximum(wet_air + 0.35 * shower - (1.4 - 0.1 * season), 0)
    rate = over**1.4 * (5.0 + 4.0 * season + 2.5 * np.maximum(shower, 0))
    dep = np.where(over > 0, np.minimum(dep, 0.9), dep)
    rain, wet = _gauge(_thousandths(rate / 60.0), net.tip)
    fields = {
        "ta": ta,
        "dep": dep,
        "ts": ts,
        "pa": pa,
        "ps": ps,
        "ws": ws,
        "wd": wd,
        "cloud": cloud,
        "haze": haze,
    }
    knots = {name: _thousandths(field) for name, field in fields.items()}
    return DayWeather(day=day, rain=rain, wet=wet, **knots)


def _gauge(rate: Knots, tip: NDArray[np.int32]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """What a tipping-bucket gauge counts from 00:00 on, every minute; the bucket is emptied at midnight.

    `rate`: thousandths of mm per minute at the knots. Returns tenths of mm, and minutes with precipitation.
    """
    knots, stations = rate.shape
    share = np.arange(1, KNOT + 1, dtype=np.int32)[None, :, None]
    amount = rate[:-1, None, :] * (KNOT - share) + rate[1:, None, :] * share
    amount = amount.reshape((knots - 1) * KNOT, stations)
    total = np.cumsum(amount, axis=0, dtype=np.int32)
    tips = total // (tip * 1000)
    rain = np.zeros((DAY + 1, stations), dtype=np.int16)
    wet = np.zeros((DAY + 1, stations), dtype=np.int16)
    rain[1:] = tips * tip
    np.cumsum(amount > 0, axis=0, dtype=np.int16, out=wet[1:])
    return rain, wet


def rain_over(world: World, day: int, t: Ints, idx: Ints, minutes: int) -> NDArray[np.int32]:
    """Rain of the `minutes` up to each minute `t` of the day, across midnight if need be: tenths of mm."""
    today = world.day(day).rain
    start = t - minutes
    here = start >= 0
    base = np.empty((len(t), len(idx)), dtype=np.int32)
    if here.any():
        base[here] = pick(today, start[here], idx)
    if not here.all():
        before = world.day(day - 1).rain
        base[~here] = pick(before, start[~here] + DAY, idx)
        base[~here] -= pick(before, np.array([DAY]), idx)
    return pick(today, t, idx) - base


def hour_noise(world: World, name: str, day: int, t: Ints, idx: Ints) -> NDArray[np.uint32]:
    """One hash per station and hour (the one that ends at the next full hour), for each minute `t`."""
    hour = day * 24 + (t - 1) // 60
    first = int(hour[0])
    table = cells(world.seed, name, np.arange(first, int(hour[-1]) + 1), world.net.stn[idx])
    return table.take(hour - first, axis=0)
