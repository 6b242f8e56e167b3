"""The truth and the printed bytes agree, cell by cell, read by a parser that shares nothing with either."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from kmaflow.simulator import SimulatorSettings, parse_faults
from kmaflow.simulator.control import control
from kmaflow.simulator.hub import Hub

from .asking_hub import NOW, Get, getter
from .tiny_parser import lines, parse, tokens

OPERATIONS = {
    "aws_minute": "nph-aws2_min",
    "aws_cloud": "nph-aws2_min_cloud",
    "aws_visibility": "nph-aws2_min_vis",
    "aws_ground_temperature": "nph-aws2_min_lst",
}


def truth(hub: Hub, dataset: str, tm1: str, tm2: str, **query: object) -> list[dict[str, Any]]:
    asked = {
        "dataset": dataset,
        "tm1": tm1,
        "tm2": tm2,
        **{name: str(value) for name, value in query.items()},
    }
    answer = control(hub, "truth", asked, b"")
    assert answer.status == 200, answer.body
    found = json.loads(answer.body)
    assert found["dataset"] == dataset
    cells: list[dict[str, Any]] = found["cells"]
    return cells


def printed(cells: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    return {(cell["tm"], cell["stn"]): cell["values"] for cell in cells if cell["state"] in ("present", "blank")}


@pytest.mark.parametrize("disp", [0, 1])
@pytest.mark.parametrize("dataset", OPERATIONS)
def test_minutes(shared_hub: Hub, get: Get, dataset: str, disp: int) -> None:
    body = get(OPERATIONS[dataset], tm1="202511182357", tm2="202511190003", disp=disp, help=1).body
    cells = truth(shared_hub, dataset, "202511182357", "202511190003")
    assert parse(dataset, body) == printed(cells)
    if dataset in ("aws_cloud", "aws_visibility"):
        assert any(cell["state"] == "absent" for cell in cells)


@pytest.mark.parametrize(("tm1", "tm2"), [("202601200000", "202601212300"), ("202607010100", "202607030000")])
def test_hours(shared_hub: Hub, get: Get, tm1: str, tm2: str) -> None:
    body = get("kma_sfctm3.php", tm1=tm1, tm2=tm2, stn="0", help=1).body
    assert parse("asos_hourly", body) == printed(truth(shared_hub, "asos_hourly", tm1, tm2))


def test_present_weather(shared_hub: Hub, get: Get) -> None:
    query = {"tm1": "202607020600", "tm2": "202607020609", "itv": 1, "range": 1}
    cells = truth(shared_hub, "aws_present_weather", "202607020600", "202607020609")
    expected = {(cell["tm"], cell["stn"]): cell for cell in cells if cell["state"] == "present"}
    seen = set()
    for line in lines(get("nph-aws2_min_ww1", **query).body):
        stamp, stn, _, _, kind, count, *rest = tokens(line)
        cell = expected[stamp, int(stn)]
        seen.add((stamp, int(stn)))
        pairs = [[int(rest[k]), int(rest[k + 1])] for k in range(0, len(rest), 2)]
        first = pairs[0] if pairs else [None, None]
        assert cell["codes"] == pairs
        assert cell["values"] == {"s": int(kind), "n": int(count), "ww1": first[0], "nn1": first[1]}
    assert seen == set(expected)
    assert {len(cell["codes"]) for cell in expected.values()} == {0, 1}


def test_present_weather_counts_add_up(get: Get) -> None:
    """Without itv and range the hub counts 60 minutes; the codes of the single minutes add up to that."""
    single: dict[str, dict[int, int]] = {}
    for part in range(6):
        window = {"tm1": f"2026070206{part}1", "tm2": f"2026070206{part + 1}0"}
        if part == 5:
            window["tm2"] = "202607020700"
        for row in map(tokens, lines(get("nph-aws2_min_vis", disp=1, **window).body)):
            counts = single.setdefault(row[1], {})
            if int(row[7]) >= 0:
                counts[int(row[7])] = counts.get(int(row[7]), 0) + 1
    rows = [tokens(line) for line in lines(get("nph-aws2_min_ww1", tm2="202607020700").body)]
    assert len(rows) > 200
    for row in rows:
        pairs = dict(zip(map(int, row[6::2]), map(int, row[7::2]), strict=True))
        assert pairs == single[row[1]]
        assert int(row[5]) == len(pairs)


@pytest.mark.parametrize("dataset", [*OPERATIONS, "asos_hourly", "aws_present_weather"])
def test_parquet_is_the_same(shared_hub: Hub, dataset: str) -> None:
    query = {"dataset": dataset, "tm1": "202601200800", "tm2": "202601200903", "stn": "108:92:693"}
    answer = control(shared_hub, "truth", {**query, "format": "parquet"}, b"")
    frame = pl.read_parquet(io.BytesIO(answer.body))
    cells = truth(shared_hub, **query)
    rows = [
        {"tm_kst": datetime.strptime(cell["tm"], "%Y%m%d%H%M"), "stn": cell["stn"], "state": cell["state"]}
        | cell["values"]
        for cell in cells
        if cell["state"] in ("present", "blank")
    ]
    assert frame.to_dicts() == rows
    assert frame.schema["tm_kst"] == pl.Datetime("ms")


def test_old_hours_have_no_rn_jun(shared_hub: Hub, get: Get) -> None:
    cells = truth(shared_hub, "asos_hourly", "202107050000", "202107050000")
    assert any(cell["values"]["rn_day"] is not None for cell in cells)
    assert all(cell["values"]["rn_jun"] is None for cell in cells)
    assert {len(tokens(line)) for line in lines(get("kma_sfctm2.php", tm="202107050000").body)} == {45}


def test_not_produced(shared_hub: Hub) -> None:
    window = ("aws_minute", "202611221257", "202611221300")
    cells = truth(shared_hub, *window, stn=108)
    assert [cell["tm"] for cell in cells] == ["202611221257", "202611221258"]
    cells = truth(shared_hub, *window, stn=108, all=1)
    assert [cell["state"] for cell in cells][2:] == ["not_produced"] * 2
    assert set(cells[3]["values"].values()) == {None}
    query = {
        "dataset": "aws_minute",
        "tm1": "202611221257",
        "tm2": "202611221300",
        "stn": "108",
        "format": "parquet",
    }
    for everything, states in (("0", {"present"}), ("1", {"present", "not_produced"})):
        answer = control(shared_hub, "truth", {**query, "all": everything}, b"")
        frame = pl.read_parquet(io.BytesIO(answer.body))
        assert set(frame["state"]) == states


def test_beyond_retention_is_absent(shared_hub: Hub) -> None:
    cells = truth(shared_hub, "aws_minute", "202410010000", "202410010001", stn=108)
    assert [cell["state"] for cell in cells] == ["absent", "absent"]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"dataset": "rain", "tm1": "202601010000", "tm2": "202601010000"}, "aws_minute"),
        ({"dataset": "aws_minute", "tm1": "2026-01-01", "tm2": "202601010000"}, "tm1"),
        ({"dataset": "aws_minute", "tm1": "202601010000"}, "tm2"),
        ({"dataset": "aws_minute", "tm1": "202601010000", "tm2": "202602010000"}, "cells"),
    ],
)
def test_questions_without_an_answer(shared_hub: Hub, query: dict[str, str], word: str) -> None:
    answer = control(shared_hub, "truth", query, b"")
    assert answer.status == 400
    assert word in json.loads(answer.body)["error"]


DATA_FAULTS = [
    ("correction=0.3:20m", "correction", 0.1),
    ("blank=0.3:20m", "blank", 0.2),
]


@pytest.mark.parametrize("dataset", [*OPERATIONS, "asos_hourly"])
@pytest.mark.parametrize(("faults", "name", "least"), DATA_FAULTS)
def test_published_values_change_later(faults: str, name: str, least: float, dataset: str) -> None:
    """The truth is final; as_of gives what the hub printed then; after the fault's time both are the same."""
    hub = Hub(SimulatorSettings(now=NOW, faults=parse_faults(faults), hour_latency_s=120))
    get = getter(hub)
    hourly = dataset == "asos_hourly"
    stamp = "202611221300" if hourly else "202611221255"

    def ask() -> dict[tuple[str, int], Any]:
        if hourly:
            return parse(dataset, get("kma_sfctm2.php", tm=stamp).body)
        return parse(dataset, get(OPERATIONS[dataset], tm2=stamp, disp=1).body)

    hub.clock.set(datetime(2026, 11, 22, 13, 5))
    early = ask()
    final = printed(truth(hub, dataset, stamp, stamp))
    then = printed(truth(hub, dataset, stamp, stamp, as_of="202611221305"))
    assert early == then
    different = sum(early[cell] != final[cell] for cell in final) / len(final)
    assert different > least, name
    hub.clock.set(datetime(2026, 11, 22, 13, 30))
    assert ask() == final
    assert printed(truth(hub, dataset, stamp, stamp, as_of="202611221305")) == then
    assert printed(truth(hub, dataset, stamp, stamp)) == final


def test_late_minutes() -> None:
    hub = Hub(SimulatorSettings(now=NOW, faults=parse_faults("late=0.5:6m")))
    get = getter(hub)
    produced = {stamp for stamp in range(202611221240, 202611221260) if _has_values(get, stamp)}
    assert 202611221259 not in produced
    assert set(range(202611221240, 202611221252)) <= produced
    late = set(range(202611221252, 202611221259)) - produced
    assert late
    hub.clock.set(datetime(2026, 11, 22, 13, 10))
    assert all(_has_values(get, stamp) for stamp in late)


def _has_values(get: Get, stamp: int) -> bool:
    rows = parse("aws_minute", get("nph-aws2_min", tm2=stamp, stn=108, disp=1).body)
    return any(value is not None for row in rows.values() for value in row.values())
