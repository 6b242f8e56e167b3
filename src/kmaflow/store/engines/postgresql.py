"""How PostgreSQL loads fastest: COPY in both directions; small writes as one statement over arrays."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import polars as pl
import sqlalchemy as sa

from kmaflow.store.engines.loader import Loader, batches
from kmaflow.store.schema.columns import STAMP_TEXT, keys_of, names_of
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LATEST

_PIECE = 4_000
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
            self.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy,
        ):
            # In small pieces: the server reads one while the next is printed.
            for batch in rows.select(names).iter_slices(_PIECE):
                copy.write(_csv(batch))

    def update(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Overwrite the rows that have these keys."""
        keys = keys_of(table)
        values = [name for name in names_of(table) if name not in keys]
        sets = ", ".join(f"{name} = s.{name}" for name in values)
        where = " AND ".join(f"t.{name} = s.{name}" for name in keys)
        # The planner must see which partition is meant.
        low, high = rows.select(low=pl.col("tm_kst").min(), high=pl.col("tm_kst").max()).row(0)
        within = f"t.tm_kst BETWEEN '{low:{STAMP_TEXT}}' AND '{high:{STAMP_TEXT}}'"
        self._arrays(
            table,
            rows.select(names_of(table)),
            lambda source: f"UPDATE {table.name} t SET {sets} FROM {source} WHERE {where} AND {within}",
        )

    def _add_counts(self, counts: pl.DataFrame) -> None:
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
        with self.cursor() as cursor:
            for batch in batches(rows):
                cursor.execute(statement(source), [_array(column) for column in batch.iter_columns()])


def _array(column: pl.Series) -> str | list[Any]:
    """A column as the server reads an array: printed by polars at once, where the driver prints element by element."""
    if column.dtype.is_float():
        return column.to_list()
    if column.dtype == pl.String:
        escaped = column.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        printed = '"' + escaped + '"'
    elif column.dtype == pl.Datetime:
        printed = column.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
    else:
        printed = column.cast(pl.String)
    return "{" + (printed.fill_null("NULL").str.join(",").item() or "") + "}"


def _csv(rows: pl.DataFrame) -> memoryview:
    buffer = BytesIO()
    rows.write_csv(buffer, include_header=False, datetime_format=STAMP_TEXT)
    return buffer.getbuffer()
