"""What is missing, and why: stretches of time, never a row for each cell.

Every expected cell has one state of design.md §6. A row says *present* or *blank*. Of the others the covered days know where the hub gave a whole answer
(*absent*, or *rejected* where the line could not be read), and the ledger what became of the rest (*not yet produced*, *refused*, *not asked*).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window, floor_to, start_of
from kmaflow.store.coverage.timeline import ANSWERED, FAILED, State, StationGroup, Timeline
from kmaflow.store.ledger import FILE, GIVEN_UP, LONGEST, REQUEST, touching
from kmaflow.store.schema.service import COVERAGE_DAY, LEDGER, REJECTED_LINE

#: How long after the hub has it a stamp should be here: runs begin every ten minutes.
GRACE = 10 * MINUTE
_AT_ONCE = 500
#: What nobody asks for where the hub has it no more.
GONE = "gone"
_GONE = dict.fromkeys(("planned", "quota", "stations"), GONE)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a dataset in which cells are in one state, for one reason.

    Attributes:
        window: naive KST.
        why: ``given_up`` for what was asked for often enough; the error's code for *refused*; for *not asked* ``quota``, ``before_start``,
            ``stations`` (asked, but not among those stored), ``planned``, or ``gone`` where the hub has it no more.
        stations: numbers in order, None = all that are expected.
        cells: how many. Where ``known`` is False nobody can say which stations there are, and each stamp counts as one.
        error: the words of the last refusal, or the reason why the line was rejected.
        last: when the last request for it was answered or refused, naive KST; None if there was none.
    """

    dataset: str
    window: Window
    state: State
    why: str
    stations: tuple[int, ...] | None
    cells: int
    known: bool = True
    error: str | None = None
    last: datetime | None = None


@dataclass(slots=True)
class _Stretch:
    low: int
    high: int
    state: State
    why: str
    stations: set[int] = field(default_factory=set)
    cells: int = 0
    known: bool = True
    failure: int = -1


def due(dataset: str, now: datetime) -> datetime:
    """The last stamp that the hub should have at a moment (naive KST)."""
    described = DATASETS[dataset]
    return floor_to(now - described.latency, described.cadence)


def first_start(connection: sa.Connection) -> datetime | None:
    """When the hub was first asked, naive KST to the minute: from there on data are kept complete if no ``START`` is set."""
    query = sa.select(LEDGER.c.fetched_at).where(LEDGER.c.key_id.is_not(None)).order_by(LEDGER.c.fetched_at).limit(1)
    moment = connection.execute(query).scalar()
    return floor_to(moment, MINUTE) if isinstance(moment, datetime) else None


def spanned(connection: sa.Connection, dataset: str) -> Window | None:
    """From the first to the last window for which the hub was asked, or of which a file holds rows; None where there is none."""
    table = LEDGER.c
    mine = (table.dataset == dataset) & table.kind.in_([REQUEST, FILE])
    begin, end = connection.execute(sa.select(sa.func.min(table.tm_from), sa.func.max(table.tm_to)).where(mine)).one()
    return None if begin is None else Window(begin, end)


def asked(connection: sa.Connection) -> list[str]:
    """The datasets for which there has been a request or a file, in the order of the catalogue."""
    table = LEDGER.c
    return [
        name
        for name in DATASETS
        if connection.execute(sa.select(table.id).where(table.dataset == name).limit(1)).first() is not None
    ]


def ever_reported(connection: sa.Connection, names: Iterable[str]) -> frozenset[int]:
    """All stations that have ever had a row in one of the datasets."""
    table = COVERAGE_DAY.c
    found = connection.execute(sa.select(table.reported).where(table.dataset.in_(list(names))).distinct()).scalars()
    return frozenset(int(stn) for text in found for stn in text.split(",") if stn)


def gaps(
    connection: sa.Connection,
    names: Iterable[str],
    window: Window,
    *,
    now: datetime,
    stations: Iterable[int] | None = None,
    start: datetime | None = None,
) -> list[Gap]:
    """What is missing of the datasets within the window, by dataset and time. Stamps that the hub cannot have yet are not expected.

    Args:
        now: naive KST.
        stations: only these; one that was never answered for within 7 days counts as expected. None = all.
        start: ``START``: what lies before says so.
    """
    chosen = None if stations is None else frozenset(stations)
    found: list[Gap] = []
    for name in names:
        end, since = min(window.end, due(name, now)), DATASETS[name].given_since(now)
        for low, high in ((window.start, min(end, since)), (max(window.start, since), end)):
            if low < high and Window(low, high).count(DATASETS[name].cadence):
                timeline = Timeline(connection, name, Window(low, high), stations=chosen, start=start)
                part = gaps_of(connection, timeline)
                found += part if high > since else [replace(gap, why=_GONE.get(gap.why, gap.why)) for gap in part]
    return found


