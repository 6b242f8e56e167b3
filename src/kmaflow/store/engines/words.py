"""The few expressions that databases write differently, so that every view is described once; and the hours and days that views group.

A view that groups by an expression of ``tm_kst`` cannot use an index for ``WHERE tm_kst …``: every query would read the table. So the ends
of the periods come first, as plain values, and each requests its minutes (begin, end] by key. Whoever asks for one station gets them from the
index (stn, tm_kst), whoever asks for one hour of all stations from the key (tm_kst, stn).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from kmaflow.catalog.model import Kind

FIRST = "(SELECT MIN(tm_kst) FROM aws_minute)"
LAST = "(SELECT MAX(tm_kst) FROM aws_minute)"


@dataclass(frozen=True, slots=True)
class Period:
    """An hour or a day: its length in minutes; with ``day`` there is a column for the date too."""

    name: str
    minutes: int

    @property
    def keys(self) -> tuple[str, ...]:
        """What identifies one: all are grouped by, so that a filter on any of them goes down to where periods are made."""
        return ("tm_kst", "tm_utc") if self.name == "hour" else ("tm_kst", "tm_utc", "day")


HOUR = Period("hour", 60)
DAY = Period("day", 1440)


class Words(ABC):
    """SQL as most write it; each engine says what it writes otherwise."""

    types: ClassVar[dict[Kind, str]] = {"float": "DOUBLE PRECISION", "int": "INTEGER", "text": "VARCHAR(32)"}
    #: Whether a FROM item may look at those before it.
    lateral: ClassVar[bool] = False
    _integer = "BIGINT"
    _real = "DOUBLE PRECISION"

    def shifted(self, time: str, minutes: int) -> str:
        """A time so many minutes later (earlier, if negative)."""
        return f"{time} {'-' if minutes < 0 else '+'} INTERVAL '{abs(minutes)} minutes'"

    def utc(self, kst: str) -> str:
        """KST is fixed +09:00. No AT TIME ZONE: there '+09' means west of Greenwich, and zone tables may be absent."""
        return self.shifted(kst, -9 * 60)

    def earlier(self, time: str, minutes: str) -> str:
        """A time less a number of minutes."""
        return f"{time} - ({minutes}) * INTERVAL '1 minute'"

    def minutes_left(self, length: int) -> str:  # noqa: ARG002
        """Minutes from the stamp ``m.tm_kst`` to the end ``p.tm_kst`` of its period of ``length`` minutes."""
        return f"{self.integer('EXTRACT(EPOCH FROM p.tm_kst - m.tm_kst)')} / 60"

    def nothing(self, kind: Kind) -> str:
        """NULL with a type."""
        return f"CAST(NULL AS {self.types[kind]})"

    def integer(self, number: str) -> str:
        """The nearest integer."""
        return f"CAST(ROUND({number}) AS {self._integer})"

    def real(self, number: str) -> str:
        """An integer as a DOUBLE, to be divided."""
        return f"CAST({number} AS {self._real})"

    def quotient(self, number: str, by: int) -> str:
        """Integer division."""
        return f"({number}) / {by}"

    def remainder(self, number: str, by: int) -> str:
        """What integer division leaves."""
        return f"MOD({number}, {by})"

    def sine(self, degrees: str) -> str:
        """Sine of 0 … 360 degrees."""
        return f"SIN(RADIANS({degrees}))"

    def cosine(self, degrees: str) -> str:
        """Cosine of 0 … 360 degrees."""
        return f"COS(RADIANS({degrees}))"

    def bearing(self, east: str, north: str) -> str:
        """Direction of the vector in degrees, clockwise from north, in (-180, 360)."""
        return f"DEGREES(ATAN2({east}, {north}))"

    def grouped(self, period: Period, aggregates: dict[str, str]) -> str:
        """A FROM item ``a``: one row per period and station with minutes, with ``aggregates`` of ``m`` (the minutes) and ``p`` (the period)."""
        listed = ",\n    ".join(f"{sql} AS {name}" for name, sql in aggregates.items())
        return f"(\n{self._grouped(period, ', '.join(f'p.{key}' for key in period.keys), listed)}\n) a"

    @abstractmethod
    def _grouped(self, period: Period, keys: str, aggregates: str) -> str:
        """The query behind :meth:`grouped`; it selects ``keys``, the station, and ``aggregates``."""

    def _period_columns(self, period: Period, date: str) -> str:
        columns = f"e.tm_kst, {self.utc('e.tm_kst')} AS tm_utc, {self.shifted('e.tm_kst', -period.minutes)} AS opened"
        return f"{columns}, {date} AS day" if period is DAY else columns
