"""Which datasets and stations a command line means: one rule for all commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kmaflow.commands.output import tell
from kmaflow.language import say

if TYPE_CHECKING:
    import sqlalchemy as sa

    from kmaflow.collect import Collector, StationChoice
    from kmaflow.settings import Settings


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
