"""From Airflow connections and settings to what the core needs: the hub's key and address, the database's URL.

What a connection says wins; what it leaves empty comes from the settings (``KMAFLOW_…``). So the default connections may stay empty, and
a key is written down once: in the connection form, or in ``.env``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from kmaflow.airflow.builders.form import STORE_CONNECTION
from kmaflow.airflow.provider.hook import KmaApiHubHook
from kmaflow.airflow.provider.store_connection import database_url
from kmaflow.airflow.provider.versions import AirflowNotFoundException
from kmaflow.errors import UsageError
from kmaflow.settings import Settings, load_settings

if TYPE_CHECKING:
    from pydantic import SecretStr

    from kmaflow.collect import Collector
    from kmaflow.quota.limits import CallClass

#: Set by `make run` while its simulator feeds the database: see :func:`hub_access`.
SIMULATED = "KMAFLOW_SIMULATED"


@dataclass(frozen=True, slots=True)
class HubAccess:
    """Where to ask and with which key."""

    hub_url: str
    api_key: SecretStr | None

    def require_key(self) -> SecretStr:
        """The key.

        Raises:
            UsageError: there is none anywhere.
        """
        if self.api_key is None:
            raise UsageError(
                "there is no API Hub key",
                ko="API허브 인증키가 없습니다",
                todo_en="open Admin → Connections → kma_apihub and enter it, or set KMAFLOW_API_KEY in .env and restart",
                todo_ko="Admin → Connections → kma_apihub에 인증키를 넣거나, .env에 KMAFLOW_API_KEY를 쓰고 다시 시작하십시오",
            )
        return self.api_key


def hub_access(conn_id: str, settings: Settings | None = None) -> HubAccess:
    """Key and address for a connection id.

    Raises:
        UsageError: the connection (not the default one) does not exist, or it holds a real key while the simulator feeds the database.
    """
    settings = settings or load_settings()
    hook = KmaApiHubHook(conn_id)
    hub_url, api_key = settings.hub_url, settings.api_key
    if _exists(conn_id, KmaApiHubHook.default_conn_name):
        if hook.api_key is not None and os.environ.get(SIMULATED):
            raise UsageError(
                f"the connection {conn_id} now holds a key, but this database is being filled by the simulator",
                ko=f"연결 {conn_id}에 인증키가 생겼지만 이 데이터베이스에는 시뮬레이터의 자료가 저장되고 있습니다",
                todo_en="restart make run (a cluster: docker compose down, then up -d): real observations then go to a database of their own",
                todo_ko="make run을 다시 시작하십시오(클러스터는 docker compose down 뒤 up -d). 실제 관측은 다른 데이터베이스에 저장됩니다",
            )
        api_key = hook.api_key or api_key
        hub_url = hook.hub_url or hub_url
    if api_key is not None:
        mask_secret(api_key.get_secret_value())
    return HubAccess(hub_url, api_key)


def store_url(conn_id: str, settings: Settings | None = None) -> str:
    """The SQLAlchemy URL of the observation database for a connection id.

    Raises:
        UsageError: the connection (not the default one) does not exist, or is of a type that cannot be used.
    """
    settings = settings or load_settings()
    if not _exists(conn_id, STORE_CONNECTION):
        return settings.database_url
    return database_url(BaseHook.get_connection(conn_id)) or settings.database_url


def open_collector(
    *,
    hub_conn_id: str,
    conn_id: str,
    needs_hub: bool,
    work: CallClass = "live",
    backfill_share: float | None = None,
) -> Collector:
    """The core's facade for one task. Close it, or use it as a context manager.

    Args:
        work: the class to which its calls are charged.
        backfill_share: the part of a day's quota for backfill, instead of the setting.

    Raises:
        UsageError: as :func:`hub_access` and :func:`store_url`; or no key although ``needs_hub``.
    """
    from kmaflow.collect import Collector

    settings = load_settings(**({} if backfill_share is None else {"backfill_share": backfill_share}))
    access = hub_access(hub_conn_id, settings)
    return Collector.open(
        settings,
        hub_url=access.hub_url,
        api_key=access.require_key() if needs_hub else access.api_key,
        database_url=store_url(conn_id, settings),
        needs_hub=needs_hub,
        work=work,
    )


def _exists(conn_id: str, default: str) -> bool:
    """Whether there is such a connection; only the default one may be missing."""
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        if conn_id != default:
            raise UsageError(
                f"there is no connection {conn_id!r}",
                ko=f"연결이 없습니다: {conn_id!r}",
                todo_en="make it under Admin → Connections, or take the default",
                todo_ko="Admin → Connections에서 만들거나 기본 연결을 쓰십시오",
            ) from None
        return False
    return True
