"""The archive's manifest as a table, and how it is cut into stretches that are made anew one by one.

A stretch is a run of whole days of one dataset, normally one day. Answers that reach across midnight bind days together; a chain of short ones is cut
after two days, a file of more than a month after 31. What reaches across a cut is read for both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from kmaflow.archive.archive import Archive, ArchiveError, BadLine, Entry
from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.time import DAY, Window, floor_to
from kmaflow.store.ledger import LONGEST

#: The names of the station lists in ledger and manifest.
LISTS = {f"station_{network}": stations for network, stations in STATION_LISTS.items()}
#: Days that short answers may bind together: what one transaction loads.
_CHAIN = 2
_BATCH = 20_000

_TIME = pl.Datetime("us")
_SCHEMA: dict[str, pl.DataType] = {
    "fetched_at": _TIME,
    "dataset": pl.String(),
    "stn": pl.Int32(),
    "tm_from": _TIME,
    "tm_to": _TIME,
    "status": pl.Int32(),
    "sha256": pl.Binary(),
    "bytes": pl.Int64(),
    "parser_version": pl.Int32(),
    "noted_at": _TIME,
    "values_only": pl.Boolean(),
    "covers": pl.String(),
    "imported": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Part:
    """What is made anew at once: whole days of a dataset, or (``window`` None) what belongs to no time, such as station lists."""

    dataset: str
    window: Window | None
    answers: int


class ArchiveIndex:
    """What the manifest says: a hundred bytes of memory for each answer.

    Attributes:
        bad: what stood in the manifest and is no line of it.
        unknown: answers to questions that this version of kmaflow does not know, by their dataset.
        pruned: how many answers are left out since their bodies were given up on purpose.
    """

    def __init__(self, archive: Archive) -> None:
        self.bad: list[BadLine] = []
        self.unknown: Counter[str] = Counter()
        self.pruned = 0
        self._archive = archive
        self._of: dict[str, pl.DataFrame] = {}
        self._add(self._known())

    @classmethod
    def read(cls, archive: Archive) -> ArchiveIndex:
        """Read the whole manifest.

        Raises:
            ArchiveError: it cannot be read, or there is nothing in it.
        """
        history = cls(archive)
        if not history._of:
            bad = len(history.bad)
            found = f"none of its {bad} lines can be read" if bad else "its manifest has no line"
            ko = f"원문 목록 {bad}줄을 모두 읽을 수 없습니다" if bad else "원문 목록이 비어 있습니다"
            raise ArchiveError(
                f"{archive.url}: there is no answer in the archive: {found}",
                ko=f"{archive.url}: 보관소에 원문이 없습니다: {ko}",
                todo_en="check KMAFLOW_ARCHIVE_URL (or KMAFLOW_HOME); an archive is filled by: kmaflow collect, kmaflow load",
                todo_ko="KMAFLOW_ARCHIVE_URL(또는 KMAFLOW_HOME)을 확인하십시오; 보관소는 kmaflow collect와 kmaflow load로 채웁니다",
            )
        return history

    def _known(self) -> Iterator[Entry]:
        kept_from = self._archive.kept_from
        there = set() if kept_from is None else {digest for digest, _ in self._archive.bodies()}
        for entry in self._archive.entries(self.bad.append):
            if not _is_known(entry):
                self.unknown[entry.dataset] += 1
            elif kept_from is not None and entry.arrived_at < kept_from and entry.sha256 not in there:
                self.pruned += 1
            else:
                yield _until_fetched(entry)

    def _add(self, entries: Iterable[Entry]) -> None:
        frames = list(_frames(entries))
        parted = pl.concat(frames).partition_by("dataset", as_dict=True) if frames else {}
        for (name,), more in parted.items():
            known = self._of.get(str(name))
            # In the order in which they were loaded: an answer that came late is loaded late again.
            arrived = pl.coalesce("noted_at", "fetched_at")
            whole = more if known is None else pl.concat([known, more])
            self._of[str(name)] = whole.sort(arrived, maintain_order=True)

    @property
    def newest(self) -> datetime:
        """When the youngest answer had come."""
        return max(_last(frame) for frame in self._of.values())

    def read_on(self) -> None:
        """Read again what collectors may have added meanwhile: the last two days."""
        since = floor_to(self.newest, DAY) - DAY
        self._of = {name: frame.filter(pl.col("fetched_at") < since) for name, frame in self._of.items()}
        self._add(map(_until_fetched, filter(_is_known, self._archive.entries(on_bad=lambda _: None, since=since))))

    def parts(self, window: Window | None = None) -> list[Part]:
        """Everything, or the stretches that touch a window; what belongs to no time first, then in the order of time."""
        found: list[Part] = []
        for name, frame in self._of.items():
            timeless = frame["tm_to"].null_count()
            if timeless and window is None:
                found.append(Part(name, None, timeless))
            for one in stretches(frame):
                if window is None or (one.start < window.end and one.end > window.start):
                    found.append(Part(name, one, frame.select(_touching(one).sum()).item()))
        # Station lists before observations: names of stations are understood by them.
        return sorted(found, key=lambda part: (part.dataset not in LISTS, _start(part), part.dataset))

    def entries(self, part: Part) -> list[Entry]:
        """The answers of a part in the order in which they were loaded."""
        frame = self._of[part.dataset]
        chosen = frame.filter(pl.col("tm_to").is_null() if part.window is None else _touching(part.window))
        return [
            Entry(
                row["fetched_at"],
                row["dataset"],
                row["stn"],
                None if row["tm_to"] is None else Window(row["tm_from"], row["tm_to"]),
                row["status"],
                row["sha256"].hex(),
                row["bytes"],
                row["parser_version"],
                row["noted_at"],
                row["values_only"],
                row["covers"],
                row["imported"],
            )
            for row in chosen.iter_rows(named=True)
        ]


def _is_known(entry: Entry) -> bool:
    return entry.dataset in DATASETS or entry.dataset in LISTS


def _until_fetched(entry: Entry) -> Entry:
    """Earlier versions wrote down what the rows of a file span, one with a wrong year too: none of them is later than the file."""
    window = entry.window
    if entry.status is not None or window is None or not window.start < entry.fetched_at < window.end:
        return entry
    return replace(entry, window=Window(window.start, entry.fetched_at))


def _last(frame: pl.DataFrame) -> datetime:
    moment = frame["fetched_at"].max()
    return moment if isinstance(moment, datetime) else datetime.min


def _start(part: Part) -> datetime:
    return datetime.min if part.window is None else part.window.start


def _touching(window: Window) -> pl.Expr:
    return (pl.col("tm_from") < window.end) & (pl.col("tm_to") > window.start)


def _frames(entries: Iterable[Entry]) -> Iterator[pl.DataFrame]:
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        start, end = (entry.window.start, entry.window.end) if entry.window else (None, None)
        rows.append(
            (
                *(entry.fetched_at, entry.dataset, entry.stn, start, end, entry.status),
                *(bytes.fromhex(entry.sha256), entry.bytes, entry.parser_version, entry.noted_at),
                *(entry.values_only, entry.covers, entry.imported),
            )
        )
        if len(rows) == _BATCH:
            yield pl.DataFrame(rows, schema=_SCHEMA, orient="row")
            rows = []
    if rows:
        yield pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def stretches(answers: pl.DataFrame) -> list[Window]:
    """The whole days that windows (``tm_from``, ``tm_to``) touch, in runs that no long window and few short ones reach out of."""
    last_inside = pl.col("tm_to") - timedelta(microseconds=1)
    spans = (
        answers.filter(pl.col("tm_to").is_not_null())
        .select(
            first=pl.col("tm_from").dt.truncate("1d"),
            end=last_inside.dt.truncate("1d") + DAY,
            is_long=pl.col("tm_to") - pl.col("tm_from") > DAY,
        )
        .unique()
        .sort("first", "end")
    )
    blocks = _blocks(Window(first, end) for first, end, is_long in spans.iter_rows() if is_long)
    crossed = {first + DAY for first, end, is_long in spans.iter_rows() if not is_long and end - first > DAY}
    days = {first + DAY * number for first, end, _ in spans.iter_rows() for number in range((end - first) // DAY)}
    covered = {day for block in blocks for day in block_days(block)}
    units = sorted([*blocks, *(Window(day, day + DAY) for day in days - covered)])
    runs: list[Window] = []
    for unit in units:
        bound = runs and runs[-1].end == unit.start and unit.start in crossed
        if bound and unit.end - runs[-1].start <= _CHAIN * DAY:
            runs[-1] = replace(runs[-1], end=unit.end)
        else:
            runs.append(unit)
    return runs


def block_days(block: Window) -> Iterator[datetime]:
    """The 00:00 with which each day of a block begins."""
    start = floor_to(block.start, DAY)
    return (start + DAY * number for number in range((block.end - start) // DAY))


def _blocks(spans: Iterable[Window]) -> list[Window]:
    """Spans that overlap as one, none longer than the ledger's longest window: nothing reaches out of a block at both ends."""
    joined: list[Window] = []
    for span in spans:
        if joined and span.start < joined[-1].end:
            joined[-1] = replace(joined[-1], end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return [part for block in joined for part in block.split(LONGEST)]
