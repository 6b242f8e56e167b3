"""The command line in this process: arguments in, exit code, stdout and stderr out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kmaflow.cli import main
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.simulator.server import Running
from kmaflow.store import Store

from ..collect.hub import simulated
from ..store.bodies import at, load, load_list, minute_body, stamp, station_body


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Kmaflow = Callable[..., Done]


@pytest.fixture(scope="session")
def calm_hub() -> Iterator[Running]:
    with simulated() as hub:
        yield hub


@pytest.fixture
def hub(calm_hub: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A simulated hub that the environment names; its faults are gone after the test."""
    monkeypatch.setenv("KMAFLOW_HUB_URL", calm_hub.url)
    monkeypatch.setenv("KMAFLOW_API_KEY", DEFAULT_KEY)
    calm_hub.simulator.hub.keys._log.clear()
    yield calm_hub
    calm_hub.simulator.hub.faults.clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KMAFLOW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def kmaflow(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kmaflow:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    # Rich would colour and fold by the terminal of whoever runs the tests.
    for name in ("FORCE_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)
    level = logging.root.level

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["kmaflow", *map(str, arguments)])
        capsys.readouterr()
        # pytest's own handlers would make the command line believe that somebody else has set up the logs.
        with monkeypatch.context() as patch:
            patch.setattr(logging.root, "handlers", [])
            with pytest.raises(SystemExit) as left:
                main()
        logging.root.setLevel(level)
        out, err = capsys.readouterr()
        return Done(
            left.value.code if isinstance(left.value.code, int) else 0 if left.value.code is None else 1, out, err
        )

    return run


@pytest.fixture
def filled(home: Path) -> Path:
    """Ten minutes of two stations and the witness, then a correction."""
    with Store(f"sqlite:///{home}/kmaflow.db") as store:
        cells = {(stamp(minute), stn): {"ta": minute + 0.1, "hm": 50.0} for minute in range(1, 11) for stn in (90, 108)}
        load(store, minute_body(cells), at(15))
        load(store, minute_body(cells | {(stamp(1), 108): {"ta": -9.3}}), at(20))
        load_list(store, "AWS", station_body("AWS", {90: "속초", 108: "서울"}), at(20))
    return home
