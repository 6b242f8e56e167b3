"""The simulator's clock and the stamps on rows.

All times are KST, fixed at +09:00; there is no daylight saving.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone

KST = timezone(timedelta(hours=9), "KST")
_EPOCH = datetime(1970, 1, 1)
_MINUTE = timedelta(minutes=1)


def minute_of(stamp: datetime) -> int:
    """Minutes from 1970-01-01 00:00 KST to an offset-free KST time, rounded down."""
    return (stamp - _EPOCH) // _MINUTE


def stamp_of(minute: int) -> datetime:
    """The offset-free KST time of a minute number."""
    return _EPOCH + minute * _MINUTE


def stamp_text(minute: int) -> str:
    """A minute number as the hub prints it: YYYYMMDDHHMM."""
    stamp = stamp_of(minute)
    return f"{stamp.year:04d}{stamp.month:02d}{stamp.day:02d}{stamp.hour:02d}{stamp.minute:02d}"


def parse_stamp(text: str | None) -> int | None:
    """Minute number of YYYYMMDD[HH[mm]]; None where the text is no such time.

    `2400` is not a time to this hub.
    """
    if text is None or len(text) not in (8, 10, 12) or not (text.isascii() and text.isdigit()):
        return None
    padded = text.ljust(12, "0")
    try:
        return minute_of(datetime.strptime(padded, "%Y%m%d%H%M"))
    except ValueError:
        return None


def months_before(now: datetime, months: int) -> datetime:
    """The same wall time `months` calendar months earlier; the day is cut to the 28th so that it exists."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return now.replace(year=year, month=month + 1, day=min(now.day, 28))


class Clock:
    """Tells the KST time of the simulation: real, standing still, or running faster than real time."""

    def __init__(self, now: datetime | None = None, speed: float | None = None) -> None:
        self._lock = threading.Lock()
        self.set(now, speed)

    def set(self, now: datetime | None = None, speed: float | None = None) -> None:
        """Sets the clock: see `SimulatorSettings.now` and `.speed` for what the combinations mean."""
        if now is not None and now.tzinfo is not None:
            now = now.astimezone(KST).replace(tzinfo=None)
        with self._lock:
            self._real = now is None and speed is None
            self._start = now if now is not None else _real_now()
            self._speed = speed if speed is not None else 0.0
            self._since = time.monotonic()

    @property
    def mode(self) -> str:
        """`real`, `fixed` or `fast`."""
        with self._lock:
            return "real" if self._real else "fast" if self._speed else "fixed"

    @property
    def speed(self) -> float:
        """Simulated seconds per real second."""
        with self._lock:
            return 1.0 if self._real else self._speed

    def now(self) -> datetime:
        """The simulated time, KST, offset-free."""
        with self._lock:
            if self._real:
                return _real_now()
            if not self._speed:
                return self._start
            return self._start + timedelta(seconds=(time.monotonic() - self._since) * self._speed)


def _real_now() -> datetime:
    return datetime.now(KST).replace(tzinfo=None)
