"""The quota of one key, shared by all its workers: nobody calls the hub without having been let in here.

A call is let in by one short transaction that holds the key's row: it compares the sum over all classes of the day with the ceiling,
charges calls and bytes, and says when the call may begin. After the call the bytes that came replace those reserved; what never
settles (a killed worker, an answer that broke off) stays charged until midnight KST. So the sum never exceeds the ceiling.

Calls under way hold one of ``concurrent_calls`` leases each; a worker that is killed frees it within a minute. The last one is not for
backfill, so live data never waits for history.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from kmaflow.catalog.time import DAY, floor_to, now_kst
from kmaflow.store import quota_books
from kmaflow.store.engines.database import reading, writing
from kmaflow.store.lease import Lease, live_leases, pauses
from kmaflow.store.quota_limits import (
    CLASSES,
    KEPT_BACK_FROM,
    CallClass,
    DayQuotaSpent,
    Kind,
    Limits,
    Need,
    NoFreeCall,
    Spent,
    Usage,
    day_of,
    estimate,
    next_midnight,
    refusal,
)
from kmaflow.store.retry import again
from kmaflow.store.settlement import Settled, Settlement, Ticket
from kmaflow.store.state import State

#: A call under way is renewed for as long as it lasts; a killed worker's is free after so many seconds.
_CALL_TTL = 60.0
#: In these first minutes of a day a "quota spent" of the hub may mean the day before, since clocks differ.
_DOUBTFUL = timedelta(minutes=10)
#: For so many seconds this worker's own largest answers stand for those of all workers: what is reserved has room to spare.
_LOOK_EVERY = 10.0
#: A queue longer than this (seconds) is no queue: the server's clock was set back.
_LONGEST_QUEUE = 60.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    cls: CallClass
    calls: int
    size: int
    live_need: Need
    such: str | None


class Quota:
    """The quota of one key. Thread-safe.

    Args:
        state: where it is kept; all workers of the key must use the same.
        key_id: the first 12 hex digits of the key's SHA-256.
        limits: of the day, the second and the moment.
        live_need: what live data still needs from a moment (naive KST) until midnight; 1.2 times that is kept back from backfill.
        clock: naive KST now, the clock by which the hub is asked: it decides which day is charged. Turns and places go by the
            server's clock.
        with_next: answers are settled together with the next reservation (or by :meth:`flush`), which also takes over their place among
            the calls under way: for a worker that asks call after call, or loads into the same SQLite file, which has one writer at a time.
            Not where there is only one place: it would never be free for others.

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
        clock: Callable[[], datetime] = now_kst,
        with_next: bool = False,
    ) -> None:
        self.key_id = key_id
        self.limits = limits
        self._state = state
        self._live_need = live_need
        self._clock = clock
        self._looked: dict[str, float] = {}
        self._settlement = Settlement(state, key_id, clock, with_next=with_next and limits.concurrent_calls > 1)

    def estimate(self, such: str, stamps: int, stations: int) -> int:
        """Bytes to reserve: 1.25 x the most seen for such a call, at first stamps x stations x 140.

        Args:
            such: what makes calls alike, for example ``aws_minute 10 all``; at most 64 characters.
        """
        most = self._settlement.seen.get(such)
        if time.monotonic() - self._looked.get(such, -_LOOK_EVERY) >= _LOOK_EVERY:
            with reading(self._state.engine) as connection:
                most = quota_books.most_seen(connection, self.key_id, such)
            self._looked[such] = time.monotonic()
        if most is not None:
            self._settlement.seen[such] = most
        return estimate(stamps, stations, most)

    def reserve(
        self, cls: CallClass, *, size: int, calls: int = 1, such: str | None = None, patience: float = 600.0
    ) -> Ticket:
        """Charge calls before they are made. Waits for a place among the calls under way, and for its turn.

        Args:
            cls: who asks: live, repair or backfill.
            size: bytes that may come, see :meth:`estimate`.
            such: under this name the bytes that come are remembered.
            patience: seconds to wait for a place.

        Raises:
            DayQuotaSpent: no more today; nothing was charged.
            NoFreeCall: no place became free.
        """
        if cls not in CLASSES or calls < 1 or size < 0:
            raise ValueError(f"no reservation: {cls!r}, {calls} calls, {size} bytes")
        need = self._live_need(self._clock()) if cls in KEPT_BACK_FROM else Need()
        wanted = _Wanted(cls, calls, size, need, such)
        try:
            ticket, wait = self._let_in(wanted, patience)
        except DayQuotaSpent as spent:
            if spent.by == "ceiling" and self.spent().exhausted is None:
                self._exhausted(spent.kind, "ceiling", spent.until)
            raise
        with ExitStack() as stack:
            stack.enter_context(ticket)
            time.sleep(wait)
            stack.pop_all()
        return ticket

    def settle(self, ticket: Ticket, size: int | None, *, typical: bool = True, made: bool = True) -> None:
        """As :meth:`Settlement.settle`."""
        self._settlement.settle(ticket, size, typical=typical, made=made)

    def flush(self) -> None:
        """Settle what waits for the next reservation."""
        self._settlement.flush()

    def exhausted_by_hub(self, kind: Kind) -> datetime:
        """The hub says that calls or bytes are used up: nobody asks until the time given back, the next 00:00 (naive KST).

        In the first 10 minutes of a day it may mean the day before: then until their end.
        """
        now = self._clock()
        until = next_midnight(now)
        if now - floor_to(now, DAY) < _DOUBTFUL:
            until = floor_to(now, DAY) + _DOUBTFUL
        self._exhausted(kind, "hub", until)
        return until

    def seen(self) -> dict[str, int]:
        """Bytes of the largest answer to each kind of call."""
        with reading(self._state.engine) as connection:
            return quota_books.all_seen(connection, self.key_id)

    def closed_until(self, cls: CallClass) -> datetime | None:
        """Until when not even one more call of a class would be let in, naive KST; None if one would."""
        need = self._live_need(self._clock()) if cls in KEPT_BACK_FROM else Need()
        with reading(self._state.engine) as connection:
            usage = quota_books.usage(connection, self.key_id, self._clock())
        closed = refusal(usage, self.limits, cls, 1, 0, self._clock(), need)
        return None if closed is None else closed.until

    def spent(self) -> Usage:
        """What is charged to this KST day."""
        with reading(self._state.engine) as connection:
            return quota_books.usage(connection, self.key_id, self._clock())

    # ------------------------------------------------------------------------------------------------- one transaction

    def _let_in(self, wanted: _Wanted, patience: float) -> tuple[Ticket, float]:
        """The ticket, and the seconds until its turn."""
        end = time.monotonic() + patience
        waits = pauses(0.5)
        while (got := again(lambda: self._charge(wanted))) is None:
            free = False
            while not free:
                if time.monotonic() >= end:
                    count = self.limits.concurrent_calls
                    raise NoFreeCall(f"key {self.key_id}: {count} calls were under way for {patience:g} s")
                time.sleep(next(waits))
                with reading(self._state.engine) as connection:
                    # Only who sees a place free asks for the right to write.
                    now = self._clock()
                    self._judge(quota_books.usage(connection, self.key_id, now), wanted, now)
                    free = self._free_place(connection, wanted.cls) is not None
        if not got[0].place.held:
            got[0].place.keep()
        return got

    def _charge(self, wanted: _Wanted) -> tuple[Ticket, float] | None:
        """As :meth:`_let_in`; None where every place is taken."""
        gap = timedelta(seconds=wanted.calls / self.limits.calls_per_second)
        queue = timedelta(seconds=max(_LONGEST_QUEUE, gap.total_seconds() * self.limits.concurrent_calls))
        with self._settlement.waiting() as waiting, writing(self._state.engine) as connection:
            now = self._clock()
            books = quota_books.books_held(connection, self.key_id, now)
            charges: dict[tuple[CallClass, str], Spent] = defaultdict(Spent)
            for ticket, came in waiting:
                self._settlement.remember(connection, ticket, came)
                for cls, day, more in self._settlement.charges(ticket, came):
                    charges[cls, day] += more
            settled = {cls: more for (cls, day), more in charges.items() if day == books.usage.day}
            self._judge(books.usage.plus(settled), wanted, now)
            place = self._handed_on(waiting, wanted.cls)
            for ticket, _ in waiting:
                if ticket.place is not place:
                    ticket.place.release_within(connection)
            place = place or self._free_place(connection, wanted.cls)
            got = place is not None and (place.held or place.take_within(connection))
            if got:
                charges[wanted.cls, books.usage.day] += Spent(wanted.calls, 0, wanted.size)
            for (cls, day), more in charges.items():
                quota_books.add(connection, self.key_id, cls, day, more)
            if place is None or not got:
                return None
            turn = books.following if timedelta(0) < books.following - books.now < queue else books.now
            quota_books.set_next_call(connection, self.key_id, turn + gap)
        new = Ticket(self._settlement, wanted.cls, wanted.calls, wanted.size, wanted.such, books.usage.day, turn, place)
        return new, (turn - books.now).total_seconds()

    def _judge(self, usage: Usage, wanted: _Wanted, now: datetime) -> None:
        """Whether it may be charged to the day of ``now``."""
        if spent := refusal(usage, self.limits, wanted.cls, wanted.calls, wanted.size, now, wanted.live_need):
            raise spent

    def _handed_on(self, waiting: list[Settled], cls: CallClass) -> Lease | None:
        """The place of a call of the same class that has ended: nothing has to be given back and taken."""
        return next((ticket.place for ticket, _ in waiting if ticket.cls == cls and ticket.place.held), None)

    def _free_place(self, connection: sa.Connection, cls: CallClass) -> Lease | None:
        """A place among the calls under way that nobody has, not taken yet."""
        count = self.limits.concurrent_calls
        names = [f"call {self.key_id} {number}" for number in range(1 if cls == "backfill" and count > 1 else 0, count)]
        taken = live_leases(connection, names)
        # From the end: the first is the one that backfill may not have.
        return next((Lease(self._state.engine, name, _CALL_TTL) for name in reversed(names) if name not in taken), None)

    def _exhausted(self, kind: Kind, by: Literal["hub", "ceiling"], until: datetime) -> None:
        def work() -> None:
            with writing(self._state.engine) as connection:
                quota_books.lock_key(connection, self.key_id)
                quota_books.set_exhausted(connection, self.key_id, kind, by, until)

        again(work)


def spent_by_all(state: State, now: datetime) -> list[Usage]:
    """What is charged to the day of ``now`` (naive KST), for every key that was used.

    Raises:
        StoreError: the state database cannot be used.
    """
    with reading(state.engine) as connection:
        return [quota_books.usage(connection, key, now) for key in quota_books.keys_of(connection, day_of(now))]
