"""The hub's key and address as Airflow connections keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from kmaflow.airflow.provider.provider import CONNECTION_TYPE, HOOK_NAME
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from pydantic import SecretStr


class KmaApiHubHook(BaseHook):
    """A connection of the type ``kma_apihub``: password = 인증키, host = address of the hub.

    What is empty comes from the settings: KMAFLOW_API_KEY, KMAFLOW_HUB_URL.

    Args:
        kma_apihub_conn_id: id of the connection.
    """

    conn_name_attr = "kma_apihub_conn_id"
    default_conn_name = "kma_apihub"
    conn_type = CONNECTION_TYPE
    hook_name = HOOK_NAME

    def __init__(self, kma_apihub_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.kma_apihub_conn_id = kma_apihub_conn_id
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection, read once.

        Raises:
            AirflowNotFoundException: there is none of that id.
        """
        if self._connection is None:
            self._connection = self.get_connection(self.kma_apihub_conn_id)
        return self._connection

    @property
    def api_key(self) -> SecretStr | None:
        """The key, None where the connection has none.

        Raises:
            WrongKeyForm: the password cannot be a key.
        """
        from kmaflow.settings import checked_key

        where = f"Admin → Connections → {self.kma_apihub_conn_id}, Password"
        return checked_key(self.connection.password or "", where)

    @property
    def hub_url(self) -> str | None:
        """Address up to and with ``/api/typ01``; None where the settings decide."""
        host = (self.connection.host or "").strip().rstrip("/")
        if host and "://" not in host:
            host = f"{self.connection.schema or 'https'}://{host}"
        return host or None

    def test_connection(self) -> tuple[bool, str]:
        """One call for the short station list (ASOS): does the hub know the key?"""
        from kmaflow.airflow.provider.connections import hub_access
        from kmaflow.catalog import STATION_LISTS
        from kmaflow.collect.live_need import open_quota
        from kmaflow.errors import KmaflowError
        from kmaflow.hub.client import HubClient
        from kmaflow.hub.errors import QuotaSpent
        from kmaflow.hub.secrecy import key_id
        from kmaflow.quota.limits import DayQuotaSpent
        from kmaflow.quota.meter import Meter
        from kmaflow.settings import load_settings
        from kmaflow.store.state import State

        try:
            settings = load_settings()
            access = hub_access(self.kma_apihub_conn_id, settings)
            key = access.require_key()
            with State(settings.state_url) as state, open_quota(settings, state, key_id(key)) as quota:
                meter = Meter(quota, "live")
                with HubClient(key, access.hub_url, meter=meter, tries=1) as hub:
                    hub.ask_stations(STATION_LISTS["SFC"])
        except DayQuotaSpent as error:
            return False, say_in_airflow(f"확인하지 못했습니다: {error}", f"not checked: {error}")
        except QuotaSpent as error:
            return True, say_in_airflow(
                f"인증키는 맞지만 하루 한도를 다 썼습니다: {error}", f"the key works, but: {error}"
            )
        except KmaflowError as error:
            return False, str(error)
        return True, say_in_airflow(f"인증키를 확인했습니다({access.hub_url})", f"the key works ({access.hub_url})")
