"""Minute tables by month: which stamp lies where, how the months roll on, and that nobody who writes is stopped by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from kmaflow.catalog.time import MINUTE, Window, now_kst
from kmaflow.store import Store
from kmaflow.store.engines import partitions
from kmaflow.store.engines.base import BUSY_SECONDS
from kmaflow.store.engines.database import writing_alone
from kmaflow.store.engines.partitions import EARLIER, add_months, existing, month_of, months_of, name_of, wanted
from kmaflow.store.errors import StoreError, StoreForeign
from kmaflow.store.schema import upgrade
from kmaflow.store.schema.observations import OBSERVATIONS

from ..databases import database
from .bodies import rows

pytestmark = pytest.mark.usefixtures("every_month")
TABLE = "aws_cloud"
FEBRUARY = datetime(2024, 2, 1)


@pytest.fixture(params=["postgresql", "mariadb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A database of its own with one minute table."""
    with database(request.param, tmp_path) as url, Store(url) as opened:
        opened.ensure(TABLE)
        yield opened


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[Store]:
    with database("postgresql", tmp_path) as url, Store(url) as opened:
        opened.ensure(TABLE)
        yield opened


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[Store]:
    with database("mariadb", tmp_path) as url, Store(url) as opened:
        opened.ensure(TABLE)
        yield opened


def _there(store: Store, table: str = TABLE) -> list[str]:
    with store.engine.connect() as connection:
        return existing(connection, table)


def _insert(connection: sa.Connection, stamp: datetime, stn: int = 108) -> None:
    connection.execute(OBSERVATIONS[TABLE].insert().values(tm_kst=stamp, stn=stn, ca_tot=1.0, request_id=1))


def _partition_of(store: Store, stamp: datetime) -> str:
    """Where the row of a stamp lies."""
    if store.engine.dialect.name == "postgresql":
        found = rows(
            store, f"SELECT CAST(CAST(tableoid AS regclass) AS text) FROM {TABLE} WHERE tm_kst = ?", str(stamp)
        )
        return str(found[0][0]).removeprefix(f"{TABLE}_")
    found = rows(store, f"EXPLAIN PARTITIONS SELECT * FROM {TABLE} WHERE tm_kst = ?", str(stamp))
    assert rows(store, f"SELECT COUNT(*) FROM {TABLE} PARTITION ({found[0][3]}) WHERE tm_kst = ?", str(stamp)) == [(1,)]
    return str(found[0][3])


def _window(month: datetime) -> Window:
    return Window(month, month + 10 * MINUTE)


def _later(monkeypatch: pytest.MonkeyPatch, months: int) -> str:
    """Let so many months go by; gives the last partition that is wanted then."""
    now = add_months(month_of(now_kst()), months) + 2 * MINUTE
    monkeypatch.setattr(partitions, "now_kst", lambda: now)
    return name_of(add_months(month_of(now), 24))


@pytest.mark.parametrize(
    ("stamp", "name"),
    [
        ("2024-01-31 23:59", "y2024m01"), ("2024-02-01 00:00", "y2024m01"), ("2024-02-01 00:01", "y2024m02"),
        ("2024-01-01 00:00", "y2023m12"), ("2023-01-01 00:01", "y2023m01"), ("2023-01-01 00:00", EARLIER), ("1907-10-01 00:00", EARLIER),
    ],
)  # fmt: skip
def test_a_month_holds_its_own_midnight(stamp: str, name: str) -> None:
    assert name_of(month_of(datetime.fromisoformat(stamp))) == name


@pytest.mark.parametrize(
    ("window", "names"),
    [
        (Window(FEBRUARY, FEBRUARY + MINUTE), ["y2024m02"]),
        (Window(FEBRUARY - MINUTE, FEBRUARY), ["y2024m01"]),
        (Window(FEBRUARY - MINUTE, FEBRUARY + MINUTE), ["y2024m01", "y2024m02"]),
        (Window(datetime(2022, 5, 1), datetime(2023, 2, 1)), [EARLIER, "y2023m01"]),
        (Window(datetime(2020, 5, 1), datetime(2021, 2, 1)), [EARLIER]),
        (Window(datetime(2023, 11, 30), datetime(2024, 1, 2)), ["y2023m11", "y2023m12", "y2024m01"]),
    ],
)
def test_the_partitions_of_a_window(window: Window, names: list[str]) -> None:
    assert months_of(window) == names


