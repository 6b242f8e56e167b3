"""All about one station: how the lists have described it, who stands near it, what there is of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window
from kmaflow.read.frames import is_there
from kmaflow.read.inventory import element_inventory, inventory
from kmaflow.read.place import Listing, Neighbour, Place
from kmaflow.read.tables import subject
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.schema.service import STATION

#: Stations near by that are named; days whose elements are counted.
_NEIGHBOURS, ELEMENT_DAYS = 5, 3


@dataclass(frozen=True, slots=True)
class Version:
    """How a list described a station, from when to when it was seen so (None = still)."""

    network: str
    valid_from: datetime
    valid_to: datetime | None
    name_ko: str | None
    name_en: str | None
    lat: float | None
    lon: float | None
    height: float | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Details:
    """One station.

    Attributes:
        history: the oldest first.
        datasets / elements: as :func:`inventory` and :func:`element_inventory` give them; elements of ``window`` only.
    """

    history: tuple[Version, ...]
    neighbours: tuple[Neighbour, ...]
    datasets: pl.DataFrame
    elements: pl.DataFrame
    window: Window


def details(store: Store, listed: Listing, stn: int, now: datetime) -> Details:
    """What is known of a station, listed or not.

    Args:
        listed: the stations listed now.
        now: naive KST; the elements of the days before it are counted.

    Raises:
        StoreError: the database cannot be read.
    """
    with reading(store.engine) as connection:
        history = _history(connection, stn)
        there = [name for name in DATASETS if is_there(connection, subject(name))]
    one = listed.by_number.get(stn)
    near: tuple[Neighbour, ...] = ()
    if one is not None and one.lat is not None and one.lon is not None:
        around = listed.around(Place(one.lat, one.lon, one.ht), within_km=0.0, at_least=_NEIGHBOURS + 1)
        near = tuple(other for other in around if other.station.stn != stn)[:_NEIGHBOURS]
    window = Window(now - timedelta(days=ELEMENT_DAYS), now)
    counted = [inventory(store, name, stations=[stn]) for name in there]
    having = [name for name, frame in zip(there, counted, strict=True) if not frame.is_empty()]
    elements = [element_inventory(store, name, None, window, stations=[stn]) for name in having]
    empty = (
        pl.DataFrame(schema=inventory(store, next(iter(DATASETS)), stations=[stn]).schema)
        if not there
        else counted[0].clear()
    )
    return Details(history, near, pl.concat([empty, *counted]), pl.concat([empty, *elements]), window)


def _history(connection: sa.Connection, stn: int) -> tuple[Version, ...]:
    table = STATION.c
    columns = (
        table.network,
        table.valid_from,
        table.valid_to,
        table.stn_ko,
        table.stn_en,
        table.lat,
        table.lon,
        table.ht,
    )
    query = sa.select(*columns, table.law_addr).where(table.stn == stn).order_by(table.valid_from, table.network)
    return tuple(Version(*row) for row in connection.execute(query))
