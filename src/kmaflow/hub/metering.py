"""What the client asks before and after each call: the quota, as the hub's side sees it. The quota itself is kept by ``store``."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Literal, Protocol

from kmaflow.hub.errors import HubError, QuotaSpent


class Ticket(Protocol):
    """One call that was let in. Left as a context manager it is settled, one way or the other."""

    def __enter__(self) -> Ticket: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def settle(self, size: int | None, *, typical: bool = True, made: bool = True) -> None:
        """So many bytes came (decompressed), None = nobody knows. ``typical``: such calls will bring as many again; ``made``: the hub was
        reached at all.
        """


class Meter(Protocol):
    """Lets calls in."""

    def reserve(self, name: str, stamps: int, stn: int | None) -> Ticket:
        """Before a call for a dataset or station list: so many stamps, one station or (None) all.

        Raises:
            QuotaSpent: no more today; the hub must not be asked.
            TransientHubError: no call could be let in for too long.
        """

    def exhausted(self, kind: Literal["calls", "bytes"]) -> datetime:
        """The hub says that they are used up: nobody asks until the time given back (naive KST)."""


def settle_refused(meter: Meter, ticket: Ticket, error: HubError) -> None:
    """After a call that brought no answer: what came is charged, and a spent quota is told to every worker."""
    came = len(error.body) if error.status is not None else 0 if not error.sent else None
    ticket.settle(came, typical=False, made=error.sent)
    if isinstance(error, QuotaSpent):
        error.until = meter.exhausted(error.kind)
