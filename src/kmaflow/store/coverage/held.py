"""Which cells the rows of a saved file fill: by day, for groups of stations alike, as stretches of minutes.

A file is no answer to a question: nobody knows what was asked. So it proves the cells that it holds, and no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

import polars as pl

from kmaflow.catalog.time import MINUTE, day_of, minute_of
from kmaflow.store.coverage.day import ALL, ROWS, Minutes, by_day, joined

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
