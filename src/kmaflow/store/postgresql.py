"""How PostgreSQL loads fastest: COPY in both directions; small writes as one statement over arrays."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import Window
from kmaflow.store.loader import Loader, batches, from_csv, keys_of, names_of

_PIECE = 4_000
_STAMP = "%Y-%m-%d %H:%M:%S"
_TYPES: dict[type[sa.types.TypeEngine[Any]], str] = {
    sa.DateTime: "timestamp",
    sa.Double: "double precision",
    sa.BigInteger: "bigint",
    sa.Integer: "integer",
}


class PostgresqlLoader(Loader):
    """Loads into PostgreSQL with psycopg 3."""

    def insert(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Rows whose keys are new, straight into the table."""
        names = names_of(table)
        with (
            self._cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy,
        ):
            # In small pieces: the server reads one while the next is printed.
            for batch in rows.select(names).iter_slices(_PIECE):
                copy.write(_csv(batch))

    def stored(self, table: sa.Table, window: Window) -> pl.DataFrame:
        """The rows of the window, sorted by key."""
        names = ", ".join(names_of(table))
        buffer = BytesIO()
        within = f"tm_kst > '{window.start:{_STAMP}}' AND tm_kst <= '{window.end:{_STAMP}}'"
        select = f"SELECT {names} FROM {table.name} WHERE {within} ORDER BY {', '.join(keys_of(table))}"
        with self._cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT csv)") as copy:
            for part in copy:
                buffer.write(part)
        return from_csv(table, buffer.getvalue())

    def update(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Overwrite the rows that have these keys."""
        keys = keys_of(table)
        values = [name for name in names_of(table) if name not in keys]
        sets = ", ".join(f"{name} = s.{name}" for name in values)
        where = " AND ".join(f"t.{name} = s.{name}" for name in keys)
        # The planner must see which partition is meant.
        low, high = rows.select(low=pl.col("tm_kst").min(), high=pl.col("tm_kst").max()).row(0)
        within = f"t.tm_kst BETWEEN '{low:{_STAMP}}' AND '{high:{_STAMP}}'"
        self._arrays(
            table,
            rows.select(names_of(table)),
            lambda source: f"UPDATE {table.name} t SET {sets} FROM {source} WHERE {where} AND {within}",
        )

    def _add_counts(self, counts: pl.DataFrame) -> None:
        from kmaflow.store.books import COMPLETENESS_HOUR

        names = ", ".join(counts.columns)
        self._arrays(
            COMPLETENESS_HOUR,
            counts,
            lambda source: (
                f"INSERT INTO completeness_hour AS t ({names}) SELECT {names} FROM {source} ON CONFLICT (dataset, hour_kst, stn) "
                "DO UPDATE SET present = t.present + excluded.present, blank = t.blank + excluded.blank"
            ),
        )

    def _advance(self, latest: pl.DataFrame) -> None:
        from kmaflow.store.books import LATEST

        names = ", ".join(latest.columns)
        self._arrays(
            LATEST,
            latest,
            lambda source: (
                f"INSERT INTO latest AS t ({names}) SELECT {names} FROM {source} ON CONFLICT (dataset, stn) "
                "DO UPDATE SET tm_kst = excluded.tm_kst WHERE excluded.tm_kst > t.tm_kst"
            ),
        )

    def _arrays(self, table: sa.Table, rows: pl.DataFrame, statement: Callable[[str], str]) -> None:
        """A statement over the rows, given as one array for each column: one round trip, planned once."""
        kinds = [
            next((kind for one, kind in _TYPES.items() if isinstance(table.c[name].type, one)), "text")
            for name in rows.columns
        ]
        source = f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)}) AS s({', '.join(rows.columns)})"
        with self._cursor() as cursor:
            for batch in batches(rows):
                cursor.execute(statement(source), [column.to_list() for column in batch.iter_columns()])

    def _cursor(self) -> Any:
        return self.connection.connection.cursor()


def _csv(rows: pl.DataFrame) -> memoryview:
    buffer = BytesIO()
    rows.write_csv(buffer, include_header=False, datetime_format=_STAMP)
    return buffer.getbuffer()
