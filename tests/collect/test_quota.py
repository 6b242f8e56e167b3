"""The quota of a key, held by everything that asks the hub: by the hub's own count it is never exceeded, and nothing is silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from kmaflow.catalog.time import MINUTE, Window
from kmaflow.collect import Collector, DatasetResult, StationChoice
from kmaflow.collect.live_need import live_works
from kmaflow.hub.errors import QuotaSpent
from kmaflow.quota.limits import DayQuotaSpent, LiveWork, need_until_midnight
from kmaflow.simulator import DEFAULT_KEY, KeyGrant
from kmaflow.simulator.server import Running
from kmaflow.store.schema.service import LEDGER

from .hub import NOW, plan, settings_for, simulated, window

MIDNIGHT = datetime(2025, 1, 16)
TWO_HOURS = window("10:50", "12:50")
FAST: dict[str, Any] = {"calls_per_second": 10_000.0}


class Clock:
    """A naive KST clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def collecting(
    hub: Running, home: Path, clock: Clock | None = None, work: Any = "live", **changes: Any
) -> Iterator[Collector]:
    settings = settings_for(hub, home, **{**FAST, **changes})
    with Collector.open(settings, clock=clock or Clock(), work=work) as collector:
        collector.client._sleep = lambda _: None
        yield collector


def counted(hub: Running, key: str = DEFAULT_KEY, day: str = "2025-01-15") -> tuple[int, int]:
    """Calls and bytes that the hub itself has counted."""
    found = httpx.get(f"{hub.base_url}/_sim/usage", timeout=60).json()["keys"]
    return next(((one["calls"], one["bytes"]) for one in found if (one["key"], one["day"]) == (key, day)), (0, 0))


def requests(hub: Running) -> int:
    return int(httpx.get(f"{hub.base_url}/_sim/usage", timeout=60).json()["requests"])


def ledger(collector: Collector, dataset: str) -> list[sa.Row[Any]]:
    with collector.store.engine.connect() as connection:
        return list(
            connection.execute(
                sa.select(LEDGER).where(LEDGER.c.dataset == dataset).order_by(LEDGER.c.tm_from, LEDGER.c.id)
            )
        )


def covered(rows: list[sa.Row[Any]], asked: Window) -> bool:
    """Whether the windows of these rows cover the window."""
    end = asked.start
    for row in rows:
        if row.tm_from > end:
            return False
        end = max(end, row.tm_to)
    return end >= asked.end


def test_no_call_beyond_the_ceiling_and_what_was_not_asked_is_in_the_ledger(tmp_path: Path, database_url: str) -> None:
    clock = Clock()
    with (
        simulated(keys=(KeyGrant(DEFAULT_KEY, daily_calls=10),)) as hub,
        collecting(hub, tmp_path, clock, database_url=database_url, daily_calls=10) as collector,
    ):
        result = collector.collect("aws_cloud", TWO_HOURS)
        assert counted(hub)[0] == requests(hub) == result.calls == 9, "98 % of 10"
        assert result.deferred_until == MIDNIGHT
        assert isinstance(result.error, DayQuotaSpent)
        assert (result.failed, result.complete) == (False, False)
        assert result.summary()["deferred_until"] == "2025-01-16 00:00"
        assert [": not asked: quota" in missing for missing in result.missing] == [True, True]
        rows = ledger(collector, "aws_cloud")
        assert [row.outcome for row in rows] == ["ok"] * 9 + ["quota"] * 2, (
            "one for each window refused, not for each try"
        )
        for row in rows[9:]:
            assert (row.http_status, row.key_id, row.bytes, row.selection) == (None, collector.client.key_id, 0, "all")
            assert row.message.startswith("not asked: quota")
        assert covered(rows, TWO_HOURS)

        again = collector.collect("aws_minute", TWO_HOURS)
        assert (again.calls, requests(hub)) == (0, 9)
        assert again.deferred_until == MIDNIGHT
        assert covered(ledger(collector, "aws_minute"), TWO_HOURS)
        assert collector.quota is not None
        usage = collector.quota.spent()
        assert (usage.total.calls, usage.total.bytes, usage.total.reserved) == (*counted(hub), 0)
        assert (usage.exhausted_by, usage.until) == ("ceiling", MIDNIGHT)

        clock.now = MIDNIGHT + timedelta(hours=1)
        hub.simulator.hub.clock.set(clock.now)
        assert collector.collect("aws_cloud", window("12:20", "12:50")).complete


