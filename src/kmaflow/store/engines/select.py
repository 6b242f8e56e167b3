"""Rows out of a table at the engine's own speed: COPY on PostgreSQL, rows as one text on MariaDB, the bare cursor on SQLite.

With a station filter the index (``stn``, ``tm_kst``) is used, without one the primary key (``tm_kst``, ``stn``).
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import Window
from kmaflow.store.schema.columns import STAMP_TEXT, keys_of, schema_of

#: From so many stations on, SQLite reads all of them faster than it looks each one up (of about 730).
_MANY = 300
#: Rows that SQLite's driver gives at once.
_SLICE = 20_000


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
    driver: Any = connection.connection
    kind = connection.dialect.name
    if kind == "postgresql":
        return _from_csv(schema, _postgresql(driver, f"SELECT {', '.join(names)} {where}"))
    if kind in ("mysql", "mariadb"):
        return _from_csv(schema, _mariadb(driver, schema, where))
    return _sqlite(driver, schema, where)


def count(connection: sa.Connection, table: sa.Table, window: Window, stations: Sequence[int] | None = None) -> int:
    """How many rows :func:`select` would give."""
    where = _where(connection, window, stations, None)
    return int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table.name} WHERE {where}").scalar_one())


def _where(connection: sa.Connection, window: Window, stations: Sequence[int] | None, dataset: str | None) -> str:
    """Numbers, stamps and names of ours only: nothing here that a person has typed as text."""
    parts = [f"tm_kst > '{window.start:{STAMP_TEXT}}'", f"tm_kst <= '{window.end:{STAMP_TEXT}}'"]
    if stations is not None:
        # The sign keeps SQLite from the index.
        column = "+stn" if connection.dialect.name == "sqlite" and len(stations) > _MANY else "stn"
        parts.append(f"{column} IN ({', '.join(str(int(stn)) for stn in stations)})")
    if dataset is not None:
        parts.append(f"dataset = '{dataset}'")
    return " AND ".join(parts)


def _postgresql(driver: Any, statement: str) -> bytes:
    buffer = BytesIO()
    with driver.cursor() as cursor, cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)") as copy:
        for part in copy:
            buffer.write(part)
    return buffer.getvalue()


def _mariadb(driver: Any, schema: dict[str, pl.DataType], where: str) -> bytes:
    fields = ", ".join(
        f"""IFNULL(CONCAT('"', REPLACE({name}, '"', '""'), '"'), '')"""
        if kind == pl.String()
        else f"IFNULL({name}, '')"
        for name, kind in schema.items()
    )
    with driver.cursor() as cursor:
        cursor.execute(f"SELECT CONCAT_WS(',', {fields}) {where}")
        return "\n".join([row[0] for row in cursor.fetchall()]).encode()


def _sqlite(driver: Any, schema: dict[str, pl.DataType], where: str) -> pl.DataFrame:
    read = _read_as(schema)
    cursor = driver.cursor().execute(f"SELECT {', '.join(schema)} {where}")
    frames = [pl.DataFrame(schema=read)]
    # In slices: Python's own numbers take ten times the room of a frame's.
    while rows := cursor.fetchmany(_SLICE):
        columns = zip(read.items(), zip(*rows, strict=True), strict=True)
        frames.append(pl.DataFrame([pl.Series(name, values, kind, strict=False) for (name, kind), values in columns]))
    return _with_times(pl.concat(frames), schema)


def _from_csv(schema: dict[str, pl.DataType], content: bytes) -> pl.DataFrame:
    if not content:
        return pl.DataFrame(schema=schema)
    return _with_times(pl.read_csv(content, has_header=False, schema=_read_as(schema)), schema)


def _read_as(schema: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
    """Times come as text."""
    return {name: pl.String() if kind == pl.Datetime("us") else kind for name, kind in schema.items()}


def _with_times(rows: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    times = [name for name, kind in schema.items() if kind == pl.Datetime("us")]
    return rows.with_columns(pl.col(times).str.to_datetime(STAMP_TEXT, time_unit="us"))
