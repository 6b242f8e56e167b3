"""What a loader does, whatever the engine: bulk-insert a frame, read a window back as a frame, overwrite rows, add counts.

Everything runs inside the caller's transaction. Frames have the table's columns by name: ``tm_kst`` Datetime[us] (naive KST), ``stn`` Int32,
values Float64, Int64 or String with null for missing, ``request_id`` Int64. What to insert and what to overwrite is decided in ``load.py``, from
frames, so that all engines end the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import Window
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.select import select
from kmaflow.store.schema.columns import names_of
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LATEST

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
    def _add_counts(self, counts: pl.DataFrame) -> None:
        """As :meth:`add_counts`, for at least one row."""

    @abstractmethod
    def _advance(self, latest: pl.DataFrame) -> None:
        """As :meth:`advance`, for at least one row."""

    def stored(self, table: sa.Table, window: Window, stations: Sequence[int] | None = None) -> pl.DataFrame:
        """The rows of the window (None: of all stations), sorted by key."""
        return select(self.connection, table, names_of(table), window, stations)

    def cursor(self) -> Any:
        """The driver's own cursor: SQLAlchemy would look at every row."""
        return self.connection.connection.cursor()

    def add_counts(self, dataset: str, counts: pl.DataFrame) -> None:
        """Add (``hour_kst``, ``stn``, ``present``, ``blank``) to ``completeness_hour``."""
        if not counts.is_empty():
            rows = counts.with_columns(dataset=pl.lit(dataset)).select(names_of(COMPLETENESS_HOUR))
            self._add_counts(rows.sort("hour_kst", "stn"))

    def advance(self, dataset: str, latest: pl.DataFrame) -> None:
        """Note the last stamps with values (``stn``, ``tm_kst``); an older one than known changes nothing."""
        if not latest.is_empty():
            self._advance(latest.with_columns(dataset=pl.lit(dataset)).select(names_of(LATEST)).sort("stn"))


def batches(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows in slices of bounded size."""
    for start in range(0, rows.height, BATCH):
        yield rows.slice(start, BATCH)


def loader_for(connection: sa.Connection) -> Loader:
    """The loader of the connection's engine."""
    return engine_of(connection).loader(connection)