def test_workers_that_share_a_key_share_its_quota(tmp_path: Path, database_url: str) -> None:
    results: list[DatasetResult] = []
    with simulated(keys=(KeyGrant(DEFAULT_KEY, daily_calls=20),)) as hub:
        together = threading.Barrier(3)

        def work(dataset: str) -> None:
            with collecting(hub, tmp_path, database_url=database_url, daily_calls=20) as collector:
                together.wait()
                results.append(collector.collect(dataset, TWO_HOURS))

        with collecting(hub, tmp_path, database_url=database_url) as collector:
            collector.store.init(all_tables=True)
        threads = [
            threading.Thread(target=work, args=(name,)) for name in ("aws_cloud", "aws_visibility", "aws_minute")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counted(hub)[0] == requests(hub) == 19
        assert sum(result.calls for result in results) == 19
        with collecting(hub, tmp_path, database_url=database_url) as collector:
            for result in results:
                assert covered(ledger(collector, result.dataset), TWO_HOURS)


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_a_worker_in_the_middle_of_its_work_holds_up_no_other(
    tmp_path: Path, database_url: str, at_a_time: int
) -> None:
    """``KMAFLOW_CONCURRENT_CALLS`` is each process's own: the second does all of its work between two calls of the first."""
    options: dict[str, Any] = {"database_url": database_url, "concurrent_calls": at_a_time, "work": "backfill"}
    meanwhile: list[DatasetResult] = []
    with (
        simulated() as hub,
        collecting(hub, tmp_path, **options) as first,
        collecting(hub, tmp_path, **options) as second,
    ):

        def between(result: DatasetResult) -> None:
            if result.done == 2:
                meanwhile.append(second.collect("aws_visibility", TWO_HOURS))

        done = first.collect("aws_cloud", TWO_HOURS, on_progress=between)
        assert [(one.calls, one.complete) for one in (done, *meanwhile)] == [(12, True), (12, True)]
        assert counted(hub)[0] == 24


def test_bytes_are_never_above_the_limit(tmp_path: Path) -> None:
    limit = 3_000_000
    with (
        simulated(keys=(KeyGrant(DEFAULT_KEY, daily_bytes=limit),)) as hub,
        collecting(hub, tmp_path, daily_bytes=limit) as collector,
    ):
        result = collector.collect("aws_minute", TWO_HOURS)
        calls, size = counted(hub)
        assert (result.calls, result.bytes) == (calls, size)
        assert 0 < size <= limit
        assert isinstance(result.error, DayQuotaSpent)
        assert result.error.kind == "bytes"


def test_retries_and_halves_are_charged_as_the_hub_counts_them(tmp_path: Path) -> None:
    with simulated() as hub, collecting(hub, tmp_path) as collector:
        plan(hub, "http504")
        plan(hub, "drop")
        assert collector.collect("aws_cloud", window("12:00", "12:30")).complete
        assert collector.quota is not None
        total = collector.quota.spent().total
        calls, size = counted(hub)
        assert total.calls == calls
        assert total.charged >= size
        assert total.reserved > 0, "nobody knows what the answer that broke off would have brought"


def test_when_the_hub_says_that_it_is_spent_nobody_asks_any_more(tmp_path: Path, database_url: str) -> None:
    with simulated(keys=(KeyGrant(DEFAULT_KEY, daily_calls=2),)) as hub:
        with collecting(hub, tmp_path, database_url=database_url) as collector:
            result = collector.collect("aws_cloud", window("12:00", "13:00"))
            assert [row.http_status for row in ledger(collector, "aws_cloud")] == [200, 200, 403, None]
            assert result.deferred_until == MIDNIGHT
            assert type(result.error) is QuotaSpent
        seen = requests(hub)
        with collecting(hub, tmp_path, database_url=database_url) as other:
            refused = other.collect("aws_minute", window("12:00", "12:10"))
            assert refused.deferred_until == MIDNIGHT
            assert [(row.outcome, row.http_status) for row in ledger(other, "aws_minute")] == [("quota", None)]
            with pytest.raises(DayQuotaSpent, match="the hub says"):
                other.sync_stations()
            assert requests(hub) == seen


def test_another_key_is_counted_apart(tmp_path: Path) -> None:
    second = "the-second-key-00000001"
    with simulated(keys=(KeyGrant(DEFAULT_KEY, daily_calls=1), KeyGrant(second))) as hub:
        with collecting(hub, tmp_path) as collector:
            assert not collector.collect("aws_cloud", window("12:00", "12:20")).complete
        with collecting(hub, tmp_path, api_key=SecretStr(second)) as changed:
            assert changed.collect("aws_cloud", window("12:00", "12:20")).complete
            assert changed.quota is not None
            usage = changed.quota.spent()
            assert (usage.total.calls, usage.exhausted) == (2, None)
        assert (counted(hub)[0], counted(hub, second)[0]) == (1, 2)


def test_windows_of_single_stations_stay_apart_in_the_ledger(tmp_path: Path) -> None:
    days = Window(datetime(2025, 1, 12), datetime(2025, 1, 15))
    with simulated() as hub, collecting(hub, tmp_path, daily_calls=2) as collector:
        result = collector.collect("aws_cloud", days, StationChoice((90, 108)))
        assert result.calls == 1
        rows = ledger(collector, "aws_cloud")
        # One of them is the look at what the one answer left out.
        assert [row.outcome for row in rows].count("quota") == 4
        for stn in (90, 108):
            assert covered([row for row in rows if row.stn == stn], days)


# --------------------------------------------------------------------------------------------- live before history


def test_backfill_leaves_what_live_data_needs_until_midnight(tmp_path: Path) -> None:
    # 11 hours: 66 runs of five datasets, 11 of one, two lists, and a fifth more.
    needed = -(-(66 * 5 + 11 + 2) * 120 // 100)
    limit = -(-(needed + 3) * 100 // 98)
    with simulated() as hub:
        with collecting(hub, tmp_path, work="backfill", daily_calls=limit) as history:
            result = history.collect("aws_cloud", TWO_HOURS)
            assert (result.calls, result.deferred_until) == (3, MIDNIGHT)
            assert isinstance(result.error, DayQuotaSpent)
            assert result.error.by == "live"
        with collecting(hub, tmp_path, work="live", daily_calls=limit) as live:
            assert live.collect("aws_cloud", TWO_HOURS).complete
            assert live.quota is not None
            assert {name: spent.calls for name, spent in live.quota.spent().by_class.items()} == {
                "live": 12, "repair": 0, "backfill": 3,
            }  # fmt: skip


def test_the_live_need_follows_the_catalogue_and_what_was_seen() -> None:
    works = live_works(10, {"aws_minute 10 all": 800_000, "asos_hourly 1 all": 20_000, "station_AWS 1 all": 90_000})
    assert [(work.every, work.calls) for work in works] == [
        *[(10 * MINUTE, 1)] * 5,
        (60 * MINUTE, 1),
        (timedelta(days=1), 2),
    ]
    assert LiveWork(10 * MINUTE, 1, 800_000) in works
    assert LiveWork(60 * MINUTE, 1, 20_000) in works
    assert LiveWork(10 * MINUTE, 1, 10 * 760 * 140) in works, "guessed where nothing was seen"
    assert works[-1].bytes == 90_000 + 110 * 140
    assert need_until_midnight(works, datetime(2025, 1, 15)).calls == 144 * 5 + 24 + 2


def test_shorter_windows_cost_more_calls() -> None:
    works = live_works(4, {})
    assert [work.calls for work in works] == [3, 3, 3, 3, 3, 1, 2]
    assert works[0].bytes == 10 * 760 * 140
