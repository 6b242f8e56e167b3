"""The DAG `kma_repair`: every ten minutes, what is due to be asked again; one task that looks, and one for each dataset that has something.

    start → stations → check → the datasets that have something due → end

A dataset of which nothing is due is skipped by the scheduler alone, without a worker. However long the collector was down, one run asks for all that is
missing since: there is no run for each missed interval.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule, get_current_context, task

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.form import repair_form
from kmaflow.airflow.builders.observations import OWNER, POOL, RETRIES, STATION_LIST_AGE, asset, stations_task
from kmaflow.airflow.provider.schedule import start_date
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.airflow.tasks import repair
from kmaflow.airflow.tasks.observations import CHECK
from kmaflow.catalog import DATASETS
from kmaflow.settings import load_settings

#: Four minutes after the live runs have begun.
_TIMETABLE = WindowTimetable(step=timedelta(minutes=10), delay=timedelta(minutes=7))


def repair_dag() -> DAG:
    """The DAG.

    Raises:
        UsageError: a setting cannot be used (shown as import error in the UI).
    """
    settings = load_settings()
    dag = DAG(
        "kma_repair",
        dag_display_name="기상청 관측 복구",
        description="빠진 관측과 늦은 값, 정정을 다시 요청합니다",
        doc_md=docs.REPAIR_DAG,
        schedule=_TIMETABLE,
        start_date=start_date(settings),
        catchup=False,
        max_active_runs=1,
        max_active_tasks=settings.max_active_tasks,
        default_args={"owner": OWNER, **RETRIES},
        params=repair_form(list(DATASETS.values()), settings.stations),
        tags=["kma", "repair"],
    )
    with dag:
        start = EmptyOperator(task_id="start", task_display_name="시작", doc_md=docs.START)
        end = EmptyOperator(
            task_id="end", task_display_name="종료", trigger_rule=TriggerRule.NONE_FAILED, doc_md=docs.END
        )
        stations = stations_task(STATION_LIST_AGE)
        check = _check_task()
        start >> stations >> check
        for dataset in DATASETS.values():
            mend = repair.MendDataset(
                task_id=dataset.name,
                task_display_name=dataset.ko,
                doc_md=docs.dataset(dataset),
                pool=POOL,
                outlets=[asset(dataset.name)],
                dataset=dataset.name,
            )
            check >> mend >> end
        stations >> end
    return dag


def _check_task() -> Any:
    @task.branch(
        task_id=CHECK,
        task_display_name="확인",
        doc_md=docs.REPAIR_CHECK,
        trigger_rule=TriggerRule.ALL_DONE,
        retries=1,
        retry_delay=timedelta(seconds=30),
    )
    def check() -> list[str]:
        return repair.due(get_current_context(), names=list(DATASETS))

    return check()
