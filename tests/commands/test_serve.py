"""``kmaflow token`` and ``kmaflow serve`` as somebody uses them: a process that answers, ends cleanly, and whose log holds no secret."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from .conftest import Kmaflow


def test_a_token_is_shown_once_listed_by_name_and_revoked(kmaflow: Kmaflow) -> None:
    made = kmaflow("token", "add", "grafana", "--expires", "2199-01-01", "--per-minute", "60")
    assert made.code == 0
    token = made.out.strip()
    assert token.startswith("kmaflow_")
    listed = kmaflow("token", "list", "--json")
    (row,) = json.loads(listed.out)
    assert (row["name"], row["valid"], row["per_minute"], row["expires_at"]) == (
        "grafana",
        True,
        60,
        "2199-01-01 00:00",
    )
    assert token not in listed.out
    assert "grafana" in kmaflow("token", "list").out
    assert kmaflow("token", "add", "grafana").code == 2
    assert kmaflow("token", "revoke", "grafana").code == 0
    assert kmaflow("token", "revoke", "grafana").code == 2
    assert json.loads(kmaflow("token", "list", "--json").out)[0]["valid"] is False
    assert kmaflow("token", "add", "late", "--expires", "2020-01-01").code == 2


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def served(
    kmaflow: Kmaflow, home: Path, port: int, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """A server as a process, its token, and what it prints."""
    token = kmaflow("token", "add", "me").out.strip()
    log = tmp_path / "serve.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "kmaflow", "--debug", "serve", "--port", str(port)],
            stdout=file, stderr=subprocess.STDOUT, env={**os.environ, "KMAFLOW_HOME": str(home), "KMAFLOW_API_KEY": "a-key-that-nobody-has"},
        )  # fmt: skip
    try:
        _await_answer(process, f"http://127.0.0.1:{port}/healthz")
        yield process, token, log
    finally:
        process.kill()
        process.wait()


def _await_answer(process: subprocess.Popen[bytes], url: str) -> None:
    pause, deadline = threading.Event(), time.monotonic() + 60
    while True:
        with suppress(httpx.ConnectError):
            assert httpx.get(url, trust_env=False, timeout=30).status_code == 200
            return
        assert process.poll() is None
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_a_server_answers_ends_and_keeps_secrets(served: tuple[subprocess.Popen[bytes], str, Path], port: int) -> None:
    process, token, log = served
    url = f"http://127.0.0.1:{port}/v1/status"
    with httpx.Client(trust_env=False) as client:
        assert client.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert client.get(url, headers={"Authorization": f"Bearer {token[:-2]}aa"}).status_code == 401
        assert client.get(url, params={"token": token}).status_code == 401
        assert client.get(url, params={"lat": "x" * 20_000}).status_code in (401, 414, 400)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) in (0, -signal.SIGTERM)
    said = log.read_text(encoding="utf-8")
    assert "me GET /v1/status 200" in said
    for secret in (token, token[:-2], "a-key-that-nobody-has", "Traceback"):
        assert secret not in said


def test_a_port_that_is_taken_and_a_package_that_lacks(kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = kmaflow("serve", "--port", str(port))
    assert done.code == 2
    assert str(port) in done.err
    assert "--port" in done.err
    monkeypatch.setitem(sys.modules, "kmaflow.api.serve", None)
    done = kmaflow("serve")
    assert done.code == 2
    assert "kmaflow[api]" in done.err
