"""Which backfills were begun: a row of the ledger for each, so that anybody can see how far they are, also while none of their workers lives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kmaflow.catalog.time import Window, parse_time
from kmaflow.store import ledger
from kmaflow.store.schema.service import LEDGER
from kmaflow.store.selection import StationChoice

#: In place of a dataset, and the outcome.
_BACKFILL, _BEGUN = "backfill", "begun"


@dataclass(frozen=True, slots=True)
class Begun:
    """A backfill as it was asked for; ``since``: when it was last begun, naive KST."""

    datasets: tuple[str, ...]
    window: Window
    choice: StationChoice
    since: datetime


def begun_row(names: Sequence[str], window: Window, choice: StationChoice) -> ledger.LedgerRow:
    """The ledger row of a backfill that begins now."""
    told = {"datasets": list(names), "from": f"{window.start:%Y-%m-%d %H:%M}", "to": f"{window.end:%Y-%m-%d %H:%M}"}
    return ledger.event(_BACKFILL, None, _BEGUN, message=json.dumps(told | {"stations": choice.stations}))


def begun(connection: sa.Connection, since: datetime, most: int) -> list[Begun]:
    """The backfills that were begun since a moment (naive KST), the last ones first; what was asked for twice is one."""
    table = LEDGER.c
    query = sa.select(table.message, sa.func.max(table.fetched_at).label("at"))
    mine = (table.dataset == _BACKFILL) & (table.outcome == _BEGUN) & (table.fetched_at >= since)
    found = connection.execute(query.where(mine).group_by(table.message).order_by(sa.desc("at")).limit(most))
    return [_begun(json.loads(message), at) for message, at in found]


def _begun(told: dict[str, list[str] | str], at: datetime) -> Begun:
    window = Window(parse_time(str(told["from"])), parse_time(str(told["to"])))
    stations = None if told["stations"] is None else tuple(map(int, told["stations"]))
    return Begun(tuple(told["datasets"]), window, StationChoice(stations), at)
