"""Parameters that several routes have, with what they mean and an example for each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import Query, Request

from kmaflow.api.answers import Format
from kmaflow.api.problems import Problem
from kmaflow.api.reader import Reader
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import parse_time
from kmaflow.errors import UsageError
from kmaflow.read.latest import station_numbers
from kmaflow.read.place import Box, Place
from kmaflow.read.units import Names, System

_SHORT, _LONG = 64, 4_000

Dataset: TypeAlias = Annotated[
    str,
    Query(
        max_length=_SHORT,
        description=", ".join(DATASETS),
        examples=["aws_minute"],
    ),
]
Elements: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=_LONG,
        description="KMA's names, CF standard names or words, by commas: ta,hm · air_temperature · rain · 기온",
        examples=["ta,rain,wind"],
    ),
]
Stations: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=_LONG,
        description="numbers and Korean or English names, by commas; default: all",
        examples=["108,부산"],
    ),
]
Lat: TypeAlias = Annotated[float | None, Query(description="degrees north", examples=[37.5])]
Lon: TypeAlias = Annotated[float | None, Query(description="degrees east", examples=[127.0])]
Height: TypeAlias = Annotated[
    float | None,
    Query(
        description="height of the place above sea level in metres; without it heights are not compared",
        examples=[40.0],
    ),
]
From: TypeAlias = Annotated[
    str,
    Query(
        alias="from",
        max_length=_SHORT,
        description="start of the window, excluded: YYYY-MM-DD HH:MM, YYYYMMDDHHMM or a date, KST",
    ),
]
To: TypeAlias = Annotated[str, Query(max_length=_SHORT, description="end of the window, included, KST")]
At: TypeAlias = Annotated[str | None, Query(max_length=_SHORT, description="an earlier moment instead of now, KST")]
AsOf: TypeAlias = Annotated[str | None, Query(max_length=_SHORT, description="the data as they were known then, KST")]
Units: TypeAlias = Annotated[
    System, Query(description="kma: as printed; si; people: °C, mm, m/s and directions in Korean words")
]
Named: TypeAlias = Annotated[Names, Query(description="what columns are called: KMA's names, Korean, English, CF")]
Form: TypeAlias = Annotated[Format, Query(alias="format", description="form of the answer")]
Bom: TypeAlias = Annotated[bool, Query(description="CSV with a byte order mark, for Excel")]
WithinKm: TypeAlias = Annotated[
    float | None,
    Query(
        gt=0,
        le=1_000,
        description="how far a station may be; default 25 km, for rain, snow, cloud and visibility 10 km",
    ),
]
WithinM: TypeAlias = Annotated[
    float, Query(gt=0, le=3_000, description="how much higher or lower than the place a station may stand")
]


def reader_of(request: Request) -> Reader:
    """What the app answers from."""
    found: Reader = request.app.state.reader
    return found


def listed(text: str | None) -> list[str] | None:
    """Words separated by commas; None where nothing is said."""
    return None if text is None else [word for part in text.split(",") if (word := part.strip())]


def moment(text: str | None) -> datetime | None:
    """A time, None where nothing is said."""
    return None if text is None else parse_time(text)


def place(lat: float | None, lon: float | None, height: float | None) -> Place | None:
    """A place, None where none is named.

    Raises:
        UsageError: half of one, or one that is none.
    """
    if lat is None and lon is None:
        return None
    if lat is None or lon is None:
        raise UsageError(
            "lat and lon belong together",
            ko="lat과 lon은 함께 써야 합니다",
            todo_en="give both",
            todo_ko="둘 다 쓰십시오",
        )
    return Place(lat, lon, height)


def box(text: str | None) -> Box | None:
    """west,south,east,north in degrees.

    Raises:
        UsageError: not four numbers.
    """
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"no box: {text!r}",
            ko=f"영역이 아닙니다: {text!r}",
            todo_en="write west,south,east,north such as 126.7,37.4,127.2,37.7",
            todo_ko="서,남,동,북을 쓰십시오. 예: 126.7,37.4,127.2,37.7",
        ) from None
    return west, south, east, north


def only(fmt: Format, *allowed: Format) -> None:
    """Refuse a form that the route does not have.

    Raises:
        Problem: 422.
    """
    if fmt not in allowed:
        forms = ", ".join(allowed)
        raise Problem(
            422,
            f"there is no {fmt} of this",
            ko=f"{fmt}: 없는 형식입니다",
            todo_en=f"use format={forms}",
            todo_ko=f"format={forms} 가운데 하나",
        )


def one_station(reader: Reader, text: str) -> int:
    """The number of the one station that is meant.

    Raises:
        UsageError: it means none, or several.
    """
    numbers = station_numbers(reader.store, text, reader.listing())
    if numbers is None or len(numbers) != 1:
        raise UsageError(
            f"{text!r} is not one station",
            ko=f"지점 하나가 아닙니다: {text!r}",
            todo_en="give its number",
            todo_ko="지점번호를 쓰십시오",
        )
    return numbers[0]


def examples(*queries: str) -> dict[str, Any]:
    """Questions that work, for OpenAPI; tests ask them."""
    return {"x-examples": list(queries)}


def path_examples(*values: str) -> dict[str, Any]:
    """The same of a route with a value in its path."""
    return {"x-path-examples": list(values)}
