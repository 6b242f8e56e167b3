"""``kmaflow retention``: old months of the minute data out of the database, into files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.options import DryRun, Yes
from kmaflow.commands.output import Json, confirm, print_json, print_table, progress, tell
from kmaflow.language import say

if TYPE_CHECKING:
    from datetime import datetime

    from kmaflow.catalog.time import Window
    from kmaflow.store import Store


HELP = say(
    """오래된 달의 분자료를 파일로 옮기고 데이터베이스에서 삭제합니다.

    예: kmaflow retention --keep-months 24 --export archive/parquet --dry-run

    달마다 archive/parquet/자료이름/YYYY-MM.parquet에 쓴 뒤 다시 읽어 테이블과 비교하고, 같을 때만 행을 삭제합니다(PostgreSQL과 MariaDB에서는 파티션 단위).
    수집 이력, 정정 이력, 시간별 집계는 남습니다. 중단되면 다시 실행해 이어 갈 수 있습니다. 시간자료는 삭제하지 않습니다.""",
    """Move old months of the minute data into files and drop them from the database.

    Example: kmaflow retention --keep-months 24 --export archive/parquet --dry-run

    Each month is written to archive/parquet/DATASET/YYYY-MM.parquet, read back and compared with the table. Only then are its rows dropped (on
    PostgreSQL and MariaDB as a whole partition). The ledger, corrections and hourly counts stay. Rerun it to resume. Hourly data are never dropped.""",
)


def retention(
    keep_months: Annotated[
        int,
        typer.Option("--keep-months", min=0, help=say("이번 달 이전 몇 달을 남길지", "months kept before this one")),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--export",
            help=say("Parquet 파일을 둘 폴더나 URL", "folder or fsspec URL for the Parquet files"),
            metavar="PATH_OR_URL",
        ),
    ] = None,
    no_export: Annotated[
        bool, typer.Option("--no-export", help=say("파일로 남기지 않고 삭제", "discard the rows"))
    ] = False,
    datasets: Annotated[
        str | None,
        typer.Option(
            "--datasets", help=say("aws_minute,… (기본: 분자료 전체)", "aws_minute,… (default: all minute data)")
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Move old months of the minute data into files."""
    from kmaflow.catalog import means_all, named
    from kmaflow.errors import UsageError
    from kmaflow.maintain.retention import due
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    if (to is None) != no_export:
        raise UsageError(
            "no destination given" if to is None else "--export and --no-export exclude each other",
            ko="저장할 곳이 없습니다" if to is None else "--export와 --no-export는 함께 쓸 수 없습니다",
            todo_en="use either --export to name a destination or --no-export to discard the rows",
            todo_ko="저장할 곳을 --export로 정하거나, 파일로 남기지 않으려면 --no-export를 쓰십시오",
        )
    words = (datasets or "all").split(",")
    names = None if means_all(words) else named(words)
    with Store(load_settings().database_url, must_exist=True) as store:
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
        tell(say("삭제할 달이 없습니다", "no month is that old"))
    else:
        rows = [(one["dataset"], one["month"], one["rows"], ", ".join(one["files"])) for one in listed]
        what = say("삭제할 달", "would be dropped") if dry_run else say("삭제한 달", "dropped")
        columns = (say("자료", "dataset"), say("월", "month"), say("행", "rows"), say("파일", "files"))
        print_table(what, columns, rows, right=columns[2:3])


def _ask(found: list[tuple[str, datetime, int]], to: str | None) -> None:
    rows = sum(rows for _, _, rows in found)
    where = say("파일로 남기지 않음", "without files") if to is None else f"→ {to}"
    confirm(
        say(
            f"{len(found)}개월, {rows:,}행을 데이터베이스에서 삭제할까요({where})?",
            f"Drop {len(found)} month(s), {rows:,} rows ({where})?",
        ),
        consequence=f"{len(found)} month(s) with {rows:,} rows would be dropped",
        consequence_ko=f"{len(found)}개월, {rows:,}행을 삭제하게 됩니다",
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
