"""What moves over the country: fronts with their rain, wind and air masses, and waves of the air in between.

A front is a line from south-west to north-east that crosses the country from west to east in about half a day. All
that it brings depends on the hours since it passed a station, so a station sees what its western neighbours saw
before.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kmaflow.simulator.noise import Floats, line, unit
from kmaflow.simulator.terrain import Terrain

SPACING_H = 66
"""Hours from one front to the next, on average."""

_BEFORE_H, _AFTER_H, _STEPS = 48, 120, 12
_MODES = 24


@dataclass(frozen=True)
class Waves:
    """How a field of waves is: wavelengths in km, the drift in km/h that carries it, and hours of its own change.

    `stretch`: how much longer the waves are from west to east than from south to north.
    """

    shortest: float
    longest: float
    east: float
    north: float
    own_h: float
    stretch: float = 1.0


def waves(seed: int, name: str, land: Terrain, hours: Floats, kind: Waves) -> Floats:
    """A field that is smooth in space and time, with mean 0 and variance 1; shape (hours, stations)."""
    modes = np.arange(_MODES)
    length, turn, start, own = (
        unit(line(seed, f"{name}/{what}", modes)) for what in ("length", "turn", "start", "own")
    )
    number = 2 * np.pi / (kind.shortest * (kind.longest / kind.shortest) ** length)
    east = number * np.cos(2 * np.pi * turn) / kind.stretch
    north = number * np.sin(2 * np.pi * turn)
    rate = east * kind.east + north * kind.north + 2 * np.pi * (own - 0.5) * 2 / kind.own_h
    phase = np.outer(east, land.x) + np.outer(north, land.y) + 2 * np.pi * start[:, None]
    angle = np.outer(hours, rate)
    # cos(p - a) as two products, so that the cosines are taken of the edges of the table, not of every cell
    total = np.cos(angle) @ np.cos(phase) + np.sin(angle) @ np.sin(phase)
    return np.asarray(total * np.sqrt(2.0 / _MODES))


@functools.cache
def _course() -> dict[str, Floats]:
    """What a front of strength 1 does, by twelfths of an hour since it passed (negative: it is still to come)."""
    h = np.arange(-_BEFORE_H * _STEPS, _AFTER_H * _STEPS + 1) / _STEPS
    late = np.maximum(h, 0.0)
    after = 1 / (1 + np.exp(-h / 0.9))

    def hill(middle: float, width: float) -> Floats:
        return np.asarray(np.exp(-(((h - middle) / width) ** 2)))

    return {
        "cold": after * np.exp(-late / 38),
        "warm": hill(-9, 9) * (1 - after),
        "pressure": -7.5 * hill(0, 13) + 6.5 * hill(34, 19),
        "line": hill(0, 1.1),
        "ahead": hill(-4.5, 3.6) * (1 - 0.6 * after),
        "cloud": 8.5 * hill(-4, 8.5) + 1.5 * hill(6, 7),
        "moist": hill(-3, 7),
        "dry": after * hill(14, 16),
        "east": 1.6 * hill(-6, 8) + 4.2 * after * np.exp(-late / 22),
        "north": 3.6 * hill(-6, 8) * (1 - after) - 3.8 * after * np.exp(-late / 22),
    }


@dataclass(frozen=True)
class Front:
    """One front: which line of `_course` each hour and station has, its strength and where along it it rains."""

    when: np.typing.NDArray[np.int32]
    strength: float
    rain: Floats

    def effect(self, name: str) -> Floats:
        """Shape (hours, stations)."""
        return np.asarray(_course()[name].take(self.when) * self.strength)


def fronts(seed: int, land: Terrain, hours: Floats) -> Iterator[Front]:
    """The fronts that matter at these hours (since 1970-01-01 KST)."""
    first = int((hours[0] - _AFTER_H) // SPACING_H) - 1
    last = int((hours[-1] + _BEFORE_H) // SPACING_H) + 1
    numbers = np.arange(first, last + 1)
    names = ("time", "speed", "turn", "strength", "middle", "breadth", "bend")
    draws = np.array([unit(line(seed, f"front/{name}", numbers)) for name in names])
    for number, (time, speed, turn, strength, middle, breadth, bend) in zip(numbers.tolist(), draws.T, strict=True):
        passes = (number + 0.2 + 0.6 * time) * SPACING_H
        angle = np.deg2rad(-8 - 34 * turn)
        along = land.x * np.cos(angle) + land.y * np.sin(angle) + 28 * np.sin(land.y / 90 + 6.28 * bend)
        there = passes + along / (32 + 20 * speed)
        since = hours[:, None] - there[None, :]
        if since.max() < -_BEFORE_H or since.min() > _AFTER_H:
            continue
        when = np.clip((since + _BEFORE_H) * _STEPS + 0.5, 0, (_BEFORE_H + _AFTER_H) * _STEPS)
        centre, width = 420 * (middle - 0.5), 130 + 260 * breadth
        yield Front(when.astype(np.int32), 0.3 + 0.85 * strength, np.exp(-(((land.y - centre) / width) ** 2)))
