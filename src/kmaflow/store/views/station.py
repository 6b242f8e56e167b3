"""``v_station``: one current row for each station number."""

from __future__ import annotations

from kmaflow.store.schema.service import STATION
from kmaflow.store.views.definition import View, ViewColumn

#: 97 numbers are in both lists; the ASOS row knows the barometer's height and is preferred. Both lookups follow the key (network, stn).
_SOURCE = """station s
WHERE s.valid_to IS NULL
  AND (s.network = 'SFC' OR NOT EXISTS (
    SELECT 1 FROM station o WHERE o.network = 'SFC' AND o.stn = s.stn AND o.valid_to IS NULL))"""
_NETWORKS = """CASE WHEN s.network = 'SFC' AND EXISTS (
    SELECT 1 FROM station o WHERE o.network = 'AWS' AND o.stn = s.stn AND o.valid_to IS NULL)
    THEN 'AWS,SFC' ELSE s.network END"""
_KEYS = {
    "network": "지점망: AWS 또는 SFC(ASOS) / network: AWS or SFC, which is ASOS [1]",
    "stn": "지점번호 / station number [1]",
}


def station_view() -> View:
    """The same on all engines."""
    described = [(column.name, column.comment or "") for column in STATION.columns]
    columns = [ViewColumn(name, f"s.{name}", _KEYS.get(name, comment)) for name, comment in described]
    columns.append(
        ViewColumn("networks", _NETWORKS, "속한 지점 목록 / lists that have the number: AWS, SFC or both [1]")
    )
    return View(
        name="v_station",
        comment="현재 지점, 번호마다 한 행 / stations now, one row for each number",
        needs=frozenset({STATION.name}),
        columns=tuple(columns),
        source=_SOURCE,
    )
