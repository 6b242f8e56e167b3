"""The timetable: intervals that tile, runs that start when the hub has the data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pendulum
import pytest
from airflow.exceptions import AirflowTimetableInvalid
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from hypothesis import given
from hypothesis import strategies as st

from kmaflow.airflow.provider import timetable as module
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.catalog.time import floor_to, to_kst

AWS = WindowTimetable(timedelta(minutes=10), timedelta(minutes=3))
DAILY = WindowTimetable(timedelta(days=1), timedelta(hours=3))
steps = st.sampled_from([1, 5, 10, 30, 60, 360, 1440]).map(lambda minutes: timedelta(minutes=minutes))
delays = st.integers(0, 300).map(lambda minutes: timedelta(minutes=minutes))
timetables = st.builds(WindowTimetable, steps, delays)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)).map(pendulum.instance)


def on_the_grid(moment: datetime, step: timedelta) -> bool:
    kst = to_kst(datetime.fromtimestamp(moment.timestamp(), UTC))
    return floor_to(kst, step) == kst


def catching_up(timetable: WindowTimetable, since: pendulum.DateTime, count: int) -> list[DagRunInfo]:
    infos: list[DagRunInfo] = []
    for _ in range(count):
        last = infos[-1].data_interval if infos else None
        info = timetable.next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(since, None, catchup=True)
        )
        assert info is not None
        infos.append(info)
    return infos


@given(timetables, moments)
def test_runs_tile_kst_without_gap_or_overlap_and_start_after_the_delay(
    timetable: WindowTimetable, since: pendulum.DateTime
) -> None:
    infos = catching_up(timetable, since, 5)
    for info in infos:
        assert info.data_interval is not None
        assert info.data_interval.end - info.data_interval.start == timetable.step
        assert on_the_grid(info.data_interval.start, timetable.step)
        assert info.run_after == info.data_interval.end + timetable.delay
    for before, after in pairwise(infos):
        assert before.data_interval is not None
        assert after.data_interval is not None
        assert before.data_interval.end == after.data_interval.start
    first = infos[0].data_interval
    assert first is not None
    assert since <= first.start < since + timetable.step


@given(timetables, moments)
def test_a_run_by_hand_takes_the_last_interval_the_hub_has(
    timetable: WindowTimetable, moment: pendulum.DateTime
) -> None:
    interval = timetable.infer_manual_data_interval(run_after=moment)
    assert interval.end - interval.start == timetable.step
    assert on_the_grid(interval.end, timetable.step)
    assert interval.end + timetable.delay <= moment < interval.end + timetable.delay + timetable.step


@given(timetables)
def test_it_survives_airflows_database(timetable: WindowTimetable) -> None:
    again = decode_timetable(encode_timetable(timetable))
    assert again == timetable
    assert hash(again) == hash(timetable)
    assert repr(again) == repr(timetable)
    assert again.summary == timetable.summary


@given(timetables, moments, moments)
def test_without_catchup_the_first_run_is_the_last_complete_interval(
    timetable: WindowTimetable, now: pendulum.DateTime, start_date: pendulum.DateTime
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "now", lambda _: now)
        info = timetable.next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(start_date, None, catchup=False)
        )
    assert info is not None
    assert info.data_interval is not None
    if info.run_after > now:
        assert info.data_interval.start >= start_date
    else:
        assert info.data_interval == timetable.last_complete(now)


def test_without_catchup_an_outage_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "now", lambda _: pendulum.datetime(2026, 3, 1, 5, 4))
    last = DataInterval(pendulum.datetime(2026, 3, 1, 0, 0), pendulum.datetime(2026, 3, 1, 0, 10))
    info = AWS.next_dagrun_info(
        last_automated_data_interval=last,
        restriction=TimeRestriction(pendulum.datetime(2026, 1, 1), None, catchup=False),
    )
    assert info is not None
    assert info.data_interval == (pendulum.datetime(2026, 3, 1, 4, 50), pendulum.datetime(2026, 3, 1, 5, 0))


def test_a_changed_step_never_repeats_a_start() -> None:
    last = DataInterval(pendulum.datetime(2026, 3, 1, 0, 5), pendulum.datetime(2026, 3, 1, 0, 6))
    info = AWS.next_dagrun_info(
        last_automated_data_interval=last,
        restriction=TimeRestriction(pendulum.datetime(2026, 1, 1), None, catchup=True),
    )
    assert info is not None
    assert info.data_interval is not None
    assert info.data_interval.start == pendulum.datetime(2026, 3, 1, 0, 10)


def test_a_day_begins_at_midnight_kst() -> None:
    (info,) = catching_up(DAILY, pendulum.datetime(2026, 3, 1, 1, 0), 1)
    assert info.data_interval is not None
    assert to_kst(info.data_interval.start) == datetime(2026, 3, 2)
    assert to_kst(info.run_after) == datetime(2026, 3, 3, 3)


def test_it_ends_with_the_end_date_and_needs_a_beginning() -> None:
    end = pendulum.datetime(2026, 3, 1)
    last = DataInterval(end, end.add(minutes=10))
    over = TimeRestriction(None, end, catchup=True)
    assert AWS.next_dagrun_info(last_automated_data_interval=last, restriction=over) is None
    assert AWS.next_dagrun_info(last_automated_data_interval=None, restriction=over) is None


@pytest.mark.parametrize(
    "timetable",
    [
        WindowTimetable(timedelta(0), timedelta(0)),
        WindowTimetable(timedelta(minutes=7), timedelta(0)),
        WindowTimetable(timedelta(days=2), timedelta(0)),
        WindowTimetable(timedelta(microseconds=500_000), timedelta(0)),
        WindowTimetable(timedelta(hours=1), timedelta(minutes=-1)),
    ],
)
def test_steps_that_do_not_divide_a_day_are_refused(timetable: WindowTimetable) -> None:
    with pytest.raises(AirflowTimetableInvalid):
        timetable.validate()


def test_it_is_equal_to_its_like_only() -> None:
    AWS.validate()
    assert AWS != DAILY
    assert AWS != "10 minutes"
