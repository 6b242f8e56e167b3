"""What an answer of the hub proves, stamp by stamp.

A stamp is answered if the answer has rows for it, of at least half of the stations that reported from the day before to the day after. Fewer
(*thin*) are believed when they come alike a second time. Where only some stations are stored, an answer of less than half the usual bytes is
thin too. A stamp without any row is not answered: at the end of the window, and young, it is not produced yet; else it is a *hole*, and whoever
collects asks for it again (:mod:`kmaflow.collect.follow_up`). A station's own answer proves the
stamps that it has rows for. What is older than the hub keeps is answered by an answer without a single row: there is no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, Window, day_of, days_of
from kmaflow.hub.parse import Parsed
from kmaflow.store.coverage.day import read_days, stations_of, who_of
from kmaflow.store.ledger import FILE, LedgerRow
from kmaflow.store.schema.service import LEDGER

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
