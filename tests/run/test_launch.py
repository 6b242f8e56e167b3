"""The launcher without its children: what stops it before the start, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog.time import now_kst
from kmaflow.errors import UsageError
from kmaflow.run import launch
from kmaflow.run.api import ApiBusy
from kmaflow.run.environment import Places
from kmaflow.run.launch import Running, Stopped, await_condition, check_alive, require_free, started, stop_signals
from kmaflow.run.preparation import StartFailed
from kmaflow.run.processes import Children
from kmaflow.settings import load_settings
from tests import smoke
from tests.truth_check import Comparison


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    children = Children(tmp_path)
    yield children
    children.stop()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_a_taken_port_is_one_line_that_says_which_and_what_to_do(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KMAFLOW_UI_PORT", str(taken))
    assert launch.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {taken} (UI) is taken" in line
    assert f"KMAFLOW_UI_PORT={taken + 1} make run" in line


def test_a_free_port_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    require_free(port, "UI", "KMAFLOW_UI_PORT")


def test_a_home_in_use_is_refused(tmp_path: Path) -> None:
    with (
        launch._home_lock(tmp_path),
        pytest.raises(UsageError, match="another make run"),
        started(load_settings(home=tmp_path)),
    ):
        pass


def test_without_airflow_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="not installed"), started(load_settings(home=tmp_path)):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_once_and_does_not_disturb_the_clean_up(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def asked_twice() -> None:
        with stop_signals():
            try:
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), number)

    with pytest.raises(Stopped):
        asked_twice()
    assert signal.getsignal(number) is before


def test_waiting_ends_with_the_condition_and_a_busy_api_is_not_yet(children: Children) -> None:
    answers: list[Callable[[], bool]] = [lambda: False, _busy, lambda: True]
    await_condition(lambda: answers.pop(0)(), children, "it")
    assert answers == []


def _busy() -> bool:
    raise ApiBusy("500")


def test_waiting_ends_with_its_time(children: Children) -> None:
    with pytest.raises(StartFailed, match="Airflow: not ready after 0 s"):
        await_condition(lambda: False, children, "Airflow", seconds=0)


def test_a_component_that_died_ends_the_run_with_its_last_words(
    children: Children, capsys: pytest.CaptureFixture[str]
) -> None:
    child = children.start("scheduler", [sys.executable, "-c", "raise SystemExit('no room left')"], os.environ)
    child.process.wait()
    with pytest.raises(StartFailed, match="scheduler ended with code 1"):
        check_alive(children)
    assert "no room left" in capsys.readouterr().err


def test_a_dag_file_with_an_error_is_named() -> None:
    class Api:
        def import_errors(self) -> list[str]:
            return ["Traceback\n  …\nUsageError: KMAFLOW_CATCHUP is on"]

    with pytest.raises(StartFailed, match="KMAFLOW_CATCHUP is on"):
        launch._dags_are_known(Api())  # type: ignore[arg-type]


def test_main_tells_runs_until_somebody_asks_for_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, children: Children
) -> None:
    class Api:
        looks = 0

        def runs(self, **_: Any) -> list[dict[str, Any]]:
            Api.looks += 1
            if Api.looks == 1:
                raise ApiBusy("500")
            if Api.looks > 2:
                os.kill(os.getpid(), signal.SIGTERM)
            end = "2026-03-01T03:13:20+00:00"
            return [{"dag_id": "kma_stations", "dag_run_id": "r", "state": "success", "end_date": end}]

    @contextmanager
    def fake_start(_: object) -> Iterator[Running]:
        settings = load_settings(home=tmp_path)
        yield Running(
            api=Api(),  # type: ignore[arg-type]
            children=children,
            places=Places(tmp_path),
            settings=settings,
            ui_url="http://127.0.0.1:8080",
            hub_url="http://127.0.0.1:8765/api/typ01",
            simulated=True,
            password="pass-word",
            database_url="postgresql+psycopg://me:hidden@db/kma",
            token="a-token",
        )

    monkeypatch.setattr(launch, "started", fake_start)
    monkeypatch.setattr(launch, "_POLL_SECONDS", 0.0)
    assert launch.main() == 0
    said = capsys.readouterr().out
    assert "admin / pass-word" in said
    assert "no key" in said
    assert "hidden" not in said
    assert said.count("kma_stations  success") == 1
    assert said.rstrip().endswith("stopped")


def test_the_smoke_test_owes_nothing_to_its_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("KMAFLOW_API_KEY=real\nKMAFLOW_STATIONS=108\n")
    monkeypatch.setenv("KMAFLOW_DATABASE_URL", "sqlite:////precious.db")
    settings = smoke.smoke_settings(tmp_path / "home")
    assert settings.api_key is None
    assert settings.stations == "all"
    assert settings.database_url == f"sqlite:///{tmp_path}/home/kmaflow.db"
    assert settings.ui_port != settings.simulator_port
    assert settings.start is not None
    assert smoke.OUTAGE <= now_kst() - settings.start < smoke.OUTAGE + timedelta(minutes=11)


def test_the_smoke_report_is_red_for_any_difference(capsys: pytest.CaptureFixture[str]) -> None:
    good = Comparison("asos_hourly", 2, 88, 0, 0, 0)
    assert smoke.report([good], 1.0) == 0
    assert "smoke: 88 cells compared, 0 differing" in capsys.readouterr().out
    for bad in (Comparison("t", 1, 1, 1, 0, 0), Comparison("t", 1, 1, 0, 1, 0), Comparison("t", 1, 1, 0, 0, 1)):
        assert smoke.report([good, bad], 1.0) == 1
    assert smoke.report([], 1.0) == 1


@pytest.mark.parametrize(("raised", "code"), [(Stopped(), 1), (UsageError("no"), 2)])
def test_a_smoke_that_cannot_run_is_red(monkeypatch: pytest.MonkeyPatch, raised: Exception, code: int) -> None:
    def fail(_: object) -> None:
        raise raised

    monkeypatch.setattr(smoke, "started", fail)
    assert smoke.main() == code
