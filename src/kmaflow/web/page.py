"""The page before the HTTP API: it answers its own addresses and passes on the others. The same for ``kmaflow serve`` and inside of Airflow.

Files of the page hold no data and need no credential. Logging in puts a token into a cookie that scripts cannot read; a request that brings it is passed
on with the token as its ``Authorization``, so that the guard of the API knows one way in only.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.staticfiles import StaticFiles

from kmaflow.api.guard import by_token
from kmaflow.api.problems import as_problem, response_of
from kmaflow.errors import KmaflowError

if TYPE_CHECKING:
    import os

    from starlette.types import ASGIApp, Receive, Scope, Send

    from kmaflow.api.reader import Reader

STATIC = Path(__file__).parent / "static"
COOKIE = "kmaflow_token"
#: Of the cookie; the token's own end counts before.
_DAYS = 30
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_LOGIN = 10_000
#: Nothing comes from elsewhere. ECharts writes styles into the elements of its tooltips.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_LOGIN_BY_TOKEN, _LOGIN_OF_AIRFLOW = b'name="kmaflow-login" content="token"', b'name="kmaflow-login" content="airflow"'


class _Login(BaseModel):
    token: str


class _Files(StaticFiles):
    """The built files: those whose names hold the hash of what is in them never change, the others are asked for anew."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file, or 304, with its headers."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        hashed = Path(full_path).parent.name == "assets"
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        answer.headers.update(_HEADERS)
        return answer


class Page:
    """The page, and behind it the API.

    Args:
        api: what answers all other addresses.
        reader: knows the tokens; None = somebody else's login counts (Airflow's), so there is none here.
    """

    def __init__(self, api: ASGIApp, reader: Reader | None) -> None:
        mimetypes.add_type("text/javascript", ".js")
        self._api = api
        self._files = _Files(directory=STATIC)
        self._by_cookie = reader is not None
        self._html = (STATIC / "index.html").read_bytes()
        routes = [
            Route("/", _to_page),
            Route("/app", _to_page),
            Route("/app/", self._index),
            Route("/app/{path:path}", self._file),
        ]
        if reader is None:
            self._html = self._html.replace(_LOGIN_BY_TOKEN, _LOGIN_OF_AIRFLOW)
        else:
            routes += [
                Route("/login", _login(reader), methods=["POST"]),
                Route("/logout", _logout, methods=["POST"]),
            ]
        self._own = Router(routes)
        self._paths = frozenset(route.path for route in routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http":
            path = get_route_path(scope) or "/"
            if path in self._paths or path.startswith("/app/"):
                await self._own(scope, receive, send)
                return
            if self._by_cookie:
                scope = _with_cookie(scope)
        await self._api(scope, receive, send)

    async def _index(self, request: Request) -> Response:
        del request
        return Response(self._html, headers=_HEADERS | {"Cache-Control": "no-cache"}, media_type="text/html")

    async def _file(self, request: Request) -> Response:
        try:
            return await self._files.get_response(request.path_params["path"], request.scope)
        except HTTPException as error:
            return Response(str(error.detail), error.status_code, _HEADERS)


def _below(request: Request, path: str) -> str:
    """An address of ours as the browser sees it: behind the prefix we are mounted at."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/") + path


async def _to_page(request: Request) -> Response:
    return RedirectResponse(_below(request, "/app/"))


def _login(reader: Reader) -> Callable[[Request], Awaitable[Response]]:
    who = by_token(reader)

    async def login(request: Request) -> Response:
        language = request.headers.get("accept-language", "")
        try:
            body = b"".join([part async for part in request.stream()]) if _small(request) else b""
            token = _Login.model_validate_json(body).token
            await who({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})
        except (ValidationError, UnicodeError):
            return Response(status_code=422)
        except KmaflowError as error:
            return response_of(as_problem(error), language)
        answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
        answer.set_cookie(
            COOKIE,
            token,
            max_age=_DAYS * 24 * 3600,
            path=_below(request, "/"),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    return login


def _small(request: Request) -> bool:
    length = request.headers.get("content-length", "")
    return length.isdigit() and int(length) <= _LONGEST_LOGIN


async def _logout(request: Request) -> Response:
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    answer.delete_cookie(COOKIE, path=_below(request, "/"), httponly=True, samesite="strict")
    return answer


def _with_cookie(scope: Scope) -> Scope:
    """The request with the cookie's token as its ``Authorization``; one that changes something only if it comes from the page itself."""
    headers = Headers(scope=scope)
    if "authorization" in headers or "cookie" not in headers:
        return scope
    if scope["method"] not in _SAFE and urlsplit(headers.get("origin", "")).netloc != headers.get("host"):
        return scope
    try:
        found = SimpleCookie(headers["cookie"]).get(COOKIE)
    except CookieError:
        return scope
    if found is None:
        return scope
    passed_on = {**scope, "headers": list(scope["headers"])}
    MutableHeaders(scope=passed_on)["Authorization"] = f"Bearer {found.value}"
    return passed_on
