"""What the tasks of `kma_backfill` do: check the form and cut each dataset's time into periods; fill one of them, as long as the quota makes it last."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from kmaflow.airflow.tasks.observations import SUMMARY, WindowIncomplete, as_task_error
from kmaflow.airflow.tasks.quota_operator import UntilQuota
from kmaflow.catalog import DATASETS, named
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import DAY, HOUR, Window, floor_to, now_kst, parse_time
from kmaflow.errors import KmaflowError, UsageError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from kmaflow.collect import Collector, StationChoice

log = logging.getLogger(__name__)

#: A task costs a second or two of its own, so few of them do much.
_MOST_PERIODS = 40
#: A day of minutes is shared by several workers, and one that dies costs the others little.
_OF_A_DAY = 6 * HOUR
#: What one task of each dataset fills (``from`` and ``to``, KST texts); a dataset that has fewer periods than others is missing in the last ones.
Periods: TypeAlias = dict[str, dict[str, str]]


def check(context: Context) -> list[Periods]:
    """Check the form before anything is collected; gives what the tasks of each dataset are mapped over, the latest periods first."""
    params = context["params"]
    try:
        names = named(params["datasets"])
        window = Window(parse_time(str(params["from"])), parse_time(str(params["to"])))
        if window.end > now_kst():
            raise UsageError(
                f"to lies in the future: {window.end:%Y-%m-%d %H:%M} (it is {now_kst():%Y-%m-%d %H:%M} KST)",
                todo_en="choose a time that has passed",
                todo_ko="이미 지난 시각을 고르십시오",
            )
        with _collector(params, needs_hub=False) as collector:
            choice = _choice(collector, params, names)
    except KmaflowError as error:
        raise as_task_error(error) from None
    parts = {name: list(reversed(periods_of(DATASETS[name], window))) for name in names}
    counts = ", ".join(f"{name} {len(own)}" for name, own in parts.items())
    log.info("창/window %s, 지점/stations %s, 구간/periods: %s", window, choice.describe(), counts)
    return [
        {
            name: {"from": f"{period.start:%Y-%m-%d %H:%M}", "to": f"{period.end:%Y-%m-%d %H:%M}"}
            for name, period in zip(names, row, strict=True)
            if period is not None
        }
        for row in zip_longest(*parts.values())
    ]


def periods_of(dataset: Dataset, window: Window) -> list[Window]:
    """What one task fills of a dataset, in the order of time.

    Where one call reaches over days, it is cut where a call ends; else at midnights, or at quarters of the day where there is no more than a day.
    """
    unit = dataset.request.all_stations
    over_days = unit >= DAY
    if not over_days:
        unit = DAY if window.end - window.start > DAY else _OF_A_DAY
    length = -(-(window.end - window.start) // (_MOST_PERIODS * unit)) * unit
    start = window.start if over_days else floor_to(window.start, unit)
    parts = Window(start, window.end).split(length)
    return [Window(max(part.start, window.start), part.end) for part in parts]


class FillPeriod(UntilQuota):
    """Fills one dataset over one period.

    Args:
        dataset: its name.
        periods: one of those that :func:`check` gives.
    """

    def __init__(self, *, dataset: str, periods: Mapping[str, Mapping[str, str]], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.dataset = dataset
        self.period = periods.get(dataset)

    def work(self, context: Context) -> dict[str, Any]:
        """Ask for what is missing.

        Raises:
            AirflowSkipException: the dataset was not chosen, or other tasks fill all of its time.
            AirflowFailException: a refusal that only a person can mend.
            KmaflowError: cells are still missing, or disk or database failed; the task is retried.
        """
        from kmaflow.collect.backfill.backfill import Backfill

        params = context["params"]
        if self.period is None:
            raise AirflowSkipException(f"{self.dataset}: 할 구간 없음 / no period to fill here")
        window = Window(parse_time(self.period["from"]), parse_time(self.period["to"]))
        try:
            with _collector(params, needs_hub=True) as collector:
                choice = _choice(collector, params, [self.dataset])
                job = Backfill(collector, [self.dataset], window, choice, workers=1, patient=False)
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


def _choice(collector: Collector, params: Any, names: Iterable[str]) -> StationChoice:
    return collector.choose_stations(str(params["stations"]).strip(), names)
