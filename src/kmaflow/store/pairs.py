"""Second and further present weather codes of a row: kept as a set, whose change is a revision of ``ww2``, ``nn2``, …"""

from __future__ import annotations

from datetime import datetime

import polars as pl
import sqlalchemy as sa

from kmaflow.hub.parse import Parsed
from kmaflow.store.ledger import Earlier, Fetch
from kmaflow.store.revision import text_of
from kmaflow.store.tables import OBSERVATIONS, PRESENT_WEATHER_CODE, REVISION

_Cell = tuple[datetime, int]
_Codes = dict[int, tuple[int | None, int | None]]


def load_pairs(connection: sa.Connection, parsed: Parsed, fetch: Fetch, fetch_id: int, known: Earlier) -> int:
    """Make the stored codes equal to the parsed ones, within the caller's transaction. Gives the number of revisions.

    Blank rows change nothing, nor does a body older than what is stored (unless it brought the row itself).
    """
    assert parsed.pairs is not None
    new = _by_cell(parsed.pairs.rows())
    table = PRESENT_WEATHER_CODE.c
    low, high = parsed.rows["tm_kst"].min(), parsed.rows["tm_kst"].max()
    old = _by_cell(connection.execute(sa.select(PRESENT_WEATHER_CODE).where(table.tm_kst.between(low, high))))
    if new == old:
        return 0
    cells: list[_Cell] = parsed.rows.filter(~pl.col("blank")).select("tm_kst", "stn").rows()
    stored_by: dict[_Cell, int] = {}
    if known.newer:
        rows = OBSERVATIONS[parsed.dataset.name].c
        brought = sa.select(rows.tm_kst, rows.stn, rows.fetch_id).where(rows.tm_kst.between(low, high))
        stored_by = {(row.tm_kst, row.stn): row.fetch_id for row in connection.execute(brought)}
    revisions = 0
    for cell in cells:
        before, after = old.get(cell, {}), new.get(cell, {})
        if before == after or (known.newer and known.younger(*cell, stored_by[cell])):
            continue
        connection.execute(PRESENT_WEATHER_CODE.delete().where(table.tm_kst == cell[0], table.stn == cell[1]))
        for k, (ww, nn) in after.items():
            values = {"tm_kst": cell[0], "stn": cell[1], "k": k, "ww": ww, "nn": nn}
            connection.execute(PRESENT_WEATHER_CODE.insert().values(values))
        if before:
            revisions += _revise(connection, parsed, fetch, fetch_id, cell, before, after)
    return revisions


def _by_cell(rows: object) -> dict[_Cell, _Codes]:
    cells: dict[_Cell, _Codes] = {}
    for tm, stn, k, ww, nn in rows:  # type: ignore[attr-defined]
        cells.setdefault((tm, stn), {})[k] = (ww, nn)
    return cells


def _revise(
    connection: sa.Connection, parsed: Parsed, fetch: Fetch, fetch_id: int, cell: _Cell, before: _Codes, after: _Codes
) -> int:
    revisions = [
        {
            "dataset": parsed.dataset.name,
            "tm_kst": cell[0],
            "stn": cell[1],
            "col": f"{name}{k}",
            "old_value": text_of(old),
            "new_value": text_of(new),
            "old_fetch": None,
            "new_fetch": fetch_id,
            "cause": "hub",
            "changed_at": fetch.fetched_at,
        }
        for k in sorted(before.keys() | after.keys())
        for name, old, new in zip(("ww", "nn"), before.get(k, (None, None)), after.get(k, (None, None)), strict=True)
        if old != new
    ]
    if revisions:
        connection.execute(REVISION.insert(), revisions)
    return len(revisions)
