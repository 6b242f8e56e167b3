"""The app: routes, the guard before them, errors, compression. It is the same behind tokens and behind Airflow's login."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import anyio.to_thread
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from kmaflow import __version__
from kmaflow.api import problems
from kmaflow.api.guard import HEALTH, Guard, Who, by_token
from kmaflow.api.reader import Reader
from kmaflow.api.routes import books, overview, pictures, stations, weather

_ABOUT = """KMA's surface observations out of your own database. Times are KST, with their offset; a window holds the stamps after `from`
up to and including `to`; a stamp is the *end* of the period observed. Missing is null, and says why at a place. Errors are problem details (RFC 9457).

Every route but `/healthz` wants `Authorization: Bearer TOKEN` (`kmaflow token add NAME`)."""
_DOCS = frozenset({"/openapi.json", "/docs", "/redoc"})
_SMALL, _LEVEL = 1_000, 4


def create_app(
    reader: Reader, *, who: Who | None = None, docs: bool = False, origins: str = "", threads: int | None = None
) -> FastAPI:
    """The app.

    Args:
        reader: what it answers from; the caller disposes of it.
        who: says who asks; None = by the tokens of the database.
        docs: serve the OpenAPI page, without a credential.
        threads: of the process, where the app has it to itself; no more than connections: who waits, waits without holding one.
        origins: those of pages that browsers may ask from, by commas; empty = none.
    """

    helper = _assistant(reader)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if threads is not None:
            anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        async with nullcontext() if helper is None else helper.router.lifespan_context(helper):
            yield

    app = FastAPI(
        title="kmaflow", version=__version__, description=_ABOUT, lifespan=lifespan,
        docs_url="/docs" if docs else None, redoc_url=None,
    )  # fmt: skip
    app.state.reader = reader
    problems.install(app)
    for routes in (weather, stations, books, overview, pictures):
        app.include_router(routes.router)
    if helper is not None:
        app.router.routes += helper.routes
    public = frozenset({HEALTH}) | (_DOCS if docs else frozenset())
    app.add_middleware(Guard, who=who or by_token(reader), public=public)
    app.add_middleware(GZipMiddleware, minimum_size=_SMALL, compresslevel=_LEVEL)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.strip() for origin in origins.split(",") if origin.strip()],
            allow_methods=["GET"],
            allow_headers=["Authorization", "If-None-Match"],
            expose_headers=["ETag", "Retry-After"],
        )
    return app


def _assistant(reader: Reader) -> Starlette | None:
    """``/mcp``, where the SDK is installed."""
    try:
        from kmaflow.api.assistant import assistant, over_http
    except ModuleNotFoundError:
        return None
    return over_http(assistant(reader))
