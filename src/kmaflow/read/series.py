"""Series: values over time, of stations or at a place, as they come or by longer periods; years pass through little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from kmaflow.catalog.stations import MOST_STATIONS
from kmaflow.catalog.time import Window, floor_to
from kmaflow.errors import UsageError
from kmaflow.read.elements import LOCAL_KM, columns_meant, elements
from kmaflow.read.frames import ask, held_in, iter_frames, numbers_of, read_at
from kmaflow.read.latest import HEIGHT_M, station_numbers
from kmaflow.read.periods import by_period, needed, period_named
from kmaflow.read.place import Listing, Neighbour, Place, listing
from kmaflow.read.tables import Meaning, Subject, subject
from kmaflow.read.traps import GAUGE, without_false_rain
from kmaflow.read.units import SPEED_OF, System, in_units
from kmaflow.store import Store
from kmaflow.store.engines.loader import schema_of

#: Rows that are read at once, at most, where values are made from them.
_ROWS = 1_000_000
#: Stations around a place whose values are looked at.
MOST_AROUND = 60
MIN_SHARE = 0.5


@dataclass(frozen=True)
class Series:
    """What is asked for, checked; :meth:`frames` reads it.

    Attributes:
        columns: of the dataset.
        every: length of a period.
        stations: numbers, None = all.
        around: with a place, the stations near enough for any column, the nearest first.
        limits: with a place, how far in km a station may be, for each column.
    """

    store: Store
    what: Subject
    columns: tuple[str, ...]
    window: Window
    every: timedelta
    stations: tuple[int, ...] | None
    around: tuple[Neighbour, ...] | None
    limits: dict[str, float]
    min_share: float
    units: System
    as_of: datetime | None

    @property
    def is_raw(self) -> bool:
        """Whether every stamp is wanted as it is stored."""
        return self.every == self.what.dataset.cadence

    @property
    def station_count(self) -> int:
        """Stations whose rows are read, at most."""
        return MOST_STATIONS if self.stations is None else len(self.stations)

    @property
    def rows(self) -> int:
        """Rows of the answer, at most."""
        return self.window.count(self.every) * (1 if self.around is not None else self.station_count)

    @property
    def meanings(self) -> dict[str, Meaning]:
        """The meaning of each column of values."""
        return {name: self.what.columns[name] for name in self.columns}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the frames, in order."""
        beside = (*(("_stn",) if self.around is not None else ()), *(() if self.is_raw else ("_share",)))
        head = ("tm_kst",) if self.around is not None else ("tm_kst", "stn")
        return head + tuple(f"{name}{end}" for name in self.columns for end in ("", *beside))

    def empty(self) -> pl.DataFrame:
        """No rows, with the columns and types of :meth:`frames`."""
        known = schema_of(self.what.table)
        return self._formed(pl.DataFrame(schema={name: known[name] for name in ("tm_kst", "stn", *self._read())}))

    def cut(self, window: Window) -> Series:
        """The same of another window."""
        return replace(self, window=window)

    def held(self) -> Window | None:
        """The part of the window that may have rows; None where there are none."""
        return held_in(self.store, self.what, Window(floor_to(self.window.start, self.every), self.window.end))

    def frames(self) -> Iterator[pl.DataFrame]:
        """Frames with the columns :attr:`names` that follow one another in time; empty ones are left out.

        Raises:
            StoreError: the database cannot be read.
        """
        if self.stations == ():
            return
        if self.is_raw and self.around is None:
            rows = iter_frames(
                self.store, self.what.name, self.window, stations=self.stations, columns=self._read(), as_of=self.as_of
            )
            yield from map(self._formed, rows)
            return
        there = self.held()
        if there is None:
            return
        for part in self._parts(there):
            question = ask(self.what.name, part, stations=self.stations, columns=self._read(), as_of=self.as_of)
            frame = self._formed(read_at(self.store, question, part))
            if not frame.is_empty():
                yield frame

    def _read(self) -> list[str]:
        """The columns that must be read: also what tells whether a direction or a rain is one."""
        if not self.is_raw:
            return needed(self.what.dataset, self.columns, self.every)
        names = list(self.columns)
        if self.around is not None or self.units == "people":
            names += [SPEED_OF[name] for name in self.columns if name in SPEED_OF]
        if self.around is not None and self.what.name == "aws_minute" and "rn_day" in self.columns:
            names += GAUGE
        return list(dict.fromkeys(names))

    def _parts(self, there: Window) -> Iterator[Window]:
        """The stretch in whole periods, each part small enough to be read at once."""
        stamps = _ROWS // min(self.station_count, MOST_STATIONS)
        span = max(stamps * self.what.dataset.cadence // self.every, 1) * self.every
        start, last = floor_to(there.start, self.every), floor_to(self.window.end, self.every)
        while start < last:
            end = min(start + span, last)
            yield Window(start, end)
            start = end

    def _formed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows as they are read, as they are answered."""
        if self.is_raw:
            made = rows if self.around is None else without_false_rain(rows)
        else:
            made = by_period(rows, self.what.dataset, self.columns, self.every, self.min_share)
        made = in_units(made.filter(pl.col("tm_kst") > self.window.start), self.meanings, self.units)
        return (made if self.around is None else self._at_place(made)).select(self.names)

    def _at_place(self, rows: pl.DataFrame) -> pl.DataFrame:
        """For each stamp and column the value of the nearest station that has one. A calm is an answer: the next station's direction is not this one's."""
        around = self.around or ()
        near = pl.DataFrame(
            {
                "stn": pl.Series([one.station.stn for one in around], dtype=pl.Int32),
                "rank": pl.Series(range(len(around)), dtype=pl.Int64),
                "distance_km": pl.Series([one.distance_km for one in around], dtype=pl.Float64),
            }
        )
        ranked = rows.join(near, on="stn").sort("tm_kst", "rank")
        answer = ranked.select(pl.col("tm_kst").unique(maintain_order=True))
        for name in self.columns:
            value, has = pl.col(name), pl.col(name).is_not_null()
            if name in SPEED_OF and not self.is_raw:
                has = pl.col(f"{name}_share") >= self.min_share
            elif name in SPEED_OF and self.units != "people":
                value = pl.when(pl.col(SPEED_OF[name]) != 0).then(value)
            beside = () if self.is_raw else (f"{name}_share",)
            mine = ranked.filter(has & (pl.col("distance_km") <= self.limits[name]))
            mine = mine.group_by("tm_kst", maintain_order=True).first()
            chosen = mine.select("tm_kst", value.alias(name), pl.col("stn").alias(f"{name}_stn"), *beside)
            answer = answer.join(chosen, on="tm_kst", how="left", maintain_order="left")
        return answer


def series(
    store: Store,
    dataset: str,
    elements: Iterable[str] | None,
    window: Window,
    *,
    stations: str | Iterable[str | int] | None = None,
    near: Place | None = None,
    every: str | None = None,
    as_of: datetime | None = None,
    units: System = "kma",
    min_share: float = MIN_SHARE,
    within_km: float | None = None,
    within_m: float = HEIGHT_M,
    known: Listing | None = None,
) -> Series:
    """Values over time; ``series(…).frames()`` reads them, ``pl.concat`` makes one frame of them.

    Args:
        dataset: ``aws_minute`` … ``asos_hourly``.
        elements: its columns, CF standard names, or words such as ``rain``; None = all of its columns.
        window: ``(start, end]``, naive KST; periods that end in it are given whole.
        stations: numbers and names, None = all.
        near: a place instead: for each stamp and column the value of the nearest station that has one, and which (``ta_stn``).
        every: ``1min``, ``10min``, ``1h`` or ``1d``; None = every stamp.
        as_of: the data as they were known at this moment.
        min_share: a value of a period made of a smaller part of its stamps is null; the part stands beside it (``ta_share``).
        within_km, within_m: with a place, as :func:`kmaflow.read.latest.at_place`.

    Raises:
        UsageError: no such dataset, column, station or period; a column that has no value over a period; both stations and a place.
        StoreError: the database cannot be read.
    """
    what = subject(dataset)
    if near is not None and (stations is not None or not what.is_main):
        raise UsageError(
            "a place is for a dataset and without stations",
            ko="장소는 지점 없이, 자료 하나에 씁니다",
            todo_en="name one",
            todo_ko="하나만 쓰십시오",
        )
    if not 0 <= min_share <= 1:
        raise UsageError(
            f"a share of {min_share}",
            ko=f"비율이 {min_share}입니다",
            todo_en="use 0 to 1",
            todo_ko="0에서 1까지 쓰십시오",
        )
    length = what.dataset.cadence if every is None else period_named(every, what.dataset)
    columns = (
        [name for name in what.chosen(None) if name not in what.keys]
        if elements is None
        else columns_meant(dataset, elements)
    )
    columns = [name for name in columns if name not in what.keys]
    if length > what.dataset.cadence:
        needed(what.dataset, columns, length)
    around, limits = None, {}
    numbers = station_numbers(store, stations, known) if known is not None else numbers_of(store, stations, what)
    if near is not None:
        limits = {name: within_km or _usual_km(name) for name in columns}
        listed = known or listing(store)
        around = tuple(_near_enough(listed.around(near, within_km=max(limits.values(), default=0.0)), within_m))
        numbers = tuple(sorted(one.station.stn for one in around))
    return Series(store, what, tuple(columns), window, length, numbers, around, limits, min_share, units, as_of)


def _usual_km(column: str) -> float:
    return elements()[column].within_km if column in elements() else LOCAL_KM


def _near_enough(around: Sequence[Neighbour], metres: float) -> list[Neighbour]:
    fitting = [one for one in around if one.height_difference_m is None or abs(one.height_difference_m) <= metres]
    return fitting[:MOST_AROUND]
