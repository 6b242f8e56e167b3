"""Times that an answer's HTTP headers name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from kmaflow.catalog.time import to_kst


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the hub asks to wait; a number or a date; zero, the past and nonsense count as absent."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds: float | None = float(text)
    except ValueError:
        seconds = seconds_until(text, now)
    return seconds if seconds is not None and 0 < seconds < float("inf") else None


def seconds_until(text: str, now: datetime) -> float | None:
    """Seconds from ``now`` (naive KST) to a date of HTTP; None if the text is none."""
    try:
        moment = parsedate_to_datetime(text)
        return None if moment.tzinfo is None else (to_kst(moment) - now).total_seconds()
    except (ValueError, OverflowError):  # OverflowError: the last hours of the year 9999
        return None
