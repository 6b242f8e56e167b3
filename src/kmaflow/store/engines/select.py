"""Rows out of a table at the engine's own speed: COPY on PostgreSQL, rows as one text on MariaDB, the bare cursor on SQLite.

With a station filter the index (``stn``, ``tm_kst``) is used, without one the primary key (``tm_kst``, ``stn``).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import Window
from kmaflow.store.engines.base import engine_of
from kmaflow.store.schema.columns import STAMP_TEXT, keys_of, schema_of


def select(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    window: Window,
    stations: Sequence[int] | None = None,
    *,
    dataset: str | None = None,
) -> pl.DataFrame:
    """Columns of the rows in a window, sorted by the table's key.

    Args:
        names: columns, in this order; types are those of :func:`kmaflow.store.schema.columns.schema_of`.
        stations: numbers, None = all.
        dataset: for the tables that keep the books: only rows of this dataset.
    """
    order = ", ".join(keys_of(table))
    where = f"FROM {table.name} WHERE {_where(connection, window, stations, dataset)} ORDER BY {order}"
    known = schema_of(table)
    schema = {name: known[name] for name in names}
    return _with_times(engine_of(connection).rows(connection.connection, schema, where), schema)


def count(connection: sa.Connection, table: sa.Table, window: Window, stations: Sequence[int] | None = None) -> int:
    """How many rows :func:`select` would give."""
    where = _where(connection, window, stations, None)
    return int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table.name} WHERE {where}").scalar_one())


def _where(connection: sa.Connection, window: Window, stations: Sequence[int] | None, dataset: str | None) -> str:
    """Numbers, stamps and names of ours only: nothing here that a person has typed as text."""
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
    return {name: pl.String() if kind == pl.Datetime("us") else kind for name, kind in schema.items()}


def _with_times(rows: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    times = [name for name, kind in schema.items() if kind == pl.Datetime("us")]
    return rows.with_columns(pl.col(times).str.to_datetime(STAMP_TEXT, time_unit="us"))
