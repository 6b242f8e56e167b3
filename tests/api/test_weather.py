"""Routes of the weather: each value the simulator's truth, each from the station that an independent search finds, in every form."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from kmaflow.catalog.time import MINUTE, Window
from kmaflow.read import series

from ..read.filled import LAST, MINUTES, NOW, PLACES
from ..read.test_place import expected_of
from .conftest import Api

_ASKED = ["ta", "hm", "ws10", "wd10", "rn_60m", "rn_day", "vis1"]
FROM, TO = "2025-01-15 12:20", "2025-01-15 12:50"


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+09:00"


@pytest.mark.parametrize("spot", PLACES, ids=str)
def test_the_weather_at_a_place(api: Api, spot: tuple[float, float, float | None]) -> None:
    asked: dict[str, Any] = {"lat": spot[0], "lon": spot[1], "elements": ",".join(_ASKED), "units": "kma"}
    body = api.json("/v1/latest", **asked, **({} if spot[2] is None else {"height": spot[2]}))
    assert list(body["values"]) == _ASKED
    seen = 0
    for name, told in body["values"].items():
        limit = 10 if name in ("rn_60m", "rn_day", "vis1") else 25
        near = []
        for distance, stn in api.filled.by_distance(spot[0], spot[1]):
            height = api.filled.positions[stn][2]
            fits = spot[2] is None or height is None or abs(height - spot[2]) <= 300
            if distance <= limit and fits and expected_of(api.filled, name, stn):
                near.append((distance, stn))
        if not near:
            assert told["value"] is None
            assert told["reason"] in ("too_far", "too_high", "no_station")
            continue
        seen += 1
        distance, stn = near[0]
        tm, dataset, value, calm = expected_of(api.filled, name, stn) or (NOW, "", None, False)
        assert told["station"]["stn"] == stn
        assert told["station"]["distance_km"] == pytest.approx(distance, abs=1e-3)
        assert (told["tm"], told["dataset"], told["age_minutes"]) == (iso(tm), dataset, (NOW - tm) / MINUTE)
        assert (told["value"], told["reason"]) == (value, "calm" if calm else None)
    assert seen >= (5 if spot[0] == 37.50 else 0)


def test_the_newest_of_stations(api: Api) -> None:
    rows = {row["stn"]: row for row in api.json("/v1/latest", elements=",".join(_ASKED), units="kma")["rows"]}
    compared = 0
    for stn in api.filled.cells["aws_minute"]:
        for name in _ASKED:
            told = expected_of(api.filled, name, stn)
            row = rows.get(stn, {})
            assert row.get(name) == (told and told[2])
            assert row.get(f"{name}_tm_kst") == (told and iso(told[0]))
            compared += told is not None
    assert compared > 3_000
    few = api.json("/v1/latest", stations="108,159", elements="기온", names="ko")["rows"]
    assert [row["stn"] for row in few] == [108, 159]
    assert few[0]["1분 평균 기온"] == rows[108]["ta"]


def test_the_nearest_stations(api: Api) -> None:
    body = api.json("/v1/near", lat=37.5, lon=127.0, k=4, elements="vis1", units="kma")
    having = [
        (stn, distance) for distance, stn in api.filled.by_distance(37.5, 127.0) if expected_of(api.filled, "vis1", stn)
    ][:4]
    assert [row["stn"] for row in body["rows"]] == [stn for stn, _ in having]
    for row, (stn, distance) in zip(body["rows"], having, strict=True):
        told = expected_of(api.filled, "vis1", stn)
        assert told is not None
        assert (row["vis1"], row["vis1_tm_kst"]) == (told[2], iso(told[0]))
        assert row["distance_km"] == pytest.approx(distance, abs=1e-3)
    points = api.json("/v1/near", lat=37.5, lon=127.0, k=4, elements="vis1", format="geojson")
    assert [point["id"] for point in points["features"]] == [stn for stn, _ in having]
    lat, lon, _ = api.filled.positions[having[0][0]]
    assert points["features"][0]["geometry"]["coordinates"] == [lon, lat]


def truth_rows(api: Api, stations: set[int] | None = None) -> list[tuple[str, int, Any, Any]]:
    return sorted(
        (iso(tm), stn, values["ta"], values["rn_60m"])
        for stn, cells in api.filled.cells["aws_minute"].items()
        if stations is None or stn in stations
        for tm, values in cells
    )


def test_a_series_is_the_truth_page_by_page(api: Api) -> None:
    asked = {"dataset": "aws_minute", "elements": "ta,rn_60m", "from_": FROM, "to": TO, "limit": 5_000}
    rows, pages, cursor = [], 0, None
    while True:
        body = api.json("/v1/series", **asked, **({"cursor": cursor} if cursor else {}))
        assert len(body["rows"]) <= 5_000
        rows += [(row["tm_kst"], row["stn"], row["ta"], row["rn_60m"]) for row in body["rows"]]
        pages += 1
        cursor = body["next"]
        if cursor is None:
            break
    assert rows == truth_rows(api)
    assert pages == 5
    assert body["columns"][0] == {
        "name": "ta", "kma": "ta", "unit": "degree_Celsius", "ko": "1분 평균 기온", "en": "1-minute mean air temperature", "cf": "air_temperature",
    }  # fmt: skip


def test_a_series_in_files(api: Api) -> None:
    asked = {"dataset": "aws_minute", "elements": "ta,rn_60m", "from_": FROM, "to": TO, "stations": "108,159,서귀포"}
    expected = truth_rows(api, {108, 159, 189})
    made = pl.read_parquet(io.BytesIO(api.ask("/v1/series", **asked, format="parquet").content))
    assert [(iso(tm), *rest) for tm, *rest in made.rows()] == expected
    text = api.ask("/v1/series", **asked, format="csv", names="ko", bom="true")
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert text.content.startswith("\ufefftm_kst,stn,1분 평균 기온,60분 누적 강수량\n".encode())
    read = pl.read_csv(io.BytesIO(text.content.removeprefix("\ufeff".encode())))
    assert [tuple(row[1:]) for row in read.rows()] == [tuple(row[1:]) for row in expected]


def test_a_series_by_period_and_at_a_place(api: Api) -> None:
    asked = {"dataset": "aws_minute", "elements": "ta,wd10", "from_": FROM, "to": TO, "every": "10min"}
    body = api.json("/v1/series", **asked, stations="108")
    (expected,) = series(
        api.filled.store, "aws_minute", ["ta", "wd10"], MINUTES, stations=[108], every="10min"
    ).frames()
    assert [row["ta"] for row in body["rows"]] == expected["ta"].to_list()
    assert [row["ta_share"] for row in body["rows"]] == expected["ta_share"].to_list()
    place = api.json("/v1/series", **asked, lat=37.5, lon=127.0)
    assert [row["tm_kst"] for row in place["rows"]] == [iso(LAST - minutes * MINUTE) for minutes in (20, 10, 0)]
    distances = {one["stn"]: one["distance_km"] for one in place["stations"]}
    for row in place["rows"]:
        assert distances[row["ta_stn"]] == pytest.approx(
            {stn: km for km, stn in api.filled.by_distance(37.5, 127.0)}[row["ta_stn"]], abs=1e-3
        )
    one_page = api.json("/v1/series", **asked, lat=37.5, lon=127.0, limit=1)
    assert len(one_page["rows"]) == 1
    assert one_page["next"]


def test_nothing_there_is_an_empty_answer(api: Api) -> None:
    body = api.json("/v1/series", dataset="aws_minute", elements="ta", from_="2020-01-01", to="2024-01-01", every="1d")
    assert (body["rows"], body["next"]) == ([], None)
    assert (
        api.ask(
            "/v1/series", dataset="aws_cloud", elements="ca_tot", from_="2020-01-01", to="2020-01-02", format="csv"
        ).text
        == "tm_kst,stn,ca_tot\n"
    )


def test_as_of_and_at(api: Api) -> None:
    asked = {"dataset": "aws_minute", "elements": "ta", "from_": FROM, "to": TO, "stations": "108"}
    assert api.json("/v1/series", **asked, as_of="2025-01-15 12:00")["rows"] == []
    assert len(api.json("/v1/series", **asked, as_of="2025-01-15 13:00")["rows"]) == 30
    then = api.json("/v1/latest", stations="108", elements="ta", at="2025-01-15 12:40", units="kma")["rows"][0]
    told = {
        tm: values["ta"]
        for tm, values in api.filled.cells["aws_minute"][108]
        if any(v is not None for v in values.values())
    }
    newest = max(tm for tm in told if tm <= LAST - timedelta(minutes=10))
    assert (then["ta"], then["ta_tm_kst"]) == (told[newest], iso(newest))


def test_windows_are_those_of_everything_else(api: Api) -> None:
    body = api.json(
        "/v1/series",
        dataset="aws_minute",
        elements="ta",
        stations="108",
        from_="202501151230",
        to="2025-01-15T12:32+09:00",
    )
    assert [row["tm_kst"] for row in body["rows"]] == [
        iso(tm) for tm in Window(LAST - 20 * MINUTE, LAST - 18 * MINUTE).stamps(MINUTE)
    ]
