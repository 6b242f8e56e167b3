"""Zero rows for all stations: too young, too old (then it is an answer), or a fault."""

from __future__ import annotations

from datetime import datetime

from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import Window, floor_to
from kmaflow.hub.errors import HubError, NoRows, NotYetProduced


def why_empty(dataset: Dataset, window: Window, content: bytes, at: datetime) -> HubError | None:
    """What an answer without a row is that came at ``at`` (naive KST); None where the hub has simply thrown such old data away."""
    last = floor_to(window.end, dataset.cadence) if window.count(dataset.cadence) else window.end
    age = at - last
    if age < dataset.young:
        return NotYetProduced(
            f"{dataset.name}: the hub has nothing yet for {last:%Y-%m-%d %H:%M}",
            ko=f"{dataset.name}: {last:%Y-%m-%d %H:%M} 자료가 허브에 아직 없습니다",
            status=200,
            body=content,
        )
    if dataset.retention is None or age < dataset.retention:
        return NoRows(
            f"{dataset.name}: not one row for all stations at {last:%Y-%m-%d %H:%M}",
            ko=f"{dataset.name}: {last:%Y-%m-%d %H:%M} 전체 지점 응답에 행이 없습니다",
            status=200,
            body=content,
        )
    return None
