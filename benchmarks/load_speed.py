"""Loading ``aws_minute`` in hour windows, beside the bare bulk load of the same frames into an identical table on the same server.

Floor: COPY (PostgreSQL), LOAD DATA LOCAL (MariaDB), executemany (SQLite), one transaction an hour, same columns, keys, index and partitions;
turning the frame into the driver's form is part of both. Floor and product take turns hour by hour. ``make bench-load``.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import resource
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import HOUR, Window
from kmaflow.hub.parse import Parsed
from kmaflow.store import Store
from kmaflow.store.ledger import LedgerRow
from kmaflow.store.schema.observations import OBSERVATIONS

SERVERS = {
    "postgresql": os.environ.get("KMAFLOW_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": os.environ.get("KMAFLOW_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/mysql"),
}
TABLE = OBSERVATIONS["aws_minute"]
NAMES = [column.name for column in TABLE.columns]
STATIONS = np.sort(np.random.default_rng(1).choice(np.arange(90, 999), 730, replace=False)).astype(np.int32)
START = datetime(2026, 11, 1)


def hour_of(index: int) -> Parsed:
    """An hour as the parser gives it: all stations, values with one decimal, some of them missing, 2.5 % of the rows blank."""
    random = np.random.default_rng(index)
    window = Window(START + index * HOUR, START + (index + 1) * HOUR)
    stamps = [window.start + timedelta(minutes=minute) for minute in range(1, 61)]
    count = 60 * len(STATIONS)
    blank = random.random(count) < 0.025
    columns: dict[str, Any] = {
        "tm_kst": pl.Series(stamps, dtype=pl.Datetime("us")).gather(np.repeat(np.arange(60), len(STATIONS))),
        "stn": np.tile(STATIONS, 60),
    }
    for place, column in enumerate(DATASETS["aws_minute"].stored):
        values = np.round(random.normal(10 * place, 8, count), 1) + 0.0
        columns[column.name] = pl.Series(values).set(pl.Series(blank | (random.random(count) < 0.02)), None)
    return Parsed(
        DATASETS["aws_minute"], pl.DataFrame(columns).with_columns(blank=pl.Series(blank)), None, (), (), count
    )


def request_of(parsed: Parsed, hours: int) -> LedgerRow:
    tm = parsed.rows["tm_kst"]
    window = Window(tm.min() - timedelta(minutes=1), tm.max())  # type: ignore[operator, arg-type]
    digest = sha256(f"{window} {hours}".encode()).hexdigest()
    return LedgerRow(
        dataset="aws_minute", window=window, fetched_at=window.end + timedelta(hours=hours), http_status=200, sha256=digest
    )  # fmt: skip


@contextmanager
def database(kind: str, folder: str) -> Iterator[str]:
    """A database of its own, dropped afterwards."""
    name = f"kmaflow_bench_{uuid.uuid4().hex[:8]}"
    if kind == "sqlite":
        yield f"sqlite:///{folder}/{name}.db"
        return
    url = make_url(SERVERS[kind])
    server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}{' WITH (FORCE)' if kind == 'postgresql' else ''}")
        server.dispose()


def bare(kind: str, url: str) -> Callable[[pl.DataFrame], None]:
    """The bare bulk load of one frame in one transaction, with the driver alone."""
    parts = make_url(url)
    listed = ", ".join(NAMES)
    if kind == "sqlite":
        assert parts.database
        lite = sqlite3.connect(parts.database)
        lite.execute("PRAGMA journal_mode = WAL")
        lite.execute("PRAGMA synchronous = NORMAL")
        lite.execute("PRAGMA cache_size = -65536")

        def executemany(rows: pl.DataFrame) -> None:
            texts = rows.with_columns(pl.col("tm_kst").dt.strftime("%Y-%m-%d %H:%M:%S"))
            with lite:
                lite.executemany(
                    f"INSERT INTO aws_minute ({listed}) VALUES ({', '.join('?' * len(NAMES))})", texts.rows()
                )

        return executemany
    if kind == "postgresql":
        import psycopg

        server = psycopg.connect(
            host=parts.host, port=parts.port, user=parts.username, password=parts.password, dbname=parts.database
        )

        def copy(rows: pl.DataFrame) -> None:
            with (
                server.transaction(),
                server.cursor() as cursor,
                cursor.copy(f"COPY aws_minute ({listed}) FROM STDIN (FORMAT csv)") as stream,
            ):
                stream.write(rows.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S"))

        return copy
    import pymysql

    maria = pymysql.connect(
        host=parts.host, port=parts.port or 3306, user=parts.username, password=parts.password or "", database=parts.database, local_infile=True,
        charset="utf8mb4",
    )  # fmt: skip

    def load_data(rows: pl.DataFrame) -> None:
        with tempfile.NamedTemporaryFile(suffix=".csv") as file, maria.cursor() as cursor:
            rows.write_csv(file, include_header=False, null_value="\\N", datetime_format="%Y-%m-%d %H:%M:%S")
            file.flush()
            cursor.execute(
                f"LOAD DATA LOCAL INFILE %s INTO TABLE aws_minute CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' ({listed})",
                (file.name,),
            )
            maria.commit()

    return load_data


def written(kind: str, store: Store) -> int:
    """Rows of the observation table written so far, by the engine's own counters."""
    with store.engine.connect() as connection:
        if kind == "postgresql":
            connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
            connection.commit()
            counted = connection.exec_driver_sql(
                "SELECT COALESCE(SUM(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables WHERE relname LIKE 'aws_minute%%'"
            )
        elif kind == "mariadb":
            connection.exec_driver_sql("SET GLOBAL userstat = ON")
            counted = connection.exec_driver_sql(
                "SELECT COALESCE(SUM(rows_changed), 0) FROM information_schema.table_statistics "
                "WHERE table_schema = DATABASE() AND table_name = 'aws_minute'"
            )
        else:
            return int(getattr(connection.connection.dbapi_connection, "total_changes"))  # noqa: B009
        return int(counted.scalar_one())


