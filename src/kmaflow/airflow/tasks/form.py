"""What a run's form chose: window, datasets, stations, connections."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kmaflow.airflow.tasks.ending import task_errors
from kmaflow.catalog.time import Window, now_kst, parse_time, to_kst
from kmaflow.errors import UsageError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from kmaflow.airflow.provider.timetable import WindowTimetable
    from kmaflow.collect import Collector, StationChoice
    from kmaflow.quota.limits import CallClass

log = logging.getLogger(__name__)


@contextmanager
def open_for(context: Context, *, needs_hub: bool = True, work: CallClass = "live") -> Iterator[Collector]:
    """The core's facade, opened with the connections that the form names; within, errors of ours end the task.

    Args:
        work: the class to which its calls are charged.
    """
    from kmaflow.airflow.provider.connections import open_collector

    params = context["params"]
    with task_errors(context):
        share = params.get("share")
        with open_collector(
            hub_conn_id=str(params["hub_conn_id"]),
            conn_id=str(params["conn_id"]),
            needs_hub=needs_hub,
            work=work,
            backfill_share=None if share is None else float(share),
        ) as collector:
            yield collector


def chosen_stations(collector: Collector, params: Mapping[str, Any], names: Iterable[str]) -> StationChoice:
    """The stations that the form chose, of the datasets.

    Raises:
        UsageError: an unknown one.
    """
    return collector.choose_stations(str(params["stations"]).strip(), names)


def given_time(params: Mapping[str, Any], name: str) -> datetime | None:
    """``from`` or ``to`` of the form, None where it is empty.

    Raises:
        UsageError: no time, or not KST.
    """
    text = str(params.get(name) or "").strip()
    return parse_time(text) if text else None


def past_window(begin: datetime, end: datetime, now: datetime | None = None) -> Window:
    """The window between two times of the form.

    Raises:
        UsageError: from ≥ to, or in the future.
    """
    window, now = Window(begin, end), now or now_kst()
    if window.end > now:
        raise UsageError(
            f"to lies in the future: {window.end:%Y-%m-%d %H:%M} (it is {now:%Y-%m-%d %H:%M} KST)",
            ko=f"to가 미래입니다: {window.end:%Y-%m-%d %H:%M} (지금은 한국시각 {now:%Y-%m-%d %H:%M})",
            todo_en="choose a time that has passed",
            todo_ko="지난 시각을 입력하십시오",
        )
    return window


def as_texts(window: Window) -> dict[str, str]:
    """``from`` and ``to`` as KST texts, which go through XCom."""
    return {"from": f"{window.start:%Y-%m-%d %H:%M}", "to": f"{window.end:%Y-%m-%d %H:%M}"}


def from_texts(texts: Mapping[str, Any]) -> Window:
    """The window of :func:`as_texts`."""
    return Window(parse_time(texts["from"]), parse_time(texts["to"]))


def run_window(
    params: Mapping[str, Any],
    *,
    interval: tuple[datetime, datetime] | None,
    by_hand: bool,
    run_after: datetime,
    timetable: WindowTimetable,
    now: datetime,
) -> Window:
    """The window of one run, naive KST.

    Args:
        params: the form; ``from`` and ``to`` are texts, None or empty. Only a run by hand heeds them: Airflow's Backfill hands one form to all
            its runs, each of which has an interval of its own.
        interval: the run's data interval (aware), None for a run that was triggered without a logical date.
        run_after: when the run was to start (aware). Such a run takes the interval that was the last complete one *then*, so
            that a retry or a cleared run asks for the same window again.
        timetable: of the DAG.
        now: naive KST.

    Raises:
        UsageError: one line: not a time, not KST, only one of the two, from ≥ to, or in the future.
    """
    begin, end = (given_time(params, name) if by_hand else None for name in ("from", "to"))
    if begin and end:
        return past_window(begin, end, now)
    if begin or end:
        raise UsageError(
            f"only {'from' if begin else 'to'} is given",
            ko=f"{'from' if begin else 'to'}만 입력했습니다",
            todo_en="give from and to, or neither",
            todo_ko="from과 to를 함께 쓰거나 둘 다 비우십시오",
        )
    if interval is None:
        interval = timetable.last_complete(run_after)
    return Window(_plain(interval[0]), _plain(interval[1]))


def _plain(moment: datetime) -> datetime:
    """Airflow's time (pendulum, whose arithmetic is its own) as a plain datetime, naive KST."""
    return to_kst(datetime.fromtimestamp(moment.timestamp(), UTC))
