"""Filling history: every chunk that lacks something is done by a pool of workers, over as many days as the quota makes it last.

Nothing is remembered between two starts: what is missing is told by the ledger, so it goes on wherever it was ended, by whatever.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kmaflow.catalog.time import Window
from kmaflow.collect.backfill.chunks import Chunk, ChunkDone, Refusal, cut
from kmaflow.collect.backfill.workers import Executor, InProcess, Order, Orders, Step, WorkerPool
from kmaflow.collect.collector import Collector
from kmaflow.collect.due import due_now, meant_gaps
from kmaflow.collect.planning.estimate import plan_gaps, wants_of
from kmaflow.collect.planning.plan import Budget, Plan
from kmaflow.collect.result import Tally
from kmaflow.hub.errors import EmptyAnswer
from kmaflow.store.engines.database import reading
from kmaflow.store.selection import StationChoice

log = logging.getLogger(__name__)

_MOST_WORKERS = 4
#: A dead network fails every chunk alike: after so many in a row that brought nothing, the rest is left.
_GIVE_UP_AFTER = 3
#: Seconds between looks at the clock while waiting: it may be set, and the machine may sleep.
_LOOK_EVERY = 30.0


@dataclass(slots=True)
class Backfilled(Tally):
    """What filling one dataset came to.

    Attributes:
        done: planned calls that are finished.
        left: cells that are still missing.
        trouble: the first refusal; None if there was none.
    """

    dataset: str
    window: Window
    done: int = 0
    left: int = 0
    trouble: Refusal | None = None

    @property
    def failed(self) -> bool:
        """Whether nothing at all came, for a reason that is not the quota."""
        return self.rows == 0 and self.trouble is not None and self.trouble.code != "quota"

    def summary(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "dataset": self.dataset,
            "from": f"{self.window.start:%Y-%m-%d %H:%M}",
            "to": f"{self.window.end:%Y-%m-%d %H:%M}",
            **self.counts(),
            "left": self.left,
            "error": self.trouble.told if self.trouble else None,
        }


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be done for a dataset: the chunks that lack something, and how many calls that will take."""

    dataset: str
    chunks: tuple[Chunk, ...]
    calls: int


