"""The door to the observation database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.time import Window, now_kst
from kmaflow.failpoints import reach
from kmaflow.hub.parse import Parsed
from kmaflow.hub.station_list import ParsedStations
from kmaflow.store import ledger, stations
from kmaflow.store.engines import partitions
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import again, locks_of, open_engine, reading, shown, writing, writing_alone
from kmaflow.store.errors import StoreMonthGone
from kmaflow.store.ledger import LedgerRow
from kmaflow.store.load import Loaded, compare, load, load_list
from kmaflow.store.schema import upgrade
from kmaflow.store.schema.observations import tables_of
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LATEST, LEDGER, STATION
from kmaflow.store.stations import Station, StationChanges


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """Freshness of one dataset: rows with values, blank rows, end of the first hour, last stamp with a value
    (naive KST), last answer, cells that are not asked for any more, and what was assumed in reading it."""

    dataset: str
    present: int
    blank: int
    first_hour: datetime | None
    last_stamp: datetime | None
    last_answer: datetime | None
    given_up: int
    note: str | None = None


class Store:
    """One observation database. Use as a context manager or call :meth:`dispose`.

    Args:
        must_exist: for who only reads: the file of a SQLite database is not made.

    Raises (all methods):
        StoreMissing: it is not there.
        StoreError: the database cannot be used; nothing was written.
    """

    def __init__(self, url: str, *, must_exist: bool = False) -> None:
        self.engine = open_engine(url)
        self._must_exist = must_exist
        self.shown_url = shown(self.engine.url)
        self._ready: set[str] = set()
        self._months: set[tuple[str, str]] = set()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    def dispose(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def init(self, *, all_tables: bool = False) -> list[str]:
        """Make what is missing and bring up to date what is there: service tables and views, and with ``all_tables`` every observation table.

        Gives the names of the tables made or extended. Looked at once in the life of this object: every method begins with it.
        """
        wanted = {"service", *(DATASETS if all_tables else ())}
        if wanted <= self._ready:
            return []
        if self._must_exist:
            with reading(self.engine):
                pass
        changed = upgrade.make(self.engine, wanted - {"service"})
        self._ready |= wanted
        return changed

    def ensure(self, dataset: str, window: Window | None = None) -> None:
        """Make the tables that one dataset needs, and the partitions for a window's rows."""
        if dataset not in self._ready:
            upgrade.make(self.engine, [dataset])
            self._ready |= {"service", dataset}
        if window is not None:
            for table in tables_of(dataset):
                months = {(table.name, month) for month in partitions.months_of(window)}
                if not months <= self._months:
                    partitions.keep(self.engine, table.name, window)
                    self._months |= months

    def probe(self) -> None:
        """Write and take back: proves that the database can be written without leaving anything."""
        with writing(self.engine) as connection:
            connection.execute(LEDGER.delete().where(LEDGER.c.id == -1))

    def load(self, parsed: Parsed, request: LedgerRow) -> Loaded:
        """One answer in one transaction: rows, revisions, ledger row, completeness.

        A transaction that met another one, or lost its connection, is run again as a whole.
        """
        name = parsed.dataset.name

        def work() -> Loaded:
            self.ensure(name, request.window)
            with (
                self._months_looked_at(),
                writing_alone(self.engine, locks_of(name, request.window) if request.window else [name]) as connection,
            ):
                return load(connection, parsed, request)

        loaded = again(work)
        reach("committed")
        return loaded

    @contextmanager
    def _months_looked_at(self) -> Iterator[None]:
        """Retention may have dropped a month that was there before: then look again."""
        try:
            yield
        except StoreMonthGone:
            self._months.clear()
            raise

    def gave_rows_since(self, dataset: str, moment: datetime) -> bool:
        """Whether the hub has given rows of the dataset since a moment (naive KST)."""
        with reading(self.engine) as connection:
            return ledger.gave_rows_since(connection, dataset, moment)

    def windows_fail(self, dataset: str, step: timedelta) -> bool:
        """Whether the last answers for several stamps of all stations have all left out stamps."""
        with reading(self.engine) as connection:
            return ledger.windows_fail(connection, dataset, step)

    def asked_one_by_one(self, window_minutes: int) -> dict[str, str]:
        """The datasets whose calls for all stations ask for one stamp each instead of ``window_minutes``, and why."""
        self.init()
        with reading(self.engine) as connection:
            found = {name: ledger.asked_one_by_one(connection, name, window_minutes) for name in DATASETS}
        return {name: why for name, why in found.items() if why is not None}

    def imported(self, dataset: str) -> frozenset[str]:
        """The SHA-256 of everything that was imported into a dataset; nothing is made for it."""
        if not engine_of(self.engine).is_there(self.engine.url):
            return frozenset()
        with reading(self.engine) as connection:
            there = sa.inspect(connection).has_table(LEDGER.name)
            return ledger.imported(connection, dataset) if there else frozenset()

    def compare(self, parsed: Parsed, window: Window) -> tuple[int, int]:
        """Of the rows of an import, how many the table has already, and how many of those with other values; nothing is written."""
        if not engine_of(self.engine).is_there(self.engine.url):
            return 0, 0
        with reading(self.engine) as connection:
            if not sa.inspect(connection).has_table(parsed.dataset.name):
                return 0, 0
            return compare(connection, parsed, window)

    def note(self, request: LedgerRow) -> int:
        """A ledger row for a request that brought no rows; gives its id."""
        self.init()

        def work() -> int:
            with writing(self.engine) as connection:
                return ledger.write(connection, request)

        return again(work)

    def load_stations(self, parsed: ParsedStations, request: LedgerRow, *, force: bool = False) -> StationChanges:
        """One station list and its ledger row in one transaction. A list older than the last one known changes nothing, nor does one
        that would close many stations, until a second one agrees or ``force`` says so."""
        self.init()

        def work() -> StationChanges:
            with writing_alone(self.engine, [request.dataset]) as connection:
                return load_list(connection, parsed, request, force=force)

        return again(work)

    def done_since(self, dataset: str, moment: datetime, selection: str) -> set[tuple[datetime, datetime, int]]:
        """Windows (start, end, station or 0) whose answers were wholly loaded since ``moment`` (naive KST)."""
        self.init()
        with reading(self.engine) as connection:
            return ledger.done_since(connection, dataset, moment, selection)

    def stations(self) -> list[Station]:
        """The stations listed now."""
        self.init()
        with reading(self.engine) as connection:
            return stations.current(connection)

    def station_count(self) -> int:
        """How many entries both station lists have now; a number that is in both counts twice, as in a synchronisation."""
        self.init()
        with reading(self.engine) as connection:
            listed = sa.select(sa.func.count()).select_from(STATION).where(STATION.c.valid_to.is_(None))
            return connection.execute(listed).scalar_one()

    def last_answer(self, name: str) -> datetime | None:
        """When a dataset or station list was last answered, naive KST."""
        self.init()
        with reading(self.engine) as connection:
            return ledger.last_answer(connection, name)

    def held_lists(self) -> dict[str, tuple[datetime, str]]:
        """The station lists of which the last one is held: since when (naive KST), and why."""
        self.init()
        with reading(self.engine) as connection:
            found = {name: ledger.held_lists(connection, f"station_{name}") for name in STATION_LISTS}
        return {name: (held[0].fetched_at, held[-1].message) for name, held in found.items() if held}

    def status(self) -> list[DatasetStatus]:
        """Freshness of every dataset."""
        self.init()
        with reading(self.engine) as connection:
            return [self._status(connection, name) for name in DATASETS]

    def _status(self, connection: sa.Connection, name: str) -> DatasetStatus:
        hours = COMPLETENESS_HOUR.c
        counts = connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(hours.present), 0),
                sa.func.coalesce(sa.func.sum(hours.blank), 0),
                sa.func.min(hours.hour_kst),
            ).where(hours.dataset == name)
        ).one()
        last = connection.execute(sa.select(sa.func.max(LATEST.c.tm_kst)).where(LATEST.c.dataset == name)).scalar()
        answered, note = ledger.last_success(connection, name), ledger.last_note(connection, name)
        from kmaflow.store.coverage.gaps import abandoned  # numpy: not for who only stores

        given_up = abandoned(connection, name, now_kst())
        return DatasetStatus(name, counts[0], counts[1], counts[2], last, answered, given_up, note)
