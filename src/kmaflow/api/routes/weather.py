"""``/v1/latest``, ``/v1/near``, ``/v1/series``."""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from kmaflow.api import answers
from kmaflow.api.problems import MEDIA_OF_ROWS, documented, too_much
from kmaflow.api.routes import parameters as given
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window, floor_to, parse_time
from kmaflow.read.elements import chosen_elements
from kmaflow.read.latest import HEIGHT_M, MOST_NEAR, Value, at_place, latest, near
from kmaflow.read.place import Neighbour, Place
from kmaflow.read.series import MIN_SHARE, Series, series
from kmaflow.read.tables import Meaning
from kmaflow.read.units import Names, signs, titles

router = APIRouter(prefix="/v1", tags=["weather"], responses=documented())

#: Rows of a page of JSON; of a file; and rows that may be read to make either.
PAGE, MOST_PAGE, MOST_ROWS, MOST_READ = 50_000, 100_000, 10_000_000, 50_000_000
_READ_FOR_PAGE = 5_000_000


@router.get(
    "/latest",
    openapi_extra=given.examples("lat=37.5&lon=127.0", "stations=108,159&elements=기온,rain", "format=geojson"),
)
def newest(
    request: Request,
    lat: given.Lat = None,
    lon: given.Lon = None,
    height: given.Height = None,
    stations: given.Stations = None,
    elements: given.Elements = None,
    at: given.At = None,
    as_of: given.AsOf = None,
    within_km: given.WithinKm = None,
    within_m: given.WithinM = HEIGHT_M,
    units: given.Units = "people",
    names: given.Named = "kma",
    fmt: given.Form = "json",
    bom: given.Bom = False,
) -> Response:
    """The weather now: at a place (`lat`, `lon`), or of stations.

    At a place each value is that of the nearest station whose newest row has it, with its distance, height difference, stamp and age; where there is none,
    `value` is null and `reason` says why. Of stations: one row each, every element followed by its stamp.
    """
    reader = given.reader_of(request)
    now, words = reader.clock(), given.listed(elements)
    chosen = chosen_elements(words)
    age = answers.seconds_until_next((dataset for one in chosen for dataset, _ in one.sources), now)
    where = given.place(lat, lon, height)
    moment, then = given.moment(at), given.moment(as_of)
    known = reader.listing()
    if where is None:
        frame = latest(reader.store, stations, elements=words, at=moment, as_of=then, units=units, now=now, known=known)
        columns = {one.name: one.meaning for one in chosen}
        return _rows(request, frame, columns, names, fmt, age, {"units": signs(columns, units)}, "latest", bom=bom)
    given.only(fmt, "json")
    found = at_place(
        reader.store, where, words, within_km=within_km, within_m=within_m, at=moment, as_of=then, units=units, now=now, known=known
    )  # fmt: skip
    called = titles({one.name: one.meaning for one in chosen}, names)
    body = {"place": _place(where), "values": {called[one.element.name]: _value(one) for one in found}}
    return answers.whole(request, answers.dumped(body), age)


@router.get(
    "/near", openapi_extra=given.examples("lat=37.5&lon=127.0&k=3", "lat=33.4&lon=126.5&elements=wind&format=geojson")
)
def nearest(
    request: Request,
    lat: Annotated[float, Query(description="degrees north", examples=[37.5])],
    lon: Annotated[float, Query(description="degrees east", examples=[127.0])],
    height: given.Height = None,
    k: Annotated[int, Query(ge=1, le=MOST_NEAR, description="so many stations")] = 5,
    elements: given.Elements = None,
    at: given.At = None,
    as_of: given.AsOf = None,
    units: given.Units = "people",
    names: given.Named = "kma",
    fmt: given.Form = "json",
    bom: given.Bom = False,
) -> Response:
    """The `k` nearest stations that have any of the elements, with their newest values, the nearest first."""
    reader = given.reader_of(request)
    now, words = reader.clock(), given.listed(elements)
    chosen = chosen_elements(words)
    frame = near(
        reader.store, Place(lat, lon, height), k, words, at=given.moment(at), as_of=given.moment(as_of), units=units, now=now, known=reader.listing()
    )  # fmt: skip
    columns = {one.name: one.meaning for one in chosen}
    age = answers.seconds_until_next((dataset for one in chosen for dataset, _ in one.sources), now)
    return _rows(request, frame, columns, names, fmt, age, {"units": signs(columns, units)}, "near", bom=bom)


