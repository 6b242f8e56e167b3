"""SQLite: one file, one writer, times as text. It loads fastest by ``executemany`` straight into the table, prepared once."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL

from kmaflow.catalog.model import Kind
from kmaflow.store.engines import base
from kmaflow.store.engines.database import writing
from kmaflow.store.engines.loader import STAMP_TEXT, Loader, batches, keys_of, names_of, on_conflict, read_as
from kmaflow.store.engines.neighbours import neighbour
from kmaflow.store.engines.words import FIRST, HOUR, Period, Words
from kmaflow.store.errors import (
    StoreBusy,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreMissing,
    StoreReadOnly,
    StoreSlow,
    StoreUnreachable,
    StoreUnstorable,
)

if TYPE_CHECKING:
    from kmaflow.store.views.definition import View

#: Rights are those with which we write, where the system can tell.
_EFFECTIVE = os.access in os.supports_effective_ids
#: From so many stations on, SQLite reads all of them faster than it looks each one up (of about 730).
_MANY = 300
#: Steps of SQLite's machine between two looks at the clock.
_STEPS = 20_000
#: Rows that the driver gives at once.
_SLICE = 20_000
#: Words of its errors, which have no codes of use.
_ERRORS: tuple[tuple[str, type[StoreError]], ...] = (
    ("interrupted", StoreSlow),
    ("readonly database", StoreReadOnly),
    ("attempt to write a readonly", StoreReadOnly),
    ("disk is full", StoreFull),
    ("disk i/o error", StoreFull),
    ("database is locked", StoreBusy),
    ("unable to open", StoreUnreachable),
    ("string or blob too big", StoreUnstorable),
    ("not a database", StoreForeign),
    ("has no column", StoreForeign),
    ("no such column", StoreForeign),
)
_RADIAN = 0.017453292519943295
#: Abramowitz & Stegun 4.4.49: arctangent for 0 … 1, error below 2e-8 rad.
_ARCTANGENT = (
    *(0.0028662257, -0.0161657367, 0.0429096138, -0.0752896400, 0.1065626393),
    *(-0.1420889944, 0.1999355085, -0.3333314528, 1.0),
)


class SqliteWords(Words):
    """Times are text, trigonometry is arithmetic: SQLite may come without sine and arctangent (conda on Windows, Ubuntu 20.04), and a view
    must work in whatever opens the file. Directions are right to better than a millionth of a degree.
    """

    _integer = "INTEGER"
    _real = "REAL"

    def shifted(self, time: str, minutes: int) -> str:
        """A time as text so many minutes later."""
        return f"datetime({time}, '{minutes:+d} minutes')"

    def earlier(self, time: str, minutes: str) -> str:
        """A time as text less a number of minutes."""
        return f"datetime({time}, (-({minutes})) || ' minutes')"

    def minutes_left(self, length: int) -> str:
        """From the digits of the stamp: quicker than parsing times."""
        return f"((1440 - 60 * substr(m.tm_kst, 12, 2) - substr(m.tm_kst, 15, 2)) % {length})"

    def nothing(self, kind: Kind) -> str:  # noqa: ARG002
        """NULL has no type here."""
        return "NULL"

    def remainder(self, number: str, by: int) -> str:
        """What integer division leaves."""
        return f"({number}) % {by}"

    def sine(self, degrees: str) -> str:
        """Folded to -90 … 90 degrees first."""
        return _polynomial_sine(f"(90 - abs(180 - abs({degrees} - 270)))")

    def cosine(self, degrees: str) -> str:
        """Folded to -90 … 90 degrees first."""
        return _polynomial_sine(f"(abs({degrees} - 180) - 90)")

    def bearing(self, east: str, north: str) -> str:
        """Direction of the vector in degrees, from 0."""
        # The angle from the nearest axis (0 … 45°), and which axis it is counted from, in which sense.
        ratio = f"(min(abs({east}), abs({north})) / max(abs({east}), abs({north})))"
        series = repr(_ARCTANGENT[0])
        for coefficient in _ARCTANGENT[1:]:
            series = f"({coefficient!r} + {ratio} * {ratio} * {series})"
        steep = f"abs({east}) > abs({north})"
        axis = (
            f"CASE WHEN {steep} THEN CASE WHEN {east} < 0 THEN 270 ELSE 90 END "
            f"WHEN {north} < 0 THEN 180 WHEN {east} < 0 THEN 360 ELSE 0 END"
        )
        sense = f"CASE WHEN (({steep}) <> ({east} < 0)) <> ({north} < 0) THEN -1 ELSE 1 END"
        return f"({axis} + ({sense}) * {ratio} * {series} / {_RADIAN!r})"

    def _grouped(self, period: Period, keys: str, aggregates: str) -> str:
        # From one period that has minutes to the next, by key. CROSS JOIN keeps SQLite from turning the loops round.
        form = "%Y-%m-%d %H:00:00" if period is HOUR else "%Y-%m-%d 00:00:00"
        following = "(SELECT MIN(tm_kst) FROM aws_minute WHERE tm_kst > ends.tm_kst)"
        return f"""  WITH RECURSIVE ends(tm_kst) AS (
    SELECT strftime('{form}', {FIRST}, '-1 second', '+1 {period.name}')
    UNION ALL
    SELECT strftime('{form}', {following}, '-1 second', '+1 {period.name}')
    FROM ends WHERE ends.tm_kst IS NOT NULL
  )
  SELECT {keys}, m.stn,
    {aggregates}
  FROM (
    SELECT {self._period_columns(period, "date(e.tm_kst, '-1 day')")} FROM ends e WHERE e.tm_kst IS NOT NULL
  ) p CROSS JOIN aws_minute m ON m.tm_kst > p.opened AND m.tm_kst <= p.tm_kst
  GROUP BY {keys}, m.stn"""


def _polynomial_sine(degrees: str) -> str:
    """Sine of -90 … 90 degrees by its power series, error below 1e-9."""
    angle = f"{degrees} * {_RADIAN!r}"
    square = f"{angle} * {angle}"
    series = "1"
    for divisor in (156, 110, 72, 42, 20, 6):
        series = f"(1 - {square} / {divisor} * {series})"
    return f"{angle} * {series}"


class Sqlite(base.Engine):
    """SQLite by Python's own driver."""

    name = "sqlite"
    drivers = {"sqlite": "sqlite", "sqlite+pysqlite": "sqlite+pysqlite"}  # noqa: RUF012
    dialects = ("sqlite",)
    one_writer = True
    partitioned = False
    loosely_typed = True
    snapshot_level = None
    tables_there = "(SELECT name FROM sqlite_master WHERE type = 'table')"
    words = SqliteWords()
    airflow_types = ("sqlite",)
    duckdb = "sqlite"
    url_example = "sqlite:///var/kmaflow.db"
    stamp_type = sqlite.DATETIME(  # type: ignore[no-untyped-call]
        storage_format="%(year)04d-%(month)02d-%(day)02d %(hour)02d:%(minute)02d:%(second)02d",
        regexp=r"(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)",
    )
    id_type = sa.Integer()
    numbered_options = {"sqlite_autoincrement": True}  # noqa: RUF012

    def open(self, url: URL) -> sa.Engine:
        """As :meth:`Engine.open`. The file is made by :meth:`make_file` alone."""
        path = None
        if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
            path = Path(url.database).absolute()
        arguments = {"timeout": base.BUSY_SECONDS}
        if path is not None and path.is_file() and not os.access(path.parent, os.W_OK, effective_ids=_EFFECTIVE):
            # No connection is kept: whether somebody writes into the file is looked at each time.
            engine = sa.create_engine(url, connect_args=arguments, poolclass=sa.pool.NullPool)
            sa.event.listen(engine, "do_connect", partial(_connect_read_only, path))
        else:
            engine = sa.create_engine(url, connect_args=arguments)
            if path is not None:
                sa.event.listen(engine, "do_connect", partial(_refuse_missing, path))
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def make_file(self, engine: sa.Engine) -> None:
        """As :meth:`Engine.make_file`."""
        name = engine.url.database
        if name and name != ":memory:" and not name.startswith("file:") and not Path(name).exists():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    def neighbour(self, url: URL) -> tuple[str, int] | None:
        """As :meth:`Engine.neighbour`: the file in a folder around that holds most."""
        found = neighbour(Path(url.database).absolute()) if url.database else None
        return found and (f"{self.name}:///{found[0]}", found[1])

    def is_there(self, url: URL) -> bool:
        """As :meth:`Engine.is_there`: a file is made when it is opened."""
        return url.database is not None and Path(url.database).is_file()

    def only_read(self, engine: sa.Engine, seconds: float) -> None:
        """As :meth:`Engine.only_read`; the time is that of a transaction."""

        def prepare(driver: sqlite3.Connection, _: Any) -> None:
            driver.execute("PRAGMA query_only = ON")

        def hurry(driver: sqlite3.Connection, *_: Any) -> None:
            end = time.monotonic() + seconds
            driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)

        sa.event.listen(engine, "connect", prepare)
        sa.event.listen(engine, "checkout", hurry)

    def open_foreign(self, url: URL, seconds: float) -> sa.Engine:  # noqa: ARG002
        """As :meth:`Engine.open_foreign`; nobody waits for a file that is only read."""
        if not self.is_there(url):
            raise StoreUnreachable(f"{url.database}: no such file", ko=f"{url.database}: 파일이 없습니다")
        place = f"{Path(str(url.database)).absolute().as_uri()}?mode=ro"
        return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(place, uri=True))

    def loader(self, connection: sa.Connection) -> Loader:
        """As :meth:`Engine.loader`."""
        return SqliteLoader(connection)

    def rows(self, driver: Any, schema: dict[str, pl.DataType], query: str) -> pl.DataFrame:
        """As :meth:`Engine.rows`, by the bare cursor."""
        read = read_as(schema)
        cursor = driver.cursor().execute(f"SELECT {', '.join(schema)} {query}")
        frames = [pl.DataFrame(schema=read)]
        # In slices: Python's own numbers take ten times the room of a frame's.
        while rows := cursor.fetchmany(_SLICE):
            columns = zip(read.items(), zip(*rows, strict=True), strict=True)
            frames.append(
                pl.DataFrame([pl.Series(name, values, kind, strict=False) for (name, kind), values in columns])
            )
        return pl.concat(frames)

    def station_column(self, count: int) -> str:
        """As :meth:`Engine.station_column`: the sign keeps SQLite from the index."""
        return "+stn" if count > _MANY else "stn"

    @contextmanager
    def alone(self, engine: sa.Engine, names: Sequence[str]) -> Iterator[sa.Connection]:  # noqa: ARG002
        """As :meth:`Engine.alone`: whoever writes is alone by itself."""
        with writing(engine) as connection:
            yield connection

    def now(self, ahead: float) -> str:
        """The clock of the machine, to the millisecond; six digits, as moments are stored: they are compared as text."""
        return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', '{ahead:+.3f} seconds') || '000')"

    def insert_if_absent(self, table: sa.Table, values: Mapping[str, Any]) -> sa.Insert:
        """As :meth:`Engine.insert_if_absent`."""
        return table.insert().prefix_with("OR IGNORE").values(values)

    def partitions_of(self, connection: sa.Connection, table: str) -> list[str]:  # noqa: ARG002
        """As :meth:`Engine.partitions_of`: there are none."""
        return []

    def add_partitions(
        self, connection: sa.Connection, table: str, there: Sequence[str], missing: Mapping[str, tuple[str, str]]
    ) -> None:
        """As :meth:`Engine.add_partitions`: nothing."""

    def drop_partition(self, connection: sa.Connection, table: str, name: str, month: datetime) -> None:
        """As :meth:`Engine.drop_partition`: nothing."""

    @contextmanager
    def patience(self, connection: sa.Connection, seconds: int) -> Iterator[None]:  # noqa: ARG002
        """As :meth:`Engine.patience`: nobody waits for a reader."""
        yield

    def refuse_unfit(self, connection: sa.Connection) -> None:
        """As :meth:`Engine.refuse_unfit`: every file holds everything, and who may open it may make tables."""

    def holds(self, found: base.ColumnType, wanted: base.ColumnType) -> bool:
        """As :meth:`Engine.holds`: a column takes values of any type, in the form that its own type prefers."""
        if isinstance(wanted, sa.DateTime):
            return isinstance(found, (sa.DateTime, sa.String))
        if isinstance(wanted, sa.Double):
            return isinstance(found, (sa.Double, sa.Float))
        return isinstance(found, sa.Integer if isinstance(wanted, sa.Integer) else sa.String)

    def error_of(self, error: BaseException) -> type[StoreError]:
        """As :meth:`Engine.error_of`, by its words."""
        return next((kind for words, kind in _ERRORS if words in str(error).lower()), StoreError)

    def duckdb_source(self, url: URL) -> str:
        """As :meth:`Engine.duckdb_source`."""
        return str(url.database)

    def airflow_url(self, connection: base.AirflowConnection) -> URL | None:
        """As :meth:`Engine.airflow_url`: host (or schema) is the path of the file."""
        path = connection.host or connection.schema
        return URL.create(self.name, database=path) if path else None

    def replace_view(self, connection: sa.Connection, view: View, followers: Sequence[str]) -> bool:  # noqa: ARG002
        """As :meth:`Engine.replace_view`; the file keeps the words as they were written."""
        statement = f"CREATE VIEW {view.name} AS {view.query}"
        stored = f"SELECT sql FROM sqlite_master WHERE type = 'view' AND name = '{view.name}'"
        if base.run(connection, stored).scalar() == statement:
            return False
        base.run(connection, f"DROP VIEW IF EXISTS {view.name}")
        base.run(connection, statement)
        return True


