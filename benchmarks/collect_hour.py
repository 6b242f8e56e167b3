"""One hour of ``aws_minute``, all stations, from the simulator into SQLite by ``kmaflow collect``.

Floor, in the same run and also as a process of its own: download the same bytes, ``polars.read_csv``, one ``executemany`` into an identical
table. The simulator has rendered its bodies beforehand. Then the same for ten hours, to see how time and memory grow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta

from simulated import simulated_hub

FLOOR = """
import io, sqlite3, sys
import httpx, polars as pl
url, key, path, *windows = sys.argv[1:]
bodies = []
with httpx.Client() as http:
    for window in windows:
        tm1, tm2 = window.split("-")
        question = {"tm1": tm1, "tm2": tm2, "stn": "0", "disp": "1", "help": "0", "authKey": key}
        bodies.append(http.get(f"{url}/cgi-bin/url/nph-aws2_min", params=question).content)
frames = [
    pl.read_csv(io.BytesIO(body), has_header=False, comment_prefix="#", new_columns=[f"c{i}" for i in range(19)]) for body in bodies
]
rows = pl.concat(frames, how="vertical_relaxed")
stamp = pl.col("c0").cast(pl.String).str.to_datetime("%Y%m%d%H%M").dt.strftime("%Y-%m-%d %H:%M:%S")
rows = rows.select(stamp, *[f"c{i}" for i in range(1, 18)], pl.lit(1))
values = ", ".join(f"v{i} DOUBLE" for i in range(16))
database = sqlite3.connect(path)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = NORMAL")
database.execute("PRAGMA cache_size = -65536")
database.execute(f"CREATE TABLE t (tm_kst TEXT NOT NULL, stn INTEGER NOT NULL, {values}, request_id INTEGER NOT NULL, PRIMARY KEY (tm_kst, stn))")
database.execute("CREATE INDEX t_stn_tm ON t (stn, tm_kst)")
with database:
    database.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 19)})", rows.rows())
print(rows.height)
"""


def run(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Seconds, peak MB and standard output of a command."""
    before = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        raise SystemExit(f"{command[:4]} ended with {process.returncode}")
    return time.perf_counter() - before, usage.ru_maxrss / 1024, output


def measure(hours: int, repeats: int, url: str, key: str, end: datetime) -> None:
    start = end - timedelta(hours=hours)
    parts = [start + timedelta(minutes=10 * part) for part in range(6 * hours)]
    windows = [f"{part + timedelta(minutes=1):%Y%m%d%H%M}-{part + timedelta(minutes=10):%Y%m%d%H%M}" for part in parts]
    times: dict[str, list[float]] = {"floor": [], "kmaflow": []}
    memory: dict[str, float] = {"floor": 0.0, "kmaflow": 0.0}
    rows: dict[str, int] = {}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "KMAFLOW_HOME": folder, "KMAFLOW_HUB_URL": url, "KMAFLOW_API_KEY": key}
            # As on every day but the first: the service tables are there, the stations are known.
            for prepare in (["init"], ["stations", "sync"]):
                run([sys.executable, "-m", "kmaflow", *prepare], environment)
            seconds, peak, output = run(
                [sys.executable, "-c", FLOOR, url, key, f"{folder}/floor.db", *windows], environment
            )
            times["floor"].append(seconds)
            memory["floor"] = max(memory["floor"], peak)
            rows["floor"] = int(output)
            collect = [sys.executable, "-m", "kmaflow", "collect", "aws_minute", "--json"]
            collect += ["--from", f"{start:%Y%m%d%H%M}", "--to", f"{end:%Y%m%d%H%M}"]
            seconds, peak, output = run(collect, environment)
            times["kmaflow"].append(seconds)
            memory["kmaflow"] = max(memory["kmaflow"], peak)
            result = json.loads(output)["datasets"][0]
            rows["kmaflow"] = result["inserted"]
            calls = result["calls"]
    if rows["floor"] != rows["kmaflow"]:
        raise SystemExit(f"rows differ: {rows}")
    floor, ours = statistics.median(times["floor"]), statistics.median(times["kmaflow"])
    print(
        f"{hours:>3} h  {rows['kmaflow']:>8,} rows  {calls:>3} calls  floor {floor:6.2f} s {memory['floor']:4.0f} MB  "
        f"kmaflow {ours:6.2f} s {memory['kmaflow']:4.0f} MB  ratio {ours / floor:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    from kmaflow.simulator import DEFAULT_KEY

    end = datetime(2026, 11, 22, 12)
    with simulated_hub("now=datetime(2026, 11, 22, 13), body_cache_bytes=500_000_000") as url:
        for hours in (1, 10):
            measure(hours, 1 if hours > 1 else 2, url, DEFAULT_KEY, end) if hours > 1 else None
            measure(hours, options.repeats, url, DEFAULT_KEY, end)
    print(f"largest child: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB (the simulator)")


if __name__ == "__main__":
    main()
