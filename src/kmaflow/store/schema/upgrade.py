"""Making the tables, and bringing older ones up to date, under one lock: whoever comes second finds the work done.

Service tables have a history (:mod:`kmaflow.store.schema.migrations`). Observation tables are made from the catalogue and grow with it: the digest of
each table's description is stored, and where it differs, columns, index and partitions that the real table lacks are added. Nothing is
ever dropped or renamed. The views are made anew when their definitions differ. A database that is up to date costs one SELECT.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.store import views
from kmaflow.store.engines import partitions
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import reading, translating, writing_alone
from kmaflow.store.errors import StoreDenied
from kmaflow.store.schema.migrations import SERVICE, STATE, History, take_over, upgrade
from kmaflow.store.schema.migrations.steps import add_columns, make_indexes
from kmaflow.store.schema.observations import METADATA, is_partitioned, tables_of
from kmaflow.store.schema.preflight import refuse_taken, refuse_unfit, refuse_unlike, with_grant
from kmaflow.store.schema.service import OBSERVATION_SCHEMA

log = logging.getLogger(__name__)

_VIEWS = ", ".join(f"'{name}'" for name in views.NAMES)


def make(engine: sa.Engine, datasets: Iterable[str] = ()) -> list[str]:
    """Make the service tables, the views and the tables of the datasets; bring all tables that are there up to date.

    Returns:
        The names of the tables that were made or extended.

    Raises:
        StoreError: it cannot be; what is missing is named, and a run with that in place goes on.
    """
    changed: list[str] = []
    _make_file(engine)
    known = _versions(engine)
    if known.get(SERVICE.version_table) != SERVICE.head:
        changed += _make_service(engine)
        with translating(engine):
            there = sa.inspect(engine).get_table_names()
        known = dict.fromkeys(METADATA.tables.keys() & set(there), "") | _versions(engine)
    wanted = set(datasets)
    pending: list[tuple[sa.Table, ...]] = []
    for name in DATASETS:
        behind = [table for table in tables_of(name) if known.get(table.name) != version_of(table)]
        if behind and (name in wanted or any(table.name in known for table in behind)):
            pending.append(tables_of(name))
    if len(pending) > 1:
        # All are looked at before one is made.
        with reading(engine) as connection:
            refuse_unlike(connection, (table for tables in pending for table in tables), may_grow=True)
    for tables in pending:
        changed += _make_observations(engine, tables)
    version = views.version(engine_of(engine).words)
    if changed or any(known.get(name) != version for name in views.NAMES):
        with _changing(engine) as connection:
            _make_views(connection, version)
    return changed


def look_at_state(engine: sa.Engine) -> None:
    """Refuse a database in which :func:`make_state` would be refused, before anything else is made there."""
    if _version(engine, STATE) != STATE.head:
        with reading(engine) as connection:
            refuse_unfit(connection)
            upgrade(connection, STATE, only_look=True)


def make_state(engine: sa.Engine) -> list[str]:
    """Make the tables of ``STATE_URL``, or bring them up to date; gives the names of those made."""
    _make_file(engine)
    if _version(engine, STATE) == STATE.head:
        return []
    with _changing(engine) as connection:
        refuse_unfit(connection)
        take_over(connection, STATE)
        return upgrade(connection, STATE)


def _make_file(engine: sa.Engine) -> None:
    with translating(engine):
        engine_of(engine).make_file(engine)


@cache
def version_of(table: sa.Table) -> str:
    """The digest of an observation table's description: columns, keys and indexes; comments may change."""
    parts = [
        f"{column.name} {type(column.type).__name__}{getattr(column.type, 'length', None) or ''} {column.nullable} {column.primary_key}"
        for column in table.columns
    ]
    parts += sorted(" ".join(column.name for column in index.columns) for index in table.indexes)
    parts.append(str(is_partitioned(table.name)))
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _versions(engine: sa.Engine) -> dict[str, str]:
    """The stored version of the service tables and of each observation table; nothing where there are none."""
    # A table that has been dropped has no version any more, whatever is written about it.
    return _read(
        engine,
        f"SELECT '{SERVICE.version_table}', version_num FROM {SERVICE.version_table} UNION ALL "
        f"SELECT table_name, version FROM observation_schema WHERE table_name IN ({_VIEWS}) OR table_name IN {engine_of(engine).tables_there}",
    )


