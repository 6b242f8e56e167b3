"""What is being done, what is planned, what waits and why: from leases, schedules and ledger."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, Window, floor_to
from kmaflow.collect.due import Due, due_now
from kmaflow.collect.planning.offer import offers
from kmaflow.quota.limits import Limits
from kmaflow.store.backfills import Begun
from kmaflow.store.backfills import begun as begun_since
from kmaflow.store.coverage.gaps import GRACE, Gap
from kmaflow.store.coverage.retries import FOR_A_PERSON
from kmaflow.store.engines.database import server_time
from kmaflow.store.ledger import GIVEN_UP
from kmaflow.store.schema.service import LEASE

Kind = Literal["live", "repair", "backfill", "rebuild"]
WaitsFor = Literal["turn", "time", "quota", "person", "nothing"]
_KST_AHEAD = timedelta(hours=9)
#: Backfills that were begun so lately are looked at, at most so many.
_LATELY, _MOST = 60 * DAY, 5
#: Names of leases: ``aws_minute 202611221200-202611221210 …``, ``repair aws_minute …``, ``backfill aws_minute 202511220000-202511230000 …``, ``rebuild …``.
_NAME = re.compile(r"(?:(?P<kind>repair|backfill|rebuild) )?(?P<dataset>\w+)(?: (?P<start>\d{12})-(?P<end>\d{12}))?\b")


@dataclass(frozen=True, slots=True)
class Taken:
    """Work that a worker has taken; ``window`` None where its lease does not say."""

    kind: Kind
    dataset: str | None
    window: Window | None
    since: datetime
    worker: str


@dataclass(frozen=True, slots=True)
class Planned:
    """Work that is planned: when it begins (naive KST)."""

    kind: Literal["live", "repair"]
    dataset: str
    window: Window
    at: datetime


def taken(connection: sa.Connection) -> list[Taken]:
    """What workers are at, by the leases that they hold (in ``STATE_URL``), the oldest first."""
    table = LEASE.c
    held = sa.select(table.name, table.owner, table.taken_at).where(table.expires_at > server_time(connection))
    found = []
    for name, owner, since in connection.execute(held.order_by(table.taken_at, table.name)):
        said = _NAME.match(name)
        if said is None or not (said["dataset"] in DATASETS or said["kind"] == "rebuild"):
            continue
        window = Window(_time(said["start"]), _time(said["end"])) if said["start"] else None
        kind: Kind = said["kind"] or "live"  # type: ignore[assignment]
        dataset = said["dataset"] if said["dataset"] in DATASETS else None
        found.append(Taken(kind, dataset, window, since + _KST_AHEAD, owner.split(" ")[0]))
    return found


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M")


def next_live(names: Iterable[str], now: datetime) -> list[Planned]:
    """The next run of each dataset: its window, and when the hub has it."""
    found = []
    for name in names:
        schedule = DATASETS[name].schedule
        end = floor_to(now - schedule.delay, schedule.every) + schedule.every
        found.append(Planned("live", name, Window(end - schedule.every, end), end + schedule.delay))
    return sorted(found, key=lambda one: (one.at, one.dataset))


def looked_at(
    connection: sa.Connection,
    dataset: str,
    *,
    now: datetime,
    start: datetime | None,
    days: int = 7,
    stations: frozenset[int] | None = None,
) -> Due:
    """What is due of a dataset's last days, and what is not yet."""
    begin = now - days * DAY
    begin = begin if start is None else max(begin, start)
    end = now - GRACE
    if begin >= end:
        return Due(dataset)
    return due_now(connection, dataset, Window(begin, end), now=now, stations=stations, start=start, only_missing=True)


@dataclass(frozen=True, slots=True)
class Filling:
    """A backfill that is not complete.

    Attributes:
        done: the part of its cells that need not be asked for any more, 0 … 1.
        calls / days: that are left; days of quota beside live data (infinite: these leave nothing).
        running: whether a worker is at it.
    """

    begun: Begun
    done: float
    calls: int
    days: float
    running: bool


def fillings(
    connection: sa.Connection, workers: Iterable[Taken], limits: Limits, *, window_minutes: int, now: datetime
) -> list[Filling]:
    """The backfills that were begun lately and lack something, the last begun first."""
    at_work = [one for one in workers if one.kind == "backfill"]
    found = []
    for begun in begun_since(connection, now - _LATELY, _MOST):
        names = [name for name in begun.datasets if name in DATASETS]
        windows = dict.fromkeys(names, begun.window)
        left, days = offers(connection, windows, begun.choice, limits, window_minutes=window_minutes, now=now)
        wanted = sum(one.wanted for one in left)
        rows, calls = sum(one.rows for one in left), sum(one.cost.calls for one in left)
        if calls:
            running = any(one.dataset in names and _touch(one.window, begun.window) for one in at_work)
            found.append(Filling(begun, max(0.0, 1 - rows / max(wanted, 1)), calls, days, running))
    return found


def _touch(one: Window | None, other: Window) -> bool:
    return one is not None and one.start < other.end and other.start < one.end


def waits_for(gap: Gap, *, due: bool) -> WaitsFor:
    """What a missing stretch waits for: its turn, its time, quota, a person; nothing where it is given up."""
    if gap.why == GIVEN_UP:
        return "nothing"
    if gap.why in FOR_A_PERSON:
        return "person"
    if gap.why == "quota":
        return "quota"
    return "turn" if due else "time"
