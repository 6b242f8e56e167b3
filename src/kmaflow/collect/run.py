"""One dataset, one window: plan, fetch, archive, parse, load — the next answer is fetched while the present one is loaded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from kmaflow.archive.archive import Archive, Entry
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import Window
from kmaflow.collect.follow_up import FollowUp
from kmaflow.collect.planning.calls import Call, plan
from kmaflow.collect.result import DatasetResult, told, unasked
from kmaflow.errors import KmaflowError
from kmaflow.failpoints import reach
from kmaflow.hub.client import Answer, Failure, HubClient
from kmaflow.hub.errors import EmptyAnswer, HubError, IncompleteAnswer, NoRows, NotYetProduced, QuotaSpent
from kmaflow.hub.parse import PARSER_VERSION, Parsed, parse
from kmaflow.store import Store
from kmaflow.store.coverage.proof import Proof
from kmaflow.store.errors import StoreUnstorable
from kmaflow.store.ledger import LedgerRow
from kmaflow.store.selection import StationChoice

log = logging.getLogger(__name__)

#: A dead network fails every call alike: after so many refused windows in a row the rest is left unasked.
_GIVE_UP_AFTER = 3
#: A load waits for the next call to be let in, but not for one that has to wait itself.
_LET_IN_SECONDS = 0.25


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
        printed=dict(parsed.rows.group_by("tm_kst").len().iter_rows()),
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


def _span(stamps: Sequence[datetime]) -> str:
    return f"{stamps[0]:%Y-%m-%d %H:%M}" + (f" … {stamps[-1]:%H:%M}" if len(stamps) > 1 else "")


def _unanswered(piece: Understood | Failure) -> bool:
    """Whether the hub had no answer at all. That it has no rows for a stretch is one."""
    return isinstance(piece, Failure) and not isinstance(piece.error, EmptyAnswer | NotYetProduced)


class DatasetRun:
    """Collects one dataset over one window.

    Args:
        calls: to be made in this order; None = those that cover the window.
        one_writer: quota and observations lie in one SQLite file: the next call is let in before the present answer is loaded, since it
            would wait for the load otherwise.
    """

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
        calls: Iterable[Call] | None = None,
        one_writer: bool = False,
        on_progress: Callable[[DatasetResult], None] | None = None,
    ) -> None:
        self.dataset = dataset
        self.choice = choice
        self.store = store
        self.client = client
        self.archive = archive
        self.one_writer = one_writer
        self.on_progress = on_progress
        self.calls = plan(dataset, window, choice, window_minutes) if calls is None else list(calls)
        self.result = DatasetResult(dataset.name, window, planned=len(self.calls))
        self._last_seen: frozenset[int] = frozenset()
        self._follow_up = FollowUp(
            dataset,
            store,
            choice.selection,
            self._ask_again,
            lambda stn: stn in self._last_seen,
            lambda: client.clock(),
            window_minutes,
        )

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
        self._leave(self.calls[done:])
        return self.result

    def _leave(self, rest: list[Call]) -> None:
        """Say of these calls that they were not made; of the quota's also in the ledger, by which they are asked later."""
        if not rest:
            return
        window = Window(min(call.window.start for call in rest), max(call.window.end for call in rest))
        if self.result.deferred_until is None:
            why = (self.result.error and self.result.error.code) or "an error"
            self.result.missing.append(f"{window}: not asked ({len(rest)} calls) after: {why}")
            return
        self.result.missing.append(f"{window}: not asked: quota ({len(rest)} calls)")
        for row in unasked(rest, self.dataset.name, now=self.client.clock(), key_id=self.client.key_id):
            self.store.note(row)

    def _fetched(self) -> Iterator[list[Understood | Failure]]:
        """The answers call by call, archived and parsed; the next is made ready while the caller loads the last.

        Ends early where asking on is useless.
        """

        let_in = threading.Event()

        def ask(call: Call) -> list[Understood | Failure]:
            try:
                pieces = self.client.ask_in_parts(self.dataset, call.window, call.stn, let_in=let_in.set)
                return [piece if isinstance(piece, Failure) else self._understand(piece) for piece in pieces]
            finally:
                let_in.set()

        if not self.calls:
            return
        refused_in_a_row = 0
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch") as pool:
            # In the caller's context: log lines of both threads say for what they are.
            ahead: Future[list[Understood | Failure]] | None = pool.submit(copy_context().run, ask, self.calls[0])
            for following in (*self.calls[1:], None):
                if ahead is None:
                    return
                pieces = ahead.result()
                refused_in_a_row = refused_in_a_row + 1 if all(_unanswered(piece) for piece in pieces) else 0
                useless = refused_in_a_row >= _GIVE_UP_AFTER or any(
                    isinstance(piece, Failure) and not piece.error.transient for piece in pieces
                )
                let_in.clear()
                ahead = None if following is None or useless else pool.submit(copy_context().run, ask, following)
                if ahead is not None and self.one_writer:
                    let_in.wait(_LET_IN_SECONDS)
                yield pieces

    def _understand(self, answer: Answer) -> Understood:
        digest = keep(self.archive, answer, answer.content, answer.status)
        try:
            parsed = parse(self.dataset, answer.content, window=answer.window, one_station=answer.stn is not None)
        except HubError as error:
            return Understood(answer, digest, error)
        return Understood(answer, digest, chosen_rows(parsed, self.choice))

    def _take(self, piece: Understood | Failure) -> None:
        """Load an answer, and ask again for what it has left out."""
        said = self._load(piece)
        if said is None:
            return
        window = piece.window if isinstance(piece, Failure) else piece.answer.window
        stn = piece.stn if isinstance(piece, Failure) else piece.answer.stn
        assert window is not None
        left = self._follow_up.after(window, stn, said)
        if isinstance(said, Proof) and said.young:
            self._young(said.young)
        if isinstance(said, NoRows) and left:
            self._refuse(window, said)
        elif left:
            error = IncompleteAnswer(
                f"{self.dataset.name}: an answer left out {len(left)} stamp(s), or most of their stations: {_span(left)}",
                ko=f"{self.dataset.name}: 관측시각 {len(left)}개, 또는 그 지점 대부분이 응답에 없습니다: {_span(left)}",
            )
            log.warning("%s", error.what)
            self.result.missing.append(f"{_span(left)}: {error.code}")
            self.result.error = self.result.error or error

    def _ask_again(self, window: Window, stn: int | None) -> Proof | NoRows | None:
        """One more call, loaded; None where it brought no answer."""
        error = self.result.error
        if self.result.deferred_until is not None or (isinstance(error, HubError) and not error.transient):
            return None
        said = [
            (part.window, self._load(part if isinstance(part, Failure) else self._understand(part)))
            for part in self.client.ask_in_parts(self.dataset, window, stn)
        ]
        if len(said) == 1:
            return said[0][1]
        holes, thin, young = list[datetime](), list[datetime](), list[datetime]()
        for half, one in said:
            if isinstance(one, Proof):
                holes, thin, young = [*holes, *one.holes], [*thin, *one.thin], [*young, *one.young]
            elif half is not None:
                holes += half.stamps(self.dataset.cadence)
        return Proof(tuple(young), tuple(holes), tuple(thin))

    def _load(self, piece: Understood | Failure) -> Proof | NoRows | None:
        """Load an answer; gives what it leaves unanswered, None where it is none."""
        if isinstance(piece, Failure):
            if isinstance(piece.error, NoRows):
                return piece.error
            self._refuse(piece.window, piece.error)
            return None
        answer, digest, parsed = piece.answer, piece.digest, piece.parsed
        if isinstance(parsed, HubError):
            self._refuse_answer(answer, digest, parsed)
            return None
        request = self._ledger_row(answer, digest)
        try:
            loaded = self.store.load(parsed, request)
        except StoreUnstorable as error:
            self._refuse_answer(answer, digest, error)
            return None
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
        self._last_seen = frozenset(parsed.rows["stn"].unique().to_list())
        return loaded.proof

    def _young(self, stamps: Sequence[datetime]) -> None:
        span = _span(stamps)
        error = NotYetProduced(
            f"{self.dataset.name}: {len(stamps)} stamp(s) not yet produced: {span}",
            ko=f"{self.dataset.name}: 관측시각 {len(stamps)}개 미생산: {span}",
        )
        self.result.missing.append(f"{span}: {error.code}")
        self.result.error = self.result.error or error

    def _refuse_answer(self, answer: Answer, digest: str, error: KmaflowError) -> None:
        """What came cannot be used: its window is refused, and the others go on."""
        self.store.note(replace(self._ledger_row(answer, digest), outcome=error.code, message=error.what))
        self._refuse(answer.window, error)

    def _refuse(self, window: Window | None, error: KmaflowError) -> None:
        log.info("%s %s: %s", self.dataset.name, window, error.what)
        self.result.missing.append(f"{window}: {told(error, code=True)}")
        self.result.error = self.result.error or error
        if isinstance(error, QuotaSpent):
            self.result.deferred_until = error.until

    def _ledger_row(self, answer: Answer, digest: str) -> LedgerRow:
        return LedgerRow.answered(answer, digest, key_id=self.client.key_id, selection=self.choice.selection)
