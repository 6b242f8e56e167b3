"""The HTTP API in Airflow's api-server: the app that Airflow itself makes, with its own login, and nobody without it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from kmaflow.store import Store, tokens


@pytest.fixture
def api_server(airflow_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """Airflow's app over an observation database, with a login of Airflow's simplest kind."""
    from airflow.api_fastapi.app import create_app, purge_cached_app

    assert airflow_database.is_file()
    url = f"sqlite:///{tmp_path}/kma.db"
    with Store(url) as store:
        store.init(all_tables=True)
    (tmp_path / "logins.json").write_text('{"anna": "pw-of-anna"}')
    for name, value in {
        "KMAFLOW_DATABASE_URL": url,
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "anna:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "logins.json"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of thirty-two and more letters",
    }.items():
        monkeypatch.setenv(name, value)
    purge_cached_app()
    yield create_app(apps="core")
    purge_cached_app()


def test_nobody_without_airflows_login(api_server: FastAPI) -> None:
    with Store(os.environ["KMAFLOW_DATABASE_URL"]) as store:
        asyncio.run(_ask(api_server, tokens.add(store, "mine")))


async def _ask(api_server: FastAPI, ours: str) -> None:
    transport = httpx.ASGITransport(app=api_server)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/v1/latest", "/v1/status", "/openapi.json", "/docs", "/nothing", "/login", "/v1/overview"):
            answer = await client.get(f"/kmaflow{path}")
            assert answer.status_code == 401, path
        for header in (
            {"Authorization": "Bearer nonsense"},
            {"Authorization": f"Bearer {ours[:-1]}x"},
            {"Cookie": "_token=nonsense"},
        ):
            assert (await client.get("/kmaflow/v1/status", headers=header)).status_code == 401
        assert (await client.get("/kmaflow/healthz")).status_code == 200
        page = await client.get("/kmaflow/", follow_redirects=True)
        assert (page.url.path, page.status_code) == ("/kmaflow/app/", 200)
        assert 'name="kmaflow-login" content="airflow"' in page.text
        login = await client.post("/auth/token", json={"username": "anna", "password": "pw-of-anna"})
        token = login.json()["access_token"]
        for header in (
            {"Authorization": f"Bearer {token}"},
            {"Cookie": f"_token={token}"},
            {"Authorization": f"Bearer {ours}"},
        ):
            answer = await client.get("/kmaflow/v1/status", headers=header)
            assert answer.status_code == 200, answer.text
            assert answer.json()["datasets"] == []
