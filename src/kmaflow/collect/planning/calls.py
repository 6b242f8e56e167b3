"""How a window is cut into calls: all stations × ``WINDOW_MINUTES`` stamps, or one station × 1 day, whichever costs fewer calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import Window
from kmaflow.store.selection import StationChoice


@dataclass(frozen=True, slots=True)
class Call:
    """One question: a window, and one station or (None) all."""

    window: Window
    stn: int | None


def plan(dataset: Dataset, window: Window, choice: StationChoice, window_minutes: int) -> list[Call]:
    """The calls for a window, in time order.

    ``window_minutes`` bounds what is asked for all stations of the minute datasets (the hub's own rule is 10).
    """
    asking = dataset.asking
    whole = asking.all_stations
    if dataset.cadence < timedelta(hours=1):
        whole = timedelta(minutes=window_minutes)
    together = [Call(part, None) for part in window.split(whole)]
    if choice.stations is None:
        return together
    days = list(window.split(asking.one_station))
    if len(days) * len(choice.stations) >= len(together):
        return together
    return [Call(part, stn) for part in days for stn in choice.stations]
