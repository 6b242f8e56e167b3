"""What the quota left unasked, as the ledger keeps it: whoever asks it later finds it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from kmaflow.catalog.time import Window
from kmaflow.collect.planning.calls import Call
from kmaflow.errors import KmaflowError
from kmaflow.hub.errors import QuotaSpent
from kmaflow.quota.limits import DayQuotaSpent
from kmaflow.store.ledger import DEFERRED, LONGEST, LedgerRow


def told(error: KmaflowError, *, code: bool = False) -> str:
    """Why a call brought nothing, in the ledger's words; with its code before them."""
    if isinstance(error, DayQuotaSpent):
        return f"not asked: {error.code}: {error.what}"
    return f"{error.code}: {error.what}" if code else error.what


def unasked(calls: Sequence[Call], dataset: str, *, now: datetime, key_id: str) -> Iterator[LedgerRow]:
    """Ledger rows that together cover the windows of these calls; ``now`` is naive KST."""
    for call in _stretches(calls):
        yield LedgerRow(
            dataset=dataset,
            window=call.window,
            stn=call.stn or 0,
            fetched_at=now,
            outcome=QuotaSpent.code,
            key_id=key_id,
            message="not asked: quota",
            kind=DEFERRED,
        )


def _stretches(calls: Sequence[Call]) -> list[Call]:
    """The same windows in few pieces: neighbours of one station become one, none longer than the ledger allows."""
    pieces: list[Call] = []
    for call in sorted(calls, key=lambda call: (call.stn or 0, call.window.start)):
        last = pieces[-1] if pieces else None
        if (
            last is not None
            and (last.stn, last.window.end) == (call.stn, call.window.start)
            and call.window.end - last.window.start <= LONGEST
        ):
            pieces[-1] = Call(Window(last.window.start, call.window.end), call.stn)
        else:
            pieces.append(call)
    return pieces
