"""A simulated hub with a clock that stands still, and a collector that lives at that moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from kmaflow.catalog.time import Window
from kmaflow.collect import Collector
from kmaflow.settings import Settings
from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings, running
from kmaflow.simulator.server import Running

#: Long past for every real clock, so that the command line, whose clock is real, may ask for it too.
NOW = datetime(2025, 1, 15, 13, 0)

Collectors = Callable[..., Collector]


@contextmanager
def simulated(now: datetime = NOW, **changes: Any) -> Iterator[Running]:
    with running(replace(SimulatorSettings(now=now, day_cache=2), **changes)) as hub:
        yield hub


def plan(
    hub: Running,
    fault: str,
    *,
    endpoint: str = "*",
    count: int = 1,
    argument: float | None = None,
    match: Mapping[str, str] | None = None,
) -> None:
    """The next requests that fit meet this fault."""
    order = {"fault": fault, "endpoint": endpoint, "count": count, "argument": argument, "match": match or {}}
    post(hub, "faults", {"plan": [order]})


def post(hub: Running, page: str, body: Mapping[str, object]) -> None:
    httpx.post(f"{hub.base_url}/_sim/{page}", content=json.dumps(body), timeout=60).raise_for_status()


def requests_seen(hub: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{hub.base_url}/_sim/usage", timeout=60).json()["log"]
    return found


def truth(hub: Running, dataset: str, first: datetime, last: datetime, stn: str = "0") -> list[dict[str, Any]]:
    """Expected cells of the stamps first … last, both included."""
    asked = {"dataset": dataset, "tm1": f"{first:%Y%m%d%H%M}", "tm2": f"{last:%Y%m%d%H%M}", "stn": stn}
    cells: list[dict[str, Any]] = httpx.get(f"{hub.base_url}/_sim/truth", params=asked, timeout=120).json()["cells"]
    return cells


def settings_for(hub: Running | None, home: Path, **changes: Any) -> Settings:
    where = {} if hub is None else {"hub_url": hub.url, "api_key": SecretStr(DEFAULT_KEY)}
    return Settings(home=home, **{**where, **changes})


@contextmanager
def collecting(hub: Running, home: Path, now: datetime = NOW, **changes: Any) -> Iterator[Collector]:
    """A collector whose clock stands at ``now`` and that waits for nothing."""
    with Collector.open(settings_for(hub, home, **changes), clock=lambda: now) as collector:
        collector.client._sleep = lambda _: None
        yield collector


def window(start: str, end: str) -> Window:
    return Window(datetime.fromisoformat(f"2025-01-15T{start}"), datetime.fromisoformat(f"2025-01-15T{end}"))


def stored(collector: Collector, table: str) -> dict[tuple[str, int], dict[str, Any]]:
    """Rows by (tm_kst, stn), without ``request_id``."""
    with collector.store.engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings().all()
    return {
        (row["tm_kst"], row["stn"]): {k: v for k, v in row.items() if k not in {"tm_kst", "stn", "request_id"}}
        for row in found
    }


def ledger(collector: Collector, dataset: str = "aws_minute") -> list[str]:
    with collector.store.engine.connect() as connection:
        sql = "SELECT outcome FROM request WHERE dataset = ? ORDER BY id"
        return [row[0] for row in connection.exec_driver_sql(sql, (dataset,))]


def differences(collector: Collector, hub: Running, dataset: str, first: datetime, last: datetime) -> list[object]:
    """Cells in which the database and the simulator's truth disagree; an empty list is proof."""
    expected = {}
    codes = {}
    for cell in truth(hub, dataset, first, last):
        key = (f"{datetime.strptime(cell['tm'], '%Y%m%d%H%M')}", cell["stn"])
        if cell["state"] in ("present", "blank"):
            expected[key] = cell["values"]
            codes.update({(*key, k): tuple(pair) for k, pair in enumerate(cell.get("codes", [])[1:], start=2)})
    found = stored(collector, dataset)
    wrong: list[object] = [
        (key, expected.get(key), found.get(key))
        for key in expected.keys() | found.keys()
        if expected.get(key) != found.get(key)
    ]
    if dataset == "aws_present_weather":
        with collector.store.engine.connect() as connection:
            kept = {
                (tm, stn, k): (ww, nn)
                for tm, stn, k, ww, nn in connection.exec_driver_sql("SELECT * FROM aws_present_weather_code")
            }
        wrong += [] if kept == codes else [("codes", codes, kept)]
    assert expected
    return wrong
