"""An Airflow connection as the SQLAlchemy URL of an observation database: PostgreSQL, MariaDB/MySQL or SQLite, with password, TLS and extras."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from kmaflow.airflow.builders.form import STORE_CONNECTION
from kmaflow.errors import UsageError

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

_SERVERS = frozenset({"postgres", "postgresql", "mysql", "mariadb"})
#: Extras that libpq knows by these names; everything else in an Airflow connection's extras is for Airflow's own hook.
_LIBPQ = frozenset(
    {
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslsni", "ssl_min_protocol_version"),
        *("channel_binding", "gssencmode", "connect_timeout", "options", "application_name", "target_session_attrs"),
        *(
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "service",
            "passfile",
            "hostaddr",
        ),
    }
)
#: Extras of Airflow's MySQL connections that its driver and ours both know.
_PYMYSQL = frozenset({"unix_socket", "connect_timeout", "read_timeout", "write_timeout", "init_command"})
_TLS = {
    "ca": "ssl_ca",
    "cert": "ssl_cert",
    "key": "ssl_key",
    "check_hostname": "ssl_check_hostname",
}


def database_url(connection: Connection) -> str | None:
    """A connection as SQLAlchemy URL; None where it names no database (then the settings decide).

    SQLite: host is the path of the file. PostgreSQL and MariaDB: schema is the name of the database; TLS stands in the extras, as
    Airflow's own hooks read it: ``{"sslmode": "verify-full", "sslrootcert": "…"}``, ``{"ssl": {"ca": "…"}}``.

    Raises:
        UsageError: a connection of another type.
    """
    from sqlalchemy.engine import URL

    from kmaflow.store.engines.base import drivers

    kind = (connection.conn_type or "").lower()
    if kind == "sqlite":
        path = connection.host or connection.schema
        return URL.create("sqlite", database=path).render_as_string() if path else None
    if kind not in _SERVERS:
        raise UsageError(
            f"a connection of the type {connection.conn_type!r} ({connection.conn_id}) cannot hold observations",
            todo_en="choose the type postgres, mysql or sqlite",
            todo_ko="연결 유형을 postgres, mysql, sqlite 가운데 하나로 하십시오",
        )
    if not connection.schema:
        return None
    if connection.password:
        mask_secret(connection.password)
    url = URL.create(
        drivers()[kind],
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema,
        query=_query(connection, kind),
    )
    return url.render_as_string(hide_password=False)


def _query(connection: Connection, kind: str) -> dict[str, str]:
    extras: dict[str, Any] = dict(connection.extra_dejson)
    known = _LIBPQ if kind.startswith("postgres") else _PYMYSQL
    query = {name: str(extras.pop(name)) for name in sorted(known & extras.keys())}
    if known is _PYMYSQL:
        tls = extras.pop("ssl", None) or {}
        query |= {_TLS[name]: str(value) for name, value in tls.items() if name in _TLS}
        extras.pop("local_infile", None)
        extras.pop("charset", None)
    if extras:
        log.info("%s: extras that kmaflow does not use: %s", connection.conn_id, ", ".join(sorted(extras)))
    return query


class MariadbHook(BaseHook):
    """The connection type ``mysql`` for installations without Airflow's own MySQL provider, which needs a compiler. kmaflow's driver is pure
    Python.

    Args:
        mysql_conn_id: id of the connection.
    """

    conn_name_attr = "mysql_conn_id"
    default_conn_name = STORE_CONNECTION
    conn_type = "mysql"
    hook_name = "MariaDB / MySQL (kmaflow)"

    def __init__(self, mysql_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.mysql_conn_id = mysql_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Whether the database can be opened."""
        from kmaflow.errors import KmaflowError
        from kmaflow.store.engines.database import open_engine, reading, shown

        url = database_url(self.get_connection(self.mysql_conn_id))
        if url is None:
            return False, "데이터베이스 이름(schema)이 없습니다 / no database (schema) is named"
        engine = open_engine(url)
        try:
            with reading(engine):
                return True, f"연결했습니다 · connected: {shown(url)}"
        except KmaflowError as error:
            return False, str(error)
        finally:
            engine.dispose()