def _refuse_missing(path: Path, *_: Any) -> None:
    """Nobody makes a file by looking into it."""
    if path.exists():
        return
    what, ko = f"there is no database yet: {path}", f"데이터베이스가 아직 없습니다: {path}"
    if (near := neighbour(path)) is None:
        raise StoreMissing(what, ko=ko)
    other, rows = near
    raise StoreMissing(
        what,
        ko=ko,
        todo_en=f"{other} holds {rows:,} rows: KMAFLOW_DATABASE_URL=sqlite:///{other}",
        todo_ko=f"{other}에 {rows:,}행이 있습니다: KMAFLOW_DATABASE_URL=sqlite:///{other}",
    )


def _connect_read_only(path: Path, dialect: Any, _: Any, __: list[Any], named: dict[str, Any]) -> Any:
    """Open a file in whose folder nothing may be made (a read-only file system): SQLite cannot make the files beside it that WAL needs.

    Where they are there, somebody writes, and they are read with it; else nobody does, and the file is all there is.
    """
    log, index = (path.with_name(f"{path.name}-{suffix}") for suffix in ("wal", "shm"))
    alone = not log.is_file() or log.stat().st_size == 0
    if not alone and not index.is_file():
        raise StoreReadOnly(
            f"{path}: what was written last lies in {log.name}, which can only be read where its folder may be written",
            ko=f"{path}: 마지막에 쓴 자료가 {log.name}에 있어, 폴더에 쓸 수 있어야 읽을 수 있습니다",
            todo_en="open it once where it may be written (kmaflow status), or copy the file and its -wal to such a folder",
            todo_ko="쓸 수 있는 곳에서 한 번 여십시오(kmaflow status). 아니면 파일과 -wal을 그런 폴더로 복사하십시오",
        )
    only = "&immutable=1" if alone else ""
    return dialect.connect(f"file:{quote(str(path))}?mode=ro{only}", **named, uri=True)


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    # The driver's own implicit BEGIN comes too late for a read-then-write transaction: we say BEGIN ourselves.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {base.BUSY_SECONDS * 1000}")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # A file that may only be read keeps the mode it has; the first write will say so clearly.
        if "readonly" not in str(error):
            raise
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")
    # 40 MB: pages of the indexes that many loads change are copied into the file once instead of ten times.
    connection.execute("PRAGMA wal_autocheckpoint = 10000")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("kmaflow_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class SqliteLoader(Loader):
    """Loads into SQLite; times are text there."""

    def insert(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Rows whose keys are new, straight into the table."""
        names = names_of(table)
        self._many(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({_marks(names)})", rows.select(names))

    def update(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Overwrite the rows that have these keys."""
        keys = keys_of(table)
        values = [name for name in names_of(table) if name not in keys]
        sets, where = (", ".join(f"{name} = ?" for name in values), " AND ".join(f"{name} = ?" for name in keys))
        self._many(f"UPDATE {table.name} SET {sets} WHERE {where}", rows.select(*values, *keys))

    def _merge(self, table: sa.Table, rows: pl.DataFrame, *, add: bool) -> None:
        names = f"{table.name} AS t ({', '.join(rows.columns)})"
        self._many(f"INSERT INTO {names} VALUES ({_marks(rows.columns)}) {on_conflict(table, add=add)}", rows)

    def _many(self, statement: str, rows: pl.DataFrame) -> None:
        text = rows.select(pl.col(pl.Datetime).dt.strftime(STAMP_TEXT)) if pl.Datetime in rows.dtypes else rows.select()
        cursor = self.cursor()
        for batch in batches(rows.with_columns(text)):
            cursor.executemany(statement, batch.rows())


def _marks(names: Sequence[str]) -> str:
    return ", ".join("?" * len(names))


ENGINE = Sqlite()
