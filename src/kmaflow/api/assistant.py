"""The same answers for assistants, by the Model Context Protocol: ``kmaflow mcp`` over stdin and stdout, ``/mcp`` over HTTP behind the same tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import Field
from starlette.applications import Starlette

from kmaflow import __version__
from kmaflow.api.answering import Answers
from kmaflow.api.problems import as_problem
from kmaflow.api.reader import Reader
from kmaflow.catalog import DATASETS
from kmaflow.errors import KmaflowError

_ABOUT = (
    "Surface weather observations of Korea (KMA AWS and ASOS) from the user's own database: measured values, no forecast. "
    "Times are KST (+09:00). Each value names the station it was measured at, its distance and its age: tell them. "
    "A value that is missing says why: do not make one up."
)
_T = TypeVar("_T")

Where = Annotated[
    str,
    Field(description="a Korean or English station or place name (서울, 서초, Busan), a station number, or lat,lon"),
]
Elements = Annotated[
    str,
    Field(
        description="by commas: temperature, rain, wind, gust, humidity, pressure, visibility, or KMA's names such as ta"
    ),
]
Dataset = Annotated[
    str,
    Field(description=", ".join(DATASETS)),
]
Time = Annotated[str, Field(description="KST: YYYY-MM-DD HH:MM or a date")]


def assistant(reader: Reader) -> MCPServer[Any]:
    """The server with its tools."""
    answers = Answers(reader)
    server: MCPServer[Any] = MCPServer("kmaflow", instructions=_ABOUT, version=__version__, log_level="WARNING")

    @server.tool()
    def current_weather(place: Where, elements: Elements | None = None) -> dict[str, Any]:
        """The weather measured at a place now: for each element the reading of the nearest station, with distance and age."""
        return _said(lambda: answers.current_weather(place, elements))

    @server.tool()
    def weather_series(
        place: Where,
        elements: Elements,
        start: Time,
        end: Time,
        every: Annotated[str, Field(description="10min, 1h or 1d")] = "1h",
    ) -> dict[str, Any]:
        """Measured values over time at a place, by period; at most 200 rows. The window holds what comes after start, up to and including end."""
        return _said(lambda: answers.weather_series(place, elements, start, end, every))

    @server.tool()
    def find_station(text: Where) -> dict[str, Any]:
        """Weather stations by number, name or address, or the nearest to lat,lon."""
        return _said(lambda: answers.find_station(text))

    @server.tool()
    def what_is_missing(dataset: Dataset, start: Time, end: Time) -> dict[str, Any]:
        """Which observations are missing in the database within a time, and why."""
        return _said(lambda: answers.what_is_missing(dataset, start, end))

    @server.tool()
    def why(dataset: Dataset, station: Where, time: Time) -> dict[str, Any]:
        """The story of one observation: whether it is there, why not, and how it was corrected."""
        return _said(lambda: answers.why(dataset, station, time))

    return server


def over_http(server: MCPServer[Any]) -> Starlette:
    """The server as an app that answers ``/mcp``. It keeps no sessions; the guard before it asks for tokens, so no origin is trusted more than another."""
    return server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )


def _said(answer: Callable[[], _T]) -> _T:
    """The answer; errors as words that an assistant can act on."""
    try:
        return answer()
    except KmaflowError as error:
        problem = as_problem(error)
        raise ToolError(f"{problem.what} → {problem.todo_en}") from None
