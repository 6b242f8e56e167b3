"""Bytes to a frame: the whole understanding of one answer, without network or database.

``parse`` returns rows, rejected lines and the stamps that the hub has not produced yet. Sentinels become NULL by each column's own rule
(−9.3 °C stays a temperature), rows that name a cell twice are rejected unless they agree, and a body whose columns are not those of the catalogue
is refused as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import polars as pl

from kmaflow.catalog.model import Column, Dataset
from kmaflow.catalog.time import Window
from kmaflow.errors import shown
from kmaflow.hub.body import Body, open_body
from kmaflow.hub.errors import NoRowRead
from kmaflow.hub.header import column_order, refuse_second_header
from kmaflow.hub.lines import Rejected, read_station, tokens_of
from kmaflow.hub.rows import clean, read_blocks

#: Raised by one whenever the same bytes may give other values.
PARSER_VERSION = 2

_KEY = ["tm_kst", "stn"]
#: Bytes that are read at once. Rows with text take eight times their size while they are read; rows of numbers are read fastest together.
_PART_WITH_TEXT = 1_500_000
_PART = 16_000_000


@dataclass(frozen=True)
class Parsed:
    """What one answer says.

    Attributes:
        dataset: whose rows they are.
        rows: ``tm_kst`` Datetime[us] (naive KST), ``stn`` Int32, then the dataset's stored columns (Float64, Int64, String),
            missing = null; one row per cell, sorted by time and station. ``blank`` Boolean closes it: all values are missing.
        pairs: for present weather, the second and further codes: ``tm_kst``, ``stn``, ``k`` (from 2), ``ww``, ``nn`` (Int64); else None.
        rejected: lines that are no rows, with their reasons.
        not_produced: stamps for which every station came with sentinels only: never stored.
        lines: how many lines between header and end, blank ones aside.
        notes: what had to be assumed in reading it.
        printed: rows of some stations only: how many stations each stamp had before they were chosen.
    """

    dataset: Dataset
    rows: pl.DataFrame
    pairs: pl.DataFrame | None
    rejected: tuple[Rejected, ...]
    not_produced: tuple[datetime, ...]
    lines: int
    notes: tuple[str, ...] = ()
    printed: Mapping[datetime, int] | None = None


def parse(
    dataset: Dataset,
    content: bytes,
    *,
    window: Window | None = None,
    end_marker: bool = True,
    one_station: bool = False,
) -> Parsed:
    """Understand one answer.

    Args:
        content: the bytes as the hub sent them, for disp=0 or 1, help=0 or 1.
        window: the window that was asked; rows outside of it are rejected. None = take what is there.
        end_marker: False for answers to ``help=2`` only, which have no header and no end: a cut cannot be seen in them.
        one_station: the answer to a question for one station: its blank rows cannot be told from unproduced ones and stay blank.

    Raises:
        HubError: the bytes are an error, a page, or cut short.
        ChangedFormat: names or order of the columns are not those of the catalogue, or not one row can be read.
    """
    body = open_body(content, end_marker=end_marker)
    if body.start == body.end and not body.head:
        return _nothing(dataset)
    order = column_order(dataset, body.head, header_expected=end_marker)
    refuse_second_header(dataset.name, body.later)
    rejected: list[Rejected] = []
    frames: list[pl.DataFrame] = []
    pair_frames: list[pl.DataFrame] = []
    for part, place in body.parts(_part_size(dataset)):
        blocks, refused = read_blocks(dataset, order.columns, part)
        if refused:
            first_line = body.line_at(place)
            rejected += [replace(line, line=first_line + line.line) for line in refused]
        for layout, block in blocks:
            frames.append(block.select(_stored(dataset.stored, layout)))
            if dataset.layout == "pairs":
                pair_frames.extend(_further_pairs(dataset, len(order.columns), layout, block))
    lines = sum(frame.height for frame in frames) + len(rejected)
    rows = pl.concat(frames) if frames else _nothing(dataset).rows.drop("blank")
    further = pl.concat(pair_frames).unique(maintain_order=True) if pair_frames else None
    rows, twice = _one_row_per_cell(rows, further)
    rejected += _reject_cells(
        dataset, twice, body, rejected, "two rows of the answer disagree about this station and time"
    )
    if window is not None:
        rows, outside = _inside(rows, window)
        reason = f"the stamp is outside of the window asked {window}"
        rejected += _reject_cells(dataset, outside, body, rejected, reason)
    if rejected and rows.is_empty():
        raise _none_read(dataset, rejected)
    blank = pl.all_horizontal(pl.col(column.name).is_null() for column in dataset.values)
    rows = rows.with_columns(blank=blank)
    rows, not_produced = _without_placeholders(rows, dataset, one_station=one_station)
    pairs = _pairs_of(further, dataset, rows)
    return Parsed(
        dataset,
        rows,
        pairs,
        tuple(sorted(rejected, key=lambda line: line.line)),
        not_produced,
        lines,
        tuple(map(shown, order.notes)),
    )


def _none_read(dataset: Dataset, rejected: list[Rejected]) -> NoRowRead:
    """Not one row of a body can be read: its reasons, the most frequent first."""
    counts = Counter(line.reason for line in rejected)
    reasons = "; ".join(
        f"{reason} ({count:,} ×)" if len(counts) > 1 else reason for reason, count in counts.most_common(3)
    )
    return NoRowRead(
        f"{dataset.name}: every one of {len(rejected):,} rows is rejected: {reasons}",
        ko=f"{dataset.name}: {len(rejected):,}행 모두 해석 불가: {reasons}",
    )


def _part_size(dataset: Dataset) -> int:
    return _PART_WITH_TEXT if any(column.kind == "text" for column in dataset.columns) else _PART


def empty_rows(dataset: Dataset) -> pl.DataFrame:
    """A frame of :attr:`Parsed.rows`' shape without a row."""
    types = {"float": pl.Float64(), "int": pl.Int64(), "text": pl.String()}
    schema: dict[str, pl.DataType] = {"tm_kst": pl.Datetime("us"), "stn": pl.Int32()}
    schema |= {column.name: types[column.kind] for column in dataset.stored}
    return pl.DataFrame(schema=schema | {"blank": pl.Boolean()})


