"""A month of all five AWS kinds, all stations, by ``kmaflow backfill`` with a general member's quota: does it take the days that ``kmaflow plan`` says?

Bodies are rendered beforehand and repeated by another process (``replayed.py``). A day of the quota ends when nothing more is let in; then midnight comes:
what the books say of today is put back to yesterday, as if 24 hours had passed. The sizes of answers are known from a day that was collected before, as
they are wherever kmaflow has run for a day.

python benchmarks/backfill_month.py                    # into PostgreSQL: about 93 million rows, 20 GB of disk
python benchmarks/backfill_month.py --engine mariadb --days 10
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from load_speed import database
from processes import Cost, measured
from replayed import DAY, render, replaying
from sqlalchemy.engine import make_url

from kmaflow.catalog import DAGS
from kmaflow.catalog.time import Window
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.store.engines.database import open_engine
from kmaflow.store.schema.service import API_KEY_STATE, API_USAGE

_KMAFLOW = [sys.executable, "-m", "kmaflow"]
_NAMES = list(DAGS["kma_aws"])
#: More would mean that nothing moves on.
_MOST_DAYS = 20


def ends_of(window: Window) -> list[str]:
    """As options of the command line."""
    return ["--from", f"{window.start:%Y%m%d%H%M}", "--to", f"{window.end:%Y%m%d%H%M}"]


def backfill(window: Window, workers: int, variables: dict[str, str], base: str | None) -> tuple[Cost, int, Any]:
    """One day's sitting: its cost, how the command ended, what it says."""
    command = [*_KMAFLOW, "backfill", *_NAMES, *ends_of(window), "--workers", str(workers), "--no-wait", "--json"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with measured(process.pid, base) as cost:
            told = process.stdout.read()
            process.wait()
    if process.returncode not in (0, 3):
        raise SystemExit(f"kmaflow backfill ended with {process.returncode}")
    return cost, process.returncode, json.loads(told)


def midnight(url: str) -> None:
    """What is charged to today was charged to yesterday, and nothing is exhausted."""
    engine = open_engine(url)
    with engine.begin() as connection:
        days = connection.execute(sa.select(API_USAGE.c.day_kst).distinct().order_by(API_USAGE.c.day_kst)).scalars()
        # Oldest first, so that no two days meet.
        for day in list(days):
            before = f"{date.fromisoformat(day) - timedelta(days=1)}"
            connection.execute(API_USAGE.update().where(API_USAGE.c.day_kst == day).values(day_kst=before))
        connection.execute(API_KEY_STATE.update().values(exhausted=None, exhausted_by=None, exhausted_until=None))
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="postgresql")
    parser.add_argument("--workers", type=int, default=min(4, len(os.sched_getaffinity(0))))
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--bodies", type=Path, default=Path(tempfile.gettempdir()) / "kmaflow-bench-bodies")
    options = parser.parse_args()
    render(options.bodies, dict.fromkeys(_NAMES, DAY))
    month = Window(DAY.start - options.days * timedelta(days=1), DAY.start)
    with (
        replaying(options.bodies) as hub,
        tempfile.TemporaryDirectory() as home,
        database(options.engine, home) as url,
    ):
        variables = {**os.environ, "KMAFLOW_HUB_URL": hub, "KMAFLOW_API_KEY": DEFAULT_KEY, "KMAFLOW_HOME": home}
        # The rate limit is for KMA's sake; the day's quota is a general member's, which is the default.
        variables |= {"KMAFLOW_DATABASE_URL": url, "KMAFLOW_CALLS_PER_SECOND": "1000"}
        for prepare in (["init", "--all"], ["stations", "sync"]):
            subprocess.run([*_KMAFLOW, *prepare], env=variables, check=True, stdout=subprocess.DEVNULL)
        base = make_url(url).database if options.engine == "postgresql" else None
        backfill(DAY, options.workers, variables, base)
        midnight(url)
        asked = [*_KMAFLOW, "plan", *_NAMES, *ends_of(month), "--json"]
        told = json.loads(subprocess.run(asked, env=variables, check=True, capture_output=True, text=True).stdout)
        planned = told["whole_days"]
        print(
            f"planned: {told['calls']:,} calls, {told['bytes'] / 1e9:.1f} GB, {told['days']:.2f} days of the quota: {planned}",
            flush=True,
        )
        calls, rows, seconds, needed, ended = 0, 0, 0.0, 0, 3
        while ended == 3 and needed < _MOST_DAYS:
            needed += 1
            cost, ended, told = backfill(month, options.workers, variables, base)
            sums = {name: sum(one[name] for one in told["datasets"]) for name in ("calls", "bytes", "inserted", "left")}
            calls, rows, seconds = calls + sums["calls"], rows + sums["inserted"], seconds + cost.seconds
            print(
                f"day {needed}: {sums['calls']:>7,} calls {sums['bytes'] / 1e9:5.2f} GB {sums['inserted']:>11,} rows {cost.seconds:7.1f} s "
                f"{sums['inserted'] / cost.seconds:>8,.0f} rows/s  CPU {cost.cpu:6.0f} + server {cost.server_cpu:5.0f} s  "
                f"peak {cost.memory:4.0f} MB in {cost.processes} processes, {sums['left']:,} cells left",
                flush=True,
            )
            midnight(url)
        print(
            f"{options.days} days: {calls:,} calls, {rows:,} rows in {seconds:.0f} s; days of the quota: {needed}, planned {planned}"
        )


if __name__ == "__main__":
    main()
