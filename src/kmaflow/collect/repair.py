"""Asking again for what is due (:mod:`kmaflow.collect.due`), in cheap calls, newest first; and giving up what was tried often enough."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from kmaflow.catalog.time import DAY, HOUR, Window
from kmaflow.collect.collector import Collector
from kmaflow.collect.due import Due, due_now, meant_gaps
from kmaflow.collect.planning.calls import Call
from kmaflow.collect.planning.estimate import plan_gaps, usual_windows, wants_of
from kmaflow.collect.planning.plan import Budget, Plan, Want
from kmaflow.collect.result import DatasetResult, Tally
from kmaflow.hub.errors import IncompleteAnswer, NoRows, NotYetProduced
from kmaflow.quota.limits import CallClass
from kmaflow.store import ledger
from kmaflow.store.coverage.gaps import Gap
from kmaflow.store.coverage.retries import standing_refusal
from kmaflow.store.engines.database import reading, writing
from kmaflow.store.selection import ALL, StationChoice

log = logging.getLogger(__name__)

#: What is older is history: it is charged as backfill, from which live data's needs are kept back.
YOUNG = 7 * DAY
#: After a refusal that only a person can mend, one call an hour finds out whether somebody has.
_PROBE_EVERY = HOUR
#: When everything is asked for, answers that leave something out are asked for again so often.
_MORE_ROUNDS = 2


@dataclass(slots=True)
class Repaired(Tally):
    """What repairing one dataset came to.

    Attributes:
        due: cells that were missing and due; ``quiet`` blank or absent stretches and ``revisits`` stretches were asked again beside them.
        given_up: cells that are not asked for any more.
        left: cells that are still missing, ``waiting`` of them for a later try.
        refused: code of a refusal that only a person can mend; nothing more was asked then.
        more: calls that were due are left for the next time.
        busy: another worker is repairing this dataset; nothing was done.
        deferred_until: naive KST; the quota left something unasked. ``old_deferred_until``: of what is older than a week, for which
            live data's needs are kept back; young cells go on.
    """

    dataset: str
    window: Window | None = None
    due: int = 0
    quiet: int = 0
    revisits: int = 0
    given_up: int = 0
    left: int = 0
    waiting: int = 0
    refused: str | None = None
    more: bool = False
    busy: bool = False
    error: str | None = None
    deferred_until: datetime | None = None
    old_deferred_until: datetime | None = None

    def add(self, result: DatasetResult, *, old: bool = False) -> None:
        """Count what a run brought; ``old``: for history."""
        self.count(result)
        if result.error is not None and result.deferred_until is None:
            self.error = self.error or str(result.error)
        if old:
            self.old_deferred_until = self.old_deferred_until or result.deferred_until
        else:
            self.deferred_until = self.deferred_until or result.deferred_until

    def summary(self) -> dict[str, Any]:
        """As plain JSON values."""
        times = ("deferred_until", "old_deferred_until")
        named = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("window", *times)}
        return named | {
            "from": f"{self.window.start:%Y-%m-%d %H:%M}" if self.window else None,
            "to": f"{self.window.end:%Y-%m-%d %H:%M}" if self.window else None,
            **{name: f"{at:%Y-%m-%d %H:%M}" if (at := getattr(self, name)) else None for name in times},
        }


class Repair:
    """Repairs dataset by dataset what lies in a stretch of time.

    Args:
        begin: naive KST, default ``START`` or when the hub was first asked; ``end``: default what the hub should have by now.
        everything: all that is missing, whether its next try has come or it was given up, and no visits for corrections.
        most_calls: stop after so many, newest first; what is left stays due.
        most_old_calls: stop after so many of those for what is older than a week, however many younger ones there were.
        patient: leave a dataset alone for an hour after a refusal that only a person can mend.
    """

    def __init__(
        self,
        collector: Collector,
        choice: StationChoice = ALL,
        *,
        begin: datetime | None = None,
        end: datetime | None = None,
        everything: bool = False,
        most_calls: int | None = None,
        most_old_calls: int | None = None,
        patient: bool = True,
        on_progress: Callable[[DatasetResult], None] | None = None,
    ) -> None:
        self._collector = collector
        self._choice = choice
        self._begin = begin
        self._end = end
        self._everything = everything
        self._most_calls = most_calls
        self._most_old_calls = most_old_calls
        self._patient = patient and not everything
        self.on_progress = on_progress

    def look(self, name: str) -> Due:
        """What is due of a dataset now."""
        window = self._window(name)
        return Due(name) if window is None else self._due(name, window)

    def mend(self, name: str) -> Repaired:
        """Ask for what is due of a dataset.

        Raises:
            StoreError, ArchiveError: the disk or database failed; what was loaded before stays.
        """
        window = self._window(name)
        repaired = Repaired(name, window)
        if window is None:
            return repaired
        with self._collector.work_lease(f"repair {name}", self._choice) as lease:
            if not lease.take():
                repaired.busy = True
                return repaired
            self._mend(name, window, repaired)
        return repaired

    def _mend(self, name: str, window: Window, repaired: Repaired) -> None:
        due = self._due(name, window)
        repaired.given_up = self._give_up(due.exhausted)
        repaired.refused = self._refused(name)
        if repaired.refused is not None:
            log.warning("%s: still refused (%s): a person must act; run: kmaflow doctor", name, repaired.refused)
        else:
            repaired.due = sum(gap.cells for gap in due.missing)
            repaired.quiet, repaired.revisits = len(due.quiet), len(due.revisits)
            again = self._ask_for(name, due, repaired)
            for _ in range(_MORE_ROUNDS if self._everything else 0):
                due = self._due(name, window)
                if not again or not due.missing:
                    break
                again = self._ask_for(name, due, repaired)
        left = self._missing(name, window)
        repaired.left = sum(gap.cells for gap in left)
        repaired.waiting = sum(gap.cells for gap in left if gap.why != ledger.GIVEN_UP)

    def _ask_for(self, name: str, due: Due, repaired: Repaired) -> bool:
        """Ask for what is due; gives whether answers came that left something out, so that asking once more is of use."""
        again = False
        for work, plan in self._plans(name, due):
            if repaired.deferred_until is None and plan.calls and not self._kept_back(work, repaired):
                calls = plan.calls[: self._room(work, repaired.planned)]
                repaired.more |= len(calls) < len(plan.calls)
                if calls:
                    result = self._ask(name, calls, work)
                    repaired.add(result, old=work == "backfill")
                    again |= isinstance(result.error, IncompleteAnswer | NoRows | NotYetProduced)
        return again

    def _kept_back(self, work: CallClass, repaired: Repaired) -> bool:
        """Whether history has to wait for the next day's quota: young cells do not wait with it."""
        quota = self._collector.quota
        if work == "backfill" and quota is not None:
            repaired.old_deferred_until = quota.closed_until(work)
        return repaired.old_deferred_until is not None

    def _room(self, work: CallClass, planned: int) -> int | None:
        """How many calls of this class may still be made after so many of this dataset; None = any number."""
        bounds = [] if self._most_calls is None else [max(self._most_calls - planned, 0)]
        if work == "backfill" and self._most_old_calls is not None:
            bounds.append(self._most_old_calls)
        return min(bounds, default=None)

    def _window(self, name: str) -> Window | None:
        collector = self._collector
        collector.store.init()
        with reading(collector.store.engine) as connection:
            now = collector.client.clock()
            found = usual_windows(connection, [name], self._begin, self._end, collector.settings.start, now)
        return found.get(name)

    def _due(self, name: str, window: Window) -> Due:
        revisit_days = 0 if self._everything else self._collector.settings.revisit_days
        with reading(self._collector.store.engine) as connection:
            return due_now(
                connection,
                name,
                window,
                revisit_days=revisit_days,
                everything=self._everything,
                **self._meant(),
            )

    def _missing(self, name: str, window: Window) -> list[Gap]:
        with reading(self._collector.store.engine) as connection:
            return meant_gaps(connection, name, window, **self._meant())

    def _meant(self) -> dict[str, Any]:
        """Which cells are meant to be there, as :func:`due_now` and :func:`meant_gaps` both take it."""
        return {
            "now": self._collector.client.clock(),
            "stations": self._choice.stations,
            # Who names a beginning means it.
            "start": self._collector.settings.start if self._begin is None else None,
            "widened": self._everything,
        }

    def _refused(self, name: str) -> str | None:
        if not self._patient:
            return None
        with reading(self._collector.store.engine) as connection:
            standing = standing_refusal(connection, name)
        recent = standing is not None and self._collector.client.clock() - standing[1] < _PROBE_EVERY
        return standing[0] if recent and standing is not None else None

    def _plans(self, name: str, due: Due) -> Iterable[tuple[CallClass, Plan]]:
        edge = self._collector.client.clock() - YOUNG
        wants = (*wants_of(due.missing), *due.quiet, *due.revisits)
        young = [want for want in wants if want.window.end > edge]
        old = [want for want in wants if want.window.start < edge]
        yield "repair", self._plan(name, [_cut(want, Window(edge, datetime.max)) for want in young])
        yield "backfill", self._plan(name, [_cut(want, Window(datetime.min, edge)) for want in old])

    def _plan(self, name: str, wants: Sequence[Want]) -> Plan:
        collector, settings = self._collector, self._collector.settings
        budget = Budget(settings.daily_calls, settings.daily_bytes)
        with reading(collector.store.engine) as connection:
            return plan_gaps(connection, name, wants, budget, window_minutes=settings.window_minutes, newest_first=True)

    def _ask(self, name: str, calls: Sequence[Call], work: CallClass) -> DatasetResult:
        window = Window(min(call.window.start for call in calls), max(call.window.end for call in calls))
        log.info("%s: %d calls for %s", name, len(calls), window)
        return self._collector.ask(name, window, calls, self._choice, work=work, on_progress=self.on_progress)

    def _give_up(self, exhausted: Iterable[Gap]) -> int:
        """Note in the ledger that nobody asks for these any more, and why; how many cells."""
        cells = 0
        for gap in exhausted:
            last = f"{gap.last:%Y-%m-%d %H:%M}" if gap.last else "-"
            why = f"given up after the last try at {last}: {gap.why or gap.state}: {gap.error or '-'}"
            chosen = "all" if gap.stations is None else ",".join(map(str, gap.stations))
            with writing(self._collector.store.engine) as connection:
                for part in gap.window.split(ledger.LONGEST):
                    row = ledger.event(gap.dataset, part, ledger.GIVEN_UP, message=why)
                    ledger.write(connection, replace(row, fetched_at=self._collector.client.clock(), selection=chosen))
            log.warning("%s %s: %s", gap.dataset, gap.window, why)
            cells += gap.cells
        return cells


def _cut(want: Want, window: Window) -> Want:
    return replace(want, window=Window(max(want.window.start, window.start), min(want.window.end, window.end)))
