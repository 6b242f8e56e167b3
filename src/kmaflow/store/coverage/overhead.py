"""What the ledger has seen of calls: how large their answers were, and how many more there were than a plan counts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window
from kmaflow.store.ledger import LOADED, REQUEST
from kmaflow.store.schema.service import LEDGER

#: The youngest answers of a dataset, by their windows: what counts as seen.
_ANSWERS = 500
#: Refusals after which a window is asked again in halves.
_TOO_MUCH = ("truncated", "server")


@dataclass(frozen=True, slots=True)
class Beside:
    """Requests of some days, and which of them a plan does not count.

    Attributes:
        requests: all of them.
        retries: without an answer.
        halves: answered, for a part of a window for which the hub gave too much or too slowly.
        again: answered, for a window that had been answered before.
    """

    requests: int = 0
    retries: int = 0
    halves: int = 0
    again: int = 0


def most_bytes_per_stamp(connection: sa.Connection, dataset: str) -> tuple[float | None, float | None]:
    """The most bytes that an answer had for each stamp asked: of calls for all stations, and of calls for one; None where there were none."""
    table = LEDGER.c
    found = []
    for mine in (table.stn == 0, table.stn > 0):
        query = sa.select(table.tm_from, table.tm_to, table.bytes).where(
            table.dataset == dataset, mine, table.outcome.in_(LOADED), table.kind == REQUEST
        )
        sizes = [
            size / stamps
            for start, end, size in connection.execute(query.order_by(table.tm_to.desc()).limit(_ANSWERS))
            if (stamps := Window(start, end).count(DATASETS[dataset].cadence))
        ]
        found.append(max(sizes, default=None))
    return found[0], found[1]


def beside(connection: sa.Connection, since: datetime) -> dict[str, Beside]:
    """For each dataset the requests since a moment (naive KST)."""
    table = LEDGER.c
    columns = (table.dataset, table.stn, table.tm_from, table.tm_to, table.outcome)
    query = sa.select(*columns).where(
        table.fetched_at >= since,
        table.kind == REQUEST,
        table.key_id.is_not(None),
        table.tm_to.is_not(None),
        table.dataset.in_(list(DATASETS)),
    )
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    answered: set[tuple[str, int, datetime, datetime]] = set()
    cut: dict[tuple[str, int], list[tuple[datetime, datetime]]] = defaultdict(list)
    for name, stn, start, end, outcome in connection.execute(query.order_by(table.fetched_at, table.id)):
        if outcome in LOADED:
            counts[name][0] += 1
            counts[name][2] += any(
                low <= start and end <= high for low, high in cut[name, stn] if (low, high) != (start, end)
            )
            counts[name][3] += outcome == "unchanged" or (name, stn, start, end) in answered
            answered.add((name, stn, start, end))
        else:
            counts[name][0] += 1
            counts[name][1] += 1
            if outcome in _TOO_MUCH:
                # Halves follow at once: older windows need not be remembered.
                cut[name, stn] = [*cut[name, stn][-20:], (start, end)]
    return {name: Beside(*found) for name, found in counts.items()}
