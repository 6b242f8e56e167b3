"""Which datasets and stations a command line means: one rule for all commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kmaflow.commands.output import tell
from kmaflow.language import say

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from kmaflow.catalog.time import Window
    from kmaflow.collect import Collector, StationChoice
    from kmaflow.settings import Settings
    from kmaflow.store import Store


def known_or_empty(settings: Settings) -> Store:
    """The database, or where there is none yet an empty one in memory: a price can be asked before the first collection."""
    from kmaflow.store import Store
    from kmaflow.store.engines.database import url_in_memory
    from kmaflow.store.errors import StoreMissing

    store = Store(settings.database_url, must_exist=True)
    try:
        store.init()
    except StoreMissing:
        store = Store(url_in_memory())
        store.init()
    return store


def nothing_left(
    connection: sa.Connection, windows: Mapping[str, Window], now: datetime, stations: Sequence[int] | None
) -> list[str]:
    """A sentence for each dataset of which something is missing that the hub has no more."""
    from kmaflow.catalog import DATASETS
    from kmaflow.catalog.time import Window
    from kmaflow.store.coverage.gaps import GONE, gaps
    from kmaflow.store.coverage.states import rows_in

    found = []
    for name, window in windows.items():
        described = DATASETS[name]
        since = described.given_since(now)
        if described.retention is None or window.start >= since:
            continue
        old = Window(window.start, min(window.end, since))
        if any(rows_in(connection, name, old, stations)) and all(
            gap.why != GONE for gap in gaps(connection, [name], old, now=now, stations=stations)
        ):
            continue
        months = round(described.retention.days / 30.44)
        found.append(
            say(
                f"{name} {old}: API허브는 분자료를 약 {months}개월만 보관하므로 요청할 수 있는 자료가 없습니다",
                f"{name} {old}: the hub keeps about {months} months of minutes; nothing can be asked",
            )
        )
    return found


def datasets_and_stations(
    connection: sa.Connection, settings: Settings, datasets: Sequence[str] | None, stations: str | None
) -> tuple[list[str], StationChoice]:
    """The datasets (default: those for which the hub was ever asked) and stations (default: ``STATIONS``), as far as the database knows them.

    Raises:
        UsageError: there is no such dataset or station.
    """
    from kmaflow.catalog import DATASETS, named
    from kmaflow.store.coverage.gaps import asked
    from kmaflow.store.selection import resolve_stations

    names = named(datasets) if datasets else asked(connection)
    return names, resolve_stations(
        connection, settings.stations if stations is None else stations, names or list(DATASETS)
    )


def chosen_stations(collector: Collector, text: str | None, names: Sequence[str]) -> StationChoice:
    """The stations (default: ``STATIONS``), after their lists were brought up to date; as :func:`kmaflow.collect.stations.chosen_stations`."""
    from kmaflow.collect.stations import chosen_stations as chosen

    return chosen(collector, text, names, lambda ko, en: tell(f"kmaflow: {say(ko, en)}", err=True))
