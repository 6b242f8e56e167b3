"""Which window a run collects: from/to of its form, else its data interval."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kmaflow.catalog.time import Window, parse_time, to_kst
from kmaflow.errors import UsageError

if TYPE_CHECKING:
    from kmaflow.airflow.provider.timetable import WindowTimetable


def run_window(
    params: Mapping[str, Any],
    *,
    interval: tuple[datetime, datetime] | None,
    run_after: datetime,
    timetable: WindowTimetable,
    now: datetime,
) -> Window:
    """The window of one run, naive KST.

    Args:
        params: the form; ``from`` and ``to`` are texts, None or empty.
        interval: the run's data interval (aware), None for a run that was triggered without a logical date.
        run_after: when the run was to start (aware). Such a run takes the interval that was the last complete one *then*, so
            that a retry or a cleared run asks for the same window again.
        timetable: of the DAG.
        now: naive KST.

    Raises:
        UsageError: one line: not a time, not KST, only one of the two, from ≥ to, or in the future.
    """
    start_text, end_text = (str(params.get(name) or "").strip() for name in ("from", "to"))
    if start_text or end_text:
        if not (start_text and end_text):
            raise UsageError(
                f"only {'from' if start_text else 'to'} is given",
                todo_en="give from and to, or neither",
                todo_ko="from과 to를 함께 쓰거나 둘 다 비우십시오",
            )
        window = Window(parse_time(start_text), parse_time(end_text))
        if window.end > now:
            raise UsageError(
                f"to lies in the future: {window.end:%Y-%m-%d %H:%M} (it is {now:%Y-%m-%d %H:%M} KST)",
                todo_en="choose a time that has passed",
                todo_ko="이미 지난 시각을 고르십시오",
            )
        return window
    if interval is None:
        interval = timetable.last_complete(run_after)
    return Window(_plain(interval[0]), _plain(interval[1]))


def _plain(moment: datetime) -> datetime:
    """Airflow's time (pendulum, whose arithmetic is its own) as a plain datetime, naive KST."""
    return to_kst(datetime.fromtimestamp(moment.timestamp(), UTC))
