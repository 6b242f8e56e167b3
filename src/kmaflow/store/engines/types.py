"""How values are stored, the same on SQLite, PostgreSQL and MariaDB.

Times are naive KST. On SQLite they are text ``YYYY-MM-DD HH:MM:SS`` (moments with microseconds, so that two requests of one second keep
their order). Numbers are DOUBLE, or INTEGER where KMA prints integers; missing is NULL. Text is UTF-8 and compared byte by byte.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite

from kmaflow.catalog.model import Kind
from kmaflow.printable import printable

#: A stamp: to the second, as text on SQLite.
STAMP = sa.DateTime().with_variant(
    sqlite.DATETIME(  # type: ignore[no-untyped-call]
        storage_format="%(year)04d-%(month)02d-%(day)02d %(hour)02d:%(minute)02d:%(second)02d",
        regexp=r"(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)",
    ),
    "sqlite",
)
#: A moment: to the microsecond.
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
TYPES: dict[Kind, Any] = {
    "float": sa.Double(),
    "int": sa.Integer(),
    "text": sa.String(32),
}
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Without a limit that an answer could reach.
LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


class KeptText(sa.types.TypeDecorator[str]):
    """Words of others: a line of an answer, a refusal. Escaped and cut when they are stored, so that every database takes them."""

    impl = LONG_TEXT
    cache_ok = True
    #: Characters; many times the longest line that KMA prints.
    most = 10_000

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """As it is stored."""
        return None if value is None else printable(value, self.most)


#: Whatever the server's or the database's default is.
ON_SERVERS: dict[str, Any] = {
    f"{name}_{option}": value
    for name in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
