"""What is looked at before anything is made: whether the database can hold Korean text, whether this user may make tables, and whether a table
with a name of ours is ours. Each refusal says what to do, and leaves the database as it was.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from kmaflow.store.engines.database import shown
from kmaflow.store.errors import StoreDenied, StoreForeign

#: What making, extending and filling our tables and views takes on MariaDB.
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP", "CREATE VIEW")


def where(connection: sa.Connection) -> str:
    """The database, without its password."""
    return shown(connection.engine.url)


def refuse_unfit(connection: sa.Connection) -> None:
    """Refuse a database that cannot hold what we write, or in which this user may not make tables.

    Raises:
        StoreForeign: PostgreSQL with another encoding than UTF8. (On MariaDB our tables say utf8mb4 themselves.)
        StoreDenied: a right is missing. (On PostgreSQL the transaction itself shows that, and leaves nothing.)
    """
    if connection.dialect.name == "postgresql":
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise StoreForeign(
                f"{where(connection)}: the encoding of this database is {encoding}, which cannot hold Korean text",
                todo_en="make one that can, and name it in KMAFLOW_DATABASE_URL: CREATE DATABASE kmaflow ENCODING 'UTF8' TEMPLATE template0",
                todo_ko="UTF8 데이터베이스를 만들어 KMAFLOW_DATABASE_URL에 쓰십시오: CREATE DATABASE kmaflow ENCODING 'UTF8' TEMPLATE template0",
            )
    elif connection.dialect.name in ("mysql", "mariadb") and (lacking := _lacking_rights(connection)):
        raise StoreDenied(f"{where(connection)}: this user lacks the rights {', '.join(lacking)}")


def _lacking_rights(connection: sa.Connection) -> list[str]:
    """Rights on the whole database that the user lacks; none where they come from a role, which the server alone can judge."""
    if connection.exec_driver_sql("SELECT CURRENT_ROLE()").scalar() not in (None, "", "NONE"):
        return []
    me = "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"
    found = connection.exec_driver_sql(
        f"SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {me} UNION "
        f"SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = {me} AND DATABASE() LIKE table_schema"
    )
    rights = set(found.scalars())
    return [right for right in _RIGHTS if right not in rights]


def with_grant(denied: StoreDenied, engine: sa.Engine) -> StoreDenied:
    """The same refusal with the statement that helps."""
    user, database = engine.url.username or "…", engine.url.database or "…"
    if engine.dialect.name == "postgresql":
        grant = f'GRANT ALL ON SCHEMA public TO "{user}"'
    else:
        grant = f"GRANT ALL PRIVILEGES ON `{database}`.* TO '{user}'@'%'"
    return StoreDenied(
        denied.what,
        todo_en=f"let the database's administrator run {grant}; tables that another user made need that user",
        todo_ko=f"데이터베이스 관리자가 {grant} 를 실행하게 하십시오. 다른 사용자가 만든 표는 그 사용자로 고칩니다",
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
            raise StoreForeign(f"{where(connection)}: the table {table.name} lacks the columns {', '.join(lacking)}")
        for column in table.columns:
            if column.name in found and not _holds(found[column.name], column.type, connection.dialect):
                kind, wanted = found[column.name], column.type.compile(connection.dialect)
                raise StoreForeign(
                    f"{where(connection)}: the column {column.name} of the table {table.name} is {kind}, not {wanted}"
                )
        keys = inspector.get_pk_constraint(table.name)["constrained_columns"]
        wanted_keys = [column.name for column in table.primary_key.columns]
        if set(keys) != set(wanted_keys):
            raise StoreForeign(
                f"{where(connection)}: the primary key of the table {table.name} is ({', '.join(keys)}), not ({', '.join(wanted_keys)})"
            )


def refuse_taken(connection: sa.Connection, names: Iterable[str], *taken: Iterable[str]) -> None:
    """Refuse names of ours that something else in the database has.

    Raises:
        StoreForeign: one of the names is taken.
    """
    for name in names:
        if any(name in others for others in taken):
            raise StoreForeign(f"{where(connection)}: {name} is not the view that kmaflow makes under this name")


def _holds(found: sa.types.TypeEngine[object], wanted: sa.types.TypeEngine[object], dialect: sa.Dialect) -> bool:
    """Whether a column of the type that is there gives our values back as they were."""
    sqlite = dialect.name == "sqlite"
    if isinstance(wanted, sa.DateTime):
        # MySQL's TIMESTAMP and PostgreSQL's timestamptz depend on the session's time zone.
        if isinstance(found, sa.String):
            return sqlite
        zoned = getattr(found, "timezone", False) or isinstance(found, mysql.TIMESTAMP)
        return isinstance(found, sa.DateTime) and not zoned
    if isinstance(wanted, sa.Double):
        return isinstance(found, (sa.Double, sa.Float) if sqlite else sa.Double)
    if isinstance(wanted, sa.Integer):
        wide = sqlite or not isinstance(wanted, sa.BigInteger) or isinstance(found, sa.BigInteger)
        small = isinstance(found, (sa.SmallInteger, mysql.TINYINT, mysql.MEDIUMINT)) and not sqlite
        return isinstance(found, sa.Integer) and wide and not small
    return isinstance(found, sa.String)
