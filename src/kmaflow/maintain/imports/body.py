"""Rows of an older table as the archive keeps them, and what they say: bytes → rows and rejected lines. No network, no database.

A body is UTF-8. Its first line tells where the rows came from and by which map they are read, then follows a CSV with the source's own names and values:

    #kmaflow-import {"dataset": "asos_hourly", "source": "ASOS_DATA", "map": {…}}
    CR_YMD,STN_ID,TA,RN
    2024-12-01 03:00:00,108,-9.0,-9.0
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO

import polars as pl

from kmaflow.catalog import STATION_LISTS
from kmaflow.catalog.model import Column
from kmaflow.catalog.time import KST, MINUTE
from kmaflow.errors import shown
from kmaflow.hub.lines import LONGEST_TEXT, TOO_LARGE, TOO_LARGE_WHOLE, Rejected, read_station
from kmaflow.hub.parse import Parsed, empty_rows
from kmaflow.hub.rows import clean
from kmaflow.maintain.imports.mapping import ColumnRule, TableMap, table_map

_MARK = b"#kmaflow-import "
_FIRST_LINE = 3
_KEY = ["tm_kst", "stn"]
#: What programs write where there is no value.
_NOTHING = ("", "-", "nan", "null", "none", "na", "n/a", "\\n")
_DIGITS = re.compile(r"\d{8}|\d{10}|\d{12}|\d{14}", re.ASCII)
#: A whole number as databases print it, also one that was a float.
_WHOLE = re.compile(r"(\d+)(\.0+)?", re.ASCII)
_POWER = re.compile(r"\d(\.\d+)?[eE]\+?\d+", re.ASCII)
#: Above it a float has lost the last digits of a whole number.
_EXACT = 2**53
_MICROSECOND = timedelta(microseconds=1)
_TYPES = {"float": pl.Float64, "int": pl.Int64, "text": pl.String}


@dataclass(frozen=True, slots=True)
class ImportedRows:
    """What a body holds.

    Attributes:
        source: the table or file.
        rules: the map, fitted to the source.
        raw: the source's columns as text.
    """

    source: str
    rules: TableMap
    raw: pl.DataFrame

    def encoded(self) -> bytes:
        """The body."""
        told = {"dataset": self.rules.name, "source": self.source, "map": self.rules.told()}
        head = json.dumps(told, ensure_ascii=False, sort_keys=True)
        return _MARK + head.encode() + b"\n" + self.raw.write_csv().encode()


def is_import(content: bytes) -> bool:
    """Whether a body of the archive holds imported rows."""
    return content.startswith(_MARK)


def decoded(content: bytes) -> ImportedRows:
    """A body again."""
    head, _, rows = content.partition(b"\n")
    told = json.loads(head.removeprefix(_MARK))
    rules = table_map(told["dataset"], told["map"], "the archive")
    return ImportedRows(told["source"], rules, pl.read_csv(BytesIO(rows), infer_schema=False))


def stamped(rules: TableMap, raw: pl.DataFrame) -> pl.DataFrame:
    """Stamp (``tm_kst``, naive KST) and station number (``stn``) of each row; null where they cannot be read."""
    times = {text: _time(rules, text) for text in raw[rules.time].unique().to_list()}
    stamps = pl.Series("tm_kst", [times[text] for text in raw[rules.time].to_list()], pl.Datetime("us"))
    if isinstance(rules.stn, int):
        return pl.DataFrame({"tm_kst": stamps}).with_columns(stn=pl.lit(rules.stn, pl.Int32))
    numbers = {text: _station(text) for text in raw[rules.stn].unique().to_list()}
    stations = pl.Series("stn", [numbers[text] for text in raw[rules.stn].to_list()], pl.Int32)
    return pl.DataFrame([stamps, stations])


def _time(rules: TableMap, text: str | None) -> datetime | None:
    text = (text or "").strip()
    try:
        if rules.time_format:
            moment = datetime.strptime(text, rules.time_format)
        elif _DIGITS.fullmatch(text):
            moment = datetime.strptime(text.ljust(14, "0"), "%Y%m%d%H%M%S")
        else:
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return moment + rules.shift
        return moment.astimezone(KST).replace(tzinfo=None) + rules.shift_minutes * MINUTE
    except (ValueError, OverflowError):
        return None


def _station(text: str | None) -> int | None:
    whole = _WHOLE.fullmatch((text or "").strip())
    return read_station(whole[1]) if whole else None


@dataclass(frozen=True, slots=True)
class Understood:
    """What imported rows say.

    Attributes:
        parsed: one row for each cell that has a value; of present weather also those that say that no code follows.
        blank: rows without a value: nobody knows whether the station was silent or asked too early, so they are not taken.
        repeated: rows for cells of which a later row counts.
        lost: of columns of codes, how many cannot be made whole and are NULL.
    """

    parsed: Parsed
    blank: int
    repeated: int
    lost: dict[str, int]


def understood(imported: ImportedRows, fetched_at: datetime) -> Understood:
    """Read rows by their map.

    Args:
        fetched_at: now, naive KST: what is later is no observation.
    """
    rules, dataset = imported.rules, imported.rules.dataset
    raw, lost = _with_whole_codes(rules, imported.raw)
    values: list[pl.Expr] = []
    reasons: list[pl.Expr] = []
    for column in dataset.stored:
        rule = rules.columns.get(column.name)
        if rule is None:
            values.append(pl.lit(None, _TYPES[column.kind]).alias(column.name))
        else:
            value, reason = _read(column, rule)
            values.append(value.alias(column.name))
            reasons.append(reason)
    frame = raw.select(pl.int_range(pl.len()).alias("line"), *values, pl.coalesce(reasons).alias("reason"))
    frame = frame.with_columns(clean(column.name, column).alias(column.name) for column in dataset.stored)
    frame = pl.concat([stamped(rules, raw), frame], how="horizontal")
    frame = frame.with_columns(reason=_why_not(rules, raw, fetched_at))
    says = pl.any_horizontal(pl.col(column.name).is_not_null() for column in dataset.values)
    if dataset.layout == "pairs":
        says |= (pl.col("n") == 0).fill_null(value=False)
    good = frame.filter(pl.col("reason").is_null())
    telling = good.filter(says)
    names = [column.name for column in dataset.stored]
    if rules.order is None:
        cells = telling.unique([*_KEY, *names], keep="first", maintain_order=True)
        twice = pl.struct(_KEY).is_duplicated()
        reason = pl.lit("two rows disagree about this station and time, and the map names no order")
        unclear = telling.join(cells.filter(twice).select(_KEY).unique(), on=_KEY, how="semi").with_columns(
            reason=reason
        )
        cells = cells.filter(~twice)
    else:
        cells, unclear = telling.unique(_KEY, keep="last", maintain_order=True), telling.clear()
    rows = cells.select(*_KEY, *names).sort(_KEY)
    blank = pl.all_horizontal(pl.col(column.name).is_null() for column in dataset.values)
    rows = pl.concat([empty_rows(dataset), rows.with_columns(blank=blank)], how="vertical")
    refused = pl.concat([frame.filter(pl.col("reason").is_not_null()), unclear]).sort("line")
    notes = [f"{name}: {count} codes had lost digits and are NULL" for name, count in lost.items()]
    notes = [f"imported from {imported.source}", *notes]
    parsed = Parsed(dataset, rows, None, _rejected(imported.raw, refused), (), raw.height, tuple(notes))
    repeated = telling.height - unclear.height - cells.height
    return Understood(parsed, good.height - telling.height, repeated, lost)


def _read(column: Column, rule: ColumnRule) -> tuple[pl.Expr, pl.Expr]:
    """The column's value, missing codes still in it, and why the source's text is none (else null)."""
    text = pl.col(rule.source).str.strip_chars()
    text = pl.when(~text.str.to_lowercase().is_in(_NOTHING)).then(text)
    if column.kind == "text":
        bad = ~text.str.contains(rf"^[!-~]{{1,{LONGEST_TEXT}}}$")
        return text, _reason(bad, column, rule, "holds what no code of KMA holds")
    read = text.cast(pl.Float64, strict=False)
    value = pl.when(~read.is_in(rule.missing)).then(read) if rule.missing else read
    if (rule.factor, rule.offset) != (1.0, 0.0):
        value = value * rule.factor + rule.offset
    if rule.decimals is not None:
        value = value.round(rule.decimals)
    bad = text.is_not_null() & (read.is_null() | ~(read.abs() < TOO_LARGE))
    if column.kind == "float":
        return value, _reason(bad, column, rule, "is not a number")
    whole = value.round()
    bad |= ((value - whole).abs() > 1e-6) | (whole.abs() >= TOO_LARGE_WHOLE)
    return pl.when(~bad).then(whole).cast(pl.Int64), _reason(bad, column, rule, "is not a whole number")


def _reason(bad: pl.Expr, column: Column, rule: ColumnRule, words: str) -> pl.Expr:
    return pl.when(bad).then(pl.format("{}: '{}' {}", pl.lit(column.name), pl.col(rule.source), pl.lit(words)))


def _why_not(rules: TableMap, raw: pl.DataFrame, fetched_at: datetime) -> pl.Expr:
    """Why a row is none: its time, its station, or a value."""
    dataset = rules.dataset
    since = STATION_LISTS[dataset.network].since
    stamp = pl.col("tm_kst")
    midnight = stamp.dt.truncate("1d")
    fails: list[tuple[pl.Expr, pl.Expr | str]] = [
        (stamp.is_null(), pl.format("{}: '{}' is no time", pl.lit(rules.time), pl.lit(raw[rules.time].fill_null("")))),
        (pl.col("stn").is_null(), f"{rules.stn}: not a station number"),
        (stamp > fetched_at, "the time lies in the future"),
        (stamp.dt.year() < since, f"the stamp is from before {since}, when the network began"),
        (
            (stamp - midnight).dt.total_microseconds() % (dataset.cadence // _MICROSECOND) != 0,
            f"{dataset.name} has a stamp every {dataset.cadence}, and none at that time",
        ),
    ]
    told = [pl.when(fail).then(words if isinstance(words, pl.Expr) else pl.lit(words)) for fail, words in fails]
    return pl.coalesce(*told, "reason")


def _rejected(raw: pl.DataFrame, refused: pl.DataFrame) -> tuple[Rejected, ...]:
    if refused.is_empty():
        return ()
    text = raw.select(pl.concat_str(pl.all().fill_null(""), separator=",")).to_series()
    return tuple(
        Rejected(_FIRST_LINE + line, shown(text[line]), shown(reason), tm, stn)
        for line, reason, tm, stn in refused.select("line", "reason", *_KEY).iter_rows()
    )


def _with_whole_codes(rules: TableMap, raw: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Texts of codes with the zeros that a number has lost, and for each column how many cannot be made whole."""
    lost: dict[str, int] = {}
    for name, rule in rules.columns.items():
        if rule.digits is None:
            continue
        before = raw[rule.source]
        whole = {text: _whole_code(text, rule.digits) for text in before.unique().to_list()}
        after = pl.Series(rule.source, [whole[text] for text in before.to_list()], pl.String)
        raw = raw.with_columns(after)
        if count := (before.is_not_null() & after.is_null()).sum():
            lost[name] = int(count)
    return raw, lost


def _whole_code(text: str | None, digits: int) -> str | None:
    """``5`` → ``05``; None where digits at the end are lost."""
    if text is None:
        return None
    plain = text.strip()
    if _POWER.fullmatch(plain):
        if float(plain) >= _EXACT:
            return None
        plain = f"{float(plain):.0f}"
    whole = _WHOLE.fullmatch(plain)
    return whole[1].zfill(-(-len(whole[1]) // digits) * digits) if whole else plain


def line_of(content: bytes, stamp: datetime, stn: int) -> tuple[dict[str, str], list[str]]:
    """A cell's values as the source has them, by our columns, and its rows: of several the last counts."""
    imported = decoded(content)
    mine = (pl.col("tm_kst") == stamp) & (pl.col("stn") == stn)
    found = imported.raw.filter(stamped(imported.rules, imported.raw).select(mine.fill_null(value=False)).to_series())
    lines = [",".join(cell or "" for cell in row) for row in found.iter_rows()]
    if not lines:
        return {}, []
    last = found.row(-1, named=True)
    return {name: last[rule.source] or "" for name, rule in imported.rules.columns.items()}, lines
