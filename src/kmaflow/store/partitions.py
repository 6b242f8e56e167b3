"""Minute tables by month on PostgreSQL and MariaDB, so that loading stays as fast in the tenth year as on the first day.

A month ends with its own 00:00 stamp, as a day does: the bound lies one second behind it. Everything before 2023-01 shares one partition, since
MariaDB can add none before an existing one (error 1493). Partitions reach 24 months ahead and are rolled on by whoever loads. SQLite has none.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from kmaflow.catalog.time import Window, now_kst
from kmaflow.store.tables import is_partitioned

FIRST = datetime(2023, 1, 1)
_AHEAD = 24
EARLIER = "earlier"


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


def _bound(month: datetime) -> str:
    return f"'{month:%Y-%m-%d} 00:00:01'"


def existing(connection: sa.Connection, table: str) -> list[str]:
    """Names of the table's partitions, in order of time; empty where it has none."""
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s)",
            (table,),
        )
        return sorted(str(row[0]).removeprefix(f"{table}_") for row in found)
    if connection.dialect.name in ("mysql", "mariadb"):
        found = connection.exec_driver_sql(
            "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = %s "
            "AND partition_name IS NOT NULL ORDER BY partition_ordinal_position",
            (table,),
        )
        return [str(row[0]) for row in found]
    return []


def wanted(window: Window | None, now: datetime) -> list[str]:
    """The partitions that a table must have: ``earlier`` to 24 months ahead, and those of the window."""
    last = add_months(month_of(now), _AHEAD)
    if window is not None:
        last = max(last, month_of(window.end))
    names, month = [EARLIER], FIRST
    while month <= last:
        names.append(name_of(month))
        month = add_months(month, 1)
    return names


def months_of(window: Window) -> list[str]:
    """The partitions that a window's rows go to."""
    month, last = month_of(window.start + timedelta(seconds=1)), month_of(window.end)
    names = [name_of(month)]
    while month < last:
        month = add_months(month, 1)
        if (name := name_of(month)) not in names:
            names.append(name)
    return names


def ensure(connection: sa.Connection, table: str, window: Window | None = None) -> list[str]:
    """Make the partitions that are missing; gives the names of all. The caller holds the schema lock.

    On MariaDB a month that retention has dropped is not made again: its rows go to the month after it.
    """
    if connection.dialect.name == "sqlite" or not is_partitioned(table):
        return []
    there = existing(connection, table)
    names = wanted(window, now_kst())
    if connection.dialect.name == "postgresql":
        # Months that retention has dropped come back only when rows for them come.
        dropped_before = min((name for name in there if name != EARLIER), default="")
        for name in names:
            needed = window is not None and name in months_of(window)
            if name not in there and (needed or name >= dropped_before or not there):
                _attach(connection, table, name)
        return existing(connection, table)
    if not there:
        parts = ", ".join(_part(name) for name in names)
        connection.exec_driver_sql(f"ALTER TABLE {table} PARTITION BY RANGE COLUMNS (tm_kst) ({parts})")
    elif missing := [name for name in names if name != EARLIER and name > max(there)]:
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD PARTITION ({', '.join(map(_part, missing))})")
    return existing(connection, table)


def _month(name: str) -> datetime:
    return datetime(int(name[1:5]), int(name[6:8]), 1)


def _part(name: str) -> str:
    end = FIRST if name == EARLIER else add_months(_month(name), 1)
    return f"PARTITION {name} VALUES LESS THAN ({_bound(end)})"


def _attach(connection: sa.Connection, table: str, name: str) -> None:
    """Made beside the table and then attached: that locks out no writer, as CREATE TABLE … PARTITION OF would."""
    start, end = "MINVALUE", _bound(FIRST)
    if name != EARLIER:
        start, end = _bound(_month(name)), _bound(add_months(_month(name), 1))
    connection.exec_driver_sql(f"CREATE TABLE {table}_{name} (LIKE {table} INCLUDING ALL)")
    connection.exec_driver_sql(f"ALTER TABLE {table} ATTACH PARTITION {table}_{name} FOR VALUES FROM ({start}) TO ({end})")
