"""``kmaflow import``: rows of an older table, or of somebody else's file, where nothing is yet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.output import Json, exit_with, print_json, print_table, progress, tell
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.maintain.imports.mapping import TableMap
    from kmaflow.maintain.imports.run import TableImported
    from kmaflow.maintain.imports.sources import CsvFile, Database, TableMissing

HELP = say(
    """이전에 쓰던 테이블이나 CSV 파일의 관측자료를 가져옵니다. 비어 있는 칸만 채우며, 허브의 응답은 덮어쓰지 않습니다.

    예: kmaflow import airflow-with-dag mariadb://user:password@host/name --dry-run

    예: kmaflow import asos.csv --map map.toml

    airflow-with-dag의 테이블(AWS_DATA, ASOS_DATA 등)은 맵이 들어 있어 URL만 주면 됩니다. 그 밖의 테이블과 파일은 열을 설명하는 맵 파일이 필요합니다.
    URL 대신 -를 쓰면 표준 입력에서 읽습니다. 중단한 뒤 같은 명령을 다시 하면 이어서 진행합니다. 이전 데이터베이스는 읽기만 합니다.""",
    """Take over observations from older tables or a CSV file: only where nothing is yet, never over an answer of the hub.

    Example: kmaflow import airflow-with-dag mariadb://user:password@host/name --dry-run

    Example: kmaflow import asos.csv --map map.toml

    The tables of airflow-with-dag (AWS_DATA, ASOS_DATA, …) need their URL only; other tables and files need a map that says which column is what.
    A URL of - is read from standard input. Stopped and begun again, it goes on where it was. The older database is only read.""",
)


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help=say(
                "airflow-with-dag, CSV 파일, 또는 데이터베이스 URL", "airflow-with-dag, a CSV file, or a database URL"
            ),
        ),
    ],
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL]", help=say("airflow-with-dag 테이블이 있는 데이터베이스", "database of airflow-with-dag")
        ),
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help=say("열을 설명하는 맵 파일 (TOML)", "the map, TOML"))
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help=say("저장하지 않고 결과만 미리 봄", "show what would be done, store nothing")),
    ] = False,
    as_json: Json = False,
) -> None:
    """Take over observations from older tables or files."""
    from kmaflow.collect import Collector
    from kmaflow.maintain.imports.mapping import read_maps
    from kmaflow.maintain.imports.run import fitted, run_import
    from kmaflow.settings import load_settings

    recipe = _recipe(source)
    if recipe is not None and (url is None or map_file is not None):
        raise typer.BadParameter(
            say(
                f"{source} 뒤에 데이터베이스 URL을 쓰고 --map은 빼십시오",
                f"{source} takes the URL of its database and no --map",
            )
        )
    if recipe is None and (map_file is None or url is not None):
        raise typer.BadParameter(
            say(
                f"{source}: 파일이나 데이터베이스에는 --map FILE이 필요합니다. 맵이 들어 있는 것: airflow-with-dag",
                f"{source}: a file or database of your own needs --map FILE; known without: airflow-with-dag",
            )
        )
    maps = read_maps(recipe or map_file or Path())
    with _opened(url or source, maps, is_url=recipe is not None) as opened:
        # Before anything of ours is opened, which would make it.
        rules, absent = fitted(opened, maps, some=recipe is not None)
        with Collector.open(load_settings(), needs_hub=False) as collector, progress(quiet=as_json) as bars:
            bar = bars.add_task("import", total=None, rows=0)

            def show(table: TableImported) -> None:
                bars.update(
                    bar, description=table.dataset, completed=table.read, total=table.total, rows=table.inserted
                )

            done = run_import(collector, opened, rules, dry_run=dry_run, on_progress=show)
    if as_json:
        print_json(
            {"dry_run": dry_run, "tables": [table.told() for table in done], "absent": [one.what for one in absent]}
        )
    else:
        _report(done, absent, dry_run=dry_run)
    exit_with(3 if any(table.rejected for table in done) else 0)


def _recipe(name: str) -> Path | None:
    from kmaflow.maintain.imports.mapping import FOLDER

    return next((path for path in FOLDER.glob("*.toml") if path.stem == name.replace("_", "-").lower()), None)


def _opened(source: str, maps: list[TableMap], *, is_url: bool) -> CsvFile | Database:
    from kmaflow.errors import UsageError
    from kmaflow.maintain.imports.sources import CsvFile, Database

    if source == "-":
        source, is_url = sys.stdin.readline().strip(), True
    if is_url or "://" in source:
        return Database(source)
    if len(maps) != 1:
        raise UsageError(
            "the map of a file has one section",
            ko="파일의 맵에는 자료가 하나만 있어야 합니다",
            todo_en="keep the section of the file's dataset",
            todo_ko="파일의 자료에 해당하는 부분만 남기십시오",
        )
    return CsvFile(Path(source))


def _report(done: list[TableImported], absent: list[TableMissing], *, dry_run: bool) -> None:
    headings = (
        *(say("자료", "dataset"), say("출처", "source"), say("시작", "from"), say("끝", "to"), say("읽음", "read")),
        say("추가할 행", "would insert") if dry_run else say("추가", "inserted"),
        *(say("이미 있음", "there"), say("값이 다름", "differing"), say("값 없음", "empty")),
        *(say("중복", "repeated"), say("읽지 못함", "unreadable")),
    )
    rows = [
        [
            *(
                one.dataset,
                one.source,
                one.begin and f"{one.begin:%Y-%m-%d %H:%M}",
                one.end and f"{one.end:%Y-%m-%d %H:%M}",
            ),
            *(one.read, one.inserted, one.there, one.differing, one.blank, one.repeated, one.unreadable),
        ]
        for one in done
    ]
    title = say("미리 보기", "dry run") if dry_run else say("가져오기", "import")
    print_table(title, headings, rows, right=headings[4:], more=(*headings[2:4], *headings[8:10]))
    for one in done:
        for reason, count in one.rejected.most_common(5):
            tell(
                say(f"{one.source}: 읽지 못함 {count:,}행: {reason}", f"{one.source}: unreadable {count:,} ×: {reason}")
            )
        if one.example:
            tell(say(f"{one.source}: 예: {one.example}", f"{one.source}: for example {one.example}"))
        for name, count in one.lost.items():
            tell(
                say(
                    f"{one.source}: {name}: 뒷자리가 지워져 NULL로 둔 코드 {count:,}개",
                    f"{one.source}: {name}: {count:,} codes had lost their last digits and are NULL",
                )
            )
        if one.lacking:
            names = ", ".join(one.lacking)
            tell(say(f"{one.source}: 없는 열: {names}", f"{one.source}: columns that it does not have: {names}"))
    for missing in absent:
        tell(say(missing.what_ko, missing.what))
