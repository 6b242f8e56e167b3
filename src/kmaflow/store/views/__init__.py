"""The views: what people query. Same names, columns and results in every database; ``docs/en/views.md`` describes them.

They need nothing but the database: whatever opens it can use them.
"""

from __future__ import annotations

from collections.abc import Set
from hashlib import sha256

import sqlalchemy as sa

from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.words import Words
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LATEST, STATION
from kmaflow.store.views.completeness import completeness_view
from kmaflow.store.views.definition import View
from kmaflow.store.views.latest import latest_view
from kmaflow.store.views.station import station_view
from kmaflow.store.views.summary import daily_view, hourly_view

NAMES = ("v_station", "v_completeness", "v_latest", "v_hourly", "v_daily")


def definitions(words: Words, there: Set[str]) -> list[View]:
    """The views that can be made over the tables that are there, in the order of making."""
    views = [
        station_view(),
        completeness_view(words),
        latest_view(words, there),
        hourly_view(words),
        daily_view(words),
    ]
    return [view for view in views if view.needs <= there]


def version(words: Words) -> str:
    """A digest of all that :func:`make` would write where every table is there: differs when a view has changed."""
    tables = {LATEST.name, STATION.name, COMPLETENESS_HOUR.name, *OBSERVATIONS}
    # Without ``needs``: a set has another order in every process.
    written = [(view.name, view.comment, view.columns, view.source) for view in definitions(words, tables)]
    return sha256(repr(written).encode()).hexdigest()[:16]


def make(connection: sa.Connection) -> list[str]:
    """Make every view whose tables are there, and bring those that differ to what they are now; gives the names of these.

    Called again after each table that is made. Runs in the caller's transaction (MariaDB commits at each step, as for all that it makes).
    """
    there = set(sa.inspect(connection).get_table_names())
    engine = engine_of(connection)
    return [
        view.name
        for view in definitions(engine.words, there)
        if engine.replace_view(connection, view, NAMES[NAMES.index(view.name) :])
    ]
