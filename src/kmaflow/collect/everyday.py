"""``kma.collect``: one window from a notebook or script, with a progress bar; key and database are those of the settings.

>>> import kmaflow as kma
>>> kma.collect("aws_minute", "2026-11-22", "2026-11-23", stations="서울, 부산")  # doctest: +SKIP
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from kmaflow.catalog import DATASETS, means_all, named
from kmaflow.catalog.time import Window, parse_time
from kmaflow.collect.collector import Collector
from kmaflow.collect.result import DatasetResult
from kmaflow.collect.stations import chosen_stations
from kmaflow.settings import load_settings

if TYPE_CHECKING:
    from rich.progress import Progress

log = logging.getLogger(__name__)

_SCHEMA: dict[str, pl.DataType] = {
    "dataset": pl.String(), "calls": pl.Int64(), "rows": pl.Int64(), "inserted": pl.Int64(), "updated": pl.Int64(), "unchanged": pl.Int64(),
    "blank": pl.Int64(), "rejected": pl.Int64(), "complete": pl.Boolean(), "missing": pl.List(pl.String()), "error": pl.String(),
}  # fmt: skip


def collect(
    datasets: str | Iterable[str],
    start: str | datetime,
    end: str | datetime,
    *,
    stations: str | Iterable[str | int] | None = None,
    progress: bool = True,
    database: str | None = None,
) -> pl.DataFrame:
    """Ask the hub for a window and store it: the stamps after ``start`` up to and including ``end``, KST. Safe to repeat.

    >>> kma.collect("aws_minute, asos_hourly", "2026-11-22", "2026-11-23", stations="서울")  # doctest: +SKIP
    >>> kma.read("aws_minute", "2026-11-22", "2026-11-23", stations="서울", columns="ta")  # doctest: +SKIP

    Args:
        datasets: names, or ``"all"``.
        start, end: ``"2026-11-22"``, ``"2026-11-22 12:00"``, or naive ``datetime`` in KST.
        stations: numbers and names that are stored, None = ``KMAFLOW_STATIONS``.
        progress: whether a bar is shown, on a terminal or in a notebook (there it needs ``ipywidgets``).
        database: SQLAlchemy URL; default: that of the settings. The key is ``KMAFLOW_API_KEY``.

    Returns:
        One row for each dataset: calls, rows and what became of them, whether the window is complete now, what is missing, and the first error.

    Raises:
        UsageError: no such dataset or station, no key, or a window in the future.
        HubError: nothing came at all; the message says why and what to do.
        StoreError, ArchiveError: disk or database failed.
    """
    words = datasets.split(",") if isinstance(datasets, str) else list(datasets)
    names = named(words)
    window = Window(*(parse_time(one) if isinstance(one, str) else one for one in (start, end)))
    if means_all(words):
        names = [name for name in names if window.count(DATASETS[name].cadence)] or names
    with Collector.open(load_settings(), database_url=database) as collector, _bars(progress) as bars:
        for name in names:
            collector.check_window(name, window)
        collector.store.init()
        choice = chosen_stations(collector, stations, names, lambda ko, en: log.warning("%s", en))  # noqa: ARG005
        results = []
        for name in names:
            bar = bars.add_task(name, total=None)

            def advance(result: DatasetResult, bar: object = bar) -> None:
                bars.update(bar, total=result.planned, completed=result.done)  # type: ignore[arg-type]

            results.append(collector.collect(name, window, choice, on_progress=advance))
    for result in results:
        if result.error is not None and all(one.failed for one in results):
            raise result.error
    return pl.DataFrame([{name: one.summary()[name] for name in _SCHEMA} for one in results], schema=_SCHEMA)


def _bars(wanted: bool) -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, disable=not (wanted and (console.is_terminal or console.is_jupyter)))
