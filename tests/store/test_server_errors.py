"""What can go wrong with a server: one clear error with the next step, no password in it, and nothing half-written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from kmaflow.store import Store
from kmaflow.store.engines.base import engine_named
from kmaflow.store.engines.database import translated
from kmaflow.store.engines.loader import loader_for
from kmaflow.store.errors import (
    StoreBusy,
    StoreConflict,
    StoreDenied,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreLost,
    StoreReadOnly,
    StoreUnreachable,
    StoreUnstorable,
)

from ..databases import database, server_url
from .bodies import at, load, minute_body, observations, rows, stamp

SERVERS = ("postgresql", "mariadb")
BODY = minute_body({(stamp(1), 108): {"ta": 1.0}})
SECRET = "a-password-nobody-may-read"


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as made:
        yield made


def _told(url: str, error: type[StoreError], *words: str) -> None:
    with Store(url) as store, pytest.raises(error) as caught:
        store.init()
    for word in words:
        assert word in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__cause__)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_does_not_answer(kind: str) -> None:
    url = make_url(server_url(kind)).set(port=1, password=SECRET)
    _told(url.render_as_string(hide_password=False), StoreUnreachable, "refused", "KMAFLOW_DATABASE_URL")


@pytest.mark.parametrize("kind", SERVERS)
def test_a_host_that_does_not_exist(kind: str) -> None:
    url = make_url(server_url(kind)).set(host="no-such-host.invalid", password=SECRET)
    _told(url.render_as_string(hide_password=False), StoreUnreachable, "no-such-host.invalid")


@pytest.mark.parametrize("kind", SERVERS)
def test_a_database_that_does_not_exist(kind: str) -> None:
    url = make_url(server_url(kind)).set(database="kmaflow_never_made")
    _told(url.render_as_string(hide_password=False), StoreUnreachable, "kmaflow_never_made")


@pytest.mark.parametrize("kind", SERVERS)
def test_a_wrong_user_or_password(kind: str) -> None:
    url = make_url(server_url(kind)).set(username="kmaflow_nobody", password=SECRET)
    _told(url.render_as_string(hide_password=False), StoreDenied, "kmaflow_nobody")


def test_a_database_that_may_only_be_read(url: str) -> None:
    with Store(url) as store:
        load(store, BODY, at(15))
        before = observations(store)
    reading = make_url(url)
    if reading.get_backend_name() == "postgresql":
        reading = reading.update_query_dict({"options": "-c default_transaction_read_only=on"})
    else:
        reading = reading.update_query_dict({"init_command": "SET SESSION TRANSACTION READ ONLY"})
    with Store(reading.render_as_string(hide_password=False)) as store:
        with pytest.raises(StoreReadOnly):
            load(store, minute_body({(stamp(1), 108): {"ta": 2.0}}), at(16))
        assert observations(store) == before


@pytest.mark.parametrize(
    ("postgresql", "mariadb", "expected"),
    [
        (psycopg.errors.DiskFull("could not extend file"), pymysql.err.OperationalError(1021, "Disk full"), StoreFull),
        (psycopg.errors.TooManyConnections("sorry"), pymysql.err.OperationalError(1040, "Too many"), StoreBusy),
        (psycopg.errors.UndefinedColumn("no column"), pymysql.err.OperationalError(1054, "Unknown"), StoreForeign),
        (psycopg.errors.DivisionByZero("unforeseen"), pymysql.err.DataError(1365, "unforeseen"), StoreError),
    ],
)
@pytest.mark.parametrize("store", SERVERS, indirect=True)
def test_an_error_in_the_middle_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, postgresql: Exception, mariadb: Exception, expected: type[StoreError]
) -> None:
    load(store, BODY, at(15))
    before = observations(store)
    with store.engine.connect() as connection:
        kind = type(loader_for(connection))
    error = postgresql if store.engine.dialect.name == "postgresql" else mariadb

    def failing(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(kind, "add_counts", failing)
        with pytest.raises(expected) as caught:
            load(store, minute_body({(stamp(2), 108): {"ta": 2.0}}), at(16))
    assert type(caught.value) is expected
    assert observations(store) == before
    assert rows(store, "SELECT COUNT(*) FROM request") == [(1,)]
    assert load(store, minute_body({(stamp(2), 108): {"ta": 2.0}}), at(16)).inserted == 2


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.DeadlockDetected("x"), StoreConflict),
        (psycopg.errors.SerializationFailure("x"), StoreConflict),
        (psycopg.errors.LockNotAvailable("x"), StoreBusy),
        (psycopg.errors.AdminShutdown("x"), StoreLost),
        (psycopg.OperationalError("server closed the connection unexpectedly"), StoreLost),
        (psycopg.OperationalError("FATAL: the database system is starting up"), StoreLost),
        (psycopg.OperationalError("fe_sendauth: no password supplied"), StoreDenied),
        (psycopg.errors.InsufficientPrivilege("x"), StoreDenied),
        (psycopg.errors.ReadOnlySqlTransaction("x"), StoreReadOnly),
        (psycopg.OperationalError("something new"), StoreError),
        (pymysql.err.OperationalError(1213, "Deadlock found"), StoreConflict),
        (pymysql.err.OperationalError(1205, "Lock wait timeout"), StoreBusy),
        (pymysql.err.OperationalError(2013, "Lost connection"), StoreLost),
        (pymysql.err.InterfaceError(0, ""), StoreLost),
        (pymysql.err.OperationalError(1114, "The table is full"), StoreFull),
        (pymysql.err.OperationalError(1142, "INSERT command denied"), StoreDenied),
        (pymysql.err.DataError(1366, "Incorrect string value"), StoreUnstorable),
        (pymysql.err.DataError(1264, "Out of range value"), StoreUnstorable),
        (psycopg.errors.NumericValueOutOfRange("x"), StoreUnstorable),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), StoreUnstorable),
        (psycopg.errors.UntranslatableCharacter("x"), StoreForeign),
        (pymysql.err.InternalError("something new"), StoreError),
    ],
)
def test_errors_of_the_drivers_become_ours(error: Exception, expected: type[StoreError]) -> None:
    kind = engine_named("postgresql" if type(error).__module__.startswith("psycopg") else "mariadb")
    with pytest.raises(StoreError, match="here: ") as caught, translated("here", kind):
        raise sa.exc.DBAPIError("SELECT 1", {}, error)
    assert type(caught.value) is expected
    assert "\n" not in str(caught.value)
    # The drivers' own errors, where SQLAlchemy is not between.
    with pytest.raises(StoreError) as caught, translated("here", kind, type(error).__mro__[-3]):
        raise error
    assert type(caught.value) is expected


def test_a_server_that_forbids_local_files_is_loaded_another_way_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from kmaflow.store.engines import mariadb

    monkeypatch.setattr(mariadb, "_slow", set())
    cells = {(stamp(minute), stn): {"ta": -9.3 + stn} for minute in range(1, 4) for stn in range(90, 120)}
    with database("mariadb", tmp_path) as url, Store(url) as store:
        store.ensure("aws_minute")

        def forbidden(self: Any, filename: str, conn: Any) -> None:
            raise pymysql.err.OperationalError(1148, "The used command is not allowed")

        monkeypatch.setattr("pymysql.connections.LoadLocalFile.__init__", forbidden)
        assert load(store, minute_body(cells), at(15)).inserted == 93
        assert load(store, minute_body(cells), at(16), stn=0).outcome == "unchanged"
        assert rows(store, "SELECT COUNT(*), SUM(ta IS NULL), MIN(ta) FROM aws_minute") == [(93, 0, 1.0)]
    assert [record.levelname for record in caplog.records if "local_infile" in record.message] == ["WARNING"]
