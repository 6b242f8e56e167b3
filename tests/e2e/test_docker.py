"""The README's way from one machine to many, typed into a real Docker engine, line by line, in a fresh clone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import wait_for
from tests.test_readme import commands

from kmaflow.run.api import AirflowApi

ROOT = Path(__file__).parents[2]
#: Images that are not here yet are fetched and built first.
PATIENCE = 1800.0
pytestmark = [pytest.mark.e2e, pytest.mark.long]


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


class Clone:
    """A clone in which somebody types."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ui, self.flower = free_port(), free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KMAFLOW_", "AIRFLOW"))}
        self.environment = kept | {"KMAFLOW_UI_PORT": str(self.ui), "KMAFLOW_FLOWER_PORT": str(self.flower)}

    def type(self, command: str) -> str:
        """What a line prints; it must succeed."""
        done = subprocess.run(
            shlex.split(command),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def healthy(self, service: str) -> int:
        """How many containers of a service report themselves well."""
        ids = self.type(f"docker compose ps -q {service}").split()
        states = [self.type(f"docker inspect --format {{{{.State.Health.Status}}}} {one}").strip() for one in ids]
        return states.count("healthy")


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    for asked in (["docker", "info"], ["docker", "compose", "version"]):
        if shutil.which("docker") is None or subprocess.run(asked, capture_output=True, check=False).returncode:
            pytest.skip(f"no Docker engine, or no compose: {' '.join(asked)}")
    folder = tmp_path / "kmaflow"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    made = Clone(folder)
    yield made
    made.type("docker compose --profile flower down --volumes")


def test_the_readme_in_a_docker_engine(clone: Clone) -> None:
    lines = [line for line in commands(ROOT / "README.md") if line.startswith("docker compose")]
    assert len(lines) >= 5
    login = ""
    for line in lines:
        told = clone.type(line)
        if line.endswith("passwords"):
            login = told
            _works(clone, login)
        if found := re.search(r"--scale worker=(\d+)", line):
            _wait_for_workers(clone, int(found[1]))
        if line.endswith(" down"):
            break
    assert clone.type("docker compose --profile flower ps -q").split() == []
    # The data outlive it: the same login opens the same cluster.
    clone.type("docker compose up -d")
    with AirflowApi(f"http://127.0.0.1:{clone.ui}", "admin", _password(login)) as api:
        wait_for(api.healthy, "the cluster again")
        assert api.runs(state=["success"])


def _wait_for_workers(clone: Clone, count: int) -> None:
    wait_for(lambda: clone.healthy("worker") == count, f"{count} healthy workers")


def _password(login: str) -> str:
    found = re.search(r"^Airflow +admin / (\S+)", login, re.MULTILINE)
    assert found, login
    return found[1]


def _works(clone: Clone, login: str) -> None:
    """Every scheduled DAG has a green run, and its task's log is on the page."""
    with AirflowApi(f"http://127.0.0.1:{clone.ui}", "admin", _password(login)) as api:
        wait_for(api.healthy, "the cluster")
        wanted = {"kma_aws", "kma_asos", "kma_stations", "kma_repair"}
        wait_for(lambda: wanted <= {run["dag_id"] for run in api.runs(state=["success"])}, "a green run of every DAG")
        (run, *_) = api.runs(dag_id="kma_aws", state=["success"])
        path = f"/dags/kma_aws/dagRuns/{run['dag_run_id']}/taskInstances/aws_minute/logs/1"
        assert "aws_minute" in json.dumps(api._get(path, {"full_content": "true"}))
    status = clone.type("docker compose run --rm worker kmaflow status --json")
    assert json.loads(status)["datasets"]
