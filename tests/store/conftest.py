"""A fresh database, and a witness of every row that is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kmaflow.store import Store

from .bodies import rows

Touched = Callable[[], dict[str, int]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "kmaflow.db"


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{database}") as opened:
        opened.init(all_tables=True)
        yield opened


@pytest.fixture
def touched(store: Store) -> Touched:
    """Counts, by table, the rows inserted, updated or deleted since the last call."""
    names = [str(row[0]) for row in rows(store, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    with store.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE touched (name TEXT)")
        for name in names:
            if name.startswith("sqlite_"):
                continue
            for what in ("INSERT", "UPDATE", "DELETE"):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER spy_{name}_{what} AFTER {what} ON {name} "
                    f"BEGIN INSERT INTO touched VALUES ('{name}'); END"
                )

    def since() -> dict[str, int]:
        found = {str(name): int(str(n)) for name, n in rows(store, "SELECT name, COUNT(*) FROM touched GROUP BY name")}
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM touched")
        return found

    return since
