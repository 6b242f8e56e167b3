"""What is looked at before anything is made: whether the database can hold Korean text, whether this user may make tables, and whether a table
with a name of ours is ours. Each refusal says what to do, and leaves the database as it was.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import shown
from kmaflow.store.errors import StoreDenied, StoreForeign


def where(connection: sa.Connection) -> str:
    """The database, without its password."""
    return shown(connection.engine.url)


def refuse_unfit(connection: sa.Connection) -> None:
    """Refuse a database that cannot hold what we write, or in which this user may not make tables.

    Raises:
        StoreForeign: text in another encoding than UTF-8.
        StoreDenied: a right is missing.
    """
    engine_of(connection).refuse_unfit(connection)


def with_grant(denied: StoreDenied, engine: sa.Engine) -> StoreDenied:
    """The same refusal with the statement that helps."""
    user, database = engine.url.username or "…", engine.url.database or "…"
    grant = engine_of(engine).grant(user, database)
    return StoreDenied(
        denied.what,
        ko=denied.what_ko,
        todo_en=f"let the database's administrator run {grant}; tables that another user made need that user",
        todo_ko=f"데이터베이스 관리자에게 실행을 요청하십시오: {grant}; 다른 사용자가 만든 테이블은 그 사용자로 고칩니다",
    )


def _may_be_added(column: sa.Column[object]) -> bool:
    return bool(column.nullable) or column.server_default is not None


def refuse_unlike(connection: sa.Connection, tables: Iterable[sa.Table], *, may_grow: bool = False) -> None:
    """Refuse tables that have our names and another shape.

    Args:
        tables: how ours look. Those that are not there are no concern.
        may_grow: whether columns that may be NULL, or have a default, can be added later.

    Raises:
        StoreForeign: a column is missing, has a type that cannot hold our values, or the primary key is another.
    """
    inspector = sa.inspect(connection)
    for table in tables:
        if not inspector.has_table(table.name):
            continue
        found = {column["name"]: column["type"] for column in inspector.get_columns(table.name)}
        lacking = [
            column.name
            for column in table.columns
            if column.name not in found and not (may_grow and _may_be_added(column))
        ]
        if lacking:
            raise StoreForeign(
                f"{where(connection)}: the table {table.name} lacks the columns {', '.join(lacking)}",
                ko=f"{where(connection)}: 테이블 {table.name}에 없는 열: {', '.join(lacking)}",
            )
        for column in table.columns:
            if column.name in found and not engine_of(connection).holds(found[column.name], column.type):
                kind, wanted = found[column.name], column.type.compile(connection.dialect)
                raise StoreForeign(
                    f"{where(connection)}: the column {column.name} of the table {table.name} is {kind}, not {wanted}",
                    ko=f"{where(connection)}: 테이블 {table.name}의 열 {column.name}: 자료형 {kind} (필요: {wanted})",
                )
        keys = inspector.get_pk_constraint(table.name)["constrained_columns"]
        wanted_keys = [column.name for column in table.primary_key.columns]
        if set(keys) != set(wanted_keys):
            raise StoreForeign(
                f"{where(connection)}: the primary key of the table {table.name} is ({', '.join(keys)}), not ({', '.join(wanted_keys)})",
                ko=f"{where(connection)}: 테이블 {table.name}의 기본 키: ({', '.join(keys)}) (필요: ({', '.join(wanted_keys)}))",
            )


def refuse_taken(connection: sa.Connection, names: Iterable[str], *taken: Iterable[str]) -> None:
    """Refuse names of ours that something else in the database has.

    Raises:
        StoreForeign: one of the names is taken.
    """
    for name in names:
        if any(name in others for others in taken):
            raise StoreForeign(
                f"{where(connection)}: {name} is not the view that kmaflow makes under this name",
                ko=f"{where(connection)}: {name}: kmaflow가 만든 뷰가 아닙니다",
            )
