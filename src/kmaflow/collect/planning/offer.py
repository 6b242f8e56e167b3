"""What a backfill would cost and bring, in numbers for a person who decides whether to begin it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window
from kmaflow.collect.planning.estimate import plan_gaps, quota_days, usual_stations, wants_of
from kmaflow.collect.planning.plan import Budget, Cost
from kmaflow.quota.limits import Limits
from kmaflow.store.coverage.gaps import GONE, Gap, gaps
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
        gone: those that are missing and that the hub has no more.
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
        lacking = gaps(connection, [name], window, now=now, stations=choice.stations)
        missing = [gap for gap in lacking if gap.why != GONE]
        plan = plan_gaps(connection, name, wants_of(missing), budget, window_minutes=window_minutes)
        usual = usual_stations(connection, name)
        there, blank = rows_in(connection, name, window, choice.stations)
        rows = sum(_rows(gap, usual) for gap in missing)
        gone = sum(_rows(gap, usual) for gap in lacking if gap.why == GONE)
        count = usual if choice.stations is None else len(choice.stations)
        wanted = window.count(DATASETS[name].cadence) * count
        found.append(Offer(name, window, plan.cost, wanted, rows, there + blank, gone))
    total = sum((one.cost for one in found), Cost())
    return found, quota_days(connection, limits, total, window_minutes=window_minutes)


def _rows(gap: Gap, usual: int) -> int:
    return gap.cells if gap.known else gap.cells * usual
