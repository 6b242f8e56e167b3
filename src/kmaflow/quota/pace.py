"""How fast this process asks: calls begun in a second, and calls under way at a time. Other processes have a pace of their own."""

from __future__ import annotations

import threading
import time


class Pace:
    """Bounds the calls of this process. Thread-safe: whoever came first goes first.

    Args:
        per_second: calls begun in a second.
        at_once: calls under way at a time.
    """

    def __init__(self, per_second: float, at_once: int) -> None:
        self._gap = 1 / per_second
        self._places = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._next = 0.0

    def enter(self) -> None:
        """Wait for one of the places; it is given back by :meth:`leave`."""
        self._places.acquire()

    def leave(self) -> None:
        """Give the place back."""
        self._places.release()

    def take_turn(self) -> None:
        """Wait until the next call may begin."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        time.sleep(turn - now)
