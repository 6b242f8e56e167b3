"""Bytes to test with: captures, answers of the project's own simulator, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache

import httpx

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window
from kmaflow.hub.client import HubClient
from kmaflow.hub.parse import Parsed
from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings
from kmaflow.simulator.hub import Hub

NOW = datetime(2026, 11, 22, 13, 0)
MINUTE = DATASETS["aws_minute"]
CLOUD = DATASETS["aws_cloud"]
VISIBILITY = DATASETS["aws_visibility"]
GROUND = DATASETS["aws_ground_temperature"]
WEATHER = DATASETS["aws_present_weather"]
ASOS = DATASETS["asos_hourly"]
BY_ENDPOINT = {
    "nph-aws2_min": MINUTE,
    "nph-aws2_min_cloud": CLOUD,
    "nph-aws2_min_vis": VISIBILITY,
    "kma_sfctm2": ASOS,
}
BASE = "http://hub.test/api/typ01"
NOON = datetime(2026, 11, 22, 12, 0)


@cache
def hub(**settings: object) -> Hub:
    return Hub(SimulatorSettings(now=NOW, **settings))  # type: ignore[arg-type]


@cache
def simulated(name: str, tm1: str = "202611221200", tm2: str = "", stn: int = 0, **more: str) -> bytes:
    """The simulator's answer for one dataset. Settings of the simulator come as ``law_addr_aws="1"``-like text nowhere: see ``hub``."""
    dataset = DATASETS[name]
    asked = {**dataset.request.parameters, "tm1": tm1, "tm2": tm2 or tm1, "stn": str(stn), **more}
    answer = hub().answer(f"/api/typ01/{dataset.request.endpoint}", {"authKey": DEFAULT_KEY, **asked})
    assert answer.status == 200
    return answer.body


@cache
def station_list(network: str, **settings: object) -> bytes:
    answer = hub(**settings).answer(
        "/api/typ01/url/stn_inf.php", {"authKey": DEFAULT_KEY, "inf": network, "stn": "0", "help": "1"}
    )
    return answer.body


def is_row(line: bytes) -> bool:
    return bool(line.strip()) and not line.startswith(b"#")


def rows_of(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if is_row(line)]


def head_of(content: bytes) -> bytes:
    return content[: content.index(rows_of(content)[0])]


def with_rows(content: bytes, rows: list[bytes]) -> bytes:
    """The same answer with other rows."""
    return head_of(content) + b"".join(row + b"\n" for row in rows) + b"#7777END\n"


def with_row(content: bytes, index: int, change: Callable[[bytes], bytes] | bytes) -> bytes:
    """The same answer with one row changed."""
    rows = rows_of(content)
    rows[index] = change if isinstance(change, bytes) else change(rows[index])
    return with_rows(content, rows)


def with_field(content: bytes, index: int, field: int, value: bytes) -> bytes:
    """The same answer with one field of a comma-separated row changed (0 is the time)."""

    def change(row: bytes) -> bytes:
        fields = row.split(b",")
        fields[field] = value
        return b",".join(fields)

    return with_row(content, index, change)


def reasons(parsed: Parsed) -> list[str]:
    return [line.reason for line in parsed.rejected]


def minutes(count: int = 10, end: datetime = NOON) -> Window:
    return Window.of_stamps(end - (count - 1) * MINUTE.cadence, end, MINUTE.cadence)


class Desk:
    """A hub made of prepared answers; keeps what it was asked and how long the client wanted to wait."""

    def __init__(self, answer: Callable[[httpx.Request, int], httpx.Response]) -> None:
        self.asked: list[dict[str, str]] = []
        self.urls: list[httpx.URL] = []
        self.waits: list[float] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        self.urls.append(request.url)
        return self._answer(request, len(self.asked))

    def client(self, key: str = DEFAULT_KEY, url: str = BASE, **more: object) -> HubClient:
        from pydantic import SecretStr

        more = {"clock": lambda: NOW, "sleep": self.waits.append, **more}
        return HubClient(SecretStr(key), url, transport=httpx.MockTransport(self), **more)  # type: ignore[arg-type]


def from_simulator(request: httpx.Request, **settings: object) -> httpx.Response:
    """What the simulated hub answers to this request."""
    found = hub(**settings).answer(request.url.path, dict(request.url.params))
    return httpx.Response(found.status, content=found.body, headers={"Content-Type": found.content_type})
