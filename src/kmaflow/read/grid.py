"""One element of all stations at moments that follow one another: what a map that moves is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog.time import MINUTE, floor_to
from kmaflow.errors import UsageError
from kmaflow.read.elements import columns_meant
from kmaflow.read.frames import is_there
from kmaflow.read.tables import Meaning, Subject, subject
from kmaflow.read.traps import GAUGE
from kmaflow.read.units import SPEED_OF, unit_of
from kmaflow.store import Store
from kmaflow.store.engines.database import again, reading
from kmaflow.store.engines.loader import schema_of, select
from kmaflow.store.schema.service import LATEST

#: Words that mean more than one column.
RAIN, WIND = "rain_10min", "wind"
_SPAN = 10 * MINUTE
#: Minutes after midnight within which RN-DAY begins anew; which one is not known.
_RESET = 10
_WIND = {"AWS": ("ws10", "wd10"), "SFC": ("ws", "wd")}
_RAIN_MEANING = Meaning(RAIN, "10분 강수량", "precipitation of the last 10 minutes", "mm")
_WIND_MEANING = Meaning(WIND, "바람", "wind", "m s-1")

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """An element of stations over time.

    Attributes:
        times: stamps, naive KST.
        stations: those with a row at any of them, by number.
        values: for each time and station; NaN = missing. Of wind its speed.
        directions: of wind, degrees; NaN in a calm.
    """

    meaning: Meaning
    unit: str
    times: tuple[datetime, ...]
    stations: tuple[int, ...]
    values: Values
    directions: Values | None = None


def last_stamp(store: Store, dataset: str, now: datetime) -> datetime | None:
    """The last stamp of which any station has a value."""
    table = LATEST.c
    query = sa.select(sa.func.max(table.tm_kst)).where(table.dataset == dataset, table.tm_kst <= now)
    with reading(store.engine) as connection:
        return connection.execute(query).scalar()


def grid(store: Store, dataset: str, element: str, end: datetime, *, steps: int, every: timedelta) -> Grid:
    """An element at ``steps`` stamps, ``every`` apart, the last of which is the last multiple of ``every`` up to ``end``.

    Args:
        element: a column that holds numbers, or a word that means one; ``wind`` (speed and direction of ten minutes, of ASOS as printed);
            ``rain_10min``, of AWS minutes only: RN-DAY less what it was ten minutes before. Where it is smaller, it has begun anew in the ten minutes after
            midnight, and stands for itself; at any other time it was corrected, and the sum is not known. Without a gauge there is no rain.

    Raises:
        UsageError: there is no such element of numbers, or the stamps are farther apart than ``every``.
        StoreError: the database cannot be read.
    """
    what = subject(dataset)
    if every % what.dataset.cadence:
        raise UsageError(
            f"{dataset} has a stamp every {what.dataset.cadence / MINUTE:.0f} minutes",
            ko=f"{dataset}의 관측 간격은 {what.dataset.cadence / MINUTE:.0f}분입니다",
            todo_en="choose a larger every: 10min, 1h",
            todo_ko="every를 늘리십시오: 10min, 1h",
        )
    last = floor_to(end, every)
    times = tuple(last - count * every for count in reversed(range(steps)))
    if element == RAIN:
        if "rn_day" not in what.columns or not set(GAUGE) <= set(what.columns):
            raise _no_element(what, element)
        return _rain(store, what, times)
    if element == WIND and set(_WIND[what.dataset.network]) <= set(what.columns):
        return _wind(store, what, times)
    (name,) = columns_meant(dataset, [element])[:1] or [element]
    if name not in {column.name for column in what.dataset.stored} or what.dataset.column(name).kind == "text":
        raise _no_element(what, element)
    names = (name, SPEED_OF[name]) if name in SPEED_OF and SPEED_OF[name] in what.columns else (name,)
    names = (*names, *GAUGE) if name == "rn_day" and set(GAUGE) <= set(what.columns) else names
    stations, (values, *beside) = _read(store, what, names, times)
    if name == "rn_day" and beside:
        values = np.where(_gauge(beside), values, np.nan)
    elif beside:
        values = np.where(beside[0] == 0, np.nan, values)
    unit = unit_of(what.columns[name].unit, "people")
    return Grid(what.columns[name], unit.sign, times, stations, (values * unit.factor + unit.offset).round(6))


def _wind(store: Store, what: Subject, times: tuple[datetime, ...]) -> Grid:
    speed, direction = _WIND[what.dataset.network]
    stations, (blows, degrees) = _read(store, what, (speed, direction), times)
    factor = unit_of(what.columns[direction].unit, "people").factor
    return Grid(_WIND_MEANING, "m/s", times, stations, blows, np.where(blows > 0, degrees * factor, np.nan))


def _rain(store: Store, what: Subject, times: tuple[datetime, ...]) -> Grid:
    wanted = sorted({*times, *(time - _SPAN for time in times)})
    stations, (total, *gauge) = _read(store, what, ("rn_day", *GAUGE), wanted)
    total = np.where(_gauge(gauge), total, np.nan)
    at = {time: index for index, time in enumerate(wanted)}
    now, before = (total[[at[time] for time in asked]] for asked in (times, [time - _SPAN for time in times]))
    anew = np.array([(time.hour, time.minute) <= (0, _RESET) and time.minute > 0 for time in times])[:, None]
    fell = np.where(now >= before, now - before, np.where(anew & ~np.isnan(before), now, np.nan))
    return Grid(_RAIN_MEANING, "mm", times, stations, fell.round(1))


def _gauge(columns: Sequence[Values]) -> NDArray[np.bool_]:
    """Where a station prints what only one with a gauge does."""
    told: NDArray[np.bool_] = np.any([~np.isnan(column) for column in columns], axis=0)
    return told


def _read(
    store: Store, what: Subject, names: Sequence[str], times: Sequence[datetime]
) -> tuple[tuple[int, ...], list[Values]]:
    """Stations with rows at these times, and for each column an array of times and stations."""
    columns, known = ["tm_kst", "stn", *names], schema_of(what.table)

    def work() -> pl.DataFrame:
        with reading(store.engine) as connection:
            if not is_there(connection, what):
                return pl.DataFrame(schema={name: known[name] for name in columns})
            return select(connection, what.table, columns, None, stamps=times)

    rows = again(work)
    stations = np.unique(rows["stn"].to_numpy())
    lines = np.searchsorted(np.array(times, "datetime64[us]"), rows["tm_kst"].to_numpy())
    places = np.searchsorted(stations, rows["stn"].to_numpy())
    found = []
    for name in names:
        values = np.full((len(times), len(stations)), np.nan)
        values[lines, places] = rows[name].cast(pl.Float64).to_numpy()
        found.append(values)
    return tuple(stations.tolist()), found


def _no_element(what: Subject, element: str) -> UsageError:
    numbers = [column.name for column in what.dataset.values if column.kind != "text"]
    return UsageError(
        f"{what.name} has no {element} to draw",
        ko=f"{what.name}에 없거나 그릴 수 없는 요소입니다: {element}",
        todo_en=f"use {', '.join(numbers)}",
        todo_ko=f"다음 가운데 하나를 쓰십시오: {', '.join(numbers)}",
    )
