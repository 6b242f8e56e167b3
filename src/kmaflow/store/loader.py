"""What a loader does, whatever the engine: bulk-insert a frame, read a window back as a frame, overwrite rows, add counts.

Everything runs inside the caller's transaction. Frames have the table's columns by name: ``tm_kst`` Datetime[us] (naive KST), ``stn`` Int32,
values Float64, Int64 or String with null for missing, ``fetch_id`` Int64. What to insert and what to overwrite is decided in ``load.py``, from
frames, so that all engines end the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import Window
from kmaflow.store.books import COMPLETENESS_HOUR, LATEST

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
    def stored(self, table: sa.Table, window: Window) -> pl.DataFrame:
        """The rows of the window, sorted by key."""

    @abstractmethod
    def update(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Overwrite the rows that have these keys."""

    @abstractmethod
    def _add_counts(self, counts: pl.DataFrame) -> None:
        """As :meth:`add_counts`, for at least one row."""

    @abstractmethod
    def _advance(self, latest: pl.DataFrame) -> None:
        """As :meth:`advance`, for at least one row."""

    def add_counts(self, dataset: str, counts: pl.DataFrame) -> None:
        """Add (``hour_kst``, ``stn``, ``present``, ``blank``) to ``completeness_hour``."""
        if not counts.is_empty():
            names = [column.name for column in COMPLETENESS_HOUR.columns]
            self._add_counts(counts.with_columns(dataset=pl.lit(dataset)).select(names).sort("hour_kst", "stn"))

    def advance(self, dataset: str, latest: pl.DataFrame) -> None:
        """Note the last stamps with values (``stn``, ``tm_kst``); an older one than known changes nothing."""
        if not latest.is_empty():
            names = [column.name for column in LATEST.columns]
            self._advance(latest.with_columns(dataset=pl.lit(dataset)).select(names).sort("stn"))


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
        elif isinstance(column.type, sa.Integer):
            schema[column.name] = pl.Int32() if column.name == "stn" else pl.Int64()
        else:
            schema[column.name] = pl.String()
    return schema


def batches(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows in slices of bounded size."""
    for start in range(0, rows.height, BATCH):
        yield rows.slice(start, BATCH)


def from_csv(table: sa.Table, content: bytes) -> pl.DataFrame:
    """Comma-separated rows without a header, empty = NULL, as a server printed them."""
    schema = schema_of(table)
    if not content:
        return pl.DataFrame(schema=schema)
    times = [name for name, kind in schema.items() if kind == pl.Datetime("us")]
    read = {name: pl.String() if name in times else kind for name, kind in schema.items()}
    rows = pl.read_csv(content, has_header=False, schema=read)
    return rows.with_columns(pl.col(times).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us"))


def loader_for(connection: sa.Connection) -> Loader:
    """The loader of the connection's engine."""
    kind = connection.dialect.name
    if kind == "postgresql":
        from kmaflow.store.postgresql import PostgresqlLoader

        return PostgresqlLoader(connection)
    if kind in ("mysql", "mariadb"):
        from kmaflow.store.mariadb import MariadbLoader

        return MariadbLoader(connection)
    from kmaflow.store.sqlite import SqliteLoader

    return SqliteLoader(connection)
