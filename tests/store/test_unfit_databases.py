"""Databases that are set up otherwise than ours would be: refused in clear words with nothing made, or used with nothing lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from kmaflow.catalog.time import Window
from kmaflow.read import export, read
from kmaflow.store import Store
from kmaflow.store.coverage.gaps import ever_reported
from kmaflow.store.engines.database import reading
from kmaflow.store.errors import StoreDenied, StoreForeign
from kmaflow.store.schema import upgrade

from ..databases import database, server_url
from .bodies import WINDOW, at, load, load_list, minute_body, rows, stamp, station_body

BODY = minute_body({(stamp(1), 108): {"ta": -9.3}})


@contextmanager
def _server(kind: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(server_url(kind), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@contextmanager
def _user(kind: str, url: str, rights: str) -> Iterator[URL]:
    """A user of its own for the database, gone afterwards."""
    name = f"kmaflow_test_{uuid.uuid4().hex[:8]}"
    database_url = make_url(url)
    who = name if kind == "postgresql" else f"'{name}'@'%%'"
    with _server(kind) as server:
        login = "LOGIN PASSWORD" if kind == "postgresql" else "IDENTIFIED BY"
        server.exec_driver_sql(f"CREATE USER {who} {login} 'secret-word'")
        try:
            if kind != "postgresql":
                server.exec_driver_sql(f"GRANT {rights} ON `{database_url.database}`.* TO {who}")
            yield database_url.set(username=name, password="secret-word")
        finally:
            if kind == "postgresql":
                owner = sa.create_engine(url, isolation_level="AUTOCOMMIT")
                with owner.connect() as connection:
                    connection.exec_driver_sql(f"DROP OWNED BY {name}")
                owner.dispose()
            server.exec_driver_sql(f"DROP USER {who}")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_korean_is_refused(encoding: str) -> None:
    name = f"kmaflow_test_{uuid.uuid4().hex[:12]}"
    with _server("postgresql") as server:
        server.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        try:
            url = make_url(server_url("postgresql")).set(database=name).render_as_string(hide_password=False)
            with Store(url) as store:
                for make in (store.init, lambda: store.ensure("aws_cloud"), lambda: upgrade.make_state(store.engine)):
                    with pytest.raises(StoreForeign, match=f"encoding of this database is {encoding}") as caught:
                        make()
                    assert "CREATE DATABASE kmaflow ENCODING 'UTF8'" in caught.value.todo_en
                    assert "CREATE DATABASE kmaflow ENCODING 'UTF8'" in caught.value.todo_ko
                assert sa.inspect(store.engine).get_table_names() == []
        finally:
            server.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_korean_survives_in_a_database_whose_default_is_latin1(tmp_path: Path) -> None:
    with database("mariadb", tmp_path) as url:
        with _server("mariadb") as server:
            server.exec_driver_sql(f"ALTER DATABASE `{make_url(url).database}` CHARACTER SET latin1")
        with Store(url) as store:
            load_list(store, "AWS", station_body("AWS", {108: "서울", 90: "속초"}), at(0))
            load(store, BODY, at(1))
            assert [one.name_ko for one in store.stations()] == ["속초", "서울"]
            assert rows(store, "SELECT stn_ko FROM station WHERE stn_ko = '서울'") == [("서울",)]
            ta = next(one for one in sa.inspect(store.engine).get_columns("aws_minute") if one["name"] == "ta")
            assert "기온" in str(ta["comment"])
            sets = rows(
                store,
                "SELECT DISTINCT table_collation FROM information_schema.tables "
                "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'kmaflow%version'",
            )
            assert sets == [("utf8mb4_bin",)]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_no_time_zone_touches_a_stamp(kind: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url:
        korean = make_url(url)
        if kind == "postgresql":
            with _server(kind) as server:
                server.exec_driver_sql(f"ALTER DATABASE {korean.database} SET timezone = 'Asia/Seoul'")
        else:
            korean = korean.set(query={"init_command": "SET time_zone = '+09:00'"})
        with Store(korean.render_as_string(hide_password=False)) as store:
            load(store, BODY, at(15))
            assert rows(store, "SELECT tm_kst FROM aws_minute WHERE stn = 108") == [(str(stamp(1)),)]
            assert rows(store, "SELECT tm_to, fetched_at FROM request") == [(str(at(10)), str(at(15)))]
            assert load(store, BODY, at(16)).outcome == "unchanged"
        plain = sa.create_engine(url)
        with plain.connect() as connection:
            assert str(connection.exec_driver_sql("SELECT tm_kst FROM aws_minute WHERE stn = 108").scalar()) == str(
                stamp(1)
            )
        plain.dispose()


#: What an administrator may have set for a whole database or user, and what every statement of ours must not see.
HOSTILE = {
    "postgresql": [
        "DateStyle TO 'German'", "DateStyle TO 'SQL, DMY'", "DateStyle TO 'Postgres, DMY'", "IntervalStyle TO 'iso_8601'",
        "extra_float_digits TO -15", "standard_conforming_strings TO off", "client_encoding TO 'EUC_KR'",
        "array_nulls TO off", "transform_null_equals TO on", "default_transaction_isolation TO 'serializable'",
        "lock_timeout TO 1", "statement_timeout TO 1", "idle_in_transaction_session_timeout TO 1",
    ],
    "mariadb": [
        "sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,ORACLE'", "sql_mode = ''", "sql_select_limit = 1",
        "sql_safe_updates = 1", "sql_auto_is_null = 1", "autocommit = 1", "completion_type = 2", "unique_checks = 0",
        "max_statement_time = 0.000001", "sql_big_selects = 0, max_join_size = 1", "tx_isolation = 'SERIALIZABLE'",
        "character_set_results = 'latin1', collation_connection = 'latin1_swedish_ci'", "div_precision_increment = 0",
        "innodb_lock_wait_timeout = 1, lock_wait_timeout = 1",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "setting"), [(kind, setting) for kind, all_ in HOSTILE.items() for setting in all_])
def test_no_default_of_database_or_user_changes_what_is_stored_and_read(
    kind: str, setting: str, tmp_path: Path
) -> None:
    """Loading, an overlapping load that corrects, reading, exporting and the views, as on a database without the setting."""
    with database(kind, tmp_path) as url:
        hostile = make_url(url)
        if kind == "postgresql":
            with _server(kind) as server:
                server.exec_driver_sql(f"ALTER DATABASE {hostile.database} SET {setting}")
        else:
            # As init_connect of the server, which speaks to no administrator: before our own first word.
            hostile = hostile.set(query={"init_command": f"SET SESSION {setting.replace(', ', ', SESSION ')}"})
        with Store(hostile.render_as_string(hide_password=False)) as store:
            load_list(store, "AWS", station_body("AWS", {108: "서울", 90: "속초"}), at(0))
            cells = {(stamp(minute), stn): {"ta": -9.3, "ws1": 0.1} for minute in range(1, 4) for stn in (90, 108)}
            assert load(store, minute_body(cells), at(15)).inserted == 9
            later = Window(at(1), at(11))
            changed = {(stamp(2), 108): {"ta": -9.4, "ws1": 0.1}, (stamp(3), 90): {"ta": -9.3, "ws1": 0.1}}
            assert load(store, minute_body(changed), at(16), window=later).revised == 1
            found = read(store, "aws_minute", WINDOW, stations=[108], columns=["ta", "ws1"])
            assert found.rows() == [(stamp(1), 108, -9.3, 0.1), (stamp(2), 108, -9.4, 0.1), (stamp(3), 108, -9.3, 0.1)]
            known = read(store, "aws_minute", WINDOW, stations=[108], columns=["ta"], as_of=at(15.5))
            assert known["ta"].to_list() == [-9.3] * 3
            (file,) = export(store, "aws_minute", WINDOW, str(tmp_path / "out"), format="csv")
            assert file.rows == 9
            assert "2025-01-15 12:02:00,108,,0.1" in Path(file.path).read_text(encoding="utf-8")
            assert rows(store, "SELECT ta FROM aws_minute WHERE ta = -9.4") == [(-9.4,)]
            assert [one.name_ko for one in store.stations()] == ["속초", "서울"]
            assert store.status()[0].present == 9
            assert rows(store, "SELECT COUNT(*) FROM v_hourly WHERE stn = 108") == [(1,)]


@pytest.mark.parametrize(
    ("kind", "rights"),
    [
        ("postgresql", ""),
        ("mariadb", "SELECT"),
        ("mariadb", "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP"),
    ],
)
def test_a_user_who_may_not_make_tables_is_told_the_grant(kind: str, rights: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url, _user(kind, url, rights) as restricted:
        with Store(restricted.render_as_string(hide_password=False)) as store:
            makes: tuple[Callable[[], object], ...] = (store.init, lambda: upgrade.make_state(store.engine))
            for make in makes:
                with pytest.raises(StoreDenied) as caught:
                    make()
                assert "GRANT ALL" in caught.value.todo_en
                assert "GRANT ALL" in caught.value.todo_ko
                assert str(restricted.username) in caught.value.todo_en
                assert "secret-word" not in str(caught.value)
        with Store(url) as owner:
            assert sa.inspect(owner.engine).get_table_names() == []


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_user_who_may_do_what_the_grant_says_needs_no_more(kind: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url, _user(kind, url, "ALL PRIVILEGES") as user:
        if kind == "postgresql":
            with Store(url) as owner:
                rows(owner, f'GRANT ALL ON SCHEMA public TO "{user.username}"')
        with Store(user.render_as_string(hide_password=False)) as store:
            assert load(store, BODY, at(15)).inserted == 2
            assert upgrade.make_state(store.engine)


def test_rights_that_come_by_a_role_count(tmp_path: Path) -> None:
    role = f"kmaflow_test_{uuid.uuid4().hex[:8]}"
    with database("mariadb", tmp_path) as url, _user("mariadb", url, "SELECT") as user, _server("mariadb") as server:
        server.exec_driver_sql(f"CREATE ROLE {role}")
        try:
            server.exec_driver_sql(f"GRANT ALL PRIVILEGES ON `{user.database}`.* TO {role}")
            server.exec_driver_sql(f"GRANT {role} TO '{user.username}'@'%%'")
            server.exec_driver_sql(f"SET DEFAULT ROLE {role} FOR '{user.username}'@'%%'")
            with Store(user.render_as_string(hide_password=False)) as store:
                assert store.init()
        finally:
            server.exec_driver_sql(f"DROP ROLE {role}")


def reported(store: Store) -> frozenset[int]:
    with reading(store.engine) as connection:
        return ever_reported(connection, ["aws_minute"])


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_who_may_only_read_can_read_what_is_up_to_date(kind: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url, _user(kind, url, "SELECT") as reader:
        with Store(url) as owner:
            load(owner, BODY, at(15))
            if kind == "postgresql":
                rows(owner, f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{reader.username}"')
        with Store(reader.render_as_string(hide_password=False)) as store:
            assert store.init() == []
            assert reported(store) == {108, 999}
