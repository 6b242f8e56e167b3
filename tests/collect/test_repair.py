"""Repair: what is due is asked again, what was tried often enough is given up, what is done costs nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL, Collector, StationChoice
from kmaflow.collect.repair import Repair, Repaired
from kmaflow.simulator import DEFAULT_KEY, KeyGrant
from kmaflow.simulator.server import Running
from kmaflow.store.coverage import gaps
from kmaflow.store.engine import reading

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


def test_what_the_hub_no_longer_has_is_asked_once(moving: Running, tmp_path: Path) -> None:
    old = BEGIN - 800 * DAY
    with at_work(moving, tmp_path, BEGIN) as (collector, _):
        repair = Repair(collector, begin=old, end=old + 20 * MINUTE)
        first = repair.mend("aws_minute")
        assert (first.calls, first.left, first.rows) == (2, 0, 0)
        assert repair.mend("aws_minute").calls == 0


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
