"""What every DAG must have, and what ours promise."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset, TriggerRule
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from kmaflow.airflow.builders.backfill import backfill_dag
from kmaflow.airflow.builders.dag import POOL
from kmaflow.airflow.builders.observations import observation_dag
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.catalog import DAGS, DATASETS, SCHEDULES
from kmaflow.errors import UsageError
from tests.airflow.conftest import DAGS as FOLDER


def a_dag(**environment: str) -> DAG:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return observation_dag(SCHEDULES["kma_asos"], [DATASETS["asos_hourly"]])


def test_every_file_gives_its_dag(dagbag: DagBag) -> None:
    assert dagbag.import_errors == {}
    assert sorted(dagbag.dags) == ["kma_asos", "kma_aws", "kma_backfill", "kma_lake", "kma_repair", "kma_stations"]


def test_every_dag_has_owner_tags_docs_and_retries(dagbag: DagBag) -> None:
    for dag in dagbag.dags.values():
        assert "kma" in dag.tags
        assert dag.dag_display_name != dag.dag_id
        assert dag.doc_md is not None
        assert dag.max_active_runs == 1
        assert not dag.catchup
        for task in dag.tasks:
            assert task.owner == "kmaflow"
            assert task.task_display_name != task.task_id, f"{task.task_id} has no Korean name"
            assert task.doc_md
            assert task.retries
            assert task.retry_exponential_backoff == 2.0


@pytest.mark.parametrize(("dag_id", "names"), [("kma_aws", DAGS["kma_aws"]), ("kma_asos", DAGS["kma_asos"])])
def test_one_task_for_each_dataset_with_asset_and_pool(dagbag: DagBag, dag_id: str, names: tuple[str, ...]) -> None:
    dag = dagbag.dags[dag_id]
    assert {task.task_id for task in dag.tasks} == {"start", "stations", "check", *names, "end"}
    for name in names:
        task = dag.get_task(name)
        assert task.pool == POOL
        assert task.outlets == [Asset(f"kma://{name}", group="kma")]
        assert task.task_display_name == DATASETS[name].ko
    assert dag.get_task("stations").pool == POOL


def test_the_flow_is_the_one_in_the_readme(dagbag: DagBag) -> None:
    dag = dagbag.dags["kma_aws"]
    upstream = {task.task_id: set(task.upstream_task_ids) for task in dag.tasks}
    assert upstream == {
        "start": set(),
        "stations": {"start"},
        "check": {"stations"},
        "aws_minute": {"check"},
        "aws_cloud": {"check"},
        "aws_visibility": {"aws_minute", "aws_cloud"},
        "aws_ground_temperature": {"aws_minute", "aws_cloud"},
        "aws_present_weather": {"aws_visibility", "aws_ground_temperature"},
        "end": {"stations", *DAGS["kma_aws"]},
    }
    assert dag.get_task("check").is_setup, "a failed setup task stops everything behind it"
    assert dag.get_task("aws_visibility").trigger_rule == TriggerRule.ALL_DONE
    assert dag.get_task("end").trigger_rule == TriggerRule.NONE_FAILED


def test_the_scheduler_can_store_and_read_every_dag(dagbag: DagBag) -> None:
    for dag in dagbag.dags.values():
        again = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        assert isinstance(again.timetable, WindowTimetable) == (dag.dag_id not in ("kma_backfill", "kma_lake"))
        assert again.timetable == dag.timetable or dag.dag_id == "kma_backfill"


def test_schedules_are_those_of_the_contract(dagbag: DagBag) -> None:
    assert dagbag.dags["kma_aws"].timetable == WindowTimetable(timedelta(minutes=10), timedelta(minutes=3))
    assert dagbag.dags["kma_asos"].timetable == WindowTimetable(timedelta(hours=1), timedelta(minutes=20))


def test_the_form_has_no_key(dagbag: DagBag) -> None:
    form = dagbag.dags["kma_aws"].params
    assert list(form) == ["stations", "datasets", "from", "to", "conn_id", "hub_conn_id"]
    assert form["datasets"] == list(DAGS["kma_aws"])


@pytest.mark.parametrize(
    ("name", "value"), [("datasets", ["asos_hourly"]), ("datasets", []), ("stations", ""), ("from", 5)]
)
def test_airflow_refuses_a_form_of_the_wrong_shape(dagbag: DagBag, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        dagbag.dags["kma_aws"].params.get_param(name).resolve(value)


def test_backfill_has_no_schedule_and_its_form_asks_what_and_when(dagbag: DagBag) -> None:
    dag = dagbag.dags["kma_backfill"]
    assert type(dag.timetable).__name__ == "NullTimetable"
    assert list(dag.params) == ["stations", "datasets", "from", "to", "share", "conn_id", "hub_conn_id"]
    assert {task.task_id for task in dag.tasks} == {"start", "stations", "check", *DATASETS, "end"}
    for name in ("from", "to"):
        with pytest.raises(ParamValidationError):
            dag.params.get_param(name).resolve()
    for share in (0, 1.5, "much"):
        with pytest.raises(ParamValidationError):
            dag.params.get_param("share").resolve(share)
    for name in DATASETS:
        task = dag.get_task(name)
        assert type(task).__name__ == "MappedOperator"
        assert task.upstream_task_ids == {"check"}
        assert (task.pool, task.priority_weight) == (POOL, 1)
    assert dag.max_active_tasks == 2, "half of the pool is left for live data"


@pytest.mark.parametrize(("wanted", "slots"), [("1", 1), ("2", 2), ("4", 2), ("8", 4)])
def test_backfill_has_half_of_the_pool(wanted: str, slots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_MAX_ACTIVE_TASKS", wanted)
    assert backfill_dag().max_active_tasks == slots


def test_settings_decide_stations_start_catchup_and_parallel_tasks() -> None:
    dag = a_dag(
        KMAFLOW_STATIONS="108,서울",
        KMAFLOW_START="2026-03-01 00:00",
        KMAFLOW_CATCHUP="true",
        KMAFLOW_MAX_ACTIVE_TASKS="5",
    )
    assert dag.params["stations"] == "108,서울"
    assert dag.start_date == datetime(2026, 2, 28, 15, tzinfo=UTC)
    assert dag.catchup
    assert dag.max_active_tasks == 5
    assert a_dag().max_active_tasks == 2


def test_catchup_without_a_start_is_refused() -> None:
    with pytest.raises(UsageError, match="KMAFLOW_START"):
        a_dag(KMAFLOW_CATCHUP="true")


def test_reading_the_dags_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "import airflow.sdk, airflow.providers.standard.operators.empty, airflow.timetables.base\n"
        "before = set(sys.modules)\n"
        f"sys.path.insert(0, {str(FOLDER)!r})\n"
        "import kma_observations, kma_backfill, kma_lake, kma_repair, kma_stations\n"
        "new = set(sys.modules) - before\n"
        "assert not new & {'polars', 'numpy', 'kmaflow.collect', 'kmaflow.store', 'kmaflow.hub.client', 'zstandard'}, new\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