def _version(engine: sa.Engine, history: History) -> str | None:
    return _read(engine, f"SELECT 'version', version_num FROM {history.version_table}").get("version")


def _read(engine: sa.Engine, statement: str) -> dict[str, str]:
    with translating(engine), engine.connect() as connection:
        try:
            return {str(name): str(version) for name, version in connection.exec_driver_sql(statement)}
        except (sa.exc.ProgrammingError, sa.exc.OperationalError):
            # No such table, most likely. If it is anything else, the work that follows meets it again and says so.
            return {}


@contextmanager
def _changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that may make and alter tables, alone in the database."""
    try:
        with writing_alone(engine, ["schema"]) as connection:
            yield connection
    except StoreDenied as denied:
        raise with_grant(denied, engine) from None


def _make_service(engine: sa.Engine) -> list[str]:
    with _changing(engine) as connection:
        refuse_unfit(connection)
        take_over(connection, SERVICE)
        refuse_unlike(connection, METADATA.tables.values(), may_grow=True)
        _refuse_views(connection)
        _forget_views(connection)
        made = upgrade(connection, SERVICE)
        _claim_views(connection)
        return made


def _make_observations(engine: sa.Engine, tables: Iterable[sa.Table]) -> list[str]:
    with _changing(engine) as connection:
        refuse_unfit(connection)
        refuse_unlike(connection, tables, may_grow=True)
        _forget_views(connection)
        changed = [table.name for table in tables if _grow(connection, table)]
        # Last: what was cut off before is looked at again.
        for table in tables:
            _note(connection, table.name, version_of(table))
    return changed


def _make_views(connection: sa.Connection, version: str) -> None:
    """Make the views whose tables are there."""
    refuse_unfit(connection)
    _refuse_views(connection)
    _claim_views(connection)
    views.make(connection)
    for name in views.NAMES:
        _note(connection, name, version)


def _claim_views(connection: sa.Connection) -> None:
    """Note the names before there are such views: what has one of them later is ours, and may be replaced."""
    for name in views.NAMES:
        _note(connection, name, "")


def _forget_views(connection: sa.Connection) -> None:
    """Let the views count as outdated, until they have been made over the tables that come now."""
    if sa.inspect(connection).has_table(OBSERVATION_SCHEMA.name):
        stale = OBSERVATION_SCHEMA.c.table_name.in_(views.NAMES)
        connection.execute(OBSERVATION_SCHEMA.update().where(stale).values(version=""))


def _refuse_views(connection: sa.Connection) -> None:
    """Refuse tables and views that have the names of our views and are not ours."""
    inspector = sa.inspect(connection)
    ours: set[str] = set()
    if inspector.has_table(OBSERVATION_SCHEMA.name):
        ours = set(connection.execute(sa.select(OBSERVATION_SCHEMA.c.table_name)).scalars())
    refuse_taken(connection, views.NAMES, inspector.get_table_names(), set(inspector.get_view_names()) - ours)


def _note(connection: sa.Connection, name: str, version: str) -> None:
    stored = OBSERVATION_SCHEMA.c
    values = {"version": version, "changed_at": datetime.now(UTC).replace(tzinfo=None)}
    known = connection.execute(sa.select(stored.version).where(stored.table_name == name)).scalar()
    if known is None:
        connection.execute(OBSERVATION_SCHEMA.insert().values(table_name=name, **values))
    elif known != version:
        connection.execute(OBSERVATION_SCHEMA.update().where(stored.table_name == name).values(values))


def _grow(connection: sa.Connection, table: sa.Table) -> bool:
    """Make the table, or add what it lacks; whether there was anything to do."""
    inspector = sa.inspect(connection)
    changed = not inspector.has_table(table.name)
    if changed:
        table.create(connection)
    else:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        if lacking := [column for column in table.columns if column.name not in there]:
            add_columns(connection, table.name, *lacking)
            changed = True
        changed |= make_indexes(connection, table)
    partitions.ensure(connection, table.name)
    return changed
