"""Rows to columns, the fast way: rows of the usual form are read by polars at millions of rows per second.

Nothing is guessed on the way: a row is only taken if every field is filled with a number that KMA prints and the row closes where it must.
The other lines of the body go through ``lines.py``, which reads or rejects them one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from kmaflow.catalog.model import TO_THE_MINUTE, AtMost, Codes, Column, Dash, Dataset, Stamp
from kmaflow.hub.lines import TOO_LARGE, TOO_LARGE_WHOLE, LineReader, Rejected

_TYPES: dict[str, type[pl.DataType]] = {"float": pl.Float64, "int": pl.Int64, "text": pl.String}
_TAIL = "="
#: polars takes ``1e5``, ``+1``, ``nan`` and ``inf`` for numbers, KMA prints none: each of them holds one of these bytes.
_NOT_IN_NUMBERS = (b"e", b"E", b"+", b"n", b"N")
_LINE_WITH_THEM = re.compile(rb"[eE+nN\x80-\xff]")
#: Everything that a value is made of looks alike in the shape of a row.
_SHAPE = bytes.maketrans(b"123456789.-=", b"0" * 12)
_BLANK_INSIDE = re.compile(rb"[0-9.\-=] +[0-9.\-=]")
#: A frame of one layout: ``stn`` Int32, one column per printed column, named by position, and ``tm_kst``.
Block = tuple[tuple[Column, ...], pl.DataFrame]


def _names(columns: Sequence[Column]) -> list[str]:
    return [f"c{index}" for index in range(len(columns))]


def _schema(columns: tuple[Column, ...]) -> dict[str, type[pl.DataType]]:
    values = {name: _TYPES[column.kind] for name, column in zip(_names(columns), columns, strict=True)}
    return {"tm": pl.Int64, "stn": pl.Int32, **values}


def read_blocks(dataset: Dataset, columns: tuple[Column, ...], rows: bytes) -> tuple[list[Block], list[Rejected]]:
    """All rows as frames of like layout, and the lines that are none, numbered from 0.

    Args:
        columns: printed order after time and station (fixed columns only for ``pairs``).
        rows: LF-separated rows.
    """
    if not rows:
        return [], []
    blocks: list[Block] = []
    usual = _usual_rows(dataset, columns, rows)
    if usual is None:
        text = rows.decode("cp949", errors="replace")
        others = list(enumerate(text.split("\n")))
        closed = dataset.header == "exact" or ",=\n" in text
    else:
        block, odd = usual
        if not odd:
            return [block], []
        blocks.append(block)
        lines = rows.split(b"\n")
        others = [(index, lines[index].decode("cp949", errors="replace")) for index in odd]
        closed = True
    reader = LineReader(dataset, columns)
    reader.read(others, closed=closed)
    for layout, found in reader.groups.items():
        text = "\n".join(found) + "\n"
        frame = pl.read_csv(text.encode(), has_header=False, schema=_schema(layout), quote_char=None)
        blocks.append(
            (layout, frame.insert_column(0, stamps(frame.drop_in_place("tm"), dataset.stamp).alias("tm_kst")))
        )
    return blocks, reader.rejected


def _usual_rows(dataset: Dataset, columns: tuple[Column, ...], rows: bytes) -> tuple[Block, list[int]] | None:
    """The rows of the usual form (``disp=1``; where pairs follow, one of them) as a frame, and the indices of all other lines.

    None if there is none, or if the columns hold text, of which polars cannot say whether it is a code.
    """
    one_pair = None
    if dataset.layout == "pairs":
        one_pair = next(index for index, column in enumerate(columns) if column.name == "n")
        columns = columns + dataset.pair_columns
    if any(column.kind == "text" and column.known for column in columns) or b"," not in rows[: rows.find(b"\n")]:
        return None
    block, odd = _only_numbers(rows)
    frame = _read(block, _schema(columns) | {"tail": pl.String})
    if frame.is_empty():
        return None
    frame.insert_column(0, stamps(frame.drop_in_place("tm"), dataset.stamp).alias("tm_kst"))
    if _all_usual(frame, one_pair):
        good = None
    else:
        good = frame.select(_is_usual(frame, one_pair)).to_series()
    if good is not None or odd:
        if frame.height != block.count(b"\n"):
            return None
        if good is not None:
            odd = sorted({*odd, *good.not_().arg_true().to_list()})
            frame = frame.filter(good)
    if frame.is_empty():
        return None
    frame.drop_in_place("tail")
    return (columns, frame), odd


def _read(block: bytes, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """One row for each line; null where a field is missing or no number, fields too many left out."""
    head = False
    while True:
        try:
            return pl.read_csv(
                block,
                has_header=head,
                schema=schema,
                quote_char=None,
                ignore_errors=True,
                truncate_ragged_lines=True,
                raise_if_empty=False,
            )
        except pl.exceptions.SchemaError:
            # polars counts the fields of the first line: where that is garbled, a line of names says how many belong.
            if head:
                raise
            head, block = True, ",".join(schema).encode() + b"\n" + block


def _only_numbers(rows: bytes) -> tuple[bytes, list[int]]:
    """The rows without blanks, where ``x`` stands for a line that holds what is no number to KMA but one to polars; indices of these lines.

    A blank within a value is such a thing: ``1 3`` is not 13. A 0 before a stamp is read over: looking for it would cost a fifth of the time.
    """
    strange = not rows.isascii() or any(sign in rows for sign in _NOT_IN_NUMBERS)
    inside = b" " in rows and _blank_inside(rows)
    if not strange and not inside:
        return rows.replace(b" ", b""), []
    lines = rows.split(b"\n")
    odd = [
        index
        for index, line in enumerate(lines)
        if (strange and _LINE_WITH_THEM.search(line)) or (inside and _BLANK_INSIDE.search(line))
    ]
    for index in odd:
        lines[index] = b"x"
    return b"\n".join(lines).replace(b" ", b""), odd


def _blank_inside(rows: bytes) -> bool:
    shape = rows.translate(_SHAPE)
    while b"  " in shape:
        shape = shape.replace(b"  ", b" ")
    return b"0 0" in shape


def _all_usual(frame: pl.DataFrame, one_pair: int | None) -> bool:
    """Whether every row is of the usual form, as :func:`_is_usual` says of each."""
    # One look for everything: what a frame of ten minutes costs is mostly the number of looks.
    nulls, low, high, closed, pairs, *largest = frame.select(
        pl.sum_horizontal(pl.all().null_count()).alias("nulls"),
        pl.col("stn").min().alias("low"),
        pl.col("stn").max().alias("high"),
        (pl.col("tail") == _TAIL).all().alias("closed"),
        pl.lit(True).alias("pairs") if one_pair is None else (pl.col(f"c{one_pair}") == 1).all().alias("pairs"),
        pl.col(pl.Float64, pl.Int64).abs().max(),
    ).row(0)
    if nulls or not closed or not pairs or low is None or low < 1 or high > 999_999:
        return False
    return all(value is None or value < (TOO_LARGE_WHOLE if isinstance(value, int) else TOO_LARGE) for value in largest)


def _is_usual(frame: pl.DataFrame, one_pair: int | None) -> pl.Expr:
    """Of each row: every field is filled, it closes where it must, station and values are within all measure."""
    usual = pl.all_horizontal(pl.all().is_not_null()) & (pl.col("tail") == _TAIL) & pl.col("stn").is_between(1, 999_999)
    for name, kind in frame.schema.items():
        if kind in (pl.Float64, pl.Int64):
            usual &= pl.col(name).abs() < (TOO_LARGE if kind == pl.Float64 else TOO_LARGE_WHOLE)
    return usual if one_pair is None else usual & (pl.col(f"c{one_pair}") == 1)


def stamps(printed: pl.Series, form: Stamp = TO_THE_MINUTE) -> pl.Series:
    """Printed stamps (Int64, as ``202611221200``) as naive KST Datetime[us]; null where one is no time."""
    # Answers for all stations come sorted by time: few runs of equal stamps.
    runs = printed.rle().struct.unnest()
    stamp_of = {value: None if value is None else form.read(str(value)) for value in runs["value"].unique().to_list()}
    values = pl.Series([stamp_of[value] for value in runs["value"].to_list()], dtype=pl.Datetime("us"))
    return values.repeat_by(runs["len"]).explode()


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
