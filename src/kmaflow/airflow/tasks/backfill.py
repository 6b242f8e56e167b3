"""What the tasks of `kma_backfill` do: check the form and cut each dataset's time into periods; fill one of them, as long as the quota makes it last."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

from kmaflow.airflow.provider.versions import AirflowSkipException
from kmaflow.airflow.tasks.ending import ended, task_errors
from kmaflow.airflow.tasks.form import as_texts, chosen_stations, from_texts, open_for, past_window
from kmaflow.airflow.tasks.observations import SUMMARY, WindowIncomplete
from kmaflow.airflow.tasks.quota_operator import UntilQuota
from kmaflow.airflow.tasks.words import collected
from kmaflow.catalog import DATASETS, named
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import DAY, HOUR, Window, floor_to, parse_time
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.sdk import Context

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
    with task_errors(context):
        names = named(params["datasets"])
        window = past_window(parse_time(str(params["from"])), parse_time(str(params["to"])))
    with open_for(context, needs_hub=False) as collector:
        choice = chosen_stations(collector, params, names)
        from kmaflow.store.backfills import begun_row

        collector.store.note(begun_row(names, window, choice))
    parts = {name: list(reversed(periods_of(DATASETS[name], window))) for name in names}
    counts = ", ".join(f"{name} {len(own)}" for name, own in parts.items())
    log.info("window %s, stations %s, periods: %s", window, choice.describe(), counts)
    return [
        {name: as_texts(period) for name, period in zip(names, row, strict=True) if period is not None}
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
            raise AirflowSkipException(
                f"{self.dataset}: " + say_in_airflow("채울 기간이 없습니다", "there is no period to fill")
            )
        window = from_texts(self.period)
        with open_for(context, work="backfill") as collector:
            choice = chosen_stations(collector, params, [self.dataset])
            job = Backfill(collector, [self.dataset], window, choice, workers=1, patient=False)
            (found,) = job.run()
        until = job.deferred_until
        summary = found.summary() | {"deferred_until": f"{until:%Y-%m-%d %H:%M}" if until else None}
        log.info("%s", collected(summary))
        if until is not None or not found.left:
            return summary
        context["ti"].xcom_push(key=SUMMARY, value=summary)
        told = (
            found.trouble.told
            if found.trouble
            else say_in_airflow("다음 재시도 시각 전입니다", "the next try has not come")
        )
        raise ended(
            context,
            WindowIncomplete(
                f"{self.dataset} {window}: {found.left} cell(s) are still missing: {told}",
                ko=f"{self.dataset} {window}: {found.left:,}칸 누락: {told}",
            ),
            for_good=found.trouble is not None and found.trouble.for_a_person,
        )