def abandoned(connection: sa.Connection, dataset: str, now: datetime) -> int:
    """How many cells are missing and not asked for any more, since they were asked for in vain often enough."""
    table = LEDGER.c
    noted = (table.dataset == dataset) & (table.outcome == GIVEN_UP)
    begin, end = connection.execute(sa.select(sa.func.min(table.tm_from), sa.func.max(table.tm_to)).where(noted)).one()
    if begin is None:
        return 0
    return sum(gap.cells for gap in gaps(connection, [dataset], Window(begin, end), now=now) if gap.why == GIVEN_UP)


def gaps_of(connection: sa.Connection, timeline: Timeline) -> list[Gap]:
    """What is missing of one dataset, in the order of time."""
    return sorted(unanswered(connection, timeline, timeline.groups) + unread(connection, timeline), key=_order)


def _order(gap: Gap) -> tuple[Window, str, str, tuple[int, ...]]:
    return gap.window, gap.state, gap.why, gap.stations or ()


def unanswered(connection: sa.Connection, timeline: Timeline, groups: Iterable[StationGroup]) -> list[Gap]:
    """What no whole answer covers of the timeline's groups. Stamps whose codes say :data:`ANSWERED` are left out."""
    stretches: dict[tuple[int, int, str, str, bool], _Stretch] = {}
    for group in groups:
        for one in _missing(timeline, group):
            known = stretches.setdefault((one.low, one.high, one.state, one.why, one.known), one)
            if known is not one:
                known.stations |= one.stations
                known.cells += one.cells
                known.failure = max(known.failure, one.failure)
    found = [_gap(timeline, one) for one in stretches.values()]
    return sorted(_told(connection, timeline, list(stretches.values()), found), key=_order)


def _missing(timeline: Timeline, group: StationGroup) -> Iterator[_Stretch]:
    """The stretches of a group that no whole answer covers."""
    meanings = timeline.meanings
    reasons = sorted(set(meanings))
    kinds = np.array([reasons.index(meaning) for meaning in meanings])[group.codes]
    kinds[~timeline.unanswered(group.codes)] = -1
    unknown = timeline.unknown(group)
    expected = timeline.expected(group)
    counts = [len(members) for members in expected]
    # A stretch ends where stations become known, or where none of the group is expected any more.
    marks = kinds * 4 + timeline.axis.per_day(
        2 * hidden + (count > 0) for hidden, count in zip(unknown, counts, strict=True)
    )
    marks[kinds < 0] = -1
    edges = timeline.axis.edges
    for low, high in runs(marks >= 0, marks):
        first, last = timeline.axis.days_between(low, high)
        state, why = reasons[kinds[low]]
        one = _Stretch(low, high, state, why, known=not unknown[first])
        if unknown[first]:
            one.cells = high - low
        else:
            for day in range(first, last):
                one.cells += counts[day] * (min(high, edges[day + 1]) - max(low, edges[day]))
                one.stations |= expected[day]
        one.failure = int(group.codes[low:high].max()) - FAILED
        if one.cells:
            yield one


