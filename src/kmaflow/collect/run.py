"""One dataset, one window: plan, fetch, archive, parse, load — the next answer is fetched while the present one is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from kmaflow.archive import Archive, Entry
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import Window
from kmaflow.collect.plan import Call, plan
from kmaflow.collect.stations import StationChoice
from kmaflow.errors import KmaflowError
from kmaflow.failpoints import reach
from kmaflow.hub.client import Answer, Failure, HubClient
from kmaflow.hub.errors import HubError, NotYetProduced
from kmaflow.hub.parse import PARSER_VERSION, Parsed, parse
from kmaflow.store import Store
from kmaflow.store.ledger import Fetch

log = logging.getLogger(__name__)

#: A dead network fails every call alike: after so many refused windows in a row the rest is left unasked.
_GIVE_UP_AFTER = 3


@dataclass(slots=True)
class DatasetResult:
    """What collecting one dataset over one window came to.

    Attributes:
        planned / done: calls of the plan, and how many of them are finished.
        calls / bytes: requests made (retries and halves included), and what they brought.
        rows: rows in the answers for the chosen stations; ``blank`` of them hold sentinels only.
        inserted / updated / revised: what changed in the database.
        rejected: lines that are no rows (kept in ``rejected_line``).
        missing: stretches that are not there, each with why.
        error: the first error, None if there was none.
        last_stamp: the youngest stamp among the rows, naive KST.
    """

    dataset: str
    window: Window
    planned: int = 0
    done: int = 0
    calls: int = 0
    bytes: int = 0
    rows: int = 0
    blank: int = 0
    inserted: int = 0
    updated: int = 0
    revised: int = 0
    rejected: int = 0
    missing: list[str] = field(default_factory=list)
    error: KmaflowError | None = None
    last_stamp: datetime | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        """Rows that were there already as they are."""
        return self.rows - self.inserted - self.updated

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: no window refused, not asked, not yet produced, no line rejected."""
        return not self.missing and not self.rejected

    @property
    def failed(self) -> bool:
        """Whether nothing at all came, for a reason that is not the observations' age."""
        return self.rows == 0 and self.error is not None and not isinstance(self.error, NotYetProduced)

    def summary(self) -> dict[str, Any]:
        """The counts as plain JSON values."""
        return {
            "dataset": self.dataset,
            "from": f"{self.window.start:%Y-%m-%d %H:%M}",
            "to": f"{self.window.end:%Y-%m-%d %H:%M}",
            **{
                name: getattr(self, name)
                for name in (
                    "calls",
                    "bytes",
                    "rows",
                    "blank",
                    "inserted",
                    "updated",
                    "unchanged",
                    "revised",
                    "rejected",
                )
            },
            "complete": self.complete,
            "missing": list(self.missing),
            "error": str(self.error) if self.error else None,
            "last_stamp": f"{self.last_stamp:%Y-%m-%d %H:%M}" if self.last_stamp else None,
            "notes": list(self.notes),
        }


def keep(archive: Archive, answer: Answer | Failure, content: bytes, status: int | None) -> str:
    """A body and its line of the manifest into the archive; gives the SHA-256."""
    reach("answer_fetched")
    digest = archive.keep(content)
    reach("body_archived")
    archive.note(
        Entry(
            answer.fetched_at, answer.name, answer.stn or 0, answer.window, status, digest, len(content), PARSER_VERSION
        )
    )
    reach("manifest_noted")
    return digest


def chosen_rows(parsed: Parsed, choice: StationChoice) -> Parsed:
    """Only the rows and rejected lines of the chosen stations."""
    if choice.stations is None:
        return parsed
    mine = pl.col("stn").is_in(list(choice.stations))
    return replace(
        parsed,
        rows=parsed.rows.filter(mine),
        pairs=None if parsed.pairs is None else parsed.pairs.filter(mine),
        rejected=tuple(line for line in parsed.rejected if line.stn is None or line.stn in choice.stations),
    )


@dataclass(frozen=True, slots=True)
class Understood:
    """An answer that is in the archive: what it says, or why it says nothing."""

    answer: Answer
    digest: str
    parsed: Parsed | HubError


