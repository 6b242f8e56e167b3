"""``kmaflow serve``: the HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.language import say


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
    """HTTP API: 날씨, 시계열, 지점, 빠진 것. / The HTTP API: weather at a place, series, stations, what is missing. Ctrl-C ends it.

    Example: kmaflow token add me, then kmaflow serve, then curl -H "Authorization: Bearer TOKEN" "http://127.0.0.1:8800/v1/latest?lat=37.5&lon=127.0"

    Nobody without a token is answered. It listens on 127.0.0.1; for others put it behind a proxy with TLS.
    """
    from kmaflow.errors import UsageError
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    try:
        from kmaflow.api.serve import serve as run
    except ModuleNotFoundError as cause:
        raise UsageError(
            f"{cause.name} is not installed",
            ko=f"{cause.name}이(가) 설치되어 있지 않습니다",
            todo_en="pip install 'kmaflow[api]'",
            todo_ko="pip install 'kmaflow[api]'",
        ) from None
    settings = load_settings()
    if not settings.read_url:
        with Store(settings.database_url) as store:
            store.init()
    where, at = host or settings.serve_host, port or settings.serve_port
    typer.echo(
        f"http://{where}:{at}/v1/latest?lat=37.5&lon=127.0   " + say("(끝내기: Ctrl-C)", "(Ctrl-C ends it)"), err=True
    )
    run(settings, where, at)
