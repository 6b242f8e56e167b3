"""Values at a place and of stations: each equal to the simulator's truth, each from the station that an independent search finds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from kmaflow.catalog.time import MINUTE
from kmaflow.errors import UsageError
from kmaflow.read import Place, at_place, latest, listing, near, stations
from kmaflow.read.elements import chosen_elements, elements
from kmaflow.read.units import DIRECTIONS
from kmaflow.store import Store

from ..store.bodies import at, load, load_list, minute_body, stamp, station_body
from .filled import LAST, NOW, PLACES, Filled

_ASKED = ["ta", "hm", "td", "ps", "ws10", "wd10", "wss", "wds", "rn_60m", "rn_day", "vis1", "ca_tot", "sd_tot"]
_FALSE_RAIN = ("rn_15m", "rn_60m", "rn_12h", "re")
_SPEED = {"wd10": "ws10", "wds": "wss"}


def expected_of(filled: Filled, element: str, stn: int) -> tuple[datetime, str, float | None, bool] | None:
    """(stamp, dataset, value, calm) that the station's newest rows say, None where it says nothing."""
    found = None
    asos = {"ta": "ta", "hm": "hm", "td": "td", "ps": "ps", "ws10": "ws", "wd10": "wd", "sd_tot": "sd_tot"}
    own = {"vis1": "aws_visibility", "ca_tot": "aws_cloud", "sd_tot": None}.get(element, "aws_minute")
    for dataset, column in ((own, element), ("asos_hourly" if element in asos else None, asos.get(element))):
        if dataset is None or column is None:
            continue
        row = filled.newest(dataset, stn, timedelta(hours=3) if dataset == "asos_hourly" else timedelta(minutes=30))
        if row is None:
            continue
        tm, values = row
        value = values[column]
        if column == "rn_day" and all(values[name] is None for name in _FALSE_RAIN):
            value = None
        calm = False
        if element in _SPEED:
            blows = values["ws" if dataset == "asos_hourly" else _SPEED[element]]
            calm = blows == 0
            value = None if calm or blows is None or value is None else value * (10 if dataset == "asos_hourly" else 1)
        if (value is not None or calm) and (found is None or tm > found[0]):
            found = (tm, dataset, value, calm)
    return found


@pytest.mark.parametrize("spot", PLACES, ids=lambda spot: f"{spot[0]},{spot[1]}")
def test_each_value_is_the_nearest_stations_own(filled: Filled, spot: tuple[float, float, float | None]) -> None:
    place = Place(*spot)
    found = {one.element.name: one for one in at_place(filled.store, place, _ASKED, units="kma", now=NOW)}
    assert list(found) == _ASKED
    for name, value in found.items():
        limit = 10.0 if name in ("rn_60m", "rn_day", "vis1", "ca_tot", "sd_tot") else 25.0
        rejected = None
        for distance, stn in filled.by_distance(spot[0], spot[1]):
            told = expected_of(filled, name, stn)
            if told is None:
                continue
            height = filled.positions[stn][2]
            apart = None if height is None or spot[2] is None else height - spot[2]
            if distance > limit or (apart is not None and abs(apart) > 300):
                rejected = rejected or ("too_far" if distance > limit else "too_high", stn)
                if distance > limit:
                    told = None
                    break
                told = None
                continue
            assert value.station is not None
            assert value.station.station.stn == stn, name
            assert value.station.distance_km == pytest.approx(distance, abs=1e-6)
            assert value.station.height_difference_m == (None if apart is None else pytest.approx(apart, abs=0.01))
            assert (value.tm_kst, value.dataset) == told[:2]
            assert value.age == NOW - told[0]
            if told[3]:
                assert (value.value, value.reason) == (None, "calm")
            elif name == "ca_tot" and told[2] == 9:
                assert (value.value, value.reason) == (None, "obscured")
            else:
                assert (value.value, value.reason) == (told[2], None)
            break
        else:
            told = None
        if told is None:
            assert value.value is None
            if rejected is None:
                assert value.reason in ("no_station", "too_far")
            else:
                assert value.station is not None
                assert (value.reason, value.station.station.stn) == rejected, name


def test_the_truth_holds_what_these_tests_are_about(filled: Filled) -> None:
    """Blank and silent stations, a false zero rain and a calm: else the comparison above would prove little."""
    newest = {stn: told[0][1] for stn, told in filled.cells["aws_minute"].items()}
    assert any(all(value is None for value in values.values()) for values in newest.values())
    assert any(
        values["rn_day"] == 0 and all(values[name] is None for name in _FALSE_RAIN) for values in newest.values()
    )
    assert any(values["ws10"] == 0 for values in newest.values())
    assert set(filled.positions) - set(newest)
    assert set(newest) - set(filled.positions)


def test_latest_of_all_stations_is_the_truth(filled: Filled) -> None:
    frame = latest(filled.store, elements=_ASKED, now=NOW)
    rows = {row["stn"]: row for row in frame.iter_rows(named=True)}
    numbers = set().union(*(filled.cells[name] for name in filled.cells))
    compared = 0
    for stn in numbers:
        for name in _ASKED:
            told = expected_of(filled, name, stn)
            row = rows.get(stn, {})
            assert row.get(name) == (told and told[2]), (stn, name)
            assert row.get(f"{name}_tm_kst") == (told and told[0]), (stn, name)
            compared += told is not None
    assert compared > 4_000
    some = latest(filled.store, [108, 159], elements=["기온"], now=NOW)
    assert some["stn"].to_list() == [108, 159]
    assert some.select("ta", "ta_tm_kst").rows() == [(rows[stn]["ta"], rows[stn]["ta_tm_kst"]) for stn in (108, 159)]


