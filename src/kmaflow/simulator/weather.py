"""The weather of one KST day at every reporting station, from which all datasets take their values.

Smooth fields are made at 145 knots (every 10 minutes, 00:00 to 24:00) for all stations at once and rounded to
integers there. Everything finer is integer arithmetic on those knots, so a minute has the same value
whichever window or station it is asked in: floating-point sums may differ with the shape of an array, integer
sums do not.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator.fronts import Waves, fronts, waves
from kmaflow.simulator.noise import Floats, Ints, cells, line, unit
from kmaflow.simulator.stations import Network, network

DAY = 1440
KNOT = 10
"""Minutes per day and between knots."""

Knots = NDArray[np.int32]

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


def _thousandths(field: Floats) -> Knots:
    return np.rint(field * 1000).astype(np.int32)


def _make_day(seed: int, net: Network, day: int) -> DayWeather:
    land = net.terrain
    hours = day * 24 + np.arange(DAY // KNOT + 1) / 6.0
    clock = (hours % 24)[:, None]
    year = 2 * np.pi * hours[:, None] / 24 / 365.2425
    # +1 in late July, -1 in late January; the sea follows two weeks later
    season = np.cos(year - 2 * np.pi * (0.571 + 0.038 * land.sea))
    summer = float(season[0].mean())
    winter = max(-summer, 0.0)
    trait = {name: unit(line(seed, f"trait/{name}", net.stn)) - 0.5 for name in ("ta", "ws", "dep", "wd")}

    def field(name: str, kind: Waves) -> Floats:
        return waves(seed, name, land, hours, kind)

    flow = _Flow(seed, net, hours, clock, summer, field)
    # by day less than by night between valley and peak, inland more than at the sea
    high = np.minimum(net.ht / 1000, 1.5)
    swing = (5.4 - 3.4 * land.sea - 1.6 * high + 1.6 * trait["ta"]) * (1 - 0.18 * summer)
    cloud = np.clip(flow.cloud, -1.5, 9.5)
    clear = 1 - np.clip(cloud, 0, 8) / 10.5
    warm = np.cos(2 * np.pi * (clock - 14.7 + 0.9 * land.sea) / 24) + 0.22 * np.cos(4 * np.pi * (clock - 14.4) / 24)
    ta = 12.4 - 0.75 * land.y / 111 + 0.9 * land.sea + 1.2 * trait["ta"]
    ta = ta + (14.0 - 3.2 * land.sea - 0.8 * high + 0.45 * land.y / 111) * season
    ta = ta - 6.2 * net.ht / 1000 + 1.8 * winter * land.east
    ta = ta + swing * warm * clear + flow.air + 0.5 * field("ta", Waves(70, 300, 8, -2, 60))
    rate = flow.rain * (1 + 0.35 * high)
    ta = ta - 1.6 * np.minimum(rate, 1.5) * max(summer + 0.3, 0)

    dep = 5.3 - 1.6 * summer - 1.6 * land.sea + swing * warm * clear + 3.0 * trait["dep"] - flow.moist
    dep = np.clip(dep + 0.9 * field("dep", Waves(120, 500, 15, 0, 40)), 0.3, 34.0)
    dep = np.where(rate > 0, np.minimum(dep, 0.4 + 1.2 / (1 + 2 * rate)), dep)
    ps = 1015.8 - 7.4 * summer + flow.pressure + 0.8 * np.cos(4 * np.pi * (clock - 10) / 24)
    ps = ps + 2.2 * field("ps", Waves(1200, 3500, 35, 0, 200))
    pa = ps * np.exp(-net.ht / (29.27 * (ta + 273.15 + 0.00325 * net.ht)))

    # the breeze blows to the land by day and, weaker, back by night; inland the night is calm
    breeze = land.sea * clear * np.where(warm > 0, 2.1, 0.9) * warm * (0.6 + 0.4 * summer)
    east, north = flow.east + breeze * land.inland_x, flow.north + breeze * land.inland_y
    open_to_wind = 0.5 + 0.8 * land.sea + 0.55 * high + 0.5 * trait["ws"]
    ws = np.hypot(east, north) * open_to_wind * (1 + (0.28 - 0.2 * land.sea) * warm)
    ws = np.maximum(ws - 0.85, 0.0)
    wd = np.rad2deg(np.unwrap(np.arctan2(-east, -north), axis=0)) + 70 * trait["wd"]
    sun = np.clip(np.cos(2 * np.pi * (clock - 12.6) / 24) + 0.12 * summer, 0, None)
    ts = ta + 13 * sun * clear * (0.75 + 0.25 * summer) - 2.4 * (1 - np.clip(sun * 4, 0, 1)) * clear
    # fog: damp air that hardly moves
    still = 2.6 * np.maximum(1.6 - dep, 0) * np.exp(-ws / 1.5)
    haze = 0.5 + 0.5 * field("haze", Waves(150, 700, 15, -5, 40)) - 0.04 * dep + still

    rain, wet = _gauge(_thousandths(rate / 60.0), net.tip)
    fields = {
        "ta": ta, "dep": dep, "ts": ts, "pa": pa, "ps": ps, "ws": ws, "wd": wd, "cloud": cloud, "haze": haze,
    }  # fmt: skip
    knots = {name: _thousandths(values) for name, values in fields.items()}
    return DayWeather(day=day, rain=rain, wet=wet, **knots)


class _Flow:
    """The moving part of a day, shape (knots, stations): cloud in eighths, rain in mm/h, wind in m/s, hPa, °C.

    moist: how many degrees the dew point is nearer.
    """

    def __init__(
        self,
        seed: int,
        net: Network,
        hours: Floats,
        clock: Floats,
        summer: float,
        field: Callable[[str, Waves], Floats],
    ) -> None:
        land, winter = net.terrain, max(-summer, 0.0)
        cells = field("rain", Waves(45, 260, 42, 6, 30, stretch=1.5))
        self.cloud = 2.6 + 1.7 * field("cloud", Waves(150, 900, 40, 0, 30)) + 0.5 * summer
        self.east = 0.9 + 1.5 * winter + 1.1 * field("east", Waves(300, 1500, 35, 0, 40))
        self.north = 0.6 * summer - 0.9 * winter + 1.1 * field("north", Waves(300, 1500, 35, 0, 40))
        self.air = 1.5 * field("air", Waves(900, 3000, 30, -4, 150))
        self.pressure = np.zeros_like(cells)
        self.moist = np.zeros_like(cells)
        front = np.zeros_like(cells)
        cold = np.zeros_like(cells)
        for each in fronts(seed, land, hours):
            chill = each.effect("cold")
            cold += chill
            self.air += (1.8 + 0.8 * winter) * each.effect("warm") - (4.2 - 2.6 * summer) * chill
            self.pressure += each.effect("pressure") * (1 - 0.35 * max(summer, 0))
            self.moist += 3.4 * each.effect("moist") - 2.6 * each.effect("dry")
            self.cloud += each.effect("cloud") * (0.4 + 0.6 * each.rain) - 1.8 * each.effect("dry")
            self.east += each.effect("east")
            self.north += each.effect("north")
            front += (
                (3.2 + 2.2 * summer) * each.effect("line") + (1.5 + 0.3 * summer) * each.effect("ahead")
            ) * each.rain
        self.rain = _over(front * (0.8 + 0.45 * cells), 0.4) * (1 + 0.35 * summer)
        self._stationary_front(seed, net, hours, cells)
        self._showers(net, clock, summer, field)
        # cold air over the warm sea: lines of snow cloud that drift onto the western coast
        streaks = field("snow", Waves(18, 70, 34, -16, 8, stretch=3))
        snow = _over(winter * np.minimum(cold, 1.2) * land.west * (1.1 + 0.7 * streaks) * (land.y < 60), 0.55)
        self.cloud += 6 * np.minimum(snow, 1)
        self.rain = self.rain + 1.1 * snow
        self.cloud += 2.0 * np.minimum(self.rain, 2)
        self.moist += 1.5 * np.minimum(self.rain, 2)

    def _stationary_front(self, seed: int, net: Network, hours: Floats, cells: Floats) -> None:
        """Changma: from late June to late July a belt from west to east goes up and down over the country."""
        of_year = hours[0] / 24 % 365.2425
        share = float(np.exp(-(((of_year - 189) / 15) ** 2)))
        if share < 0.05:
            return
        slow = unit(line(seed, "changma", np.arange(12))) * 2 * np.pi
        period = 40 + 20 * np.arange(12)
        middle = 170 * np.cos(2 * np.pi * hours[:, None] / period + slow).sum(axis=1) / 2.4
        off = net.terrain.y[None, :] - 0.25 * net.terrain.x[None, :] - middle[:, None]
        belt = np.exp(-((off / 75) ** 2))
        self.rain = self.rain + share * 9 * _over(belt * (0.55 + 0.6 * cells), 0.25)
        self.cloud += 6 * share * np.exp(-((off / 170) ** 2))
        self.moist += 2 * share

    def _showers(self, net: Network, clock: Floats, summer: float, field: Callable[[str, Waves], Floats]) -> None:
        """Afternoon showers of high summer, over mountains first."""
        share = min((summer - 0.5) / 0.35, 1.0)
        if share <= 0:
            return
        heat = np.exp(-(((clock - 16.2) / 2.4) ** 2)) * (1 - net.terrain.sea)
        bubbling = field("shower", Waves(24, 60, 18, 8, 5)) + 0.5 * field("sultry", Waves(200, 800, 25, 5, 60))
        shower = _over(heat * (bubbling + 0.4 * np.minimum(net.ht / 600, 1)), 1.35)
        self.rain = self.rain + 22 * share * shower
        self.cloud += 2.5 * heat * np.maximum(bubbling, 0)


def _over(values: Floats, threshold: float) -> Floats:
    """What exceeds a threshold, and 0 below."""
    return np.asarray(np.maximum(values - threshold, 0.0))


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
