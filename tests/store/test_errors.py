"""A database that cannot be used says so in one typed error with the next step, and is left as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from kmaflow.catalog.time import Window
from kmaflow.errors import UsageError
from kmaflow.read import read
from kmaflow.store import Store
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.engines import base, database, sqlite
from kmaflow.store.engines.database import reading, translated
from kmaflow.store.errors import (
    StoreBusy,
    StoreError,
    StoreForeign,
    StoreReadOnly,
    StoreUnreachable,
)

from .bodies import WINDOW, at, load, minute_body, observations, stamp

BODY = minute_body({(stamp(1), 108): {"ta": 1.0}})


@pytest.mark.parametrize("url", ["", "no url", "/some/file.db"])
def test_no_url(url: str) -> None:
    with pytest.raises(UsageError, match="KMAFLOW_DATABASE_URL is no SQLAlchemy URL"):
        Store(url)


def test_an_engine_that_is_not_supported_is_named_without_the_password() -> None:
    with pytest.raises(StoreUnreachable, match="oracle are not supported") as caught:
        Store("oracle://me:secret-word@db/kma")
    assert "secret-word" not in str(caught.value)


def test_the_shown_url_hides_the_password() -> None:
    assert "secret-word" not in database.shown("postgresql://me:secret-word@db/kma")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        Store(f"sqlite:///{tmp_path}/file/sub/k.db") as store,
        pytest.raises(StoreUnreachable, match=r"Not a directory|File exists"),
    ):
        store.init()


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}") as store, pytest.raises(StoreUnreachable, match="unable to open"):
        store.init()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "k.db").write_bytes(b"This is a diary, not a database. " * 100)
    with Store(f"sqlite:///{tmp_path}/k.db") as store, pytest.raises(StoreForeign):
        store.init()


def test_a_file_that_may_only_be_read(
    open_folder: Path, ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    url = f"sqlite:///{open_folder}/k.db"
    with Store(url) as store:
        load(store, BODY, at(15))
        before = observations(store)
    with closing(sqlite3.connect(open_folder / "k.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    (open_folder / "k.db").chmod(0o444)
    open_folder.chmod(0o555)
    with ordinary_user(), Store(url) as store:
        with pytest.raises(StoreReadOnly, match="readonly"):
            load(store, minute_body({(stamp(1), 108): {"ta": 2.0}}), at(16))
        with pytest.raises(StoreReadOnly):
            store.probe()
        assert observations(store) == before
    open_folder.chmod(0o755)


def test_a_sqlite_uri_makes_no_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(f"sqlite:///{tmp_path}/k.db") as store:
        store.init()
    with Store(f"sqlite:///file:{tmp_path}/k.db?mode=ro&uri=true") as store, pytest.raises(StoreReadOnly):
        store.probe()
    assert not (tmp_path / "file:").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"k.db", "k.db-wal", "k.db-shm"}


def test_another_writer_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(f"sqlite:///{tmp_path}/k.db") as first:
        load(first, BODY, at(15))
    monkeypatch.setattr(base, "BUSY_SECONDS", 0)
    with (
        closing(sqlite3.connect(tmp_path / "k.db", isolation_level=None)) as other,
        Store(f"sqlite:///{tmp_path}/k.db") as store,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="locked"):
            load(store, minute_body({(stamp(1), 108): {"ta": 2.0}}), at(16))
        other.execute("ROLLBACK")
        assert load(store, minute_body({(stamp(1), 108): {"ta": 2.0}}), at(16)).revised == 1


def test_every_error_of_the_driver_becomes_ours() -> None:
    with pytest.raises(StoreError, match="here: no such thing"), translated("here", sqlite.ENGINE):
        raise sa.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("no such thing"))
    with pytest.raises(StoreUnreachable, match="here: boom"), translated("here", sqlite.ENGINE):
        raise OSError("boom")


def test_a_connection_that_fails_for_another_reason_is_not_taken_for_read_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Locked(sqlite3.Connection):
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            if "journal_mode" in sql:
                raise sqlite3.OperationalError("database is locked")
            return super().execute(sql, *parameters)  # type: ignore[arg-type]

    with closing(Locked(":memory:")) as connection, pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite._prepare(connection, None)


def test_a_database_on_a_read_only_file_system_can_be_read(
    open_folder: Path, ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    path = open_folder / "k.db"
    url = f"sqlite:///{path}"
    with Store(url) as store:
        load(store, minute_body({(stamp(1), 108): {"ta": 1.0}}), at(15))
    assert {one.name for one in open_folder.iterdir()} == {"k.db"}
    open_folder.chmod(0o555)
    path.chmod(0o444)
    try:
        with ordinary_user(), Store(url) as store:
            assert store.init() == []
            assert store.status()[0].present == 2
            assert read(store, "aws_minute", WINDOW, stations=[108], columns=["ta"])["ta"].to_list() == [1.0]
            with reading(store.engine) as connection:
                assert gaps(connection, ["aws_minute"], Window(stamp(0), stamp(1)), now=at(60)) == []
            for write in (store.probe, lambda: store.ensure("aws_cloud")):
                with pytest.raises(StoreReadOnly):
                    write()
        assert {one.name for one in open_folder.iterdir()} == {"k.db"}
    finally:
        open_folder.chmod(0o755)


def test_what_was_written_last_is_not_left_out_on_a_read_only_file_system(
    open_folder: Path, ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    path = open_folder / "k.db"
    with Store(f"sqlite:///{path}") as store:
        load(store, minute_body({(stamp(1), 108): {"ta": 1.0}}), at(15))
        kept = store.engine.connect()
        load(store, minute_body({(stamp(1), 108): {"ta": 2.0}}), at(16))
        for name in ("k.db", "k.db-wal"):
            (open_folder / f"copy-{name}").write_bytes((open_folder / name).read_bytes())
        kept.close()
    for name in ("k.db", "k.db-wal"):
        (open_folder / f"copy-{name}").chmod(0o444)
    open_folder.chmod(0o555)
    try:
        with (
            ordinary_user(),
            Store(f"sqlite:///{open_folder}/copy-k.db") as store,
            pytest.raises(StoreReadOnly, match="wal"),
        ):
            store.status()
    finally:
        open_folder.chmod(0o755)
