"""``kmaflow rebuild``: the database again from the archive."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.output import Json, exit_with, print_counts, print_json, progress

if TYPE_CHECKING:
    from kmaflow.catalog.time import Window
    from kmaflow.collect import Collector
    from kmaflow.maintain.rebuild_report import RebuildReport

#: Lost bodies and kept stretches that a person sees one by one.
_SHOWN = 20


def rebuild(
    from_: Annotated[
        str | None, typer.Option("--from", metavar="T", help="이 뒤의 날만, KST / only days after this")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="T", help="이때까지의 날만, KST / only days up to this")
    ] = None,
    stations: Annotated[
        str | None, typer.Option("--stations", help="all, 번호, 이름 / all, numbers, names (default: KMAFLOW_STATIONS)")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="할 일만 보임 / only show what would be done")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="저장 지점이 줄어도 묻지 않음 / do not ask before stations go")
    ] = False,
    as_json: Json = False,
) -> None:
    """보관소의 원문만으로 데이터베이스를 다시 만듭니다. / Make the database again from the archive alone; the hub is not asked.

    Example: kmaflow rebuild --dry-run  →  kmaflow rebuild

    Into an empty database it makes everything: observations, stations, corrections, ledger. In one with data it makes whole days anew, each in one
    transaction, while collectors and readers go on; days that hold what the archive cannot give again are left as they are. Run it after widening
    KMAFLOW_STATIONS, after an update that changed the parser, or for another database. Broken off, it goes on when run again.
    """
    from kmaflow.collect import Collector
    from kmaflow.maintain.rebuild import outline
    from kmaflow.settings import load_settings

    window = _window(from_, to)
    with Collector.open(load_settings(), needs_hub=False) as collector:
        result = outline(collector, window) if dry_run else _run(collector, window, stations, yes=yes, quiet=as_json)
    _report(result, dry_run=dry_run, as_json=as_json)
    exit_with(0 if result.complete else 3)


def _window(from_: str | None, to: str | None) -> Window | None:
    from datetime import datetime

    from kmaflow.catalog.time import DAY, Window, now_kst, parse_time

    if from_ is None and to is None:
        return None
    # KMA's first observations are of 1904.
    return Window(
        parse_time(from_) if from_ else datetime(1904, 1, 1),
        parse_time(to) if to else now_kst().replace(microsecond=0) + DAY,
    )


def _run(collector: Collector, window: Window | None, stations: str | None, *, yes: bool, quiet: bool) -> RebuildReport:
    from kmaflow.maintain.rebuild import WouldNarrow
    from kmaflow.maintain.rebuild import rebuild as remake

    with progress(quiet=quiet) as bars:
        bar = bars.add_task("rebuild", total=None, rows=0)

        def advance(result: RebuildReport) -> None:
            bars.update(bar, total=result.planned, completed=result.done, rows=result.rows)

        try:
            return remake(collector, window=window, stations=stations, narrow=yes, on_progress=advance)
        except WouldNarrow as error:
            if quiet or not sys.stdin.isatty():
                raise
            what = error.what
    typer.confirm(f"{what} 계속할까요? / Go on?", abort=True, err=True)
    return _run(collector, window, stations, yes=True, quiet=quiet)


def _report(result: RebuildReport, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": dry_run, **result.summary()})
        return
    title = "할 일 / would be made anew" if dry_run else f"다시 만듦 / made anew · stations: {result.selection[:60]}"
    title = title if result.window is None else f"{title} · {result.window} KST"
    print_counts(
        title, list(result.datasets.values()), "stretches answers bytes rows revised rejected refused lost kept"
    )
    if not dry_run and result.seconds:
        speed = f"{result.rows / result.seconds:,.0f}"
        typer.echo(f"{result.rows:,}행, {result.seconds:,.1f}초 (초당 {speed}행 / {speed} rows/s)")
    if result.went_on:
        typer.echo("멈춘 곳에서 이어서 했습니다 / went on where the last one was broken off")
    if result.pruned:
        typer.echo(
            f"{result.pruned:,}개 응답은 보관 기한이 지나 원문이 없습니다 / {result.pruned:,} answers were given up by: kmaflow archive prune"
        )
    for one in result.datasets.values():
        _list(f"{one.dataset}: 그대로 둠 / left as it is", one.kept)
        _list(f"{one.dataset}: 원문 없음·손상 / body lost", one.lost)
        if one.parser_revisions:
            typer.echo(
                f"kmaflow: {one.dataset}: 해석기 정정 {one.parser_revisions}건은 사라졌습니다: 지금 해석기로 모두 다시 읽었습니다 / "
                f"{one.parser_revisions} revisions by the parser went: the present one has read everything from the start",
                err=True,
            )
    _list("목록의 잘린 줄 / cut line of the manifest", result.bad_lines)
    for name, count in result.unknown.items():
        typer.echo(f"kmaflow: {count} 응답의 자료를 모릅니다 / answers of an unknown dataset: {name}", err=True)


def _list(what: str, items: list[str]) -> None:
    for item in items[:_SHOWN]:
        typer.echo(f"kmaflow: {what}: {item}", err=True)
    if len(items) > _SHOWN:
        typer.echo(f"kmaflow: {what}: … {len(items) - _SHOWN} more (--json)", err=True)
