"""``kmaflow read``: rows to the screen, now or as they were known at an earlier moment."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.output import Json, print_table, tell, terminal
from kmaflow.language import say

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from kmaflow.catalog.time import Window
    from kmaflow.read import Subject
    from kmaflow.read.frames import Question
    from kmaflow.read.layout import Layout
    from kmaflow.store import Store

#: Rows that a person sees unless more are asked for.
_SHOWN = 20

From = Annotated[
    str | None,
    typer.Option(
        "--from", help=say("구간의 시작(미포함), 한국시각", "start of the window, excluded, KST"), metavar="T"
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", help=say("구간의 끝(포함), 한국시각", "end of the window, included, KST"), metavar="T"),
]
Stations = Annotated[
    str | None, typer.Option("--stations", help=say("지점번호, 지점명 (기본: 전체)", "numbers or names (default: all)"))
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="T",
        help=say(
            "T 시점 기준 값(그때까지 받은 자료만), 한국시각",
            "values as known at T, from what had been fetched by then, KST",
        ),
    ),
]
Columns = Annotated[
    str | None,
    typer.Option("--columns", help=say("열 이름(쉼표로 구분)", "column names, separated by commas"), metavar="ta,hm,…"),
]
Headers = Annotated[
    str, typer.Option("--headers", help=say("열 제목: kma, ko(단위 포함), en, cf", "kma, or with units ko, en; or cf"))
]
Wide = Annotated[bool, typer.Option("--wide", help=say("지점별 열로 펼침", "stations side by side, as columns"))]
Bom = Annotated[bool, typer.Option("--bom", help=say("Excel용 UTF-8 표시", "the mark by which Excel reads UTF-8"))]


HELP = say(
    """저장된 관측자료를 표시합니다. API 호출은 없습니다.

    예: kmaflow read aws_minute --from "2026-11-22 12:00" --to "2026-11-22 13:00" --stations 108 --columns ta,hm,rn_day

    값과 단위는 기상청이 제공한 그대로이며, 결측부호였던 값은 비어 있습니다. 하루 전체: --from 2026-11-22 --to 2026-11-23.
    뷰도 읽습니다: v_hourly, v_daily, v_latest(구간 없이).

    특정 시점 기준의 값: --as-of "2026-11-21 12:00".

    Excel: --out seoul.xlsx --headers ko, 또는 --out seoul.csv --headers ko --bom. 지점별 열: --wide. 월별 파일: kmaflow export.""",
    """Show stored rows. Makes no API calls.

    Example: kmaflow read aws_minute --from "2026-11-22 12:00" --to "2026-11-22 13:00" --stations 108 --columns ta,hm,rn_day

    Values and units are KMA's own; where KMA printed a missing code there is no value. A whole day: --from 2026-11-22 --to 2026-11-23.
    Views too: v_hourly, v_daily, v_latest (without a window).

    As known at an earlier time: --as-of "2026-11-21 12:00".

    Excel: --out seoul.xlsx --headers en, or --out seoul.csv --headers en --bom. Stations as columns: --wide. A file a month: kmaflow export.""",
)


def read(
    dataset: Annotated[str, typer.Argument(help=say("자료", "dataset"), metavar="DATASET")],
    from_: From = None,
    to: To = None,
    stations: Stations = None,
    columns: Columns = None,
    as_of: AsOf = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=0, help=say("최대 행 수, 0 = 전체 (표의 기본: 20)", "rows at most, 0 = all (tables: 20)")
        ),
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("표 대신 CSV", "CSV instead of a table"))] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help=say("파일로 저장: .csv, .xlsx, .parquet", "write a file: .csv, .xlsx or .parquet"),
        ),
    ] = None,
    headers: Headers = "kma",
    wide: Wide = False,
    bom: Bom = False,
) -> None:
    """Show stored rows."""
    from kmaflow.catalog.time import parse_time
    from kmaflow.read import iter_frames, readable
    from kmaflow.read.frames import ask, numbers_of
    from kmaflow.read.layout import Layout
    from kmaflow.read.units import names_named
    from kmaflow.read.views import window_of
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    if as_json + as_csv + (out is not None) > 1:
        raise typer.BadParameter(say("--json, --csv, --out 가운데 하나만 쓰십시오", "use one of --json, --csv, --out"))
    layout = Layout(names_named(headers), wide, bom)
    if layout != Layout() and not as_csv and out is None:
        raise typer.BadParameter(
            say(
                "--headers, --wide, --bom은 --csv나 --out과 함께 쓰십시오",
                "--headers, --wide, --bom go with --csv or --out",
            )
        )
    what = readable(dataset)
    chosen = what.chosen(listed(columns))
    window = window_of(what, *(None if text is None else parse_time(text) for text in (from_, to)))
    moment = None if as_of is None else parse_time(as_of)
    with Store(load_settings().database_url, must_exist=True) as store:
        numbers = numbers_of(store, stations, what)
        if out is not None or as_csv:
            question = ask(what.name, window, stations=numbers, columns=chosen, as_of=moment)
        if out is not None:
            _save(store, question, window, out, layout)
            return
        most = (None if as_json or as_csv else _SHOWN) if limit is None else limit or None
        frames = iter_frames(store, what.name, window, stations=numbers, columns=chosen, as_of=moment)
        rows = _first(frames, most)
        if as_csv:
            _print_csv(store, question, window, layout, rows)
        elif as_json:
            _print_json(what, chosen, window, numbers, moment, rows)
        else:
            _print_rows(store, what, chosen, window, numbers, moment, most, list(rows))


def listed(columns: str | None) -> list[str] | None:
    """Names of columns as a person writes them; None = all."""
    return None if columns is None else [name.strip().lower() for name in columns.split(",") if name.strip()]


def _first(frames: Iterator[pl.DataFrame], most: int | None) -> Iterator[pl.DataFrame]:
    """The frames up to so many rows."""
    left = most
    for frame in frames:
        yield frame if left is None else frame.head(left)
        if left is not None:
            left -= frame.height
            if left <= 0:
                return


def _print_csv(
    store: Store, question: Question, window: Window, layout: Layout, frames: Iterator[pl.DataFrame]
) -> None:
    from kmaflow.read.files import csv_parts
    from kmaflow.read.layout import LaidOut

    laid = LaidOut(store, question, window, layout)
    for part in csv_parts(laid.frames(frames), laid.schema, bom=layout.bom):
        sys.stdout.write(part.decode())


def _save(store: Store, question: Question, window: Window, out: Path, layout: Layout) -> None:
    from kmaflow.read.export import save

    done = save(store, question, window, out, layout)
    if not done.rows:
        _nothing()
    else:
        tell(say(f"{out}: {done.rows:,}행", f"{out}: {done.rows:,} rows"))


def _nothing() -> None:
    tell(
        say(
            "저장된 행이 없습니다. kmaflow status로 확인하고 kmaflow collect로 수집하십시오",
            "no rows are stored there: kmaflow status, kmaflow collect",
        ),
        err=True,
    )


def _print_json(
    what: Subject,
    names: Sequence[str],
    window: Window,
    stations: Sequence[int] | None,
    as_of: datetime | None,
    frames: Iterator[pl.DataFrame],
) -> None:
    """One object, written as it comes: its rows may be many."""
    import json

    head: dict[str, Any] = {
        "dataset": what.name,
        "from": _json(window.start) if what.cadence else None,
        "to": _json(window.end) if what.cadence else None,
        "stations": "all" if stations is None else list(stations),
        "as_of": None if as_of is None else f"{as_of:%Y-%m-%d %H:%M}",
        "columns": [
            {"name": name, "unit": what.columns[name].unit, "ko": what.columns[name].ko, "en": what.columns[name].en}
            for name in names
        ],
    }
    sys.stdout.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": [')
    total = 0
    for frame in frames:
        for row in frame.iter_rows(named=True):
            told = {name: _json(value) for name, value in row.items()}
            sys.stdout.write((", " if total else "") + json.dumps(told, ensure_ascii=False))
            total += 1
    sys.stdout.write(f'], "total": {total}}}\n')


def _print_rows(
    store: Store,
    what: Subject,
    names: Sequence[str],
    window: Window,
    stations: Sequence[int] | None,
    as_of: datetime | None,
    most: int | None,
    frames: list[pl.DataFrame],
) -> None:
    from kmaflow.read import count, iter_frames
    from kmaflow.read.units import sign_of

    title = f"{what.name} · {say(what.ko, what.en)}" + (f" · {window} KST" if what.cadence else "")
    if as_of is not None:
        title += say(f" · {as_of:%Y-%m-%d %H:%M} 시점 기준", f" · as known at {as_of:%Y-%m-%d %H:%M}")
    shown = sum(frame.height for frame in frames)
    if shown == 0:
        _nothing()
        return
    total: int | None
    if what.view:
        # Counting what a view would give takes as long as reading it.
        total = shown if most is None or shown < most else None
    elif as_of is None:
        total = count(store, what.name, window, stations=stations)
    else:
        keys = iter_frames(store, what.name, window, stations=stations, columns=(), as_of=as_of)
        total = sum(frame.height for frame in keys)
    cells = {name: [_cell(value) for frame in frames for value in frame[name]] for name in names}
    heads = {name: f"{name}\n{sign_of(what.columns[name].unit)}" for name in names}
    for part in _blocks(cells, heads, what.keys):
        columns = [heads[name] for name in part]
        rows = list(zip(*(cells[name] for name in part), strict=True))
        print_table(title, columns, rows, right=[heads[name] for name in part if name != "tm_kst"])
        title = " "
    for name in names:
        if name not in what.keys:
            meaning = what.columns[name]
            sign = sign_of(meaning.unit)
            tell(f"  {name:<8} {say(meaning.ko, meaning.en)}" + (f" [{sign}]" if sign else ""))
    more = (
        ""
        if shown == total
        else say(
            " · 더 보기: --limit N, --csv > FILE, kmaflow export", " · more: --limit N, --csv > FILE, kmaflow export"
        )
    )
    if total is None:
        tell(say(f"처음 {shown:,}행{more}", f"the first {shown:,} rows{more}"))
    else:
        tell(say(f"{total:,}행 가운데 {shown:,}행{more}", f"{shown:,} of {total:,} rows{more}"))


def _json(value: object) -> object:
    from datetime import date, datetime

    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: object) -> str:
    from datetime import datetime

    if value is None:
        return "–"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def _blocks(cells: dict[str, list[str]], heads: dict[str, str], keys: Sequence[str]) -> Iterator[list[str]]:
    """The columns in groups that fit beside each other, each group led by the keys."""
    from rich.cells import cell_len

    if not sys.stdout.isatty():
        yield list(cells)
        return
    room = terminal().width
    wide = {
        name: 3 + max(cell_len(text) for text in (*values, *heads[name].split("\n"))) for name, values in cells.items()
    }
    lead = [name for name in cells if name in keys]
    block, used = list(lead), sum(wide[name] for name in lead)
    for name in (name for name in cells if name not in keys):
        if len(block) > len(lead) and used + wide[name] > room:
            yield block
            block, used = list(lead), sum(wide[name] for name in lead)
        block.append(name)
        used += wide[name]
    yield block
