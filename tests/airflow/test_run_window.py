"""Which window a run collects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pendulum
import pytest

from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.airflow.tasks.form import run_window
from kmaflow.catalog.time import Window
from kmaflow.errors import UsageError

TIMETABLE = WindowTimetable(timedelta(hours=1), timedelta(minutes=20))
NOW = datetime(2026, 3, 1, 12, 30)
RUN_AFTER = datetime(2026, 3, 1, 3, 19, tzinfo=UTC)


def window(
    start: str | None, end: str | None, interval: tuple[datetime, datetime] | None = None, *, by_hand: bool = True
) -> Window:
    form = {"from": start, "to": end}
    return run_window(form, interval=interval, by_hand=by_hand, run_after=RUN_AFTER, timetable=TIMETABLE, now=NOW)


def test_the_data_interval_is_the_window() -> None:
    interval = (datetime(2026, 3, 1, 0, 0, tzinfo=UTC), datetime(2026, 3, 1, 1, 0, tzinfo=UTC))
    assert window(None, None, interval) == Window(datetime(2026, 3, 1, 9), datetime(2026, 3, 1, 10))


def test_a_pendulum_time_becomes_a_plain_one() -> None:
    interval = (pendulum.datetime(2026, 3, 1, 0, 0), pendulum.datetime(2026, 3, 1, 1, 0))
    assert type(window(None, None, interval).end) is datetime


def test_from_and_to_win() -> None:
    interval = (datetime(2026, 3, 1, 0, 0, tzinfo=UTC), datetime(2026, 3, 1, 1, 0, tzinfo=UTC))
    found = window("2026-03-01 00:00", "202603010130", interval)
    assert found == Window(datetime(2026, 3, 1), datetime(2026, 3, 1, 1, 30))


def test_each_run_of_a_backfill_keeps_its_own_interval() -> None:
    interval = (datetime(2026, 3, 1, 0, 0, tzinfo=UTC), datetime(2026, 3, 1, 1, 0, tzinfo=UTC))
    found = window("2026-02-01 00:00", "2026-02-01 01:30", interval, by_hand=False)
    assert found == Window(datetime(2026, 3, 1, 9), datetime(2026, 3, 1, 10))


def test_a_run_without_interval_takes_the_one_complete_when_it_was_triggered() -> None:
    assert window(" ", None) == Window(datetime(2026, 3, 1, 10), datetime(2026, 3, 1, 11)), (
        "12:19 KST: 12:00 comes at 12:20"
    )


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-03-01 00:00", None, "only from is given"),
        (None, "2026-03-01 00:00", "only to is given"),
        ("2026-03-01 02:00", "2026-03-01 01:00", "empty"),
        ("2026-03-01 00:00", "2026-03-01 12:31", "lies in the future"),
        ("2026-03-01T00:00Z", "2026-03-01T01:00Z", "not in KST"),
        ("Tuesday", "2026-03-01 01:00", "not a time"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_of_two_languages(start: str | None, end: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        window(start, end)
    assert "\n" not in str(refused.value)
    assert refused.value.todo_ko
    assert refused.value.todo_en
