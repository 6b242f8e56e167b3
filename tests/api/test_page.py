"""What the page is drawn from, beside the simulator's truth of an hour with a gap, late data, dead stations, a refused operation and corrections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import HOUR, MINUTE
from kmaflow.simulator import DEFAULT_KEY, KeyGrant, parse_faults
from kmaflow.store import Store
from kmaflow.store.backfills import begun_row
from kmaflow.store.selection import ALL
from kmaflow.store.state import State

from ..collect.hub import collecting, post, requests_seen, simulated, window
from ..databases import ENGINES, database
from ..read.filled import Filled
from .conftest import Api, serving

FIRST, SECOND = datetime(2025, 1, 15, 12, 33), datetime(2025, 1, 15, 13, 1)
START = datetime(2025, 1, 15, 12, 0)
DAY = "2025-01-15"
TWICE, NEVER, ONCE, LAST = (window(*times) for times in (("12:20", "12:30"), ("12:30", "12:40"), ("12:40", "12:50"), ("12:50", "13:00")))  # fmt: skip

Cell = tuple[datetime, int]
Values = dict[str, Any]


@dataclass(frozen=True)
class Eventful:
    """The API at 13:01, and what the hub published when it was asked: for each cell state and values, at 12:33 and at 13:01."""

    api: Api
    early: dict[Cell, tuple[str, Values]]
    late: dict[Cell, tuple[str, Values]]
    calls: int


def _published(hub: Any, part: Any, moment: datetime) -> dict[Cell, tuple[str, Values]]:
    """Cells as they were published at a moment."""
    asked = {
        "dataset": "aws_minute", "stn": "0", "all": "1", "tm1": f"{part.start + MINUTE:%Y%m%d%H%M}", "tm2": f"{part.end:%Y%m%d%H%M}",
        "as_of": f"{moment:%Y%m%d%H%M}",
    }  # fmt: skip
    cells = httpx.get(f"{hub.base_url}/_sim/truth", params=asked, timeout=120).json()["cells"]
    return {(datetime.strptime(one["tm"], "%Y%m%d%H%M"), one["stn"]): (one["state"], one["values"]) for one in cells}


@pytest.fixture(scope="module", params=ENGINES)
def eventful(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eventful]:
    folder = tmp_path_factory.mktemp("eventful")
    faults = parse_faults("late=0.05:5m,blank=0.05:10m,correction=0.1:20m")
    with simulated(FIRST, faults=faults) as hub, database(request.param, folder) as url:
        settings = {"database_url": url, "start": START}
        with collecting(hub, folder, FIRST, **settings) as collector:
            collector.sync_stations(timedelta(0))
            collector.collect("aws_minute", TWICE)
            collector.collect("aws_visibility", TWICE)
        early = _published(hub, TWICE, FIRST)
        hub.simulator.hub.keys._grants[DEFAULT_KEY] = KeyGrant(
            DEFAULT_KEY, operations=frozenset({"stn_inf.php", "nph-aws2_min"})
        )
        post(hub, "clock", {"now": f"{SECOND:%Y%m%d%H%M}"})
        with collecting(hub, folder, SECOND, **settings) as collector:
            for part in (TWICE, ONCE, LAST):
                collector.collect("aws_minute", part)
            assert collector.collect("aws_visibility", ONCE).failed
            archive = collector.settings.archive_url
        late: dict[Cell, tuple[str, Values]] = {}
        for part in (TWICE, ONCE, LAST):
            late |= _published(hub, part, SECOND)
        with Store(url) as store, State(url) as state:
            store.init(all_tables=True)
            made = Filled(store, url, archive, {}, {})
            with (
                state.lease("aws_minute 202501151300-202501151310 0123456789ab") as lease,
                serving(made, folder, now=SECOND, settings={"start": START}) as api,
            ):
                assert lease.take()
                yield Eventful(api, early, late, len(requests_seen(hub)))


def _reporting(eventful: Eventful) -> set[int]:
    """Stations that had a row, with values or without."""
    both = (*eventful.early.items(), *eventful.late.items())
    return {stn for (_, stn), (state, _) in both if state in ("present", "blank")}


def _expected(eventful: Eventful, stamp: datetime, stn: int) -> str:
    """The state of a cell: the truth's, of what was asked for; a row that was there stays, whatever comes later."""
    if stamp > SECOND - 3 * MINUTE and stamp > LAST.end:
        return "due_later"
    if stamp not in TWICE and stamp not in ONCE and stamp not in LAST:
        return "not_asked"
    state, early = eventful.late[stamp, stn][0], eventful.early.get((stamp, stn), ("absent", {}))[0]
    if state == "not_produced":
        return "not_yet_produced" if stamp <= SECOND - 3 * MINUTE else "due_later"
    return "present" if "present" in (state, early) else "blank" if "blank" in (state, early) else state


