"""``/v1/stations`` and ``/v1/inventory``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from kmaflow.api import answers, models
from kmaflow.api.problems import documented, too_much
from kmaflow.api.routes import parameters as given
from kmaflow.catalog import dataset as described
from kmaflow.catalog.stations import MOST_STATIONS
from kmaflow.catalog.time import Window, parse_time
from kmaflow.errors import UsageError
from kmaflow.read.details import details
from kmaflow.read.inventory import element_inventory, inventory
from kmaflow.read.place import Neighbour
from kmaflow.read.place import stations as search
from kmaflow.read.tables import subject
from kmaflow.read.units import unit_of

router = APIRouter(prefix="/v1", tags=["stations"], responses=documented())

#: Rows that are counted for one answer, at most.
_MOST_COUNTED = 20_000_000
_SCHEMA: dict[str, pl.DataType] = {
    "stn": pl.Int32(), "name_ko": pl.String(), "name_en": pl.String(), "networks": pl.String(), "lat": pl.Float64(), "lon": pl.Float64(),
    "height_m": pl.Float64(), "address": pl.String(), "distance_km": pl.Float64(), "height_difference_m": pl.Float64(),
}  # fmt: skip


@router.get(
    "/stations",
    openapi_extra=given.examples(
        "", "text=서울", "lat=37.5&lon=127.0&k=5&format=geojson", "bbox=126.7,37.4,127.2,37.7&format=csv"
    ),
)
def find(
    request: Request,
    text: Annotated[
        str | None, Query(max_length=100, description="a number, or part of a name or an address", examples=["서울"])
    ] = None,
    bbox: Annotated[
        str | None,
        Query(max_length=100, description="west,south,east,north in degrees", examples=["126.7,37.4,127.2,37.7"]),
    ] = None,
    lat: given.Lat = None,
    lon: given.Lon = None,
    height: given.Height = None,
    k: Annotated[int | None, Query(ge=1, le=2_000, description="at most so many")] = None,
    fmt: given.Form = "json",
    bom: given.Bom = False,
) -> Response:
    """Stations that fit all that is said, by number; with `lat` and `lon` the nearest first. AWS and ASOS stations of one number are one."""
    reader = given.reader_of(request)
    found = search(
        reader.store, text, bbox=given.box(bbox), near=given.place(lat, lon, height), k=k, known=reader.listing()
    )
    rows = []
    for one in found:
        station = one.station if isinstance(one, Neighbour) else one
        beside = (round(one.distance_km, 3), one.height_difference_m) if isinstance(one, Neighbour) else (None, None)
        rows.append(
            (
                station.stn,
                station.name_ko,
                station.name_en,
                station.networks,
                station.lat,
                station.lon,
                station.ht,
                station.address,
                *beside,
            )
        )
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return answers.table(request, frame, fmt, answers.HOUR_SECONDS, {}, "stations", bom=bom)


@router.get(
    "/inventory",
    openapi_extra=given.examples(
        "dataset=aws_minute",
        "dataset=aws_minute&elements=ta,rain&from=2025-01-15T12:00&to=2025-01-15T13:00&stations=108",
    ),
)
def what_there_is(
    request: Request,
    dataset: given.Dataset,
    elements: given.Elements = None,
    stations: given.Stations = None,
    from_: Annotated[
        str | None, Query(alias="from", max_length=64, description="with elements: start of the window, excluded, KST")
    ] = None,
    to: Annotated[
        str | None, Query(max_length=64, description="with elements: end of the window, included, KST")
    ] = None,
    fmt: given.Form = "json",
    bom: given.Bom = False,
) -> Response:
    """First and last stamp and the share that is there, for each station; with `elements`, `from` and `to` for each element of it."""
    given.only(fmt, "json", "csv", "parquet")
    reader = given.reader_of(request)
    age = answers.seconds_until_next([described(dataset).name], reader.clock())
    if elements is None and from_ is None and to is None:
        frame = inventory(reader.store, dataset, stations=stations)
        return answers.table(request, frame, fmt, age, {}, "inventory", bom=bom)
    if from_ is None or to is None:
        raise UsageError(
            "elements are counted in a window",
            ko="요소는 기간 안에서 셉니다",
            todo_en="give from and to",
            todo_ko="from과 to를 쓰십시오",
        )
    window = Window(parse_time(from_), parse_time(to))
    words = given.listed(stations)
    count = window.count(described(dataset).cadence) * (MOST_STATIONS if words is None else max(len(words), 1))
    if count > _MOST_COUNTED:
        raise too_much(
            f"up to {count:,} rows would be counted, at most {_MOST_COUNTED:,}",
            ko=f"{count:,}행까지 세어야 합니다; {_MOST_COUNTED:,}행까지 됩니다",
            todo_en="ask for a shorter window or fewer stations, or leave elements, from and to out",
            todo_ko="기간이나 지점을 줄이거나, elements와 from, to를 빼십시오",
        )
    frame = element_inventory(reader.store, dataset, given.listed(elements), window, stations=stations)
    return answers.table(request, frame, fmt, age, {}, "inventory", bom=bom)


@router.get("/station/{stn}", response_model=models.StationPage, openapi_extra=given.path_examples("108", "서울"))
def about(request: Request, stn: Annotated[str, Path(max_length=64, description="number or name")]) -> Response:
    """All about one station: how the lists described it over time, its five neighbours, its datasets over all time, its elements of the last three days."""
    reader = given.reader_of(request)
    number = given.one_station(reader, stn)
    found = details(reader.store, reader.listing(), number, reader.clock())
    one = reader.listing().station(number)
    body = models.StationPage(
        stn=number,
        name_ko=one.name_ko,
        name_en=one.name_en,
        networks=one.networks,
        lat=one.lat,
        lon=one.lon,
        alt_m=one.ht,
        address=one.address,
        history=[models.StationVersion(alt_m=old.height, **asdict(old)) for old in found.history],
        neighbours=[_neighbour(other) for other in found.neighbours],
        datasets=[
            models.DatasetThere(first=row["first_kst"], last=row["last_kst"], **row)
            for row in found.datasets.iter_rows(named=True)
        ],
        elements=[_element(row) for row in found.elements.iter_rows(named=True)],
        elements_from=found.window.start,
        elements_to=found.window.end,
    )
    return answers.modelled(request, body, 60)


def _neighbour(one: Neighbour) -> models.StationNeighbour:
    station = one.station
    return models.StationNeighbour(
        stn=station.stn,
        name=station.name_ko,
        lat=station.lat or 0.0,
        lon=station.lon or 0.0,
        alt_m=station.ht,
        distance_km=round(one.distance_km, 3),
    )


def _element(row: dict[str, Any]) -> models.ElementThere:
    meaning = subject(row["dataset"]).columns[row["element"]]
    return models.ElementThere(
        dataset=row["dataset"],
        element=row["element"],
        name_ko=meaning.ko,
        name_en=meaning.en,
        unit=unit_of(meaning.unit, "people").sign,
        first=row["first_kst"],
        last=row["last_kst"],
        share=round(row["share"], 4),
    )
