"""The DAG `kma_backfill`: history, by hand, over as many days as the quota makes it last.

    start → stations → check → every dataset, once for each period → end

Without a schedule: its form says what. A dataset that lacks cells in the end is red, and the run with it, as in `kma_aws`; a run that waits for the next
day's quota is still running, and holds no worker slot.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.dag import check_task, kma_dag, of_dataset
from kmaflow.airflow.builders.form import backfill_form
from kmaflow.airflow.provider.setup import pool_slots
from kmaflow.airflow.tasks import backfill
from kmaflow.catalog import DATASETS
from kmaflow.language import say_in_airflow
from kmaflow.settings import load_settings

#: A worker that died is replaced within seconds; the last tries come when missing cells are due to be asked again, after 10 minutes.
_TRIES = 7


def backfill_dag(**arguments: Any) -> DAG:
    """The DAG; arguments as of :func:`kmaflow.airflow.builders.dag.kma_dag`.

    Raises:
        UsageError: a setting cannot be used (shown as import error in the UI).
    """
    settings = load_settings()
    with kma_dag(
        "kma_backfill",
        title=say_in_airflow("기상청 과거자료 수집", "KMA backfill"),
        description=say_in_airflow(
            "지난 관측의 누락을 하루 한도 안에서 채웁니다", "Fills past observations within the day's quota"
        ),
        page=docs.BACKFILL_DAG,
        schedule=None,
        # The rest of the pool is for live data, which is also let in first.
        max_active_tasks=min(settings.max_active_tasks, pool_slots(settings.max_active_tasks) // 2),
        params=backfill_form(list(DATASETS.values()), settings.stations, settings.backfill_share),
        tags=["backfill", "과거자료"],
        **arguments,
    ) as frame:
        periods = check_task(docs.BACKFILL_CHECK, backfill.check).as_setup()
        frame.stations >> periods
        for dataset in DATASETS.values():
            fill = backfill.FillPeriod.partial(
                **of_dataset(dataset),
                map_index_template="{% if task.period %}{{ task.period['from'] }} – {{ task.period['to'] }}{% else %}–{% endif %}",
                weight_rule="absolute",
                priority_weight=1,
                dataset=dataset.name,
                retries=_TRIES,
            ).expand(periods=periods)
            fill >> frame.end
    return frame.dag
