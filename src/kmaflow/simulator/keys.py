"""Keys, their quotas and what they have used, by the KST day of the simulator's clock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from kmaflow.simulator.answers import (
    BAD_KEY,
    NOT_APPLIED,
    OTHER_HOST,
    TOO_MUCH,
    TOO_OFTEN,
    Answer,
    json_error,
)
from kmaflow.simulator.settings import KeyGrant


@dataclass(slots=True)
class Used:
    """Calls and uncompressed body bytes."""

    calls: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """One more call with a body of `size` bytes."""
        self.calls += 1
        self.bytes += size


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as `/_sim/usage` lists it; `at` is KST, the key is not kept."""

    at: str
    operation: str
    query: str
    status: int
    bytes: int
    fault: str | None


class KeyDesk:
    """Checks keys and counts their use. Safe to use from several threads."""

    def __init__(self, grants: Iterable[KeyGrant], log_length: int) -> None:
        self._grants = {grant.key: grant for grant in grants}
        self._lock = threading.Lock()
        self._days: dict[tuple[str, date], Used] = {}
        self._operations: dict[str, Used] = {}
        self._log: deque[Logged] = deque(maxlen=log_length)
        self._requests = 0

    def refusal(self, key: str | None, operation: str, day: date) -> Answer | None:
        """The error this request gets, or None where it may be answered; counts nothing."""
        grant = self._grants.get(key or "")
        if grant is None:
            return json_error(401, BAD_KEY)
        if grant.other_host:
            return json_error(403, OTHER_HOST)
        if grant.operations is not None and operation not in grant.operations:
            return json_error(403, NOT_APPLIED)
        with self._lock:
            used = self._days.get((grant.key, day), Used())
            if used.calls >= grant.daily_calls:
                return json_error(403, TOO_OFTEN)
            return json_error(403, TOO_MUCH) if used.bytes >= grant.daily_bytes else None

    def count(self, key: str, operation: str, day: date, size: int) -> None:
        """Counts one call that was let in, whatever became of it."""
        with self._lock:
            self._days.setdefault((key, day), Used()).add(size)
            self._operations.setdefault(operation, Used()).add(size)

    def log(self, entry: Logged) -> None:
        """Keeps one line about a request, refused ones included."""
        with self._lock:
            self._requests += 1
            self._log.append(entry)

    def report(self) -> dict[str, Any]:
        """Use by key and day, by operation, the number of requests and the latest of them."""
        with self._lock:
            return {
                "requests": self._requests,
                "keys": [
                    {"key": key, "day": day.isoformat(), **asdict(used)} for (key, day), used in self._days.items()
                ],
                "operations": {name: asdict(used) for name, used in self._operations.items()},
                "log": [asdict(entry) for entry in self._log],
            }
