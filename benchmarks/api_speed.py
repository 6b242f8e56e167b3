"""What the HTTP API costs beside bare SQL of the same rows, in one run: ``python benchmarks/api_speed.py [--days 60]``.

A PostgreSQL database of its own is filled by the server with so many days of AWS minutes (730 stations). Each figure is the median of several runs, warm;
the ratio is to its floor: the driver's own cursor with the same rows. Requests a second are those of four clients over HTTP to ``kmaflow serve`` as a
process beside them; memory is that process's resident size before and while a large CSV is sent.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import psutil
import psycopg
import sqlalchemy as sa
from load_growth import fill
from load_speed import STATIONS as NUMBERS
from load_speed import database
from sqlalchemy.engine import make_url

from kmaflow.catalog.time import DAY, Window, now_kst
from kmaflow.read.lake import keep
from kmaflow.store import Store, tokens

#: The newest minute: what is older than half an hour is not the weather now.
EDGE = now_kst().replace(second=0, microsecond=0)
STATIONS = [int(stn) for stn in NUMBERS]
ELEMENTS = ("ta", "hm", "ws10", "wd10", "rn_60m")
KEY = STATIONS[0]


def prepare(url: str, days: int) -> str:
    """Tables, stations, ``days`` of minutes that end now, and a token."""
    with Store(url) as store:
        store.init()
        store.ensure("aws_minute", Window(EDGE - days * DAY, EDGE))
        for day in range(days):
            with store.engine.begin() as connection:
                fill(connection, EDGE - (day + 1) * DAY)
            print(f"  day {day + 1} of {days}", end="\r", file=sys.stderr)
        with store.engine.begin() as connection:
            connection.exec_driver_sql(
                f"INSERT INTO latest SELECT 'aws_minute', stn, '{EDGE}' FROM unnest(ARRAY{STATIONS}) stn"
            )
            for number, stn in enumerate(STATIONS):
                connection.exec_driver_sql(
                    "INSERT INTO station (network, stn, valid_from, stn_ko, lat, lon, ht) VALUES ('AWS', %s, %s, %s, %s, %s, %s)",
                    (stn, EDGE, f"지점{stn}", 34 + number % 27 / 6, 126 + number // 27 / 9, 50.0),
                )
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))
        return tokens.add(store, "bench", per_minute=10_000_000)


@contextmanager
def serving(url: str, folder: str) -> Iterator[tuple[psutil.Process, int, float]]:
    """``kmaflow serve`` as a process: it, its port, and the seconds until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "KMAFLOW_DATABASE_URL": url, "KMAFLOW_HOME": folder}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "kmaflow", "serve", "--port", str(port)], env=env, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                ask(port, "", "/healthz")
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield psutil.Process(process.pid), port, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait()


def ask(port: int, token: str, path: str, connection: http.client.HTTPConnection | None = None) -> bytes:
    own = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    own.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = own.getresponse()
    body = answer.read()
    assert answer.status == 200, (answer.status, body[:400])
    return body


def median_ms(work: Callable[[], Any], times: int = 9) -> float:
    found = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - begun))
    return statistics.median(found[1:])


def _many(port: int, token: str, path: str, seconds: float) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        ask(port, token, path, connection)
        count += 1
    return count


def per_second(port: int, token: str, path: str, seconds: float = 6.0, clients: int = 4) -> float:
    with get_context("spawn").Pool(clients) as pool:
        pool.starmap(_many, [(port, token, path, 0.2)] * clients)
        return sum(pool.starmap(_many, [(port, token, path, seconds)] * clients)) / seconds


def told(what: str, ours: float, floor: float | None = None, unit: str = "ms") -> None:
    ratio = "" if floor is None else f"  floor {floor:9.1f} {unit}  ratio {ours / floor:5.2f}"
    print(f"{what:44} {ours:9.1f} {unit}{ratio}")


def measure(url: str, token: str, days: int, folder: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    columns = ", ".join(ELEMENTS)
    words = ",".join(ELEMENTS)
    to = f"{EDGE:%Y%m%d%H%M}"
    month = min(days, 31)
    window = f"from={EDGE - month * DAY:%Y%m%d%H%M}&to={to}"
    with psycopg.connect(plain) as bare, serving(url, folder) as (process, port, cold):
        told("cold start of kmaflow serve", 1000 * cold)

        def rows(query: str) -> Callable[[], Any]:
            return lambda: bare.execute(query).fetchall()

        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

        def over_http(path: str) -> Callable[[], Any]:
            return lambda: ask(port, token, path, connection)

        keyed = f"SELECT l.stn, l.tm_kst, {columns} FROM latest l JOIN aws_minute o ON o.tm_kst = l.tm_kst AND o.stn = l.stn WHERE l.dataset = 'aws_minute'"
        told("/v1/latest, all stations", median_ms(over_http(f"/v1/latest?elements={words}")), median_ms(rows(keyed)))
        few = json.loads(ask(port, token, f"/v1/near?lat=36.5&lon=127.5&k=20&elements={words}"))["rows"]
        listed = ", ".join(str(row["stn"]) for row in few)
        told(
            "/v1/near, 20 stations",
            median_ms(over_http(f"/v1/near?lat=36.5&lon=127.5&k=20&elements={words}"), 30),
            median_ms(rows(f"{keyed} AND l.stn IN ({listed})"), 30),
        )
        for path in (
            f"/v1/near?lat=36.5&lon=127.5&k=5&elements={words}",
            f"/v1/latest?lat=36.5&lon=127.5&elements={words}",
        ):
            told(f"{path[:14]} requests a second", per_second(port, token, path), None, "/s")
        series = f"SELECT tm_kst, stn, {columns} FROM aws_minute WHERE stn = {KEY} AND tm_kst > '{EDGE - month * DAY}' AND tm_kst <= '{EDGE}' ORDER BY tm_kst"
        floor = median_ms(rows(series), 5)
        connection.close()
        asked = f"/v1/series?dataset=aws_minute&elements={words}&stations={KEY}&{window}"
        told(f"a station, {month} days of minutes, JSON", median_ms(over_http(f"{asked}&limit=100000"), 5), floor)
        told(f"a station, {month} days of minutes, Parquet", median_ms(over_http(f"{asked}&format=parquet"), 5), floor)
        some = ",".join(str(stn) for stn in STATIONS[: max(1, 10_000_000 // (days * 1440))][:700])
        before, most, size = process.memory_info().rss, 0, 0
        begun = time.perf_counter()
        connection.request(
            "GET",
            f"/v1/series?dataset=aws_minute&elements=ta&stations={some}&from={EDGE - days * DAY:%Y%m%d%H%M}&to={to}&format=csv",
            headers={"Authorization": f"Bearer {token}"},
        )
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        count = 0
        while part := answer.read(1 << 20):
            size += len(part)
            count += part.count(b"\n")
            most = max(most, process.memory_info().rss)
        told(f"CSV of {count:,} rows", 1000 * (time.perf_counter() - begun))
        print(f"  resident {before / 1e6:.0f} MB before, {most / 1e6:.0f} MB at most, {size / 1e6:.0f} MB sent")


def lake_speed(url: str, folder: str, days: int) -> None:
    with Store(url) as store:
        begun, cpu = time.perf_counter(), time.process_time()
        rows = sum(one.rows for one in keep(store, f"{folder}/lake", ["aws_minute"]) if one.written)
        seconds, spent = time.perf_counter() - begun, time.process_time() - cpu
        print(
            f"lake, {days} days: {rows / seconds:,.0f} rows/s ({rows / spent:,.0f} a second of our own processor time)"
        )
        begun = time.perf_counter()
        list(keep(store, f"{folder}/lake", ["aws_minute"]))
        print(f"lake again, nothing changed: {1000 * (time.perf_counter() - begun):,.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=60)
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as folder, database("postgresql", folder) as url:
        token = prepare(url, days)
        print(f"PostgreSQL, {days} days, {days * 1440 * len(STATIONS):,} rows")
        measure(url, token, days, folder)
        lake_speed(url, folder, days)


if __name__ == "__main__":
    main()