@router.get(
    "/series",
    openapi_extra=given.examples(
        "dataset=aws_minute&elements=ta,hm&stations=108&from=2025-01-15T12:30&to=2025-01-15T12:50",
        "dataset=aws_minute&elements=ta,rain&lat=37.5&lon=127.0&from=2025-01-15T12:00&to=2025-01-15T13:00&every=10min&units=people",
        "dataset=asos_hourly&elements=ta,wind&stations=서울&from=2025-01-15&to=2025-01-15T12:00&names=ko&format=csv&bom=true",
    ),
)
def over_time(
    request: Request,
    dataset: given.Dataset,
    from_: given.From,
    to: given.To,
    elements: given.Elements = None,
    stations: given.Stations = None,
    lat: given.Lat = None,
    lon: given.Lon = None,
    height: given.Height = None,
    every: Annotated[
        str | None, Query(max_length=8, description="1min, 10min, 1h or 1d; default: every stamp", examples=["1h"])
    ] = None,
    as_of: given.AsOf = None,
    min_share: Annotated[
        float, Query(ge=0, le=1, description="a value of a period made of a smaller part of its stamps is null")
    ] = MIN_SHARE,
    within_km: given.WithinKm = None,
    within_m: given.WithinM = HEIGHT_M,
    units: given.Units = "kma",
    names: given.Named = "kma",
    fmt: given.Form = "json",
    bom: given.Bom = False,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE, description="rows of a page of JSON")] = PAGE,
    cursor: Annotated[
        str | None, Query(max_length=400, description="`next` of the answer before: the page after it")
    ] = None,
) -> Response:
    """Values over time, of stations or at a place, as they are stored or by period. JSON comes in pages (`next`), CSV and Parquet whole.

    At a place each value is followed by the number of its station (`ta_stn`). By period each is followed by
    the share of stamps that it is made of (`ta_share`).
    """
    given.only(fmt, "json", "csv", "parquet")
    reader = given.reader_of(request)
    window = Window(parse_time(from_), parse_time(to))
    asked = series(
        reader.store, dataset, given.listed(elements), window, stations=stations, near=given.place(lat, lon, height), every=every,
        as_of=given.moment(as_of), units=units, min_share=min_share, within_km=within_km, within_m=within_m, known=reader.listing(),
    )  # fmt: skip
    reads = window.count(asked.what.dataset.cadence) * asked.station_count
    if fmt != "json" and (asked.rows > MOST_ROWS or reads > MOST_READ):
        raise too_much(
            f"up to {asked.rows:,} rows, made of {reads:,}; one answer holds {MOST_ROWS:,}, made of {MOST_READ:,}",
            ko=f"{asked.rows:,}행까지({reads:,}행에서)입니다; 한 번에 {MOST_ROWS:,}행({MOST_READ:,}행에서)까지 됩니다",
            todo_en="ask for a shorter window or fewer stations, take pages of JSON, or use kmaflow export",
            todo_ko="기간이나 지점을 줄이거나, JSON을 쪽으로 받거나, kmaflow export를 쓰십시오",
        )
    question = answers.tag_of(sorted((key, value) for key, value in request.query_params.items() if key != "cursor"))
    tag = answers.tag_of(question, cursor, reader.mark(asked.what.dataset.name, window), asked.around)
    now = reader.clock()
    due = now - DATASETS[asked.what.dataset.name].latency
    age = answers.seconds_until_next([asked.what.dataset.name], now) if window.end > due else answers.HOUR_SECONDS
    if answers.unchanged(request, tag):
        return answers.not_modified(tag, age)
    called = _called(asked.meanings, names, asked.names)
    about = _about(asked, called, units=signs(asked.meanings, units))
    if fmt == "json":
        body = _page(asked, question, cursor, limit, called, about)
        return Response(body, headers=answers.headers_of(tag, age), media_type=MEDIA_OF_ROWS["json"])
    frames = (frame.rename(called) for frame in asked.frames())
    schema = dict(asked.empty().rename(called).schema)
    if fmt == "csv":
        return answers.csv(frames, schema, tag, age, asked.what.name, bom=bom)
    return answers.parquet(frames, schema, about, tag, age, asked.what.name)


