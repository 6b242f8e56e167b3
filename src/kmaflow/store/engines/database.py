"""Opening the database: one SQLAlchemy engine for SQLite, PostgreSQL or MariaDB/MySQL, set up so that a transaction is what it says.

Sessions are ours whatever the defaults of server, database and user are (``ALTER DATABASE … SET``, ``init_connect``): UTF-8, UTC, ISO dates, READ
COMMITTED, strict types, whole numbers, no wait without an end and no statement cut short. Times are stored naive (KST), so no server or session time
zone ever touches them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from kmaflow.store.engines.base import drivers, engine_named
from kmaflow.store.errors import StoreUnreachable, translated


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
    driver = drivers().get(parsed.drivername)
    if driver is None:
        raise StoreUnreachable(
            f"databases of the kind {parsed.drivername} are not supported",
            todo_en="use a URL such as sqlite:///var/kmaflow.db, postgresql://user:password@host/name or mariadb://user:password@host/name",
            todo_ko="sqlite:///var/kmaflow.db, postgresql://사용자:암호@서버/이름, mariadb://사용자:암호@서버/이름 가운데 하나를 쓰십시오",
        )
    return parsed.set(drivername=driver)


def open_engine(url: str) -> sa.Engine:
    """An engine for the URL; the folder of a SQLite file is made.

    Raises:
        UsageError: no SQLAlchemy URL.
        StoreUnreachable: the folder cannot be made, or a database of another kind.
    """
    parsed = understood(url)
    with translated(shown(parsed)):
        return engine_named(parsed.get_backend_name()).open(parsed)


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
