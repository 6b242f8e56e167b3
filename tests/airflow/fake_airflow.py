"""A few pages of Airflow's REST API, without Airflow."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PASSWORD = "correct"


@dataclass
class FakeAirflow:
    """``pages`` maps ``METHOD path`` (below /api/v2) to an answer; ``busy`` counts how many requests still get 500."""

    url: str = ""
    pages: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]], Any]] = field(default_factory=list)
    logins: int = 0
    busy: int = 0
    token: str = "t1"


@contextmanager
def fake_airflow() -> Iterator[FakeAirflow]:
    fake = FakeAirflow()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            split = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            status, content = self._page(unquote(split.path), parse_qs(split.query), body)
            raw = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        def _page(self, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
            if fake.busy:
                fake.busy -= 1
                return 500, {"detail": "database is locked"}
            if path == "/auth/token":
                fake.logins += 1
                good = body == {"username": "admin", "password": PASSWORD}
                return (201, {"access_token": fake.token}) if good else (401, {})
            path = path.removeprefix("/api/v2")
            if path != "/monitor/health" and self.headers.get("Authorization") != f"Bearer {fake.token}":
                return 401, {}
            fake.asked.append((f"{self.command} {path}", query, body))
            answer = fake.pages.get(f"{self.command} {path}")
            return (404, {}) if answer is None else (200, answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
