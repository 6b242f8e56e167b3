"""A saved file proves the cells that it holds, and no other: neither that others are absent, nor that a value was confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

import polars as pl
import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window, day_of
from kmaflow.hub.parse import Parsed, empty_rows
from kmaflow.read import frames
from kmaflow.store import Store
from kmaflow.store.coverage.day import ALL, decoded, encoded, held_cells, holds, read_days, with_held
from kmaflow.store.coverage.gaps import Gap, gaps
from kmaflow.store.coverage.recount import recount
from kmaflow.store.coverage.states import stamps
from kmaflow.store.engines.database import reading
from kmaflow.store.ledger import DEFERRED, EVENT, FILE, covering, event, last_success
from kmaflow.store.load import Loaded

from .bodies import NOON, WITNESS, Cell, at, load, minute_body, parsed_of, request_of, revisions, rows, stamp, value

DAY_OF_NOON = day_of(NOON)
LATER = NOON + 30 * DAY


def _minutes(first: int, last: int) -> Window:
    return Window(stamp(first), stamp(last))


def _cells(minutes: Iterable[int], *stations: int, ta: float = 1.0) -> dict[Cell, dict[str, float]]:
    return {(stamp(minute), stn): {"ta": ta} for minute in minutes for stn in stations}


def _file(
    store: Store, cells: dict[Cell, dict[str, float]], fetched_at: datetime, *, extra: tuple[str, ...] = ()
) -> Loaded:
    """A file as ``kmaflow load`` takes it: its window is what its rows span."""
    body = minute_body(cells, witness=False, extra=extra)
    parsed = parsed_of("aws_minute", body, None)
    stamps_ = [*parsed.not_produced, *parsed.rows["tm_kst"].to_list()]
    window = Window(min(stamps_) - MINUTE, max(stamps_))
    numbers = parsed.rows["stn"].unique().to_list()
    request = request_of(body, fetched_at, window=window, stn=numbers[0] if len(numbers) == 1 else 0)
    return store.load(parsed, replace(request, http_status=None, key_id=None, kind=FILE))


def _gaps(store: Store, window: Window, *, stations: tuple[int, ...] | None = None) -> list[Gap]:
    with reading(store.engine) as connection:
        return gaps(connection, ["aws_minute"], window, now=LATER, stations=stations)


def _states(store: Store, window: Window, stn: int) -> list[str]:
    with reading(store.engine) as connection:
        return stamps(connection, "aws_minute", window, stations=[stn])["state"].to_list()


def test_between_two_rows_of_a_file_everything_is_missing(store: Store) -> None:
    _file(store, {(stamp(1), 108): {"ta": 1.0}, (stamp(1) + 20 * DAY, 108): {"ta": 1.0}}, at(60))
    window = Window(stamp(0), stamp(1) + 20 * DAY)
    found = _gaps(store, window, stations=(108,))
    assert {(gap.state, gap.why) for gap in found} == {("not_asked", "planned")}
    assert sum(gap.cells for gap in found) == window.count(MINUTE) - 2
    assert sum(gap.cells for gap in _gaps(store, window)) >= window.count(MINUTE) - 2


def test_a_file_of_two_stations_says_nothing_of_others(store: Store) -> None:
    load(store, minute_body(_cells(range(1, 11), 90, 108, 119)), at(15), window=_minutes(0, 10))
    _file(store, _cells(range(11, 21), 90, 108), at(60))
    (gap,) = _gaps(store, _minutes(0, 20))
    assert (gap.window, gap.state, gap.why, gap.stations) == (_minutes(10, 20), "not_asked", "planned", (119, WITNESS))
    assert set(_states(store, _minutes(10, 20), 119)) == {"not_asked"}
    assert set(_states(store, _minutes(10, 20), 108)) == {"present"}


def test_holes_blanks_placeholders_and_unreadable_lines_of_a_file(store: Store) -> None:
    cells = _cells((1, 2, 4, 5), 90, 108) | {
        (stamp(3), 90): {"ta": 1.0},
        (stamp(6), 90): {},
        (stamp(6), 108): {"ta": 2.0},
    }
    cells |= {(stamp(7), stn): {} for stn in (90, 108)}
    assert _file(store, cells, at(60), extra=(f"{stamp(3):%Y%m%d%H%M},108,x,=",)).outcome == "partial"
    assert _states(store, _minutes(0, 7), 90) == ["present"] * 5 + ["blank", "not_asked"]
    assert _states(store, _minutes(0, 7), 108) == ["present"] * 2 + ["not_asked"] + ["present"] * 3 + ["not_asked"]


def test_a_file_takes_nothing_back_that_an_answer_said(store: Store) -> None:
    cells = _cells(range(1, 11), 90, 108)
    del cells[stamp(4), 108]
    garbled = (f"{stamp(4):%Y%m%d%H%M},108,x,=",)
    load(store, minute_body(cells, extra=garbled), at(15), window=_minutes(0, 10))
    before = [(gap.state, gap.stations) for gap in _gaps(store, _minutes(0, 10))]
    assert before == [("rejected", (108,))]
    _file(store, _cells((1, 10), 90), at(60))
    assert [(gap.state, gap.stations) for gap in _gaps(store, _minutes(0, 10))] == before
    _file(store, _cells((4,), 108), at(61))
    assert _gaps(store, _minutes(0, 10)) == []


def test_a_younger_file_stands_only_behind_the_values_that_it_holds(store: Store) -> None:
    load(store, minute_body(_cells((1, 2), 108, ta=1.0), witness=False), at(15), window=_minutes(0, 10))
    _file(store, _cells((1, 9), 108, ta=1.0), at(60))
    older = minute_body(_cells((1, 2), 108, ta=5.0), witness=False)
    assert load(store, older, at(30), window=_minutes(0, 10)).revised == 2
    assert value(store, "ta", (stamp(1), 108)) == 1.0, "the file is younger and says 1.0"
    assert value(store, "ta", (stamp(2), 108)) == 5.0, "of this minute the file says nothing"
    assert [row[:5] for row in revisions(store)] == [
        (str(stamp(1)), 108, "ta", "5.0", "1.0"),
        (str(stamp(2)), 108, "ta", "1.0", "5.0"),
    ]


def test_a_blank_row_of_a_file_confirms_no_value(store: Store) -> None:
    load(store, minute_body(_cells((1, 2), 108, ta=1.0)), at(15), window=_minutes(0, 10))
    _file(store, {(stamp(1), 108): {}, (stamp(2), 108): {"ta": 1.0}}, at(60))
    load(store, minute_body(_cells((1, 2), 108, ta=5.0)), at(30), window=_minutes(0, 10))
    assert [value(store, "ta", (stamp(minute), 108)) for minute in (1, 2)] == [5.0, 1.0]


def test_as_of_a_file_knows_only_what_it_holds(store: Store) -> None:
    load(store, minute_body(_cells((1, 2), 108, ta=1.0), witness=False), at(15), window=_minutes(0, 10))
    _file(store, _cells((1, 9), 108, ta=1.0), at(60))
    load(store, minute_body(_cells((1, 2), 108, ta=5.0), witness=False), at(30), window=_minutes(0, 10))
    for moment, values in ((20, {1: 1.0, 2: 1.0}), (40, {1: 5.0, 2: 5.0}), (70, {1: 1.0, 2: 5.0, 9: 1.0})):
        frame = frames.read(store, "aws_minute", _minutes(0, 10), as_of=at(moment))
        assert {(tm - NOON) // MINUTE: ta for tm, ta in frame.select("tm_kst", "ta").iter_rows()} == values, moment


def test_the_story_of_a_cell_names_no_file_that_lacks_it_and_freshness_no_file(store: Store) -> None:
    _file(store, _cells((1, 9), 108), at(60))
    with reading(store.engine) as connection:
        assert [row["kind"] for row in covering(connection, "aws_minute", 108, stamp(1))] == [FILE]
        assert covering(connection, "aws_minute", 108, stamp(5)) == []
        assert last_success(connection, "aws_minute") is None
        assert last_success(connection, "aws_minute", files=True) == at(60)


def test_a_whole_answer_makes_what_a_file_said_of_its_day_superfluous(store: Store) -> None:
    _file(store, _cells(range(1, 11), 90, 108), at(60))
    _file(store, _cells((20,), 119), at(61))
    load(store, minute_body(_cells(range(1, 16), 90, 108)), at(62), window=_minutes(0, 15))
    noon = 12 * 60
    with reading(store.engine) as connection:
        one_day = read_days(connection, "aws_minute", (DAY_OF_NOON, DAY_OF_NOON))[DAY_OF_NOON]
    assert one_day.answered == {ALL: ((noon, noon + 15),), "rows:119": ((noon + 19, noon + 20),)}


def test_days_counted_again_are_those_that_were_kept(store: Store) -> None:
    load(store, minute_body(_cells(range(1, 11), 90, 108)), at(15), window=_minutes(0, 10))
    _file(store, _cells((5, 6, 12), 90, 108) | _cells((14,), 119), at(60))
    _file(store, {(stamp(1) + DAY, 108): {"ta": 1.0}, (stamp(3) + DAY, 108): {"ta": 1.0}}, at(61))
    days = (DAY_OF_NOON, DAY_OF_NOON + DAY)
    with store.engine.begin() as connection:
        kept = read_days(connection, "aws_minute", days)
        assert len(kept) == 2
        recount(connection, "aws_minute", [days[1]])
        assert read_days(connection, "aws_minute", days) == kept
        recount(connection, "aws_minute")
        assert read_days(connection, "aws_minute", days) == kept


def test_the_ledger_says_what_each_row_is(store: Store) -> None:
    _file(store, _cells((1,), 108), at(60))
    load(store, minute_body(_cells((1,), 108)), at(61))
    window = _minutes(0, 10)
    store.note(event("aws_minute", window, "given_up"))
    store.note(replace(request_of(b"", at(62), window=window), outcome="quota", kind=DEFERRED))
    assert [one for (one,) in rows(store, "SELECT kind FROM request ORDER BY id")] == [FILE, "request", EVENT, DEFERRED]


# ------------------------------------------------------------------------------------------------------------- held cells


def _frame(cells: list[tuple[datetime, int]]) -> pl.DataFrame:
    return pl.DataFrame(cells, schema={"tm_kst": pl.Datetime("us"), "stn": pl.Int32}, orient="row")


def test_stations_with_the_same_stamps_are_one_group() -> None:
    cells = [(stamp(minute), stn) for stn in (108, 90) for minute in (1, 2, 3, 7)] + [(stamp(2), 119)]
    held = held_cells(_frame(cells), MINUTE)
    noon = 12 * 60
    assert held == {DAY_OF_NOON: {"90,108": ((noon, noon + 3), (noon + 6, noon + 7)), "119": ((noon + 1, noon + 2),)}}
    assert decoded(encoded(held)) == held
    assert [holds(held, stamp(minute), 119) for minute in (1, 2, 3)] == [False, True, False]


def test_a_day_of_a_file_holds_its_own_midnight_and_hours_are_as_long_as_their_cadence() -> None:
    midnight = datetime(2025, 1, 16)
    held = held_cells(_frame([(midnight - HOUR, 108), (midnight, 108), (midnight + HOUR, 108)]), HOUR)
    assert held == {date(2025, 1, 15): {"108": ((1320, 1440),)}, date(2025, 1, 16): {"108": ((0, 60),)}}


def test_a_day_of_seven_hundred_stations_is_few_words() -> None:
    cells = [(stamp(minute), stn) for minute in range(-700, 700) for stn in range(100, 800)]
    held = held_cells(_frame(cells), MINUTE)
    assert len(encoded(held)) < 10_000
    assert [len(groups) for groups in held.values()] == [1]


@pytest.mark.parametrize("name", ["aws_present_weather", "asos_hourly"])
def test_a_file_of_each_cadence_is_told_by_its_rows(store: Store, name: str) -> None:
    step = DATASETS[name].cadence
    window = Window(NOON, NOON + 3 * step)
    columns = empty_rows(DATASETS[name])
    there = pl.DataFrame(
        {"tm_kst": [NOON + step, NOON + 3 * step], "stn": [108, 108], "blank": [False, False]},
        schema_overrides=columns.schema,
    )
    pairs = None
    if name == "aws_present_weather":
        pairs = pl.DataFrame(
            schema={"tm_kst": pl.Datetime("us"), "stn": pl.Int32, "k": pl.Int64, "ww": pl.Int64, "nn": pl.Int64}
        )
    parsed = Parsed(DATASETS[name], pl.concat([columns, there], how="diagonal"), pairs, (), (), 2)
    store.load(
        parsed, replace(request_of(b"x", LATER, dataset=name, window=window), kind=FILE, http_status=None, key_id=None)
    )
    with reading(store.engine) as connection:
        frame = stamps(connection, name, window, stations=[108])
    assert frame["state"].to_list() == ["blank", "not_asked", "blank"]


def test_cells_of_files_are_joined_and_grouped_anew() -> None:
    answered = with_held({ALL: ((0, 10),)}, {"90,108": ((5, 20),)})
    assert answered == {ALL: ((0, 10),), "rows:90,108": ((10, 20),)}
    answered = with_held(answered, {"108": ((20, 30),), "119": ((2, 4),)})
    assert answered == {ALL: ((0, 10),), "rows:90": ((10, 20),), "rows:108": ((10, 30),)}
    assert with_held(answered | {ALL: ((0, 40),)}, {}) == {ALL: ((0, 40),)}
