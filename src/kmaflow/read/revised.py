"""Values that the hub gave differently later, or that another parser read differently."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.schema.service import REVISION


@dataclass(frozen=True, slots=True)
class Revised:
    """A value that changed: from, to (None = missing), why and when."""

    dataset: str
    stn: int
    tm_kst: datetime
    col: str
    old_value: float | str | None
    new_value: float | str | None
    cause: str
    changed_at: datetime


def revisions(
    store: Store,
    dataset: str | None = None,
    stations: tuple[int, ...] | None = None,
    window: Window | None = None,
    *,
    limit: int,
) -> list[Revised]:
    """The revisions of stamps in a window, those that were made last first.

    Raises:
        StoreError: the database cannot be read.
    """
    table = REVISION.c
    columns = (table.dataset, table.stn, table.tm_kst, table.col, table.old_value, table.new_value, table.cause)
    query = sa.select(*columns, table.changed_at).order_by(table.changed_at.desc(), table.id.desc()).limit(limit)
    if dataset is not None:
        query = query.where(table.dataset == dataset)
    if stations is not None:
        query = query.where(table.stn.in_(stations))
    if window is not None:
        query = query.where(table.tm_kst > window.start, table.tm_kst <= window.end)
    with reading(store.engine) as connection:
        found = connection.execute(query).all()
    return [
        Revised(
            one.dataset,
            one.stn,
            one.tm_kst,
            one.col,
            _value(one.dataset, one.col, one.old_value),
            _value(one.dataset, one.col, one.new_value),
            one.cause,
            one.changed_at,
        )
        for one in found
    ]


def _value(dataset: str, column: str, text: str | None) -> float | str | None:
    """A value as the table has it; the revision keeps text."""
    return text if text is None or column in _texts(dataset) else float(text)


@cache
def _texts(dataset: str) -> frozenset[str]:
    """Columns that hold text. Further codes of present weather, which are no column, are numbers."""
    described = DATASETS.get(dataset)
    return frozenset(one.name for one in described.stored if one.kind == "text") if described else frozenset()
