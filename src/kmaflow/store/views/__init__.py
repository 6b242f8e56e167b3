"""The views: what people query. Same names, columns and results on SQLite, PostgreSQL and MariaDB; ``docs/en/views.md`` describes them.

They need nothing but the database: whatever opens it can use them.
"""

from __future__ import annotations

from collections.abc import Set
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LATEST, STATION
from kmaflow.store.views.completeness import completeness_view
from kmaflow.store.views.definition import View
from kmaflow.store.views.dialect import dialect_of
from kmaflow.store.views.latest import latest_view
from kmaflow.store.views.station import station_view
from kmaflow.store.views.summary import daily_view, hourly_view

NAMES = ("v_station", "v_completeness", "v_latest", "v_hourly", "v_daily")
_CANDIDATE = "kmaflow_candidate"
#: PostgreSQL: a view is replaced only by one with the same columns.
_OTHER_COLUMNS = "42P16"


def definitions(dialect_name: str, there: Set[str]) -> list[View]:
    """The views that can be made over the tables that are there, in the order of making."""
    dialect = dialect_of(dialect_name)
    views = [
        station_view(),
        completeness_view(dialect),
        latest_view(dialect, there),
        hourly_view(dialect),
        daily_view(dialect),
    ]
    return [view for view in views if view.needs <= there]


def version(dialect_name: str) -> str:
    """A digest of all that :func:`make` would write where every table is there: differs when a view has changed."""
    tables = {LATEST.name, STATION.name, COMPLETENESS_HOUR.name, *OBSERVATIONS}
    # Without ``needs``: a set has another order in every process.
    written = [(view.name, view.comment, view.columns, view.source) for view in definitions(dialect_name, tables)]
    return sha256(repr(written).encode()).hexdigest()[:16]


def make(connection: sa.Connection) -> list[str]:
    """Make every view whose tables are there, and bring those that differ to what they are now; gives the names of these.

    Called again after each table that is made. Runs in the caller's transaction (MariaDB commits at each step, as for all that it makes).
    """
    there = set(sa.inspect(connection).get_table_names())
    replace = _replace_on_sqlite if connection.dialect.name == "sqlite" else _replace_on_server
    return [view.name for view in definitions(connection.dialect.name, there) if replace(connection, view)]


def _run(connection: sa.Connection, statement: str) -> sa.CursorResult[*tuple[Any, ...]]:
    # Without parameters the driver leaves percent signs alone.
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _replace_on_sqlite(connection: sa.Connection, view: View) -> bool:
    statement = f"CREATE VIEW {view.name} AS {view.query}"
    stored = f"SELECT sql FROM sqlite_master WHERE type = 'view' AND name = '{view.name}'"
    if _run(connection, stored).scalar() == statement:
        return False
    _run(connection, f"DROP VIEW IF EXISTS {view.name}")
    _run(connection, statement)
    return True


def _replace_on_server(connection: sa.Connection, view: View) -> bool:
    # A view that is what it should be is left alone, since replacing it waits for everybody who reads it. Servers keep views in words of their
    # own, so the new one is made under another name and asked how it reads.
    postgresql = connection.dialect.name == "postgresql"
    # MariaDB: with the rights of who asks, so that a dump can be restored by another user.
    create = "CREATE OR REPLACE VIEW" if postgresql else "CREATE OR REPLACE SQL SECURITY INVOKER VIEW"
    _run(connection, f"{create} {_CANDIDATE} AS {view.query}")
    same = _as_stored(connection, _CANDIDATE) == _as_stored(connection, view.name)
    _run(connection, f"DROP VIEW {_CANDIDATE}")
    if not postgresql:
        if not same:
            _run(connection, f"{create} {view.name} AS {view.query}")
        return not same
    if not same:
        _replace_on_postgresql(connection, view)
    return _comment(connection, view) or not same


def _as_stored(connection: sa.Connection, name: str) -> object:
    if connection.dialect.name == "postgresql":
        return _run(connection, f"SELECT pg_get_viewdef(to_regclass('{name}'))").scalar()
    return _run(
        connection,
        f"SELECT view_definition FROM information_schema.views WHERE table_schema = DATABASE() AND table_name = '{name}'",
    ).scalar()


def _replace_on_postgresql(connection: sa.Connection, view: View) -> None:
    statement = f"VIEW {view.name} AS {view.query}"
    try:
        with connection.begin_nested():
            _run(connection, f"CREATE OR REPLACE {statement}")
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _OTHER_COLUMNS:
            raise
        # Those of ours that read it go first and are made again after it. A user's own view that reads it stops this.
        for name in reversed(NAMES[NAMES.index(view.name) :]):
            _run(connection, f"DROP VIEW IF EXISTS {name}")
        _run(connection, f"CREATE {statement}")


def _comment(connection: sa.Connection, view: View) -> bool:
    """Say in PostgreSQL what the view and its columns are; whether anything was to be said."""
    wanted = {"": view.comment} | {column.name: column.comment for column in view.columns}
    said = _run(
        connection,
        f"SELECT '', obj_description('{view.name}'::regclass) UNION ALL SELECT attname, col_description(attrelid, attnum) "
        f"FROM pg_attribute WHERE attrelid = '{view.name}'::regclass AND attnum > 0",
    )
    differing = wanted.items() - {(str(row[0]), row[1]) for row in said}
    for name, comment in differing:
        what = f"COLUMN {view.name}.{name}" if name else f"VIEW {view.name}"
        quoted = comment.replace("'", "''")
        _run(connection, f"COMMENT ON {what} IS '{quoted}'")
    return bool(differing)
