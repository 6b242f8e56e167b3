"""Every database that an earlier version made becomes today's, with its rows; whatever cuts a migration off, and however many start it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kmaflow.catalog.time import MINUTE
from kmaflow.quota.tables import CALL_SIZE
from kmaflow.store import Store, views
from kmaflow.store.engines import partitions
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.locks import writing_alone
from kmaflow.store.schema import upgrade as schema
from kmaflow.store.schema.migrations import BOOKS, STATE, History, upgrade
from kmaflow.store.schema.observations import METADATA as OBSERVED
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import METADATA, STATE_METADATA

from ..databases import database
from .bodies import NOON, at, load, minute_body, rows, stamp
from .shape import again, contents, differences, table_names, view_names, wanted_views

HERE = Path(__file__).parent
MIGRATIONS = HERE.parents[1] / "src/kmaflow/store/schema/migrations"


def _earlier(history: History) -> list[str]:
    return sorted(path.stem.removeprefix("r") for path in (MIGRATIONS / history.name).glob("r*.py"))[:-1]


def _at(engine: sa.Engine, history: History, revision: str) -> None:
    with writing_alone(engine, ["schema"]) as connection:
        upgrade(connection, history, revision)


def _sample(column: sa.Column[Any]) -> object:
    if isinstance(column.type, sa.DateTime):
        return NOON
    if isinstance(column.type, sa.String):
        return "값 'é' \\\\ \""[: column.type.length]
    return -9.3 if isinstance(column.type, sa.Float) else 7


def _fill(engine: sa.Engine, names: list[str]) -> None:
    """A row in each table, whatever its columns are."""
    with engine.begin() as connection:
        for name in names:
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            connection.execute(table.insert().values({column.name: _sample(column) for column in table.columns}))


def _as_before(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The rows without the columns that have come since."""
    return {
        name: [{key: value for key, value in row.items() if key in before[name][0]} for row in found]
        for name, found in now.items()
    }


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


@pytest.mark.parametrize("revision", _earlier(BOOKS))
def test_every_earlier_revision_becomes_todays_with_its_rows(store: Store, engine: sa.Engine, revision: str) -> None:
    _at(engine, BOOKS, revision)
    # Which version of tables and views is there is noted anew.
    names = sorted(table_names(engine) - {BOOKS.version_table, "observation_schema"})
    assert "fetch" in names
    with writing_alone(engine, ["schema"]) as connection:
        OBSERVATIONS["aws_cloud"].create(connection)
        partitions.ensure(connection, "aws_cloud")
    _fill(engine, names)
    with engine.begin() as connection:
        cells = [
            (NOON, 90, 1.0),
            (NOON, 108, 1.0),
            (NOON + MINUTE, 108, 2.0),
            (NOON + 2 * MINUTE, 108, None),
            (NOON, 77, None),
        ]
        for tm, stn, amount in cells:
            connection.execute(OBSERVATIONS["aws_cloud"].insert().values(tm_kst=tm, stn=stn, ca_tot=amount, fetch_id=7))
    before = contents(engine, [*names, "aws_cloud"])
    schema.make(engine)
    assert _as_before(contents(engine, [*names, "aws_cloud"]), before) == before
    assert differences(engine, METADATA) == []
    if revision < "0002":  # which makes ``latest`` from the rows that are there
        assert rows(store, "SELECT dataset, stn, tm_kst FROM latest ORDER BY stn") == [
            ("aws_cloud", 90, str(NOON)),
            ("aws_cloud", 108, str(NOON + MINUTE)),
        ]


@pytest.mark.parametrize("revision", _earlier(STATE))
def test_every_earlier_state_becomes_todays_with_its_rows(engine: sa.Engine, revision: str) -> None:
    schema.make(engine)
    _at(engine, STATE, revision)
    there = table_names(engine)
    _fill(engine, ["api_usage"])
    before = contents(engine, ["api_usage"])
    assert set(schema.make_state(engine)) == {table for table in STATE_METADATA.tables if table not in there}
    assert contents(engine, [CALL_SIZE.name]) == {CALL_SIZE.name: []}
    assert schema.make_state(engine) == []
    assert contents(engine, ["api_usage"]) == before
    assert differences(engine, STATE_METADATA) == []


