"""Watching: live windows as they come, repair between them, history when there is time; one process, no Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL, Collector, DatasetResult, StationChoice
from kmaflow.collect.repair import Repaired
from kmaflow.collect.watch import Watch
from kmaflow.errors import KmaflowError
from kmaflow.maintain.why import story
from kmaflow.simulator import DEFAULT_KEY, KeyGrant
from kmaflow.simulator.faults import parse_faults
from kmaflow.simulator.server import Running
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.coverage.states import stamps
from kmaflow.store.engines.database import reading
from kmaflow.store.errors import StoreError

from .hub import collecting, differences, plan, requests_seen, simulated, truth
from .test_repair import Clock

BEGIN = datetime(2025, 1, 15, 12, 0)
News = DatasetResult | Repaired | KmaflowError


@pytest.fixture
def moving() -> Iterator[Running]:
    with simulated() as hub:
        yield hub


class Day:
    """A watch whose time is ours: it sleeps by moving the clock, until the day is over."""

    def __init__(
        self, collector: Collector, clock: Clock, names: list[str], end: datetime, choice: StationChoice = ALL
    ) -> None:
        self.clock = clock
        self.end = end
        self.news: list[News] = []
        self.watch = Watch(collector, names, choice, tell=self.news.append, stopping=self.over)
        collector.client.clock = clock

    def over(self) -> bool:
        return self.clock.now >= self.end

    def pause(self, seconds: float) -> None:
        later = self.clock.now + timedelta(seconds=max(seconds, 1.0))
        self.clock.set(max(later, min(self.watch.next_time(), self.end)))

    def run(self) -> list[News]:
        self.watch.run(self.pause)
        return self.news


def test_an_hour_is_kept_complete_as_it_goes_by(moving: Running, tmp_path: Path) -> None:
    clock = Clock(moving, BEGIN + 4 * MINUTE)
    with collecting(moving, tmp_path, start=BEGIN) as collector:
        Day(collector, clock, ["aws_cloud", "asos_hourly"], BEGIN + 84 * MINUTE).run()
        assert differences(collector, moving, "aws_cloud", BEGIN - 9 * MINUTE, BEGIN + 80 * MINUTE) == []
        assert differences(collector, moving, "asos_hourly", BEGIN - HOUR, BEGIN + HOUR) == []
    asked = [one for one in requests_seen(moving) if "stn_inf" in one["operation"]]
    assert len(asked) == 2


def test_what_an_outage_left_out_is_fetched_newest_first_and_live_data_before_it(
    moving: Running, tmp_path: Path
) -> None:
    clock = Clock(moving, BEGIN + 150 * MINUTE + 4 * MINUTE)
    with collecting(moving, tmp_path, start=BEGIN) as collector:
        news = Day(collector, clock, ["aws_cloud"], BEGIN + 150 * MINUTE + 16 * MINUTE).run()
        assert differences(collector, moving, "aws_cloud", BEGIN + MINUTE, BEGIN + 150 * MINUTE + 10 * MINUTE) == []
    first, *others = [one for one in news if not isinstance(one, KmaflowError)]
    assert isinstance(first, DatasetResult)
    assert first.window == Window(BEGIN + 140 * MINUTE, BEGIN + 150 * MINUTE)
    stints = [one for one in others if isinstance(one, Repaired)]
    assert max(one.planned for one in stints) <= 12
    ends = [entry["query"] for entry in requests_seen(moving) if "cloud" in entry["operation"]]
    assert ends[1:4] == sorted(ends[1:4], reverse=True)


def test_a_watch_that_starts_again_asks_nothing_twice(moving: Running, tmp_path: Path) -> None:
    clock = Clock(moving, BEGIN + 24 * MINUTE)
    with collecting(moving, tmp_path, start=BEGIN) as collector:
        Day(collector, clock, ["aws_cloud"], BEGIN + 25 * MINUTE).run()
        before = len(requests_seen(moving))
        Day(collector, clock, ["aws_cloud"], BEGIN + 26 * MINUTE).run()
        assert len(requests_seen(moving)) == before


def test_refusals_and_a_database_that_fails_do_not_end_it(
    moving: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(moving, BEGIN + 4 * MINUTE)
    failing = True

    def load(*_: object, **__: object) -> object:
        if failing:
            raise StoreError("the disk is full")
        return unbroken(*_, **__)  # type: ignore[arg-type]

    with collecting(moving, tmp_path, start=BEGIN) as collector:
        unbroken = collector.store.load
        plan(moving, "json200", endpoint="stn_inf.php")
        monkeypatch.setattr(collector.store, "load", load)
        day = Day(collector, clock, ["aws_cloud"], BEGIN + 12 * MINUTE)
        news = day.run()
        assert {type(one) for one in news if isinstance(one, KmaflowError)} >= {StoreError}
        failing = False
        day.end = BEGIN + 45 * MINUTE
        day.run()
        assert differences(collector, moving, "aws_cloud", BEGIN + MINUTE, BEGIN + 40 * MINUTE) == []


def test_a_spent_quota_is_waited_for_until_midnight(moving: Running, tmp_path: Path) -> None:
    midnight = datetime(2025, 1, 16)
    clock = Clock(moving, midnight - 26 * MINUTE)
    with collecting(moving, tmp_path, start=midnight - 2 * HOUR, daily_calls=10) as collector:
        news = Day(collector, clock, ["aws_cloud"], midnight - 5 * MINUTE).run()
        (deferred,) = {one.deferred_until for one in news if isinstance(one, Repaired) and one.deferred_until}
        assert deferred == midnight
        spent = [entry for entry in requests_seen(moving) if entry["status"] == 200]
        assert len(spent) <= 9
        assert not [entry for entry in requests_seen(moving) if entry["status"] == 403]
    with collecting(moving, tmp_path, start=midnight - 2 * HOUR) as collector:
        Day(collector, clock, ["aws_cloud"], midnight + 30 * MINUTE).run()
        assert differences(collector, moving, "aws_cloud", midnight - 2 * HOUR + MINUTE, midnight + 20 * MINUTE) == []


@pytest.mark.parametrize("hours", [6, pytest.param(24, marks=pytest.mark.long)])
def test_an_undisturbed_day_costs_no_call_beyond_the_plan(moving: Running, tmp_path: Path, hours: int) -> None:
    end = datetime(2025, 1, 16)
    begin = end - hours * HOUR
    clock = Clock(moving, end + HOUR)
    cells = truth(moving, "aws_cloud", begin + MINUTE, end)
    silent = {cell["stn"] for cell in cells if cell["state"] != "present"}
    steady = sorted({cell["stn"] for cell in cells} - silent)[:5]
    clock.set(begin + 14 * MINUTE)
    with collecting(moving, tmp_path, start=begin) as collector:
        Day(collector, clock, ["aws_cloud"], end + 3.5 * MINUTE, StationChoice(tuple(steady))).run()
    asked = [one for one in requests_seen(moving) if "cloud" in one["operation"]]
    # The calls of the plan for ten-minute windows, each made once.
    assert len(asked) == len({one["query"] for one in asked}) == hours * 6


def test_every_fault_ends_in_the_right_state_and_why_explains_it(tmp_path: Path) -> None:
    faults = parse_faults("truncate=0.05,late=0.05:8m,blank=0.03:15m")
    others = frozenset({"nph-aws2_min_vis", "stn_inf.php"})
    with simulated(BEGIN, faults=faults, keys=(KeyGrant(DEFAULT_KEY, operations=others),)) as hub:
        clock = Clock(hub, BEGIN + 4 * MINUTE)
        with collecting(hub, tmp_path, start=BEGIN) as collector:
            Day(collector, clock, ["aws_cloud", "aws_visibility"], BEGIN + 3 * HOUR).run()
            seen = Window(BEGIN, BEGIN + 90 * MINUTE)
            with reading(collector.store.engine) as connection:
                table = stamps(connection, "aws_visibility", seen)
                missing = {gap.why for gap in gaps(connection, ["aws_cloud"], seen, now=clock.now)}
            found = {(stamp, stn): state for stamp, stn, state, *_ in table.iter_rows()}
            told = truth(hub, "aws_visibility", seen.start + MINUTE, seen.end)
            expected = {(datetime.strptime(cell["tm"], "%Y%m%d%H%M"), cell["stn"]): cell["state"] for cell in told}
            assert {cell: state for cell, state in found.items() if state != "absent"} == {
                cell: state for cell, state in expected.items() if state in ("present", "blank")
            }
            assert set(found.values()) >= {"present", "absent"}
            assert missing <= {"not_applied", "planned"}
            why = story(collector, DATASETS["aws_cloud"], 108, BEGIN + MINUTE)
            assert why["state"] in ("refused", "not_asked")
            for state in ("present", "blank", "absent"):
                for stamp, stn in [cell for cell, one in found.items() if one == state][:1]:
                    assert story(collector, DATASETS["aws_visibility"], stn, stamp)["state"] == state


def test_the_key_is_said_to_nobody(moving: Running, tmp_path: Path) -> None:
    clock = Clock(moving, BEGIN + 4 * MINUTE)
    with collecting(moving, tmp_path, start=BEGIN, api_key=SecretStr("wrong-key-0123456789xyz")) as collector:
        news = Day(collector, clock, ["aws_cloud"], BEGIN + 12 * MINUTE).run()
        said = " ".join(str(one) for one in news)
        assert "bad_key" in said or "유효한 인증키" in said
        assert "wrong-key" not in said
    assert DEFAULT_KEY not in said
    assert DAY > HOUR
