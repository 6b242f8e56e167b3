"""What there is: for each station, and for each element of it, the first and the last stamp with a value, and the share that is there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import HOUR, Window
from kmaflow.read.elements import columns_meant
from kmaflow.read.frames import is_there, numbers_of
from kmaflow.read.tables import subject
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LATEST

_SCHEMA: dict[str, pl.DataType] = {
    "dataset": pl.String(),
    "stn": pl.Int32(),
    "element": pl.String(),
    "first_kst": pl.Datetime("us"),
    "last_kst": pl.Datetime("us"),
    "present": pl.Int64(),
    "share": pl.Float64(),
}


def inventory(store: Store, dataset: str, *, stations: str | Iterable[str | int] | None = None) -> pl.DataFrame:
    """What there is of each station, from the counts that every load keeps: years take milliseconds.

    Returns:
        ``dataset``, ``stn``, ``element`` (null: any value), ``first_kst`` (end of the first hour with a value), ``last_kst`` (last stamp with a value),
        ``present`` (rows with values), ``share`` (of the stamps from the first hour to the last stamp); naive KST, sorted by station.

    Raises:
        UsageError: there is no such dataset or station.
        StoreError: the database cannot be read.
    """
    what = subject(dataset)
    numbers = numbers_of(store, stations, what)
    hours, newest = COMPLETENESS_HOUR.c, LATEST.c
    query = (
        sa.select(hours.stn, sa.func.min(hours.hour_kst), sa.func.sum(hours.present))
        .where(hours.dataset == what.dataset.name, hours.present > 0)
        .group_by(hours.stn)
        .order_by(hours.stn)
    )
    last = sa.select(newest.stn, newest.tm_kst).where(newest.dataset == what.dataset.name)
    if numbers is not None:
        query, last = query.where(hours.stn.in_(numbers)), last.where(newest.stn.in_(numbers))
    with reading(store.engine) as connection:
        if not sa.inspect(connection).has_table(LATEST.name):
            return pl.DataFrame(schema=_SCHEMA)
        lasts: dict[int, datetime] = {row.stn: row.tm_kst for row in connection.execute(last)}
        found = connection.execute(query).all()
    cadence = what.dataset.cadence
    rows = []
    for stn, first, present in found:
        stamps = (lasts[stn] - (first - HOUR)) // cadence if stn in lasts else 0
        rows.append(
            (what.name, stn, None, first, lasts.get(stn), int(present), int(present) / stamps if stamps else None)
        )
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def element_inventory(
    store: Store,
    dataset: str,
    elements: Iterable[str] | None,
    window: Window,
    *,
    stations: str | Iterable[str | int] | None = None,
) -> pl.DataFrame:
    """The same of each element in a window, counted from the rows: columns as :func:`inventory`; ``first_kst`` is a stamp, and ``share`` is of all
    stamps of the window. Elements that a station never had are left out.

    Raises:
        UsageError: there is no such dataset, element or station.
        StoreError: the database cannot be read.
    """
    what = subject(dataset)
    columns = (
        [name for name in what.columns if name not in (*what.keys,)]
        if elements is None
        else columns_meant(dataset, elements)
    )
    columns = [name for name in columns if any(name == one.name for one in what.dataset.stored)]
    numbers = numbers_of(store, stations, what)
    table = what.table.c
    query = sa.select(table.stn).where(table.tm_kst > window.start, table.tm_kst <= window.end)
    if numbers is not None:
        query = query.where(table.stn.in_(numbers))
    for name in columns:
        having = sa.case((table[name].is_not(None), table.tm_kst))
        query = query.add_columns(sa.func.count(table[name]), sa.func.min(having), sa.func.max(having))
    with reading(store.engine) as connection:
        found = (
            connection.execute(query.group_by(table.stn).order_by(table.stn)).all()
            if is_there(connection, what)
            else []
        )
    stamps = window.count(what.dataset.cadence)
    rows: list[tuple[str, int, str, datetime, datetime, int, float]] = []
    for stn, *told in found:
        for index, name in enumerate(columns):
            count, first, last = told[3 * index : 3 * index + 3]
            if count:
                rows.append((what.name, stn, name, first, last, count, count / stamps))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
