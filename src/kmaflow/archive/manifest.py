"""The manifest of the archive: one line of JSON for every answer, in the order in which they came.

    manifest/2026/11/22.jsonl                 on a file system: the lines of all writers
    manifest/2026/11/22/<writer>-<n>.jsonl    on an object store: each object belongs to one writer

Lines are only ever added, to the day on which the answer was fetched. A line that was cut off (a full disk, a kill in the middle) is no line: its
answer was never loaded, since the line is written before.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from kmaflow.archive.storage import Place
from kmaflow.catalog.time import Window, now_kst
from kmaflow.errors import UsageError

log = logging.getLogger(__name__)

_FOLDER = "manifest"
_DAY = len("manifest/YYYY/MM/DD")
#: So far the clocks of two hosts, or of a file server and this one, may lie apart.
_SKEW = timedelta(minutes=5)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the manifest. Times are naive KST.

    Attributes:
        fetched_at: when the answer had come (for ``kmaflow load``: when the file had been fetched).
        dataset: dataset, or ``station_AWS`` / ``station_SFC``.
        stn: the station asked, 0 = all.
        window: what was asked; for a saved file a stretch that its rows span; None for station lists and files without a row.
        status: HTTP status, None for a saved file.
        sha256: the name of the body; ``bytes`` is its length.
        parser_version: of the parser that first read it.
        noted_at: when the line was written: the order in which answers were loaded. None in lines of kmaflow 0.1.0.
        values_only: of a saved file: only its rows were read, in the catalogue's order.
        covers: of a saved file that is the whole answer to its window: for which stations (``all``, or numbers); None for any other.
        imported: the body holds rows of an older table or of somebody else's file (:mod:`kmaflow.maintain.imports.body`).
    """

    fetched_at: datetime
    dataset: str
    stn: int
    window: Window | None
    status: int | None
    sha256: str
    bytes: int
    parser_version: int
    noted_at: datetime | None = None
    values_only: bool = False
    covers: str | None = None
    imported: bool = False

    @property
    def arrived_at(self) -> datetime:
        """When it came into the archive, as far as that is known: the order of loading."""
        return self.noted_at or self.fetched_at


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is no line of the manifest: where it stands, and why it is none."""

    place: str
    reason: str


def line_of(entry: Entry) -> bytes:
    """The entry as one line of JSON."""
    told: dict[str, Any] = {
        "fetched_at": entry.fetched_at.isoformat(timespec="microseconds"),
        "dataset": entry.dataset,
        "stn": entry.stn,
        "tm_from": entry.window.start.isoformat() if entry.window else None,
        "tm_to": entry.window.end.isoformat() if entry.window else None,
        "status": entry.status,
        "sha256": entry.sha256,
        "bytes": entry.bytes,
        "parser_version": entry.parser_version,
    }
    if entry.noted_at is not None:
        told["noted_at"] = entry.noted_at.isoformat(timespec="microseconds")
    if entry.values_only:
        told["values_only"] = True
    if entry.covers is not None:
        told["covers"] = entry.covers
    if entry.imported:
        told["imported"] = True
    return f"{json.dumps(told)}\n".encode()


def parse_line(line: bytes) -> Entry:
    """One line again.

    Raises:
        ValueError: it is none.
    """
    try:
        told = json.loads(line)
        window = None
        if told["tm_from"] is not None:
            window = Window(datetime.fromisoformat(told["tm_from"]), datetime.fromisoformat(told["tm_to"]))
        entry = Entry(
            datetime.fromisoformat(told["fetched_at"]),
            str(told["dataset"]),
            int(told["stn"]),
            window,
            None if told["status"] is None else int(told["status"]),
            str(told["sha256"]),
            int(told["bytes"]),
            int(told["parser_version"]),
            datetime.fromisoformat(told["noted_at"]) if told.get("noted_at") else None,
            told.get("values_only") is True,
            str(told["covers"]) if told.get("covers") else None,
            told.get("imported") is True,
        )
    except json.JSONDecodeError:
        raise ValueError("cut off, or no JSON") from None
    except (UnicodeDecodeError, KeyError, TypeError, ValueError, OverflowError, RecursionError, UsageError) as cause:
        raise ValueError(f"not the form of a line: {type(cause).__name__}") from None
    if not _DIGEST.fullmatch(entry.sha256):
        raise ValueError("not the form of a line: sha256")
    if entry.status is None and entry.noted_at is not None and entry.fetched_at > entry.noted_at + _SKEW:
        # No file is noted before it is fetched: its time, a person's word, was wrong.
        return replace(entry, fetched_at=entry.noted_at)
    return entry


class Manifest:
    """The manifest of an archive. Thread-safe. Every error of the place is an ``OSError``."""

    def __init__(self, where: Place) -> None:
        self._place = where
        self._lock = threading.Lock()
        self._last = datetime.min

    def note(self, entry: Entry) -> None:
        """Add a line to the day of the entry."""
        with self._lock:
            # Also within one tick of the clock, and while it is set back, the order of this writer's lines stays.
            self._last = max(now_kst(), self._last + timedelta(microseconds=1))
            noted = replace(entry, noted_at=self._last)
        self._place.append(f"{_FOLDER}/{entry.fetched_at:%Y/%m/%d}", line_of(noted))

    def entries(
        self, on_bad: Callable[[BadLine], None] | None = None, *, since: datetime | None = None
    ) -> Iterator[Entry]:
        """All lines in the order of fetching, day by day; those of one moment in the order of arrival.

        Args:
            on_bad: told of everything that is no line; by default it is logged.
            since: only days from this one on.
        """
        names = sorted(name for name, _ in self._place.files(_FOLDER) if name.endswith(".jsonl"))
        first = "" if since is None else f"{_FOLDER}/{since:%Y/%m/%d}"
        for day, of_day in groupby(names, key=lambda name: name[:_DAY]):
            if day >= first:
                yield from self._day(list(of_day), on_bad or _log)

    def _day(self, names: list[str], on_bad: Callable[[BadLine], None]) -> list[Entry]:
        found: list[Entry] = []
        for name, content in zip(names, self._place.read_all(names), strict=True):
            for number, line in enumerate(content.split(b"\n"), start=1):
                if line.strip():
                    try:
                        found.append(parse_line(line))
                    except ValueError as cause:
                        on_bad(BadLine(f"{name}:{number}", str(cause)))
        found.sort(key=lambda entry: (entry.fetched_at, entry.arrived_at))
        return found


def _log(bad: BadLine) -> None:
    log.warning("the line %s of the archive's manifest is left out: %s", bad.place, bad.reason)
