"""A stretch of a dataset made anew in one transaction: what it holds goes, answers are loaded again in their order, or nothing has happened.

Nobody else can write into the stretch meanwhile (its days are locked, as for every load), and readers see the old rows until the new ones are
all there. Rows that cannot be made again are never taken out: whoever empties a stretch asks :meth:`DayRange.only_here` first.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import HOUR, Window, days_of
from kmaflow.failpoints import reach
from kmaflow.hub.parse import PARSER_VERSION, Parsed
from kmaflow.hub.station_list import ParsedStations
from kmaflow.store import ledger
from kmaflow.store.engines.database import locks_of, writing_alone
from kmaflow.store.engines.loader import loader_for, schema_of
from kmaflow.store.ledger import LOADED, RETIRED, LedgerRow
from kmaflow.store.load import Loaded, load, load_list
from kmaflow.store.schema.observations import OBSERVATIONS, tables_of
from kmaflow.store.schema.service import (
    COMPLETENESS_HOUR,
    COVERAGE_DAY,
    LATEST,
    LEDGER,
    REJECTED_LINE,
    REVISION,
    STATION,
)
from kmaflow.store.stations import StationChanges
from kmaflow.store.store import Store

#: By what an answer is known to ledger and archive: station asked, when it came, SHA-256.
Answer = tuple[int, datetime, str]

_BATCH = 500


@contextmanager
def remaking(store: Store, dataset: str, window: Window | None) -> Iterator[DayRange]:
    """A stretch of whole days (None: what belongs to no time, as station lists), alone with it in one transaction.

    Raises:
        StoreError: nothing has happened.
    """
    if dataset in DATASETS:
        store.ensure(dataset, window)
    store.init()
    with writing_alone(store.engine, locks_of(dataset, window) if window else [dataset]) as connection:
        yield DayRange(connection, dataset, window)


class DayRange:
    """What the database holds of a dataset in a stretch of whole days, inside the caller's transaction."""

    def __init__(self, connection: sa.Connection, dataset: str, window: Window | None) -> None:
        self.dataset = dataset
        self.window = window
        self._connection = connection
        self._emptied = False
        #: Where the rows of before still are.
        self._old: list[Window] = []
        #: For each station the last stamp with values among what was loaded.
        schema = schema_of(LATEST)
        self._last = pl.DataFrame(schema={name: schema[name] for name in ("stn", "tm_kst")})

    @cached_property
    def _before(self) -> list[sa.Row[tuple[object, ...]]]:
        """The ledger's answers with bytes that touch the stretch, as they were."""
        table = LEDGER.c
        mine = table.tm_to.is_(None) if self.window is None else ledger.touching(self.window)
        query = sa.select(LEDGER).where(table.dataset == self.dataset, table.sha256.is_not(None), mine)
        return list(self._connection.execute(query.order_by(table.id)))

    @cached_property
    def _known(self) -> dict[Answer, sa.Row[tuple[object, ...]]]:
        return {(row.stn, row.fetched_at, row.sha256): row for row in self._before}

    def _is_inside(self, row: sa.Row[tuple[object, ...]]) -> bool:
        return self.window is None or (row.tm_from >= self.window.start and row.tm_to <= self.window.end)

    @property
    def is_empty(self) -> bool:
        """Whether the ledger knows no answer that touches it."""
        return not self._before

    @property
    def newest(self) -> datetime:
        """When the youngest answer of the ledger had come."""
        return max((row.fetched_at for row in self._before), default=datetime.min)

    def had_loaded(self, answer: Answer) -> bool:
        """Whether the rows of an answer were in the database."""
        before = self._known.get(answer)
        return before is not None and before.outcome in LOADED

    def only_here(self, archived: Container[Answer]) -> str | None:
        """Why the stretch must not be emptied: it holds something that the answers ``archived`` cannot make again. None if it may."""
        loaded = [row for row in self._before if row.outcome in LOADED]
        if lost := [row for row in loaded if (row.stn, row.fetched_at, row.sha256) not in archived]:
            return (
                f"{len(lost)} of its {len(loaded)} answers are not in the archive (the first: {lost[0].sha256[:12]}…)"
            )
        known = {row.id for row in loaded}
        if self.window is not None:
            if any(row.tm_from < self.window.start and row.tm_to > self.window.end for row in self._before):
                return "an answer reaches out of it at both ends"
            table = OBSERVATIONS[self.dataset].c
            within = (table.tm_kst > self.window.start) & (table.tm_kst <= self.window.end)
            writers = set(self._connection.execute(sa.select(table.request_id).where(within).distinct()).scalars())
            return "it holds rows that no answer of the ledger has brought" if writers - known else None
        listed = sa.select(STATION.c.stn).where(STATION.c.network == self._network).limit(1)
        if not known and self._connection.execute(listed).first() is not None:
            return "it holds stations that no list of the ledger has brought"
        return None

    @property
    def is_retired(self) -> bool:
        """Whether ``kmaflow retention`` has taken rows out of it."""
        table = LEDGER.c
        if self.window is None:
            return False
        taken = sa.select(table.id).where(
            table.dataset == self.dataset, table.outcome == RETIRED, ledger.touching(self.window)
        )
        return self._connection.execute(taken.limit(1)).first() is not None

    def is_made_since(self, moment: int, answers: Set[Answer], selection: str) -> bool:
        """Whether the stretch was made anew after the ledger row ``moment``: it holds these answers, and nothing older."""
        since = {key for key, row in self._known.items() if row.id > moment}
        alike = all(
            row.id > moment
            and (row.outcome not in LOADED or (row.selection == selection and row.parser_version == PARSER_VERSION))
            for row in self._before
            if self._is_inside(row)
        )
        return alike and answers <= since

    def empty(self) -> int:
        """Take everything out that answers with bytes have brought; gives how many revisions with the cause ``parser`` went with it.

        Ledger rows without bytes (no connection, not asked, retired) stay: no archive could give them back.
        """
        if self.is_empty:
            return 0
        self._emptied = True
        inside = [row.id for row in self._before if self._is_inside(row)]
        for ids in (inside[start : start + _BATCH] for start in range(0, len(inside), _BATCH)):
            self._connection.execute(REJECTED_LINE.delete().where(REJECTED_LINE.c.request_id.in_(ids)))
            self._connection.execute(LEDGER.delete().where(LEDGER.c.id.in_(ids)))
        gone = 0
        if self.window is None:
            self._connection.execute(STATION.delete().where(STATION.c.network == self._network))
        else:
            gone = self._empty_days(self.window)
        reach("stretch_emptied")
        return gone

    def _empty_days(self, window: Window) -> int:
        revision, hours, answers = REVISION.c, COMPLETENESS_HOUR.c, LEDGER.c
        revised = (
            (revision.dataset == self.dataset) & (revision.tm_kst > window.start) & (revision.tm_kst <= window.end)
        )
        by_parser = sa.select(sa.func.count()).select_from(REVISION).where(revised, revision.cause == "parser")
        gone = int(self._connection.execute(by_parser).scalar_one())
        self._connection.execute(REVISION.delete().where(revised))
        counted = (hours.dataset == self.dataset) & (hours.hour_kst > window.start) & (hours.hour_kst <= window.end)
        self._connection.execute(COMPLETENESS_HOUR.delete().where(counted))
        coverage, days = COVERAGE_DAY.c, days_of(window)
        mine = (coverage.dataset == self.dataset) & coverage.day_kst.between(f"{days[0]}", f"{days[-1]}")
        self._connection.execute(COVERAGE_DAY.delete().where(mine))
        self._old = [window]
        # An answer that reaches out of the stretch stands for the part of it that lies outside.
        for row in self._before:
            if not self._is_inside(row):
                outside = {"tm_to": window.start} if row.tm_from < window.start else {"tm_from": window.end}
                self._connection.execute(LEDGER.update().where(answers.id == row.id).values(outside))
        return gone

    def _clear(self, window: Window) -> None:
        """Take out the old rows of a part of the stretch.

        Not of all of it at once: MariaDB would then read every row that was taken out behind a window to find that window empty.
        """
        left: list[Window] = []
        for old in self._old:
            start, end = max(old.start, window.start), min(old.end, window.end)
            if start >= end:
                left.append(old)
                continue
            for table in tables_of(self.dataset):
                self._connection.execute(table.delete().where(table.c.tm_kst > start, table.c.tm_kst <= end))
            left += [Window(low, high) for low, high in ((old.start, start), (end, old.end)) if low < high]
        self._old = left

    @property
    def _network(self) -> str:
        return self.dataset.removeprefix("station_")

    def load(self, parsed: Parsed, request: LedgerRow) -> Loaded:
        """Load an answer whose rows all lie in the stretch."""
        if request.window is not None:
            self._clear(request.window)
        loaded = load(self._connection, parsed, self._as_before(request), advance=False)
        valued = parsed.rows.filter(~pl.col("blank")).select("stn", "tm_kst")
        self._last = pl.concat([self._last, valued]).group_by("stn").agg(pl.col("tm_kst").max())
        return loaded

    def load_list(self, parsed: ParsedStations, request: LedgerRow) -> StationChanges:
        """Load a station list; one that had been taken is taken again, whatever it closes: a person may have said so."""
        assert request.sha256 is not None
        force = self.had_loaded((request.stn, request.fetched_at, request.sha256))
        return load_list(self._connection, parsed, self._as_before(request), force=force)

    def note(self, request: LedgerRow) -> None:
        """A ledger row for an answer that brought no rows."""
        ledger.write(self._connection, self._as_before(request))

    def note_lost(self, request: LedgerRow) -> None:
        """A ledger row for an answer whose body is lost. What the ledger knew of a refusal stays as it was."""
        assert request.sha256 is not None
        before = self._known.get((request.stn, request.fetched_at, request.sha256))
        if before is not None and before.outcome not in LOADED:
            request = replace(request, outcome=before.outcome, message=before.message, http_status=before.http_status)
        self.note(request)

    def _as_before(self, request: LedgerRow) -> LedgerRow:
        """With the key that paid for it and the run that asked for it, which the archive does not know."""
        assert request.sha256 is not None
        before = self._known.get((request.stn, request.fetched_at, request.sha256))
        if before is None:
            return request
        return replace(request, key_id=before.key_id, dag_id=before.dag_id, run_id=before.run_id)

    def close(self) -> None:
        """Bring ``latest`` to what the stretch holds now. Last, since every loader of the dataset waits for those rows."""
        reach("stretch_loaded")
        if self.window is None:
            return
        self._clear(self.window)
        table = LATEST.c
        gone: set[int] = set()
        if self._emptied:
            mine = (
                (table.dataset == self.dataset) & (table.tm_kst > self.window.start) & (table.tm_kst <= self.window.end)
            )
            gone = set(self._connection.execute(sa.select(table.stn).where(mine)).scalars())
            self._connection.execute(LATEST.delete().where(mine))
        earlier = self._earlier(sorted(gone - set(self._last["stn"])))
        loader_for(self._connection).advance(self.dataset, pl.concat([self._last, earlier]))
        reach("stretch_closed")

    def _earlier(self, stations: list[int]) -> pl.DataFrame:
        """The last stamps with values before the stretch, of stations that have none in it any more."""
        found: list[tuple[int, datetime]] = []
        if stations:
            assert self.window is not None
            hours, table = COMPLETENESS_HOUR.c, OBSERVATIONS[self.dataset]
            last = sa.select(hours.stn, sa.func.max(hours.hour_kst)).group_by(hours.stn)
            mine = (hours.dataset == self.dataset) & (hours.hour_kst <= self.window.start) & (hours.present > 0)
            valued = sa.or_(*(table.c[column.name].is_not(None) for column in DATASETS[self.dataset].values))
            for stn, hour in self._connection.execute(last.where(mine, hours.stn.in_(stations))).all():
                within = (table.c.stn == stn) & (table.c.tm_kst > hour - HOUR) & (table.c.tm_kst <= hour) & valued
                stamp = self._connection.execute(sa.select(sa.func.max(table.c.tm_kst)).where(within)).scalar()
                if stamp is not None:
                    found.append((stn, stamp))
        return pl.DataFrame(found, schema=self._last.schema, orient="row")
