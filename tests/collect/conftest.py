"""Simulated hubs: one for all tests that leave it as it is, one for those that do not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kmaflow.simulator.server import Running

from .hub import simulated


@pytest.fixture(scope="session")
def calm_hub() -> Iterator[Running]:
    with simulated() as hub:
        yield hub


@pytest.fixture
def hub(calm_hub: Running) -> Iterator[Running]:
    """The calm hub, for one test with plans of its own."""
    calm_hub.simulator.hub.keys._log.clear()
    yield calm_hub
    calm_hub.simulator.hub.faults.clear()
    calm_hub.simulator.hub.clock.set(calm_hub.settings.now)
