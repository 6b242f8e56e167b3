"""A window of a dataset as files: ``aws_minute/2026-11.parquet`` holds the month's stamps, from 00:01 of the 1st to 24:00 of the last day.

A file appears whole or not at all. One that is there is only replaced by one that holds at least as much: a part of a month does not silently take the
place of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from kmaflow.catalog.time import DAY, Window, floor_to
from kmaflow.errors import UsageError
from kmaflow.read.files import WRITERS, Folder
from kmaflow.read.frames import Period, Question, ask, count, numbers_of, periods, pieces_of
from kmaflow.read.layout import LaidOut, Layout
from kmaflow.read.sheets import refuse_too_large
from kmaflow.read.views import readable
from kmaflow.store import Store
from kmaflow.store.engines.partitions import month_of

_PLAIN = Layout()


@dataclass(frozen=True, slots=True)
class Exported:
    """One file: ``path`` or URL, what it holds, and its size; ``rows`` 0 means that there was nothing to write and no file was made."""

    name: str
    path: str
    window: Window
    rows: int
    bytes: int


class _Empty(Exception):
    """No row came."""


def export(
    store: Store,
    name: str,
    window: Window,
    url: str,
    *,
    format: str = "parquet",  # noqa: A002 - it is what the option is called everywhere
    by: Period = "month",
    stations: str | Iterable[str | int] | None = None,
    columns: Iterable[str] | None = None,
    as_of: datetime | None = None,
    layout: Layout = _PLAIN,
    overwrite: bool = False,
    on_progress: Callable[[Window, int], None] | None = None,
) -> Iterator[Exported]:
    """Write a window of one dataset or view into files, one for each month or day; gives each as it is done.

    Parquet files are zstd-compressed, sorted by time and station, and tell about themselves under the metadata key ``kmaflow`` (JSON): dataset, window,
    stations, as_of, zone, and unit and meaning of each column (``polars.read_parquet_metadata``). CSV files have a line of column names; xlsx files a
    second sheet with units and meanings.

    Args:
        name, window, stations, columns, as_of: as :func:`kmaflow.read.read` takes them; a view is one of hours or days.
        url: folder, or any fsspec URL; files go to ``url/NAME/YYYY-MM.parquet`` or ``url/NAME/YYYY-MM-DD.parquet``.
        format: ``parquet``, ``csv`` or ``xlsx`` (needs ``kmaflow[excel]``).
        layout: headers, and whether stations stand side by side; for csv and xlsx.
        overwrite: replace files whatever they hold.
        on_progress: told the window that is done so far and its rows.

    Raises:
        UsageError: as :func:`read`; a file is there that holds what this export does not; or a sheet does not hold the rows.
        ExportError: a file cannot be written.
        StoreError: the database cannot be read.
    """
    what = readable(name)
    question = ask(name, window, stations=numbers_of(store, stations, what), columns=columns, as_of=as_of)
    if what.cadence is None:
        raise UsageError(
            f"{name} is the newest row of each station, without months or days",
            ko=f"{name}: 지점별 최신 관측이라 월이나 일로 나뉘지 않습니다",
            todo_en=f"kmaflow read {name} --out {name}.csv",
            todo_ko=f"kmaflow read {name} --out {name}.csv",
        )
    _check_format(format, layout)
    folder = Folder(url)
    for part in periods(window, by):
        file = file_name(name, part, by, format)
        about = about_of(question, part)
        there = None if overwrite else _held(folder, file)
        if there is not None:
            _refuse_loss(folder.shown(file), there, about)
        yield _written(store, question, part, folder, file, about, format, layout, there, on_progress)


def save(store: Store, question: Question, window: Window, path: Path, layout: Layout = _PLAIN) -> Exported:
    """Write a window into one file, whatever was there; its ending says the format: ``.parquet``, ``.csv`` or ``.xlsx``.

    Raises:
        UsageError, ExportError, StoreError: as :func:`export`.
    """
    format = path.suffix.removeprefix(".").lower()  # noqa: A001
    _check_format(format, layout)
    about = about_of(question, window)
    return _written(store, question, window, Folder(str(path.parent)), path.name, about, format, layout, None, None)


def _check_format(format: str, layout: Layout) -> None:  # noqa: A002
    if format not in WRITERS:
        raise UsageError(
            f"there is no format {format!r}",
            ko=f"그런 형식이 없습니다: {format!r}",
            todo_en="use parquet, csv or xlsx",
            todo_ko="parquet, csv, xlsx 가운데 하나를 쓰십시오",
        )
    if (format == "parquet" and layout != _PLAIN) or (format == "xlsx" and layout.bom):
        raise UsageError(
            "--headers and --wide are for csv and xlsx, --bom is for csv",
            ko="--headers와 --wide는 csv와 xlsx에, --bom은 csv에 씁니다",
            todo_en="leave them out, or use another format",
            todo_ko="옵션을 빼거나 형식을 바꾸십시오",
        )


def file_name(name: str, window: Window, by: Period, format: str) -> str:  # noqa: A002
    """``aws_minute/2026-11.parquet`` or ``aws_minute/2026-11-22.parquet``."""
    first = window.start + timedelta(seconds=1)
    stem = f"{month_of(first):%Y-%m}" if by == "month" else f"{floor_to(first, DAY):%Y-%m-%d}"
    return f"{name}/{stem}.{format}"


def about_of(question: Question, window: Window) -> dict[str, Any]:
    """What a file tells about itself."""
    what = question.what
    return {
        "dataset": what.name,
        "ko": what.ko,
        "en": what.en,
        "from": f"{window.start:%Y-%m-%d %H:%M}",
        "to": f"{window.end:%Y-%m-%d %H:%M}",
        "zone": "KST (+09:00), naive; a window holds the stamps after from, up to and including to",
        "stations": "all" if question.stations is None else list(question.stations),
        "as_of": None if question.as_of is None else question.as_of.isoformat(" "),
        "columns": {name: asdict(what.columns[name]) for name in question.names},
        "source": what.dataset.source,
    }


def _written(
    store: Store,
    question: Question,
    window: Window,
    folder: Folder,
    file: str,
    about: dict[str, Any],
    format: str,  # noqa: A002
    layout: Layout,
    there: dict[str, Any] | None,
    on_progress: Callable[[Window, int], None] | None,
) -> Exported:
    rows = 0
    if format == "xlsx" and not layout.wide and not question.what.view:
        # Said before a million rows are written. Views have fewer.
        refuse_too_large(file, count(store, question.what.name, window, stations=question.stations), 0)
    laid = LaidOut(store, question, window, layout)
    about = about | {"titles": laid.titles, "bom": layout.bom} if format != "parquet" else about

    def frames() -> Iterator[pl.DataFrame]:
        nonlocal rows
        for piece, frame in pieces_of(store, question, window):
            rows += frame.height
            if on_progress is not None:
                on_progress(Window(window.start, piece.end), rows)
            if not frame.is_empty():
                yield frame

    try:
        with folder.writing(file) as path:
            WRITERS[format](path, laid.frames(frames()), laid.schema, about)
            if rows == 0:
                raise _Empty
            if there is not None and rows < there["rows"]:
                raise _kept(
                    folder.shown(file),
                    f"it holds {there['rows']:,} rows, the database now {rows:,}",
                    f"파일은 {there['rows']:,}행, 지금 데이터베이스는 {rows:,}행입니다",
                )
    except _Empty:
        return Exported(question.what.name, folder.shown(file), window, 0, 0)
    return Exported(question.what.name, folder.shown(file), window, rows, folder.size(file) or 0)


def _held(folder: Folder, file: str) -> dict[str, Any] | None:
    """What the file that is there says about itself; None where there is none."""
    if folder.size(file) is None:
        return None
    about = folder.about(file) if file.endswith(".parquet") else None
    if about is None:
        raise _kept(folder.shown(file), "it does not say what it holds", "내용 설명이 없는 파일입니다")
    return about


def _refuse_loss(path: str, there: dict[str, Any], here: dict[str, Any]) -> None:
    """The file may only be replaced by one that holds all that it holds."""
    if there["dataset"] != here["dataset"]:
        raise _kept(path, f"it holds {there['dataset']}", f"다른 자료의 파일입니다({there['dataset']})")
    if there["from"] < here["from"] or there["to"] > here["to"]:
        window = f"{there['from']}, {there['to']}"
        raise _kept(path, f"it holds ({window}]", f"더 넓은 기간의 파일입니다({window}])")
    if there["as_of"] != here["as_of"]:
        raise _kept(
            path,
            f"it holds the data as of {there['as_of'] or 'its making'}",
            f"기준 시점이 다른 파일입니다({there['as_of'] or '만든 시점'})",
        )
    if lost := [name for name in there["columns"] if name not in here["columns"]]:
        raise _kept(
            path, f"it has the columns {', '.join(lost)}", f"이번에 빠진 열이 있는 파일입니다({', '.join(lost)})"
        )
    mine = here["stations"]
    if mine != "all" and (there["stations"] == "all" or not set(there["stations"]) <= set(mine)):
        raise _kept(path, "it holds other stations", "다른 지점도 있는 파일입니다")


def _kept(path: str, why: str, ko: str) -> UsageError:
    return UsageError(
        f"{path} is there and stays: {why}",
        ko=f"{path}: 기존 파일을 바꾸지 않습니다: {ko}",
        todo_en="ask for all that it holds, choose another --out, or replace it with --overwrite",
        todo_ko="그 내용을 모두 담도록 범위를 넓히거나, --out을 바꾸거나, --overwrite로 바꿔 쓰십시오",
    )
