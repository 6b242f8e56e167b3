"""What every engine says in its own way and workers that share a state database need: its clock, and a row that is made once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.types import MOMENT


def server_time(bind: sa.Engine | sa.Connection, ahead: float = 0.0) -> sa.ColumnElement[datetime]:
    """SQL for the server's present moment, naive UTC, plus ``ahead`` seconds. On SQLite: the clock of the machine, to the millisecond.

    Within one statement it may stand still, so a statement that waited for a row sees the moment when it began.
    """
    return sa.literal_column(engine_of(bind).now(ahead), MOMENT)


def insert_if_absent(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is there already; True if it was inserted. Waits for whoever is inserting the same."""
    insert = engine_of(connection).insert_if_absent(table, values)
    return connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount == 1
