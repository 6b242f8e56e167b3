"""Rows to columns, the fast way: a block of like rows is read by polars at millions of rows per second.

Nothing is guessed on the way: a block is only taken as it is if it holds nothing but digits, signs and separators, every field is
filled and every row closes where it must. Else it goes through ``lines.py``, which names the culprits, and the good rows come back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache

import polars as pl

from kmaflow.catalog.model import TO_THE_MINUTE, AtMost, Codes, Column, Dash, Dataset, Stamp
from kmaflow.hub.lines import TOO_LARGE, TOO_LARGE_WHOLE, LineReader, Rejected

_TYPES: dict[str, type[pl.DataType]] = {"float": pl.Float64, "int": pl.Int64, "text": pl.String}
_NUMERIC_BYTES = b"0123456789.,-=\n"
_TAIL = "="
#: Everything that a value is made of looks alike in the shape of a row.
_SHAPE = bytes.maketrans(b"123456789.-=", b"0" * 12)
#: A frame of one layout: ``stn`` Int32, one column per printed column, named by position, and ``tm_kst``.
Block = tuple[tuple[Column, ...], pl.DataFrame]


def _names(columns: Sequence[Column]) -> list[str]:
    return [f"c{index}" for index in range(len(columns))]


def _read_csv(block: bytes, columns: tuple[Column, ...], stamp: Stamp, *, tail: bool) -> pl.DataFrame | None:
    """The block as a frame; None if a single field is not what it should be."""
    schema: dict[str, type[pl.DataType]] = {"tm": pl.Int64, "stn": pl.Int32}
    schema |= {name: _TYPES[column.kind] for name, column in zip(_names(columns), columns, strict=True)}
    if tail:
        schema["tail"] = pl.String
    try:
        frame = pl.read_csv(block, has_header=False, schema=schema, quote_char=None)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != block.count(b"\n") or not _sane(frame, tail=tail):
        return None
    tm = stamps(frame["tm"], stamp)
    return None if tm is None else frame.drop("tm", *(["tail"] if tail else [])).with_columns(tm_kst=tm)


def _sane(frame: pl.DataFrame, *, tail: bool) -> bool:
    """Every field is filled, rows close where they must, station numbers are some, and no number is beyond all measure (or infinite)."""
    # One look for everything: what a frame of ten minutes costs is mostly the number of looks.
    nulls, low, high, closed, *largest = frame.select(
        pl.sum_horizontal(pl.all().null_count()).alias("nulls"),
        pl.col("stn").min().alias("low"),
        pl.col("stn").max().alias("high"),
        ((pl.col("tail") == _TAIL).all() if tail else pl.lit(True)).alias("closed"),
        pl.col(pl.Float64, pl.Int64).exclude("tm").abs().max(),
    ).row(0)
    if nulls or not closed or low is None or low < 1 or high > 999_999:
        return False
    return all(value is None or value < (TOO_LARGE_WHOLE if isinstance(value, int) else TOO_LARGE) for value in largest)


def _fast(rows: bytes, columns: tuple[Column, ...], stamp: Stamp) -> pl.DataFrame | None:
    if any(column.kind == "text" for column in columns) or b"," not in rows[: rows.find(b"\n")]:
        return None
    block = rows
    if b" " in rows:
        if _blank_inside(rows):
            return None
        block = rows.replace(b" ", b"")
    # Blank lines show in the height of the frame. A 0 before a stamp is read over: looking for it would cost a fifth of the time.
    if block.translate(None, _NUMERIC_BYTES):
        return None
    return _read_csv(block, columns, stamp, tail=True)


def _blank_inside(rows: bytes) -> bool:
    """Whether a blank stands within a value: ``1 3`` is not 13."""
    shape = rows.translate(_SHAPE)
    while b"  " in shape:
        shape = shape.replace(b"  ", b" ")
    return b"0 0" in shape


def read_blocks(
    dataset: Dataset, columns: tuple[Column, ...], rows: bytes, first_line: int
) -> tuple[list[Block], list[Rejected]]:
    """All rows as frames of like layout, and the lines that are none.

    Args:
        columns: printed order after time and station (fixed columns only for ``pairs``).
        rows: LF-separated rows.
        first_line: number of the first row's line in the body.
    """
    if not rows:
        return [], []
    if dataset.layout == "pairs":
        # The usual answer (itv=1, range=1): one pair in every row.
        columns_now = columns + dataset.pair_columns
        frame = _fast(rows, columns_now, dataset.stamp)
        where = next(index for index, column in enumerate(columns) if column.name == "n")
        if frame is not None and (frame[f"c{where}"] == 1).all():
            return [(columns_now, frame)], []
    elif (frame := _fast(rows, columns, dataset.stamp)) is not None:
        return [(columns, frame)], []
    reader = LineReader(dataset, columns)
    blocks, others = _ordinary_rows(dataset, columns, rows, first_line)
    if blocks:
        reader.read(others, closed=True)
    else:
        text = rows.decode("cp949", errors="replace")
        reader.read(enumerate(text.split("\n"), start=first_line), closed=dataset.header == "exact" or ",=\n" in text)
    for layout, lines in reader.groups.items():
        frame = _read_csv(("\n".join(lines) + "\n").encode(), layout, dataset.stamp, tail=False)
        if frame is None:  # pragma: no cover - lines.py lets only readable rows through
            raise AssertionError(f"{dataset.name}: rows that were checked cannot be read")
        blocks.append((layout, frame))
    return blocks, reader.rejected


def _ordinary_rows(
    dataset: Dataset, columns: tuple[Column, ...], rows: bytes, first_line: int
) -> tuple[list[Block], list[tuple[int, str]]]:
    """The rows of the usual form (``disp=1``; one pair) as a frame, and the other lines with their numbers.

    One garbled row must not send half a million good ones through the careful way. No frame: the careful way for all.
    """
    if dataset.layout == "pairs":
        columns = columns + dataset.pair_columns
    usual = _usual_row(columns, dataset.stamp.digits)
    lines = rows.split(b"\n")
    good = [line for line in lines if usual.fullmatch(line)]
    frame = _read_csv(b"\n".join([*good, b""]).replace(b" ", b""), columns, dataset.stamp, tail=True) if good else None
    if frame is None:
        return [], []
    others = [
        (number, line.decode("cp949", errors="replace"))
        for number, line in enumerate(lines, start=first_line)
        if not usual.fullmatch(line)
    ]
    return [(columns, frame)], others


@cache
def _usual_row(columns: tuple[Column, ...], digits: int) -> re.Pattern[bytes]:
    """A row of these columns as disp=1 prints it; where pairs follow, one of them."""
    forms = {"float": rb" *-?\d{1,14}(?:\.\d*)?", "int": rb" *-?\d{1,14}", "text": rb"(?!)"}
    values = [
        rb" *1" if column.name == "n" else forms[column.kind] if column.known else rb" *[!-+\--~]+"
        for column in columns
    ]
    return re.compile(rb" *[12]\d{%d}, *[1-9]\d{0,5}," % (digits - 1) + b",".join(values) + rb",=")


def stamps(printed: pl.Series, form: Stamp = TO_THE_MINUTE) -> pl.Series | None:
    """Printed stamps (Int64, as ``202611221200``) as naive KST Datetime[us]; None if one of them is no time."""
    unique = printed.unique()
    known: dict[int, datetime] = {}
    for value in unique.to_list():
        stamp = form.read(str(value))
        if stamp is None:
            return None
        known[value] = stamp
    values = pl.Series([known[value] for value in unique.to_list()], dtype=pl.Datetime("us"))
    return printed.replace_strict(unique, values, return_dtype=pl.Datetime("us"))


def clean(name: str, column: Column) -> pl.Expr:
    """The column with its sentinels as NULL; ``-0.0`` becomes ``0.0``; nothing else is touched."""
    value = pl.col(name)
    # Not value + 0.0: polars leaves the addition out, and with it the sign in.
    unsigned = pl.when(value != 0.0).then(value).otherwise(0.0) if column.kind == "float" else value
    match column.missing:
        case AtMost(limit):
            return pl.when(value > limit).then(unsigned)
        case Codes(codes):
            kept = pl.when(~value.is_in(sorted(codes))) if len(codes) > 1 else pl.when(value != next(iter(codes)))
            return kept.then(unsigned)
        case Dash():
            return pl.when(value != "-").then(value)
    return value
