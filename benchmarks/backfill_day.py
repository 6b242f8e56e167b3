"""One day of all five AWS kinds, all stations, by ``kmaflow backfill``: wall time beside what no backfill of the same work can be faster than.

The floors are measured in the same run by as many workers: the same calls downloaded and forgotten, the same frames loaded into a fresh database, and
all the CPU seconds that the work took, spread over the cores. Bodies are rendered beforehand and repeated by another process (``replayed.py``).

python benchmarks/backfill_day.py                                     # a day and five days into PostgreSQL, and what the books cost
python benchmarks/backfill_day.py --asos                              # a year of ASOS, all stations
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from load_speed import database
from processes import Cost, measured
from replayed import DAY, path_of, questions, render, replaying
from sqlalchemy.engine import make_url

from kmaflow.catalog import DAGS, DATASETS
from kmaflow.catalog.time import Window
from kmaflow.collect.planning.calls import plan
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.store import Store
from kmaflow.store.ledger import LedgerRow
from kmaflow.store.selection import ALL

CORES = len(os.sched_getaffinity(0))
YEAR = Window(datetime(2025, 11, 22), datetime(2026, 11, 22))
_UNKEPT = Path(__file__).with_name("unkept")


def backfill(
    url: str, kind: str, folder: str, names: list[str], window: Window, workers: int, *, kept: bool = True, **more: str
) -> tuple[Cost, Any]:
    """What a backfill costs, and what it says. The tables are there, and the stations known, as on every day but the first."""
    with database(kind, folder) as database_url, tempfile.TemporaryDirectory(dir=folder) as home:
        variables = {
            **os.environ,
            "KMAFLOW_HUB_URL": url,
            "KMAFLOW_API_KEY": DEFAULT_KEY,
            "KMAFLOW_HOME": home,
            "KMAFLOW_DATABASE_URL": database_url,
        }
        # The rate limit is for KMA's sake.
        variables |= {"KMAFLOW_CALLS_PER_SECOND": "1000", **more}
        kmaflow = [sys.executable, "-m", "kmaflow"]
        for prepare in (["init", "--all"], ["stations", "sync"]):
            subprocess.run([*kmaflow, *prepare], env=variables, check=True, stdout=subprocess.DEVNULL)
        if not kept:
            variables["PYTHONPATH"] = str(_UNKEPT)
        ends = [
            "--from",
            f"{window.start:%Y%m%d%H%M}",
            "--to",
            f"{window.end:%Y%m%d%H%M}",
            "--workers",
            str(workers),
            "--no-wait",
            "--json",
        ]
        with subprocess.Popen(
            [*kmaflow, "backfill", *names, *ends], env=variables, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            with measured(process.pid, make_url(database_url).database if kind == "postgresql" else None) as cost:
                told = process.stdout.read()
                process.wait()
        if process.returncode not in ((0,) if kept and not more else (0, 3)):
            raise SystemExit(f"kmaflow backfill ended with {process.returncode}")
        return cost, json.loads(told)


def _download(url: str, wanted: list[tuple[str, dict[str, str]]], line: Connection) -> None:
    with httpx.Client(timeout=60) as http:
        line.send("ready")
        line.recv()
        for endpoint, parameters in wanted:
            http.get(f"{url}/{endpoint}", params={**parameters, "authKey": DEFAULT_KEY}).raise_for_status()
        line.send("done")
        line.recv()


def _load(database_url: str, folder: Path, window: Window, line: Connection) -> None:
    """Parse beforehand, then load: which bodies come by the line, dataset by dataset."""
    from kmaflow.hub.parse import parse

    with Store(database_url) as store:
        while isinstance(mine := line.recv(), list):
            work = []
            for name, number in mine:
                call = plan(DATASETS[name], window, ALL, 10)[number]
                endpoint, parameters = questions(name, window)[number]
                content = path_of(folder, endpoint, parameters.items()).read_bytes()
                parsed = parse(DATASETS[name], content, window=call.window)
                fetched = datetime(2026, 11, 22, 12) + timedelta(seconds=number)
                request = LedgerRow(
                    dataset=name, window=call.window, fetched_at=fetched, http_status=200, sha256=f"{number:064x}", bytes=len(content), key_id="bench"
                )  # fmt: skip
                work.append((parsed, request))
            line.send("ready")
            line.recv()
            for parsed, request in work:
                store.load(parsed, request)
            line.send("done")


@contextmanager
def _crew(work: Any, arguments: list[tuple[Any, ...]]) -> Iterator[list[Connection]]:
    context = multiprocessing.get_context("spawn")
    lines, processes = [], []
    for one in arguments:
        ours, theirs = context.Pipe()
        processes.append(context.Process(target=work, args=(*one, theirs)))
        processes[-1].start()
        lines.append(ours)
    yield lines
    for line in lines:
        line.send(None)
    for process in processes:
        process.join()


def _together(lines: list[Connection]) -> float:
    """Seconds from the word to the last one's end."""
    for line in lines:
        assert line.recv() == "ready"
    began = time.perf_counter()
    for line in lines:
        line.send("go")
    for line in lines:
        assert line.recv() == "done"
    return time.perf_counter() - began


