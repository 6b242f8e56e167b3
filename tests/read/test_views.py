"""Views are read like datasets: the same rows on every engine, with the digits that mean something."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from kmaflow.catalog.time import ANY_TIME, Window
from kmaflow.errors import UsageError
from kmaflow.read import count, iter_frames, read, readable, views

from .filled import HOURS, LAST, MINUTES, Filled

NOON = Window(datetime(2025, 1, 15, 12), datetime(2025, 1, 15, 13))


def test_an_hour_is_what_the_database_says(filled: Filled) -> None:
    frame = read(filled.store, "v_hourly", NOON, stations="서울, 90", columns=["ta_mean", "wss_max_tm_kst", "n"])
    assert frame.columns == ["tm_kst", "stn", "ta_mean", "wss_max_tm_kst", "n"]
    assert frame.schema["n"] == pl.Int64
    minutes = read(filled.store, "aws_minute", MINUTES, stations=[90, 108])
    expected = minutes.group_by("stn").agg(pl.col("ta").mean().round(6)).sort("stn")
    assert frame["stn"].to_list() == [90, 108]
    assert frame["ta_mean"].to_list() == pytest.approx(expected["ta"].to_list(), abs=1e-9)
    assert [repr(value) for value in frame["ta_mean"]] == [repr(round(value, 6)) for value in frame["ta_mean"]]
    assert frame["tm_kst"].unique().to_list() == [NOON.end]
    assert set(frame["wss_max_tm_kst"].drop_nulls()) <= set(minutes["tm_kst"])


def test_a_window_gives_the_periods_that_end_in_it(filled: Filled) -> None:
    def hours(start: datetime, end: datetime) -> list[datetime]:
        return read(filled.store, "v_hourly", Window(start, end), stations=[108])["tm_kst"].to_list()

    assert hours(NOON.start, NOON.end) == [NOON.end]
    assert hours(NOON.end - timedelta(minutes=5), NOON.end) == [NOON.end], (
        "an hour of which minutes lie before the window is whole"
    )
    assert hours(NOON.start, LAST) == [], "the hour does not end in it"
    assert hours(NOON.end, NOON.end + timedelta(days=400)) == []
    days = read(filled.store, "v_daily", Window(datetime(2025, 1, 1), datetime(2025, 2, 1)), stations=[108])
    assert days["day"].to_list() == [date(2025, 1, 15)]
    assert days["tm_kst"].to_list() == [datetime(2025, 1, 16)]
    assert days["n"].to_list() == read(filled.store, "v_hourly", NOON, stations=[108])["n"].to_list()


def test_the_newest_row_of_each_station_has_no_window(filled: Filled) -> None:
    frame = read(filled.store, "v_latest", ANY_TIME)
    with filled.store.engine.connect() as connection:
        assert frame.height == connection.execute(sa.text("SELECT COUNT(*) FROM v_latest")).scalar_one()
    assert frame.height == count(filled.store, "v_latest", ANY_TIME)
    assert frame["stn"].is_sorted()
    seoul = read(filled.store, "v_latest", ANY_TIME, stations="서울").row(0, named=True)
    stamp, values = filled.cells["aws_minute"][108][0]
    assert (seoul["stn_ko"], seoul["tm_kst"], seoul["ta"]) == ("서울", stamp, values["ta"])
    assert seoul["asos_tm_kst"] == HOURS.end


@pytest.mark.parametrize("name", views())
def test_every_column_of_every_view_can_be_read(filled: Filled, name: str) -> None:
    whole = pl.concat(iter_frames(filled.store, name, ANY_TIME))
    assert list(whole.schema) == list(readable(name).columns)
    assert not whole.is_empty()
    assert whole.equals(read(filled.store, name, ANY_TIME))
    assert all(meaning.ko and meaning.en for meaning in readable(name).columns.values())


def test_what_a_view_cannot_answer(filled: Filled) -> None:
    with pytest.raises(UsageError, match="as they are now"):
        read(filled.store, "v_daily", NOON, as_of=LAST)
    with pytest.raises(UsageError, match="no column 'ta'"):
        read(filled.store, "v_daily", NOON, columns=["ta"])
    with pytest.raises(UsageError, match="v_hourly"):
        read(filled.store, "v_hour", NOON)
