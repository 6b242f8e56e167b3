"""One row for each dataset and day: what the hub has answered wholly, which stations reported, which lines could not be read.

It says the same as ledger, ``completeness_hour`` and ``rejected_line`` together, at a size at which a year is read in a moment: 365 rows instead of
fifty thousand requests and six million hours. It is kept in the transaction that loads the answer (:mod:`kmaflow.store.coverage.proof`) and can be made
anew from the others (:mod:`kmaflow.store.coverage.recount`).

A day D is (00:00, 24:00]. Minutes of a day are counted 1 … 1440, and a stretch (a, b] of them holds a+1 … b.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import HOUR, MINUTE, day_of, minute_of
from kmaflow.store.schema.service import COVERAGE_DAY

#: The key of ``answered`` for answers of which every row was stored.
ALL = "all"
#: Its keys for cells that a saved file holds begin so.
ROWS = "rows:"
#: Stations count as expected so many days before and after they reported.
EXPECTED_AROUND_DAYS = 7

Minutes = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class CoverageDay:
    """What is known of a dataset and day.

    Attributes:
        answered: for whom (``all``, ``one:108`` = that station was asked, ``of:90,108`` = all were asked, these were stored, ``rows:90,108`` =
            a saved file holds their rows) → stretches (a, b] of minutes, in order, apart from each other.
        reported: stations that have a row.
        rejected: station → minutes at which its line could not be read.
        hours: rows with values of each hour, by its end (1 … 24), where there are any.
        blank: rows of sentinels only.
    """

    answered: Mapping[str, Minutes] = field(default_factory=dict)
    reported: frozenset[int] = frozenset()
    rejected: Mapping[int, frozenset[int]] = field(default_factory=dict)
    hours: Mapping[int, int] = field(default_factory=dict)
    blank: int = 0

    @property
    def present(self) -> int:
        """Rows with values."""
        return sum(self.hours.values())


def who_of(stn: int, selection: str) -> str:
    """For whom a request is an answer, as ``answered`` writes it."""
    if stn:
        return f"one:{stn}"
    return ALL if selection == "all" else f"of:{selection}"


@lru_cache(maxsize=512)
def stations_of(who: str) -> frozenset[int] | None:
    """The stations of a key of ``answered``; None = all."""
    return None if who == ALL else frozenset(map(int, who.partition(":")[2].split(",")))


def joined(stretches: Iterable[tuple[int, int]]) -> Minutes:
    """Stretches in order, those that touch made one."""
    whole: list[tuple[int, int]] = []
    for low, high in sorted(stretches):
        if whole and low <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], high))
        elif low < high:
            whole.append((low, high))
    return tuple(whole)


def by_day(name: str) -> pl.Expr:
    """The day of a stamp, or of an hour's end."""
    return (pl.col(name) - timedelta(microseconds=1)).dt.date()


def by_hour(name: str) -> pl.Expr:
    """The end of the hour (hour-1, hour] that holds the stamp."""
    return (pl.col(name) - timedelta(microseconds=1)).dt.truncate("1h") + HOUR


#: Of :class:`CoverageDay`, which are also columns of the table.
_COLUMNS = ("answered", "reported", "rejected", "hours", "blank")
_STORED = (
    sa.select(COVERAGE_DAY.c.day_kst, *(COVERAGE_DAY.c[name] for name in _COLUMNS))
    .where(COVERAGE_DAY.c.dataset == sa.bindparam("name"))
    .where(COVERAGE_DAY.c.day_kst.between(sa.bindparam("first"), sa.bindparam("last")))
)


def read_days(
    connection: sa.Connection, dataset: str, days: Sequence[date] | tuple[date, date]
) -> dict[date, CoverageDay]:
    """Coverage of the days from the first to the last of ``days``; nothing is known of days that have none."""
    rows = connection.execute(_STORED, {"name": dataset, "first": f"{days[0]}", "last": f"{days[-1]}"})
    return {
        date.fromisoformat(day): CoverageDay(
            {who: tuple(map(tuple, spans)) for who, spans in json.loads(answered).items()},
            _numbers(reported),
            {int(stn): frozenset(cells) for stn, cells in json.loads(rejected).items()} if rejected else {},
            _hours(hours),
            blank,
        )
        for day, answered, reported, rejected, hours, blank in rows
    }


# A day is read with every answer, and mostly the same stations report; the text of a year, too, repeats itself.
@lru_cache(maxsize=64)
def _numbers(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split(","))) if text else frozenset()


@lru_cache(maxsize=512)
def _hours(text: str | None) -> Mapping[int, int]:
    counts = map(int, (text or "").split(",")) if text else ()
    return {hour: count for hour, count in enumerate(counts, 1) if count}


def write_day(
    connection: sa.Connection, dataset: str, day: date, one_day: CoverageDay, known: CoverageDay | None
) -> None:
    """Write what differs from ``known``, which is what the database holds (None: nothing yet)."""
    if known is None:
        values = {name: _encoded(name, one_day) for name in (*_COLUMNS, "present")}
        connection.execute(COVERAGE_DAY.insert().values(dataset=dataset, day_kst=f"{day}", **values))
        return
    names = (*_COLUMNS, "present")
    changed = {name: _encoded(name, one_day) for name in names if getattr(one_day, name) != getattr(known, name)}
    if changed:
        table = COVERAGE_DAY.c
        mine = (table.dataset == dataset) & (table.day_kst == f"{day}")
        connection.execute(COVERAGE_DAY.update().where(mine).values(changed))


