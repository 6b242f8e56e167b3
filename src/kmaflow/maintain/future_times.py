"""Times that lie in the future: a file with such a time was believed over every later answer. Found by ``doctor``, mended by ``doctor --mend``.

What was fetched in the future becomes fetched when the archive noted it, or now where the archive does not know it; then the days concerned are made
again from the archive, so that later answers win.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kmaflow.archive.archive import Archive
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window, now_kst
from kmaflow.collect.collector import Collector
from kmaflow.errors import KmaflowError
from kmaflow.maintain.rebuild import rebuild
from kmaflow.store import Store
from kmaflow.store.engines.database import reading, writing
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import LATEST, LEDGER, REVISION, STATION

#: So far the clocks of two hosts may lie apart.
_SKEW = 5 * MINUTE
_TIMES = ((LEDGER, LEDGER.c.fetched_at), (STATION, STATION.c.valid_from), (LATEST, LATEST.c.tm_kst))


@dataclass(frozen=True, slots=True)
class FutureTimes:
    """How many rows of ledger, stations and last stamps lie in the future."""

    requests: int
    stations: int
    latest: int

    def __bool__(self) -> bool:
        return any((self.requests, self.stations, self.latest))

    def __str__(self) -> str:
        return f"{self.requests:,} in the ledger, {self.stations:,} stations, {self.latest:,} last stamps"


def find(store: Store) -> FutureTimes:
    """Look for them.

    Raises:
        StoreError: the database cannot be read.
    """
    limit = now_kst() + _SKEW
    with reading(store.engine) as connection:
        counts = [
            connection.execute(sa.select(sa.func.count()).select_from(table).where(column > limit)).scalar_one()
            for table, column in _TIMES
        ]
    return FutureTimes(*counts)


def mend(collector: Collector) -> list[str]:
    """Mend them; gives what was done, a line each.

    Raises:
        StoreError, ArchiveError: nothing was changed, or all times and not yet the days; mend again.
    """
    limit = now_kst() + _SKEW
    noted = _noted(collector.archive)
    told: list[str] = []
    windows: list[Window] = []
    with writing(collector.store.engine) as connection:
        row = LEDGER.c
        found = connection.execute(
            sa.select(row.id, row.dataset, row.sha256, row.tm_from, row.tm_to, row.fetched_at)
            .where(row.fetched_at > limit)
            .order_by(row.fetched_at, row.id)
        ).all()
        last = datetime.min
        moments: dict[datetime, datetime] = {}
        for one in found:
            if one.fetched_at not in moments:
                # In the same order, and each another: a station has one history.
                last = max(noted.get((one.dataset, one.sha256), now_kst()), last + timedelta(microseconds=1))
                moments[one.fetched_at] = last
            moment = moments[one.fetched_at]
            connection.execute(LEDGER.update().where(row.id == one.id).values(fetched_at=moment))
            mine = (REVISION.c.new_request == one.id) & (REVISION.c.changed_at > limit)
            connection.execute(REVISION.update().where(mine).values(changed_at=moment))
            told.append(f"{one.dataset}: {one.fetched_at:%Y-%m-%d %H:%M} → {moment:%Y-%m-%d %H:%M} (ledger {one.id})")
            if one.tm_to is not None and one.tm_from < limit:
                windows.append(Window(one.tm_from, min(one.tm_to, limit)))
        for before, moment in moments.items():
            for column in (STATION.c.valid_from, STATION.c.valid_to):
                connection.execute(STATION.update().where(column == before).values({column.name: moment}))
        told += _mend_latest(connection, limit)
    return told + [line for window in _joined(windows) for line in _made_again(collector, window)]


def _noted(archive: Archive) -> dict[tuple[str, str], datetime]:
    """When the archive last noted each body of a dataset: whose time lies in the future has that of its note there."""
    return {(entry.dataset, entry.sha256): entry.fetched_at for entry in archive.entries()}


def _mend_latest(connection: sa.Connection, limit: datetime) -> list[str]:
    """Let ``latest`` name the last stamp with values that is not in the future."""
    told = []
    row = LATEST.c
    for dataset, stn, before in connection.execute(
        sa.select(row.dataset, row.stn, row.tm_kst).where(row.tm_kst > limit)
    ).all():
        table = OBSERVATIONS[dataset].c
        valued = sa.or_(*(table[column.name].is_not(None) for column in DATASETS[dataset].values))
        last = sa.select(sa.func.max(table.tm_kst)).where(table.stn == stn, table.tm_kst <= limit, valued)
        stamp = connection.execute(last).scalar()
        mine = (row.dataset == dataset) & (row.stn == stn)
        connection.execute(
            LATEST.delete().where(mine) if stamp is None else LATEST.update().where(mine).values(tm_kst=stamp)
        )
        told.append(f"{dataset} {stn}: last stamp {before:%Y-%m-%d %H:%M} → {stamp or 'none'}; the row itself stays")
    return told


def _joined(windows: list[Window]) -> list[Window]:
    joined: list[Window] = []
    for window in sorted(windows):
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return joined


def _made_again(collector: Collector, window: Window) -> list[str]:
    try:
        made = rebuild(collector, window=window)
    except KmaflowError as error:
        return [f"{window}: not made again: {error}"]
    kept = [reason for one in made.datasets.values() for reason in one.kept]
    return [
        f"{window}: made again from the archive, {made.rows:,} rows",
        *(f"not made again: {reason}" for reason in kept),
    ]
