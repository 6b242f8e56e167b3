"""Saved files into the database, no hub needed: the dataset by the header, the stretches by the rows.

A file proves only the cells that it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from kmaflow.archive.archive import Entry
from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.model import Dataset, StationList
from kmaflow.catalog.time import DAY, Window, now_kst, to_kst
from kmaflow.collect.collector import Collector
from kmaflow.collect.run import chosen_rows
from kmaflow.errors import KmaflowError
from kmaflow.failpoints import reach
from kmaflow.hub.body import open_body, words_of
from kmaflow.hub.errors import ChangedFormat, HubError, NoRowRead, NotATable, SecondHeader, Truncated
from kmaflow.hub.header import column_order
from kmaflow.hub.parse import Parsed, parse
from kmaflow.hub.saved_file import SavedFile, UnfitFile, believable, of_stations, read_saved
from kmaflow.hub.station_list import announced_fields, parse_stations
from kmaflow.store.ledger import FILE, LONGEST, REQUEST, LedgerRow
from kmaflow.store.selection import ALL, StationChoice


class UnreadableFile(KmaflowError):
    """The file cannot be read."""

    todo_en = "check the path and the right to read it"
    todo_ko = "경로와 읽기 권한을 확인하십시오"


@dataclass(frozen=True, slots=True)
class Covers:
    """That a file is the whole answer to a window, asked for these stations: its owner's word.

    Attributes:
        asked: as the manifest keeps it: ``all``, or numbers joined by commas.
    """

    window: Window
    asked: str = "all"

    @property
    def stations(self) -> tuple[int, ...] | None:
        """The stations that were asked, None = all."""
        return None if self.asked == "all" else tuple(map(int, self.asked.split(",")))

    @property
    def stn(self) -> int:
        """The station, where it is one, else 0: as the ledger keeps it."""
        return self.stations[0] if self.stations is not None and len(self.stations) == 1 else 0

    def stored(self, choice: StationChoice) -> StationChoice:
        """What is stored of it where ``choice`` is to be."""
        if self.stations is None or self.stn:
            return choice
        chosen = self.stations if choice.stations is None else set(self.stations) & set(choice.stations)
        return StationChoice(tuple(sorted(chosen)))


class FileFromTheFuture(KmaflowError):
    """The file's time is later than now: it would be believed over every later answer."""

    todo_en = "say when the hub gave it: kmaflow load --fetched-at; and check this machine's clock"
    todo_ko = "허브에서 받은 시각을 kmaflow load --fetched-at으로 알려 주십시오; 컴퓨터 시각도 확인하십시오"


