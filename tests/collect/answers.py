"""Answers made by hand, archived and loaded as the collector does it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, MINUTE, Window
from kmaflow.collect import ALL, Collector, StationChoice
from kmaflow.collect.run import chosen_rows, keep
from kmaflow.hub.client import Answer
from kmaflow.hub.parse import parse
from kmaflow.settings import Settings
from kmaflow.store.ledger import LedgerRow

from ..store.bodies import NOON, WINDOW, Cell, at, minute_body, stamp


def open_at(home: Path, **changes: Any) -> Collector:
    return Collector.open(Settings(home=home, **changes), needs_hub=False)


def put(
    collector: Collector,
    body: bytes,
    fetched_at: datetime,
    *,
    dataset: str = "aws_minute",
    asked: Window = WINDOW,
    stn: int | None = None,
    choice: StationChoice = ALL,
    load: bool = True,
) -> None:
    """An answer as the collector deals with it: archived, noted, loaded."""
    answer = Answer(dataset, asked, stn, body, 200, fetched_at)
    digest = keep(collector.archive, answer, body, 200)
    if load:
        parsed = chosen_rows(parse(DATASETS[dataset], body, window=asked, one_station=stn is not None), choice)
        request = LedgerRow.answered(answer, digest, key_id="0123456789ab", selection=choice.selection)
        collector.store.load(parsed, request)


def three_days(collector: Collector) -> None:
    """Three days of two stations, the second day corrected."""
    for day in range(3):
        shift = day * DAY
        asked = Window(NOON + shift, NOON + shift + 10 * MINUTE)
        for number, ta in enumerate((1.0, 2.0) if day == 1 else (1.0,)):
            cells: dict[Cell, dict[str, float]] = {(stamp(1) + shift, stn): {"ta": ta} for stn in (90, 108)}
            put(collector, minute_body(cells), at(15 + number) + shift, asked=asked)
