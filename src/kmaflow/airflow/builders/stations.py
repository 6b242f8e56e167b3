"""The DAG `kma_stations`: both station lists, once a day, with their history."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.form import connection_form
from kmaflow.airflow.builders.observations import OWNER, RETRIES, stations_task
from kmaflow.airflow.provider.schedule import start_date
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.settings import load_settings

#: Half a day: this DAG is what keeps the lists young, so it must not be stopped by its own run of the day before.
_MAX_AGE = timedelta(hours=12)


def stations_dag() -> DAG:
    """start → stations → end, at 03:00 KST. Never catches up: a list tells what is, not what was."""
    dag = DAG(
        "kma_stations",
        dag_display_name="기상청 지점 정보",
        description="AWS와 ASOS 지점 목록",
        doc_md=docs.STATIONS_DAG,
        schedule=WindowTimetable(timedelta(days=1), timedelta(hours=3)),
        start_date=start_date(load_settings()),
        catchup=False,
        max_active_runs=1,
        default_args={"owner": OWNER, **RETRIES},
        params=connection_form(),
        tags=["kma", "stations"],
    )
    with dag:
        start = EmptyOperator(task_id="start", task_display_name="시작", doc_md=docs.START)
        end = EmptyOperator(
            task_id="end", task_display_name="종료", trigger_rule=TriggerRule.NONE_FAILED, doc_md=docs.END
        )
        start >> stations_task(_MAX_AGE) >> end
    return dag
