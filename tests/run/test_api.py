"""The REST calls of the launcher, and the lines made from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from kmaflow.run.api import AirflowApi, ApiBusy
from kmaflow.run.finished_runs import FinishedRun, RunWatch
from tests.airflow.fake_airflow import PASSWORD, FakeAirflow, fake_airflow

RUN = "scheduled__2026-03-01T03:13:00+00:00"
HEALTHY = {name: {"status": "healthy"} for name in ("metadatabase", "scheduler", "dag_processor")}


@pytest.fixture
def airflow() -> Iterator[FakeAirflow]:
    with fake_airflow() as fake:
        yield fake


@pytest.fixture
def api(airflow: FakeAirflow) -> Iterator[AirflowApi]:
    with AirflowApi(airflow.url, "admin", PASSWORD) as api:
        yield api


def a_run(**changes: Any) -> dict[str, Any]:
    return {
        "dag_id": "kma_aws",
        "dag_run_id": RUN,
        "state": "success",
        "end_date": "2026-03-01T03:13:20+00:00",
        **changes,
    }


def finish(airflow: FakeAirflow, run: dict[str, Any], **xcoms: Any) -> None:
    base = f"GET /dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
    airflow.pages["GET /dags/~/dagRuns"] = {"dag_runs": [run]}
    airflow.pages[base] = {
        "task_instances": [{"task_id": "aws_cloud", "state": "failed"}, {"task_id": "end", "state": "upstream_failed"}]
    }
    for task, value in xcoms.items():
        airflow.pages[f"{base}/{task}/xcomEntries/return_value"] = {"value": value}


def test_it_logs_in_once_and_again_when_the_token_has_run_out(airflow: FakeAirflow, api: AirflowApi) -> None:
    airflow.pages["GET /dags"] = {"dags": [{"dag_id": "kma_aws"}]}
    assert api.dags() == api.dags() == [{"dag_id": "kma_aws"}]
    assert airflow.logins == 1
    airflow.token = "t2"
    assert api.dags()
    assert airflow.logins == 2


def test_a_wrong_password_is_no_silence(airflow: FakeAirflow) -> None:
    with AirflowApi(airflow.url, "admin", "wrong") as api, pytest.raises(httpx.HTTPStatusError, match="401"):
        api.dags()


def test_a_locked_database_and_a_closed_port_mean_ask_again(airflow: FakeAirflow, api: AirflowApi) -> None:
    airflow.pages["GET /importErrors"] = {"import_errors": [{"stack_trace": "Traceback\nUsageError: no"}]}
    airflow.busy = 1
    with pytest.raises(ApiBusy, match="500"):
        api.import_errors()
    assert api.import_errors() == ["Traceback\nUsageError: no"]
    with AirflowApi("http://127.0.0.1:1", "admin", PASSWORD) as nobody:
        assert not nobody.healthy()
        with pytest.raises(ApiBusy):
            nobody.dags()


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (HEALTHY, True),
        (HEALTHY | {"scheduler": {"status": None}}, False),
        ({"metadatabase": None}, False),
        (None, False),
    ],
)
def test_healthy_means_all_three_parts(airflow: FakeAirflow, api: AirflowApi, health: Any, expected: bool) -> None:
    if health is not None:
        airflow.pages["GET /monitor/health"] = health
    assert api.healthy() is expected


def test_runs_by_hand_and_pauses(airflow: FakeAirflow, api: AirflowApi) -> None:
    airflow.pages |= {"POST /dags/kma_aws/dagRuns": {"dag_run_id": "m1"}, "PATCH /dags/kma_aws": {}}
    assert api.trigger("kma_aws", {"from": "a"}) == "m1"
    api.pause("kma_aws", paused=True)
    assert [(page, body) for page, _, body in airflow.asked] == [
        ("POST /dags/kma_aws/dagRuns", {"conf": {"from": "a"}, "logical_date": None}),
        ("PATCH /dags/kma_aws", {"is_paused": True}),
    ]


def test_a_finished_run_is_told_once_with_window_rows_and_lag(airflow: FakeAirflow, api: AirflowApi) -> None:
    plan = {"from": "2026-03-01 12:00", "to": "2026-03-01 12:10"}
    finish(airflow, a_run(), check=plan, aws_minute={"rows": 7300}, aws_cloud={"rows": 230})
    watch = RunWatch(api, datetime(2026, 3, 1, tzinfo=UTC))
    (run,) = watch.new()
    assert run.lag == timedelta(minutes=3, seconds=20)
    assert str(run) == ("03-01 12:13:20  kma_aws       success  (03-01 12:00, 03-01 12:10]    7,530 rows  lag 3m20s")
    assert list(watch.new()) == []
    finish(airflow, a_run(end_date="2026-03-01T05:13:20+00:00"), check=plan)
    assert "lag 2h03m" in str(next(watch.new())), "cleared and run again"


def test_a_red_run_names_its_tasks(airflow: FakeAirflow, api: AirflowApi) -> None:
    finish(airflow, a_run(state="failed"), aws_minute={"rows": 5}, aws_cloud="not a summary")
    (run,) = RunWatch(api, datetime(2026, 3, 1, tzinfo=UTC)).new()
    assert run == FinishedRun("kma_aws", RUN, "failed", datetime(2026, 3, 1, 12, 13, 20), None, 5, ("aws_cloud",))
    assert "failed: aws_cloud" in str(run)


def test_a_failed_task_that_left_a_cause_is_told_with_it_and_the_run_is_noted(
    airflow: FakeAirflow, api: AirflowApi
) -> None:
    plan = {"from": "2026-03-01 12:00", "to": "2026-03-01 12:10"}
    finish(airflow, a_run(state="failed"), check=plan, aws_minute={"rows": 5}, aws_cloud="not a summary")
    path = f"/dags/kma_aws/dagRuns/{RUN}"
    airflow.pages[f"GET {path}/taskInstances/aws_cloud/xcomEntries/cause"] = {"value": "the key is wrong"}
    airflow.pages[f"PATCH {path}"] = {}
    (run,) = RunWatch(api, datetime(2026, 3, 1, tzinfo=UTC)).new()
    assert str(run).endswith("failed: aws_cloud (the key is wrong)")
    assert (f"PATCH {path}", {}, {"note": "5행, 지연 3m20s"}) in airflow.asked


def test_a_run_by_hand_over_a_past_window_has_no_lag(airflow: FakeAirflow, api: AirflowApi) -> None:
    plan = {"from": "2026-02-01 12:00", "to": "2026-02-01 12:10"}
    finish(airflow, a_run(run_type="manual", note="mine"), check=plan, aws_minute={"rows": 5})
    (run,) = RunWatch(api, datetime(2026, 3, 1, tzinfo=UTC)).new()
    assert run.lag is None
    assert "lag" not in str(run)
    assert not [page for page, _, _ in airflow.asked if page.startswith("PATCH")], "a person's note stays"


def test_the_stations_dag_has_neither_window_nor_rows(airflow: FakeAirflow, api: AirflowApi) -> None:
    finish(airflow, a_run(dag_id="kma_stations"))
    (run,) = RunWatch(api, datetime(2026, 3, 1, tzinfo=UTC)).new()
    assert str(run) == "03-01 12:13:20  kma_stations  success"


def test_a_run_that_could_not_be_read_is_told_the_next_time(airflow: FakeAirflow, api: AirflowApi) -> None:
    finish(airflow, a_run())
    watch = RunWatch(api, datetime(2026, 3, 1, tzinfo=UTC))
    api.runs()
    airflow.busy = 1
    with pytest.raises(ApiBusy):
        list(watch.new())
    assert len(list(watch.new())) == 1
