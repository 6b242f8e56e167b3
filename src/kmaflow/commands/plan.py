"""``kmaflow plan``: what would be asked, and its price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import typer

from kmaflow.commands.options import Datasets, From, Stations, To
from kmaflow.commands.output import Json, print_json, print_table
from kmaflow.commands.selection import datasets_and_stations

if TYPE_CHECKING:
    from kmaflow.collect import StationChoice
    from kmaflow.collect.planning.estimate import Prospect
    from kmaflow.collect.planning.plan import Cost
    from kmaflow.quota.limits import Limits
    from kmaflow.settings import Settings


def plan(
    datasets: Datasets = None,
    from_: From = None,
    to: To = None,
    stations: Stations = None,
    as_json: Json = False,
) -> None:
    """무엇을 몇 번 요청하게 되는지, 한도로 며칠인지. / What would be asked for what is missing: calls, bytes, days under the quota.

    Example: kmaflow plan aws_minute --from 2025-01-01 --to 2025-02-01

    Nothing is asked of the hub. Of all stations × KMAFLOW_WINDOW_MINUTES and one station × 1 day (ASOS: 30 days), the cheaper mix is taken. Retries,
    halves of cut answers and later re-asking are counted beside it, as seen in the last 7 days.
    """
    from kmaflow.catalog.time import now_kst, parse_time
    from kmaflow.collect.live_need import limits as limits_of
    from kmaflow.collect.planning.estimate import prospects, quota_days, usual_windows
    from kmaflow.settings import load_settings
    from kmaflow.store import Store
    from kmaflow.store.engines.database import reading

    settings, now = load_settings(), now_kst()
    begin, end = (None if text is None else parse_time(text) for text in (from_, to))
    limits = limits_of(settings)
    with Store(settings.database_url) as store:
        store.init()
        with reading(store.engine) as connection:
            names, choice = datasets_and_stations(connection, settings, datasets, stations)
            windows = usual_windows(connection, names, begin, end, settings.start, now, held=True)
            found = prospects(
                connection,
                windows,
                choice,
                limits,
                window_minutes=settings.window_minutes,
                now=now,
                # Who names a beginning means it.
                start=settings.start if begin is None else None,
            )
            days = quota_days(connection, limits, _sum(found), window_minutes=settings.window_minutes)
    if as_json:
        print_json(_json(found, choice, settings, limits, days))
    else:
        _print(found, choice, settings, limits, days)


def _sum(found: list[Prospect]) -> Cost:
    from kmaflow.collect.planning.plan import Cost

    return sum((one.plan.cost for one in found), Cost())


def _days(limits: Limits, cost: Cost) -> float:
    from kmaflow.collect.planning.estimate import share

    return round(share(limits, cost), 4)


def _json(
    found: list[Prospect], choice: StationChoice, settings: Settings, limits: Limits, days: float
) -> dict[str, Any]:
    total = _sum(found)
    return {
        "stations": choice.selection,
        "window_minutes": settings.window_minutes,
        "daily_calls": settings.daily_calls,
        "daily_bytes": settings.daily_bytes,
        "calls": total.calls,
        "bytes": total.bytes,
        "days": _days(limits, total),
        "whole_days": math.ceil(days) if math.isfinite(days) else None,
        "datasets": [
            {
                "dataset": one.dataset,
                "from": f"{one.window.start:%Y-%m-%d %H:%M}",
                "to": f"{one.window.end:%Y-%m-%d %H:%M}",
                "missing_cells": one.cells,
                "calls": one.plan.cost.calls,
                "calls_all_stations": one.plan.calls_for_all,
                "calls_one_station": one.plan.cost.calls - one.plan.calls_for_all,
                "bytes": one.plan.cost.bytes,
                "days": _days(limits, one.plan.cost),
                "proven_minimum": one.plan.proven,
                "beside_in_last_7_days": {
                    "requests": one.beside.requests,
                    "retries": one.beside.retries,
                    "halves": one.beside.halves,
                    "asked_again": one.beside.again,
                },
            }
            for one in found
        ],
    }


def _print(found: list[Prospect], choice: StationChoice, settings: Settings, limits: Limits, days: float) -> None:
    if not found:
        typer.echo(
            "요청할 자료가 없습니다: 자료 이름과 --from 을 주십시오 / there is nothing to plan: name datasets and give --from",
            err=True,
        )
        return
    told = _json(found, choice, settings, limits, days)
    columns = ("자료", "from", "to", "calls", "전체 / all stations", "한 지점 / one station", "bytes", "일 / days")
    rows = [
        [
            one["dataset"],
            one["from"],
            one["to"],
            one["calls"],
            one["calls_all_stations"],
            one["calls_one_station"],
            one["bytes"],
            f"{one['days']:.3f}" + ("" if one["proven_minimum"] else " *"),
        ]
        for one in told["datasets"]
    ]
    rows.append(["합계 / total", "", "", told["calls"], "", "", told["bytes"], f"{told['days']:.3f}"])
    quota = f"{settings.daily_calls:,} calls, {settings.daily_bytes:,} bytes a day"
    print_table(f"{choice.describe()} · {quota}", columns, rows, right=columns[3:])
    whole = told["whole_days"]
    how = (
        "실시간 몫을 남기면 채울 한도가 없습니다 / live data leave nothing of the quota"
        if whole is None
        else f"실시간 몫을 남기고 한도의 98 %로 {whole}일 / {whole} day(s) under 98 % of the quota, beside live data"
    )
    typer.echo(
        f"{how}; "
        f"전체 지점은 한 번에 {settings.window_minutes}분씩 / {settings.window_minutes} minutes a call for all stations"
    )
    if any(not one["proven_minimum"] for one in told["datasets"]):
        typer.echo("* 더 싼 방법이 없다고 증명되지는 않았습니다 / not proven that there is no cheaper way")
    beside = [
        (one["dataset"], *one["beside_in_last_7_days"].values())
        for one in told["datasets"]
        if one["beside_in_last_7_days"]["requests"]
    ]
    if beside:
        heads = ("자료", "requests", "재시도 / retries", "반쪽 / halves", "다시 물음 / asked again")
        title = "최근 7일에 계획 밖으로 든 요청 / requests beside the plans, last 7 days"
        print_table(title, heads, beside, right=heads[1:])
