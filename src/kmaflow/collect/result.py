"""What collecting one dataset over one window came to, and what the quota left unasked, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kmaflow.catalog.time import Window
from kmaflow.collect.planning.calls import Call
from kmaflow.errors import KmaflowError
from kmaflow.hub.errors import NotYetProduced, QuotaSpent
from kmaflow.quota.limits import DayQuotaSpent
from kmaflow.store.ledger import DEFERRED, LONGEST, LedgerRow


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of calls and rows.

    Attributes:
        planned: calls of the plan.
        calls / bytes: requests made (retries and halves included), and what they brought.
        rows: rows in the answers for the chosen stations.
        inserted / updated / revised: what changed in the database.
    """

    planned: int = 0
    calls: int = 0
    bytes: int = 0
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    revised: int = 0

    def counts(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in Tally.__slots__}

    def count(self, other: Tally) -> None:
        """Add another's counts."""
        for name, more in other.counts().items():
            setattr(self, name, getattr(self, name) + more)


@dataclass(slots=True)
class DatasetResult(Tally):
    """What collecting one dataset over one window came to.

    Attributes:
        done: calls of the plan that are finished.
        blank: rows that hold sentinels only.
        rejected: lines that are no rows (kept in ``rejected_line``).
        missing: stretches that are not there, each with why.
        error: the first error, None if there was none.
        deferred_until: naive KST; the quota left something unasked, and asking before then is of no use. None where it did not.
        last_stamp: the youngest stamp among the rows, naive KST.
    """

    dataset: str
    window: Window
    done: int = 0
    blank: int = 0
    rejected: int = 0
    missing: list[str] = field(default_factory=list)
    error: KmaflowError | None = None
    deferred_until: datetime | None = None
    last_stamp: datetime | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        """Rows that were there already as they are."""
        return self.rows - self.inserted - self.updated

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: no window refused, not asked, not yet produced, no line rejected."""
        return not self.missing and not self.rejected

    @property
    def failed(self) -> bool:
        """Whether nothing at all came, for a reason that is neither the observations' age nor the quota."""
        young = self.deferred_until is not None or isinstance(self.error, NotYetProduced)
        return self.rows == 0 and self.error is not None and not young

    def summary(self) -> dict[str, Any]:
        """The counts as plain JSON values."""
        return {
            "dataset": self.dataset,
            "from": f"{self.window.start:%Y-%m-%d %H:%M}",
            "to": f"{self.window.end:%Y-%m-%d %H:%M}",
            **{name: count for name, count in self.counts().items() if name != "planned"},
            "blank": self.blank,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "complete": self.complete,
            "missing": list(self.missing),
            "error": str(self.error) if self.error else None,
            "deferred_until": f"{self.deferred_until:%Y-%m-%d %H:%M}" if self.deferred_until else None,
            "last_stamp": f"{self.last_stamp:%Y-%m-%d %H:%M}" if self.last_stamp else None,
            "notes": list(self.notes),
        }


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