def test_an_earlier_moment(filled: Filled) -> None:
    moment = LAST - 12 * MINUTE
    told = {
        stn: next(
            (values["ta"] for tm, values in cells if tm <= moment and any(v is not None for v in values.values())), None
        )
        for stn, cells in filled.cells["aws_minute"].items()
    }
    frame = latest(filled.store, elements=["ta"], at=moment).filter(pl.col("ta_tm_kst") > LAST - timedelta(hours=1))
    found = dict(frame.filter(~pl.col("stn").is_in(list(filled.cells["asos_hourly"]))).select("stn", "ta").rows())
    assert len(found) > 500
    assert all(told[stn] == value for stn, value in found.items())


@pytest.mark.parametrize("k", [1, 7])
def test_the_nearest_stations_that_have_it(filled: Filled, k: int) -> None:
    place = Place(37.5, 127.0, 50.0)
    frame = near(filled.store, place, k, ["vis1"], now=NOW)
    having = [(stn, distance) for distance, stn in filled.by_distance(37.5, 127.0) if expected_of(filled, "vis1", stn)][
        :k
    ]
    assert frame["stn"].to_list() == [stn for stn, _ in having]
    assert frame["distance_km"].to_list() == pytest.approx([distance for _, distance in having], abs=1e-3)
    heights = [filled.positions[stn][2] for stn, _ in having]
    assert frame["height_difference_m"].to_list() == [
        None if one is None else pytest.approx(one - 50, abs=0.01) for one in heights
    ]


def test_stations_by_text_box_and_place(filled: Filled) -> None:
    def numbers(found: list[Any]) -> list[int]:
        return [one.stn if hasattr(one, "stn") else one.station.stn for one in found]

    assert numbers(stations(filled.store, "108")) == [108]
    assert 108 in numbers(stations(filled.store, "seoul"))
    box = (126.7, 37.4, 127.2, 37.7)
    inside = {
        stn for stn, (lat, lon, _) in filled.positions.items() if box[0] <= lon <= box[2] and box[1] <= lat <= box[3]
    }
    assert set(numbers(stations(filled.store, bbox=box))) == inside
    assert (
        numbers(stations(filled.store, near=Place(37.5, 127.0), k=5))
        == [stn for _, stn in filled.by_distance(37.5, 127.0)][:5]
    )
    with pytest.raises(UsageError, match="no box"):
        stations(filled.store, bbox=(127.2, 37.4, 126.7, 37.7))


def test_people_read_words(filled: Filled) -> None:
    rows = latest(filled.store, elements=["wd10", "ta"], units="people", now=NOW)
    words = set(rows["wd10"].drop_nulls())
    assert words <= {*DIRECTIONS, "무풍"}
    assert len(words) > 8
    kelvin = latest(filled.store, [108], elements=["ta"], units="si", now=NOW)["ta"][0]
    assert kelvin == pytest.approx(latest(filled.store, [108], elements=["ta"], now=NOW)["ta"][0] + 273.15, abs=1e-6)


def test_a_correction_and_as_of(store: Store) -> None:
    load_list(store, "AWS", station_body("AWS", {108: "서울"}), at(1))
    load(store, minute_body({(stamp(1), 108): {"ta": 1.5}}), at(3))
    load(store, minute_body({(stamp(1), 108): {"ta": 2.5}}), at(30))
    place = Place(37.5, 127.0)
    now, then = (at_place(store, place, ["ta"], at=at(2), as_of=as_of, units="kma")[0] for as_of in (None, at(5)))
    assert (now.value, then.value) == (2.5, 1.5)
    assert at_place(store, place, ["ta"], at=at(2), as_of=at(2))[0].reason == "no_station"
    assert at_place(store, place, ["ta"], now=at(60))[0].reason == "no_station", "an hour old"
    assert at_place(store, place, ["ta"], now=at(60), max_age=timedelta(hours=2))[0].value == 2.5


def test_nothing_stored_is_nothing_said_and_nothing_made(database_url: str) -> None:
    import sqlalchemy as sa

    with Store(database_url) as empty:
        assert [one.reason for one in at_place(empty, Place(37.5, 127.0), ["ta"])] == ["no_station"]
        assert latest(empty).is_empty()
        assert near(empty, Place(37.5, 127.0)).is_empty()
        assert listing(empty).stations == ()
        with empty.engine.connect() as connection:
            assert sa.inspect(connection).get_table_names() == []


@pytest.mark.parametrize(
    ("spot", "way_out"),
    [
        ((127.0, 37.5), "lat=37.5, lon=127.0"),
        ((48.1, 11.5), "lat from"),
        ((float("nan"), 127.0), "lat from"),
        ((37.5, 127.0, 9000.0), "metres"),
    ],
)
def test_places_that_are_none(spot: tuple[float, ...], way_out: str) -> None:
    with pytest.raises(UsageError, match=way_out):
        Place(*spot)


def test_words_for_elements() -> None:
    assert [one.name for one in chosen_elements(["기온", "rain", "WIND", "air_temperature", "sd_tot"])] == [
        "ta", "rn_15m", "rn_60m", "rn_day", "ws10", "wd10", "sd_tot",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="nearest: ta"):
        chosen_elements(["tta"])
    with pytest.raises(UsageError, match="k is 0"):
        near(None, Place(37.5, 127.0), 0)  # type: ignore[arg-type]
    assert elements()["asos_hourly.ca_tot"].sources == (("asos_hourly", "ca_tot"),)
