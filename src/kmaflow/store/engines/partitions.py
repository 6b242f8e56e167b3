"""Minute tables by month on PostgreSQL and MariaDB, so that loading stays as fast in the tenth year as on the first day.

A month ends with its own 00:00 stamp, as a day does: the bound lies one second behind it. Everything before 2023-01 shares one partition, since
MariaDB can add none before an existing one (error 1493). Partitions reach 24 months ahead and are rolled on by whoever loads. SQLite has none.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from kmaflow.catalog.time import Window, now_kst
from kmaflow.store.engines.base import Engine, engine_of
from kmaflow.store.engines.database import reading, writing_alone
from kmaflow.store.errors import StoreError
from kmaflow.store.schema.observations import is_partitioned

log = logging.getLogger(__name__)

FIRST = datetime(2023, 1, 1)
EARLIER = "earlier"
_AHEAD = 24
#: How long rolling on may keep others waiting for a table that somebody reads.
_PATIENCE_SECONDS = 2
_OURS = re.compile(rf"{EARLIER}|y\d{{4}}m\d{{2}}", re.ASCII)


def month_of(stamp: datetime) -> datetime:
    """First day of the month (00:00 of the 1st, 24:00 of the last] that holds the stamp."""
    return (stamp - timedelta(seconds=1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def add_months(month: datetime, count: int) -> datetime:
    """A first of the month so many months later."""
    index = month.year * 12 + month.month - 1 + count
    return month.replace(year=index // 12, month=index % 12 + 1)


def name_of(month: datetime) -> str:
    """The partition of a month: ``y2026m11``; before 2023 ``earlier``."""
    return EARLIER if month < FIRST else f"y{month:%Y}m{month:%m}"


def months_of(window: Window) -> list[str]:
    """The partitions that a window's rows go to."""
    return _names(month_of(window.start + timedelta(seconds=1)), month_of(window.end))


def wanted(now: datetime) -> list[str]:
    """The partitions that a table has: ``earlier`` to 24 months ahead."""
    return [EARLIER, *_names(FIRST, add_months(month_of(now), _AHEAD))]


def existing(connection: sa.Connection, table: str) -> list[str]:
    """Names of the table's partitions, in order of time; empty where it has none."""
    names = engine_of(connection).partitions_of(connection, table)
    # In the order of the alphabet "earlier" comes first and the months follow in their own.
    return sorted(name for name in names if _OURS.fullmatch(name))


def ensure(connection: sa.Connection, table: str, window: Window | None = None) -> list[str]:
    """Make the partitions that are missing; gives the names of those made. The caller holds the schema lock.

    A month that retention has dropped comes back on PostgreSQL when rows for it come; on MariaDB those rows go to the month after it.
    """
    engine = engine_of(connection)
    if not (engine.partitioned and is_partitioned(table)):
        return []
    there = existing(connection, table)
    missing = _missing(engine, there, wanted(now_kst()), months_of(window) if window else [])
    engine.add_partitions(connection, table, there, {name: _bounds(name) for name in missing})
    return missing


def keep(engine: sa.Engine, table: str, window: Window) -> None:
    """See to it that the window's rows have their partitions, and that there are 24 months more.

    What the window does not need is made if nobody is in the way, else by the next one who loads: a long query must not stop the loading.

    Raises:
        StoreError: it reaches further into the future than that.
    """
    kind = engine_of(engine)
    if not (kind.partitioned and is_partitioned(table)):
        return
    with reading(engine) as connection:
        there = existing(connection, table)
    if month_of(window.end) > add_months(month_of(now_kst()), _AHEAD):
        raise StoreError(
            f"{table}: {window} lies more than {_AHEAD} months in the future",
            ko=f"{table}: {window} 구간이 {_AHEAD}개월 넘게 미래입니다",
            todo_en="check this machine's clock and the times of what is loaded",
            todo_ko="컴퓨터 시각과 적재하는 자료의 시각을 확인하십시오",
        )
    needed = months_of(window)
    if _missing(kind, there, needed, needed):
        with writing_alone(engine, ["schema"]) as connection:
            ensure(connection, table, window)
    elif _missing(kind, there, wanted(now_kst()), []):
        try:
            with (
                writing_alone(engine, ["schema"]) as connection,
                kind.patience(connection, _PATIENCE_SECONDS),
            ):
                ensure(connection, table)
        except StoreError as error:
            log.info("the partitions of %s are rolled on later: %s", table, error.what)


def _missing(kind: Engine, there: list[str], names: Iterable[str], needed: Iterable[str]) -> list[str]:
    """Which partitions of ``names`` are to be made: those behind the last one and, where one can be made between others, whatever is needed."""
    last, anywhere = max(there, default=""), set(needed) if kind.inserts_partitions else set()
    return sorted(name for name in {*names, *anywhere} if name > last or (name in anywhere and name not in there))


def _names(first: datetime, last: datetime) -> list[str]:
    """The partitions of the months first … last."""
    names = [EARLIER] if first < FIRST else []
    month = max(first, FIRST)
    while month <= last:
        names.append(name_of(month))
        month = add_months(month, 1)
    return names


def _bounds(name: str) -> tuple[str, str]:
    """The stamps of a partition, from (included) to (excluded)."""
    if name == EARLIER:
        return "MINVALUE", f"'{FIRST:%Y-%m-%d} 00:00:01'"
    month = datetime(int(name[1:5]), int(name[6:8]), 1)
    return f"'{month:%Y-%m-%d} 00:00:01'", f"'{add_months(month, 1):%Y-%m-%d} 00:00:01'"
