"""Parsing one large ``nph-aws2_min`` body on one core: rows per second, beside a bare ``polars.read_csv`` of the same rows.

Also the careful way (a body with one garbled row goes line by line) and ten times the rows.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "1"  # before polars is loaded: one core

import argparse
import resource
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import polars as pl

from kmaflow.catalog import DATASETS
from kmaflow.hub.parse import parse
from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings, running

END = datetime(2026, 11, 22, 12)


def body(minutes: int) -> bytes:
    """One answer of the simulator for all stations and so many minutes."""
    with running(SimulatorSettings(now=END + timedelta(hours=1), enforce_limits=False)) as hub:
        question = {
            "tm1": f"{END - timedelta(minutes=minutes - 1):%Y%m%d%H%M}",
            "tm2": f"{END:%Y%m%d%H%M}",
            "stn": "0",
            "disp": "1",
            "help": "1",
            "authKey": DEFAULT_KEY,
        }
        return httpx.get(f"{hub.url}/cgi-bin/url/nph-aws2_min", params=question, timeout=300).content


def best(work: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the best of some runs: other programs on the machine do not count."""
    times = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


def measure(name: str, content: bytes, repeats: int) -> None:
    dataset = DATASETS["aws_minute"]
    rows = parse(dataset, content).rows.height
    plain = b"\n".join(line for line in content.split(b"\n") if line[:1] != b"#")
    floor = best(lambda: pl.read_csv(plain, has_header=False), repeats)
    ours = best(lambda: parse(dataset, content), repeats)
    print(
        f"{name:<22} {rows:>8,} rows  {len(content) / 1e6:6.1f} MB  floor {rows / floor / 1e6:5.2f} M rows/s  "
        f"parse {rows / ours / 1e6:5.2f} M rows/s  ratio {ours / floor:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    hour = body(60)
    measure("1 h", hour, options.repeats)
    half_day = body(600)
    measure("10 h", half_day, options.repeats)
    garbled = half_day.replace(b",=\n", b",?x\n", 1)
    measure("10 h, one row garbled", garbled, 1)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB (the simulator included)")


if __name__ == "__main__":
    main()
