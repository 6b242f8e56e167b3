"""``kmaflow export --lake`` and ``kmaflow sql``."""

from __future__ import annotations

import json
from pathlib import Path

from kmaflow.simulator.server import Running

from .conftest import Kmaflow


def test_a_lake_is_kept_and_asked(kmaflow: Kmaflow, hub: Running, tmp_path: Path) -> None:
    window = ["--from", "2025-01-15 12:00", "--to", "2025-01-15 12:10"]
    assert kmaflow("collect", "aws_minute", *window).code == 0
    lake = str(tmp_path / "it's a lake")
    made = kmaflow("export", "all", "--lake", lake)
    assert made.code == 0, made.err
    assert "2 of 2 files written" in made.out
    assert "0 of 2 files written" in kmaflow("export", "all", "--lake", lake).out
    files = json.loads(kmaflow("export", "aws_minute", "--lake", lake, "--json", "--from", "2025-01-15").out)["files"]
    assert [one["written"] for one in files] == [False, False]
    query = "SELECT count(*) AS n, count(DISTINCT stn) AS stations FROM aws_minute WHERE year = 2025"
    (row,) = json.loads(kmaflow("sql", "--lake", lake, query, "--json").out)["rows"]
    assert row["n"] > 7_000
    assert kmaflow("sql", "--lake", lake, query, "--csv").out == f"n,stations\n{row['n']},{row['stations']}\n"
    assert f"{row['n']}\t" in kmaflow("sql", "--lake", lake, query).out
    for writing in (f"COPY (SELECT 1) TO '{tmp_path}/written.csv'", "CREATE TABLE t (a INT)", "SELECT 1; SELECT 2", ""):
        assert kmaflow("sql", "--lake", lake, writing).code == 2
    assert not (tmp_path / "written.csv").exists()
    assert "aws_minute" in kmaflow("sql", "--lake", lake, "SHOW TABLES").out
    wrong = kmaflow("sql", "--lake", lake, "SELECT 1 FROM aws_minutes")
    assert wrong.code == 2
    assert "aws_minute" in wrong.err
    assert kmaflow("sql", "--lake", str(tmp_path / "none"), query).code == 2
    assert kmaflow("export", "all", "--lake", lake, "--out", "x").code == 2
    assert kmaflow("export", "all", "--from", "2025-01-15").code == 2


def test_the_database_beside_it_or_how_to_get_what_reads_it(kmaflow: Kmaflow, hub: Running, tmp_path: Path) -> None:
    assert kmaflow("collect", "aws_cloud", "--from", "2025-01-15 12:00", "--to", "2025-01-15 12:10").code == 0
    lake = str(tmp_path / "lake")
    assert kmaflow("export", "all", "--lake", lake).code == 0
    done = kmaflow("sql", "--lake", lake, "--database", "SELECT count(*) FROM db.aws_cloud", "--csv")
    if done.code:
        assert "INSTALL sqlite" in done.err
    else:
        assert int(done.out.splitlines()[1]) > 0
