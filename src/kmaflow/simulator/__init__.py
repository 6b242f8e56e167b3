"""A KMA API Hub that runs here: same bytes, same limits, same faults, and the truth to compare with.

Written from the public description of the hub alone; imports nothing of kmaflow outside this package.
Importing it is
cheap: numpy, polars, starlette and uvicorn are loaded when a simulator is made.

    from kmaflow.simulator import SimulatorSettings, running
    with running(SimulatorSettings(now=datetime(2026, 11, 22, 13, 0))) as hub:
        httpx.get(f"{hub.url}/cgi-bin/url/nph-aws2_min", params={"tm2": "202611221250", "authKey":
        DEFAULT_KEY})
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kmaflow.simulator.faults import Faults, FaultSyntaxError, listed, parse_faults
from kmaflow.simulator.settings import DEFAULT_KEY, KeyGrant, SimulatorSettings

if TYPE_CHECKING:
    from kmaflow.simulator.app import Simulator
    from kmaflow.simulator.server import PortTaken, Running, running, serve

_LAZY = {
    "Simulator": "app",
    "PortTaken": "server",
    "Running": "server",
    "running": "server",
    "serve": "server",
}

__all__ = [
    "DEFAULT_KEY",
    "FaultSyntaxError",
    "Faults",
    "KeyGrant",
    "PortTaken",
    "Running",
    "Simulator",
    "SimulatorSettings",
    "listed",
    "parse_faults",
    "running",
    "serve",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
