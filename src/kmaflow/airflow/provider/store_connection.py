"""An Airflow connection as the SQLAlchemy URL of an observation database, with password, TLS and extras."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from kmaflow.airflow.builders.form import STORE_CONNECTION
from kmaflow.airflow.provider.provider import STAND_IN
from kmaflow.errors import UsageError
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)


def database_url(connection: Connection) -> str | None:
    """A connection as SQLAlchemy URL; None where it names no database (then the settings decide).

    A file: host is its path. A server: schema is the name of the database; TLS stands in the extras, as Airflow's own hooks read it:
    ``{"sslmode": "verify-full", "sslrootcert": "…"}``, ``{"ssl": {"ca": "…"}}``.

    Raises:
        UsageError: a connection of another type.
    """
    from kmaflow.store.engines.base import engine_for_airflow, engines

    engine = engine_for_airflow((connection.conn_type or "").lower())
    if engine is None:
        names = ", ".join(engine.airflow_types[0] for engine in engines() if engine.airflow_types)
        raise UsageError(
            f"a connection of the type {connection.conn_type!r} ({connection.conn_id}) cannot hold observations",
            ko=f"연결 {connection.conn_id}: 유형 {connection.conn_type!r}에는 관측 자료를 저장할 수 없습니다",
            todo_en=f"choose one of the types {names}",
            todo_ko=f"연결 유형을 {names} 가운데 하나로 하십시오",
        )
    url = engine.airflow_url(connection)
    if url is None:
        return None
    if connection.password:
        mask_secret(connection.password)
    extras: dict[str, Any] = dict(connection.extra_dejson)
    url = url.update_query_dict(engine.airflow_query(extras))
    if extras:
        log.info("%s: extras that kmaflow does not use: %s", connection.conn_id, ", ".join(sorted(extras)))
    return url.render_as_string(hide_password=False)


class StoreHook(BaseHook):
    """The connection type of an engine whose own provider for Airflow need not be there (``mysql``: it needs a compiler to install).

    Args:
        store_conn_id: id of the connection.
    """

    conn_name_attr = "store_conn_id"
    default_conn_name = STORE_CONNECTION
    conn_type = STAND_IN["connection-type"]
    hook_name = STAND_IN["hook-name"]

    def __init__(self, store_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.store_conn_id = store_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Whether the database can be opened."""
        from kmaflow.errors import KmaflowError
        from kmaflow.store.engines.database import open_engine, reading, shown

        url = database_url(self.get_connection(self.store_conn_id))
        if url is None:
            return False, say_in_airflow("데이터베이스 이름(schema)이 없습니다", "no database (schema) is named")
        engine = open_engine(url)
        try:
            with reading(engine):
                return True, say_in_airflow(f"연결했습니다: {shown(url)}", f"connected: {shown(url)}")
        except KmaflowError as error:
            return False, str(error)
        finally:
            engine.dispose()