def _encoded(name: str, one_day: CoverageDay) -> str | int | None:
    """A column of the table."""
    if name == "answered":
        return json.dumps(one_day.answered, separators=(",", ":"), sort_keys=True)
    if name == "reported":
        return ",".join(map(str, sorted(one_day.reported)))
    if name == "rejected":
        rejected = {str(stn): sorted(cells) for stn, cells in sorted(one_day.rejected.items()) if cells}
        return json.dumps(rejected, separators=(",", ":")) if rejected else None
    if name == "hours":
        return hours_text(one_day.hours)
    return one_day.present if name == "present" else one_day.blank


def hours_text(hours: Mapping[int, int]) -> str:
    """The counts of a day's hours, as the table has them."""
    return ",".join(str(hours.get(hour, 0)) for hour in range(1, 25))


# Which cells the rows of a saved file fill. A file is no answer to a question, since nobody knows what was asked: it proves the cells that it
# holds, and no other.

#: Day → stations (``90,108``) → stretches (a, b] of its minutes.
Held: TypeAlias = Mapping[date, Mapping[str, Minutes]]


def held_cells(rows: pl.DataFrame, step: timedelta) -> dict[date, dict[str, Minutes]]:
    """The cells of rows (``tm_kst`` naive KST, ``stn``) whose stamps lie ``step`` apart."""
    width = step // MINUTE
    midnight = pl.col("day").cast(pl.Datetime("us"))
    cells = (
        rows.select("stn", by_day("tm_kst").alias("day"), "tm_kst")
        .with_columns(minute=(pl.col("tm_kst") - midnight).dt.total_minutes())
        .sort("day", "stn", "minute")
    )
    follows = (
        (pl.col("minute").diff() == width) & (pl.col("stn").diff() == 0) & (pl.col("day").diff().dt.total_days() == 0)
    )
    runs = cells.with_columns(run=(~follows.fill_null(value=False)).cum_sum())
    spans = runs.group_by("day", "stn", "run", maintain_order=True).agg(
        low=(pl.col("minute").first() - width).clip(lower_bound=0), high=pl.col("minute").last()
    )
    by_station = spans.group_by("day", "stn", maintain_order=True).agg("low", "high")
    alike: dict[tuple[date, Minutes], list[int]] = {}
    for day, stn, lows, highs in by_station.iter_rows():
        alike.setdefault((day, tuple(zip(lows, highs, strict=True))), []).append(stn)
    found: dict[date, dict[str, Minutes]] = {}
    for (day, minutes), stations in alike.items():
        found.setdefault(day, {})[_named(stations)] = minutes
    return found


def encoded(held: Held) -> str:
    """The cells as the ledger keeps them (``holds``)."""
    return json.dumps({f"{day}": groups for day, groups in sorted(held.items())}, separators=(",", ":"))


@lru_cache(maxsize=64)
def decoded(text: str) -> Held:
    """What :func:`encoded` wrote."""
    return {
        date.fromisoformat(day): {stations: tuple(map(tuple, spans)) for stations, spans in groups.items()}
        for day, groups in json.loads(text).items()
    }


def holds(held: Held, stamp: datetime, stn: object) -> bool:
    """Whether a cell is among them."""
    minute = minute_of(stamp)
    return any(
        stn in numbers_of(stations) and any(low < minute <= high for low, high in minutes)
        for stations, minutes in held.get(day_of(stamp), {}).items()
    )


@lru_cache(maxsize=4096)
def numbers_of(stations: str) -> frozenset[int]:
    """The numbers of ``90,108``."""
    return frozenset(map(int, stations.split(",")))


def with_held(answered: Mapping[str, Minutes], more: Mapping[str, Minutes]) -> dict[str, Minutes]:
    """A day's ``answered`` with the cells of a file; what was answered for all stations is not written down again for some."""
    keys = [key for key in answered if key.startswith(ROWS)]
    if not keys and not more:
        return dict(answered)
    by_station: dict[int, list[tuple[int, int]]] = {}
    groups = [(key.removeprefix(ROWS), answered[key]) for key in keys] + list(more.items())
    for stations, minutes in groups:
        for stn in numbers_of(stations):
            by_station.setdefault(stn, []).extend(minutes)
    whole = answered.get(ALL, ())
    alike: dict[Minutes, list[int]] = {}
    for stn, spans in by_station.items():
        if rest := _without(joined(spans), whole):
            alike.setdefault(rest, []).append(stn)
    found = {key: minutes for key, minutes in answered.items() if not key.startswith(ROWS)}
    return found | {f"{ROWS}{_named(stations)}": minutes for minutes, stations in alike.items()}


def _named(stations: Iterable[int]) -> str:
    return ",".join(map(str, sorted(stations)))


def _without(minutes: Minutes, others: Minutes) -> Minutes:
    """The stretches without those of others; both in order."""
    found: list[tuple[int, int]] = []
    for low, high in minutes:
        for start, end in others:
            if end <= low or start >= high:
                continue
            if low < start:
                found.append((low, start))
            low = max(low, end)
        if low < high:
            found.append((low, high))
    return tuple(found)
