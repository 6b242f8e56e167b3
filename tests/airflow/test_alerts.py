"""Who is told when observations are missing, and in which words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Context

from kmaflow.airflow.alerts import callbacks, webhook
from kmaflow.airflow.builders.observations import observation_dag, observation_dags
from kmaflow.airflow.provider import connections
from kmaflow.catalog import DATASETS, SCHEDULES
from kmaflow.hub.errors import BadKey
from kmaflow.settings import WrongKeyForm, load_settings
from tests.airflow.fake_core import FakeCollector, quota_spent
from tests.airflow.test_runs import run

SECRET = "/services/T000/secret"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_LANG", "en")


@pytest.fixture
def door() -> Iterator[tuple[str, list[Any]]]:
    """A webhook: its URL, and what came."""
    came: list[Any] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if self.path == SECRET else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{SECRET}", came
    server.shutdown()
    server.server_close()
    thread.join()


def ended(summary: Any = None, exception: Any = None) -> Context:
    ti = SimpleNamespace(dag_id="kma_aws", task_id="aws_minute", xcom_pull=lambda **_: summary)
    return cast("Context", {"ti": ti, "exception": exception})


def test_a_failure_is_told_with_its_cause() -> None:
    told: list[str] = []
    callbacks(lambda _, text: told.append(text))["on_failure_callback"](ended(exception=BadKey("the key is unknown")))
    assert told == [f"kma_aws aws_minute: the key is unknown → {BadKey.todo_en}"]


def test_a_quota_is_told_although_nothing_failed_and_what_nobody_chose_is_not() -> None:
    told: list[str] = []
    skipped = callbacks(lambda _, text: told.append(text))["on_skipped_callback"]
    skipped(ended())
    assert told == []
    skipped(ended({"deferred_until": "2026-03-02 00:00", "from": "2026-03-01 23:50", "to": "2026-03-02 00:00"}))
    (text,) = told
    assert text.startswith("kma_aws aws_minute 2026-03-01 23:50–2026-03-02 00:00: not requested: quota")


def test_a_webhook_gets_the_text_and_a_failing_one_stops_nothing_and_shows_nothing(
    door: tuple[str, list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    url, came = door
    webhook(url)(ended(), "누락 / missing")
    assert came == [{"text": "누락 / missing"}]
    for wrong in (f"{url}x", "http://127.0.0.1:1/services/T000/secret"):
        webhook(wrong)(ended(), "again")
    assert caplog.text.count("the webhook was not told") == 2
    assert "secret" not in caplog.text


@pytest.mark.usefixtures("airflow_database")
def test_the_setting_alone_tells_of_a_green_run_that_the_quota_cut_short(
    door: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, came = door
    monkeypatch.setenv("KMAFLOW_ALERT_WEBHOOK", url)
    fake = FakeCollector(refuse={"asos_hourly": quota_spent()})
    monkeypatch.setattr(connections, "open_collector", fake.open)
    bag = DagBag("/dev/null")
    bag.dags["kma_asos"] = observation_dags()["kma_asos"]
    state, tasks = run(bag, "kma_asos")
    assert (state, tasks["asos_hourly"]) == ("success", "skipped")
    (message,) = came
    assert message["text"].startswith("kma_asos asos_hourly")
    assert "quota" in message["text"]


def test_a_setting_that_is_no_url_is_refused_and_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_ALERT_WEBHOOK", "")
    assert load_settings().alert_webhook is None
    monkeypatch.setenv("KMAFLOW_ALERT_WEBHOOK", "xoxb-secret")
    with pytest.raises(Exception, match="KMAFLOW_ALERT_WEBHOOK") as refused:
        load_settings()
    assert "xoxb" not in str(refused.value)
    assert not isinstance(refused.value, WrongKeyForm)


def test_default_args_of_ones_own_stand_beside_ours_and_win() -> None:
    dag = observation_dag(
        SCHEDULES["kma_asos"],
        [DATASETS["asos_hourly"]],
        default_args={"owner": "weather team", "email": "ops@example.com"},
        on_missing=lambda _, __: None,
    )
    task = dag.get_task("asos_hourly")
    assert (task.owner, task.email, task.retries) == ("weather team", "ops@example.com", 5)
    assert task.on_failure_callback
    assert task.on_skipped_callback
