"""Children that are certain to end, also those that hide in process groups of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kmaflow.run import processes
from kmaflow.run.processes import Children, end_sessions, members

#: A component like Airflow's scheduler: its child makes a process group of its own, and both ignore SIGTERM if told so.
COMPONENT = """
import os, signal, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
    print("ready", os.getpid(), flush=True)
while True:
    time.sleep(0.05)
"""


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def component(children: Children, how: str, name: str) -> list[int]:
    child = children.start(name, [sys.executable, "-c", COMPONENT, how], os.environ)
    wait_until(lambda: "ready" in child.tail() and len(members([child.session])) == 2)
    return members([child.session])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "POLITE", 2.0)
    monkeypatch.setattr(processes, "FIRM", 2.0)


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    children = Children(tmp_path)
    yield children
    children.stop()


@pytest.mark.parametrize("how", ["polite", "deaf"])
def test_stop_leaves_nothing_behind(children: Children, how: str) -> None:
    pids = component(children, how, "one") + component(children, how, "two")
    assert children.ended() is None
    children.stop()
    assert not any(alive(pid) for pid in pids)


def test_a_component_that_ends_by_itself_is_noticed(children: Children) -> None:
    child = children.start("short", [sys.executable, "-c", "print('why'); raise SystemExit(3)"], os.environ)
    wait_until(lambda: children.ended() is not None)
    assert children.ended() is child
    assert child.tail() == "why"


def test_the_guard_ends_everything_when_the_launcher_is_killed(tmp_path: Path) -> None:
    launcher = (
        "import os, sys, time\nfrom pathlib import Path\nfrom kmaflow.run.processes import Children\n"
        "children = Children(Path(sys.argv[1]))\n"
        f"child = children.start('one', [sys.executable, '-c', {COMPONENT!r}, 'polite'], os.environ)\n"
        "print(child.session, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", launcher, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        session = int(process.stdout.readline())
        wait_until(lambda: len(members([session])) == 2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda: members([session]) == [])


def test_ending_what_has_ended_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as process:
        process.wait()
    end_sessions([process.pid])
