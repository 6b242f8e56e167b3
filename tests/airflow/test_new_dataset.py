"""A new dataset brings its DAG: nothing else is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kmaflow.catalog.time import DAY, HOUR, KST
from kmaflow.simulator import DEFAULT_KEY
from tests.made_up.hub import STATIONS, MadeUpHub, a_week_ago, made_up_package, serving

NAMES = ("hourly_rain", "daily_extremes")


@pytest.mark.usefixtures("airflow_database")
def test_made_up_datasets_run_in_dags_of_their_own(tmp_path: Path) -> None:
    end = a_week_ago() + DAY
    hub = MadeUpHub()
    # The first moments at which the hub has the windows that end at this midnight; then the day after it is filled as history.
    history = {"from": f"{end:%Y-%m-%d %H:%M}", "to": f"{end + DAY:%Y-%m-%d %H:%M}", "datasets": list(NAMES)}
    runs: list[tuple[str, datetime, dict[str, Any]]] = [
        ("kma_rain", end + timedelta(minutes=30), {}),
        ("kma_daily", end + 6 * HOUR, {}),
        ("kma_backfill", end + 2 * DAY, history),
    ]
    with serving(hub) as url:
        done = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).with_name("new_dataset_runs.py")),
                *(
                    part
                    for dag, at, form in runs
                    for part in (dag, at.replace(tzinfo=KST).astimezone(UTC).isoformat(), json.dumps(form))
                ),
            ],
            env=os.environ
            | made_up_package(tmp_path)
            | {"KMAFLOW_API_KEY": DEFAULT_KEY, "KMAFLOW_HOME": str(tmp_path / "home"), "KMAFLOW_HUB_URL": url},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    states = json.loads(done.stdout.splitlines()[-1])
    filled = states.pop("kma_backfill")
    assert filled["run"] == "success"
    # One request brings the day; its 24 hours are four tasks.
    assert {name: filled[name] for name in NAMES} == {"hourly_rain": "success", "daily_extremes": "skipped success"}
    assert states == {
        dag: dict.fromkeys(("run", "start", "stations", "check", name, "end"), "success")
        for dag, name in zip(("kma_rain", "kma_daily"), NAMES, strict=True)
    }
    hours = sorted(asked["tm"] for name, asked in hub.asked if name == "hourly_rain.php")
    assert hours == [f"{end + count * HOUR:%Y%m%d%H%M}" for count in range(25)]
    days = [(asked["tm1"], asked["tm2"]) for name, asked in hub.asked if name == "daily_extremes.php"]
    assert days == [(f"{day:%Y%m%d}", f"{day:%Y%m%d}") for day in (end - DAY, end)]
    with sa.create_engine(f"sqlite:///{tmp_path / 'home' / 'kmaflow.db'}").connect() as connection:
        for name, step in zip(NAMES, (HOUR, DAY), strict=True):
            rows = connection.exec_driver_sql(f"SELECT tm_kst, stn FROM {name} ORDER BY tm_kst, stn").fetchall()
            stamps = [end + count * step for count in range(1 + DAY // step)]
            assert rows == [(f"{stamp:%Y-%m-%d %H:%M:%S}", stn) for stamp in stamps for stn in STATIONS]
