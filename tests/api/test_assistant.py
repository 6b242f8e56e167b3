"""The tools of an assistant, by the SDK's own client: over HTTP behind a token, and over stdin and stdout of a process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from kmaflow.errors import UsageError
from kmaflow.read.place import found_place
from kmaflow.store.selection import plain
from kmaflow.store.stations import Station

from ..read.test_place import expected_of
from .conftest import Api

TOOLS = {"current_weather", "weather_series", "find_station", "what_is_missing", "why"}


def asked(transport: Any, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with Client(transport) as client:
            return await ask(client)

    return asyncio.run(main())


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    text = result.content[0].text  # type: ignore[union-attr]
    return text if result.is_error else json.loads(text)


def over_http(api: Api, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {api.token}"}, trust_env=False) as http,
            Client(streamable_http_client(f"{api.url}/mcp", http_client=http)) as client,
        ):
            return await ask(client)

    return asyncio.run(main())


def test_the_tools_over_http(api: Api) -> None:
    async def ask(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        told = await called(client, "current_weather", place="서울", elements="temperature,wind")
        assert told["place"]["found_by"]["stn"] == 108
        value = told["values"][0]
        expected = expected_of(api.filled, "ta", 108)
        assert expected is not None
        assert (value["value"], value["unit"], value["station"]) == (expected[2], "°C", "서울 108")
        assert value["distance_km"] == 0
        rows = (
            await called(
                client,
                "weather_series",
                place="108",
                elements="ta",
                start="2025-01-15 12:20",
                end="2025-01-15 12:50",
                every="10min",
            )
        )["rows"]
        assert len(rows) == 3
        assert rows[0]["ta_stn"] == 108
        assert [one["stn"] for one in (await called(client, "find_station", text="37.5,127.0"))["stations"]] == [
            stn for _, stn in api.filled.by_distance(37.5, 127.0)
        ][:10]
        missing = await called(
            client, "what_is_missing", dataset="aws_minute", start="2025-01-15 12:20", end="2025-01-15 12:50"
        )
        assert (missing["missing_cells"], missing["gaps"]) == (0, [])
        tm, values = api.filled.cells["aws_minute"][108][0]
        assert (await called(client, "why", dataset="aws_minute", station="108", time=f"{tm}"[:16]))["values"] == values
        for tool, arguments, way_out in (
            ("current_weather", {"place": "서을"}, "서울"),
            ("current_weather", {"place": "127.0,37.5"}, "lat=37.5"),
            ("current_weather", {"place": "서울", "elements": "tta"}, "nearest"),
            (
                "weather_series",
                {"place": "서울", "elements": "ta", "start": "2024-01-01", "end": "2025-01-01", "every": "10min"},
                "longer period",
            ),
            ("why", {"dataset": "aws_minutes", "station": "108", "time": "2025-01-15"}, "aws_minute"),
        ):
            assert way_out in await called(client, tool, **arguments)

    over_http(api, ask)


def test_nobody_without_a_token(api: Api) -> None:
    for headers in ({}, {"Authorization": "Bearer kmaflow_x"}):
        answer = httpx.post(
            f"{api.url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers, trust_env=False
        )
        assert answer.status_code == 401


def test_the_tools_over_stdin_and_stdout(api: Api, tmp_path: Path) -> None:
    if not api.filled.url.startswith("sqlite"):
        pytest.skip("one engine is enough for the way in")
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "kmaflow", "mcp"],
        cwd=tmp_path,
        env={**os.environ, "KMAFLOW_DATABASE_URL": api.filled.url},
    )

    async def ask(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        told = await called(client, "current_weather", place="부산")
        assert told["place"]["found_by"]["stn"] == 159
        assert {value["no_value_because"] for value in told["values"]} == {"no_station"}, (
            "these observations are long past"
        )

    asked(server, ask)


def test_places_by_the_names_that_people_use(api: Api) -> None:
    listed = api.filled
    from kmaflow.read import Listing, listing

    there = listing(listed.store)
    address = next(one for one in there.stations if one.address and one.lat)
    word = str(address.address).split()[-1]
    assert found_place(there, word).station
    made = Listing(
        (
            Station(1, "AWS", "강남", "Gangnam", 127.03, 37.51, 30.0, "서울특별시 강남구 삼성동"),
            Station(2, "AWS", "삼성", None, 127.05, 37.5, 20.0, None),
        ),
        ready=True,
    )
    assert found_place(made, "gangnam").place.lat == 37.51
    assert found_place(made, "강남구").station == made.stations[0]
    both = found_place(made, "삼성")
    assert (both.station, both.others) == (made.stations[1], ())
    assert found_place(made, "37.5, 127.0").station is None
    with pytest.raises(UsageError, match="nearest names: 강남"):
        found_place(made, "강낭")
    assert plain("강 남*") == "강남"
