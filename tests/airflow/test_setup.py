"""Pool and default connections."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.models import Connection, Pool
from airflow.utils.session import create_session
from sqlalchemy import delete, select

from kmaflow.airflow.builders.dag import POOL
from kmaflow.airflow.provider.setup import make_defaults, setup_airflow


@pytest.fixture(autouse=True)
def _clean(airflow_database: Path) -> None:
    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id.in_(["kma_apihub", "kma_store"])))
        session.execute(delete(Pool).where(Pool.pool == POOL))


def test_it_makes_what_is_missing_and_then_nothing() -> None:
    first = make_defaults()
    assert first.made == ("pool kma_apihub", "connection kma_apihub", "connection kma_store")
    assert not first.has_key
    again = make_defaults()
    assert again.made == ()
    assert again.kept == first.made
    assert all(line.startswith("already there: ") for line in setup_airflow())


def test_a_port_is_stored_as_airflows_form_sends_it_also_for_connections_made_before() -> None:
    def ports() -> list[int | None]:
        with create_session() as session:
            return list(
                session.scalars(select(Connection.port).where(Connection.conn_id.in_(["kma_apihub", "kma_store"])))
            )

    make_defaults()
    assert ports() == [0, 0]
    with create_session() as session:
        for one in session.scalars(select(Connection).where(Connection.conn_id.in_(["kma_apihub", "kma_store"]))):
            one.port = None
    make_defaults()
    assert ports() == [0, 0]


@pytest.mark.parametrize(("wanted", "slots"), [("2", 4), ("8", 8)])
def test_the_pool_holds_as_many_tasks_as_are_wanted(wanted: str, slots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_MAX_ACTIVE_TASKS", wanted)
    make_defaults()
    with create_session() as session:
        assert session.scalar(select(Pool.slots).where(Pool.pool == POOL)) == slots


def test_what_a_user_changed_stays() -> None:
    make_defaults()
    with create_session() as session:
        pool = session.scalar(select(Pool).where(Pool.pool == POOL))
        connection = session.scalar(select(Connection).where(Connection.conn_id == "kma_apihub"))
        assert pool is not None
        assert connection is not None
        pool.slots = 17
        connection.password = "a-key-that-must-stay-here"
    assert make_defaults().has_key
    with create_session() as session:
        pool = session.scalar(select(Pool).where(Pool.pool == POOL))
        connection = session.scalar(select(Connection).where(Connection.conn_id == "kma_apihub"))
        assert pool is not None
        assert connection is not None
        assert pool.slots == 17
        assert connection.password == "a-key-that-must-stay-here"
    assert "a-key" not in repr(make_defaults())


def test_the_launcher_gets_one_json_object() -> None:
    done = subprocess.run([sys.executable, "-m", "kmaflow.run.preparation"], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == {
        "made": ["pool kma_apihub", "connection kma_apihub", "connection kma_store"],
        "kept": [],
        "has_key": False,
    }
