"""Hubs that answer with and without a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kmaflow.simulator import SimulatorSettings
from kmaflow.simulator.hub import Hub
from kmaflow.simulator.server import Running, running

from .asking_hub import NOW, Get, getter


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
