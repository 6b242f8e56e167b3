"""Tables of airflow_with_dag, with and without its unique key, on MariaDB and PostgreSQL: every value as the hub had printed it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from kmaflow.failpoints import POINTS
from kmaflow.store import Store

from ..commands.conftest import Kmaflow
from ..databases import database
from ..store.bodies import rows
from .recipe import KINDS, Cells, fill, table_of

DECEMBER = datetime(2024, 12, 1)
#: A hundred thousand hours of two stations are almost six years.
LONG_AGO = datetime(2018, 12, 1)


def _filled(url: str, count: int, *, unique: bool, first: datetime = DECEMBER) -> dict[str, Cells]:
    return {kind.dataset: fill(url, kind, count, unique=unique, first=first) for kind in KINDS.values()}


def _stored(store: Store, dataset: str) -> dict[tuple[datetime, int], dict[str, Any]]:
    names = [column["name"] for column in sa.inspect(store.engine).get_columns(dataset)]
    names = [name for name in names if name not in ("tm_kst", "stn", "request_id")]
    found: list[Any] = rows(store, f"SELECT tm_kst, stn, {', '.join(names)} FROM {dataset}")
    return {
        (datetime.fromisoformat(str(stamp)), stn): dict(zip(names, values, strict=True))
        for stamp, stn, *values in found
    }


def _everything(store: Store) -> dict[str, list[Any]]:
    """Every row of every table."""
    names = sa.inspect(store.engine).get_table_names()
    return {name: sorted(rows(store, f"SELECT * FROM {name}"), key=str) for name in names}


def _check(url: str, wanted: Mapping[str, Cells]) -> None:
    """Every cell that has a value is there as the hub printed it, and no other."""
    with Store(url) as store:
        for dataset, cells in wanted.items():
            telling = {cell: values for cell, values in cells.items() if _says(dataset, values)}
            found = _stored(store, dataset)
            assert found.keys() == telling.keys(), dataset
            assert all(found[cell] == values for cell, values in telling.items()), dataset


def _says(dataset: str, values: Mapping[str, object]) -> bool:
    silent = ("s", "n", "nn1") if dataset in ("aws_visibility", "aws_present_weather") else ()
    return any(value is not None for name, value in values.items() if name not in silent)


def _home_url(home: Path) -> str:
    return f"sqlite:///{home / 'kmaflow.db'}"


@pytest.mark.parametrize("unique", [True, False], ids=["unique key", "no key"])
def test_every_value_is_right_and_a_second_run_changes_nothing(
    old_url: str, kmaflow: Kmaflow, home: Path, unique: bool
) -> None:
    wanted = _filled(old_url, 400, unique=unique)
    told = kmaflow("import", "airflow-with-dag", old_url, "--json")
    assert (told.code, told.err) == (0, "")
    tables = {one["dataset"]: one for one in json.loads(told.out)["tables"]}
    assert {name: one["inserted"] + one["blank"] for name, one in tables.items() if name != "aws_visibility"} == {
        name: 400 for name in tables if name != "aws_visibility"
    }
    assert all((one["repeated"] == 0) == unique and one["rejected"] == 0 for one in tables.values())
    _check(_home_url(home), wanted)
    assert any(isinstance(values["ta"], float) and values["ta"] < -9 for values in wanted["aws_minute"].values())
    assert sum(values["ta"] == -9.0 for values in wanted["asos_hourly"].values()) > 50
    with Store(_home_url(home)) as store:
        before = _everything(store)
        again = kmaflow("import", "airflow-with-dag", old_url, "--json")
        assert all(one["inserted"] == 0 for one in json.loads(again.out)["tables"])
        assert _everything(store) == before


@pytest.mark.long
@pytest.mark.parametrize("unique", [True, False], ids=["unique key", "no key"])
def test_a_hundred_thousand_rows_of_each_kind(old_url: str, kmaflow: Kmaflow, home: Path, unique: bool) -> None:
    wanted = _filled(old_url, 100_000, unique=unique, first=LONG_AGO)
    assert kmaflow("import", "airflow-with-dag", old_url).code == 0
    _check(_home_url(home), wanted)
    with Store(_home_url(home)) as store:
        before = _everything(store)
        assert kmaflow("import", "airflow-with-dag", old_url).code == 0
        assert _everything(store) == before


def test_into_every_engine(
    database_url: str, tmp_path: Path, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMAFLOW_DATABASE_URL", database_url)
    with database("mariadb", tmp_path) as old:
        wanted = _filled(old, 130, unique=False)
        assert kmaflow("import", "airflow-with-dag", old).code == 0
        _check(database_url, wanted)


@pytest.mark.parametrize("point", ["manifest_noted", "rows_inserted", "committed"])
def test_killed_in_the_middle_it_goes_on(point: str, tmp_path: Path) -> None:
    assert point in POINTS
    with database("postgresql", tmp_path) as old:
        kind = KINDS["aws"]
        cells = fill(old, kind, 3_000, unique=False, first=DECEMBER, stations=(90,))
        home = tmp_path / "home"

        def run(**environment: str) -> int:
            return subprocess.run(
                [sys.executable, "-m", "kmaflow", "import", "airflow-with-dag", old],
                env={**os.environ, "KMAFLOW_HOME": str(home), **environment},
                cwd=tmp_path,
                capture_output=True,
                timeout=300,
                check=False,
            ).returncode

        assert run(KMAFLOW_FAILPOINT=f"{point}:2") == -9
        assert run() == 0
        _check(_home_url(home), {kind.dataset: cells})
        with Store(_home_url(home)) as store:
            counted = rows(store, "SELECT SUM(present), SUM(blank) FROM completeness_hour")
            assert counted == [(3_000, 0)]
            assert rows(store, "SELECT COUNT(*) FROM request WHERE outcome = 'imported'") == [(3,)]


def test_a_dry_run_changes_nothing(old_url: str, kmaflow: Kmaflow, home: Path) -> None:
    _filled(old_url, 130, unique=True)
    told = kmaflow("import", "airflow-with-dag", old_url, "--dry-run", "--json")
    assert told.code == 0
    assert {one["inserted"] for one in json.loads(told.out)["tables"] if one["dataset"] == "aws_minute"} == {130}
    assert not [path for path in home.rglob("*") if path.is_file()]
    assert kmaflow("import", "airflow-with-dag", old_url).code == 0
    with Store(_home_url(home)) as store:
        before = _everything(store)
        told = kmaflow("import", "airflow-with-dag", old_url, "--dry-run")
        assert told.code == 0
        assert "dry run" in told.out
        assert _everything(store) == before


def test_the_password_stands_nowhere(kmaflow: Kmaflow, home: Path, tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as old:
        fill(old, KINDS["aws"], 60, unique=True, first=DECEMBER)
        server = make_url(old)
        engine = sa.create_engine(old, isolation_level="AUTOCOMMIT")
        user = f"kmaflow_old_{os.getpid()}"
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN PASSWORD 'tell-nobody'")
            connection.exec_driver_sql(f'GRANT SELECT ON "AWS_DATA" TO {user}')
        try:
            url = server.set(username=user, password="tell-nobody").render_as_string(hide_password=False)
            told = kmaflow("-v", "import", "airflow-with-dag", url)
            assert told.code == 0, told.err
            wrong = kmaflow("import", "airflow-with-dag", url.replace("5432", "1"))
            assert wrong.code == 1
            assert "URL of the older database" in wrong.err
            for text in (told.out, told.err, wrong.out, wrong.err):
                assert "tell-nobody" not in text
            for path in home.rglob("*"):
                assert not path.is_file() or not {b"tell-nobody", user.encode()} & {
                    secret for secret in (b"tell-nobody", user.encode()) if secret in path.read_bytes()
                }
        finally:
            with engine.connect() as connection:
                connection.exec_driver_sql(f'REVOKE ALL ON "AWS_DATA" FROM {user}')
                connection.exec_driver_sql(f"DROP ROLE {user}")
            engine.dispose()


def test_some_tables_may_be_missing_but_not_all(old_url: str, kmaflow: Kmaflow) -> None:
    none = kmaflow("import", "airflow-with-dag", old_url)
    assert none.code == 1
    assert "has no table AWS_DATA" in none.err
    assert "name of the database" in none.err
    fill(old_url, KINDS["asos"], 24, unique=True, first=DECEMBER)
    some = kmaflow("import", "airflow-with-dag", old_url)
    assert some.code == 0
    assert "has no table AWS_WW_DATA" in some.out


def test_odd_shapes_are_told_or_read(kmaflow: Kmaflow, home: Path, tmp_path: Path) -> None:
    """Times and numbers as text, a column less, one that is no number; and a table whose key column is called otherwise."""
    with database("mariadb", tmp_path) as old:
        engine = sa.create_engine(old)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE aws_data (id INT PRIMARY KEY AUTO_INCREMENT, cr_ymd VARCHAR(20), stn_id VARCHAR(8), ta VARCHAR(8), hm DOUBLE)"
            )
            connection.exec_driver_sql(
                "INSERT INTO aws_data (cr_ymd, stn_id, ta, hm) VALUES ('202412010001', '108', '-9.0', 40), ('202412010002', '108', 'cold', 41), "
                "('2024/12/01 00:03', '108', '1.0', 42), ('202412010004', 'Seoul', '1.0', 43), ('2024-12-01 00:05:30', '108', '1.0', 44), "
                "('203012010006', '108', '1.0', 45), ('202412010007', '108', '-99.9', 14.300000190734863), (NULL, NULL, NULL, NULL)"
            )
            connection.exec_driver_sql("CREATE TABLE ASOS_DATA (CR_YMD DATETIME, TA FLOAT)")
        told = kmaflow("import", "airflow-with-dag", old)
        assert told.code == 2
        assert "ASOS_DATA has no column STN_ID" in told.err
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE ASOS_DATA")
        told = kmaflow("import", "airflow-with-dag", old, "--json")
        engine.dispose()
    assert told.code == 3
    (table,) = json.loads(told.out)["tables"]
    assert (table["read"], table["inserted"], table["rejected"]) == (8, 2, 6)
    assert table["reasons"] == {
        "ta: 'cold' is not a number": 1,
        "cr_ymd: '2024/12/01 00:03' is no time": 1,
        "stn_id: not a station number": 1,
        "aws_minute has a stamp every 0:01:00, and none at that time": 1,
        "the time lies in the future": 1,
        "cr_ymd: '' is no time": 1,
    }
    assert "ws1" in table["lacking"]
    with Store(_home_url(home)) as store:
        assert rows(store, "SELECT ta, hm FROM aws_minute ORDER BY tm_kst") == [(-9.0, 40.0), (None, 14.3)]
        assert rows(store, "SELECT COUNT(*) FROM rejected_line") == [(6,)]


def test_codes_that_were_numbers_get_their_zeros_back(kmaflow: Kmaflow, home: Path, tmp_path: Path) -> None:
    """As MariaDB writes a number into a column of text; of more than eight codes in a number the last are lost, which is said."""
    with database("mariadb", tmp_path) as old:
        engine = sa.create_engine(old)
        table = table_of(KINDS["asos"], unique=True)
        printed = [
            "05",
            "0508",
            "056105020102",
            "6105",
            "0561050201020304",
            "-",
            "05 ",
            "610502010203040506",
            "61050201020304050607",
        ]
        with engine.begin() as connection:
            table.create(connection)
            for hour, text in enumerate(printed, start=1):
                value: object = float(text) if text.strip().isdigit() and len(text) < 20 else text
                row = {"CR_YMD": DECEMBER.replace(hour=hour), "STN_ID": 108, "TA": 1.0, "WW": value}
                connection.execute(table.insert(), row)
        engine.dispose()
        told = kmaflow("import", "airflow-with-dag", old)
    assert told.code == 0
    assert "ww: 1 codes had lost their last digits and are NULL" in told.out
    with Store(_home_url(home)) as store:
        found = [one for (one,) in rows(store, "SELECT ww FROM asos_hourly ORDER BY tm_kst")]
    assert found == ["05", "0508", "056105020102", "6105", "0561050201020304", None, "05", None, "61050201020304050607"]
