"""`make run` itself, once for all tests of this folder that look at it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.smoke import smoke_settings

from kmaflow.catalog.time import HOUR, Window

ROOT = Path(__file__).parents[2]
#: For a start, a run, an end: what a loaded machine may need, not what it does need.
PATIENCE = 600.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_QUIET = ["gpu", "quic", "background-networking", "component-update", "sync"]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)


def last_hours(now: datetime, hours: int, delay: timedelta) -> Window:
    """The last whole hours that the hub has at ``now`` (naive KST)."""
    end = (now - delay).replace(minute=0, second=0, microsecond=0)
    return Window(end - hours * HOUR, end)


@dataclass
class MakeRun:
    """A launcher in its own process, as `make run` starts it, in a home of its own."""

    home: Path
    ui_port: int
    simulator_port: int
    process: subprocess.Popen[bytes] | None = None
    _seen: set[psutil.Process] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ui_port}"

    @property
    def output(self) -> str:
        return (self.home / "run.log").read_text(encoding="utf-8")

    @property
    def password(self) -> str:
        login = json.loads((self.home / "airflow" / "login.json").read_text(encoding="utf-8"))
        return str(login["admin"])

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KMAFLOW_", "AIRFLOW"))}
        environment = kept | {
            "KMAFLOW_HOME": str(self.home),
            "KMAFLOW_UI_PORT": str(self.ui_port),
            "KMAFLOW_SIMULATOR_PORT": str(self.simulator_port),
        }
        with (self.home / "run.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kmaflow.run.launch"],
                env=environment,
                cwd=self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ensure(self) -> None:
        """Start it where it does not run: the first time until a run of `kma_aws` has ended, later until its banner."""
        if self.lives:
            return
        line = r"kma_aws .* rows" if self.process is None else "Ctrl-C"
        self.start()
        self.wait_for_line(line)

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_for_line(self, pattern: str) -> str:
        """The first line of its output that matches."""
        assert self.process is not None
        found: list[str] = []

        def there() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.output
            found[:] = [line for line in self.output.splitlines() if re.search(pattern, line)]
            return bool(found)

        wait_for(there, pattern)
        return found[0]

    def processes(self) -> list[psutil.Process]:
        """The launcher and everything that lives because of it, also what was seen earlier and lives on."""
        if self.process is not None:
            with suppress(psutil.NoSuchProcess):
                mother = psutil.Process(self.process.pid)
                self._seen |= {mother, *mother.children(recursive=True)}
        return [one for one in self._seen if _lives(one)]

    def stop(self, number: signal.Signals) -> int:
        """Ask for the end; the exit code."""
        assert self.process is not None
        self.processes()
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(scope="session")
def one_make_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeRun]:
    """One home for all modules, not started yet; ended after the last."""
    home = tmp_path_factory.mktemp("make-run")
    ports = smoke_settings(home)
    run = MakeRun(home, ports.ui_port, ports.simulator_port)
    try:
        yield run
    finally:
        if run.lives:
            run.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def make_run(one_make_run: MakeRun) -> MakeRun:
    """`make run`, running, whatever the modules before have done to it."""
    one_make_run.ensure()
    return one_make_run


@pytest.fixture(scope="session")
def npm_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page is built with, as its lock says."""
    if shutil.which("npm") is None:
        assert not os.environ.get("CI"), "continuous integration needs npm"
        pytest.skip("no npm: sudo apt-get install npm (Node 20)")
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ROOT / "web" / name, folder)
    done = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "node_modules"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in _QUIET)],
        )
        yield made
        made.close()
