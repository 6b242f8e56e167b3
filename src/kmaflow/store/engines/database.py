"""Opening the database: one SQLAlchemy engine for SQLite, PostgreSQL or MariaDB/MySQL, set up so that a transaction is what it says.

Sessions are ours whatever the defaults of server, database and user are (``ALTER DATABASE … SET``, ``init_connect``): UTF-8, UTC, ISO dates, READ
COMMITTED, strict types, whole numbers, no wait without an end and no statement cut short. Times are stored naive (KST), so no server or session time
zone ever touches them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from kmaflow.store.errors import StoreReadOnly, StoreUnreachable, translated

#: How long one writer waits for another before it says so.
BUSY_SECONDS = 60
_CONNECT_SECONDS = 10
#: Rights are those with which we write, where the system can tell.
_EFFECTIVE = os.access in os.supports_effective_ids

#: What people write, and the driver that is meant.
DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg2": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+mysqldb": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
    "mariadb+mariadbconnector": "mysql+pymysql",
}


#: Every setting of a session on PostgreSQL 13+ that changes what we read or write, or ends our work in the middle.
_POSTGRESQL_SESSION = {
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "default_transaction_isolation": "read\\ committed",
    "default_transaction_deferrable": "off",
    "lock_timeout": f"{BUSY_SECONDS}s",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # Over many partitions the planner expects far more rows than come and would compile for seconds.
    "jit": "off",
}
#: The same on MariaDB and MySQL; ``SET NAMES`` and the isolation level are set beside them.
_MYSQL_SESSION = {
    "time_zone": "'+00:00'",
    "sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "innodb_lock_wait_timeout": BUSY_SECONDS,
    "lock_wait_timeout": BUSY_SECONDS,
    "autocommit": 0,
    "completion_type": "'NO_CHAIN'",
    "sql_auto_is_null": 0,
    "sql_safe_updates": 0,
    "sql_select_limit": 2**64 - 1,
    "sql_big_selects": 1,
    "unique_checks": 1,
    "foreign_key_checks": 1,
    "div_precision_increment": 4,
}
#: How long a statement may take, 0 = as long as it takes: MariaDB's name for it, and MySQL's.
_MYSQL_TIMEOUTS = ("max_statement_time", "max_execution_time")


def shown(url: str | URL) -> str:
    """The URL without its password and without what follows the question mark, where secrets may stand too."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def understood(url: str) -> URL:
    """The URL with the driver that kmaflow uses.

    Raises:
        UsageError: no SQLAlchemy URL.
        StoreUnreachable: a database of another kind.
    """
    with translated("KMAFLOW_DATABASE_URL"):
        parsed = make_url(url)
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg", "mysql+pymysql"}:
        raise StoreUnreachable(
            f"databases of the kind {parsed.drivername} are not supported",
            todo_en="use a URL such as sqlite:///var/kmaflow.db, postgresql://user:password@host/name or mariadb://user:password@host/name",
            todo_ko="sqlite:///var/kmaflow.db, postgresql://사용자:암호@서버/이름, mariadb://사용자:암호@서버/이름 가운데 하나를 쓰십시오",
        )
    return parsed


def open_engine(url: str) -> sa.Engine:
    """An engine for the URL; the folder of a SQLite file is made.

    Raises:
        UsageError: no SQLAlchemy URL.
        StoreUnreachable: the folder cannot be made, or a database of another kind.
    """
    parsed = understood(url)
    kind = parsed.get_backend_name()
    with translated(shown(parsed)):
        if kind == "sqlite":
            return _open_sqlite(parsed)
        if kind == "postgresql":
            return _open_postgresql(parsed)
        return _open_mysql(parsed)


# --------------------------------------------------------------------------------------------------------- SQLite


