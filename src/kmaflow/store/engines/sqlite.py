"""How SQLite loads fastest: ``executemany`` straight into the table, prepared once."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from kmaflow.store.engines.loader import Loader, batches
from kmaflow.store.schema.columns import STAMP_TEXT, keys_of, names_of


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

    def _add_counts(self, counts: pl.DataFrame) -> None:
        self._many(
            f"INSERT INTO completeness_hour ({', '.join(counts.columns)}) VALUES ({_marks(counts.columns)}) "
            "ON CONFLICT (dataset, hour_kst, stn) DO UPDATE SET present = present + excluded.present, blank = blank + excluded.blank",
            counts,
        )

    def _advance(self, latest: pl.DataFrame) -> None:
        self._many(
            f"INSERT INTO latest ({', '.join(latest.columns)}) VALUES ({_marks(latest.columns)}) "
            "ON CONFLICT (dataset, stn) DO UPDATE SET tm_kst = excluded.tm_kst WHERE excluded.tm_kst > tm_kst",
            latest,
        )

    def _many(self, statement: str, rows: pl.DataFrame) -> None:
        text = rows.select(pl.col(pl.Datetime).dt.strftime(STAMP_TEXT)) if pl.Datetime in rows.dtypes else rows.select()
        cursor = self.cursor()
        for batch in batches(rows.with_columns(text)):
            cursor.executemany(statement, batch.rows())


def _marks(names: Sequence[str]) -> str:
    return ", ".join("?" * len(names))
