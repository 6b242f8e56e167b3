"""``kmaflow archive``: what becomes of the bodies that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.output import Json, confirm, print_json, print_table, progress

if TYPE_CHECKING:
    from kmaflow.archive.archive import Archive
    from kmaflow.maintain.prune import Lapsed

app = typer.Typer(no_args_is_help=True, help="원문 보관소 / archive of the hub's answers: prune")


@app.callback()
def _archive() -> None:
    """원문 보관소 / archive of the hub's answers."""


@app.command("prune")
def prune(
    keep_months: Annotated[
        int, typer.Option("--keep-months", min=0, help="이번 달 앞의 몇 달을 남길지 / months before this one that stay")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="할 일만 보임 / only show what would go")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="묻지 않음 / do not ask")] = False,
    as_json: Json = False,
) -> None:
    """오래된 원문을 버립니다. / Give up bodies that no younger answer names; the database keeps its rows.

    Example: kmaflow archive prune --keep-months 24 --dry-run

    Counted is when an answer came into the archive. What is given up cannot be made again by kmaflow rebuild, nor shown by kmaflow why: the rows
    stay in the database, and a rebuild leaves their days as they are. The manifest stays too.
    """
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
            confirm("영영 버릴까요? / Remove them for good?", f"{len(found.bodies)} bodies would be removed for good")
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
        typer.echo(f"원문 {gone:,}개를 버렸습니다 / {gone:,} bodies removed")


def _report(found: Lapsed) -> None:
    if not found.bodies:
        typer.echo(f"{found.before:%Y-%m} 앞에 온 원문이 없습니다 / no body is older than {found.before:%Y-%m}")
        return
    rows = [list(lapse.summary().values()) for lapse in found.lapses.values()]
    columns = ("자료", "answers", "from", "to")
    print_table("다시 만들 수 없게 될 것 / what a rebuild can no longer make", columns, rows, right=("answers",))
    size = f"{found.bytes:,}"
    typer.echo(
        f"{found.before:%Y-%m-%d} 앞에 온 원문 {len(found.bodies):,}개, {size}바이트 / {len(found.bodies):,} bodies that came before, {size} bytes"
    )


def _prune(archive: Archive, found: Lapsed, *, quiet: bool) -> int:
    from kmaflow.maintain.prune import prune as remove

    with progress(quiet=quiet) as bars:
        bar = bars.add_task("archive prune", total=len(found.bodies), rows=0)
        return remove(archive, found, lambda gone: bars.update(bar, completed=gone))
