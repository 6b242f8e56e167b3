"""The newest row of stations: what each of them said last, of every element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window
from kmaflow.read.elements import Element
from kmaflow.read.frames import ask, read_at
from kmaflow.read.tables import subject
from kmaflow.read.traps import GAUGE, without_false_rain
from kmaflow.read.units import SPEED_OF
from kmaflow.store import Store
from kmaflow.store.engines.database import again, reading
from kmaflow.store.engines.loader import schema_of
from kmaflow.store.schema.service import LATEST

#: A value may be three stamps old, and half an hour, unless somebody says otherwise.
_STAMPS_OLD, _OLD = 3, timedelta(minutes=30)
#: From so many stations on, a whole stamp is read rather than stations one by one.
_MANY = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """One station's newest number for an element, in the element's own unit."""

    value: float | str | None
    dataset: str
    tm_kst: datetime
    calm: bool = False


#: For each element's name and station the newest reading.
Readings = Mapping[str, Mapping[int, Reading]]


def newest(
    store: Store,
    elements: Sequence[Element],
    stations: Sequence[int] | None,
    moment: datetime,
    *,
    max_age: timedelta | None = None,
    past: bool = False,
    as_of: datetime | None = None,
) -> Readings:
    """What the newest row of each station says.

    Args:
        past: whether ``moment`` is not now: then rows after it are left out.
    """
    frames = newest_rows(store, columns_of(elements), stations, moment, max_age=max_age, past=past, as_of=as_of)
    found: dict[str, dict[int, Reading]] = {}
    for element in elements:
        mine = found.setdefault(element.name, {})
        for dataset, column in element.sources:
            rows = frames[dataset]
            speed = speed_column(dataset, column)
            scale = (
                10 if DATASETS[dataset].column(column).unit == "10 degree" and element.meaning.unit == "degree" else 1
            )
            speeds = rows[speed] if speed else [None] * rows.height
            for stn, stamp, value, blows in zip(rows["stn"], rows["tm_kst"], rows[column], speeds, strict=True):
                calm = blows == 0
                # A direction without a speed says nothing about whether the wind blows.
                told = None if value is None or calm or (speed and blows is None) else value * scale
                earlier = mine.get(stn)
                if (told is not None or calm) and (earlier is None or stamp > earlier.tm_kst):
                    mine[stn] = Reading(told, dataset, stamp, calm)
    return found


def speed_column(dataset: str, column: str) -> str | None:
    """The column of the speed that belongs to a direction."""
    return SPEED_OF.get(column) if dataset in ("aws_minute", "asos_hourly") else None


def columns_of(elements: Iterable[Element]) -> dict[str, list[str]]:
    """The columns to be read of each dataset: those of the elements, and what tells traps from values."""
    wanted: dict[str, list[str]] = {}
    for element in elements:
        for dataset, column in element.sources:
            mine = wanted.setdefault(dataset, [])
            mine.append(column)
            if speed := speed_column(dataset, column):
                mine.append(speed)
            if dataset == "aws_minute" and column == "rn_day":
                mine += GAUGE
    return {dataset: list(dict.fromkeys(columns)) for dataset, columns in wanted.items()}


def newest_rows(
    store: Store,
    columns: Mapping[str, Sequence[str]],
    stations: Sequence[int] | None,
    moment: datetime,
    *,
    max_age: timedelta | None = None,
    past: bool = False,
    as_of: datetime | None = None,
) -> dict[str, pl.DataFrame]:
    """For each dataset the newest row with values of each station that is not older than ``max_age``: ``tm_kst``, ``stn`` and its columns; rain without
    a gauge is null."""
    oldest = {dataset: moment - (max_age or max(_OLD, _STAMPS_OLD * DATASETS[dataset].cadence)) for dataset in columns}

    def present() -> dict[str, pl.DataFrame]:
        with reading(store.engine) as connection:
            return {
                dataset: _present_rows(connection, dataset, names, stations, oldest[dataset])
                for dataset, names in columns.items()
            }

    if past or as_of is not None:
        found = {
            dataset: _past_rows(store, dataset, names, stations, Window(oldest[dataset] - MINUTE, moment), as_of)
            for dataset, names in columns.items()
        }
    else:
        found = again(present)
    return {dataset: without_false_rain(rows) for dataset, rows in found.items()}


def _present_rows(
    connection: sa.Connection, dataset: str, columns: Sequence[str], stations: Sequence[int] | None, oldest: datetime
) -> pl.DataFrame:
    table, latest = subject(dataset).table, LATEST.c
    names = ["tm_kst", "stn", *columns]
    schema = {name: kind for name, kind in schema_of(table).items() if name in names}
    schema = {name: schema[name] for name in names}
    query = sa.select(latest.stn, latest.tm_kst).where(latest.dataset == dataset, latest.tm_kst >= oldest)
    if stations is not None:
        query = query.where(latest.stn.in_(stations))
    by_stamp: dict[datetime, list[int]] = {}
    for stn, stamp in connection.execute(query):
        by_stamp.setdefault(stamp, []).append(stn)
    if not by_stamp:
        return pl.DataFrame(schema=schema)
    # By key alone: each stamp with its stations.
    keys = [
        table.c.tm_kst == stamp if len(members) > _MANY else sa.and_(table.c.tm_kst == stamp, table.c.stn.in_(members))
        for stamp, members in by_stamp.items()
    ]
    found = connection.execute(sa.select(*(table.c[name] for name in names)).where(sa.or_(*keys))).all()
    rows = (
        [row for row in found if row.stn in by_stamp[row.tm_kst]]
        if len(found) != sum(map(len, by_stamp.values()))
        else found
    )
    return pl.DataFrame(rows, schema=schema, orient="row")


def _past_rows(
    store: Store,
    dataset: str,
    columns: Sequence[str],
    stations: Sequence[int] | None,
    window: Window,
    as_of: datetime | None,
) -> pl.DataFrame:
    values = [column.name for column in DATASETS[dataset].values]
    question = ask(dataset, window, stations=stations, columns=list(dict.fromkeys([*columns, *values])), as_of=as_of)
    rows = read_at(store, question, window)
    rows = rows.filter(~pl.all_horizontal(pl.col(values).is_null()))
    newest_first = rows.sort("tm_kst", descending=True).unique("stn", keep="first", maintain_order=True)
    return newest_first.select("tm_kst", "stn", *columns)
