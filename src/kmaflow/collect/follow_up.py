"""What an answer has left out is asked for again, in few calls, before anybody believes it.

* Of the stamps without any row the last, the first and the middle one are asked for alone. Rows come: the others are asked for again, together.
  No row comes for any of them, nor for the window once more, from a hub that gives rows of other stamps: all of them are *empty*. A single stamp
  is so after three tries.
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

from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import HOUR, Window
from kmaflow.collect.planning.calls import ONE_STAMP
from kmaflow.hub.errors import NoRows
from kmaflow.store import Store
from kmaflow.store.coverage.proof import Proof
from kmaflow.store.ledger import ABSENT, EMPTY, LONGEST, WINDOW_FORM, event, window_form

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
        window_minutes: as the calls for all stations are made.
    """

    def __init__(
        self,
        dataset: Dataset,
        store: Store,
        selection: str,
        ask: Callable[[Window, int | None], Asked],
        has_row: Callable[[int], bool],
        clock: Callable[[], datetime],
        window_minutes: int,
    ) -> None:
        self.dataset = dataset
        self.store = store
        self.selection = selection
        self.ask = ask
        self.has_row = has_row
        self.clock = clock
        self.window_minutes = window_minutes
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
            left += (*again.thin, *again.holes) if isinstance(again, Proof) else answer.thin
        if answer.holes:
            left += self._holes(answer.holes) if window.count(self._step) > 1 else answer.holes
        return sorted(left)

    # -------------------------------------------------------------------------------------------------- all stations

    def _no_rows(self, window: Window) -> list[datetime]:
        stamps = list(window.stamps(self._step))
        alive = self.store.gave_rows_since(self.dataset.name, self.clock() - HOUR)
        if len(stamps) > 1:
            return self._holes(stamps, believe=alive)
        return self._settle(stamps, tries=_PROBES) if alive else stamps

    def _holes(self, holes: Sequence[datetime], *, believe: bool = True) -> list[datetime]:
        """Ask for stamps that an answer for several has left out; gives those that are still left out."""
        without: list[datetime] = []
        probes = list(dict.fromkeys((holes[-1], holes[0], holes[len(holes) // 2])))
        for probe in probes:
            found = self._alone(probe)
            if found == "unknown" or (found == "none" and not believe):
                return list(holes)
            if found == "rows":
                rest = [stamp for stamp in holes if stamp != probe and stamp not in without]
                return sorted(self._again(rest) + self._settle(without))
            without.append(probe)
        if len(probes) < _PROBES:
            return self._settle(holes)
        again = self.ask(Window(holes[0] - self._step, holes[-1]), None)
        if again is None:
            return list(holes)
        came = set() if isinstance(again, NoRows) else set(holes) - again.lacking
        if came:
            return self._again([stamp for stamp in holes if stamp not in came])
        self._close(EMPTY, holes, f"{len(probes)} of {len(holes)} asked alone: whole answers without any row")
        return []

    def _settle(self, stamps: Sequence[datetime], *, tries: int = _PROBES - 1) -> list[datetime]:
        """Ask for each of these alone; those that come without a row each time are empty. Gives the others without rows."""
        left: list[datetime] = []
        empty: list[datetime] = []
        for stamp in stamps:
            found: _Found = "none"
            for _ in range(tries):
                if found == "none":
                    found = self._alone(stamp)
            if found == "none":
                empty.append(stamp)
            elif found == "unknown":
                left.append(stamp)
        self._close(EMPTY, sorted(empty), f"asked alone {_PROBES} times: whole answers without any row")
        return left

    def _again(self, stamps: Sequence[datetime]) -> list[datetime]:
        """Ask again for stamps that a window left out though the hub has them."""
        log.warning("%s: an answer left out stamps that the hub gives when asked again", self.dataset.name)
        left: list[datetime] = []
        for run in self._runs(stamps):
            if len(run) == 1 or self._windows_fail():
                left += self._settle(run, tries=_PROBES)
                continue
            answer = self.ask(Window(run[0] - self._step, run[-1]), None)
            if isinstance(answer, NoRows):
                left += self._holes(run)
            elif answer is None:
                left += run
            else:
                left += answer.thin
                left += self._holes(answer.holes) if answer.holes else []
        return left

    def _alone(self, stamp: datetime) -> _Found:
        answer = self.ask(Window(stamp - self._step, stamp), None)
        if isinstance(answer, NoRows):
            return "none"
        return "rows" if answer is not None and stamp not in answer.lacking else "unknown"

    def _windows_fail(self) -> bool:
        """Whether windows are of no use for this dataset; the first time that is seen it is said loudly."""
        if self.window_minutes == ONE_STAMP:
            return True
        if not self.store.windows_fail(self.dataset.name, self._step):
            return False
        words = (
            f"{window_form(self.window_minutes)}{self.dataset.request.endpoint} leaves out stamps when several are asked for, and gives them one "
            "by one; until the next release, or another KMAFLOW_WINDOW_MINUTES, each call for all stations asks for one stamp"
        )
        self.window_minutes = ONE_STAMP
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
