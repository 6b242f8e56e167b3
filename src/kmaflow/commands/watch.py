"""``kmaflow watch``: keep the database complete without Airflow."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.options import Stations
from kmaflow.commands.output import exit_with
from kmaflow.commands.selection import chosen_stations

if TYPE_CHECKING:
    from kmaflow.collect import DatasetResult
    from kmaflow.collect.repair import Repaired
    from kmaflow.errors import KmaflowError


def watch(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="자료 (기본: all) / datasets (default: all)", metavar="[DATASET…]")
    ] = None,
    stations: Stations = None,
    once: Annotated[
        bool, typer.Option("--once", help="지금 할 일만 하고 끝냄 (cron용) / do what is due now and end, for cron")
    ] = False,
) -> None:
    """Airflow 없이 한 프로세스로 계속 완전하게 지킵니다. / Keep the database complete in one process, without Airflow. Ctrl-C ends.

    Example: kmaflow watch aws_minute asos_hourly

    Live windows are collected as the hub has them; between them, what is missing since KMAFLOW_START is asked for, newest first, and the last days are
    visited again for corrections. The same planner, quota and repair as in Airflow: both may run, on one key and one database.
    """
    from kmaflow.catalog import named
    from kmaflow.collect import Collector
    from kmaflow.collect.backfill.workers import tidy
    from kmaflow.collect.watch import Watch
    from kmaflow.settings import load_settings

    names = named(datasets or ["all"])
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Collector.open(load_settings()) as collector:
        collector.store.init()
        tidy()
        choice = chosen_stations(collector, stations, names)
        typer.echo(
            f"{', '.join(names)} · {choice.describe()} · {collector.store.shown_url} · Ctrl-C 로 끝냄 / ends it",
            err=True,
        )
        complete = True

        def tell(news: DatasetResult | Repaired | KmaflowError) -> None:
            nonlocal complete
            complete &= _tell(news)

        work = Watch(collector, names, choice, tell=tell, stopping=stop.is_set)
        if not once:
            work.run(stop.wait)
            return
        while not stop.is_set() and work.turn():
            pass
    exit_with(0 if complete else 3)


def _tell(news: DatasetResult | Repaired | KmaflowError) -> bool:
    """One line; whether all is well."""
    from kmaflow.catalog.time import now_kst
    from kmaflow.collect.repair import Repaired
    from kmaflow.errors import KmaflowError

    clock = f"{now_kst():%H:%M:%S}"
    if isinstance(news, KmaflowError):
        typer.echo(f"{clock} kmaflow: {news}", err=True)
        return False
    if isinstance(news, Repaired):
        left = f", {news.left:,} 칸 남음 / cells left" if news.left else ""
        later = f", {news.deferred_until:%H:%M} 뒤에 이어짐 / goes on after" if news.deferred_until else ""
        typer.echo(
            f"{clock} {news.dataset} 복구 / repair: {news.calls} calls, {news.rows:,} rows, {news.inserted:,} new, {news.revised} revised{left}{later}"
        )
        return not news.left
    state = "완전함 / complete" if news.complete else "; ".join(news.missing)[:160]
    typer.echo(f"{clock} {news.dataset} {news.window}: {news.rows:,} rows, {news.inserted:,} new · {state}")
    return news.complete
