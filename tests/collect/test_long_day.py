"""A whole day from a hub that fails in every way that passes: collected until complete, every cell equals the truth (slow)."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window
from kmaflow.simulator import parse_faults

from .hub import collecting, simulated, truth

pytestmark = pytest.mark.long

DAY = Window(datetime(2025, 1, 14), datetime(2025, 1, 15))
ROUNDS = 6


@pytest.mark.parametrize("name", ["aws_cloud", "aws_visibility", "aws_present_weather", "asos_hourly"])
def test_a_day_of_faults_ends_as_the_truth(name: str, tmp_path: Path) -> None:
    described = DATASETS[name]
    faults = parse_faults("truncate=0.1,http504=0.05,drop=0.05")
    with simulated(faults=faults) as hub, collecting(hub, tmp_path) as collector:
        collector.store.init()
        rounds = 0
        while not (result := collector.collect(name, DAY)).complete:
            rounds += 1
            assert rounds < ROUNDS, result.missing
        first = next(DAY.stamps(described.cadence))
        expected = {
            (f"{datetime.strptime(cell['tm'], '%Y%m%d%H%M')}", cell["stn"]): cell["values"]
            for cell in truth(hub, name, first, DAY.end)
            if cell["state"] in ("present", "blank")
        }
    columns = [column.name for column in described.stored]
    with sqlite3.connect(tmp_path / "kmaflow.db") as database:
        found = {
            (row[0], row[1]): dict(zip(columns, row[2:], strict=True))
            for row in database.execute(f"SELECT tm_kst, stn, {', '.join(columns)} FROM {name}")
        }
    database.close()
    assert found.keys() == expected.keys()
    wrong = [
        cell for cell, values in expected.items() if any(values[column] != found[cell][column] for column in columns)
    ]
    assert not wrong, wrong[:3]
