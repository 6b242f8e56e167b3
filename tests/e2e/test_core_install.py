"""``pip install .`` without Airflow: a clean environment from the core lock, then the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.e2e


def test_library_and_command_line_install_and_work_without_airflow(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    python = venv / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "--require-hashes", "-r", str(ROOT / "locks" / "core.txt")], check=True)
    subprocess.run([*install, "--no-deps", "--no-build-isolation", str(ROOT)], check=True)

    def kmaflow(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"KMAFLOW_HOME": str(tmp_path / "var"), "PATH": str(venv / "bin"), "LANG": "C.UTF-8"}
        return subprocess.run(
            [str(venv / "bin" / "kmaflow"), *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert subprocess.run([str(python), "-c", "import airflow"], capture_output=True, check=False).returncode != 0
    assert kmaflow("--help").returncode == 0
    assert kmaflow("init", "--all").returncode == 0
    assert kmaflow("status", "--json").returncode == 0
    setup = kmaflow("airflow", "setup")
    assert setup.returncode == 2
    assert "kmaflow[airflow]" in setup.stderr
    # The DAG files travel inside of the wheel.
    listed = subprocess.run(
        [
            str(python),
            "-c",
            "import importlib.resources as r; print(sorted(f.name for f in r.files('kmaflow.airflow').joinpath('dags').iterdir()))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "kma_observations.py" in listed.stdout
