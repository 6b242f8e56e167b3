"""What stands beside the captures of the hub's real answers."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def retyped(captures: Path) -> Path:
    return captures.parent / "retyped"


@pytest.fixture(scope="session")
def shared_inputs(captures: Path) -> Path:
    """Small inputs that failed before, beside the captures."""
    folder = captures.parents[1] / "inputs"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder
