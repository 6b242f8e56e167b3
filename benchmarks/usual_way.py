"""The usual way of collecting minutes, beside ``kmaflow collect``: requests and pandas, station by station, executemany of INSERT IGNORE.

Both are processes of their own, ask the same simulator for the same hours and write into a database of their own on the same server. Part of
``make bench-load``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import httpx
from load_speed import database
from simulated import simulated_hub

from kmaflow.simulator import DEFAULT_KEY
from kmaflow.store import Store

USUAL = """
import io, sys
import pandas as pd
import requests
import sqlalchemy as sa
url, key, database, hours, *stations = sys.argv[1:]
names = "tm_kst stn wd1 ws1 wds wss wd10 ws10 ta re rn_15m rn_60m rn_12h rn_day hm pa ps td".split()
count = 0
for hour, stn in [(hour, stn) for hour in range(12 - int(hours), 12) for stn in stations]:
    question = {"tm1": f"20261122{hour:02}01", "tm2": f"20261122{hour + 1:02}00", "stn": stn, "disp": "1", "help": "0", "authKey": key}
    text = requests.get(f"{url}/cgi-bin/url/nph-aws2_min", params=question, timeout=60).content.decode("euc-kr")
    rows = pd.read_csv(io.StringIO(text), comment="#", header=None, usecols=range(18), names=names)
    rows["tm_kst"] = pd.to_datetime(rows["tm_kst"], format="%Y%m%d%H%M").dt.strftime("%Y-%m-%d %H:%M:%S")
    rows = rows.astype(object).where(rows.notna(), None)
    engine = sa.create_engine(database)
    ignore = {"mysql": "INSERT IGNORE INTO", "sqlite": "INSERT OR IGNORE INTO"}.get(engine.dialect.name, "INSERT INTO")
    tail = " ON CONFLICT DO NOTHING" if engine.dialect.name == "postgresql" else ""
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS aws (tm_kst VARCHAR(19), stn INTEGER, "
            + ", ".join(f"{name} DOUBLE PRECISION" for name in names[2:]) + ", PRIMARY KEY (tm_kst, stn))"))
        values = ", ".join(f":{name}" for name in names)
        if len(rows):
            connection.execute(sa.text(f"{ignore} aws ({', '.join(names)}) VALUES ({values}){tail}"), rows.to_dict("records"))
    engine.dispose()
    count += len(rows)
print(count)
"""


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return time.perf_counter() - began, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=730)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that the hub takes for each answer")
    parser.add_argument("--hours", type=int, default=1, help="each an own call for each station in the usual way")
    options = parser.parse_args()
    with (
        simulated_hub("now=datetime(2026, 11, 22, 13), body_cache_bytes=500_000_000") as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        if options.latency:
            order = {"fault": "slow", "endpoint": "*", "count": 10**9, "argument": options.latency, "match": {}}
            faults = url.replace("/api/typ01", "/_sim/faults")
            httpx.post(faults, content=json.dumps({"plan": [order]})).raise_for_status()
        for kind in ("postgresql", "mariadb", "sqlite"):
            with database(kind, folder) as theirs, database(kind, folder) as ours:
                variables = {
                    **os.environ,
                    "KMAFLOW_HOME": f"{folder}/{kind}",
                    "KMAFLOW_HUB_URL": url,
                    "KMAFLOW_API_KEY": DEFAULT_KEY,
                }
                variables["KMAFLOW_DATABASE_URL"] = ours
                kmaflow = [sys.executable, "-m", "kmaflow"]
                timed([*kmaflow, "stations", "sync"], variables)
                timed([*kmaflow, "init", "--all"], variables)
                hour = [
                    *kmaflow,
                    "collect",
                    "aws_minute",
                    "--from",
                    f"20261122{12 - options.hours:02}00",
                    "--to",
                    "202611221200",
                    "--json",
                ]
                # Once into a database that nobody keeps: the simulator has rendered its bodies then.
                timed(hour, {**variables, "KMAFLOW_DATABASE_URL": f"sqlite:///{folder}/warm-{kind}.db"})
                seconds, told = timed(hour, variables)
                rows = json.loads(told)["datasets"][0]["inserted"]
                with Store(ours) as store:
                    chosen = [str(station.stn) for station in store.stations() if "AWS" in station.networks][
                        : options.stations
                    ]
                usual = [sys.executable, "-c", USUAL, url, DEFAULT_KEY, theirs, str(options.hours), *chosen]
                timed(usual, variables)
                theirs_seconds, counted = timed(usual, variables)
                speed, usual_speed = rows / seconds, int(counted) / theirs_seconds
                print(
                    f"{kind:<11} the usual way {usual_speed:>7,.0f} rows/s ({int(counted):,} rows)  kmaflow collect {speed:>9,.0f} rows/s "
                    f"({rows:,} rows)  {speed / usual_speed:.0f} times",
                    flush=True,
                )


if __name__ == "__main__":
    main()
