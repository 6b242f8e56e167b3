"""Tables of others with names of ours are refused before anything is made, and what is not ours is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from kmaflow.store import Store
from kmaflow.store.errors import StoreForeign
from kmaflow.store.schema import upgrade
from kmaflow.store.schema.migrations import SERVICE, STATE
from kmaflow.store.state import State

from ..databases import ENGINES, database
from .bodies import rows
from .shape import table_names


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty database, on each engine."""
    with Store(database_url) as opened:
        yield opened


@pytest.fixture
def engine(store: Store) -> sa.Engine:
    return store.engine


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE TABLE station (id INTEGER PRIMARY KEY, name VARCHAR(20))", "the table station lacks the columns network"),
        ("CREATE TABLE latest (dataset VARCHAR(32), stn INTEGER, tm_kst TIMESTAMP NULL, more INTEGER)", "latest"),
        ("CREATE TABLE completeness_hour (dataset VARCHAR(32), hour_kst INTEGER, stn INTEGER, present INTEGER, blank INTEGER)",
         "the column hour_kst of the table completeness_hour is INTEGER"),
        ("CREATE TABLE aws_cloud (tm_kst VARCHAR(20), stn INTEGER, mine INTEGER)", "the table aws_cloud lacks the columns request_id"),
        ("CREATE TABLE kmaflow_version (mine INTEGER)", "version_num"),
        ("CREATE VIEW revision AS SELECT 1 AS dataset", "the table revision lacks"),
        ("CREATE VIEW v_daily AS SELECT 1 AS dataset", "v_daily is not the view"),
        ("CREATE TABLE v_station (mine INTEGER)", "v_station is not the view"),
    ],
)  # fmt: skip
def test_a_table_of_another_program_is_refused_before_anything_is_made(
    store: Store, engine: sa.Engine, statement: str, words: str
) -> None:
    rows(store, statement)
    before = table_names(engine)
    with pytest.raises(StoreForeign, match=words) as caught:
        store.ensure("aws_cloud")
    assert "kmaflow 전용 데이터베이스" in caught.value.todo_ko
    assert table_names(engine) == before


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE TABLE aws_cloud (tm_kst DATETIME, stn INTEGER, ca_tot VARCHAR(9), request_id BIGINT, PRIMARY KEY (tm_kst, stn))", "ca_tot"),
        ("CREATE TABLE aws_cloud (tm_kst DATETIME, stn INTEGER, ca_tot FLOAT(20), request_id BIGINT, PRIMARY KEY (tm_kst, stn))", "ca_tot"),
        ("CREATE TABLE aws_cloud (tm_kst DATETIME, stn INTEGER, request_id BIGINT, PRIMARY KEY (stn))", "primary key"),
        ("CREATE TABLE aws_cloud (tm_kst DATETIME, stn SMALLINT, request_id BIGINT, PRIMARY KEY (tm_kst, stn))", "stn"),
        ("CREATE TABLE aws_cloud (tm_kst DATETIME, stn INTEGER, request_id INTEGER, PRIMARY KEY (tm_kst, stn))", "request_id"),
        ("CREATE TABLE aws_cloud (tm_kst ZONED, stn INTEGER, request_id BIGINT, PRIMARY KEY (tm_kst, stn))", "tm_kst"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ENGINES[1:])
def test_an_observation_table_that_cannot_hold_our_values_is_refused(
    kind: str, statement: str, words: str, tmp_path: Path
) -> None:
    if kind == "postgresql":
        statement = statement.replace("DATETIME", "TIMESTAMP").replace("ZONED", "TIMESTAMP WITH TIME ZONE")
    with database(kind, tmp_path) as url, Store(url) as store:
        rows(store, statement.replace("ZONED", "TIMESTAMP DEFAULT '2000-01-01'"))
        with pytest.raises(StoreForeign, match=words):
            store.ensure("aws_cloud")
        assert table_names(store.engine) == {"aws_cloud"}


@pytest.mark.parametrize("name", ["aws_visibility", "asos_hourly", "aws_present_weather_code"])
def test_all_tables_are_looked_at_before_one_is_made(store: Store, engine: sa.Engine, name: str) -> None:
    upgrade.make(engine)
    rows(store, f"CREATE TABLE {name} (mine INTEGER)")
    before = table_names(engine)
    with pytest.raises(StoreForeign, match=name), Store(engine.url.render_as_string(hide_password=False)) as again:
        again.init(all_tables=True)
    assert table_names(engine) == before


@pytest.mark.parametrize("name", ["lease", "api_usage"])
def test_the_tables_of_the_state_are_looked_at_before_any_other_is_made(database_url: str, name: str) -> None:
    with Store(database_url) as store, State(database_url) as state:
        rows(store, f"CREATE TABLE {name} (mine INTEGER)")
        with pytest.raises(StoreForeign, match=name):
            state.look()
        assert table_names(store.engine) == {name}
        rows(store, f"DROP TABLE {name}")
        state.look()
        assert table_names(store.engine) == set()
        state.init()
        state.look()


def test_what_a_newer_kmaflow_made_is_left_alone(store: Store, engine: sa.Engine) -> None:
    upgrade.make(engine)
    rows(store, "UPDATE kmaflow_version SET version_num = '0999'")
    with pytest.raises(StoreForeign, match="made by a newer kmaflow") as caught:
        upgrade.make(engine)
    assert "더 새로운 kmaflow" in caught.value.todo_ko


def test_the_alembic_of_another_program_is_not_touched(store: Store, engine: sa.Engine) -> None:
    rows(store, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    rows(store, "INSERT INTO alembic_version VALUES ('686269002441')")
    upgrade.make(engine)
    upgrade.make_state(engine)
    assert rows(store, "SELECT version_num FROM alembic_version") == [("686269002441",)]
    assert rows(store, "SELECT version_num FROM kmaflow_version") == [(SERVICE.head,)]
    assert rows(store, "SELECT version_num FROM kmaflow_state_version") == [(STATE.head,)]
