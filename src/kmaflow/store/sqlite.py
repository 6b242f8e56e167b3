"""How SQLite loads fastest: ``executemany`` straight into an empty stretch, else through a staging table in memory.

Everything runs inside the caller's transaction. ``rows`` are tuples (tm_kst text, stn, hour text, blank 0/1, value, …) as made by
``load.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import Window

Row = tuple[object, ...]


def _ends(window: Window) -> tuple[str, str]:
    return f"{window.start:%Y-%m-%d %H:%M:%S}", f"{window.end:%Y-%m-%d %H:%M:%S}"


class SqliteLoader:
    """Loads rows of one dataset within one transaction."""

    def __init__(self, connection: sa.Connection, dataset: Dataset) -> None:
        self.connection = connection
        self.dataset = dataset
        self.columns = [column.name for column in dataset.stored]
        self._stage = f"stage_{dataset.name}"

    def _sql(self, statement: str, parameters: Sequence[Row] | Row = ()) -> sa.CursorResult[tuple[object, ...]]:
        return self.connection.exec_driver_sql(statement, parameters or None)

    def is_empty(self, window: Window) -> bool:
        """Whether the table holds no row in the window."""
        found = self._sql(f"SELECT 1 FROM {self.dataset.name} WHERE tm_kst > ? AND tm_kst <= ? LIMIT 1", _ends(window))
        return found.first() is None

    def lacking(self, window: Window, values: Sequence[str], stations: Sequence[int] | None) -> list[Row]:
        """Cells (tm_kst, stn) of the window that are stored with values and for which nothing is staged but blanks."""
        asked = "" if stations is None else f" AND t.stn IN ({', '.join(map(str, stations))})"
        found = self._sql(
            f"SELECT t.tm_kst, t.stn FROM {self.dataset.name} t WHERE t.tm_kst > ? AND t.tm_kst <= ?{asked} "
            f"AND COALESCE({', '.join(f't.{name}' for name in values)}, NULL) IS NOT NULL AND NOT EXISTS "
            f"(SELECT 1 FROM {self._stage} s WHERE s.tm_kst = t.tm_kst AND s.stn = t.stn AND NOT s.blank)",
            _ends(window),
        )
        return [tuple(row) for row in found]

    def insert(self, rows: Sequence[Row], fetch_id: int) -> None:
        """Rows (tm_kst, stn, values…) straight into the table."""
        names = ["tm_kst", "stn", *self.columns]
        marks = ", ".join("?" * len(names))
        self._sql(
            f"INSERT INTO {self.dataset.name} ({', '.join(names)}, fetch_id) VALUES ({marks}, {int(fetch_id)})", rows
        )

    def stage(self, rows: Sequence[Row]) -> None:
        """Rows (tm_kst, stn, values…, hour, blank) into a temporary table."""
        names = ["tm_kst", "stn", *self.columns, "hour", "blank"]
        self._sql(f"DROP TABLE IF EXISTS temp.{self._stage}")
        # Columns without a type keep what they are given: affinity must not turn a text code into a number.
        self._sql(f"CREATE TEMP TABLE {self._stage} ({', '.join(names)}, PRIMARY KEY (tm_kst, stn)) WITHOUT ROWID")
        if rows:
            self._sql(f"INSERT INTO {self._stage} VALUES ({', '.join('?' * len(names))})", rows)

    def insert_staged(self, fetch_id: int) -> tuple[int, list[Row]]:
        """Insert the staged rows whose cell is new. Gives how many, and (hour, stn, present, blank) counts of them."""
        new = (
            f"FROM {self._stage} s WHERE NOT EXISTS "
            f"(SELECT 1 FROM {self.dataset.name} t WHERE t.tm_kst = s.tm_kst AND t.stn = s.stn)"
        )
        counts = self._sql(f"SELECT hour, stn, SUM(1 - blank), SUM(blank) {new} GROUP BY hour, stn").all()
        if not counts:
            return 0, []
        names = ", ".join(["tm_kst", "stn", *self.columns])
        done = self._sql(f"INSERT INTO {self.dataset.name} ({names}, fetch_id) SELECT {names}, {int(fetch_id)} {new}")
        return done.rowcount, [tuple(row) for row in counts]

    def differing(self) -> list[Row]:
        """Staged rows with values that differ from the stored ones: (tm_kst, stn, hour, fetch_id, stored…, staged…)."""
        stored = ", ".join(f"t.{name}" for name in self.columns)
        staged = ", ".join(f"s.{name}" for name in self.columns)
        differs = " OR ".join(f"t.{name} IS NOT s.{name}" for name in self.columns)
        found = self._sql(
            f"SELECT t.tm_kst, t.stn, s.hour, t.fetch_id, {stored}, {staged} FROM {self._stage} s "
            f"JOIN {self.dataset.name} t ON t.tm_kst = s.tm_kst AND t.stn = s.stn "
            f"WHERE NOT s.blank AND ({differs}) ORDER BY t.tm_kst, t.stn"
        )
        return [tuple(row) for row in found]

    def update(self, rows: Sequence[Row], fetch_id: int) -> None:
        """Overwrite rows: (values…, tm_kst, stn)."""
        sets = ", ".join(f"{name} = ?" for name in self.columns)
        self._sql(
            f"UPDATE {self.dataset.name} SET {sets}, fetch_id = {int(fetch_id)} WHERE tm_kst = ? AND stn = ?", rows
        )

    def count(self, counts: Sequence[Row]) -> None:
        """Add (hour, stn, present, blank) to the completeness of the dataset."""
        self._sql(
            "INSERT INTO completeness_hour (dataset, hour_kst, stn, present, blank) "
            f"VALUES ('{self.dataset.name}', ?, ?, ?, ?) ON CONFLICT (dataset, hour_kst, stn) "
            "DO UPDATE SET present = present + excluded.present, blank = blank + excluded.blank",
            counts,
        )

    def drop_stage(self) -> None:
        """Forget the staged rows."""
        self._sql(f"DROP TABLE IF EXISTS temp.{self._stage}")