def download_alone(url: str, names: list[str], window: Window, workers: int) -> float:
    """The same calls by as many workers, each with a client of its own."""
    wanted = [one for name in names for one in questions(name, window)]
    with _crew(_download, [(url, wanted[number::workers]) for number in range(workers)]) as lines:
        return _together(lines)


def load_alone(kind: str, folder: str, bodies: Path, names: list[str], window: Window, workers: int) -> float:
    """The same frames, parsed beforehand, by as many workers; dataset by dataset, so that they fit into memory."""
    total = 0.0
    with database(kind, folder) as database_url:
        with Store(database_url) as store:
            store.init(all_tables=True)
        with _crew(_load, [(database_url, bodies, window)] * workers) as lines:
            for name in names:
                numbers = [(name, number) for number in range(len(questions(name, window)))]
                for number, line in enumerate(lines):
                    # Each a stretch of its own, as chunks are.
                    size = -(-len(numbers) // workers)
                    line.send(numbers[number * size : (number + 1) * size])
                total += _together(lines)
    return total


def report(what: str, cost: Cost, told: Any) -> None:
    """One line."""
    calls, rows = (sum(one[name] for one in told["datasets"]) for name in ("calls", "inserted"))
    print(
        f"{what:<34} {calls:>6,} calls {rows:>11,} rows {cost.seconds:7.1f} s {rows / cost.seconds:>9,.0f} rows/s  "
        f"CPU {cost.cpu:6.1f} + server {cost.server_cpu:5.1f} s  peak {cost.memory:4.0f} MB in {cost.processes} processes",
        flush=True,
    )


def aws(url: str, bodies: Path, options: argparse.Namespace, folder: str) -> None:
    names, workers = list(DAGS["kma_aws"]), options.workers
    for kind in options.engines.split(","):
        with_books: list[Cost] = []
        without: list[Cost] = []
        for repeat in range(options.repeats):
            cost, told = backfill(url, kind, folder, names, DAY, workers)
            report(f"{kind}, a day", cost, told)
            download = download_alone(url, names, DAY, workers)
            load = load_alone(kind, folder, bodies, names, DAY, workers)
            cpu = cost.all_cpu / CORES
            floor = max(download, load, cpu)
            print(
                f"  floors: download alone {download:.1f} s, load alone {load:.1f} s, CPU ÷ {CORES} cores {cpu:.1f} s → ratio {cost.seconds / floor:.2f}",
                flush=True,
            )
            bare, told = backfill(url, kind, folder, names, DAY, workers, kept=False)
            report("  without archive, ledger, quota", bare, told)
            seconds, cpu = 1 - bare.seconds / cost.seconds, 1 - bare.all_cpu / cost.all_cpu
            print(f"  archive, ledger and quota: {seconds:.0%} of the time, {cpu:.0%} of the CPU", flush=True)
            with_books.append(cost)
            without.append(bare)
            if repeat == 0 and options.days > 1:
                window = Window(DAY.end - options.days * timedelta(days=1), DAY.end)
                cost, told = backfill(url, kind, folder, names, window, workers)
                report(f"{kind}, {options.days} days", cost, told)
        seconds = 1 - median(one.seconds for one in without) / median(one.seconds for one in with_books)
        cpu = 1 - median(one.all_cpu for one in without) / median(one.all_cpu for one in with_books)
        print(
            f"archive, ledger and quota, medians of {options.repeats}: {seconds:.0%} of the time, {cpu:.0%} of the CPU"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default="postgresql")
    parser.add_argument("--workers", type=int, default=min(4, CORES))
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--asos", action="store_true")
    parser.add_argument("--bodies", type=Path, default=Path(tempfile.gettempdir()) / "kmaflow-bench-bodies")
    options = parser.parse_args()
    render(options.bodies, {"asos_hourly": YEAR} if options.asos else dict.fromkeys(DAGS["kma_aws"], DAY))
    with replaying(options.bodies) as url, tempfile.TemporaryDirectory() as folder:
        if not options.asos:
            aws(url, options.bodies, options, folder)
            return
        for kind in options.engines.split(","):
            report(f"{kind}, a year of ASOS", *backfill(url, kind, folder, ["asos_hourly"], YEAR, options.workers))


if __name__ == "__main__":
    main()
