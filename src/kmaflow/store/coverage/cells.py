"""The state of every cell of a stretch of time, as an array of stations and stamps: what the timeline says of each, with the rows over it.

Hours of which all rows of a station have values, or none has, are told by ``completeness_hour``; rows are read of the others only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window, ceil_to, floor_to
from kmaflow.store.coverage.gaps import due, rejected_cells
from kmaflow.store.coverage.states import STATES, retired_cells, stored_rows
from kmaflow.store.coverage.timeline import TimeAxis, Timeline, moment, plain
from kmaflow.store.schema.service import COMPLETENESS_HOUR

#: Beside the states of the contract: a stamp that the hub cannot have yet, and a station that was not expected then.
CELL_STATES: tuple[str, ...] = (*STATES, "due_later", "not_expected")
_PRESENT, _BLANK, _ABSENT, _REJECTED = (
    CELL_STATES.index(state) for state in ("present", "blank", "absent", "rejected")
)
_DUE_LATER, _UNEXPECTED = len(STATES), len(STATES) + 1
#: In place of a state: no row; rows that must be looked at.
_NONE, _UNEVEN = -1, -2
#: So many stations are read one by one; of more the whole hour.
_FEW = 60

Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a window.

    Attributes:
        stations: by number.
        codes: for each station and stamp a number of :data:`CELL_STATES`.
    """

    axis: TimeAxis
    stations: tuple[int, ...]
    codes: Codes

    def runs(self) -> Iterator[list[tuple[int, int, int]]]:
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
    axis, gone = timeline.axis, retired_cells(connection, timeline)
    counts, rejected = _counts(connection, dataset, window), list(rejected_cells(timeline))
    members = set().union(*timeline.rosters, (stn for _, stn, *_ in counts), (stn for _, stn in rejected))
    stations = tuple(sorted(members))
    at = {stn: index for index, stn in enumerate(stations)}
    codes = np.full((len(stations), axis.count), _UNEXPECTED, np.int8)
    states = np.array([STATES.index(state) for state, _ in timeline.meanings], np.int8)
    later = axis.before(due(dataset, now))
    for group in timeline.groups:
        mine = states[group.codes]
        mine[later:] = _DUE_LATER
        for day, expected in enumerate(timeline.expected(group)):
            low, high = axis.edges[day], axis.edges[day + 1]
            codes[[at[stn] for stn in expected], low:high] = mine[low:high]
    for index, stn in rejected:
        codes[at[stn], index] = _REJECTED
    taken = {(at[stn], axis.before(stamp) - 1): STATES.index(state) for (stamp, stn), state in gone.items()}
    for cell, state in taken.items():
        codes[cell] = state if codes[cell] in (_ABSENT, _UNEXPECTED) else codes[cell]
    rows, uneven = _even(dataset, window, counts, at)
    np.copyto(codes, rows, where=rows >= 0)
    index_of = {axis.stamp(index): index for index in range(axis.count)} if uneven else {}
    for part, few in uneven:
        for stamp, stn, blank in stored_rows(connection, dataset, part, few):
            codes[at[stn], index_of[stamp]] = _BLANK if blank else _PRESENT
    return Cells(axis, stations, codes)


_Counts = list[tuple[datetime, int, int, int]]


def _counts(connection: sa.Connection, dataset: str, window: Window) -> _Counts:
    """(end of the hour, station, rows with values, rows without) of all hours that the window touches."""
    table, width = COMPLETENESS_HOUR.c, DATASETS[dataset].completeness
    query = sa.select(plain(connection, table.hour_kst), table.stn, table.present, table.blank).where(
        table.dataset == dataset,
        table.hour_kst > floor_to(window.start, width),
        table.hour_kst <= ceil_to(window.end, width),
        table.present + table.blank > 0,
    )
    return [(moment(hour), stn, present, blank) for hour, stn, present, blank in connection.execute(query)]


def _even(
    dataset: str, window: Window, counts: _Counts, at: dict[int, int]
) -> tuple[Codes, list[tuple[Window, frozenset[int] | None]]]:
    """What the counts alone say of each cell, and the windows whose rows must be read, of which stations (None = all)."""
    described = DATASETS[dataset]
    width, begin = described.completeness, floor_to(window.start, described.completeness)
    stamps, hours = width // described.cadence, (ceil_to(window.end, width) - begin) // width
    by_hour = np.full((len(at), hours), _NONE, np.int8)
    ends = {begin + (index + 1) * width: index for index in range(hours)}
    for end, stn, present, blank in counts:
        code = _PRESENT if present == stamps else _BLANK if blank == stamps else _UNEVEN
        by_hour[at[stn], ends[end]] = code
    first = (floor_to(window.start, described.cadence) - begin) // described.cadence
    rows = np.repeat(by_hour, stamps, axis=1)[:, first : first + window.count(described.cadence)]
    uneven = by_hour == _UNEVEN
    numbers = np.array(list(at), np.int64)
    which = np.flatnonzero(uneven.any(axis=1))
    if not which.size:
        return rows, []
    if which.size <= _FEW:
        return rows, [(window, frozenset(numbers[which].tolist()))]
    whole = [begin + int(index) * width for index in np.flatnonzero(uneven.any(axis=0))]
    return rows, [(Window(max(hour, window.start), min(hour + width, window.end)), None) for hour in whole]
