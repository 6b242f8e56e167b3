"""Opening the database: one SQLAlchemy engine, set up so that a transaction is what it says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from kmaflow.store.errors import StoreUnreachable, translated

_BUSY_SECONDS = 60


def shown(url: str | URL) -> str:
    """The URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def open_engine(url: str) -> sa.Engine:
    """An engine for the URL; the folder of a SQLite file is made.

    Raises:
        UsageError: no SQLAlchemy URL.
        StoreUnreachable: the folder cannot be made, or the driver for the URL is not installed.
    """
    with translated("KMAFLOW_DATABASE_URL"):
        parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise StoreUnreachable(
            f"{parsed.get_backend_name()} is not supported by this version",
            todo_en="use a SQLite URL such as sqlite:///var/kmaflow.db",
            todo_ko="sqlite:///var/kmaflow.db 같은 SQLite 주소를 쓰십시오",
        )
    with translated(shown(parsed)):
        if parsed.database and parsed.database != ":memory:" and not parsed.database.startswith("file:"):
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    # The driver's own implicit BEGIN comes too late for a read-then-write transaction: we say BEGIN ourselves.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # A file that may only be read keeps the mode it has; the first write will say so clearly.
        if "readonly" not in str(error):
            raise
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("kmaflow_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that will write: it takes the write lock at once, so that what it reads first stays true."""
    writer = engine.execution_options(kmaflow_writes=True)
    with translated(shown(engine.url)), writer.connect() as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that only reads."""
    with translated(shown(engine.url)), engine.connect() as connection, connection.begin():
        yield connection
