"""Runs of `kma_repair` in Airflow's own engine, against the simulated hub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import TriggerRule

from kmaflow.airflow.provider import connections
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import HOUR, MINUTE
from kmaflow.simulator.server import Running
from tests.collect.hub import collecting, differences, plan, requests_seen, simulated

BEGIN = datetime(2025, 1, 15, 12, 0)
AT = datetime(2026, 3, 2, 3, 4, tzinfo=UTC)
_moments = iter(range(1, 60))
CLOUD = {"datasets": ["aws_cloud"]}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Running]:
    """Three hours after ``START``, and nothing collected yet."""
    with simulated(now=BEGIN + 3 * HOUR) as running:

        def opened(**_: object) -> Any:
            return collecting(running, tmp_path, now=BEGIN + 3 * HOUR, start=BEGIN)

        monkeypatch.setattr(connections, "open_collector", opened)
        yield running


def run(dagbag: DagBag, **conf: Any) -> tuple[str, dict[str, str]]:
    dag_run = dagbag.dags["kma_repair"].test(logical_date=AT.replace(second=next(_moments)), run_conf=conf)
    return str(dag_run.state), {one.task_id: str(one.state) for one in dag_run.get_task_instances()}


def test_its_tasks_are_those_of_the_contract(dagbag: DagBag) -> None:
    dag = dagbag.dags["kma_repair"]
    assert {task.task_id for task in dag.tasks} == {"start", "stations", "check", *DATASETS, "end"}
    for name in DATASETS:
        assert dag.get_task(name).upstream_task_ids == {"check"}
        assert dag.get_task(name).trigger_rule == TriggerRule.ALL_SUCCESS
    assert dag.get_task("end").trigger_rule == TriggerRule.NONE_FAILED
    assert (dag.catchup, dag.max_active_runs) == (False, 1), "never a run for each missed interval"


@pytest.mark.usefixtures("airflow_database")
class TestRuns:
    def test_one_run_heals_an_outage_of_hours(self, dagbag: DagBag, hub: Running, tmp_path: Path) -> None:
        state, tasks = run(dagbag, **CLOUD)
        assert state == "success"
        assert {name for name, end in tasks.items() if end == "skipped"} == {*DATASETS} - {"aws_cloud"}
        with collecting(hub, tmp_path, now=BEGIN + 3 * HOUR) as collector:
            first, last = BEGIN + MINUTE, BEGIN + 2 * HOUR + 40 * MINUTE
            assert differences(collector, hub, "aws_cloud", first, last) == []

    def test_where_nothing_is_due_no_dataset_runs(self, dagbag: DagBag, hub: Running) -> None:
        run(dagbag, **CLOUD)
        before = len(requests_seen(hub))
        state, tasks = run(dagbag, **CLOUD)
        assert (state, tasks["aws_cloud"], tasks["end"]) == ("success", "skipped", "success")
        assert len(requests_seen(hub)) == before

    def test_a_refusal_is_red_and_is_not_tried_again_at_once(self, dagbag: DagBag, hub: Running) -> None:
        plan(hub, "maintenance", endpoint="nph-aws2_min_cloud", count=100)
        state, tasks = run(dagbag, **CLOUD)
        assert (state, tasks["aws_cloud"], tasks["end"]) == ("failed", "failed", "upstream_failed")

    def test_a_wrong_form_fails_the_check_and_nothing_is_asked(self, dagbag: DagBag, hub: Running) -> None:
        for wrong in ({"stations": "999999"}, {"from": "2025-13-01"}):
            state, tasks = run(dagbag, **CLOUD, **wrong)
            assert (state, tasks["check"], tasks["aws_cloud"]) == ("failed", "failed", "upstream_failed")
        assert not [one for one in requests_seen(hub) if "cloud" in one["operation"]]
