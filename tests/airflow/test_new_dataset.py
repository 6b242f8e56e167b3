"""A new dataset brings its DAG: nothing else is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from kmaflow.catalog.time import DAY, HOUR, KST
from kmaflow.simulator import DEFAULT_KEY
from tests.made_up.hub import STATIONS, MadeUpHub, a_week_ago, made_up_package, serving


@pytest.mark.usefixtures("airflow_database")
def test_made_up_datasets_run_in_dags_of_their_own(tmp_path: Path) -> None:
    end = a_week_ago() + DAY
    hub = MadeUpHub()
    # The first moments at which the hub has the windows that end at this midnight.
    moments = {"kma_rain": end + timedelta(minutes=30), "kma_daily": end + 6 * HOUR}
    with serving(hub) as url:
        done = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).with_name("new_dataset_runs.py")),
                *(
                    part
                    for dag, at in moments.items()
                    for part in (dag, at.replace(tzinfo=KST).astimezone(UTC).isoformat())
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
    assert states == {
        dag: dict.fromkeys(("run", "start", "stations", "check", name, "end"), "success")
        for dag, name in (("kma_rain", "hourly_rain"), ("kma_daily", "daily_extremes"))
    }
    assert [asked for name, asked in hub.asked if name == "hourly_rain.php"] == [
        {"var": "RN", "help": "0", "tm": f"{end:%Y%m%d%H%M}", "stn": "0"}
    ]
    assert [(asked["tm1"], asked["tm2"]) for name, asked in hub.asked if name == "daily_extremes.php"] == [
        (f"{end - DAY:%Y%m%d}", f"{end - DAY:%Y%m%d}")
    ]
    with sa.create_engine(f"sqlite:///{tmp_path / 'home' / 'kmaflow.db'}").connect() as connection:
        for name in ("hourly_rain", "daily_extremes"):
            rows = connection.exec_driver_sql(f"SELECT tm_kst, stn FROM {name} ORDER BY stn").fetchall()
            assert rows == [(f"{end:%Y-%m-%d %H:%M:%S}", stn) for stn in STATIONS]
