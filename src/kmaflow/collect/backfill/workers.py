"""Workers for chunks of history: processes of their own, since one interpreter parses and loads on one core only.

Settings, with the key in them, go to a worker through a pipe: never by arguments, environment or a file. A worker that is killed is replaced and its
chunk done again. When this process ends, however it ends, the workers see it at the end of their present call and end too.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, TypeAlias

from kmaflow.collect.backfill.chunks import Chunk, ChunkDone, fill
from kmaflow.collect.collector import Collector
from kmaflow.collect.result import DatasetResult
from kmaflow.errors import KmaflowError
from kmaflow.settings import Settings
from kmaflow.store.selection import StationChoice

log = logging.getLogger(__name__)

#: A chunk over which so many workers died is not tried again.
_DEATHS = 3
#: Seconds in which a worker that is told to end has to end: one call, at most.
_GRACE = 80.0


class WorkerDied(KmaflowError):
    """A worker process ended in the middle of a chunk, again and again."""

    todo_en = "look for out-of-memory kills (dmesg), or try with fewer workers: --workers 1; what is stored stays, the same command goes on"
    todo_ko = "메모리 부족으로 강제 종료되었는지(dmesg) 보거나 --workers 1로 해 보십시오; 저장된 자료는 유지되며 같은 명령으로 이어집니다"


class WorkFailed(KmaflowError):
    """A worker could not go on: what its error said."""


@dataclass(frozen=True, slots=True)
class Order:
    """A chunk to be done; ``wait``: if another worker is at it, wait for that one's end."""

    chunk: Chunk
    wait: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """How far the work on a chunk has come, in calls."""

    chunk: Chunk
    planned: int
    done: int
    rows: int


Orders: TypeAlias = deque[Order]
OnStep: TypeAlias = Callable[[Step], None]


class Executor(Protocol):
    """Whoever does the orders."""

    def work(self, orders: Orders, on_step: OnStep) -> Iterator[ChunkDone]:
        """Do the orders until there are none; whoever iterates may take some away, or add some, between two chunks."""

    def dismiss(self) -> None:
        """End the work."""


def tidy() -> None:
    """What the imports made stays; what a call leaves in cycles (bodies, frames) must not pile up: a hundred megabytes otherwise."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 10)


class InProcess:
    """The work is done in this process."""

    def __init__(self, collector: Collector, choice: StationChoice) -> None:
        self._collector = collector
        self._choice = choice

    def work(self, orders: Orders, on_step: OnStep) -> Iterator[ChunkDone]:
        """As :meth:`Executor.work`."""
        tidy()
        while orders:
            order = orders.popleft()

            def told(result: DatasetResult, chunk: Chunk = order.chunk) -> None:
                on_step(_step(chunk, result))

            yield fill(self._collector, order.chunk, self._choice, wait=order.wait, on_progress=told)

    def dismiss(self) -> None:
        """Nothing to end."""


def _step(chunk: Chunk, result: DatasetResult) -> Step:
    return Step(chunk, result.planned, result.done, result.rows)


class _Stopped(Exception):
    """The process that gave the orders wants no more, or is gone."""


@dataclass(slots=True, eq=False)
class _Worker:
    process: Any
    line: Connection
    order: Order | None = None


class WorkerPool:
    """The work is done by processes, which are started when they are needed.

    Args:
        workers: how many at most.
    """

    def __init__(self, settings: Settings, choice: StationChoice, workers: int) -> None:
        self._settings = settings
        self._choice = choice
        self._most = workers
        self._workers: list[_Worker] = []
        self._deaths: Counter[Chunk] = Counter()

    def work(self, orders: Orders, on_step: OnStep) -> Iterator[ChunkDone]:
        """As :meth:`Executor.work`.

        Raises:
            WorkFailed: database or archive failed for a worker.
            WorkerDied: a chunk ended one worker after the other.
        """
        while orders or any(worker.order for worker in self._workers):
            self._hand_out(orders)
            busy = {worker.line: worker for worker in self._workers if worker.order is not None}
            for line in wait(list(busy)):
                worker = busy[line]  # type: ignore[index]
                try:
                    message = worker.line.recv()
                except (EOFError, ConnectionResetError):
                    self._bury(worker, orders)
                    continue
                if isinstance(message, Step):
                    on_step(message)
                elif isinstance(message, ChunkDone):
                    worker.order = None
                    yield message
                else:
                    raise WorkFailed(message.what, ko=message.what_ko, todo_en=message.todo_en, todo_ko=message.todo_ko)

    def dismiss(self) -> None:
        """Let every worker end after its present call."""
        for worker in self._workers:
            _say(worker.line, None)
        for worker in self._workers:
            worker.process.join(_GRACE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.line.close()
            worker.process.close()
        self._workers.clear()

    def _hand_out(self, orders: Orders) -> None:
        for worker in self._workers:
            if worker.order is None and orders:
                worker.order = orders.popleft()
                # One that has died meanwhile is found by its closed line.
                _say(worker.line, worker.order)
        while orders and len(self._workers) < self._most:
            worker = self._start()
            worker.order = orders.popleft()
            _say(worker.line, worker.order)
            self._workers.append(worker)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        level = logging.getLogger().getEffectiveLevel()
        process = context.Process(
            target=_worker, args=(self._settings, self._choice, theirs, level), name="kmaflow backfill", daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _bury(self, worker: _Worker, orders: Orders) -> None:
        order = worker.order
        assert order is not None
        worker.process.join()
        code = worker.process.exitcode
        worker.line.close()
        worker.process.close()
        self._workers.remove(worker)
        self._deaths[order.chunk] += 1
        told = f"worker process ended by signal {-code}" if code < 0 else f"worker process ended with code {code}"
        how = f"시그널 {-code}" if code < 0 else f"종료 코드 {code}"
        if self._deaths[order.chunk] >= _DEATHS:
            raise WorkerDied(
                f"{order.chunk}: {told}, {_DEATHS} times",
                ko=f"{order.chunk}: 워커 프로세스가 {_DEATHS}번 종료되었습니다({how})",
            )
        log.warning("%s: %s; another one does it again", order.chunk, told)
        orders.appendleft(order)


def _say(line: Connection, what: Order | None) -> None:
    try:
        line.send(what)
    except (BrokenPipeError, ConnectionResetError):
        log.debug("a worker has gone")


def _worker(settings: Settings, choice: StationChoice, line: Connection, level: int) -> None:
    """Lives in a process of its own: does orders until there are no more."""
    # Ctrl-C reaches the whole group; whoever gave the orders says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tidy()
    logging.basicConfig(level=level, format=f"%(asctime)s %(levelname)s %(name)s [{os.getpid()}]: %(message)s")

    def pulse() -> None:
        if line.poll():
            raise _Stopped

    try:
        with Collector.open(settings, work="backfill") as collector:
            while isinstance(order := line.recv(), Order):
                chunk = order.chunk

                def told(result: DatasetResult, chunk: Chunk = chunk) -> None:
                    line.send(_step(chunk, result))

                line.send(fill(collector, chunk, choice, wait=order.wait, pulse=pulse, on_progress=told))
    except KmaflowError as error:
        # As plain text: an error of its own kind may need more than words to be made again.
        line.send(WorkFailed(error.what, ko=error.what_ko, todo_en=error.todo_en, todo_ko=error.todo_ko))
    except (_Stopped, EOFError, BrokenPipeError, ConnectionResetError):
        log.debug("told to end")
