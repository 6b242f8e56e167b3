"""Every database that an earlier version made becomes today's, with its rows; whatever cuts a migration off, and however many start it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kmaflow.store import Store, views
from kmaflow.store.engines.base import engine_of
from kmaflow.store.errors import StoreForeign
from kmaflow.store.schema import upgrade as schema
from kmaflow.store.schema.migrations import SERVICE, STATE, History
from kmaflow.store.schema.observations import METADATA as OBSERVED
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import METADATA, STATE_METADATA

from ..databases import database
from .bodies import at, load, minute_body, rows, stamp
from .earlier import VERSIONS, restore
from .shape import again, contents, differences, table_names, view_names, wanted_views

HERE = Path(__file__).parent
MIGRATIONS = HERE.parents[1] / "src/kmaflow/store/schema/migrations"


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty database, on each engine."""
    with Store(database_url) as opened:
        yield opened


@pytest.fixture
def engine(store: Store) -> sa.Engine:
    return store.engine


# ------------------------------------------------------------------------------------------------------- the same


def test_new_service_tables_are_those_of_the_description(engine: sa.Engine) -> None:
    schema.make(engine)
    schema.make_state(engine)
    assert differences(engine, METADATA) == []
    assert differences(engine, STATE_METADATA) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_database_of_an_earlier_version_goes_on_with_its_rows(store: Store, engine: sa.Engine, version: str) -> None:
    restore(engine, version)
    kept = [
        "aws_minute",
        "aws_present_weather",
        "aws_present_weather_code",
        "revision",
        "station",
        "latest",
        "completeness_hour",
    ]
    before = contents(engine, [*kept, "fetch", "api_usage", "api_key_state"])
    there = set(table_names(engine))
    assert set(store.init(all_tables=True)) == {"api_token", *OBSERVED.tables} - there
    assert schema.make_state(engine) == []
    after = contents(engine, [*kept, "request", "api_usage", "api_key_state"])
    new = dict.fromkeys(("kind", "holds", "dag_id", "run_id"), 0)
    for name in kept:
        assert _renamed(before[name]) == _renamed(after[name])
    assert _renamed(before["fetch"], **new) == _renamed(after["request"], **new)
    assert [kind for (kind,) in rows(store, "SELECT kind FROM request ORDER BY id")] == ["request"] * 6 + [
        "file",
        "request",
        "deferred",
        "event",
    ]
    assert before["api_usage"] == after["api_usage"]
    assert [row["exhausted"] for row in after["api_key_state"]] == ["bytes"]
    for metadata in (METADATA, STATE_METADATA, OBSERVED):
        assert differences(engine, metadata) == []
    assert view_names(engine) == wanted_views(engine)
    assert "fetch" not in table_names(engine)
    # What a saved file does not hold was never asked for, whatever the earlier version believed.
    answered = rows(
        store,
        "SELECT day_kst, answered FROM coverage_day WHERE dataset = 'aws_minute' AND day_kst > '2025-01-15' ORDER BY 1",
    )
    assert [(day, json.loads(str(text))) for day, text in answered] == [
        ("2025-01-18", {"rows:108,999": [[0, 1]]}),
        ("2025-01-20", {"rows:108,999": [[359, 360]]}),
    ]
    assert rows(store, "SELECT call_kind, bytes FROM call_size") == [("aws_minute 10 all", 812_345)]
    assert rows(store, "SELECT name FROM lease") == [("backfill 1",)]
    body = minute_body({(stamp(1), 108): {"ta": -9.5}, (stamp(2), 108): {"ta": -9.2}, (stamp(2), 90): {}})
    assert load(store, body, at(20)).revised == 1
    assert load(store, body, at(21)).outcome == "unchanged"


def _renamed(rows: list[dict[str, Any]], **more: object) -> list[dict[str, Any]]:
    names = {"fetch_id": "request_id", "old_fetch": "old_request", "new_fetch": "new_request", "rows": "row_count"}
    found = [{names.get(name, name): value for name, value in row.items()} | more for row in rows]
    return sorted(found, key=repr)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_table_of_another_program_with_the_ledgers_name_is_refused(engine: sa.Engine, version: str) -> None:
    restore(engine, version)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE request (mine INTEGER)")
    before = _seen(engine)
    with pytest.raises(StoreForeign, match="the table request"):
        schema.make(engine)
    assert _seen(engine) == before


@pytest.mark.parametrize("history", [SERVICE, STATE], ids=["service", "state"])
def test_the_head_that_start_up_compares_is_the_last_script(history: History) -> None:
    scripts = sorted(path.stem.removeprefix("r") for path in (MIGRATIONS / history.name).glob("r*.py"))
    assert scripts[-1] == history.head


