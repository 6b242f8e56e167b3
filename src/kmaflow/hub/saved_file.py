"""A file that a person has saved, in the form in which the hub would have sent it.

People open answers in editors and spreadsheets and save them again: as UTF-8 with or without a byte order mark, with CRLF, with quotes, semicolons
or tabs, without the markers, without the header. What means the same is read as the same; where the file has lost something, the error says what
and how to save it again. Lines keep their numbers.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

import polars as pl

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.model import ByteField
from kmaflow.catalog.time import DAY
from kmaflow.errors import KmaflowError
from kmaflow.hub.body import END, decode, refusal
from kmaflow.hub.lines import Rejected, read_station, tokens_of
from kmaflow.hub.parse import Parsed

#: First bytes of files that hold an answer only after somebody has opened them.
_PACKED = {
    b"PK\x03\x04": "zip or Excel workbook",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xd0\xcf\x11\xe0": "Excel workbook",
}
_EVERY_OTHER_NUL = re.compile(rb"(?:[^\0]\0){4}|(?:\0[^\0]){4}")
#: What Excel makes of a time of twelve digits.
_ROUNDED = re.compile(rb'^[" \t]*\d[.,]\d+E\+1\d', re.MULTILINE)
#: The first line that begins with a number.
_ROW = re.compile(rb'^[" \t]*\d.*$', re.MULTILINE)
#: Files with a byte order mark that were put together have one in their midst.
_MARKS = re.compile(b"^" + codecs.BOM_UTF8, re.MULTILINE)
_PADDED = re.compile(rb",[ \t]*$", re.MULTILINE)
#: How the times of a file may be printed, whose dataset is not known yet.
_STAMPS = frozenset(dataset.stamp for dataset in DATASETS.values())
#: A single stamp further than this from all others is a slip of the pen, if it is one among many rows.
FAR = timedelta(days=7)
#: So large a part of the rows must lie together for the others to be such slips.
_BULK = 0.8


class UnfitFile(KmaflowError):
    """The file holds no answer of the hub that can be read as it is. ``code`` is the ledger's word for it."""

    code: ClassVar[str] = "unfit_file"
    todo_en = "save the hub's answer again as it comes, without opening it in another program"
    todo_ko = "다른 프로그램에서 열지 말고 허브의 응답을 그대로 다시 저장하십시오"


@dataclass(frozen=True, slots=True)
class SavedFile:
    """What a file holds.

    Attributes:
        content: CP949 with LF, closed by ``#7777END``: what the parser takes.
        is_complete: whether the file itself ended with ``#7777END``.
        cut: a last row without a line break, which may have lost its end: it is not in ``content``.
    """

    content: bytes
    is_complete: bool
    cut: Rejected | None = None


def read_saved(content: bytes, *, values_only: bool = False) -> SavedFile:
    """Read the bytes of a file.

    Args:
        values_only: leave out all lines that begin with ``#``.

    Raises:
        UnfitFile: it is empty, packed, in UTF-16, or a spreadsheet has rounded its times.
    """
    _refuse_unreadable(content)
    words = _as_cp949(content).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    content = _plain(words)
    if refusal(content) is not None:
        # Words stay words: who reads them says what they are.
        return SavedFile(words, is_complete=False)
    if _ROUNDED.search(content):
        raise UnfitFile(
            "a spreadsheet has rounded the times of this file (2.02611E+11): they are lost",
            ko="스프레드시트가 시각을 반올림해(2.02611E+11) 원래 시각을 알 수 없습니다",
            todo_en="save the hub's answer again; in Excel import the first column as text",
            todo_ko="허브의 응답을 다시 저장하십시오; Excel에서는 첫 열을 텍스트로 가져오십시오",
        )
    rest, _, last = content.rstrip(b"\n \t").rpartition(b"\n")
    is_complete = last.strip() == END
    if is_complete:
        content = rest + b"\n" + END + b"\n"
    cut = None
    if (
        not is_complete
        and not content.endswith(b"\n")
        and last.strip()[:1] not in (b"#", b"")
        and not last.endswith(b"=")
    ):
        cut = Rejected(
            content.count(b"\n") + 1,
            decode(last),
            "the file ends in this line, which may be cut: if it is whole, end it with a line break",
            *_cell_of(decode(last)),
        )
        content = rest + b"\n"
    if values_only:
        content = re.sub(rb"(?m)^[ \t]*#.*$", b"", content)
    elif not is_complete:
        content = content + (b"" if content.endswith(b"\n") else b"\n") + END + b"\n"
    return SavedFile(content, is_complete, cut)


