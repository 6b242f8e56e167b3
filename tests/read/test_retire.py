"""Old months leave the database only after they are safe in files; on every engine, killed anywhere, come back or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window, now_kst
from kmaflow.errors import UsageError
from kmaflow.maintain import retention as retiring
from kmaflow.maintain.retention import Retired, due, retire
from kmaflow.read import files, read
from kmaflow.store import Store, retention
from kmaflow.store.engines import partitions
from kmaflow.store.engines.database import reading
from kmaflow.store.engines.partitions import add_months, month_of, name_of
from kmaflow.store.errors import StoreBusy
from kmaflow.store.retention import window_of

from ..databases import ENGINES, database
from ..store.bodies import at, load, minute_body, rows, weather_body


@pytest.fixture(scope="module", params=ENGINES)
def lasting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, every_month: None
) -> Iterator[tuple[Store, Iterator[int]]]:
    """A database for all of these tests: each has two months of its own in it."""
    with database(request.param, tmp_path_factory.mktemp("retire")) as url, Store(url) as opened:
        yield opened, count()


@pytest.fixture
def march(lasting: tuple[Store, Iterator[int]]) -> datetime:
    """The month that goes; a month of a partition."""
    return add_months(datetime(2023, 1, 1), 2 * next(lasting[1]))


@pytest.fixture
def april(march: datetime) -> datetime:
    return add_months(march, 1)


@pytest.fixture
def store(
    lasting: tuple[Store, Iterator[int]], march: datetime, april: datetime, monkeypatch: pytest.MonkeyPatch
) -> Store:
    """Two stamps in each of three stretches of the month, two in the next; further codes."""
    monkeypatch.setattr(retention, "STEP", 10 * DAY)
    opened = lasting[0]
    for start in (march, march + 10 * DAY, april - 2 * MINUTE, april):
        window = Window(start, start + 2 * MINUTE)
        cells = {(start + minute * MINUTE, stn): {"ta": minute + 0.1} for minute in (1, 2) for stn in (90, 108)}
        load(opened, minute_body(cells, witness=False), at(15), window=window)
    window = Window(march, march + 2 * MINUTE)
    codes = weather_body({(march + MINUTE, 108): [(61, 3), (71, 2)]})
    load(opened, codes, at(15), dataset="aws_present_weather", window=window)
    return opened


def _whole(store: Store, march: datetime, name: str = "aws_minute") -> pl.DataFrame:
    columns = None if name.endswith("_code") else [*_names(store, name, march), "request_id"]
    return read(store, name, Window(march, add_months(march, 12)), columns=columns)


def _names(store: Store, name: str, march: datetime) -> list[str]:
    return read(store, name, window_of(march)).columns


def _later(store: Store) -> Store:
    """As another process opens it."""
    return Store(store.engine.url.render_as_string(hide_password=False))


def _partitions(store: Store, table: str) -> list[str]:
    if store.engine.dialect.name == "sqlite":
        return []
    with reading(store.engine) as connection:
        return partitions.existing(connection, table)


def _file(folder: Path, march: datetime, name: str = "aws_minute") -> pl.DataFrame:
    return pl.read_parquet(folder / name / f"{march:%Y-%m}.parquet")


def test_what_is_due(store: Store, march: datetime, april: datetime) -> None:
    def found(keep: int, names: list[str] | None = None) -> list[tuple[str, datetime, int]]:
        return [one for one in due(store, keep, names) if one[1] >= march]

    ago = (now_kst().year - march.year) * 12 + now_kst().month - march.month
    assert found(ago) == []
    assert found(ago - 1) == [("aws_minute", march, 12), ("aws_present_weather", march, 3)]
    assert found(0, ["aws_minute"]) == [("aws_minute", march, 12), ("aws_minute", april, 4)]
    assert found(0, ["aws_cloud"]) == []
    with pytest.raises(UsageError, match="asos_hourly is kept for good"):
        due(store, 1, ["asos_hourly"])
    with pytest.raises(UsageError, match="negative"):
        due(store, -1)


def test_a_month_goes_into_a_file_and_out_of_the_table(
    store: Store, march: datetime, april: datetime, tmp_path: Path
) -> None:
    before = _whole(store, march)
    books = [rows(store, f'SELECT * FROM "{name}" ORDER BY 1, 2, 3') for name in ("revision", "completeness_hour")]
    progress: list[tuple[str, Window, int]] = []
    done = retire(store, "aws_minute", march, str(tmp_path), on_progress=lambda *one: progress.append(one))
    path = f"{tmp_path}/aws_minute/{march:%Y-%m}.parquet"
    assert done == Retired("aws_minute", march, 12, {path: 12})
    assert progress[-1] == ("aws_minute", window_of(march), 12)
    inside = (pl.col("tm_kst") <= april) & (pl.col("tm_kst") > march)
    assert _file(tmp_path, march).equals(before.filter(inside))
    assert _whole(store, march).equals(before.filter(~inside))
    assert [
        rows(store, f'SELECT * FROM "{name}" ORDER BY 1, 2, 3') for name in ("revision", "completeness_hour")
    ] == books
    if store.engine.dialect.name != "sqlite":
        assert name_of(march) not in _partitions(store, "aws_minute")
        assert name_of(april) in _partitions(store, "aws_minute")
    noted = rows(
        store,
        "SELECT tm_from, tm_to, row_count, message, key_id FROM request WHERE outcome = ? AND tm_from = ?",
        "retired",
        str(march),
    )
    assert noted == [(str(march), str(april), 12, path, None)]
    assert ("aws_minute", march, 12) not in due(store, 0)


def test_further_codes_go_with_their_rows(store: Store, march: datetime, april: datetime, tmp_path: Path) -> None:
    done = retire(store, "aws_present_weather", march, str(tmp_path))
    assert done.files == {
        f"{tmp_path}/aws_present_weather/{march:%Y-%m}.parquet": 2,
        f"{tmp_path}/aws_present_weather_code/{march:%Y-%m}.parquet": 1,
    }
    assert _file(tmp_path, march, "aws_present_weather_code")["ww"].to_list() == [71]
    for name in ("aws_present_weather", "aws_present_weather_code"):
        assert _whole(store, march, name).is_empty()
        assert name_of(march) not in _partitions(store, name)


def test_given_up_without_a_file(store: Store, march: datetime, april: datetime, tmp_path: Path) -> None:
    assert retire(store, "aws_minute", march, None) == Retired("aws_minute", march, 12, {})
    assert _whole(store, march).height == 4
    assert list(tmp_path.iterdir()) == []


def test_months_before_2023_share_a_partition_and_go_row_by_row(
    store: Store, march: datetime, april: datetime, tmp_path: Path
) -> None:
    old = datetime(2010, 5, 1)
    for start in (old, old + 40 * DAY):
        window = Window(start, start + MINUTE)
        load(store, minute_body({(start + MINUTE, 108): {"ta": 1.0}}, witness=False), at(15), window=window)
    assert due(store, 12, ["aws_minute"])[:2] == [("aws_minute", old, 1), ("aws_minute", datetime(2010, 6, 1), 1)]
    retire(store, "aws_minute", old, str(tmp_path))
    assert due(store, 12, ["aws_minute"])[0] == ("aws_minute", datetime(2010, 6, 1), 1)
    if store.engine.dialect.name != "sqlite":
        assert "earlier" in _partitions(store, "aws_minute")


class Killed(BaseException):
    """As if the process had been killed."""


@pytest.mark.parametrize("where", ["before the drop", "in the middle"])
def test_killed_and_run_again(
    store: Store, march: datetime, april: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = _whole(store, march).filter(pl.col("tm_kst") <= april)
    with monkeypatch.context() as patch:
        if where == "before the drop":
            patch.setattr(retiring, "take_out", _kill)
        else:
            seen: list[object] = []

            def compared(*arguments: Any) -> Any:
                check = original(*arguments)

                def dying(*part: Any) -> None:
                    seen.append(part)
                    if len(seen) == 2:
                        raise Killed
                    check(*part)

                return dying

            original = retiring._compared
            patch.setattr(retiring, "_compared", compared)
        with pytest.raises(Killed):
            retire(store, "aws_minute", march, str(tmp_path))
    assert _file(tmp_path, march).equals(before)
    left = _whole(store, march).filter(pl.col("tm_kst") <= april).height
    assert left == (8 if where == "in the middle" and store.engine.dialect.name == "sqlite" else 12)
    done = retire(store, "aws_minute", march, str(tmp_path))
    assert done.rows == left
    assert _file(tmp_path, march).equals(before), "what had gone already is still in the file"
    assert _whole(store, march).height == 4


def _kill(*_: object, **__: object) -> None:
    raise Killed


def test_what_is_loaded_between_file_and_drop_is_not_lost(
    store: Store, march: datetime, april: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = retention.take_out
    late = Window(march, march + 2 * MINUTE)
    values = iter([7.5, 8.5, 9.5])

    def disturbed(*arguments: Any, **named: Any) -> None:
        value = next(values)
        if value < limit:
            load(store, minute_body({(march + MINUTE, 108): {"ta": value}}, witness=False), at(20 + value), window=late)
        original(*arguments, **named)

    monkeypatch.setattr(retiring, "take_out", disturbed)
    limit = 8.0
    retire(store, "aws_minute", march, str(tmp_path))
    assert _file(tmp_path, march).filter(pl.col("tm_kst") == march + MINUTE)["ta"].to_list() == [1.1, 7.5]
    assert _file(tmp_path, march).height == 12
    assert _whole(store, march).height == 4


def test_somebody_who_never_stops_loading(
    store: Store, march: datetime, april: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(*_: object) -> Any:
        def check(*_: object) -> None:
            raise retiring._Differs

        return check

    monkeypatch.setattr(retiring, "_compared", differs)
    with pytest.raises(StoreBusy, match="being loaded"):
        retire(store, "aws_minute", march, str(tmp_path))
    assert _whole(store, march).height == 16


def test_a_month_that_comes_back_joins_its_file(store: Store, march: datetime, april: datetime, tmp_path: Path) -> None:
    before = _file_after(store, march, tmp_path)
    window = Window(march, march + 3 * MINUTE)
    cells = {(march + MINUTE, 108): {"ta": 9.9}, (march + 3 * MINUTE, 108): {"ta": 3.3}}
    with _later(store) as later:
        assert load(later, minute_body(cells, witness=False), at(30), window=window).inserted == 2
    assert read(store, "aws_minute", window, columns=["ta"])["ta"].to_list() == [9.9, 3.3]
    # What was known before the month was taken out has nothing to do with the rows that came back.
    assert read(store, "aws_minute", window, as_of=at(29)).is_empty()
    done = retire(store, "aws_minute", march, str(tmp_path))
    assert list(done.files.values()) == [13]
    after = _file(tmp_path, march)
    assert after.join(before, on=["tm_kst", "stn"], how="anti").select("tm_kst", "ta").rows() == [
        (march + 3 * MINUTE, 3.3)
    ]
    assert after.filter((pl.col("tm_kst") == march + MINUTE) & (pl.col("stn") == 108))["ta"].to_list() == [9.9]
    assert _whole(store, march).height == 4
    if store.engine.dialect.name == "mysql":
        # They went into April's partition, which must not be dropped with them.
        retire(store, "aws_minute", april, str(tmp_path))
        assert name_of(april) not in _partitions(store, "aws_minute")


def test_on_mariadb_a_partition_with_rows_of_the_month_before_is_not_dropped(
    store: Store, march: datetime, april: datetime, tmp_path: Path
) -> None:
    _file_after(store, march, tmp_path)
    window = Window(march, march + MINUTE)
    with _later(store) as later:
        load(later, minute_body({(march + MINUTE, 108): {"ta": 9.9}}, witness=False), at(30), window=window)
    retire(store, "aws_minute", april, str(tmp_path))
    assert _whole(store, march)["ta"].to_list() == [9.9]


def test_the_same_bytes_come_back(store: Store, march: datetime, april: datetime, tmp_path: Path) -> None:
    before = _file_after(store, march, tmp_path)
    window = Window(march, march + 2 * MINUTE)
    cells = {(march + minute * MINUTE, stn): {"ta": minute + 0.1} for minute in (1, 2) for stn in (90, 108)}
    with _later(store) as later:
        assert load(later, minute_body(cells, witness=False), at(40), window=window).inserted == 4
    found = read(store, "aws_minute", window)
    assert found.equals(before.filter(pl.col("tm_kst") <= window.end).drop("request_id"))


def test_rows_that_come_back_are_counted_once(store: Store, march: datetime, april: datetime, tmp_path: Path) -> None:
    _file_after(store, march, tmp_path)
    window = Window(march, march + 2 * MINUTE)
    cells = {(march + minute * MINUTE, 108): {"ta": 9.9} for minute in (1, 2)}
    with _later(store) as later:
        load(later, minute_body(cells, witness=False), at(40), window=window)
    counted = "SELECT present FROM completeness_hour WHERE dataset = ? AND stn = 108 AND hour_kst = ?"
    assert rows(store, counted, "aws_minute", str(march + HOUR)) == [(2,)]


def _file_after(store: Store, march: datetime, folder: Path) -> pl.DataFrame:
    retire(store, "aws_minute", march, str(folder))
    return _file(folder, march)


def test_a_file_of_something_else_is_left_alone(store: Store, march: datetime, april: datetime, tmp_path: Path) -> None:
    path = tmp_path / "aws_minute" / f"{march:%Y-%m}.parquet"
    path.parent.mkdir()
    for content in (pl.DataFrame({"a": [1]}), None):
        path.write_text("x") if content is None else content.write_parquet(path)
        with pytest.raises(UsageError, match="holds something else"):
            retire(store, "aws_minute", march, str(tmp_path))
    assert _whole(store, march).height == 16


def test_a_damaged_file_keeps_the_rows(
    store: Store, march: datetime, april: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that lies: what is read back is not what was written."""
    original = files.write_parquet

    def lying(path: Path, frames: Any, schema: Any, about: Any) -> None:
        original(path, (frame.with_columns(ta=pl.col("ta") + 0.1) for frame in frames), schema, about)

    monkeypatch.setattr(retiring, "write_parquet", lying)
    with pytest.raises(StoreBusy):
        retire(store, "aws_minute", march, str(tmp_path))
    assert _whole(store, march).height == 16


