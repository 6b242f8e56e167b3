"""``kmaflow watch``: keep the database complete without Airflow."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.options import Stations
from kmaflow.commands.output import complain, exit_with, print_json, tell
from kmaflow.commands.selection import chosen_stations
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.collect import DatasetResult
    from kmaflow.collect.repair import Repaired
    from kmaflow.errors import KmaflowError


HELP = say(
    """Airflow 없이 프로세스 하나로 데이터베이스를 계속 최신으로 유지합니다. Ctrl-C로 종료합니다.

    예: kmaflow watch aws_minute asos_hourly

    API허브에 새 자료가 생기면 수집하고, 그사이에 KMAFLOW_START 이후의 누락을 최근 것부터 다시 요청하며, 최근 며칠은 정정을 확인합니다. Airflow와 같은
    계획, 한도, 재수집
    규칙을 사용하므로 같은 인증키와 데이터베이스로 함께 실행해도 됩니다.""",
    """Keep the database complete in one process, without Airflow. Ctrl-C stops it.

    Example: kmaflow watch aws_minute asos_hourly

    Live windows are collected as soon as the hub has them. In between, what is missing since KMAFLOW_START is requested, newest first, and the last days
    are checked for corrections. Planner, quota and retries are those of Airflow: both can run on one key and one database.""",
)


def watch(
    datasets: Annotated[
        list[str] | None, typer.Argument(help=say("자료 (기본: all)", "datasets (default: all)"), metavar="[DATASET…]")
    ] = None,
    stations: Stations = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help=say("지금 필요한 작업만 하고 종료(cron용)", "do what is due now and end, for cron")
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help=say("한 일마다 JSON 한 줄", "a line of JSON for each piece of work"))
    ] = False,
) -> None:
    """Keep the database complete."""
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
        if not once:
            tell(
                say(
                    f"{', '.join(names)} · {choice.describe()} · {collector.store.shown_url} · 종료: Ctrl-C",
                    f"{', '.join(names)} · {choice.describe()} · {collector.store.shown_url} · Ctrl-C stops it",
                ),
                err=True,
            )
        well: list[bool] = []

        def heard(news: DatasetResult | Repaired | KmaflowError) -> None:
            well.append(_tell_json(news) if as_json else _tell(news))

        work = Watch(collector, names, choice, tell=heard, stopping=stop.is_set)
        if not once:
            work.run(stop.wait)
            return
        while not stop.is_set() and work.turn():
            pass
    if not well and not as_json:
        told = ", ".join(names)
        tell(say(f"지금 수집할 자료가 없습니다: {told}", f"nothing is due now: {told}"))
    exit_with(0 if all(well) else 3)


def _tell_json(news: DatasetResult | Repaired | KmaflowError) -> bool:
    """The same for programs."""
    from kmaflow.collect.repair import Repaired
    from kmaflow.errors import KmaflowError

    if isinstance(news, KmaflowError):
        print_json({"error": {"what": say(news.what_ko, news.what), "todo": say(news.todo_ko, news.todo_en)}})
        return False
    repair = isinstance(news, Repaired)
    print_json({"work": "repair" if repair else "collect", **news.summary()})
    sys.stdout.flush()
    return not news.left if isinstance(news, Repaired) else news.complete


def _tell(news: DatasetResult | Repaired | KmaflowError) -> bool:
    """One line; whether all is well."""
    from kmaflow.catalog.time import now_kst
    from kmaflow.collect.repair import Repaired
    from kmaflow.errors import KmaflowError

    clock = f"{now_kst():%H:%M:%S}"
    if isinstance(news, KmaflowError):
        complain(f"{clock} {news}")
        return False
    if isinstance(news, Repaired):
        left = say(f", 누락 {news.left:,}", f", {news.left:,} still missing") if news.left else ""
        later = (
            say(f", {news.deferred_until:%H:%M} 이후 재개", f", resumes after {news.deferred_until:%H:%M}")
            if news.deferred_until
            else ""
        )
        tell(
            say(
                f"{clock} {news.dataset} 재수집: 호출 {news.calls}회, {news.rows:,}행, 신규 {news.inserted:,}, 정정 {news.revised}{left}{later}",
                f"{clock} {news.dataset} repair: {news.calls} calls, {news.rows:,} rows, {news.inserted:,} new, {news.revised} revised{left}{later}",
            )
        )
        return not news.left
    state = say("누락 없음", "complete") if news.complete else "; ".join(news.missing)[:160]
    tell(
        say(
            f"{clock} {news.dataset} {news.window}: {news.rows:,}행, 신규 {news.inserted:,} · {state}",
            f"{clock} {news.dataset} {news.window}: {news.rows:,} rows, {news.inserted:,} new · {state}",
        )
    )
    return news.complete
