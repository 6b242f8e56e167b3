"""CSV files as programs write them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path


def written(path: Path, cells: Mapping[tuple[datetime, int], Mapping[str, object]]) -> Path:
    """A file with the columns time, stn and those of the first cell."""
    names = list(next(iter(cells.values())))
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["time", "stn", *names])
        for (stamp, stn), values in cells.items():
            lines.writerow([f"{stamp:%Y-%m-%d %H:%M}", stn, *(values[name] for name in names)])
    return path
