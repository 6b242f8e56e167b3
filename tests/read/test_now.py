"""The weather now at a named place: each value with its station, and whether it rains by whoever can tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog.time import MINUTE
from kmaflow.errors import UsageError
from kmaflow.read import Place, at_place
from kmaflow.read.now import weather_now
from kmaflow.store import Store

from ..store.bodies import at, load, load_list, minute_body, stamp, station_body, weather_body
from .filled import NOW, Filled

SEOUL = Place(37.5, 127.0)


def test_values_are_those_of_the_nearest_station_that_has_them(filled: Filled) -> None:
    found = weather_now(filled.store, SEOUL, now=NOW)
    told = found.as_json()
    beside = at_place(filled.store, SEOUL, ["ta", "rn_60m"], units="kma", now=NOW)
    for one in beside:
        mine = told["values"][one.element.name]
        assert one.station is not None
        assert (mine["value"], mine["stn"], mine["name_ko"]) == (
            one.value,
            one.station.station.stn,
            one.station.station.name_ko,
        )
        assert mine["distance_km"] == pytest.approx(one.station.distance_km, abs=0.051)
        assert 0 < mine["age_minutes"] <= 30
    assert told["values"]["ta"]["unit"] == "°C"
    assert told["place"] == {"lat": 37.5, "lon": 127.0, "height_m": None, "name_ko": None}
    assert told["now_kst"] == "2025-01-15 12:53"
    assert isinstance(told["raining"], bool)
    rain = told["raining_from"]
    stamp_of, values = filled.newest(
        "aws_minute" if rain["element"] == "re" else "aws_visibility", rain["stn"], timedelta(minutes=30)
    ) or (None, {})
    assert stamp_of is not None
    assert rain["value"] == values[rain["element"]]
    assert rain["distance_km"] <= 10


def test_a_place_is_a_name_a_number_or_a_position(filled: Filled) -> None:
    seoul = weather_now(filled.store, "서울", ["ta"], now=NOW)
    assert seoul.as_json()["values"]["ta"]["stn"] == 108
    assert seoul.as_json()["place"]["name_ko"] == "서울"
    assert weather_now(filled.store, "108", ["ta"], now=NOW).values == seoul.values
    assert weather_now(filled.store, "37.5,127.0", ["ta"], now=NOW).found.place == SEOUL
    with pytest.raises(UsageError, match="no place 'Atlantis'"):
        weather_now(filled.store, "Atlantis", now=NOW)
    late = weather_now(filled.store, "서울", now=NOW + timedelta(days=2))
    assert (late.raining, {one.reason for one in late.values}) == (None, {"no_station"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/k.db") as made:
        load_list(made, "AWS", station_body("AWS", {90: "속초", 108: "서울"}), at(0))
        yield made


@pytest.mark.parametrize(
    ("minute", "weather", "raining", "told_by"),
    [
        ({"re": 0.0, "rn_15m": 0.5}, None, False, "re"),
        ({"re": 1.0}, None, True, "re"),
        ({"rn_15m": 0.5}, None, True, "rn_15m"),
        ({"rn_15m": 0.0}, None, None, None),
        ({"ta": 1.0}, 61, True, "aws_present_weather.ww1"),
        ({"ta": 1.0}, 71, True, "aws_present_weather.ww1"),
        ({"rn_15m": 0.5}, 10, False, "aws_present_weather.ww1"),
        ({"ta": 1.0}, 25, False, "aws_present_weather.ww1"),
        ({"ta": 1.0}, 91, False, "aws_present_weather.ww1"),
        ({"rn_15m": 0.5}, 90, True, "rn_15m"),
        ({"ta": 1.0}, 99, None, None),
    ],
)
def test_whether_it_rains(
    store: Store, minute: dict[str, Any], weather: int | None, raining: bool | None, told_by: str | None
) -> None:
    load(store, minute_body({(stamp(10), 108): minute}, witness=False), at(12))
    if weather is not None:
        load(store, weather_body({(stamp(10), 108): [(weather, 1)]}), at(12), dataset="aws_present_weather")
    found = weather_now(store, "서울", now=stamp(10) + 3 * MINUTE)
    assert (found.raining, found.told_by and found.told_by.element.name) == (raining, told_by)


def test_an_hour_old_detector_says_nothing(store: Store) -> None:
    load(store, minute_body({(stamp(10), 108): {"re": 1.0}}, witness=False), at(12))
    assert weather_now(store, "서울", now=stamp(10) + 31 * MINUTE).raining is None


def test_json_needs_no_more_than_plain_values(store: Store) -> None:
    told = weather_now(store, "서울", ["wind"], now=datetime(2025, 1, 15, 13)).as_json()
    assert told["values"]["ws10"] == {
        "value": None, "unit": "m/s", "stn": None, "name_ko": None, "distance_km": None, "tm_kst": None, "age_minutes": None,
        "reason": "no_station", "note": None,
    }  # fmt: skip