def test_a_new_table_reaches_from_2023_to_24_months_ahead(store: Store) -> None:
    there = _there(store)
    assert there[:2] == [EARLIER, "y2023m01"]
    assert there[-1] == name_of(add_months(month_of(now_kst()), 24))
    assert there == wanted(now_kst())


def test_rows_lie_in_their_months(store: Store) -> None:
    last = add_months(month_of(now_kst()), 25)
    stamps = {
        datetime(1999, 1, 1): EARLIER,
        datetime(2023, 1, 1): EARLIER,
        datetime(2023, 1, 1, 0, 1): "y2023m01",
        FEBRUARY - MINUTE: "y2024m01",
        FEBRUARY: "y2024m01",
        FEBRUARY + MINUTE: "y2024m02",
        last: name_of(add_months(last, -1)),
    }
    with store.engine.begin() as connection:
        for stamp in stamps:
            _insert(connection, stamp)
    assert {stamp: _partition_of(store, stamp) for stamp in stamps} == stamps


def test_hours_are_not_partitioned(store: Store) -> None:
    store.ensure("asos_hourly", _window(FEBRUARY))
    assert _there(store, "asos_hourly") == []


def test_months_roll_on_with_whoever_loads(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _there(store)
    last = _later(monkeypatch, 2)
    with Store(store.engine.url.render_as_string(hide_password=False)) as other:
        other.ensure(TABLE, _window(FEBRUARY))
    assert len(_there(store)) == len(before) + 2
    assert _there(store)[-1] == last
    with writing_alone(store.engine, ["schema"]) as connection:
        assert partitions.ensure(connection, TABLE) == []


def test_no_month_is_made_behind_the_24_that_roll_on(store: Store) -> None:
    before = _there(store)
    with pytest.raises(StoreError, match="24 months in the future"):
        store.ensure(TABLE, _window(add_months(month_of(now_kst()), 26)))
    assert _there(store) == before


def test_each_month_is_looked_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Window] = []
    monkeypatch.setattr(partitions, "keep", lambda _, __, window: asked.append(window))
    for minute in range(3):
        store.ensure(TABLE, Window(FEBRUARY + minute * MINUTE, FEBRUARY + (minute + 1) * MINUTE))
    store.ensure(TABLE, _window(datetime(2024, 5, 1)))
    assert asked == [Window(FEBRUARY, FEBRUARY + MINUTE), _window(datetime(2024, 5, 1))]


