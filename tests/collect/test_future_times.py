"""What was loaded as if it came from the future is found, and mended so that later answers win."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kmaflow.catalog.time import DAY, now_kst
from kmaflow.maintain import future_times, load_saved
from kmaflow.maintain.load_saved import load_body

from ..store.bodies import minute_body, rows, stamp, station_body, value
from .answers import open_at, put

CELL = (stamp(1), 108)
FUTURE = now_kst() + 3650 * DAY


def test_later_answers_win_over_what_came_in_the_future(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_at(tmp_path, database_url=database_url) as collector:
        collector.store.init()
        assert not future_times.find(collector.store)
        assert future_times.mend(collector) == []
        with monkeypatch.context() as patch:
            # As versions did that believed every time of a file.
            patch.setattr(load_saved, "now_kst", lambda: FUTURE + DAY)
            load_body(collector, minute_body({CELL: {"ta": 9.0}}), FUTURE)
            load_body(collector, station_body("AWS", {108: "서울"}), FUTURE)
        put(collector, minute_body({CELL: {"ta": 1.0}}), now_kst())
        assert value(collector.store, "ta", CELL) == 9.0
        assert str(future_times.find(collector.store)) == "2 in the ledger, 1 stations, 0 last stamps"
        told = future_times.mend(collector)
        assert any("made again from the archive" in line for line in told)
        assert not future_times.find(collector.store)
        assert value(collector.store, "ta", CELL) == 1.0
        later = now_kst() + timedelta(microseconds=1)
        put(collector, minute_body({CELL: {"ta": 2.0}}), later)
        assert value(collector.store, "ta", CELL) == 2.0
        assert load_body(collector, station_body("AWS", {108: "서울", 90: "속초"}), now_kst())["inserted"] == 1


def test_a_last_stamp_of_the_future_becomes_the_last_that_has_been(database_url: str, tmp_path: Path) -> None:
    with open_at(tmp_path, database_url=database_url) as collector:
        put(collector, minute_body({CELL: {"ta": 1.0}}), stamp(15))
        rows(collector.store, "UPDATE latest SET tm_kst = '2926-11-20 00:01:00' WHERE stn = 108")
        assert str(future_times.find(collector.store)) == "0 in the ledger, 0 stations, 1 last stamps"
        assert len(future_times.mend(collector)) == 1
        assert rows(collector.store, "SELECT tm_kst FROM latest WHERE stn = 108") == [(str(stamp(1)),)]
