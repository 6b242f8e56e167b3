"""Numbers that are not what they seem (design.md §9): ceilings, an obscured sky, and rain of 0 without a gauge."""

from __future__ import annotations

import polars as pl

#: What only a station with a rain gauge prints; RN-DAY is 0.0 without one, too.
GAUGE = ("rn_15m", "rn_60m", "rn_12h", "re")


def note_of(element: str, value: float | str | None) -> tuple[str | None, str | None]:
    """Why a number is no value (``obscured``), and what it means if it is one (``ceiling``, ``none_below``)."""
    if element == "ca_tot" and value == 9:
        return "obscured", None
    if element in ("ch_low", "ch_mid", "ch_top") and value == 7620:
        return None, "none_below"
    if (element in ("vis1", "vis10") and value == 50_000) or (element == "vs" and value == 5_000):
        return None, "ceiling"
    return None, None


def without_false_rain(rows: pl.DataFrame) -> pl.DataFrame:
    """Minutes in which ``rn_day`` is null where no other rain value came: there is no gauge. Frames that lack one of these columns stay."""
    if not {"rn_day", *GAUGE} <= set(rows.columns):
        return rows
    gauge = pl.any_horizontal(pl.col(GAUGE).is_not_null())
    return rows.with_columns(rn_day=pl.when(gauge).then("rn_day"))
