"""The everyday questions, in one line each: no store, no window; the database is the one of the settings.

>>> import kmaflow as kma
>>> kma.read("aws_minute", "2026-11-22", "2026-11-23", stations="서울", columns=["ta"]).to_pandas()  # doctest: +SKIP
>>> kma.now("서울")["values"]["ta"]["value"]  # doctest: +SKIP
>>> kma.weather(37.5, 127.0, "temperature, rain, wind")  # doctest: +SKIP
>>> kma.stations("부산")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import polars as pl

from kmaflow.catalog.time import Window, now_kst, parse_time
from kmaflow.read.frames import numbers_of
from kmaflow.read.frames import read as read_window
from kmaflow.read.latest import at_place, values_frame
from kmaflow.read.latest import latest as newest_of
from kmaflow.read.latest import near as nearest
from kmaflow.read.now import weather_now
from kmaflow.read.observations import Observations
from kmaflow.read.place import Neighbour, Place
from kmaflow.read.place import stations as found_stations
from kmaflow.read.series import series as over_time
from kmaflow.read.tables import subject
from kmaflow.read.units import System
from kmaflow.read.views import readable, window_of
from kmaflow.settings import load_settings
from kmaflow.store import Store
from kmaflow.store.coverage.gaps import gaps as missing
from kmaflow.store.engines.database import reading

#: A time as a person writes it (``2026-11-22 12:00``, a date), or naive KST.
Time = str | datetime
Words = str | Iterable[str | int]


def read(
    dataset: str,
    start: Time | None = None,
    end: Time | None = None,
    *,
    stations: Words | None = None,
    columns: str | Iterable[str] | None = None,
    as_of: Time | None = None,
    database: str | None = None,
) -> Observations:
    """Stored observations: the stamps after ``start`` up to and including ``end``, KST, as KMA printed them.

    >>> frame = kma.read("aws_minute", "2026-11-22", "2026-11-23", stations="서울", columns=["ta"])  # doctest: +SKIP
    >>> frame.to_pandas().set_index("tm_kst")["ta"].plot()  # doctest: +SKIP
    >>> kma.read("v_daily", "2026-11-01", "2026-12-01", stations="서울, 부산", columns="ta_mean, rn_day")  # doctest: +SKIP

    Args:
        dataset: ``aws_minute`` … ``asos_hourly``, or a view: ``v_hourly``, ``v_daily``, ``v_latest``.
        start, end: ``"2026-11-22"``, ``"2026-11-22 12:00"``, or naive ``datetime`` in KST. ``v_latest`` goes without.
        stations: numbers and names (``"서울, 108"``, ``[108, 159]``), None = all.
        columns: names (``"ta, hm"``, ``["ta"]``), None = all of the dataset.
        as_of: the data as they were known then.
        database: SQLAlchemy URL; default ``KMAFLOW_DATABASE_URL``, else the SQLite file under ``KMAFLOW_HOME``.

    Returns:
        A polars frame: ``tm_kst``, ``stn``, then the columns, sorted by time and station; missing is null. ``.to_pandas()`` and ``.to_xarray()``
        lead on (``pip install 'kmaflow[pandas]'``, ``'kmaflow[xarray]'``).

    Raises:
        UsageError: no such dataset, station or column, or a time that is none; the nearest valid ones are named.
        StoreError: the database cannot be read.
    """
    with _opened(database) as store:
        what = readable(dataset)
        window = window_of(what, _moment(start), _moment(end))
        names, moment = None if columns is None else _words(columns), _moment(as_of)
        rows = read_window(store, what.name, window, stations=stations, columns=names, as_of=moment)
        return Observations(rows, what, store.engine.url.render_as_string(hide_password=False))


def now(
    place: str | float,
    lon: float | None = None,
    elements: str | Iterable[str] | None = None,
    *,
    height: float | None = None,
    database: str | None = None,
) -> dict[str, Any]:
    """The weather now at a place, and whether it rains: ``kma.now("서울")``, ``kma.now(37.5, 127.0)``.

    Args:
        place: a station's name or number, part of an address, ``"37.5,127.0"``; or the latitude, followed by ``lon``.
        elements: as :func:`weather`.

    Returns:
        ``raining`` (True, False, None = nobody near enough says) and ``raining_from``; ``values`` by element (``ta``, ``rn_60m`` …), each with ``value``,
        ``unit``, ``stn``, ``name_ko``, ``distance_km``, ``age_minutes``, or with the ``reason`` why there is none; ``place``, ``now_kst``.
    """
    asked = None if elements is None else _words(elements)
    where = str(place) if lon is None else Place(float(place), lon, height)
    with _opened(database) as store:
        return weather_now(store, where, asked).as_json()


def weather(
    lat: float,
    lon: float,
    elements: str | Iterable[str] | None = None,
    *,
    height: float | None = None,
    units: System = "people",
    database: str | None = None,
) -> pl.DataFrame:
    """The weather measured at a place now: one row for each element, with its station, distance and age, or the reason why there is none.

    Args:
        lat, lon: degrees north and east; height: metres above sea level, if known.
        elements: ``"temperature, rain, wind"``, ``"기온"``, KMA's or CF's names; None = the usual ones.
    """
    with _opened(database) as store:
        asked = None if elements is None else _words(elements)
        return values_frame(at_place(store, Place(lat, lon, height), asked, units=units))


def near(
    lat: float,
    lon: float,
    k: int = 5,
    elements: str | Iterable[str] | None = None,
    *,
    height: float | None = None,
    units: System = "people",
    database: str | None = None,
) -> pl.DataFrame:
    """The ``k`` nearest stations that have any of the elements, with their newest values, the nearest first."""
    with _opened(database) as store:
        asked = None if elements is None else _words(elements)
        return nearest(store, Place(lat, lon, height), k, asked, units=units)


def latest(
    stations: Words | None = None,
    elements: str | Iterable[str] | None = None,
    *,
    units: System = "people",
    database: str | None = None,
) -> pl.DataFrame:
    """The newest values of stations (None = all), each with its stamp."""
    with _opened(database) as store:
        asked = None if elements is None else _words(elements)
        return newest_of(store, stations, elements=asked, units=units)


def series(
    dataset: str,
    elements: str | Iterable[str],
    start: Time,
    end: Time,
    *,
    stations: Words | None = None,
    near: tuple[float, float] | None = None,
    every: str | None = None,
    units: System = "kma",
    database: str | None = None,
) -> pl.DataFrame:
    """Values over time, of stations or at a place (``near=(37.5, 127.0)``), as stored or by ``"10min"``, ``"1h"``, ``"1d"``."""
    with _opened(database) as store:
        where = None if near is None else Place(*near)
        window = Window(_time(start), _time(end))
        asked = over_time(
            store, dataset, _words(elements), window, stations=stations, near=where, every=every, units=units
        )
        return pl.concat([asked.empty(), *asked.frames()])


def stations(text: str | None = None, *, database: str | None = None) -> pl.DataFrame:
    """The stations whose number is the text, or whose name or address holds it (None = all): number, names, networks, position, height, address."""
    with _opened(database) as store:
        found = [one.station if isinstance(one, Neighbour) else one for one in found_stations(store, text)]
    rows = [(one.stn, one.name_ko, one.name_en, one.networks, one.lat, one.lon, one.ht, one.address) for one in found]
    schema: dict[str, pl.DataType] = {
        "stn": pl.Int32(), "name_ko": pl.String(), "name_en": pl.String(), "networks": pl.String(), "lat": pl.Float64(), "lon": pl.Float64(),
        "height_m": pl.Float64(), "address": pl.String(),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def gaps(
    dataset: str, start: Time, end: Time, *, stations: Words | None = None, database: str | None = None
) -> pl.DataFrame:
    """What is missing and why: one row for each stretch of time; ``stations`` null = all that are expected."""
    with _opened(database) as store:
        what, window = subject(dataset), Window(_time(start), _time(end))
        numbers = numbers_of(store, stations, what)
        with reading(store.engine) as connection:
            found = missing(
                connection, [what.dataset.name], window, now=now_kst(), stations=numbers, start=load_settings().start
            )
    rows = [
        (one.window.start, one.window.end, one.state, one.why, one.cells, None if one.stations is None else list(one.stations), one.error)
        for one in found
    ]  # fmt: skip
    schema: dict[str, pl.DataType] = {
        "start": pl.Datetime("us"), "end": pl.Datetime("us"), "state": pl.String(), "why": pl.String(), "cells": pl.Int64(),
        "stations": pl.List(pl.Int32()), "error": pl.String(),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


@contextmanager
def _opened(database: str | None) -> Iterator[Store]:
    with Store(database or load_settings().database_url, must_exist=True) as store:
        yield store


def _time(given: Time) -> datetime:
    return parse_time(given) if isinstance(given, str) else given


def _moment(given: Time | None) -> datetime | None:
    return None if given is None else _time(given)


def _words(given: str | Iterable[str]) -> list[str]:
    return [word.strip() for word in (given.split(",") if isinstance(given, str) else given)]
