"""``kmaflow plan``: what would be asked, and its price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kmaflow.commands.options import Datasets, From, Stations, To
from kmaflow.commands.output import Json, exit_with, print_json, print_table, tell
from kmaflow.commands.selection import datasets_and_stations, known_or_empty, nothing_left
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.collect import StationChoice
    from kmaflow.collect.planning.estimate import Prospect
    from kmaflow.collect.planning.plan import Cost
    from kmaflow.quota.limits import Limits
    from kmaflow.settings import Settings


HELP = say(
    """누락된 자료를 수집하려면 몇 번 호출하고 며칠이 걸리는지 표시합니다. API 호출은 없습니다.

    예: kmaflow plan aws_minute --from 2025-01-01 --to 2026-01-01""",
    """Show how many calls, bytes and days of quota it takes to collect what is missing. Makes no API calls.

    Example: kmaflow plan aws_minute --from 2025-01-01 --to 2026-01-01""",
)


def plan(
    datasets: Datasets = None,
    from_: From = None,
    to: To = None,
    stations: Stations = None,
    as_json: Json = False,
) -> None:
    """Show what collecting the gaps would cost."""
    from kmaflow.catalog.time import now_kst, parse_time
    from kmaflow.collect.live_need import limits as limits_of
    from kmaflow.collect.planning.estimate import prospects, quota_days, usual_windows
    from kmaflow.settings import load_settings
    from kmaflow.store.engines.database import reading

    settings, now = load_settings(), now_kst()
    begin, end = (None if text is None else parse_time(text) for text in (from_, to))
    limits = limits_of(settings)
    with known_or_empty(settings) as store, reading(store.engine) as connection:
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
        gone = nothing_left(connection, windows, now, choice.stations)
        days = quota_days(connection, limits, _sum(found), window_minutes=settings.window_minutes)
    if as_json:
        print_json(_json(found, choice, settings, limits, days) | {"no_longer_on_hub": gone})
    else:
        _print(found, choice, settings, limits, days)
        for line in gone:
            tell(line)
    exit_with(3 if gone else 0)


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
        tell(
            say(
                "계획할 자료가 없습니다. 자료 이름과 --from을 지정하십시오",
                "there is nothing to plan: name datasets and give --from",
            ),
            err=True,
        )
        return
    told = _json(found, choice, settings, limits, days)
    columns = (
        say("자료", "dataset"),
        "from",
        "to",
        say("호출", "calls"),
        say("전체 지점", "all stations"),
        say("한 지점", "one station"),
        say("바이트", "bytes"),
        say("일", "days"),
    )
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
    rows.append([say("합계", "total"), "", "", told["calls"], "", "", told["bytes"], f"{told['days']:.3f}"])
    quota = say(
        f"하루 {settings.daily_calls:,}회, {settings.daily_bytes / 1e9:g} GB",
        f"{settings.daily_calls:,} calls, {settings.daily_bytes / 1e9:g} GB a day",
    )
    windows = {str(one.window) for one in found}
    title, more = f"{choice.describe()} · {quota}", set(columns[4:6])
    if len(windows) == 1:
        title, more = f"{windows.pop()} KST · {title}", more | set(columns[1:3])
    print_table(title, columns, rows, right=columns[3:], more=more)
    whole = told["whole_days"]
    how = (
        say("실시간 수집을 제외하면 남는 한도가 없습니다", "live data leave nothing of the quota")
        if whole is None
        else say(
            f"실시간 수집 외에 일일 한도의 98 %를 쓰면 {whole}일",
            f"{whole} day(s) with 98 % of the quota, beside live data",
        )
    )
    tell(
        say(
            f"{how}; 전체 지점은 호출마다 {settings.window_minutes}분씩",
            f"{how}; {settings.window_minutes} minutes per call for all stations",
        )
    )
    if any(not one["proven_minimum"] for one in told["datasets"]):
        tell(say("* 최소 호출임이 증명되지는 않았습니다", "* not proven to be the minimum"))
    beside = [
        (one["dataset"], *one["beside_in_last_7_days"].values())
        for one in told["datasets"]
        if one["beside_in_last_7_days"]["requests"]
    ]
    if beside:
        heads = (
            say("자료", "dataset"),
            say("요청", "requests"),
            say("재시도", "retries"),
            say("분할", "halves"),
            say("재요청", "requested again"),
        )
        title = say("최근 7일의 계획 외 요청", "requests beyond the plans, last 7 days")
        print_table(title, heads, beside, right=heads[1:])
