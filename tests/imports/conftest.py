"""The command line as the tests of commands use it, and ways to look into the database that it fills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..commands.conftest import Done, Kmaflow, home, kmaflow
from ..databases import database

__all__ = ["Done", "Kmaflow", "home", "kmaflow"]


@pytest.fixture(params=["mariadb", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database on a server, for the older tables."""
    with database(request.param, tmp_path) as url:
        yield url
