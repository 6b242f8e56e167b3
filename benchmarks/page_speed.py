"""What each view of the page costs at the server, with a year of completeness of all datasets and stations behind it: ``make bench-page``.

The books of a year are written as in ``gaps_year.py``: a ledger row for each of 272,000 answers, a row of coverage for each day, and the counts of each
hour and station (nineteen million), which the server makes itself. Observations are those of the last day. Each figure is the median of nine
requests, warm, over HTTP to ``kmaflow serve`` as a process beside this one, with the processor time that this took it; memory is that process's largest
resident size.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from api_speed import ask, median_ms, serving
from gaps_year import fill, numbers
from load_speed import database

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, MINUTE, Window, floor_to, now_kst
from kmaflow.store import Store, tokens
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import LATEST, REVISION, STATION
from kmaflow.store.state import State

#: The books end with yesterday.
TODAY = floor_to(now_kst(), DAY)
#: Of the last day there are rows, of these datasets: nothing reads others.
_WITH_ROWS = ("aws_minute", "asos_hourly")


def prepare(url: str, days: int) -> str:
    """A year of books, two days of rows, stations, corrections, a token."""
    with Store(url) as store, State(url) as state:
        state.init()
        store.init(all_tables=True)
        fill(store, days, hours=True, begin=TODAY - days * DAY)
        for name in DATASETS:
            store.ensure(name, Window(TODAY - DAY, TODAY))
        with store.engine.begin() as connection:
            for name in _WITH_ROWS:
                _rows(connection, name)
            _stations(connection)
        if store.engine.dialect.name == "postgresql":
            with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text("VACUUM ANALYZE"))
        return tokens.add(store, "bench", per_minute=10_000_000)


def _rows(connection: sa.Connection, name: str) -> None:
    """The rows of the last day, made by the server: every numeric column has some value."""
    described, table = DATASETS[name], OBSERVATIONS[name]
    stamps = list(Window(TODAY - DAY, TODAY).stamps(described.cadence))
    listed = sa.Table("bench_stamps", sa.MetaData(), sa.Column("tm", LATEST.c.tm_kst.type), prefixes=["TEMPORARY"])
    listed.create(connection)
    connection.execute(listed.insert(), [{"tm": stamp} for stamp in stamps])
    values = {column.name: str(index % 30) for index, column in enumerate(described.stored) if column.kind != "text"}
    columns = ", ".join(["tm_kst", "stn", *values, "request_id"])
    stations = ", ".join(f"({stn})" for stn in numbers(name))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({columns}) WITH s (stn) AS (VALUES {stations}) "
        f"SELECT b.tm, s.stn, {', '.join(values.values())}, 1 FROM bench_stamps b CROSS JOIN s ORDER BY 1, 2"
    )
    connection.execute(LATEST.insert(), [{"dataset": name, "stn": stn, "tm_kst": stamps[-1]} for stn in numbers(name)])
    listed.drop(connection)


def _stations(connection: sa.Connection) -> None:
    places = [
        {
            "network": "AWS", "stn": stn, "valid_from": TODAY - 400 * DAY, "stn_ko": f"지점{stn}", "lat": 34 + index % 27 / 6,
            "lon": 126 + index // 27 / 9, "ht": 50.0,
        }
        for index, stn in enumerate(numbers("aws_minute"))
    ]  # fmt: skip
    connection.execute(STATION.insert(), places)
    changes = [
        {
            "dataset": "aws_minute", "tm_kst": TODAY - index * MINUTE, "stn": 90 + index % 700, "col": "ta", "old_value": "1.0", "new_value": "1.1",
            "old_request": 1, "new_request": 2, "cause": "hub", "changed_at": TODAY - index * MINUTE,
        }
        for index in range(20_000)
    ]  # fmt: skip
    connection.execute(REVISION.insert(), changes)


def views() -> dict[str, list[str]]:
    """The requests of each view."""
    day, year_ago = f"{TODAY - DAY:%Y-%m-%d}", f"{TODAY - 365 * DAY:%Y-%m-%d}"
    hole = f"{TODAY - 100 * DAY:%Y-%m-%d}"
    week = f"from={TODAY - 7 * DAY:%Y%m%d%H%M}&to={TODAY:%Y%m%d%H%M}"
    today = f"from={TODAY - DAY:%Y%m%d%H%M}&to={TODAY:%Y%m%d%H%M}"
    return {
        "now": ["/v1/overview", "/v1/status"],
        "map": [
            f"/v1/frames?dataset=aws_minute&element={element}&to={TODAY:%Y%m%d%H%M}"
            for element in ("ta", "rain_10min", "wind")
        ],
        "station": [
            "/v1/station/108",
            f"/v1/series?dataset=aws_minute&elements=ta,hm,ws10,wd10,rn_day&stations=108&{today}",
            f"/v1/series?dataset=aws_minute&elements=ta,hm,ws10,wd10,rn_day&stations=108&every=10min&{week}",
            f"/v1/revisions?dataset=aws_minute&station=108&{week}",
        ],
        "completeness": [
            f"/v1/completeness/year?to={TODAY:%Y-%m-%d}",
            f"/v1/completeness/day?dataset=aws_minute&day={day}",
            f"/v1/completeness/day?dataset=aws_minute&day={hole}",
            f"/v1/why?dataset=aws_minute&stn=108&time={day}T12:00",
        ],
        "work": [
            "/v1/work",
            f"/v1/price?datasets=all&from={year_ago}&to={day}",
        ],
    }


def measure(url: str, token: str, folder: str) -> None:
    with serving(url, folder) as (process, port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

        def request(path: str) -> Callable[[], Any]:
            return lambda: ask(port, token, path, connection)

        for view, paths in views().items():
            for path in paths:
                size, before = len(request(path)()), sum(process.cpu_times()[:2])
                wall = median_ms(request(path))
                spent = (sum(process.cpu_times()[:2]) - before) / 10
                print(
                    f"{view:13} {path[:76]:76} {wall:6.0f} ms  {1000 * spent:5.0f} ms of the processor  {size / 1000:6.0f} kB",
                    flush=True,
                )
        highest = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line)
        print(f"resident at most {int(highest.split()[1]) / 1000:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--engines", default="postgresql,sqlite")
    options = parser.parse_args()
    for kind in options.engines.split(","):
        with tempfile.TemporaryDirectory() as folder, database(kind, folder) as url:
            begun = time.perf_counter()
            token = prepare(url, options.days)
            print(f"{kind}, {options.days} days (filled in {time.perf_counter() - begun:.0f} s)", flush=True)
            measure(url, token, folder)


if __name__ == "__main__":
    main()
