"""The lake: the same rows as the database, written once and again only where something has changed; read by DuckDB."""

from __future__ import annotations

import json
import struct
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from kmaflow.catalog.time import DAY, Window
from kmaflow.errors import UsageError
from kmaflow.read import lake, read, subject
from kmaflow.read.files import ExportError
from kmaflow.store import Store
from kmaflow.store.engines.database import writing

from ..store.bodies import NOON, at, load, minute_body, stamp
from .filled import Filled


def test_the_lake_is_the_database(filled: Filled, tmp_path: Path) -> None:
    url = str(tmp_path / "lake")
    kept = {one.name: one for one in lake.keep(filled.store, url)}
    assert {name for name, one in kept.items() if one.written} == {
        "aws_minute",
        "aws_cloud",
        "aws_visibility",
        "asos_hourly",
        "stations",
    }
    assert not any(one.written for one in lake.keep(filled.store, url)), "nothing has changed"
    with duckdb.connect() as database:
        for name, source in lake.views_of(url).items():
            database.execute(f"CREATE VIEW {name} AS SELECT * FROM {source}")
        for name in ("aws_minute", "asos_hourly"):
            rows = read(filled.store, name, Window(datetime(2025, 1, 15), datetime(2025, 1, 16)))
            found = database.execute(
                f"SELECT {', '.join(rows.columns)} FROM {name} WHERE year = 2025 AND month = 1 ORDER BY tm_kst, stn"
            ).fetchall()
            assert found == rows.rows()
        assert database.execute("SELECT count(*), count(lat) FROM stations").fetchone() == (
            len(filled.positions),
            len(filled.positions),
        )
    path = tmp_path / "lake" / "dataset=aws_minute" / "year=2025" / "month=01" / "2025-01-15.parquet"
    frame = pl.read_parquet(path, hive_partitioning=False)
    assert frame.sort("stn", "tm_kst").equals(frame)
    geo = pl.read_parquet(tmp_path / "lake" / "stations.parquet").filter(stn=108)
    assert struct.unpack("<BIdd", geo["geometry"][0]) == (1, 1, geo["lon"][0], geo["lat"][0])
    assert (
        json.loads(pl.read_parquet_metadata(tmp_path / "lake" / "stations.parquet")["geo"])["primary_column"]
        == "geometry"
    )


def test_corrections_come_and_what_was_taken_out_stays(store: Store, tmp_path: Path) -> None:
    url = str(tmp_path)

    def changed() -> list[str]:
        return [
            Path(one.path).stem
            for one in lake.keep(store, url, ["aws_minute"])
            if one.written and one.name == "aws_minute"
        ]

    def value() -> float:
        frame = pl.read_parquet(f"{url}/dataset=aws_minute/*/*/2025-01-15.parquet")
        return float(frame.filter(stn=108)["ta"][0])

    load(store, minute_body({(stamp(1), 108): {"ta": 1.5}}), at(3))
    midnight = Window(NOON + 12 * timedelta(hours=1) - timedelta(minutes=1), NOON + timedelta(hours=12))
    load(store, minute_body({(midnight.end, 108): {"ta": 9.0}}), at(800), window=midnight)
    tomorrow = Window(midnight.end, midnight.end + timedelta(minutes=10))
    load(store, minute_body({(tomorrow.end, 108): {"ta": 4.0}}), at(900), window=tomorrow)
    assert changed() == ["2025-01-15", "2025-01-16"], "24:00 belongs to the day that it ends"
    assert changed() == []
    load(store, minute_body({(stamp(1), 108): {"ta": 2.5}}), at(950))
    assert changed() == ["2025-01-15"]
    assert value() == 2.5
    with writing(store.engine) as connection:
        connection.exec_driver_sql("DELETE FROM aws_minute")
    load(store, minute_body({(stamp(2), 90): {"ta": 7.0}}), at(960))
    kept = {Path(one.path).stem: one for one in lake.keep(store, url, ["aws_minute"])}
    assert (kept["2025-01-15"].written, kept["2025-01-15"].rows, kept["2025-01-15"].fewer) == (True, 6, 2)
    assert value() == 2.5
    assert changed() == []
    load(store, minute_body({(stamp(1), 108): {"ta": 3.5}}), at(970))
    assert changed() == ["2025-01-15"]
    assert value() == 3.5, "a correction reaches the lake also where the database has given up other rows of the day"


def test_a_killed_writer_leaves_the_lake_whole(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(store, minute_body({(stamp(1), 108): {"ta": 1.5}}), at(3))
    real = lake._note

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lake, "_note", killed)
    with pytest.raises(KeyboardInterrupt):
        list(lake.keep(store, str(tmp_path)))
    monkeypatch.setattr(lake, "_note", real)
    assert [one.written for one in lake.keep(store, str(tmp_path)) if one.name == "aws_minute"] == [True]
    assert not list(tmp_path.rglob("*.part"))


def test_no_lake_and_a_foreign_one(tmp_path: Path, store: Store) -> None:
    with pytest.raises(UsageError, match="no lake"):
        lake.views_of(str(tmp_path))
    (tmp_path / "lake.json").write_text("[]")
    with pytest.raises(ExportError, match="none of ours"):
        list(lake.keep(store, str(tmp_path)))
    assert (
        lake.file_of(subject("asos_hourly"), Window(NOON - DAY, NOON))
        == "dataset=asos_hourly/year=2025/month=01/2025-01.parquet"
    )
