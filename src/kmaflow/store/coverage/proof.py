"""What an answer of the hub proves, stamp by stamp.

A stamp is answered if the answer has rows for it, of at least half of the stations that reported from the day before to the day after. Fewer
(*thin*) are believed when they come alike a second time. Where only some stations are stored, an answer of less than half the usual bytes is
thin too. A stamp without any row is not answered: at the end of the window, and young, it is not produced yet; else it is a *hole*, and whoever
collects asks for it again (:mod:`kmaflow.collect.follow_up`). A station's own answer proves the
stamps that it has rows for. What is older than the hub keeps is answered by an answer without a single row: there is no more.

That is noted in the coverage of its days (:mod:`kmaflow.store.coverage.day`) in the transaction that loads the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, MINUTE, Window, day_of, days_of, minute_of, start_of
from kmaflow.hub.parse import Parsed
from kmaflow.store.coverage.day import (
    EXPECTED_AROUND_DAYS,
    CoverageDay,
    Minutes,
    by_day,
    decoded,
    joined,
    read_days,
    stations_of,
    who_of,
    with_held,
    write_day,
)
from kmaflow.store.ledger import FILE, LedgerRow, Younger, asks_for
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LEDGER

#: Of so many stored stations more than half do not fall silent at once.
_ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Proof:
    """The stamps of a window that an answer leaves unanswered, in order.

    Attributes:
        young: not produced yet.
        holes: without any row (of a station's own answer: without its row).
        thin: with rows of too few stations.
    """

    young: tuple[datetime, ...] = ()
    holes: tuple[datetime, ...] = ()
    thin: tuple[datetime, ...] = ()

    @property
    def lacking(self) -> frozenset[datetime]:
        """All of them."""
        return frozenset((*self.young, *self.holes, *self.thin))

    @property
    def outcome(self) -> str:
        """What the ledger calls such an answer."""
        return "incomplete_answer" if self.holes or self.thin else "partial" if self.young else "ok"


NOTHING_LEFT = Proof()


def proof_of(
    connection: sa.Connection, parsed: Parsed, request: LedgerRow, stored: Callable[[], pl.DataFrame]
) -> Proof:
    """What an answer leaves unanswered.

    Args:
        parsed: rows and rejected lines of the stations that are stored.
        request: its ledger row.
        stored: gives the rows (``tm_kst``, ``stn``) that its window had before.
    """
    dataset, window = parsed.dataset, request.window
    if window is None or request.kind == FILE:
        return Proof(young=parsed.not_produced)
    seen = _stations_at(parsed)
    printed: Mapping[datetime, int] = {stamp: len(stations) for stamp, stations in seen.items()}
    if request.stn == 0 and parsed.printed is not None:
        printed = parsed.printed
    # Rows of other stamps show that the hub still has data of that age.
    kept_since = datetime.min if dataset.retention is None or printed else request.fetched_at - dataset.retention
    last = max(printed, default=datetime.min)
    unproduced = set(parsed.not_produced)
    young, holes = list(parsed.not_produced), list[datetime]()
    for stamp in window.stamps(dataset.cadence):
        if stamp in printed or stamp in unproduced or stamp <= kept_since:
            continue
        is_young = stamp > request.fetched_at - dataset.young
        (young if is_young and (stamp > last or request.stn) else holes).append(stamp)
    thin: list[datetime] = []
    if request.stn == 0 and printed:
        thin = _thin(connection, request, seen, printed, stored)
    late = [stamp for stamp in thin if stamp > request.fetched_at - dataset.young]
    return Proof(tuple(sorted({*young, *late})), tuple(holes), tuple(stamp for stamp in thin if stamp not in set(late)))


def _stations_at(parsed: Parsed) -> dict[datetime, frozenset[int]]:
    """For each stamp the stations with a row, or with a line that cannot be read."""
    grouped = parsed.rows.group_by("tm_kst").agg("stn")
    found = {stamp: frozenset(stations) for stamp, stations in grouped.iter_rows()}
    for line in parsed.rejected:
        if line.tm is not None:
            known = found.get(line.tm, frozenset())
            found[line.tm] = known | {line.stn} if line.stn is not None else known
    return found


def _thin(
    connection: sa.Connection,
    request: LedgerRow,
    seen: dict[datetime, frozenset[int]],
    printed: Mapping[datetime, int],
    stored: Callable[[], pl.DataFrame],
) -> list[datetime]:
    """Stamps with rows of fewer than half of the stations that reported around them, unless they had just these before."""
    assert request.window is not None
    days = days_of(request.window)
    covered = read_days(connection, request.dataset, (days[0] - timedelta(days=1), days[-1] + timedelta(days=1)))
    everyone: float = max(printed.values())
    # Half of a few stored stations may well be silent; how many the others usually are, the size of answers around tells.
    chosen = stations_of(who_of(request.stn, request.selection))
    if chosen is not None:
        everyone = max(everyone, everyone * _usual_bytes(connection, request) / (request.bytes / len(printed)))
    around: dict[date, frozenset[int]] = {}
    for day in {day_of(stamp) for stamp in printed}:
        near = (covered.get(day + timedelta(days=shift)) for shift in (-1, 0, 1))
        reported = frozenset[int]().union(*(one_day.reported for one_day in near if one_day is not None))
        if chosen is not None:
            reported = reported & chosen if len(chosen) >= _ENOUGH else frozenset()
        around[day] = reported
    found = []
    for stamp in sorted(printed):
        expected = around[day_of(stamp)]
        if 2 * len(seen.get(stamp, expected) & expected) < len(expected) or 2 * printed[stamp] < everyone:
            found.append(stamp)
    if not found:
        return []
    before = stored().filter(pl.col("tm_kst").is_in(found)).group_by("tm_kst").agg("stn")
    alike = {stamp for stamp, stations in before.iter_rows() if frozenset(stations) == seen.get(stamp)}
    return [stamp for stamp in found if stamp not in alike]


def _usual_bytes(connection: sa.Connection, request: LedgerRow) -> float:
    """The most bytes for each stamp that a whole answer for all stations had, from the day before to the day after; 0 where there is none."""
    assert request.window is not None
    table, step = LEDGER.c, DATASETS[request.dataset].cadence
    query = sa.select(table.tm_from, table.tm_to, table.bytes).where(
        table.dataset == request.dataset,
        table.stn == 0,
        table.outcome.in_(["ok", "unchanged"]),
        table.key_id.is_not(None),
    )
    near = query.where(table.tm_to.between(request.window.start - DAY, request.window.end + DAY), table.rejected == 0)
    return max((size / Window(start, end).count(step) for start, end, size in connection.execute(near)), default=0.0)


def record_answer(
    connection: sa.Connection,
    parsed: Parsed,
    request: LedgerRow,
    *,
    stored: pl.DataFrame | None,
    counted: pl.DataFrame | None = None,
    anew: bool = False,
    younger: Sequence[Younger] = (),
    lacking: Container[datetime] = frozenset(),
) -> None:
    """Note an answer in the coverage of its days. Part of the transaction that loads it, which holds the locks of these days.

    Args:
        parsed: rows and rejected lines of the stations that are stored.
        request: its ledger row, with a window.
        stored: the rows that the window had before (``tm_kst``, ``stn``); None for a repetition, which only time can make say more than at first.
        counted: what is added to ``completeness_hour`` (``hour_kst``, ``stn``, ``present``, ``blank``).
        anew: count the rows of these days again from ``completeness_hour``, since more than ``counted`` has changed there.
        younger: answers for parts of the window that are loaded already and were fetched later.
        lacking: stamps that it leaves unanswered (:attr:`Proof.lacking`).
    """
    assert request.window is not None
    days = days_of(request.window)
    known = read_days(connection, request.dataset, days)
    who = who_of(request.stn, request.selection)
    held = decoded(request.holds or "{}")
    minutes: Mapping[date, Minutes] = {}
    if request.kind != FILE:
        minutes = answered_minutes(request.window, lacking, parsed.dataset.cadence)
    reported = dict(_reported(parsed.rows, days))
    sums = _sums(counted)
    rejected = {} if stored is None else _rejected(connection, parsed, request, known, stored, younger, lacking)
    for day in days:
        before = known.get(day)
        one_day = before or CoverageDay()
        answered = dict(one_day.answered)
        if spans := joined((*answered.get(who, ()), *minutes.get(day, ()))):
            answered[who] = spans
        hours, blank = sums.get(day, ({}, 0))
        if anew:
            hours, blank = _sum(connection, request.dataset, day)
            one_day = replace(one_day, hours={}, blank=0)
        after = replace(
            one_day,
            answered=with_held(answered, held.get(day, {})),
            reported=one_day.reported.union(reported.get(day, ())),
            rejected=rejected.get(day, one_day.rejected),
            hours=_plus(one_day.hours, hours),
            blank=one_day.blank + blank,
        )
        if after != CoverageDay():
            write_day(connection, request.dataset, day, after, before)


def _reported(rows: pl.DataFrame, days: Sequence[date]) -> Iterator[tuple[date, frozenset[int]]]:
    if len(days) == 1:
        yield days[0], frozenset(rows["stn"].unique().to_list())
    elif not rows.is_empty():
        for day, numbers in rows.group_by(by_day("tm_kst").alias("day")).agg(pl.col("stn").unique()).iter_rows():
            yield day, frozenset(numbers)


def _sums(counted: pl.DataFrame | None) -> dict[date, tuple[dict[int, int], int]]:
    """By day, what was added: rows with values of each hour, and blank ones."""
    if counted is None or counted.is_empty():
        return {}
    return _by_day(counted.group_by("hour_kst").agg(pl.col("present", "blank").sum()).iter_rows())


def _by_day(sums: Iterable[tuple[datetime, int, int]]) -> dict[date, tuple[dict[int, int], int]]:
    found: dict[date, tuple[dict[int, int], int]] = {}
    for end, present, blank in sums:
        hours, before = found.get(day_of(end), ({}, 0))
        found[day_of(end)] = hours | {end.hour or 24: int(present)}, before + int(blank)
    return found


def _plus(hours: Mapping[int, int], more: Mapping[int, int]) -> dict[int, int]:
    sums = {hour: hours.get(hour, 0) + more.get(hour, 0) for hour in {*hours, *more}}
    return {hour: count for hour, count in sums.items() if count}


def _sum(connection: sa.Connection, dataset: str, day: date) -> tuple[dict[int, int], int]:
    hours, begin = COMPLETENESS_HOUR.c, start_of(day)
    query = sa.select(hours.hour_kst, sa.func.sum(hours.present), sa.func.sum(hours.blank)).where(
        hours.dataset == dataset, hours.hour_kst > begin, hours.hour_kst <= begin + DAY
    )
    sums = connection.execute(query.group_by(hours.hour_kst))
    return _by_day((end, present, blank) for end, present, blank in sums).get(day, ({}, 0))


def _rejected(
    connection: sa.Connection,
    parsed: Parsed,
    request: LedgerRow,
    known: Mapping[date, CoverageDay],
    stored: pl.DataFrame,
    younger: Sequence[Younger],
    lacking: Container[datetime],
) -> dict[date, dict[int, frozenset[int]]]:
    """By day, the cells whose line cannot be read, as this answer leaves them: the last answer for a cell decides."""
    window = request.window
    assert window is not None
    before = {
        (start_of(day) + minute * MINUTE, stn)
        for day, one_day in known.items()
        for stn, minutes in one_day.rejected.items()
        for minute in minutes
    }
    if not parsed.rejected and not before:
        return {}
    filled = {*parsed.rows.select("tm_kst", "stn").iter_rows(), *stored.select("tm_kst", "stn").iter_rows()}
    # A file asked nobody: its lines that cannot be read say nothing of cells, nor is a cell overruled that it does not hold.
    is_file = request.kind == FILE
    now = set() if is_file else _unread(connection, parsed, request) - filled

    def overruled(stamp: datetime, stn: int) -> bool:
        return any(stamp in one.window and asks_for(one, stn) for one in younger if one.holds is None)

    cells = {(stamp, stn) for stamp, stn in now if not overruled(stamp, stn)}
    for stamp, stn in before - filled:
        unasked = is_file or stamp not in window or stamp in lacking or not asks_for(request, stn)
        if unasked or overruled(stamp, stn):
            cells.add((stamp, stn))
    found: dict[date, dict[int, frozenset[int]]] = {day: {} for day in (*known, *days_of(window))}
    for stamp, stn in cells:
        minutes = found[day_of(stamp)]
        minutes[stn] = minutes.get(stn, frozenset()) | {minute_of(stamp)}
    return found


def _unread(connection: sa.Connection, parsed: Parsed, request: LedgerRow) -> set[tuple[datetime, int]]:
    """The cells that rejected lines are about. A line that does not say may be about any station that reports in those days."""
    window = request.window
    assert window is not None
    cells: set[tuple[datetime, int]] = set()
    anybody: set[int] | None = None
    # A thousand lines that say nothing are about the same cells as one.
    for tm, stn in {(line.tm, line.stn) for line in parsed.rejected}:
        if tm is not None and tm not in window:
            continue
        stamps = [tm] if tm is not None else list(window.stamps(parsed.dataset.cadence))
        if stn is not None:
            about = {stn} if asks_for(request, stn) else set()
        else:
            anybody = _anybody(connection, parsed, request, window) if anybody is None else anybody
            about = anybody
        cells.update((stamp, one) for stamp in stamps for one in about)
    return cells


def _anybody(connection: sa.Connection, parsed: Parsed, request: LedgerRow, window: Window) -> set[int]:
    """The stations that were asked and report in the window's days."""
    if request.stn:
        return {request.stn}
    days = days_of(window)
    around = (days[0] - timedelta(days=EXPECTED_AROUND_DAYS), days[-1] + timedelta(days=EXPECTED_AROUND_DAYS))
    covered = read_days(connection, request.dataset, around).values()
    reported: set[int] = set().union(*(one_day.reported for one_day in covered), parsed.rows["stn"].unique())
    return {stn for stn in reported if asks_for(request, stn)}


def answered_minutes(window: Window, lacking: Container[datetime], step: timedelta) -> dict[date, Minutes]:
    """The window's minutes by day, less those of the stamps in ``lacking``."""
    found: dict[date, Minutes] = {}
    for day in days_of(window):
        begin = start_of(day)
        part = Window(max(window.start, begin), min(window.end, begin + DAY))
        cut = (part.start - begin) // MINUTE, (part.end - begin) // MINUTE
        holes = [minute_of(stamp) for stamp in part.stamps(step) if stamp in lacking] if lacking else []
        edges = [cut[0], *(edge for hole in holes for edge in (hole - step // MINUTE, hole)), cut[1]]
        found[day] = joined((max(low, 0), high) for low, high in zip(edges[::2], edges[1::2], strict=True))
    return found
