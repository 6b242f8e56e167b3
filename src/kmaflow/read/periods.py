"""Minutes and hours by longer periods, as ``v_hourly`` and ``v_daily`` make them: directions as vectors weighted by speed, rain never summed twice, nothing
made of too few values. 12:00 describes the period that ends at 12:00.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

import polars as pl

from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import DAY, HOUR, MINUTE
from kmaflow.errors import UsageError
from kmaflow.read.traps import GAUGE
from kmaflow.read.units import SPEED_OF, is_direction

Every = Literal["1min", "10min", "1h", "1d"]
PERIODS: Mapping[str, timedelta] = {"1min": MINUTE, "10min": 10 * MINUTE, "1h": HOUR, "1d": DAY}

Rule = Literal["mean", "max", "min", "sum", "last", "vector", "of_max", "day_max"]
_MEAN = ("ta", "td", "hm", "pa", "ps", "pv", "ws1", "ws10", "ws", "tg", "ts")
_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_MEAN, "mean"),
    **dict.fromkeys(("wd1", "wd10", "wd"), "vector"),
    # A gust is the greatest of the period, its direction that of the first greatest.
    **dict.fromkeys(("wss", "gst_ws"), "max"),
    **dict.fromkeys(("wds", "gst_wd"), "of_max"),
    # What KMA has summed already: the period's last row says it, no other will do.
    **dict.fromkeys(("rn_15m", "rn_60m", "rn_12h", "sd_tot", "sd_day"), "last"),
    # A ceiling has no mean; the worst sight is one.
    **dict.fromkeys(("vis1", "vis10", "vs"), "min"),
    "re": "max",
    **dict.fromkeys(("ss", "si"), "sum"),
}
#: RN-DAY is a running total whose reset has no known minute: the day's is the greatest in (00:10, 24:00].
_RESET = 10 * MINUTE
_CANCELLED = 1e-12


def period_named(every: str, dataset: Dataset) -> timedelta:
    """The length of a period.

    Raises:
        UsageError: there is none of that name, or the dataset's stamps are farther apart.
    """
    length = PERIODS.get(every)
    if length is None:
        raise UsageError(
            f"there is no period {every!r}",
            ko=f"그런 간격이 없습니다: {every!r}",
            todo_en=f"use {', '.join(PERIODS)}",
            todo_ko=f"{', '.join(PERIODS)} 가운데 하나",
        )
    if length < dataset.cadence:
        fitting = ", ".join(name for name, one in PERIODS.items() if one >= dataset.cadence)
        raise UsageError(
            f"{dataset.name} has a value every {dataset.cadence / MINUTE:.0f} minutes, not every {every}",
            ko=f"{dataset.name}의 값은 {dataset.cadence / MINUTE:.0f}분마다 있습니다({every}마다가 아님)",
            todo_en=f"use {fitting}",
            todo_ko=f"{fitting} 가운데 하나를 쓰십시오",
        )
    return length


def rule_of(dataset: Dataset, column: str, length: timedelta) -> Rule:
    """How a column's values become one for a period.

    Raises:
        UsageError: they do not: codes, text, cloud heights, and rain that is not of one period.
    """
    if column == "rn_day":
        # ASOS: the row of 00:00 holds the whole day before.
        return "day_max" if length == DAY and dataset.network == "AWS" else "last"
    if column.startswith("te"):
        return "mean"
    rule = _RULES.get(column)
    if rule is None:
        raise UsageError(
            f"{dataset.name}.{column} has no value over a period of {length}",
            ko=f"{dataset.name}.{column}에는 그 간격의 값이 없습니다({length})",
            todo_en=f"leave it out, or ask for every stamp ({'1h' if dataset.cadence == HOUR else '1min'})",
            todo_ko=f"빼거나, 모든 관측시각({'1h' if dataset.cadence == HOUR else '1min'})을 요청하십시오",
        )
    return rule


def needed(dataset: Dataset, columns: Sequence[str], length: timedelta) -> list[str]:
    """The columns that must be read to make these."""
    names = list(columns)
    for column in columns:
        rule = rule_of(dataset, column, length)
        if rule in ("vector", "of_max"):
            names.append(SPEED_OF[column])
        if rule == "day_max":
            names += GAUGE
    return list(dict.fromkeys(names))


def by_period(
    rows: pl.DataFrame, dataset: Dataset, columns: Sequence[str], length: timedelta, min_share: float
) -> pl.DataFrame:
    """One row for each period and station with rows.

    Args:
        rows: whole periods, with the columns that :func:`needed` names.
        min_share: a value made of a smaller part of the period's stamps is null.

    Returns:
        ``tm_kst`` (end of the period), ``stn``, then each column followed by its share (``ta_share``, 0 … 1); sorted by time and station.
    """
    stamps = length // dataset.cadence
    end = pl.col("tm_kst").dt.offset_by("-1us").dt.truncate(length).dt.offset_by(f"{length // MINUTE}m")
    made: list[pl.Expr] = []
    for column in columns:
        value, there, expected = _made(dataset, column, length, stamps)
        share = (there / expected).cast(pl.Float64)
        made += [value.alias(column), share.alias(f"{column}_share")]
    grouped = rows.sort("tm_kst").with_columns(period=end).group_by("period", "stn").agg(made)
    enough = [pl.when(pl.col(f"{name}_share") >= min_share).then(pl.col(name)).alias(name) for name in columns]
    return grouped.with_columns(enough).rename({"period": "tm_kst"}).sort("tm_kst", "stn")


def _made(dataset: Dataset, column: str, length: timedelta, stamps: int) -> tuple[pl.Expr, pl.Expr, int]:
    """The value of a period, the number of stamps that it is made of, and how many there should be."""
    own, rule = pl.col(column), rule_of(dataset, column, length)
    there = own.count()
    if rule == "mean":
        return own.mean(), there, stamps
    if rule == "max":
        return own.max(), there, stamps
    if rule == "min":
        return own.min(), there, stamps
    if rule == "sum":
        return own.sum(), there, stamps
    if rule == "last":
        last = own.filter(pl.col("tm_kst") == pl.col("period"))
        return last.first(), last.count(), 1
    if rule == "day_max":
        settled = own.filter(pl.col("tm_kst") > pl.col("period").dt.offset_by(f"-{length // MINUTE}m") + _RESET)
        gauge = pl.any_horizontal(pl.col(GAUGE).is_not_null()).any()
        return pl.when(gauge).then(settled.max()), settled.count(), stamps - _RESET // dataset.cadence
    speed = pl.col(SPEED_OF[column])
    scale = 10 if dataset.column(column).unit == "10 degree" else 1
    if rule == "of_max":
        return own.filter(speed == speed.max()).first(), pl.when(speed.is_not_null()).then(own).count(), stamps
    usable = own.is_between(0, 360 // scale) & speed.is_not_null()
    angle = (own * scale).radians()
    east, north = ((speed * of).filter(usable).sum() for of in (angle.sin(), angle.cos()))
    blown = speed.filter(usable).sum()
    tenths = (pl.arctan2(east, north).degrees() * 10).round() % 3600
    blows = east * east + north * north > _CANCELLED * blown * blown
    return pl.when(blows).then(tenths / 10 / scale), usable.sum(), stamps


def is_vector(dataset: Dataset, column: str) -> bool:
    """Whether the column is a direction."""
    return is_direction(dataset.column(column).unit)
