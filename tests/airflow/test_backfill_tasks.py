"""`kma_backfill`: the form is checked first, each period of a dataset is one task, and a spent quota defers it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from kmaflow.airflow.provider import connections
from kmaflow.airflow.tasks import backfill
from kmaflow.airflow.tasks.observations import WindowIncomplete
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, Window
from kmaflow.collect.backfill import backfill as core_backfill
from kmaflow.collect.backfill.backfill import Backfilled
from kmaflow.collect.backfill.chunks import Refusal
from tests.airflow.fake_core import FakeCollector

FORM: dict[str, Any] = {
    "stations": "all",
    "datasets": ["aws_minute"],
    "from": "2025-01-01",
    "to": "2025-01-03",
    "share": 0.5,
    "conn_id": "mine",
    "hub_conn_id": "its",
}
PERIOD = {"from": "2025-01-01 00:00", "to": "2025-01-03 00:00"}
WINDOW = Window(datetime(2025, 1, 1), datetime(2025, 1, 3))


class Pushed:
    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.values[key] = value


class FakeBackfill:
    """Stands for the core's: gives what the test says."""

    result = Backfilled("aws_minute", WINDOW)
    until: datetime | None = None
    asked: tuple[list[str], Window]

    def __init__(self, _: Any, names: list[str], window: Window, *__: Any, **___: Any) -> None:
        type(self).asked = (names, window)
        self.deferred_until = self.until

    def run(self) -> list[Backfilled]:
        return [self.result]


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> FakeCollector:
    fake = FakeCollector()
    monkeypatch.setenv("KMAFLOW_LANG", "en")
    monkeypatch.setattr(connections, "open_collector", fake.open)
    monkeypatch.setattr(core_backfill, "Backfill", FakeBackfill)
    monkeypatch.setattr(FakeBackfill, "result", Backfilled("aws_minute", WINDOW, calls=288, rows=7))
    monkeypatch.setattr(FakeBackfill, "until", None)
    return fake


def context(**form: Any) -> tuple[Context, Pushed]:
    pushed = Pushed()
    return cast("Context", {"ti": pushed, "params": FORM | form}), pushed


def task(dataset: str = "aws_minute") -> backfill.FillPeriod:
    return backfill.FillPeriod(
        task_id=dataset, dataset=dataset, periods={dataset: PERIOD} if dataset == "aws_minute" else {}
    )


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"from": "2025-01-03", "to": "2025-01-03"}, "empty"),
        ({"from": "Tuesday"}, "not a time"),
        ({"to": "2125-01-01"}, "future"),
        ({"datasets": ["aws_nothing"]}, "aws_nothing"),
    ],
)
def test_a_wrong_form_fails_before_anything_is_asked(core: FakeCollector, form: dict[str, Any], words: str) -> None:
    with pytest.raises(AirflowFailException, match=words):
        backfill.check(context(**form)[0])
    assert core.opened == []


def test_the_form_becomes_few_periods_the_latest_first(core: FakeCollector) -> None:
    assert backfill.check(context()[0]) == [
        {"aws_minute": {"from": "2025-01-02 00:00", "to": "2025-01-03 00:00"}},
        {"aws_minute": {"from": "2025-01-01 00:00", "to": "2025-01-02 00:00"}},
    ]
    assert core.opened[0]["needs_hub"] is False


@pytest.mark.usefixtures("core")
def test_a_year_of_both_networks_costs_asos_as_few_tasks_as_a_year_of_asos() -> None:
    """One call brings 30 days of hours: 13 calls a year, whatever minutes are filled beside them."""
    year = {"from": "2024-01-01 07:00", "to": "2024-12-31 07:00"}
    alone = backfill.check(context(**year, datasets=["asos_hourly"])[0])
    both = backfill.check(context(**year, datasets=["aws_minute", "asos_hourly"])[0])
    assert [one["asos_hourly"] for one in both if "asos_hourly" in one] == [one["asos_hourly"] for one in alone]
    assert len(alone) == 13
    assert len([one for one in both if "aws_minute" in one]) == len(both) == 37


