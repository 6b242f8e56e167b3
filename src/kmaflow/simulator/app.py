"""The simulated hub as an ASGI application.

Rendering and compression run in threads, so the event loop stays free.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Iterator

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kmaflow.simulator.answers import Answer
from kmaflow.simulator.asking import PATHS
from kmaflow.simulator.control import control
from kmaflow.simulator.faults import Drawn, FaultDesk
from kmaflow.simulator.hub import Hub
from kmaflow.simulator.settings import SimulatorSettings

_COMPRESS_FROM = 500
_CHUNK = 1 << 20


class _CutResponse(Response):
    """Half of the body, then the connection breaks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


async def _byte_by_byte(answer: Answer, faults: FaultDesk) -> AsyncIterator[bytes]:
    """One byte at a time, as long as somebody reads and nobody clears the faults."""
    cleared = faults.cleared
    for at in range(len(answer.body)):
        if faults.cleared > cleared:
            yield answer.body[at:]
            return
        yield answer.body[at : at + 1]
        await asyncio.sleep(answer.pace_s)


def _blown_up(answer: Answer, packed: bool) -> Iterator[bytes]:
    """The body with its blanks after the first line, gzip where that is accepted; made as it is read."""
    press = zlib.compressobj(level=9, wbits=31)

    def plain() -> Iterator[bytes]:
        first = answer.body.find(b"\n") + 1
        yield answer.body[:first]
        for begin in range(0, answer.blanks, _CHUNK):
            yield b" " * min(_CHUNK, answer.blanks - begin)
        yield b"\n" + answer.body[first:]

    if not packed:
        yield from plain()
        return
    yield from (piece for chunk in plain() if (piece := press.compress(chunk)))
    yield press.flush()


def _stream(answer: Answer, accepts: str, faults: FaultDesk) -> Response:
    sent = {**answer.headers, "Content-Type": answer.content_type}
    if answer.pace_s:
        return StreamingResponse(_byte_by_byte(answer, faults), answer.status, sent)
    packed = "gzip" in accepts
    if packed:
        sent["Content-Encoding"] = "gzip"
    return StreamingResponse(_blown_up(answer, packed), answer.status, sent)


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
        answer = await run_in_threadpool(lambda: self.hub.answer(path, query, drawn))
        if answer.pace_s or answer.blanks:
            return _stream(answer, accepts, self.hub.faults)
        return await run_in_threadpool(lambda: _finish(answer, accepts))

    async def _control(self, request: Request) -> Response:
        page, query = request.path_params["page"], dict(request.query_params)
        accepts = request.headers.get("accept-encoding", "")
        body = await request.body()
        return await run_in_threadpool(lambda: _finish(control(self.hub, page, query, body), accepts))
