"""What a database engine has to do for us. Each engine is one class in one file beside this one; everything else asks :func:`engine_of`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from kmaflow.errors import UsageError

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy.engine import URL

    from kmaflow.store.engines.loader import Loader
    from kmaflow.store.views.definition import View

#: How long one writer waits for another before it says so.
BUSY_SECONDS = 60
CONNECT_SECONDS = 10
_CANDIDATE = "kmaflow_candidate"


class Engine(ABC):
    """One kind of database. Objects have no state: there is one of each kind."""

    name: ClassVar[str]
    #: What people write before ``://``, and the driver that is meant.
    drivers: ClassVar[Mapping[str, str]]
    #: SQLAlchemy's names of the dialects.
    dialects: ClassVar[tuple[str, ...]]
    #: Whether a transaction that writes has the whole database.
    one_writer: ClassVar[bool] = False
    #: Whether minute tables are partitioned by month.
    partitioned: ClassVar[bool] = True
    #: Whether a partition can be made before an existing one.
    inserts_partitions: ClassVar[bool] = False
    #: Whether times come as text and columns take values of any type.
    loosely_typed: ClassVar[bool] = False
    #: The isolation level in which all statements of a transaction see one state; None where every transaction does.
    snapshot_level: ClassVar[str | None] = "REPEATABLE READ"
    #: SQL for the names of the tables that are there (for ``table_name IN …``).
    tables_there: ClassVar[str]

    @abstractmethod
    def open(self, url: URL) -> sa.Engine:
        """A SQLAlchemy engine whose sessions are set up as ours."""

    @abstractmethod
    def only_read(self, engine: sa.Engine, seconds: float) -> None:
        """Let the sessions that the engine opens from now on read only, whoever the user is, and end what takes longer."""

    @abstractmethod
    def loader(self, connection: sa.Connection) -> Loader:
        """What writes into tables within the connection's transaction."""

    @abstractmethod
    def rows(self, driver: Any, schema: dict[str, pl.DataType], query: str) -> pl.DataFrame:
        """Columns of ``query`` (``FROM …``) as a frame, by the driver's own connection; times as text ``YYYY-MM-DD HH:MM:SS``."""

    def station_column(self, count: int) -> str:  # noqa: ARG002
        """How the column ``stn`` is written in a filter of so many stations."""
        return "stn"

    @abstractmethod
    def alone(self, engine: sa.Engine, names: Sequence[str]) -> AbstractContextManager[sa.Connection]:
        """A transaction that writes while it holds the named locks, taken in this order.

        Raises:
            StoreBusy: somebody else held one of them for :data:`BUSY_SECONDS`.
        """

    @abstractmethod
    def now(self, ahead: float) -> str:
        """SQL for the server's present moment, naive UTC, plus ``ahead`` seconds."""

    @abstractmethod
    def insert_if_absent(self, table: sa.Table, values: Mapping[str, Any]) -> sa.Insert:
        """An INSERT that does nothing where the primary key is there."""

    @abstractmethod
    def partitions_of(self, connection: sa.Connection, table: str) -> list[str]:
        """Names of a table's partitions, without the table's own name."""

    @abstractmethod
    def add_partitions(
        self, connection: sa.Connection, table: str, there: Sequence[str], missing: Mapping[str, tuple[str, str]]
    ) -> None:
        """Make partitions: name and SQL of its bounds, from (included) to (excluded), in order of time.

        Raises:
            StoreForeign: the table is partitioned otherwise, or a table has a partition's name.
        """

    @abstractmethod
    def drop_partition(self, connection: sa.Connection, table: str, name: str, month: datetime) -> None:
        """Drop a month's partition, unless it holds rows of an earlier month."""

    @abstractmethod
    def patience(self, connection: sa.Connection, seconds: int) -> AbstractContextManager[None]:
        """Within, a statement waits at most so long for a table that somebody uses."""

    @abstractmethod
    def refuse_unfit(self, connection: sa.Connection) -> None:
        """Refuse a database that cannot hold what we write, or in which this user may not make tables (StoreForeign, StoreDenied)."""

    def grant(self, user: str, database: str) -> str:
        """The statement that gives a user what making our tables takes."""
        return f"GRANT ALL PRIVILEGES ON `{database}`.* TO '{user}'@'%'"

    def version(self, engine: sa.Engine) -> str:  # noqa: ARG002
        """What the server says it is, where one kind has several products; else the name."""
        return self.name

    @abstractmethod
    def replace_view(self, connection: sa.Connection, view: View, followers: Sequence[str]) -> bool:
        """Make a view, or bring it to what it is now; whether there was anything to do.

        Args:
            followers: the view and those that may read it, in the order of making.
        """


def run(connection: sa.Connection, statement: str) -> sa.CursorResult[*tuple[Any, ...]]:
    """Run a statement without parameters: so the driver leaves percent signs alone."""
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


@contextmanager
def candidate(connection: sa.Connection, create: str, query: str) -> Iterator[str]:
    """A view of the query under another name, dropped at the end.

    A view that is what it should be is left alone, since replacing it waits for everybody who reads it. Servers keep views in words of
    their own, so the new one is made and asked how it reads.
    """
    run(connection, f"{create} {_CANDIDATE} AS {query}")
    yield _CANDIDATE
    run(connection, f"DROP VIEW {_CANDIDATE}")


@cache
def engines() -> tuple[Engine, ...]:
    """One object for each kind of database."""
    from kmaflow.store.engines.mariadb import Mariadb
    from kmaflow.store.engines.postgresql import Postgresql
    from kmaflow.store.engines.sqlite import Sqlite

    return Sqlite(), Postgresql(), Mariadb()


def drivers() -> dict[str, str]:
    """What people write before ``://``, and the driver that is meant."""
    return {written: meant for engine in engines() for written, meant in engine.drivers.items()}


@cache
def engine_named(dialect: str) -> Engine:
    """The engine of a dialect, by SQLAlchemy's name.

    Raises:
        UsageError: a database of another kind.
    """
    for engine in engines():
        if dialect in engine.dialects:
            return engine
    raise UsageError(
        f"databases of the kind {dialect} are not supported",
        todo_en="use SQLite, PostgreSQL or MariaDB",
        todo_ko="SQLite, PostgreSQL, MariaDB 가운데 하나를 쓰십시오",
    )


def engine_of(bind: sa.Engine | sa.Connection) -> Engine:
    """The engine behind an SQLAlchemy engine or connection."""
    return engine_named(bind.dialect.name)
