"""Answers with a proper end that do not hold what was asked: nothing is believed that was not answered.

A hub leaves out the last stamps, one stamp, all rows or 60 % of the stations in a fifth of its answers. After the run `gaps` names every
cell that the database lacks (or the run has healed it), and one ``repair --all`` later every cell equals the truth.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL, Collector
from kmaflow.collect.backfill.backfill import Backfill
from kmaflow.collect.repair import Repair
from kmaflow.simulator.faults import parse_faults
from kmaflow.simulator.server import Running
from kmaflow.store.coverage.gaps import Gap, gaps
from kmaflow.store.engines.database import reading

from ..databases import ENGINES, database
from .hub import collecting, plan, simulated
from .test_repair import Clock
from .test_watch import Day

KINDS = ("last_stamps", "one_stamp", "no_rows", "few_stations")
BEGIN = datetime(2025, 1, 15, 12, 0)
NAMES = tuple(DATASETS)
#: Half an hour of minutes are three calls, ten hours of ASOS one.
PAST = {name: Window(BEGIN, BEGIN + (10 * HOUR if name == "asos_hourly" else 30 * MINUTE)) for name in NAMES}
KEYS = ["tm_kst", "stn"]


@pytest.fixture(scope="module")
def hub_of_this_module() -> Iterator[Running]:
    with simulated(body_cache_bytes=200_000_000) as hub:
        yield hub


@pytest.fixture
def hub(hub_of_this_module: Running) -> Iterator[Running]:
    """A hub for one test; its faults are gone afterwards."""
    hub_of_this_module.simulator.hub.keys._log.clear()
    yield hub_of_this_module
    hub_of_this_module.simulator.hub.faults.clear()


def disturb(hub: Running, *kinds: str, rate: float = 0.2) -> None:
    """A share of all answers lacks something, and the first answer of each dataset does for sure."""
    share = ",".join(f"{kind}={rate / len(kinds)}" for kind in kinds)
    hub.simulator.hub.faults.faults = parse_faults(share)
    for name in NAMES:
        kind = kinds[0]
        argument = hub.simulator.hub.faults.faults.argument(kind)
        plan(hub, kind, endpoint=DATASETS[name].request.endpoint.rsplit("/", 1)[-1], argument=argument)


def truth(hub: Running, name: str, window: Window) -> pl.DataFrame:
    """The rows that the hub has for a window, with their values."""
    first, last = window.start + MINUTE, window.end
    asked = {"dataset": name, "tm1": f"{first:%Y%m%d%H%M}", "tm2": f"{last:%Y%m%d%H%M}", "format": "parquet"}
    body = httpx.get(f"{hub.base_url}/_sim/truth", params=asked, timeout=300).content
    return pl.read_parquet(io.BytesIO(body)).drop("state").sort(KEYS)


def stored(collector: Collector, name: str, window: Window, like: pl.DataFrame) -> pl.DataFrame:
    """The rows that the database has for a window, in the columns and types of another frame."""
    table = sa.Table(name, sa.MetaData(), autoload_with=collector.store.engine)
    text = collector.store.engine.dialect.name == "sqlite"
    low, high = ((f"{end}" if text else end) for end in (window.start, window.end))
    columns = [table.c[column] for column in like.columns]
    tm = sa.type_coerce(table.c.tm_kst, sa.Text) if text else table.c.tm_kst
    with collector.store.engine.connect() as connection:
        found = connection.execute(sa.select(tm, *columns[1:]).where(tm > low, tm <= high)).all()
    frame = pl.DataFrame([tuple(row) for row in found], schema=like.columns, orient="row", infer_schema_length=None)
    if text:
        frame = frame.with_columns(pl.col("tm_kst").cast(pl.String).str.to_datetime("%Y-%m-%d %H:%M:%S"))
    return frame.cast(like.schema).sort(KEYS)


def missing(collector: Collector, windows: dict[str, Window]) -> list[Gap]:
    """What ``kmaflow gaps`` names."""
    with reading(collector.store.engine) as connection:
        return [
            gap
            for name, window in windows.items()
            for gap in gaps(connection, [name], window, now=collector.client.clock(), start=collector.settings.start)
        ]


def assert_nothing_is_lost_in_silence(collector: Collector, hub: Running, windows: dict[str, Window]) -> None:
    """Every row that the hub has is stored as it is, or a gap names its cell."""
    named = missing(collector, windows)
    for name, window in windows.items():
        expected = truth(hub, name, window)
        found = stored(collector, name, window, expected)
        assert_frame_equal(found, expected.join(found, on=KEYS, how="semi").sort(KEYS))
        lost = expected.join(found, on=KEYS, how="anti")
        for gap in (gap for gap in named if gap.dataset == name):
            inside = (pl.col("tm_kst") > gap.window.start) & (pl.col("tm_kst") <= gap.window.end)
            theirs = pl.lit(True) if gap.stations is None else pl.col("stn").is_in(list(gap.stations))
            lost = lost.filter(~(inside & theirs))
        assert lost.is_empty(), f"{name}: {lost.height} of {expected.height} rows are lost and no gap names them"


def assert_one_repair_heals_it(collector: Collector, hub: Running, windows: dict[str, Window]) -> None:
    """``repair --all`` while the hub goes on as before: then every cell equals the truth and no gap is left."""
    for name, window in windows.items():
        Repair(collector, begin=window.start, end=window.end, everything=True).mend(name)
    for name, window in windows.items():
        expected = truth(hub, name, window)
        assert_frame_equal(stored(collector, name, window, expected), expected)
    assert missing(collector, windows) == []


@contextmanager
def at(
    hub: Running, home: Path, start: datetime, now: datetime, url: str | None = None
) -> Iterator[tuple[Collector, Clock]]:
    """A collector of all datasets that has seen a little of each before ``start``, undisturbed."""
    clock = Clock(hub, now)
    more: dict[str, Any] = {} if url is None else {"database_url": url}
    with collecting(hub, home, start=start, revisit_days=0, **more) as collector:
        collector.client.clock = clock
        for name in NAMES:
            before = Window(start - 10 * MINUTE, start)
            if name == "asos_hourly":
                before = Window(BEGIN - HOUR, BEGIN)
            assert collector.collect(name, before).complete
        yield collector, clock


def history_is_completed(hub: Running, home: Path, *kinds: str, url: str | None = None) -> None:
    with at(hub, home, BEGIN, BEGIN + 3 * DAY, url) as (collector, _):
        disturb(hub, *kinds)
        for window in {(one.start, one.end): one for one in PAST.values()}.values():
            Backfill(collector, [name for name in NAMES if PAST[name] == window], window, ALL, workers=1).run()
        assert_nothing_is_lost_in_silence(collector, hub, PAST)
        assert_one_repair_heals_it(collector, hub, PAST)


def live_data_are_completed(hub: Running, home: Path, *kinds: str, url: str | None = None) -> None:
    start = BEGIN + 50 * MINUTE
    windows = {name: Window(start, BEGIN + HOUR + (0 if name == "asos_hourly" else 10) * MINUTE) for name in NAMES}
    with at(hub, home, start, start + 4 * MINUTE, url) as (collector, clock):
        disturb(hub, *kinds)
        Day(collector, clock, list(NAMES), BEGIN + HOUR + 26 * MINUTE).run()
        assert_nothing_is_lost_in_silence(collector, hub, windows)
        assert_one_repair_heals_it(collector, hub, windows)


@pytest.mark.parametrize("kind", KINDS)
def test_history_of_which_answers_lack_something_is_completed(hub: Running, tmp_path: Path, kind: str) -> None:
    history_is_completed(hub, tmp_path, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_live_answers_that_lack_something_are_completed(hub: Running, tmp_path: Path, kind: str) -> None:
    live_data_are_completed(hub, tmp_path, kind)


@pytest.mark.parametrize("engine", [one for one in ENGINES if one != "sqlite"])
def test_history_is_completed_on_the_servers(hub: Running, tmp_path: Path, engine: str) -> None:
    """All kinds of lacking answers in one run; each by itself is in the long test."""
    with database(engine, tmp_path) as url:
        history_is_completed(hub, tmp_path, *KINDS, url=url)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_completed_on_every_engine(hub: Running, tmp_path: Path, kind: str, engine: str) -> None:
    for work in (history_is_completed, live_data_are_completed):
        (tmp_path / work.__name__).mkdir()
        with database(engine, tmp_path / work.__name__) as url:
            work(hub, tmp_path / work.__name__, kind, url=url)
        hub.simulator.hub.faults.clear()
