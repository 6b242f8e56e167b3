"""Series: by period they say what the views say, at a place what the nearest station says; and their shapes."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from importlib import import_module

import polars as pl
import pytest
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.errors import UsageError
from kmaflow.read import (
    Place,
    element_inventory,
    inventory,
    listing,
    read,
    series,
    subject,
    to_arrow,
    to_pandas,
    to_xarray,
)
from kmaflow.read.periods import rule_of
from kmaflow.read.units import titles
from kmaflow.store import Store, views
from kmaflow.store.engines.database import writing
from kmaflow.store.engines.loader import loader_for, names_of, schema_of
from kmaflow.store.schema.observations import OBSERVATIONS

from ..store.bodies import at, load, minute_body, stamp
from .filled import LAST, MINUTES, PLACES, Filled

_DAY = datetime(2025, 1, 15)


def put(store: Store, table: str, rows: list[dict[str, object]]) -> None:
    """Rows into an observation table; what is not named is missing."""
    described = OBSERVATIONS[table]
    schema = schema_of(described)
    frame = pl.DataFrame([dict.fromkeys(schema) | row | {names_of(described)[-1]: 1} for row in rows], schema=schema)
    with writing(store.engine) as connection:
        loader_for(connection).insert(described, frame)


def random_day() -> list[dict[str, object]]:
    chance = random.Random(13)
    rows = []
    for minute in range(1, 1441):
        for stn in (90, 108, 110):
            if chance.random() < (0.6 if stn == 90 else 0.1):
                continue
            values: dict[str, object] = {
                "ta": round(chance.uniform(-12, 3), 1), "td": round(chance.uniform(-20, 0), 1), "hm": round(chance.uniform(20, 99), 1),
                "pa": 1000.1, "ps": 1010.2, "ws10": chance.choice([0.0, 0.4, 3.1, 7.7]), "wd10": chance.choice([0.0, 10.5, 180.0, 350.0]),
                "wss": round(chance.uniform(0, 20), 1), "wds": round(chance.uniform(0, 360), 1), "rn_day": 0.0,
            }  # fmt: skip
            if stn != 110:
                values |= {
                    "re": float(chance.random() < 0.2),
                    "rn_60m": round(chance.uniform(0, 3), 1),
                    "rn_day": minute / 100,
                }
            kept = {name: None if chance.random() < 0.1 else value for name, value in values.items()}
            rows.append({"tm_kst": _DAY + minute * MINUTE, "stn": stn, **kept})
    return rows


def test_periods_say_what_the_views_say(store: Store) -> None:
    put(store, "aws_minute", random_day())
    with writing(store.engine) as connection:
        views.make(connection)
    for view, every, columns in (
        ("v_hourly", "1h", {"ta": "ta_mean", "td": "td_mean", "hm": "hm_mean", "pa": "pa_mean", "ps": "ps_mean", "ws10": "ws10_mean",
                            "wd10": "wd10_mean", "wss": "wss_max", "wds": "wss_max_wd", "rn_60m": "rn_60m", "rn_day": "rn_day"}),
        ("v_daily", "1d", {"ta": "ta_mean", "hm": "hm_mean", "ws10": "ws10_mean", "wd10": "wd10_mean", "wss": "wss_max",
                           "wds": "wss_max_wd", "rn_day": "rn_day"}),
    ):  # fmt: skip
        with store.engine.connect() as connection:
            told = connection.execute(sa.text(f"SELECT * FROM {view} ORDER BY tm_kst, stn")).mappings().all()
        frame = pl.concat(
            series(store, "aws_minute", columns, Window(_DAY, _DAY + DAY), every=every, min_share=0).frames()
        )
        assert frame.height == len(told) == (72 if every == "1h" else 3)
        for ours, theirs in zip(frame.iter_rows(named=True), told, strict=True):
            assert (str(ours["tm_kst"]), ours["stn"]) == (str(theirs["tm_kst"]), theirs["stn"])
            for name, column in columns.items():
                expected = theirs[column]
                assert ours[name] == (None if expected is None else pytest.approx(float(expected), abs=1e-9)), (
                    name,
                    ours,
                )
            assert ours["ta_share"] == pytest.approx(theirs["ta_n"] / (60 if every == "1h" else 1440))


def test_too_few_values_are_none_and_the_share_says_so(store: Store) -> None:
    put(store, "aws_minute", random_day())
    window = Window(_DAY + 30 * MINUTE, _DAY + 2 * HOUR)
    frame = pl.concat(series(store, "aws_minute", ["ta"], window, every="1h").frames())
    assert frame["tm_kst"].unique(maintain_order=True).to_list() == [_DAY + HOUR, _DAY + 2 * HOUR], (
        "periods are given whole"
    )
    assert frame.columns == ["tm_kst", "stn", "ta", "ta_share"]
    for row in frame.iter_rows(named=True):
        assert (row["ta"] is None) == (row["ta_share"] < 0.5) == (row["stn"] == 90)
    ten = pl.concat(series(store, "aws_minute", ["기온"], window, every="10min", stations=[108]).frames())
    assert ten["tm_kst"].to_list() == [_DAY + minutes * MINUTE for minutes in range(40, 121, 10)]


def test_asos_by_the_day(store: Store) -> None:
    said = {"stn": 108, "wd": 36, "ws": 2.0, "ss": 0.5, "rn_day": 9.0}
    rows = [said | {"tm_kst": _DAY + hour * HOUR, "ta": float(hour)} for hour in range(1, 25)]
    put(store, "asos_hourly", [*rows[:-1], rows[-1] | {"rn_day": 1.5}])
    (frame,) = series(store, "asos_hourly", ["ta", "rn_day", "wd", "ss"], Window(_DAY, _DAY + DAY), every="1d").frames()
    assert frame.row(0, named=True) == {
        "tm_kst": _DAY + DAY, "stn": 108, "ta": 12.5, "ta_share": 1.0, "rn_day": 1.5, "rn_day_share": 1.0, "wd": 0.0, "wd_share": 1.0,
        "ss": 12.0, "ss_share": 1.0,
    }  # fmt: skip


def test_small_parts_make_the_same_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "aws_minute", random_day())
    asked = series(store, "aws_minute", ["ta", "wd10"], Window(_DAY, _DAY + DAY), every="1h")
    whole = list(asked.frames())
    assert len(whole) > 0
    monkeypatch.setattr(import_module("kmaflow.read.series"), "_ROWS", 1)
    parts = list(asked.frames())
    assert len(parts) == 24
    assert pl.concat(parts).equals(pl.concat(whole))


@pytest.mark.parametrize("spot", PLACES[:3], ids=str)
def test_at_a_place_each_stamp_has_its_nearest_station(filled: Filled, spot: tuple[float, float, float | None]) -> None:
    asked = series(filled.store, "aws_minute", ["ta", "rn_60m", "wd10"], MINUTES, near=Place(*spot))
    frame = pl.concat(asked.frames())
    assert frame.columns == ["tm_kst", "ta", "ta_stn", "rn_60m", "rn_60m_stn", "wd10", "wd10_stn"]
    near = [
        (distance, stn)
        for distance, stn in filled.by_distance(spot[0], spot[1])
        if distance <= 25
        and (
            spot[2] is None
            or filled.positions[stn][2] is None
            or abs(float(filled.positions[stn][2] or 0) - spot[2]) <= 300
        )
    ]
    rows = {(tm, stn): values for stn, told in filled.cells["aws_minute"].items() for tm, values in told}
    compared = 0
    for row in frame.iter_rows(named=True):
        for name, limit in (("ta", 25), ("rn_60m", 10), ("wd10", 25)):
            having = [
                stn
                for distance, stn in near
                if distance <= limit and rows.get((row["tm_kst"], stn), {}).get(name) is not None
            ]
            stn = having[0] if having else None
            value = None if stn is None else rows[row["tm_kst"], stn][name]
            if name == "wd10" and stn is not None and rows[row["tm_kst"], stn]["ws10"] in (0, None):
                value = None
            assert (row[f"{name}_stn"], row[name]) == (stn, value), row
            compared += 1
    assert compared == 3 * 30


def test_raw_series_are_what_is_stored(filled: Filled) -> None:
    frame = pl.concat(series(filled.store, "aws_minute", ["ta", "hm"], MINUTES, stations=[108, 159]).frames())
    assert frame.equals(read(filled.store, "aws_minute", MINUTES, stations=[108, 159], columns=["ta", "hm"]))
    words = pl.concat(series(filled.store, "aws_minute", ["wd10"], MINUTES, stations=[108], units="people").frames())
    assert words.columns == ["tm_kst", "stn", "wd10"]
    assert words.schema["wd10"] == pl.String
    asked = series(filled.store, "aws_minute", ["ta"], MINUTES, stations=[108, 159])
    assert asked.rows == 60
    assert asked.cut(Window(MINUTES.start, LAST - 10 * MINUTE)).rows == 40


def test_as_of(store: Store) -> None:
    load(store, minute_body({(stamp(minute), 108): {"ta": 1.0} for minute in range(1, 11)}), at(11))
    load(store, minute_body({(stamp(minute), 108): {"ta": 3.0} for minute in range(1, 11)}), at(60))
    window = Window(stamp(0), stamp(10))
    now, then = (
        pl.concat(series(store, "aws_minute", ["ta"], window, stations=[108], every="10min", as_of=as_of).frames())[
            "ta"
        ].to_list()
        for as_of in (None, at(30))
    )
    assert (now, then) == ([3.0], [1.0])


def test_inventory(filled: Filled) -> None:
    frame = inventory(filled.store, "aws_minute", stations=[108, 159])
    told = filled.cells["aws_minute"]
    for row in frame.iter_rows(named=True):
        present = [tm for tm, values in told[row["stn"]] if any(value is not None for value in values.values())]
        assert (row["present"], row["last_kst"]) == (len(present), max(present))
        assert row["first_kst"] == datetime(2025, 1, 15, 13)
    found = element_inventory(filled.store, "aws_minute", ["ta", "rain"], MINUTES)
    expected = {}
    for stn, cells in told.items():
        for name in ("ta", "rn_15m", "rn_60m", "rn_day"):
            if present := [tm for tm, values in cells if values[name] is not None]:
                expected[stn, name] = (min(present), max(present), len(present), pytest.approx(len(present) / 30))
    assert {
        (row["stn"], row["element"]): (row["first_kst"], row["last_kst"], row["present"], row["share"])
        for row in found.iter_rows(named=True)
    } == expected
    assert element_inventory(filled.store, "aws_cloud", None, Window(_DAY - DAY, _DAY)).is_empty()


def test_shapes(filled: Filled) -> None:
    asked = series(filled.store, "aws_minute", ["ta", "wd10"], MINUTES, stations=[108, 159], units="si")
    frame = pl.concat(asked.frames())
    cube = to_xarray(frame, asked.meanings, units="si", known=listing(filled.store))
    assert dict(cube.sizes) == {"time": 30, "station": 2}
    assert cube.ta.attrs["standard_name"] == "air_temperature"
    assert cube.ta.attrs["units"] == "K"
    assert str(cube.time.values[0]) == "2025-01-15T03:21:00.000000000"
    assert cube.station.values.tolist() == [108, 159]
    value = frame.filter(stn=108)["ta"][0]
    assert value is None or float(cube.ta.sel(station=108)[0]) == value
    table = to_pandas(frame)
    assert list(table.index.names) == ["tm_kst", "stn"]
    assert table["ta"].isna().sum() == frame["ta"].null_count()
    assert to_arrow(frame).num_rows == 60
    codes = pl.concat(series(filled.store, "aws_visibility", ["ww1"], MINUTES, stations=[108]).frames())
    assert str(to_pandas(codes)["ww1"].dtype) == "Int64"


def test_names() -> None:
    columns = subject("aws_minute").columns
    assert titles({name: columns[name] for name in ("ta", "wd1", "wd10", "re")}, "cf") == {
        "ta": "air_temperature", "wd1": "wind_from_direction (wd1)", "wd10": "wind_from_direction (wd10)", "re": "re",
    }  # fmt: skip
    assert titles({"ta": columns["ta"]}, "ko") == {"ta": "1분 평균 기온"}


@pytest.mark.parametrize(
    ("dataset", "elements", "every", "told"),
    [
        ("aws_minute", ["ta"], "5min", "no period"),
        ("asos_hourly", ["ta"], "10min", "every 60 minutes"),
        ("aws_cloud", ["ch_low"], "1h", "no value over a period"),
        ("asos_hourly", ["rn"], "1d", "no value over a period"),
        ("aws_minute", ["tta"], None, "no column"),
    ],
)
def test_what_cannot_be_said(tmp_path: object, dataset: str, elements: list[str], every: str | None, told: str) -> None:
    with Store(f"sqlite:///{tmp_path}/none.db") as store, pytest.raises(UsageError, match=told):
        series(store, dataset, elements, Window(_DAY, _DAY + timedelta(days=1)), every=every)


def test_every_value_has_a_rule_or_says_that_it_has_none() -> None:
    without = set()
    for dataset in DATASETS.values():
        for column in dataset.values:
            try:
                rule_of(dataset, column.name, DAY)
            except UsageError:
                without.add(f"{dataset.name}.{column.name}")
    assert all(
        DATASETS[name.split(".")[0]].column(name.split(".")[1]).unit
        in ("1", "m", "100 m", "1/8", "1/10", "mm", "mm h-1", "cm", "hPa")
        for name in without
    )
    assert not {"aws_minute.ta", "asos_hourly.si"} & without
