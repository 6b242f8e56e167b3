"""Captured answers, and hubs that answer without a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmaflow.simulator import SimulatorSettings
from kmaflow.simulator.hub import Hub
from kmaflow.simulator.server import Running, running

from .asking_hub import NOW, Get, getter


@pytest.fixture(scope="session")
def captures() -> Path:
    """Folder of the byte-exact captures; its absence is a failure in CI and a loud skip elsewhere."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "kma" / "captures"
    folder = Path(os.environ.get("KMAFLOW_CAPTURES") or beside)
    if not any(folder.glob("nph-aws2_min.*")):
        reason = f"NO CAPTURES: the bytes are NOT held against the real hub ({folder}; set KMAFLOW_CAPTURES)"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def shared_hub() -> Hub:
    """One hub at a fixed time, for tests that change nothing in it."""
    return Hub(SimulatorSettings(now=NOW, day_cache=12))


@pytest.fixture
def get(shared_hub: Hub) -> Get:
    """Asks the shared hub."""
    return getter(shared_hub)


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """A simulator behind a real HTTP server."""
    with running(SimulatorSettings(now=NOW)) as handle:
        yield handle
