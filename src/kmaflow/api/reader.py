"""The observation database for those who only read: a pool of its own, sessions that cannot write, statements that end in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import cached_property

import sqlalchemy as sa

from kmaflow.archive.archive import Archive
from kmaflow.catalog.time import Window, now_kst
from kmaflow.collect import Collector
from kmaflow.errors import UsageError
from kmaflow.read.frames import is_there
from kmaflow.read.place import Listing, listing
from kmaflow.read.tables import subject
from kmaflow.settings import Settings
from kmaflow.store import Store
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import reading
from kmaflow.store.ledger import LOADED, RETIRED, touching
from kmaflow.store.schema.service import API_TOKEN, LEDGER
from kmaflow.store.state import State

#: No statement may take longer.
STATEMENT_SECONDS = 30.0
#: Requests that read at the same time, of one process; as many connections, at most.
AT_A_TIME = 12
#: Seconds for which the list of stations is believed.
_LISTING_SECONDS = 60.0
#: What an answer can change of the tables: one that was unchanged does not.
_CHANGING = (*(outcome for outcome in LOADED if outcome != "unchanged"), RETIRED)


class ReadingStore(Store):
    """A store that makes nothing and changes nothing, whatever its user may do."""

    def __init__(self, url: str, seconds: float = STATEMENT_SECONDS) -> None:
        super().__init__(url)
        engine_of(self.engine).only_read(self.engine, seconds)

    def init(self, *, all_tables: bool = False) -> list[str]:  # noqa: ARG002
        """Nothing is made."""
        return []

    def ensure(self, dataset: str, window: Window | None = None) -> None:
        """Nothing is made."""


class ReadingState(State):
    """The state database, for who only looks: nothing is made, whatever its user may do."""

    def __init__(self, url: str, seconds: float = STATEMENT_SECONDS) -> None:
        super().__init__(url)
        engine_of(self._engine).only_read(self._engine, seconds)

    def init(self) -> list[str]:
        """Nothing is made."""
        return []


class Reader:
    """What the routes answer from. Thread-safe; :meth:`dispose` gives the connections back.

    Args:
        settings: gives the settings; asked once, when the first question comes.
        clock: naive KST now.
    """

    def __init__(self, settings: Callable[[], Settings], *, clock: Callable[[], datetime] = now_kst) -> None:
        self._settings = settings
        self.clock = clock
        self._lock = threading.RLock()
        self._listing: tuple[Listing, float] | None = None
        self._opened: ReadingStore | None = None
        self._state: ReadingState | None = None

    @cached_property
    def settings(self) -> Settings:
        """Read when the first question comes."""
        return self._settings()

    def url(self) -> str:
        """The database to be read."""
        return self.settings.read_url or self.settings.database_url

    @property
    def store(self) -> ReadingStore:
        """The database, opened when the first question comes."""
        with self._lock:
            if self._opened is None:
                self._opened = ReadingStore(self.url())
            return self._opened

    @property
    def state(self) -> ReadingState:
        """The database of quota and leases, opened when it is first asked for."""
        with self._lock:
            if self._state is None:
                self._state = ReadingState(self.settings.state_url)
            return self._state

    def dispose(self) -> None:
        """Give the connections back."""
        with self._lock:
            for opened in (self._opened, self._state):
                if opened is not None:
                    opened.dispose()

    def require_tables(self) -> None:
        """See that the database is one of kmaflow's.

        Raises:
            UsageError: it has no tables, or not those of this version.
            StoreError: it cannot be read.
        """
        with reading(self.store.engine) as connection:
            if not sa.inspect(connection).has_table(API_TOKEN.name):
                raise UsageError(
                    f"{self.store.shown_url} has no tables of this version of kmaflow",
                    ko=f"{self.store.shown_url}에 이 버전의 kmaflow 테이블이 없습니다",
                    todo_en="run kmaflow init once, with a user who may make tables",
                    todo_ko="테이블을 만들 수 있는 사용자로 kmaflow init을 한 번 실행하십시오",
                )

    def listing(self) -> Listing:
        """The stations, as they were listed at most a minute ago."""
        with self._lock:
            known = self._listing
            if known is None or time.monotonic() - known[1] > _LISTING_SECONDS:
                known = self._listing = listing(self.store), time.monotonic()
            return known[0]

    def has(self, dataset: str) -> bool:
        """Whether the dataset was ever loaded."""
        with reading(self.store.engine) as connection:
            return is_there(connection, subject(dataset))

    def mark(self, dataset: str, window: Window) -> int:
        """The last answer that may have changed the rows of a window, 0 = none: while it stays, so do they."""
        table = LEDGER.c
        newest = sa.select(sa.func.max(table.id)).where(
            table.dataset == dataset, table.outcome.in_(_CHANGING), touching(window)
        )
        with reading(self.store.engine) as connection:
            return connection.execute(newest).scalar() or 0

    def collector(self) -> Collector:
        """What tells the story of a cell: this store and the archive, no hub."""
        return Collector(self.settings, self.store, Archive(self.settings.archive_url), None)
