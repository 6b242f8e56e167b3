"""``kmaflow rebuild``: the database again from the archive."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.output import Json, exit_with, print_counts, print_json, progress, tell
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.catalog.time import Window
    from kmaflow.collect import Collector
    from kmaflow.maintain.rebuild_report import RebuildReport

#: Lost bodies and kept stretches that a person sees one by one.
_SHOWN = 20


HELP = say(
    """보관소의 원문만으로 데이터베이스를 다시 적재합니다. API 호출은 없습니다.

    예: kmaflow rebuild --dry-run → kmaflow rebuild

    빈 데이터베이스에는 관측자료, 지점, 정정 이력, 수집 이력을 모두 만듭니다. 자료가 있는 데이터베이스에서는 하루씩 한 트랜잭션으로 다시 만들며,
    그동안 수집과 조회를 계속할
    수 있습니다. 보관소에서 되살릴 수 없는 자료가 있는 날은 그대로 둡니다. KMAFLOW_STATIONS를 넓혔을 때, 파서가 바뀐 버전으로 업그레이드했을 때, 다른
    데이터베이스로 옮길 때 실행하십시오. 중단되면 다시 실행해 이어 갈 수 있습니다.""",
    """Load the database again from the archive alone. Makes no API calls.

    Example: kmaflow rebuild --dry-run → kmaflow rebuild

    In an empty database it makes everything: observations, stations, corrections, ledger. In one with data it replaces whole days, each in one
    transaction, while collectors and readers go on. Days whose data the archive cannot give again are left as they are. Run it after widening
    KMAFLOW_STATIONS, after an upgrade that changed the parser, or to move to another database. Rerun it to resume.""",
)


def rebuild(
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help=say("이 시각 이후의 날만, 한국시각", "only days after this, KST")),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="T", help=say("이 시각까지의 날만, 한국시각", "only days up to this, KST")),
    ] = None,
    stations: Annotated[
        str | None,
        typer.Option(
            "--stations",
            help=say(
                "all, 지점번호, 지점명 (기본: KMAFLOW_STATIONS)", "all, numbers or names (default: KMAFLOW_STATIONS)"
            ),
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=say("실행하지 않고 계획만 표시", "only show what would be done"))
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help=say("지점이 줄어도 확인 없이 실행", "skip confirmation when stations are dropped")),
    ] = False,
    as_json: Json = False,
) -> None:
    """Load the database again from the archive."""
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
    typer.confirm(say(f"{what} 계속할까요?", f"{what} Go on?"), abort=True, err=True)
    return _run(collector, window, stations, yes=True, quiet=quiet)


def _report(result: RebuildReport, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": dry_run, **result.summary()})
        return
    title = (
        say("다시 적재할 자료", "would be loaded again")
        if dry_run
        else say(f"다시 적재함 · 지점: {result.selection[:60]}", f"loaded again · stations: {result.selection[:60]}")
    )
    title = title if result.window is None else f"{title} · {result.window} KST"
    print_counts(
        title,
        list(result.datasets.values()),
        "stretches answers bytes rows revised rejected refused lost kept",
        more="stretches bytes kept",
    )
    if not dry_run and result.seconds:
        speed = f"{result.rows / result.seconds:,.0f}"
        tell(
            say(
                f"{result.rows:,}행, {result.seconds:,.1f}초 (초당 {speed}행)",
                f"{result.rows:,} rows in {result.seconds:,.1f} s ({speed} rows/s)",
            )
        )
    if result.went_on:
        tell(say("중단된 곳에서 이어서 실행했습니다", "resumed where the last one was interrupted"))
    if result.pruned:
        tell(
            say(
                f"응답 {result.pruned:,}개는 kmaflow archive prune으로 원문을 삭제했습니다",
                f"{result.pruned:,} responses were removed by kmaflow archive prune",
            )
        )
    for one in result.datasets.values():
        _list(say(f"{one.dataset}: 그대로 둠", f"{one.dataset}: left as it is"), one.kept)
        _list(say(f"{one.dataset}: 원문이 없거나 손상됨", f"{one.dataset}: body missing or damaged"), one.lost)
        if one.parser_revisions:
            tell(
                say(
                    f"kmaflow: {one.dataset}: 이전 파서의 정정 이력 {one.parser_revisions}건이 없어졌습니다. 현재 파서로 모두 다시 해석했습니다",
                    f"kmaflow: {one.dataset}: {one.parser_revisions} revisions by earlier parsers are gone: everything was parsed again by the present one",
                ),
                err=True,
            )
    _list(say("매니페스트의 잘린 줄", "truncated line of the manifest"), result.bad_lines)
    for name, count in result.unknown.items():
        tell(
            say(
                f"kmaflow: 알 수 없는 자료의 응답 {count}개: {name}",
                f"kmaflow: {count} responses of an unknown dataset: {name}",
            ),
            err=True,
        )


def _list(what: str, items: list[str]) -> None:
    for item in items[:_SHOWN]:
        tell(f"kmaflow: {what}: {item}", err=True)
    if len(items) > _SHOWN:
        tell(f"kmaflow: {what}: … {len(items) - _SHOWN} more (--json)", err=True)
