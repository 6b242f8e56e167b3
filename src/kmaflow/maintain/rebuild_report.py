"""What a rebuild came to: counts for each dataset, and everything that could not be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kmaflow.catalog.time import Window


@dataclass(slots=True)
class DatasetRebuilt:
    """What became of one dataset or station list.

    Attributes:
        stretches: made anew; ``done_before`` of them by the run that was broken off.
        answers: loaded or noted; ``bytes`` of text.
        rows / inserted / updated / revised / rejected: as of a collect.
        refused: answers that were refusals, or that cannot be understood.
        lost: answers whose bodies are missing or damaged.
        parser_revisions: revisions of the cause ``parser`` that went: now the present parser has read everything from the start.
        kept: stretches left as they are, each with why.
    """

    dataset: str
    stretches: int = 0
    done_before: int = 0
    answers: int = 0
    bytes: int = 0
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    revised: int = 0
    rejected: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    parser_revisions: int = 0
    kept: list[str] = field(default_factory=list)

    def add(self, other: DatasetRebuilt) -> None:
        """Add another's counts."""
        for name, more in other.summary().items():
            if name != "dataset":
                setattr(self, name, getattr(self, name) + more)

    def summary(self) -> dict[str, Any]:
        """The counts as plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class RebuildReport:
    """What a rebuild came to.

    Attributes:
        selection: the stations that were stored, as the ledger writes them.
        window: the stretch that was asked for, None = everything.
        planned / done: answers, those of kept stretches included.
        pruned: answers whose bodies were given up on purpose (``kmaflow archive prune``).
        bad_lines: what stands in the manifest and is no line of it; its answers were never loaded.
        unknown: answers to questions that this version does not know, by dataset.
        went_on: whether this is the rest of a rebuild that was broken off.
    """

    selection: str = "all"
    window: Window | None = None
    planned: int = 0
    done: int = 0
    datasets: dict[str, DatasetRebuilt] = field(default_factory=dict)
    pruned: int = 0
    bad_lines: list[str] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    went_on: bool = False
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows read for the chosen stations."""
        return sum(one.rows for one in self.datasets.values())

    @property
    def complete(self) -> bool:
        """Whether everything that the archive names was made anew."""
        return not self.unknown and not any(one.lost or one.kept for one in self.datasets.values())

    def of(self, dataset: str) -> DatasetRebuilt:
        """The counts of a dataset."""
        return self.datasets.setdefault(dataset, DatasetRebuilt(dataset))

    def summary(self) -> dict[str, Any]:
        """The counts as plain JSON values."""
        return {
            "stations": self.selection,
            "from": f"{self.window.start:%Y-%m-%d %H:%M}" if self.window else None,
            "to": f"{self.window.end:%Y-%m-%d %H:%M}" if self.window else None,
            "answers": self.planned,
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rows / self.seconds) if self.seconds else None,
            "complete": self.complete,
            "went_on": self.went_on,
            "pruned": self.pruned,
            "bad_lines": self.bad_lines,
            "unknown": self.unknown,
            "datasets": [one.summary() for one in self.datasets.values()],
        }
