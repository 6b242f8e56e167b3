"""From connections and settings to the hub's key and address and the database's URL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from kmaflow.airflow.provider import connections
from kmaflow.airflow.provider.connections import SIMULATED, hub_access, open_collector, store_url
from kmaflow.airflow.provider.hook import KmaApiHubHook
from kmaflow.airflow.provider.store_connection import StoreHook, database_url
from kmaflow.catalog import PUBLIC_HUB
from kmaflow.errors import UsageError
from kmaflow.hub.client import HubClient
from kmaflow.hub.errors import BadKey
from kmaflow.settings import Settings, WrongKeyForm, load_settings
from kmaflow.simulator import KeyGrant, SimulatorSettings, running

from ..databases import database

KEY = "key-of-the-connection"
OTHER = "https://apihub-pub.kma.go.kr/api/typ01"


@pytest.fixture(autouse=True)
def _database(airflow_database: Path) -> None:
    """A connection that is not in the environment is looked up there."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path, api_key="key-of-the-settings", hub_url="http://127.0.0.1:1/api/typ01")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(conn_id: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "kma_apihub", **fields}))

    return make


def test_without_connections_the_settings_decide(settings: Settings) -> None:
    access = hub_access("kma_apihub", settings)
    assert access.hub_url == settings.hub_url
    assert access.require_key() == settings.api_key
    assert store_url("kma_store", settings) == settings.database_url


def test_an_empty_connection_leaves_everything_to_the_settings(settings: Settings, connect: Any) -> None:
    connect("kma_apihub")
    connect("kma_store", conn_type="sqlite")
    assert hub_access("kma_apihub", settings).require_key() == settings.api_key
    assert hub_access("kma_apihub", settings).hub_url == settings.hub_url
    assert store_url("kma_store", settings) == settings.database_url


def test_a_key_in_the_connection_wins_and_an_empty_host_follows_the_settings(settings: Settings, connect: Any) -> None:
    connect("kma_apihub", password=f" {KEY} ")
    access = hub_access("kma_apihub", settings)
    assert access.require_key().get_secret_value() == KEY
    assert access.hub_url == settings.hub_url
    assert hub_access("kma_apihub", load_settings(home=settings.home)).hub_url == PUBLIC_HUB


@pytest.mark.parametrize("password", [f"{KEY} {KEY}", f'"{KEY}"', f"https://hub.test/?authKey={KEY}", f"{KEY}\nx"])
def test_a_password_that_cannot_be_a_key_is_refused_without_showing_it(
    settings: Settings, connect: Any, password: str
) -> None:
    connect("mine", password=password)
    with pytest.raises(WrongKeyForm, match="Connections → mine") as caught:
        hub_access("mine", settings)
    well, words = KmaApiHubHook("mine").test_connection()
    assert not well
    for text in (str(caught.value), words):
        assert "key" in text
        assert KEY not in text


@pytest.mark.parametrize("host", [OTHER, f"{OTHER}/", "apihub-pub.kma.go.kr/api/typ01"])
def test_key_and_host_are_taken_together(settings: Settings, connect: Any, host: str) -> None:
    connect("mine", password=KEY, host=host)
    assert hub_access("mine", settings).hub_url == OTHER


def test_a_host_alone_keeps_the_key_of_the_settings(settings: Settings, connect: Any) -> None:
    connect("kma_apihub", host=OTHER)
    access = hub_access("kma_apihub", settings)
    assert (access.hub_url, access.api_key) == (OTHER, settings.api_key)


@pytest.mark.parametrize("lookup", [hub_access, store_url])
def test_a_connection_that_somebody_named_must_exist(lookup: Any, settings: Settings) -> None:
    with pytest.raises(UsageError, match="no connection 'elsewhere'"):
        lookup("elsewhere", settings)


def test_a_real_key_never_feeds_the_simulators_database(
    settings: Settings, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("kma_apihub", password=KEY)
    monkeypatch.setenv(SIMULATED, "1")
    with pytest.raises(UsageError, match="filled by the simulator") as refused:
        hub_access("kma_apihub", settings)
    assert KEY not in str(refused.value)


def test_no_key_anywhere_says_where_it_belongs(tmp_path: Path) -> None:
    access = hub_access("kma_apihub", load_settings(home=tmp_path, api_key=None))
    with pytest.raises(UsageError, match="no API Hub key") as refused:
        access.require_key()
    assert "kma_apihub" in refused.value.todo_ko


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"conn_type": "sqlite", "host": "/data/kma.db"}, "sqlite:////data/kma.db"),
        ({"conn_type": "sqlite"}, None),
        (
            {"conn_type": "postgres", "host": "db", "login": "u", "password": "p@ss", "port": 5432, "schema": "kma"},
            "postgresql+psycopg://u:p%40ss@db:5432/kma",
        ),
        ({"conn_type": "mysql", "host": "db", "schema": "kma"}, "mysql+pymysql://db/kma"),
        ({"conn_type": "postgres", "host": "db", "schema": "kma", "port": 0}, "postgresql+psycopg://db/kma"),
        ({"conn_type": "mysql", "host": "db"}, None),
        (
            {"conn_type": "postgres", "host": "db", "schema": "kma",
             "extra": '{"sslmode": "verify-full", "sslrootcert": "/ca.pem", "cursor": "dictcursor", "connect_timeout": 3}'},
            "postgresql+psycopg://db/kma?connect_timeout=3&sslmode=verify-full&sslrootcert=%2Fca.pem",
        ),
        (
            {"conn_type": "mysql", "host": "db", "schema": "kma", "login": "u",
             "extra": '{"ssl": {"ca": "/ca.pem", "check_hostname": true}, "charset": "latin1", "local_infile": false}'},
            "mysql+pymysql://u@db/kma?ssl_ca=%2Fca.pem&ssl_check_hostname=True",
        ),
    ],
)  # fmt: skip
def test_store_connections_become_urls(fields: dict[str, Any], url: str | None) -> None:
    assert database_url(Connection(conn_id="one", **fields)) == url


