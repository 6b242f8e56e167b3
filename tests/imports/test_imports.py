"""What an import is to the rest: it fills what is empty, any answer of the hub counts for more, and the archive can make it again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window, now_kst
from kmaflow.collect import Collector
from kmaflow.maintain.imports.mapping import table_map
from kmaflow.maintain.imports.run import TableImported, run_import
from kmaflow.maintain.imports.sources import CsvFile
from kmaflow.maintain.load_saved import load_body
from kmaflow.maintain.rebuild import rebuild
from kmaflow.maintain.why import story
from kmaflow.read.frames import read
from kmaflow.store import Store
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.engines.database import reading

from ..collect.hub import settings_for
from ..collect.snapshots import snapshot
from ..store.bodies import NOON, WINDOW, at, load, minute_body, rows, stamp
from .csv_files import written

MINUTES = table_map("aws_minute", {"time": "time", "stn": "stn"}, "a test")


def _import(collector: Collector, path: Path, cells: dict[tuple[datetime, int], float]) -> TableImported:
    file = written(path / "old.csv", {cell: {"ta": value} for cell, value in cells.items()})
    return _taken(collector, file)


def _taken(collector: Collector, path: Path) -> TableImported:
    file = CsvFile(path)
    (done,) = run_import(collector, file, [file.fitted(MINUTES)])
    return done


@pytest.fixture
def collector(tmp_path: Path, database_url: str) -> Iterator[Collector]:
    with Collector.open(settings_for(None, tmp_path / "home"), database_url=database_url, needs_hub=False) as opened:
        yield opened


def _ta(store: Store) -> list[object]:
    return [value for (value,) in rows(store, "SELECT ta FROM aws_minute WHERE stn = 108 ORDER BY tm_kst")]


def test_it_fills_only_what_is_empty_and_any_answer_counts_for_more(collector: Collector, tmp_path: Path) -> None:
    """Before it, after it, and fetched before but loaded after it; blank answers too stay."""
    store = collector.store
    load(store, minute_body({(stamp(1), 108): {"ta": 1.0}, (stamp(2), 108): {}}), at(11))
    done = _import(collector, tmp_path, {(stamp(minute), 108): 5.0 + minute for minute in range(1, 6)})
    assert (done.inserted, done.there, done.differing) == (3, 2, 2)
    assert _ta(store) == [1.0, None, 8.0, 9.0, 10.0]
    assert rows(store, "SELECT COUNT(*) FROM revision") == [(0,)]
    load(
        store,
        minute_body({(stamp(3), 108): {"ta": 3.0}, (stamp(4), 108): {}}),
        at(12),
        window=Window(stamp(2), stamp(4)),
    )
    # This one the hub had given before the first.
    load(store, minute_body({(stamp(5), 108): {"ta": 0.5}}), at(10), window=Window(stamp(4), stamp(5)))
    assert _ta(store) == [1.0, None, 3.0, 9.0, 0.5]
    revised = rows(store, "SELECT tm_kst, col, old_value, new_value, cause FROM revision ORDER BY tm_kst")
    assert [one[1:] for one in revised] == [("ta", "8.0", "3.0", "hub"), ("ta", "10.0", "0.5", "hub")]
    again = _import(collector, tmp_path, {(stamp(minute), 108): 5.0 + minute for minute in range(1, 6)})
    assert (again.inserted, again.there) == (0, 5)
    assert _ta(store) == [1.0, None, 3.0, 9.0, 0.5]


def test_as_of_knows_it_from_the_import_on(collector: Collector, tmp_path: Path) -> None:
    store = collector.store
    before = now_kst()
    _import(collector, tmp_path, {(stamp(1), 108): 5.0, (stamp(2), 108): 6.0})
    after = now_kst()
    load(store, minute_body({(stamp(1), 108): {"ta": 1.0}}), at(10), window=Window(NOON, stamp(1)))

    def known(moment: datetime) -> list[object]:
        return read(store, "aws_minute", WINDOW, stations=[108], columns=["ta"], as_of=moment)["ta"].to_list()

    assert known(at(9)) == []
    assert known(before)[:1] == [1.0]
    assert known(after) == [1.0, 6.0]


def test_an_imported_cell_is_present_and_others_are_still_asked_for(collector: Collector, tmp_path: Path) -> None:
    _import(collector, tmp_path, {(stamp(minute), 108): 1.0 for minute in (1, 2, 4)})
    with reading(collector.store.engine) as connection:
        mine = gaps(connection, ["aws_minute"], Window(NOON, stamp(4)), now=now_kst(), stations=[108])
        others = gaps(connection, ["aws_minute"], Window(NOON, stamp(4)), now=now_kst(), stations=[90])
    assert [(gap.window, gap.state) for gap in mine] == [(Window(stamp(2), stamp(3)), "not_asked")]
    assert [(gap.window, gap.state) for gap in others] == [(Window(NOON, stamp(4)), "not_asked")]
    assert all(one.last_answer is None for one in collector.store.status())


def test_why_tells_where_a_value_came_from(collector: Collector, tmp_path: Path) -> None:
    _import(collector, tmp_path, {(stamp(1), 108): -9.0})
    told = story(collector, DATASETS["aws_minute"], 108, stamp(1))
    assert told["state"] == "present"
    assert "imported from an older table or file" in told["why_en"]
    assert told["why_en"].endswith("(old.csv)")
    assert told["why_ko"].endswith("(old.csv)")
    assert told["values"]["ta"] == -9.0
    assert told["raw"] == {"ta": "-9.0"}
    assert told["lines"] == ["2025-01-15 12:01,108,-9.0"]
    (request,) = told["requests"]
    assert (request["outcome"], request["message"]) == ("imported", "imported from old.csv")


def test_a_rebuild_makes_it_again(collector: Collector, tmp_path: Path) -> None:
    load_body(collector, minute_body({(stamp(1), 108): {"ta": 1.0}}), at(10))
    _import(collector, tmp_path, {(stamp(minute), 108): 5.0 + minute for minute in range(1, 4)})
    (tmp_path / "bad.csv").write_text(
        "time,stn,ta\n2025-01-15 12:04,108,cold\n2025-01-15 12:05,108,1\n", encoding="utf-8"
    )
    assert _taken(collector, tmp_path / "bad.csv").unreadable == 1
    load_body(collector, minute_body({(stamp(3), 108): {"ta": 3.0}}), at(12))
    before = snapshot(collector.store)
    report = rebuild(collector)
    assert not report.of("aws_minute").kept
    assert snapshot(collector.store) == before
    assert _ta(collector.store) == [1.0, 7.0, 3.0, 1.0]
    assert rows(
        collector.store, "SELECT outcome, COUNT(*) FROM request WHERE kind = 'file' GROUP BY outcome ORDER BY outcome"
    ) == [
        ("imported", 2),
        ("ok", 2),
    ]


def test_memory_is_bounded_by_pieces(collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece at a time: days that reach over pieces are loaded in two parts."""
    monkeypatch.setattr("kmaflow.maintain.imports.sources.PIECE", 1_000)
    cells = {(datetime(2024, 12, 1) + minute * MINUTE, 90): float(minute % 30) for minute in range(1, 3_001)}
    done = _import(collector, tmp_path, cells)
    assert (done.inserted, done.read) == (3_000, 3_000)
    assert rows(collector.store, "SELECT COUNT(*) FROM request") == [(5,)]
    assert rows(collector.store, "SELECT SUM(ta), COUNT(*) FROM aws_minute") == [(sum(cells.values()), 3_000)]
