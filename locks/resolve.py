"""Resolve the hashed locks from ``pyproject.toml``: ``make lock``. They name no index address, so any mirror serves them.

``make lock KEEP=1`` resolves only what ``pyproject.toml`` asks anew: every version that is locked stays.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = (
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"),
    *(() if "--keep" in sys.argv[1:] else ("--upgrade",)),
)

#: dev first: the others are constrained to its versions, so that what is tested is what runs.
LOCKS = {
    "dev": ("--extra", "celery", "--group", "dev"),
    "airflow": ("--extra", "airflow", "--group", "build", "--constraint", "locks/dev.txt"),
    "celery": ("--extra", "celery", "--group", "build", "--constraint", "locks/dev.txt"),
    "core": ("--group", "build", "--constraint", "locks/dev.txt"),
}

#: The oldest Airflow that is supported, with what the index had when it came out: as its constraints, which hold SQLAlchemy back, have it.
OLDEST = ("--extra", "airflow", "--group", "build", "--constraint", "locks/oldest.in", "--exclude-newer", "2025-10-05")
LOCKS["airflow-oldest"] = OLDEST

for name, options in LOCKS.items():
    subprocess.run((*COMPILE, "pyproject.toml", *options, "--output-file", f"locks/{name}.txt"), cwd=ROOT, check=True)
    print(f"locks/{name}.txt")
