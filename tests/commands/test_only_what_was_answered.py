"""Believe only what was answered: a hub that ignores ``tm1``, and a file of two rows, as a person meets them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog.time import MINUTE
from kmaflow.simulator.faults import parse_faults
from kmaflow.simulator.server import Running

from ..collect.hub import truth
from ..store.bodies import minute_body
from .conftest import Done, Kmaflow

HALF = ("--from", "2025-01-15 11:00", "--to", "2025-01-15 11:30")
FIRST, LAST = datetime(2025, 1, 15, 11, 1), datetime(2025, 1, 15, 11, 30)


def _json(done: Done) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.out)
    return told


def _rows(kmaflow: Kmaflow, dataset: str) -> set[tuple[str, int]]:
    rows = json.loads(kmaflow("read", dataset, *HALF, "--json").out)
    found = rows["rows"] if isinstance(rows, dict) else rows
    return {(row["tm_kst"][:16].replace("T", " "), row["stn"]) for row in found}


@pytest.mark.parametrize("dataset", ["aws_minute", "aws_cloud", "aws_present_weather"])
def test_a_hub_that_answers_only_the_last_of_ten_minutes_loses_none(
    hub: Running, kmaflow: Kmaflow, dataset: str
) -> None:
    hub.simulator.hub.faults.faults = parse_faults(
        "ignore_tm1=nph-aws2_min,ignore_tm1=nph-aws2_min_cloud,ignore_tm1=nph-aws2_min_ww1"
    )
    cells = truth(hub, dataset, FIRST, LAST)
    there = {
        (f"{datetime.strptime(cell['tm'], '%Y%m%d%H%M'):%Y-%m-%d %H:%M}", cell["stn"])
        for cell in cells
        if cell["state"] in ("present", "blank")
    }
    done = kmaflow("collect", dataset, *HALF)
    stored = _rows(kmaflow, dataset)
    assert stored <= there
    gaps = kmaflow("gaps", dataset, *HALF, "--json")
    if stored != there:
        assert (done.code, gaps.code) == (3, 3), "what is not there is named"
        assert {stamp for stamp, _ in there - stored} <= _named(_json(gaps))
        assert _json(kmaflow("plan", dataset, *HALF, "--json"))["datasets"][0]["calls"] > 0
    assert kmaflow("repair", dataset, *HALF, "--all").code == 0
    assert _rows(kmaflow, dataset) == there
    assert kmaflow("gaps", dataset, *HALF).code == 0
    stamp, stn = min(there)
    why = _json(kmaflow("why", dataset, str(stn), stamp, "--json"))
    assert why["state"] in ("present", "blank")


def _named(told: dict[str, Any]) -> set[str]:
    found = set()
    for gap in told["gaps"]:
        stamp, end = (datetime.fromisoformat(gap[name]) for name in ("from", "to"))
        while stamp < end:
            stamp += MINUTE
            found.add(f"{stamp:%Y-%m-%d %H:%M}")
    return found


def test_two_rows_of_a_file_say_nothing_of_the_years_between_them(kmaflow: Kmaflow, tmp_path: Path) -> None:
    file = tmp_path / "two_rows.txt"
    rows = {(datetime(year, 1, 15, 12, 0), 108): {"ta": 1.0} for year in (2021, 2025)}
    file.write_bytes(minute_body(rows, witness=False))
    kmaflow("load", file, "--dataset", "aws_minute")
    between = ("--from", "2023-01-15 11:00", "--to", "2023-01-15 12:00")
    gaps = kmaflow("gaps", "aws_minute", *between, "--json")
    assert gaps.code == 3
    assert {gap["state"] for gap in _json(gaps)["gaps"]} == {"not_asked"}
    assert _json(gaps)["missing"] >= 60
    assert _json(kmaflow("why", "aws_minute", "108", "2023-01-15 11:30", "--json"))["state"] == "not_asked"
    # The hub has no minutes of that year any more.
    assert _json(kmaflow("plan", "aws_minute", *between, "--json"))["datasets"][0]["calls"] == 0
    beside = kmaflow("gaps", "aws_minute", "--from", "2025-01-15 11:50", "--to", "2025-01-15 12:10", "--json")
    assert beside.code == 3
    assert _json(kmaflow("why", "aws_minute", "90", "2025-01-15 12:00", "--json"))["state"] != "absent"
