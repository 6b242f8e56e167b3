"""What stands beside the captures of the hub's real answers."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def retyped(captures: Path) -> Path:
    return captures.parent / "retyped"
