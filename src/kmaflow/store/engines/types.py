"""How values are stored, the same in every database but for what an engine names otherwise (``stamp_type`` … of :class:`Engine`).

Times are naive KST; where an engine keeps them as text it is ``YYYY-MM-DD HH:MM:SS`` (moments with microseconds, so that two requests of one
second keep their order). Numbers are DOUBLE, or INTEGER where KMA prints integers; missing is NULL. Text is UTF-8 and compared byte by byte.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from kmaflow.catalog.model import Kind
from kmaflow.printable import printable
from kmaflow.store.engines.base import engines


def _varying(usual: sa.types.TypeEngine[Any], attribute: str) -> Any:
    """A column's type, with what each engine has in its place."""
    for engine in engines():
        if (kind := getattr(engine, attribute)) is not None:
            usual = usual.with_variant(kind, *engine.dialects)
    return usual


#: A stamp: to the second.
STAMP = _varying(sa.DateTime(), "stamp_type")
#: A moment: to the microsecond.
MOMENT = _varying(sa.DateTime(), "moment_type")
TYPES: dict[Kind, Any] = {
    "float": sa.Double(),
    "int": sa.Integer(),
    "text": sa.String(32),
}
ID = _varying(sa.BigInteger(), "id_type")
#: Without a limit that an answer could reach.
LONG_TEXT = _varying(sa.Text(), "text_type")


class KeptText(sa.types.TypeDecorator[str]):
    """Words of others: a line of an answer, a refusal. Escaped and cut when they are stored, so that every database takes them."""

    impl = LONG_TEXT
    cache_ok = True
    #: Characters; many times the longest line that KMA prints.
    most = 10_000

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """As it is stored."""
        return None if value is None else printable(value, self.most)


def _told(attribute: str) -> dict[str, Any]:
    return {name: value for engine in engines() for name, value in getattr(engine, attribute).items()}


#: What is said of every table, whatever the server's or the database's default is; of tables with a surrogate id; of partitioned ones.
ON_SERVERS = _told("table_options")
NUMBERED = _told("numbered_options")
PARTITIONED = _told("partition_options")
