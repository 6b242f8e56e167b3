"""Station lists (``stn_inf.php``) by byte offset: names hold blanks and `` *``, Korean letters take two bytes each."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from kmaflow.catalog.model import ByteField, StationList
from kmaflow.hub.body import decode, open_body
from kmaflow.hub.errors import ChangedFormat, NoRowRead
from kmaflow.hub.header import refuse_second_header
from kmaflow.hub.lines import FLOAT, INT, TOO_LARGE, TOO_LARGE_WHOLE, Rejected

#: What the table holds (``store/schema/service.py``).
_LONGEST_TEXT = 128
_TYPES: dict[str, type[pl.DataType]] = {"int": pl.Int64, "float": pl.Float64, "text": pl.String}


@dataclass(frozen=True)
class ParsedStations:
    """One station list.

    Attributes:
        network: ``AWS`` or ``SFC``.
        rows: one row per station, columns named as the catalogue's fields (Int64, Float64, String), missing = null.
        rejected: lines that are no stations.
    """

    network: str
    rows: pl.DataFrame
    rejected: tuple[Rejected, ...]


def parse_stations(stations: StationList, content: bytes) -> ParsedStations:
    """Understand one station list.

    Raises:
        HubError: the bytes are an error, a page, or cut short.
        ChangedFormat: names or places of the columns are not those of the catalogue.
    """
    body = open_body(content)
    refuse_second_header(f"station list {stations.network}", body.later)
    fields = announced_fields(stations, body.head)
    if fields is None:
        names = " ".join(_names(body.head)) or "missing"
        raise ChangedFormat(
            f"station list {stations.network}: the line of column names is {names}",
            ko=f"지점 목록 {stations.network}: 열 이름 줄이 다릅니다: {' '.join(_names(body.head)) or '없음'}",
        )
    rows: list[dict[str, object]] = []
    rejected: list[Rejected] = []
    seen: set[object] = set()
    for number, line in enumerate(body.rows.split(b"\n"), start=body.first_line):
        if not line.strip():
            continue
        try:
            row = _row(fields, line)
        except ValueError as cause:
            rejected.append(Rejected(number, decode(line), str(cause)))
            continue
        if row["stn"] in seen:
            rejected.append(Rejected(number, decode(line), "the station stands in the list twice"))
            continue
        seen.add(row["stn"])
        rows.append(row)
    if rejected and not rows:
        raise NoRowRead(
            f"station list {stations.network}: no line can be read ({rejected[0].reason})",
            ko=f"지점 목록 {stations.network}: 읽을 수 있는 줄이 없습니다({rejected[0].reason})",
        )
    schema = {field.name: _TYPES[field.kind] for field in fields}
    return ParsedStations(stations.network, pl.DataFrame(rows, schema=schema), tuple(rejected))


def announced_fields(stations: StationList, head: tuple[str, ...]) -> tuple[ByteField, ...] | None:
    """The fields that the name line announces; None if it is not this list's."""
    names = _names(head)
    for fields in (stations.fields, stations.fields + stations.since_2026):
        if names == [field.header or field.kma for field in fields]:
            return fields
    return None


def _names(head: tuple[str, ...]) -> list[str]:
    """The tokens of the line of column names; empty if there is none."""
    return next((names for line in head if (names := line.lstrip("# ").upper().split())[:2] == ["STN", "LON"]), [])


def _row(fields: tuple[ByteField, ...], line: bytes) -> dict[str, object]:
    row: dict[str, object] = {}
    covered = 0
    needed = max(field.end or 0 for field in fields)
    if len(line) < needed:
        raise ValueError(f"the line is cut: {len(line)} bytes where {needed} belong")
    for field in fields:
        if line[covered : field.start - 1].strip():
            raise ValueError(f"bytes {covered + 1}–{field.start - 1} before {field.name} are not blank")
        covered = field.end or len(line)
        row[field.name] = _value(field, decode(line[field.start - 1 : field.end]).strip())
    if line[covered:].strip():
        raise ValueError(f"there is more behind {fields[-1].name}: {decode(line[covered:]).strip()!r}")
    stn = row["stn"]
    if not isinstance(stn, int) or stn < 1:
        raise ValueError("no station number")
    return row


def _value(field: ByteField, text: str) -> object:
    if not text or text in field.missing:
        return None
    if field.kind == "text":
        if not text.isprintable() or "\ufffd" in text:
            raise ValueError(f"{field.name}: {text!r} is not readable")
        if len(text) > _LONGEST_TEXT:
            raise ValueError(f"{field.name}: {len(text)} characters where at most {_LONGEST_TEXT} belong")
        return text
    if not (INT if field.kind == "int" else FLOAT).fullmatch(text):
        raise ValueError(f"{field.name}: {text!r} is not a number")
    number = int(text) if field.kind == "int" else float(text)
    if abs(number) >= (TOO_LARGE_WHOLE if field.kind == "int" else TOO_LARGE):
        raise ValueError(f"{field.name}: {text} is beyond all measure")
    if field.missing_at_most is not None and number <= field.missing_at_most:
        return None
    return number
