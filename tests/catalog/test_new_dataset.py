"""A dataset is one file: two made-up ones, hourly and daily, are dropped into a package, and every command knows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from tests.made_up.hub import (
    PACKAGE,
    STATIONS,
    MadeUpHub,
    a_week_ago,
    daily_body,
    hourly_body,
    made_up_package,
    rain,
    serving,
    warmth,
)

from kmaflow.catalog.time import DAY, HOUR
from kmaflow.simulator import DEFAULT_KEY

BEGIN = a_week_ago()
END = BEGIN + 3 * DAY
BOTH = ("hourly_rain", "daily_extremes")


def hour(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M}"


def day(moment: datetime) -> str:
    return f"{moment:%Y%m%d}"


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


TIMES = ("--from", text(BEGIN), "--to", text(END))


@dataclass
class Kmaflow:
    """The command line in a process of its own, with the made-up package."""

    folder: Path
    hub: MadeUpHub
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run("kmaflow", *arguments, "--json", code=code))

    def rows(self, name: str) -> list[dict[str, Any]]:
        return list(self("read", name, *TIMES)["rows"])


@pytest.fixture
def kmaflow(tmp_path: Path, database_url: str) -> Iterator[Kmaflow]:
    hub = MadeUpHub()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KMAFLOW_")}
    with serving(hub) as url:
        environment |= made_up_package(tmp_path) | {
            "KMAFLOW_API_KEY": DEFAULT_KEY,
            "KMAFLOW_CALLS_PER_SECOND": "1000",
            "KMAFLOW_DATABASE_URL": database_url,
            "KMAFLOW_HOME": str(tmp_path / "home"),
            "KMAFLOW_HUB_URL": url,
        }
        yield Kmaflow(tmp_path, hub, environment)


def test_two_new_files_are_collected_repaired_loaded_read_and_exported(kmaflow: Kmaflow, database_url: str) -> None:
    hub = kmaflow.hub
    hub.away = {hour(BEGIN + 5 * HOUR)}
    hub.silent = {(hour(BEGIN + 7 * HOUR), 108), (day(BEGIN + DAY), 159)}

    kmaflow("collect", *BOTH, *TIMES, code=3)
    asked = [parameters.get("tm") for name, parameters in hub.asked if name == "hourly_rain.php"]
    assert list(dict.fromkeys(asked)) == [hour(BEGIN + count * HOUR) for count in range(1, 73)]
    (days,) = [parameters for name, parameters in hub.asked if name == "daily_extremes.php"]
    assert (days["tm1"], days["tm2"]) == (day(BEGIN), day(END - DAY))

    gaps = kmaflow("gaps", *BOTH, *TIMES, "--all-states", code=3)
    assert [(one["dataset"], one["from"], one["to"], one["state"], one["stations"]) for one in gaps["gaps"]] == [
        ("hourly_rain", text(BEGIN + 4 * HOUR), text(BEGIN + 5 * HOUR), "refused", "all"),
        ("hourly_rain", text(BEGIN + 6 * HOUR), text(BEGIN + 7 * HOUR), "absent", [108]),
        ("daily_extremes", text(BEGIN + DAY), text(BEGIN + 2 * DAY), "absent", [159]),
    ]
    cells = {name: {state: count for state, count in gaps["totals"][name].items() if count} for name in BOTH}
    assert cells == {
        "hourly_rain": {"present": 212, "absent": 1, "refused": 3},
        "daily_extremes": {"present": 8, "absent": 1},
    }

    hub.away.clear()
    repaired = kmaflow("repair", *BOTH, *TIMES, "--all")
    assert [(one["dataset"], one["calls"], one["rows"]) for one in repaired["datasets"]] == [
        ("hourly_rain", 1, 3),
        ("daily_extremes", 0, 0),
    ]

    stamps = [BEGIN + count * HOUR for count in range(1, 73)]
    assert [(row["tm_kst"], row["stn"], row["rn_hr1"], row["rn_qcm"]) for row in kmaflow.rows("hourly_rain")] == [
        (text(stamp), stn, rain(hour(stamp), stn), 60)
        for stamp in stamps
        for stn in STATIONS
        if (hour(stamp), stn) not in hub.silent
    ]
    expected = [
        (text(stamp), stn, pytest.approx(warmth(day(stamp - DAY), stn)), None if stn == 90 else 52)
        for stamp in (BEGIN + DAY, BEGIN + 2 * DAY, END)
        for stn in STATIONS
        if (day(stamp - DAY), stn) not in hub.silent
    ]
    assert [(row["tm_kst"], row["stn"], row["ta_max"], row["ta_max_tm"]) for row in kmaflow.rows("daily_extremes")] == (
        expected
    )
    story = kmaflow("why", "daily_extremes", "108", text(END))
    assert story["raw"] == {"ta_max": f"{warmth(day(END - DAY), 108):.1f}", "ta_max_tm": "52"}

    kmaflow.run("kmaflow", "export", *BOTH, *TIMES, "--out", "files")
    files = sorted((kmaflow.folder / "files" / "daily_extremes").iterdir())
    exported = pl.concat([pl.read_parquet(file) for file in files]).sort("tm_kst", "stn")
    assert [(text(tm), *rest) for tm, *rest in exported.select("tm_kst", "stn", "ta_max", "ta_max_tm").iter_rows()] == (
        expected
    )

    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        newest = connection.exec_driver_sql("SELECT rain_tm_kst, rain_rn_hr1 FROM v_latest WHERE stn = 108").fetchall()
        whole = connection.exec_driver_sql(
            "SELECT DISTINCT share FROM v_completeness WHERE dataset = 'daily_extremes'"
        ).fetchall()
    engine.dispose()
    assert [(f"{tm}", value) for tm, value in newest] == [(f"{END:%Y-%m-%d %H:%M:%S}", rain(hour(END), 108))]
    assert whole == [(1,)]

    done = kmaflow("backfill", *BOTH, "--from", text(BEGIN), "--to", text(END + DAY))
    assert [(one["dataset"], one["calls"], one["left"]) for one in done["datasets"]] == [
        ("hourly_rain", 24, 0),
        ("daily_extremes", 1, 0),
    ]


def test_saved_files_of_a_new_dataset_are_known_by_their_columns(kmaflow: Kmaflow) -> None:
    old = BEGIN - 30 * DAY
    (kmaflow.folder / "days.txt").write_bytes(daily_body([(day(old + count * DAY), 108) for count in range(3)]))
    (kmaflow.folder / "hours.txt").write_bytes(hourly_body([(hour(old + count * HOUR), 90) for count in range(1, 4)]))
    loaded = kmaflow("load", "days.txt", "hours.txt")["files"]
    assert [(one["dataset"], one["from"], one["to"], one["inserted"], one["rejected"]) for one in loaded] == [
        ("daily_extremes", text(old), text(old + 3 * DAY), 3, 0),
        ("hourly_rain", text(old), text(old + 3 * HOUR), 3, 0),
    ]


def test_the_page_of_datasets_describes_them(tmp_path: Path) -> None:
    for language in ("en", "ko"):
        (tmp_path / "docs" / language).mkdir(parents=True)
    Kmaflow(tmp_path, MadeUpHub(), os.environ | made_up_package(tmp_path)).run("kmaflow.catalog.page", "docs")
    page = (tmp_path / "docs" / "en" / "datasets.md").read_text(encoding="utf-8")
    assert "## `daily_extremes` · daily extremes" in page
    assert "`url/daily_extremes.php` · every 1 d · at most 31 d (all stations)" in page
    assert "| `ta_max_tm` | TA_MAX_TM | time of the highest air temperature | INTEGER | HHMM |" in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("hourly_rain", "aws_minute"), "a dataset aws_minute is described already"),
        (('dag="kma_rain"', 'dag="kma_aws"'), "the DAG kma_aws has another schedule"),
        (('stamp="rain_", prefix="rain_"', 'stamp=""'), "v_latest has tm_kst of aws_minute already"),
        (("all_stations=HOUR", "all_stations=2 * HOUR"), "one stamp per request"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    environment = made_up_package(tmp_path)
    file = tmp_path / PACKAGE / "hourly_rain.py"
    file.write_text(file.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "kmaflow", "status"],
        env=os.environ | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_day_that_lacks_a_station_or_everything_is_asked_for_again(tmp_path: Path) -> None:
    hub = MadeUpHub(silent={(day(BEGIN + DAY), 159), *((day(BEGIN + 2 * DAY), stn) for stn in STATIONS)})
    with serving(hub) as url:
        environment = os.environ | made_up_package(tmp_path)
        environment |= {"KMAFLOW_API_KEY": DEFAULT_KEY, "KMAFLOW_HOME": str(tmp_path / "home"), "KMAFLOW_HUB_URL": url}
        told = json.loads(Kmaflow(tmp_path, hub, environment).run("tests.made_up.live_days", text(BEGIN + DAY)))
    # Station 159 reported 30 hours ago: of daily data that is lately.
    assert told["again"] == [[text(BEGIN + DAY), text(BEGIN + 2 * DAY)]]
    # Six hours after its end a day without a row is late, not lost.
    assert told["late"] == "not_yet_produced"
