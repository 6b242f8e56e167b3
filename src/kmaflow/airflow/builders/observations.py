"""The DAGs that collect observations, `kma_aws` and `kma_asos`: one for each schedule of the catalogue.

    start → stations → check → wave 1 → wave 2 → wave 3 → end        (a wave: two datasets side by side)

How the edges and rules give what is promised:

* ``check`` is a *setup* task: when it fails, Airflow marks every task behind it ``upstream_failed``, whatever its trigger rule. Clearing a
  dataset's task runs ``check`` again first, which is what fixes the window. (Airflow wants ``all_success`` directly behind a setup task.)
* Every later wave waits for the one before it with ``all_done``: the order spares the hub, and a failed or skipped dataset does
  not stop the next one.
* ``check`` waits for ``stations`` with ``all_done`` too: minutes are lost for ever after a while, a station list is not. The run is red then.
* A dataset that the day's quota stops ends ``skipped``, and so do the station lists: no rule above is harmed by that, and the run is green.
* ``end`` hangs on every task with ``none_failed``: one failure, and it is ``upstream_failed``, and the run with it.

Parsing is light: no polars, no database, no hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, TriggerRule, get_current_context, task

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.form import observation_form
from kmaflow.airflow.provider.schedule import catchup, start_date
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.airflow.tasks import observations
from kmaflow.catalog import DAGS, DATASETS, SCHEDULES
from kmaflow.settings import load_settings

if TYPE_CHECKING:
    from kmaflow.catalog.model import Dataset, Schedule

POOL = "kma_apihub"
#: So many datasets of a DAG are asked at a time: the order spares the hub.
_SIDE_BY_SIDE = 2
OWNER = "kmaflow"
STATION_LIST_AGE = timedelta(hours=24)
#: The first retry comes within 30 s (Airflow waits once to twice the delay), so that what a killed worker left runs elsewhere soon; the last one
#: more than 7 minutes after the first try, so that a hub that is away for a while is survived.
RETRIES: dict[str, Any] = {
    "retries": 5,
    "retry_delay": timedelta(seconds=15),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
}


def asset(name: str) -> Asset:
    """The asset that a complete window of a dataset updates; others wait for it with ``Asset("kma://NAME")``.

    So its name is that very text. (As URI Airflow writes ``kma://NAME/``, here and there alike.)
    """
    return Asset(f"kma://{name}", group="kma")


def observation_dags() -> dict[str, DAG]:
    """All collecting DAGs, by id.

    Raises:
        UsageError: a setting cannot be used (shown as import error in the UI).
    """
    return {
        dag_id: observation_dag(SCHEDULES[dag_id], [DATASETS[name] for name in names]) for dag_id, names in DAGS.items()
    }


def observation_dag(schedule: Schedule, datasets: Sequence[Dataset]) -> DAG:
    """One collecting DAG.

    Args:
        schedule: gives each run its window.
        datasets: in the order in which they are asked, two at a time.

    Raises:
        UsageError: a setting cannot be used.
    """
    settings = load_settings()
    timetable = WindowTimetable(schedule.every, schedule.delay)
    waves = [datasets[first : first + _SIDE_BY_SIDE] for first in range(0, len(datasets), _SIDE_BY_SIDE)]
    dag = DAG(
        schedule.dag,
        dag_display_name=schedule.ko,
        description=" · ".join(dataset.ko for dataset in datasets),
        doc_md=docs.observations(datasets, timetable),
        schedule=timetable,
        start_date=start_date(settings),
        catchup=catchup(settings),
        max_active_runs=1,
        max_active_tasks=settings.max_active_tasks,
        default_args={"owner": OWNER, **RETRIES},
        params=observation_form(datasets, settings.stations),
        tags=["kma", *schedule.tags],
    )
    with dag:
        start = EmptyOperator(task_id="start", task_display_name="시작", doc_md=docs.START)
        end = EmptyOperator(
            task_id="end", task_display_name="종료", trigger_rule=TriggerRule.NONE_FAILED, doc_md=docs.END
        )
        stations = stations_task(STATION_LIST_AGE)
        check = _check_task([dataset.name for dataset in datasets])
        start >> stations >> check
        before = [check]
        for wave in waves:
            rule = TriggerRule.ALL_SUCCESS if wave is waves[0] else TriggerRule.ALL_DONE
            now = [_dataset_task(dataset, rule) for dataset in wave]
            for earlier in before:
                earlier >> now
            before = now
            now >> end
        stations >> end
    return dag


def stations_task(max_age: timedelta) -> Any:
    """The task `stations`: fetches the station lists unless they are younger than ``max_age``."""

    @task(
        task_id="stations",
        task_display_name="지점 정보",
        doc_md=docs.STATIONS,
        pool=POOL,
        retries=1,
        retry_delay=timedelta(seconds=30),
    )
    def stations() -> dict[str, Any]:
        return observations.sync_stations(get_current_context(), max_age=max_age)

    return stations()


def _check_task(names: Sequence[str]) -> Any:
    @task(
        task_id=observations.CHECK,
        task_display_name="확인",
        doc_md=docs.CHECK,
        trigger_rule=TriggerRule.ALL_DONE,
        retries=1,
        retry_delay=timedelta(seconds=30),
    )
    def check() -> dict[str, Any]:
        return observations.check(get_current_context(), names=names)

    return check().as_setup()


def _dataset_task(dataset: Dataset, rule: TriggerRule) -> Any:
    @task(
        task_id=dataset.name,
        task_display_name=dataset.ko,
        doc_md=docs.dataset(dataset),
        pool=POOL,
        outlets=[asset(dataset.name)],
        trigger_rule=rule,
    )
    def collect() -> dict[str, Any]:
        return observations.collect(get_current_context(), dataset=dataset.name)

    return collect()
