"""Reading: types, order, windows and filters, alike on every engine; exact to the last bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.errors import UsageError
from kmaflow.read import count, iter_frames, read, subject, subjects
from kmaflow.read import frames as reading_frames
from kmaflow.read.frames import ask, months
from kmaflow.store import Store
from kmaflow.store.engines.database import writing
from kmaflow.store.engines.loader import loader_for
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.selection import UnknownStations

from ..store.bodies import NOON, WINDOW, WITNESS, at, load, load_list, minute_body, stamp, station_body, weather_body

CELL = (stamp(1), 108)


def test_types_order_and_what_is_missing(store: Store) -> None:
    load(
        store,
        minute_body({CELL: {"ta": -9.3, "rn_day": 0.1}, (stamp(2), 90): {}, (stamp(2), 108): {"hm": 55.0}}),
        at(15),
    )
    frame = read(store, "aws_minute", WINDOW)
    names = ["tm_kst", "stn", *(column.name for column in DATASETS["aws_minute"].stored)]
    assert frame.columns == names
    assert frame.schema["tm_kst"] == pl.Datetime("us")
    assert frame.schema["stn"] == pl.Int32
    assert {frame.schema[name] for name in names[2:]} == {pl.Float64}
    assert frame.select("tm_kst", "stn", "ta", "rn_day", "hm").rows() == [
        (stamp(1), 108, -9.3, 0.1, None),
        (stamp(1), WITNESS, 1.0, None, None),
        (stamp(2), 90, None, None, None),
        (stamp(2), 108, None, None, 55.0),
        (stamp(2), WITNESS, 1.0, None, None),
    ]
    assert count(store, "aws_minute", WINDOW) == 5
    assert count(store, "aws_minute", WINDOW, stations=[108]) == 2


def test_a_window_holds_its_end_and_not_its_start(store: Store) -> None:
    load(store, minute_body({(stamp(minute), 108): {"ta": float(minute)} for minute in range(1, 11)}), at(15))
    frame = read(store, "aws_minute", Window(stamp(3), stamp(5)), stations=[108, 108], columns=["ta", "stn", "ta"])
    assert frame.columns == ["tm_kst", "stn", "ta"]
    assert frame.rows() == [(stamp(4), 108, 4.0), (stamp(5), 108, 5.0)]


@pytest.mark.parametrize("stations", [(108,), tuple(range(1, 400))])
def test_few_and_many_stations(store: Store, stations: tuple[int, ...]) -> None:
    load(store, minute_body({(stamp(minute), stn): {"ta": 1.0} for minute in (1, 2) for stn in (90, 108, 500)}), at(15))
    found = read(store, "aws_minute", WINDOW, stations=stations, columns=[])
    expected = [stn for stn in (90, 108) if stn in stations]
    assert found.rows() == [(stamp(minute), stn) for minute in (1, 2) for stn in expected]


def test_words_for_stations_mean_what_they_mean_to_the_command_line(store: Store) -> None:
    load(store, minute_body({(stamp(1), stn): {"ta": 1.0} for stn in (90, 108)}), at(15))
    load_list(store, "AWS", station_body("AWS", {90: "속초", 108: "서울"}), at(20))
    for words, numbers in {"서울": [108], "속초,108": [90, 108], "all": [90, 108, WITNESS]}.items():
        assert read(store, "aws_minute", Window(NOON, stamp(1)), stations=words)["stn"].to_list() == numbers
    assert count(store, "aws_minute", WINDOW, stations=["서울", 90]) == 2
    assert count(store, "aws_minute", WINDOW, stations=[4711]) == 0, "a number that is no text is taken as it is"
    for unknown in ("서울역", ["108", "4711"]):
        with pytest.raises(UnknownStations, match="no such station"):
            read(store, "aws_minute", WINDOW, stations=unknown)


def test_every_value_comes_back_exactly(store: Store) -> None:
    table = OBSERVATIONS["asos_hourly"]
    numbers = [0.1 + 0.2, -9.3, 1e14 + 0.5, 5e-324, 1.7976931348623157e308, 0.0, None]
    texts = ["", 'a"b', "가,나", "\\", "-", "x" * 32, None]
    with writing(store.engine) as connection:
        rows = pl.DataFrame(
            {
                "tm_kst": [NOON + hour * HOUR for hour in range(len(numbers))],
                "stn": pl.Series([108] * len(numbers), dtype=pl.Int32),
                "request_id": [1] * len(numbers),
                "ta": numbers,
                "ww": texts,
                "ct": texts,
            }
        )
        names = [column.name for column in table.columns]
        kinds = {column.name: column.kind for column in DATASETS["asos_hourly"].stored}
        types = {"float": pl.Float64(), "int": pl.Int64(), "text": pl.String()}
        missing = [pl.lit(None, types[kinds[name]]).alias(name) for name in names if name not in rows.columns]
        loader_for(connection).insert(table, rows.with_columns(missing))
    window = Window(NOON - HOUR, NOON + DAY)
    found = read(store, "asos_hourly", window, columns=["ta", "ww", "request_id"])
    assert found["ta"].to_list() == numbers
    # An empty text and a missing one are the same to KMA and to a CSV.
    assert [text or None for text in found["ww"]] == [text or None for text in texts]
    assert found["request_id"].to_list() == [1] * len(numbers)


def test_what_was_never_loaded_is_empty_and_nothing_is_made(database_url: str) -> None:
    with Store(database_url) as store:
        frame = read(store, "aws_cloud", WINDOW, columns=["ca_tot"])
        assert frame.schema == {"tm_kst": pl.Datetime("us"), "stn": pl.Int32, "ca_tot": pl.Float64}
        assert frame.is_empty()
        assert read(store, "aws_cloud", WINDOW, as_of=NOON).is_empty()
        assert list(iter_frames(store, "aws_cloud", WINDOW)) == []
        assert count(store, "aws_cloud", WINDOW) == 0
        with store.engine.connect() as connection:
            import sqlalchemy as sa

            assert sa.inspect(connection).get_table_names() == []


def test_further_present_weather_codes_are_a_table_of_their_own(store: Store) -> None:
    load(store, weather_body({CELL: [(61, 3), (71, 2), (4, 1)]}), at(15), dataset="aws_present_weather")
    assert read(store, "aws_present_weather", WINDOW, stations=[108]).rows() == [(stamp(1), 108, 2, 3, 61, 3)]
    assert read(store, "aws_present_weather_code", WINDOW).rows() == [
        (stamp(1), 108, 2, 71, 2),
        (stamp(1), 108, 3, 4, 1),
    ]


def test_frames_by_month_and_day_end_with_their_own_midnight(store: Store) -> None:
    first = datetime(2025, 1, 31, 23, 58)
    window = Window(first, first + 4 * MINUTE)
    load(
        store,
        minute_body({(first + minute * MINUTE, 108): {"ta": float(minute)} for minute in range(1, 5)}),
        at(15),
        window=window,
    )
    for by in ("month", "day"):
        found = [frame["ta"].to_list() for frame in iter_frames(store, "aws_minute", window, stations=[108], by=by)]
        assert found == [[1.0, 2.0], [3.0, 4.0]]
    whole = list(iter_frames(store, "aws_minute", Window(datetime(2024, 1, 1), datetime(2026, 1, 1)), by="month"))
    assert [frame.height for frame in whole] == [4, 4]


def test_years_pass_in_pieces_of_bounded_size(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    load(store, minute_body({(stamp(minute), stn): {"ta": 1.0} for minute in range(1, 11) for stn in (1, 2)}), at(15))
    monkeypatch.setattr(reading_frames, "_ROWS", 60 * 760)
    hours = Window(NOON - 2 * HOUR, NOON + 2 * HOUR)
    assert [frame.height for frame in iter_frames(store, "aws_minute", hours)] == [30]
    pieces = list(
        ask("aws_minute", Window(NOON - 90 * MINUTE, NOON + 30 * MINUTE)).pieces(
            Window(NOON - 90 * MINUTE, NOON + 30 * MINUTE)
        )
    )
    assert [piece.end - piece.start for piece in pieces] == [timedelta(minutes=30), HOUR, timedelta(minutes=30)]
    assert pieces[0].start == NOON - 90 * MINUTE
    assert read(store, "aws_minute", hours).height == 30


def test_pieces_tile_the_window_and_cross_no_month() -> None:
    window = Window(datetime(2024, 1, 31, 13, 7), datetime(2024, 3, 1, 0, 5))
    for dataset, stations in (
        ("aws_minute", None),
        ("aws_minute", [1]),
        ("aws_minute", range(10)),
        ("asos_hourly", None),
    ):
        pieces = list(ask(dataset, window, stations=stations).pieces(window))
        assert (pieces[0].start, pieces[-1].end) == (window.start, window.end)
        assert all(one.end == two.start for one, two in pairwise(pieces))
        assert all(len(list(months(piece))) == 1 for piece in pieces)
    assert [f"{month}" for month in months(window)] == [
        "(2024-01-31 13:07, 2024-02-01 00:00]",
        "(2024-02-01 00:00, 2024-03-01 00:00]",
        "(2024-03-01 00:00, 2024-03-01 00:05]",
    ]


def test_what_cannot_be_read_is_refused(tmp_path: object) -> None:
    for arguments, words in (
        ({"dataset": "aws_minuet"}, "aws_minute"),
        ({"columns": ["temperature"]}, "no column 'temperature'"),
        ({"columns": ["rn_60"]}, "rn_60m"),
        ({"stations": []}, "no station"),
        ({"columns": ["request_id"], "as_of": NOON}, "request_id"),
    ):
        with pytest.raises(UsageError, match=words):
            ask(**{"dataset": "aws_minute", "window": WINDOW, **arguments})  # type: ignore[arg-type]
    aware = datetime(2025, 1, 15, 3, 0, tzinfo=UTC)
    assert ask("aws_minute", WINDOW, as_of=aware).as_of == NOON


def test_every_column_of_every_table_has_a_meaning() -> None:
    for what in subjects().values():
        assert what.keys[:2] == ["tm_kst", "stn"]
        assert all(meaning.ko and meaning.en for meaning in what.columns.values())
        assert what.ko
        assert what.en
    assert subject("aws_present_weather_code").dataset.name == "aws_present_weather"
    assert not subject("aws_present_weather_code").is_main
