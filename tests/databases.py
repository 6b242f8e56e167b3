"""Databases of our own on the real servers, one for each test that asks, gone afterwards.

``KMAFLOW_TEST_POSTGRESQL`` and ``KMAFLOW_TEST_MARIADB`` name other servers than those of this machine. Without its server a test skips and
says so; in CI it fails.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

ENGINES = ("sqlite", "postgresql", "mariadb")
SERVERS = {
    "postgresql": os.environ.get("KMAFLOW_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": os.environ.get("KMAFLOW_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/mysql"),
}


def server_url(kind: str) -> str:
    """The administrator's URL of a server; skips (in CI: fails) where it does not answer."""
    url = SERVERS[kind]
    engine = sa.create_engine(url, connect_args={"connect_timeout": 5})
    try:
        with engine.connect():
            return url
    except sa.exc.OperationalError as error:
        reason = f"NO {kind.upper()} SERVER at {make_url(url).render_as_string(hide_password=True)}: {error.orig}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    finally:
        engine.dispose()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of the kind; ``folder`` holds SQLite's file."""
    if kind == "sqlite":
        # An empty database, as the servers' are: a file that is not there is not read.
        if folder.is_dir():
            (folder / "kmaflow.db").touch()
        yield f"sqlite:///{folder / 'kmaflow.db'}"
        return
    name = f"kmaflow_test_{uuid.uuid4().hex[:12]}"
    url = make_url(server_url(kind))
    server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    quoted = f'"{name}"' if kind == "postgresql" else f"`{name}`"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {quoted}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if kind == "postgresql" else ""
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {quoted}{force}")
        server.dispose()
