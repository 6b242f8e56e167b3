"""Old months out of the database and into files: written, read back, compared with the table, and only then dropped.

A file that is there already loses nothing: rows that it holds and the table has not (a run that was broken off, a month that came back in part) stay
in it, and where both have a row the table's counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window, now_kst
from kmaflow.errors import UsageError
from kmaflow.read.export import about_of, file_name
from kmaflow.read.files import Folder, write_parquet
from kmaflow.read.frames import Question, ask
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.engines.loader import select
from kmaflow.store.engines.partitions import add_months, month_of
from kmaflow.store.errors import StoreBusy
from kmaflow.store.retention import count_rows, months_before, parts_of, take_out, window_of
from kmaflow.store.schema.observations import tables_of

#: How often a month is written again because somebody loads into it.
_TRIES = 3
Progress = Callable[[str, Window, int], None]


@dataclass(frozen=True, slots=True)
class Retired:
    """A dataset's month: rows in the table, and the files (path → rows) that hold it now; no file where none was wanted."""

    dataset: str
    month: datetime
    rows: int
    files: Mapping[str, int]


class _Differs(Exception):
    """Somebody has written into the month since its file was made."""


def due(store: Store, keep_months: int, names: list[str] | None = None) -> list[tuple[str, datetime, int]]:
    """The months that are over for so long, with rows in the table: (dataset, month, rows), oldest first.

    Args:
        keep_months: how many months before the current one stay.
        names: datasets; only minute data are ever taken out. None = all of them.

    Raises:
        UsageError: one of them is not minute data, or a negative number of months.
    """
    if keep_months < 0:
        raise UsageError(
            "--keep-months is negative",
            ko="--keep-months가 음수입니다",
            todo_en="write 0 or more",
            todo_ko="0 이상을 쓰십시오",
        )
    choice = [name for name, dataset in DATASETS.items() if not dataset.for_good]
    for name in names or ():
        if name not in choice:
            raise UsageError(
                f"{name} is kept for good: only minute data are taken out",
                ko=f"{name}: 영구 보존하는 자료입니다. 매분자료만 삭제할 수 있습니다",
                todo_en=f"use {', '.join(choice)}",
                todo_ko=f"다음 가운데에서 고르십시오: {', '.join(choice)}",
            )
    # Nothing is a thousand years old, and the calendar ends somewhere.
    end = add_months(month_of(now_kst()), -min(keep_months, 12_000))
    found: list[tuple[str, datetime, int]] = []
    with reading(store.engine) as connection:
        for name in names or choice:
            for month in months_before(connection, name, end):
                rows = sum(count_rows(connection, table, window_of(month)) for table in tables_of(name))
                found.append((name, month, rows))
    return sorted(found, key=lambda one: (one[1], one[0]))


def retire(
    store: Store, dataset: str, month: datetime, url: str | None, *, on_progress: Progress | None = None
) -> Retired:
    """Take one month of a dataset out of the database, after its rows are safe in Parquet files below ``url`` (None: they are given up).

    The files hold every column, ``request_id`` too. Before any row goes, each is compared with the file as it is read back, while nobody else can write into
    the month. Broken off at any point, it goes on when it is run again.

    Raises:
        ExportError: a file cannot be written or read; nothing was taken out.
        StoreError: the database failed; nothing that is not in the files was taken out.
    """
    with reading(store.engine) as connection:
        rows = sum(count_rows(connection, table, window_of(month)) for table in tables_of(dataset))
    if url is None:
        take_out(store.engine, dataset, month, lambda *_: None, message="not exported")
        return Retired(dataset, month, rows, {})
    folder = Folder(url)
    questions = [ask(table.name, window_of(month), columns=_all_columns(table)) for table in tables_of(dataset)]
    for attempt in range(_TRIES):
        files = {}
        for question in questions:
            if (held := _write(store, question, month, folder, on_progress)) is not None:
                files[folder.shown(_file(question, month))] = held
        try:
            with ExitStack() as stack:
                paths = {
                    question.what.name: stack.enter_context(folder.reading(_file(question, month)))
                    for question in questions
                    if folder.size(_file(question, month)) is not None
                }
                take_out(store.engine, dataset, month, _compared(paths, questions), message=", ".join(files))
            return Retired(dataset, month, rows, files)
        except _Differs:
            if attempt + 1 == _TRIES:
                raise StoreBusy(
                    f"{dataset} {month:%Y-%m} is being loaded while it is taken out",
                    ko=f"{dataset} {month:%Y-%m}: 삭제하는 동안 적재가 계속되고 있습니다",
                ) from None
    raise AssertionError("unreachable")


