"""Whole DAG runs in Airflow's own engine, with a collector that does as it is told."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from kmaflow.airflow.provider import connections
from kmaflow.catalog import DAGS
from kmaflow.catalog.time import Window
from kmaflow.errors import UsageError
from kmaflow.hub.errors import BadKey, NotApplied
from tests.airflow.fake_core import FakeCollector, quota_spent

KEY = "the-secret-key-of-this-test"
AT = datetime(2026, 3, 1, 3, 4, tzinfo=UTC)
_moments = iter(range(1, 60))


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> FakeCollector:
    fake = FakeCollector()
    monkeypatch.setenv("KMAFLOW_LANG", "en")
    monkeypatch.setattr(connections, "open_collector", fake.open)
    return fake


def run(dagbag: DagBag, dag_id: str, **conf: Any) -> tuple[str, dict[str, str]]:
    """Run a DAG; its state and those of its tasks."""
    dag = dagbag.dags[dag_id]
    dag_run = dag.test(logical_date=AT.replace(second=next(_moments)), run_conf=conf)
    return str(dag_run.state), {one.task_id: str(one.state) for one in dag_run.get_task_instances()}


@pytest.mark.usefixtures("airflow_database")
class TestRuns:
    def test_a_run_collects_every_dataset_once_for_its_interval(self, dagbag: DagBag, core: FakeCollector) -> None:
        state, tasks = run(dagbag, "kma_aws")
        assert state == "success"
        assert set(tasks.values()) == {"success"}
        window = Window(datetime(2026, 3, 1, 11, 50), datetime(2026, 3, 1, 12, 0))
        assert sorted(core.asked) == sorted((name, window) for name in DAGS["kma_aws"])

    def test_a_failed_check_stops_all_datasets(self, dagbag: DagBag, core: FakeCollector) -> None:
        core.fail_check = UsageError("there is no station 999; nearest: 998")
        state, tasks = run(dagbag, "kma_aws", stations="999")
        assert state == "failed"
        assert tasks["check"] == "failed"
        assert {tasks[name] for name in (*DAGS["kma_aws"], "end")} == {"upstream_failed"}
        assert core.asked == []

    def test_a_failed_dataset_stops_no_other_and_the_run_is_red(self, dagbag: DagBag, core: FakeCollector) -> None:
        core.refuse["aws_cloud"] = NotApplied("403")
        state, tasks = run(dagbag, "kma_aws")
        assert state == "failed"
        assert tasks["aws_cloud"] == "failed"
        assert {tasks[name] for name in DAGS["kma_aws"] if name != "aws_cloud"} == {"success"}
        assert tasks["end"] == "upstream_failed"

    def test_a_failed_first_wave_does_not_stop_the_last(self, dagbag: DagBag, core: FakeCollector) -> None:
        core.refuse |= {name: BadKey("401") for name in DAGS["kma_aws"] if name != "aws_present_weather"}
        state, tasks = run(dagbag, "kma_aws")
        assert state == "failed"
        assert tasks["aws_present_weather"] == "success"

    def test_a_dataset_that_was_not_chosen_is_skipped_and_the_run_is_green(
        self, dagbag: DagBag, core: FakeCollector
    ) -> None:
        state, tasks = run(dagbag, "kma_aws", datasets=["aws_present_weather"])
        assert state == "success"
        assert [name for name in DAGS["kma_aws"] if tasks[name] == "skipped"] == [
            name for name in DAGS["kma_aws"] if name != "aws_present_weather"
        ]
        assert tasks["aws_present_weather"] == tasks["end"] == "success"

    def test_a_spent_quota_skips_what_it_stops_and_the_run_is_green(self, dagbag: DagBag, core: FakeCollector) -> None:
        core.refuse |= {name: quota_spent() for name in DAGS["kma_aws"] if name != "aws_present_weather"}
        core.fail_sync = quota_spent()
        state, tasks = run(dagbag, "kma_aws")
        assert state == "success"
        assert [name for name, end in tasks.items() if end == "skipped"] == [
            name for name in tasks if name == "stations" or name in core.refuse
        ]
        assert tasks["check"] == tasks["aws_present_weather"] == tasks["end"] == "success"
        assert len(core.asked) == len(DAGS["kma_aws"]), "every wave has had its turn"
        assert run(dagbag, "kma_stations") == ("success", {"start": "success", "stations": "skipped", "end": "success"})

    def test_a_quota_that_stops_everything_leaves_a_green_run(self, dagbag: DagBag, core: FakeCollector) -> None:
        core.refuse |= {"asos_hourly": quota_spent()}
        state, tasks = run(dagbag, "kma_asos")
        assert (state, tasks["asos_hourly"], tasks["end"]) == ("success", "skipped", "success")

    def test_a_failed_station_list_does_not_cost_observations(self, dagbag: DagBag, core: FakeCollector) -> None:
        core.fail_sync = NotApplied("403")
        state, tasks = run(dagbag, "kma_asos")
        assert (state, tasks["stations"], tasks["asos_hourly"]) == ("failed", "failed", "success")

    def test_the_form_chooses_window_and_connections(self, dagbag: DagBag, core: FakeCollector) -> None:
        conf = {"from": "2026-02-01 00:00", "to": "2026-02-01 03:00", "conn_id": "mine", "hub_conn_id": "its"}
        state, _ = run(dagbag, "kma_asos", **conf)
        assert state == "success"
        assert core.asked == [("asos_hourly", Window(datetime(2026, 2, 1), datetime(2026, 2, 1, 3)))]
        assert {(one["conn_id"], one["hub_conn_id"]) for one in core.opened} == {("mine", "its")}

    @pytest.mark.parametrize(
        ("conf", "words"),
        [
            ({"from": "2026-02-01 03:00", "to": "2026-02-01 03:00"}, "empty"),
            ({"from": "2026-02-01T00:00+00:00", "to": "2026-02-01 03:00"}, "not in KST"),
            ({"from": "2026-02-01 00:00", "to": "2126-02-01 00:00"}, "future"),
            ({"from": "2026-02-01 00:00"}, "only from"),
        ],
    )
    def test_a_wrong_time_fails_the_check_with_one_line(
        self,
        dagbag: DagBag,
        core: FakeCollector,
        caplog: pytest.LogCaptureFixture,
        conf: dict[str, str],
        words: str,
    ) -> None:
        state, tasks = run(dagbag, "kma_asos", **conf)
        assert (state, tasks["check"], tasks["asos_hourly"]) == ("failed", "failed", "upstream_failed")
        lines = [
            record.getMessage()
            for record in caplog.records
            if record.name == "kmaflow.airflow.tasks.ending" and record.levelname == "ERROR"
        ]
        assert [line.partition(":")[0] for line in lines] == ["cause", "next step"]
        assert words in lines[0]
        assert not any("\n" in line for line in lines)
        assert core.asked == []

    def test_the_stations_dag_only_fetches_lists(self, dagbag: DagBag, core: FakeCollector) -> None:
        assert run(dagbag, "kma_stations") == ("success", {"start": "success", "stations": "success", "end": "success"})
        assert core.asked == []


def test_the_key_is_nowhere_in_airflows_database(
    dagbag: DagBag, core: FakeCollector, airflow_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMAFLOW_API_KEY", KEY)
    core.refuse["asos_hourly"] = BadKey("401 Unauthorized")
    run(dagbag, "kma_asos")
    with sqlite3.connect(airflow_database) as database:
        dump = "\n".join(database.iterdump())
    assert "asos_hourly" in dump
    assert KEY not in dump
    assert json.dumps(KEY) not in dump
