"""A collector whose answers we may spoil on their way from the simulated hub, without a network between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

import httpx
from pydantic import SecretStr

from kmaflow.collect import Collector
from kmaflow.settings import Settings
from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings
from kmaflow.simulator.hub import Hub

from .hub import NOW

BASE = "http://hub.test/api/typ01"
#: What becomes of one answer: the request's last part of the path, its parameters, and the body as the simulator made it.
Spoil = Callable[[str, dict[str, str], bytes], bytes | httpx.Response]


@cache
def quiet_hub() -> Hub:
    return Hub(SimulatorSettings(now=NOW, day_cache=2))


@contextmanager
def spoiling(home: Path, spoil: Spoil, now: datetime = NOW, **changes: object) -> Iterator[Collector]:
    """A collector at ``now`` whose answers ``spoil`` has changed."""

    def answer(request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        found = quiet_hub().answer(request.url.path, query)
        made = spoil(request.url.path.rsplit("/", 1)[-1], query, found.body) if found.status == 200 else found.body
        return made if isinstance(made, httpx.Response) else httpx.Response(found.status, content=made)

    settings = Settings(home=home, hub_url=BASE, api_key=SecretStr(DEFAULT_KEY), **changes)  # type: ignore[arg-type]
    with Collector.open(settings, clock=lambda: now) as collector:
        collector.client._http.close()
        collector.client._http = httpx.Client(transport=httpx.MockTransport(answer))
        collector.client._sleep = lambda _: None
        yield collector
