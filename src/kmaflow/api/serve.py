"""Running the app until a signal."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from kmaflow.api.app import create_app
from kmaflow.api.reader import AT_A_TIME, Reader
from kmaflow.errors import UsageError
from kmaflow.settings import Settings

#: Requests that are open at the same time; more are told to come again.
_MOST_OPEN = 300


def serve(settings: Settings, host: str, port: int, before: Callable[[ASGIApp, Reader], ASGIApp]) -> None:
    """Answer until SIGINT or SIGTERM.

    Args:
        before: puts the page before the API.

    Raises:
        UsageError: the database has no tables yet, or the address cannot be had.
        StoreError: it cannot be read.
    """
    reader = Reader(lambda: settings)
    try:
        reader.require_tables()
        app = create_app(reader, docs=settings.serve_docs, origins=settings.serve_origins, threads=AT_A_TIME)
        with _listening(host, port) as listener:
            server(before(app, reader), host, port).run([listener])
    finally:
        reader.dispose()


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as cause:
        raise UsageError(
            f"cannot listen on {host}:{port} ({cause.strerror})",
            ko=f"{host}:{port}에서 들을 수 없습니다 ({cause.strerror})",
            todo_en="choose another with --port or KMAFLOW_SERVE_PORT",
            todo_ko="--port나 KMAFLOW_SERVE_PORT로 다른 포트를 고르십시오",
        ) from None


def server(app: object, host: str, port: int) -> uvicorn.Server:
    """The server: requests are noted by the guard, which leaves queries and credentials out, so uvicorn's own access log stays off."""
    logging.getLogger("kmaflow.api.access").setLevel(logging.INFO)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host, port=port, access_log=False, log_level="warning", log_config=None, limit_concurrency=_MOST_OPEN,
        timeout_keep_alive=15, timeout_graceful_shutdown=5, server_header=False,
    )  # fmt: skip
    return uvicorn.Server(config)
