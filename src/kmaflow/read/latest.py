"""The newest values: of stations, of those around a place, and at a place itself.

Nothing is interpolated: a value at a place is the reading of one named station, with its distance, height difference and age; where no station is near
enough there is none, and the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import polars as pl

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, now_kst
from kmaflow.errors import UsageError
from kmaflow.read.elements import Element, chosen_elements
from kmaflow.read.newest import Reading, Readings, newest
from kmaflow.read.place import Listing, Neighbour, Place, listing
from kmaflow.read.traps import note_of
from kmaflow.read.units import CALM, System, Unit, converted, direction, is_direction, unit_of
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.selection import UnknownStations, resolve_stations

#: A station may stand so much higher or lower than the place.
HEIGHT_M = 300.0
#: Stations around a place that are looked at, at least: so that the reason can name one that is too far.
_AT_LEAST = 40
#: The most stations that :func:`near` gives.
MOST_NEAR = 100


@dataclass(frozen=True, slots=True)
class Value:
    """One element at a place.

    Attributes:
        value: in ``unit``; a direction of ``people`` is a word. None: see ``reason``.
        station: whose reading it is, or, where ``value`` is None, of the station that came nearest to having one.
        dataset, tm_kst: the table and the stamp (naive KST); age: from the stamp to the moment asked for.
        reason: why there is no value: ``too_far``, ``too_high``, ``calm``, ``obscured``, or ``no_station`` (none has had it in the time that counts); None
            with a value.
        note: what the value means where it is not what it seems: ``ceiling``, ``none_below``.
    """

    element: Element
    unit: str
    value: float | str | None
    station: Neighbour | None = None
    dataset: str | None = None
    tm_kst: datetime | None = None
    age: timedelta | None = None
    reason: str | None = None
    note: str | None = None


def at_place(
    store: Store,
    place: Place,
    elements: Iterable[str] | None = None,
    *,
    within_km: float | None = None,
    within_m: float = HEIGHT_M,
    max_age: timedelta | None = None,
    at: datetime | None = None,
    as_of: datetime | None = None,
    units: System = "people",
    now: datetime | None = None,
    known: Listing | None = None,
) -> list[Value]:
    """The elements at a place: each from the nearest station whose newest row has it.

    Args:
        elements: KMA's names, CF standard names, or words such as ``rain`` and ``기온``; None = the usual ones.
        within_km: how far a station may be; None = 25 km, and 10 km for rain, snow, cloud and visibility.
        within_m: how much higher or lower than the place, if the place's height is known.
        max_age: how old a value may be; None = 30 minutes, in the hourly table 3 hours: a near hourly value counts before a farther one of this minute.
        at: the moment asked for (naive KST), None = now.
        as_of: the data as they were known then.
        now: this moment, naive KST.
        known: the stations, where they were read before.

    Raises:
        UsageError: there is no such element.
        StoreError: the database cannot be read.
    """
    chosen = chosen_elements(elements)
    listed = known or listing(store)
    moment = at or now or now_kst()
    widest = max((within_km or one.within_km for one in chosen), default=0.0)
    near = listed.around(place, within_km=widest, at_least=_AT_LEAST)
    readings = (
        newest(
            store, chosen, [one.station.stn for one in near], moment, max_age=max_age, past=at is not None, as_of=as_of
        )
        if listed.ready
        else {}
    )
    return [
        _at_place(one, near, readings.get(one.name, {}), moment, within_km or one.within_km, within_m, units)
        for one in chosen
    ]


def _at_place(
    element: Element,
    near: Sequence[Neighbour],
    readings: Mapping[int, Reading],
    moment: datetime,
    within_km: float,
    within_m: float,
    units: System,
) -> Value:
    words = units == "people" and is_direction(element.meaning.unit)
    unit = "" if words else unit_of(element.meaning.unit, units).sign
    refused: Value | None = None
    for one in near:
        reading = readings.get(one.station.stn)
        if reading is None or (reading.value is None and not reading.calm):
            continue
        reason, note = note_of(element.name, reading.value)
        if one.distance_km > within_km:
            reason = "too_far"
        elif one.height_difference_m is not None and abs(one.height_difference_m) > within_m:
            reason = "too_high"
        elif reading.calm:
            reason = "calm"
        value = None if reason or reading.value is None else _shown(reading.value, element, units)
        if words and reason == "calm":
            value = CALM
        found = Value(element, unit, value, one, reading.dataset, reading.tm_kst, moment - reading.tm_kst, reason, note)
        if reason == "too_far":
            # The stations come by distance: the others are farther still.
            return refused or found
        if reason != "too_high":
            return found
        refused = refused or found
    return refused or Value(element, unit, None, reason="no_station")


def _shown(value: float | str, element: Element, units: System) -> float | str:
    if isinstance(value, str):
        return value
    if units == "people" and is_direction(element.meaning.unit):
        return direction(value)
    return converted(value, element.meaning.unit, units)


def latest(
    store: Store,
    stations: str | Iterable[str | int] | None = None,
    *,
    near: Place | None = None,
    elements: Iterable[str] | None = None,
    max_age: timedelta | None = None,
    at: datetime | None = None,
    as_of: datetime | None = None,
    units: System = "kma",
    now: datetime | None = None,
    known: Listing | None = None,
) -> pl.DataFrame:
    """The newest values of stations, one row for each that has any, by number; or, with ``near``, those at a place.

    Args:
        stations: numbers and names, None = all.
        near: a place: then one row for each element, as :func:`at_place` gives them.
        max_age, at, as_of, now, known: as :func:`at_place`.

    Returns:
        ``stn``, ``name_ko``, ``lat``, ``lon``, ``height_m``, then each element followed by its stamp (``ta``, ``ta_tm_kst``, naive KST). Missing is
        null. With ``near``: see :func:`values_frame`.

    Raises:
        UsageError: there is no such station or element, or both stations and a place are named.
        StoreError: the database cannot be read.
    """
    if near is not None:
        if stations is not None:
            raise UsageError(
                "stations and a place are named",
                ko="지점과 장소를 함께 썼습니다",
                todo_en="name one",
                todo_ko="하나만 쓰십시오",
            )
        found = at_place(store, near, elements, max_age=max_age, at=at, as_of=as_of, units=units, now=now, known=known)
        return values_frame(found)
    listed = known or listing(store)
    chosen = chosen_elements(elements)
    if not listed.ready:
        return _table({}, chosen, listed, units)
    numbers = station_numbers(store, stations, listed)
    moment = at or now or now_kst()
    readings = newest(store, chosen, numbers, moment, max_age=max_age, past=at is not None, as_of=as_of)
    return _table(readings, chosen, listed, units)


def near(
    store: Store,
    place: Place,
    k: int = 5,
    elements: Iterable[str] | None = None,
    *,
    max_age: timedelta | None = None,
    at: datetime | None = None,
    as_of: datetime | None = None,
    units: System = "kma",
    now: datetime | None = None,
    known: Listing | None = None,
) -> pl.DataFrame:
    """The ``k`` nearest stations that have any of the elements, with their newest values: as :func:`latest`, with ``distance_km`` and
    ``height_difference_m`` (null where a height is unknown), the nearest first.

    Raises:
        UsageError: ``k`` is not from 1 to 100, or there is no such element.
        StoreError: the database cannot be read.
    """
    if not 1 <= k <= MOST_NEAR:
        raise UsageError(
            f"k is {k}", ko=f"k가 {k}입니다", todo_en=f"use 1 to {MOST_NEAR}", todo_ko=f"1에서 {MOST_NEAR}까지 쓰십시오"
        )
    listed = known or listing(store)
    chosen = chosen_elements(elements)
    moment = at or now or now_kst()
    readings: Readings = {}
    seen: list[Neighbour] = []
    # Most often the first few have it.
    for count in (4 * k, len(listed.stations)):
        around = listed.around(place, within_km=0.0, at_least=count)
        if listed.ready:
            numbers = [one.station.stn for one in around]
            readings = newest(store, chosen, numbers, moment, max_age=max_age, past=at is not None, as_of=as_of)
        having = {stn for one in readings.values() for stn in one}
        seen = [one for one in around if one.station.stn in having][:k]
        if len(seen) == k:
            break
    beside = {
        "distance_km": pl.Series([round(one.distance_km, 3) for one in seen], dtype=pl.Float64),
        "height_difference_m": pl.Series([one.height_difference_m for one in seen], dtype=pl.Float64),
    }
    return _table(readings, chosen, listed, units, [one.station.stn for one in seen], beside)


def station_numbers(
    store: Store, stations: str | Iterable[str | int] | None, known: Listing | None = None
) -> tuple[int, ...] | None:
    """Stations of any network as numbers, None = all.

    Args:
        known: the stations, where they were read before: then the database is asked only for what they do not hold.

    Raises:
        UnknownStations: words that fit nothing; the nearest valid ones are named.
    """
    if stations is None:
        return None
    words = stations if isinstance(stations, str) else list(stations)
    if known is not None:
        with suppress(UnknownStations):
            return known.numbers(words)
    with reading(store.engine) as connection:
        return resolve_stations(connection, words, known=[word for word in words if isinstance(word, int)]).stations


def _table(
    readings: Readings,
    elements: Sequence[Element],
    listed: Listing,
    units: System,
    numbers: Sequence[int] | None = None,
    beside: Mapping[str, pl.Series] = MappingProxyType({}),
) -> pl.DataFrame:
    """One row for each station, in the order of ``numbers`` (None = all with a reading), with ``beside`` behind the names."""
    if numbers is None:
        numbers = sorted({stn for mine in readings.values() for stn in mine})
    known = [listed.by_number.get(stn) for stn in numbers]
    columns: dict[str, pl.Series] = {
        "stn": pl.Series(numbers, dtype=pl.Int32),
        "name_ko": pl.Series([one and one.name_ko for one in known], dtype=pl.String),
        **beside,
        "lat": pl.Series([one and one.lat for one in known], dtype=pl.Float64),
        "lon": pl.Series([one and one.lon for one in known], dtype=pl.Float64),
        "height_m": pl.Series([one and one.ht for one in known], dtype=pl.Float64),
    }
    for element in elements:
        mine = [readings.get(element.name, {}).get(stn) for stn in numbers]
        words = units == "people" and is_direction(element.meaning.unit)
        told = [None if one is None else one.value for one in mine]
        if words:
            told = [CALM if one is not None and one.calm else value for one, value in zip(mine, told, strict=True)]
        if words or unit_of(element.meaning.unit, units) != Unit(unit_of(element.meaning.unit, units).sign):
            told = [value if value is None or value == CALM else _shown(value, element, units) for value in told]
        text = words or DATASETS[element.sources[0][0]].column(element.sources[0][1]).kind == "text"
        columns[element.name] = pl.Series(told, dtype=pl.String if text else pl.Float64, strict=False)
        columns[f"{element.name}_tm_kst"] = pl.Series([one and one.tm_kst for one in mine], dtype=pl.Datetime("us"))
    return pl.DataFrame(columns)


def values_frame(values: Sequence[Value]) -> pl.DataFrame:
    """Values at a place as a frame: ``element``, ``value`` (Float64), ``text`` (what is no number: a direction in words), ``unit``, ``stn``, ``name_ko``,
    ``distance_km``, ``height_difference_m``, ``tm_kst`` (naive KST), ``age_minutes``, ``dataset``, ``reason``, ``note``."""
    rows = [
        {
            "element": one.element.name,
            "value": None if isinstance(one.value, str) else one.value,
            "text": one.value if isinstance(one.value, str) else None,
            "unit": one.unit,
            "stn": one.station and one.station.station.stn,
            "name_ko": one.station and one.station.station.name_ko,
            "distance_km": one.station and round(one.station.distance_km, 3),
            "height_difference_m": one.station and one.station.height_difference_m,
            "tm_kst": one.tm_kst,
            "age_minutes": None if one.age is None else one.age / MINUTE,
            "dataset": one.dataset,
            "reason": one.reason,
            "note": one.note,
        }
        for one in values
    ]
    schema: dict[str, Any] = {
        "element": pl.String, "value": pl.Float64, "text": pl.String, "unit": pl.String, "stn": pl.Int32, "name_ko": pl.String,
        "distance_km": pl.Float64, "height_difference_m": pl.Float64, "tm_kst": pl.Datetime("us"), "age_minutes": pl.Float64,
        "dataset": pl.String, "reason": pl.String, "note": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema)
