"""What every engine says in its own way and workers that share a state database need: its clock, and a row that is made once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from kmaflow.store.engines.types import MOMENT


def server_time(kind: str, ahead: float = 0.0) -> sa.ColumnElement[datetime]:
    """SQL for the server's present moment, naive UTC, plus ``ahead`` seconds. On SQLite: the clock of the machine, to the millisecond.

    Within one statement it may stand still, so a statement that waited for a row sees the moment when it began.

    Args:
        kind: of the engine, as its dialect is named.
    """
    if kind == "postgresql":
        sql = f"(clock_timestamp() AT TIME ZONE 'UTC' + interval '{round(ahead * 1e6)} microseconds')"
    elif kind in ("mysql", "mariadb"):
        sql = f"(UTC_TIMESTAMP(6) + INTERVAL {round(ahead * 1e6)} MICROSECOND)"
    else:
        # Six digits, as moments are stored: they are compared as text.
        sql = f"(strftime('%Y-%m-%d %H:%M:%f', 'now', '{ahead:+.3f} seconds') || '000')"
    return sa.literal_column(sql, MOMENT)


def insert_if_absent(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is there already; True if it was inserted. Waits for whoever is inserting the same."""
    insert = (
        table.insert().prefix_with("IGNORE", dialect="mysql").prefix_with("OR IGNORE", dialect="sqlite").values(values)
    )
    if connection.dialect.name == "postgresql":
        insert = postgresql.insert(table).values(values).on_conflict_do_nothing()
    return connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount == 1
