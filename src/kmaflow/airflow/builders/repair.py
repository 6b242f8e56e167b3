"""The DAG `kma_repair`: every ten minutes, what is due to be asked again; one task that looks, and one for each dataset that has something.

    start → stations → check → the datasets that have something due → end

A dataset of which nothing is due is skipped by the scheduler alone, without a worker. However long the collector was down, one run asks for all that is
missing since: there is no run for each missed interval.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.dag import check_task, kma_dag, of_dataset
from kmaflow.airflow.builders.form import repair_form
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.airflow.tasks import repair
from kmaflow.catalog import DATASETS
from kmaflow.language import say_in_airflow
from kmaflow.settings import load_settings

#: Four minutes after the live runs have begun.
_TIMETABLE = WindowTimetable(step=timedelta(minutes=10), delay=timedelta(minutes=7))


def repair_dag(**arguments: Any) -> DAG:
    """The DAG; arguments as of :func:`kmaflow.airflow.builders.dag.kma_dag`.

    Raises:
        UsageError: a setting cannot be used (shown as import error in the UI).
    """
    settings = load_settings()
    with kma_dag(
        "kma_repair",
        title=say_in_airflow("기상청 누락자료 재수집", "KMA repair"),
        description=say_in_airflow(
            "빠진 관측, 늦게 온 값, 정정을 다시 요청합니다", "Requests missing, late and corrected observations again"
        ),
        page=docs.REPAIR_DAG,
        schedule=_TIMETABLE,
        max_active_tasks=settings.max_active_tasks,
        params=repair_form(list(DATASETS.values()), settings.stations),
        tags=["repair", "누락자료"],
        **arguments,
    ) as frame:
        check = check_task(docs.REPAIR_CHECK, lambda context: repair.due(context, names=list(DATASETS)), branch=True)
        frame.stations >> check
        for dataset in DATASETS.values():
            check >> repair.RepairDataset(dataset=dataset.name, **of_dataset(dataset)) >> frame.end
    return frame.dag