def _refuse_unreadable(content: bytes) -> None:
    if not content.strip():
        raise UnfitFile("the file is empty", ko="빈 파일입니다")
    for first, name in _PACKED.items():
        if content.startswith(first):
            raise UnfitFile(
                f"the file is packed: {name}",
                ko=f"압축된 파일입니다: {name}",
                todo_en="unpack it, or save the sheet as CSV; then load that file",
                todo_ko="압축을 풀거나 시트를 CSV로 저장한 뒤 그 파일을 적재하십시오",
            )
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _EVERY_OTHER_NUL.match(content):
        raise UnfitFile(
            "the file is in UTF-16 (Windows: 'Unicode')",
            ko="UTF-16 파일입니다(Windows 메모장의 '유니코드')",
            todo_en="save it as UTF-8 or ANSI (CP949)",
            todo_ko="UTF-8 또는 ANSI(CP949)로 다시 저장하십시오 (메모장: 다른 이름으로 저장 → 인코딩)",
        )


def _lost(error: UnicodeError) -> tuple[bytes, int]:
    """What CP949 has no letter for becomes a byte that is none: the parser says that it cannot be read."""
    assert isinstance(error, UnicodeEncodeError)
    return b"\xff" * (error.end - error.start), error.end


codecs.register_error("kmaflow-lost", _lost)


def _as_cp949(content: bytes) -> bytes:
    """Text in UTF-8 as CP949, by whose bytes the hub's station lists are laid out, without byte order marks."""
    bare = _MARKS.sub(b"", content)
    if bare.isascii() or bare.lstrip()[:1] in (b"{", b"<"):
        return bare
    try:
        return bare.decode("utf-8").encode("cp949", errors="kmaflow-lost")
    except UnicodeDecodeError:
        return bare


def _plain(content: bytes) -> bytes:
    """Quotes, other separators and empty cells taken out, rows closed by ``=``: what spreadsheets and programs make of an answer, undone."""
    found_row = _ROW.search(content)
    first = found_row[0].decode("cp949", errors="surrogateescape") if found_row else ""
    separator = _separator(first)
    has_stamp = _stamp_of(first.partition(separator)[0].strip('" ')) is not None
    closes = has_stamp and separator in first and found_row is not None and content.find(b"=", found_row.start()) < 0
    is_list_in_cells = not has_stamp and separator in first
    if b'"' not in content and separator == "," and not closes and not is_list_in_cells and not _PADDED.search(content):
        return content
    fields: Sequence[ByteField] | None = None
    found = []
    for line in content.decode("cp949", errors="surrogateescape").split("\n"):
        cells = _cells(line, separator)
        is_head = line.lstrip('" ').startswith("#")
        if fields is None and (fields := _listed(cells)) is not None:
            found.append("# " + " ".join(field.header or field.kma for field in fields))
        elif fields is not None and not is_head:
            found.append(_by_bytes(fields, cells) or line)
        else:
            plain = ",".join(cells).rstrip(", \t")
            found.append(f"{plain},=" if closes and plain and not is_head else plain)
    return "\n".join(found).encode("cp949", errors="surrogateescape")


def _separator(row: str) -> str:
    """What stands between the values of a row: a comma where it does not begin with a number and one of the others."""
    return next((mark for mark in (";", "\t") if row.partition(mark)[0].strip('" ').isdigit()), ",")


def _cells(line: str, separator: str) -> list[str]:
    if '"' in line:
        try:
            return next(csv.reader([line], delimiter=separator), [""])
        except csv.Error:  # a cell of more than 128 KB
            return [line]
    return line.split(separator)


def _listed(cells: Iterable[str]) -> tuple[ByteField, ...] | None:
    """The fields of the station list whose names stand in these cells."""
    names = [name for cell in cells if (name := cell.strip("# \t"))]
    for stations in STATION_LISTS.values():
        for fields in (stations.fields, stations.fields + stations.since_2026):
            if names == [field.header or field.kma for field in fields]:
                return fields
    return None


def _by_bytes(fields: Sequence[ByteField], cells: Sequence[str]) -> str | None:
    """A row of a station list that came in cells, laid out by bytes as the hub does; None where a cell is too many or too long."""
    cells = list(cells)
    while len(cells) > len(fields) and not cells[-1].strip():
        cells.pop()
    if len(cells) != len(fields):
        return None
    line = bytearray(b" " * max(field.end or field.start for field in fields))
    for field, cell in zip(fields, cells, strict=True):
        raw = cell.strip().encode("cp949", errors="surrogateescape")
        if field.end is not None and len(raw) > field.end - field.start + 1:
            return None
        line[field.start - 1 : field.start - 1 + len(raw)] = raw
    return bytes(line).decode("cp949", errors="surrogateescape")


def _stamp_of(text: str) -> datetime | None:
    return next((stamp for form in _STAMPS if (stamp := form.read(text)) is not None), None)


def _cell_of(line: str) -> tuple[datetime | None, int | None]:
    tokens = tokens_of(line)
    return (_stamp_of(tokens[0]) if tokens else None), (read_station(tokens[1]) if len(tokens) > 1 else None)


