"""What an answer has left out is asked for again, in few calls, before anybody believes it.

* A stamp without any row is asked for alone. Rows come: the others that are missing are asked for again, together. No row comes, alone, from
  a hub that gives rows of other stamps: with two more probes all of them count as *empty*. What is known from answers without any row alone
  takes more of them: three stamps asked alone and the window once more, or one stamp three times.
* Stamps with rows of too few stations are asked for once more; what comes alike is believed (:mod:`kmaflow.store.coverage.proof`).
* What a station's own answer lacks is looked up in answers for all stations, at one stamp of each of its three longest gaps. No row there either: the
  station is *absent*.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from kmaflow import __version__
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import HOUR, Window
from kmaflow.hub.errors import NoRows
from kmaflow.store import Store
from kmaflow.store.coverage.proof import Proof
from kmaflow.store.ledger import ABSENT, EMPTY, LONGEST, WINDOW_FORM, event

log = logging.getLogger(__name__)

#: Stamps of one answer that are asked for alone before the others are believed.
_PROBES = 3
_Found = Literal["rows", "none", "unknown"]
#: What one more call left unanswered; None where it brought no answer, a NoRows where the answer had no row at all.
Asked = Proof | NoRows | None


class FollowUp:
    """Follows up the answers of one dataset.

    Args:
        ask: makes a call (window, station or None), loads what comes, and says what is still unanswered.
        has_row: whether the answer that came last has a row of a station.
    """

    def __init__(
        self,
        dataset: Dataset,
        store: Store,
        selection: str,
        ask: Callable[[Window, int | None], Asked],
        has_row: Callable[[int], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self.dataset = dataset
        self.store = store
        self.selection = selection
        self.ask = ask
        self.has_row = has_row
        self.clock = clock
        self._step = dataset.cadence

    def after(self, window: Window, stn: int | None, answer: Proof | NoRows) -> list[datetime]:
        """Follow up an answer; gives the stamps that are still left out."""
        if isinstance(answer, NoRows):
            return self._no_rows(window)
        if stn is not None:
            return self._station(stn, answer.holes)
        left: list[datetime] = []
        if answer.thin:
            again = self.ask(Window(answer.thin[0] - self._step, answer.thin[-1]), None)
            left += again.thin if isinstance(again, Proof) else answer.thin
        if answer.holes:
            left += self._holes(answer.holes) if window.count(self._step) > 1 else answer.holes
        return sorted(left)

    # -------------------------------------------------------------------------------------------------- all stations

    def _no_rows(self, window: Window) -> list[datetime]:
        stamps = list(window.stamps(self._step))
        alive = self.store.gave_rows_since(self.dataset.name, self.clock() - HOUR)
        if not alive and len(stamps) == 1:
            return stamps
        return self._holes(stamps, believe=alive, without_any_row=True)

    def _holes(
        self, holes: Sequence[datetime], *, believe: bool = True, without_any_row: bool = False
    ) -> list[datetime]:
        """Ask for stamps that an answer has left out, until so many answers agree that they are believed."""
        last, rest = holes[-1], list(holes[:-1])
        probes = [last, *dict.fromkeys(rest[:1] + rest[len(rest) // 2 : len(rest) // 2 + 1])]
        if without_any_row:
            probes += [last] * (_PROBES - len(probes))
        for probe in probes:
            found = self._alone(probe)
            if found == "rows":
                # The answers before were wrong; what they were asked for is asked for again with the others.
                return self._again([stamp for stamp in holes if stamp != probe])
            if found == "unknown" or not believe:
                return list(holes)
        if without_any_row and len(holes) > 1:
            answer = self.ask(Window(holes[0] - self._step, last), None)
            if not isinstance(answer, NoRows):
                return list(holes) if answer is None else self._holes(answer.holes) if answer.holes else []
        self._close(EMPTY, holes, f"{len(set(probes))} of {len(holes)} asked alone: whole answers without any row")
        return []

    def _again(self, stamps: Sequence[datetime]) -> list[datetime]:
        """Ask again for stamps that a window left out though the hub has them."""
        log.warning("%s: an answer left out stamps that the hub gives when asked again", self.dataset.name)
        left: list[datetime] = []
        for run in self._runs(stamps):
            if len(run) == 1 or self._windows_fail():
                for stamp in run:
                    found = self._alone(stamp)
                    if found != "rows":
                        left += self._holes([stamp], without_any_row=True) if found == "none" else [stamp]
                continue
            answer = self.ask(Window(run[0] - self._step, run[-1]), None)
            if isinstance(answer, NoRows):
                left += self._holes(run, without_any_row=True)
            elif answer is None:
                left += run
            elif answer.holes:
                left += self._holes(answer.holes)
        return left

    def _alone(self, stamp: datetime) -> _Found:
        answer = self.ask(Window(stamp - self._step, stamp), None)
        if isinstance(answer, NoRows):
            return "none"
        return "rows" if answer is not None and stamp not in answer.lacking else "unknown"

    def _windows_fail(self) -> bool:
        """Whether windows are of no use for this dataset; the first time that is seen it is said loudly."""
        if self.store.asked_one_by_one(self.dataset.name):
            return True
        if not self.store.windows_fail(self.dataset.name, self._step):
            return False
        words = (
            f"kmaflow {__version__}: {self.dataset.asking.endpoint} leaves out stamps when several are asked for, and gives them one by one; "
            "until the next release each call for all stations asks for one stamp"
        )
        log.error("%s: %s", self.dataset.name, words)
        self.store.note(event(self.dataset.name, None, WINDOW_FORM, message=words))
        return True

    # --------------------------------------------------------------------------------------------------- one station

    def _station(self, stn: int, holes: Sequence[datetime]) -> list[datetime]:
        """Look up what a station's own answer lacks in answers for all."""
        runs = sorted(self._runs(holes), key=len, reverse=True)
        for run in runs[:_PROBES]:
            stamp = run[len(run) // 2]
            found = self._alone(stamp)
            if found == "rows" and not self.has_row(stn):
                continue
            if found != "rows":
                return list(holes)
            log.warning("%s: the answer for station %d left out stamps that the hub has", self.dataset.name, stn)
            rest = [one for one in holes if one != stamp]
            again = self.ask(Window(rest[0] - self._step, rest[-1]), stn) if rest else Proof()
            return [one for one in again.holes if one in set(rest)] if isinstance(again, Proof) else rest
        self._close(ABSENT, holes, f"station {stn}: no row in answers for all stations either", stn=stn)
        return []

    # --------------------------------------------------------------------------------------------------------------

    def _runs(self, stamps: Iterable[datetime]) -> Iterator[list[datetime]]:
        run: list[datetime] = []
        for stamp in stamps:
            if run and stamp - run[-1] != self._step:
                yield run
                run = []
            run.append(stamp)
        if run:
            yield run

    def _close(self, outcome: str, stamps: Sequence[datetime], words: str, *, stn: int = 0) -> None:
        """Write down that nobody asks for these any more, and why."""
        now = self.clock()
        for run in self._runs(stamps):
            for part in Window(run[0] - self._step, run[-1]).split(LONGEST - timedelta(days=1)):
                row = event(self.dataset.name, part, outcome, message=words)
                self.store.note(replace(row, fetched_at=now, selection=self.selection, stn=stn))
