"""``kmaflow retention``: old months of the minute data out of the database, into files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.output import Json, confirm, print_json, print_table, progress

if TYPE_CHECKING:
    from datetime import datetime

    from kmaflow.catalog.time import Window
    from kmaflow.store import Store


def retention(
    keep_months: Annotated[
        int, typer.Option("--keep-months", min=0, help="이번 달 앞의 몇 달을 남길지 / months before this one that stay")
    ],
    to: Annotated[
        str | None,
        typer.Option("--export", help="폴더나 URL / folder or fsspec URL for the Parquet files", metavar="PATH_OR_URL"),
    ] = None,
    no_export: Annotated[
        bool, typer.Option("--no-export", help="파일 없이 버림 / give the rows up without files")
    ] = False,
    datasets: Annotated[
        str | None, typer.Option("--datasets", help="aws_minute,… (기본: 분자료 모두 / default: all minute data)")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="할 일만 보임 / only show what would be done")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="묻지 않음 / do not ask")] = False,
    as_json: Json = False,
) -> None:
    """오래된 달의 분자료를 파일로 옮기고 DB에서 지웁니다. / Move old months of the minute data into files and drop them from the database.

    Example: kmaflow retention --keep-months 24 --export archive/parquet --dry-run

    Each month is written to archive/parquet/DATASET/YYYY-MM.parquet, read back and compared with the table; only then are its rows dropped (on PostgreSQL
    and MariaDB as a whole partition). The ledger, corrections and hourly counts stay. Broken off, it goes on when run again. Hourly data are never dropped.
    """
    from kmaflow.catalog import means_all, named
    from kmaflow.errors import UsageError
    from kmaflow.maintain.retention import due
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    if (to is None) != no_export:
        raise UsageError(
            "it is not said where the rows go",
            todo_en="name a place with --export, or give the rows up with --no-export: one of the two",
            todo_ko="--export로 둘 곳을 정하거나, 버리려면 --no-export를 쓰십시오: 둘 가운데 하나만",
        )
    words = (datasets or "all").split(",")
    names = None if means_all(words) else named(words)
    with Store(load_settings().database_url) as store:
        found = due(store, keep_months, names)
        if found and not dry_run and not yes:
            _ask(found, to)
        done = [] if dry_run else _retire(store, found, to, quiet=as_json)
    listed = done or [
        {"dataset": name, "month": f"{month:%Y-%m}", "rows": rows, "dropped": False, "files": {}}
        for name, month, rows in found
    ]
    if as_json:
        print_json({"months": listed})
    elif not listed:
        typer.echo("지울 달이 없습니다 / no month is that old")
    else:
        rows = [(one["dataset"], one["month"], one["rows"], ", ".join(one["files"])) for one in listed]
        what = "지울 달 / would be dropped" if dry_run else "지운 달 / dropped"
        print_table(what, ("dataset", "month", "rows", "files"), rows, right=("rows",))


def _ask(found: list[tuple[str, datetime, int]], to: str | None) -> None:
    rows = sum(rows for _, _, rows in found)
    where = "파일 없이 / without files" if to is None else f"→ {to}"
    confirm(
        f"{len(found)}달, {rows:,}행을 DB에서 지울까요? / Drop {len(found)} month(s), {rows:,} rows ({where})?",
        f"{len(found)} month(s) with {rows:,} rows would be dropped",
    )


def _retire(
    store: Store, found: list[tuple[str, datetime, int]], to: str | None, *, quiet: bool
) -> list[dict[str, Any]]:
    from kmaflow.maintain.retention import retire

    done: list[dict[str, Any]] = []
    with progress(quiet=quiet) as bars:
        bar = bars.add_task("retention", total=len(found), rows=0)
        gone = 0
        for name, month, _ in found:

            def advance(table: str, part: Window, rows: int, gone: int = gone) -> None:
                bars.update(bar, description=f"{table} {part.end:%Y-%m-%d}", rows=gone + rows)

            one = retire(store, name, month, to, on_progress=advance)
            gone += one.rows
            done.append(
                {
                    "dataset": name,
                    "month": f"{month:%Y-%m}",
                    "rows": one.rows,
                    "dropped": True,
                    "files": dict(one.files),
                }
            )
            bars.update(bar, advance=1, rows=gone)
    return done
