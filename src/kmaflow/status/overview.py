"""All at one look: how fresh and complete each dataset is, what the quota has left, and what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, Window, ceil_to
from kmaflow.store.coverage.day import EXPECTED_AROUND_DAYS, read_days
from kmaflow.store.coverage.gaps import GRACE, first_start
from kmaflow.store.coverage.shares import Shares, shares
from kmaflow.store.schema.service import LATEST

#: A value may be three stamps old, and half an hour, to be one of now: as in ``v_latest`` and ``/v1/latest``.
_STAMPS_OLD, _OLD = 3, timedelta(minutes=30)
#: A dataset that has brought nothing for so many of its runs has stopped.
_RUNS = 6
Pace = Literal["ok", "late", "stopped", "never"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """One dataset at a moment.

    Attributes:
        last: last stamp with a value, naive KST; lag: how long ago that was.
        due: a lag up to this is as it should be: a run's length, the hub's delay, and ten minutes of grace.
        state: ``stopped`` where nothing has come for six runs more.
        expected: stations that reported within 7 days; reporting: those with a value of now.
        hours: the last 24 hours.
    """

    dataset: str
    last: datetime | None
    lag: timedelta | None
    due: timedelta
    state: Pace
    expected: int
    reporting: int
    hours: Shares


def freshness(
    connection: sa.Connection, names: Iterable[str], *, now: datetime, start: datetime | None = None
) -> list[Freshness]:
    """How fresh datasets are.

    Args:
        now: naive KST.
        start: ``START``, naive KST (default: when the hub was first asked).
    """
    begin = start or first_start(connection)
    return [_freshness(connection, name, now, begin) for name in names]


def _freshness(connection: sa.Connection, name: str, now: datetime, start: datetime | None) -> Freshness:
    described, table = DATASETS[name], LATEST.c
    oldest = now - max(_OLD, _STAMPS_OLD * described.cadence)
    young = sa.func.count(sa.case((table.tm_kst >= oldest, 1)))
    last, reporting = connection.execute(sa.select(sa.func.max(table.tm_kst), young).where(table.dataset == name)).one()
    lag = None if last is None else now - last
    due = described.schedule.every + described.latency + GRACE
    reported = read_days(connection, name, ((now - EXPECTED_AROUND_DAYS * DAY).date(), now.date()))
    expected = frozenset().union(*(one.reported for one in reported.values()))
    end = ceil_to(now, HOUR)
    day = shares(connection, name, Window(end - DAY, end), now=now - GRACE, start=start)
    return Freshness(name, last, lag, due, _pace(lag, due, described.schedule.every), len(expected), reporting, day)


def _pace(lag: timedelta | None, due: timedelta, every: timedelta) -> Pace:
    if lag is None:
        return "never"
    if lag <= due:
        return "ok"
    return "late" if lag <= due + _RUNS * every else "stopped"