@pytest.mark.parametrize("name", ["aws_minute", "asos_hourly"])
@pytest.mark.parametrize("days", [1, 40, 366, 4000])
def test_periods_tile_the_window(name: str, days: int) -> None:
    window = Window(datetime(2015, 1, 1, 7, 30), datetime(2015, 1, 1, 7, 30) + days * DAY)
    periods = backfill.periods_of(DATASETS[name], window)
    assert (periods[0].start, periods[-1].end) == (window.start, window.end)
    assert all(one.end == two.start for one, two in pairwise(periods))
    assert len(periods) <= 41
    unit = 30 * DAY if name == "asos_hourly" else DAY if days > 1 else 6 * HOUR
    assert all((period.end - period.start) % unit == 0 * DAY for period in periods[1:-1])


def test_a_day_is_cut_into_quarters_and_hours_stay_together() -> None:
    day = Window(datetime(2015, 1, 1), datetime(2015, 1, 2))
    assert backfill.periods_of(DATASETS["aws_minute"], day) == list(day.split(6 * HOUR))
    assert backfill.periods_of(DATASETS["asos_hourly"], day) == [day]


def test_a_period_is_filled_on_behalf_of_backfill_with_its_share(core: FakeCollector) -> None:
    summary = task().work(context()[0])
    assert (summary["calls"], summary["left"], summary["deferred_until"]) == (288, 0, None)
    assert FakeBackfill.asked == (["aws_minute"], WINDOW)
    assert core.opened == [
        {"hub_conn_id": "its", "conn_id": "mine", "needs_hub": True, "work": "backfill", "backfill_share": 0.5}
    ]


def test_a_spent_quota_defers_even_with_cells_missing(core: FakeCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeBackfill, "until", datetime(2026, 11, 27))
    monkeypatch.setattr(FakeBackfill, "result", Backfilled("aws_minute", WINDOW, calls=5, left=900))
    given, pushed = context()
    with pytest.raises(TaskDeferred):
        task().resume(given)
    assert pushed.values["return_value"]["left"] == 900


def test_cells_still_missing_are_red(core: FakeCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeBackfill, "result", Backfilled("aws_minute", WINDOW, left=9))
    with pytest.raises(WindowIncomplete, match=r"9 cell\(s\)"):
        task().work(context()[0])
    refused = Backfilled("aws_minute", WINDOW, left=9, trouble=Refusal("not_applied", "활용신청"))
    monkeypatch.setattr(FakeBackfill, "result", refused)
    with pytest.raises(AirflowFailException, match="활용신청"):
        task().work(context()[0])


def test_a_dataset_that_was_not_chosen_is_skipped(core: FakeCollector) -> None:
    with pytest.raises(AirflowSkipException):
        task("aws_cloud").work(context()[0])
    assert core.opened == []


@pytest.mark.usefixtures("airflow_database", "core")
def test_a_run_waits_for_the_quota_and_goes_on_by_itself(dagbag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    sittings: list[Window] = []

    class Twice(FakeBackfill):
        """The quota ends the first sitting of each period; it starts anew at a time that has passed already."""

        def run(self) -> list[Backfilled]:
            (name,), window = self.asked
            self.deferred_until = None if window in sittings else datetime(2025, 2, 1)
            sittings.append(window)
            return [Backfilled(name, window, calls=5, left=0 if self.deferred_until is None else 9)]

    monkeypatch.setattr(core_backfill, "Backfill", Twice)
    dag = dagbag.dags["kma_backfill"]
    run = dag.test(logical_date=datetime(2026, 3, 2, tzinfo=UTC), run_conf=FORM)
    assert str(run.state) == "success"
    states = {(one.task_id, one.map_index): str(one.state) for one in run.get_task_instances()}
    assert {states["aws_minute", index] for index in (0, 1)} == {"success"}
    assert {states["aws_cloud", index] for index in (0, 1)} == {"skipped"}
    assert states["end", -1] == "success"
    assert len(sittings) == 4
    shown = {one.rendered_map_index for one in run.get_task_instances() if one.task_id == "aws_minute"}
    assert shown == {"2025-01-01 00:00 – 2025-01-02 00:00", "2025-01-02 00:00 – 2025-01-03 00:00"}
