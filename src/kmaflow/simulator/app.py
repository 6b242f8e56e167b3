"""The simulated hub as an ASGI application.

Rendering and compression run in threads, so the event loop stays free.
"""

from __future__ import annotations

import asyncio
import gzip

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kmaflow.simulator.answers import Answer
from kmaflow.simulator.asking import PATHS
from kmaflow.simulator.control import control
from kmaflow.simulator.faults import Drawn
from kmaflow.simulator.hub import Hub
from kmaflow.simulator.settings import SimulatorSettings

_COMPRESS_FROM = 500


class _CutResponse(Response):
    """Half of the body, then the connection breaks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _finish(answer: Answer, accepts: str) -> Response:
    body, sent = answer.body, dict(answer.headers)
    if len(body) >= _COMPRESS_FROM and "gzip" in accepts:
        body = gzip.compress(body, compresslevel=1, mtime=0)
        sent |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    kind = _CutResponse if answer.cut else Response
    # the content type goes in as a header, since starlette would add a charset to the one without
    return kind(body, answer.status, headers={**sent, "Content-Type": answer.content_type})


class Simulator:
    """One simulated hub. `app` is the ASGI application, `hub` what is behind it."""

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        self.settings = settings or SimulatorSettings()
        self.hub = Hub(self.settings)
        self.app = Starlette(
            routes=[
                Route("/_sim/{page}", self._control, methods=["GET", "POST"]),
                Route("/{path:path}", self._data, methods=["GET"]),
            ]
        )

    async def _data(self, request: Request) -> Response:
        path, query = request.url.path, dict(request.query_params)
        accepts = request.headers.get("accept-encoding", "")
        drawn = self.hub.draw(path, query) if path in PATHS else Drawn()
        if drawn.wait_s > 0:
            await asyncio.sleep(drawn.wait_s)
        return await run_in_threadpool(lambda: _finish(self.hub.answer(path, query, drawn), accepts))

    async def _control(self, request: Request) -> Response:
        page, query = request.path_params["page"], dict(request.query_params)
        accepts = request.headers.get("accept-encoding", "")
        body = await request.body()
        return await run_in_threadpool(lambda: _finish(control(self.hub, page, query, body), accepts))
