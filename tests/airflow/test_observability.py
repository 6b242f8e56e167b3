"""What a task tells those who watch: metrics through Airflow's own setting, log lines that say for what they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from pydantic import SecretStr

from kmaflow.airflow.provider import connections, metrics
from kmaflow.airflow.tasks import observations
from kmaflow.catalog import DATASETS
from kmaflow.collect import Collector
from kmaflow.hub.secrecy import key_id
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.status.metrics import LAG, METRICS, MISSING, Sample
from kmaflow.store.errors import StoreLost
from tests.airflow.fake_core import FakeCollector
from tests.airflow.test_tasks import context
from tests.collect.hub import simulated

SAMPLES = (
    Sample(LAG, 60.0, {"dataset": "aws_minute"}),
    Sample(MISSING, 3, {"dataset": "aws_minute", "state": "refused"}),
)
NOBODY = cast("Collector", None)
Sent = list[tuple[str, float, Mapping[str, str] | None]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What is handed to Airflow."""
    found: Sent = []
    monkeypatch.setattr(metrics, "gauge", lambda name, value, tags=None: found.append((name, value, tags)))
    return found


@contextmanager
def otlp_receiver() -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    """An OpenTelemetry collector's HTTP door: its address, and what came through it."""
    came: list[ExportMetricsServiceRequest] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportMetricsServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_one(hub: str, folder: Path, dataset: str, start: str, end: str, **environment: str) -> tuple[int, list[Any]]:
    """A task in a process of its own: exit code, and its log lines."""
    done = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("one_task.py")),
            hub,
            DEFAULT_KEY,
            str(folder),
            dataset,
            start,
            end,
        ],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert DEFAULT_KEY not in done.stdout + done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_where_airflow_sends_nothing_nothing_is_read(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_measured", lambda *_: pytest.fail("the database was read"))
    metrics.report(NOBODY, "aws_minute")
    assert sent == []


@pytest.mark.parametrize("setting", ["OTEL_ON", "STATSD_DATADOG_ENABLED"])
def test_labels_are_tags(sent: Sent, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(f"AIRFLOW__METRICS__{setting}", "True")
    monkeypatch.setattr(metrics, "_measured", lambda *_: SAMPLES)
    metrics.report(NOBODY, "aws_minute")
    assert sent == [
        ("kmaflow.lag_seconds", 60.0, {"dataset": "aws_minute"}),
        ("kmaflow.missing_cells", 3, {"dataset": "aws_minute", "state": "refused"}),
    ]


def test_plain_statsd_has_no_tags_so_labels_end_the_name(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    metrics.send(SAMPLES)
    assert sent == [
        ("kmaflow.lag_seconds.aws_minute", 60.0, None),
        ("kmaflow.missing_cells.aws_minute.refused", 3, None),
    ]
    sent.clear()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
    metrics.send(SAMPLES[:1])
    assert sent == [("kmaflow.lag_seconds", 60.0, {"dataset": "aws_minute"})]


def test_metrics_that_fail_cost_no_task(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(*_: object) -> list[Sample]:
        raise StoreLost("the server went away")

    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    monkeypatch.setattr(metrics, "_measured", lost)
    metrics.report(NOBODY, "aws_minute")
    assert sent == []
    assert "the server went away" in caplog.text


def test_a_task_reports_whether_it_is_green_or_red(monkeypatch: pytest.MonkeyPatch) -> None:
    from kmaflow.hub.errors import NotYetProduced

    fake = FakeCollector()
    reported: list[str] = []
    monkeypatch.setattr(connections, "open_collector", fake.open)
    monkeypatch.setattr(metrics, "report", lambda _, dataset: reported.append(dataset))
    observations.collect(context()[0], dataset="asos_hourly")
    fake.refuse["asos_hourly"] = NotYetProduced("too young")
    with pytest.raises(NotYetProduced):
        observations.collect(context()[0], dataset="asos_hourly")
    assert reported == ["asos_hourly", "asos_hourly"]


def test_a_task_tells_an_opentelemetry_collector_and_its_log_says_for_what(tmp_path: Path) -> None:
    with simulated() as hub, otlp_receiver() as (address, came):
        code, lines = run_one(
            hub.url,
            tmp_path,
            "aws_cloud",
            "2025-01-15 12:00",
            "2025-01-15 12:10",
            AIRFLOW__METRICS__OTEL_ON="True",
            OTEL_EXPORTER_OTLP_ENDPOINT=address,
        )
    assert code == 0, "\n".join(map(str, lines[-12:]))
    points = {
        (metric.name, *sorted((tag.key, tag.value.string_value) for tag in point.attributes)): point
        for request in came
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.gauge.data_points
    }
    assert {f"airflow.{metric.airflow}" for metric in METRICS} <= {name for name, *_ in points}
    rows = points["airflow.kmaflow.rows_today", ("dataset", "aws_cloud")]
    assert (rows.as_int or rows.as_double) > 0
    left = points["airflow.kmaflow.calls_left", ("key_id", key_id(SecretStr(DEFAULT_KEY)))]
    assert 0 < (left.as_int or left.as_double) <= 20_000
    assert {dict(tags).get("dataset") for _, *tags in points} <= {None, *DATASETS}

    before, after = (
        next(index for index, line in enumerate(lines) if line["event"] == f"{when} the task")
        for when in ("before", "after")
    )
    assert not {"dataset", "window"} & (set(lines[before]) | set(lines[after]))
    task = lines[before + 1 : after]
    for line in task:
        assert line["run_id"] == "scheduled__of_this_test", line
        assert line["dataset"] == "aws_cloud", line
        assert line["window"] == "(2025-01-15 12:00, 2025-01-15 12:10]", line
    loggers = {line["logger"] for line in task}
    assert "kmaflow.airflow.tasks.observations" in loggers
    assert "httpcore.http11" in loggers, "lines of the thread that asks carry them too"
