"""``kmaflow repair``: ask again for what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.options import Datasets, From, Stations, To
from kmaflow.commands.output import Json, complain, exit_with, print_counts, print_json, progress, tell
from kmaflow.commands.selection import datasets_and_stations
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.collect import DatasetResult
    from kmaflow.collect.repair import Repair, Repaired


HELP = say(
    """누락된 자료를 다시 요청합니다. 그래도 누락이 남으면 종료 코드는 3입니다.

    예: kmaflow repair aws_minute --from 2026-11-01

    요청한 적이 없는 자료는 바로 요청합니다. 거부되었거나 미생산이던 자료는 10분, 1시간, 6시간, 1일, 3일 뒤에 다시 요청하고, 그래도 받지 못하면 원인을
    기록하고 중단합니다.
    결측값은 한 시간 안에 두 번, 최근 며칠(KMAFLOW_REVISIT_DAYS)은 정정 확인을 위해 하루에 한 번 다시 요청합니다. 호출 수는 kmaflow plan으로 미리
    확인하십시오.""",
    """Request again what is missing. Exit code 3 if something still is.

    Example: kmaflow repair aws_minute --from 2026-11-01

    What was never requested is requested at once. What was refused or not yet produced is retried after 10 minutes, 1 hour, 6 hours, 1 day and 3 days, and
    then abandoned with its reason. Blank rows are requested twice more within the hour, the last days (KMAFLOW_REVISIT_DAYS) once a day for
    corrections. See the cost beforehand with kmaflow plan.""",
)


def repair(
    datasets: Datasets = None,
    from_: From = None,
    to: To = None,
    stations: Stations = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help=say("재시도 시각 전이거나 중단한 자료까지 모두", "also what is not due yet or was abandoned")
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Request again what is missing."""
    from kmaflow.catalog.time import parse_time
    from kmaflow.collect import Collector
    from kmaflow.collect.backfill.workers import tidy
    from kmaflow.collect.repair import Repair
    from kmaflow.settings import load_settings
    from kmaflow.store.engines.database import reading

    begin, end = (None if text is None else parse_time(text) for text in (from_, to))
    with Collector.open(load_settings(), work="repair") as collector:
        collector.store.init()
        tidy()
        with reading(collector.store.engine) as connection:
            names, choice = datasets_and_stations(connection, collector.settings, datasets, stations)
        found = [
            _mend(name, Repair(collector, choice, begin=begin, end=end, everything=everything), quiet=as_json)
            for name in names
        ]
    for one in found:
        _complain(one)
    if as_json:
        print_json({"stations": choice.selection, "datasets": [one.summary() for one in found]})
    else:
        _print(found, choice.describe())
    exit_with(3 if any(one.left or one.busy for one in found) else 0)


def _mend(name: str, work: Repair, *, quiet: bool) -> Repaired:
    with progress(quiet=quiet) as bars:
        bar = bars.add_task(name, total=None, rows=0)

        def advance(result: DatasetResult) -> None:
            bars.update(bar, total=result.planned, completed=result.done, rows=result.rows)

        work.on_progress = advance
        return work.mend(name)


def _complain(one: Repaired) -> None:
    if one.busy:
        tell(
            say(
                f"kmaflow: {one.dataset}: 다른 워커가 재수집하는 중입니다",
                f"kmaflow: {one.dataset}: another worker is repairing it",
            ),
            err=True,
        )
    if one.error:
        complain(f"{one.dataset}: {one.error}")
    if until := one.deferred_until or one.old_deferred_until:
        tell(
            say(
                f"kmaflow: {one.dataset}: 일일 한도를 다 썼습니다. {until:%Y-%m-%d %H:%M} 이후 다시 실행하십시오",
                f"kmaflow: {one.dataset}: the quota is used up: run it again after {until:%Y-%m-%d %H:%M} KST",
            ),
            err=True,
        )


def _print(found: list[Repaired], title: str) -> None:
    if not found:
        tell(
            say(
                "아직 요청한 자료가 없습니다. 자료 이름과 --from을 지정하십시오",
                "nothing was requested yet: name datasets and give --from",
            ),
            err=True,
        )
        return
    print_counts(
        title,
        found,
        "due quiet revisits calls rows inserted updated revised given_up left",
        more="quiet revisits inserted updated",
        quiet=say("결측", "blank"),
    )
    if any(one.left for one in found):
        tell(say("남은 자료와 원인: kmaflow gaps", "what is left, and why: kmaflow gaps"))
