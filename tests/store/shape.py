"""What a database holds, and what distinguishes it from its description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from kmaflow.store import Store, views
from kmaflow.store.engines.base import engine_of

from .bodies import rows


def differences(engine: sa.Engine, metadata: sa.MetaData) -> list[Any]:
    """Columns, types, keys, indexes and comments that are not as described, among the tables of these names."""

    def ours(name: str | None, kind: str, parents: Any) -> bool:
        return kind == "schema" or (name if kind == "table" else parents["table_name"]) in metadata.tables

    with engine.connect() as connection:
        found = list(compare_metadata(MigrationContext.configure(connection, opts={"include_name": ours}), metadata))
    return found + [one for table in metadata.tables.values() for one in _unseen_by_alembic(engine, table)]


def _unseen_by_alembic(engine: sa.Engine, table: sa.Table) -> Iterator[tuple[str, str, object]]:
    inspector = sa.inspect(engine)
    keys = inspector.get_pk_constraint(table.name)["constrained_columns"]
    if keys != [column.name for column in table.primary_key.columns]:
        yield "primary key", table.name, keys
    for column in inspector.get_columns(table.name):
        wanted = table.c[column["name"]].type.dialect_impl(engine.dialect)
        if getattr(column["type"], "fsp", None) != getattr(wanted, "fsp", None):
            yield "microseconds", table.name, column


def contents(engine: sa.Engine, names: list[str]) -> dict[str, list[dict[str, object]]]:
    quoted = engine.dialect.identifier_preparer.quote
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {quoted(name)}")).mappings()]
            for name in names
        }


def table_names(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names())


def view_names(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_view_names())


def drop_views(store: Store) -> None:
    for view in view_names(store.engine):
        rows(store, f"DROP VIEW IF EXISTS {view}{' CASCADE' if store.engine.dialect.name == 'postgresql' else ''}")


def wanted_views(engine: sa.Engine) -> set[str]:
    return {view.name for view in views.definitions(engine_of(engine).words, table_names(engine))}


def again(engine: sa.Engine) -> Store:
    return Store(engine.url.render_as_string(hide_password=False))