def _drawn(api: Api, dataset: str = "aws_minute") -> dict[Cell, str]:
    told = api.json("/v1/completeness/day", dataset=dataset, day=DAY)
    names = {one["id"]: one["state"] for one in told["states"]}
    stamps = [datetime.fromisoformat(text) for text in told["stamps"]]
    found: dict[Cell, str] = {}
    for station in told["stations"]:
        covered = 0
        for first, length, state in station["runs"]:
            assert first == covered, "stretches follow one another"
            covered += length
            found |= {(stamp, station["stn"]): names[state] for stamp in stamps[first:covered]}
        assert covered == len(stamps)
    return found


def test_every_cell_of_the_day_has_the_state_of_the_truth(eventful: Eventful) -> None:
    drawn = _drawn(eventful.api)
    stations = _reporting(eventful)
    assert {stn for _, stn in drawn} == stations
    stamps = [START + count * MINUTE for count in range(1, 61)]
    expected = {(stamp, stn): _expected(eventful, stamp, stn) for stamp in stamps for stn in stations}
    assert {cell: drawn[cell] for cell in expected} == expected
    assert {"present", "blank", "not_asked", "due_later"} <= set(expected.values())
    told = eventful.api.json("/v1/completeness/day", dataset="aws_minute", day=DAY)
    assert {one["state"] for one in told["states"] if one["missing"]} == {
        "not_yet_produced",
        "refused",
        "rejected",
        "not_asked",
    }
    refused = _drawn(eventful.api, "aws_visibility")
    assert {state for (stamp, _), state in refused.items() if stamp in ONCE} == {"refused"}


def test_an_hour_of_the_year_counts_the_cells_of_the_truth(eventful: Eventful) -> None:
    told = eventful.api.json("/v1/completeness/year", to=SECOND.isoformat(timespec="minutes"), days=2)
    assert set(told["datasets"]) == {"aws_minute", "aws_visibility"}
    first, count = datetime.fromisoformat(told["hours"]["first"]), told["hours"]["count"]
    assert (first, count) == (datetime(2025, 1, 13, 15), 48)
    at = (datetime(2025, 1, 15, 13) - first) // HOUR
    drawn = _drawn(eventful.api)
    # Ten minutes of grace: what has just become due is not looked at yet.
    due = {cell: state for cell, state in drawn.items() if START < cell[0] <= SECOND - 13 * MINUTE}
    present = sum(state == "present" for cell, state in drawn.items() if START < cell[0] <= datetime(2025, 1, 15, 13))
    assert told["expected"]["aws_minute"][at] == len(due)
    assert told["share"]["aws_minute"][at] == round(min(1, present / len(due)), 4)
    assert told["share"]["aws_minute"][:at] == [None] * at
    assert eventful.api.client.get("/v1/completeness/year", params={"days": 401}).status_code == 413


def test_the_overview_names_what_is_wrong_and_whose_fault_it_is(eventful: Eventful) -> None:
    told = eventful.api.json("/v1/overview")
    sets = {one["dataset"]: one for one in told["datasets"]}
    assert set(sets) == set(DATASETS)
    values = {cell: state for cell, state in _drawn(eventful.api).items() if state == "present"}
    last = max(stamp for stamp, _ in values)
    assert sets["aws_minute"]["last"] == last.isoformat()
    assert sets["aws_minute"]["lag_minutes"] == (SECOND - last) / MINUTE
    assert (sets["aws_minute"]["state"], sets["asos_hourly"]["state"]) == ("ok", "never")
    assert sets["aws_visibility"]["state"] == "late"
    assert sets["aws_minute"]["expected"] == len(_reporting(eventful))
    assert sets["aws_minute"]["reporting"] == len({stn for stamp, stn in values if stamp >= SECOND - 30 * MINUTE})
    assert told["quota"]["known"]
    assert sum(one["calls"] for one in told["quota"]["classes"]) == eventful.calls
    assert told["quota"]["forecast"]["calls"] > eventful.calls
    kinds = {(one["kind"], one["dataset"]): one for one in told["incidents"]}
    assert ("person", "aws_visibility") in kinds
    gap = kinds["not_asked", "aws_minute"]
    assert gap["since"] == START.isoformat()
    cells = sum(START < stamp <= TWICE.start or stamp in NEVER for stamp, _ in _drawn(eventful.api))
    assert gap["count"] == cells
    korean = eventful.api.client.get("/v1/overview", headers={"Accept-Language": "ko"}).json()["incidents"]
    assert all(any("가" <= letter <= "힣" for letter in one["cause"] + one["next_step"]) for one in korean)
    (running,) = told["running"]
    assert (running["kind"], running["dataset"], running["from"]) == ("live", "aws_minute", "2025-01-15T13:00:00")
    assert told["next"][0]["at"] == "2025-01-15T13:03:00"


