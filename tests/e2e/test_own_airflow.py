"""Installed into an Airflow that somebody has already: the oldest supported one in CI, the newest of the registry with the slow proofs.

Each in a venv of its own, with what the page *In your Airflow* types: migrate, set up, run a DAG; here against the simulator.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.conftest import ROOT

from kmaflow.simulator import KeyGrant, SimulatorSettings, running

KEY = "key-of-this-test-000"
UV = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python"]
LOCK = ROOT / "locks" / "airflow-oldest.txt"

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Own:
    """An Airflow of one's own: its programs, its environment, its folder."""

    bin: Path
    env: dict[str, str]
    home: Path

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            env=self.env,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == code, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout + done.stderr


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.long) for name in ("oldest", "newest")])
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    folder = tmp_path_factory.mktemp(request.param)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", "-p", sys.executable, folder / "venv"], check=True)
    if request.param == "oldest":
        subprocess.run([*UV, python, "--require-hashes", "-r", LOCK], check=True)
        subprocess.run([*UV, python, "--no-deps", "--no-build-isolation", ROOT], check=True)
    else:
        subprocess.run([*UV, python, f"{ROOT}[airflow]"], check=True)
    with running(SimulatorSettings(keys=(KeyGrant(KEY),))) as hub:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "KMAFLOW"))}
        env = kept | {
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "KMAFLOW_HOME": str(folder / "kma"),
            "KMAFLOW_API_KEY": KEY,
            "KMAFLOW_HUB_URL": hub.url,
            "KMAFLOW_LANG": "ko",
            "NO_COLOR": "1",
        }
        yield Own(python.parent, env, folder)


def test_before_the_migration_setup_says_what_comes_first(own: Own) -> None:
    assert "먼저 airflow db migrate" in own.run("kmaflow", "airflow", "setup", code=2)


def test_it_is_set_up_found_and_collects(own: Own) -> None:
    own.run("airflow", "db", "migrate")
    own.run("kmaflow", "airflow", "setup")
    printed = own.run("python", str(ROOT / "tests" / "e2e" / "in_own_airflow.py"), str(ROOT / "dags"))
    found = json.loads(
        printed.strip().splitlines()[-1]
        if printed.strip().endswith("}")
        else re.findall(r"^\{.*\}$", printed, re.MULTILINE)[-1]
    )
    assert found["errors"] == {}
    assert found["dags"]["kma_aws"] == "기상청 방재기상관측 AWS (kma_aws)"
    assert set(found["dags"]) == {"kma_asos", "kma_aws", "kma_backfill", "kma_lake", "kma_repair", "kma_stations"}
    assert found["retries"] in (True, 2.0)
    assert found["types"] == ["kma_apihub", "sqlite", "postgres", "mysql"]
    assert found["timetables"] == ["kmaflow.airflow.provider.timetable.WindowTimetable"]
    assert {name: (port, good) for name, (port, good, _) in found["connections"].items()} == {
        "kma_apihub": (0, True),
        "kma_store": (0, True),
    }, found["connections"]
    log = own.run("airflow", "dags", "test", "kma_asos")
    assert re.search(r"asos_hourly \d{4}-\d\d-\d\d \d\d:00–\S+: \d+행 저장, .*누락 없음 · API 호출 1회, \d\.\d MB", log)
    with sqlite3.connect(own.home / "kma" / "kmaflow.db") as database:
        assert database.execute("select count(*) from asos_hourly").fetchone()[0] > 90


def test_a_wrong_form_is_told_in_two_lines_without_a_traceback(own: Own) -> None:
    conf = json.dumps({"from": "2026-11-22 00:00"})
    log = own.run("airflow", "dags", "test", "kma_asos", "--conf", conf, code=1)
    assert "원인: from만 입력했습니다" in log
    assert "조치: from과 to를 함께 쓰거나 둘 다 비우십시오" in log
    assert "Traceback" not in log
