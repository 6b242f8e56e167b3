"""What is missing of a year of all datasets, and why one cell is: how long the answer takes. ``python benchmarks/gaps_year.py``.

The books of a year are written as the loader writes them: a ledger row for each of its 272,000 answers, a sheet for each day, and (left out with
``--no-hours``) nineteen million counts of hours. One answer in five hundred is missing, one in a thousand was refused. Floor: the same sheets and refused
requests read and thrown away.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from load_speed import database

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.store import Store
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.coverage.states import stamps
from kmaflow.store.schema.service import COVERAGE_DAY, LATEST, LEDGER

BEGIN = datetime(2025, 1, 1)
COUNTS = {"aws_cloud": 95, "aws_visibility": 275, "aws_present_weather": 275, "asos_hourly": 97}


def numbers(name: str) -> list[int]:
    return list(range(90, 90 + COUNTS.get(name, 730)))


def answers(described: Dataset, begin: datetime, days: int, dice: random.Random) -> Iterator[tuple[Window, str | None]]:
    """The windows of a year with their outcome; None: never asked."""
    step = 10 * MINUTE if described.cadence < HOUR else HOUR
    for window in Window(begin, begin + days * DAY).split(step):
        luck = dice.random()
        yield window, None if luck < 0.002 else "server" if luck < 0.003 else "ok"


def fill(store: Store, days: int, *, hours: bool, begin: datetime = BEGIN) -> None:
    """The books of so many days; with ``hours`` also the counts by station, which the server makes from lists of hours and stations."""
    dice = random.Random(1)
    with store.engine.begin() as connection:
        counts = _lists(connection)
        for name, described in DATASETS.items():
            requests = []
            answered: dict[str, list[list[int]]] = {}
            for window, outcome in answers(described, begin, days, dice):
                if outcome is None:
                    continue
                requests.append(
                    {
                        "dataset": name, "stn": 0, "tm_from": window.start, "tm_to": window.end, "fetched_at": window.end + 3 * MINUTE,
                        "http_status": 200 if outcome == "ok" else 500, "outcome": outcome, "sha256": None, "bytes": 700_000, "row_count": 7300,
                        "rejected": 0, "parser_version": 1, "key_id": "0" * 12, "selection": "all",
                    }
                )  # fmt: skip
                if outcome == "ok":
                    day = window.start.replace(hour=0, minute=0)
                    low, high = ((moment - day) // MINUTE for moment in (window.start, window.end))
                    spans = answered.setdefault(f"{day:%Y-%m-%d}", [])
                    if spans and spans[-1][1] == low:
                        spans[-1][1] = high
                    else:
                        spans.append([low, high])
            connection.execute(LEDGER.insert(), requests)
            there = [_stamps_of_hours(spans, described.cadence // MINUTE) for spans in answered.values()]
            connection.execute(
                COVERAGE_DAY.insert(),
                [
                    {
                        "dataset": name, "day_kst": day, "answered": json.dumps({"all": spans}), "reported": ",".join(map(str, numbers(name))),
                        "rejected": None, "present": sum(stamps) * len(numbers(name)), "blank": 0,
                        "hours": ",".join(str(count * len(numbers(name))) for count in stamps),
                    }
                    for (day, spans), stamps in zip(answered.items(), there, strict=True)
                ],
            )  # fmt: skip
            ends = [
                {"hour_kst": datetime.fromisoformat(day) + (hour + 1) * HOUR, "stamps": stamps[hour]}
                for day, stamps in zip(answered, there, strict=True)
                for hour in range(24)
            ]
            if hours:
                connection.execute(counts.insert(), ends)
                stations = ", ".join(f"({stn})" for stn in numbers(name))
                connection.exec_driver_sql(
                    "INSERT INTO completeness_hour (dataset, hour_kst, stn, present, blank) "
                    f"WITH s (stn) AS (VALUES {stations}) SELECT '{name}', h.hour_kst, s.stn, h.stamps, 0 FROM bench_hours h CROSS JOIN s ORDER BY 2, 3"
                )
                connection.execute(counts.delete())
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _lists(connection: sa.Connection) -> sa.Table:
    """A table of hours, for this session only."""
    columns = sa.Column("hour_kst", LATEST.c.tm_kst.type), sa.Column("stamps", sa.Integer)
    table = sa.Table("bench_hours", sa.MetaData(), *columns, prefixes=["TEMPORARY"])
    table.create(connection)
    return table


def _stamps_of_hours(spans: list[list[int]], step: int) -> list[int]:
    """How many stamps of each of the day's hours were answered."""
    minutes = {minute for low, high in spans for minute in range(low + 1, high + 1) if minute % step == 0}
    return [sum(60 * hour < minute <= 60 * hour + 60 for minute in minutes) for hour in range(24)]


def median(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def measure(kind: str, days: int, folder: str, *, hours: bool) -> None:
    with database(kind, folder) as url, Store(url) as store:
        store.init(all_tables=True)
        began = time.perf_counter()
        fill(store, days, hours=hours)
        filled = time.perf_counter() - began
        year, now = Window(BEGIN, BEGIN + days * DAY), BEGIN + days * DAY + timedelta(hours=12)
        with store.engine.connect() as connection:
            found = gaps(connection, DATASETS, year, now=now)
            looked = median(lambda: gaps(connection, DATASETS, year, now=now))
            bare = sa.union_all(
                sa.select(COVERAGE_DAY.c.answered, COVERAGE_DAY.c.reported),
                sa.select(LEDGER.c.dataset, LEDGER.c.message).where(LEDGER.c.outcome == "server"),
            )
            floor = median(lambda: connection.execute(bare).fetchall())
            middle = BEGIN + days // 2 * DAY
            cell = median(lambda: stamps(connection, "aws_minute", Window(middle - MINUTE, middle), stations=[108]))
            day = "SELECT COUNT(*), MIN(share) FROM v_completeness WHERE dataset = 'aws_minute' AND hour_kst = '{}'"
            view = median(lambda: connection.exec_driver_sql(day.format(middle)).all())
        print(
            f"{kind:<11} {days} days of {len(DATASETS)} datasets (filled in {filled:.0f} s): gaps {looked:.2f} s ({len(found):,} stretches; "
            f"{looked / floor:.0f} times the bare reading of {floor:.3f} s)  one cell {cell * 1000:.1f} ms  v_completeness of an hour {view * 1000:.1f} ms",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, nargs="+", default=[36, 365])
    parser.add_argument("--engines", default="sqlite,postgresql,mariadb")
    parser.add_argument("--no-hours", action="store_true")
    options = parser.parse_args()
    for kind in options.engines.split(","):
        for days in options.days:
            with tempfile.TemporaryDirectory() as folder:
                measure(kind, days, folder, hours=not options.no_hours)


if __name__ == "__main__":
    main()
