"""Spreadsheets: the rows on one sheet, on a second what the columns mean; written row by row, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from kmaflow.errors import UsageError, not_installed
from kmaflow.language import say
from kmaflow.read.units import sign_of

#: What a sheet of Excel holds.
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384


def refuse_too_large(name: str, rows: int, columns: int) -> None:
    """
    Raises:
        UsageError: a sheet does not hold so many rows below a header, or so many columns.
    """
    if rows >= MOST_ROWS:
        raise UsageError(
            f"{name} has {rows:,} rows; a sheet holds {MOST_ROWS - 1:,}",
            ko=f"{name}: {rows:,}행입니다. 시트 하나에는 {MOST_ROWS - 1:,}행까지 들어갑니다",
            todo_en="use a shorter window (export: --by day), --wide or fewer --stations; or csv or parquet",
            todo_ko="구간을 줄이거나(export는 --by day) --wide를 쓰거나 --stations를 줄이십시오. 또는 csv나 parquet로 내보내십시오",
        )
    if columns > MOST_COLUMNS:
        raise UsageError(
            f"{name} has {columns:,} columns; a sheet holds {MOST_COLUMNS:,}",
            ko=f"{name}: {columns:,}열입니다. 시트 하나에는 {MOST_COLUMNS:,}열까지 들어갑니다",
            todo_en="use fewer --stations or --columns",
            todo_ko="--stations나 --columns를 줄이십시오",
        )


def write_xlsx(
    path: Path, frames: Iterable[pl.DataFrame], schema: dict[str, pl.DataType], about: dict[str, Any]
) -> None:
    """An Excel file. ``about`` names the columns (``titles``) and what they mean (``columns``).

    Raises:
        UsageError: XlsxWriter is not installed, or there are more rows than a sheet holds.
    """
    try:
        from xlsxwriter import Workbook
    except ImportError:
        raise not_installed("XlsxWriter", "excel") from None
    refuse_too_large(about["dataset"], 0, len(schema))
    with Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)}) as book:
        head = book.add_format({"bold": True})
        forms: dict[pl.DataType, Any] = {
            pl.Datetime("us"): book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            pl.Date(): book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        sheet = book.add_worksheet(about["dataset"])
        sheet.freeze_panes(1, 1)
        for at, (name, kind) in enumerate(schema.items()):
            sheet.set_column(at, at, 17 if kind.is_temporal() else max(9, min(len(name) * 1.5, 30)), forms.get(kind))
        sheet.write_row(0, 0, list(schema), head)
        writers = [
            sheet.write_datetime
            if kind.is_temporal()
            else sheet.write_number
            if kind.is_numeric()
            else sheet.write_string
            for kind in schema.values()
        ]
        line = 0
        for frame in frames:
            refuse_too_large(about["dataset"], line + frame.height, len(schema))
            for row in frame.iter_rows():
                line += 1
                for at, value in enumerate(row):
                    if value is not None:
                        writers[at](line, at, value)
        _explain(book.add_worksheet(say("항목 설명", "columns")), about, head)


def _explain(sheet: Any, about: dict[str, Any], head: Any) -> None:
    """What the rows are, then one line for each column."""
    stations = about["stations"] if isinstance(about["stations"], str) else ", ".join(map(str, about["stations"]))
    lines: list[tuple[str, ...]] = [
        (say("자료", "dataset"), about["dataset"], say(about["ko"], about["en"])),
        (say("구간", "window"), f"({about['from']}, {about['to']}]", "KST (+09:00)"),
        (say("지점", "stations"), stations),
        (say("출처", "source"), about["source"]),
        (),
    ]
    columns = [
        (about["titles"][name], name, sign_of(one["unit"]), one["ko"], one["en"], say(one["note_ko"], one["note_en"]))
        for name, one in about["columns"].items()
    ]
    sheet.set_column(0, 0, 30)
    sheet.set_column(3, 5, 40)
    for at, line in enumerate(lines):
        sheet.write_row(at, 0, line)
    names = (say("열", "column"), say("이름", "name"), say("단위", "unit"), "한국어", "English", say("비고", "note"))
    sheet.write_row(len(lines), 0, names, head)
    for at, line in enumerate(columns, len(lines) + 1):
        sheet.write_row(at, 0, line)