def timed(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def measure(kind: str, hours: int, folder: str) -> None:
    with (
        database(kind, folder) as floor_url,
        database(kind, folder) as url,
        Store(url) as store,
        Store(floor_url) as floor_store,
    ):
        floor_store.ensure("aws_minute")
        store.ensure("aws_minute")
        floor = bare(kind, floor_url)
        seconds: dict[str, list[float]] = {
            name: [] for name in ("floor", "first", "same values", "1 % changed", "same bytes")
        }
        rows = 0
        for index in range(hours):
            parsed = hour_of(index)
            frame = parsed.rows.drop("blank").with_columns(request_id=pl.lit(1)).select(NAMES)
            rows += frame.height
            turns: list[tuple[str, Callable[[], object]]] = [
                ("floor", partial(floor, frame)),
                ("first", partial(store.load, parsed, request_of(parsed, 1))),
            ]
            for name, work in turns if index % 2 else reversed(turns):
                gc.collect()
                seconds[name].append(timed(work))
        for index in range(hours):
            parsed = hour_of(index)
            other = replace(request_of(parsed, 2), sha256="0" * 64)
            seconds["same values"].append(timed(partial(store.load, parsed, other)))
            before = written(kind, store)
            seconds["same bytes"].append(timed(partial(store.load, parsed, other)))
            touched = written(kind, store) - before
            if touched > 1:
                raise SystemExit(f"{kind}: {touched} rows written for the same bytes")
            hundredth = pl.int_range(pl.len()) % 100 == index % 100
            ta = pl.when(hundredth).then(pl.col("ta") + 0.5).otherwise("ta")
            changed = Parsed(parsed.dataset, parsed.rows.with_columns(ta), None, (), (), parsed.lines)
            seconds["1 % changed"].append(timed(partial(store.load, changed, request_of(changed, 3))))
        per_second = rows / sum(seconds["floor"])
        print(f"{kind:<11} {rows:>9,} rows  bare bulk load {per_second:>9,.0f} rows/s", end="")
        for name in ("first", "same values", "1 % changed"):
            ratios = [a / b for a, b in zip(seconds["floor"], seconds[name], strict=True)]
            print(
                f"  {name} {sum(seconds['floor']) / sum(seconds[name]):.2f} (median {statistics.median(ratios):.2f})",
                end="",
            )
        print(f"  same bytes {1000 * statistics.median(seconds['same bytes']):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=23, help="23 hours are a million rows")
    parser.add_argument("--engines", default="postgresql,mariadb,sqlite")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; shares of the bare bulk load's speed"
    )
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.engines.split(","):
            measure(kind, options.hours, folder)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    print(
        f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB; SQLite files {size / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