def _all_columns(table: sa.Table) -> list[str]:
    return [column.name for column in table.columns]


def _file(question: Question, month: datetime) -> str:
    return file_name(question.what.name, window_of(month), "month", "parquet")


def _write(
    store: Store, question: Question, month: datetime, folder: Folder, on_progress: Progress | None
) -> int | None:
    """The month into its file, together with what the file holds already; gives the rows in it, None where there is nothing at all."""
    file, window, table = _file(question, month), window_of(month), question.what.table
    there = folder.size(file) is not None
    rows = 0

    def frames(held: pl.LazyFrame | None) -> Iterator[pl.DataFrame]:
        nonlocal rows
        for part in parts_of(month):
            with reading(store.engine) as connection:
                frame = select(connection, table, question.names, part)
            if held is not None:
                frame = _united(frame, _part(held, part), question)
            rows += frame.height
            if on_progress is not None:
                on_progress(question.what.name, Window(window.start, part.end), rows)
            if not frame.is_empty():
                yield frame

    with ExitStack() as stack:
        held = _scan(stack.enter_context(folder.reading(file)), folder.shown(file), question) if there else None
        with reading(store.engine) as connection:
            if count_rows(connection, table, window) == 0:
                return None if held is None else int(held.select(pl.len()).collect().item())
        path = stack.enter_context(folder.writing(file))
        about = {**about_of(question, window), "retired": True}
        write_parquet(path, frames(held), question.schema, about)
    return rows


def _scan(path: Path, shown: str, question: Question) -> pl.LazyFrame:
    """The file that is there, with the columns of the table; those that it lacks are null.

    Raises:
        UsageError: it is no such file.
    """
    try:
        held = pl.scan_parquet(path)
        schema: dict[str, Any] = dict(held.collect_schema())
    except pl.exceptions.PolarsError:
        schema = {}
    wanted = question.schema
    if any(name not in wanted or kind != wanted[name] for name, kind in schema.items()) or not set(
        question.what.keys
    ) <= set(schema):
        raise UsageError(
            f"{shown} is there and holds something else",
            ko=f"{shown}: 다른 내용의 파일이 이미 있습니다",
            todo_en="move it away, or choose another --export",
            todo_ko="그 파일을 옮기거나 다른 --export를 고르십시오",
        )
    return held.with_columns(pl.lit(None, kind).alias(name) for name, kind in wanted.items() if name not in schema)


def _part(held: pl.LazyFrame, window: Window) -> pl.DataFrame:
    return held.filter((pl.col("tm_kst") > window.start) & (pl.col("tm_kst") <= window.end)).collect()


def _united(stored: pl.DataFrame, held: pl.DataFrame, question: Question) -> pl.DataFrame:
    """The table's rows, and the file's where the table has none."""
    only_held = held.select(question.names).join(stored, on=question.what.keys, how="anti")
    return stored if only_held.is_empty() else pl.concat([stored, only_held]).sort(question.what.keys)


def _compared(
    paths: Mapping[str, Path], questions: list[Question]
) -> Callable[[sa.Connection, sa.Table, Window], None]:
    """A check that passes only if the file holds every row of the table, value for value."""
    by_name = {question.what.name: question for question in questions}

    def check(connection: sa.Connection, table: sa.Table, window: Window) -> None:
        question = by_name[table.name]
        stored = select(connection, table, question.names, window)
        if stored.is_empty():
            return
        if table.name not in paths:
            raise _Differs
        held = _part(pl.scan_parquet(paths[table.name]), window).select(question.names)
        if held.height != stored.height:
            held = held.join(stored, on=question.what.keys, how="semi").sort(question.what.keys)
        if not held.equals(stored):
            raise _Differs

    return check
