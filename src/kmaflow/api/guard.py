"""Who may ask, and how often. It stands before every route: what it does not let in, no route sees."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette._utils import get_route_path
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kmaflow.api.problems import Problem, as_problem, response_of
from kmaflow.api.reader import Reader
from kmaflow.errors import KmaflowError
from kmaflow.store.engines.database import reading
from kmaflow.store.tokens import Token, find

log = logging.getLogger("kmaflow.api.access")

#: Seconds for which a token that was valid is believed to be so: a revoked one opens nothing after that.
_BELIEVED_SECONDS = 2.0
_MOST_REMEMBERED = 10_000
#: Asked without a credential.
HEALTH = "/healthz"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and how many requests a minute they may make."""

    name: str
    per_minute: int


Who = Callable[[Scope], Awaitable[Caller]]


def refused(what: str, ko: str) -> Problem:
    """Nobody who may ask."""
    return Problem(
        401,
        what,
        ko=ko,
        todo_en="send Authorization: Bearer TOKEN; a token is made by: kmaflow token add NAME",
        todo_ko="Authorization: Bearer 토큰 머리글을 보내십시오. 토큰은 kmaflow token add 이름 으로 만듭니다",
        headers={"WWW-Authenticate": 'Bearer realm="kmaflow"'},
    )


def by_token(reader: Reader, believed: float | None = None) -> Who:
    """Callers by the tokens of the database."""
    seconds = _BELIEVED_SECONDS if believed is None else believed
    remembered: dict[str, tuple[Token, float]] = {}

    def look(text: str) -> Token | None:
        known = remembered.get(text)
        if known is not None and time.monotonic() - known[1] < seconds:
            return known[0]
        with reading(reader.store.engine) as connection:
            token = find(connection, text)
        if token is not None and token.valid(reader.clock()):
            if len(remembered) >= _MOST_REMEMBERED:
                remembered.clear()
            remembered[text] = token, time.monotonic()
        return token

    async def who(scope: Scope) -> Caller:
        scheme, _, text = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise refused("no token was sent", "토큰이 없습니다")
        known = remembered.get(text)
        fresh = known is not None and time.monotonic() - known[1] < seconds
        token = known[0] if known is not None and fresh else await run_in_threadpool(look, text.strip())
        if token is None:
            raise refused("the token is not known here", "여기서 모르는 토큰입니다")
        if not token.valid(reader.clock()):
            raise (
                refused("the token was revoked", "취소된 토큰입니다")
                if token.revoked_at
                else refused("the token has expired", "기한이 지난 토큰입니다")
            )
        return Caller(token.name, token.per_minute)

    return who


class Rates:
    """Requests a minute for each caller: a bucket that holds a minute's requests and fills up evenly. Each process counts by itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, caller: Caller) -> float:
        """Seconds until the caller may ask, 0 = now."""
        now, most = self._clock(), float(caller.per_minute)
        with self._lock:
            left, then = self._left.get(caller.name, (most, now))
            left = min(most, left + (now - then) * most / 60)
            if left < 1:
                self._left[caller.name] = left, now
                return (1 - left) * 60 / most
            self._left[caller.name] = left - 1, now
            return 0.0


class Guard:
    """Middleware: lets in who may ask, as often as they may; writes one line for each request, without query and credential."""

    def __init__(self, app: ASGIApp, *, who: Who, public: frozenset[str]) -> None:
        self.app = app
        self._who = who
        self._public = public
        self._rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        path, name, status, begun = get_route_path(scope), "-", 0, time.monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if path not in self._public:
                name = (await self._admitted(scope)).name
            await self.app(scope, receive, noted)
        except KmaflowError as error:
            language = Headers(scope=scope).get("accept-language", "")
            await response_of(as_problem(error), language)(scope, receive, noted)
        finally:
            log.info("%s %s %s %d %.0f ms", name, scope["method"], path, status, 1000 * (time.monotonic() - begun))

    async def _admitted(self, scope: Scope) -> Caller:
        caller = await self._who(scope)
        wait = self._rates.take(caller)
        if wait:
            raise Problem(
                429,
                f"more than {caller.per_minute} requests a minute",
                ko=f"1분에 {caller.per_minute}번을 넘었습니다",
                todo_en="wait as Retry-After says, or ask for more at once",
                todo_ko="Retry-After만큼 기다리거나 한 번에 더 많이 요청하십시오",
                headers={"Retry-After": str(int(wait) + 1)},
            )
        return caller