def believable(parsed: Parsed, saved: SavedFile, fetched_at: datetime) -> Parsed:
    """The same without the rows that cannot be what the file was saved for: they become rejected lines with their reasons.

    Rows after the moment at which the file was fetched, from before the network existed, at times at which the dataset has none, and a single
    stamp that lies more than 7 days from every other where at least four fifths of the rows lie together.

    Raises:
        UnfitFile: every row lies after that moment.
    """
    rows = parsed.rows
    if rows.is_empty():
        return _with_cut(parsed, saved)
    late = rows.filter(pl.col("tm_kst") > fetched_at)
    if late.height == rows.height:
        raise UnfitFile(
            f"every row of the file is younger than the file itself ({fetched_at:%Y-%m-%d %H:%M} KST)",
            ko=f"모든 행이 파일의 시각({fetched_at:%Y-%m-%d %H:%M} 한국시각)보다 나중입니다",
            todo_en="say when the hub gave it: kmaflow load --fetched-at",
            todo_ko="허브에서 받은 시각을 kmaflow load --fetched-at으로 알려 주십시오",
        )
    year = STATION_LISTS[parsed.dataset.network].since
    early = rows.filter(pl.col("tm_kst").dt.year() < year)
    reasons = dict.fromkeys(
        _stamps(late), f"the stamp is later than the moment at which the file was fetched ({fetched_at:%Y-%m-%d %H:%M})"
    )
    reasons |= dict.fromkeys(_stamps(early), f"the stamp is from before {year}, when the network began")
    step = parsed.dataset.cadence
    reasons |= {
        stamp: f"{parsed.dataset.name} has a stamp every {step}, and none at that time"
        for stamp in _stamps(rows)
        if (stamp - datetime.min) % step
    }
    rest = rows.filter(~pl.col("tm_kst").is_in(list(reasons))) if reasons else rows
    reasons |= _outliers(rest)
    if not reasons:
        return _with_cut(parsed, saved)
    return _with_cut(
        _without(parsed, saved, pl.col("tm_kst").is_in(list(reasons)), lambda tm, _: reasons.get(tm)), saved
    )


def of_stations(parsed: Parsed, saved: SavedFile, stations: Collection[int]) -> Parsed:
    """The same without the rows of other stations: they become rejected lines."""
    others = ~pl.col("stn").is_in(list(stations))
    if parsed.rows.filter(others).is_empty():
        return parsed
    reason = "the station is not among those that were asked"
    return _without(parsed, saved, others, lambda _, stn: None if stn in stations else reason)


def _without(parsed: Parsed, saved: SavedFile, out: pl.Expr, why: Callable[[datetime, int], str | None]) -> Parsed:
    """Without these rows; their lines are rejected for the reasons that ``why`` gives for their cells."""
    known = {line.line for line in parsed.rejected}
    rejected = list(parsed.rejected)
    for number, line in enumerate(saved.content.decode("cp949", errors="replace").split("\n"), start=1):
        tm, stn = _cell_of(line)
        if number not in known and tm is not None and stn is not None and (reason := why(tm, stn)):
            rejected.append(Rejected(number, line, reason, tm, stn))
    pairs = None if parsed.pairs is None else parsed.pairs.filter(~out)
    return replace(
        parsed,
        rows=parsed.rows.filter(~out),
        pairs=pairs,
        rejected=tuple(sorted(rejected, key=lambda line: line.line)),
    )


def _with_cut(parsed: Parsed, saved: SavedFile) -> Parsed:
    rejected = (*parsed.rejected, *((saved.cut,) if saved.cut else ()))
    return replace(parsed, rejected=tuple(sorted(rejected, key=lambda line: line.line)))


def _stamps(rows: pl.DataFrame) -> list[datetime]:
    return rows["tm_kst"].unique().to_list()


def _outliers(rows: pl.DataFrame) -> dict[datetime, str]:
    """Single stamps far from all others, with the reason, where nearly all rows lie together."""
    counts = rows.group_by("tm_kst").len().sort("tm_kst")
    groups: list[list[tuple[datetime, int]]] = []
    for stamp, count in counts.iter_rows():
        if groups and stamp - groups[-1][-1][0] <= FAR:
            groups[-1].append((stamp, count))
        else:
            groups.append([(stamp, count)])
    bulk = max((sum(count for _, count in group) for group in groups), default=0)
    if len(groups) < 2 or bulk < _BULK * rows.height:
        return {}
    found = {}
    for number, group in enumerate(groups):
        if len(group) == 1 and group[0][1] < bulk:
            stamp = group[0][0]
            beside = [groups[number - 1][-1][0]] if number else []
            beside += [groups[number + 1][0][0]] if number + 1 < len(groups) else []
            days = min(abs(stamp - other) for other in beside) // DAY
            found[stamp] = (
                f"the stamp lies {days:,} days from every other row of the file: if it is right, load it in a file of its own"
            )
    return found