class Backfill:
    """Fills a window of some datasets. Call :meth:`run` once.

    Args:
        workers: processes; default: as many as there are cores, at most 4. With 1 the work is done in this process.
        newest_first: in which order the chunks come.
        patient: when the quota is spent, wait until it starts anew, and go on.
        on_progress: told after every call.
        on_wait: told until when it waits, naive KST.
        sleep: how to wait, in seconds.
    """

    def __init__(
        self,
        collector: Collector,
        names: Sequence[str],
        window: Window,
        choice: StationChoice,
        *,
        workers: int | None = None,
        newest_first: bool = True,
        patient: bool = True,
        on_progress: Callable[[Backfilled], None] = lambda _: None,
        on_wait: Callable[[datetime], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._collector = collector
        self._window = window
        self._choice = choice
        self._workers = workers or min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
        self._newest_first = newest_first
        self._patient = patient
        self._on_progress = on_progress
        self._on_wait = on_wait
        self._sleep = sleep
        self._found = {name: Backfilled(name, window) for name in names}
        self._steps: dict[Chunk, Step] = {}
        self._fruitless = 0
        #: Naive KST: the quota left something unasked, and asking before then is of no use. None where it did not.
        self.deferred_until: datetime | None = None

    def outlook(self, name: str) -> Outlook:
        """What is to be done for a dataset now."""
        collector, settings = self._collector, self._collector.settings
        limits = Budget(settings.daily_calls, settings.daily_bytes)
        with reading(collector.store.engine) as connection:
            now = collector.client.clock()
            due = due_now(connection, name, self._window, now=now, stations=self._choice.stations, widened=True)
            plan = plan_gaps(connection, name, wants_of(due.missing), limits, window_minutes=settings.window_minutes)
        chunks = list(_touched(cut(name, self._window, self._choice), plan))
        if self._newest_first:
            chunks.reverse()
        return Outlook(name, tuple(chunks), plan.cost.calls)

    def run(self) -> list[Backfilled]:
        """Fill it. Ctrl-C while it waits for the quota ends it as if it were not patient.

        Raises:
            StoreError, ArchiveError, WorkFailed: the disk or database failed; what was loaded before stays.
            WorkerDied: one worker after the other died over the same chunk.
        """
        self._collector.store.init()
        outlooks = [self.outlook(name) for name in self._found]
        orders: Orders = deque(Order(chunk) for one in outlooks for chunk in one.chunks)
        for one in outlooks:
            self._found[one.dataset].planned = one.calls
        while orders:
            orders = self._round(orders)
            if self.deferred_until is None or not orders:
                break
            if not self._patient or not self._wait(self.deferred_until):
                break
            self.deferred_until = None
        for found in self._found.values():
            found.left = self._left(found.dataset)
        return list(self._found.values())

    def _round(self, orders: Orders) -> Orders:
        """Do the orders until the quota is spent; gives what is left for the next day."""
        team = self._team(len(orders))
        later: list[Order] = []
        busy: list[Order] = []
        try:
            for done in team.work(orders, self._step):
                self._count(done)
                if done.busy:
                    busy.append(Order(done.chunk, wait=True))
                elif done.deferred_until is not None:
                    self.deferred_until = max(done.deferred_until, self.deferred_until or done.deferred_until)
                    later.append(Order(done.chunk))
                elif useless := self._useless(done):
                    _drop(orders, useless)
                if self.deferred_until is not None:
                    later += orders
                    orders.clear()
                elif not orders and busy:
                    # What others were at is looked at last: they may have died over it.
                    orders += busy
                    busy.clear()
        finally:
            team.dismiss()
        return deque(later + busy)

    def _team(self, chunks: int) -> Executor:
        workers = min(self._workers, chunks)
        if workers <= 1:
            return InProcess(self._collector, self._choice)
        return WorkerPool(self._collector.settings, self._choice, workers)

    def _step(self, step: Step) -> None:
        before = self._steps.get(step.chunk)
        found = self._found[step.chunk.dataset]
        found.done += step.done - (before.done if before is not None and before.done < step.done else 0)
        found.planned = max(found.planned, found.done)
        self._steps[step.chunk] = step
        self._on_progress(found)

    def _count(self, done: ChunkDone) -> None:
        self._steps.pop(done.chunk, None)
        found = self._found[done.chunk.dataset]
        planned = found.planned
        found.count(done)
        # What a chunk plans is a part of what was planned for all.
        found.planned = planned
        if done.trouble is not None and (found.trouble is None or found.trouble.code == "quota"):
            found.trouble = done.trouble
            log.warning("%s: %s", done.chunk, done.trouble.told)
        self._on_progress(found)

    def _useless(self, done: ChunkDone) -> Callable[[Chunk], bool] | None:
        """Which of the other chunks are of no use to ask for now."""
        if done.trouble is None or done.rows or done.trouble.code == EmptyAnswer.code:
            self._fruitless = 0
            return None
        self._fruitless += 1
        if done.trouble.code == "bad_key" or self._fruitless >= _GIVE_UP_AFTER:
            return lambda _: True
        if done.trouble.for_a_person:
            return lambda chunk: chunk.dataset == done.chunk.dataset
        return None

    def _wait(self, until: datetime) -> bool:
        """Wait for a time; False if somebody pressed Ctrl-C."""
        self._on_wait(until)
        try:
            while (left := (until - self._collector.client.clock()).total_seconds()) > 0:
                self._sleep(min(left, _LOOK_EVERY))
        except KeyboardInterrupt:
            return False
        return True

    def _left(self, name: str) -> int:
        collector, now = self._collector, self._collector.client.clock()
        with reading(collector.store.engine) as connection:
            missing = meant_gaps(connection, name, self._window, now=now, stations=self._choice.stations, widened=True)
        return sum(gap.cells for gap in missing)


def _touched(chunks: Iterable[Chunk], plan: Plan) -> Iterable[Chunk]:
    """The chunks in which calls of a plan fall; both in the order of time."""
    spans = [(call.window.start, call.window.end) for call in plan.calls]
    at = 0
    latest = datetime.min
    for chunk in chunks:
        while at < len(spans) and spans[at][0] < chunk.window.end:
            latest = max(latest, spans[at][1])
            at += 1
        if latest > chunk.window.start:
            yield chunk


def _drop(orders: Orders, useless: Callable[[Chunk], bool]) -> None:
    kept = [order for order in orders if not useless(order.chunk)]
    orders.clear()
    orders.extend(kept)
