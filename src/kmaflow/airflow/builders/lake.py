"""The DAG `kma_lake`: the lake follows the database, whenever a dataset has new values. Paused until somebody wants a lake."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAny, TriggerRule, get_current_context, task

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.dag import asset, kma_dag
from kmaflow.airflow.builders.form import connection_form
from kmaflow.airflow.tasks import lake as tasks
from kmaflow.catalog import DATASETS
from kmaflow.language import say_in_airflow


def lake_dag() -> DAG:
    """start → stations → lake → end, after each run that loaded something; while one is under way, later ones wait."""
    with kma_dag(
        "kma_lake",
        title=say_in_airflow("기상청 관측 레이크", "KMA lake"),
        description=say_in_airflow(
            "바뀐 관측을 Parquet 레이크에 씁니다", "Writes what has changed into the Parquet lake"
        ),
        page=docs.LAKE_DAG,
        schedule=AssetAny(*map(asset, DATASETS)),
        params=connection_form(),
        tags=["lake", "레이크"],
        is_paused_upon_creation=True,
    ) as frame:
        frame.stations >> _lake_task() >> frame.end
        return frame.dag


def _lake_task() -> Any:
    @task(
        task_id="lake",
        task_display_name=say_in_airflow("레이크", "lake"),
        doc_md=docs.LAKE,
        trigger_rule=TriggerRule.ALL_DONE,
        retries=2,
        retry_delay=timedelta(minutes=1),
    )
    def lake() -> dict[str, Any]:
        return tasks.keep(get_current_context())

    return lake()
