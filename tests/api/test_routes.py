"""Stations, what is there and what is missing; caching, compression, errors, tokens; every example of the OpenAPI page."""

from __future__ import annotations

import io
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from kmaflow.api.guard import Caller, Rates
from kmaflow.catalog.time import now_kst
from kmaflow.errors import UsageError
from kmaflow.store import Store, tokens
from kmaflow.store.engines.database import reading, writing
from kmaflow.store.errors import StoreError, StoreSlow

from ..read.filled import Filled
from .conftest import Api, serving

FROM, TO = "2025-01-15 12:20", "2025-01-15 12:50"
_SERIES = {"dataset": "aws_minute", "elements": "ta", "from": FROM, "to": TO, "stations": "108"}


def test_stations(api: Api) -> None:
    rows = {row["stn"]: row for row in api.json("/v1/stations")["rows"]}
    assert {stn: (row["lat"], row["lon"]) for stn, row in rows.items()} == {
        stn: at[:2] for stn, at in api.filled.positions.items()
    }
    assert rows[108]["networks"] == "AWS,SFC", "one place, though both lists have it"
    points = api.json("/v1/stations", text="서울", format="geojson")["features"]
    assert 108 in [point["id"] for point in points]
    near = api.json("/v1/stations", lat=37.5, lon=127.0, k=3)["rows"]
    assert [row["stn"] for row in near] == [stn for _, stn in api.filled.by_distance(37.5, 127.0)][:3]
    table = api.ask("/v1/stations", bbox="126.7,37.4,127.2,37.7", format="parquet").content
    assert pl.read_parquet(io.BytesIO(table))["stn"].to_list() == sorted(
        stn for stn, (lat, lon, _) in api.filled.positions.items() if 126.7 <= lon <= 127.2 and 37.4 <= lat <= 37.7
    )


def test_inventory_completeness_gaps_why_and_status(api: Api) -> None:
    cells = api.filled.cells["aws_minute"]
    present = {
        stn: sum(any(v is not None for v in values.values()) for _, values in told) for stn, told in cells.items()
    }
    there = {row["stn"]: row["present"] for row in api.json("/v1/inventory", dataset="aws_minute")["rows"]}
    assert there == {stn: count for stn, count in present.items() if count}
    element = api.json("/v1/inventory", dataset="aws_minute", elements="ta", from_=FROM, to=TO, stations="108")["rows"][
        0
    ]
    assert element["present"] == sum(values["ta"] is not None for _, values in cells[108])
    hours = {
        row["stn"]: row["present"]
        for row in api.json("/v1/completeness", dataset="aws_minute", from_="2025-01-15 12:00", to="2025-01-15 13:00")[
            "rows"
        ]
    }
    assert {stn: count for stn, count in hours.items() if count} == there
    whole = api.json("/v1/gaps", dataset="aws_minute", from_=FROM, to=TO)
    assert (whole["complete"], whole["missing_cells"]) == (True, 0)
    more = api.json("/v1/gaps", dataset="aws_minute", from_="2025-01-15 12:00", to=TO, stations="108")
    assert (more["complete"], more["missing_cells"]) == (False, 20)
    assert {gap["state"] for gap in more["gaps"]} == {"not_asked"}
    tm, values = cells[108][0]
    told = api.json("/v1/why", dataset="aws_minute", stn="서울", time=f"{tm:%Y-%m-%d %H:%M}")
    assert told["values"] == values
    assert told["lines"]
    names = {one["dataset"]: one for one in api.json("/v1/status")["datasets"]}
    assert names["aws_minute"]["last_stamp"] == "2025-01-15T12:50:00+09:00"
    assert names["aws_minute"]["lag_minutes"] == 3.0