def test_a_connection_that_is_no_database_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot hold observations"):
        database_url(Connection(conn_id="one", conn_type="http"))


def test_a_collector_opens_with_what_the_connections_say(
    connect: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KMAFLOW_HOME", str(tmp_path))
    connect("kma_apihub", password=KEY, host=OTHER)
    connect("kma_store", conn_type="sqlite", host=str(tmp_path / "mine.db"))
    with open_collector(hub_conn_id="kma_apihub", conn_id="kma_store", needs_hub=True) as collector:
        assert collector.client.hub_url == OTHER
    assert (tmp_path / "mine.db").exists() or collector.store is not None
    with open_collector(hub_conn_id="kma_apihub", conn_id="kma_store", needs_hub=False) as collector:
        assert collector.choose_stations("all").stations is None


def test_the_test_button_says_yes_or_why_not(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = KmaApiHubHook()
    assert hook.test_connection()[0] is False
    connect("kma_apihub", password=KEY)
    monkeypatch.setattr(HubClient, "ask_stations", lambda *_: None)
    assert hook.test_connection() == (True, f"인증키를 확인했습니다({PUBLIC_HUB})")

    def refuse(*_: object) -> None:
        raise BadKey("401")

    monkeypatch.setattr(HubClient, "ask_stations", refuse)
    answered, why = hook.test_connection()
    assert not answered
    assert "My page" in why
    assert KEY not in why


def test_the_test_button_goes_by_the_quota(connect: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KMAFLOW_HOME", str(tmp_path))
    first, second = "the-first-key-000000001", "the-second-key-00000001"
    with running(SimulatorSettings(keys=(KeyGrant(first), KeyGrant(second, daily_calls=0)))) as hub:
        connect("kma_apihub", password=first, host=hub.url)
        monkeypatch.setenv("KMAFLOW_DAILY_CALLS", "1")
        assert KmaApiHubHook().test_connection()[0] is True
        answered, why = KmaApiHubHook().test_connection()
        assert (answered, "확인하지 못했습니다" in why, "98 % of the limit" in why) == (False, True, True)
        connect("kma_apihub", password=second, host=hub.url)
        answered, why = KmaApiHubHook().test_connection()
        assert (answered, "하루 한도를 다 썼습니다" in why) == (True, True)
        answered, why = KmaApiHubHook().test_connection()
        assert (answered, "the hub says" in why) == (False, True)
        assert hub.simulator.hub.keys.report()["requests"] == 2


def test_the_key_is_masked_in_logs(connect: Any, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    masked: list[str] = []
    monkeypatch.setattr(connections, "mask_secret", masked.append)
    hub_access("kma_apihub", settings)
    connect("kma_apihub", password=KEY)
    hub_access("kma_apihub", settings)
    assert masked == ["key-of-the-settings", KEY]
    assert isinstance(KmaApiHubHook().api_key, SecretStr)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_connection_opens_the_database_that_it_names(
    kind: str, tmp_path: Path, connect: Any, settings: Settings
) -> None:
    with database(kind, tmp_path) as text:
        url = make_url(text)
        named = "postgres" if kind == "postgresql" else "mysql"
        connect("elsewhere", conn_type=named, host=url.host, port=url.port, login=url.username, schema=url.database)
        with open_collector(hub_conn_id="kma_apihub", conn_id="elsewhere", needs_hub=False) as collector:
            assert "station" in collector.store.init()
            assert collector.store.engine.url.database == url.database


def test_the_mariadb_type_says_whether_it_connects(tmp_path: Path, connect: Any) -> None:
    connect("one", conn_type="mysql", host="127.0.0.1", port=1, login="u", password="a-secret", schema="x")
    good, told = StoreHook("one").test_connection()
    assert not good
    assert "a-secret" not in told
    connect("none", conn_type="mysql", host="127.0.0.1")
    assert StoreHook("none").test_connection()[0] is False
    with database("mariadb", tmp_path) as text:
        url = make_url(text)
        connect("two", conn_type="mysql", host=url.host, port=url.port, login=url.username, schema=url.database)
        assert StoreHook("two").test_connection()[0] is True
