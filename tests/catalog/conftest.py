"""The captures of the hub's real answers, for the tests that hold the catalogue to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder ``KMAFLOW_CAPTURES``, or the one beside the repository. Without it CI fails, others skip."""
    default = REPOSITORY.parent / "shared" / "kma" / "captures"
    folder = Path(os.environ.get("KMAFLOW_CAPTURES") or default)
    if not list(folder.glob("*.txt")):
        reason = f"CAPTURES MISSING: no *.txt in {folder}; set KMAFLOW_CAPTURES to the folder of captures"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
