"""The DAG `kma_backfill`: history, by hand, over as many days as the quota makes it last.

    start → stations → check → every dataset, once for each period → end

Without a schedule: its form says what. A dataset that lacks cells in the end is red, and the run with it, as in `kma_aws`; a run that waits for the next
day's quota is still running, and holds no worker slot.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule, get_current_context, task

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.form import backfill_form
from kmaflow.airflow.builders.observations import OWNER, POOL, RETRIES, STATION_LIST_AGE, asset, stations_task
from kmaflow.airflow.provider.schedule import start_date
from kmaflow.airflow.provider.setup import pool_slots
from kmaflow.airflow.tasks import backfill
from kmaflow.airflow.tasks.observations import CHECK
from kmaflow.catalog import DATASETS
from kmaflow.settings import load_settings

#: A worker that died is replaced within seconds; the last tries come when missing cells are due to be asked again, after 10 minutes.
_TRIES = 7


def backfill_dag() -> DAG:
    """The DAG.

    Raises:
        UsageError: a setting cannot be used (shown as import error in the UI).
    """
    settings = load_settings()
    dag = DAG(
        "kma_backfill",
        dag_display_name="기상청 과거 채우기",
        description="지난 관측에서 빠진 것을 한도 안에서 채웁니다",
        doc_md=docs.BACKFILL_DAG,
        schedule=None,
        start_date=start_date(settings),
        catchup=False,
        max_active_runs=1,
        # The rest of the pool is for live data, which is also let in first.
        max_active_tasks=min(settings.max_active_tasks, pool_slots(settings.max_active_tasks) // 2),
        default_args={"owner": OWNER, **RETRIES},
        params=backfill_form(list(DATASETS.values()), settings.stations, settings.backfill_share),
        tags=["kma", "backfill"],
    )
    with dag:
        start = EmptyOperator(task_id="start", task_display_name="시작", doc_md=docs.START)
        end = EmptyOperator(
            task_id="end", task_display_name="종료", trigger_rule=TriggerRule.NONE_FAILED, doc_md=docs.END
        )
        stations = stations_task(STATION_LIST_AGE)
        periods = _check_task()
        start >> stations >> periods
        for dataset in DATASETS.values():
            fill = backfill.FillPeriod.partial(
                task_id=dataset.name,
                task_display_name=dataset.ko,
                doc_md=docs.dataset(dataset),
                pool=POOL,
                outlets=[asset(dataset.name)],
                map_index_template="{% if task.period %}{{ task.period['from'] }} – {{ task.period['to'] }}{% else %}–{% endif %}",
                weight_rule="absolute",
                priority_weight=1,
                dataset=dataset.name,
                retries=_TRIES,
            ).expand(periods=periods)
            fill >> end
        stations >> end
    return dag


def _check_task() -> Any:
    @task(
        task_id=CHECK,
        task_display_name="확인",
        doc_md=docs.BACKFILL_CHECK,
        trigger_rule=TriggerRule.ALL_DONE,
        retries=1,
        retry_delay=RETRIES["retry_delay"] / 2,
    )
    def check() -> list[backfill.Periods]:
        return backfill.check(get_current_context())

    return check().as_setup()
