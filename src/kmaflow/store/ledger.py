"""The ledger: every request and what became of it. Whoever wants to know why a cell is missing finds the answer here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kmaflow.catalog.time import Window
from kmaflow.store.tables import FETCH

#: Outcomes of fetches whose rows are in the tables.
LOADED = ("ok", "partial", "unchanged")


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request.

    Attributes:
        dataset: dataset, or ``station_AWS`` / ``station_SFC``.
        window: what was asked, None for station lists.
        stn: the station asked, 0 = all.
        fetched_at: naive KST; it alone decides which of two answers is the newer.
        selection: which stations were stored: ``all``, or their numbers joined by commas.
        message: the words of a refusal.
    """

    dataset: str
    window: Window | None
    stn: int
    fetched_at: datetime
    http_status: int | None
    outcome: str
    sha256: str | None
    bytes: int
    rows: int
    rejected: int
    parser_version: int
    key_id: str | None
    selection: str = "all"
    message: str | None = None


def write(connection: sa.Connection, fetch: Fetch) -> int:
    """Add a ledger row; gives its id."""
    values = {column.name: getattr(fetch, column.name) for column in FETCH.columns if hasattr(fetch, column.name)}
    values["tm_from"] = fetch.window.start if fetch.window else None
    values["tm_to"] = fetch.window.end if fetch.window else None
    result = connection.execute(FETCH.insert().values(values))
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the ledger already knows about a window when a body for it arrives.

    Attributes:
        repeats: these very bytes are already in the tables as the window's last word, or were loaded with this very time.
        same_bytes: the last load of the window had the same bytes (another parser may have read them).
        newer: parts of the window of which a younger answer is loaded: windows and stations (0 = all).
    """

    repeats: bool
    same_bytes: bool
    newer: tuple[tuple[Window, int, datetime], ...]

    def younger(self, stamp: datetime, stn: object) -> datetime | None:
        """When a younger answer for this cell had come, None if the body at hand is the youngest."""
        return next((moment for window, asked, moment in self.newer if stamp in window and asked in (0, stn)), None)


def earlier(connection: sa.Connection, fetch: Fetch) -> Earlier:
    """Look up what is known about the fetch's window."""
    assert fetch.window is not None
    table = FETCH.c
    loaded = sa.and_(table.dataset == fetch.dataset, table.outcome.in_(LOADED))
    same_window = sa.and_(
        loaded, table.tm_to == fetch.window.end, table.tm_from == fetch.window.start, table.stn == fetch.stn
    )
    query = sa.select(table.sha256, table.fetched_at, table.parser_version, table.selection)
    last = connection.execute(
        query.where(same_window).order_by(table.fetched_at.desc(), table.id.desc()).limit(1)
    ).first()
    same_bytes = last is not None and last.sha256 == fetch.sha256
    repeats = (
        last is not None
        and same_bytes
        and last.fetched_at <= fetch.fetched_at
        and last.parser_version == fetch.parser_version
        and last.selection == fetch.selection
    )
    if not repeats:
        seen = same_window & (table.sha256 == fetch.sha256) & (table.fetched_at == fetch.fetched_at)
        seen &= (table.parser_version == fetch.parser_version) & (table.selection == fetch.selection)
        repeats = connection.execute(sa.select(table.id).where(seen).limit(1)).first() is not None
    overlapping = loaded & (table.tm_to > fetch.window.start) & (table.tm_from < fetch.window.end)
    if fetch.stn:
        overlapping &= table.stn.in_([0, fetch.stn])
    newer = connection.execute(
        sa.select(table.tm_from, table.tm_to, table.stn, table.fetched_at)
        .where(overlapping & (table.fetched_at > fetch.fetched_at))
        .order_by(table.fetched_at)
    )
    return Earlier(
        repeats, same_bytes, tuple((Window(row.tm_from, row.tm_to), row.stn, row.fetched_at) for row in newer)
    )


def covering(connection: sa.Connection, dataset: str, stn: int, stamp: datetime) -> list[sa.RowMapping]:
    """All requests that asked for one cell, oldest first."""
    table = FETCH.c
    query = (
        sa.select(FETCH)
        .where(table.dataset == dataset, table.stn.in_([0, stn]), table.tm_from < stamp, table.tm_to >= stamp)
        .order_by(table.fetched_at, table.id)
    )
    return list(connection.execute(query).mappings())


def last_success(connection: sa.Connection, dataset: str) -> datetime | None:
    """When the dataset (or station list) was last answered, naive KST."""
    table = FETCH.c
    query = sa.select(sa.func.max(table.fetched_at)).where(table.dataset == dataset, table.outcome.in_(LOADED))
    moment = connection.execute(query).scalar()
    return moment if isinstance(moment, datetime) else None
