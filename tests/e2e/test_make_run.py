"""`make run` as a process: what it opens, what it says, and that nothing of it is left."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3

import httpx
import psutil
import pytest
from tests.e2e.conftest import PATIENCE, MakeRun, wait_for

from kmaflow.run.api import AirflowApi

pytestmark = pytest.mark.e2e


def rows(run: MakeRun) -> int:
    (path,) = run.home.glob("simulated/*.db")
    with sqlite3.connect(path) as database:
        (count,) = database.execute("SELECT count(*) FROM aws_minute").fetchone()
    return int(count)


def test_every_port_is_on_loopback(make_run: MakeRun) -> None:
    listening = [
        connection.laddr
        for process in make_run.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {address.port for address in listening} == {make_run.ui_port, make_run.simulator_port}
    assert {address.ip for address in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("path", ["/api/v2/dags", "/api/v2/connections", "/ui/config", "/ui/dags"])
def test_nothing_is_shown_without_a_login(make_run: MakeRun, path: str) -> None:
    assert httpx.get(f"{make_run.url}{path}", trust_env=False).status_code == httpx.codes.UNAUTHORIZED


def test_it_says_where_everything_is(make_run: MakeRun) -> None:
    said = make_run.output
    assert make_run.url in said
    assert f"admin / {make_run.password}" in said
    assert "simulated" in said
    line = make_run.wait_for_line(r"kma_aws .* rows")
    assert re.search(r"kma_aws +success +\(.*\] +[\d,]+ rows +lag \d+m\d\ds", line)


def test_a_second_make_run_in_the_same_home_is_refused_in_one_line(make_run: MakeRun) -> None:
    second = MakeRun(make_run.home / "second", make_run.ui_port, make_run.simulator_port)
    second.home.mkdir()
    second.start()
    assert second.process is not None
    assert second.process.wait(PATIENCE) == 2
    assert len(second.output.splitlines()) == 1
    assert "is taken" in second.output


def test_an_unknown_station_stops_the_run_before_anything_is_collected(make_run: MakeRun) -> None:
    with AirflowApi(make_run.url, "admin", make_run.password) as api:
        run_id = api.trigger(
            "kma_asos", {"stations": "서울시청역", "from": "2026-01-01 00:00", "to": "2026-01-01 01:00"}
        )
        wait_for(lambda: _state(api, run_id) == "failed", "the red run")
        states = {one["task_id"]: one["state"] for one in api.tasks("kma_asos", run_id)}
    assert states["check"] == "failed"
    assert states["asos_hourly"] == states["end"] == "upstream_failed"
    assert make_run.wait_for_line(r"kma_asos +failed .*(실패|failed): check")


def _state(api: AirflowApi, run_id: str) -> str:
    return next(str(run["state"]) for run in api.runs(dag_id="kma_asos") if run["dag_run_id"] == run_id)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_complete_and_the_next_start_goes_on_with_the_same_data(
    make_run: MakeRun, number: signal.Signals
) -> None:
    if not make_run.lives:
        before = rows(make_run)
        make_run.ensure()
        assert rows(make_run) >= before
    assert len(make_run.processes()) > 5
    assert make_run.stop(number) == 0
    assert make_run.processes() == []
    for port in (make_run.ui_port, make_run.simulator_port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
