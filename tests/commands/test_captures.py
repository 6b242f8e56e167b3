"""``kmaflow load captures/*`` against a count that awk makes over the same files, by rules written here from api-hub.md."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Kmaflow

MINUTE = tuple("wd1 ws1 wds wss wd10 ws10 ta re rn_15m rn_60m rn_12h rn_day hm pa ps td".split())  # noqa: SIM905
ASOS = tuple(
    (  # noqa: SIM905
        "wd ws gst_wd gst_ws gst_tm pa ps pt pr ta td hm pv rn rn_day rn_jun rn_int sd_hr3 sd_day sd_tot wc wp ww ca_tot "
        "ca_mid ch_min ct ct_top ct_mid ct_low vs ss si st_gd ts te_005 te_01 te_02 te_03 st_sea wh bf ir ix"
    ).split()
)
#: api-hub.md 0.7 and 6: in these -9.0 is a temperature; missing is -99.0.
COLD = {"ta", "td", "ts", "te_005", "te_01", "te_02", "te_03"}
TEXT = {"ww", "ct"}

# dataset → files, columns by their place in the row, awk's separator
CASES = {
    "aws_minute": ("nph-aws2_min.*", {name: place for place, name in enumerate(MINUTE, start=3)}, ","),
    "aws_cloud": ("nph-aws2_min_cloud.*", {"ch_low": 5, "ch_mid": 6, "ch_top": 7, "ca_tot": 8}, ","),
    "aws_visibility": ("nph-aws2_min_vis.*", {"s": 5, "vis1": 6, "vis10": 7, "ww1": 8, "ww15": 9}, ","),
    "asos_hourly": ("kma_sfctm2.*", {name: place for place, name in enumerate(ASOS, start=3)}, " "),
}


def _missing(dataset: str, name: str, place: int) -> str:
    if dataset != "asos_hourly":
        return f"${place} + 0 <= -50"
    if name in TEXT:
        return f'${place} == "-"'
    return f"${place} + 0 == -99" if name in COLD else f"${place} + 0 == -9"


def _awk(dataset: str, files: list[Path]) -> dict[str, int]:
    """Rows, and missing values by column, as awk counts them; rows are lines that begin with twelve digits."""
    _, places, separator = CASES[dataset]
    counts = "; ".join(f'if ({_missing(dataset, name, place)}) n["{name}"]++' for name, place in places.items())
    program = (
        "/^ *[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]/ { rows++; " + counts + " } "
        'END { print "rows", rows; for (name in n) print name, n[name] }'
    )
    told = subprocess.run(
        ["awk", "-F", separator, program, *map(str, files)],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    ).stdout.decode()
    found = {name: int(count) for name, count in (line.split() for line in told.splitlines())}
    return {"rows": found["rows"], **{name: found.get(name, 0) for name in places}}


@pytest.fixture
def database(kmaflow: Kmaflow, captures: Path, home: Path) -> Iterator[sqlite3.Connection]:
    done = kmaflow("load", *sorted(captures.glob("*.txt")), "--json")
    assert (done.code, done.err) == (0, "")
    assert len(json.loads(done.out)["files"]) == len(list(captures.glob("*.txt")))
    with closing(sqlite3.connect(home / "kmaflow.db")) as connection:
        yield connection


def test_the_captures_fill_the_tables_as_awk_counts_them(database: sqlite3.Connection, captures: Path) -> None:
    for dataset, (pattern, places, _) in CASES.items():
        files = sorted(captures.glob(pattern))
        assert files
        expected = _awk(dataset, files)
        nulls = ", ".join(f"SUM({name} IS NULL)" for name in places)
        (rows, *missing) = database.execute(f"SELECT COUNT(*), {nulls} FROM {dataset}").fetchone()
        assert {"rows": rows, **dict(zip(places, missing, strict=True))} == expected, dataset
        assert sum(missing) > 0

        # No sentinel in any column, whatever its rule.
        for name in places:
            if name in TEXT:
                bad = f"{name} = '-'"
            elif dataset == "asos_hourly":
                bad = f"{name} <= -50" if name in COLD else f"{name} = -9"
            else:
                bad = f"{name} <= -50"
            assert database.execute(f"SELECT COUNT(*) FROM {dataset} WHERE {bad}").fetchone() == (0,), (dataset, name)

    assert database.execute("SELECT COUNT(*) FROM revision").fetchone() == (0,)
    assert database.execute("SELECT COUNT(*) FROM rejected_line").fetchone() == (0,)


def test_frost_is_there_and_so_are_the_stations_that_no_list_names(
    database: sqlite3.Connection, captures: Path
) -> None:
    program = "$9 + 0 <= -9 && $9 + 0 > -10 { n++ } END { print n + 0 }"
    told = subprocess.run(
        ["awk", "-F", ",", program, *map(str, sorted(captures.glob("nph-aws2_min.*")))],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    ).stdout
    frost = database.execute("SELECT COUNT(*) FROM aws_minute WHERE ta <= -9 AND ta > -10").fetchone()[0]
    assert frost == int(told) > 0
    for stn in (693, 884):
        assert database.execute("SELECT COUNT(*) FROM aws_minute WHERE stn = ?", (stn,)).fetchone()[0] > 0
        assert database.execute("SELECT COUNT(*) FROM station WHERE stn = ?", (stn,)).fetchone() == (0,)
    assert database.execute("SELECT network, COUNT(*) FROM station GROUP BY network ORDER BY 1").fetchall() == [
        ("AWS", 727),
        ("SFC", 97),
    ]
    assert database.execute("SELECT COUNT(*), COUNT(DISTINCT stn) FROM v_station").fetchone() == (727, 727)


def test_loading_them_again_changes_nothing(database: sqlite3.Connection, kmaflow: Kmaflow, captures: Path) -> None:
    tables = (
        "aws_minute",
        "aws_cloud",
        "aws_visibility",
        "asos_hourly",
        "station",
        "revision",
        "completeness_hour",
        "rejected_line",
    )
    before = [database.execute(f"SELECT * FROM {name}").fetchall() for name in tables]
    assert kmaflow("load", *sorted(captures.glob("*.txt"), reverse=True)).code == 0
    assert [database.execute(f"SELECT * FROM {name}").fetchall() for name in tables] == before
