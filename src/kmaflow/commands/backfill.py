"""``kmaflow backfill``: fill history, over as many days as the quota makes it last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.options import NamedDatasets, NamedFrom, NamedTo, Stations
from kmaflow.commands.output import Json, exit_with, print_counts, print_json, progress
from kmaflow.commands.selection import chosen_stations

if TYPE_CHECKING:
    from datetime import datetime

    from kmaflow.collect.backfill.backfill import Backfilled


def backfill(
    datasets: NamedDatasets,
    from_: NamedFrom,
    to: NamedTo,
    stations: Stations = None,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            help="하루 한도 가운데 쓸 몫, 0보다 크고 1 이하 / part of a day's quota it may spend, above 0, at most 1 "
            "(default: KMAFLOW_BACKFILL_SHARE, 1.0)",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="프로세스 수 / processes (default: cores, at most 4)")
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="한도를 다 쓰면 기다리지 않고 끝냄 / end when the quota is spent")
    ] = False,
    newest_first: Annotated[
        bool,
        typer.Option(
            "--newest-first/--oldest-first", help="최근 것부터, 오래된 것부터 / the latest or the oldest first"
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """지난 관측을 채웁니다. / Fill history: what is missing of a stretch of time, in few calls.

    Example: kmaflow backfill aws_minute asos_hourly --from 2025-01-01 --to 2026-01-01 --share 0.5

    It may be ended at any moment; the same command goes on where it was. When the day's quota is spent it waits for the next one, which starts at
    00:00 KST, and goes on by itself; what live data needs until midnight is kept back. What it will cost: kmaflow plan.
    """
    from kmaflow.catalog import named
    from kmaflow.catalog.time import Window, parse_time
    from kmaflow.collect import Collector
    from kmaflow.collect.backfill.backfill import Backfill
    from kmaflow.settings import load_settings

    names = named(datasets)
    window = Window(parse_time(from_), parse_time(to))
    settings = load_settings(**({} if share is None else {"backfill_share": share}))
    with Collector.open(settings, work="backfill") as collector:
        for name in names:
            collector.check_window(name, window)
        collector.store.init()
        choice = chosen_stations(collector, stations, names)
        with progress(quiet=as_json) as bars:
            shown = {name: bars.add_task(name, total=None, rows=0) for name in names}

            def advance(found: Backfilled) -> None:
                bars.update(shown[found.dataset], total=found.planned, completed=found.done, rows=found.rows)

            job = Backfill(
                collector,
                names,
                window,
                choice,
                workers=workers,
                newest_first=newest_first,
                patient=not no_wait,
                on_progress=advance,
                on_wait=_say_waiting,
            )
            results = job.run()
    _report(results, choice.describe(), job.deferred_until, as_json=as_json)
    if all(result.failed for result in results):
        exit_with(1)
    exit_with(3 if any(result.left for result in results) else 0)


def _say_waiting(until: datetime) -> None:
    typer.echo(
        f"kmaflow: 하루 한도를 다 썼습니다: {until:%Y-%m-%d %H:%M}(한국시각)까지 요청하지 않고 기다렸다가 스스로 이어 갑니다; Ctrl-C로 끝내도 됩니다 / "
        f"the day's quota is spent: waiting, without asking, until {until:%Y-%m-%d %H:%M} KST, then going on; Ctrl-C ends it",
        err=True,
    )


def _report(results: list[Backfilled], stations: str, until: datetime | None, *, as_json: bool) -> None:
    for result in results:
        if result.trouble is not None and result.trouble.code != "quota":
            typer.echo(f"kmaflow: {result.dataset}: {result.trouble.told}", err=True)
    if until is not None:
        typer.echo(
            f"kmaflow: 하루 한도 때문에 남았습니다: {until:%Y-%m-%d %H:%M}(한국시각) 뒤에 같은 명령을 다시 하십시오 / "
            f"the quota left something unasked: run the same command again after {until:%Y-%m-%d %H:%M} KST",
            err=True,
        )
    if as_json:
        told: dict[str, Any] = {"stations": stations, "datasets": [result.summary() for result in results]}
        print_json(told | {"deferred_until": f"{until:%Y-%m-%d %H:%M}" if until else None})
        return
    names = "planned calls bytes rows inserted updated revised left"
    print_counts(f"{results[0].window} KST · {stations}", results, names, left="남은 칸 / cells left")
    if any(result.left for result in results):
        typer.echo("무엇이 왜 남았는지 / what is left, and why: kmaflow gaps")
