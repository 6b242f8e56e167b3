"""``/v1/overview``, ``/v1/work``, ``/v1/price``: whether all is well, what is being done, what more would cost."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from kmaflow.api import answers, models
from kmaflow.api.problems import documented, in_korean, too_much
from kmaflow.api.quota import quota_of, quota_told
from kmaflow.api.reader import Reader
from kmaflow.api.routes import parameters as given
from kmaflow.catalog import DATASETS, named
from kmaflow.catalog.time import DAY, MINUTE, Window, parse_time
from kmaflow.collect.live_need import limits
from kmaflow.collect.planning.offer import offers
from kmaflow.status import work as working
from kmaflow.status.incidents import Incident, incidents
from kmaflow.status.overview import Freshness, freshness
from kmaflow.store.coverage.gaps import Gap, asked, first_start
from kmaflow.store.engines.database import reading
from kmaflow.store.errors import StoreError
from kmaflow.store.selection import resolve_stations

router = APIRouter(prefix="/v1", tags=["page"], responses=documented(rows=False))

#: Seconds for which a look is the newest.
_AGE = 15
_MOST_DAYS, _MOST_REPAIRS = 4_000, 500


@router.get("/overview", response_model=models.Overview, openapi_extra=given.examples(""))
def overview(request: Request) -> Response:
    """All at one look: each dataset's freshness, stations and last day; the quota; what is not as it should be, why and what to do; what runs and comes next.

    `cause` and `next_step` are in the language of `Accept-Language` (Korean, else English).
    """
    reader, korean = given.reader_of(request), in_korean(request)
    now = reader.clock()
    with reading(reader.store.engine) as connection:
        start = reader.settings.start or first_start(connection)
        fresh = freshness(connection, DATASETS, now=now, start=start)
        due = {
            one.dataset: working.looked_at(connection, one.dataset, now=now, start=start)
            for one in fresh
            if one.state != "never"
        }
        quota = quota_of(connection, reader)
        found = incidents(connection, [one for one in fresh if one.dataset in due], due, quota)
    body = models.Overview(
        now=now,
        datasets=[_fresh(one) for one in fresh],
        quota=quota_told(quota),
        incidents=[_incident(one, korean=korean) for one in found],
        running=[_running(one) for one in _taken(reader)],
        next=[_planned(one) for one in working.next_live(due, now)],
    )
    return answers.modelled(request, body, _AGE)


@router.get("/work", response_model=models.Work, openapi_extra=given.examples(""))
def work(request: Request) -> Response:
    """What runs, waits and is planned; backfills; what is missing of the last week and when it is asked for again."""
    reader = given.reader_of(request)
    now = reader.clock()
    with reading(reader.store.engine) as connection:
        start = reader.settings.start or first_start(connection)
        due = {name: working.looked_at(connection, name, now=now, start=start) for name in asked(connection)}
        minutes, taken = reader.settings.window_minutes, _taken(reader)
        filling = working.fillings(connection, taken, limits(reader.settings), window_minutes=minutes, now=now)
    repairs = [
        _repair(gap, at, due=False) for one in due.values() for gap, at in zip(one.later, one.tries, strict=True)
    ]
    repairs += [_repair(gap, None, due=True) for one in due.values() for gap in (*one.missing, *one.exhausted)]
    repairs.sort(key=lambda one: (one.to, one.dataset), reverse=True)
    body = models.Work(
        now=now,
        running=[_running(one) for one in taken],
        waiting=[
            models.Waiting(
                kind="live" if now - gap.window.end < DATASETS[name].schedule.every else "repair",
                dataset=name,
                from_=gap.window.start,
                to=gap.window.end,
                cells=gap.cells,
                waits_for="quota" if gap.why == "quota" else "worker",
            )
            for name, one in due.items()
            for gap in one.missing
        ],
        planned=[_planned(one) for one in working.next_live(due, now)],
        backfills=[_filling(one, now) for one in filling],
        repairs=repairs[:_MOST_REPAIRS],
    )
    return answers.modelled(request, body, _AGE)


@router.get(
    "/price",
    response_model=models.Price,
    openapi_extra=given.examples("datasets=aws_minute,asos_hourly&from=2025-01-01&to=2025-01-02"),
)
def price(
    request: Request,
    from_: given.From,
    to: given.To,
    datasets: Annotated[
        str, Query(max_length=400, description="names by commas, or all", examples=["aws_minute"])
    ] = "all",
    stations: given.Stations = None,
) -> Response:
    """What a backfill would cost in calls, bytes and days of quota, and what it would bring. Nothing is asked for."""
    reader, names = given.reader_of(request), named(datasets.split(","))
    window, settings = Window(parse_time(from_), parse_time(to)), reader.settings
    days = (window.end - window.start).days * len(names)
    if days > _MOST_DAYS:
        raise too_much(
            f"{days:,} days of datasets, at most {_MOST_DAYS:,}",
            ko=f"자료·날짜가 {days:,}개입니다; {_MOST_DAYS:,}개까지 됩니다",
            todo_en="ask for a shorter window or fewer datasets, or use kmaflow plan",
            todo_ko="기간이나 자료를 줄이거나 kmaflow plan 을 쓰십시오",
        )
    with reading(reader.store.engine) as connection:
        choice = resolve_stations(connection, settings.stations if stations is None else stations, names)
        found, whole = offers(
            connection,
            dict.fromkeys(names, window),
            choice,
            limits(settings),
            window_minutes=settings.window_minutes,
            now=reader.clock(),
        )
    parts = [
        models.PriceOfDataset(
            dataset=one.dataset,
            from_=one.window.start,
            to=one.window.end,
            calls=one.cost.calls,
            bytes=one.cost.bytes,
            rows=one.rows,
            already_there=one.there,
            not_kept_by_hub=one.gone,
        )
        for one in found
    ]
    body = models.Price(
        stations=choice.selection,
        calls=sum(one.calls for one in parts),
        bytes=sum(one.bytes for one in parts),
        rows=sum(one.rows for one in parts),
        days_of_quota=round(whole, 4) if math.isfinite(whole) else None,
        already_there=sum(one.already_there for one in parts),
        not_kept_by_hub=sum(one.not_kept_by_hub for one in parts),
        datasets=parts,
    )
    return answers.modelled(request, body, _AGE)


def _taken(reader: Reader) -> list[working.Taken]:
    try:
        with reading(reader.state.engine) as connection:
            return working.taken(connection)
    except StoreError:
        # No worker has ever made the state's tables.
        return []


def _running(one: working.Taken) -> models.Running:
    return models.Running(
        kind=one.kind,
        dataset=one.dataset,
        from_=one.window.start if one.window else None,
        to=one.window.end if one.window else None,
        since=one.since.replace(microsecond=0),
        worker=one.worker,
    )


def _filling(one: working.Filling, now: datetime) -> models.BackfillNow:
    ends = math.isfinite(one.days)
    return models.BackfillNow(
        datasets=list(one.begun.datasets),
        from_=one.begun.window.start,
        to=one.begun.window.end,
        stations=one.begun.choice.selection,
        since=one.begun.since,
        running=one.running,
        done_share=round(one.done, 4),
        calls_left=one.calls,
        days_left=round(one.days, 4) if ends else None,
        until=now.replace(second=0, microsecond=0) + one.days * DAY if ends else None,
    )


def _fresh(one: Freshness) -> models.DatasetNow:
    described, hours = DATASETS[one.dataset], one.hours
    return models.DatasetNow(
        dataset=one.dataset,
        name_ko=described.ko,
        name_en=described.en,
        last=one.last,
        lag_minutes=answers.minutes(one.lag),
        due_minutes=one.due / MINUTE,
        state=one.state,
        expected=one.expected,
        reporting=one.reporting,
        completeness=[
            models.Hour(hour=hours.first + index * hours.step, share=share) for index, share in enumerate(hours.share)
        ],
    )


def _incident(one: Incident, *, korean: bool) -> models.Incident:
    return models.Incident(
        kind=one.kind,
        dataset=one.dataset,
        since=one.since,
        until=one.until,
        count=one.count,
        cause=one.cause[0 if korean else 1],
        next_step=one.next_step[0 if korean else 1],
    )


def _planned(one: working.Planned) -> models.Next:
    return models.Next(kind=one.kind, dataset=one.dataset, from_=one.window.start, to=one.window.end, at=one.at)


def _repair(gap: Gap, at: datetime | None, *, due: bool) -> models.RepairNow:
    return models.RepairNow(
        dataset=gap.dataset,
        from_=gap.window.start,
        to=gap.window.end,
        stations="all" if gap.stations is None else list(gap.stations),
        cells=gap.cells,
        state=gap.state,
        cause=gap.why or gap.state,
        error=gap.error,
        next_try=at,
        waits_for=working.waits_for(gap, due=due),
    )