def test_work_says_what_is_asked_for_again_and_when(eventful: Eventful) -> None:
    with Store(eventful.api.filled.url) as store:
        store.note(begun_row(["aws_minute"], window("12:00", "13:00"), ALL))
    told = eventful.api.json("/v1/work")
    gaps = {(one["dataset"], one["from"]): one for one in told["repairs"]}
    never = gaps["aws_minute", NEVER.start.isoformat()]
    assert (never["state"], never["waits_for"], never["next_try"]) == ("not_asked", "turn", None)
    refused = [one for one in told["repairs"] if one["dataset"] == "aws_visibility" and one["cause"] == "not_applied"]
    assert {one["waits_for"] for one in refused} == {"person"}
    assert {one["next_try"] for one in refused} == {"2025-01-16T13:01:00"}, "a person's refusals are tried once a day"
    asked_now = {(one["dataset"], one["from"]) for one in told["waiting"]}
    assert ("aws_minute", NEVER.start.isoformat()) in asked_now
    (filling,) = told["backfills"]
    assert (filling["datasets"], filling["from"], filling["running"]) == (["aws_minute"], "2025-01-15T12:00:00", False)
    assert filling["calls_left"] >= 2
    assert 0 < filling["done_share"] < 1
    assert len(told["running"]) == 1


def test_the_price_of_a_gap_is_that_of_the_plan(eventful: Eventful) -> None:
    edges = {"from_": f"{NEVER.start:%Y-%m-%d %H:%M}", "to": f"{NEVER.end:%Y-%m-%d %H:%M}"}
    told = eventful.api.json("/v1/price", datasets="aws_minute", **edges)
    assert (told["calls"], told["rows"], told["already_there"]) == (1, 10 * len(_reporting(eventful)), 0)
    assert told["bytes"] > 0
    assert 0 < told["days_of_quota"] < 1
    whole = eventful.api.json("/v1/price", datasets="aws_minute", from_="2023-01-01", to="2023-01-02")
    assert (whole["rows"], whole["calls"]) == (0, 0)
    assert whole["not_kept_by_hub"] > 0
    much = eventful.api.client.get("/v1/price", params={"datasets": "all", "from": "1990-01-01", "to": "2025-01-01"})
    assert much.status_code == 413
    assert "kmaflow plan" in much.json()["way_out"]


def test_corrections_are_those_between_two_publications(eventful: Eventful) -> None:
    expected = {
        (stamp, stn, name, old[name], new[name])
        for (stamp, stn), (state, new) in eventful.late.items()
        if stamp in TWICE and state == "present"
        for was, old in [eventful.early.get((stamp, stn), ("absent", {}))]
        if was == "present"
        for name in new
        if old[name] != new[name]
    }
    assert expected
    rows = eventful.api.json("/v1/revisions", dataset="aws_minute", limit=10_000)["rows"]
    found = {
        (datetime.fromisoformat(one["tm_kst"]), one["stn"], one["col"], one["old_value"], one["new_value"])
        for one in rows
    }
    assert found == expected
    assert {one["cause"] for one in rows} == {"hub"}
    stn = rows[0]["stn"]
    mine = eventful.api.json("/v1/revisions", dataset="aws_minute", station=stn, from_=DAY, to=DAY + " 12:25")["rows"]
    assert {(one["tm_kst"], one["col"]) for one in mine} == {
        (one["tm_kst"], one["col"]) for one in rows if one["stn"] == stn and one["tm_kst"] <= f"{DAY}T12:25:00"
    }
    assert eventful.api.json("/v1/revisions", limit=1)["more"] is True


def test_why_shows_the_line_and_names_no_run_where_there_was_none(eventful: Eventful) -> None:
    cell = next(cell for cell, (state, _) in eventful.late.items() if state == "present" and cell[0] in ONCE)
    told = eventful.api.json("/v1/why", dataset="aws_minute", stn=cell[1], time=f"{cell[0]:%Y-%m-%d %H:%M}")
    assert told["lines"][0].startswith(f"{cell[0]:%Y%m%d%H%M},{cell[1]},")
    assert told["brought_by"]["kind"] == "request"
    assert (told["brought_by"]["dag_id"], told["brought_by"]["run_id"]) == (None, None)


def test_status_tells_the_quota_too(eventful: Eventful) -> None:
    quota = eventful.api.json("/v1/status")["quota"]
    assert quota["day"] == DAY
    assert sum(one["calls"] for one in quota["classes"]) == eventful.calls


