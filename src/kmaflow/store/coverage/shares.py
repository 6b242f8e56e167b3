"""How much of each hour is there, of all stations together: the expected cells from the timeline, the rows from the
coverage of each day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import HOUR, Window, ceil_to, floor_to, start_of
from kmaflow.store.coverage.gaps import due
from kmaflow.store.coverage.timeline import BEFORE_START, STATIONS, Timeline

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shares:
    """Numbers for hours that follow one another (for days, where there is a stamp a day).

    Attributes:
        first: end of the first hour, naive KST.
        expected: cells that should be there; what lies before ``START`` or is of stations that were not stored is not expected.
        present: rows with a value, at most as many.
    """

    first: datetime
    step: timedelta
    expected: Counts
    present: Counts

    @property
    def share(self) -> list[float | None]:
        """Present ÷ expected; None where nothing is expected."""
        made = self.present / np.maximum(self.expected, 1)
        return [value if wanted else None for value, wanted in zip(made.round(4).tolist(), self.expected, strict=True)]


def shares(
    connection: sa.Connection, dataset: str, window: Window, *, now: datetime, start: datetime | None = None
) -> Shares:
    """Of the hours of a window, widened to whole ones. Stamps that the hub cannot have yet are not expected.

    Args:
        now, start: as for :func:`kmaflow.store.coverage.gaps.gaps`. Where nobody knows the stations, each stamp after ``start`` counts as one cell.
    """
    described = DATASETS[dataset]
    width = described.completeness
    begin, end = floor_to(window.start, width), ceil_to(window.end, width)
    hours = (end - begin) // width
    expected, present = np.zeros(hours, np.int64), np.zeros(hours, np.int64)
    known = min(end, due(dataset, now))
    if known > begin:
        timeline = Timeline(connection, dataset, Window(begin, known), start=start)
        counted = _expected(timeline, width // described.cadence)
        expected[: len(counted)] = counted
        for day, one_day in timeline.covered.items():
            before = (start_of(day) - begin) // HOUR
            for hour, count in one_day.hours.items():
                index = (before + hour) * HOUR // width - 1
                if 0 <= index < hours:
                    present[index] += count
    return Shares(begin + width, width, expected, np.minimum(present, expected))


def _expected(timeline: Timeline, stamps: int) -> Counts:
    """How many cells are expected in every ``stamps`` stamps of a timeline that begins with a whole hour."""
    axis = timeline.axis
    hours = -(-axis.count // stamps)
    found = np.zeros(hours, np.int64)
    of_day = np.searchsorted(axis.edges[1:], np.arange(hours) * stamps, side="right")
    for group in timeline.groups:
        meant = np.zeros(hours * stamps, np.bool_)
        meant[: axis.count] = (group.codes != BEFORE_START) & (group.codes != STATIONS)
        members = [
            1 if hidden and not stations else len(stations)
            for stations, hidden in zip(timeline.expected(group), timeline.unknown(group), strict=True)
        ]
        found += meant.reshape(hours, stamps).sum(axis=1) * np.array(members)[np.minimum(of_day, len(members) - 1)]
    return found
