"""Asking a simulated hub without HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kmaflow.simulator import DEFAULT_KEY
from kmaflow.simulator.answers import Answer
from kmaflow.simulator.hub import Hub

NOW = datetime(2026, 11, 22, 13, 0)
CGI = "/api/typ01/cgi-bin/url/"
PHP = "/api/typ01/url/"

Get = Callable[..., Answer]


def getter(hub: Hub) -> Get:
    """A function that asks a hub without HTTP: get("nph-aws2_min", tm2="…")."""

    def get(operation: str, key: str = DEFAULT_KEY, **query: object) -> Answer:
        path = (CGI if operation.startswith("nph") else PHP) + operation
        return hub.answer(path, {"authKey": key, **{name: str(value) for name, value in query.items()}})

    return get
