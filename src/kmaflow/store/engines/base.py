"""What a database engine has to do for us. Each engine is one class in one file beside this one, named in :data:`FILES`; everything else
asks :func:`engine_of`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import URL

from kmaflow.errors import UsageError
from kmaflow.store.errors import StoreError

if TYPE_CHECKING:
    import polars as pl

    from kmaflow.store.engines.loader import Loader
    from kmaflow.store.engines.words import Words
    from kmaflow.store.views.definition import View

#: How long one writer waits for another before it says so.
BUSY_SECONDS = 60
CONNECT_SECONDS = 10
#: The modules beside this one that hold an engine, as ``ENGINE``. The first one's kind is taken where nobody names a database.
FILES = ["sqlite", "postgresql", "mariadb"]
_CANDIDATE = "kmaflow_candidate"

ColumnType = sa.types.TypeEngine[Any]


class AirflowConnection(Protocol):
    """What an engine reads of Airflow's connection."""

    host: str | None
    schema: str | None
    login: str | None
    password: str | None
    port: int | None


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
    #: SQL of the views.
    words: ClassVar[Words]
    #: A URL as somebody may write it.
    url_example: ClassVar[str]
    #: Columns: stamps to the second, moments to the microsecond, surrogate ids, text without a limit that an answer could reach; None: as
    #: SQLAlchemy has it.
    stamp_type: ClassVar[ColumnType | None] = None
    moment_type: ClassVar[ColumnType | None] = None
    id_type: ClassVar[ColumnType | None] = None
    text_type: ClassVar[ColumnType | None] = None
    #: What SQLAlchemy is told of all tables, of those with a surrogate id, and of those that are partitioned.
    table_options: ClassVar[Mapping[str, Any]] = {}
    numbered_options: ClassVar[Mapping[str, Any]] = {}
    partition_options: ClassVar[Mapping[str, Any]] = {}
    #: Airflow's types of a connection to it, and the extras that its driver knows by the same names.
    airflow_types: ClassVar[tuple[str, ...]] = ()
    airflow_extras: ClassVar[tuple[str, ...]] = ()
    #: DuckDB's extension that reads it, and how that calls the database.
    duckdb: ClassVar[str]
    duckdb_database: ClassVar[str] = "database"
    #: A database that every server has.
    first_database: ClassVar[str] = ""

    @property
    def driver(self) -> str:
        """The driver that is meant where none is named."""
        return self.drivers[self.name]

    @abstractmethod
    def open(self, url: URL) -> sa.Engine:
        """A SQLAlchemy engine whose sessions are set up as ours."""

    def make_file(self, engine: sa.Engine) -> None:  # noqa: B027
        """Make what must be there before the first connection: the file of a database in a file."""

    def neighbour(self, url: URL) -> tuple[str, int] | None:  # noqa: ARG002
        """URL of a database near this one that holds rows of observations, and how many; None where there is none."""
        return None

    def is_there(self, url: URL) -> bool:  # noqa: ARG002
        """Whether there is a database to be read; False where opening it would make it."""
        return True

    @abstractmethod
    def only_read(self, engine: sa.Engine, seconds: float) -> None:
        """Let the sessions that the engine opens from now on read only, whoever the user is, and end what takes longer."""

    def open_foreign(self, url: URL, seconds: float) -> sa.Engine:
        """An engine that reads a database of another program, for so long at most; nothing is made there."""
        engine = self.open(url)
        self.only_read(engine, seconds)
        return engine

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

    def holds(self, found: ColumnType, wanted: ColumnType) -> bool:
        """Whether a column of the type that is there gives values of the wanted type back as they were."""
        if isinstance(wanted, sa.DateTime):
            # With a time zone it depends on the session's.
            return isinstance(found, sa.DateTime) and not getattr(found, "timezone", False)
        if isinstance(wanted, sa.Double):
            return isinstance(found, sa.Double)
        if isinstance(wanted, sa.Integer):
            wide = not isinstance(wanted, sa.BigInteger) or isinstance(found, sa.BigInteger)
            return isinstance(found, sa.Integer) and wide and not isinstance(found, sa.SmallInteger)
        return isinstance(found, sa.String)

    @abstractmethod
    def error_of(self, error: BaseException) -> type[StoreError]:
        """Which of ours a driver's error is; StoreError itself: none in particular."""

    def unfit_for_airflow(self, engine: sa.Engine) -> str | None:  # noqa: ARG002
        """What this server is, where Airflow's own database cannot be on it; None where it can."""
        return None

    def airflow_url(self, connection: AirflowConnection) -> URL | None:
        """An Airflow connection as a URL, without its extras; None where it names no database."""
        if not connection.schema:
            return None
        return URL.create(
            self.driver,
            username=connection.login or None,
            password=connection.password or None,
            host=connection.host or None,
            port=connection.port or None,
            database=connection.schema,
        )

    def airflow_query(self, extras: dict[str, Any]) -> dict[str, str]:
        """The extras of an Airflow connection as parameters of the URL; what has been understood is taken out of ``extras``."""
        return {name: str(extras.pop(name)) for name in sorted(set(self.airflow_extras) & extras.keys())}

    def duckdb_source(self, url: URL) -> str:
        """The database as DuckDB's ATTACH names it; it may hold a password."""
        named = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
        named[self.duckdb_database] = url.database
        return " ".join(f"{name}={value}" for name, value in named.items() if value is not None)

    def make_database(self, connection: sa.Connection, name: str, user: str) -> None:
        """Make a database unless it is there, by a server's administrator, who lets the user do everything in it."""
        raise NotImplementedError

    @abstractmethod
    def replace_view(self, connection: sa.Connection, view: View, followers: Sequence[str]) -> bool:
        """Make a view, or bring it to what it is now; whether there was anything to do.

        Args:
            followers: the view and those that may read it, in the order of making.
        """


def run(connection: sa.Connection, statement: str) -> sa.CursorResult[*tuple[Any, ...]]:
    """Run a statement without parameters: so the driver leaves percent signs alone."""
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def reads_so(connection: sa.Connection, view: View, create: str, stored: str) -> bool:
    """Whether the view that is there is what it should be: then it is left alone, since replacing it waits for everybody who reads it.

    Servers keep views in words of their own, so the new one is made under another name, asked how it reads, and dropped.

    Args:
        create: ``CREATE … VIEW``.
        stored: SQL for the words of the view ``{}``.
    """
    run(connection, f"{create} {_CANDIDATE} AS {view.query}")
    same = run(connection, stored.format(_CANDIDATE)).scalar() == run(connection, stored.format(view.name)).scalar()
    run(connection, f"DROP VIEW {_CANDIDATE}")
    return bool(same)


@cache
def engines() -> tuple[Engine, ...]:
    """One object for each kind of database."""
    return tuple(import_module(f"kmaflow.store.engines.{name}").ENGINE for name in FILES)


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
        ko=f"지원하지 않는 데이터베이스입니다: {dialect}",
        todo_en="use SQLite, PostgreSQL or MariaDB",
        todo_ko="SQLite, PostgreSQL, MariaDB 가운데 하나를 쓰십시오",
    )


def engine_of(bind: sa.Engine | sa.Connection) -> Engine:
    """The engine behind an SQLAlchemy engine or connection."""
    return engine_named(bind.dialect.name)


def engine_for_airflow(connection_type: str) -> Engine | None:
    """The engine of an Airflow connection's type; None: no database of ours."""
    return next((engine for engine in engines() if connection_type in engine.airflow_types), None)
