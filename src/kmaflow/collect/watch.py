"""Keeping the database complete in one process, without Airflow: live windows as they come, repair between them, history when there is time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, MINUTE, Window, floor_to
from kmaflow.collect.collector import Collector
from kmaflow.collect.repair import Repair, Repaired
from kmaflow.collect.result import DatasetResult
from kmaflow.errors import KmaflowError
from kmaflow.hub.errors import HubError
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.engines.database import reading
from kmaflow.store.selection import StationChoice

log = logging.getLogger(__name__)

#: So many calls of repair and history at most before live data is looked at again.
_STINT = 12
#: Repair is looked at so often: the first step of its ladder.
_REPAIR_EVERY = 10 * MINUTE
_STATIONS_EVERY = DAY
#: What is done first may be this late: never asleep for longer.
_NAP = 30.0
#: After an error of disk or database its dataset waits, twice as long each time; the others go on.
_AFTER_ERROR = timedelta(seconds=30)


class Watch:
    """Does whatever is due, and says when the next thing is.

    Args:
        names: datasets.
        tell: told of everything that was done: a dataset's result, or an error after which it goes on.
        stopping: asked between two pieces of work whether to end.
    """

    def __init__(
        self,
        collector: Collector,
        names: Sequence[str],
        choice: StationChoice,
        *,
        tell: Callable[[DatasetResult | Repaired | KmaflowError], None],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._collector = collector
        self._names = names
        self._choice = choice
        self._tell = tell
        self._stopping = stopping
        self._done: dict[str, datetime] = {}
        self._repair_at: dict[str, datetime] = {}
        self._stations_at = datetime.min
        #: Of each dataset: how often in a row disk or database failed it.
        self._failed: dict[str, int] = {}

    def run(self, pause: Callable[[float], object]) -> None:
        """Until stopped; ``pause`` waits so many seconds, or until it should end."""
        while not self._stopping():
            if not self.turn():
                pause(min(max((self.next_time() - self._now()).total_seconds(), 0.2), _NAP))

    def turn(self) -> bool:
        """One piece of work of what is due, the most urgent; whether there was any."""
        for name, work in self._due():
            try:
                work()
                self._failed.pop(name, None)
            except HubError as error:
                # What the hub refused is in the ledger; repair asks again.
                self._tell(error)
            except KmaflowError as error:
                self._tell(error)
                self._wait(name)
            return True
        return False

    def next_time(self) -> datetime:
        """When something is due next, naive KST."""
        times = [self._live_window(name, ahead=True).end + DATASETS[name].latency for name in self._names]
        return min([*times, *self._repair_at.values(), self._stations_at + _STATIONS_EVERY])

    def _come(self, time: datetime) -> bool:
        """Whether a time has come; one that is further ahead than anything is planned was reckoned by a clock that was set back since."""
        now = self._now()
        return now >= time or time > now + _STATIONS_EVERY + MINUTE

    def _due(self) -> Iterator[tuple[str, Callable[[], object]]]:
        if self._come(self._stations_at + _STATIONS_EVERY):
            yield "stations", self._sync
        for name in self._names:
            if self._done.get(name) != self._live_window(name).end:
                yield name, partial(self._collect, name)
        # Who has waited longest comes first: one dataset's history must not keep the others from being repaired.
        for name in sorted(self._names, key=lambda name: self._repair_at.get(name, datetime.min)):
            if self._come(self._repair_at.get(name, datetime.min)):
                yield name, partial(self._mend, name)

    def _sync(self) -> None:
        self._stations_at = self._now()
        self._collector.sync_stations(max_age=_STATIONS_EVERY)

    def _collect(self, name: str) -> None:
        window = self._live_window(name)
        self._done[name] = window.end
        if self._lacks(name, window):
            self._tell(self._collector.collect(name, window, self._choice))

    def _lacks(self, name: str, window: Window) -> bool:
        """Whether anything of the window is missing: another worker may have been here, or we ourselves before a restart."""
        store = self._collector.store
        store.init()
        with reading(store.engine) as connection:
            return bool(gaps(connection, [name], window, now=self._now(), stations=self._choice.stations))

    def _mend(self, name: str) -> None:
        repaired = Repair(self._collector, self._choice, most_calls=_STINT).mend(name)
        now = self._now()
        # Where the hub refuses, the next look comes in its time: its refusals must not become a storm of ours.
        at_once = repaired.more and repaired.error is None
        self._repair_at[name] = repaired.deferred_until or (now if at_once else now + _REPAIR_EVERY)
        if repaired.calls or repaired.given_up or repaired.deferred_until:
            self._tell(repaired)

    def _live_window(self, name: str, *, ahead: bool = False) -> Window:
        """The newest window that the hub has whole, or the one after it."""
        every = DATASETS[name].schedule.every
        end = floor_to(self._now() - DATASETS[name].latency, every) + (every if ahead else timedelta(0))
        return Window(end - every, end)

    def _wait(self, name: str) -> None:
        """Leave the dataset alone for a while: what fails every time must not be asked for every time."""
        if name in self._names:
            self._failed[name] = failed = self._failed.get(name, 0) + 1
            self._repair_at[name] = self._now() + min(_AFTER_ERROR * 2 ** (failed - 1), _REPAIR_EVERY)

    def _now(self) -> datetime:
        return self._collector.client.clock()
