"""``kmaflow simulate``: an API Hub that runs here."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.language import say

HELP = say(
    """인증키 없이 써 볼 수 있는 모의 API허브를 127.0.0.1에서 실행합니다. 형식, 한도, 오류가 실제와 같습니다.

    예: kmaflow simulate --now "2026-11-22 13:05"

    값의 참값: /_sim/truth?dataset=aws_minute&stn=108&tm1=202611221201&tm2=202611221210""",
    """Run a simulated API Hub on 127.0.0.1: byte-identical responses, the same limits and errors, no key needed.

    Example: kmaflow simulate --now "2026-11-22 13:05"

    The true value of anything: /_sim/truth?dataset=aws_minute&stn=108&tm1=202611221201&tm2=202611221210""",
)


def simulate(
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help=say("포트 (기본: KMAFLOW_SIMULATOR_PORT, 8765)", "port (default: KMAFLOW_SIMULATOR_PORT, 8765)"),
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help=say(
                "수신 주소(127.0.0.1 외에는 컨테이너 안에서만)",
                "address to listen on; use another only inside a container",
            ),
        ),
    ] = "127.0.0.1",
    now: Annotated[
        str | None,
        typer.Option("--now", metavar="T", help=say("이 시각에 멈춘 시계(한국시각)", "stop the clock at T")),
    ] = None,
    speed: Annotated[
        float | None, typer.Option("--speed", min=0.0, help=say("시계의 배속", "run the clock so many times faster"))
    ] = None,
    faults: Annotated[
        str,
        typer.Option(
            "--faults",
            help=say(
                "예: truncate=0.05,last_stamps=0.2:3,slow=0.1:2s (전체 목록: --faults list)",
                "e.g. truncate=0.05,last_stamps=0.2:3,slow=0.1:2s (all of them: --faults list)",
            ),
        ),
    ] = "",
    seed: Annotated[int, typer.Option("--seed", help=say("난수 시드", "random seed: same seed, same weather"))] = 2026,
) -> None:
    """Run a simulated API Hub."""
    from kmaflow.catalog.time import parse_time
    from kmaflow.errors import KmaflowError, UsageError
    from kmaflow.settings import load_settings
    from kmaflow.simulator import (
        DEFAULT_KEY,
        FaultSyntaxError,
        PortTaken,
        SimulatorSettings,
        listed,
        parse_faults,
        serve,
    )

    if faults == "list":
        typer.echo(listed())
        return
    try:
        wanted = parse_faults(faults)
    except FaultSyntaxError as error:
        raise UsageError(
            f"--faults: {error}",
            ko=f"--faults: 잘못된 값입니다: {error}",
            todo_en="write NAME=PROBABILITY[:ARGUMENT], separated by commas; all of them: --faults list",
            todo_ko="이름=확률[:값]을 쉼표로 이어 쓰십시오; 모두 보기: --faults list",
        ) from None
    settings = SimulatorSettings(seed=seed, now=parse_time(now) if now else None, speed=speed, faults=wanted)
    where = load_settings().simulator_port if port is None else port

    def tell(had: int) -> None:
        typer.echo(
            f"KMAFLOW_HUB_URL=http://127.0.0.1:{had}/api/typ01 KMAFLOW_API_KEY={DEFAULT_KEY}   ({say('종료: Ctrl-C', 'Ctrl-C stops it')})",
            err=True,
        )

    try:
        serve(settings, host, where, listening=tell)
    except PortTaken as error:
        raise KmaflowError(
            str(error),
            ko=f"포트 {where}: 다른 프로그램이 사용 중입니다",
            todo_en="choose another with --port",
            todo_ko="--port로 다른 포트를 고르십시오",
        ) from None
