"""``kmaflow export``: a window into Parquet, CSV or Excel files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.options import From, NamedDatasets, To
from kmaflow.commands.output import Json, print_json, print_table, progress
from kmaflow.commands.read import AsOf, Bom, Columns, Headers, Stations, Wide, listed
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.catalog.time import Window


HELP = say(
    """저장된 관측자료를 자료와 월(또는 일)별 파일로 내보냅니다.

    예: kmaflow export aws_minute asos_hourly --from 2026-10-01 --to 2026-11-01 --out archive/parquet

    archive/parquet/aws_minute/2026-10.parquet 등이 만들어집니다. zstd로 압축하고 정렬하며 열마다 단위와 설명이 들어 있습니다. 한 달에는 1일 00:00 다음부터 말일
    24:00까지의 시각이 포함됩니다. 파일은 완성된 뒤에만 나타나며, 한 달 전체의 파일을 그 일부로 바꾸지 않습니다.

    Excel: --format xlsx --headers ko, 또는 --format csv --headers ko --bom. 지점별 열: --wide. 뷰도 내보냅니다: v_hourly, v_daily.

    레이크로 내보내기(kmaflow export all --lake archive/lake): 전체를 Hive 파티션으로 복사하며, 다시 실행하면 바뀐 부분만 씁니다.""",
    """Write stored rows into files, one for each dataset and month (or day).

    Example: kmaflow export aws_minute asos_hourly --from 2026-10-01 --to 2026-11-01 --out archive/parquet

    This makes archive/parquet/aws_minute/2026-10.parquet and so on: zstd, sorted, with unit and meaning of each column in the file. A month holds the
    stamps after 00:00 of its 1st up to 24:00 of its last day. A file appears only when it is complete, and a whole month is never replaced by a part of it.

    Excel: --format xlsx --headers en, or --format csv --headers en --bom. Stations as columns: --wide. Views too: v_hourly, v_daily.

    A lake instead (kmaflow export all --lake archive/lake) is a Hive-partitioned copy of everything. Run again, it writes only what has changed.""",
)


def export(
    datasets: NamedDatasets,
    from_: From = None,
    to: To = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            help=say("폴더나 URL(s3://…, sftp://…)", "folder or fsspec URL (s3://…, sftp://…)"),
            metavar="PATH_OR_URL",
        ),
    ] = None,
    lake: Annotated[
        str | None,
        typer.Option("--lake", help=say("레이크를 최신으로", "keep a lake up to date there"), metavar="PATH_OR_URL"),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="parquet | csv | xlsx")] = "parquet",
    by: Annotated[
        str, typer.Option("--by", help=say("파일 하나의 기간: month 또는 day", "one file for each month or day"))
    ] = "month",
    stations: Stations = None,
    columns: Columns = None,
    as_of: AsOf = None,
    headers: Headers = "kma",
    wide: Wide = False,
    bom: Bom = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help=say("기존 파일을 내용과 관계없이 바꿈", "replace existing files whatever they hold")
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write stored rows into files."""
    from kmaflow.catalog import means_all, named
    from kmaflow.catalog.time import Window, parse_time
    from kmaflow.read import export as write
    from kmaflow.read import readable, subjects, views
    from kmaflow.read.frames import numbers_of
    from kmaflow.read.layout import Layout
    from kmaflow.read.units import names_named
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    names = named(datasets, subjects() if means_all(datasets) else {**subjects(), **views()})
    layout = Layout(names_named(headers), wide, bom)
    if lake is not None:
        made_of = (out, as_of, stations, columns)
        if made_of != (None,) * 4 or format_ != "parquet" or layout != Layout() or not subjects().keys() >= set(names):
            raise typer.BadParameter(
                say(
                    "--lake에는 자료 전체만 담깁니다. --out, --as-of, --stations, --columns, --format, --headers, --wide, --bom과 뷰는 쓸 수 없습니다",
                    "--lake holds whole datasets: without --out, --as-of, --stations, --columns, --format, --headers, --wide, --bom, and no views",
                )
            )
        _keep_lake(lake, names, from_, to, as_json=as_json)
        return
    if out is None or from_ is None or to is None:
        raise typer.BadParameter(
            say("--from, --to, --out 을 모두 쓰거나 --lake", "give --from, --to and --out, or --lake")
        )
    if by not in ("month", "day"):
        raise typer.BadParameter(say("--by: month 또는 day를 쓰십시오", "--by: write month or day"))
    window = Window(parse_time(from_), parse_time(to))
    moment = None if as_of is None else parse_time(as_of)
    files: list[dict[str, Any]] = []
    with Store(load_settings().database_url, must_exist=True) as store, progress(quiet=as_json) as bars:
        choices = {name: numbers_of(store, stations, readable(name)) for name in names}
        for name in names:
            bar = bars.add_task(name, total=_hours(window), rows=0)

            def advance(done: Window, rows: int, bar: Any = bar) -> None:
                bars.update(bar, completed=_hours(Window(window.start, done.end)), rows=rows)

            written = write(
                store,
                name,
                window,
                out,
                format=format_,
                by="day" if by == "day" else "month",
                stations=choices[name],
                columns=listed(columns),
                as_of=moment,
                layout=layout,
                overwrite=overwrite,
                on_progress=advance,
            )
            files += [
                {"dataset": name, "file": one.path, "from": _time(one.window.start), "to": _time(one.window.end)}
                | {"rows": one.rows, "bytes": one.bytes}
                for one in written
                if one.rows
            ]
    _report(files, as_json=as_json)


