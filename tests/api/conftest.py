"""The HTTP API over the simulator's weather, on each engine, behind a real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from kmaflow.api.app import create_app
from kmaflow.api.reader import AT_A_TIME, Reader
from kmaflow.api.serve import server
from kmaflow.settings import load_settings
from kmaflow.store import Store, tokens

from ..read.filled import NOW, Filled, filled

__all__ = ["filled"]


@dataclass(frozen=True)
class Api:
    """A running API: ``ask`` sends a token."""

    filled: Filled
    url: str
    token: str
    client: httpx.Client

    def ask(self, path: str, **params: Any) -> httpx.Response:
        named = {"from" if name == "from_" else name: value for name, value in params.items()}
        return self.client.get(path, params=named or None)

    def json(self, path: str, **params: Any) -> Any:
        answer = self.ask(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running(app: Any) -> Iterator[str]:
    """The app behind a server in a thread; gives its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    made = server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=made.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not made.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        made.should_exit = True
        thread.join(30)
        listener.close()


@contextmanager
def serving(
    filled: Filled, home: Path, *, now: datetime = NOW, settings: dict[str, Any] | None = None, **options: Any
) -> Iterator[Api]:
    """The API over a filled database, with a token of its own."""
    with Store(filled.url) as store:
        name = f"test-{time.monotonic_ns()}"
        token = tokens.add(store, name, per_minute=100_000)
    known = load_settings(home=home, database_url=filled.url, archive_url=filled.archive, **(settings or {}))
    reader = Reader(lambda: known, clock=lambda: now)
    try:
        with (
            running(create_app(reader, threads=AT_A_TIME, **options)) as url,
            httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
            ) as client,
        ):
            yield Api(filled, url, token, client)
    finally:
        reader.dispose()


@pytest.fixture(scope="session")
def api(filled: Filled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(filled, tmp_path_factory.mktemp("api"), docs=True) as made:
        yield made
