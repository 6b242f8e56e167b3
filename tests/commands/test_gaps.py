"""``kmaflow gaps`` and ``kmaflow plan``: what is missing, why, and its price; nothing is asked of the hub."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog.time import MINUTE, now_kst
from kmaflow.collect.planning.estimate import settled
from kmaflow.simulator.server import Running

from ..collect.hub import plan as faults
from ..collect.hub import requests_seen
from ..store.bodies import Cell, minute_body, stamp
from .conftest import Done, Kmaflow

HOUR = ("--from", "2025-01-15 11:00", "--to", "2025-01-15 12:00")


def _json(done: Done) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.out)
    return told


@pytest.fixture
def collected(hub: Running, kmaflow: Kmaflow) -> Running:
    """Half an hour of minutes, of which ten were refused, and an hour of ASOS."""
    faults(hub, "http504", count=100, match={"tm2": "202501151130"})
    for minute in range(21, 31):
        faults(hub, "http504", count=100, match={"tm2": f"2025011511{minute}"})
    assert kmaflow("collect", "aws_minute", "--from", "2025-01-15 11:00", "--to", "2025-01-15 11:30").code == 3
    hub.simulator.hub.faults.clear()
    assert kmaflow("collect", "asos_hourly", *HOUR).code == 0
    return hub


def test_an_empty_database_has_nothing_to_tell(kmaflow: Kmaflow) -> None:
    kmaflow("init")
    for command in ("gaps", "plan"):
        done = kmaflow(command)
        assert (done.code, done.out) == (0, "")
        assert "--from" in done.err
    assert kmaflow("gaps", "aws_minut").code == 2
    done = kmaflow("gaps", "aws_minute", *HOUR, "--json")
    (gap,) = _json(done)["gaps"]
    assert done.code == 3
    assert (gap["state"], gap["why"], gap["stations"], gap["stations_known"], gap["cells"]) == (
        "not_asked",
        "planned",
        "all",
        False,
        60,
    )


def test_where_nothing_says_what_is_to_be_kept_what_files_and_requests_span_is_looked_at(
    hub: Running, kmaflow: Kmaflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells: dict[Cell, dict[str, float]] = {(stamp(minute), 108): {"ta": 1.0} for minute in (1, 2, 5)}
    (tmp_path / "hole.txt").write_bytes(minute_body(cells, witness=False))
    assert kmaflow("load", tmp_path / "hole.txt").code == 0
    assert kmaflow("gaps").code == 3
    done = kmaflow("gaps", "--stations", "108", "--json")
    assert done.code == 3
    assert _json(done)["windows"] == {"aws_minute": {"from": "2025-01-15 12:00", "to": "2025-01-15 12:05"}}
    assert [(gap["from"], gap["to"], gap["stations"]) for gap in _json(done)["gaps"]] == [
        ("2025-01-15 12:02", "2025-01-15 12:04", [108])
    ]
    assert _json(kmaflow("plan", "--stations", "108", "--json"))["datasets"][0]["missing_cells"] == 2
    assert kmaflow("gaps", "--stations", "108", "--to", "2025-01-15 12:02").code == 0
    # Then the hub is asked for an earlier hour: that is no beginning of what is to be kept complete either.
    assert kmaflow("collect", "asos_hourly", *HOUR).code == 0
    assert _json(kmaflow("gaps", "asos_hourly", "--json"))["windows"]["asos_hourly"]["to"] == HOUR[3]
    assert kmaflow("gaps").code == 3
    monkeypatch.setenv("KMAFLOW_START", "2025-01-15 12:04")
    done = kmaflow("gaps", "aws_minute", "--stations", "108", "--to", "2025-01-15 12:05")
    assert (done.code, "2025-01-15 12:00" in done.err) == (0, True)


def test_gaps_say_what_is_missing_and_why(collected: Running, kmaflow: Kmaflow) -> None:
    asked = len(requests_seen(collected))
    done = kmaflow("gaps", "aws_minute", *HOUR, "--json")
    told = _json(done)
    assert done.code == 3
    refused, planned = told["gaps"]
    assert (refused["from"], refused["to"], refused["state"], refused["why"]) == (
        "2025-01-15 11:20",
        "2025-01-15 11:30",
        "refused",
        "server",
    )
    assert "504" in refused["error"]
    assert (planned["from"], planned["to"], planned["why"]) == ("2025-01-15 11:30", "2025-01-15 12:00", "planned")
    assert planned["cells"] == 3 * refused["cells"]
    assert told["missing"] == 4 * refused["cells"]
    whole = kmaflow("gaps", "asos_hourly", *HOUR)
    assert whole.code == 0
    assert "nothing is missing" in whole.out
    table = kmaflow("gaps", *HOUR)
    assert table.code == 3
    assert "refused" in table.out
    one = _json(kmaflow("gaps", "aws_minute", *HOUR, "--stations", "108", "--json"))
    assert [(gap["stations"], gap["cells"]) for gap in one["gaps"]] == [([108], 10), ([108], 30)]
    assert len(requests_seen(collected)) == asked


def test_all_states_add_up_to_all_cells(collected: Running, kmaflow: Kmaflow) -> None:
    done = kmaflow("gaps", "aws_minute", *HOUR, "--all-states", "--json")
    told = _json(done)
    totals = told["totals"]["aws_minute"]
    assert totals["refused"] + totals["not_asked"] == told["missing"]
    assert totals["blank"] > 0
    stations = told["missing"] // 40
    assert sum(totals.values()) == 60 * stations
    assert {gap["state"] for gap in told["gaps"]} >= {"refused", "not_asked", "blank"}
    assert "blank" in kmaflow("gaps", "aws_minute", *HOUR, "--all-states").out


def test_a_plan_tells_calls_bytes_and_days(collected: Running, kmaflow: Kmaflow) -> None:
    asked = len(requests_seen(collected))
    done = kmaflow("plan", "aws_minute", *HOUR, "--json")
    told = _json(done)
    (one,) = told["datasets"]
    assert (done.code, one["calls"], one["calls_all_stations"], one["proven_minimum"]) == (0, 4, 4, True)
    beside = one["beside_in_last_7_days"]
    assert (beside["requests"] - beside["retries"], beside["halves"], beside["asked_again"]) == (2, 0, 0)
    assert told["whole_days"] == 1
    assert told["days"] == pytest.approx(one["bytes"] / (0.98 * 5e9), abs=1e-3)
    assert "beside live data" in kmaflow("plan", "aws_minute", *HOUR).out
    (single,) = _json(kmaflow("plan", "aws_minute", *HOUR, "--stations", "108,서울", "--json"))["datasets"]
    assert (single["calls"], single["calls_one_station"], single["missing_cells"]) == (1, 1, 40)
    day = _json(kmaflow("plan", "all", "--from", "2025-01-13", "--to", "2025-01-14", "--json"))
    assert {one["dataset"]: one["calls"] for one in day["datasets"]} == {
        "aws_minute": 144,
        "aws_cloud": 144,
        "aws_visibility": 144,
        "aws_ground_temperature": 144,
        "aws_present_weather": 144,
        "asos_hourly": 1,
    }
    table = kmaflow("plan", "aws_minute", *HOUR)
    assert "total" in table.out
    assert len(requests_seen(collected)) == asked


def test_what_lies_before_start_says_so(collected: Running, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_START", "2025-01-15 11:50")
    told = _json(kmaflow("gaps", "aws_minute", *HOUR, "--json"))
    assert [gap["why"] for gap in told["gaps"]] == ["server", "before_start", "planned"]
    assert _json(kmaflow("gaps", "aws_minute", "--to", "2025-01-15 12:00", "--json"))["windows"] == {
        "aws_minute": {"from": "2025-01-15 11:50", "to": "2025-01-15 12:00"}
    }


def test_what_should_be_there_by_now() -> None:
    noon = datetime(2025, 1, 15, 12, 0)
    assert settled("aws_minute", noon + 22 * MINUTE) == noon
    assert settled("aws_minute", noon + 23 * MINUTE) == noon + 10 * MINUTE
    assert settled("asos_hourly", noon + 29 * MINUTE) == noon - timedelta(hours=1)
    assert settled("asos_hourly", noon + 30 * MINUTE) == noon


@pytest.mark.parametrize("command", ["gaps", "plan", "backfill"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_the_hub_no_longer_has_is_said_and_not_asked(
    hub: Running, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch, command: str, language: str
) -> None:
    monkeypatch.setenv("KMAFLOW_LANG", language)
    assert kmaflow("stations", "sync").code == 0
    before = len(requests_seen(hub))
    done = kmaflow(command, "aws_minute", "--from", "2010-01-01", "--to", "2010-01-02", "--stations", "108")
    told = {"en": "the hub keeps about 18 months of minutes", "ko": "분자료를 약 18개월만 보관하므로"}[language]
    assert (done.code, done.out.count(told)) == (3, 1)
    assert "planned" not in done.out.replace("planned\t", "")
    assert "nothing is missing" not in done.out
    assert len(requests_seen(hub)) == before
    hourly = kmaflow("plan", "asos_hourly", "--from", "2010-01-01", "--to", "2010-01-02", "--json")
    assert (hourly.code, json.loads(hourly.out)["no_longer_on_hub"]) == (0, [])


@pytest.mark.usefixtures("hub")
def test_a_window_that_begins_before_is_cut_where_the_hub_begins(kmaflow: Kmaflow) -> None:
    now = now_kst()
    window = ("--from", f"{now - timedelta(days=800):%Y-%m-%d}", "--to", f"{now - timedelta(days=700):%Y-%m-%d}")
    assert kmaflow("stations", "sync").code == 0
    done = kmaflow("gaps", "aws_minute", *window, "--stations", "108", "--json")
    assert done.code == 3
    found = json.loads(done.out)["gaps"]
    assert [gap["why"] for gap in found] == ["gone", "planned"]
    assert found[0]["to"] == found[1]["from"]
    asked = json.loads(kmaflow("plan", "aws_minute", *window, "--stations", "108", "--json").out)["datasets"][0]
    assert asked["missing_cells"] == found[1]["cells"]
