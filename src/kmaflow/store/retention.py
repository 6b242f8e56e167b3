"""Whole months out of the minute tables; the ledger, the revisions and the hourly counts stay.

On PostgreSQL and MariaDB a month is a partition, which is dropped at once. Where it is not one (SQLite; the months before 2023, which share one; a
month that came back on MariaDB after it was dropped), its rows are deleted in steps. A ledger row with the outcome ``retired`` says what was taken
out, so that nobody takes the answers before it for being in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from kmaflow.catalog.time import HOUR, Window
from kmaflow.store import ledger
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import locks_of, reading, writing, writing_alone
from kmaflow.store.engines.partitions import EARLIER, add_months, existing, month_of, name_of
from kmaflow.store.errors import StoreBusy, StoreConflict
from kmaflow.store.schema.observations import tables_of

#: What is looked at, and where there are no partitions deleted, in one transaction.
STEP = 6 * HOUR
#: How long dropping a partition may keep others waiting for a table that somebody reads, and how often it tries.
_PATIENCE_SECONDS = 2
TRIES = 15
#: Told a stretch of a table just before its rows go, while nobody else can write there; raises to keep them.
Check = Callable[[sa.Connection, sa.Table, Window], None]


def window_of(month: datetime) -> Window:
    """The stamps of a month: (00:00 of the 1st, 24:00 of the last day]."""
    return Window(month, add_months(month, 1))


def parts_of(month: datetime) -> Iterator[Window]:
    """The month in the steps in which it is looked at."""
    return window_of(month).split(STEP)


def months_before(connection: sa.Connection, dataset: str, end: datetime) -> list[datetime]:
    """The months of which a dataset's tables hold rows and that end at or before ``end``, oldest first."""
    found: set[datetime] = set()
    inspector = sa.inspect(connection)
    for table in tables_of(dataset):
        after = datetime(1, 1, 1)
        while inspector.has_table(table.name):
            stamp = table.c.tm_kst
            first = connection.execute(sa.select(sa.func.min(stamp)).where(stamp > after, stamp <= end)).scalar()
            if first is None:
                break
            found.add(month_of(first))
            after = add_months(month_of(first), 1)
    return sorted(found)


def count_rows(connection: sa.Connection, table: sa.Table, window: Window) -> int:
    """How many rows a table has in a window."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(_in(table, window))).scalar_one())


def take_out(engine: sa.Engine, dataset: str, month: datetime, check: Check, *, message: str) -> None:
    """Take a month out of all tables of a dataset, after ``check`` has passed every part of it. Broken off and begun again, it goes on.

    Args:
        message: where the rows are now, for the ledger.

    Raises:
        StoreError: it could not be done (StoreBusy: somebody reads the table all the time); on servers nothing was taken out.
    """
    window = window_of(month)
    if not engine_of(engine).partitioned:
        for number, part in enumerate(parts_of(month)):
            with writing(engine) as connection:
                if number == 0:
                    _note(connection, dataset, window, message)
                for table in tables_of(dataset):
                    check(connection, table, part)
                    connection.execute(table.delete().where(_in(table, part)))
        return
    with writing_alone(engine, locks_of(dataset, window)) as holder:
        for table in tables_of(dataset):
            for part in parts_of(month):
                with reading(engine) as connection:
                    check(connection, table, part)
                # The locks live with this connection.
                holder.exec_driver_sql("SELECT 1")
        Retrying(
            retry=retry_if_exception_type((StoreBusy, StoreConflict)),
            stop=stop_after_attempt(TRIES),
            wait=wait_fixed(_PATIENCE_SECONDS),
            reraise=True,
        )(_drop_partitions, engine, dataset, month, message)
        for table in tables_of(dataset):
            with reading(engine) as connection:
                left = count_rows(connection, table, window)
            for part in parts_of(month) if left else ():
                with writing(engine) as connection:
                    connection.execute(table.delete().where(_in(table, part)))
                holder.exec_driver_sql("SELECT 1")


def _in(table: sa.Table, window: Window) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.tm_kst > window.start, table.c.tm_kst <= window.end)


def _note(connection: sa.Connection, dataset: str, window: Window, message: str) -> None:
    rows = sum(count_rows(connection, table, window) for table in tables_of(dataset))
    ledger.write(connection, ledger.event(dataset, window, ledger.RETIRED, rows=rows, message=message))


def _drop_partitions(engine: sa.Engine, dataset: str, month: datetime, message: str) -> None:
    """Whoever waits for a table that somebody reads keeps all others waiting: so not for long, and then again."""
    with (
        writing_alone(engine, ["schema"]) as connection,
        engine_of(engine).patience(connection, _PATIENCE_SECONDS),
    ):
        _note(connection, dataset, window_of(month), message)
        for table in tables_of(dataset):
            _drop_partition(connection, table.name, month)


def _drop_partition(connection: sa.Connection, table: str, month: datetime) -> None:
    """Drop the month's partition if it has one that holds nothing else."""
    name = name_of(month)
    if name != EARLIER and name in existing(connection, table):
        engine_of(connection).drop_partition(connection, table, name, month)
