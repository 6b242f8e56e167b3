"""The quota as a worker opens it: its limits from the settings, and what live data still needs until midnight from the catalogue."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.time import DAY, Window
from kmaflow.collect.planning.calls import ONE_STAMP, plan
from kmaflow.quota.limits import Limits, LiveWork, Need, need_until_midnight
from kmaflow.quota.meter import first_guess, kind_of_call
from kmaflow.quota.quota import Quota
from kmaflow.settings import Settings
from kmaflow.store.selection import ALL
from kmaflow.store.state import State

#: Seconds for which the sizes of answers are taken as they were.
_LOOK_EVERY = 10.0
_SOME_DAY = datetime(2026, 1, 1)


def open_quota(
    settings: Settings,
    state: State,
    key_id: str,
    *,
    clock: Callable[[], datetime] | None = None,
    one_by_one: Callable[[], Collection[str]] = tuple,
) -> Quota:
    """The quota of a key; ``clock`` as :class:`Quota` takes it, ``one_by_one`` gives the datasets of which each call asks for one stamp."""
    works: list[LiveWork] = []
    looked = -_LOOK_EVERY

    def need(now: datetime) -> Need:
        nonlocal works, looked
        # What answers weigh changes slowly; backfill asks before every call.
        if time.monotonic() - looked >= _LOOK_EVERY:
            works = live_works(settings.window_minutes, quota.sizes(), one_by_one())
            looked = time.monotonic()
        return need_until_midnight(works, now)

    quota = Quota(state, key_id, limits(settings), live_need=need, clock=clock)
    return quota


def limits(settings: Settings) -> Limits:
    """What the settings allow one key."""
    return Limits(
        settings.daily_calls,
        settings.daily_bytes,
        settings.calls_per_second,
        settings.concurrent_calls,
        settings.backfill_share,
    )


def live_works(window_minutes: int, seen: Mapping[str, int], one_by_one: Collection[str] = ()) -> list[LiveWork]:
    """What live data costs, dataset by dataset, and both station lists once a day.

    Args:
        window_minutes: stamps per call for all stations.
        seen: bytes of the largest answer to each kind of call; what was never seen is guessed.
        one_by_one: datasets of which each call asks for one stamp.
    """

    def size(name: str, stamps: int) -> int:
        found = seen.get(kind_of_call(name, stamps, None))
        return first_guess(name, stamps, None) if found is None else found

    works = []
    for name, dataset in DATASETS.items():
        every = dataset.schedule.every
        minutes = ONE_STAMP if name in one_by_one else window_minutes
        calls = plan(dataset, Window(_SOME_DAY, _SOME_DAY + every), ALL, minutes)
        stamps = [call.window.count(dataset.cadence) for call in calls]
        works.append(LiveWork(every, len(calls), sum(size(name, count) for count in stamps)))
    lists = [f"station_{network}" for network in STATION_LISTS]
    works.append(LiveWork(DAY, len(lists), sum(size(name, 1) for name in lists)))
    return works
