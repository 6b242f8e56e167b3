"""What all DAGs of kmaflow have in common: ``start → stations → … → end``, the pool, retries, and the tasks ``stations`` and ``check``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetAny, TriggerRule, get_current_context, task

from kmaflow.airflow.alerts import Tell, callbacks, webhook
from kmaflow.airflow.builders import docs
from kmaflow.airflow.provider.schedule import start_date
from kmaflow.airflow.provider.versions import DOUBLING
from kmaflow.airflow.tasks import observations
from kmaflow.language import say_in_airflow
from kmaflow.settings import load_settings

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.timetables.base import Timetable

    from kmaflow.catalog.model import Dataset

POOL = "kma_apihub"
OWNER = "kmaflow"
STATION_LIST_AGE = timedelta(hours=24)
#: The first retry comes within 30 s (Airflow waits once to twice the delay), so that what a killed worker left runs elsewhere soon; the last one
#: more than 7 minutes after the first try, so that a hub that is away for a while is survived.
RETRIES: dict[str, Any] = {
    "retries": 5,
    "retry_delay": timedelta(seconds=15),
    "retry_exponential_backoff": DOUBLING,
    "max_retry_delay": timedelta(minutes=10),
}
_ONE_RETRY: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(seconds=30)}


@dataclass(frozen=True, slots=True)
class Frame:
    """A DAG with what every run begins and ends with; ``stations`` follows ``start``, and ``end`` follows ``stations``."""

    dag: DAG
    stations: Any
    end: Any


@contextmanager
def kma_dag(
    dag_id: str,
    *,
    title: str,
    description: str,
    page: str,
    schedule: Timetable | AssetAny | None,
    params: dict[str, Any],
    tags: Iterable[str],
    station_list_age: timedelta = STATION_LIST_AGE,
    default_args: Mapping[str, Any] | None = None,
    on_missing: Tell | None = None,
    **arguments: Any,
) -> Iterator[Frame]:
    """A DAG, one run of which is under way at a time; within, tasks are added to it.

    Args:
        title: display name, which the id follows.
        page: its documentation.
        station_list_age: younger station lists are not fetched again.
        default_args: of the tasks, beside and over those that are usual here.
        on_missing: is told when observations are missing; default: the webhook of the settings, if there is one.
        arguments: of Airflow's DAG.

    Raises:
        UsageError: a setting cannot be used (shown as import error in the UI).
    """
    settings = load_settings()
    if on_missing is None and settings.alert_webhook is not None:
        on_missing = webhook(settings.alert_webhook.get_secret_value())
    told = {} if on_missing is None else callbacks(on_missing)
    dag = DAG(
        dag_id,
        # The search box of Airflow's pages looks into the name that is shown.
        dag_display_name=f"{title} ({dag_id})",
        description=description,
        doc_md=page,
        schedule=schedule,
        start_date=start_date(settings),
        max_active_runs=1,
        default_args={"owner": OWNER, **RETRIES, **told, **(default_args or {})},
        params=params,
        tags=["kma", "기상청", *tags],
        **{"catchup": False, **arguments},
    )
    with dag:
        start = EmptyOperator(task_id="start", task_display_name=say_in_airflow("시작", "start"), doc_md=docs.START)
        end = EmptyOperator(
            task_id="end",
            task_display_name=say_in_airflow("종료", "end"),
            trigger_rule=TriggerRule.NONE_FAILED,
            doc_md=docs.END,
        )
        stations = _stations_task(station_list_age)
        start >> stations >> end
        yield Frame(dag, stations, end)


def _stations_task(max_age: timedelta) -> Any:
    @task(
        task_id="stations",
        task_display_name=say_in_airflow("지점 정보", "stations"),
        doc_md=docs.STATIONS,
        pool=POOL,
        **_ONE_RETRY,
    )
    def stations() -> dict[str, Any]:
        return observations.sync_stations(get_current_context(), max_age=max_age)

    return stations()


def check_task(page: str, work: Callable[[Context], Any], *, branch: bool = False) -> Any:
    """The task ``check``: looks at the form before anything is collected.

    Args:
        work: gives what is to be done; with ``branch`` the ids of the tasks that have work.
    """

    @(task.branch if branch else task)(
        task_id=observations.CHECK,
        task_display_name=say_in_airflow("확인", "check"),
        doc_md=page,
        trigger_rule=TriggerRule.ALL_DONE,
        **_ONE_RETRY,
    )
    def check() -> Any:
        return work(get_current_context())

    return check()


def of_dataset(dataset: Dataset) -> dict[str, Any]:
    """What every task of a dataset is told: its names, its page, the pool, and the asset that it updates."""
    return {
        "task_id": dataset.name,
        "task_display_name": say_in_airflow(dataset.ko, dataset.en),
        "doc_md": docs.dataset(dataset),
        "pool": POOL,
        "outlets": [asset(dataset.name)],
    }


def asset(name: str) -> Asset:
    """The asset that a complete window of a dataset updates; others wait for it with ``Asset("kma://NAME")``.

    So its name is that very text. (As URI Airflow writes ``kma://NAME/``, here and there alike.)
    """
    return Asset(f"kma://{name}", group="kma")
