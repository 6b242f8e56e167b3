"""A collector that does as it is told, in place of the core's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from kmaflow.catalog.time import Window
from kmaflow.errors import KmaflowError
from kmaflow.hub.errors import QuotaSpent
from kmaflow.store.ledger import LedgerRow


def quota_spent() -> QuotaSpent:
    """As the collector has it, of the first of March."""
    error = QuotaSpent("98 of 98 calls", kind="calls")
    error.until = datetime(2026, 3, 2)
    return error


@dataclass
class FakeChoice:
    stations: tuple[int, ...] | None

    def describe(self) -> str:
        return "all" if self.stations is None else f"{len(self.stations)} stations"


@dataclass
class FakeSync:
    synced: bool = True
    added: int = 2
    changed: int = 0
    closed: int = 0
    total: int = 2
    held: int = 0


@dataclass
class FakeResult:
    dataset: str
    window: Window
    rows: int = 7
    rejected: int = 0
    missing: list[str] = field(default_factory=list)
    error: KmaflowError | None = None
    deferred_until: datetime | None = None

    @property
    def complete(self) -> bool:
        return not self.missing and not self.rejected

    def summary(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "rows": self.rows,
            "missing": list(self.missing),
            "complete": self.complete,
            "deferred_until": f"{self.deferred_until:%Y-%m-%d %H:%M}" if self.deferred_until else None,
        }


@dataclass
class FakeCollector:
    """``refuse`` names the datasets whose window is refused, ``fail_check`` and ``fail_sync`` are raised."""

    refuse: dict[str, KmaflowError] = field(default_factory=dict)
    fail_check: KmaflowError | None = None
    fail_sync: KmaflowError | None = None
    asked: list[tuple[str, Window]] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)
    noted: list[LedgerRow] = field(default_factory=list)

    def open(self, **arguments: Any) -> Self:
        self.opened.append(arguments)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @property
    def store(self) -> Self:
        """Its own store."""
        return self

    def note(self, request: LedgerRow) -> None:
        self.noted.append(request)

    def sync_stations(self, max_age: timedelta | None = None) -> FakeSync:
        if self.fail_sync is not None:
            raise self.fail_sync
        return FakeSync()

    def choose_stations(self, text: str, datasets: Sequence[str] = ("aws_minute",)) -> FakeChoice:
        if self.fail_check is not None:
            raise self.fail_check
        return FakeChoice(None if text == "all" else tuple(int(part) for part in text.split(",")))

    def collect(self, dataset: str, window: Window, choice: FakeChoice) -> FakeResult:
        self.asked.append((dataset, window))
        error = self.refuse.get(dataset)
        return FakeResult(
            dataset,
            window,
            rows=0 if error else 7,
            missing=[f"{window}: refused"] if error else [],
            error=error,
            deferred_until=error.until if isinstance(error, QuotaSpent) else None,
        )