def test_every_example_works_and_every_route_has_one(api: Api) -> None:
    described = httpx.get(f"{api.url}/openapi.json", trust_env=False).json()
    asked = 0
    for path, methods in described["paths"].items():
        assert list(methods) == ["get"]
        operation = methods["get"]
        in_path = [re.sub(r"{\w+}", value, path) for value in operation.get("x-path-examples", [])]
        for asked_for in in_path or [f"{path}?{query}" for query in operation["x-examples"]]:
            answer = api.client.get(asked_for)
            assert answer.status_code == 200, (asked_for, answer.text)
            asked += 1
        assert {"401", "422", "503"} <= set(methods["get"]["responses"])
    assert asked >= 15
    assert httpx.get(f"{api.url}/docs", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("path", "query", "status", "told"),
    [
        ("/v1/latest", {"lat": 127.0, "lon": 37.5}, 422, "lat=37.5, lon=127.0"),
        ("/v1/latest", {"lat": 52.5, "lon": 13.4}, 422, "lat from"),
        ("/v1/latest", {"lat": 37.5}, 422, "both"),
        ("/v1/latest", {"lat": "nan", "lon": 127.0}, 422, "lat from"),
        ("/v1/latest", {"stations": "서을"}, 422, "서울"),
        ("/v1/latest", {"stations": "4711"}, 422, "nearest"),
        ("/v1/latest", {"elements": "tta"}, 422, "ta"),
        ("/v1/latest", {"elements": "ta'; DROP TABLE station; --"}, 422, "nearest"),
        ("/v1/latest", {"units": "imperial"}, 422, "openapi"),
        ("/v1/latest", {"lat": 37.5, "lon": 127, "format": "csv"}, 422, "format=json"),
        ("/v1/near", {"lat": 37.5, "lon": 127, "k": 1000}, 422, "openapi"),
        ("/v1/series", _SERIES | {"dataset": "aws_minutes"}, 422, "aws_minute"),
        ("/v1/series", _SERIES | {"cursor": "x"}, 422, "cursor"),
        ("/v1/series", _SERIES | {"cursor": "WyIyMDI1MDEwMTAwMDAiLCAieCJd"}, 422, "cursor"),
        ("/v1/series", _SERIES | {"to": FROM}, 422, "from"),
        ("/v1/series", _SERIES | {"from": "2025-13-01"}, 422, "YYYY"),
        ("/v1/series", _SERIES | {"every": "7min"}, 422, "10min"),
        ("/v1/series", _SERIES | {"elements": "re,rn"}, 422, "rn"),
        ("/v1/series", _SERIES | {"stations": "all", "from": "2000-01-01", "format": "csv"}, 413, "kmaflow export"),
        ("/v1/inventory", {"dataset": "aws_minute", "elements": "ta", "from": "2000-01-01", "to": TO}, 413, "shorter"),
        ("/v1/completeness", {"dataset": "aws_minute", "from": "2000-01-01", "to": TO}, 413, "shorter"),
        ("/v1/gaps", {"dataset": "aws_minute", "from": "2000-01-01", "to": TO}, 413, "shorter"),
        ("/v1/stations", {"bbox": "127,37"}, 422, "west"),
        ("/v1/why", {"dataset": "aws_present_weather", "stn": "108", "time": "abc"}, 422, "YYYY"),
        ("/v1/nothing", {}, 404, "openapi"),
    ],
)  # fmt: skip
def test_bad_questions_are_told_the_way_out(api: Api, path: str, query: dict[str, Any], status: int, told: str) -> None:
    answer = api.client.get(path, params=query)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert told in body["way_out"], body
    korean = api.client.get(path, params=query, headers={"Accept-Language": "ko-KR"}).json()
    assert any("가" <= letter <= "힣" for letter in korean["way_out"])
    if path == "/v1/latest" and "lat" in query and "units" not in query:
        assert any("가" <= letter <= "힣" for letter in korean["detail"])


