"""Steps that can be taken twice: each looks first whether it has been taken."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

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


def add_columns(connection: sa.Connection, table: str, *columns: sa.Column[Any]) -> None:
    """Add the columns that the table lacks."""
    there = _columns(connection, table)
    for column in columns:
        if column.name not in there:
            log.info("%s gets the column %s", table, column.name)
            new = sa.Column(
                column.name,
                column.type,
                nullable=column.nullable,
                server_default=column.server_default,
                comment=column.comment,
            )
            _operations(connection).add_column(table, new)


def rename_column(connection: sa.Connection, before: str, column: sa.Column[Any]) -> None:
    """Let the column that was called ``before`` have its present name and comment."""
    table = column.table.name
    if before in _columns(connection, table):
        comment: str | Literal[False] | None = column.comment if connection.dialect.supports_comments else False
        described: dict[str, Any] = {"existing_type": column.type, "existing_nullable": column.nullable}
        _operations(connection).alter_column(table, before, new_column_name=column.name, comment=comment, **described)


def drop_indexes(connection: sa.Connection, table: str, *names: str) -> None:
    """Drop the indexes of these names."""
    there = {found["name"] for found in sa.inspect(connection).get_indexes(table)}
    for name in names:
        if name in there:
            _operations(connection).drop_index(name, table_name=table)


def _columns(connection: sa.Connection, table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(connection).get_columns(table)}


def _operations(connection: sa.Connection) -> Operations:
    from alembic.migration import MigrationContext  # heavy: whoever starts needs it only when there is something to do
    from alembic.operations import Operations

    return Operations(MigrationContext.configure(connection))