def _page(
    asked: Series,
    question: str,
    cursor: str | None,
    limit: int,
    called: dict[str, str],
    about: dict[str, Any],
) -> bytes:
    """One page of JSON: whole stamps, so many that it has at most ``limit`` rows (but one stamp at least)."""
    start = asked.window.start if cursor is None else max(answers.cursor_start(cursor, question), asked.window.start)
    rows, following = pl.DataFrame(), None
    there = asked.cut(Window(start, asked.window.end)).held() if start < asked.window.end else None
    if there is not None:
        width = 1 if asked.around is not None else max(asked.station_count, 1)
        reads = max(asked.station_count, 1) * (asked.every // asked.what.dataset.cadence)
        stamps = max(min(limit // width, _READ_FOR_PAGE // reads), 1)
        start = max(start, floor_to(there.start, asked.every))
        end = min(floor_to(start, asked.every) + stamps * asked.every, asked.window.end)
        rows = pl.concat([asked.empty(), *asked.cut(Window(start, end)).frames()])
        if end < asked.window.end and asked.cut(Window(end, asked.window.end)).held() is not None:
            following = answers.cursor_of(question, end)
    rows = rows if rows.width else asked.empty()
    head = answers.dumped(about | {"next": following})
    return head[:-1] + b',"rows":' + answers.rows_json(rows.rename(called)) + b"}"


def _about(asked: Series, called: dict[str, str], *, units: dict[str, str]) -> dict[str, Any]:
    columns = [
        {
            "name": called.get(name, name),
            "kma": name,
            "unit": units[name],
            "ko": meaning.ko,
            "en": meaning.en,
            "cf": meaning.cf,
        }
        for name, meaning in asked.meanings.items()
    ]
    about: dict[str, Any] = {
        "dataset": asked.what.name,
        "from": answers.iso(asked.window.start),
        "to": answers.iso(asked.window.end),
        "every_minutes": int(asked.every.total_seconds() // 60),
        "columns": columns,
    }
    if asked.around is not None:
        about["stations"] = [_station(one) for one in asked.around]
    return about


def _called(columns: dict[str, Meaning], names: Names, all_names: tuple[str, ...]) -> dict[str, str]:
    """What each column of a frame is called; what stands beside a value keeps its ending."""
    called = titles(columns, names)
    found = {}
    for name in all_names:
        base = next(
            (one for one in sorted(columns, key=len, reverse=True) if name == one or name.startswith(f"{one}_")), None
        )
        if name in called:
            found[name] = called[name]
        elif base is not None and name.removeprefix(base) in ("_stn", "_share", "_tm_kst"):
            found[name] = called[base] + name.removeprefix(base)
    return found


def _rows(
    request: Request, frame: pl.DataFrame, columns: dict[str, Meaning], names: Names, fmt: answers.Format, age: int, about: dict[str, Any], name: str,
    *, bom: bool,
) -> Response:  # fmt: skip
    called = _called(columns, names, tuple(frame.columns))
    about["units"] = {called.get(column, column): unit for column, unit in about["units"].items()}
    return answers.table(request, frame.rename(called), fmt, age, about, name, bom=bom)


def _place(where: Place) -> dict[str, float | None]:
    return {"lat": where.lat, "lon": where.lon, "height_m": where.height}


def _station(one: Neighbour) -> dict[str, Any]:
    return {
        "stn": one.station.stn,
        "name_ko": one.station.name_ko,
        "name_en": one.station.name_en,
        "distance_km": round(one.distance_km, 3),
        "height_m": one.station.ht,
        "height_difference_m": one.height_difference_m,
    }


def _value(one: Value) -> dict[str, Any]:
    return {
        "value": one.value,
        "unit": one.unit,
        "ko": one.element.meaning.ko,
        "en": one.element.meaning.en,
        "tm": answers.iso(one.tm_kst),
        "age_minutes": answers.minutes(one.age),
        "station": None if one.station is None else _station(one.station),
        "dataset": one.dataset,
        "reason": one.reason,
        "note": one.note,
    }
