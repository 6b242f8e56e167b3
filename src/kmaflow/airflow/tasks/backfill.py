"""What the tasks of `kma_backfill` do: check the form and cut the time into periods; fill one dataset over one period, as long as the quota makes it last."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from kmaflow.airflow.tasks.observations import SUMMARY, WindowIncomplete, as_task_error
from kmaflow.airflow.tasks.quota_operator import UntilQuota
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, Window, floor_to, now_kst, parse_time
from kmaflow.errors import KmaflowError, UsageError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from kmaflow.collect import Collector, StationChoice

log = logging.getLogger(__name__)

#: A task costs a second or two of its own, so few of them do much.
_MOST_PERIODS = 40
#: One call brings 30 days of hours. A day of minutes is shared by several workers, and one that dies costs the others little.
_OF_HOURS, _OF_A_DAY = 30 * DAY, 6 * HOUR


def check(context: Context) -> list[dict[str, str]]:
    """Check the form before anything is collected; gives the periods over which the tasks are mapped, the latest first."""
    params = context["params"]
    try:
        names = [str(name) for name in params["datasets"]]
        unknown = [name for name in names if name not in DATASETS]
        if unknown or not names:
            raise UsageError(
                f"no such dataset: {', '.join(unknown) or '(none chosen)'}",
                todo_en=f"choose among {', '.join(DATASETS)}",
                todo_ko=f"{', '.join(DATASETS)} 가운데에서 고르십시오",
            )
        window = Window(parse_time(str(params["from"])), parse_time(str(params["to"])))
        if window.end > now_kst():
            raise UsageError(
                f"to lies in the future: {window.end:%Y-%m-%d %H:%M} (it is {now_kst():%Y-%m-%d %H:%M} KST)",
                todo_en="choose a time that has passed",
                todo_ko="이미 지난 시각을 고르십시오",
            )
        with _collector(params, needs_hub=False) as collector:
            choice = _choice(collector, params)
    except KmaflowError as error:
        raise as_task_error(error) from None
    periods = periods_of(names, window)
    log.info("창/window %s, 지점/stations %s, 구간/periods %d", window, choice.describe(), len(periods))
    return [
        {"from": f"{period.start:%Y-%m-%d %H:%M}", "to": f"{period.end:%Y-%m-%d %H:%M}"} for period in reversed(periods)
    ]


def periods_of(names: list[str], window: Window) -> list[Window]:
    """What one task fills, in the order of time; cut at midnights, or at quarters of the day where there is no more than a day."""
    if all(DATASETS[name].cadence >= HOUR for name in names):
        unit = _OF_HOURS
    else:
        unit = DAY if window.end - window.start > DAY else _OF_A_DAY
    length = -(-(window.end - window.start) // (_MOST_PERIODS * unit)) * unit
    parts = Window(floor_to(window.start, min(unit, DAY)), window.end).split(length)
    return [Window(max(part.start, window.start), part.end) for part in parts]


class FillPeriod(UntilQuota):
    """Fills one dataset over one period.

    Args:
        dataset: its name.
        period: ``from`` and ``to``, KST texts.
    """

    def __init__(self, *, dataset: str, period: Mapping[str, str], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.dataset = dataset
        self.period = period

    def work(self, context: Context) -> dict[str, Any]:
        """Ask for what is missing.

        Raises:
            AirflowSkipException: the dataset was not chosen.
            AirflowFailException: a refusal that only a person can mend.
            KmaflowError: cells are still missing, or disk or database failed; the task is retried.
        """
        from kmaflow.collect.backfill.backfill import Backfill

        params = context["params"]
        if self.dataset not in params["datasets"]:
            raise AirflowSkipException(f"{self.dataset}: 선택되지 않음 / not chosen")
        window = Window(parse_time(self.period["from"]), parse_time(self.period["to"]))
        try:
            with _collector(params, needs_hub=True) as collector:
                job = Backfill(collector, [self.dataset], window, _choice(collector, params), workers=1, patient=False)
                (found,) = job.run()
        except KmaflowError as error:
            raise as_task_error(error) from None
        until = job.deferred_until
        summary = found.summary() | {"deferred_until": f"{until:%Y-%m-%d %H:%M}" if until else None}
        log.info("%s", summary)
        if until is not None or not found.left:
            return summary
        context["ti"].xcom_push(key=SUMMARY, value=summary)
        if found.trouble is not None and found.trouble.for_a_person:
            raise AirflowFailException(found.trouble.told)
        told = found.trouble.told if found.trouble else "the next try has not come"
        raise WindowIncomplete(f"{self.dataset} {window}: {found.left} cell(s) are still missing: {told}")


def _collector(params: Any, *, needs_hub: bool) -> Collector:
    from kmaflow.airflow.provider.connections import open_collector

    return open_collector(
        hub_conn_id=str(params["hub_conn_id"]),
        conn_id=str(params["conn_id"]),
        needs_hub=needs_hub,
        work="backfill",
        backfill_share=float(params["share"]),
    )


def _choice(collector: Collector, params: Any) -> StationChoice:
    networks = tuple({DATASETS[name].network for name in params["datasets"]})
    return collector.choose_stations(str(params["stations"]).strip(), networks=networks)
