"""``/v1/completeness``, ``/v1/gaps``, ``/v1/why``, ``/v1/status``, ``/healthz``: what is there, what is missing, and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import polars as pl
import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from kmaflow.api import answers, models
from kmaflow.api.guard import HEALTH
from kmaflow.api.problems import MEDIA_OF_ROWS, Problem, documented, too_much
from kmaflow.api.quota import quota_of, quota_told
from kmaflow.api.routes import parameters as given
from kmaflow.catalog import dataset as described
from kmaflow.catalog.stations import MOST_STATIONS
from kmaflow.catalog.time import HOUR, Window, parse_time
from kmaflow.maintain.why import story
from kmaflow.read.frames import numbers_of
from kmaflow.read.latest import station_numbers
from kmaflow.read.revised import revisions
from kmaflow.read.tables import subject
from kmaflow.status.health import health
from kmaflow.store.coverage.gaps import Gap, gaps
from kmaflow.store.coverage.timeline import MISSING
from kmaflow.store.engines.database import reading
from kmaflow.store.schema.service import COMPLETENESS_HOUR

router = APIRouter(tags=["completeness"], responses=documented())

_MOST_HOURS, _MOST_DAYS = 500_000, 400
_KST_AHEAD = timedelta(hours=9)


@router.get(
    "/v1/completeness",
    openapi_extra=given.examples("dataset=aws_minute&from=2025-01-15T12:00&to=2025-01-15T13:00&stations=108"),
)
def completeness(
    request: Request, dataset: given.Dataset, from_: given.From, to: given.To, stations: given.Stations = None, fmt: given.Form = "json",
    bom: given.Bom = False,
) -> Response:  # fmt: skip
    """How much of each hour and station is there. An hour of which a station has no row at all is not among them: `/v1/gaps` knows those."""
    given.only(fmt, "json", "csv", "parquet")
    reader, kind = given.reader_of(request), described(dataset)
    window = Window(parse_time(from_), parse_time(to))
    numbers = numbers_of(reader.store, stations, subject(dataset))
    hours = max(1, window.count(HOUR)) * (MOST_STATIONS if numbers is None else len(numbers))
    if hours > _MOST_HOURS:
        raise too_much(
            f"up to {hours:,} hours of stations, at most {_MOST_HOURS:,}",
            ko=f"지점·시간이 {hours:,}개까지입니다; {_MOST_HOURS:,}개까지 됩니다",
            todo_en="ask for a shorter window or fewer stations",
            todo_ko="기간이나 지점을 줄이십시오",
        )
    table, expected = COMPLETENESS_HOUR.c, kind.completeness // kind.cadence
    query = sa.select(table.hour_kst, table.stn, table.present, table.blank).where(
        table.dataset == kind.name, table.hour_kst > window.start, table.hour_kst <= window.end
    )
    if numbers is not None:
        query = query.where(table.stn.in_(numbers))
    with reading(reader.store.engine) as connection:
        found = [tuple(row) for row in connection.execute(query.order_by(table.hour_kst, table.stn))]
    schema: dict[str, Any] = {"hour_kst": pl.Datetime("us"), "stn": pl.Int32, "present": pl.Int64, "blank": pl.Int64}
    frame = pl.DataFrame(found, schema=schema, orient="row")
    frame = frame.with_columns(expected=pl.lit(expected), share=pl.col("present") / expected)
    age = answers.seconds_until_next([kind.name], reader.clock())
    return answers.table(request, frame, fmt, age, {"dataset": kind.name}, "completeness", bom=bom)


@router.get("/v1/gaps", openapi_extra=given.examples("dataset=aws_minute&from=2025-01-15T12:00&to=2025-01-15T12:50"))
def missing(
    request: Request, dataset: given.Dataset, from_: given.From, to: given.To, stations: given.Stations = None
) -> Response:
    """What is missing and why: stretches of time that were not yet produced, refused, rejected or not asked for."""
    reader, kind = given.reader_of(request), described(dataset)
    window, now = Window(parse_time(from_), parse_time(to)), reader.clock()
    if (window.end - window.start).days > _MOST_DAYS:
        raise too_much(
            f"a window of {(window.end - window.start).days} days, at most {_MOST_DAYS}",
            ko=f"{(window.end - window.start).days}일입니다; {_MOST_DAYS}일까지 됩니다",
            todo_en="ask for a shorter window",
            todo_ko="기간을 줄이십시오",
        )
    numbers = numbers_of(reader.store, stations, subject(dataset))
    with reading(reader.store.engine) as connection:
        found = gaps(connection, [kind.name], window, now=now, stations=numbers, start=reader.settings.start)
    lost = sum(gap.cells for gap in found if gap.state in MISSING)
    body = {"dataset": kind.name, "missing_cells": lost, "complete": lost == 0, "gaps": [_gap(gap) for gap in found]}
    return answers.whole(request, answers.dumped(body), 60)


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "from": answers.iso(gap.window.start),
        "to": answers.iso(gap.window.end),
        "state": gap.state,
        "why": gap.why,
        "cells": gap.cells,
        "stations": "all" if gap.stations is None else list(gap.stations),
        "error": gap.error,
        "last_asked": answers.iso(gap.last),
    }


@router.get("/v1/why", openapi_extra=given.examples("dataset=aws_minute&stn=108&time=2025-01-15T12:40"))
def why(
    request: Request,
    dataset: given.Dataset,
    stn: Annotated[str, Query(max_length=64, description="station number or name", examples=["108"])],
    time: Annotated[str, Query(max_length=64, description="the stamp, KST", examples=["2025-01-15 12:40"])],
) -> Response:
    """The story of one cell: its state and why, the stored values beside what KMA printed, requests, corrections."""
    reader, kind, stamp = given.reader_of(request), described(dataset), parse_time(time)
    number = given.one_station(reader, stn)
    if not reader.has(kind.name):
        raise Problem(
            404,
            f"{kind.name} was never loaded",
            ko=f"받은 적이 없는 자료입니다: {kind.name}",
            todo_en="kmaflow collect loads it",
            todo_ko="kmaflow collect로 받으십시오",
        )
    told = story(reader.collector(), kind, number, stamp)
    return answers.whole(request, answers.dumped(told), 60)


@router.get(
    "/v1/revisions",
    response_model=models.Revisions,
    openapi_extra=given.examples("", "dataset=aws_minute&station=108&from=2025-01-15&to=2025-01-16&limit=10"),
)
def revised(
    request: Request,
    dataset: Annotated[str | None, Query(max_length=64, description="default: all", examples=["aws_minute"])] = None,
    station: given.Stations = None,
    from_: Annotated[
        str | None, Query(alias="from", max_length=64, description="start of the window of stamps, excluded, KST")
    ] = None,
    to: Annotated[str | None, Query(max_length=64, description="its end, included, KST")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="at most so many")] = 1_000,
) -> Response:
    """Values that the hub gave differently later (`cause` = `hub`), or that another parser read differently (`parser`); the newest changes first."""
    reader = given.reader_of(request)
    kind = None if dataset is None else described(dataset).name
    window = Window(parse_time(from_ or "1900-01-01"), parse_time(to or "2199-12-31")) if from_ or to else None
    numbers = station_numbers(reader.store, station, reader.listing())
    found = revisions(reader.store, kind, numbers, window, limit=limit + 1)
    rows = [models.Revision(tm_utc=one.tm_kst - _KST_AHEAD, **asdict(one)) for one in found[:limit]]
    return answers.modelled(request, models.Revisions(rows=rows, more=len(found) > limit), 60)


@router.get("/v1/status", openapi_extra=given.examples(""))
def status(request: Request) -> Response:
    """Freshness of every dataset that was ever asked for, what is missing of its last day, and the quota of the day."""
    reader, now = given.reader_of(request), given.reader_of(request).clock()
    with reading(reader.store.engine) as connection:
        found = health(connection, now=now, start=reader.settings.start)
        quota = quota_told(quota_of(connection, reader)).model_dump(mode="json")
    datasets = [
        {
            "dataset": one.dataset,
            "last_stamp": answers.iso(one.last_stamp),
            "lag_minutes": answers.minutes(one.lag),
            "rows_today": one.rows_today,
            "revisions_today": one.revisions_today,
            "missing": dict(one.missing),
        }
        for one in found
    ]
    return answers.whole(request, answers.dumped({"now": answers.iso(now), "datasets": datasets, "quota": quota}), 30)


@router.get(HEALTH, openapi_extra=given.examples(""))
def healthz(request: Request) -> Response:
    """Whether the database answers. Needs no token and says nothing else."""
    with reading(given.reader_of(request).store.engine) as connection:
        connection.execute(sa.select(1))
    return Response(b'{"status":"ok"}', headers={"Cache-Control": "no-store"}, media_type=MEDIA_OF_ROWS["json"])
