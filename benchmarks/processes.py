"""What processes cost while a block runs: seconds, CPU seconds and peak memory, of a process with all its children and of a database server's backends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_EVERY = 0.1


@dataclass(slots=True)
class Cost:
    """Attributes: seconds; cpu of the processes and server_cpu of the backends, in seconds; memory: the largest sum of PSS, in MB."""

    seconds: float = 0.0
    cpu: float = 0.0
    server_cpu: float = 0.0
    memory: float = 0.0
    processes: int = 0

    @property
    def all_cpu(self) -> float:
        """CPU seconds of processes and server together."""
        return self.cpu + self.server_cpu


class _Watch(threading.Thread):
    def __init__(self, root: psutil.Process, database: str | None) -> None:
        super().__init__(daemon=True)
        self.root = root
        self.database = database
        self.end = threading.Event()
        self.cost = Cost()
        self._own: dict[int, float] = {}
        self._server: dict[int, float] = {}

    def run(self) -> None:
        looks = 0
        while not self.end.wait(_EVERY):
            looks += 1
            # Shared pages (libraries) count once in all: PSS. It is dear to ask, so not at every look.
            self._look(weigh=looks % 3 == 0, find=looks % 5 == 0)

    def _look(self, *, weigh: bool, find: bool) -> None:
        memory = 0
        family = []
        try:
            family = [self.root, *self.root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in family:
            try:
                self._own[process.pid] = sum(process.cpu_times()[:2])
                if weigh:
                    memory += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        self.cost.memory = max(self.cost.memory, memory / 1e6)
        self.cost.processes = max(self.cost.processes, len(family))
        if self.database:
            self._look_at_server(self.database, find=find)
        self.cost.cpu = sum(self._own.values())
        self.cost.server_cpu = sum(self._server.values())

    def _look_at_server(self, database: str, *, find: bool) -> None:
        if find:
            for process in psutil.process_iter(["name", "cmdline"]):
                if process.info["name"] == "postgres" and database in " ".join(process.info["cmdline"] or ()):
                    self._server.setdefault(process.pid, 0.0)
        for pid in self._server:
            try:
                self._server[pid] = sum(psutil.Process(pid).cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue


@contextmanager
def measured(pid: int, database: str | None = None) -> Iterator[Cost]:
    """The cost of a process and its children while the block runs; ``database``: the name whose PostgreSQL backends count too."""
    watch = _Watch(psutil.Process(pid), database)
    began = time.perf_counter()
    watch.start()
    try:
        yield watch.cost
    finally:
        watch.cost.seconds = time.perf_counter() - began
        watch.end.set()
        watch.join()
