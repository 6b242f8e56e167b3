"""Running the app until a signal."""

from __future__ import annotations

import logging

import uvicorn

from kmaflow.api.app import create_app
from kmaflow.api.reader import Reader
from kmaflow.settings import Settings

#: Requests that are open at the same time; more are told to come again.
_MOST_OPEN = 300


def serve(settings: Settings, host: str, port: int) -> None:
    """Answer until SIGINT or SIGTERM.

    Raises:
        UsageError: the database has no tables yet.
        StoreError: it cannot be read.
    """
    reader = Reader(settings)
    try:
        reader.require_tables()
        app = create_app(reader, docs=settings.serve_docs, origins=settings.serve_origins)
        server(app, host, port).run()
    finally:
        reader.dispose()


def server(app: object, host: str, port: int) -> uvicorn.Server:
    """The server: requests are noted by the guard, which leaves queries and credentials out, so uvicorn's own access log stays off."""
    logging.getLogger("kmaflow.api.access").setLevel(logging.INFO)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host, port=port, access_log=False, log_level="warning", log_config=None, limit_concurrency=_MOST_OPEN,
        timeout_keep_alive=15, timeout_graceful_shutdown=5, server_header=False,
    )  # fmt: skip
    return uvicorn.Server(config)
