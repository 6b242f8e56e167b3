"""How a copy is: for each dataset its last stamp and lag, what was loaded today, what is missing; and what is left of the key's quota.

Everything is read from the service tables, nothing is counted in a process: whoever asks, and however often, is told the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, Window, floor_to
from kmaflow.quota.limits import Limits, Usage
from kmaflow.store.coverage.gaps import GRACE, asked, ever_reported, first_start, gaps
from kmaflow.store.coverage.timeline import MISSING
from kmaflow.store.schema.service import LATEST, LEDGER, REVISION

#: Outcomes of answers whose rows were loaded; an unchanged answer touches none.
_LOADED = ("ok", "partial")


@dataclass(frozen=True, slots=True)
class DatasetHealth:
    """One dataset at a moment.

    Attributes:
        last_stamp: last stamp with a value, naive KST; None before the first.
        lag: how long ago that was.
        rows_today: rows of the answers that came since 00:00 KST and were loaded, history and repeated windows included.
        revisions_today: values that the hub gave differently since 00:00 KST.
        missing: cells of the last 24 hours (of daily data, of the last two stamps) that should be here and are not, by state.
    """

    dataset: str
    last_stamp: datetime | None
    lag: timedelta | None
    rows_today: int
    revisions_today: int
    missing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class QuotaLeft:
    """Calls and bytes that a key may still spend today, all workers together."""

    key_id: str
    calls: int
    bytes: int


def health(
    connection: sa.Connection,
    names: Iterable[str] | None = None,
    *,
    now: datetime,
    stations: Iterable[int] | None = None,
    start: datetime | None = None,
) -> list[DatasetHealth]:
    """The health of datasets, in their order.

    Args:
        names: default: those for which the hub has ever been asked.
        now: naive KST.
        stations: those that are stored, None = all. Of a dataset only those are expected that have ever reported in it.
        start: ``START``, naive KST; before it nothing is missing (default: when the hub was first asked).
    """
    names = asked(connection) if names is None else list(names)
    today = floor_to(now, DAY)
    rows = _rows_since(connection, today)
    revised = _revisions_since(connection, today)
    chosen = None if stations is None else frozenset(stations)
    begin = start or first_start(connection)
    found = []
    for name in names:
        last = connection.execute(sa.select(sa.func.max(LATEST.c.tm_kst)).where(LATEST.c.dataset == name)).scalar()
        lag = None if last is None else now - last
        missing = _missing(connection, name, now, chosen, begin)
        found.append(DatasetHealth(name, last, lag, rows.get(name, 0), revised.get(name, 0), missing))
    return found


def quota_left(usage: Usage, limits: Limits) -> QuotaLeft:
    """What may still be spent of the day (98 % of the limits); no calls, or no bytes, where the hub said that they are used up."""
    total = usage.total
    calls, size = max(0, limits.calls_ceiling - total.calls), max(0, limits.bytes_ceiling - total.charged)
    if usage.exhausted_by == "hub":
        calls, size = (0 if usage.exhausted == "calls" else calls), (0 if usage.exhausted == "bytes" else size)
    return QuotaLeft(usage.key_id, calls, size)


def _rows_since(connection: sa.Connection, moment: datetime) -> dict[str, int]:
    table = LEDGER.c
    query = sa.select(table.dataset, sa.func.sum(table.row_count)).where(
        table.fetched_at >= moment, table.outcome.in_(_LOADED)
    )
    return {name: int(count) for name, count in connection.execute(query.group_by(table.dataset))}


def _revisions_since(connection: sa.Connection, moment: datetime) -> dict[str, int]:
    table = REVISION.c
    query = sa.select(table.dataset, sa.func.count()).where(table.changed_at >= moment).group_by(table.dataset)
    return {name: int(count) for name, count in connection.execute(query)}


def _missing(
    connection: sa.Connection, name: str, now: datetime, chosen: frozenset[int] | None, begin: datetime | None
) -> dict[str, int]:
    counts: Counter[str] = Counter(dict.fromkeys(MISSING, 0))
    by = now - GRACE
    since = by - DATASETS[name].lately
    since = since if begin is None else max(begin, since)
    if since < by:
        mine = None if chosen is None else (chosen & ever_reported(connection, [name])) or chosen
        for gap in gaps(connection, [name], Window(since, by), now=by, stations=mine, start=begin):
            counts[gap.state] += gap.cells
    return dict(counts)