def test_a_dropped_month_stays_away_until_its_rows_come(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    march = datetime(2024, 3, 1)
    for name in (EARLIER, "y2024m03"):
        if store.engine.dialect.name == "postgresql":
            rows(store, f"DROP TABLE {TABLE}_{name}")
        else:
            rows(store, f"ALTER TABLE {TABLE} DROP PARTITION {name}")
    _later(monkeypatch, 1)
    store.ensure(TABLE, _window(FEBRUARY))
    assert not {EARLIER, "y2024m03"} & set(_there(store))
    store.ensure(TABLE, _window(march))
    store.ensure(TABLE, _window(datetime(2020, 1, 1)))
    with store.engine.begin() as connection:
        _insert(connection, march + MINUTE)
        _insert(connection, datetime(2020, 1, 2))
    comes_back = store.engine.dialect.name == "postgresql"
    assert _partition_of(store, march + MINUTE) == ("y2024m03" if comes_back else "y2024m04")
    assert _partition_of(store, datetime(2020, 1, 2)) == (EARLIER if comes_back else "y2023m01")


# ------------------------------------------------------------------------------------------------------ PostgreSQL


def test_no_writer_waits_for_a_new_month(postgresql: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer in the middle of its transaction does not stop the new partition, nor does the partition stop other writers."""
    last = _later(monkeypatch, 1)
    with postgresql.engine.connect() as writer, postgresql.engine.connect() as other:
        writer.exec_driver_sql("SET lock_timeout = '1s'")
        other.exec_driver_sql("SET lock_timeout = '1s'")
        _insert(writer, FEBRUARY, 1)
        with writing_alone(postgresql.engine, ["schema"]) as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            assert partitions.ensure(connection, TABLE) == [last]
            _insert(writer, FEBRUARY, 2)
            _insert(other, FEBRUARY, 3)
            other.commit()
        _insert(writer, add_months(month_of(now_kst()), 25) + MINUTE, 4)
        writer.commit()
    assert rows(postgresql, f"SELECT stn FROM {TABLE} ORDER BY stn") == [(1,), (2,), (3,), (4,)]


def test_a_month_has_the_indexes_of_its_table_once(postgresql: Store) -> None:
    assert rows(
        postgresql,
        "SELECT COUNT(*), COUNT(DISTINCT i.indrelid), COUNT(h.inhparent) FROM pg_inherits p JOIN pg_index i ON i.indrelid = p.inhrelid "
        f"LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid WHERE p.inhparent = CAST('{TABLE}' AS regclass)",
    ) == [(2 * len(_there(postgresql)), len(_there(postgresql)), 2 * len(_there(postgresql)))]


def test_a_detached_month_is_not_taken_for_nothing(postgresql: Store) -> None:
    rows(postgresql, f"ALTER TABLE {TABLE} DETACH PARTITION {TABLE}_y2024m03")
    with pytest.raises(StoreForeign, match="aws_cloud_y2024m03 is there but is no partition of aws_cloud") as caught:
        postgresql.ensure(TABLE, _window(datetime(2024, 3, 1)))
    assert "ATTACH PARTITION" in caught.value.todo_ko


def test_a_table_that_is_not_partitioned_is_not_ours(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as url, Store(url) as store:
        store.init()
        plain = sa.MetaData()
        OBSERVATIONS[TABLE].to_metadata(plain).dialect_options["postgresql"]["partition_by"] = None
        plain.create_all(store.engine)
        with pytest.raises(StoreForeign, match="aws_cloud is not partitioned"):
            store.ensure(TABLE)


# --------------------------------------------------------------------------------------------------------- MariaDB


def test_a_table_that_was_left_without_partitions_gets_them(mariadb: Store) -> None:
    rows(mariadb, f"ALTER TABLE {TABLE} REMOVE PARTITIONING")
    rows(mariadb, f"DELETE FROM observation_schema WHERE table_name = '{TABLE}'")
    with mariadb.engine.begin() as connection:
        _insert(connection, FEBRUARY)
    assert _there(mariadb) == []
    assert upgrade.make(mariadb.engine, [TABLE]) == []
    assert _there(mariadb) == wanted(now_kst())
    assert _partition_of(mariadb, FEBRUARY) == "y2024m01"
    rows(mariadb, f"ALTER TABLE {TABLE} REMOVE PARTITIONING")
    partitions.keep(mariadb.engine, TABLE, _window(FEBRUARY))
    assert _there(mariadb) == wanted(now_kst())


def test_a_long_query_puts_off_the_rolling_and_stops_no_load(mariadb: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "_PATIENCE_SECONDS", 1)
    before, last = _there(mariadb), _later(monkeypatch, 1)
    with mariadb.engine.connect() as reader:
        reader.exec_driver_sql(f"SELECT COUNT(*) FROM {TABLE}")
        partitions.keep(mariadb.engine, TABLE, _window(FEBRUARY))
        assert _there(mariadb) == before
    assert rows(mariadb, "SELECT @@lock_wait_timeout") == [(BUSY_SECONDS,)]
    partitions.keep(mariadb.engine, TABLE, _window(FEBRUARY))
    assert _there(mariadb)[-1] == last
