"""What the hub has published of a dataset at some moment: final values, or those before a correction.

Columns and stamps are pure functions of the seed; the moment only decides what is produced, late, still blank
or not yet corrected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator import outages
from kmaflow.simulator.asos_values import ASOS, asos_hourly, missing_code
from kmaflow.simulator.clock import minute_of, months_before, stamp_of
from kmaflow.simulator.faults import Faults
from kmaflow.simulator.minute_values import AWS_MINUTE, GROUND, aws_ground, aws_minute, missing_row
from kmaflow.simulator.noise import Bools, Ints, below, cells, line
from kmaflow.simulator.settings import SimulatorSettings
from kmaflow.simulator.sky import (
    AMOUNT_MISSING,
    CLOUD,
    HEIGHT_MISSING,
    VISIBILITY,
    VISIBILITY_MISSING,
    aws_cloud,
    aws_visibility,
)
from kmaflow.simulator.weather import DAY, World

DATASETS = (
    "aws_minute", "aws_cloud", "aws_visibility", "aws_ground_temperature", "aws_present_weather",
    "asos_hourly",
)  # fmt: skip
COLUMNS: dict[str, tuple[str, ...]] = {
    "aws_minute": AWS_MINUTE, "aws_cloud": CLOUD, "aws_visibility": VISIBILITY,
    "aws_ground_temperature": GROUND,
    "asos_hourly": ASOS,
}  # fmt: skip
"""Value columns by dataset. aws_present_weather is counted from aws_visibility and has none of its own."""

PLACEHOLDERS = ("aws_minute", "aws_ground_temperature")
"""Datasets whose unproduced minutes are rows of sentinels. For the others zero rows are assumed."""

# columns that a correction may change, the smallest legal value, and one step of change (scaled units)
_CORRECTED: dict[str, tuple[tuple[str, int, int], ...]] = {
    "aws_minute": (("ta", -450, 1), ("hm", 0, -1), ("ws1", 0, 1), ("rn_day", 0, 5)),
    "aws_ground_temperature": (("ta", -450, 1), ("hm", 0, -1)),
    "aws_cloud": (("ch_low", 0, 30),),
    "aws_visibility": (("vis1", 0, 110),),
    "asos_hourly": (("ta", -450, 1), ("hm", 0, -10), ("ws", 0, 1)),
}


@dataclass(frozen=True)
class Grid:
    """Published rows. minutes: (T,), minutes since 1970-01-01 KST. idx: (S,), indices into the network.

    columns: scaled integers or texts, (T, S). printed: the rows the hub prints, (T, S). produced: (T,).
    """

    minutes: Ints
    idx: Ints
    columns: dict[str, NDArray[Any]]
    printed: Bools
    produced: Bools


class Source:
    """Gives the published state of every dataset. Safe to use from several threads."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.world = World(settings.seed, settings.day_cache)
        net = self.world.net
        everyone = np.arange(len(net), dtype=np.int64)
        ground = net.sfc if settings.lst_without_sensors == "no_rows" else np.ones(len(net), dtype=np.bool_)
        self._members = {
            "aws_minute": everyone,
            "aws_ground_temperature": everyone[ground],
            "aws_cloud": everyone[net.ceilometer],
            "aws_visibility": everyone[net.visibility],
            "aws_present_weather": everyone[net.visibility],
            # one listed ASOS station has no hourly rows, as in the captured hour (96 of 97)
            "asos_hourly": everyone[net.sfc][:-1],
        }

    def members(self, dataset: str, numbers: tuple[int, ...] | None = None) -> Ints:
        """Network indices of the stations that report in a dataset: all, or those numbered, ascending."""
        everyone = self._members[dataset]
        if numbers is None:
            return everyone
        return everyone[np.isin(self.world.net.stn[everyone], numbers)]

    def latency_s(self, dataset: str) -> float:
        """Seconds from a stamp to its row."""
        hourly = dataset == "asos_hourly"
        return self.settings.hour_latency_s if hourly else self.settings.minute_latency_s

    def produced(self, dataset: str, minutes: Ints, moment: datetime, faults: Faults) -> Bools:
        """Which stamps have their rows at a moment (KST)."""
        ready = minutes * 60.0 + self.latency_s(dataset)
        rate = faults.rate("late")
        if rate > 0:
            late = below(line(self.settings.seed, f"late/{dataset}", minutes), rate)
            ready = ready + late * faults.argument("late")
        return np.asarray(ready <= _seconds(moment))

    def settled(self, dataset: str, last: int, moment: datetime, faults: Faults) -> bool:
        """Whether no row up to the minute `last` will ever change again after this moment."""
        return last * 60.0 + self.latency_s(dataset) + faults.settled_after() <= _seconds(moment)

    def oldest(self, dataset: str, moment: datetime) -> int:
        """The first minute that is still kept; ASOS is kept for ever."""
        months = self.settings.retention_months
        if months is None or dataset == "asos_hourly":
            return -(10**9)
        return minute_of(months_before(moment, months))

    def grid(
        self,
        dataset: str,
        minutes: Ints,
        idx: Ints,
        moment: datetime,
        faults: Faults,
        *,
        final: bool = False,
    ) -> Grid:
        """Rows of a dataset (not aws_present_weather) as published at `moment` (KST).

        minutes: ascending. final: values as they end up, whatever stands there at the moment.
        """
        names = COLUMNS[dataset]
        produced = self.produced(dataset, minutes, moment, faults)
        there = produced & (minutes >= self.oldest(dataset, moment))
        shape = (len(minutes), len(idx))
        printed = np.zeros(shape, dtype=np.bool_)
        days = (minutes - 1) // DAY
        present = np.unique(days[there]).tolist()
        # the usual window lies within one day and is produced: its columns are taken as they are, not copied
        whole = len(present) == 1 and bool(there.all())
        columns: dict[str, NDArray[Any]] = {}
        if not whole:
            columns = {name: np.full(shape, code, dtype=_dtype(code)) for name, code in _missing(dataset).items()}
        for day in present:
            where = there & (days == day)
            t = minutes[where] - day * DAY
            made = self._day(dataset, day, t, idx)
            if whole:
                columns = made
            else:
                for name in names:
                    columns[name][where] = made[name]
            printed[where] = ~outages.absent_rows(self.world, dataset, day, t, idx)
        if not final:
            self._unsettle(dataset, minutes, idx, moment, faults, columns)
        if dataset in PLACEHOLDERS and self.settings.placeholder_minutes:
            printed[~produced] = True
        return Grid(minutes, idx, columns, printed, produced)

    def _day(self, dataset: str, day: int, t: Ints, idx: Ints) -> dict[str, NDArray[Any]]:
        wide = stamp_of(day * DAY).year >= self.settings.wide_missing_from
        simple: dict[str, Callable[..., dict[str, NDArray[Any]]]] = {
            "aws_cloud": aws_cloud, "aws_visibility": aws_visibility, "asos_hourly": asos_hourly,
        }  # fmt: skip
        if dataset in simple:
            return simple[dataset](self.world, day, t, idx)
        return (aws_minute if dataset == "aws_minute" else aws_ground)(self.world, day, t, idx, wide)

    def _unsettle(
        self,
        dataset: str,
        minutes: Ints,
        idx: Ints,
        moment: datetime,
        faults: Faults,
        columns: dict[str, NDArray[Any]],
    ) -> None:
        """Puts in what stood there before: other values (correction) and blank rows (blank)."""
        age = _seconds(moment) - minutes * 60.0 - self.latency_s(dataset)
        numbers = self.world.net.stn[idx]
        for fault in ("correction", "blank"):
            rate = faults.rate(fault)
            young = age < faults.argument(fault)
            if rate <= 0 or not young.any():
                continue
            draw = cells(self.settings.seed, f"{fault}/{dataset}", minutes, numbers)
            hit = below(draw, rate) & young[:, None]
            if fault == "blank":
                for name, code in _missing(dataset).items():
                    if name != "s":
                        columns[name][hit] = code
                continue
            choices = _CORRECTED[dataset]
            # the low bits of a small hash are as free as any: they choose the column and the size of the
            # error
            for number, (name, least, step) in enumerate(choices):
                mine = hit & (draw % np.uint32(len(choices)) == number) & (columns[name] >= least)
                columns[name][mine] += step * (1 + (draw[mine] >> np.uint32(4)) % np.uint32(7)).astype(np.int32)
                np.copyto(columns[name], 0, where=mine & (columns[name] < 0) & (least == 0))


def _seconds(moment: datetime) -> float:
    return minute_of(moment) * 60.0 + moment.second + moment.microsecond / 1e6


def _dtype(code: int | bytes) -> type | str:
    return "S22" if isinstance(code, bytes) else np.int32


def _missing(dataset: str) -> dict[str, int | bytes]:
    """The sentinels of a row that holds nothing, scaled. Placeholder rows use -999.0 for the pressures."""
    if dataset == "asos_hourly":
        return {name: missing_code(name) for name in ASOS}
    if dataset == "aws_cloud":
        return {name: AMOUNT_MISSING if name == "ca_tot" else HEIGHT_MISSING for name in CLOUD}
    if dataset == "aws_visibility":
        return dict.fromkeys(VISIBILITY, VISIBILITY_MISSING)
    return dict(missing_row(COLUMNS[dataset], wide=True))
