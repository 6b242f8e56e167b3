"""Captured answers, and hubs that answer without a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings
from kmaflow.simulator.answers import Answer
from kmaflow.simulator.hub import Hub
from kmaflow.simulator.server import Running, running

NOW = datetime(2026, 11, 22, 13, 0)
CGI = "/api/typ01/cgi-bin/url/"
PHP = "/api/typ01/url/"


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


Get = Callable[..., Answer]


def getter(hub: Hub) -> Get:
    """A function that asks a hub without HTTP: get("nph-aws2_min", tm2="…")."""

    def get(operation: str, key: str = DEFAULT_KEY, **query: object) -> Answer:
        path = (CGI if operation.startswith("nph") else PHP) + operation
        return hub.answer(path, {"authKey": key, **{name: str(value) for name, value in query.items()}})

    return get


@pytest.fixture
def get(shared_hub: Hub) -> Get:
    """Asks the shared hub."""
    return getter(shared_hub)


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """A simulator behind a real HTTP server."""
    with running(SimulatorSettings(now=NOW)) as handle:
        yield handle
