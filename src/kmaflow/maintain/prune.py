"""Retention of the archive: bodies that no younger answer names are given up. The manifest stays, and says what was there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kmaflow.archive.archive import Archive, path_of
from kmaflow.catalog.time import DAY, now_kst
from kmaflow.store.engines.partitions import add_months

#: After so many bodies it is looked again whether somebody has named one of the next.
_BATCH = 500
_KST = timedelta(hours=9)


@dataclass(slots=True)
class Lapse:
    """What a rebuild can no longer make of one dataset: answers, and the first and last stamps that they were about."""

    dataset: str
    answers: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def summary(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "dataset": self.dataset,
            "answers": self.answers,
            "from": f"{self.first:%Y-%m-%d %H:%M}" if self.first else None,
            "to": f"{self.last:%Y-%m-%d %H:%M}" if self.last else None,
        }


@dataclass(slots=True)
class Lapsed:
    """Bodies that only answers name which came before a moment.

    Attributes:
        before: the moment, naive KST.
        bodies: their names, with packed size.
        leftovers: files that a kill left in the middle, with size.
        lapses: what a rebuild can no longer make, by dataset.
    """

    before: datetime
    bodies: dict[str, int] = field(default_factory=dict)
    leftovers: dict[str, int] = field(default_factory=dict)
    lapses: dict[str, Lapse] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """What they take in the archive."""
        return sum(self.bodies.values()) + sum(self.leftovers.values())


def before_months(keep_months: int, now: datetime | None = None) -> datetime:
    """The beginning of the month that lies so many months before the present one."""
    month = (now or now_kst()).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return add_months(month, -keep_months)


def lapsed(archive: Archive, before: datetime) -> Lapsed:
    """What may be given up: bodies named only by answers that came into the archive before a moment (naive KST).

    Raises:
        ArchiveError: the archive cannot be read.
    """
    found = Lapsed(before)
    young: set[str] = set()
    old: set[str] = set()
    for entry in archive.entries():
        (young if entry.arrived_at >= before else old).add(entry.sha256)
    for digest, size in archive.bodies():
        if digest not in young and (digest in old or _is_older(archive, path_of(digest), before)):
            found.bodies[digest] = size
    # Whoever is writing a file now is done in a minute.
    quiet = min(before, now_kst() - DAY)
    found.leftovers = {name: size for name, size in archive.leftovers() if _is_older(archive, name, quiet)}
    for entry in archive.entries(on_bad=lambda _: None):
        if entry.sha256 in found.bodies:
            lapse = found.lapses.setdefault(entry.dataset, Lapse(entry.dataset))
            lapse.answers += 1
            if entry.window is not None:
                lapse.first = min(lapse.first or entry.window.start, entry.window.start)
                lapse.last = max(lapse.last or entry.window.end, entry.window.end)
    return found


def _is_older(archive: Archive, name: str, moment: datetime) -> bool:
    """Whether a file that nobody names was written before a moment; if the place does not tell, it stays."""
    changed = archive.modified(name)
    return changed is not None and changed + _KST < moment


def prune(archive: Archive, found: Lapsed, on_progress: Callable[[int], None] | None = None) -> int:
    """Give them up for good; gives how many bodies went. Collectors may go on meanwhile: what one of them names now stays.

    Raises:
        ArchiveError: the archive cannot be written; the next run goes on.
    """
    # Before the first one goes: what is missing from now on is missing on purpose.
    archive.keep_from(found.before)
    names = list(found.bodies)
    gone = 0
    for start in range(0, len(names), _BATCH):
        fresh = _named_lately(archive)
        for digest in names[start : start + _BATCH]:
            if digest not in fresh:
                archive.remove(path_of(digest))
                gone += 1
                if on_progress is not None:
                    on_progress(gone)
    for name in found.leftovers:
        archive.remove(name)
    return gone


def _named_lately(archive: Archive) -> set[str]:
    """Bodies that answers of the last two days name."""
    return {entry.sha256 for entry in archive.entries(on_bad=lambda _: None, since=now_kst() - 2 * DAY)}
