"""The door to ``STATE_URL``: what all workers share, leases and the quota, whatever database the observations go to."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa

from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import open_engine, reading, server_time, shown
from kmaflow.store.errors import StoreMissing
from kmaflow.store.lease import Lease, sweep
from kmaflow.store.schema.upgrade import look_at_state, make_state

#: Leases of killed workers are removed a day later, looked for at the first lease.
_SWEEP_OLDER = 86_400.0
#: Seconds for which the server's clock is taken to go as this process's own does.
_ASK_TIME_EVERY = 10.0
_KST_AHEAD = timedelta(hours=9)


class State:
    """One state database. Thread-safe; use as a context manager or call :meth:`dispose`. Tables are made at the first use.

    Args:
        must_exist: as for :class:`kmaflow.store.Store`.

    Raises (all methods):
        StoreError: the database cannot be used.
    """

    def __init__(self, url: str, *, must_exist: bool = False) -> None:
        self._engine = open_engine(url)
        self._must_exist = must_exist
        self.shown_url = shown(self._engine.url)
        self._lock = threading.Lock()
        self._ready = False
        self._swept = False
        self._time: tuple[datetime, float] | None = None

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    def dispose(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @property
    def one_writer(self) -> bool:
        """Whether the database has one writer at a time: a SQLite file."""
        return engine_of(self._engine).one_writer

    def look(self) -> None:
        """Refuse what :meth:`init` would refuse (tables of others with our names), without making anything."""
        with suppress(StoreMissing):
            look_at_state(self._engine)

    def init(self) -> list[str]:
        """Make what is missing; gives the names of the tables made. Looked at once in the life of this object."""
        with self._lock:
            if self._must_exist and not self._ready:
                with reading(self._engine):
                    pass
            made = [] if self._ready else make_state(self._engine)
            self._ready = True
        return made

    @property
    def engine(self) -> sa.Engine:
        """The engine of a database that has its tables."""
        self.init()
        return self._engine

    def now(self) -> datetime:
        """The present moment by the server's clock, naive KST: the same for all workers, whatever their own clocks say."""
        known = self._time
        if known is None or time.monotonic() - known[1] >= _ASK_TIME_EVERY:
            with reading(self.engine) as connection:
                utc = connection.execute(sa.select(server_time(self._engine))).scalar_one()
            known = self._time = utc + _KST_AHEAD, time.monotonic()
        return known[0] + timedelta(seconds=time.monotonic() - known[1])

    def lease(self, name: str, *, ttl: float = 60.0) -> Lease:
        """A lease that is not taken yet.

        Args:
            name: what is to be done, for example ``aws_minute 202611221200-202611221210``; no secret.
            ttl: seconds after which it is free when its holder has died.
        """
        engine = self.engine
        if not self._swept:
            self._swept = True
            sweep(engine, _SWEEP_OLDER)
        return Lease(engine, name, ttl)
