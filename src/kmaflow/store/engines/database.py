"""Opening the database, and transactions: for reading, for writing, alone under locks by name, and again where another one came between.

Sessions are ours whatever the defaults of server, database and user are (``ALTER DATABASE … SET``, ``init_connect``): UTF-8, UTC, ISO dates, READ
COMMITTED, strict types, whole numbers, no wait without an end and no statement cut short. Times are stored naive (KST), so no server or session time
zone ever touches them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from kmaflow.catalog.time import Window, days_of
from kmaflow.errors import UsageError
from kmaflow.store.engines.base import Engine, drivers, engine_named, engine_of, engines
from kmaflow.store.errors import StoreConflict, StoreError, StoreLost, StoreUnreachable, StoreUnstorable

T = TypeVar("T")
log = logging.getLogger(__name__)

#: A server that restarts is back within this many tries (about a minute).
TRIES = 9


def shown(url: str | URL) -> str:
    """The URL without its password and without what follows the question mark, where secrets may stand too."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def file_url(path: Path) -> str:
    """The URL of a database in one file of this machine."""
    return f"{engines()[0].name}:///{path}"


def url_in_memory() -> str:
    """The URL of a database that is gone with its connection."""
    return f"{engines()[0].name}://"


def neighbour_of(url: str) -> tuple[str, int] | None:
    """URL of a database near this one that holds rows of observations, and how many."""
    kind, parsed = kind_of(url)
    return kind.neighbour(parsed)


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
            ko=f"KMAFLOW_DATABASE_URL이 SQLAlchemy URL이 아닙니다({type(cause).__name__})",
            todo_en=f"write for example {' or '.join(examples)}",
            todo_ko=f"예: {', '.join(examples)}",
        ) from None
    driver = drivers().get(parsed.drivername)
    if driver is None:
        raise StoreUnreachable(
            f"databases of the kind {parsed.drivername} are not supported",
            ko=f"지원하지 않는 데이터베이스입니다: {parsed.drivername}",
            todo_en=f"use a URL such as {', '.join(examples)}",
            todo_ko=f"{', '.join(examples)} 가운데 하나를 쓰십시오",
        )
    return parsed.set(drivername=driver)


def kind_of(url: str) -> tuple[Engine, URL]:
    """The engine that a URL is for, and the URL as :func:`understood`."""
    parsed = understood(url)
    return engine_named(parsed.get_backend_name()), parsed


def open_engine(url: str) -> sa.Engine:
    """An engine for the URL.

    Raises:
        UsageError: no SQLAlchemy URL.
        StoreUnreachable: a database of another kind.
    """
    kind, parsed = kind_of(url)
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
    whoever needs that takes a lock by name (:func:`writing_alone`).
    """
    writer = engine.execution_options(kmaflow_writes=True)
    with translating(engine), writer.connect() as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that only reads."""
    with translating(engine), engine.connect() as connection, connection.begin():
        yield connection


def locks_of(table: str, window: Window) -> list[str]:
    """Names of the locks for a window of a table: one for each day (00:00, 24:00] that it touches.

    A load reads what is stored, compares and writes the difference; in between nobody else may write there.
    """
    return [f"{table} {day}" for day in days_of(window)]


@contextmanager
def writing_alone(engine: sa.Engine, names: Iterable[str]) -> Iterator[sa.Connection]:
    """A transaction that writes while it holds the named locks; they are given back after its end, or with the connection.

    They are taken in order, so that two never wait for each other in a circle.

    Raises:
        StoreBusy: somebody else held one of them for a minute.
    """
    with engine_of(engine).alone(engine, sorted(set(names))) as connection:
        yield connection


def number_of(lock: str) -> int:
    """A lock's name as a signed 63-bit number."""
    return int.from_bytes(sha256(f"kmaflow {lock}".encode()).digest()[:8], "big") >> 1


def again(work: Callable[[], T]) -> T:
    """Run ``work``, which is one whole transaction, until no other transaction and no lost connection ends it: it has left nothing behind.

    Raises:
        StoreConflict, StoreLost: it happened too often.
    """
    attempts = Retrying(
        retry=retry_if_exception_type(StoreConflict),
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=0.1, max=15),
        before_sleep=before_sleep_log(log, logging.INFO),
        reraise=True,
    )
    return attempts(work)


def server_time(bind: sa.Engine | sa.Connection, ahead: float = 0.0) -> sa.ColumnElement[datetime]:
    """SQL for the server's present moment, naive UTC, plus ``ahead`` seconds. On SQLite: the clock of the machine, to the millisecond.

    Within one statement it may stand still, so a statement that waited for a row sees the moment when it began.
    """
    return sa.literal_column(engine_of(bind).now(ahead), sa.DateTime())


def insert_if_absent(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is there already; True if it was inserted. Waits for whoever is inserting the same."""
    insert = engine_of(connection).insert_if_absent(table, values)
    return connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount == 1
