"""``kmaflow backfill``: fill history, over as many days as the quota makes it last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.options import NamedDatasets, NamedFrom, NamedTo, Stations
from kmaflow.commands.output import Json, complain, exit_with, print_counts, print_json, progress, tell
from kmaflow.commands.selection import chosen_stations, nothing_left
from kmaflow.language import say

if TYPE_CHECKING:
    from datetime import datetime

    from kmaflow.collect.backfill.backfill import Backfilled


HELP = say(
    """과거 자료를 수집합니다. 누락된 자료만 최소 호출로 요청합니다.

    예: kmaflow backfill aws_minute asos_hourly --from 2025-01-01 --to 2026-01-01 --share 0.5

    언제든 중단할 수 있으며, 같은 명령을 다시 실행하면 이어서 수집합니다. 일일 한도를 다 쓰면 다음 한도가 시작되는 00:00(한국시각)까지 대기하다가
    자동으로 재개합니다.
    자정까지 실시간 수집에 필요한 한도는 남겨 둡니다. 예상 호출 수는 kmaflow plan으로 확인하십시오.""",
    """Fill history: request what is missing of a stretch of time, in few calls.

    Example: kmaflow backfill aws_minute asos_hourly --from 2025-01-01 --to 2026-01-01 --share 0.5

    It can be interrupted at any time; rerun the same command to resume. When the day's quota is used up it waits for the next one, which starts at
    00:00 KST, and resumes automatically. What live data need until midnight is kept back. See the cost beforehand with kmaflow plan.""",
)


def _checked_share(value: float | None) -> float | None:
    if value is not None and not 0 < value <= 1:
        raise typer.BadParameter(
            say(
                f"0보다 크고 1 이하여야 합니다({value:g})",
                f"it must be above 0 and at most 1, not {value:g}",
            )
        )
    return value


def backfill(
    datasets: NamedDatasets,
    from_: NamedFrom,
    to: NamedTo,
    stations: Stations = None,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            callback=_checked_share,
            help=say(
                "사용할 일일 한도 비율, 0보다 크고 1 이하 (기본: KMAFLOW_BACKFILL_SHARE, 1.0)",
                "share of the daily quota it may use, above 0, at most 1 (default: KMAFLOW_BACKFILL_SHARE, 1.0)",
            ),
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help=say("프로세스 수 (기본: 코어 수, 최대 4)", "processes (default: cores, at most 4)")
        ),
    ] = None,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait",
            help=say("한도를 다 쓰면 대기하지 않고 종료", "end when the quota is used up instead of waiting"),
        ),
    ] = False,
    newest_first: Annotated[
        bool,
        typer.Option(
            "--newest-first/--oldest-first",
            help=say("최근 자료부터 또는 오래된 자료부터", "start with the latest or with the oldest data"),
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """Fill history."""
    from kmaflow.catalog import named
    from kmaflow.catalog.time import Window, now_kst, parse_time
    from kmaflow.collect import Collector
    from kmaflow.collect.backfill.backfill import Backfill
    from kmaflow.settings import load_settings
    from kmaflow.store.backfills import begun_row
    from kmaflow.store.engines.database import reading

    names = named(datasets)
    window = Window(parse_time(from_), parse_time(to))
    settings = load_settings(**({} if share is None else {"backfill_share": share}))
    with Collector.open(settings, work="backfill") as collector:
        for name in names:
            collector.check_window(name, window)
        collector.store.init()
        choice = chosen_stations(collector, stations, names)
        collector.store.note(begun_row(names, window, choice))
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
        with reading(collector.store.engine) as connection:
            gone = nothing_left(connection, dict.fromkeys(names, window), now_kst(), choice.stations)
    _report(results, choice.describe(), job.deferred_until, as_json=as_json)
    if all(result.failed for result in results):
        exit_with(1)
    for line in gone:
        tell(line, err=as_json)
    exit_with(3 if gone or any(result.left for result in results) else 0)


def _say_waiting(until: datetime) -> None:
    tell(
        say(
            f"kmaflow: 일일 한도를 다 썼습니다. {until:%Y-%m-%d %H:%M}(한국시각)까지 대기하다가 자동으로 재개합니다. Ctrl-C로 종료할 수 있습니다",
            f"kmaflow: the day's quota is used up: waiting until {until:%Y-%m-%d %H:%M} KST, then resuming; Ctrl-C stops it",
        ),
        err=True,
    )


def _report(results: list[Backfilled], stations: str, until: datetime | None, *, as_json: bool) -> None:
    for result in results:
        if result.trouble is not None and result.trouble.code != "quota":
            complain(f"{result.dataset}: {result.trouble.told}")
    if until is not None:
        tell(
            say(
                f"kmaflow: 일일 한도 때문에 남은 자료가 있습니다. {until:%Y-%m-%d %H:%M}(한국시각) 이후 같은 명령을 다시 실행하십시오",
                f"kmaflow: the quota left something unrequested: run the same command again after {until:%Y-%m-%d %H:%M} KST",
            ),
            err=True,
        )
    if as_json:
        told: dict[str, Any] = {"stations": stations, "datasets": [result.summary() for result in results]}
        print_json(told | {"deferred_until": f"{until:%Y-%m-%d %H:%M}" if until else None})
        return
    names = "planned calls bytes rows inserted updated revised left"
    more = "planned inserted updated"
    print_counts(f"{results[0].window} KST · {stations}", results, names, more=more)
    if any(result.left for result in results):
        tell(say("남은 자료와 원인: kmaflow gaps", "what is left, and why: kmaflow gaps"))
