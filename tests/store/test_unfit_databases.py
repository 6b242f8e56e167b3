"""Databases that are set up otherwise than ours would be: refused in clear words with nothing made, or used with nothing lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from kmaflow.store import Store
from kmaflow.store.coverage.gaps import ever_reported
from kmaflow.store.engines.database import reading
from kmaflow.store.errors import StoreDenied, StoreForeign
from kmaflow.store.schema import upgrade

from ..databases import database, server_url
from .bodies import at, load, load_list, minute_body, rows, stamp, station_body

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
            assert rows(store, 'SELECT tm_to, fetched_at FROM "fetch"') == [(str(at(10)), str(at(15)))]
            assert load(store, BODY, at(16)).outcome == "unchanged"
        plain = sa.create_engine(url)
        with plain.connect() as connection:
            assert str(connection.exec_driver_sql("SELECT tm_kst FROM aws_minute WHERE stn = 108").scalar()) == str(
                stamp(1)
            )
        plain.dispose()


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