def test_no_name_needs_quotes(store: Store, engine: sa.Engine) -> None:
    """People write SQL by hand, on every engine."""
    store.init(all_tables=True)
    schema.make_state(engine)
    inspector = sa.inspect(engine)
    with engine.connect() as connection:
        for name in (*inspector.get_table_names(), *inspector.get_view_names()):
            for column in inspector.get_columns(name):
                one = column["name"]
                connection.exec_driver_sql(f"SELECT {one} FROM {name} WHERE {one} IS NULL ORDER BY {one} LIMIT 1")


# ---------------------------------------------------------------------------------------- cut off, and many at once


class _Cut(BaseException):
    """The process ends here."""


class _Scissors:
    """Lets so many changing statements pass and cuts the next one off."""

    def __init__(self, engine: sa.Engine) -> None:
        self.left = sys.maxsize
        sa.event.listen(engine, "before_cursor_execute", self.cut)

    def cut(self, _: Any, __: Any, statement: str, *___: Any) -> None:
        if re.match(r"\s*(CREATE|ALTER|DROP|COMMENT|INSERT|UPDATE|DELETE)", statement):
            self.left -= 1
            if self.left < 0:
                raise _Cut

    def cut_off(self, engine: sa.Engine, statements: int) -> bool:
        """Whether the work was not done within so many statements."""
        self.left = statements
        try:
            schema.make(engine, ["aws_cloud"])
        except _Cut:
            return True
        finally:
            self.left = sys.maxsize
        return False


def _seen(engine: sa.Engine) -> object:
    inspector = sa.inspect(engine)
    columns, indexes = inspector.get_multi_columns(), inspector.get_multi_indexes()
    return {name: (len(columns[name]), [index["column_names"] for index in indexes.get(name, ())]) for name in columns}


def _is_whole(engine: sa.Engine, requests: int) -> None:
    assert differences(engine, METADATA) == []
    assert view_names(engine) == wanted_views(engine)
    assert len(contents(engine, ["request"])["request"]) == requests
    with again(engine) as store:
        load(store, minute_body({(stamp(1), 108): {"ta": 1.0}}), at(15))
        assert store.init() == []


@pytest.mark.parametrize("start", ["nothing", "0e5e98a"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_migration_that_is_cut_off_has_done_nothing(kind: str, start: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url, Store(url) as store:
        if start != "nothing":
            restore(store.engine, start)
        before, scissors = _seen(store.engine), _Scissors(store.engine)
        for statements in (1, 2, 4):
            assert scissors.cut_off(store.engine, statements)
            assert _seen(store.engine) == before
        schema.make(store.engine, ["aws_cloud"])
        _is_whole(store.engine, requests=0 if start == "nothing" else 10)


@pytest.mark.parametrize("start", ["nothing", "0e5e98a"])
def test_on_mariadb_it_goes_on_where_it_was_cut_off(start: str, tmp_path: Path) -> None:
    """Each DDL statement stays done: one more in each run, so that every state is met that can be left behind."""
    with database("mariadb", tmp_path) as url, Store(url) as store:
        if start != "nothing":
            restore(store.engine, start)
        scissors = _Scissors(store.engine)
        states, statements, before = 0, 1, _seen(store.engine)
        while scissors.cut_off(store.engine, statements):
            after = _seen(store.engine)
            states, statements = (states + 1, 1) if after != before else (states, statements + 1)
            before = after
        assert states >= (5 if start != "nothing" else 15)
        _is_whole(store.engine, requests=0 if start == "nothing" else 10)


@pytest.fixture(scope="module")
def ten() -> Iterator[list[subprocess.Popen[str]]]:
    """Ten processes that wait for the URL of a database."""
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "init_worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(10)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            process.communicate()


def test_ten_that_start_at_once_make_everything_once(
    ten: list[subprocess.Popen[str]], database_url: str, store: Store, engine: sa.Engine
) -> None:
    for process in ten:
        assert process.stdin is not None
        process.stdin.write(f"{database_url}\n")
        process.stdin.flush()
    made = [json.loads(process.stdout.readline()) for process in ten if process.stdout is not None]
    assert sorted(name for names in made for name in names) == sorted([*METADATA.tables, *STATE_METADATA.tables])
    assert differences(engine, METADATA) == []
    assert differences(engine, STATE_METADATA) == []
    assert view_names(engine) == wanted_views(engine)
    noted = rows(store, "SELECT table_name, version FROM observation_schema")
    view = views.version(engine_of(engine).words)
    assert set(noted) == {("aws_cloud", schema.version_of(OBSERVATIONS["aws_cloud"]))} | {
        (name, view) for name in views.NAMES
    }
