"""Whether loading and reading stay as fast as the table grows: one hour into a million rows and into fifty million. ``make bench-growth``.

The server fills the table itself, backwards from the hours that are loaded, so that they go into a month that is as full as it gets. Reading is the
server's own time (EXPLAIN ANALYZE, ANALYZE FORMAT=JSON), warm: one station's day, and one minute of all stations.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from datetime import datetime, timedelta

import sqlalchemy as sa
from load_speed import NAMES, STATIONS, database, hour_of, request_of

from kmaflow.catalog.time import DAY, HOUR
from kmaflow.store import Store

#: The fill ends here, the loaded hours follow.
EDGE = datetime(2026, 11, 24)
VALUES = NAMES[2:-1]


def fill(connection: sa.Connection, day: datetime) -> int:
    """The stamps of one day, made by the server."""
    names = ", ".join(NAMES)
    if connection.dialect.name == "postgresql":
        values = ", ".join(f"floor(random() * 800) / 10 - {place}" for place, _ in enumerate(VALUES))
        stations = ", ".join(str(stn) for stn in STATIONS)
        done = connection.exec_driver_sql(
            f"INSERT INTO aws_minute ({names}) SELECT tm, stn, {values}, 1 "
            f"FROM generate_series('{day + timedelta(minutes=1)}'::timestamp, '{day + DAY}', '1 minute') tm, unnest(ARRAY[{stations}]) stn ORDER BY tm, stn"
        )
        return done.rowcount
    values = ", ".join(f"FLOOR(RAND() * 800) / 10 - {place}" for place, _ in enumerate(VALUES))
    done = connection.exec_driver_sql(
        f"INSERT INTO aws_minute ({names}) SELECT '{day}' + INTERVAL m.seq MINUTE, s.stn, {values}, 1 FROM seq_1_to_1440 m JOIN bench_stn s "
        "ORDER BY m.seq, s.stn"
    )
    return done.rowcount


def server_ms(connection: sa.Connection, query: str) -> float:
    """The server's own time for a query, the median of seven warm runs."""
    found = []
    for _ in range(8):
        if connection.dialect.name == "postgresql":
            lines = [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF) {query}")]
            found.append(float(lines[-1].split(":")[1].split()[0]))
        else:
            told = json.loads(str(connection.exec_driver_sql(f"ANALYZE FORMAT=JSON {query}").scalar_one()))
            found.append(float(told["query_block"]["r_total_time_ms"]))
    return statistics.median(found[1:])


def measure(kind: str, days: int, folder: str) -> None:
    first_hour = (EDGE - datetime(2026, 11, 1)) // HOUR
    with database(kind, folder) as url, Store(url) as store:
        store.ensure("aws_minute")
        with store.engine.begin() as connection:
            if kind == "mariadb":
                connection.exec_driver_sql("CREATE TABLE bench_stn (stn INT PRIMARY KEY)")
                connection.exec_driver_sql(f"INSERT INTO bench_stn VALUES {', '.join(f'({stn})' for stn in STATIONS)}")
        filled, hour = 0, first_hour
        medians = []
        for upto in (1, days):
            before = time.perf_counter()
            for back in range(1 if upto == 1 else 2, upto + 1):
                with store.engine.begin() as connection:
                    filled += fill(connection, EDGE - back * DAY)
            if kind == "postgresql":
                with store.engine.connect() as connection:
                    connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                        "VACUUM ANALYZE aws_minute"
                    )
            made = time.perf_counter() - before
            seconds = []
            for _ in range(8):
                parsed = hour_of(hour)
                hour += 1
                start = time.perf_counter()
                store.load(parsed, request_of(parsed, 1))
                seconds.append(time.perf_counter() - start)
            medians.append(statistics.median(seconds))
            day = EDGE - DAY
            one = f"FROM aws_minute WHERE stn = {STATIONS[99]} AND tm_kst > '{day}' AND tm_kst <= '{day + DAY}'"
            national = f"FROM aws_minute WHERE tm_kst = '{day + 12 * HOUR}'"
            with store.engine.connect() as connection:
                for query, expected in ((one, 1440), (national, len(STATIONS))):
                    assert connection.exec_driver_sql(f"SELECT COUNT(*) {query}").scalar() == expected, query
                station, minute = (server_ms(connection, f"SELECT * {query}") for query in (one, national))
            print(
                f"{kind:<11} {filled:>11,} rows (filled in {made:.0f} s)  an hour loads in {1000 * medians[-1]:.0f} ms  one station's day {station:.1f} ms  "
                f"one national minute {minute:.1f} ms",
                flush=True,
            )
        print(f"{kind:<11} growth: {medians[1] / medians[0]:.2f} times the time into {days} times the rows", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=48, help="48 days of 730 stations are fifty million rows")
    parser.add_argument("--engines", default="postgresql,mariadb")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.engines.split(","):
            measure(kind, options.days, folder)


if __name__ == "__main__":
    main()