def test_what_a_client_has_is_not_sent_again(api: Api) -> None:
    for path, query in (("/v1/latest", {"lat": 37.5, "lon": 127.0}), ("/v1/series", _SERIES), ("/v1/stations", {})):
        first = api.client.get(path, params=query)
        again = api.client.get(path, params=query, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert first.headers["cache-control"].startswith("private, max-age=")
        assert api.client.get(path, params=query, headers={"If-None-Match": 'W/"other"'}).status_code == 200
    # 12:53 is the moment when the next minute can be had.
    assert api.ask("/v1/latest", elements="ta").headers["cache-control"] == "private, max-age=60"
    assert api.ask("/v1/stations").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in api.client.get("/v1/stations", headers={"Accept-Encoding": "identity"}).headers


def test_nobody_without_a_token(api: Api, tmp_path: Path) -> None:
    described = httpx.get(f"{api.url}/openapi.json", trust_env=False).json()
    with serving(api.filled, tmp_path) as closed, httpx.Client(base_url=closed.url, trust_env=False) as nobody:
        paths = [*described["paths"], "/openapi.json", "/docs", "/", "/v1", "/nothing"]
        for headers in (
            {},
            {"Authorization": "Bearer kmaflow_" + "A" * 43},
            {"Authorization": f"Basic {closed.token}"},
            {"Authorization": "Bearer x"},
        ):
            for path in paths:
                answer = nobody.get(path, headers=headers)
                expected = 200 if path == "/healthz" else 401
                assert answer.status_code == expected, (path, headers)
                if expected == 401:
                    assert answer.headers["www-authenticate"].startswith("Bearer")
                    assert answer.headers["content-type"] == "application/problem+json"
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
            assert nobody.request(method, "/v1/latest").status_code == 401
        assert (
            "access-control-allow-origin"
            not in closed.client.get("/v1/status", headers={"Origin": "http://x.example"}).headers
        )


def test_tokens_end(filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmaflow.api.guard._BELIEVED_SECONDS", 0.0)
    with Store(filled.url) as store:
        spare = tokens.add(store, "spare")
        with serving(filled, tmp_path) as api:

            def status(token: str) -> int:
                return httpx.get(
                    f"{api.url}/v1/status", headers={"Authorization": f"Bearer {token}"}, trust_env=False
                ).status_code

            assert status(spare) == 200
            with pytest.raises(UsageError, match="there is a token"):
                tokens.add(store, "spare")
            tokens.revoke(store, "spare")
        # Another instance believes nothing of the first one.
        with serving(filled, tmp_path) as api:
            assert status(spare) == 401
            late = tokens.add(store, "late", expires_at=now_kst() + timedelta(hours=1))
            with writing(store.engine) as connection:
                connection.exec_driver_sql(
                    "UPDATE api_token SET expires_at = '2025-01-15 12:00:00' WHERE name = 'late'"
                )
            assert status(late) == 401
        with pytest.raises(UsageError, match="no token 'spare'"):
            tokens.revoke(store, "spare")
        for name in ("", "a b", "x" * 65):
            with pytest.raises(UsageError, match="no name"):
                tokens.add(store, name)
        with pytest.raises(UsageError, match="expired"):
            tokens.add(store, "old", expires_at=now_kst())
        assert {one.name for one in tokens.listed(store)} >= {"spare", "late"}
        with reading(store.engine) as connection:
            kept = str(connection.exec_driver_sql("SELECT * FROM api_token").all())
        assert spare not in kept
        assert tokens.digest(spare) in kept


def test_a_rate_for_each(api: Api, filled: Filled, tmp_path: Path) -> None:
    moment = [0.0]
    rates, one = Rates(lambda: moment[0]), Caller("one", 2)
    assert [rates.take(one) for _ in range(3)] == [0, 0, 30]
    assert rates.take(Caller("other", 2)) == 0
    moment[0] = 30
    assert [rates.take(one) for _ in range(2)] == [0, 30]
    with Store(filled.url) as store:
        slow = tokens.add(store, f"slow-{tmp_path.name}", per_minute=1)
    answers = [
        httpx.get(f"{api.url}/v1/status", headers={"Authorization": f"Bearer {slow}"}, trust_env=False)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert int(answers[1].headers["retry-after"]) > 1


def test_sessions_cannot_write_and_end_in_time(filled: Filled) -> None:
    from kmaflow.api.reader import ReadingStore

    with ReadingStore(filled.url, seconds=0.2) as store:
        with pytest.raises(StoreError), writing(store.engine) as connection:
            connection.exec_driver_sql("DELETE FROM latest")
        kind = store.engine.dialect.name
        slow = {
            "postgresql": "SELECT pg_sleep(5)",
            "mysql": "SELECT COUNT(*) FROM aws_minute a, aws_minute b, aws_minute c WHERE a.ta + b.ta > c.ta",
            "sqlite": "SELECT COUNT(*) FROM aws_minute a, aws_minute b, aws_minute c WHERE a.ta + b.ta > c.ta",
        }
        with pytest.raises(StoreSlow), reading(store.engine) as connection:
            connection.exec_driver_sql(slow[kind]).all()


def test_a_hundred_clients_at_once(api: Api) -> None:
    limits = httpx.Limits(max_connections=100)
    with (
        httpx.Client(
            base_url=api.url, headers=api.client.headers, limits=limits, timeout=60, trust_env=False
        ) as client,
        ThreadPoolExecutor(100) as pool,
    ):
        found = list(
            pool.map(
                lambda _: client.get("/v1/latest", params={"lat": 37.5, "lon": 127.0, "elements": "ta"}), range(200)
            )
        )
    assert {answer.status_code for answer in found} == {200}
    assert len({answer.content for answer in found}) == 1


def test_a_client_that_goes_away_leaves_nothing(api: Api) -> None:
    asked = {"dataset": "aws_minute", "from": FROM, "to": TO, "format": "csv"}
    for _ in range(3):
        with api.client.stream("GET", "/v1/series", params=asked) as answer:
            next(answer.iter_raw(10))
    assert api.json("/v1/status")["datasets"]


def test_logs_hold_no_token(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        api.ask("/v1/latest", elements="ta", token=api.token)
        httpx.get(f"{api.url}/v1/latest", headers={"Authorization": f"Bearer {api.token[:-1]}"}, trust_env=False)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("kmaflow", "uvicorn"))]
    assert any("/v1/latest 200" in line for line in ours)
    assert not any("kmaflow_" in line for line in ours)


def test_cors_only_where_asked_for(filled: Filled, tmp_path: Path) -> None:
    with serving(filled, tmp_path, origins="https://a.example") as api:
        ours, other = (
            api.client.get("/v1/status", headers={"Origin": origin}).headers
            for origin in ("https://a.example", "https://b.example")
        )
    assert ours["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in other
