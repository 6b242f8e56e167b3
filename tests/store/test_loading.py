"""One answer into the tables: nothing twice, nothing half, no correction without a trace (design.md §7, §8)."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pymysql
import pytest
from psycopg.errors import DiskFull

from kmaflow.catalog.time import HOUR, MINUTE, Window
from kmaflow.hub.parse import PARSER_VERSION
from kmaflow.read import read
from kmaflow.store import Store
from kmaflow.store import load as loading
from kmaflow.store.engines.loader import Loader, loader_for
from kmaflow.store.errors import StoreError, StoreFull

from .bodies import (
    NOON,
    WINDOW,
    at,
    load,
    minute_body,
    observations,
    parsed_of,
    request_of,
    revisions,
    rows,
    stamp,
    value,
    weather_body,
)
from .conftest import Touched

CELL = (stamp(1), 108)
FULL = sqlite3.OperationalError("database or disk is full")
SECOND = (stamp(2), 108)


def _loader(store: Store) -> type[Loader]:
    with store.engine.connect() as connection:
        return type(loader_for(connection))


def test_sqlite_itself_counts_one_change_for_the_same_bytes(tmp_path: Path) -> None:
    body = minute_body({CELL: {"ta": 1.0}})
    with Store(f"sqlite:///{tmp_path}/k.db") as store:
        load(store, body, at(15))
        before = _total_changes(store)
        load(store, body, at(16))
        assert _total_changes(store) - before == 1


def _total_changes(store: Store) -> int:
    with store.engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        return int(driver.total_changes)


# ---------------------------------------------------------------------------------------------- unchanged input


def test_the_same_bytes_again_write_one_ledger_row_and_nothing_else(store: Store, touched: Touched) -> None:
    body = minute_body({CELL: {"ta": 1.0}})
    assert load(store, body, at(15)).outcome == "partial"
    table = observations(store)
    touched()
    again = load(store, body, at(16))
    assert (again.outcome, again.inserted, again.updated, again.revised) == ("unchanged", 0, 0, 0)
    assert touched() == {"request": 1}
    assert observations(store) == table
    assert rows(store, "SELECT outcome, row_count FROM request ORDER BY id") == [("partial", 2), ("unchanged", 2)]


def test_other_bytes_with_the_same_values_touch_no_row_but_the_ledgers(store: Store, touched: Touched) -> None:
    load(store, minute_body({CELL: {"ta": 1.0}, SECOND: {}}), at(15))
    touched()
    wider = Window(NOON - 5 * MINUTE, NOON + 15 * MINUTE)
    loaded = load(store, minute_body({CELL: {"ta": 1.0}, SECOND: {}}), at(16), window=wider)
    assert (loaded.inserted, loaded.updated, loaded.revised) == (0, 0, 0)
    # No stamp more is answered: nothing but its rows proves one.
    assert touched() == {"request": 1}


def test_minus_zero_is_zero(store: Store, touched: Touched) -> None:
    load(store, minute_body({CELL: {"td": -0.0}}), at(15))
    touched()
    load(store, minute_body({CELL: {"td": 0.0}}), at(16))
    assert rows(store, "SELECT td, 1 + SIGN(td) FROM aws_minute WHERE stn = 108") == [(0.0, 1)]
    assert touched() == {"request": 1}


def test_a_new_stamp_in_a_known_window_touches_only_its_own_rows(store: Store, touched: Touched) -> None:
    load(store, minute_body({CELL: {"ta": 1.0}}), at(15))
    touched()
    loaded = load(store, minute_body({CELL: {"ta": 1.0}, SECOND: {"ta": 2.0}}), at(16))
    assert (loaded.inserted, loaded.updated, loaded.revised) == (2, 0, 0)
    assert touched() == {"request": 1, "aws_minute": 2, "completeness_hour": 2, "coverage_day": 1, "latest": 2}
    assert rows(store, "SELECT request_id FROM aws_minute WHERE tm_kst = ?", str(stamp(1)))[0] == (1,)


# ------------------------------------------------------------------------------------------------------ revisions


def test_first_appearance_and_blank_to_values_are_no_revisions(store: Store) -> None:
    load(store, minute_body({SECOND: {"ta": 1.0}, CELL: {}}), at(15))
    assert value(store, "ta", CELL) is None
    loaded = load(store, minute_body({SECOND: {"ta": 1.0}, CELL: {"ta": -9.3}}), at(16))
    assert (loaded.inserted, loaded.updated, loaded.revised) == (0, 1, 0)
    assert value(store, "ta", CELL) == -9.3
    assert value(store, "request_id", CELL) == 2
    assert value(store, "request_id", SECOND) == 1
    assert revisions(store) == []


@pytest.mark.parametrize(
    ("first", "second", "old", "new"),
    [
        ({"ta": 1.0, "hm": 50.0}, {"ta": -9.3, "hm": 50.0}, "1.0", "-9.3"),
        ({"hm": 50.0}, {"ta": -9.3, "hm": 50.0}, None, "-9.3"),
        ({"ta": 1.0, "hm": 50.0}, {"hm": 50.0}, "1.0", None),
    ],
)
def test_a_change_in_a_row_with_values_is_a_revision(
    store: Store, first: dict[str, float], second: dict[str, float], old: str | None, new: str | None
) -> None:
    load(store, minute_body({CELL: first}), at(15))
    loaded = load(store, minute_body({CELL: second}), at(16))
    assert (loaded.updated, loaded.revised) == (1, 1)
    assert revisions(store) == [("2025-01-15 12:01:00", 108, "ta", old, new, 1, 2, "hub", "2025-01-15 12:16:00")]
    assert value(store, "ta", CELL) == (None if new is None else float(new))
    assert (value(store, "hm", CELL), value(store, "request_id", CELL)) == (50.0, 2)


def test_a_blank_row_or_an_absent_one_overwrites_nothing(store: Store, touched: Touched) -> None:
    load(store, minute_body({CELL: {"ta": 1.0}, SECOND: {"ta": 2.0}}), at(15))
    touched()
    load(store, minute_body({CELL: {}, (stamp(2), 90): {"ta": 3.0}}), at(16))
    assert (value(store, "ta", CELL), value(store, "ta", SECOND)) == (1.0, 2.0)
    assert revisions(store) == []
    assert touched()["aws_minute"] == 1


def test_revisions_chain_from_fetch_to_fetch(store: Store) -> None:
    for minute, ta in enumerate([1.0, 2.0, 2.0, 1.0], start=15):
        load(store, minute_body({CELL: {"ta": ta}}), at(minute))
    assert [row[3:7] for row in revisions(store)] == [("1.0", "2.0", 1, 2), ("2.0", "1.0", 2, 4)]
    assert [row[0] for row in rows(store, "SELECT outcome FROM request ORDER BY id")] == [
        "partial",
        "partial",
        "unchanged",
        "partial",
    ]


def test_another_parser_on_the_same_bytes_is_the_cause_parser(store: Store) -> None:
    body = minute_body({CELL: {"ta": 1.0}})
    load(store, body, at(15))
    reread = parsed_of("aws_minute", minute_body({CELL: {"ta": 1.5}}))
    store.load(reread, request_of(body, at(15), parser_version=PARSER_VERSION + 1))
    assert [row[3:8] for row in revisions(store)] == [("1.0", "1.5", 1, 2, "parser")]
    assert value(store, "ta", CELL) == 1.5


def test_a_wider_selection_loads_the_same_bytes_again(store: Store) -> None:
    body = minute_body({CELL: {"ta": 1.0}, (stamp(1), 90): {"ta": 2.0}})
    everything = parsed_of("aws_minute", body)

    import polars as pl

    mine = replace(everything, rows=everything.rows.filter(pl.col("stn") == 108))
    assert store.load(mine, request_of(body, at(15), selection="108")).inserted == 1
    loaded = store.load(everything, request_of(body, at(16)))
    assert (loaded.outcome, loaded.inserted, loaded.updated, loaded.revised) == ("partial", 2, 0, 0)


# ------------------------------------------------------------------------------------- older bodies, loaded later


def test_an_older_body_loaded_late_changes_no_value_fills_what_is_empty_and_is_written_down(
    store: Store, touched: Touched
) -> None:
    load(store, minute_body({CELL: {"ta": 2.0}, (stamp(3), 108): {}}), at(20))
    older = minute_body({CELL: {"ta": 1.0}, SECOND: {"ta": 5.0}, (stamp(3), 108): {"ta": 6.0}})
    loaded = load(store, older, at(15))
    assert (loaded.inserted, loaded.updated, loaded.revised) == (2, 1, 1)
    assert (value(store, "ta", CELL), value(store, "ta", SECOND), value(store, "ta", (stamp(3), 108))) == (
        2.0,
        5.0,
        6.0,
    )
    assert [row[2:] for row in revisions(store)] == [("ta", "1.0", "2.0", 2, 1, "hub", "2025-01-15 12:20:00")]
    touched()
    assert load(store, older, at(15)).outcome == "unchanged"
    assert touched() == {"request": 1}


def test_a_value_that_came_back_wins_though_its_bytes_were_seen_before(store: Store) -> None:
    """The same bytes after another window had corrected the cell are news, not a repetition."""
    first = minute_body({CELL: {"ta": 1.0}})
    load(store, first, at(15))
    load(store, minute_body({CELL: {"ta": 2.0}}), at(16), window=Window(NOON, NOON + 2 * MINUTE))
    load(store, first, at(17))
    assert value(store, "ta", CELL) == 1.0
    assert [row[3:5] for row in revisions(store)] == [("1.0", "2.0"), ("2.0", "1.0")]


def test_the_same_bytes_fetched_again_win_over_a_body_between_that_was_loaded_before(store: Store) -> None:
    first = minute_body({CELL: {"ta": 1.0}})
    load(store, minute_body({CELL: {"ta": 2.0}}), at(16), window=Window(NOON, NOON + 2 * MINUTE))
    load(store, first, at(15))
    assert value(store, "ta", CELL) == 2.0
    assert load(store, first, at(17)).outcome == "partial"
    assert value(store, "ta", CELL) == 1.0


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0)])
def test_a_younger_answer_without_the_station_does_not_confirm_the_oldest_value(
    store: Store, order: tuple[int, ...]
) -> None:
    bodies = [
        minute_body({CELL: {"ta": 1.0}}),
        minute_body({CELL: {"ta": 2.0}}),
        minute_body({(stamp(1), 90): {"ta": 3.0}}),
    ]
    for index in order:
        load(store, bodies[index], at(15 + index))
    assert value(store, "ta", CELL) == 2.0


def test_a_younger_answer_for_other_stations_does_not_stand_in_the_way(store: Store) -> None:
    load(store, minute_body({CELL: {"ta": 1.0}}), at(15))
    load(store, minute_body({(stamp(1), 90): {"ta": 3.0}}, witness=False), at(20), selection="90")
    load(store, minute_body({(stamp(1), 90): {"ta": 4.0}}, witness=False), at(21), stn=90)
    load(store, minute_body({CELL: {"ta": 2.0}}), at(16))
    assert value(store, "ta", CELL) == 2.0
    assert value(store, "ta", (stamp(1), 90)) == 4.0


def test_an_answer_without_a_row_says_that_it_confirms_nothing(store: Store) -> None:
    load(store, minute_body({CELL: {"ta": 1.0}}), at(15))
    load(store, minute_body({}), at(20), stn=108)
    load(store, minute_body({CELL: {"ta": 2.0}}), at(16))
    assert value(store, "ta", CELL) == 2.0


# ------------------------------------------------------------------------------------------------- present weather


def test_further_codes_are_kept_as_pairs_and_their_change_is_a_revision(store: Store) -> None:
    load(store, weather_body({CELL: [(61, 3), (71, 2)]}), at(15), dataset="aws_present_weather")
    assert rows(store, "SELECT stn, n, ww1, nn1 FROM aws_present_weather WHERE stn = 108") == [(108, 2, 61, 3)]
    codes = "SELECT stn, k, ww, nn FROM aws_present_weather_code ORDER BY k"
    assert rows(store, codes) == [(108, 2, 71, 2)]
    assert revisions(store) == []
    loaded = load(store, weather_body({CELL: [(61, 3), (71, 1), (4, 1)]}), at(16), dataset="aws_present_weather")
    assert rows(store, codes) == [(108, 2, 71, 1), (108, 3, 4, 1)]
    assert loaded.revised == len(revisions(store))
    assert {(row[2], row[3], row[4]) for row in revisions(store)} == {
        ("n", "2", "3"), ("nn2", "2", "1"), ("ww3", None, "4"), ("nn3", None, "1"),
    }  # fmt: skip
    assert {row[8] for row in revisions(store)} == {"2025-01-15 12:16:00"}


def test_another_parser_is_the_cause_also_where_further_codes_change(store: Store) -> None:
    body = weather_body({CELL: [(61, 3), (71, 2)]})
    load(store, body, at(15), dataset="aws_present_weather")
    reread = parsed_of("aws_present_weather", weather_body({CELL: [(61, 3), (71, 1)]}))
    store.load(reread, request_of(body, at(15), dataset="aws_present_weather", parser_version=PARSER_VERSION + 1))
    assert [(row[2], row[3], row[4], row[7]) for row in revisions(store)] == [("nn2", "2", "1", "parser")]


def test_no_code_is_null_and_neither_blank_nor_older_rows_touch_the_codes(store: Store, touched: Touched) -> None:
    load(store, weather_body({CELL: [(61, 3), (71, 2)], SECOND: []}), at(20), dataset="aws_present_weather")
    assert rows(store, "SELECT n, ww1, nn1 FROM aws_present_weather WHERE tm_kst = ? AND stn = 108", str(stamp(2))) == [
        (0, None, None)
    ]
    touched()
    load(store, weather_body({CELL: []}), at(21), dataset="aws_present_weather")
    load(store, weather_body({CELL: [(61, 3), (51, 2)]}), at(15), dataset="aws_present_weather")
    assert rows(store, "SELECT ww FROM aws_present_weather_code") == [(71,)]
    assert touched().keys() == {"request"}


def test_a_number_of_codes_that_was_none_and_is_one_now_is_a_revision(store: Store) -> None:
    load(store, weather_body({CELL: []}), at(15), dataset="aws_present_weather")
    load(store, weather_body({CELL: [(61, 1)]}), at(16), dataset="aws_present_weather")
    assert [(*row[2:5], row[7]) for row in revisions(store)] == [
        ("n", "0", "1", "hub"), ("ww1", None, "61", "hub"), ("nn1", None, "1", "hub"),
    ]  # fmt: skip
    (before,) = read(store, "aws_present_weather", WINDOW, stations=[108], as_of=at(15.5)).rows()
    assert before[2:] == (2, 0, None, None)
    load(store, weather_body({SECOND: []}), at(17), dataset="aws_present_weather")
    load(store, weather_body({SECOND: [(61, 1)]}), at(14), dataset="aws_present_weather")
    assert len(revisions(store)) == 3, "an older body corrects nothing"


def test_it_is_one_too_when_the_older_answer_is_loaded_later(store: Store) -> None:
    load(store, weather_body({CELL: [(61, 1)], SECOND: [(61, 1)]}), at(16), dataset="aws_present_weather")
    none = weather_body({CELL: []})
    for _ in range(2):
        assert load(store, none, at(15), dataset="aws_present_weather").updated == 0
    assert [(*row[2:5], row[8]) for row in revisions(store)] == [
        ("n", "0", "1", "2025-01-15 12:16:00"), ("ww1", None, "61", "2025-01-15 12:16:00"), ("nn1", None, "1", "2025-01-15 12:16:00"),
    ]  # fmt: skip
    load(store, weather_body({SECOND: []}), at(17), dataset="aws_present_weather")
    assert len(revisions(store)) == 3, "a younger answer without a code corrects nothing"
    assert rows(store, "SELECT n, ww1 FROM aws_present_weather WHERE stn = 108") == [(1, 61), (1, 61)]


def test_an_older_body_brings_the_codes_of_the_cells_that_it_fills(store: Store) -> None:
    load(store, weather_body({CELL: [(61, 1)]}), at(20), dataset="aws_present_weather")
    load(store, weather_body({SECOND: [(61, 3), (71, 2)]}), at(15), dataset="aws_present_weather")
    assert rows(store, "SELECT tm_kst, ww FROM aws_present_weather_code") == [("2025-01-15 12:02:00", 71)]


# --------------------------------------------------------------------------------------------------------- account


def test_completeness_counts_what_the_table_holds(store: Store) -> None:
    across = Window(NOON - 3 * MINUTE, NOON + 3 * MINUTE)
    cells = {
        (stamp(minute), stn): ({"ta": 1.0} if (minute + stn) % 3 else {})
        for minute in range(-2, 4)
        for stn in (90, 108)
    }
    load(store, minute_body(cells), at(15), window=across)
    load(store, minute_body({**cells, (stamp(1), 90): {"ta": 9.0}, (stamp(1), 700): {}}), at(16), window=across)
    counted: dict[tuple[str, int], list[int]] = {}
    for tm, stn, ta in rows(store, "SELECT tm_kst, stn, COALESCE(ta, hm) FROM aws_minute"):
        moment = datetime.fromisoformat(str(tm)) - MINUTE
        hour = str(moment.replace(minute=0) + HOUR)
        counted.setdefault((hour, int(str(stn))), [0, 0])[ta is None] += 1
    assert counted
    assert rows(store, "SELECT hour_kst, stn, present, blank FROM completeness_hour ORDER BY hour_kst, stn") == [
        (*cell, *counts) for cell, counts in sorted(counted.items())
    ]
    assert {hour for hour, _ in counted} == {str(NOON), str(NOON + HOUR)}


def test_unproduced_stamps_are_not_stored(store: Store) -> None:
    body = minute_body({CELL: {"ta": 1.0}, (stamp(2), 1): {}, (stamp(2), 2): {}}, witness=False)
    assert load(store, body, at(2)).outcome == "partial"
    assert rows(store, "SELECT DISTINCT tm_kst FROM aws_minute") == [(str(stamp(1)),)]


def test_rejected_lines_are_kept_once_with_their_reasons(store: Store, touched: Touched) -> None:
    garbage = "202501151201,77,1.0,oops,="
    body = minute_body({CELL: {"ta": 1.0}}, extra=[garbage])
    load(store, body, at(15))
    assert rows(
        store,
        "SELECT request_id, r.dataset, tm_kst, r.stn, text, rejected FROM rejected_line r JOIN request f ON f.id = request_id",
    ) == [(1, "aws_minute", str(stamp(1)), 77, garbage, 1)]
    assert rows(store, "SELECT reason FROM rejected_line") == [("4 columns where 18 belong",)]
    touched()
    load(store, body, at(16))
    assert touched() == {"request": 1}


def test_lines_without_a_window_are_kept_once_too(store: Store, touched: Touched) -> None:
    body = minute_body({CELL: {"ta": 1.0}}, extra=["???"])
    parsed = parsed_of("aws_minute", body, None)
    # A file of which only such lines are left: none of its rows could be meant.
    left = replace(parsed, rows=parsed.rows.clear())
    for minute in (15, 16):
        store.load(left, request_of(body, at(minute), window=None))
    assert rows(store, "SELECT text FROM rejected_line") == [("???",)]
    assert touched() == {"request": 2, "rejected_line": 1}


def test_of_a_body_of_garbage_so_many_lines_are_kept_and_the_others_counted(store: Store) -> None:
    more = 3
    lines = [f"oops {number}" for number in range(loading.MOST_REJECTED + more)]
    body = minute_body({(stamp(1), 108): {"ta": 1.0}}, extra=lines)
    load(store, body, at(20))
    assert rows(store, "SELECT row_count, rejected FROM request") == [(2, len(lines))]
    assert rows(store, "SELECT COUNT(*) FROM rejected_line") == [(loading.MOST_REJECTED + 1,)]
    (last,) = rows(store, "SELECT text, reason FROM rejected_line ORDER BY id DESC LIMIT 1")
    assert last == (
        "",
        f"{more} more lines of this body cannot be read: they are in the archive, but not kept here one by one",
    )


# ------------------------------------------------------------------------------------------- a failure in the middle


@pytest.mark.parametrize(
    ("where", "step"),
    [
        ("loader", "stored"), ("loader", "insert"), ("loader", "update"), ("loader", "add_counts"), ("loader", "advance"),
        ("loading", "load_pairs"), ("loading", "keep_rejected"),
    ],
)  # fmt: skip
def test_a_failure_in_any_step_leaves_nothing_and_the_next_try_does_it_all(
    store: Store, monkeypatch: pytest.MonkeyPatch, where: str, step: str, touched: Touched
) -> None:
    load(
        store,
        weather_body({CELL: [(61, 3), (71, 2)], (stamp(3), 90): [(61, 1)]}),
        at(15),
        dataset="aws_present_weather",
    )
    before = (observations(store, "aws_present_weather"), observations(store, "completeness_hour"))
    touched()
    second = weather_body({CELL: [(63, 3), (73, 2)], SECOND: [(61, 1)]})
    kind = store.engine.dialect.name

    def fail(*_: object, **__: object) -> None:
        raise {"sqlite": FULL, "postgresql": DiskFull("full"), "mysql": pymysql.err.OperationalError(1021, "full")}[
            kind
        ]

    with monkeypatch.context() as patch:
        patch.setattr(_loader(store) if where == "loader" else loading, step, fail)
        with pytest.raises(StoreFull):
            load(store, second, at(16), dataset="aws_present_weather")
    assert touched() == {}
    assert (observations(store, "aws_present_weather"), observations(store, "completeness_hour")) == before
    loaded = load(store, second, at(16), dataset="aws_present_weather")
    assert (loaded.inserted, loaded.updated) == (2, 1)
    assert value(store, "ww1", CELL, "aws_present_weather") == 63


def test_a_failure_in_the_bulk_path_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, touched: Touched
) -> None:
    body = minute_body({CELL: {"ta": 1.0}})

    def fail(*_: object) -> None:
        raise store.engine.dialect.loaded_dbapi.Error("something nobody has seen")

    with monkeypatch.context() as patch:
        patch.setattr(_loader(store), "add_counts", fail)
        with pytest.raises(StoreError, match="something nobody has seen"):
            load(store, body, at(15))
    assert touched() == {}
    assert load(store, body, at(15)).inserted == 2


def test_a_full_database_takes_nothing_back_and_nothing_half(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/k.db")
    load(store, minute_body({CELL: {"ta": 1.0}}), at(15))
    before = observations(store)
    (pages,) = rows(store, "PRAGMA page_count")[0]
    rows(store, f"PRAGMA max_page_count = {pages}")
    many = {(stamp(minute), stn): {"ta": 1.0} for minute in range(1, 11) for stn in range(1, 700)}
    with pytest.raises(StoreFull, match="full") as caught:
        load(store, minute_body(many), at(16))
    assert "nothing is half-written" in str(caught.value)
    assert observations(store) == before
    assert rows(store, "SELECT COUNT(*) FROM request") == [(1,)]
    store.dispose()
    with Store(f"sqlite:///{tmp_path}/k.db") as roomier:
        assert load(roomier, minute_body(many), at(16)).inserted == 700 * 10 - 2  # two cells were there