def test_a_database_of_0_1_0_goes_on(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "k.db")) as connection:
        connection.executescript((HERE / "released_0_1_0.sql").read_text("utf-8"))
    with Store(f"sqlite:///{tmp_path}/k.db") as store:
        names = sorted(table_names(store.engine))
        before = contents(store.engine, names)
        assert sum(map(len, before.values())) > 20
        assert set(store.init()) == {"latest", "coverage_day", "api_token", "observation_schema", *OBSERVED.tables}
        schema.make_state(store.engine)
        assert _as_before(contents(store.engine, names), before) == before
        assert {kind for (kind,) in rows(store, 'SELECT kind FROM "fetch"')} == {"request"}
        for metadata in (METADATA, STATE_METADATA, OBSERVED):
            assert differences(store.engine, metadata) == []
        assert rows(store, "SELECT dataset, stn, tm_kst FROM latest ORDER BY dataset, stn") == [
            ("aws_minute", 108, str(stamp(2))), ("aws_minute", 999, str(stamp(3))),
            ("aws_present_weather", 108, str(stamp(2))), ("aws_present_weather", 999, str(stamp(2))),
        ]  # fmt: skip
        assert [(one.stn, one.name_ko) for one in store.stations()] == [(90, "속초"), (108, "서울 *")]
        body = minute_body({(stamp(1), 108): {"ta": -9.5, "pa": 1014.8}, (stamp(2), 108): {"ta": -9.2}})
        assert load(store, body, at(20)).revised == 1
        assert load(store, body, at(21)).outcome == "unchanged"


@pytest.mark.parametrize("history", [BOOKS, STATE], ids=["books", "state"])
def test_the_head_that_start_up_compares_is_the_last_script(history: History) -> None:
    assert [*_earlier(history), history.head] == sorted(
        path.stem.removeprefix("r") for path in (MIGRATIONS / history.name).glob("r*.py")
    )


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


def _is_whole(engine: sa.Engine, fetches: int) -> None:
    assert differences(engine, METADATA) == []
    assert view_names(engine) == wanted_views(engine)
    assert len(contents(engine, ["fetch"])["fetch"]) == fetches
    with again(engine) as store:
        load(store, minute_body({(stamp(1), 108): {"ta": 1.0}}), at(15))
        assert store.init() == []


@pytest.mark.parametrize("start", ["nothing", "0001"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_migration_that_is_cut_off_has_done_nothing(kind: str, start: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url, Store(url) as store:
        if start != "nothing":
            _at(store.engine, BOOKS, start)
            _fill(store.engine, ["fetch"])
        before, scissors = _seen(store.engine), _Scissors(store.engine)
        for statements in (1, 2, 4):
            assert scissors.cut_off(store.engine, statements)
            assert _seen(store.engine) == before
        schema.make(store.engine, ["aws_cloud"])
        _is_whole(store.engine, fetches=start != "nothing")


@pytest.mark.parametrize("start", ["nothing", "0001"])
def test_on_mariadb_it_goes_on_where_it_was_cut_off(start: str, tmp_path: Path) -> None:
    """Each DDL statement stays done: one more in each run, so that every state is met that can be left behind."""
    with database("mariadb", tmp_path) as url, Store(url) as store:
        if start != "nothing":
            _at(store.engine, BOOKS, start)
            _fill(store.engine, ["fetch"])
        scissors = _Scissors(store.engine)
        states, statements, before = 0, 1, _seen(store.engine)
        while scissors.cut_off(store.engine, statements):
            after = _seen(store.engine)
            states, statements = (states + 1, 1) if after != before else (states, statements + 1)
            before = after
        assert states >= (5 if start != "nothing" else 15)
        _is_whole(store.engine, fetches=start != "nothing")


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
