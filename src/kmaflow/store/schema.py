"""Making the tables, and bringing older ones up to date."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from kmaflow.store import partitions
from kmaflow.store.books import SERVICE_TABLES
from kmaflow.store.engine import reading, shown
from kmaflow.store.errors import StoreForeign
from kmaflow.store.locks import writing_alone
from kmaflow.store.tables import tables_of
from kmaflow.store.views import V_STATION


def make_service(engine: sa.Engine) -> list[str]:
    """Make or migrate the service tables and the views; gives the names of what was made."""
    return _make(engine, SERVICE_TABLES)


def make_observations(engine: sa.Engine, dataset: str) -> list[str]:
    """Make or extend the tables of one dataset; gives the names of what was made."""
    return _make(engine, tables_of(dataset))


def _make(engine: sa.Engine, tables: Sequence[sa.Table]) -> list[str]:
    with reading(engine) as connection:
        if not (missing := _missing(connection, tables)):
            return []
    # Look again under the lock: another process may be doing the same.
    with writing_alone(engine, ["schema"]) as connection:
        missing = _missing(connection, tables)
        for table in missing:
            table.create(connection)
            partitions.ensure(connection, table.name)
            if table.name == "station":
                connection.exec_driver_sql(V_STATION)
    return [table.name for table in missing]


def _missing(connection: sa.Connection, tables: Sequence[sa.Table]) -> list[sa.Table]:
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    for table in tables:
        if table.name in there:
            found = {column["name"] for column in inspector.get_columns(table.name)}
            if lacking := [column.name for column in table.columns if column.name not in found]:
                raise StoreForeign(
                    f"{shown(connection.engine.url)}: the table {table.name} lacks the columns {', '.join(lacking)}"
                )
    return [table for table in tables if table.name not in there]
