"""The data as they were known at a moment: cases told one by one, on every engine."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from kmaflow.catalog.time import MINUTE, Window
from kmaflow.hub.parse import PARSER_VERSION
from kmaflow.read import iter_frames, read
from kmaflow.store import Store

from ..store.bodies import NOON, WINDOW, at, load, minute_body, parsed_of, request_of, stamp, weather_body

CELL = (stamp(1), 108)
OTHER = (stamp(2), 108)


def told(store: Store, as_of: datetime | None, *, stations: tuple[int, ...] = (108,)) -> dict[int, list[float | None]]:
    """Temperature and humidity by minute."""
    frame = read(store, "aws_minute", WINDOW, stations=stations, columns=["ta", "hm"], as_of=as_of)
    return {(tm - NOON) // MINUTE: [ta, hm] for tm, _, ta, hm in frame.iter_rows()}


def test_before_and_after_a_correction(store: Store) -> None:
    load(store, minute_body({CELL: {"ta": -9.3, "hm": 50.0}}), at(15))
    load(store, minute_body({CELL: {"ta": 0.1, "hm": 50.0}, OTHER: {"ta": 5.0}}), at(16))
    load(store, minute_body({CELL: {"ta": 0.1}, OTHER: {"ta": 5.0}}), at(17))
    assert told(store, at(14)) == {}
    assert told(store, at(15)) == told(store, at(16) - timedelta(microseconds=1)) == {1: [-9.3, 50.0]}
    assert told(store, at(16)) == {1: [0.1, 50.0], 2: [5.0, None]}
    assert told(store, at(17)) == told(store, None) == {1: [0.1, None], 2: [5.0, None]}
    frames = list(iter_frames(store, "aws_minute", WINDOW, stations=[108], columns=["ta"], as_of=at(15)))
    assert [frame.rows() for frame in frames] == [[(stamp(1), 108, -9.3)]]
    assert list(iter_frames(store, "aws_minute", WINDOW, as_of=at(14))) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_answers_in_any_order_of_loading(store: Store, order: tuple[int, ...]) -> None:
    """The first value came back: revisions alone, without the ledger, could not tell this in every order."""
    values = [{"ta": 1.0, "hm": 10.0}, {"ta": 2.0, "hm": 10.0}, {"ta": 1.0, "hm": 30.0}]
    for index in order:
        load(store, minute_body({CELL: values[index]}), at(15 + index))
    assert told(store, at(14)) == {}
    assert [told(store, at(15 + index))[1] for index in range(3)] == [[1.0, 10.0], [2.0, 10.0], [1.0, 30.0]]


def test_an_older_answer_with_the_same_values_says_since_when_they_are_known(store: Store) -> None:
    load(store, minute_body({CELL: {"ta": 1.0}}), at(20))
    assert told(store, at(15)) == {}
    load(store, minute_body({CELL: {"ta": 1.0}, OTHER: {"ta": 2.0}}), at(15))
    assert told(store, at(15)) == told(store, at(19)) == {1: [1.0, None], 2: [2.0, None]}


def test_the_same_bytes_again_confirm_what_they_said(store: Store) -> None:
    body = minute_body({CELL: {"ta": 1.0}})
    load(store, body, at(15))
    assert load(store, body, at(18)).outcome == "unchanged"
    load(store, minute_body({CELL: {"ta": 2.0}}), at(16))
    assert told(store, None) == {1: [1.0, None]}
    assert [told(store, at(minute))[1][0] for minute in (15, 16, 17, 18)] == [1.0, 2.0, 2.0, 1.0]


def test_a_blank_row_is_told_while_it_is_blank(store: Store) -> None:
    load(store, minute_body({CELL: {}, OTHER: {}}), at(15))
    load(store, minute_body({CELL: {"ta": 1.0}}), at(16))
    load(store, minute_body({CELL: {"ta": 1.0}, (stamp(3), 108): {}}), at(17))
    assert told(store, at(16)) == {1: [1.0, None], 2: [None, None]}
    # It is known that the row of minute 1 came with values at 12:16, not that it was there without before.
    assert told(store, at(15)) == {2: [None, None]}
    assert told(store, at(14)) == {}


def test_answers_for_one_station_and_for_some(store: Store) -> None:
    load(store, minute_body({CELL: {"ta": 1.0}, (stamp(1), 90): {"ta": 3.0}}), at(15))
    load(store, minute_body({CELL: {"ta": 2.0}}, witness=False), at(16), stn=108)
    load(store, minute_body({(stamp(1), 90): {"ta": 4.0}}, witness=False), at(17), selection="90")
    both = (90, 108)
    for minute, expected in ((15, {90: 3.0, 108: 1.0}), (16, {90: 3.0, 108: 2.0}), (17, {90: 4.0, 108: 2.0})):
        frame = read(store, "aws_minute", WINDOW, stations=both, columns=["ta"], as_of=at(minute))
        assert dict(frame.select("stn", "ta").iter_rows()) == expected
    everything = read(store, "aws_minute", WINDOW, columns=["ta"], as_of=at(16))
    assert everything["stn"].to_list() == [90, 108, 999]


def test_another_parser_counts_from_the_time_of_the_answer_on(store: Store) -> None:
    body = minute_body({CELL: {"ta": 1.0}})
    load(store, body, at(15))
    reread = parsed_of("aws_minute", minute_body({CELL: {"ta": 1.5}}))
    store.load(reread, request_of(body, at(15), parser_version=PARSER_VERSION + 1))
    load(store, minute_body({CELL: {"ta": 2.0}}), at(20), parser_version=PARSER_VERSION + 1)
    assert told(store, at(15)) == {1: [1.5, None]}
    assert told(store, at(14)) == {}


def test_integers_and_further_codes(store: Store) -> None:
    answers = [
        {CELL: [(61, 3)], OTHER: [(1, 1), (2, 2), (3, 3)]},
        {CELL: [(61, 3), (71, 2)], OTHER: [(1, 1), (2, 5)]},
        {CELL: [(63, 1), (71, 2), (4, 1)], OTHER: [(1, 1)]},
    ]
    for index, cells in enumerate(answers):
        load(store, weather_body(cells), at(15 + index), dataset="aws_present_weather")
    for index, cells in enumerate(answers):
        moment = at(15 + index)
        rows = read(store, "aws_present_weather", WINDOW, stations=[108], columns=["n", "ww1", "nn1"], as_of=moment)
        assert rows.rows() == [(*cell, len(pairs), *pairs[0]) for cell, pairs in cells.items()]
        codes = read(store, "aws_present_weather_code", WINDOW, as_of=moment)
        assert codes.rows() == [
            (*cell, k, *pair) for cell, pairs in cells.items() for k, pair in enumerate(pairs, 1) if k > 1
        ]
    assert read(store, "aws_present_weather_code", WINDOW, as_of=at(14)).is_empty()


def test_other_windows_are_not_looked_at(store: Store) -> None:
    load(store, minute_body({CELL: {"ta": 1.0}}), at(15))
    later = Window(NOON + 10 * MINUTE, NOON + 20 * MINUTE)
    load(store, minute_body({(stamp(15), 108): {"ta": 2.0}}), at(25), window=later)
    assert told(store, at(20)) == {1: [1.0, None]}
    whole = read(store, "aws_minute", Window(NOON, later.end), stations=[108], columns=["ta"], as_of=at(20))
    assert whole["ta"].to_list() == [1.0]
