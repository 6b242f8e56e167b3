"""What a loader does, whatever the engine: bulk-insert a frame, read a window back as a frame, overwrite rows, add counts.

Everything runs inside the caller's transaction. Frames have the table's columns by name: ``tm_kst`` Datetime[us] (naive KST), ``stn`` Int32,
values Float64, Int64 or String with null for missing, ``request_id`` Int64. What to insert and what to overwrite is decided in ``load.py``, from
frames, so that all engines end the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import Window
from kmaflow.store.engines.base import engine_of

#: How a stamp is written as text: what SQLite stores, and what servers print and read.
STAMP_TEXT = "%Y-%m-%d %H:%M:%S"
#: Rows that are turned into a driver's form at once; bounds the memory of any load.
BATCH = 50_000


class Loader(ABC):
    """Loads the tables of one transaction at the engine's own speed."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    @abstractmethod
    def insert(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Rows whose keys are new, straight into the table."""

    @abstractmethod
    def update(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Overwrite the rows that have these keys."""

    @abstractmethod
    def _merge(self, table: sa.Table, rows: pl.DataFrame, *, add: bool) -> None:
        """Insert rows; where a key is there, add their numbers to its own, or keep the later time of the two."""

    def stored(self, table: sa.Table, window: Window, stations: Sequence[int] | None = None) -> pl.DataFrame:
        """The rows of the window (None: of all stations), sorted by key."""
        return select(self.connection, table, names_of(table), window, stations)

    def cursor(self) -> Any:
        """The driver's own cursor: SQLAlchemy would look at every row."""
        return self.connection.connection.cursor()

    def add_counts(self, dataset: str, counts: pl.DataFrame) -> None:
        """Add (``hour_kst``, ``stn``, ``present``, ``blank``) to ``completeness_hour``."""
        from kmaflow.store.schema.service import COMPLETENESS_HOUR  # it asks the engines for its types

        if not counts.is_empty():
            rows = counts.with_columns(dataset=pl.lit(dataset)).select(names_of(COMPLETENESS_HOUR))
            self._merge(COMPLETENESS_HOUR, rows.sort("hour_kst", "stn"), add=True)

    def advance(self, dataset: str, latest: pl.DataFrame) -> None:
        """Note the last stamps with values (``stn``, ``tm_kst``); an older one than known changes nothing."""
        from kmaflow.store.schema.service import LATEST

        if not latest.is_empty():
            rows = latest.with_columns(dataset=pl.lit(dataset)).select(names_of(LATEST))
            self._merge(LATEST, rows.sort("stn"), add=False)


def on_conflict(table: sa.Table, *, add: bool) -> str:
    """ON CONFLICT … of :meth:`Loader._merge`; the table is called ``t``."""
    keys = keys_of(table)
    names = [name for name in names_of(table) if name not in keys]
    sets = ", ".join(f"{name} = t.{name} + excluded.{name}" if add else f"{name} = excluded.{name}" for name in names)
    later = "" if add else f" WHERE excluded.{names[0]} > t.{names[0]}"
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}{later}"


def batches(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows in slices of bounded size."""
    for start in range(0, rows.height, BATCH):
        yield rows.slice(start, BATCH)


def loader_for(connection: sa.Connection) -> Loader:
    """The loader of the connection's engine."""
    return engine_of(connection).loader(connection)


def select(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    window: Window | None,
    stations: Sequence[int] | None = None,
    *,
    dataset: str | None = None,
    stamps: Sequence[datetime] = (),
) -> pl.DataFrame:
    """Columns of the rows in a window, sorted by the table's key.

    Args:
        window: None: of any time.
        stamps: only these.
        names: columns, in this order; types are those of :func:`kmaflow.store.engines.loader.schema_of`.
        stations: numbers, None = all.
        dataset: for the service tables: only rows of this dataset.
    """
    order = ", ".join(keys_of(table))
    where = _where(connection, window, stations, dataset)
    if stamps:
        listed = ", ".join(f"'{stamp:{STAMP_TEXT}}'" for stamp in stamps)
        where += f" AND tm_kst IN ({listed})"
    where = f"FROM {table.name} WHERE {where} ORDER BY {order}"
    known = schema_of(table)
    schema = {name: known[name] for name in names}
    return _with_times(engine_of(connection).rows(connection.connection, schema, where), schema)


def count(
    connection: sa.Connection, table: sa.Table, window: Window | None, stations: Sequence[int] | None = None
) -> int:
    """How many rows :func:`select` would give."""
    where = _where(connection, window, stations, None)
    return int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table.name} WHERE {where}").scalar_one())


def _where(
    connection: sa.Connection, window: Window | None, stations: Sequence[int] | None, dataset: str | None
) -> str:
    """Numbers, stamps and names of ours only: nothing here that a person has typed as text."""
    parts = ["1 = 1"]
    if window is not None:
        parts = [f"tm_kst > '{window.start:{STAMP_TEXT}}'", f"tm_kst <= '{window.end:{STAMP_TEXT}}'"]
    if stations is not None:
        column = engine_of(connection).station_column(len(stations))
        parts.append(f"{column} IN ({', '.join(str(int(stn)) for stn in stations)})")
    if dataset is not None:
        parts.append(f"dataset = '{dataset}'")
    return " AND ".join(parts)


def from_csv(schema: dict[str, pl.DataType], content: bytes) -> pl.DataFrame:
    """What a server printed, one row a line, as a frame; times as text."""
    if not content:
        return pl.DataFrame(schema=read_as(schema))
    return pl.read_csv(content, has_header=False, schema=read_as(schema))


def read_as(schema: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
    """Times come as text."""
    return {name: pl.String() if kind.is_temporal() else kind for name, kind in schema.items()}


def _with_times(rows: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    times = [name for name, kind in schema.items() if kind == pl.Datetime("us")]
    days = [name for name, kind in schema.items() if kind == pl.Date()]
    return rows.with_columns(
        pl.col(times).str.to_datetime(STAMP_TEXT, time_unit="us"), pl.col(days).str.to_date("%Y-%m-%d")
    )


def names_of(table: sa.Table) -> list[str]:
    """The columns in the table's order."""
    return [column.name for column in table.columns]


def keys_of(table: sa.Table) -> list[str]:
    """The columns of the primary key."""
    return [column.name for column in table.primary_key.columns]


def schema_of(table: sa.Table) -> dict[str, pl.DataType]:
    """The polars types of a table's rows."""
    schema: dict[str, pl.DataType] = {}
    for column in table.columns:
        if isinstance(column.type, sa.Double):
            schema[column.name] = pl.Float64()
        elif isinstance(column.type, sa.DateTime):
            schema[column.name] = pl.Datetime("us")
        elif isinstance(column.type, sa.Date):
            schema[column.name] = pl.Date()
        elif isinstance(column.type, sa.Integer):
            schema[column.name] = pl.Int32() if column.name == "stn" else pl.Int64()
        else:
            schema[column.name] = pl.String()
    return schema
