"""Opening the database: one SQLAlchemy engine, set up so that a transaction is what it says, and whose errors are ours.

Sessions are ours whatever the defaults of server, database and user are (``ALTER DATABASE … SET``, ``init_connect``): UTF-8, UTC, ISO dates, READ
COMMITTED, strict types, whole numbers, no wait without an end and no statement cut short. Times are stored naive (KST), so no server or session time
zone ever touches them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from kmaflow.errors import UsageError
from kmaflow.store.engines.base import Engine, drivers, engine_named, engine_of, engines
from kmaflow.store.errors import StoreError, StoreLost, StoreUnreachable, StoreUnstorable


def shown(url: str | URL) -> str:
    """The URL without its password and without what follows the question mark, where secrets may stand too."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def file_url(path: Path) -> str:
    """The URL of a database in one file of this machine."""
    return f"{engines()[0].name}:///{path}"


def understood(url: str) -> URL:
    """The URL with the driver that kmaflow uses.

    Raises:
        UsageError: no SQLAlchemy URL.
        StoreUnreachable: a database of another kind.
    """
    examples = [engine.url_example for engine in engines()]
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as cause:
        raise UsageError(
            f"KMAFLOW_DATABASE_URL is no SQLAlchemy URL ({type(cause).__name__})",
            todo_en=f"write for example {' or '.join(examples)}",
            todo_ko=f"예: {', '.join(examples)}",
        ) from None
    driver = drivers().get(parsed.drivername)
    if driver is None:
        raise StoreUnreachable(
            f"databases of the kind {parsed.drivername} are not supported",
            todo_en=f"use a URL such as {', '.join(examples)}",
            todo_ko=f"{', '.join(examples)} 가운데 하나를 쓰십시오",
        )
    return parsed.set(drivername=driver)


def open_engine(url: str) -> sa.Engine:
    """An engine for the URL; the folder of a file is made.

    Raises:
        UsageError: no SQLAlchemy URL.
        StoreUnreachable: the folder cannot be made, or a database of another kind.
    """
    parsed = understood(url)
    kind = engine_named(parsed.get_backend_name())
    with translated(shown(parsed), kind):
        return kind.open(parsed)


def translating(engine: sa.Engine) -> AbstractContextManager[None]:
    """Within, the errors of this engine and its driver become ours."""
    return translated(shown(engine.url), engine_of(engine), engine.dialect.loaded_dbapi.Error)


@contextmanager
def translated(where: str, kind: Engine, driver: type[Exception] = sa.exc.DBAPIError) -> Iterator[None]:
    """Turn the errors of SQLAlchemy and of the driver itself into ours. ``where`` names the database without its password."""
    try:
        yield
    except (sa.exc.DBAPIError, driver) as cause:
        original = (cause.orig if isinstance(cause, sa.exc.DBAPIError) else cause) or cause
        ours = kind.error_of(original)
        raise ours(f"{where}: {_words(original)}") from (cause if ours is StoreError else None)
    except (UnicodeError, OverflowError) as cause:
        # Met by the driver before anything was sent.
        raise StoreUnstorable(f"{where}: {cause}") from None
    except (ConnectionError, TimeoutError) as cause:
        raise StoreLost(f"{where}: {cause.strerror or cause}") from None
    except OSError as cause:
        raise StoreUnreachable(f"{where}: {cause.strerror or cause}") from None


def _words(error: BaseException) -> str:
    """A driver's message in one line; some give a pair of number and text."""
    if len(error.args) == 2 and isinstance(error.args[0], int):
        return f"{error.args[1] or type(error).__name__} ({error.args[0]})"
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__


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
