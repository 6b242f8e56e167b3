"""After the call: the bytes that came take the place of those reserved, and the place among the calls under way is given back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa

from kmaflow.store import quota_books
from kmaflow.store.engines.database import writing
from kmaflow.store.errors import StoreError, StoreLost
from kmaflow.store.lease import Lease
from kmaflow.store.quota_limits import CallClass, Spent, day_of
from kmaflow.store.retry import again
from kmaflow.store.state import State

log = logging.getLogger(__name__)


class Ticket:
    """The right to make the calls that were reserved. As a context manager it gives its place back, settled or not.

    Attributes:
        day: the KST day charged, ``YYYY-MM-DD``.
        calls / reserved: what was charged, in calls and bytes.
        such: under this name the bytes that come are remembered, None = not at all.
        turn: when the first call may begin: naive UTC by the server's clock.
    """

    def __init__(
        self,
        settlement: Settlement,
        cls: CallClass,
        calls: int,
        reserved: int,
        such: str | None,
        day: str,
        turn: datetime,
        place: Lease,
    ) -> None:
        self.cls = cls
        self.calls = calls
        self.reserved = reserved
        self.such = such
        self.day = day
        self.turn = turn
        self.place = place
        self.open = True
        self.made = True
        self._settlement = settlement

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle(None)

    def settle(self, size: int | None, *, typical: bool = True, made: bool = True) -> None:
        """As :meth:`Settlement.settle`."""
        self._settlement.settle(self, size, typical=typical, made=made)


#: A ticket, and the bytes that came.
Settled: TypeAlias = tuple[Ticket, int]
#: Who spends, the KST day, and how much more (less, where it is negative).
Charge: TypeAlias = tuple[CallClass, str, Spent]


class Settlement:
    """Settles the tickets of one key. Thread-safe.

    Args:
        with_next: settle together with the next reservation, or at :meth:`flush`.
    """

    def __init__(self, state: State, key_id: str, clock: Callable[[], datetime], *, with_next: bool = False) -> None:
        #: The largest answer to each kind of call, as far as this worker knows.
        self.seen: dict[str, int] = {}
        self._state = state
        self._key_id = key_id
        self._clock = clock
        self._with_next = with_next
        self._waiting: list[Settled] = []
        self._lock = threading.Lock()

    def settle(self, ticket: Ticket, size: int | None, *, typical: bool = True, made: bool = True) -> None:
        """Put the bytes that came (decompressed) in the place of those reserved. A second time changes nothing.

        None: nobody knows how many came; then those reserved stay charged until midnight. So they do where the books cannot be
        written: that is logged, never raised, since the answer is here.

        Args:
            typical: False for a refusal: its size is no measure of what such calls bring.
            made: False where no request reached the hub: then the calls are given back, too.
        """
        if not ticket.open:
            return
        ticket.open = False
        ticket.made = made
        if not typical:
            ticket.such = None
        if self._with_next and typical and size is not None:
            with self._lock:
                self._waiting.append((ticket, size))
            return
        self._settle(ticket, size)

    def flush(self) -> None:
        """Settle what waits for the next reservation."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for ticket, size in waiting:
            self._settle(ticket, size)

    @contextmanager
    def waiting(self) -> Iterator[list[Settled]]:
        """What waits, to be written in the transaction that the caller makes inside; it waits on where that fails."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        kept = waiting
        try:
            yield waiting
            kept = []
        except StoreLost as error:
            # Perhaps it is written: twice would give back what others have spent.
            kept = []
            for ticket, _ in waiting:
                log.warning("key %s: a call is perhaps not settled: %s", self._key_id, error.what)
                ticket.place.release()
            raise
        finally:
            with self._lock:
                self._waiting[:0] = kept
        for ticket, size in waiting:
            self._note_seen(ticket, size)

    def charges(self, ticket: Ticket, size: int | None) -> list[Charge]:
        """What settling adds to the books."""
        today = day_of(self._clock())
        if not ticket.made:
            return [(ticket.cls, ticket.day, Spent(-ticket.calls, 0, -ticket.reserved))]
        found = [] if size is None else [(ticket.cls, ticket.day, Spent(0, size, -ticket.reserved))]
        if today > ticket.day:
            # Over midnight: the hub may count it to either day, so it is charged to both.
            found.append((ticket.cls, today, Spent(ticket.calls, size or 0, ticket.reserved if size is None else 0)))
        return found

    def remember(self, connection: sa.Connection, ticket: Ticket, size: int | None) -> None:
        """Write down the size of an answer that is larger than those before."""
        if ticket.made and ticket.such is not None and size is not None and size > self.seen.get(ticket.such, -1):
            quota_books.remember(connection, self._key_id, ticket.such, size)

    def _settle(self, ticket: Ticket, size: int | None) -> None:
        def work() -> None:
            charges = self.charges(ticket, size)
            try:
                with writing(self._state.engine) as connection:
                    if any(day != ticket.day for _, day, _ in charges):
                        quota_books.lock_key(connection, self._key_id)
                    for charge in charges:
                        quota_books.add(connection, self._key_id, *charge)
                    self.remember(connection, ticket, size)
                    ticket.place.release_within(connection)
            except StoreLost as error:
                # Perhaps it is written: twice would give back what others have spent.
                log.warning("key %s: a call is perhaps not settled: %s", self._key_id, error.what)
            else:
                self._note_seen(ticket, size)

        try:
            again(work)
        except StoreError as error:
            log.warning("key %s: a call is not settled, its reserve stays charged: %s", self._key_id, error.what)
        finally:
            # Where it could not be given back together with the bytes; else there is nothing left to do.
            ticket.place.release()

    def _note_seen(self, ticket: Ticket, size: int | None) -> None:
        if size is not None and ticket.such is not None:
            self.seen[ticket.such] = max(size, self.seen.get(ticket.such, 0))
