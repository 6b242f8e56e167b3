"""The few expressions that SQLite, PostgreSQL and MariaDB write differently, so that every view is described once.

SQLite may come without sine and arctangent (conda on Windows, Ubuntu 20.04), and a view must work in whatever opens the file. So its
directions are computed from plain arithmetic, to better than a millionth of a degree.
"""

from __future__ import annotations

from typing import ClassVar

from kmaflow.catalog.model import Kind

_RADIAN = 0.017453292519943295
#: Abramowitz & Stegun 4.4.49: arctangent for 0 … 1, error below 2e-8 rad.
_ARCTANGENT = (
    0.0028662257,
    -0.0161657367,
    0.0429096138,
    -0.0752896400,
    0.1065626393,
    -0.1420889944,
    0.1999355085,
    -0.3333314528,
    1.0,
)


class Dialect:
    """SQL as PostgreSQL writes it; the others say what they write otherwise."""

    types: ClassVar[dict[Kind, str]] = {"float": "DOUBLE PRECISION", "int": "INTEGER", "text": "VARCHAR(32)"}
    #: Whether a FROM item may look at those before it.
    lateral: ClassVar[bool] = True
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
        return f"SIND({degrees})"

    def cosine(self, degrees: str) -> str:
        """Cosine of 0 … 360 degrees."""
        return f"COSD({degrees})"

    def bearing(self, east: str, north: str) -> str:
        """Direction of the vector in degrees, clockwise from north, in (-180, 360)."""
        return f"ATAN2D({east}, {north})"


class Mariadb(Dialect):
    """MariaDB, and MySQL 8."""

    types: ClassVar[dict[Kind, str]] = {"float": "DOUBLE", "int": "SIGNED", "text": "CHAR(32)"}
    lateral = False
    _integer = "SIGNED"
    _real = "DOUBLE"

    def shifted(self, time: str, minutes: int) -> str:
        """As :meth:`Dialect.shifted`."""
        return f"{time} {'-' if minutes < 0 else '+'} INTERVAL {abs(minutes)} MINUTE"

    def earlier(self, time: str, minutes: str) -> str:
        """As :meth:`Dialect.earlier`."""
        return f"{time} - INTERVAL ({minutes}) MINUTE"

    def minutes_left(self, length: int) -> str:  # noqa: ARG002
        """The minutes are joined by their number ``k.k`` already."""
        return "k.k"

    def quotient(self, number: str, by: int) -> str:
        """Integer division."""
        return f"({number}) DIV {by}"

    def sine(self, degrees: str) -> str:
        """Sine of 0 … 360 degrees."""
        return f"SIN(RADIANS({degrees}))"

    def cosine(self, degrees: str) -> str:
        """Cosine of 0 … 360 degrees."""
        return f"COS(RADIANS({degrees}))"

    def bearing(self, east: str, north: str) -> str:
        """Direction of the vector in degrees."""
        return f"DEGREES(ATAN2({east}, {north}))"


class Sqlite(Dialect):
    """SQLite: times are text, trigonometry is arithmetic."""

    lateral = False
    _integer = "INTEGER"
    _real = "REAL"

    def shifted(self, time: str, minutes: int) -> str:
        """A time as text so many minutes later."""
        return f"datetime({time}, '{minutes:+d} minutes')"

    def earlier(self, time: str, minutes: str) -> str:
        """A time as text less a number of minutes."""
        return f"datetime({time}, (-({minutes})) || ' minutes')"

    def minutes_left(self, length: int) -> str:
        """From the digits of the stamp: quicker than parsing times."""
        return f"((1440 - 60 * substr(m.tm_kst, 12, 2) - substr(m.tm_kst, 15, 2)) % {length})"

    def nothing(self, kind: Kind) -> str:  # noqa: ARG002
        """NULL has no type here."""
        return "NULL"

    def remainder(self, number: str, by: int) -> str:
        """What integer division leaves."""
        return f"({number}) % {by}"

    def sine(self, degrees: str) -> str:
        """Folded to -90 … 90 degrees first."""
        return _polynomial_sine(f"(90 - abs(180 - abs({degrees} - 270)))")

    def cosine(self, degrees: str) -> str:
        """Folded to -90 … 90 degrees first."""
        return _polynomial_sine(f"(abs({degrees} - 180) - 90)")

    def bearing(self, east: str, north: str) -> str:
        """Direction of the vector in degrees, from 0."""
        # The angle from the nearest axis (0 … 45°), and which axis it is counted from, in which sense.
        ratio = f"(min(abs({east}), abs({north})) / max(abs({east}), abs({north})))"
        series = repr(_ARCTANGENT[0])
        for coefficient in _ARCTANGENT[1:]:
            series = f"({coefficient!r} + {ratio} * {ratio} * {series})"
        steep = f"abs({east}) > abs({north})"
        axis = (
            f"CASE WHEN {steep} THEN CASE WHEN {east} < 0 THEN 270 ELSE 90 END "
            f"WHEN {north} < 0 THEN 180 WHEN {east} < 0 THEN 360 ELSE 0 END"
        )
        sense = f"CASE WHEN (({steep}) <> ({east} < 0)) <> ({north} < 0) THEN -1 ELSE 1 END"
        return f"({axis} + ({sense}) * {ratio} * {series} / {_RADIAN!r})"


def _polynomial_sine(degrees: str) -> str:
    """Sine of -90 … 90 degrees by its power series, error below 1e-9."""
    angle = f"{degrees} * {_RADIAN!r}"
    square = f"{angle} * {angle}"
    series = "1"
    for divisor in (156, 110, 72, 42, 20, 6):
        series = f"(1 - {square} / {divisor} * {series})"
    return f"{angle} * {series}"


def dialect_of(name: str) -> Dialect:
    """The dialect by SQLAlchemy's name of it."""
    return {"sqlite": Sqlite, "postgresql": Dialect}.get(name, Mariadb)()