def _value(api: Api, stamp: datetime, stn: int, name: str) -> Any:
    cells = dict(api.filled.cells["aws_minute"].get(stn, []))
    return cells[stamp][name] if stamp in cells else None


def test_frames_hold_the_truth_of_each_time_and_station(api: Api) -> None:
    told = api.json("/v1/frames", dataset="aws_minute", element="ta", hours=1)
    times = [datetime.fromisoformat(text) for text in told["times"]]
    assert times[-1] == datetime(2025, 1, 15, 12, 50)
    assert {later - earlier for earlier, later in pairwise(times)} == {10 * MINUTE}
    assert (told["unit"], told["speed"], told["direction"]) == ("°C", None, None)
    for stamp, row in zip(times, told["values"], strict=True):
        assert row == [_value(api, stamp, one["stn"], "ta") for one in told["stations"]], stamp
    places = {one["stn"]: (one["lat"], one["lon"]) for one in told["stations"]}
    assert places[108] == api.filled.positions[108][:2]
    wind = api.json("/v1/frames", dataset="aws_minute", element="wind", hours=1, to="2025-01-15 12:40")
    assert wind["values"] is None
    at = datetime.fromisoformat(wind["times"][-1])
    for one, speed, degrees in zip(wind["stations"], wind["speed"][-1], wind["direction"][-1], strict=True):
        assert speed == _value(api, at, one["stn"], "ws10")
        assert degrees == (_value(api, at, one["stn"], "wd10") if speed else None)


def test_ten_minutes_of_rain_are_the_difference_of_the_days_sum(api: Api) -> None:
    told = api.json("/v1/frames", dataset="aws_minute", element="rain_10min", hours=1)
    gauges = ("rn_15m", "rn_60m", "rn_12h", "re")
    some = 0
    for text, row in zip(told["times"], told["values"], strict=True):
        stamp = datetime.fromisoformat(text)
        for one, value in zip(told["stations"], row, strict=True):
            totals = []
            for moment in (stamp, stamp - 10 * MINUTE):
                has = any(_value(api, moment, one["stn"], name) is not None for name in gauges)
                totals.append(_value(api, moment, one["stn"], "rn_day") if has else None)
            now, before = totals
            fell = None if now is None or before is None or now < before else round(now - before, 1)
            assert value == fell, (text, one["stn"])
            some += value is not None
    assert some


def test_a_station_is_told_with_its_neighbours_and_what_it_has(api: Api) -> None:
    told = api.json("/v1/station/서울")
    assert (told["stn"], told["lat"], told["lon"]) == (108, *api.filled.positions[108][:2])
    lat, lon, _ = api.filled.positions[108]
    near = [(round(km, 3), stn) for km, stn in api.filled.by_distance(lat, lon) if stn != 108][:5]
    assert [(one["distance_km"], one["stn"]) for one in told["neighbours"]] == near
    assert {one["network"] for one in told["history"]} == {"AWS", "SFC"}
    cells = dict(api.filled.cells["aws_minute"][108])
    elements = {(one["dataset"], one["element"]): one for one in told["elements"]}
    for name in ("ta", "rn_day"):
        stamps = [stamp for stamp, values in cells.items() if values[name] is not None]
        mine = elements["aws_minute", name]
        assert (mine["first"], mine["last"]) == (min(stamps).isoformat(), max(stamps).isoformat())
        assert mine["share"] == round(len(stamps) / (3 * 24 * 60), 4)
    assert {one["dataset"]: one["present"] for one in told["datasets"]}["aws_minute"] == len(cells)


@pytest.mark.parametrize(
    ("path", "query", "status", "told"),
    [
        ("/v1/frames", {"dataset": "aws_minute", "element": "rainfall"}, 422, "ta"),
        ("/v1/frames", {"dataset": "asos_hourly", "element": "ta"}, 422, "1h"),
        ("/v1/frames", {"dataset": "asos_hourly", "element": "rain_10min", "every": "1h"}, 422, "rn"),
        ("/v1/frames", {"dataset": "aws_minute", "element": "ta", "hours": 72, "every": "1min"}, 413, "10min"),
        ("/v1/completeness/year", {"days": 500}, 413, "days"),
        ("/v1/completeness/day", {"dataset": "aws_minute", "day": "Tuesday"}, 422, "YYYY"),
        ("/v1/station/4711", {}, 422, "nearest"),
        ("/v1/revisions", {"dataset": "aws_minutes"}, 422, "aws_minute"),
        ("/v1/price", {"datasets": "rain", "from": DAY, "to": "2025-01-16"}, 422, "aws_minute"),
    ],
)  # fmt: skip
def test_bad_questions_of_the_page(api: Api, path: str, query: dict[str, Any], status: int, told: str) -> None:
    answer = api.client.get(path, params=query)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["way_out"]
