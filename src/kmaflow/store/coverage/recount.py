"""The days of coverage counted again from ledger, ``completeness_hour``, ``rejected_line`` and observations: for migrations.

Two things are known only while an answer is loaded: lines that do not say which cell they are about, and a stamp that one answer lacked and another,
for one station, brought.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, Window, day_of, days_of, minute_of, start_of
from kmaflow.store.coverage.day import (
    CoverageDay,
    Held,
    Minutes,
    decoded,
    held_cells,
    hours_text,
    joined,
    who_of,
    with_held,
    write_day,
)
from kmaflow.store.coverage.proof import answered_minutes
from kmaflow.store.ledger import FILE, LOADED, LONGEST, touching
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import COMPLETENESS_HOUR, COVERAGE_DAY, LEDGER, REJECTED_LINE

#: Hours are read so many at a time: bounds the memory.
_SPAN = 10 * DAY


@dataclass(slots=True)
class _Draft:
    spans: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    reported: set[int] = field(default_factory=set)
    rejected: dict[int, frozenset[int]] = field(default_factory=lambda: defaultdict(frozenset))
    hours: Counter[int] = field(default_factory=Counter)
    blank: int = 0
    held: list[Mapping[str, Minutes]] = field(default_factory=list)

    def one_day(self) -> CoverageDay:
        answered: dict[str, Minutes] = {who: joined(spans) for who, spans in self.spans.items() if joined(spans)}
        for groups in self.held:
            answered = with_held(answered, groups)
        return CoverageDay(answered, frozenset(self.reported), dict(self.rejected), +self.hours, self.blank)


def recount(connection: sa.Connection, dataset: str, days: Collection[date] | None = None) -> int:
    """Count the days of a dataset again, in the caller's transaction; gives how many there are. Nobody else may load it meanwhile.

    Args:
        days: only these; None = all.
    """
    if not sa.inspect(connection).has_table(dataset):
        return 0
    drafts: dict[date, _Draft] = defaultdict(_Draft)
    span = None if days is None else Window(start_of(min(days)), start_of(max(days)) + DAY) if days else None
    if days is not None and span is None:
        return 0
    _count(connection, dataset, drafts, span)
    _answers(connection, dataset, drafts, span)
    _unread(connection, dataset, drafts, span)
    table = COVERAGE_DAY.c
    for day in sorted(drafts) if days is None else sorted(days):
        connection.execute(COVERAGE_DAY.delete().where(table.dataset == dataset, table.day_kst == f"{day}"))
        if day in drafts:
            write_day(connection, dataset, day, drafts[day].one_day(), None)
    return len(drafts)


def count_hours(connection: sa.Connection) -> None:
    """Fill ``hours`` of the days that lack them, from ``completeness_hour``, in the caller's transaction."""
    table, counted = COVERAGE_DAY.c, COMPLETENESS_HOUR.c
    lacking = sa.select(table.dataset, table.day_kst).where(table.hours.is_(None))
    for dataset, day in connection.execute(lacking.order_by(table.dataset, table.day_kst)).all():
        begin = datetime.fromisoformat(day)
        mine = (counted.dataset == dataset) & (counted.hour_kst > begin) & (counted.hour_kst <= begin + DAY)
        sums = sa.select(counted.hour_kst, sa.func.sum(counted.present)).where(mine).group_by(counted.hour_kst)
        hours = {end.hour or 24: int(present) for end, present in connection.execute(sums)}
        this = (table.dataset == dataset) & (table.day_kst == day)
        connection.execute(COVERAGE_DAY.update().where(this).values(hours=hours_text(hours)))


def _count(connection: sa.Connection, dataset: str, drafts: dict[date, _Draft], span: Window | None) -> None:
    """Rows, and the stations that have them."""
    hours = COMPLETENESS_HOUR.c
    mine = hours.dataset == dataset
    if span is not None:
        mine &= (hours.hour_kst > span.start) & (hours.hour_kst <= span.end)
    first, last = connection.execute(
        sa.select(sa.func.min(hours.hour_kst), sa.func.max(hours.hour_kst)).where(mine)
    ).one()
    for part in Window(first - HOUR, last).split(_SPAN) if first else ():
        query = sa.select(hours.hour_kst, hours.stn, hours.present, hours.blank)
        for hour, stn, present, blank in connection.execute(
            query.where(mine, hours.hour_kst > part.start, hours.hour_kst <= part.end)
        ):
            draft = drafts[day_of(hour)]
            draft.hours[hour.hour or 24] += present
            draft.blank += blank
            if present + blank:
                draft.reported.add(stn)