def runs(wanted: NDArray[np.bool_], marks: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Where ``wanted`` holds: stretches [low, high) of one mark each."""
    if not len(marks):
        return []
    cuts = np.flatnonzero(np.diff(marks)) + 1
    lows, highs = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(marks)]])
    return [(int(low), int(high)) for low, high in zip(lows, highs, strict=True) if wanted[low]]


def _gap(timeline: Timeline, one: _Stretch) -> Gap:
    stations: tuple[int, ...] | None = tuple(sorted(one.stations))
    if timeline.stations is None and (not one.known or _everyone(timeline, one) <= one.stations):
        stations = None
    return Gap(
        timeline.dataset, timeline.axis.window(one.low, one.high), one.state, one.why, stations, one.cells, one.known
    )


def _everyone(timeline: Timeline, one: _Stretch) -> frozenset[int]:
    first, last = timeline.axis.days_between(one.low, one.high)
    return frozenset().union(*set(timeline.rosters[first:last]))


def _told(
    connection: sa.Connection, timeline: Timeline, stretches: Sequence[_Stretch], found: Sequence[Gap]
) -> list[Gap]:
    """The same with the words of the last request for each."""
    failed = {one.failure: timeline.failed[one.failure] for one in stretches if one.failure >= 0}
    words: dict[int, str | None] = {}
    numbers = sorted(failure.id for failure in failed.values())
    for at in range(0, len(numbers), _AT_ONCE):
        query = sa.select(LEDGER.c.id, LEDGER.c.message).where(LEDGER.c.id.in_(numbers[at : at + _AT_ONCE]))
        words.update((number, message) for number, message in connection.execute(query))
    return [
        replace(gap, error=words.get(failed[one.failure].id), last=failed[one.failure].fetched_at)
        if one.failure >= 0
        else gap
        for gap, one in zip(found, stretches, strict=True)
    ]


def rejected_cells(timeline: Timeline) -> Iterator[tuple[int, int]]:
    """(number of the stamp, station) of the cells that were answered with a line that cannot be read."""
    codes = {stn: group.codes for group in timeline.groups for stn in group.stations or ()}
    rest = next((group.codes for group in timeline.groups if group.stations is None), None)
    for day in timeline.axis.days:
        for stn, minutes in timeline.covered[day].rejected.items() if day in timeline.covered else ():
            mine = codes.get(stn, rest)
            if mine is None:
                continue
            for minute in sorted(minutes):
                stamp = start_of(day) + minute * MINUTE
                index = timeline.axis.before(stamp) - 1
                if timeline.axis.stamp(index) == stamp and mine[index] == ANSWERED:
                    yield index, stn


def unread(connection: sa.Connection, timeline: Timeline) -> list[Gap]:
    """What was answered with lines that cannot be read; ``why`` says where it was given up."""
    by_station: dict[int, list[int]] = {}
    for index, stn in rejected_cells(timeline):
        by_station.setdefault(stn, []).append(index)
    if not by_station:
        return []
    closed = given_up(connection, timeline)
    stretches: dict[tuple[int, int, str], set[int]] = {}
    for stn, indexes in by_station.items():
        marks = np.array([(timeline.axis.stamp(index), stn) in closed for index in indexes])
        cuts = np.flatnonzero((np.diff(indexes) > 1) | (marks[1:] != marks[:-1])) + 1
        for part, marked in zip(np.split(np.array(indexes), cuts), np.split(marks, cuts), strict=True):
            why = GIVEN_UP if marked[0] else ""
            stretches.setdefault((int(part[0]), int(part[-1]) + 1, why), set()).add(stn)
    windows = {span: timeline.axis.window(span[0], span[1]) for span in stretches}
    lines = _reasons(connection, timeline.dataset, windows.values())
    found = []
    for span, stations in stretches.items():
        window = windows[span]
        about = [line for line in lines if line[0] in window and (line[1] is None or line[1] in stations)]
        reason, last = (about[-1][2], about[-1][3]) if about else (None, None)
        cells = (span[1] - span[0]) * len(stations)
        found.append(
            Gap(timeline.dataset, window, "rejected", span[2], tuple(sorted(stations)), cells, True, reason, last)
        )
    return found


def given_up(connection: sa.Connection, timeline: Timeline) -> frozenset[tuple[datetime, int]]:
    """The cells with lines that cannot be read of which the ledger says that nobody asks for them any more."""
    axis, table = timeline.axis, LEDGER.c
    query = sa.select(table.tm_from, table.tm_to, table.selection).where(
        table.dataset == timeline.dataset, table.outcome == GIVEN_UP, touching(axis.window(0, axis.count))
    )
    noted = [(Window(start, end), chosen) for start, end, chosen in connection.execute(query)]
    return frozenset(
        (stamp, stn)
        for stamp, stn in ((axis.stamp(index), stn) for index, stn in (rejected_cells(timeline) if noted else ()))
        if any(stamp in window and (chosen == "all" or str(stn) in chosen.split(",")) for window, chosen in noted)
    )


def _reasons(
    connection: sa.Connection, dataset: str, windows: Iterable[Window]
) -> list[tuple[datetime, int | None, str, datetime]]:
    """(stamp, station if it could be read, reason, when) of the rejected lines from the first to the last window, oldest first."""
    whole = sorted(windows)
    if not whole:
        return []
    line, request = REJECTED_LINE.c, LEDGER.c
    first, last = whole[0].start, max(window.end for window in whole)
    query = (
        sa.select(line.tm_kst, line.stn, line.reason, request.fetched_at)
        .join(LEDGER, request.id == line.request_id)
        .where(line.dataset == dataset, line.tm_kst > first, line.tm_kst <= last)
        .where(request.tm_to > first, request.tm_to <= last + LONGEST)
        .order_by(request.fetched_at, line.id)
    )
    return [(stamp, stn, reason, moment) for stamp, stn, reason, moment in connection.execute(query)]
