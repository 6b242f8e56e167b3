"""The states of cells counted by hour and station, and one by one.

``completeness_hour`` has the rows; the timeline (:mod:`kmaflow.store.coverage.timeline`) says what became of the rest. Observations are read for single
stamps only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import numpy as np
import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, Window, ceil_to, days_of, floor_to
from kmaflow.store.coverage.day import by_day, by_hour, read_days
from kmaflow.store.coverage.gaps import Gap, due, given_up, rejected_cells
from kmaflow.store.coverage.timeline import ANSWERED, State, Timeline, moment, plain
from kmaflow.store.engines.base import engine_of
from kmaflow.store.ledger import GIVEN_UP, LONGEST, RETIRED
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LEDGER

#: Columns of :func:`hours` beside ``dataset``, ``hour_kst`` and ``stn``.
STATES: tuple[State, ...] = (
    "present",
    "blank",
    "absent",
    "empty",
    "not_yet_produced",
    "refused",
    "rejected",
    "not_asked",
)
_UNANSWERED: tuple[State, ...] = ("absent", "empty", "not_yet_produced", "refused", "not_asked")
_QUIET: tuple[State, ...] = ("absent", "blank", "empty")
#: Hours are looked at so many at a time: bounds the memory (ten days of 730 stations are 175,000 rows).
_SPAN = 10 * DAY
_KEY = ["hour_kst", "stn"]
_DAY = by_day("hour_kst").alias("day")
_Schema: TypeAlias = dict[str, pl.DataType | type[pl.DataType]]


def hours(
    connection: sa.Connection,
    dataset: str,
    window: Window,
    *,
    now: datetime,
    stations: Iterable[int] | None = None,
    start: datetime | None = None,
    uneven: bool = False,
) -> Iterator[pl.DataFrame]:
    """How many cells of each hour and expected station are in each state; frames of at most ten days, in the order of time.

    Args:
        window: widened to whole hours; hours without a stamp are left out, as are those of which the hub cannot have every stamp are left out.
        now, stations, start: as for :func:`kmaflow.store.coverage.gaps.gaps`.
        uneven: leave out hours in which every expected cell is present: those are not even read.

    Yields:
        ``dataset`` String, ``hour_kst`` Datetime[us] (end of the hour, naive KST), ``stn`` Int32, and Int64 columns as in :data:`STATES`. Station 0
        stands for all where nobody knows which there are.
    """
    end = min(ceil_to(window.end, HOUR), floor_to(due(dataset, now), HOUR))
    begin = floor_to(window.start, HOUR)
    chosen = None if stations is None else frozenset(stations)
    for part in Window(begin, end).split(_SPAN) if begin < end else ():
        timeline = Timeline(connection, dataset, part, stations=chosen, start=start)
        if timeline.axis.count == 0:
            continue
        frame = _expected(timeline)
        rejected = _rejected(timeline)
        if uneven:
            frame = frame.filter(_DAY.is_in(_uneven_days(timeline, frame)["day"].to_list()))
            if not frame.is_empty():
                frame = frame.join(_uneven(connection, timeline, frame), on="hour_kst", how="semi")
        if frame.is_empty():
            continue
        rows = _rows_by_hour(connection, timeline, frame["hour_kst"] if uneven else None)
        frame = frame.join(rows, on=_KEY, how="left").join(rejected, on=_KEY, how="left")
        frame = frame.with_columns(pl.col("present", "blank", "rejected").fill_null(0), dataset=pl.lit(dataset))
        left = pl.col("absent") - pl.col("present") - pl.col("blank") - pl.col("rejected")
        yield frame.with_columns(absent=left.clip(lower_bound=0)).select("dataset", *_KEY, *STATES).sort(_KEY)


def _expected(timeline: Timeline) -> pl.DataFrame:
    """For every hour and expected station, how many stamps are answered (``absent``), or not, and why."""
    axis = timeline.axis
    width = DATASETS[timeline.dataset].completeness
    ends = pl.datetime_range(axis.first + width, axis.first + axis.count * axis.step, width, time_unit="us", eager=True)
    states = np.array([_UNANSWERED.index(state) for state, _ in timeline.meanings])
    days = pl.Series("day", axis.days, pl.Date)
    frames = []
    for group in timeline.groups:
        by_hour = states[group.codes].reshape(len(ends), -1)
        counts: dict[str, object] = {state: (by_hour == index).sum(axis=1) for index, state in enumerate(_UNANSWERED)}
        mine = pl.DataFrame({"hour_kst": ends, **counts}).with_columns(_DAY, pl.col(_UNANSWERED).cast(pl.Int64))
        members = [
            [0] if hidden else sorted(stations)
            for stations, hidden in zip(timeline.expected(group), timeline.unknown(group), strict=True)
        ]
        roster = pl.DataFrame({"day": days, "stn": pl.Series(members, dtype=pl.List(pl.Int32))})
        roster = roster.filter(pl.col("stn").list.len() > 0).explode("stn")
        joined = mine.join(roster, on="day").drop("day")
        # Nobody knows who was there, but everything was answered: then there was nobody.
        frames.append(joined.filter((pl.col("stn") != 0) | (pl.sum_horizontal(_UNANSWERED[2:]) > 0)))
    return pl.concat(frames)


def _rejected(timeline: Timeline) -> pl.DataFrame:
    cells = [(timeline.axis.stamp(index), stn) for index, stn in rejected_cells(timeline)]
    frame = pl.DataFrame(cells, schema={"tm_kst": pl.Datetime("us"), "stn": pl.Int32}, orient="row")
    return frame.group_by(by_hour("tm_kst").alias("hour_kst"), "stn").agg(rejected=pl.len().cast(pl.Int64))


def _uneven_days(timeline: Timeline, expected: pl.DataFrame) -> pl.DataFrame:
    """The days in which not every expected cell is present, as far as their coverage tells."""
    wanted = expected.group_by(_DAY).agg(pl.sum_horizontal(_UNANSWERED).sum().alias("wanted"))
    if timeline.stations is not None:
        return wanted
    there = {day: one_day.present for day, one_day in timeline.covered.items()}
    covered = pl.DataFrame(
        {"day": list(there), "there": list(there.values())}, schema={"day": pl.Date, "there": pl.Int64}
    )
    return wanted.join(covered, on="day", how="left").filter(pl.col("there").fill_null(0) != pl.col("wanted"))


def _uneven(connection: sa.Connection, timeline: Timeline, expected: pl.DataFrame) -> pl.DataFrame:
    """The hours in which not every expected cell is present, from sums that the database makes."""
    table = COMPLETENESS_HOUR.c
    query = sa.select(plain(connection, table.hour_kst), sa.func.sum(table.present)).where(_mine(timeline))
    found = connection.execute(query.group_by(table.hour_kst)).fetchall()
    sums = _frame(connection, found, {"hour_kst": pl.Datetime("us"), "there": pl.Int64})
    wanted = expected.group_by("hour_kst").agg(pl.sum_horizontal(_UNANSWERED).sum().alias("wanted"))
    return wanted.join(sums, on="hour_kst", how="left").filter(pl.col("there").fill_null(0) != pl.col("wanted"))


def _rows_by_hour(connection: sa.Connection, timeline: Timeline, wanted: pl.Series | None) -> pl.DataFrame:
    table = COMPLETENESS_HOUR.c
    query = sa.select(plain(connection, table.hour_kst), table.stn, table.present, table.blank).where(_mine(timeline))
    if wanted is not None and wanted.n_unique() <= 500:
        query = query.where(table.hour_kst.in_(wanted.unique().to_list()))
    schema: _Schema = {"hour_kst": pl.Datetime("us"), "stn": pl.Int32, "present": pl.Int64, "blank": pl.Int64}
    return _frame(connection, connection.execute(query).fetchall(), schema)


def _mine(timeline: Timeline) -> sa.ColumnElement[bool]:
    table, axis = COMPLETENESS_HOUR.c, timeline.axis
    mine = (
        (table.dataset == timeline.dataset)
        & (table.hour_kst > axis.first)
        & (table.hour_kst <= axis.stamp(axis.count - 1))
    )
    return mine if timeline.stations is None else mine & table.stn.in_(sorted(timeline.stations))


def _frame(connection: sa.Connection, rows: Sequence[Sequence[object]], schema: _Schema) -> pl.DataFrame:
    texts = [name for name, kind in schema.items() if kind == pl.Datetime("us") and engine_of(connection).loosely_typed]
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    frame = pl.DataFrame(
        {
            name: pl.Series(
                name, list(values), pl.String if name in texts else None if kind == pl.Int64 else kind, strict=False
            )
            for (name, kind), values in zip(schema.items(), columns, strict=True)
        }
    )
    return frame.with_columns(pl.col(texts).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")).cast(schema)  # type: ignore[arg-type]


def stamps(
    connection: sa.Connection,
    dataset: str,
    window: Window,
    *,
    stations: Iterable[int] | None = None,
    start: datetime | None = None,
) -> pl.DataFrame:
    """The exact state of every single cell of a short window: of the expected stations, or of those named, expected or not.

    Gives ``tm_kst`` Datetime[us] (naive KST), ``stn`` Int32, ``state`` String, ``why`` String (empty where the state says it all) and
    ``expected`` Boolean, in that order. A row that was taken out of the database (``why`` = ``retired``) is told by the counts of its hour.
    """
    chosen = None if stations is None else frozenset(stations)
    timeline = Timeline(connection, dataset, window, stations=chosen, start=start)
    axis, meanings = timeline.axis, timeline.meanings
    rows = {(tm, stn): blank for tm, stn, blank in stored_rows(connection, dataset, window, chosen)}
    rejected = set(rejected_cells(timeline))
    closed = given_up(connection, timeline) if rejected else frozenset()
    gone = retired_cells(connection, timeline)
    found = []
    for group in timeline.groups:
        expected = timeline.expected(group)
        for day, (low, high) in enumerate(zip(axis.edges, axis.edges[1:], strict=False)):
            for index in range(low, high):
                stamp, code = axis.stamp(index), int(group.codes[index])
                for stn in expected[day] if chosen is None else group.stations or ():
                    state, why = meanings[code]
                    if (stamp, stn) in rows:
                        state, why = ("blank" if rows[stamp, stn] else "present"), ""
                    elif (index, stn) in rejected:
                        state, why = "rejected", GIVEN_UP if (stamp, stn) in closed else ""
                    elif code == ANSWERED and (stamp, stn) in gone:
                        state, why = gone[stamp, stn], "retired"
                    found.append((stamp, stn, state, why, stn in timeline.rosters[day]))
    schema: _Schema = {
        "tm_kst": pl.Datetime("us"),
        "stn": pl.Int32,
        "state": pl.String,
        "why": pl.String,
        "expected": pl.Boolean,
    }
    return pl.DataFrame(found, schema=schema, orient="row").sort("tm_kst", "stn")


def stored_rows(
    connection: sa.Connection, dataset: str, window: Window, stations: frozenset[int] | None
) -> list[tuple[datetime, int, bool]]:
    """(stamp, station, whether it has no value) of the stored rows."""
    if not sa.inspect(connection).has_table(dataset):
        return []
    table = OBSERVATIONS[dataset].c
    empty = sa.and_(*(table[column.name].is_(None) for column in DATASETS[dataset].values))
    query = sa.select(plain(connection, table.tm_kst), table.stn, sa.case((empty, 1), else_=0))
    query = query.where(table.tm_kst > window.start, table.tm_kst <= window.end)
    if stations is not None:
        query = query.where(table.stn.in_(sorted(stations)))
    return [(moment(stamp), stn, bool(blank)) for stamp, stn, blank in connection.execute(query)]


def retired_cells(connection: sa.Connection, timeline: Timeline) -> dict[tuple[datetime, int], State]:
    """Cells in hours whose rows were taken out, with what most rows of the hour were."""
    axis, table = timeline.axis, LEDGER.c
    begin, end = axis.first, axis.stamp(axis.count - 1)
    query = sa.select(table.tm_from, table.tm_to).where(
        table.dataset == timeline.dataset,
        table.outcome == RETIRED,
        table.tm_to > begin,
        table.tm_to <= end + LONGEST,
        table.tm_from < end,
    )
    taken = [Window(*row) for row in connection.execute(query)]
    if not taken:
        return {}
    hour = COMPLETENESS_HOUR.c
    counts = sa.select(hour.hour_kst, hour.stn, hour.present, hour.blank).where(
        hour.dataset == timeline.dataset, hour.hour_kst > begin, hour.hour_kst < end + HOUR
    )
    found: dict[tuple[datetime, int], State] = {}
    for hour_end, stn, present, blank in connection.execute(counts):
        state: State = "present" if present >= blank else "blank"
        for stamp in Window(hour_end - HOUR, hour_end).stamps(axis.step) if present + blank else ():
            if any(stamp in window for window in taken):
                found[stamp, stn] = state
    return found


def quiet(frames: Iterable[pl.DataFrame]) -> list[Gap]:
    """Blank and absent cells as stretches of whole hours (days, where there is a stamp a day): what :func:`hours` counts, made one where hours
    follow each other and stations are alike.
    """
    found: list[Gap] = []
    kept = [frame.filter(pl.any_horizontal(pl.col(state) > 0 for state in _QUIET)) for frame in frames]
    for (dataset,), table in pl.concat(kept).group_by("dataset", maintain_order=True) if kept else ():
        width = DATASETS[str(dataset)].completeness
        for state in _QUIET:
            rows = table.filter(pl.col(state) > 0).sort("stn", "hour_kst")
            new = (pl.col("hour_kst").diff() != width).fill_null(value=True) | (pl.col("stn").diff() != 0).fill_null(
                value=True
            )
            runs = rows.group_by("stn", new.cum_sum().alias("run"), maintain_order=True).agg(
                low=pl.col("hour_kst").first(), high=pl.col("hour_kst").last(), cells=pl.col(state).sum()
            )
            alike = runs.group_by("low", "high", maintain_order=True).agg("stn", pl.col("cells").sum())
            for low, high, stations, cells in alike.iter_rows():
                found.append(Gap(str(dataset), Window(low - width, high), state, "", tuple(sorted(stations)), cells))
    return sorted(found, key=lambda gap: (list(DATASETS).index(gap.dataset), gap.window, gap.state))


def rows_in(
    connection: sa.Connection, dataset: str, window: Window, stations: Iterable[int] | None = None
) -> tuple[int, int]:
    """How many rows with values, and how many blank ones, the window has. Whole days come from their coverage, whole hours from their counts."""
    begin, end = ceil_to(window.start, HOUR), floor_to(window.end, HOUR)
    chosen = None if stations is None else frozenset(stations)
    edges = ((window.start, begin), (end, window.end)) if begin < end else ((window.start, window.end),)
    rows = [
        row for low, high in edges if low < high for row in stored_rows(connection, dataset, Window(low, high), chosen)
    ]
    blank = sum(empty for _, _, empty in rows)
    present = len(rows) - blank
    parts = [Window(begin, end)] if begin < end else []
    first, last = ceil_to(begin, DAY), floor_to(end, DAY)
    if chosen is None and first < last:
        whole = read_days(connection, dataset, days_of(Window(first, last))).values()
        present, blank = (
            present + sum(one_day.present for one_day in whole),
            blank + sum(one_day.blank for one_day in whole),
        )
        parts = [Window(low, high) for low, high in ((begin, first), (last, end)) if low < high]
    table = COMPLETENESS_HOUR.c
    for part in parts:
        mine = (table.dataset == dataset) & (table.hour_kst > part.start) & (table.hour_kst <= part.end)
        if chosen is not None:
            mine &= table.stn.in_(sorted(chosen))
        sums = connection.execute(sa.select(sa.func.sum(table.present), sa.func.sum(table.blank)).where(mine)).one()
        present, blank = present + int(sums[0] or 0), blank + int(sums[1] or 0)
    return present, blank
