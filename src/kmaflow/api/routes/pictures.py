"""``/v1/frames``, ``/v1/completeness/year``, ``/v1/completeness/day``: what maps and heat maps are drawn from, column by column."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from kmaflow.api import answers, models
from kmaflow.api.problems import documented, too_much
from kmaflow.api.routes import parameters as given
from kmaflow.catalog import dataset as described
from kmaflow.catalog.stations import MOST_STATIONS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window, ceil_to, floor_to, parse_time
from kmaflow.read.grid import grid, last_stamp
from kmaflow.read.periods import period_named
from kmaflow.status.words import LABELS
from kmaflow.store.coverage.cells import CELL_STATES, cells
from kmaflow.store.coverage.gaps import GRACE, asked, first_start
from kmaflow.store.coverage.shares import Shares, shares
from kmaflow.store.coverage.timeline import MISSING
from kmaflow.store.engines.database import reading
from kmaflow.store.stations import Station

router = APIRouter(prefix="/v1", tags=["page"], responses=documented(rows=False))

#: Values of one answer, at most.
_MOST_VALUES = 400_000
_MOST_DAYS = 400


@router.get(
    "/frames",
    response_model=models.Frames,
    openapi_extra=given.examples(
        "dataset=aws_minute&element=ta&hours=1", "dataset=aws_minute&element=wind&hours=1&to=2025-01-15T12:50"
    ),
)
def frames(
    request: Request,
    dataset: given.Dataset,
    element: Annotated[
        str, Query(max_length=64, description="a column or a word for one; `wind`; `rain_10min`", examples=["ta"])
    ],
    hours: Annotated[int, Query(ge=1, le=72, description="so many hours before the last time")] = 24,
    every: Annotated[str, Query(max_length=8, description="1min, 10min or 1h: distance of the times")] = "10min",
    to: Annotated[
        str | None, Query(max_length=64, description="the last time, KST; default: the last stamp with a value")
    ] = None,
) -> Response:
    """One element of all stations at moments that follow one another, in units that people say (°C, mm, m/s).

    `rain_10min` is RN-DAY less what it was ten minutes before. In the ten minutes after midnight, when RN-DAY begins anew, it is RN-DAY itself; after a
    correction downwards, and without a gauge, null. `wind` gives `speed` and `direction` (null in a calm) in place of `values`.
    """
    reader, kind = given.reader_of(request), described(dataset)
    step = period_named(every, kind)
    count = hours * HOUR // step
    if count * MOST_STATIONS > _MOST_VALUES:
        raise too_much(
            f"{count} times of up to {MOST_STATIONS} stations, at most {_MOST_VALUES:,} values",
            ko=f"시각이 {count}개, 지점이 {MOST_STATIONS}개까지입니다; 값은 {_MOST_VALUES:,}개까지 됩니다",
            todo_en="ask for fewer hours or a larger every (10min, 1h)",
            todo_ko="hours를 줄이거나 every를 늘리십시오(10min, 1h)",
        )
    now = reader.clock()
    end = parse_time(to) if to is not None else last_stamp(reader.store, kind.name, now) or now
    made = grid(reader.store, kind.name, element, end, steps=max(count, 1), every=step)
    known = reader.listing()
    head = models.Frames(
        dataset=kind.name,
        element=element,
        name_ko=made.meaning.ko,
        name_en=made.meaning.en,
        unit=made.unit,
        times=list(made.times),
        stations=[_station(known.station(stn)) for stn in made.stations],
        values=None,
        speed=None,
        direction=None,
    )
    values = (
        {"values": made.values} if made.directions is None else {"speed": made.values, "direction": made.directions}
    )
    age = answers.seconds_until_next([kind.name], now) if to is None else answers.HOUR_SECONDS
    columns = {name: _nulled(array) for name, array in values.items()}
    return answers.whole(request, answers.columnwise(head, columns), age)


def _station(one: Station) -> models.StationOfFrames:
    return models.StationOfFrames(
        stn=one.stn, name=one.name_ko, name_en=one.name_en, lat=one.lat, lon=one.lon, alt_m=one.ht, network=one.networks
    )


def _nulled(values: Any) -> list[list[float | None]]:
    found = values.astype(object)
    found[np.isnan(values)] = None
    listed: list[list[float | None]] = found.tolist()
    return listed


@router.get("/completeness/year", response_model=models.Year, openapi_extra=given.examples("", "to=2025-01-15&days=30"))
def year(
    request: Request,
    to: Annotated[str | None, Query(max_length=64, description="the last hour, KST; default: now")] = None,
    days: Annotated[int, Query(ge=1, description="so many days before it")] = 365,
) -> Response:
    """How much of each hour is there, of all stations together, for each dataset that was ever asked for.

    `null`: nothing is expected (before `KMAFLOW_START`)."""
    reader = given.reader_of(request)
    if days > _MOST_DAYS:
        raise too_much(
            f"{days} days, at most {_MOST_DAYS}",
            ko=f"{days}일입니다; {_MOST_DAYS}일까지 됩니다",
            todo_en="ask for fewer days, with to",
            todo_ko="days를 줄이고 to를 쓰십시오",
        )
    now = reader.clock()
    end = ceil_to(parse_time(to) if to is not None else now, HOUR)
    window = Window(end - days * DAY, end)
    with reading(reader.store.engine) as connection:
        names = asked(connection)
        start = reader.settings.start or first_start(connection)
        made = {name: shares(connection, name, window, now=now - GRACE, start=start) for name in names}
    head = models.Year(
        datasets=names, hours=models.Hours(first=window.start + HOUR, count=days * 24), share={}, expected={}
    )
    columns = {
        "share": {name: _hourly(one, one.share, window) for name, one in made.items()},
        "expected": {name: _hourly(one, one.expected.tolist(), window) for name, one in made.items()},
    }
    return answers.whole(request, answers.columnwise(head, columns), 60)


def _hourly(one: Shares, values: list[Any], window: Window) -> list[Any]:
    """One value for each hour of the window: of longer steps, at the hour in which they end."""
    if one.step == HOUR:
        return values
    found: list[Any] = [None] * window.count(HOUR)
    for index, value in enumerate(values):
        hour = (one.first + index * one.step - window.start) // HOUR - 1
        if 0 <= hour < len(found):
            found[hour] = value
    return found


@router.get(
    "/completeness/day", response_model=models.Day, openapi_extra=given.examples("dataset=aws_minute&day=2025-01-15")
)
def one_day(
    request: Request,
    dataset: given.Dataset,
    day: Annotated[str, Query(max_length=64, description="the day (00:00, 24:00], KST", examples=["2025-01-15"])],
) -> Response:
    """The state of every cell of a day, as stretches of one state: `runs` holds [index of the first stamp, how many, id of the state]."""
    reader, kind = given.reader_of(request), described(dataset)
    begin = floor_to(parse_time(day), DAY)
    window, now = Window(begin, begin + DAY), reader.clock()
    with reading(reader.store.engine) as connection:
        made = cells(connection, kind.name, window, now=now, start=reader.settings.start)
    known = reader.listing()
    head = models.Day(
        dataset=kind.name,
        day=begin.date(),
        interval_minutes=int(kind.cadence / MINUTE),
        stamps=list(window.stamps(kind.cadence)),
        states=[
            models.StateOfCell(
                id=index, state=state, label_ko=LABELS[state][0], label_en=LABELS[state][1], missing=state in MISSING
            )
            for index, state in enumerate(CELL_STATES)
        ],
        stations=[],
    )
    rows = [
        {"stn": stn, "name": known.station(stn).name_ko, "runs": runs}
        for stn, runs in zip(made.stations, made.runs(), strict=True)
    ]
    over = now - begin > DAY + timedelta(hours=6)
    return answers.whole(request, answers.columnwise(head, {"stations": rows}), answers.HOUR_SECONDS if over else 60)
