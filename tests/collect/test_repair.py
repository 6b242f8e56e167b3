"""Repair: what is due is asked again, what was tried often enough is given up, what is done costs nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL, Collector, StationChoice
from kmaflow.collect.planning.calls import Call
from kmaflow.collect.repair import Repair, Repaired
from kmaflow.simulator import DEFAULT_KEY, KeyGrant
from kmaflow.simulator.server import Running
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.engines.database import reading

from .hub import collecting, differences, plan, post, requests_seen, simulated

BEGIN = datetime(2025, 1, 15, 12, 0)


class Clock:
    """One clock for collector and simulated hub."""

    def __init__(self, hub: Running, now: datetime) -> None:
        self.hub = hub
        self.set(now)

    def set(self, now: datetime) -> None:
        self.now = now
        post(self.hub, "clock", {"now": f"{now:%Y-%m-%dT%H:%M:%S}"})

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def moving() -> Iterator[Running]:
    with simulated() as hub:
        yield hub


@contextmanager
def at_work(hub: Running, home: Path, now: datetime, **changes: Any) -> Iterator[tuple[Collector, Clock]]:
    clock = Clock(hub, now)
    with collecting(hub, home, start=BEGIN, **changes) as collector:
        collector.client.clock = clock
        yield collector, clock


def mend(collector: Collector, name: str = "aws_minute", choice: StationChoice = ALL) -> Repaired:
    return Repair(collector, choice).mend(name)


def asked(hub: Running) -> int:
    return len(requests_seen(hub))


def test_after_an_outage_one_run_heals_all_hours(moving: Running, tmp_path: Path) -> None:
    with at_work(moving, tmp_path, BEGIN + 3 * HOUR + 22 * MINUTE) as (collector, _):
        healed = mend(collector)
        assert (healed.calls, healed.left, healed.planned) == (18, 0, 18)
        assert differences(collector, moving, "aws_minute", BEGIN + MINUTE, BEGIN + 3 * HOUR) == []
        # What is there is not asked again (blank rows have their own time).
        assert mend(collector).due == 0


def test_what_is_not_due_costs_nothing(moving: Running, tmp_path: Path) -> None:
    chosen = _always_there(moving)
    with at_work(moving, tmp_path, BEGIN + 22 * MINUTE, stations=str(chosen)) as (collector, clock):
        choice = StationChoice((chosen,))
        collector.collect("aws_minute", Window(BEGIN, BEGIN + 10 * MINUTE), choice)
        before = asked(moving)
        for later in (0, 11, 70):
            clock.set(BEGIN + timedelta(minutes=15 + later))
            assert Repair(collector, choice, end=BEGIN + 10 * MINUTE).look("aws_minute").anything is False
        assert asked(moving) == before


def test_a_refused_window_is_asked_on_the_ladder_and_then_given_up(moving: Running, tmp_path: Path) -> None:
    first = BEGIN + 15 * MINUTE
    with at_work(moving, tmp_path, first, revisit_days=0) as (collector, clock):
        plan(moving, "drop", count=10_000)
        collector.collect("aws_minute", Window(BEGIN, BEGIN + 10 * MINUTE))
        tries = []
        now = first
        while now < first + 5 * DAY:
            now += 10 * MINUTE if now < first + 2 * HOUR else HOUR
            clock.set(now)
            seen = asked(moving)
            repaired = Repair(collector, end=BEGIN + 10 * MINUTE).mend("aws_minute")
            if asked(moving) > seen:
                tries.append(now - first)
            if repaired.given_up:
                break
        assert [round(one / HOUR) for one in tries[1:]] == [1, 6, 24, 72]
        assert tries[0] == 10 * MINUTE
        assert repaired.given_up > 0
        (gap,) = _gaps(collector)
        assert (gap.state, gap.why) == ("refused", "given_up")
        assert "truncated" in (gap.error or "")
        # Nobody asks any more, until a person wants everything.
        clock.set(now + 10 * DAY)
        seen = asked(moving)
        assert mend_until(collector).calls == 0
        assert asked(moving) == seen
        moving.simulator.hub.faults.clear()
        assert mend_until(collector, everything=True).left == 0
        assert _gaps(collector) == []


def mend_until(collector: Collector, *, everything: bool = False) -> Repaired:
    return Repair(collector, end=BEGIN + 10 * MINUTE, everything=everything).mend("aws_minute")


def test_a_refusal_for_a_person_is_probed_once_an_hour_and_never_given_up(moving: Running, tmp_path: Path) -> None:
    with at_work(moving, tmp_path, BEGIN + 65 * MINUTE, revisit_days=0) as (collector, clock):
        grants = moving.simulator.hub.keys._grants
        grants[DEFAULT_KEY] = KeyGrant(DEFAULT_KEY, operations=frozenset())
        calls = []
        for hours in range(0, 24 * 6, 3):
            clock.set(BEGIN + timedelta(hours=hours, minutes=65))
            first = Repair(collector, end=BEGIN + HOUR).mend("aws_minute")
            again = Repair(collector, end=BEGIN + HOUR).mend("aws_minute")
            calls.append(first.calls)
            assert again.refused == ("not_applied" if first.calls else None)
            assert (again.calls, first.given_up) == (0, 0)
        assert set(calls) <= {0, 1}
        grants[DEFAULT_KEY] = KeyGrant(DEFAULT_KEY)
        clock.set(clock.now + DAY)
        healed = Repair(collector, end=BEGIN + HOUR).mend("aws_minute")
        assert healed.left == 0


def test_minutes_that_appear_late_are_fetched_when_they_do(moving: Running, tmp_path: Path) -> None:
    with at_work(moving, tmp_path, BEGIN + 10 * MINUTE) as (collector, clock):
        result = collector.collect("aws_minute", Window(BEGIN, BEGIN + 10 * MINUTE))
        assert not result.complete
        clock.set(BEGIN + 21 * MINUTE)
        assert mend_until(collector).left == 0
        assert differences(collector, moving, "aws_minute", BEGIN + MINUTE, BEGIN + 10 * MINUTE) == []


def test_a_silent_station_is_asked_after_ten_minutes_and_an_hour_and_is_final_then(
    moving: Running, tmp_path: Path
) -> None:
    with at_work(moving, tmp_path, BEGIN + 13 * MINUTE, revisit_days=0) as (collector, clock):
        collector.collect("aws_minute", Window(BEGIN, BEGIN + 10 * MINUTE))
        calls = []
        for minutes in (15, 24, 30, 74, 90, 600):
            clock.set(BEGIN + timedelta(minutes=minutes))
            repaired = mend_until(collector)
            assert repaired.left == 0
            calls.append(repaired.calls)
        assert calls == [0, 1, 0, 1, 0, 0]


def test_the_last_days_are_visited_once_a_day_for_corrections(moving: Running, tmp_path: Path) -> None:
    with at_work(moving, tmp_path, BEGIN + 13 * MINUTE) as (collector, clock):
        collector.collect("aws_minute", Window(BEGIN, BEGIN + 10 * MINUTE))
        clock.set(BEGIN + 2 * HOUR)
        mend_until(collector)
        calls = []
        for hours in (20, 25, 30, 49, 60, 73):
            clock.set(BEGIN + timedelta(hours=hours))
            calls.append(mend_until(collector).calls)
        assert calls == [0, 1, 0, 1, 0, 0]


def test_two_repairers_do_not_do_the_work_twice(moving: Running, tmp_path: Path) -> None:
    with (
        at_work(moving, tmp_path, BEGIN + 35 * MINUTE) as (collector, _),
        collector.work_lease("repair aws_minute", ALL) as lease,
    ):
        assert lease.take()
        assert mend(collector).busy
        assert asked(moving) == 0


def test_before_start_is_never_asked(moving: Running, tmp_path: Path) -> None:
    with at_work(moving, tmp_path, BEGIN + 15 * MINUTE) as (collector, _):
        assert Repair(collector, end=BEGIN).look("aws_minute").missing == ()
        assert _gaps(collector, Window(BEGIN - HOUR, BEGIN))[0].why == "before_start"


def test_what_the_hub_no_longer_has_is_not_asked_for(moving: Running, tmp_path: Path) -> None:
    old = BEGIN - 800 * DAY
    with at_work(moving, tmp_path, BEGIN) as (collector, _):
        repair = Repair(collector, begin=old, end=old + 20 * MINUTE)
        first = repair.mend("aws_minute")
        assert (first.calls, first.left, first.rows) == (0, 0, 0)


def _always_there(hub: Running) -> int:
    """A station that has values in every minute of the first ten and before."""
    from .hub import truth

    cells = truth(hub, "aws_minute", BEGIN - HOUR + MINUTE, BEGIN + 10 * MINUTE)
    silent = {cell["stn"] for cell in cells if cell["state"] != "present"}
    return min(int(cell["stn"]) for cell in cells if cell["stn"] not in silent)


def _gaps(collector: Collector, window: Window | None = None) -> list:  # type: ignore[type-arg]
    with reading(collector.store.engine) as connection:
        return gaps(
            connection,
            ["aws_minute"],
            window or Window(BEGIN, BEGIN + 10 * MINUTE),
            now=collector.client.clock(),
            start=BEGIN,
        )


def test_a_hub_that_answers_nothing_is_not_asked_in_thousands_of_parts(moving: Running, tmp_path: Path) -> None:
    with at_work(moving, tmp_path, BEGIN + 5 * HOUR) as (collector, _):
        plan(moving, "http504", count=10_000)
        pieces = list(collector.client.ask_in_parts(DATASETS["aws_minute"], Window(BEGIN - DAY, BEGIN), 108))
        assert asked(moving) <= 12
        assert {type(piece).__name__ for piece in pieces} == {"Failure"}
        windows = [piece.window for piece in pieces if piece.window is not None]
        assert (windows[0].start, windows[-1].end) == (BEGIN - DAY, BEGIN)
        assert all(one.end == two.start for one, two in pairwise(windows))


def test_late_minutes_of_one_station_are_asked_again(moving: Running, tmp_path: Path) -> None:
    one = StationChoice((_always_there(moving),))
    with at_work(moving, tmp_path, BEGIN + 10 * MINUTE) as (collector, clock):
        calls = [Call(Window(BEGIN, BEGIN + 10 * MINUTE), one.stations[0] if one.stations else None)]
        collector.ask("aws_minute", calls[0].window, calls, one, work="repair")
        clock.set(BEGIN + 21 * MINUTE)
        assert Repair(collector, one, end=BEGIN + 10 * MINUTE).mend("aws_minute").calls == 1
        with collector.store.engine.connect() as connection:
            there = connection.exec_driver_sql("SELECT COUNT(*) FROM aws_minute WHERE ta IS NOT NULL").scalar()
        assert there == 10


def test_history_that_waits_for_its_quota_does_not_hold_up_young_cells(moving: Running, tmp_path: Path) -> None:
    now = BEGIN + 11 * HOUR
    with at_work(moving, tmp_path, now, daily_calls=100) as (collector, _):
        repaired = Repair(collector, begin=now - 9 * DAY, end=now - 7 * DAY + 2 * HOUR).mend("aws_cloud")
        assert repaired.old_deferred_until == datetime(2025, 1, 16)
        assert repaired.deferred_until is None
        assert repaired.error is None
        assert repaired.calls >= 12


def test_a_busy_week_leaves_history_its_own_calls(moving: Running, tmp_path: Path) -> None:
    now = BEGIN + 11 * HOUR
    edge = now - 7 * DAY
    with at_work(moving, tmp_path, now) as (collector, _):
        repaired = Repair(collector, begin=edge - HOUR, end=edge + HOUR, most_old_calls=4).mend("aws_cloud")
        assert (repaired.calls, repaired.more) == (6 + 4, True), "six young calls, and four of the six old ones"
        few = Repair(collector, begin=edge - HOUR, end=edge + HOUR, most_calls=1, most_old_calls=4)
        assert few.mend("aws_cloud").calls == 1


def test_a_line_that_is_down_for_days_gives_nothing_up(moving: Running, tmp_path: Path) -> None:
    with at_work(moving, tmp_path, BEGIN + 15 * MINUTE) as (collector, clock):
        there = collector.client.hub_url
        collector.client.hub_url = "http://127.0.0.1:9/api/typ01"
        for hours in (0, 1, 6, 24, 72, 100, 200):
            clock.set(BEGIN + timedelta(hours=hours, minutes=15))
            assert mend_until(collector).given_up == 0
        assert collector.quota is not None
        assert collector.quota.spent().total.calls == 0, "the hub has counted none of these"
        collector.client.hub_url = there
        assert mend_until(collector).left == 0


def test_who_stores_more_stations_than_before_gets_them_by_asking(moving: Running, tmp_path: Path) -> None:
    few, more = StationChoice((90,)), StationChoice((90, 108))
    with at_work(moving, tmp_path, BEGIN + 15 * MINUTE) as (collector, _):
        collector.collect("aws_minute", Window(BEGIN, BEGIN + 10 * MINUTE), few)
        end = BEGIN + 10 * MINUTE
        assert Repair(collector, more, end=end).mend("aws_minute").due == 0, "the archive has them: kmaflow rebuild"
        assert Repair(collector, more, end=end, everything=True).mend("aws_minute").left == 0
        with collector.store.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT COUNT(*) FROM aws_minute WHERE stn = 108").scalar() == 10
