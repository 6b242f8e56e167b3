"""The image's contents: the build stage of deploy/Dockerfile, step by step as written, into a folder instead of a container."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Where the Dockerfile puts the environment that the image runs from.
PLACE = "/opt/kmaflow"


def build(folder: Path) -> Path:
    """Do what the Dockerfile's first stage does; the Python of the environment that it makes."""
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    _, stage, _ = re.split(r"^FROM .*$", text, flags=re.MULTILINE)
    work, place = folder / "build", folder / "kmaflow"
    work.mkdir()
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("KMAFLOW_", "AIRFLOW", "COV", "VIRTUAL"))
    }
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    for word, rest in re.findall(r"^(COPY|RUN) (.*)$", stage, re.MULTILINE):
        if word == "RUN":
            command = rest.replace(PLACE, str(place))
            done = subprocess.run(["sh", "-c", command], cwd=work, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"RUN {rest}\n{done.stdout}{done.stderr}"
            continue
        *sources, target = rest.split()
        for source in sources:
            _copy(ROOT / source, work / target, into=target.endswith("/"))
    return place / "bin" / "python"


def _copy(source: Path, target: Path, *, into: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        return
    place = target / source.name if into else target
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, place)
