"""The tasks' bodies, without an engine: which errors end a task at once, and which are tried again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from kmaflow.airflow.provider import connections
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.airflow.tasks import observations
from kmaflow.airflow.tasks.ending import Stopped
from kmaflow.errors import UsageError
from kmaflow.hub.errors import BadKey, NotYetProduced
from tests.airflow.fake_core import FakeCollector, FakeResult, quota_spent

PLAN = {"from": "2026-03-01 12:00", "to": "2026-03-01 13:00", "stations": "all", "datasets": ["asos_hourly"]}


class FakeTaskInstance:
    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.plan = plan
        self.pushed: dict[str, Any] = {}

    def xcom_pull(self, **_: Any) -> Mapping[str, Any]:
        return self.plan

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_LANG", "en")


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> FakeCollector:
    fake = FakeCollector()
    monkeypatch.setattr(connections, "open_collector", fake.open)
    return fake


def context(**params: Any) -> tuple[Context, FakeTaskInstance]:
    instance = FakeTaskInstance(PLAN)
    form = {"stations": "all", "datasets": ["asos_hourly"], "conn_id": "kma_store", "hub_conn_id": "kma_apihub"}
    timetable = WindowTimetable(timedelta(hours=1), timedelta(minutes=20))
    return cast(
        "Context",
        {
            "ti": instance,
            "run_id": "manual__of_this_test",
            "params": form | params,
            "dag": SimpleNamespace(timetable=timetable),
            "dag_run": SimpleNamespace(run_type="manual", run_after=datetime(2026, 3, 1, 4, 25, tzinfo=UTC)),
        },
    ), instance


@pytest.mark.parametrize("error", [BadKey("401"), UsageError("no")])
def test_what_only_a_person_mends_is_not_tried_again(core: FakeCollector, error: Any) -> None:
    core.refuse["asos_hourly"] = error
    given, instance = context()
    with pytest.raises(AirflowFailException, match=error.what):
        observations.collect(given, dataset="asos_hourly")
    assert instance.pushed["return_value"]["rows"] == 0


def test_what_the_quota_stops_is_skipped_and_leaves_its_counts(core: FakeCollector) -> None:
    core.refuse["asos_hourly"] = quota_spent()
    given, instance = context()
    with pytest.raises(
        AirflowSkipException, match=r"not requested: quota \(requested again from 2026-03-02 00:00 KST\)"
    ):
        observations.collect(given, dataset="asos_hourly")
    assert (instance.pushed["return_value"]["rows"], instance.pushed["return_value"]["complete"]) == (0, False)
    core.fail_sync = quota_spent()
    given, instance = context()
    with pytest.raises(AirflowSkipException, match="not requested: quota"):
        observations.sync_stations(given, max_age=timedelta(hours=24))
    assert instance.pushed["return_value"] == {"synced": False, "deferred_until": "2026-03-02 00:00"}


def test_what_may_pass_is_tried_again(core: FakeCollector) -> None:
    core.refuse["asos_hourly"] = NotYetProduced("too young")
    with pytest.raises(NotYetProduced):
        observations.collect(context()[0], dataset="asos_hourly")


def test_a_gap_without_an_error_is_red_too_and_xcom_stays_small(
    core: FakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gaps(dataset: str, window: Any, _: Any) -> FakeResult:
        return FakeResult(dataset, window, missing=[f"stamp {number}: refused" for number in range(1000)])

    monkeypatch.setattr(core, "collect", gaps)
    given, instance = context()
    with pytest.raises(observations.WindowIncomplete, match=r"1000 part\(s\) missing"):
        observations.collect(given, dataset="asos_hourly")
    assert len(instance.pushed["return_value"]["missing"]) == 20


def test_a_rejected_line_alone_is_red(core: FakeCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "collect", lambda dataset, window, _: FakeResult(dataset, window, rejected=1))
    with pytest.raises(observations.WindowIncomplete, match=r"1 line\(s\) rejected"):
        observations.collect(context()[0], dataset="asos_hourly")


def test_a_collector_that_cannot_be_opened_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_key(**_: Any) -> None:
        raise UsageError("there is no API Hub key")

    monkeypatch.setattr(connections, "open_collector", no_key)
    given, _ = context()
    with pytest.raises(AirflowFailException, match="no API Hub key"):
        observations.collect(given, dataset="asos_hourly")
    with pytest.raises(AirflowFailException, match="no API Hub key"):
        observations.check(given, names=["asos_hourly"])
    with pytest.raises(AirflowFailException, match="no API Hub key"):
        observations.sync_stations(given, max_age=timedelta(hours=24))


def test_a_dataset_of_another_dag_is_refused_by_name(core: FakeCollector) -> None:
    with pytest.raises(AirflowFailException, match="there is no dataset 'aws_minute'"):
        observations.check(context(datasets=["aws_minute"])[0], names=["asos_hourly"])
    assert core.opened == []


def test_a_run_without_data_interval_gets_the_last_complete_one(core: FakeCollector) -> None:
    plan = observations.check(context()[0], names=["asos_hourly"])
    assert (plan["from"], plan["to"]) == ("2026-03-01 12:00", "2026-03-01 13:00")


@pytest.mark.parametrize("run_type", ["backfill", "scheduled"])
def test_airflows_own_backfill_collects_the_intervals_it_shows_whatever_the_form_says(
    core: FakeCollector, run_type: str
) -> None:
    given, _ = context(**{"from": "2026-01-01 00:00", "to": "2026-01-01 09:00"})
    plan = observations.check(given, names=["asos_hourly"])
    assert (plan["from"], plan["to"]) == ("2026-01-01 00:00", "2026-01-01 09:00")
    given["dag_run"].run_type = run_type  # type: ignore[assignment]
    plan = observations.check(given, names=["asos_hourly"])
    assert (plan["from"], plan["to"]) == ("2026-03-01 12:00", "2026-03-01 13:00")


def test_a_failed_task_says_cause_and_next_step_in_two_lines_and_leaves_the_cause(
    core: FakeCollector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.refuse["asos_hourly"] = UsageError("a wrong form", ko="잘못된 양식", todo_en="mend it", todo_ko="고치십시오")
    given, instance = context()
    with pytest.raises(Stopped):
        observations.collect(given, dataset="asos_hourly")
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert lines == ["cause: a wrong form", "next step: mend it"]
    assert instance.pushed["cause"] == "a wrong form"
    caplog.clear()
    monkeypatch.setenv("KMAFLOW_LANG", "ko")
    with pytest.raises(Stopped, match=r"^잘못된 양식 → 고치십시오$"):
        observations.collect(given, dataset="asos_hourly")
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert lines == ["원인: 잘못된 양식", "조치: 고치십시오"]


def test_a_dataset_that_is_not_in_the_plan_is_skipped(core: FakeCollector) -> None:
    with pytest.raises(AirflowSkipException, match="aws_minute"):
        observations.collect(context()[0], dataset="aws_minute")
    assert core.opened == []
