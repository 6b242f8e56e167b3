"""The weather is that of a country: neighbours agree, mountains are cold, rain comes from the west."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from kmaflow.simulator import Faults, SimulatorSettings
from kmaflow.simulator.clock import minute_of
from kmaflow.simulator.noise import Floats, Ints
from kmaflow.simulator.published import Source
from kmaflow.simulator.weather import DayWeather, World

from .asking_hub import NOW


@pytest.fixture(scope="module")
def world() -> World:
    return World(2026, keep_days=40)


def _days(world: World, year: int, month: int, day: int, count: int) -> list[DayWeather]:
    first = minute_of(datetime(year, month, day)) // 1440
    return [world.day(first + number) for number in range(count)]


def _knots(days: list[DayWeather], name: str) -> Floats:
    """Values of a field at every knot of some days, without the midnight that two days share."""
    return np.concatenate([getattr(day, name)[:-1] for day in days]) / 1000


def _pairs(world: World, nearest: float, farthest: float) -> tuple[Ints, Ints]:
    """Stations below 200 m, two by two, whose distance in km lies between the two."""
    land = world.net.terrain
    apart = np.hypot(land.x[:, None] - land.x, land.y[:, None] - land.y)
    low = world.net.ht < 200
    first, second = np.nonzero(np.triu((apart > nearest) & (apart < farthest) & low[:, None] & low))
    return first, second


def _correlation(values: Floats, pairs: tuple[Ints, Ints]) -> float:
    """Mean correlation in time of the pairs that vary at all."""
    moved = values - values.mean(axis=0)
    spread = moved.std(axis=0)
    first, second = (side[(spread[pairs[0]] > 0) & (spread[pairs[1]] > 0)] for side in pairs)
    together = (moved[:, first] * moved[:, second]).mean(axis=0)
    return float((together / (spread[first] * spread[second])).mean())


@pytest.mark.parametrize("month", [1, 4, 7, 11])
def test_neighbours_agree_and_the_ends_of_the_country_do_not(world: World, month: int) -> None:
    days = _days(world, 2026, month, 3, 12)
    near, far = _pairs(world, 0, 15), _pairs(world, 250, 600)
    # temperature after the daily wave, which is everywhere the same, is taken out
    ta = _knots(days, "ta").reshape(len(days), 144, -1)
    ta = (ta - ta.mean(axis=0)).reshape(len(days) * 144, -1)
    assert _correlation(ta, near) > 0.9
    rain = np.concatenate([np.diff(day.rain[::60].astype(float), axis=0) for day in days])
    assert _correlation(rain, near) > 0.5
    assert _correlation(rain, far) < 0.25


def test_one_minute_agrees_with_the_next() -> None:
    source = Source(SimulatorSettings(now=NOW))
    minutes = minute_of(datetime(2026, 7, 2, 23, 30)) + np.arange(60, dtype=np.int64)
    ta = source.grid("aws_minute", minutes, source.members("aws_minute"), NOW, Faults()).columns["ta"]
    step = np.abs(np.diff(ta, axis=0))[(ta[1:] > -500) & (ta[:-1] > -500)]
    assert step.max() <= 8
    assert step.mean() < 1.5


def test_it_is_colder_higher_up_further_north_and_inland_in_winter(world: World) -> None:
    land, ht = world.net.terrain, world.net.ht
    for month in (1, 4, 7, 10):
        mean = _knots(_days(world, 2026, month, 5, 6), "ta").mean(axis=0)
        columns = np.stack([np.ones_like(ht), ht / 1000, land.y / 111, land.sea], axis=1)
        _, lapse, north, sea = np.linalg.lstsq(columns, mean, rcond=None)[0]
        assert -9 < lapse < -4, month
        assert north < 0, month
        if month in (1, 7):
            assert sea > 2 if month == 1 else sea < 0


def test_days_are_warmer_than_nights_and_more_so_inland(world: World) -> None:
    ta = _knots(_days(world, 2026, 4, 1, 10), "ta").reshape(10, 144, -1).mean(axis=0)
    warmest = ta.argmax(axis=0) / 6
    assert ((warmest > 12.5) & (warmest < 16.5)).mean() > 0.9
    wave = ta.max(axis=0) - ta.min(axis=0)
    sea = world.net.terrain.sea
    assert 5 < wave[sea < 0.1].mean() < 14
    assert wave[sea > 0.9].mean() < 0.7 * wave[sea < 0.1].mean()


def test_rain_moves_from_west_to_east(world: World) -> None:
    """In the cold half of the year, when fronts bring it, the middle of the rain goes east, hour after hour."""
    x = world.net.terrain.x
    steps = []
    for day in _days(world, 2026, 11, 1, 30):
        fell = np.diff(day.rain[::60].astype(float), axis=0)
        heavy = (fell > 0).sum(axis=1) > 60
        middle = (fell * x).sum(axis=1) / np.maximum(fell.sum(axis=1), 1)
        steps += np.diff(middle)[heavy[1:] & heavy[:-1]].tolist()
    assert len(steps) > 30
    assert np.mean(np.array(steps) > 0) > 0.8
    assert 10 < np.median(steps) < 70


def test_a_front_turns_the_wind_and_rain_dampens_the_air(world: World) -> None:
    days = _days(world, 2026, 11, 1, 30)
    dep, cloud = _knots(days, "dep"), _knots(days, "cloud")
    wet = np.concatenate([np.diff(day.wet[::10], axis=0) for day in days]) == 10
    north = -np.cos(np.deg2rad(_knots(days, "wd"))) * _knots(days, "ws")
    assert dep[wet].mean() < 1.7 < 3 < dep[~wet].mean()
    assert cloud[wet].mean() > 6 > cloud[~wet].mean()
    # six hours before the rain the air comes from further south than six hours after
    before, after = np.roll(wet, -36, axis=0), np.roll(wet, 36, axis=0)
    assert north[before & ~wet & ~after].mean() > 1 + north[after & ~wet & ~before].mean()


def test_snow_falls_where_it_freezes_and_rain_where_it_does_not() -> None:
    source = Source(SimulatorSettings(now=NOW))
    minutes = minute_of(datetime(2026, 1, 8, 9)) + 20 * np.arange(40, dtype=np.int64)
    idx = source.members("aws_visibility")
    code = source.grid("aws_visibility", minutes, idx, NOW, Faults(), final=True).columns["ww1"]
    ta = source.grid("aws_minute", minutes, idx, NOW, Faults(), final=True).columns["ta"]
    snow, rain = ((code >= low) & (code < high) & (ta > -500) for low, high in ((70, 77), (50, 67)))
    assert snow.sum() > 100
    assert rain.sum() > 100
    assert ta[snow].max() < 15
    assert ta[rain].min() > 5


def test_asos_and_aws_of_a_station_agree() -> None:
    source = Source(SimulatorSettings(now=NOW))
    hours = minute_of(datetime(2026, 7, 2)) + 60 * np.arange(1, 25, dtype=np.int64)
    idx = source.members("asos_hourly")
    asos, aws, sight = (
        source.grid(name, hours, idx, NOW, Faults(), final=True).columns
        for name in ("asos_hourly", "aws_minute", "aws_visibility")
    )
    for name in ("ta", "pa", "ps"):
        both = (asos[name] > -90) & (aws[name] > -500)
        assert both.mean() > 0.9
        assert (asos[name] == aws[name])[both].all(), name
    both = (aws["ws10"] >= 0) & (asos["ws"] >= 0)
    assert (asos["ws"] == aws["ws10"])[both].all()
    both = (sight["vis1"] >= 0) & (asos["vs"] >= 0)
    assert (asos["vs"] == np.minimum(sight["vis1"] // 10, 5000))[both].all()
    raining = (asos["rn"] > 0) & (aws["rn_60m"] >= 0)
    assert raining.sum() > 50
    assert (asos["rn"] == aws["rn_60m"])[raining].all()