def test_any_fsspec_url(store: Store, march: datetime, april: datetime) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.store.clear()
    done = retire(store, "aws_minute", march, "memory://bucket")
    assert done.files == {f"memory://bucket/aws_minute/{march:%Y-%m}.parquet": 12}
    with memory.open(f"/bucket/aws_minute/{march:%Y-%m}.parquet") as file:
        assert pl.read_parquet(file.read()).height == 12
    assert _whole(store, march).height == 4


def test_nobody_loads_into_the_month_while_it_goes(
    store: Store, march: datetime, april: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On servers the days' locks are held; SQLite has one writer."""
    if store.engine.dialect.name == "sqlite":
        return
    from kmaflow.store.engines import base, database

    monkeypatch.setattr(base, "BUSY_SECONDS", 1)
    refused: list[str] = []
    original = retention._drop_partition

    def meddling(*arguments: Any) -> None:
        with Store(store.engine.url.render_as_string(hide_password=False)) as other:
            if other.engine.dialect.name == "postgresql":
                with other.engine.begin() as connection:
                    connection.exec_driver_sql("SET lock_timeout = '1s'")
                    got = connection.exec_driver_sql(
                        "SELECT pg_try_advisory_xact_lock(%s)",
                        (database.number_of(f"aws_minute {march + 10 * DAY:%Y-%m-%d}"),),
                    ).scalar()
                    refused.append(str(got))
            else:
                with (
                    pytest.raises(StoreBusy),
                    database.writing_alone(other.engine, database.locks_of("aws_minute", Window(march, march + HOUR))),
                ):
                    pass
                refused.append("False")
        original(*arguments)

    monkeypatch.setattr(retention, "_drop_partition", meddling)
    retire(store, "aws_minute", march, str(tmp_path))
    assert refused == ["False"]


def test_a_long_query_makes_it_wait_and_keeps_the_rows(
    store: Store, march: datetime, april: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store.engine.dialect.name == "sqlite":
        return
    monkeypatch.setattr(retention, "_PATIENCE_SECONDS", 1)
    monkeypatch.setattr(retention, "TRIES", 2)
    with _later(store) as other, other.engine.connect() as connection:
        connection.exec_driver_sql("SELECT COUNT(*) FROM aws_minute")
        with pytest.raises(StoreBusy):
            retire(store, "aws_minute", march, str(tmp_path))
        assert _whole(store, march).height == 16
        connection.rollback()
        retire(store, "aws_minute", march, str(tmp_path))
    assert _whole(store, march).height == 4
    assert name_of(march) not in _partitions(store, "aws_minute")


def test_month_bounds() -> None:
    march, april = datetime(2024, 3, 1), datetime(2024, 4, 1)
    assert window_of(march) == Window(march, april)
    assert month_of(april) == march
    assert month_of(april + MINUTE) == april
