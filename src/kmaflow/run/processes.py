"""Child processes that are certain to end: each in a session of its own, so that whatever it starts can be found again.

Airflow's scheduler starts workers, these start task supervisors, and these put their tasks into process groups of their
own; a parent that dies leaves all of them behind. But none leaves its *session*. So ending a component means: ask its
first process to stop, wait, then end every process of its session. A guard (a small process that holds one end of a
pipe) does the same when the launcher itself is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Seconds to stop by itself, then seconds after SIGTERM to every process of the session; what is left is killed.
POLITE = 12.0
FIRM = 5.0
_STEP = 0.1


@dataclass(frozen=True, slots=True)
class Child:
    """A started component. Its process id is also the id of its session."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def session(self) -> int:
        """The id of the session in which it and everything it starts live."""
        return self.process.pid

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


class Children:
    """Starts components, keeps them, ends them all.

    Args:
        logs: folder for what they print.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []
        self._guard = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Child:
        """Start a component in the background; its output goes to ``logs/NAME.log``."""
        path = self._logs / f"{name}.log"
        with path.open("ab") as log:
            process = subprocess.Popen(
                list(command),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, path)
        self._children.append(child)
        self._tell_guard(f"{child.session}\n")
        return child

    def forget(self, child: Child) -> None:
        """Look after a component no longer: whoever asks for this ends it."""
        self._children.remove(child)

    def ended(self) -> Child | None:
        """The first component that has ended although nobody asked it to."""
        return next((child for child in self._children if child.process.poll() is not None), None)

    def stop(self) -> None:
        """End every component and everything that they started, the youngest first; then the guard."""
        for child in reversed(self._children):
            with suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        end_sessions([child.session for child in self._children], reap=self._reap)
        # Every session is empty, so all have ended; the last of them may not have been collected.
        for child in self._children:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(FIRM)
        self._tell_guard("done\n")
        if self._guard.stdin is not None:
            with suppress(BrokenPipeError):
                self._guard.stdin.close()
        self._guard.wait(timeout=POLITE)

    def _reap(self) -> None:
        """Collect ended children: a zombie would still count as a process of its session."""
        for child in self._children:
            child.process.poll()

    def _tell_guard(self, line: str) -> None:
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            with suppress(BrokenPipeError):  # the guard was killed: nothing but its service is lost
                self._guard.stdin.write(line.encode())
                self._guard.stdin.flush()


def members(sessions: Iterable[int]) -> list[int]:
    """The ids of all living processes of these sessions."""
    wanted, found = set(sessions), []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) in wanted and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def end_sessions(sessions: Sequence[int], *, reap: Callable[[], None] = lambda: None) -> None:
    """Wait ``POLITE`` seconds for empty sessions, send SIGTERM to the rest, wait ``FIRM`` seconds, kill it."""
    if _emptied(sessions, POLITE, reap):
        return
    _send(sessions, signal.SIGTERM)
    if _emptied(sessions, FIRM, reap):
        return
    _send(sessions, signal.SIGKILL)
    _emptied(sessions, FIRM, reap)


def _emptied(sessions: Sequence[int], seconds: float, reap: Callable[[], None]) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        reap()
        if not members(sessions):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP)


def _send(sessions: Sequence[int], number: signal.Signals) -> None:
    for pid in members(sessions):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def guard() -> int:
    """Read session ids from stdin; if it ends without ``done``, the launcher has died: end the sessions."""
    # A Ctrl-C or a SIGTERM for everybody must not end the guard before its launcher.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions = []
    for line in sys.stdin:
        if line.strip() == "done":
            return 0
        sessions.append(int(line))
    _send(sessions, signal.SIGTERM)
    end_sessions(sessions)
    return 0


if __name__ == "__main__":
    sys.exit(guard())
