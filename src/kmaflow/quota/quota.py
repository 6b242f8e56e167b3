"""The budget of one key: every call is charged to it before it is made, by all workers of the key together.

Before a call, one short transaction locks the key's rows of the day, compares the sum over all classes with the ceiling, and charges one call
and the bytes that may come. After it, the bytes that came replace those reserved; this is written together with the next reservation,
or by :meth:`Quota.flush`. What is never settled (a killed worker, an answer that broke off) stays charged until midnight KST. So
the sum never exceeds the ceiling.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from kmaflow.catalog.time import DAY, floor_to, now_kst
from kmaflow.quota import tables
from kmaflow.quota.limits import (
    CLASSES,
    CallClass,
    Kind,
    Limits,
    Need,
    Spent,
    Usage,
    next_midnight,
    refusal,
    usage_day,
)
from kmaflow.quota.pace import Pace
from kmaflow.store.engines.database import again, reading, writing
from kmaflow.store.errors import StoreError, StoreLost
from kmaflow.store.state import State

log = logging.getLogger(__name__)

#: In these first minutes of a day a "quota spent" of the hub may mean the day before, since clocks differ.
_DOUBTFUL = timedelta(minutes=10)
#: Seconds for which the largest answers of all workers are taken as they were: what is reserved has room to spare.
_LOOK_EVERY = 10.0


@dataclass(eq=False, slots=True)
class Ticket:
    """The right to make one call. As a context manager it is settled at the end, whatever happened.

    Attributes:
        size: bytes reserved.
        call_kind: under this name the bytes that come are remembered, None = not at all.
        day: the KST day charged, ``YYYY-MM-DD``; ``ended``: the day on which the call ended, None while it is under way.
        came: the bytes that came, decompressed; None = unknown.
        made: whether the request reached the hub.
    """

    quota: Quota = field(repr=False)
    cls: CallClass
    size: int
    call_kind: str | None
    day: str
    ended: str | None = None
    came: int | None = None
    made: bool = True

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle(None)

    def settle(self, came: int | None, *, typical: bool = True, made: bool = True) -> None:
        """The call has ended: ``came`` bytes take the place of those reserved. A second time changes nothing.

        Args:
            came: decompressed; None = unknown, then those reserved stay charged.
            typical: False for a refusal: its size is no measure of what such calls bring.
            made: False where no request reached the hub: then the call is given back, too.
        """
        if self.ended is None:
            self.came, self.made = came, made
            self.call_kind = self.call_kind if typical and made and came is not None else None
            self.quota.end(self)

    def charges(self) -> Iterator[tuple[CallClass, str, Spent]]:
        """What settling adds (less, where it is negative): for which class, on which day, how much."""
        if not self.made:
            yield self.cls, self.day, Spent(-1, 0, -self.size)
            return
        if self.came is not None:
            yield self.cls, self.day, Spent(0, self.came, -self.size)
        if self.ended is not None and self.ended > self.day:
            # Over midnight: the hub may count it to either day, so it is charged to both.
            yield self.cls, self.ended, Spent(1, self.came or 0, self.size if self.came is None else 0)


class Quota:
    """The budget of one key. Thread-safe; as a context manager it is flushed at the end.

    Args:
        state: where it is kept; all workers of the key must use the same.
        key_id: the first 12 hex digits of the key's SHA-256.
        limits: of the day, shared by all workers; of the second and the moment, for this object alone.
        live_need: what live data still needs from a moment (naive KST) until midnight; 1.2 times that is kept back from backfill.
        clock: naive KST now: it decides which day is charged. Default: the clock of the state database's server, the same for all workers.

    Raises (all methods):
        StoreError: the state database cannot be used.
    """

    def __init__(
        self,
        state: State,
        key_id: str,
        limits: Limits,
        *,
        live_need: Callable[[datetime], Need] = lambda _: Need(),
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.key_id = key_id
        self.limits = limits
        self._state = state
        self._live_need = live_need
        self._clock = clock or state.now
        self._own_clock = clock or now_kst
        self._pace = Pace(limits.calls_per_second, limits.concurrent_calls)
        self._lock = threading.Lock()
        self._ended: list[Ticket] = []
        self._sizes: dict[str, int] = {}
        self._looked = -_LOOK_EVERY

    def __enter__(self) -> Quota:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def reserve(self, cls: CallClass, *, size: int, call_kind: str | None = None) -> Ticket:
        """Charge a call before it is made. Waits for the pace of this process, not for other workers.

        Args:
            cls: who asks: live, repair or backfill.
            size: bytes that may come.
            call_kind: under this name the bytes that come are remembered; at most 64 characters.

        Raises:
            DayQuotaSpent: no more today; nothing was charged.
        """
        if cls not in CLASSES or size < 0:
            raise ValueError(f"no reservation: {cls!r}, {size} bytes")
        with ExitStack() as stack:
            self._pace.enter()
            stack.callback(self._pace.leave)
            self._pace.take_turn()
            need = self._need(cls)
            ticket = again(lambda: self._charge(cls, size, call_kind, need))
            stack.pop_all()
        return ticket

    def end(self, ticket: Ticket) -> None:
        """A call has ended: another one of this process may begin. It is settled with the next reservation, or by :meth:`flush`."""
        ticket.ended = usage_day(self._clock())
        with self._lock:
            self._ended.append(ticket)
        self._pace.leave()

    def flush(self) -> None:
        """Settle the calls that have ended. Where that fails they stay charged as reserved: logged, never raised, since the answers are here."""

        def work() -> None:
            with self._settling() as ended, writing(self._state.engine) as connection:
                self._write(connection, ended, {})

        try:
            if self._ended:
                again(work)
        except StoreError as error:
            log.warning("key %s: not settled, what was reserved stays charged: %s", self.key_id, error.what)

    def exhausted_by_hub(self, kind: Kind) -> datetime:
        """The hub says that calls or bytes are used up: nobody asks until the time given back, the next 00:00 (naive KST).

        In the first 10 minutes of a day it may mean the day before: then until their end.
        """
        now = self._clock()
        until = next_midnight(now)
        if now - floor_to(now, DAY) < _DOUBTFUL:
            until = floor_to(now, DAY) + _DOUBTFUL
        self.set_exhausted(kind, "hub", until)
        return self._by_own_clock(until)

    def set_exhausted(self, kind: Kind, by: Literal["hub", "ceiling"], until: datetime) -> None:
        """Note for all workers that calls or bytes are used up until then (naive KST). Only the hub's word stops them."""

        def work() -> None:
            with writing(self._state.engine) as connection:
                tables.usage_locked(connection, self.key_id, self._clock())
                tables.set_exhausted(connection, self.key_id, kind, by, until)

        again(work)

    def closed_until(self, cls: CallClass) -> datetime | None:
        """Until when not even one more call of a class may be made, naive KST; None if it may."""
        refused = refusal(self.spent(), self.limits, cls, 0, self._clock(), self._need(cls))
        return None if refused is None else self._by_own_clock(refused.until)

    def spent(self) -> Usage:
        """What is charged to this KST day."""
        self.flush()
        with reading(self._state.engine) as connection:
            return tables.usage(connection, self.key_id, self._clock())

    def sizes(self) -> Mapping[str, int]:
        """Bytes of the largest answer to each kind of call: this worker's, and those of the others as they were up to 10 s ago."""
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            with reading(self._state.engine) as connection:
                self._note_sizes(tables.sizes(connection, self.key_id))
            self._looked = time.monotonic()
        return self._sizes

    # ------------------------------------------------------------------------------------------------- one transaction

    def _charge(self, cls: CallClass, size: int, call_kind: str | None, need: Need) -> Ticket:
        now = self._clock()
        day = usage_day(now)
        with self._settling() as ended, writing(self._state.engine) as connection:
            usage = tables.usage_locked(connection, self.key_id, now).plus(
                {one: more for (one, on), more in _sums(ended).items() if on == day}
            )
            refused = refusal(usage, self.limits, cls, size, now, need)
            if refused is not None and refused.by == "ceiling" and usage.exhausted is None:
                tables.set_exhausted(connection, self.key_id, refused.kind, "ceiling", refused.until)
            self._write(connection, ended, {} if refused else {(cls, day): Spent(1, 0, size)})
        if refused is not None:
            refused.until = self._by_own_clock(refused.until)
            raise refused
        return Ticket(self, cls, size, call_kind, day)

    def _need(self, cls: CallClass) -> Need:
        """What is kept back from a class."""
        return self._live_need(self._clock()) if cls == "backfill" else Need()

    def _by_own_clock(self, until: datetime) -> datetime:
        """Later, where this machine's clock, by which callers wait, is ahead of the server's: they would come back too early."""
        return until + max(self._own_clock() - self._clock(), timedelta(0))

    def _write(
        self, connection: sa.Connection, ended: list[Ticket], reserved: Mapping[tuple[CallClass, str], Spent]
    ) -> None:
        """Settle, reserve, and keep the sizes that are larger than those known."""
        for (cls, day), more in sorted(_sums(ended, reserved).items()):
            tables.add(connection, self.key_id, cls, day, more)
        for kind, size in _largest(ended).items():
            if size > self._sizes.get(kind, -1):
                tables.remember(connection, self.key_id, kind, size)

    @contextmanager
    def _settling(self) -> Iterator[list[Ticket]]:
        """The calls that have ended, to be settled by the transaction made inside; they are kept where it fails."""
        with self._lock:
            ended, self._ended = self._ended, []
        kept = ended
        try:
            yield ended
            kept = []
            self._note_sizes(_largest(ended))
        except StoreLost as error:
            # Perhaps it is written: twice would give back what others have spent.
            kept = []
            if ended:
                log.warning("key %s: %d calls are perhaps not settled: %s", self.key_id, len(ended), error.what)
            raise
        finally:
            with self._lock:
                self._ended[:0] = kept

    def _note_sizes(self, sizes: Mapping[str, int]) -> None:
        with self._lock:
            self._sizes |= {kind: max(size, self._sizes.get(kind, 0)) for kind, size in sizes.items()}


def _sums(
    ended: Iterable[Ticket], reserved: Mapping[tuple[CallClass, str], Spent] | None = None
) -> dict[tuple[CallClass, str], Spent]:
    sums: dict[tuple[CallClass, str], Spent] = defaultdict(Spent, reserved or {})
    for ticket in ended:
        for cls, day, more in ticket.charges():
            sums[cls, day] += more
    return sums


def _largest(ended: Iterable[Ticket]) -> dict[str, int]:
    largest: dict[str, int] = {}
    for ticket in ended:
        if ticket.call_kind is not None and ticket.came is not None:
            largest[ticket.call_kind] = max(ticket.came, largest.get(ticket.call_kind, 0))
    return largest


def spent_by_all(state: State, now: datetime) -> list[Usage]:
    """What is charged to the day of ``now`` (naive KST), for every key that was used.

    Raises:
        StoreError: the state database cannot be used.
    """
    with reading(state.engine) as connection:
        return [tables.usage(connection, key, now) for key in tables.keys_of(connection, usage_day(now))]
