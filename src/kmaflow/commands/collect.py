"""``kmaflow collect``: the main job for one window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmaflow.commands.options import NamedDatasets, NamedFrom, NamedTo, Stations
from kmaflow.commands.output import Json, complain, exit_with, print_counts, print_json, progress, tell
from kmaflow.commands.selection import chosen_stations
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.catalog.time import Window
    from kmaflow.collect import Collector, DatasetResult, StationChoice


HELP = say(
    """지정한 구간의 관측자료를 수집해 저장합니다.

    예: kmaflow collect aws_minute asos_hourly --from "2026-11-22 12:00" --to "2026-11-22 13:00" --stations 108,부산

    모든 지점을 한 번에 요청하고, --stations로 지정한 지점만 저장합니다. 다시 실행해도 안전합니다. 바뀌지 않은 값은 다시 쓰지 않습니다.""",
    """Collect one window into the database.

    Example: kmaflow collect aws_minute asos_hourly --from "2026-11-22 12:00" --to "2026-11-22 13:00" --stations 108,90

    All stations are requested at once; --stations says which of them are stored. It is safe to repeat: unchanged values are not written again.""",
)


def collect(
    datasets: NamedDatasets,
    from_: NamedFrom,
    to: NamedTo,
    stations: Stations = None,
    as_json: Json = False,
) -> None:
    """Collect one window."""
    from kmaflow.catalog import DATASETS, means_all, named
    from kmaflow.catalog.time import Window, parse_time
    from kmaflow.collect import Collector
    from kmaflow.collect.backfill.workers import tidy
    from kmaflow.settings import load_settings

    names = named(datasets)
    window = Window(parse_time(from_), parse_time(to))
    if means_all(datasets):
        # Every dataset that has a stamp in the window: ten minutes need not hold a full hour.
        names = [name for name in names if window.count(DATASETS[name].cadence)] or names
    with Collector.open(load_settings()) as collector:
        for name in names:
            collector.check_window(name, window)
        collector.store.init()
        choice = chosen_stations(collector, stations, names)
        tidy()
        results = _run(collector, names, window, choice, quiet=as_json)
    _report(results, choice, as_json=as_json)
    if all(result.failed for result in results) or any(result.failed and not result.missing for result in results):
        exit_with(1)
    exit_with(0 if all(result.complete for result in results) else 3)


def _run(
    collector: Collector, names: list[str], window: Window, choice: StationChoice, *, quiet: bool
) -> list[DatasetResult]:
    results = []
    with progress(quiet=quiet) as bars:
        for name in names:
            bar = bars.add_task(name, total=None, rows=0)

            def advance(result: DatasetResult, bar: object = bar) -> None:
                bars.update(bar, total=result.planned, completed=result.done, rows=result.rows)  # type: ignore[arg-type]

            results.append(collector.collect(name, window, choice, on_progress=advance))
    return results


def _report(results: list[DatasetResult], choice: StationChoice, *, as_json: bool) -> None:
    for result in results:
        if result.error is not None:
            complain(f"{result.dataset}: {result.error}")
    deferred = [result for result in results if result.deferred_until is not None]
    if deferred:
        until = max(result.deferred_until for result in deferred if result.deferred_until is not None)
        names = ", ".join(result.dataset for result in deferred)
        tell(
            say(
                f"kmaflow: 일일 한도 때문에 요청하지 못한 구간이 있습니다({names}). {until:%Y-%m-%d %H:%M}(한국시각) 이후 같은 명령을 다시 실행하십시오",
                f"kmaflow: not requested because of the quota ({names}): run the same command again after {until:%Y-%m-%d %H:%M} KST",
            ),
            err=True,
        )
    if as_json:
        print_json({"stations": choice.selection, "datasets": [result.summary() for result in results]})
        return
    names = "calls bytes rows inserted updated unchanged blank rejected missing"
    more = "bytes inserted updated unchanged blank"
    print_counts(f"{results[0].window} KST · {choice.describe()}", results, names, more=more)
    for result in results:
        for missing in result.missing:
            tell(f"  {result.dataset} {missing}")
