"""What is released, as somebody gets it: wheel and sdist in clean environments, without Airflow and beside it, under every Python of this machine."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = (sys.executable, "-m", "uv")

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist, the wheel made from the sdist: what the sdist lacks, the wheel lacks too."""
    folder = tmp_path_factory.mktemp("dist")
    build = [*UV, "build", "--quiet", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", str(folder), str(ROOT)], check=True)
    return folder


def pythons() -> dict[str, str]:
    """One interpreter of each minor version that kmaflow supports, as far as this machine has them."""
    ask = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    places = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    found: dict[str, str] = {}
    for path in [*map(str, places), *(f"python3.{minor}" for minor in range(11, 16))]:
        with suppress(OSError):
            told = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=False).stdout.strip()
            if told.startswith("3.") and int(told[2:]) >= 11:
                found.setdefault(told, path)
    return found


PYTHONS = pythons()


class Installed:
    """A package in an environment of its own."""

    def __init__(self, folder: Path, python: str, *what: str) -> None:
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        for words in what:
            install = [*UV, "pip", "install", "--quiet", "--python", str(self.python), *words.split()]
            subprocess.run(install, check=True, cwd=ROOT)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "KMAFLOW_HOME": str(self.folder / "var"), "AIRFLOW_HOME": str(self.folder / "airflow"), "PATH": str(self.python.parent), "LANG": "C.UTF-8",
        }  # fmt: skip
        command = [str(self.python.parent / words[0]), *words[1:]]
        return subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)

    def works(self) -> None:
        """The command line does what needs no hub, and the package is whole."""
        told = self.run("kmaflow", "--version")
        assert re.fullmatch(r"kmaflow \d+\.\d+\.\d+ \(parser \d+, schema \d{4}, state schema \d{4}\)\n", told.stdout), (
            told
        )
        assert self.run("kmaflow", "init", "--all").returncode == 0
        assert self.run("kmaflow", "status", "--json").returncode == 0
        frame = self.run(
            "python",
            "-c",
            "import kmaflow as kma; print(kma.read('aws_minute', '2026-01-01', '2026-01-02', columns='ta').columns)",
        )
        assert frame.stdout == "['tm_kst', 'stn', 'ta']\n", frame.stderr
        files = "import importlib.resources as r; k = r.files('kmaflow'); print(*sorted(f.name for d in ('', 'airflow/dags') for f in k.joinpath(d).iterdir()))"
        listed = self.run("python", "-c", files).stdout.split()
        assert {"py.typed", "kma_observations.py"} <= set(listed)


def test_the_wheel_works_without_airflow(dist: Path, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    here = Installed(tmp_path, sys.executable, "--require-hashes -r locks/core.txt", f"--no-deps {wheel}")
    here.works()
    assert here.run("python", "-c", "import airflow").returncode != 0
    setup = here.run("kmaflow", "airflow", "setup")
    assert setup.returncode == 2
    assert "kmaflow[airflow]" in setup.stderr


@pytest.mark.long
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("kind", ["whl", "tar.gz", "airflow"])
def test_every_python_can_have_it(dist: Path, tmp_path: Path, python: str, kind: str) -> None:
    """With the newest of everything; beside Airflow with the versions that Airflow is constrained to."""
    (package,) = dist.glob("*.tar.gz" if kind == "tar.gz" else "*.whl")
    if kind != "airflow":
        Installed(tmp_path, PYTHONS[python], str(package)).works()
        return
    constraints = tmp_path / "constraints.txt"
    locked = (ROOT / "locks" / "airflow.txt").read_text(encoding="utf-8")
    pins = [line.removesuffix("\\").strip() for line in locked.splitlines() if "==" in line.partition(" ")[0]]
    constraints.write_text("\n".join(pins))
    here = Installed(tmp_path, PYTHONS[python], f"--constraint {constraints} kmaflow[airflow]@{package.as_uri()}")
    here.works()
    assert "kmaflow" in here.run("airflow", "providers", "list").stdout
    assert here.run("airflow", "db", "migrate").returncode == 0
    assert here.run("kmaflow", "airflow", "setup").returncode == 0
