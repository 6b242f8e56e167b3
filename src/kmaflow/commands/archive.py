"""``kmaflow archive``: what becomes of the bodies that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.help import Command, Group
from kmaflow.commands.options import DryRun, Yes
from kmaflow.commands.output import Json, confirm, print_json, print_table, progress, tell
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.archive.archive import Archive
    from kmaflow.maintain.prune import Lapsed

app = typer.Typer(
    cls=Group,
    add_completion=False,
    no_args_is_help=True,
    help=say(
        "원문 보관소\n\n예: kmaflow archive prune --keep-months 24 --dry-run",
        "The archive of the hub's responses.\n\nExample: kmaflow archive prune --keep-months 24 --dry-run",
    ),
)


@app.callback()
def _archive() -> None:
    """Keep ``prune`` a subcommand even while it is the only one."""


@app.command(
    "prune",
    cls=Command,
    help=say(
        """오래된 원문을 지웁니다. 데이터베이스의 행은 유지됩니다.

        예: kmaflow archive prune --keep-months 24 --dry-run

        원문이 보관소에 들어온 시각을 기준으로 합니다. 지운 원문은 kmaflow rebuild로 다시 적재할 수 없고 kmaflow why에도 나오지 않습니다. 데이터베이스의 행은
        그대로이며, rebuild도 그런 날은 건드리지 않습니다. 매니페스트도 남습니다.""",
        """Remove old bodies that no younger response refers to. The database keeps its rows.

        Example: kmaflow archive prune --keep-months 24 --dry-run

        What counts is when a response came into the archive. Removed bodies cannot be loaded again by kmaflow rebuild, nor shown by kmaflow why. Their
        rows stay in the database, and a rebuild leaves those days as they are. The manifest stays too.""",
    ),
)
def prune(
    keep_months: Annotated[
        int,
        typer.Option("--keep-months", min=0, help=say("이번 달 이전 몇 달을 남길지", "months kept before this one")),
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove old bodies."""
    from kmaflow.archive.archive import Archive
    from kmaflow.maintain.prune import before_months, lapsed
    from kmaflow.settings import load_settings

    archive = Archive(load_settings().archive_url)
    found = lapsed(archive, before_months(keep_months))
    if not as_json:
        _report(found)
    gone = 0
    if found.bodies or found.leftovers:
        if not dry_run and not yes:
            confirm(
                say("완전히 삭제할까요?", "Remove them for good?"),
                consequence=f"{len(found.bodies)} bodies would be removed for good",
                consequence_ko=f"원문 {len(found.bodies)}개를 완전히 삭제하게 됩니다",
            )
        if not dry_run:
            gone = _prune(archive, found, quiet=as_json)
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "before": f"{found.before:%Y-%m-%d %H:%M}",
                "bodies": len(found.bodies),
                "leftovers": len(found.leftovers),
                "bytes": found.bytes,
                "removed": gone,
                "no_longer_rebuilt": [lapse.summary() for lapse in found.lapses.values()],
            }
        )
    elif not dry_run and (found.bodies or found.leftovers):
        tell(say(f"원문 {gone:,}개를 삭제했습니다", f"{gone:,} bodies removed"))


def _report(found: Lapsed) -> None:
    if not found.bodies:
        tell(say(f"{found.before:%Y-%m} 이전의 원문이 없습니다", f"no body is older than {found.before:%Y-%m}"))
        return
    rows = [list(lapse.summary().values()) for lapse in found.lapses.values()]
    columns = (say("자료", "dataset"), say("응답", "responses"), "from", "to")
    print_table(
        say("더 이상 다시 적재할 수 없는 구간", "what a rebuild can no longer load"), columns, rows, right=columns[1:2]
    )
    count, size, before = f"{len(found.bodies):,}", f"{found.bytes:,}", f"{found.before:%Y-%m-%d}"
    tell(say(f"{before} 이전의 원문 {count}개, {size}바이트", f"{count} bodies from before {before}, {size} bytes"))


def _prune(archive: Archive, found: Lapsed, *, quiet: bool) -> int:
    from kmaflow.maintain.prune import prune as remove

    with progress(quiet=quiet) as bars:
        bar = bars.add_task("archive prune", total=len(found.bodies), rows=0)
        return remove(archive, found, lambda gone: bars.update(bar, completed=gone))