def read_file(path: Path) -> tuple[bytes, datetime]:
    """Bytes and time of last change (naive KST) of a file. The error does not name the path: who asks knows it.

    Raises:
        UnreadableFile: no such file, a folder, or no right.
    """
    try:
        return path.read_bytes(), to_kst(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except OSError as cause:
        raise UnreadableFile(cause.strerror or str(cause), ko=cause.strerror or str(cause)) from None


def identify(saved: SavedFile) -> Dataset | StationList:
    """What a file is the answer of, by its line of column names.

    Raises:
        UnfitFile: it holds an error of the hub or a page, there are no names, or nobody's.
    """
    with _of_files():
        body = open_body(saved.content)
    if not body.rows and not body.head:
        raise UnfitFile("the file holds no row", ko="파일에 행이 없습니다", **_ASK_AGAIN)
    head = body.head
    for stations in STATION_LISTS.values():
        if announced_fields(stations, head):
            return stations
    for dataset in sorted(DATASETS.values(), key=lambda one: one.header != "exact"):
        try:
            if not column_order(dataset, head).assumed:
                return dataset
        except ChangedFormat:
            continue
    raise UnfitFile(
        "the column names of the file are those of no dataset, or it has none",
        ko="열 이름이 없거나 어느 자료의 것도 아닙니다",
        **_BY_NAME,
    )


#: The way to load what does not say what it is.
_BY_NAME = {
    "todo_en": "if its columns stand in the order of the dataset's table, name it: kmaflow load --dataset NAME --values-only",
    "todo_ko": "열 순서가 테이블과 같다면 자료 이름을 지정하십시오: kmaflow load --dataset 이름 --values-only",
}


#: The way where the file holds something else than an answer with data.
_ASK_AGAIN = {
    "todo_en": "ask the hub again, and save its answer as it comes",
    "todo_ko": "허브에 다시 요청해 그 응답을 그대로 저장하십시오",
}


@contextmanager
def _of_files() -> Iterator[None]:
    """An error about an answer of the hub becomes one about a file."""
    try:
        yield
    except NoRowRead as error:
        raise UnfitFile(
            f"the file cannot be read as it is: {error.what}", ko=f"파일을 읽을 수 없습니다: {error.what_ko}"
        ) from None
    except SecondHeader as error:
        raise UnfitFile(
            f"the file holds several answers: {error.what}",
            ko=f"파일에 응답이 여럿 있습니다: {error.what_ko}",
            todo_en="load each answer from a file of its own",
            todo_ko="응답마다 따로 저장해 적재하십시오",
        ) from None
    except ChangedFormat as error:
        raise UnfitFile(
            f"the file cannot be read as it is: {error.what}",
            ko=f"파일을 읽을 수 없습니다: {error.what_ko}",
            **_BY_NAME,
        ) from None
    except Truncated:
        raise UnfitFile(
            "the file has rows but no line of column names", ko="파일에 열 이름 줄이 없고 행만 있습니다", **_BY_NAME
        ) from None
    except NotATable as error:
        if not words_of(error.body).isprintable():
            raise UnfitFile("the file holds no text", ko="텍스트 파일이 아닙니다", **_ASK_AGAIN) from None
        words = error.what.removeprefix("the hub says (200): ")
        raise UnfitFile(
            f"the file holds words and no table: {words}",
            ko=f"파일에 표가 아니라 안내문이 있습니다: {error.what_ko.removeprefix('허브 안내문(200): ')}",
            **_ASK_AGAIN,
        ) from None
    except HubError as error:
        raise UnfitFile(
            f"the file holds no data: {error.what}", ko=f"파일에 자료가 없습니다: {error.what_ko}", **_ASK_AGAIN
        ) from None


def understand(
    dataset: Dataset,
    saved: SavedFile,
    fetched_at: datetime,
    *,
    values_only: bool = False,
    covers: Covers | None = None,
) -> Parsed:
    """What a file says of a dataset.

    Args:
        covers: that it is a whole answer: rows that it cannot hold are rejected. Of any other file those that cannot be meant are
            (:func:`kmaflow.hub.saved_file.believable`), and what it does not hold it does not speak of.

    Raises:
        HubError, UnfitFile: it holds nothing of the dataset.
    """
    if covers is None:
        parsed = parse(dataset, saved.content, end_marker=not values_only)
        return replace(believable(parsed, saved, fetched_at), not_produced=())
    parsed = parse(
        dataset, saved.content, window=covers.window, end_marker=not values_only, one_station=covers.stn != 0
    )
    return parsed if covers.stations is None else of_stations(parsed, saved, covers.stations)


def load_body(
    collector: Collector,
    content: bytes,
    fetched_at: datetime,
    *,
    dataset: Dataset | None = None,
    choice: StationChoice = ALL,
    values_only: bool = False,
    covers: Covers | None = None,
) -> dict[str, object]:
    """Archive, parse and load one saved body.

    Args:
        fetched_at: when the hub had given it, naive KST: of two answers for a cell the later one counts.
        dataset: what it is, where the header does not tell.
        values_only: read only the rows, in the catalogue's order (asked with help=2, or with a header of somebody else's).
        covers: that it is the whole answer to a window; None = it proves only the cells that it holds.

    Returns:
        dataset, rows, inserted, updated, revised, blank, rejected, outcome, from, to.

    Raises:
        UnfitFile, UsageError, StoreError, ArchiveError: nothing was stored.
    """
    if fetched_at > now_kst():
        raise FileFromTheFuture(
            f"the file's time {fetched_at:%Y-%m-%d %H:%M} KST lies in the future",
            ko=f"파일의 시각이 미래입니다: 한국시각 {fetched_at:%Y-%m-%d %H:%M}",
        )
    saved = read_saved(content, values_only=values_only)
    described = dataset or identify(saved)
    if covers is not None:
        _check_cover(covers, described, saved, fetched_at)
    if isinstance(described, StationList):
        return _load_stations(collector, described, content, saved, fetched_at)
    with _of_files():
        whole = understand(described, saved, fetched_at, values_only=values_only, covers=covers)
    if whole.rows.is_empty() and not whole.rejected:
        raise UnfitFile(
            f"the file holds no row with values of {described.name}",
            ko=f"파일에 {described.name} 값이 있는 행이 없습니다",
            **_ASK_AGAIN,
        )
    windows: list[Window | None] = [covers.window] if covers else [*stretches(whole)] or [None]
    numbers = whole.rows["stn"].unique().to_list()
    request = LedgerRow(
        dataset=described.name,
        window=None,
        stn=covers.stn if covers else numbers[0] if len(numbers) == 1 else 0,
        fetched_at=fetched_at,
        sha256=collector.archive.keep(content),
        bytes=len(content),
        selection=(covers.stored(choice) if covers else choice).selection,
        kind=REQUEST if covers else FILE,
    )
    reach("body_archived")
    for window in windows:
        collector.archive.note(_entry(request, window, values_only=values_only, covers=covers))
    reach("manifest_noted")
    parsed = chosen_rows(whole, choice)
    loaded = [
        collector.store.load(part, row)
        for window in windows
        for part, row in pieces(part_of(parsed, window, windows), replace(request, window=window))
    ]
    first, last = windows[0], windows[-1]
    return {
        "dataset": described.name,
        "from": f"{first.start:%Y-%m-%d %H:%M}" if first else None,
        "to": f"{last.end:%Y-%m-%d %H:%M}" if last else None,
        "rows": parsed.rows.height,
        "blank": int(parsed.rows["blank"].sum()),
        "inserted": sum(one.inserted for one in loaded),
        "updated": sum(one.updated for one in loaded),
        "revised": sum(one.revised for one in loaded),
        "rejected": len(parsed.rejected),
        "not_produced": len(parsed.not_produced),
        "outcome": next((one.outcome for one in loaded if one.outcome != "unchanged"), loaded[0].outcome),
    }


def stretches(parsed: Parsed) -> list[Window]:
    """The stretches that hold rows: none longer than the ledger's longest window, none with more than a day without a row."""
    step = parsed.dataset.cadence
    found: list[Window] = []
    for stamp in parsed.rows["tm_kst"].unique().sort().to_list():
        if found and stamp - found[-1].end <= DAY and stamp - found[-1].start <= LONGEST:
            found[-1] = Window(found[-1].start, stamp)
        else:
            found.append(Window.of_stamps(stamp, stamp, step))
    return found


def part_of(parsed: Parsed, window: Window | None, windows: Sequence[Window | None]) -> Parsed:
    """What a file says of a window. Lines that cannot be read belong to the file: they are kept with the first of its stretches."""
    first = windows[0] if windows else None
    if window is None:
        return parsed
    return within(parsed, window, rejected=first is None or window.start <= first.start)


def pieces(parsed: Parsed, request: LedgerRow) -> Iterator[tuple[Parsed, LedgerRow]]:
    """One row of the ledger for each stretch that holds rows, one for all where none does; a whole answer in windows that the ledger allows."""
    windows = [*request.window.split(LONGEST)] if request.kind == REQUEST and request.window else stretches(parsed)
    if not windows:
        yield parsed, request
    for window in windows:
        yield part_of(parsed, window, windows), replace(request, window=window)


def within(parsed: Parsed, window: Window, *, rejected: bool) -> Parsed:
    """What an answer says of a part of its window, with its rejected lines or without."""
    inside = (pl.col("tm_kst") > window.start) & (pl.col("tm_kst") <= window.end)
    return replace(
        parsed,
        rows=parsed.rows.filter(inside),
        pairs=None if parsed.pairs is None else parsed.pairs.filter(inside),
        rejected=parsed.rejected if rejected else (),
        not_produced=tuple(stamp for stamp in parsed.not_produced if stamp in window),
    )


def _check_cover(covers: Covers, described: Dataset | StationList, saved: SavedFile, fetched_at: datetime) -> None:
    """Refuse what a file cannot be the whole answer to."""
    if isinstance(described, StationList):
        raise UnfitFile(
            "a station list covers no window",
            ko="지점 목록에는 수집 구간이 없습니다",
            todo_en="load it without --covers",
            todo_ko="--covers 없이 적재하십시오",
        )
    if not saved.is_complete:
        raise UnfitFile(
            "the file does not end with #7777END: nobody can see whether it is whole, so it covers nothing",
            ko="파일이 #7777END로 끝나지 않아 응답 전체인지 알 수 없습니다",
            todo_en="load it without --covers: then it proves the cells that it holds",
            todo_ko="--covers 없이 적재하십시오: 파일에 있는 칸만 저장된 것으로 봅니다",
        )
    if covers.window.end > fetched_at:
        raise UnfitFile(
            f"the file was fetched at {fetched_at:%Y-%m-%d %H:%M}, before the end of {covers.window}",
            ko=f"파일을 받은 시각({fetched_at:%Y-%m-%d %H:%M})이 {covers.window}의 끝보다 이릅니다",
            todo_en="let --covers end earlier, or say when the hub gave it: --fetched-at",
            todo_ko="--covers의 끝을 앞당기거나 허브에서 받은 시각을 --fetched-at으로 알려 주십시오",
        )


def covers_of(entry: Entry) -> Covers | None:
    """What the manifest says that a file covers."""
    return Covers(entry.window, entry.covers) if entry.covers and entry.window else None


def _entry(
    request: LedgerRow, window: Window | None, *, values_only: bool = False, covers: Covers | None = None
) -> Entry:
    """The manifest's line of a file, or of one of its stretches."""
    assert request.sha256 is not None
    return Entry(
        fetched_at=request.fetched_at,
        dataset=request.dataset,
        stn=request.stn,
        window=window,
        status=None,
        sha256=request.sha256,
        bytes=request.bytes,
        parser_version=request.parser_version,
        values_only=values_only,
        covers=covers.asked if covers else None,
    )


def _load_stations(
    collector: Collector, stations: StationList, content: bytes, saved: SavedFile, fetched_at: datetime
) -> dict[str, object]:
    if not saved.is_complete:
        raise UnfitFile(
            "the station list does not end with #7777END: stations behind its end would count as closed",
            ko="지점 목록이 #7777END로 끝나지 않습니다: 잘린 지점이 폐쇄된 것으로 처리될 수 있습니다",
            todo_en="save the list again; if it is whole, add #7777END as its last line",
            todo_ko="목록을 다시 저장하십시오; 끝까지 있다면 마지막 줄에 #7777END를 더하십시오",
        )
    with _of_files():
        parsed = parse_stations(stations, saved.content)
    request = LedgerRow(
        dataset=f"station_{stations.network}",
        window=None,
        fetched_at=fetched_at,
        sha256=collector.archive.keep(content),
        bytes=len(content),
        row_count=parsed.rows.height,
        rejected=len(parsed.rejected),
        kind=FILE,
    )
    collector.archive.note(_entry(request, None))
    changes = collector.store.load_stations(parsed, request)
    return {
        "dataset": request.dataset,
        "from": None,
        "to": None,
        "rows": parsed.rows.height,
        "blank": 0,
        "inserted": changes.added,
        "updated": changes.changed,
        "revised": 0,
        "rejected": len(parsed.rejected),
        "not_produced": 0,
        "outcome": "ok",
    }
