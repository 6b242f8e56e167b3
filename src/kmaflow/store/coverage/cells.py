"""The state of every cell of a stretch of time, as an array of stations and stamps: what the timeline says of each, with the rows over it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window
from kmaflow.store.coverage.gaps import due, rejected_cells
from kmaflow.store.coverage.states import STATES, retired_cells, stored_rows
from kmaflow.store.coverage.timeline import TimeAxis, Timeline

#: Beside the states of the contract: a stamp that the hub cannot have yet, and a station that was not expected then.
DUE_LATER, UNEXPECTED = len(STATES), len(STATES) + 1
CELL_STATES: tuple[str, ...] = (*STATES, "due_later", "not_expected")


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a window.

    Attributes:
        stations: by number.
        codes: for each station and stamp a number of :data:`CELL_STATES`.
    """

    axis: TimeAxis
    stations: tuple[int, ...]
    codes: NDArray[np.int8]

    def runs(self) -> Iterable[list[tuple[int, int, int]]]:
        """For each station its stretches: first stamp, how many, state."""
        cuts = np.ones(self.codes.shape, np.bool_)
        cuts[:, 1:] = self.codes[:, 1:] != self.codes[:, :-1]
        for row, cut in zip(self.codes, cuts, strict=True):
            first = np.flatnonzero(cut)
            length = np.diff(first, append=len(row))
            yield list(zip(first.tolist(), length.tolist(), row[first].tolist(), strict=True))


def cells(
    connection: sa.Connection, dataset: str, window: Window, *, now: datetime, start: datetime | None = None
) -> Cells:
    """The cells of all stations that were expected within the window or have a row in it.

    Args:
        now, start: as for :func:`kmaflow.store.coverage.gaps.gaps`.
    """
    timeline = Timeline(connection, dataset, window, start=start)
    axis = timeline.axis
    rows = stored_rows(connection, dataset, window, None)
    gone = retired_cells(connection, timeline)
    members: set[int] = set().union(*timeline.rosters) | {stn for _, stn, _ in rows} | {stn for _, stn in gone}
    stations = tuple(sorted(members))
    at = {stn: index for index, stn in enumerate(stations)}
    codes = np.full((len(stations), axis.count), UNEXPECTED, np.int8)
    states = np.array([STATES.index(state) for state, _ in timeline.meanings], np.int8)
    later = axis.before(due(dataset, now))
    for group in timeline.groups:
        mine = states[group.codes]
        mine[later:] = DUE_LATER
        for day, expected in enumerate(timeline.expected(group)):
            low, high = axis.edges[day], axis.edges[day + 1]
            codes[[at[stn] for stn in sorted(expected)], low:high] = mine[low:high]
    for index, stn in rejected_cells(timeline):
        if stn in at:
            codes[at[stn], index] = STATES.index("rejected")
    for (stamp, stn), state in gone.items():
        if codes[at[stn], axis.before(stamp) - 1] in (STATES.index("absent"), UNEXPECTED):
            codes[at[stn], axis.before(stamp) - 1] = STATES.index(state)
    for stamp, stn, blank in rows:
        codes[at[stn], axis.before(stamp) - 1] = STATES.index("blank") if blank else STATES.index("present")
    return Cells(axis, stations, codes)


def interval_minutes(dataset: str) -> int:
    """Minutes between two stamps."""
    return int(DATASETS[dataset].cadence.total_seconds() // 60)
