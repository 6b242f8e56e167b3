"""What a backfill would cost and bring, in numbers for a person who decides whether to begin it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.time import Window
from kmaflow.collect.due import meant_gaps
from kmaflow.collect.planning.estimate import plan_gaps, quota_days, wants_of
from kmaflow.collect.planning.plan import Budget, Cost
from kmaflow.quota.limits import Limits
from kmaflow.store.coverage.gaps import Gap, ever_reported
from kmaflow.store.coverage.states import rows_in
from kmaflow.store.selection import StationChoice


@dataclass(frozen=True, slots=True)
class Offer:
    """The price of one dataset.

    Attributes:
        cost: calls, and bytes to expect.
        wanted: cells of the window, as many as its stamps and the stations that report.
        rows: those that would be asked for.
        there: rows of the window that are stored.
        gone: of ``rows``, those that are older than what the hub keeps.
    """

    dataset: str
    window: Window
    cost: Cost
    wanted: int
    rows: int
    there: int
    gone: int


def offers(
    connection: sa.Connection,
    windows: dict[str, Window],
    choice: StationChoice,
    limits: Limits,
    *,
    window_minutes: int,
    now: datetime,
) -> tuple[list[Offer], float]:
    """The price of all that is missing of the windows, and how many days of quota it takes beside live data (infinite: these leave nothing).

    The hub is not asked. Who names a window means it: what lies before ``START`` is priced too.
    """
    budget = Budget(limits.calls_ceiling, limits.bytes_ceiling)
    found = []
    for name, window in windows.items():
        missing = meant_gaps(connection, name, window, now=now, stations=choice.stations, widened=True)
        plan = plan_gaps(connection, name, wants_of(missing), budget, window_minutes=window_minutes)
        usual = len(ever_reported(connection, [name])) or STATION_LISTS[DATASETS[name].network].stations
        there, blank = rows_in(connection, name, window, choice.stations)
        rows = sum(_rows(gap, usual) for gap in missing)
        kept = DATASETS[name].retention
        gone = 0 if kept is None else sum(_before(gap, now - kept, usual) for gap in missing)
        count = usual if choice.stations is None else len(choice.stations)
        wanted = window.count(DATASETS[name].cadence) * count
        found.append(Offer(name, window, plan.cost, wanted, rows, there + blank, gone))
    total = sum((one.cost for one in found), Cost())
    return found, quota_days(connection, limits, total, window_minutes=window_minutes)


def _rows(gap: Gap, usual: int) -> int:
    return gap.cells if gap.known else gap.cells * usual


def _before(gap: Gap, edge: datetime, usual: int) -> int:
    """How many of a gap's cells lie before a moment."""
    step = DATASETS[gap.dataset].cadence
    if gap.window.start >= edge:
        return 0
    part = Window(gap.window.start, min(gap.window.end, edge)).count(step)
    return _rows(gap, usual) * part // gap.window.count(step)
