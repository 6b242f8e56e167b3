"""``kmaflow simulate``: an API Hub that runs here."""

from __future__ import annotations

from typing import Annotated

import typer


def simulate(
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="포트 / default: KMAFLOW_SIMULATOR_PORT (8765)")
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="들을 주소 / address to listen on; another than 127.0.0.1 only inside of a container"
        ),
    ] = "127.0.0.1",
    now: Annotated[
        str | None, typer.Option("--now", metavar="T", help="이 시각에 멈춤(KST) / a clock that stands still at T")
    ] = None,
    speed: Annotated[
        float | None, typer.Option("--speed", min=0.0, help="빠른 시계 / clock that runs so many times faster")
    ] = None,
    faults: Annotated[
        str,
        typer.Option(
            "--faults", help="예 / e.g. truncate=0.05,last_stamps=0.2:3,slow=0.1:2s (모두 / all of them: --faults list)"
        ),
    ] = "",
    seed: Annotated[int, typer.Option("--seed", help="값의 씨앗 / same seed, same weather")] = 2026,
) -> None:
    """키 없이 써 볼 수 있는 모의 API허브. / A simulated API Hub on 127.0.0.1: same bytes, limits and faults, no key needed.

    The expected value of any cell: /_sim/truth?dataset=aws_minute&stn=108&tm1=202611221201&tm2=202611221210
    """
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
            todo_en="write NAME=PROBABILITY[:ARGUMENT], separated by commas; all of them: --faults list",
            todo_ko="이름=확률[:값]을 쉼표로 이어 쓰십시오; 모두 보기: --faults list",
        ) from None
    settings = SimulatorSettings(seed=seed, now=parse_time(now) if now else None, speed=speed, faults=wanted)
    where = load_settings().simulator_port if port is None else port
    typer.echo(
        f"KMAFLOW_HUB_URL=http://127.0.0.1:{where}/api/typ01 KMAFLOW_API_KEY={DEFAULT_KEY}   (Ctrl-C ends / 끝내기)",
        err=True,
    )
    try:
        serve(settings, host, where)
    except PortTaken as error:
        raise KmaflowError(
            str(error), todo_en="choose another with --port", todo_ko="--port로 다른 포트를 고르십시오"
        ) from None
