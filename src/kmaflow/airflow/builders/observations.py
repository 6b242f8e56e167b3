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
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, TriggerRule, get_current_context, task

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.dag import check_task, kma_dag, of_dataset
from kmaflow.airflow.builders.form import observation_form
from kmaflow.airflow.provider.schedule import catchup
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.airflow.tasks import observations
from kmaflow.catalog import DAGS, DATASETS, SCHEDULES
from kmaflow.language import say_in_airflow
from kmaflow.settings import load_settings

if TYPE_CHECKING:
    from kmaflow.catalog.model import Dataset, Schedule

#: So many datasets of a DAG are asked at a time: the order spares the hub.
_SIDE_BY_SIDE = 2


def observation_dags(**arguments: Any) -> dict[str, DAG]:
    """All collecting DAGs, by id; arguments as :func:`observation_dag`.

    Raises:
        UsageError: a setting cannot be used (shown as import error in the UI).
    """
    return {
        dag_id: observation_dag(SCHEDULES[dag_id], [DATASETS[name] for name in names], **arguments)
        for dag_id, names in DAGS.items()
    }


def observation_dag(schedule: Schedule, datasets: Sequence[Dataset], **arguments: Any) -> DAG:
    """One collecting DAG.

    Args:
        schedule: gives each run its window.
        datasets: in the order in which they are asked, two at a time.
        arguments: ``default_args``, ``on_missing`` (see :func:`kma_dag`) and what else Airflow's DAG knows.

    Raises:
        UsageError: a setting cannot be used.
    """
    settings = load_settings()
    timetable = WindowTimetable(schedule.every, schedule.delay)
    names = [dataset.name for dataset in datasets]
    waves = [datasets[first : first + _SIDE_BY_SIDE] for first in range(0, len(datasets), _SIDE_BY_SIDE)]
    with kma_dag(
        schedule.dag,
        title=say_in_airflow(schedule.ko, schedule.en),
        description=" · ".join(say_in_airflow(dataset.ko, dataset.en) for dataset in datasets),
        page=docs.observations(datasets, timetable),
        schedule=timetable,
        catchup=catchup(settings),
        max_active_tasks=settings.max_active_tasks,
        params=observation_form(datasets, settings.stations),
        tags=schedule.tags,
        **arguments,
    ) as frame:
        check = check_task(docs.CHECK, lambda context: observations.check(context, names=names)).as_setup()
        frame.stations >> check
        before = [check]
        for wave in waves:
            rule = TriggerRule.ALL_SUCCESS if wave is waves[0] else TriggerRule.ALL_DONE
            now = [_dataset_task(dataset, rule) for dataset in wave]
            for earlier in before:
                earlier >> now
            before = now
            now >> frame.end
    return frame.dag


def _dataset_task(dataset: Dataset, rule: TriggerRule) -> Any:
    @task(**of_dataset(dataset), trigger_rule=rule)
    def collect() -> dict[str, Any]:
        return observations.collect(get_current_context(), dataset=dataset.name)

    return collect()
