"""One writer at a time for a stretch of a table: locks by name that the database keeps, gone with the connection that held them.

A load reads what is stored, compares and writes the difference; in between nobody else may write there. So it holds one lock for
every day that its window touches. Days are taken in order, so that two loaders never wait for each other in a circle. SQLite needs none: a
transaction that writes has the whole file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256

import sqlalchemy as sa

from kmaflow.catalog.time import DAY, Window, floor_to
from kmaflow.store.engines.database import BUSY_SECONDS, shown, translating, writing
from kmaflow.store.errors import StoreBusy


def days_of(table: str, window: Window) -> list[str]:
    """Names of the locks for a window of a table: one for each day (00:00, 24:00] that it touches."""
    first = floor_to(window.start, DAY)
    count = (floor_to(window.end - timedelta(microseconds=1), DAY) - first) // DAY
    return [f"{table} {first + day * DAY:%Y-%m-%d}" for day in range(count + 1)]


@contextmanager
def writing_alone(engine: sa.Engine, names: Iterable[str]) -> Iterator[sa.Connection]:
    """A transaction that writes while it holds the named locks; they are given back after its end.

    Raises:
        StoreBusy: somebody else held one of them for a minute.
    """
    wanted = sorted(set(names))
    kind = engine.dialect.name
    if kind == "postgresql":
        with writing(engine) as connection:
            for name in wanted:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_number(name),))
            yield connection
    elif kind in ("mysql", "mariadb"):
        with _named_locks(engine, wanted) as connection, connection.begin():
            yield connection
    else:
        with writing(engine) as connection:
            yield connection


@contextmanager
def _named_locks(engine: sa.Engine, names: list[str]) -> Iterator[sa.Connection]:
    """MariaDB's locks belong to the connection, not to the transaction: taken before it begins, given back when it has ended."""
    with translating(engine), engine.connect() as connection:
        try:
            for name in names:
                # Locks are the server's, not the database's: its name is part of theirs.
                digest = f"kmaflow {_number(f'{engine.url.database} {name}'):x}"
                got = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (digest, BUSY_SECONDS)).scalar()
                if got != 1:
                    raise StoreBusy(f"{shown(engine.url)}: another process holds {name}")
            connection.commit()
            yield connection
        finally:
            if not connection.invalidated and not connection.closed:
                connection.rollback()
                connection.exec_driver_sql("SELECT RELEASE_ALL_LOCKS()")
                connection.commit()


def _number(name: str) -> int:
    """The name as the signed 63-bit number that PostgreSQL wants."""
    return int.from_bytes(sha256(f"kmaflow {name}".encode()).digest()[:8], "big") >> 1
