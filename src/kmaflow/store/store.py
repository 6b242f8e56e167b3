"""The door to the observation database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.hub.parse import Parsed
from kmaflow.hub.station_list import ParsedStations
from kmaflow.store import ledger, stations
from kmaflow.store.engine import open_engine, reading, shown, writing
from kmaflow.store.errors import StoreForeign
from kmaflow.store.ledger import Fetch
from kmaflow.store.load import Loaded, keep_rejected, load
from kmaflow.store.stations import Station, StationChanges
from kmaflow.store.tables import (
    COMPLETENESS_HOUR,
    FETCH,
    METADATA,
    OBSERVATIONS,
    SERVICE_TABLES,
    STATION,
    V_STATION,
    tables_of,
)


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """Freshness of one dataset: rows with values, blank rows, first and last hour (ends, naive KST), last answer."""

    dataset: str
    present: int
    blank: int
    first_hour: datetime | None
    last_stamp: datetime | None
    last_fetch: datetime | None


class Store:
    """One observation database. Use as a context manager or call :meth:`dispose`.

    Raises (all methods):
        StoreError: the database cannot be used; nothing was written.
    """

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self.shown_url = shown(self.engine.url)
        self._ready: set[str] = set()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    def dispose(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def init(self, *, all_tables: bool = False) -> list[str]:
        """Make what is missing: service tables, and with ``all_tables`` every observation table. Gives the names made.

        Looked at once in the life of this object: every method begins with it.
        """
        wanted = {"service", *(DATASETS if all_tables else ())}
        if wanted <= self._ready:
            return []
        tables = [*SERVICE_TABLES]
        if all_tables:
            tables += [table for name in DATASETS for table in tables_of(name)]
        made = self._make(tables)
        self._ready |= wanted
        return made

    def ensure(self, dataset: str) -> None:
        """Make the tables that one dataset needs."""
        if dataset not in self._ready:
            self._make([*(() if "service" in self._ready else SERVICE_TABLES), *tables_of(dataset)])
            self._ready |= {"service", dataset}

    def _make(self, tables: list[sa.Table]) -> list[str]:
        with reading(self.engine) as connection:
            missing = self._missing(connection, tables)
        if not missing:
            return []
        # Look again under the write lock: another process may be doing the same.
        with writing(self.engine) as connection:
            missing = self._missing(connection, tables)
            METADATA.create_all(connection, tables=missing, checkfirst=False)
            if any(table.name == "station" for table in missing):
                connection.exec_driver_sql(V_STATION)
        return [table.name for table in missing]

    def _missing(self, connection: sa.Connection, tables: list[sa.Table]) -> list[sa.Table]:
        inspector = sa.inspect(connection)
        there = set(inspector.get_table_names())
        for table in tables:
            if table.name in there:
                found = {column["name"] for column in inspector.get_columns(table.name)}
                if lacking := [column.name for column in table.columns if column.name not in found]:
                    raise StoreForeign(
                        f"{self.shown_url}: the table {table.name} lacks the columns {', '.join(lacking)}"
                    )
        return [table for table in tables if table.name not in there]

    def probe(self) -> None:
        """Write and take back: proves that the database can be written without leaving anything."""
        with writing(self.engine) as connection:
            connection.execute(FETCH.delete().where(FETCH.c.id == -1))

    def load(self, parsed: Parsed, fetch: Fetch) -> Loaded:
        """One answer in one transaction: rows, revisions, ledger row, completeness."""
        self.ensure(parsed.dataset.name)
        with writing(self.engine) as connection:
            return load(connection, parsed, fetch)

    def note(self, fetch: Fetch) -> int:
        """A ledger row for a request that brought no rows; gives its id."""
        self.init()
        with writing(self.engine) as connection:
            return ledger.write(connection, fetch)

    def load_stations(self, parsed: ParsedStations, fetch: Fetch) -> StationChanges:
        """One station list and its ledger row in one transaction. A list older than the last one known changes nothing."""
        self.init()
        with writing(self.engine) as connection:
            last = ledger.last_success(connection, fetch.dataset)
            known = ledger.repeats_bytes(connection, fetch)
            fetch_id = ledger.write(connection, fetch)
            if not known:
                keep_rejected(connection, fetch.dataset, parsed.rejected, fetch_id)
            if last is not None and last > fetch.fetched_at:
                return StationChanges(total=parsed.rows.height)
            return stations.sync(connection, parsed, fetch.fetched_at)

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
            return ledger.last_success(connection, name)

    def reporting(self, dataset: str) -> set[int]:
        """Numbers of all stations that have ever had a row in the dataset."""
        self.init()
        with reading(self.engine) as connection:
            table = COMPLETENESS_HOUR.c
            return set(connection.execute(sa.select(table.stn).where(table.dataset == dataset).distinct()).scalars())

    def status(self) -> list[DatasetStatus]:
        """Freshness of every dataset."""
        self.init()
        with reading(self.engine) as connection:
            there = set(sa.inspect(connection).get_table_names())
            return [self._status(connection, name, name in there) for name in DATASETS]

    def _status(self, connection: sa.Connection, name: str, there: bool) -> DatasetStatus:
        hours = COMPLETENESS_HOUR.c
        counts = connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(hours.present), 0),
                sa.func.coalesce(sa.func.sum(hours.blank), 0),
                sa.func.min(hours.hour_kst),
            ).where(hours.dataset == name)
        ).one()
        last = connection.execute(sa.select(sa.func.max(OBSERVATIONS[name].c.tm_kst))).scalar() if there else None
        return DatasetStatus(name, counts[0], counts[1], counts[2], last, ledger.last_success(connection, name))

    def spent_since(self, moment: datetime) -> tuple[int, int]:
        """Calls and bytes of all requests since ``moment`` (naive KST)."""
        self.init()
        with reading(self.engine) as connection:
            query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(FETCH.c.bytes), 0))
            calls, size = connection.execute(
                query.where(FETCH.c.fetched_at >= moment, FETCH.c.key_id.is_not(None))
            ).one()
            return int(calls), int(size)