class DatasetRun:
    """Collects one dataset over one window."""

    def __init__(
        self,
        dataset: Dataset,
        window: Window,
        choice: StationChoice,
        *,
        store: Store,
        client: HubClient,
        archive: Archive,
        window_minutes: int,
        on_progress: Callable[[DatasetResult], None] | None = None,
    ) -> None:
        self.dataset = dataset
        self.choice = choice
        self.store = store
        self.client = client
        self.archive = archive
        self.on_progress = on_progress
        self.calls = plan(dataset, window, choice, window_minutes)
        self.result = DatasetResult(dataset.name, window, planned=len(self.calls))

    def leave_out(self, done: Container[tuple[datetime, datetime, int]]) -> None:
        """Do not ask the calls (start, end, station or 0) that another worker has done meanwhile."""
        rest = [call for call in self.calls if (call.window.start, call.window.end, call.stn or 0) not in done]
        if len(rest) < len(self.calls):
            self.result.notes.append(
                f"{len(self.calls) - len(rest)} of {len(self.calls)} calls were made by another worker meanwhile"
            )
        self.calls = rest
        self.result.planned = len(rest)

    def run(self) -> DatasetResult:
        """Collect. A refused part does not stop the others, unless asking on is of no use.

        Raises:
            StoreError, ArchiveError: the disk or database failed; what was loaded before stays.
        """
        asked, received = self.client.requests, self.client.received
        done = 0
        for pieces in self._fetched():
            for piece in pieces:
                self._take(piece)
            done += 1
            self.result.done = done
            self.result.calls = self.client.requests - asked
            self.result.bytes = self.client.received - received
            if self.on_progress:
                self.on_progress(self.result)
        if rest := self.calls[done:]:
            window = Window(min(call.window.start for call in rest), max(call.window.end for call in rest))
            why = self.result.error.code if isinstance(self.result.error, HubError) else "an error"
            self.result.missing.append(f"{window}: not asked ({len(rest)} calls) after: {why}")
        return self.result

    def _fetched(self) -> Iterator[list[Understood | Failure]]:
        """The answers call by call, archived and parsed; the next is made ready while the caller loads the last.

        Ends early where asking on is useless.
        """

        def ask(call: Call) -> list[Understood | Failure]:
            pieces = self.client.ask_in_parts(self.dataset, call.window, call.stn)
            return [piece if isinstance(piece, Failure) else self._understand(piece) for piece in pieces]

        if not self.calls:
            return
        refused_in_a_row = 0
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch") as pool:
            ahead: Future[list[Understood | Failure]] | None = pool.submit(ask, self.calls[0])
            for following in (*self.calls[1:], None):
                if ahead is None:
                    return
                pieces = ahead.result()
                refused_in_a_row = refused_in_a_row + 1 if all(isinstance(piece, Failure) for piece in pieces) else 0
                useless = refused_in_a_row >= _GIVE_UP_AFTER or any(
                    isinstance(piece, Failure) and not piece.error.transient for piece in pieces
                )
                ahead = None if following is None or useless else pool.submit(ask, following)
                yield pieces

    def _understand(self, answer: Answer) -> Understood:
        digest = keep(self.archive, answer, answer.content, answer.status)
        try:
            parsed = parse(self.dataset, answer.content, window=answer.window, one_station=answer.stn is not None)
        except HubError as error:
            return Understood(answer, digest, error)
        return Understood(answer, digest, chosen_rows(parsed, self.choice))

    def _take(self, piece: Understood | Failure) -> None:
        if isinstance(piece, Failure):
            self._refuse(piece.window, piece.error)
            return
        answer, digest, parsed = piece.answer, piece.digest, piece.parsed
        if isinstance(parsed, HubError):
            self.store.note(self._ledger_row(answer, digest, outcome=parsed.code, message=parsed.what))
            self._refuse(answer.window, parsed)
            return
        loaded = self.store.load(parsed, self._ledger_row(answer, digest, outcome="ok"))
        result = self.result
        result.rows += parsed.rows.height
        result.blank += int(parsed.rows["blank"].sum())
        result.inserted += loaded.inserted
        result.updated += loaded.updated
        result.revised += loaded.revised
        result.rejected += len(parsed.rejected)
        result.notes += [note for note in parsed.notes if note not in result.notes]
        last = parsed.rows["tm_kst"].max()
        if isinstance(last, datetime) and (result.last_stamp is None or last > result.last_stamp):
            result.last_stamp = last
        if parsed.not_produced:
            self._young(parsed.not_produced)

    def _young(self, stamps: tuple[datetime, ...]) -> None:
        span = f"{stamps[0]:%Y-%m-%d %H:%M}" + (f" … {stamps[-1]:%H:%M}" if len(stamps) > 1 else "")
        error = NotYetProduced(f"{self.dataset.name}: {len(stamps)} stamp(s) not yet produced: {span}")
        self.result.missing.append(f"{span}: {error.code}")
        self.result.error = self.result.error or error

    def _refuse(self, window: Window | None, error: HubError) -> None:
        log.info("%s %s: %s", self.dataset.name, window, error.what)
        self.result.missing.append(f"{window}: {error.code}: {error.what}")
        self.result.error = self.result.error or error

    def _ledger_row(self, answer: Answer, digest: str, *, outcome: str, message: str | None = None) -> Fetch:
        return Fetch(
            dataset=answer.name,
            window=answer.window,
            stn=answer.stn or 0,
            fetched_at=answer.fetched_at,
            http_status=answer.status,
            outcome=outcome,
            sha256=digest,
            bytes=len(answer.content),
            rows=0,
            rejected=0,
            parser_version=PARSER_VERSION,
            key_id=self.client.key_id,
            selection=self.choice.selection,
            message=message,
        )
