"""A task whose quota is spent waits in the triggerer, and goes on where it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import TaskDeferred

from kmaflow.airflow.tasks.quota_operator import UntilQuota


class Pushed:
    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.values[key] = value


class Sittings(UntilQuota):
    """Works as often as it has summaries."""

    def __init__(self, *, summaries: list[dict[str, Any]], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.left = list(summaries)

    def work(self, context: Context) -> dict[str, Any]:
        return dict(self.left.pop(0))


def context() -> tuple[Context, Pushed]:
    pushed = Pushed()
    return cast("Context", {"ti": pushed}), pushed


def sittings(*summaries: dict[str, Any]) -> Sittings:
    return Sittings(task_id="sittings", summaries=list(summaries))


def sit(task: Sittings, given: Context, so_far: dict[str, Any] | None = None) -> dict[str, Any]:
    return task.resume(given, event=None, so_far=so_far)


def test_work_that_is_done_ends_the_task() -> None:
    summary = {"calls": 3, "deferred_until": None}
    assert sit(sittings(summary), context()[0]) == summary


def test_a_spent_quota_defers_until_it_starts_anew_and_says_so() -> None:
    given, pushed = context()
    with pytest.raises(TaskDeferred) as deferred:
        sit(sittings({"calls": 3, "deferred_until": "2026-11-27 00:00"}), given)
    trigger = deferred.value.trigger
    assert isinstance(trigger, DateTimeTrigger)
    assert trigger.moment == datetime(2026, 11, 26, 15, tzinfo=UTC), "midnight in Korea"
    assert deferred.value.method_name == "resume"
    assert pushed.values["return_value"]["deferred_until"] == "2026-11-27 00:00"


def test_the_counts_of_all_sittings_are_added_up() -> None:
    given, _ = context()
    task = sittings({"calls": 3, "left": 9, "deferred_until": "2026-11-27 00:00"}, {"calls": 4, "left": 0})
    with pytest.raises(TaskDeferred) as deferred:
        sit(task, given)
    assert task.resume_execution("resume", {**(deferred.value.kwargs or {}), "event": None}, given) == {
        "calls": 7,
        "left": 0,
    }


def test_an_operator_that_says_no_work_is_none() -> None:
    with pytest.raises(TypeError, match="abstract"):
        UntilQuota(task_id="nothing")  # type: ignore[abstract]
