"""When stations are silent or an instrument is out of order: stretches that start and end at any minute.

The shares are those measured in the captured minutes of 2024 (6,463 rows of nph-aws2_min).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator.noise import Bools, Ints, cells
from kmaflow.simulator.weather import DAY, World

PERIOD = 360
"""Minutes in which a station has at most one stretch of each kind."""

# bit, name, share of stations broken in a period of six hours; a bit set means the fields named are sentinels
HM_992, HM_997, GUST_992, WIND_992, WD_992, WD10_999, RE_992, RAIN_992, RAIN_997, RN12_999, TA_992, RE_997 = (
    1 << bit for bit in range(12)
)
_SHARES = {
    HM_992: 0.012, HM_997: 0.005, GUST_992: 0.010, WIND_992: 0.003, WD_992: 0.0025, WD10_999: 0.011,
    RE_992: 0.015, RAIN_992: 0.007, RAIN_997: 0.003, RN12_999: 0.003, TA_992: 0.0028, RE_997: 0.011,
}  # fmt: skip


def stretches(world: World, name: str, day: int, t: Ints, idx: Ints, share: float, longest: int) -> Bools:
    """Whether a stretch called `name` runs at minute `t` of the day; shape (minutes, stations).

    share: probability that a station has one in a period of six hours. longest: minutes; it never crosses the
    end of its period.
    """
    period = day * (DAY // PERIOD) + (t - 1) // PERIOD
    first = int(period[0])
    table = cells(world.seed, name, np.arange(first, int(period[-1]) + 1), world.net.stn[idx])
    # three independent parts of one hash: whether (16 bits), when, and how long (8 bits each)
    low = (table & np.uint32(0xFFFF)) < np.uint32(int(share * 65536))
    start = ((table >> np.uint32(16)) & np.uint32(255)).astype(np.int32) * PERIOD // 256
    length = 1 + ((table >> np.uint32(24)) * np.uint32(longest) // np.uint32(256)).astype(np.int32)
    start[~low] = PERIOD * 2
    which = period - first
    since = ((t - 1) % PERIOD).astype(np.int32)[:, None] - start.take(which, axis=0)
    return (since >= 0) & (since < length.take(which, axis=0))


def blank_rows(world: World, day: int, t: Ints, idx: Ints) -> Bools:
    """Rows that hold sentinels only: about 2.5 % of all, in stretches of up to five hours."""
    blank = stretches(world, "blank", day, t, idx, 0.08, 300)
    blank |= stretches(world, "blank moment", day, t, idx, 0.12, 6)
    return blank | world.net.always_blank[idx][None, :]


def absent_rows(world: World, dataset: str, day: int, t: Ints, idx: Ints) -> Bools:
    """Rows the hub does not print: a few stations come and go in aws_minute, more do elsewhere."""
    name = f"absent/{dataset}"
    if dataset in ("aws_minute", "aws_ground_temperature"):
        restless = world.net.restless[idx][None, :]
        return restless & stretches(world, "absent", day, t, idx, 0.6, 200)
    if dataset == "aws_cloud":
        return stretches(world, name, day, t, idx, 0.03, 200)
    if dataset == "asos_hourly":
        return stretches(world, name, day, t, idx, 0.01, 300)
    return stretches(world, name, day, t, idx, 0.09, 240)


def broken(world: World, day: int, t: Ints, idx: Ints) -> NDArray[np.uint16]:
    """Bits of the instruments out of order (see above), for whole six-hour periods; (minutes, stations)."""
    period = day * (DAY // PERIOD) + (t - 1) // PERIOD
    first = int(period[0])
    numbers = np.arange(first, int(period[-1]) + 1)
    bits = np.zeros((len(numbers), len(idx)), dtype=np.uint16)
    for bit, share in _SHARES.items():
        hit = cells(world.seed, f"broken/{bit}", numbers, world.net.stn[idx]) < np.uint32(int(share * 4294967295))
        bits |= np.where(hit, np.uint16(bit), np.uint16(0))
    return bits.take(period - first, axis=0)