def _open_sqlite(url: URL) -> sa.Engine:
    path = None
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        path = Path(url.database).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
    arguments = {"timeout": BUSY_SECONDS}
    if path is not None and path.is_file() and not os.access(path.parent, os.W_OK, effective_ids=_EFFECTIVE):
        # No connection is kept: whether somebody writes into the file is looked at each time.
        engine = sa.create_engine(url, connect_args=arguments, poolclass=sa.pool.NullPool)
        sa.event.listen(engine, "do_connect", partial(_connect_read_only, path))
    else:
        engine = sa.create_engine(url, connect_args=arguments)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_read_only(path: Path, dialect: Any, _: Any, __: list[Any], named: dict[str, Any]) -> Any:
    """Open a file in whose folder nothing may be made (a read-only file system): SQLite cannot make the files beside it that WAL needs.

    Where they are there, somebody writes, and they are read with it; else nobody does, and the file is all there is.
    """
    log, index = (path.with_name(f"{path.name}-{suffix}") for suffix in ("wal", "shm"))
    alone = not log.is_file() or log.stat().st_size == 0
    if not alone and not index.is_file():
        raise StoreReadOnly(
            f"{path}: what was written last lies in {log.name}, which can only be read where its folder may be written",
            todo_en="open it once where it may be written (kmaflow status), or copy the file and its -wal to such a folder",
            todo_ko="쓸 수 있는 곳에서 한 번 여십시오(kmaflow status). 아니면 파일과 -wal을 그런 폴더로 복사하십시오",
        )
    only = "&immutable=1" if alone else ""
    return dialect.connect(f"file:{quote(str(path))}?mode=ro{only}", **named, uri=True)


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    # The driver's own implicit BEGIN comes too late for a read-then-write transaction: we say BEGIN ourselves.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # A file that may only be read keeps the mode it has; the first write will say so clearly.
        if "readonly" not in str(error):
            raise
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("kmaflow_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# --------------------------------------------------------------------------------------------------------- servers


def _open_postgresql(url: URL) -> sa.Engine:
    options = " ".join(f"-c {name}={value}" for name, value in _POSTGRESQL_SESSION.items())
    given = url.query.get("options", ())
    if given:
        options = f"{options} {given if isinstance(given, str) else ' '.join(given)}"
        url = url.difference_update_query(["options"])
    arguments: dict[str, Any] = {"options": options, "client_encoding": "utf8"}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = _CONNECT_SECONDS
    if "application_name" not in url.query:
        arguments["application_name"] = "kmaflow"
    return sa.create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_size=4)


def _open_mysql(url: URL) -> sa.Engine:
    url = url.difference_update_query(["charset", "local_infile"])
    arguments: dict[str, Any] = {"charset": "utf8mb4", "local_infile": True}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = _CONNECT_SECONDS
    engine = sa.create_engine(
        url, connect_args=arguments, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_size=4
    )
    sa.event.listen(engine, "do_connect", _connect_mysql)
    return engine


def _connect_mysql(dialect: Any, _: Any, given: list[Any], named: dict[str, Any]) -> Any:
    """Connect, and set the session before SQLAlchemy asks it anything: it would believe what it finds (``ANSI_QUOTES``)."""
    connection = dialect.connect(*given, **named)
    endless = _MYSQL_TIMEOUTS["mariadb" not in connection.get_server_info().lower()]
    session = _MYSQL_SESSION | {endless: 0}
    with connection.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
        cursor.execute(f"SET {', '.join(f'SESSION {name} = {value}' for name, value in session.items())}")
    return connection


# ---------------------------------------------------------------------------------------------------- transactions


def translating(engine: sa.Engine) -> AbstractContextManager[None]:
    """Within, the errors of this engine and its driver become ours."""
    return translated(shown(engine.url), engine.dialect.loaded_dbapi.Error)


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that will write. On SQLite it takes the write lock at once, so that what it reads first stays true; on servers
    whoever needs that takes a lock by name (:mod:`kmaflow.store.engines.locks`).
    """
    writer = engine.execution_options(kmaflow_writes=True)
    with translating(engine), writer.connect() as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that only reads."""
    with translating(engine), engine.connect() as connection, connection.begin():
        yield connection
