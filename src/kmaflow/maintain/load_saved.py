"""Saved bodies into the database, no hub needed: the dataset by its header, the window by its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.model import Dataset, StationList
from kmaflow.catalog.time import Window, to_kst
from kmaflow.collect.collector import Collector
from kmaflow.collect.run import chosen_rows, keep
from kmaflow.collect.stations import ALL, StationChoice
from kmaflow.errors import KmaflowError, UsageError
from kmaflow.hub.body import open_body
from kmaflow.hub.client import Answer
from kmaflow.hub.errors import ChangedFormat, EmptyAnswer
from kmaflow.hub.header import column_order
from kmaflow.hub.parse import PARSER_VERSION, Parsed, parse
from kmaflow.hub.station_list import announced_fields, parse_stations
from kmaflow.store.ledger import LONGEST, Fetch


class UnreadableFile(KmaflowError):
    """The file cannot be read."""

    todo_en = "check the path and the right to read it"
    todo_ko = "경로와 읽기 권한을 확인하십시오"


def read_file(path: Path) -> tuple[bytes, datetime]:
    """Bytes and time of last change (naive KST) of a file.

    Raises:
        UnreadableFile: no such file, a folder, or no right.
    """
    try:
        return path.read_bytes(), to_kst(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except OSError as cause:
        raise UnreadableFile(f"{path}: {cause.strerror or cause}") from None


def identify(content: bytes) -> Dataset | StationList:
    """What a body is the answer of, by its line of column names.

    Raises:
        HubError: the bytes are an error, a page, or cut short.
        UsageError: there are no names, or nobody's.
    """
    head = open_body(content).head
    for stations in STATION_LISTS.values():
        if announced_fields(stations, head):
            return stations
    for dataset in sorted(DATASETS.values(), key=lambda one: one.header != "exact"):
        try:
            if not column_order(dataset, head).notes:
                return dataset
        except ChangedFormat:
            continue
    raise UsageError(
        "the column names are those of no dataset",
        todo_en="name it with --dataset if you know what the file is",
        todo_ko="무슨 자료인지 알면 --dataset으로 지정하십시오",
    )


def load_body(
    collector: Collector,
    content: bytes,
    fetched_at: datetime,
    *,
    dataset: Dataset | None = None,
    choice: StationChoice = ALL,
    end_marker: bool = True,
) -> dict[str, object]:
    """Archive, parse and load one saved body.

    Args:
        fetched_at: when the hub had given it, naive KST: of two answers for a cell the later one counts.
        dataset: what it is, where the header does not tell.
        end_marker: False for a body that was asked with help=2.

    Returns:
        dataset, rows, inserted, updated, revised, blank, rejected, outcome, from, to.

    Raises:
        HubError, UsageError, StoreError, ArchiveError: nothing was stored.
    """
    described = dataset or identify(content)
    if isinstance(described, StationList):
        return _load_stations(collector, described, content, fetched_at)
    parsed = parse(described, content, end_marker=end_marker)
    window = own_window(parsed)
    if window is None and not parsed.rejected:
        raise EmptyAnswer(f"{described.name}: the file holds no row")
    numbers = parsed.rows["stn"].unique().to_list()
    answer = Answer(described.name, window, numbers[0] if len(numbers) == 1 else None, content, 200, fetched_at)
    digest = keep(collector.archive, answer, content, None)
    parsed = chosen_rows(parsed, choice)
    fetch = Fetch(
        dataset=described.name,
        window=window,
        stn=answer.stn or 0,
        fetched_at=fetched_at,
        http_status=None,
        outcome="ok",
        sha256=digest,
        bytes=len(content),
        rows=0,
        rejected=0,
        parser_version=PARSER_VERSION,
        key_id=None,
        selection=choice.selection,
    )
    loaded = [collector.store.load(part, fetch) for part, fetch in pieces(parsed, fetch)]
    return {
        "dataset": described.name,
        "from": f"{window.start:%Y-%m-%d %H:%M}" if window else None,
        "to": f"{window.end:%Y-%m-%d %H:%M}" if window else None,
        "rows": parsed.rows.height,
        "blank": int(parsed.rows["blank"].sum()),
        "inserted": sum(one.inserted for one in loaded),
        "updated": sum(one.updated for one in loaded),
        "revised": sum(one.revised for one in loaded),
        "rejected": len(parsed.rejected),
        "not_produced": len(parsed.not_produced),
        "outcome": next((one.outcome for one in loaded if one.outcome != "unchanged"), loaded[0].outcome),
    }


def own_window(parsed: Parsed) -> Window | None:
    """The window that the rows of a saved file span, those not produced included; None where there are none."""
    stamps = sorted({*parsed.not_produced, *parsed.rows["tm_kst"].unique().to_list()})
    return Window.of_stamps(stamps[0], stamps[-1], parsed.dataset.cadence) if stamps else None


def pieces(parsed: Parsed, fetch: Fetch) -> Iterator[tuple[Parsed, Fetch]]:
    """A file may span years: the ledger gets one row for each stretch of at most its longest window."""
    if fetch.window is None:
        yield parsed, fetch
        return
    for number, window in enumerate(fetch.window.split(LONGEST)):
        # Lines that cannot be read belong to the file, not to a stretch: they are kept once.
        yield within(parsed, window, rejected=number == 0), replace(fetch, window=window)


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


def _load_stations(
    collector: Collector, stations: StationList, content: bytes, fetched_at: datetime
) -> dict[str, object]:
    parsed = parse_stations(stations, content)
    name = f"station_{stations.network}"
    digest = keep(collector.archive, Answer(name, None, None, content, 200, fetched_at), content, None)
    fetch = Fetch(
        dataset=name,
        window=None,
        stn=0,
        fetched_at=fetched_at,
        http_status=None,
        outcome="ok",
        sha256=digest,
        bytes=len(content),
        rows=parsed.rows.height,
        rejected=len(parsed.rejected),
        parser_version=PARSER_VERSION,
        key_id=None,
    )
    changes = collector.store.load_stations(parsed, fetch)
    return {
        "dataset": name,
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
