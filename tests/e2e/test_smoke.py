"""`make smoke` as part of the tests: real Airflow, real HTTP, every cell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.e2e


def test_after_an_outage_of_three_hours_every_cell_is_the_truth_again(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KMAFLOW_", "AIRFLOW"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.smoke"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"smoke: ([\d,]+) cells compared, 0 differing, 0 rows missing or too many", done.stdout)
    assert counted is not None, done.stdout
    # Three hours of about 730 stations each minute: far fewer cells would mean that little was looked at.
    assert int(counted[1].replace(",", "")) > 3_000_000
    assert list(tmp_path.iterdir()) == [], "it leaves nothing where it was started"
