"""The page and the HTTP API inside of Airflow's api-server, at ``/kmaflow``. Airflow guards no app of a plugin: its login is asked for
here, before every route.

Who may read Airflow's assets may read the observations, with the session of the page or a token of Airflow's (``/auth/token``); tokens of
``kmaflow token add`` open it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import Request

from kmaflow.airflow.builders.form import STORE_CONNECTION
from kmaflow.api.app import create_app
from kmaflow.api.guard import Caller, Who, by_token
from kmaflow.api.problems import Problem
from kmaflow.api.reader import Reader
from kmaflow.settings import load_settings
from kmaflow.store.tokens import PREFIX as PREFIX_OF_TOKENS
from kmaflow.web.page import Page

if TYPE_CHECKING:
    from starlette.types import Scope

PREFIX = "/kmaflow"
#: Requests a minute for each user and process.
_PER_MINUTE = 1_200
_bearer = HTTPBearer(auto_error=False)


class AirflowReader(Reader):
    """Reads what the DAGs fill: the database of the connection ``kma_store``, unless ``KMAFLOW_READ_URL`` names another."""

    def url(self) -> str:
        """As :meth:`Reader.url`."""
        from kmaflow.airflow.provider.connections import store_url

        return self.settings.read_url or store_url(STORE_CONNECTION, self.settings)


def who_asks(reader: Reader) -> Who:
    """Callers by Airflow's login, or by our tokens where one is sent."""
    by_ours = by_token(reader)

    async def who(scope: Scope) -> Caller:
        ours = Headers(scope=scope).get("authorization", "").removeprefix("Bearer ").startswith(PREFIX_OF_TOKENS)
        return await (by_ours if ours else airflow_user)(scope)

    return who


async def airflow_user(scope: Scope) -> Caller:
    """Whom Airflow's own authentication finds behind a request.

    Raises:
        Problem: 401, or 403 for one who may not read assets.
    """
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.core_api.security import get_user

    request = Request(scope)
    try:
        user = await get_user(request, None, await _bearer(request))
    except HTTPException as cause:
        raise _refused(401, str(cause.detail), "로그인이 필요합니다") from None
    if not get_auth_manager().is_authorized_asset(method="GET", user=user):
        raise _refused(403, "this user may not read assets", "이 사용자에게는 자산(asset) 읽기 권한이 없습니다")
    return Caller(f"airflow:{user.get_name()}", _PER_MINUTE)


def _refused(status: int, what: str, ko: str) -> Problem:
    return Problem(
        status,
        what,
        ko=ko,
        todo_en="log in to Airflow, or send Authorization: Bearer with a token of /auth/token",
        todo_ko="Airflow에 로그인하거나 /auth/token의 토큰을 Authorization: Bearer로 보내십시오",
        headers={"WWW-Authenticate": "Bearer"},
    )


def mounted() -> list[dict[str, Any]]:
    """What Airflow mounts."""
    reader = AirflowReader(load_settings)
    app = Page(create_app(reader, who=who_asks(reader)), None)
    return [{"app": app, "url_prefix": PREFIX, "name": "kmaflow"}]