def _keep_lake(url: str, names: list[str], from_: str | None, to: str | None, *, as_json: bool) -> None:
    from dataclasses import asdict
    from datetime import datetime

    from kmaflow.catalog.time import Window, parse_time
    from kmaflow.read.lake import keep
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    window = None
    if from_ is not None or to is not None:
        begin = datetime(1900, 1, 1) if from_ is None else parse_time(from_)
        window = Window(begin, datetime(2200, 1, 1) if to is None else parse_time(to))
    with Store(load_settings().database_url, must_exist=True) as store, progress(quiet=as_json) as bars:
        bar = bars.add_task("", total=None, rows=0)
        rows = 0
        kept = []
        for one in keep(store, url, names, window=window):
            kept.append(one)
            rows += one.rows if one.written else 0
            bars.update(bar, description=one.name, rows=rows)
    written = [one for one in kept if one.written]
    if as_json:
        print_json({"files": [asdict(one) for one in kept]})
        return
    for one in kept:
        if one.fewer is not None:
            typer.echo(
                say(
                    f"{one.path}: {one.rows:,}행을 그대로 둡니다; DB에는 {one.fewer:,}행뿐입니다",
                    f"{one.path} stays with its {one.rows:,} rows; the database has {one.fewer:,}",
                ),
                err=True,
            )
    typer.echo(
        say(
            f"파일 {len(kept):,}개 가운데 {len(written):,}개, {rows:,}행을 썼습니다",
            f"{len(written):,} of {len(kept):,} files written, {rows:,} rows",
        )
    )


def _report(files: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"files": files})
    elif files:
        columns = tuple(files[0])
        print_table(f"{len(files)} file(s)", columns, [list(one.values()) for one in files], right=("rows", "bytes"))
        total, size = sum(one["rows"] for one in files), sum(one["bytes"] for one in files)
        typer.echo(say(f"{total:,}행, {size:,}바이트", f"{total:,} rows, {size:,} bytes"))
        return
    if not files:
        typer.echo(
            say(
                "저장된 행이 없어 파일을 만들지 않았습니다. kmaflow status로 확인하십시오",
                "no rows are stored there, so no file was made: kmaflow status",
            ),
            err=True,
        )


def _hours(window: Window) -> int:
    return -int((window.start - window.end).total_seconds() // 3600)


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
