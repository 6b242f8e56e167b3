"""What the command line tells programs that watch: Prometheus' text, and log lines as JSON."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import datetime

import pytest
from pydantic import SecretStr

from kmaflow.commands.log_lines import JsonLines
from kmaflow.hub.secrecy import key_id
from kmaflow.log_fields import current, log_fields
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.simulator.server import Running
from kmaflow.status.metrics import METRICS

from .conftest import Kmaflow

TEN = ("--from", "2025-01-15 12:00", "--to", "2025-01-15 12:10")


def test_status_for_prometheus(hub: Running, kmaflow: Kmaflow) -> None:
    assert kmaflow("init").code == 0
    empty = kmaflow("status", "--prometheus")
    assert (empty.code, empty.err) == (0, "")
    assert set(re.findall(r"^(kmaflow_[a-z_]+)", empty.out, re.MULTILINE)) == {
        "kmaflow_calls_left",
        "kmaflow_bytes_left",
    }
    assert kmaflow("collect", "aws_cloud", *TEN).code == 0
    done = kmaflow("status", "--prometheus")
    assert (done.code, done.err) == (0, "")
    assert set(re.findall(r"^# TYPE (\S+) gauge$", done.out, re.MULTILINE)) == {metric.prometheus for metric in METRICS}
    assert 'kmaflow_last_stamp_seconds{dataset="aws_cloud"} ' in done.out
    assert 'dataset="aws_minute"' not in done.out, "it was never asked for"
    assert DEFAULT_KEY not in done.out


def test_the_quota_of_every_key_that_was_used_is_told(
    hub: Running, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kmaflow("collect", "aws_cloud", *TEN).code == 0
    ours = key_id(SecretStr(DEFAULT_KEY))
    assert f'kmaflow_calls_left{{key_id="{ours}"}} 1959' in kmaflow("status", "--prometheus").out
    monkeypatch.delenv("KMAFLOW_API_KEY")
    without = kmaflow("status", "--prometheus")
    assert without.code == 0
    assert f'kmaflow_calls_left{{key_id="{ours}"}}' in without.out, "as where Airflow's connection holds it"


@pytest.mark.parametrize("by", ["option", "environment"])
def test_every_line_of_a_collect_says_for_what_it_is(
    hub: Running, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    options = ["--log-format", "json"] if by == "option" else []
    if by == "environment":
        monkeypatch.setenv("KMAFLOW_LOG_FORMAT", "json")
    done = kmaflow("--verbose", *options, "collect", "aws_cloud", "aws_visibility", *TEN)
    assert done.code == 0
    # Before the work begins -v says where settings come from.
    lines = [line for line in map(json.loads, done.err.splitlines()) if line["logger"] != "kmaflow.cli"]
    assert len({line["run_id"] for line in lines}) == 1
    asked = {
        name: [line for line in lines if endpoint in line["event"]]
        for name, endpoint in {"aws_cloud": "nph-aws2_min_cloud", "aws_visibility": "nph-aws2_min_vis"}.items()
    }
    for name, requests in asked.items():
        assert requests, "the requests are logged"
        for line in requests:
            assert (line["dataset"], line["window"]) == (name, "(2025-01-15 12:00, 2025-01-15 12:10]")
            assert (line["level"], line["logger"]) == ("info", "httpx")
            assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
            assert "authKey=***" in line["event"]
    assert DEFAULT_KEY not in done.err


def test_a_format_that_does_not_exist_is_a_usage_error(kmaflow: Kmaflow) -> None:
    done = kmaflow("--log-format", "xml", "status")
    assert done.code == 2
    assert "json" in done.err


def test_fields_end_with_their_block_and_inner_ones_win() -> None:
    with log_fields(dataset="aws_minute", window="w"):
        with log_fields(dataset="aws_cloud"):
            assert current() == {"dataset": "aws_cloud", "window": "w"}
        assert current() == {"dataset": "aws_minute", "window": "w"}
    assert current() == {}


def test_an_exception_stays_on_its_line_without_the_key() -> None:
    try:
        raise ValueError(f"GET http://hub/?authKey={DEFAULT_KEY}&stn=0")
    except ValueError:
        record = logging.LogRecord("kmaflow", logging.ERROR, "", 0, "it %s", ("failed",), sys.exc_info())
    line = JsonLines().format(record)
    assert "\n" not in line
    assert DEFAULT_KEY not in line
    told = json.loads(line)
    assert told["event"] == "it failed"
    assert "ValueError" in told["exception"]
