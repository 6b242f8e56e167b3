"""Steps that can be taken twice: each looks first whether it has been taken."""

from __future__ import annotations

import logging
from typing import Any

import sqlalchemy as sa

log = logging.getLogger(__name__)


def make(connection: sa.Connection, tables: sa.MetaData) -> None:
    """Make the tables that are missing, and the indexes that tables lack."""
    inspector = sa.inspect(connection)
    for table in tables.sorted_tables:
        if not inspector.has_table(table.name):
            table.create(connection)
        else:
            make_indexes(connection, table)


def make_indexes(connection: sa.Connection, table: sa.Table) -> bool:
    """Make the indexes that the table lacks; whether there were any. An index on the same columns counts, whatever its name."""
    there = [found["column_names"] for found in sa.inspect(connection).get_indexes(table.name)]
    lacking = [index for index in table.indexes if [column.name for column in index.columns] not in there]
    for index in sorted(lacking, key=lambda index: str(index.name)):
        log.info("%s gets the index %s: with many rows this takes minutes", table.name, index.name)
        index.create(connection)
    return bool(lacking)


def add_columns(table: str, *columns: sa.Column[Any]) -> None:
    """Add the columns that the table lacks."""
    from alembic import op  # heavy: whoever starts needs it only when there is something to do

    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
    for column in columns:
        if column.name not in there:
            log.info("%s gets the column %s", table, column.name)
            op.add_column(
                table,
                sa.Column(
                    column.name,
                    column.type,
                    nullable=column.nullable,
                    server_default=column.server_default,
                    comment=column.comment,
                ),
            )


def replace_index(connection: sa.Connection, index: sa.Index) -> None:
    """Let the table have the index with these columns under this name."""
    assert index.table is not None
    there = {found["name"]: found["column_names"] for found in sa.inspect(connection).get_indexes(index.table.name)}
    if there.get(index.name) == [column.name for column in index.columns]:
        return
    if index.name in there:
        index.drop(connection)
    index.create(connection)
