"""Second and further present weather codes of a row: kept as a set, whose change is a revision of ``ww2``, ``nn2``, …"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from kmaflow.catalog.time import Window
from kmaflow.hub.parse import Parsed
from kmaflow.store.engines.loader import Loader
from kmaflow.store.ledger import Earlier, LedgerRow
from kmaflow.store.schema.observations import OBSERVATIONS, PRESENT_WEATHER_CODE
from kmaflow.store.schema.service import REVISION

_Cell = tuple[datetime, int]
_Codes = dict[int, tuple[int | None, int | None]]
_KEY = ["tm_kst", "stn"]


def load_pairs(loader: Loader, parsed: Parsed, request: LedgerRow, request_id: int, known: Earlier) -> int:
    """Make the stored codes equal to the parsed ones, within the caller's transaction. Gives the number of revisions.

    Blank rows change nothing, nor does a body older than what is stored (unless it brought the row itself).
    """
    assert parsed.pairs is not None
    low, high = parsed.rows["tm_kst"].min(), parsed.rows["tm_kst"].max()
    assert isinstance(low, datetime)
    assert isinstance(high, datetime)
    window = Window(low - timedelta(minutes=1), high)
    stored = loader.stored(PRESENT_WEATHER_CODE, window)
    parsed_pairs = parsed.pairs.select(PRESENT_WEATHER_CODE.columns.keys())
    if stored.is_empty() and not known.newer:
        loader.insert(PRESENT_WEATHER_CODE, parsed_pairs)
        return 0
    if stored.equals(parsed_pairs):
        return 0
    old, new = _by_cell(stored.iter_rows()), _by_cell(parsed_pairs.iter_rows())
    stored_by: dict[_Cell, int] = {}
    if known.newer:
        brought = loader.stored(OBSERVATIONS[parsed.dataset.name], window)
        stored_by = {(tm, stn): request for tm, stn, request in brought.select(*_KEY, "request_id").iter_rows()}
    revisions: list[dict[str, object]] = []
    changed: list[_Cell] = []
    for cell in parsed.rows.filter(~pl.col("blank")).select(_KEY).iter_rows():
        before, after = old.get(cell, {}), new.get(cell, {})
        if before == after or (known.newer and known.younger(cell[0], cell[1], stored_by[cell])):
            continue
        changed.append(cell)
        if before:
            revisions += _revisions(parsed, request, request_id, known, cell, before, after)
    if not changed:
        return 0
    cells = pl.DataFrame(changed, schema=parsed_pairs.select(_KEY).schema, orient="row")
    table = PRESENT_WEATHER_CODE.c
    for tm, stn in (cell for cell in changed if cell in old):
        loader.connection.execute(PRESENT_WEATHER_CODE.delete().where(table.tm_kst == tm, table.stn == stn))
    if not (fresh := parsed_pairs.join(cells, on=_KEY, how="semi", maintain_order="left")).is_empty():
        loader.insert(PRESENT_WEATHER_CODE, fresh)
    if revisions:
        loader.connection.execute(REVISION.insert(), revisions)
    return len(revisions)


def _by_cell(rows: Iterable[tuple[datetime, int, int, int | None, int | None]]) -> dict[_Cell, _Codes]:
    cells: dict[_Cell, _Codes] = {}
    for tm, stn, k, ww, nn in rows:
        cells.setdefault((tm, stn), {})[k] = (ww, nn)
    return cells


def _revisions(
    parsed: Parsed, request: LedgerRow, request_id: int, known: Earlier, cell: _Cell, before: _Codes, after: _Codes
) -> list[dict[str, object]]:
    return [
        {
            "dataset": parsed.dataset.name,
            "tm_kst": cell[0],
            "stn": cell[1],
            "col": f"{name}{k}",
            "old_value": None if old is None else str(old),
            "new_value": None if new is None else str(new),
            "old_request": None,
            "new_request": request_id,
            "cause": known.cause,
            "changed_at": request.fetched_at,
        }
        for k in sorted(before.keys() | after.keys())
        for name, old, new in zip(("ww", "nn"), before.get(k, (None, None)), after.get(k, (None, None)), strict=True)
        if old != new
    ]
