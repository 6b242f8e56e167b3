"""What an answer leaves out is missing until it has come, or until it was asked for in another form and is not there either."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL, Collector
from kmaflow.collect.planning.calls import plan as calls_of
from kmaflow.collect.repair import Repair
from kmaflow.maintain.doctor import check_up
from kmaflow.maintain.why import story
from kmaflow.simulator.faults import Faults
from kmaflow.simulator.server import Running
from kmaflow.store.coverage.gaps import Gap, gaps
from kmaflow.store.coverage.states import hours, stamps
from kmaflow.store.engines.database import reading
from kmaflow.store.ledger import WINDOW_FORM
from kmaflow.store.selection import StationChoice

from .hub import collecting, differences, ledger, plan, post, requests_seen, simulated

NOW = datetime(2025, 1, 15, 20, 0)
BEGIN = datetime(2025, 1, 15, 12, 0)
TEN = Window(BEGIN, BEGIN + 10 * MINUTE)
AWS = "aws_minute"


@pytest.fixture
def hub() -> Iterator[Running]:
    with simulated(NOW) as running:
        yield running


def _gaps(
    collector: Collector, window: Window = TEN, name: str = AWS, stations: tuple[int, ...] | None = None
) -> list[Gap]:
    with reading(collector.store.engine) as connection:
        return gaps(connection, [name], window, now=NOW + DAY, stations=stations)


def _at_noon(hub: Running, now: datetime) -> None:
    post(hub, "clock", {"now": f"{now:%Y-%m-%dT%H:%M:%S}"})


@pytest.mark.parametrize("fault", ["last_stamps", "one_stamp", "no_rows", "few_stations"])
@pytest.mark.parametrize("name", ["aws_minute", "aws_present_weather"])
def test_what_one_answer_left_out_comes_with_the_next_calls(
    hub: Running, tmp_path: Path, fault: str, name: str
) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        collector.collect(name, Window(BEGIN - 10 * MINUTE, BEGIN), ALL)
        asked = len(requests_seen(hub))
        plan(hub, fault)
        result = collector.collect(name, TEN, ALL)
        assert len(requests_seen(hub)) - asked <= 3
        assert (result.complete, _gaps(collector, name=name)) == (True, [])
        assert differences(collector, hub, name, BEGIN - 9 * MINUTE, TEN.end) == []


@pytest.mark.parametrize(("count", "name"), [(40, AWS), (3, AWS), (3, "aws_cloud"), (3, "asos_hourly")])
def test_most_of_the_stored_stations_left_out_are_asked_for_again(
    hub: Running, tmp_path: Path, count: int, name: str
) -> None:
    step = DATASETS[name].cadence
    before, asked = Window(BEGIN - 5 * step, BEGIN), Window(BEGIN, BEGIN + 5 * step)
    with collecting(hub, tmp_path, NOW) as collector:
        collector.collect(name, before, ALL)
        with reading(collector.store.engine) as connection:
            there = sorted(set(stamps(connection, name, before).filter(state="present")["stn"]))
        chosen = tuple(there[:count])
        seen = len(requests_seen(hub))
        plan(hub, "few_stations")
        result = collector.collect(name, asked, StationChoice(chosen))
        assert (len(requests_seen(hub)) - seen, result.complete) == (2, True)
        with reading(collector.store.engine) as connection:
            states = stamps(connection, name, asked, stations=frozenset(chosen))["state"]
        assert set(states) <= {"present", "blank"}
        seen = len(requests_seen(hub))
        assert collector.collect(name, Window(before.start - 5 * step, before.start), StationChoice(chosen)).complete
        assert len(requests_seen(hub)) == seen + 1


@pytest.mark.parametrize("fault", ["last_stamps", "few_stations", "no_rows"])
def test_young_stamps_that_are_left_out_are_not_produced_yet(hub: Running, tmp_path: Path, fault: str) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        collector.collect(AWS, Window(BEGIN - 10 * MINUTE, BEGIN), ALL)
    _at_noon(hub, TEN.end + 4 * MINUTE)
    with collecting(hub, tmp_path, TEN.end + 4 * MINUTE) as collector:
        asked = len(requests_seen(hub))
        plan(hub, fault)
        result = collector.collect(AWS, TEN, ALL)
        assert len(requests_seen(hub)) == asked + 1
        assert not result.complete
        assert {gap.state for gap in _gaps(collector)} == {"not_yet_produced"}
        assert story(collector, DATASETS[AWS], 108, TEN.end)["state"] == "not_yet_produced"
    _at_noon(hub, TEN.end + 15 * MINUTE)
    with collecting(hub, tmp_path, TEN.end + 15 * MINUTE, start=BEGIN) as collector:
        assert Repair(collector, end=TEN.end).mend(AWS).left == 0
        assert differences(collector, hub, AWS, BEGIN - 9 * MINUTE, TEN.end) == []


def test_what_the_hub_leaves_out_again_and_again_stays_missing_and_is_named(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path, NOW, start=BEGIN) as collector:
        collector.collect(AWS, Window(BEGIN - 10 * MINUTE, BEGIN), ALL)
        plan(hub, "few_stations", argument=0.6)
        plan(hub, "few_stations", argument=0.7)
        result = collector.collect(AWS, TEN, ALL)
        assert not result.complete
        (gap,) = _gaps(collector)
        assert (gap.window, gap.state, gap.why) == (TEN, "refused", "incomplete_answer")
        told = story(collector, DATASETS[AWS], next(iter(_missing(collector))), TEN.end)
        assert told["state"] == "refused"
        assert "left out" in told["why_en"]
        assert Repair(collector, end=TEN.end, everything=True).mend(AWS).left == 0
        assert differences(collector, hub, AWS, BEGIN - 9 * MINUTE, TEN.end) == []


def _missing(collector: Collector) -> set[int]:
    with reading(collector.store.engine) as connection:
        frame = stamps(connection, AWS, Window(TEN.end - MINUTE, TEN.end))
    return set(frame.filter(state="refused")["stn"])


def test_a_stamp_that_the_hub_has_for_nobody_is_empty(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        plan(hub, "one_stamp")
        plan(hub, "no_rows", count=3)
        result = collector.collect(AWS, TEN, ALL)
        assert (result.calls, result.complete) == (4, True)
        assert _gaps(collector) == []
        with reading(collector.store.engine) as connection:
            frame = stamps(connection, AWS, TEN)
            (empty,) = frame.filter(state="empty")["tm_kst"].unique()
            (counts,) = hours(connection, AWS, Window(BEGIN, BEGIN + HOUR), now=NOW)
            assert set(counts["empty"]) == {1}
        told = story(collector, DATASETS[AWS], 108, empty)
        assert told["state"] == "empty"
        assert "asked alone" in told["why_en"]


@pytest.mark.parametrize("minutes", [1, 10])
@pytest.mark.parametrize("count", [2, 3])
def test_answers_without_any_row_do_not_make_a_stamp_empty_that_the_hub_has(
    hub: Running, tmp_path: Path, count: int, minutes: int
) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        collector.collect(AWS, Window(BEGIN - 10 * MINUTE, BEGIN), ALL)
        window = Window(BEGIN, BEGIN + minutes * MINUTE)
        plan(hub, "no_rows", count=count)
        result = collector.collect(AWS, window, ALL)
        assert (result.complete, _gaps(collector, window)) == (True, [])
        assert differences(collector, hub, AWS, BEGIN - 9 * MINUTE, window.end) == []


@pytest.mark.parametrize(("minutes", "calls"), [(1, 4), (10, 5)])
def test_a_window_of_which_the_hub_has_nothing_costs_few_calls_and_ends(
    hub: Running, tmp_path: Path, minutes: int, calls: int
) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        collector.collect(AWS, Window(BEGIN - 10 * MINUTE, BEGIN), ALL)
        window = Window(BEGIN, BEGIN + minutes * MINUTE)
        plan(hub, "no_rows", count=100)
        result = collector.collect(AWS, window, ALL)
        assert (result.calls, result.complete, _gaps(collector, window)) == (calls, True, [])


def test_a_hub_without_any_row_is_not_believed(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        plan(hub, "no_rows", count=100)
        result = collector.collect(AWS, TEN, ALL)
        assert (result.calls, result.complete) == (2, False)
        assert [(gap.state, gap.why) for gap in _gaps(collector)] == [("refused", "empty_answer")]


def test_a_hub_that_ignores_tm1_is_asked_stamp_by_stamp_and_said_to(tmp_path: Path) -> None:
    name = "aws_present_weather"
    with (
        simulated(NOW, faults=Faults(ignore_tm1=frozenset({"nph-aws2_min_ww1"}))) as hub,
        collecting(hub, tmp_path, NOW) as collector,
    ):
        window = Window(BEGIN, BEGIN + 20 * MINUTE)
        result = collector.collect(name, window, ALL)
        assert (result.complete, _gaps(collector, window, name)) == (True, [])
        assert differences(collector, hub, name, BEGIN + MINUTE, window.end) == []
        assert ledger(collector, name).count(WINDOW_FORM) == 1
        (why,) = collector.store.asked_one_by_one(10).values()
        assert "another KMAFLOW_WINDOW_MINUTES" in why
        before = len(requests_seen(hub))
        following = Window(window.end, window.end + 10 * MINUTE)
        assert collector.collect(name, following, ALL).planned == 10
        assert len(requests_seen(hub)) == before + 10
        assert collector.quota is not None
        kept = collector.quota._live_need(datetime(2025, 1, 15)).calls
        assert kept == 144 * (4 + 10) + 24 + 2, "live data's share counts a call for each stamp"
        told = {finding.what: finding.seen for finding in check_up(collector.settings)}
        assert told[f"window form · {name}"] == why
        hub.simulator.hub.faults.clear()
        collector.settings.window_minutes = 5
        assert collector.collect(name, following, ALL).planned == 2, "another setting tries windows again"


def test_an_undisturbed_hour_costs_exactly_its_calls(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        for name in DATASETS:
            window = Window(BEGIN, BEGIN + HOUR)
            result = collector.collect(name, window, ALL)
            assert result.calls == len(calls_of(DATASETS[name], window, ALL, 10)), name


@pytest.mark.parametrize("count", [1, 1000])
def test_an_empty_answer_for_one_station_does_not_prove_that_it_is_absent(
    hub: Running, tmp_path: Path, count: int
) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        plan(hub, "empty_station", count=count)
        window = Window(BEGIN, BEGIN + 4 * HOUR)
        result = collector.collect(AWS, window, StationChoice((108,)))
        found = _gaps(collector, window, stations=(108,))
        if count == 1:
            assert (found, result.complete, result.calls) == ([], True, 3)
        else:
            assert not result.complete
            assert sum(gap.cells for gap in found) == 4 * 60


def test_a_station_that_does_not_report_costs_one_look_a_call(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path, NOW) as collector:
        window = Window(BEGIN, BEGIN + 4 * HOUR)
        result = collector.collect(AWS, window, StationChoice((12345,)))
        assert (result.calls, result.complete) == (2, True)
        assert _gaps(collector, window, stations=(12345,)) == []
        told = story(collector, DATASETS[AWS], 12345, BEGIN + HOUR)
        assert (told["state"], "12345" in told["why_en"]) == ("absent", True)
