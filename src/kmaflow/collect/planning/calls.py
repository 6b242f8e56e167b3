"""Calls, how much one may ask for, and the calls for one window: all stations × ``WINDOW_MINUTES`` stamps, or one station × 1 day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import HOUR, MINUTE, Window
from kmaflow.store.selection import StationChoice


@dataclass(frozen=True, slots=True)
class Call:
    """One request to be made: a window, and one station or (None) all."""

    window: Window
    stn: int | None


#: For ``window_minutes``: one stamp a call, since answers for several leave some out.
ONE_STAMP = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What one call may ask for, in stamps: for all stations, for one station. ``step`` lies between two stamps."""

    step: timedelta
    all_stations: int
    one_station: int

    @classmethod
    def of(cls, dataset: Dataset, window_minutes: int) -> Rules:
        """The rules of a dataset; ``window_minutes`` bounds what is asked for all stations of the minute datasets (the hub's own rule is 10)."""
        together = dataset.request.all_stations
        if dataset.cadence < HOUR:
            together = window_minutes * MINUTE
        if window_minutes == ONE_STAMP:
            together = dataset.cadence
        return cls(dataset.cadence, together // dataset.cadence, dataset.request.one_station // dataset.cadence)

    def span(self, *, one_station: bool) -> timedelta:
        """The length of a call's window."""
        return (self.one_station if one_station else self.all_stations) * self.step


def plan(dataset: Dataset, window: Window, choice: StationChoice, window_minutes: int) -> list[Call]:
    """The calls for a window in time order, for all stations or one by one, whichever takes fewer calls."""
    rules = Rules.of(dataset, window_minutes)
    together = [Call(part, None) for part in window.split(rules.span(one_station=False))]
    if choice.stations is None:
        return together
    parts = list(window.split(rules.span(one_station=True)))
    if len(parts) * len(choice.stations) >= len(together):
        return together
    return [Call(part, stn) for part in parts for stn in choice.stations]
