"""An answer of the archive understood anew, as the collector would understand it if it came now, at the moment at which it came."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import TypeVar

from kmaflow.archive.archive import Archive, BodyMissing, Entry
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window
from kmaflow.collect.run import chosen_rows
from kmaflow.hub.body import open_body, refusal
from kmaflow.hub.empty import why_empty
from kmaflow.hub.errors import EmptyAnswer, HubError
from kmaflow.hub.parse import Parsed, parse
from kmaflow.hub.saved_file import UnfitFile, read_saved
from kmaflow.hub.station_list import ParsedStations, parse_stations
from kmaflow.maintain.archive_index import LISTS
from kmaflow.maintain.imports.body import decoded, understood
from kmaflow.maintain.imports.mapping import MapError
from kmaflow.maintain.load_saved import covers_of, part_of, pieces, stretches, understand, within
from kmaflow.store.ledger import FILE, IMPORTED, REQUEST, LedgerRow
from kmaflow.store.selection import StationChoice

#: Answers that are read and parsed while one is loaded: bounds the memory.
_AHEAD = 2

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Reparsed:
    """What an answer says now.

    Attributes:
        said: its rows, or why it has none: an error of the hub, a file that is not fit, or a body that is lost.
        window: what it is an answer for; of a saved file what its rows span.
    """

    entry: Entry
    said: Parsed | ParsedStations | HubError | UnfitFile | BodyMissing
    window: Window | None

    def ledger_row(self, choice: StationChoice, *, outcome: str = "ok", message: str | None = None) -> LedgerRow:
        """Its ledger row."""
        return LedgerRow(
            dataset=self.entry.dataset,
            window=self.window,
            stn=self.entry.stn,
            fetched_at=self.entry.fetched_at,
            http_status=self.entry.status,
            outcome=IMPORTED if self.entry.imported and isinstance(self.said, Parsed) else outcome,
            sha256=self.entry.sha256,
            bytes=self.entry.bytes,
            row_count=self.said.rows.height if isinstance(self.said, ParsedStations) else 0,
            rejected=len(self.said.rejected) if isinstance(self.said, ParsedStations) else 0,
            selection=_stored(self.entry, choice).selection if isinstance(self.said, Parsed) else "all",
            message=message,
            kind=FILE if self.entry.status is None and not self.entry.covers else REQUEST,
        )


def reparse(archive: Archive, entry: Entry, choice: StationChoice) -> Reparsed:
    """Read and parse one body.

    Raises:
        ArchiveError: the archive cannot be read. A body that is lost is in the result instead.
    """
    try:
        content = archive.body(entry.sha256)
    except BodyMissing as lost:
        return Reparsed(entry, lost, entry.window)
    try:
        return _understand(entry, content, choice)
    except (HubError, UnfitFile) as error:
        return Reparsed(entry, error, entry.window)


def _understand(entry: Entry, content: bytes, choice: StationChoice) -> Reparsed:
    if entry.imported:
        return _imported(entry, content, choice)
    if entry.status is None or (entry.window is None and entry.dataset in DATASETS):
        return _file(entry, content, choice)
    if error := refusal(content, entry.status):
        raise error
    if stations := LISTS.get(entry.dataset):
        if not open_body(content).rows:
            raise EmptyAnswer(
                "the station list came without a row", ko="지점 목록에 행이 없습니다", status=entry.status, body=content
            )
        return Reparsed(entry, parse_stations(stations, content), None)
    assert entry.window is not None
    dataset = DATASETS[entry.dataset]
    empty = not entry.stn and not open_body(content).rows
    if empty and (error := why_empty(dataset, entry.window, content, entry.fetched_at)):
        raise error
    parsed = parse(dataset, content, window=entry.window, one_station=entry.stn != 0)
    return Reparsed(entry, chosen_rows(parsed, choice), entry.window)


def _imported(entry: Entry, content: bytes, choice: StationChoice) -> Reparsed:
    """Rows of an older table."""
    try:
        said = understood(decoded(content), entry.fetched_at).parsed
    except MapError as error:
        raise UnfitFile(error.what, ko=error.what_ko) from None
    return Reparsed(entry, chosen_rows(said, choice), entry.window)


def _file(entry: Entry, content: bytes, choice: StationChoice) -> Reparsed:
    """A saved file, or one of its stretches. Before lines told so, what had no line that begins with # was read by its values only."""
    values_only = entry.values_only or b"#" not in content
    saved = read_saved(content, values_only=values_only)
    if stations := LISTS.get(entry.dataset):
        return Reparsed(entry, parse_stations(stations, saved.content), None)
    covers = covers_of(entry)
    whole = understand(DATASETS[entry.dataset], saved, entry.fetched_at, values_only=values_only, covers=covers)
    if covers is not None:
        return Reparsed(entry, chosen_rows(whole, choice), covers.window)
    mine = part_of(whole, entry.window, stretches(whole))
    windows = stretches(mine)
    spanned = Window(windows[0].start, windows[-1].end) if windows else entry.window
    return Reparsed(entry, chosen_rows(mine, choice), spanned)


def _stored(entry: Entry, choice: StationChoice) -> StationChoice:
    """The stations of an answer that are stored."""
    covers = covers_of(entry)
    return choice if covers is None else covers.stored(choice)


def clipped(request: LedgerRow, window: Window | None) -> LedgerRow:
    """The ledger row for the part of its window that lies in another."""
    asked = request.window
    if window is None or asked is None or (asked.start >= window.start and asked.end <= window.end):
        return request
    return replace(request, window=Window(max(asked.start, window.start), min(asked.end, window.end)))


def parts_within(parsed: Parsed, request: LedgerRow, window: Window | None) -> Iterator[tuple[Parsed, LedgerRow]]:
    """What lies in the window, in pieces for the ledger. Rejected lines belong to where the answer begins."""
    asked = request.window
    if window is not None and asked is not None:
        if asked.end <= window.start or asked.start >= window.end:
            # Another parser finds no row of the file there any more.
            return
        request = clipped(request, window)
        if request.window is not None and request.window != asked:
            parsed = within(parsed, request.window, rejected=asked.start >= window.start)
    yield from pieces(parsed, request)


def ahead(pool: Executor, work: Callable[[A], B], items: Iterable[A]) -> Generator[B, None, None]:
    """The results in order; the next ones are made while the caller deals with the last."""
    waiting: deque[Future[B]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
