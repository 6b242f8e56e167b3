"""The stations that a command or script means, after their lists were brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from kmaflow.catalog import means_all
from kmaflow.collect.collector import Collector
from kmaflow.hub.errors import HubError
from kmaflow.store.selection import ALL, StationChoice, wanted

#: A station list as old as this is asked for again before stations are chosen.
_LIST_AGE = timedelta(hours=24)


def chosen_stations(
    collector: Collector,
    stations: str | Iterable[str | int] | None,
    datasets: Sequence[str],
    tell: Callable[[str, str], None],
) -> StationChoice:
    """The stations (default: ``STATIONS``). ``stn_inf`` is an operation of its own: without it all stations still work.

    Args:
        tell: told in Korean and English what was done without a list.

    Raises:
        UsageError: there is no such station.
        HubError: the key is not valid; or stations are named, and their lists are refused and were never answered before.
    """
    words = wanted(collector.settings.stations if stations is None else stations)
    try:
        collector.sync_stations(_LIST_AGE)
    except HubError as error:
        known = collector.store.station_count() > 0
        if error.code == "bad_key" or not (means_all(words) or known):
            raise
        if not known or means_all(words):
            tell(f"지점 목록 없이 계속합니다: {error}", f"going on without station lists: {error.english}")
            return ALL
        tell(f"저장된 지점 목록을 사용합니다: {error}", f"using the stored station lists: {error.english}")
    return collector.choose_stations(words, datasets)