def _loaded(connection: sa.Connection, dataset: str, span: Window | None) -> list[Any]:
    """(stn, start, end, fetched_at, outcome, selection, id, kind, holds) of every answer and file that was loaded."""
    table = LEDGER.c
    columns = (table.stn, table.tm_from, table.tm_to, table.fetched_at, table.outcome, table.selection, table.id)
    mine = (table.dataset == dataset) & table.outcome.in_(LOADED) & table.tm_to.is_not(None)
    if span is not None:
        mine &= touching(span)
    return list(connection.execute(sa.select(*columns, table.kind, table.holds).where(mine)))


def _answers(connection: sa.Connection, dataset: str, drafts: dict[date, _Draft], span: Window | None) -> None:
    described = DATASETS[dataset]
    stamp = OBSERVATIONS[dataset].c.tm_kst
    # An answer that was repeated unchanged says no more than the first time, except that by now the hub should have had the rest.
    for stn, start, end, fetched_at, outcome, selection, number, kind, holds in _loaded(connection, dataset, span):
        window = Window(start, end)
        if kind == FILE:
            held = _written(connection, dataset, window, number) if holds is None else decoded(holds)
            for day, groups in held.items():
                drafts[day].held.append(groups)
            continue
        since = datetime.max if described.placeholders else fetched_at - described.young
        if described.placeholders and outcome == "unchanged":
            continue
        if outcome == "partial":
            since = start
        lacking: set[datetime] = set()
        if end > since:
            there = sa.select(stamp).where(stamp > start, stamp <= end).distinct()
            seen = set(connection.execute(there).scalars())
            lacking = {one for one in window.stamps(described.cadence) if one > since and one not in seen}
        for day, spans in answered_minutes(window, lacking, described.cadence).items():
            drafts[day].spans[who_of(stn, selection)].extend(spans)


def _written(connection: sa.Connection, dataset: str, window: Window, number: int) -> Held:
    """The cells whose rows a file wrote: of one that says no more, since it was loaded before the ledger kept what files hold."""
    table = OBSERVATIONS[dataset].c
    query = sa.select(table.tm_kst, table.stn).where(table.tm_kst > window.start, table.tm_kst <= window.end)
    cells = [tuple(row) for row in connection.execute(query.where(table.request_id == number))]
    rows = pl.DataFrame(cells, schema={"tm_kst": pl.Datetime("us"), "stn": pl.Int32}, orient="row")
    return held_cells(rows, DATASETS[dataset].cadence)


def _unread(connection: sa.Connection, dataset: str, drafts: dict[date, _Draft], span: Window | None) -> None:
    """Cells whose line cannot be read, without a row, and about which no younger answer says more."""
    line, request = REJECTED_LINE.c, LEDGER.c
    query = (
        sa.select(line.tm_kst, line.stn, request.fetched_at, request.id)
        .join(LEDGER, request.id == line.request_id)
        .where(line.dataset == dataset, line.tm_kst.is_not(None), line.stn.is_not(None), request.tm_to.is_not(None))
        .where(request.kind != FILE)
    )
    if span is not None:
        query = query.where(line.tm_kst > span.start, line.tm_kst <= span.end)
    cells = [tuple(row) for row in connection.execute(query)]
    if not cells:
        return
    by_day: dict[date, list[tuple[Window, int, datetime, str, int]]] = defaultdict(list)
    wanted = {day_of(cell[0]) for cell in cells}
    for stn, start, end, fetched_at, outcome, selection, number, kind, _ in _loaded(connection, dataset, span):
        if kind != FILE and outcome != "unchanged" and end - start <= LONGEST:
            for day in wanted.intersection(days_of(Window(start, end))):
                by_day[day].append((Window(start, end), stn, fetched_at, selection, number))
    table = OBSERVATIONS[dataset].c
    for stamp, stn, fetched_at, number in cells:
        row = sa.select(table.stn).where(table.tm_kst == stamp, table.stn == stn)
        later = (
            stamp in window and asked in (0, stn) and (chosen == "all" or str(stn) in chosen.split(","))
            for window, asked, moment, chosen, other in by_day[day_of(stamp)]
            if (moment, other) > (fetched_at, number)
        )
        if not any(later) and connection.execute(row).first() is None:
            minutes = drafts[day_of(stamp)].rejected
            minutes[stn] |= {minute_of(stamp)}