def _nothing(dataset: Dataset) -> Parsed:
    rows = empty_rows(dataset)
    pairs = None
    if dataset.pair_table:
        pairs = pl.DataFrame(schema={**dict(rows.select(_KEY).schema), "k": pl.Int64, "ww": pl.Int64, "nn": pl.Int64})
    return Parsed(dataset, rows, pairs, (), (), 0)


def _printed(layout: tuple[Column, ...], column: Column) -> str | None:
    """Name in the block of the column's first appearance in the layout."""
    return next((f"c{index}" for index, printed in enumerate(layout) if printed is column), None)


@lru_cache(maxsize=64)
def _stored(stored: tuple[Column, ...], layout: tuple[Column, ...]) -> tuple[pl.Expr, ...]:
    """How the stored columns follow from a block of this layout: made once, since every answer asks for it."""
    types = {"float": pl.Float64, "int": pl.Int64, "text": pl.String}
    wanted = [pl.col("tm_kst"), pl.col("stn")]
    for column in stored:
        name = _printed(layout, column)
        value = pl.lit(None, types[column.kind]) if name is None else clean(name, column)
        wanted.append(value.cast(types[column.kind]).alias(column.name))
    return tuple(wanted)


def _further_pairs(
    dataset: Dataset, fixed: int, layout: tuple[Column, ...], block: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """Pairs 2, 3, … of the rows of one layout, behind so many fixed columns."""
    for k, start in enumerate(range(fixed + 2, len(layout), 2), start=2):
        code, count = dataset.pair_columns
        yield block.select(
            "tm_kst",
            "stn",
            pl.lit(k, pl.Int64).alias("k"),
            clean(f"c{start}", code).alias("ww"),
            clean(f"c{start + 1}", count).alias("nn"),
        )


def _pairs_of(pairs: pl.DataFrame | None, dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame | None:
    if dataset.pair_table is None:
        return None
    if pairs is None:
        return _nothing(dataset).pairs
    return pairs.join(rows.select(_KEY), on=_KEY, how="semi").sort("tm_kst", "stn", "k")


def _reject_cells(
    dataset: Dataset, cells: pl.DataFrame, body: Body, already: list[Rejected], reason: str
) -> list[Rejected]:
    """The lines of these cells, without those that are rejected already for what is in them."""
    if cells.is_empty():
        return []
    wanted = set(cells.select(_KEY).iter_rows())
    known = {line.line for line in already}
    found: list[Rejected] = []
    for number, line in enumerate(body.rows.decode("cp949", errors="replace").split("\n"), start=body.first_line):
        if number in known or len(tokens := tokens_of(line)) < 2:
            continue
        tm, stn = dataset.stamp.read(tokens[0]), read_station(tokens[1])
        if (tm, stn) in wanted:
            found.append(Rejected(number, line, reason, tm, stn))
    return found


def _one_row_per_cell(rows: pl.DataFrame, further: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sorted rows, one per cell, and the cells about which rows disagree. Equal copies are one row; of rows that disagree none can be
    believed.
    """
    key = rows["tm_kst"].cast(pl.Int64) // 60_000_000 * 1_000_000 + rows["stn"]
    if (key.diff().drop_nulls() > 0).all():
        return rows, rows.clear().select(_KEY)
    rows = rows.unique(maintain_order=True)
    twice = rows.filter(pl.struct(_KEY).is_duplicated()).select(_KEY)
    if further is not None:
        twice = pl.concat([twice, further.filter(pl.struct(*_KEY, "k").is_duplicated()).select(_KEY)])
    return rows.join(twice, on=_KEY, how="anti").sort(_KEY), twice


def _inside(rows: pl.DataFrame, window: Window) -> tuple[pl.DataFrame, pl.DataFrame]:
    first, last = rows["tm_kst"].min(), rows["tm_kst"].max()
    if first is None or (first in window and last in window):
        return rows, rows.clear()
    inside = (pl.col("tm_kst") > window.start) & (pl.col("tm_kst") <= window.end)
    return rows.filter(inside), rows.filter(~inside)


def _without_placeholders(
    rows: pl.DataFrame, dataset: Dataset, *, one_station: bool
) -> tuple[pl.DataFrame, tuple[datetime, ...]]:
    """Leave out the stamps at which all stations are blank: the hub prints sentinels for minutes that it has not produced."""
    if not dataset.placeholders or one_station or rows.is_empty() or not rows["blank"].any():
        return rows, ()
    blank = rows.select("tm_kst", "blank").filter("blank").group_by("tm_kst").len().filter(pl.col("len") > 1)
    filled = rows.select(pl.col("tm_kst").filter(~pl.col("blank")).unique())
    young = blank.join(filled, on="tm_kst", how="anti")["tm_kst"].sort()
    if young.is_empty():
        return rows, ()
    return rows.filter(~pl.col("tm_kst").is_in(young.implode())), tuple(young.to_list())
