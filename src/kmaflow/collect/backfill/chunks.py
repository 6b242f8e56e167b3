"""Stretches of history, each done by one worker at a time: what is missing is asked for in cheap calls. Done twice, the second time costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, Window, floor_to
from kmaflow.collect.collector import Collector
from kmaflow.collect.due import due_now
from kmaflow.collect.planning.estimate import plan_gaps, wants_of
from kmaflow.collect.planning.plan import Budget, Plan
from kmaflow.collect.result import DatasetResult, Tally
from kmaflow.store.coverage.retries import FOR_A_PERSON
from kmaflow.store.engines.database import reading
from kmaflow.store.lease import Lease
from kmaflow.store.selection import StationChoice

#: More chunks than this are too many for Airflow's mapped tasks, and for a person to look at.
MOST_CHUNKS = 500
#: A chunk of few stations is longer than a day, so that the next answer is fetched while the present one is loaded.
_CALLS = 144
_LONGEST = 31
#: Seconds between looks at whether the other worker has ended, or this one should.
_LOOK_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one worker does at a time: a window of one dataset."""

    dataset: str
    window: Window

    def __str__(self) -> str:
        return f"{self.dataset} {self.window.start:%Y%m%d%H%M}-{self.window.end:%Y%m%d%H%M}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something of a chunk was refused: the error's code (empty where it has none), and its words with what to do."""

    code: str
    told: str

    @property
    def for_a_person(self) -> bool:
        """Whether asking on is of no use until a person has acted."""
        return self.code in FOR_A_PERSON


@dataclass(slots=True)
class ChunkDone(Tally):
    """What a chunk came to.

    Attributes:
        busy: another worker is at it; nothing was done.
        deferred_until: naive KST; the quota left something unasked.
    """

    chunk: Chunk
    busy: bool = False
    trouble: Refusal | None = None
    deferred_until: datetime | None = None


def cut(name: str, window: Window, choice: StationChoice) -> list[Chunk]:
    """The chunks of a dataset, in the order of time. The same question always gives the same chunks, so that two workers meet at their leases."""
    dataset = DATASETS[name]
    days = -((window.start - window.end) // DAY)
    reach = dataset.request.all_stations
    if reach >= DAY:
        # As long as one call reaches, or a multiple of it: a chunk's last call is cut short.
        span = reach * max(1, -(-days * DAY // (reach * MOST_CHUNKS)))
        return [Chunk(name, part) for part in window.split(span)]
    few = 1 if choice.stations is None else min(_LONGEST, max(1, _CALLS // len(choice.stations)))
    length = max(few, -(-(days + 1) // MOST_CHUNKS))
    parts, start = [], window.start
    while start < window.end:
        # Cut at midnight, where a day's call for one station ends.
        end = min(floor_to(start, DAY) + length * DAY, window.end)
        parts.append(Chunk(name, Window(start, end)))
        start = end
    return parts


def plan_chunk(collector: Collector, chunk: Chunk, choice: StationChoice) -> Plan:
    """Calls for what is missing of a chunk and due. What lies before ``START`` is meant too, since somebody named it."""
    settings, now = collector.settings, collector.client.clock()
    limits = Budget(settings.daily_calls, settings.daily_bytes)
    with reading(collector.store.engine) as connection:
        due = due_now(connection, chunk.dataset, chunk.window, now=now, stations=choice.stations, widened=True)
        wants = wants_of(due.missing)
        return plan_gaps(connection, chunk.dataset, wants, limits, window_minutes=settings.window_minutes)


def fill(
    collector: Collector,
    chunk: Chunk,
    choice: StationChoice,
    *,
    wait: bool = False,
    pulse: Callable[[], None] = lambda: None,
    on_progress: Callable[[DatasetResult], None] | None = None,
) -> ChunkDone:
    """Ask for what a chunk lacks.

    Args:
        wait: wait for another worker that is at it, instead of leaving it to that one.
        pulse: called while waiting and after each call; what it raises ends the work, and what is stored stays.

    Raises:
        StoreError, ArchiveError: the disk or database failed; what was loaded before stays.
    """
    done = ChunkDone(chunk)
    with collector.work_lease(f"backfill {chunk}", choice) as lease:
        if not _take(lease, wait=wait, pulse=pulse):
            done.busy = True
            return done
        calls = plan_chunk(collector, chunk, choice).calls
        if not calls:
            return done

        def told(result: DatasetResult) -> None:
            if on_progress is not None:
                on_progress(result)
            pulse()

        window = Window(min(call.window.start for call in calls), max(call.window.end for call in calls))
        result = collector.ask(chunk.dataset, window, calls, choice, work="backfill", on_progress=told)
    done.count(result)
    done.deferred_until = result.deferred_until
    if result.error is not None:
        done.trouble = Refusal(result.error.code, str(result.error))
    return done


def _take(lease: Lease, *, wait: bool, pulse: Callable[[], None]) -> bool:
    if not wait:
        return lease.take()
    while not lease.take(wait=True, timeout=_LOOK_EVERY):
        pulse()
    return True
