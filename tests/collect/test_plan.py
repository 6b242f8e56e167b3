"""The plan tiles the window with the fewest calls that the hub accepts."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL, StationChoice
from kmaflow.collect.planning.calls import plan

_STARTS = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)
_CHOICES = st.one_of(
    st.just(ALL),
    st.lists(st.integers(90, 999), min_size=1, max_size=5, unique=True).map(
        lambda numbers: StationChoice(tuple(sorted(numbers)))
    ),
)


@given(
    name=st.sampled_from(sorted(DATASETS)),
    start=_STARTS,
    minutes=st.integers(1, 5000),
    choice=_CHOICES,
    span=st.integers(1, 180),
)
def test_calls_tile_the_window_for_every_station(
    name: str, start: datetime, minutes: int, choice: StationChoice, span: int
) -> None:
    dataset = DATASETS[name]
    whole = Window(start, start + minutes * MINUTE)
    calls = plan(dataset, whole, choice, span)
    asked = {call.stn for call in calls}
    assert asked == {None} or asked == set(choice.stations or ())
    for stn in asked:
        parts = [call.window for call in calls if call.stn == stn]
        assert (parts[0].start, parts[-1].end) == (whole.start, whole.end)
        assert all(before.end == after.start for before, after in pairwise(parts))
        longest = dataset.request.all_stations if stn is None else dataset.request.one_station
        if stn is None and dataset.cadence < HOUR:
            longest = span * MINUTE
        assert all(part.end - part.start <= longest for part in parts)
    assert calls == sorted(calls, key=lambda call: call.window.start)


@pytest.mark.parametrize(
    ("stations", "hours", "calls", "single"),
    [
        (None, 1, 6, False),
        ((108,), 1, 1, True),
        ((108, 119), 24, 2, True),
        ((108, 119, 133, 143, 152, 159), 1, 6, False),
        ((108, 119, 133, 143, 152), 1, 5, True),
        ((108,), 48, 2, True),
    ],
)
def test_single_stations_are_asked_where_that_costs_fewer_calls(
    stations: tuple[int, ...] | None, hours: int, calls: int, single: bool
) -> None:
    noon = datetime(2025, 1, 15, 12)
    found = plan(DATASETS["aws_minute"], Window(noon, noon + hours * HOUR), StationChoice(stations), 10)
    assert len(found) == calls
    assert all((call.stn is not None) is single for call in found)


def test_asos_is_asked_by_months_whatever_window_minutes_says() -> None:
    start = datetime(2025, 1, 1)
    found = plan(DATASETS["asos_hourly"], Window(start, start + 90 * DAY), ALL, 1)
    assert [call.window.end - call.window.start for call in found] == [timedelta(days=30)] * 3
