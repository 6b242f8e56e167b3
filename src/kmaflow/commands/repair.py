"""``kmaflow repair``: ask again for what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.options import Datasets, From, Stations, To
from kmaflow.commands.output import Json, exit_with, print_counts, print_json, progress
from kmaflow.commands.selection import datasets_and_stations

if TYPE_CHECKING:
    from kmaflow.collect import DatasetResult
    from kmaflow.collect.repair import Repair, Repaired


def repair(
    datasets: Datasets = None,
    from_: From = None,
    to: To = None,
    stations: Stations = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="때가 되지 않은 것과 포기한 것까지 모두 / also what is not due yet or was given up"),
    ] = False,
    as_json: Json = False,
) -> None:
    """빠진 관측을 다시 요청합니다. / Ask again for what is missing; exit code 3 if something still is.

    Example: kmaflow repair aws_minute --from 2026-11-01

    What was never asked is asked at once; what was refused or not yet produced after 10 minutes, 1 hour, 6 hours, 1 day and 3 days, and is then given up
    with its reason. Blank rows are asked again twice within the hour, the last days (KMAFLOW_REVISIT_DAYS) once a day for corrections. kmaflow plan
    tells before what the calls for it cost.
    """
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
        typer.echo(f"kmaflow: {one.dataset}: 다른 작업이 복구 중입니다 / another worker is repairing it", err=True)
    if one.error:
        typer.echo(f"kmaflow: {one.dataset}: {one.error}", err=True)
    if until := one.deferred_until or one.old_deferred_until:
        typer.echo(
            f"kmaflow: {one.dataset}: 한도가 다 되어 {until:%Y-%m-%d %H:%M} 뒤에 이어집니다 / the quota is spent: run it again after "
            f"{until:%Y-%m-%d %H:%M} KST",
            err=True,
        )


def _print(found: list[Repaired], title: str) -> None:
    if not found:
        typer.echo(
            "아직 요청한 것이 없습니다: 자료 이름과 --from 을 주십시오 / nothing was asked for yet: name datasets and give --from",
            err=True,
        )
        return
    print_counts(
        title,
        found,
        "due quiet revisits calls rows inserted updated revised given_up left",
        due="빠진 칸 / due",
        quiet="결측 / blank",
        revisits="재방문 / revisits",
        given_up="포기 / given up",
        left="남음 / left",
    )
    if any(one.left for one in found):
        typer.echo("남은 것과 그 까닭 / what is left, and why: kmaflow gaps")
