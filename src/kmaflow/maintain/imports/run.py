"""An import from beginning to end: pieces of a source become bodies of the archive, each of which is loaded in one transaction.

A body holds the rows of a day (of a month, where stamps lie an hour apart or more) that came together. What was loaded is known by its SHA-256: so a
second run loads nothing, and one that was killed goes on where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from kmaflow.archive.archive import Entry, sha256
from kmaflow.catalog.time import HOUR, Window, now_kst
from kmaflow.collect.collector import Collector
from kmaflow.failpoints import reach
from kmaflow.hub.parse import PARSER_VERSION, Parsed
from kmaflow.maintain.imports.body import ImportedRows, stamped, understood
from kmaflow.maintain.imports.mapping import TableMap
from kmaflow.maintain.imports.sources import Source, TableMissing
from kmaflow.store.coverage.day import by_day
from kmaflow.store.ledger import FILE, IMPORTED, LedgerRow


@dataclass(slots=True)
class TableImported:
    """What became of one table or file.

    Attributes:
        dataset / source: where to, where from.
        total: rows there, None = not known beforehand; ``read`` so far.
        inserted: rows that were not there (with ``dry_run``: that would be inserted).
        there: rows for cells that the database has; ``differing`` of them with other values: the database's stay.
        blank: rows without a value; ``repeated``: rows for cells of which a later row counts.
        rejected: reasons and counts of rows that could not be read; ``example`` is one of them.
        lacking: the dataset's columns that the source does not have.
        lost: codes that cannot be made whole and are NULL, by column.
        begin / end: first and last stamp.
    """

    dataset: str
    source: str
    total: int | None = None
    read: int = 0
    inserted: int = 0
    there: int = 0
    differing: int = 0
    blank: int = 0
    repeated: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    example: str = ""
    lacking: tuple[str, ...] = ()
    lost: Counter[str] = field(default_factory=Counter)
    begin: datetime | None = None
    end: datetime | None = None

    def told(self) -> dict[str, Any]:
        """For ``--json``."""
        stamps = {"from": self.begin, "to": self.end}
        told = asdict(self) | {name: stamp and f"{stamp:%Y-%m-%d %H:%M}" for name, stamp in stamps.items()}
        told |= {"rejected": self.unreadable, "reasons": dict(self.rejected)}
        return {name: value for name, value in told.items() if name not in ("begin", "end")}

    @property
    def unreadable(self) -> int:
        """Rows that could not be read."""
        return self.rejected.total()


Progress = Callable[[TableImported], None]


def fitted(source: Source, maps: Sequence[TableMap], *, some: bool) -> tuple[list[TableMap], list[TableMissing]]:
    """The maps with the names as the source writes them, and what is said of tables that are not there.

    Args:
        some: whether tables may be missing, as long as one is there.

    Raises:
        SourceError: the source cannot be read, or lacks tables.
        MapError: a map does not fit.
    """
    found: list[TableMap] = []
    absent: list[TableMissing] = []
    for rules in maps:
        try:
            found.append(source.fitted(rules))
        except TableMissing as missing:
            absent.append(missing)
    if absent and not (some and found):
        raise absent[0]
    return found, absent


def run_import(
    collector: Collector,
    source: Source,
    maps: Sequence[TableMap],
    *,
    dry_run: bool = False,
    on_progress: Progress | None = None,
) -> list[TableImported]:
    """Import the tables of fitted maps; gives what became of each.

    Args:
        dry_run: read and compare only.

    Raises:
        SourceError: the source cannot be read; what was loaded before stays, and the same command goes on behind it.
    """
    done = []
    for rules in maps:
        table = _Table(collector, source, rules, dry_run=dry_run)
        for _ in table.run():
            if on_progress is not None:
                on_progress(table.result)
        done.append(table.result)
    return done


class _Table:
    """One table or file."""

    def __init__(self, collector: Collector, source: Source, rules: TableMap, *, dry_run: bool) -> None:
        self.collector = collector
        self.source = source
        self.rules = rules
        self.writes = not dry_run
        lacking = tuple(column.name for column in rules.dataset.stored if column.name not in rules.columns)
        self.result = TableImported(rules.name, source.name(rules), source.count(rules), lacking=lacking)
        self._known = collector.store.imported(rules.name)

    def run(self) -> Iterator[None]:
        """Load piece by piece."""
        for piece in self.source.pieces(self.rules):
            # Copies say nothing more; of A, B, A the last A counts.
            raw = piece.unique(keep="last", maintain_order=True)
            self.result.repeated += piece.height - raw.height
            for rows in _by_period(self.rules, raw):
                self._load(ImportedRows(self.result.source, self.rules, rows))
            self.result.read += piece.height
            yield

    def _load(self, rows: ImportedRows) -> None:
        moment = now_kst()
        found = understood(rows, moment)
        parsed, result = found.parsed, self.result
        result.blank += found.blank
        result.repeated += found.repeated
        result.rejected.update(line.reason for line in parsed.rejected)
        result.lost.update(found.lost)
        if parsed.rejected and not result.example:
            result.example = parsed.rejected[0].text
        if parsed.rows.is_empty() and not parsed.rejected:
            return
        window = _window(parsed)
        if window is not None:
            result.begin = min(result.begin or window.end, window.start + self.rules.dataset.cadence)
            result.end = max(result.end or window.start, window.end)
        content = rows.encoded()
        digest = sha256(content)
        if digest in self._known:
            result.there += parsed.rows.height
        elif self.writes:
            self._store(parsed, window, content, moment)
        elif window is not None:
            there, differing = self.collector.store.compare(parsed, window)
            result.inserted += parsed.rows.height - there
            result.there += there
            result.differing += differing

    def _store(self, parsed: Parsed, window: Window | None, content: bytes, moment: datetime) -> None:
        """Archive and load, in this order: what the database holds is always in the archive."""
        numbers = parsed.rows["stn"].unique()
        stn = int(numbers[0]) if len(numbers) == 1 else 0
        digest = self.collector.archive.keep(content)
        reach("body_archived")
        entry = Entry(moment, self.rules.name, stn, window, None, digest, len(content), PARSER_VERSION, imported=True)
        self.collector.archive.note(entry)
        reach("manifest_noted")
        request = LedgerRow(
            dataset=self.rules.name,
            window=window,
            stn=stn,
            fetched_at=moment,
            outcome=IMPORTED,
            sha256=digest,
            bytes=len(content),
            kind=FILE,
        )
        loaded = self.collector.store.load(parsed, request)
        self.result.inserted += loaded.inserted
        self.result.there += parsed.rows.height - loaded.inserted
        self.result.differing += loaded.differing


def _by_period(rules: TableMap, raw: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows of each day (month) that holds some; those whose time cannot be read stand with the first."""
    period = stamped(rules, raw).select(by_day("tm_kst").alias("period")).to_series()
    if rules.dataset.cadence >= HOUR:
        period = period.dt.truncate("1mo")
    known = period.drop_nulls()
    period = period.fill_null(known[0]) if len(known) else period
    name = "\0period"
    parts = raw.with_columns(period.alias(name)).partition_by(name, maintain_order=True)
    return [part.drop(name) for part in parts]


def _window(parsed: Parsed) -> Window | None:
    first, last = parsed.rows["tm_kst"].min(), parsed.rows["tm_kst"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    return Window.of_stamps(first, last, parsed.dataset.cadence)
