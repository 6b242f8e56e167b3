"""A fresh database on each engine, and a witness of every row that is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from kmaflow.store import Store
from kmaflow.store.schema.observations import METADATA
from kmaflow.store.schema.service import SERVICE_TABLES

from ..databases import ENGINES, database
from .bodies import rows

Touched = Callable[[], dict[str, int]]
_WATCHED = [*(table.name for table in SERVICE_TABLES), *METADATA.tables]


@pytest.fixture(scope="session")
def made_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """One database with all tables on each server, made when first asked for: making them costs more than most tests."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        urls: dict[str, str] = {}

        def url_of(kind: str) -> str:
            if kind not in urls:
                urls[kind] = stack.enter_context(database(kind, tmp_path_factory.mktemp("never")))
                with Store(urls[kind]) as store:
                    store.init(all_tables=True)
            return urls[kind]

        yield url_of


def _emptied(store: Store) -> None:
    with store.engine.begin() as connection:
        quoted = connection.dialect.identifier_preparer.quote
        for name in _WATCHED:
            if (
                connection.exec_driver_sql(f"SELECT 1 FROM {quoted(name)} LIMIT 1").first()
                and name != "observation_schema"
            ):
                connection.exec_driver_sql(f"DELETE FROM {quoted(name)}")
        for name in ("request", "revision", "rejected_line"):
            if store.engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"ALTER SEQUENCE {name}_id_seq RESTART")
            else:
                connection.exec_driver_sql(f"ALTER TABLE {quoted(name)} AUTO_INCREMENT = 1")


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path, made_databases: Callable[[str], str]) -> Iterator[Store]:
    """An empty database with all tables, once on each engine."""
    if request.param == "sqlite":
        with Store(f"sqlite:///{tmp_path}/kmaflow.db") as opened:
            opened.init(all_tables=True)
            yield opened
        return
    with Store(made_databases(request.param)) as opened:
        opened.init(all_tables=True)
        yield opened
        _emptied(opened)


@pytest.fixture
def touched(store: Store) -> Iterator[Touched]:
    """Counts, by table, the rows inserted, updated or deleted since the last call."""
    kind = store.engine.dialect.name
    quoted = store.engine.dialect.identifier_preparer.quote
    with store.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE touched (name VARCHAR(64))")
        if kind == "postgresql":
            connection.exec_driver_sql(
                "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN INSERT INTO touched VALUES (TG_ARGV[0]); RETURN NULL; END $$"
            )
        for name in _WATCHED:
            for what in ("INSERT", "UPDATE", "DELETE"):
                head = f"CREATE TRIGGER spy_{name}_{what} AFTER {what} ON {quoted(name)} FOR EACH ROW"
                if kind == "postgresql":
                    connection.exec_driver_sql(f"{head} EXECUTE FUNCTION spy('{name}')")
                elif kind == "mysql":
                    connection.exec_driver_sql(f"{head} INSERT INTO touched VALUES ('{name}')")
                else:
                    connection.exec_driver_sql(f"{head} BEGIN INSERT INTO touched VALUES ('{name}'); END")

    def since() -> dict[str, int]:
        found = {str(name): int(str(n)) for name, n in rows(store, "SELECT name, COUNT(*) FROM touched GROUP BY name")}
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM touched")
        return found

    yield since
    with store.engine.begin() as connection:
        if kind == "postgresql":
            connection.exec_driver_sql("DROP FUNCTION spy CASCADE")
        elif kind == "mysql":
            for name in _WATCHED:
                for what in ("INSERT", "UPDATE", "DELETE"):
                    connection.exec_driver_sql(f"DROP TRIGGER spy_{name}_{what}")
        connection.execute(sa.text("DROP TABLE touched"))
