"""``kmaflow serve``: the page and the HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.output import tell
from kmaflow.language import say

HELP = say(
    """화면과 HTTP API를 실행합니다: 수집 현황, 지도, 현재 날씨, 시계열, 지점, 누락. Ctrl-C로 종료합니다.

    예: kmaflow token add me, kmaflow serve, 브라우저에서 http://127.0.0.1:8800/ 또는 curl -H "Authorization: Bearer TOKEN" "http://127.0.0.1:8800/v1/latest?lat=37.5&lon=127.0"

    토큰이 없는 요청에는 응답하지 않습니다. 127.0.0.1에서만 수신하므로, 외부에 공개하려면 TLS 프록시 뒤에 두십시오.""",
    """Run the page and the HTTP API: state of the data, map, weather at a place, series, stations, gaps. Ctrl-C stops it.

    Example: kmaflow token add me, then kmaflow serve, then http://127.0.0.1:8800/ in a browser, or curl -H "Authorization: Bearer TOKEN" "http://127.0.0.1:8800/v1/latest?lat=37.5&lon=127.0"

    Requests without a token are rejected. It listens on 127.0.0.1 only; to open it to others put it behind a proxy with TLS.""",
)


def serve(
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1,
            max=65535,
            help=say("포트 (기본: KMAFLOW_SERVE_PORT, 8800)", "port (default: KMAFLOW_SERVE_PORT, 8800)"),
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            help=say(
                "들을 주소 (기본: KMAFLOW_SERVE_HOST, 127.0.0.1)",
                "address to listen on (default: KMAFLOW_SERVE_HOST, 127.0.0.1)",
            ),
        ),
    ] = None,
) -> None:
    """Run the page and the HTTP API."""
    from kmaflow.errors import UsageError
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    try:
        from kmaflow.api.serve import serve as run
        from kmaflow.web.page import Page
    except ModuleNotFoundError as cause:
        raise UsageError(
            f"{cause.name} is not installed",
            ko=f"설치되어 있지 않습니다: {cause.name}",
            todo_en="pip install 'kmaflow[api]'",
            todo_ko="pip install 'kmaflow[api]'",
        ) from None
    settings = load_settings()
    if not settings.read_url:
        with Store(settings.database_url) as store:
            store.init()
    where, at = host or settings.serve_host, port or settings.serve_port
    tell(
        f"http://{where}:{at}/   " + say("(화면과 HTTP API; 끝내기: Ctrl-C)", "(page and HTTP API; Ctrl-C ends it)"),
        err=True,
    )
    run(settings, where, at, Page)
