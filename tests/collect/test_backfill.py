"""Backfill: history is filled once, by any number of workers, whatever ends them, and never beyond its share of the quota."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL, Collector, StationChoice
from kmaflow.collect.backfill.backfill import Backfill, Backfilled
from kmaflow.collect.backfill.chunks import MOST_CHUNKS, cut
from kmaflow.collect.backfill.workers import WorkerDied
from kmaflow.failpoints import POINTS
from kmaflow.simulator import DEFAULT_KEY, KeyGrant
from kmaflow.simulator.server import Running

from .hub import collecting, differences, post, requests_seen, settings_for, simulated

BEGIN = datetime(2025, 1, 15, 12, 0)
PAST = Window(BEGIN, BEGIN + HOUR)
#: Two datasets with few stations: two chunks of six calls.
NAMES = ("aws_cloud", "aws_visibility")


@pytest.fixture(scope="module")
def old_hub() -> Iterator[Running]:
    with simulated() as hub:
        yield hub


@pytest.fixture
def hub(old_hub: Running) -> Iterator[Running]:
    """A hub for one test, at 13:05 of the day of these tests; who moves its clock or grants finds them restored."""
    grants = old_hub.simulator.hub.keys._grants
    kept = dict(grants)
    old_hub.simulator.hub.keys._log.clear()
    post(old_hub, "clock", {"now": "2025-01-15T13:05:00"})
    yield old_hub
    old_hub.simulator.hub.faults.clear()
    grants.clear()
    grants.update(kept)


class Clock:
    """One clock for collector and hub; sleeping brings the last minutes of the next day, when live data needs little."""

    def __init__(self, hub: Running, now: datetime) -> None:
        self.hub = hub
        self.slept = 0
        self.set(now)

    def set(self, now: datetime) -> None:
        self.now = now
        post(self.hub, "clock", {"now": f"{now:%Y-%m-%dT%H:%M:%S}"})

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, _: float) -> None:
        self.slept += 1
        self.set(self.now + DAY)


@contextmanager
def evening(hub: Running, home: Path, **changes: object) -> Iterator[tuple[Collector, Clock]]:
    clock = Clock(hub, datetime(2025, 1, 15, 23, 50))
    with Collector.open(settings_for(hub, home, **changes), clock=clock) as collector:
        collector.client._sleep = lambda _: None
        yield collector, clock


def asked(hub: Running) -> int:
    return len(requests_seen(hub))


def assert_all_there(collector: Collector, hub: Running, names: tuple[str, ...] = NAMES) -> None:
    for name in names:
        assert differences(collector, hub, name, BEGIN + MINUTE, BEGIN + HOUR) == []


def fill(collector: Collector, *, workers: int = 1, names: tuple[str, ...] = NAMES) -> list[Backfilled]:
    return Backfill(collector, names, PAST, ALL, workers=workers).run()


# ------------------------------------------------------------------------------------------------------------ chunks


@pytest.mark.parametrize("hours", [1, 24, 24 * 365, 24 * 365 * 12 + 5])
@pytest.mark.parametrize("name", ["aws_minute", "asos_hourly"])
@pytest.mark.parametrize("choice", [ALL, StationChoice((108,)), StationChoice(tuple(range(90, 130)))])
def test_chunks_tile_the_window_and_are_never_too_many(name: str, choice: StationChoice, hours: int) -> None:
    window = Window(BEGIN - hours * HOUR, BEGIN)
    parts = [chunk.window for chunk in cut(name, window, choice)]
    assert (parts[0].start, parts[-1].end) == (window.start, window.end)
    assert all(one.end == two.start for one, two in pairwise(parts))
    assert len(parts) <= MOST_CHUNKS
    if name == "aws_minute":
        assert {f"{part.end:%H:%M}" for part in parts[:-1]} <= {"00:00"}


def test_a_chunk_is_a_day_of_minutes_and_a_call_of_hours() -> None:
    year = Window(datetime(2025, 1, 1), datetime(2026, 1, 1))
    assert [len(cut(name, year, ALL)) for name in ("aws_minute", "asos_hourly")] == [365, 13]
    assert len(cut("aws_minute", year, StationChoice((108,)))) == 12, "a day of one station is a single call"


# ------------------------------------------------------------------------------------------------------------ filling


def test_what_is_missing_is_asked_once_in_the_fewest_calls(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path, now=BEGIN + 65 * MINUTE) as collector:
        collector.store.init()
        collector.collect("aws_cloud", Window(BEGIN, BEGIN + 20 * MINUTE))
        seen = []
        job = Backfill(collector, NAMES, PAST, ALL, workers=1, on_progress=lambda one: seen.append(one.done))
        found = job.run()
        assert [(one.planned, one.calls, one.done, one.left) for one in found] == [(4, 4, 4, 0), (6, 6, 6, 0)]
        assert seen[:4] == [1, 2, 3, 4], "told after every call"
        assert asked(hub) == 2 + 10
        assert collector.quota is not None
        assert collector.quota.spent().by_class["backfill"].calls == 10
        assert_all_there(collector, hub)
        assert [one.calls for one in fill(collector)] == [0, 0]


def test_before_start_is_filled_since_somebody_names_it(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path, now=BEGIN + 65 * MINUTE, start=BEGIN + DAY) as collector:
        assert [one.left for one in fill(collector, names=("aws_cloud",))] == [0]
        assert asked(hub) == 6


def test_processes_do_it_together_and_show_no_key(hub: Running, tmp_path: Path) -> None:
    shown: set[bytes] = set()

    def look(_: Backfilled) -> None:
        for child in multiprocessing.active_children():
            for file in ("cmdline", "environ"):
                shown.add(Path(f"/proc/{child.pid}/{file}").read_bytes())

    with Collector.open(settings_for(hub, tmp_path)) as collector:
        collector.store.init()
        found = Backfill(collector, NAMES, PAST, ALL, workers=2, on_progress=look).run()
        assert [(one.calls, one.left) for one in found] == [(6, 0), (6, 0)]
        assert asked(hub) == 12
        assert_all_there(collector, hub)
    assert len(shown) >= 2
    assert not any(DEFAULT_KEY.encode() in text for text in shown)
    assert multiprocessing.active_children() == []


def test_two_backfills_at_once_do_the_work_once(hub: Running, tmp_path: Path) -> None:
    found: list[list[Backfilled]] = []

    def one() -> None:
        with collecting(hub, tmp_path, now=BEGIN + 65 * MINUTE) as collector:
            found.append(fill(collector))

    with collecting(hub, tmp_path, now=BEGIN + 65 * MINUTE) as collector:
        collector.store.init(all_tables=True)
    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.left for results in found for result in results] == [0] * 4
    assert asked(hub) == 12


def test_a_refusal_for_a_person_ends_that_dataset_only(hub: Running, tmp_path: Path) -> None:
    hub.simulator.hub.keys._grants[DEFAULT_KEY] = KeyGrant(DEFAULT_KEY, operations=frozenset({"nph-aws2_min_vis"}))
    with collecting(hub, tmp_path, now=BEGIN + 65 * MINUTE) as collector:
        cloud, visibility = fill(collector)
        assert cloud.failed
        assert cloud.trouble is not None
        assert (cloud.trouble.code, cloud.calls) == ("not_applied", 1)
        assert (visibility.failed, visibility.left) == (False, 0)


# ------------------------------------------------------------------------------------------------------------ killed


def test_a_killed_worker_is_replaced(hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_FAILPOINT", "rows_inserted:4")
    with Collector.open(settings_for(hub, tmp_path)) as collector:
        assert [one.left for one in fill(collector, workers=2)] == [0, 0]
        assert_all_there(collector, hub)


def test_workers_that_always_die_are_an_error_with_a_next_step(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collector.open(settings_for(hub, tmp_path)) as collector:
        with monkeypatch.context() as patch:
            patch.setenv("KMAFLOW_FAILPOINT", "body_archived:1")
            with pytest.raises(WorkerDied, match="signal 9") as died:
                fill(collector, workers=2)
        assert "--workers 1" in str(died.value)
        assert multiprocessing.active_children() == []
        assert [one.left for one in fill(collector)] == [0, 0]
        assert_all_there(collector, hub)


def _command(hub: Running, home: Path, workers: int, **more: str) -> subprocess.Popen[bytes]:
    times = ["--from", f"{PAST.start:%Y%m%d%H%M}", "--to", f"{PAST.end:%Y%m%d%H%M}"]
    environment = {"KMAFLOW_HOME": str(home), "KMAFLOW_HUB_URL": hub.url, "KMAFLOW_API_KEY": DEFAULT_KEY, **more}
    return subprocess.Popen(
        [sys.executable, "-m", "kmaflow", "backfill", *NAMES, *times, "--workers", str(workers)],
        cwd=home,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("seed", range(3))
def test_killed_anywhere_the_same_command_goes_on(hub: Running, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    points = [point for point in POINTS if point not in {"rejected_kept", "pairs_written"}]
    point, passage = chance.choice(points), chance.randint(1, 10)
    assert _command(hub, tmp_path, 1, KMAFLOW_FAILPOINT=f"{point}:{passage}").wait() in (-signal.SIGKILL, 0)
    assert _command(hub, tmp_path, 1).wait() == 0
    with collecting(hub, tmp_path) as collector:
        assert_all_there(collector, hub)


def test_when_the_command_is_killed_its_workers_end_too(hub: Running, tmp_path: Path) -> None:
    command = _command(hub, tmp_path, 2)
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children")
    workers: list[str] = []
    while command.poll() is None and asked(hub) < 5:
        workers = children.read_text().split()
        time.sleep(0.01)
    command.kill()
    command.wait()
    assert workers
    while any(_lives(pid) for pid in workers):
        time.sleep(0.05)
    assert _command(hub, tmp_path, 2).wait() == 0
    with collecting(hub, tmp_path) as collector:
        assert_all_there(collector, hub)


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# ------------------------------------------------------------------------------------------------------------- quota


def test_when_the_quota_is_spent_it_waits_and_goes_on_the_next_day(hub: Running, tmp_path: Path) -> None:
    # 98 % of 14 are 13, of which 10 are kept for the live data of the last ten minutes.
    with evening(hub, tmp_path, daily_calls=14) as (collector, clock):
        told: list[datetime] = []
        job = Backfill(collector, ["aws_cloud"], PAST, ALL, workers=1, on_wait=told.append, sleep=clock.sleep)
        (found,) = job.run()
        assert (found.calls, found.left, job.deferred_until) == (6, 0, None)
        assert told == [datetime(2025, 1, 16)]
        assert clock.slept == 1
        assert asked(hub) == 6
        assert_all_there(collector, hub, ("aws_cloud",))


def test_who_does_not_wait_is_told_when_to_come_again(hub: Running, tmp_path: Path) -> None:
    with evening(hub, tmp_path, daily_calls=14) as (collector, clock):
        job = Backfill(collector, ["aws_cloud"], PAST, ALL, workers=1, patient=False)
        (found,) = job.run()
        assert (found.calls, job.deferred_until) == (3, datetime(2025, 1, 16))
        assert found.left > 0
        assert not found.failed
        clock.set(clock.now + timedelta(days=1))
        (again,) = fill(collector, names=("aws_cloud",))
        assert (again.calls, again.left) == (3, 0)


def test_ctrl_c_while_waiting_ends_it_in_order(hub: Running, tmp_path: Path) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with evening(hub, tmp_path, daily_calls=14) as (collector, _):
        job = Backfill(collector, ["aws_cloud"], PAST, ALL, workers=1, sleep=interrupted)
        (found,) = job.run()
        assert (found.calls, job.deferred_until) == (3, datetime(2025, 1, 16))


def test_backfill_spends_no_more_than_its_share(hub: Running, tmp_path: Path) -> None:
    # 98 % of 3,100 are 3,038, and a thousandth of that are 3.
    with evening(hub, tmp_path, daily_calls=3_100, backfill_share=0.001) as (collector, _):
        job = Backfill(collector, NAMES, PAST, ALL, workers=1, patient=False)
        found = job.run()
        assert sum(one.calls for one in found) == 3
        assert job.deferred_until == datetime(2025, 1, 16)
        # Live data has the rest.
        assert collector.collect("aws_cloud", Window(BEGIN, BEGIN + 10 * MINUTE)).complete
